/* Runs one epoch of a kernel variant without Python: job on standard input, trained matrices on standard output.
 *
 * Usage: kernel_main VARIANT [THREADS [apart]]
 *
 * test_emulated.py builds it for processors that this machine is not; test_races.py with sanitizers. Every array is of its
 * exact size and a piece of memory of its own, so that AddressSanitizer sees each step beyond one. Threads share the job, as
 * those of a training do, while the main thread looks at their progress and stops them after the last word; or each has,
 * apart, a job and matrices of its own, and shares what is only read. Or they are a team, if the job has rounds. Built with ThreadSanitizer, standard error says how
 * many races there were in which memory; those elsewhere make the exit status 66. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "sgns.h"

enum { MOST_THREADS = 16 };

static sgns_job jobs[MOST_THREADS];
static sgns_state states[TEAM_LANES]; /* of threads, or of a team's lanes */
static sgns_team team;
static const sgns_variant *variant;
static size_t matrix;

static void *exactly(size_t size) {
    void *array;
    if (posix_memalign(&array, 64, size)) exit(3);
    memset(array, 0, size);
    return array;
}

static void *read_array(size_t size) {
    void *array = exactly(size);
    if (fread(array, 1, size, stdin) != size) exit(3);
    return array;
}

static void *copy(const void *array, size_t size) { return memcpy(exactly(size), array, size); }

static sgns_state new_state(const sgns_job *job) {
    size_t inputs = block_inputs(job), outputs = block_stride(job), row = job->stride * sizeof(float);
    sgns_state state = {
        .logits = exactly(inputs * outputs * sizeof(float)),
        .old_inputs = exactly(inputs * row),
        .places = exactly(inputs * sizeof(int32_t)),
        .blank_row = exactly(row),
        .outputs = exactly(outputs * sizeof(uint32_t)),
        .marks = exactly(MARKS * sizeof(uint32_t)),
        .steps = exactly((inputs + 1) * sizeof(*state.steps)),
        .kept = exactly(piece_size(job) * sizeof(int32_t)),
        .back = exactly(piece_size(job) * sizeof(int32_t)),
        .reach = exactly(job->unit_words * sizeof(sgns_reach)),
        .shields = job->frozen ? exactly(inputs * row) : NULL,
        .updates = exactly(job->round_blocks * (inputs + outputs) * row),
        .blocks = exactly(blocks_of_state(job) * sizeof(sgns_block)),
    };
    for (int64_t b = 0; b < blocks_of_state(job); b++) {
        state.blocks[b].inputs = exactly(inputs * sizeof(float *));
        state.blocks[b].outputs = exactly(outputs * sizeof(float *));
        state.blocks[b].pairs = exactly(inputs * outputs * sizeof(float));
        state.blocks[b].pair_sums = exactly(inputs * sizeof(float));
        state.blocks[b].noise = exactly(outputs * sizeof(float));
    }
    return state;
}

#ifdef __SANITIZE_THREAD__

enum { IN_INPUT_VECTORS, IN_OUTPUT_VECTORS, IN_WORDS_DONE, IN_STOP, ELSEWHERE, PLACES };
static const char *const PLACE_NAMES[PLACES] = {"input_vectors", "output_vectors", "words_done", "stop", "elsewhere"};
static long races[PLACES];

/* What is done for a report is not looked at: it would wait for itself. */
#define UNSEEN __attribute__((no_sanitize_thread))

UNSEEN static int lies_in(const void *address, const void *begin, size_t size) {
    return (uintptr_t)address - (uintptr_t)begin < size;
}

UNSEEN static int place_of(const void *address) {
    if (lies_in(address, jobs[0].input_vectors, matrix)) return IN_INPUT_VECTORS;
    if (lies_in(address, jobs[0].output_vectors, matrix)) return IN_OUTPUT_VECTORS;
    if (lies_in(address, (const void *)&jobs[0].stop, sizeof jobs[0].stop)) return IN_STOP;
    for (int t = 0; t < TEAM_LANES; t++)
        if (lies_in(address, &states[t].words_done, sizeof states[t].words_done)) return IN_WORDS_DONE;
    return ELSEWHERE;
}

/* ThreadSanitizer's own: see sanitizer/tsan_interface.h, which not every compiler brings. */
int __tsan_get_report_data(void *report, const char **description, int *count, int *stack_count, int *mop_count,
                           int *loc_count, int *mutex_count, int *thread_count, int *unique_tid_count, void **sleep_trace,
                           unsigned long trace_size);
int __tsan_get_report_mop(void *report, unsigned long index, int *thread, void **address, int *size, int *write, int *atomic,
                          void **trace, unsigned long trace_size);
void __tsan_on_report(void *report);
const char *__tsan_default_options(void);

/* A race counts at every address, not only where its lines of code first meet; ours is the exit status. */
const char *__tsan_default_options(void) {
    return "suppress_equal_stacks=0:exitcode=0:symbolize=0:report_thread_leaks=0";
}

