/* AVX2 and FMA: 8 lanes. */
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,prfchw"))), apply_to = function)
#elif defined(__GNUC__) && !defined(SGNS_EMULATED)
#pragma GCC push_options
#pragma GCC target("avx2,fma,prfchw")
#endif

SGNS_INLINE void sum4_avx2(__m256 a, __m256 b, __m256 c, __m256 d, float *out) {
    __m256 sums = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1)));
}

/* A gather is slow: here the table is the two registers SIGMOID_16, for x >= 0; s(-x) = 1 - s(x). From the nearest point
 * three terms of Taylor's series lead on: the error is below 3e-5. */
SGNS_INLINE __m256 sigmoid_avx2(__m256 x) {
    const __m256 sign = _mm256_set1_ps(-0.0f), one = _mm256_set1_ps(1.0f);
    __m256 distance = _mm256_min_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(SIGMOID_RANGE)); /* NaN becomes the range */
    __m256i nearest = _mm256_cvtps_epi32(_mm256_mul_ps(distance, _mm256_set1_ps(15.0f / SIGMOID_RANGE)));
    __m256 near = _mm256_permutevar8x32_ps(_mm256_load_ps(SIGMOID_16), nearest);
    __m256 far = _mm256_permutevar8x32_ps(_mm256_load_ps(SIGMOID_16 + 8), nearest);
    __m256 s = _mm256_blendv_ps(near, far, _mm256_castsi256_ps(_mm256_slli_epi32(nearest, 28))); /* by the bit of 8 */
    __m256 step = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(nearest), _mm256_set1_ps(SIGMOID_RANGE / 15.0f), distance);
    __m256 slope = _mm256_fnmadd_ps(s, s, s); /* s'' / 2 = s' (1/2 - s), s''' / 6 = s' (1/6 - s') */
    __m256 third = _mm256_sub_ps(_mm256_set1_ps(1.0f / 6.0f), slope);
    __m256 series = _mm256_fmadd_ps(third, step, _mm256_sub_ps(_mm256_set1_ps(0.5f), s));
    series = _mm256_fmadd_ps(series, step, one);
    s = _mm256_fmadd_ps(_mm256_mul_ps(slope, step), series, s);
    return _mm256_blendv_ps(s, _mm256_sub_ps(one, s), x);
}

#define ISA avx2
#define LANES 8
#define TILE_OUTPUTS 6
#define V __m256
#define v_zero() _mm256_setzero_ps()
#define v_load(p) _mm256_load_ps(p)
#define v_store(p, x) _mm256_store_ps(p, x)
#define v_set1(x) _mm256_set1_ps(x)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define v_sum4 sum4_avx2
#define v_sigmoid sigmoid_avx2
#include "sgns_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__) && !defined(SGNS_EMULATED)
#pragma GCC pop_options
#endif
