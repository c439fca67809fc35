/* AVX-512 Foundation: 16 lanes. */
#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma,prfchw"))), apply_to = function)
#elif defined(__GNUC__) && !defined(SGNS_EMULATED)
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma,prfchw")
#endif

/* Two steps add within 128-bit quarters until each holds partial sums of a, b, c, d; then the quarters are added. */
SGNS_INLINE void sum4_avx512(__m512 a, __m512 b, __m512 c, __m512 d, float *out) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)); /* a b a b */
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512 abcd = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(abcd),
                                _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(abcd), 1)));
    _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}

/* A gather is slow: here the table is the two registers SIGMOID_32, for x >= 0; s(-x) = 1 - s(x). From the nearest
 * point three terms of Taylor's series lead on: the error is below 3e-6. */
SGNS_INLINE __m512 sigmoid_avx512(__m512 x) {
    const __m512 width = _mm512_set1_ps(SIGMOID_RANGE / 31.0f);
    __m512 distance = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(SIGMOID_RANGE)); /* NaN becomes the range */
    __m512i nearest = _mm512_cvtps_epi32(_mm512_mul_ps(distance, _mm512_set1_ps(31.0f / SIGMOID_RANGE)));
    __m512 s = _mm512_permutex2var_ps(_mm512_load_ps(SIGMOID_32), nearest, _mm512_load_ps(SIGMOID_32 + 16));
    __m512 step = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(nearest), width, distance);
    __m512 slope = _mm512_fnmadd_ps(s, s, s); /* s'' / 2 = s' (1/2 - s), s''' / 6 = s' (1/6 - s') */
    __m512 third = _mm512_sub_ps(_mm512_set1_ps(1.0f / 6.0f), slope);
    __m512 series = _mm512_fmadd_ps(third, step, _mm512_sub_ps(_mm512_set1_ps(0.5f), s));
    series = _mm512_fmadd_ps(series, step, _mm512_set1_ps(1.0f));
    s = _mm512_fmadd_ps(_mm512_mul_ps(slope, step), series, s);
    __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_mask_sub_ps(s, negative, _mm512_set1_ps(1.0f), s);
}

#define ISA avx512
#define LANES 16
#define TILE_OUTPUTS 12
#define V __m512
#define v_zero() _mm512_setzero_ps()
#define v_load(p) _mm512_load_ps(p)
#define v_store(p, x) _mm512_store_ps(p, x)
#define v_set1(x) _mm512_set1_ps(x)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define v_sum4 sum4_avx512
#define v_sigmoid sigmoid_avx512
#include "sgns_body.h"

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__) && !defined(SGNS_EMULATED)
#pragma GCC pop_options
#endif
