/* AVX2 and FMA: 8 lanes. */
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

SGNS_INLINE void sum4_avx2(__m256 a, __m256 b, __m256 c, __m256 d, float *out) {
    __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}

SGNS_INLINE __m256 sigmoid_avx2(__m256 x) {
    const __m256 range = _mm256_set1_ps(SIGMOID_RANGE), steps = _mm256_set1_ps(SIGMOID_STEPS_PER_UNIT);
    x = _mm256_min_ps(_mm256_max_ps(x, _mm256_sub_ps(_mm256_setzero_ps(), range)), range); /* NaN becomes -range */
    __m256i nearest = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_add_ps(x, range), steps));
    __m256 s = _mm256_i32gather_ps(SIGMOID_TABLE, nearest, 4);
    __m256 point = _mm256_fmsub_ps(_mm256_cvtepi32_ps(nearest), _mm256_set1_ps(1.0f / SIGMOID_STEPS_PER_UNIT), range);
    return _mm256_fmadd_ps(_mm256_sub_ps(x, point), _mm256_fnmadd_ps(s, s, s), s);
}

#define ISA avx2
#define LANES 8
#define TILE_OUTPUTS 6
#define V __m256
#define v_zero() _mm256_setzero_ps()
#define v_load(p) _mm256_load_ps(p)
#define v_store(p, x) _mm256_store_ps(p, x)
#define v_set1(x) _mm256_set1_ps(x)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define v_sum4 sum4_avx2
#define v_sigmoid sigmoid_avx2
#include "sgns_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
