/* The contract between Cython and the kernels: what a job is, what a thread owns, which variants there are.
 *
 * Skip-gram with negative sampling (Mikolov et al. 2013, arXiv 1310.4546). For the centre word c, a context word o
 * and noise words k drawn from count^0.75,
 *
 *     J = -log s(u_c . v_o) - sum_k log s(-u_k . v_o)
 *
 * where v are input vectors (kept as the result) and u output vectors: as in word2vec.c the context word is the input.
 *
 * Threads share both matrices and write them without locks: Hogwild (Niu et al. 2011, arXiv 1106.5730). Those races,
 * and the reading of `words_done` and `stop` while they change, are intended; all else belongs to one thread.
 * A kernel cannot fail: it neither allocates nor calls Python. */
#ifndef FASTSGNS_SGNS_H
#define FASTSGNS_SGNS_H

#include <stdint.h>
#include <string.h>

#include "cpu.h"
#include "prefetch.h"
#include "random.h"
#include "sigmoid.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define SGNS_INLINE static __forceinline
#define SGNS_NOINLINE __declspec(noinline)
#define SGNS_UNROLL
#define SGNS_VECTORIZE
#define sgns_fetch_add(counter, n) _InterlockedExchangeAdd64((volatile long long *)(counter), n)
#else
#define SGNS_INLINE static inline __attribute__((always_inline))
#define SGNS_NOINLINE __attribute__((noinline))
#define SGNS_UNROLL _Pragma("GCC unroll 16")
#define SGNS_VECTORIZE _Pragma("GCC unroll 1") _Pragma("GCC ivdep") /* unrolled early, a loop does not vectorise */
#define sgns_fetch_add(counter, n) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED)
#endif

/* Alias method (Walker 1977): word i of a uniform draw stays with odds threshold / 2^32, else becomes `alias`. */
typedef struct {
    uint32_t threshold;
    uint32_t alias;
} sgns_noise;

/* One epoch of training; read-only but for the two matrices, `next_unit` and `stop`. */
typedef struct {
    const int32_t *tokens;      /* [n_tokens] word ids in corpus order */
    const int64_t *offsets;     /* [n_sentences + 1] where sentences begin and end in tokens */
    int64_t n_tokens, n_sentences;
    int64_t unit_words;         /* work unit u is tokens [u * unit_words, (u + 1) * unit_words) */
    float *input_vectors;       /* [vocab_size, stride] */
    float *output_vectors;      /* [vocab_size, stride] */
    int64_t stride;             /* floats from row to row, a multiple of 16; the padding is zero and stays so */
    int32_t dim;
    uint32_t vocab_size;
    const uint32_t *keep;       /* [vocab_size] subsampling: a token stays if 32 random bits are <= keep[id] */
    const sgns_noise *noise;    /* [vocab_size] alias table of the noise distribution */
    int32_t left, right;        /* the farthest context words before and behind a centre; one of them may be 0 */
    int32_t shrink_windows;
    int32_t prefetch_to_write;  /* prefetched lines are taken from other cores at once, not only when they are updated */
    const uint8_t *frozen;      /* [vocab_size] input rows that stay as they are; NULL: none */
    int32_t centers, noise_words; /* a block has that many centres, at most, and draws that many noise words ... */
    float noise_weight;         /* ... which weigh so much each: `negative` noise words a pair in all */
    int32_t single_pairs;       /* instead: a block is one pair */
    int64_t loss_interval;      /* the loss is taken on every n-th block of a unit */
    uint64_t seed, epoch;
    double learning_rate, learning_rate_per_word; /* at the epoch's first token; added for every token after it */
    int32_t round_blocks;       /* a team's blocks in a round of a lane; see rounds.h. 0: threads train by themselves */
    int64_t next_unit;          /* the shared counter threads take their units from, in corpus order ... */
    int64_t end_unit;           /* ... up to this one; a team goes on to the end of the corpus */
    volatile int32_t stop;      /* set from outside: threads return before their next unit */
} sgns_job;

/* How many words before and behind a centre its window holds. */
typedef struct {
    int32_t left, right;
} sgns_reach;

/* Rows that are trained together, every input against every output; all are distinct but for the blank row, which takes
 * the place of noise that is an output already and gets no gradient. An output may be a centre, noise or both: input i and output k have pairs[i][k] pairs in common, and k is noise, of weight noise[k], to i's other pairs. */
