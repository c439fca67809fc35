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
    return 1;
}

SGNS_INLINE void prefetch_row(const float *row, int32_t dim) {
    for (int32_t d = 0; d < dim; d += 16) sgns_prefetch(row + d);
}

/* Adds a row, or counts it once more where it is there already: all rows of a block are distinct. */
SGNS_INLINE int32_t add_row(float **rows, float *weights, int32_t n, float *row) {
    for (int32_t i = 0; i < n; i++)
        if (rows[i] == row) {
            weights[i] += 1.0f;
            return n;
        }
    rows[n] = row;
    weights[n] = 1.0f;
    return n + 1;
}

/* The centre and `negative` fresh noise words; noise that is the centre itself is left out, as in word2vec.c. */
SGNS_INLINE void draw_outputs(const sgns_job *job, sgns_state *state, sgns_block *block, int32_t center) {
    float *positive = job->output_vectors + center * job->stride;
    block->outputs[0] = positive;
    block->output_weights[0] = 1.0f;
    prefetch_row(positive, job->dim);
    int32_t n = 1;
    for (int32_t k = 0; k < job->negative; k++) {
        uint64_t bits = random_next(&state->random);
        uint32_t word = random_below((uint32_t)bits, job->vocab_size);
        sgns_noise noise = job->noise[word];
        uint32_t moves = 0u - (uint32_t)((uint32_t)(bits >> 32) >= noise.threshold); /* a mask: a branch would be a coin toss */
        word ^= (word ^ noise.alias) & moves;
        float *row = job->output_vectors + (int64_t)word * job->stride;
        if (row == positive) continue;
        prefetch_row(row, job->dim);
        n = add_row(block->outputs, block->output_weights, n, row);
    }
    block->n_outputs = n;
}

/* Draws the next block of the unit: a window against its centre, or one pair. Returns 0 at the unit's end. */
SGNS_INLINE int walk_next(const sgns_job *job, sgns_state *state, sgns_walk *walk, sgns_block *block) {
    for (;;) {
        const sgns_piece *piece = &walk->piece;
        if (walk->center >= piece->n_words) {
            if (!walk_to_next_piece(job, state, walk)) return 0;
            continue;
        }
        int32_t center = walk->center, width = state->widths[center];
        int32_t first = center - width > -piece->n_left ? center - width : -piece->n_left;
        int32_t end = piece->n_words + piece->n_right;
        if (center + width + 1 < end) end = center + width + 1;
        int32_t from = first, to = end;
        if (job->sharing == SHARE_PAIR) {
            from = first + walk->context++;
            if (from == center) from = first + walk->context++;
            to = from + 1;
        }
        if (to >= end) { /* the window's last block */
            walk->center++;
            walk->context = 0;
        }
        block->n_inputs = 0;
        for (int32_t context = from; context < to && context < end; context++) {
            if (context == center) continue;
            float *row = job->input_vectors + piece->words[context] * job->stride;
            if (job->sharing == SHARE_PAIR || context == to - 1) prefetch_row(row, job->dim); /* the others were there before */
            block->n_inputs = add_row(block->inputs, block->input_weights, block->n_inputs, row);
        }
        if (block->n_inputs == 0) continue; /* a word alone */
        block->learning_rate = walk->learning_rate;
        draw_outputs(job, state, block, piece->words[center]);
        return 1;
    }
}

/* Counts pairs, and on every loss_interval-th block the loss: mean over these is the loss per pair. */
SGNS_INLINE void count_block(const sgns_job *job, sgns_state *state, const sgns_block *block, const float *logits,
                             int32_t logits_stride) {
    double pairs = 0;
    for (int32_t i = 0; i < block->n_inputs; i++) pairs += block->input_weights[i];
    state->pairs += (int64_t)pairs;
    if (state->block_count++ % job->loss_interval) return;
    state->loss_pairs += (int64_t)pairs;
    for (int32_t i = 0; i < block->n_inputs; i++) {
        const float *x = logits + i * logits_stride;
        double loss = logistic_loss(x[0]);
        for (int32_t k = 1; k < block->n_outputs; k++) loss += block->output_weights[k] * logistic_loss(-x[k]);
        state->loss += block->input_weights[i] * loss;
    }
}

#endif
