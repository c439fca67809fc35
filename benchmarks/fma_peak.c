/* The most float32 multiply-adds that one core does, for each register width it has: GFLOP/s as JSON,
 * {"512": ..., "256": ..., "128": ...}. A multiply-add counts as two.
 *
 * Each width runs independent chains sum = sum + a * b, with a and b in registers: enough chains to hide the latency
 * of the units, few enough for the registers there are. Fused, a * b may not be taken out of the loop; each chain
 * starts elsewhere and ends in a volatile, so that no compiler may leave one out. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#else
#error "FMA peak: x86-64 and arm64 only"
#endif

#define CHAINS_16_REGISTERS 12
#define CHAINS_32_REGISTERS 24
#define ROUNDS_A_LOOK 100000L /* at the clock: less than a millisecond */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* All of them unrolled: else they are no registers but an array. */
#define FOR_CHAINS(n) _Pragma("GCC unroll 24") for (int i = 0; i < (n); i++)

/* GFLOP/s over `seconds`. `volatile` hides the factors and takes the results. */
#define DEFINE_PEAK(NAME, TARGET, V, LANES, CHAINS, SET, FMA, STORE)                                \
    TARGET static double NAME(double seconds) {                                                     \
        volatile float small = 1e-3f, sink;                                                         \
        V a = SET(small), b = SET(small), sums[CHAINS];                                             \
        FOR_CHAINS(CHAINS) sums[i] = SET(small + (float)i);                                         \
        double start = now(), end;                                                                  \
        long rounds = 0;                                                                            \
        do {                                                                                        \
            for (long round = 0; round < ROUNDS_A_LOOK; round++)                                    \
                FOR_CHAINS(CHAINS) sums[i] = FMA(a, b, sums[i]);                                    \
            rounds += ROUNDS_A_LOOK;                                                                \
            end = now();                                                                            \
        } while (end - start < seconds);                                                            \
        FOR_CHAINS(CHAINS) {                                                                        \
            float lanes[LANES];                                                                     \
            STORE(lanes, sums[i]);                                                                  \
            sink = lanes[0];                                                                        \
        }                                                                                           \
        (void)sink;                                                                                 \
        return 2.0 * LANES * CHAINS * (double)rounds / (end - start) / 1e9;                         \
    }

#if defined(__x86_64__)
#define TARGET(isa) __attribute__((target(isa), noinline))
#define FMA_128(a, b, sum) _mm_fmadd_ps(a, b, sum)
#define FMA_256(a, b, sum) _mm256_fmadd_ps(a, b, sum)
#define FMA_512(a, b, sum) _mm512_fmadd_ps(a, b, sum)
DEFINE_PEAK(peak_128, TARGET("avx2,fma"), __m128, 4, CHAINS_16_REGISTERS, _mm_set1_ps, FMA_128, _mm_storeu_ps)
DEFINE_PEAK(peak_256, TARGET("avx2,fma"), __m256, 8, CHAINS_16_REGISTERS, _mm256_set1_ps, FMA_256, _mm256_storeu_ps)
DEFINE_PEAK(peak_512, TARGET("avx512f"), __m512, 16, CHAINS_32_REGISTERS, _mm512_set1_ps, FMA_512, _mm512_storeu_ps)
#else
#define FMA_NEON(a, b, sum) vfmaq_f32(sum, a, b)
DEFINE_PEAK(peak_128, __attribute__((noinline)), float32x4_t, 4, CHAINS_32_REGISTERS, vdupq_n_f32, FMA_NEON, vst1q_f32)
#endif

/* The best of several looks: what else runs on the machine only ever takes away. */
static double best(double (*peak)(double), double seconds) {
    enum { LOOKS = 5 };
    double most = 0;
    for (int i = 0; i < LOOKS; i++) {
        double found = peak(seconds / LOOKS);
        if (found > most) most = found;
    }
    return most;
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? atof(argv[1]) : 0.1; /* for each width */
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        printf("{}\n");
        return 0;
    }
    printf("{");
    if (__builtin_cpu_supports("avx512f")) printf("\"512\": %.2f, ", best(peak_512, seconds));
    printf("\"256\": %.2f, ", best(peak_256, seconds));
#else
    printf("{");
#endif
    printf("\"128\": %.2f}\n", best(peak_128, seconds));
    return 0;
}