typedef struct {
    int32_t n_inputs, n_outputs, n_pairs;
    float learning_rate;
    float **inputs, **outputs;  /* [block_inputs], [block_stride] rows */
    float *pairs;               /* [block_inputs, block_stride] */
    float *pair_sums;           /* [block_inputs] over the outputs */
    float *noise;               /* [block_stride]; beyond n_outputs finite numbers, and zero pairs */
} sgns_block;

enum {
    BLOCKS_AHEAD = 2,      /* blocks prepared, their rows prefetched, before they are trained; a power of two */
    MARKS = 1024,          /* a power of two */
    REPETITIONS_STEP = 16,
    FAR_BACK = 1 << 29     /* farther than any block reaches, and room to add two of them */
};

enum { ONLY_TILE, FIRST_TILE, LATER_TILE, FIRST_TILE_APART, LATER_TILE_APART }; /* of a block's outputs */

/* What one thread owns. */
typedef struct {
    sgns_random random;
    sgns_block *blocks;         /* [blocks_of_state] */
    float *updates;             /* [round_blocks, block_inputs + block_stride, stride]; only of a team's lanes */
    float *logits;              /* [block_inputs, block_stride]; then the gradients */
    float *old_inputs;          /* [block_inputs, stride]; used where the outputs do not fit one tile */
    float *blank_row;           /* [stride] zeros */
    uint32_t *outputs;          /* [block_stride] ids of the outputs */
    uint32_t *marks, mark;      /* [MARKS] `mark`, one for each block, where ids of its outputs fall */
    int32_t *places;            /* [block_inputs] the input that stands at each place of the block's span */
    float (*steps)[4];          /* [block_inputs + 1] of zeros between calls */
    int32_t *kept;              /* [piece_size] ids that survived subsampling */
    int32_t *back;              /* [piece_size] how far back the same word stands; FAR_BACK if nowhere near */
    sgns_reach *reach;          /* [unit_words] windows */
    float *shields;             /* [block_inputs, stride] what is updated in place of frozen rows; only where there are */
    int64_t block_count;        /* blocks of this unit so far */
    int64_t words_done;         /* tokens, kept or not; grows during the call */
    int64_t words_kept, pairs, loss_pairs;
    int64_t dot_products;       /* logits taken; each costs 2 * dim FMA more, for the two updates */
    double loss;
} sgns_state;

/* The most inputs of a block: its centres and their windows. */
static inline int64_t block_inputs(const sgns_job *job) { return job->centers + (int64_t)job->left + job->right; }

/* Outputs of a block, rounded up to whole vectors of any variant. */
static inline int64_t block_stride(const sgns_job *job) { return (job->centers + job->noise_words + 15) / 16 * 16; }

/* Where a piece's words begin in `kept`: what lies before them can be the context, or is read and not used. */
static inline int64_t piece_begin(const sgns_job *job) { return job->left + block_inputs(job); }

static inline int64_t piece_size(const sgns_job *job) {
    return piece_begin(job) + job->unit_words + job->right + REPETITIONS_STEP;
}

/* Blocks drawn and not trained yet. */
static inline int64_t blocks_of_state(const sgns_job *job) {
    return job->round_blocks > BLOCKS_AHEAD ? job->round_blocks : BLOCKS_AHEAD;
}

#include "units.h"
#include "rounds.h"

typedef struct {
    const char *name;
    int (*supported)(void);
    void (*train)(sgns_job *, sgns_state *);          /* takes units until none is left */
    void (*train_in_team)(sgns_team *, int32_t thread); /* the same, by all threads of the team together */
} sgns_variant;

#if SGNS_X86
#include "isa_avx512.h"
#include "isa_avx2.h"
#include "isa_sse2.h"
#elif SGNS_ARM
#include "isa_neon.h"
#endif
#include "isa_scalar.h"

/* Best first; the last runs everywhere. */
static const sgns_variant SGNS_VARIANTS[] = {
#if SGNS_X86
    {"avx512", cpu_has_avx512, train_avx512, train_in_team_avx512},
    {"avx2", cpu_has_avx2, train_avx2, train_in_team_avx2},
    {"sse2", cpu_always, train_sse2, train_in_team_sse2},
#elif SGNS_ARM
    {"neon", cpu_always, train_neon, train_in_team_neon},
#endif
    {"scalar", cpu_always, train_scalar, train_in_team_scalar},
};

enum { SGNS_VARIANT_COUNT = sizeof(SGNS_VARIANTS) / sizeof(SGNS_VARIANTS[0]) };

#endif
