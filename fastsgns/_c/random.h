/* Random numbers: SplitMix64 (Steele, Lea and Flood 2014), a hash of a counter, so that draws do not wait for each other. */
#ifndef FASTSGNS_RANDOM_H
#define FASTSGNS_RANDOM_H

#include <stdint.h>

typedef struct {
    uint64_t counter;
} sgns_random;

static inline uint64_t random_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline uint64_t random_next(sgns_random *random) {
    return random_mix(random->counter += UINT64_C(0x9E3779B97F4A7C15));
}

/* The stream of one work unit: a function of where we are in the job, never of the thread that got there. */
static inline sgns_random random_stream(uint64_t seed, uint64_t epoch, uint64_t unit) {
    sgns_random random = {random_mix(random_mix(random_mix(seed + 1) + epoch + 1) + unit + 1)};
    return random;
}

/* A whole number in [0, n) from 32 random bits by multiplication (Lemire 2019); bias below n / 2^32. */
static inline uint32_t random_below(uint32_t bits, uint32_t n) {
    return (uint32_t)(((uint64_t)bits * n) >> 32);
}

#endif
