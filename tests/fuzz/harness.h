/* What the fuzzers of the C headers share: memory that AddressSanitizer watches, tables that start small, input byte by
 * byte, and a check that stops the program. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For pages.h: mappings end at whole pages, and writing beyond a table would go unseen. clang does not say so by itself. */
#ifndef __SANITIZE_ADDRESS__
#define __SANITIZE_ADDRESS__
#endif

#define CHECK(condition, ...)                                            \
    do {                                                                 \
        if (!(condition)) {                                              \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                \
            fputc('\n', stderr);                                         \
            abort();                                                     \
        }                                                                \
    } while (0)

/* The rest of an input. */
typedef struct {
    const uint8_t *bytes;
    size_t size;
} input;

static inline uint8_t take_byte(input *in) {
    if (!in->size) return 0;
    in->size--;
    return *in->bytes++;
}

/* Up to the separator, which is passed over, or to the end. */
static inline input take_until(input *in, uint8_t separator) {
    input taken = {in->bytes, in->size};
    const uint8_t *end = in->size ? memchr(in->bytes, separator, in->size) : NULL;
    if (end) taken.size = (size_t)(end - in->bytes);
    in->bytes += taken.size + (end != NULL);
    in->size -= taken.size + (end != NULL);
    return taken;
}

/* A copy with padding behind it and nothing else, so that what reads further is caught. */
static inline uint8_t *padded_copy(input in, size_t padding, size_t spaces) {
    uint8_t *copy = (uint8_t *)malloc(in.size + padding ? in.size + padding : 1);
    CHECK(copy, "no memory");
    if (in.size) memcpy(copy, in.bytes, in.size);
    memset(copy + in.size, 0xFF, padding);
    memset(copy + in.size, ' ', spaces);
    return copy;
}

/* As wordmap_init, but of 4 slots, so that small inputs make it grow. */
#define SMALL_WORDMAP(map)                                                        \
    do {                                                                          \
        memset((map), 0, sizeof *(map));                                          \
        (map)->shift = 64 - 2;                                                    \
        (map)->bytes_used = 1;                                                    \
        (map)->slots = (wordmap_slot *)pages_reserve_table(sizeof *(map)->slots << 2); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
