/* SSE2: 4 lanes, every x86-64; no fused multiply-add and no gather. */
#include <emmintrin.h>

SGNS_INLINE void sum4_sse2(__m128 a, __m128 b, __m128 c, __m128 d, float *out) {
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(a, b), _mm_add_ps(c, d)));
}

SGNS_INLINE __m128 sigmoid_sse2(__m128 x) {
    float lanes[4];
    _mm_storeu_ps(lanes, x);
    for (int i = 0; i < 4; i++) lanes[i] = sigmoid(lanes[i]);
    return _mm_loadu_ps(lanes);
}

#define ISA sse2
#define LANES 4
#define TILE_OUTPUTS 6
#define V __m128
#define v_zero() _mm_setzero_ps()
#define v_load(p) _mm_load_ps(p)
#define v_store(p, x) _mm_store_ps(p, x)
#define v_set1(x) _mm_set1_ps(x)
#define v_add(a, b) _mm_add_ps(a, b)
#define v_sub(a, b) _mm_sub_ps(a, b)
#define v_mul(a, b) _mm_mul_ps(a, b)
#define v_fma(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
#define v_fnma(a, b, c) _mm_sub_ps(c, _mm_mul_ps(a, b))
#define v_sum4 sum4_sse2
#define v_sigmoid sigmoid_sse2
#include "sgns_body.h"
