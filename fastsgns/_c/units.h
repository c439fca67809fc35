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

/* The positions [begin, end) of a piece that the windows of a block's centres reach; the centres stand from `center` on. */
typedef struct {
    int32_t center, begin, end;
} sgns_span;

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

/* One draw for both sides: the wider one's reach is uniform from 1 to its end, the other's goes with it. */
SGNS_INLINE sgns_reach draw_window(const sgns_job *job, sgns_random *random) {
    sgns_reach reach = {job->left, job->right};
    if (!job->shrink_windows) return reach;
    int64_t widest = job->left > job->right ? job->left : job->right;
    int64_t width = 1 + random_below((uint32_t)random_next(random), (uint32_t)widest);
    if (job->left != job->right) {
        reach.left = (int32_t)((job->left * width + widest - 1) / widest);
        reach.right = (int32_t)((job->right * width + widest - 1) / widest);
    } else {
        reach.left = reach.right = (int32_t)width;
    }
    return reach;
}

/* Finds how far back the same word stands, if within the span of a block. In steps, so that compilers vectorise it: what
 * lies before the piece and behind it is compared as well, and not asked for. */
SGNS_INLINE void find_repetitions(const sgns_job *job, sgns_state *state, const sgns_piece *piece) {
    for (int32_t step = -piece->n_left; step < piece->n_words + piece->n_right; step += REPETITIONS_STEP) {
        const int32_t *words = piece->words + step;
        int32_t *back = state->back + piece_begin(job) + step;
        SGNS_VECTORIZE for (int32_t j = 0; j < REPETITIONS_STEP; j++) back[j] = FAR_BACK;
        for (int32_t distance = (int32_t)block_inputs(job) - 1; distance > 0; distance--)
            SGNS_VECTORIZE for (int32_t j = 0; j < REPETITIONS_STEP; j++)
                back[j] = words[j] == words[j - distance] ? distance : back[j];
    }
}

/* Subsamples tokens [begin, end) of the sentence [first, last) and draws the windows of those that stay.
 * Where a unit cuts a sentence, the neighbours beyond the cut serve as context, so that a cut loses no pair;
 * the search for them ends after one unit. */
SGNS_INLINE sgns_piece subsample(const sgns_job *job, sgns_state *state, int64_t begin, int64_t end, int64_t first, int64_t last) {
    const int32_t *tokens = job->tokens;
    int32_t *words = state->kept + piece_begin(job);
    sgns_piece piece = {words, 0, 0, 0};
    int64_t leftmost = begin - first > job->unit_words ? begin - job->unit_words : first;
    int64_t rightmost = last - end > job->unit_words ? end + job->unit_words : last;
    for (int64_t t = begin - 1; t >= leftmost && piece.n_left < job->left; t--)
        if (is_kept(job, &state->random, tokens[t])) words[-++piece.n_left] = tokens[t];
    for (int64_t t = begin; t < end; t++) {
        words[piece.n_words] = tokens[t];
        piece.n_words += is_kept(job, &state->random, tokens[t]);
    }
    for (int64_t t = end; t < rightmost && piece.n_right < job->right; t++)
        if (is_kept(job, &state->random, tokens[t])) words[piece.n_words + piece.n_right++] = tokens[t];
    for (int32_t center = 0; center < piece.n_words; center++) state->reach[center] = draw_window(job, &state->random);
    find_repetitions(job, state, &piece);
    state->words_done += end - begin;
    state->words_kept += piece.n_words;
    return piece;
}