UNSEEN void __tsan_on_report(void *report) {
    const char *description;
    int count, stacks, accesses, locations, mutexes, threads, ids, thread, size, write, atomic, place = ELSEWHERE;
    void *sleep[1], *trace[1], *address;
    __tsan_get_report_data(report, &description, &count, &stacks, &accesses, &locations, &mutexes, &threads, &ids, sleep, 1);
    if (!strcmp(description, "data-race") && accesses)
        if (__tsan_get_report_mop(report, 0, &thread, &address, &size, &write, &atomic, trace, 1)) place = place_of(address);
    races[place]++;
}

static int tell_races(void) {
    fprintf(stderr, "races:");
    for (int place = 0; place < PLACES; place++) fprintf(stderr, " %s %ld", PLACE_NAMES[place], races[place]);
    fprintf(stderr, "\n");
    return races[ELSEWHERE] ? 66 : 0;
}

#else

static int tell_races(void) { return 0; }

#endif

static void *work(void *thread) {
    size_t t = (size_t)thread;
    if (team.job) variant->train_in_team(&team, (int32_t)t);
    else variant->train(jobs[t].tokens ? &jobs[t] : &jobs[0], &states[t]);
    return NULL;
}

static void train_in_threads(int n_threads, int n_states, int apart) {
    pthread_t threads[MOST_THREADS];
    for (size_t t = 0; t < (size_t)n_threads; t++) {
        if (apart && t) {
            jobs[t] = jobs[0];
            jobs[t].input_vectors = copy(jobs[0].input_vectors, matrix);
            jobs[t].output_vectors = copy(jobs[0].output_vectors, matrix);
        }
    }
    for (int s = 0; s < n_states; s++) team.lanes[s].state = &states[s], states[s] = new_state(&jobs[0]);
    if (team.job)
        for (int l = 0; l < n_states; l++) lane_begin(&jobs[0], &team.lanes[l], l, 0);
    for (size_t t = 0; t < (size_t)n_threads; t++)
        if (pthread_create(&threads[t], NULL, work, (void *)t)) exit(4);
    for (int64_t done = 0; !apart && done < jobs[0].n_tokens;) {
        done = 0;
        for (int t = 0; t < n_states; t++) done += *(volatile int64_t *)&states[t].words_done;
    }
    if (!apart && !team.job) jobs[0].stop = 1; /* a team would end in the middle of its units */
    for (int t = 0; t < n_threads; t++) pthread_join(threads[t], NULL);
}

int main(int argc, char **argv) {
    int n_threads = argc > 2 ? atoi(argv[2]) : 1;
    if (argc < 2 || n_threads < 1 || n_threads > MOST_THREADS) return 2;
    for (int v = 0; v < SGNS_VARIANT_COUNT; v++)
        if (!strcmp(SGNS_VARIANTS[v].name, argv[1])) variant = &SGNS_VARIANTS[v];
    if (!variant) return 2;

    int64_t *n = read_array(19 * sizeof(int64_t));
    double *rates = read_array(2 * sizeof(double));
    sgns_job job = {
        .n_tokens = n[0], .n_sentences = n[1], .unit_words = n[2], .stride = n[3], .dim = (int32_t)n[4],
        .vocab_size = (uint32_t)n[5], .left = (int32_t)n[6], .right = (int32_t)n[15],
        .shrink_windows = (int32_t)n[7], .prefetch_to_write = 1, .centers = (int32_t)n[8],
        .noise_words = (int32_t)n[9], .noise_weight = (float)n[10] / (float)n[9], .single_pairs = (int32_t)n[11],
        .end_unit = (n[0] + n[2] - 1) / n[2], .loss_interval = n[12], .seed = (uint64_t)n[13], .epoch = (uint64_t)n[14],
        .round_blocks = (int32_t)n[17], .learning_rate = rates[0], .learning_rate_per_word = rates[1],
    };
    matrix = (size_t)job.vocab_size * job.stride * sizeof(float);
    job.tokens = read_array(job.n_tokens * sizeof(int32_t));
    job.offsets = read_array((job.n_sentences + 1) * sizeof(int64_t));
    job.input_vectors = read_array(matrix);
    job.output_vectors = read_array(matrix);
    job.keep = read_array(job.vocab_size * sizeof(uint32_t));
    job.noise = read_array(job.vocab_size * sizeof(sgns_noise));
    if (n[16]) job.frozen = read_array(job.vocab_size);
    jobs[0] = job;

    int n_states = job.round_blocks ? (int)n[18] : n_threads;
    if (job.round_blocks) {
        team.job = &jobs[0];
        team.n_lanes = n_states;
        barrier_init(&team.barrier, n_threads);
    }

    sigmoid_init();
    train_in_threads(n_threads, n_states, argc > 3);
    if (job.round_blocks) barrier_destroy(&team.barrier);
    int64_t pairs = 0;
    double loss = 0;
    for (int t = 0; t < n_states; t++) {
        pairs += states[t].pairs;
        loss += states[t].loss;
    }
    fwrite(job.input_vectors, 1, matrix, stdout);
    fwrite(job.output_vectors, 1, matrix, stdout);
    fwrite(&pairs, sizeof pairs, 1, stdout);
    fwrite(&loss, sizeof loss, 1, stdout);
    return tell_races();
}
