/* Runs one epoch of a kernel variant without Python: job on standard input, trained matrices on standard output.
 * test_emulated.py builds it for processors that this machine is not. Usage: kernel_main VARIANT */
#include <stdio.h>
#include <stdlib.h>

#include "sgns.h"

static void *read_array(size_t size) {
    void *array = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!array || fread(array, 1, size, stdin) != size) exit(3);
    return array;
}

static void *scratch(size_t size) { return calloc(1, size + 4096); }

static float *aligned_scratch(size_t floats) {
    float *array = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
    memset(array, 0, floats * sizeof(float));
    return array;
}

int main(int argc, char **argv) {
    int64_t *n = read_array(16 * sizeof(int64_t));
    double *rates = read_array(2 * sizeof(double));
    sgns_job job = {
        .n_tokens = n[0], .n_sentences = n[1], .unit_words = n[2], .stride = n[3], .dim = (int32_t)n[4],
        .vocab_size = (uint32_t)n[5], .left = (int32_t)n[6], .right = (int32_t)n[15],
        .shrink_windows = (int32_t)n[7], .centers = (int32_t)n[8],
        .noise_words = (int32_t)n[9], .noise_weight = (float)n[10] / (float)n[9], .single_pairs = (int32_t)n[11],
        .loss_interval = n[12], .seed = (uint64_t)n[13], .epoch = (uint64_t)n[14],
        .learning_rate = rates[0], .learning_rate_per_word = rates[1],
    };
    size_t matrix = (size_t)job.vocab_size * job.stride * sizeof(float);
    job.tokens = read_array(job.n_tokens * sizeof(int32_t));
    job.offsets = read_array((job.n_sentences + 1) * sizeof(int64_t));
    job.input_vectors = read_array(matrix);
    job.output_vectors = read_array(matrix);
    job.keep = read_array(job.vocab_size * sizeof(uint32_t));
    job.noise = read_array(job.vocab_size * sizeof(sgns_noise));

    size_t inputs = block_inputs(&job), outputs = block_stride(&job);
    sgns_state state = {
        .logits = aligned_scratch(inputs * outputs),
        .old_inputs = aligned_scratch(inputs * job.stride),
        .places = scratch(inputs * sizeof(int32_t)),
        .blank_row = aligned_scratch(job.stride),
        .outputs = scratch(outputs * sizeof(uint32_t)),
        .marks = scratch(MARKS * sizeof(uint32_t)),
        .steps = scratch((inputs + 1) * sizeof(*state.steps)),
        .kept = scratch(piece_size(&job) * sizeof(int32_t)),
        .back = scratch(piece_size(&job) * sizeof(int32_t)),
        .reach = scratch(job.unit_words * sizeof(sgns_reach)),
    };
    for (int b = 0; b < BLOCKS_AHEAD; b++) {
        state.blocks[b].inputs = scratch(inputs * sizeof(float *));
        state.blocks[b].outputs = scratch(outputs * sizeof(float *));
        state.blocks[b].pairs = aligned_scratch(inputs * outputs);
        state.blocks[b].pair_sums = aligned_scratch(inputs);
        state.blocks[b].noise = aligned_scratch(outputs);
    }
    sigmoid_init();
    for (int v = 0; v < SGNS_VARIANT_COUNT; v++)
        if (argc == 2 && !strcmp(SGNS_VARIANTS[v].name, argv[1])) {
            SGNS_VARIANTS[v].train(&job, &state);
            fwrite(job.input_vectors, 1, matrix, stdout);
            fwrite(job.output_vectors, 1, matrix, stdout);
            fwrite(&state.pairs, sizeof(int64_t), 1, stdout);
            fwrite(&state.loss, sizeof(double), 1, stdout);
            return 0;
        }
    return 2;
}
