/* NEON: 4 lanes, every arm64; no gather. */
#include <arm_neon.h>

SGNS_INLINE void sum4_neon(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d, float *out) {
    vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
}

SGNS_INLINE float32x4_t sigmoid_neon(float32x4_t x) {
    float lanes[4];
    vst1q_f32(lanes, x);
    for (int i = 0; i < 4; i++) lanes[i] = sigmoid(lanes[i]);
    return vld1q_f32(lanes);
}

#define ISA neon
#define LANES 4
#define TILE_OUTPUTS 6
#define V float32x4_t
#define v_zero() vdupq_n_f32(0.0f)
#define v_load(p) vld1q_f32(p)
#define v_store(p, x) vst1q_f32(p, x)
#define v_set1(x) vdupq_n_f32(x)
#define v_add(a, b) vaddq_f32(a, b)
#define v_sub(a, b) vsubq_f32(a, b)
#define v_mul(a, b) vmulq_f32(a, b)
#define v_fma(a, b, c) vfmaq_f32(c, a, b)
#define v_fnma(a, b, c) vfmsq_f32(c, a, b)
#define v_sum4 sum4_neon
#define v_sigmoid sigmoid_neon
#include "sgns_body.h"
