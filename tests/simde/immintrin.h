/* In place of the compiler's: AVX2 and AVX-512 in portable C by SIMDe, and what SIMDe 0.7 lacks of them. */
#ifndef FASTSGNS_TESTS_IMMINTRIN_H
#define FASTSGNS_TESTS_IMMINTRIN_H

#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <math.h>
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

typedef simde__mmask16 __mmask16;

#ifndef _mm512_cvtps_epi32 /* SIMDe's own names are macros */
static inline __m512i _mm512_cvtps_epi32(__m512 x) {
    simde__m512_private from = simde__m512_to_private(x);
    simde__m512i_private to;
    for (int i = 0; i < 16; i++) to.i32[i] = (int32_t)nearbyintf(from.f32[i]);
    return simde__m512i_from_private(to);
}
#endif

#ifndef _mm512_cvtepi32_ps
static inline __m512 _mm512_cvtepi32_ps(__m512i x) {
    simde__m512i_private from = simde__m512i_to_private(x);
    simde__m512_private to;
    for (int i = 0; i < 16; i++) to.f32[i] = (float)from.i32[i];
    return simde__m512_from_private(to);
}
#endif

#endif
