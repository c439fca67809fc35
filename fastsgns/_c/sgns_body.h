/* The kernel, written once; each isa_*.h gives ISA, LANES, TILE_OUTPUTS, V and the v_* operations and includes this
 * (hence no guard).
 *
 * train_block takes input rows I and output rows O, all distinct, and does
 *
 *     logits     X = I O'
 *     gradients  G[i][k] = learning_rate (pairs[i][k] - weight[i][k] s(X[i][k])),
 *                weight[i][k] = pairs[i][k] + noise[k] (pair_sums[i] - pairs[i][k])
 *     update     I += G O,  O += G' I                 (both from the values before the block)
 *
 * in tiles of 2 x TILE_OUTPUTS rows. With 6 outputs 12 sums and 3 operands fill the 16 registers that every
 * architecture has; with 12, the 32 of AVX-512. */
#define JOIN_(base, isa) base##_##isa
#define JOIN(base, isa) JOIN_(base, isa)
#define NAME(base) JOIN(base, ISA)

#define TILE_INPUTS 2
#define TILE_SUMS ((TILE_OUTPUTS + 3) / 4 * 4)

/* Calls with the number of outputs of this tile as a constant, so that its loops unroll into registers. */
#define UP_TO_6(CALL)        \
    case 1: CALL(1); break;  \
    case 2: CALL(2); break;  \
    case 3: CALL(3); break;  \
    case 4: CALL(4); break;  \
    case 5: CALL(5); break;  \
    case 6: CALL(6); break;
#if TILE_OUTPUTS == 12
#define FOR_TILE_OF(n, CALL)   \
    switch (n) {               \
    UP_TO_6(CALL)              \
    case 7: CALL(7); break;    \
    case 8: CALL(8); break;    \
    case 9: CALL(9); break;    \
    case 10: CALL(10); break;  \
    case 11: CALL(11); break;  \
    default: CALL(12); break;  \
    }
#else
#define FOR_TILE_OF(n, CALL) \
    switch (n) {             \
    UP_TO_6(CALL)            \
    default: CALL(6); break; \
    }
#endif

/* Logits of n_inputs x n_outputs rows, both numbers known where this is inlined. */
SGNS_INLINE void NAME(dot_tile)(float *const *inputs, float *const *outputs, int n_inputs, int n_outputs, int32_t dim,
                                float *logits, int32_t logits_stride) {
    V sums[TILE_INPUTS][TILE_SUMS], input[TILE_INPUTS];
    SGNS_UNROLL for (int i = 0; i < TILE_INPUTS; i++)
        SGNS_UNROLL for (int k = 0; k < TILE_SUMS; k++) sums[i][k] = v_zero();
    for (int32_t d = 0; d < dim; d += LANES) {
        SGNS_UNROLL for (int i = 0; i < n_inputs; i++) input[i] = v_load(inputs[i] + d);
        SGNS_UNROLL for (int k = 0; k < n_outputs; k++) {
            V output = v_load(outputs[k] + d);
            SGNS_UNROLL for (int i = 0; i < n_inputs; i++) sums[i][k] = v_fma(input[i], output, sums[i][k]);
        }
    }
    SGNS_UNROLL for (int i = 0; i < n_inputs; i++) {
        float totals[TILE_SUMS];
        SGNS_UNROLL for (int k = 0; k < n_outputs; k += 4)
            v_sum4(sums[i][k], sums[i][k + 1], sums[i][k + 2], sums[i][k + 3], totals + k);
        memcpy(logits + i * logits_stride, totals, (size_t)n_outputs * sizeof(float));
    }
}

/* Functions of their own: amid others, compilers find too few registers for them. */
#define DEFINE(N)                                                                                                          \
    SGNS_NOINLINE static void NAME(dot_two_##N)(float *const *inputs, float *const *outputs, int32_t dim, float *logits,    \
                                                int32_t logits_stride) {                                                   \
        NAME(dot_tile)(inputs, outputs, 2, N, dim, logits, logits_stride);                                                 \
    }                                                                                                                      \
    SGNS_NOINLINE static void NAME(dot_one_##N)(float *const *inputs, float *const *outputs, int32_t dim, float *logits,    \
                                                int32_t logits_stride) {                                                   \
        NAME(dot_tile)(inputs, outputs, 1, N, dim, logits, logits_stride);                                                 \
    }
DEFINE(1) DEFINE(2) DEFINE(3) DEFINE(4) DEFINE(5) DEFINE(6)
#if TILE_OUTPUTS == 12
DEFINE(7) DEFINE(8) DEFINE(9) DEFINE(10) DEFINE(11) DEFINE(12)
#endif
#undef DEFINE

