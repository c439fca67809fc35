/* From the corpus to blocks: which tokens a work unit holds, which survive, which rows meet. No vector code here.
 *
 * The order of random draws is part of the contract with tests/reference.py. For each piece (the part of a sentence
 * inside the unit): keep-draws to the left of the piece, going away from it; keep-draws of the piece and on to the right;
 * one draw a centre for its window; then the noise words, block by block. */
#ifndef FASTSGNS_UNITS_H
#define FASTSGNS_UNITS_H

/* Kept words of a piece with the context around it: words[-n_left .. n_words + n_right). */
typedef struct {
    const int32_t *words;
    int32_t n_left, n_words, n_right;
} sgns_piece;

/* Where a thread is in its work unit. */
typedef struct {
    int64_t begin, end, next; /* the unit's tokens; the first token after the present piece */
    int64_t sentence;         /* that `next` lies in */
    float learning_rate;
    sgns_piece piece;
    int32_t center, context;  /* the next ones to take; context only where pairs are blocks of their own */
    int32_t seen;             /* where the words begin whose input rows have not been fetched */
} sgns_walk;

static int64_t find_sentence(const sgns_job *job, int64_t token) {
    int64_t low = 0, high = job->n_sentences; /* offsets[low] <= token < offsets[high] */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (job->offsets[middle] <= token) low = middle;
        else high = middle;
    }
    return low;
}

static sgns_walk walk_begin(const sgns_job *job, sgns_state *state, int64_t unit) {
    sgns_walk walk = {0};
    walk.begin = walk.next = unit * job->unit_words;
    walk.end = job->n_tokens - walk.begin < job->unit_words ? job->n_tokens : walk.begin + job->unit_words;
    walk.sentence = find_sentence(job, walk.begin);
    state->random = random_stream(job->seed, job->epoch, (uint64_t)unit);
    state->block_count = 0;
    return walk;
}

SGNS_INLINE int is_kept(const sgns_job *job, sgns_random *random, int32_t word) {
    return (uint32_t)random_next(random) <= job->keep[word];
}

/* Subsamples tokens [begin, end) of the sentence [first, last) and draws the windows of those that stay.
 * Where a unit cuts a sentence, the neighbours beyond the cut serve as context, so that a cut loses no pair;
 * the search for them ends after one unit. */
static sgns_piece subsample(const sgns_job *job, sgns_state *state, int64_t begin, int64_t end, int64_t first, int64_t last) {
    const int32_t *tokens = job->tokens;
    int32_t *words = state->kept + job->window;
    sgns_piece piece = {words, 0, 0, 0};
    int64_t leftmost = begin - first > job->unit_words ? begin - job->unit_words : first;
    int64_t rightmost = last - end > job->unit_words ? end + job->unit_words : last;
    for (int64_t t = begin - 1; t >= leftmost && piece.n_left < job->window; t--)
        if (is_kept(job, &state->random, tokens[t])) words[-++piece.n_left] = tokens[t];
    for (int64_t t = begin; t < end; t++) {
        words[piece.n_words] = tokens[t];
        piece.n_words += is_kept(job, &state->random, tokens[t]);
    }
    for (int64_t t = end; t < rightmost && piece.n_right < job->window; t++)
        if (is_kept(job, &state->random, tokens[t])) words[piece.n_words + piece.n_right++] = tokens[t];
    for (int32_t center = 0; center < piece.n_words; center++)
        state->widths[center] =
            job->shrink_windows ? 1 + (int32_t)random_below((uint32_t)random_next(&state->random), (uint32_t)job->window)
                                : job->window;
    state->words_done += end - begin;
    state->words_kept += piece.n_words;
    return piece;
}

/* Goes on to the next piece: what the unit holds of the next sentence. Returns 0 at the unit's end. */
static int walk_to_next_piece(const sgns_job *job, sgns_state *state, sgns_walk *walk) {
    if (walk->next >= walk->end) return 0;
    int64_t first = job->offsets[walk->sentence], last = job->offsets[walk->sentence + 1];
    int64_t begin = walk->next, end = last < walk->end ? last : walk->end;
    walk->piece = subsample(job, state, begin, end, first, last);
    walk->learning_rate = (float)(job->learning_rate + job->learning_rate_per_word * (double)begin);
    walk->next = end;
    walk->sentence += end == last;
    walk->center = 0;
    walk->context = -walk->piece.n_left;
    walk->seen = -walk->piece.n_left;
    return 1;
}

SGNS_INLINE void prefetch_row(const float *row, int32_t dim) {
    const float *end = row + dim;
    SGNS_UNROLL_4 for (; row < end; row += 16) sgns_prefetch(row);
}

/* Where a row is among the first *n of `rows`; a new one goes to the end. */
SGNS_INLINE int32_t find_row(float **rows, int32_t *n, float *row) {
    int32_t i = 0;
    while (i < *n && rows[i] != row) i++;
    if (i == *n) rows[(*n)++] = row;
    return i;
}

