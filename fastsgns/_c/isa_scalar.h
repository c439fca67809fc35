/* Plain C: runs everywhere, and shows what the others do. */
#define ISA scalar
#define LANES 1
#define TILE_OUTPUTS 6
#define V float
#define v_zero() 0.0f
#define v_load(p) (*(p))
#define v_store(p, x) (*(p) = (x))
#define v_set1(x) (x)
#define v_add(a, b) ((a) + (b))
#define v_sub(a, b) ((a) - (b))
#define v_mul(a, b) ((a) * (b))
#define v_fma(a, b, c) ((a) * (b) + (c))
#define v_fnma(a, b, c) ((c) - (a) * (b))
#define v_sum4(a, b, c, d, out) ((out)[0] = (a), (out)[1] = (b), (out)[2] = (c), (out)[3] = (d))
#define v_sigmoid(x) sigmoid(x)
#include "sgns_body.h"