/* Goes on to the next piece: what the unit holds of the next sentence. Returns 0 at the unit's end. */
SGNS_INLINE int walk_to_next_piece(const sgns_job *job, sgns_state *state, sgns_walk *walk) {
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

SGNS_INLINE void prefetch_lines(const float *row, int32_t lines, int to_write) {
    for (; lines >= 8; lines -= 8, row += 8 * 16)
        SGNS_UNROLL for (int32_t line = 0; line < 8; line++) prefetch_line(row + 16 * line, to_write);
    switch (lines) { /* the same place every time: foretold, as the end of a loop is not */
    case 7: prefetch_line(row + 16 * 6, to_write); /* fall through */
    case 6: prefetch_line(row + 16 * 5, to_write); /* fall through */
    case 5: prefetch_line(row + 16 * 4, to_write); /* fall through */
    case 4: prefetch_line(row + 16 * 3, to_write); /* fall through */
    case 3: prefetch_line(row + 16 * 2, to_write); /* fall through */
    case 2: prefetch_line(row + 16 * 1, to_write); /* fall through */
    case 1: prefetch_line(row, to_write);
    }
}

SGNS_INLINE void prefetch_row(const sgns_job *job, const float *row) {
    int32_t lines = (job->dim + 15) / 16;
    if (job->prefetch_to_write) prefetch_lines(row, lines, 1);
    else prefetch_lines(row, lines, 0);
}

/* Makes the next centres outputs, up to a word that is one already. Returns the positions their windows span. */
SGNS_INLINE sgns_span add_centers(const sgns_job *job, sgns_state *state, sgns_walk *walk, sgns_block *block) {
    const sgns_piece *piece = &walk->piece;
    const int32_t *back = state->back + piece_begin(job);
    /* On a side without context the outermost centre is in nobody's window. */
    int32_t n = 0, begin = walk->center + 1, end = walk->center, piece_end = piece->n_words + piece->n_right;
    do {
        int32_t center = walk->center + n;
        int32_t first = center - state->reach[center].left + (job->left == 0);
        int32_t last = center + state->reach[center].right - (job->right == 0);
        begin = first < begin ? first : begin;
        end = last + 1 > end ? last + 1 : end;
        state->outputs[n] = (uint32_t)piece->words[center];
        block->outputs[n] = job->output_vectors + piece->words[center] * job->stride;
        prefetch_row(job, block->outputs[n]);
        n++;
    } while (n < job->centers && walk->center + n < piece->n_words && back[walk->center + n] > n);
    block->n_outputs = n;
    sgns_span span = {walk->center, begin > -piece->n_left ? begin : -piece->n_left, end < piece_end ? end : piece_end};
    return span;
}

/* Makes the words of a span inputs, each word once, and notes which input stands at which place. */
SGNS_INLINE void add_inputs(const sgns_job *job, sgns_state *state, sgns_walk *walk, sgns_block *block, sgns_span span) {
    const int32_t *words = walk->piece.words + span.begin, *back = state->back + piece_begin(job) + span.begin;
    int32_t n_inputs = 0, size = span.end - span.begin, center = span.center - span.begin;
    int32_t skipped = block->n_outputs == 1 ? center : size; /* a centre is in the others' windows, not in its own */
    state->places[center > 0 ? center : 0] = 0;
    for (int32_t place = 0; place < size; place++) {
        if (place == skipped) continue;
        int32_t distance = back[place];
        distance += place - distance == skipped ? back[skipped] : 0;
        int repeated = distance <= place;
        int32_t input = repeated ? state->places[place - distance] : n_inputs;
        n_inputs += !repeated;
        state->places[place] = input;
        block->inputs[input] = job->input_vectors + words[place] * job->stride;
    }
    block->n_inputs = n_inputs;
    int32_t seen = walk->seen > span.begin ? walk->seen : span.begin;
    for (; seen < span.end; seen++) prefetch_row(job, job->input_vectors + walk->piece.words[seen] * job->stride);
    walk->seen = seen;
}

/* Enters the pairs of the centres from `first` on, four at most, with the words of a span. From place to place a centre's
 * window opens, leaves the centre itself out, and closes: `steps` holds these changes for all four. */
SGNS_INLINE void add_pairs(const sgns_job *job, sgns_state *state, sgns_block *block, sgns_span span, int32_t first,
                           int32_t n_centers) {
    int64_t stride = block_stride(job);
    int32_t size = span.end - span.begin;
    for (int32_t n = 0; n < n_centers; n++) {
        int32_t center = span.center + first + n, place = center - span.begin;
        int32_t open = place - state->reach[center].left, close = place + state->reach[center].right + 1;
        open = open > 0 ? open : 0;
        close = close < size ? close : size;
        state->steps[open][n] += 1.0f;
        if (place >= open && place < close) {
            state->steps[place][n] -= 1.0f;
            state->steps[place + 1][n] += 1.0f;
        }
        state->steps[close][n] -= 1.0f;
    }
    float in_window[4] = {0};
    for (int32_t place = 0; place < size; place++) {
        float *steps = state->steps[place], *pairs = block->pairs + state->places[place] * stride + first;
        for (int n = 0; n < 4; n++) in_window[n] += steps[n];
        for (int n = 0; n < 4; n++) pairs[n] += in_window[n];
        for (int n = 0; n < 4; n++) steps[n] = 0.0f;
        float count = in_window[0] + in_window[1] + in_window[2] + in_window[3];
        block->pair_sums[state->places[place]] += count;
        block->n_pairs += (int32_t)count;
    }
    for (int n = 0; n < 4; n++) state->steps[size][n] = 0.0f;
}

/* Adds noise words to the outputs. Draws all before looking at any: the reads of the table, which miss the cache, overlap. */
SGNS_INLINE void add_noise(const sgns_job *job, sgns_state *state, sgns_block *block) {
    int32_t n_centers = block->n_outputs, n_outputs = n_centers + job->noise_words;
    uint32_t *outputs = state->outputs;
    block->n_outputs = n_outputs;
    for (int32_t k = 0; k < n_centers; k++) block->noise[k] = 0.0f;
    for (int32_t k = n_centers; k < n_outputs; k++) {
        uint64_t bits = random_next(&state->random);
        uint32_t word = random_below((uint32_t)bits, job->vocab_size);
        sgns_noise noise = job->noise[word];
        uint32_t moves = 0u - (uint32_t)((uint32_t)(bits >> 32) >= noise.threshold); /* a mask: a branch would be a coin toss */
        outputs[k] = word ^ ((word ^ noise.alias) & moves);
        block->outputs[k] = job->output_vectors + (int64_t)outputs[k] * job->stride;
        block->noise[k] = job->noise_weight;
        prefetch_row(job, block->outputs[k]);
    }
    int repeated = 0;
    state->mark++;
    for (int32_t k = 0; k < n_outputs; k++) { /* may see a repetition where there is none, never the reverse */
        uint32_t *mark = &state->marks[outputs[k] % MARKS];
        repeated |= *mark == state->mark;
        *mark = state->mark;
    }
    if (!repeated) return;
    for (int32_t k = n_centers; k < n_outputs; k++) {
        int32_t first = 0;
        while (outputs[first] != outputs[k]) first++;
        if (first == k) continue;
        block->noise[first] += job->noise_weight;
        block->noise[k] = 0.0f;
        block->outputs[k] = state->blank_row;
    }
}

/* Cuts a span to the next single word of it beside the centre; to none, if there is none. */
SGNS_INLINE void take_single_pair(sgns_walk *walk, sgns_span *span) {
    int32_t context = walk->context > span->begin ? walk->context : span->begin;
    context += context == span->center;
    int32_t next = context + 1 + (context + 1 == span->center);
    span->begin = context;
    span->end = context < span->end ? context + 1 : context;
    walk->context = next;
}

/* Draws the next block of the unit: one pair, or the windows of the next centres. Returns 0 at the unit's end. */
SGNS_INLINE int walk_next(const sgns_job *job, sgns_state *state, sgns_walk *walk, sgns_block *block) {
    do {
        while (walk->center >= walk->piece.n_words)
            if (!walk_to_next_piece(job, state, walk)) return 0;
        sgns_span span = add_centers(job, state, walk, block);
        int32_t span_end = span.end;
        if (job->single_pairs) take_single_pair(walk, &span);
        if (!job->single_pairs || walk->context >= span_end) {
            walk->center += block->n_outputs;
            walk->context = -walk->piece.n_left;
        }
        add_inputs(job, state, walk, block, span);
        block->n_pairs = 0;
        for (int32_t i = 0; i < block->n_inputs; i++) {
            float *pairs = block->pairs + i * block_stride(job);
            for (int64_t k = 0; k < block_stride(job); k += 16) memset(pairs + k, 0, 16 * sizeof(float)); /* no call */
            block->pair_sums[i] = 0.0f;
        }
        if (block->n_inputs)
            for (int32_t first = 0; first < block->n_outputs; first += 4)
                add_pairs(job, state, block, span, first, block->n_outputs - first < 4 ? block->n_outputs - first : 4);
        block->learning_rate = walk->learning_rate;
    } while (block->n_inputs == 0); /* a word alone, or the end of a window of single pairs */
    add_noise(job, state, block);
    return 1;
}

/* Lets a block train on copies of its frozen input rows. */
SGNS_INLINE void shield_frozen(const sgns_job *job, sgns_state *state, const sgns_block *block) {
    for (int32_t i = 0; i < block->n_inputs; i++) {
        float *copy = state->shields + i * job->stride;
        if (!job->frozen[(block->inputs[i] - job->input_vectors) / job->stride]) continue;
        memcpy(copy, block->inputs[i], (size_t)job->stride * sizeof *copy);
        block->inputs[i] = copy;
    }
}

/* Counts pairs, and on every loss_interval-th block the loss: their ratio is the loss a pair. */
SGNS_INLINE void count_block(const sgns_job *job, sgns_state *state, const sgns_block *block, const float *logits) {
    state->pairs += block->n_pairs;
    state->dot_products += (int64_t)block->n_inputs * block->n_outputs;
    if (state->block_count++ % job->loss_interval) return;
    state->loss_pairs += block->n_pairs;
    for (int32_t i = 0; i < block->n_inputs; i++)
        for (int32_t k = 0; k < block->n_outputs; k++) {
            float x = logits[i * block_stride(job) + k], positive = block->pairs[i * block_stride(job) + k];
            float negative = block->noise[k] * (block->pair_sums[i] - positive);
            if (positive > 0) state->loss += positive * logistic_loss(x);
            if (negative > 0) state->loss += negative * logistic_loss(-x);
        }
}

#endif
