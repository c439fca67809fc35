/* The sigmoid s(x) = 1 / (1 + exp(-x)) and the loss -log s(x) from tables.
 *
 * s is read at the nearest grid point p and carried on by its own slope s(p) (1 - s(p)), so one look-up serves:
 * the error is below 2e-5 inside |x| <= 8; beyond, s stays at s(8) = 0.99966 and s(-8), 3.4e-4 from the truth at most.
 * The gradient saturates there and is never dropped. */
#ifndef FASTSGNS_SIGMOID_H
#define FASTSGNS_SIGMOID_H

#include <math.h>

#define SIGMOID_RANGE 8
#define SIGMOID_STEPS_PER_UNIT 32
#define SIGMOID_SIZE (2 * SIGMOID_RANGE * SIGMOID_STEPS_PER_UNIT + 1)

#if defined(_MSC_VER) && !defined(__clang__)
#define ALIGNED_64 __declspec(align(64))
#else
#define ALIGNED_64 __attribute__((aligned(64)))
#endif

static float SIGMOID_TABLE[SIGMOID_SIZE];     /* s from -8 to 8 */
static float LOSS_TABLE[SIGMOID_SIZE + 1];    /* -log s at the same points */
static ALIGNED_64 float SIGMOID_32[32], SIGMOID_16[16]; /* s from 0 to 8, at so many points: they fit two registers */

static double exact_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

static void sigmoid_init(void) {
    for (int i = 0; i <= SIGMOID_SIZE; i++) {
        double x = (double)i / SIGMOID_STEPS_PER_UNIT - SIGMOID_RANGE;
        if (i < SIGMOID_SIZE) SIGMOID_TABLE[i] = (float)exact_sigmoid(x);
        LOSS_TABLE[i] = (float)log1p(exp(-x));
    }
    for (int i = 0; i < 32; i++) SIGMOID_32[i] = (float)exact_sigmoid(i * SIGMOID_RANGE / 31.0);
    for (int i = 0; i < 16; i++) SIGMOID_16[i] = (float)exact_sigmoid(i * SIGMOID_RANGE / 15.0);
}

static inline float sigmoid(float x) {
    float clipped = x > -SIGMOID_RANGE ? x : -SIGMOID_RANGE; /* NaN becomes -8 here: the index stays inside the table */
    clipped = clipped < SIGMOID_RANGE ? clipped : SIGMOID_RANGE;
    int nearest = (int)(clipped * SIGMOID_STEPS_PER_UNIT + (SIGMOID_RANGE * SIGMOID_STEPS_PER_UNIT + 0.5f));
    float s = SIGMOID_TABLE[nearest];
    float offset = clipped - ((float)nearest * (1.0f / SIGMOID_STEPS_PER_UNIT) - SIGMOID_RANGE);
    return s + offset * (s - s * s);
}

/* -log s(x), linear between grid points (error below 4e-5); NaN and infinity come out as they went in. */
static inline double logistic_loss(float x) {
    if (!(x < SIGMOID_RANGE)) return x == x ? 0.0 : (double)x;
    if (x <= -SIGMOID_RANGE) return -(double)x;
    float place = (x + SIGMOID_RANGE) * SIGMOID_STEPS_PER_UNIT;
    int below = (int)place;
    return LOSS_TABLE[below] + (place - (float)below) * (LOSS_TABLE[below + 1] - LOSS_TABLE[below]);
}

#endif
