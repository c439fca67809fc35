/* What the processor and the system can run; the baseline of each architecture (SSE2, NEON) needs no question. */
#ifndef FASTSGNS_CPU_H
#define FASTSGNS_CPU_H

#if defined(__x86_64__) || defined(_M_X64)
#define SGNS_X86 1
#elif defined(__aarch64__) || defined(_M_ARM64)
#define SGNS_ARM 1
#endif

static int cpu_always(void) { return 1; }

/* cpu_prefetches_to_write: whether a prefetch can ask for a line to write it. Intel's Haswell has AVX2 and does nothing at
 * `prefetchw`. */
#if SGNS_X86 && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
static inline int cpu_prefetches_to_write(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & (1 << 8));
}
static int cpu_has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int cpu_has_avx512(void) {
    __builtin_cpu_init();
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f");
}
#elif SGNS_X86 /* MSVC */
#include <immintrin.h>
#include <intrin.h>
static int cpu_has_state(unsigned long long bits) {
    int info[4];
    __cpuid(info, 1);
    return (info[2] & (1 << 27)) && (_xgetbv(0) & bits) == bits; /* OSXSAVE, then what the system saves */
}
static int cpu_has_avx2(void) {
    int one[4], seven[4];
    __cpuid(one, 1);
    __cpuidex(seven, 7, 0);
    return cpu_has_state(0x6) && (one[2] & (1 << 12)) && (seven[1] & (1 << 5));
}
static int cpu_has_avx512(void) {
    int seven[4];
    __cpuidex(seven, 7, 0);
    return cpu_has_avx2() && cpu_has_state(0xE6) && (seven[1] & (1 << 16));
}
static inline int cpu_prefetches_to_write(void) {
    int info[4];
    __cpuid(info, 0x80000000);
    if ((unsigned)info[0] < 0x80000001) return 0;
    __cpuid(info, 0x80000001);
    return info[2] >> 8 & 1;
}
#else
static inline int cpu_prefetches_to_write(void) { return 1; }
#endif

#endif