static void NAME(compute_logits)(const sgns_block *block, int32_t dim, float *logits, int32_t logits_stride) {
    for (int32_t k = 0; k < block->n_outputs; k += TILE_OUTPUTS) {
        float *const *outputs = block->outputs + k;
        int32_t i = 0;
#define CALL(N) NAME(dot_two_##N)(block->inputs + i, outputs, dim, logits + i * logits_stride + k, logits_stride)
        for (; i + 1 < block->n_inputs; i += TILE_INPUTS) FOR_TILE_OF(block->n_outputs - k, CALL)
#undef CALL
#define CALL(N) NAME(dot_one_##N)(block->inputs + i, outputs, dim, logits + i * logits_stride + k, logits_stride)
        if (i < block->n_inputs) FOR_TILE_OF(block->n_outputs - k, CALL)
#undef CALL
    }
}

/* Turns logits into gradients in place. */
static void NAME(compute_gradients)(const sgns_block *block, float *logits, int32_t logits_stride) {
    V learning_rate = v_set1(block->learning_rate);
    for (int32_t i = 0; i < block->n_inputs; i++) {
        V pair_sum = v_set1(block->pair_sums[i]);
        for (int32_t k = 0; k < block->n_outputs; k += LANES) {
            float *logit = logits + i * logits_stride + k;
            V pairs = v_load(block->pairs + i * logits_stride + k);
            V weight = v_fma(v_load(block->noise + k), v_sub(pair_sum, pairs), pairs);
            v_store(logit, v_mul(learning_rate, v_fnma(weight, v_sigmoid(v_load(logit)), pairs)));
        }
    }
}

/* Updates one tile of outputs and all inputs with each other. A later tile must not see what the first one did to the
 * inputs: that one keeps in `old` what they were. Apart, rows stay as they are: `old` takes the updates of the inputs
 * and `apart` those of this tile's outputs. */
SGNS_INLINE void NAME(update_tile)(float *const *inputs, float *const *outputs, float *old, float *apart, int which,
                                   int32_t n_inputs, int n_outputs, int32_t dim, const float *gradients,
                                   int32_t gradients_stride) {
    int64_t padded = (dim + LANES - 1) / LANES * LANES;
    int is_apart = which == FIRST_TILE_APART || which == LATER_TILE_APART;
    for (int32_t d = 0; d < dim; d += LANES) {
        V output[TILE_OUTPUTS], updated[TILE_OUTPUTS];
        SGNS_UNROLL for (int k = 0; k < n_outputs; k++) {
            output[k] = v_load(outputs[k] + d);
            updated[k] = is_apart ? v_zero() : output[k];
        }
        const float *gradient = gradients;
        float *kept = old + d;
        for (int32_t i = 0; i < n_inputs; i++, gradient += gradients_stride, kept += padded) {
            V input = v_load(inputs[i] + d), old_input = which == LATER_TILE ? v_load(kept) : input;
            if (which == FIRST_TILE) v_store(kept, input);
            if (is_apart) input = which == FIRST_TILE_APART ? v_zero() : v_load(kept);
            SGNS_UNROLL for (int k = 0; k < n_outputs; k++) {
                V g = v_set1(gradient[k]);
                updated[k] = v_fma(g, old_input, updated[k]);
                input = v_fma(g, output[k], input);
            }
            v_store(is_apart ? kept : inputs[i] + d, input);
        }
        SGNS_UNROLL for (int k = 0; k < n_outputs; k++) v_store(is_apart ? apart + k * padded + d : outputs[k] + d, updated[k]);
    }
}

static void NAME(update)(const sgns_block *block, int32_t dim, float *old, const float *gradients, int32_t gradients_stride) {
    int32_t n_inputs = block->n_inputs, n_outputs = block->n_outputs;
    float *const *inputs = block->inputs, *const *outputs = block->outputs;
#define CALL(N) NAME(update_tile)(inputs, outputs, old, NULL, ONLY_TILE, n_inputs, N, dim, gradients, gradients_stride)
    if (n_outputs <= TILE_OUTPUTS) {
        FOR_TILE_OF(n_outputs, CALL)
        return;
    }
#undef CALL
    NAME(update_tile)(inputs, outputs, old, NULL, FIRST_TILE, n_inputs, TILE_OUTPUTS, dim, gradients, gradients_stride);
#define CALL(N) \
    NAME(update_tile)(inputs, outputs + k, old, NULL, LATER_TILE, n_inputs, N, dim, gradients + k, gradients_stride)
    for (int32_t k = TILE_OUTPUTS; k < n_outputs; k += TILE_OUTPUTS) FOR_TILE_OF(n_outputs - k, CALL)
#undef CALL
}

/* Takes the updates down, to be added by NAME(add_updates). */
static void NAME(update_apart)(const sgns_block *block, int32_t dim, float *updates, const float *gradients,
                               int32_t gradients_stride) {
    int64_t padded = (dim + LANES - 1) / LANES * LANES;
    int32_t n_inputs = block->n_inputs, n_outputs = block->n_outputs;
    float *const *inputs = block->inputs, *const *outputs = block->outputs, *apart = updates + n_inputs * padded;
#define CALL(N) NAME(update_tile)(inputs, outputs, updates, apart, FIRST_TILE_APART, n_inputs, N, dim, gradients, gradients_stride)
    FOR_TILE_OF(n_outputs, CALL)
#undef CALL
#define CALL(N)                                                                                                             \
    NAME(update_tile)(inputs, outputs + k, updates, apart + k * padded, LATER_TILE_APART, n_inputs, N, dim, gradients + k,  \
                      gradients_stride)
    for (int32_t k = TILE_OUTPUTS; k < n_outputs; k += TILE_OUTPUTS) FOR_TILE_OF(n_outputs - k, CALL)
#undef CALL
}

