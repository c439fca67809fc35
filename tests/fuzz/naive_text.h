/* Words of UTF-8 text the plain way, one character after another: what scan.h and joiner.h are compared with.
 *
 * Validity is derived from what a code point may be, not from the table of bytes that utf8.h is written after. */
#ifndef NAIVE_TEXT_H
#define NAIVE_TEXT_H

#include "harness.h"

/* Bytes of the character at p, whose code point is written; of an invalid one, minus the bytes that one U+FFFD replaces. */
static int naive_character(const uint8_t *p, const uint8_t *end, uint32_t *code) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000}; /* by length: less is an overlong form */
    int length = *p < 0x80 ? 1 : *p < 0xC0 ? 0 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : *p < 0xF8 ? 4 : 0;
    uint32_t low, high;
    if (*p == 0 || length == 0) return -1;
    if (length == 1) return *code = *p, 1;
    low = *p & (0x7Fu >> length);
    high = low;
    for (int have = 1;; have++) { /* [low, high]: what may still come of the bytes so far */
        uint32_t first = low << 6 * (length - have), last = ((high + 1) << 6 * (length - have)) - 1;
        if (last < least[length] || first > 0x10FFFF || (first >= 0xD800 && last <= 0xDFFF)) return have > 1 ? 1 - have : -1;
        if (have == length) return *code = low, length;
        if (p + have == end || (p[have] & 0xC0) != 0x80) return -have;
        low = high = low << 6 | (p[have] & 0x3F);
    }
}

/* As Python's str.isspace. */
static int naive_space(uint32_t c) {
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

typedef struct {
    const uint8_t *bytes;
    size_t length;
    int line; /* number of the line that it is in */
} naive_word;

typedef struct {
    uint8_t *bytes; /* the text, put right */
    naive_word *words;
    int n_words, n_lines; /* lines that are begun or ended */
    int64_t bad_at;       /* where it is no text; -1: nowhere */
} naive_text;

enum { NAIVE_STRICT, NAIVE_REPLACE, NAIVE_IGNORE };

static naive_text naive_split(input in, int errors) {
    naive_text text = {(uint8_t *)malloc(3 * in.size + 1), (naive_word *)malloc((in.size + 1) * sizeof(naive_word)), 0, 0, -1};
    const uint8_t *p = in.bytes, *end = in.bytes + in.size;
    size_t written = 0, begin = 0;
    int line = 0;
    CHECK(text.bytes && text.words, "no memory");
    while (p <= end) {
        uint32_t code = ' ';
        int n = p < end ? naive_character(p, end, &code) : 1;
        if (n > 0 && naive_space(code)) {
            if (written > begin) text.words[text.n_words++] = (naive_word){text.bytes + begin, written - begin, line};
            begin = written;
            line += p < end && code == '\n';
        } else if (n > 0) {
            memcpy(text.bytes + written, p, (size_t)n);
            written += (size_t)n;
        } else {
            if (text.bad_at < 0) text.bad_at = p - in.bytes;
            if (errors == NAIVE_REPLACE) memcpy(text.bytes + written, "\xEF\xBF\xBD", 3), written += 3;
        }
        p += n > 0 ? n : -n;
    }
    text.n_lines = line + (in.size && in.bytes[in.size - 1] != '\n');
    return text;
}

static void naive_free(naive_text *text) {
    free(text->bytes);
    free(text->words);
}

static int naive_equal(const naive_word *word, const uint8_t *bytes, size_t length) {
    return word->length == length && memcmp(word->bytes, bytes, length) == 0;
}

#endif
