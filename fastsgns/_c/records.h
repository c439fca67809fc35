/* Vectors of word2vec's files, out of a block of bytes: where each key lies, and its numbers as a row.
 *
 * Only what is plain is read here: at the first vector that is not, or not whole, the walk stops and the caller looks. */
#ifndef FASTSGNS_RECORDS_H
#define FASTSGNS_RECORDS_H

#include <stdint.h>
#include <string.h>

/* Up to these a double holds every integer and every power of ten, so that one product or quotient of the two is the
 * double nearest to the decimal number (Clinger 1990, "How to read floating point numbers accurately"). */
#define RECORDS_EXACT_INTEGER (UINT64_C(1) << 53)
#define RECORDS_EXACT_POWER 22
#define RECORDS_MOST_DIGITS 19 /* fit in 64 bits */

static const double records_power[RECORDS_EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Binary records, [newlines] key, space, row_bytes of numbers, from block + *position on: returns how many, at most
 * `most`, and moves *position behind them. A key lies in [bounds[2 i], bounds[2 i + 1]) and holds no newline. */
static inline int64_t records_binary(const uint8_t *block, int64_t *position, int64_t stop, int64_t row_bytes,
                                     uint8_t *rows, int64_t most, int64_t *bounds) {
    int64_t count = 0;
    for (; count < most; count++) {
        int64_t key = *position;
        while (key < stop && block[key] == '\n') key++;
        const uint8_t *space = memchr(block + key, ' ', (size_t)(stop - key));
        if (!space || row_bytes > block + stop - (space + 1)) break;
        int64_t end = space - block;
        if (memchr(block + key, '\n', (size_t)(end - key))) break;
        bounds[2 * count] = key;
        bounds[2 * count + 1] = end;
        memcpy(rows + count * row_bytes, space + 1, (size_t)row_bytes);
        *position = end + 1 + row_bytes;
    }
    return count;
}

static inline int records_digit(uint8_t c) { return (uint8_t)(c - '0') <= 9; }

/* Within a line. */
static inline int records_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r'; }

/* The number at p, to the last bit; returns what follows it, or NULL if that takes more than one rounding. */
static inline const uint8_t *records_number(const uint8_t *p, double *number) {
    int negative = *p == '-', exponent = 0;
    p += *p == '-' || *p == '+';
    uint64_t digits = 0;
    const uint8_t *start = p;
    for (; records_digit(*p); p++) digits = 10 * digits + (uint64_t)(*p - '0');
    int64_t length = p - start;
    if (*p == '.') {
        start = ++p;
        for (; records_digit(*p); p++) digits = 10 * digits + (uint64_t)(*p - '0');
        length += p - start;
        exponent = length > RECORDS_MOST_DIGITS ? 0 : -(int)(p - start);
    }
    if (length < 1 || length > RECORDS_MOST_DIGITS) return NULL;
    if (*p == 'e' || *p == 'E') {
        int sign = 1, power = 0, figures = 0;
        p++;
        if (*p == '-' || *p == '+') sign = *p++ == '-' ? -1 : 1;
        for (; records_digit(*p) && figures < 4; p++, figures++) power = 10 * power + (*p - '0');
        if (!figures) return NULL;
        exponent += sign * power;
    }
    if (digits > RECORDS_EXACT_INTEGER || exponent < -RECORDS_EXACT_POWER || exponent > RECORDS_EXACT_POWER) return NULL;
    double value = (double)digits;
    value = exponent < 0 ? value / records_power[-exponent] : value * records_power[exponent];
    *number = negative ? -value : value;
    return p;
}

/* Lines of key, space, `dim` numbers, from block + *position on: as records_binary. */
static inline int64_t records_text(const uint8_t *block, int64_t *position, int64_t stop, int64_t dim, double *rows,
                                   int64_t most, int64_t *bounds) {
    int64_t count = 0;
    for (; count < most; count++) {
        const uint8_t *line = block + *position;
        /* All below stops at a newline at the latest. */
        const uint8_t *newline = memchr(line, '\n', (size_t)(stop - *position));
        if (!newline) break;
        const uint8_t *p = memchr(line, ' ', (size_t)(newline - line));
        if (!p || p == line) break;
        int64_t end = p - block, i = 0;
        for (; i < dim; i++) {
            while (records_blank(*p)) p++;
            p = records_number(p, &rows[count * dim + i]);
            if (!p || !(records_blank(*p) || *p == '\n')) break;
        }
        if (i < dim) break;
        while (records_blank(*p)) p++;
        if (p != newline) break;
        bounds[2 * count] = *position;
        bounds[2 * count + 1] = end;
        *position = newline + 1 - block;
    }
    return count;
}

/* The nearest half precision number, of two the even one; without a branch, so that compilers take several at once.
 * A small number plus 0.5 is rounded by the addition itself: 2^-24 is the last place of both the sum and the half. */
static inline uint16_t records_half(float number) {
    uint32_t bits, small;
    memcpy(&bits, &number, 4);
    uint32_t sign = bits >> 16 & 0x8000u;
    bits &= 0x7FFFFFFFu;
    memcpy(&number, &bits, 4);
    number += 0.5f;
    memcpy(&small, &number, 4);
    small -= 0x3F000000u; /* the bits of 0.5 */
    uint32_t normal = (bits - (112u << 23) + 0xFFFu + (bits >> 13 & 1u)) >> 13;
    int32_t size = (int32_t)bits; /* below 2^-14; 2^16 or more; no number */
    uint32_t is_small = -(uint32_t)(size < 113 << 23), is_large = -(uint32_t)(size >= 143 << 23);
    uint32_t is_nan = -(uint32_t)(size > 0x7F800000);
    return (uint16_t)(sign | (small & is_small) | (normal & ~is_small & ~is_large) | (0x7C00u & is_large) |
                      (0x200u & is_nan));
}

#endif
