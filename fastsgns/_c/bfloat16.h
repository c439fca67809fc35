/* The upper half of a float: its sign, its exponent and 7 bits of its fraction, rounded to the nearest, halfway to even. */
#ifndef FASTSGNS_BFLOAT16_H
#define FASTSGNS_BFLOAT16_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bfloat16_of(float number) {
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(number == number ? rounded : 0x7FC0); /* what is no number stays none */
}

static inline float float_of(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

#endif
