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

static sgns_state *make_state(const sgns_job *job) {
    size_t inputs = block_inputs(job), outputs = block_stride(job), blocks = blocks_of_state(job);
    sgns_state *state = scratch(sizeof *state);
    state->logits = aligned_scratch(inputs * outputs);
    state->old_inputs = aligned_scratch(inputs * job->stride);
    state->updates = aligned_scratch(job->round_blocks * (inputs + outputs) * job->stride);
    state->places = scratch(inputs * sizeof(int32_t));
    state->blank_row = aligned_scratch(job->stride);
    state->outputs = scratch(outputs * sizeof(uint32_t));
    state->marks = scratch(MARKS * sizeof(uint32_t));
    state->steps = scratch((inputs + 1) * sizeof(*state->steps));
    state->kept = scratch(piece_size(job) * sizeof(int32_t));
    state->back = scratch(piece_size(job) * sizeof(int32_t));
    state->reach = scratch(job->unit_words * sizeof(sgns_reach));
    state->blocks = scratch(blocks * sizeof(sgns_block));
    for (size_t b = 0; b < blocks; b++) {
        state->blocks[b].inputs = scratch(inputs * sizeof(float *));
        state->blocks[b].outputs = scratch(outputs * sizeof(float *));
        state->blocks[b].pairs = aligned_scratch(inputs * outputs);
        state->blocks[b].pair_sums = aligned_scratch(inputs);
        state->blocks[b].noise = aligned_scratch(outputs);
    }
    return state;
}

/* By one state, or by a team of one thread and so many lanes. */
static void train(const sgns_variant *variant, sgns_job *job, int lanes, int64_t *pairs, double *loss) {
    static sgns_team team;
    team.job = job;
    team.most_lanes = lanes;
    barrier_init(&team.barrier, 1);
    for (int l = 0; l < lanes; l++) team.lanes[l].state = make_state(job);
    if (job->round_blocks) variant->train_in_team(&team, 0);
    else variant->train(job, team.lanes[0].state);
    for (int l = 0; l < lanes; l++) *pairs += team.lanes[l].state->pairs, *loss += team.lanes[l].state->loss;
    barrier_destroy(&team.barrier);
}

int main(int argc, char **argv) {
    int64_t *n = read_array(18 * sizeof(int64_t));
    double *rates = read_array(2 * sizeof(double));
    sgns_job job = {
        .n_tokens = n[0], .n_sentences = n[1], .unit_words = n[2], .stride = n[3], .dim = (int32_t)n[4],
        .vocab_size = (uint32_t)n[5], .left = (int32_t)n[6], .right = (int32_t)n[15], .round_blocks = (int32_t)n[16],
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

    int64_t pairs = 0;
    double loss = 0;
    sigmoid_init();
    for (int v = 0; v < SGNS_VARIANT_COUNT; v++)
        if (argc == 2 && !strcmp(SGNS_VARIANTS[v].name, argv[1])) {
            train(&SGNS_VARIANTS[v], &job, (int)n[17], &pairs, &loss);
            fwrite(job.input_vectors, 1, matrix, stdout);
            fwrite(job.output_vectors, 1, matrix, stdout);
            fwrite(&pairs, sizeof(int64_t), 1, stdout);
            fwrite(&loss, sizeof(double), 1, stdout);
            return 0;
        }
    return 2;
}
