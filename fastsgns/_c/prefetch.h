/* Asks for memory before it is needed, to read it or, where `to_write`, to take it from other cores. */
#ifndef FASTSGNS_PREFETCH_H
#define FASTSGNS_PREFETCH_H

#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#ifdef _M_ARM64
#define prefetch_line(address, to_write) __prefetch(address)
#else
#define prefetch_line(address, to_write) ((to_write) ? _m_prefetchw(address) : _mm_prefetch((const char *)(address), 3))
#endif
#else
#define prefetch_line(address, to_write) ((to_write) ? __builtin_prefetch(address, 1, 3) : __builtin_prefetch(address, 0, 3))
#endif

static inline void prefetch_floats(const float *first, int64_t n) {
    for (int64_t i = 0; i < n; i += 16) prefetch_line(first + i, 0); /* lines of 64 bytes */
    if (n > 0) prefetch_line(first + n - 1, 0);                      /* one more, if they are not aligned */
}

#endif
