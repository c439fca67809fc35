/* UTF-8 one character at a time: validity as in Unicode 15, table 3-7, and white space as in Python's str.split. */
#ifndef FASTSGNS_UTF8_H
#define FASTSGNS_UTF8_H

#include <stdint.h>

static inline int utf8_continues(uint8_t byte) { return (byte & 0xC0) == 0x80; }

/* Bytes of the character at p; for an invalid one, minus the bytes that a decoder replaces by one U+FFFD.
 * Never looks beyond the first byte that is no continuation. */
static inline int utf8_length(const uint8_t *p) {
    uint8_t c = p[0];
    if (c < 0x80) return 1;
    if (c < 0xC2) return -1;
    if (c < 0xE0) return utf8_continues(p[1]) ? 2 : -1;
    if (c < 0xF0) { /* no overlong forms, no surrogates */
        if (p[1] < (c == 0xE0 ? 0xA0 : 0x80) || p[1] > (c == 0xED ? 0x9F : 0xBF)) return -1;
        return utf8_continues(p[2]) ? 3 : -2;
    }
    if (c < 0xF5) { /* no overlong forms, nothing beyond U+10FFFF */
        if (p[1] < (c == 0xF0 ? 0x90 : 0x80) || p[1] > (c == 0xF4 ? 0x8F : 0xBF)) return -1;
        if (!utf8_continues(p[2])) return -2;
        return utf8_continues(p[3]) ? 4 : -3;
    }
    return -1;
}

/* Tab to carriage return, the four separators U+001C to U+001F, space. */
static inline int ascii_space(uint8_t c) { return (uint8_t)(c - 9) <= 4 || (uint8_t)(c - 28) <= 4; }

/* Whether the valid character of several bytes at p is white space. */
static inline int utf8_space(const uint8_t *p) {
    switch (p[0]) {
    case 0xC2: return p[1] == 0x85 || p[1] == 0xA0;
    case 0xE1: return p[1] == 0x9A && p[2] == 0x80;
    case 0xE2:
        if (p[1] == 0x80) return p[2] <= 0x8A || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF;
        return p[1] == 0x81 && p[2] == 0x9F;
    case 0xE3: return p[1] == 0x80 && p[2] == 0x80;
    default: return 0;
    }
}

#endif