/* Enters the pairs of a centre with the contexts [first, end) of its piece. `places` has an entry a word from `span` on. */
SGNS_INLINE void add_pairs(const sgns_job *job, sgns_walk *walk, sgns_block *block, int32_t *places, int32_t span,
                           int32_t center, int32_t first, int32_t end) {
    const int32_t *words = walk->piece.words;
    int64_t stride = block_stride(job);
    float *center_row = job->output_vectors + words[center] * job->stride;
    int32_t n_outputs = block->n_outputs, output = find_row(block->outputs, &block->n_outputs, center_row);
    if (block->n_outputs > n_outputs) {
        block->noise[output] = 0.0f;
        prefetch_row(center_row, job->dim);
    }
    for (int32_t context = first; context < end; context++) {
        if (context == center) continue;
        int32_t input = places[context - span];
        if (input < 0) {
            float *row = job->input_vectors + words[context] * job->stride;
            int32_t n_inputs = block->n_inputs;
            input = places[context - span] = find_row(block->inputs, &block->n_inputs, row);
            if (block->n_inputs > n_inputs) {
                float *pairs = block->pairs + input * stride;
                for (int64_t k = 0; k < stride; k += 16) memset(pairs + k, 0, 16 * sizeof(float)); /* in line, not by a call */
                block->pair_sums[input] = 0.0f;
            }
            if (context >= walk->seen) {
                prefetch_row(row, job->dim);
                walk->seen = context + 1;
            }
        }
        block->pairs[input * stride + output] += 1.0f;
        block->pair_sums[input] += 1.0f;
    }
}

/* Draws all noise words before looking at any: the reads of the table, which miss the cache, overlap. */
SGNS_INLINE void add_noise(const sgns_job *job, sgns_state *state, sgns_block *block) {
    float **drawn = block->outputs + block->n_outputs;
    for (int32_t m = 0; m < job->noise_words; m++) {
        uint64_t bits = random_next(&state->random);
        uint32_t word = random_below((uint32_t)bits, job->vocab_size);
        sgns_noise noise = job->noise[word];
        uint32_t moves = 0u - (uint32_t)((uint32_t)(bits >> 32) >= noise.threshold); /* a mask: a branch would be a coin toss */
        word ^= (word ^ noise.alias) & moves;
        drawn[m] = job->output_vectors + (int64_t)word * job->stride;
        prefetch_row(drawn[m], job->dim);
    }
    for (int32_t m = 0; m < job->noise_words; m++) { /* `drawn` is read before its place is taken */
        int32_t n_outputs = block->n_outputs, output = find_row(block->outputs, &block->n_outputs, drawn[m]);
        if (block->n_outputs > n_outputs) block->noise[output] = 0.0f;
        block->noise[output] += job->noise_weight;
    }
}

/* Draws the next block of the unit: one pair, or the windows of the next centres. Returns 0 at the unit's end. */
SGNS_INLINE int walk_next(const sgns_job *job, sgns_state *state, sgns_walk *walk, sgns_block *block) {
    const sgns_piece *piece = &walk->piece;
    do {
        while (walk->center >= piece->n_words)
            if (!walk_to_next_piece(job, state, walk)) return 0;
        block->n_inputs = block->n_outputs = 0;
        block->learning_rate = walk->learning_rate;
        int32_t begin = -piece->n_left, end = piece->n_words + piece->n_right, span = walk->center - job->window;
        memset(state->places, -1, (size_t)block_inputs(job) * sizeof(int32_t));
        for (int32_t n = 0; n < job->centers && walk->center < piece->n_words; n++) {
            int32_t center = walk->center, width = state->widths[center];
            int32_t from = center - width > begin ? center - width : begin;
            int32_t to = center + width + 1 < end ? center + width + 1 : end;
            if (job->single_pairs) {
                if (from < walk->context) from = walk->context;
                from += from == center;
                if (from < to) to = from + 1;
                walk->context = to;
            }
            if (from < to) add_pairs(job, walk, block, state->places, span, center, from, to);
            if (from == to || !job->single_pairs) {
                walk->center++;
                walk->context = begin;
            }
        }
    } while (block->n_inputs == 0); /* a word alone, or the end of a window of single pairs */
    add_noise(job, state, block);
    return 1;
}

/* Counts pairs, and on every loss_interval-th block the loss: their ratio is the loss a pair. */
SGNS_INLINE void count_block(const sgns_job *job, sgns_state *state, const sgns_block *block, const float *logits) {
    float pairs = 0;
    for (int32_t i = 0; i < block->n_inputs; i++) pairs += block->pair_sums[i];
    state->pairs += (int64_t)pairs;
    if (state->block_count++ % job->loss_interval) return;
    state->loss_pairs += (int64_t)pairs;
    for (int32_t i = 0; i < block->n_inputs; i++)
        for (int32_t k = 0; k < block->n_outputs; k++) {
            float x = logits[i * block_stride(job) + k], positive = block->pairs[i * block_stride(job) + k];
            float negative = block->noise[k] * (block->pair_sums[i] - positive);
            if (positive > 0) state->loss += positive * logistic_loss(x);
            if (negative > 0) state->loss += negative * logistic_loss(-x);
        }
}

#endif
