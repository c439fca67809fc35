/* AVX-512 Foundation: 16 lanes. */
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#endif

SGNS_INLINE __m128 fold_avx512(__m512 x) { /* 16 lanes to 4, lane j gathering lanes j, j + 4, j + 8, j + 12 */
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

SGNS_INLINE void sum4_avx512(__m512 a, __m512 b, __m512 c, __m512 d, float *out) {
    __m128 ab = _mm_hadd_ps(fold_avx512(a), fold_avx512(b)), cd = _mm_hadd_ps(fold_avx512(c), fold_avx512(d));
    _mm_storeu_ps(out, _mm_hadd_ps(ab, cd));
}

SGNS_INLINE __m512 sigmoid_avx512(__m512 x) {
    const __m512 range = _mm512_set1_ps(SIGMOID_RANGE), steps = _mm512_set1_ps(SIGMOID_STEPS_PER_UNIT);
    x = _mm512_min_ps(_mm512_max_ps(x, _mm512_sub_ps(_mm512_setzero_ps(), range)), range); /* NaN becomes -range */
    __m512i nearest = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_add_ps(x, range), steps));
    __m512 s = _mm512_i32gather_ps(nearest, SIGMOID_TABLE, 4);
    __m512 point = _mm512_fmsub_ps(_mm512_cvtepi32_ps(nearest), _mm512_set1_ps(1.0f / SIGMOID_STEPS_PER_UNIT), range);
    return _mm512_fmadd_ps(_mm512_sub_ps(x, point), _mm512_fnmadd_ps(s, s, s), s);
}

#define ISA avx512
#define LANES 16
#define V __m512
#define v_zero() _mm512_setzero_ps()
#define v_load(p) _mm512_load_ps(p)
#define v_store(p, x) _mm512_store_ps(p, x)
#define v_set1(x) _mm512_set1_ps(x)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_sum4 sum4_avx512
#define v_sigmoid sigmoid_avx512
#include "sgns_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