/* Adds the updates of the block to those of its rows that this thread owns. */
static void NAME(add_updates)(const sgns_job *job, const sgns_state *state, const sgns_block *block, const float *updates,
                              int32_t thread, int32_t threads) {
    int64_t padded = (job->dim + LANES - 1) / LANES * LANES;
    for (int32_t r = 0; r < block->n_inputs + block->n_outputs; r++, updates += padded) {
        int is_input = r < block->n_inputs;
        float *row = is_input ? block->inputs[r] : block->outputs[r - block->n_inputs];
        if (!is_owner(row, thread, threads) || row == state->blank_row) continue;
        if (is_input && job->frozen && job->frozen[(row - job->input_vectors) / job->stride]) continue;
        for (int32_t d = 0; d < job->dim; d += LANES) v_store(row + d, v_add(v_load(row + d), v_load(updates + d)));
    }
}

static void NAME(train_block)(const sgns_job *job, sgns_state *state, const sgns_block *block) {
    float *logits = state->logits;
    int32_t stride = (int32_t)block_stride(job);
    if (job->frozen) shield_frozen(job, state, block);
    NAME(compute_logits)(block, job->dim, logits, stride);
    count_block(job, state, block, logits);
    NAME(compute_gradients)(block, logits, stride);
    NAME(update)(block, job->dim, state->old_inputs, logits, stride);
}

/* Blocks wait in a ring between being drawn and being trained, while their rows come into the cache. */
static void NAME(train_unit)(sgns_job *job, sgns_state *state, int64_t unit) {
    sgns_walk walk = walk_begin(job, state, unit);
    int64_t drawn = 0, trained = 0;
    while (walk_next(job, state, &walk, &state->blocks[drawn % BLOCKS_AHEAD]))
        if (++drawn - trained == BLOCKS_AHEAD) NAME(train_block)(job, state, &state->blocks[trained++ % BLOCKS_AHEAD]);
    while (trained < drawn) NAME(train_block)(job, state, &state->blocks[trained++ % BLOCKS_AHEAD]);
}

static void NAME(train)(sgns_job *job, sgns_state *state) {
    while (!job->stop) {
        int64_t unit = sgns_fetch_add(&job->next_unit, 1);
        if (unit >= job->end_unit) break;
        NAME(train_unit)(job, state, unit);
    }
}

static void NAME(train_block_apart)(const sgns_job *job, sgns_state *state, int32_t b) {
    const sgns_block *block = &state->blocks[b];
    int32_t stride = (int32_t)block_stride(job);
    NAME(compute_logits)(block, job->dim, state->logits, stride);
    count_block(job, state, block, state->logits);
    NAME(compute_gradients)(block, state->logits, stride);
    NAME(update_apart)(block, job->dim, block_updates(job, state, b), state->logits, stride);
}

/* See rounds.h. */
static void NAME(train_in_team)(sgns_team *team, int32_t thread) {
    const sgns_job *job = team->job;
    int32_t threads = team->barrier.threads, n_lanes = team->n_lanes, n_blocks;
    do {
        if (thread < n_lanes) lane_draw(team, &team->lanes[thread]);
        for (int32_t l = thread; l < n_lanes; l += threads) {
            if (l + threads < n_lanes) lane_draw(team, &team->lanes[l + threads]); /* its rows come into the cache meanwhile */
            for (int32_t b = 0; b < team->lanes[l].n_blocks; b++) NAME(train_block_apart)(job, team->lanes[l].state, b);
        }
        barrier_wait(&team->barrier);
        n_blocks = 0;
        for (int32_t l = 0; l < n_lanes; l++) {
            const sgns_state *state = team->lanes[l].state;
            for (int32_t b = 0; b < team->lanes[l].n_blocks; b++, n_blocks++)
                NAME(add_updates)(job, state, &state->blocks[b], block_updates(job, state, b), thread, threads);
        }
        if (thread == 0) team->stopped = job->stop; /* all see the same */
        barrier_wait(&team->barrier);
    } while (n_blocks && !team->stopped);
}

#undef JOIN_
#undef JOIN
#undef NAME
#undef TILE_INPUTS
#undef TILE_OUTPUTS
#undef TILE_SUMS
#undef UP_TO_6
#undef FOR_TILE_OF
#undef ISA
#undef LANES
#undef V
#undef v_zero
#undef v_load
#undef v_store
#undef v_set1
#undef v_add
#undef v_sub
#undef v_mul
#undef v_fma
#undef v_fnma
#undef v_sum4
#undef v_sigmoid
