# cython: freethreading_compatible=False
"""From NumPy arrays to the C kernels: checks buffers, fills the job, runs it without the GIL. Decides nothing."""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

import numpy as np

# Two, as some processors fetch lines in pairs.
cdef enum: CACHE_LINES = 128

cdef extern from "sgns.h" nogil:
    enum: SGNS_VARIANT_COUNT
    enum: MARKS
    enum: C_TEAM_LANES "TEAM_LANES"
    ctypedef struct sgns_noise:
        pass
    int32_t cpu_prefetches_to_write()
    ctypedef struct sgns_job:
        const int32_t *tokens
        const int64_t *offsets
        int64_t n_tokens, n_sentences, unit_words
        float *input_vectors
        float *output_vectors
        int64_t stride
        int32_t dim
        uint32_t vocab_size
        const uint32_t *keep
        const sgns_noise *noise
        int32_t left, right, shrink_windows, prefetch_to_write
        const uint8_t *frozen
        int32_t centers, noise_words
        float noise_weight
        int32_t single_pairs
        int64_t loss_interval
        uint64_t seed, epoch
        int32_t round_blocks
        double learning_rate, learning_rate_per_word
        int64_t next_unit, end_unit
        int32_t stop
    ctypedef struct sgns_reach:
        pass
    ctypedef struct sgns_block:
        float **inputs
        float **outputs
        float *pairs
        float *pair_sums
        float *noise
    ctypedef struct sgns_state:
        sgns_block *blocks
        float *updates
        float *logits
        float *old_inputs
        float *blank_row
        uint32_t *outputs
        uint32_t *marks
        int32_t *places
        float (*steps)[4]
        int32_t *kept
        int32_t *back
        sgns_reach *reach
        float *shields
        int64_t words_done, words_kept, pairs, loss_pairs, dot_products
        double loss
    ctypedef struct sgns_lane:
        sgns_state *state
        int64_t unit, drawn
    ctypedef struct sgns_barrier:
        int32_t threads
    int barrier_init(sgns_barrier *, int32_t)
    void barrier_destroy(sgns_barrier *)
    void lane_begin(const sgns_job *, sgns_lane *, int64_t, int64_t)
    ctypedef struct sgns_team:
        sgns_job *job
        sgns_lane lanes[C_TEAM_LANES]
        int32_t n_lanes
        sgns_barrier barrier
    ctypedef struct sgns_variant:
        const char *name
        int (*supported)()
        void (*train)(sgns_job *, sgns_state *) noexcept nogil
        void (*train_in_team)(sgns_team *, int32_t) noexcept nogil
    const sgns_variant SGNS_VARIANTS[]
    int64_t block_inputs(const sgns_job *)
    int64_t block_stride(const sgns_job *)
    int64_t piece_size(const sgns_job *)
    int64_t blocks_of_state(const sgns_job *)
    void sigmoid_init()
    float c_sigmoid "sigmoid" (float)
    double logistic_loss(float)

cdef extern from "guard.h" nogil:
    enum: GUARD_BYTES
    void guard_forbid(const void *, size_t)

sigmoid_init()

TEAM_LANES = C_TEAM_LANES  # the most lanes that a team can have
NOISE_DTYPE = np.dtype([("threshold", np.uint32), ("alias", np.uint32)])


def compiled_variants():
    """Names of all kernel variants in this build, best first, and whether this machine runs each."""
    return {SGNS_VARIANTS[i].name.decode(): bool(SGNS_VARIANTS[i].supported()) for i in range(SGNS_VARIANT_COUNT)}


def sigmoid(float x):
    """The kernels' sigmoid."""
    return c_sigmoid(x)


def loss(float x):
    """The kernels' -log sigmoid(x)."""
    return logistic_loss(x)


cdef object checked(object array, str name, object dtype, int ndim):
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != ndim or not array.flags.c_contiguous:
        raise ValueError(f"{name} must be a C-contiguous {ndim}-d array of {np.dtype(dtype)}")
    return array


cdef class Job:
    """A read-only description of the training, the two shared matrices, and the epoch under way.

    The matrices are (V, stride) float32 with stride a multiple of 16 and rows aligned to 64 bytes; columns from dim on are zero.
    """
    cdef sgns_job job
    cdef object arrays  # keeps the buffers alive

    def __cinit__(self, *, tokens, offsets, input_vectors, output_vectors, keep, noise, int32_t dim, int32_t left,
                  int32_t right, int32_t negative, bint shrink_windows, int32_t centers, int32_t noise_words, bint single_pairs,
                  int64_t unit_words, int64_t loss_interval, uint64_t seed, frozen=None, int32_t round_blocks=0):
        cdef const int32_t[::1] tokens_view = checked(tokens, "tokens", np.int32, 1)
        cdef const int64_t[::1] offsets_view = checked(offsets, "offsets", np.int64, 1)
        cdef float[:, ::1] inputs_view = checked(input_vectors, "input_vectors", np.float32, 2)
        cdef float[:, ::1] outputs_view = checked(output_vectors, "output_vectors", np.float32, 2)
        cdef const uint32_t[::1] keep_view = checked(keep, "keep", np.uint32, 1)
        cdef const uint32_t[::1] noise_view = checked(noise, "noise", NOISE_DTYPE, 1).view(np.uint32)
        cdef int64_t vocab_size = inputs_view.shape[0], stride = inputs_view.shape[1]
        if not (0 < vocab_size < 2**31) or outputs_view.shape[0] != vocab_size or keep_view.shape[0] != vocab_size:
            raise ValueError("input_vectors, output_vectors, keep and noise must have one row a word, fewer than 2**31")
        if noise_view.shape[0] != 2 * vocab_size or np.any(noise["alias"] >= vocab_size):
            raise ValueError("noise must hold one entry a word, each alias a word")
        if outputs_view.shape[1] != stride or stride % 16 or not 0 < dim <= stride:
            raise ValueError("input_vectors and output_vectors must have the same stride, a multiple of 16 and >= dim")
        if input_vectors.ctypes.data % 64 or output_vectors.ctypes.data % 64:
            raise ValueError("input_vectors and output_vectors must be aligned to 64 bytes")
        if np.any(input_vectors[:, dim:]) or np.any(output_vectors[:, dim:]):
            raise ValueError("input_vectors and output_vectors must be zero beyond dim")
        if len(tokens) == 0 or tokens.min() < 0 or tokens.max() >= vocab_size:
            raise ValueError("tokens must be ids of the vocabulary, one at least")
        if len(offsets) < 2 or offsets[0] != 0 or offsets[len(offsets) - 1] != len(tokens) or np.any(offsets[1:] <= offsets[:-1]):
            raise ValueError("offsets must rise from 0 to len(tokens)")
        if min(negative, centers, noise_words, unit_words, loss_interval) < 1:
            raise ValueError("negative, centers, noise_words, unit_words and loss_interval must be positive")
        if min(left, right) < 0 or max(left, right) == 0:
            raise ValueError("left and right must be 0 or more, and one of them positive")
        if max(left, right, negative, centers, noise_words) >= 2**20 or unit_words >= 2**30 or (single_pairs and centers > 1):
            raise ValueError("left, right, negative, centers, noise_words or unit_words is too large")
        if not 0 <= round_blocks < 2**20:
            raise ValueError("round_blocks must be 0, or the blocks of a round")
        if (<int64_t>left + right + centers) * (centers + noise_words + 15) >= 2**31:
            raise ValueError(f"left + right = {left + right} times noise_words={noise_words} is too large for one block")
        cdef const uint8_t[::1] frozen_view
        if frozen is not None:
            frozen_view = checked(frozen, "frozen", np.bool_, 1).view(np.uint8)
            if frozen_view.shape[0] != vocab_size:
                raise ValueError("frozen must hold one entry a word")
            self.job.frozen = &frozen_view[0]
        self.arrays = (tokens, offsets, input_vectors, output_vectors, keep, noise, frozen)
        self.job.tokens = &tokens_view[0]
        self.job.offsets = &offsets_view[0]
        self.job.n_tokens = tokens_view.shape[0]
        self.job.n_sentences = offsets_view.shape[0] - 1
        self.job.unit_words = unit_words
        self.job.input_vectors = &inputs_view[0, 0]
        self.job.output_vectors = &outputs_view[0, 0]
        self.job.stride = stride
        self.job.dim = dim
        self.job.vocab_size = <uint32_t>vocab_size
        self.job.keep = &keep_view[0]
        self.job.noise = <const sgns_noise *>&noise_view[0]
        self.job.left = left
        self.job.right = right
        self.job.shrink_windows = shrink_windows
        self.job.prefetch_to_write = cpu_prefetches_to_write()
        self.job.centers = centers
        self.job.noise_words = noise_words
        self.job.noise_weight = <float>negative / noise_words
        self.job.single_pairs = single_pairs
        self.job.loss_interval = loss_interval
        self.job.seed = seed
        self.job.round_blocks = round_blocks

    def begin_epoch(self, uint64_t epoch, double learning_rate, double learning_rate_per_word, int64_t first_unit=0,
                    end_unit=None):
        """Puts the shared counter back to the first work unit, or to another one to go on from; `end_unit` is not trained."""
        if first_unit < 0:
            raise ValueError("first_unit must not be negative")
        self.job.end_unit = self.units if end_unit is None else min(<int64_t>end_unit, self.units)
        self.job.epoch = epoch
        self.job.learning_rate = learning_rate
        self.job.learning_rate_per_word = learning_rate_per_word
        self.job.next_unit = first_unit
        self.job.stop = 0

    def stop(self):
        """Makes every worker return before its next unit."""
        self.job.stop = 1

    def go_on(self):
        """Takes `stop` back, so that workers may run again."""
        self.job.stop = 0

    @property
    def units_done(self):
        """Work units of this epoch that are trained, the first ones of the corpus; to be read while no worker runs."""
        return min(self.job.next_unit, self.job.end_unit)

    @property
    def units(self):
        """Work units of the corpus."""
        return (self.job.n_tokens + self.job.unit_words - 1) // self.job.unit_words


cdef class Worker:
    """What one thread owns: scratch memory and counters. Use each from one thread at a time."""
    cdef sgns_state *state
    cdef Job job
    cdef const sgns_variant *variant
    cdef void *memory

    def __cinit__(self, Job job, str simd):
        cdef int i
        self.job = job
        for i in range(SGNS_VARIANT_COUNT):
            if SGNS_VARIANTS[i].name.decode() == simd and SGNS_VARIANTS[i].supported():
                self.variant = &SGNS_VARIANTS[i]
        if self.variant == NULL:
            raise ValueError(f"simd={simd!r} is not a kernel variant that this machine runs")
        self.allocate()

    cdef int allocate(self) except -1:
        # One block, cut into arrays that begin on cache lines of their own; the first pass measures, the second cuts.
        # The state lies there too: inside this object it shared lines with what other threads read and write.
        cdef sgns_job *job = &self.job.job
        cdef sgns_state state
        cdef sgns_block arrays
        cdef size_t inputs = block_inputs(job), outputs = block_stride(job), blocks = blocks_of_state(job)
        cdef size_t used = 0
        cdef char *base = NULL
        cdef size_t turn, b
        memset(&state, 0, sizeof(sgns_state))
        memset(&arrays, 0, sizeof(sgns_block))
        for turn in range(2):
            used = CACHE_LINES
            self.state = <sgns_state *>cut(base, &used, sizeof(sgns_state))
            state.logits = <float *>cut(base, &used, inputs * outputs * sizeof(float))
            state.old_inputs = <float *>cut(base, &used, inputs * job.stride * sizeof(float))
            state.places = <int32_t *>cut(base, &used, inputs * sizeof(int32_t))
            state.blank_row = <float *>cut(base, &used, job.stride * sizeof(float))
            state.outputs = <uint32_t *>cut(base, &used, outputs * sizeof(uint32_t))
            state.marks = <uint32_t *>cut(base, &used, MARKS * sizeof(uint32_t))
            state.steps = <float (*)[4]>cut(base, &used, (inputs + 1) * sizeof(state.steps[0]))
            state.kept = <int32_t *>cut(base, &used, piece_size(job) * sizeof(int32_t))
            state.back = <int32_t *>cut(base, &used, piece_size(job) * sizeof(int32_t))
            state.reach = <sgns_reach *>cut(base, &used, job.unit_words * sizeof(sgns_reach))
            if job.frozen != NULL:
                state.shields = <float *>cut(base, &used, inputs * job.stride * sizeof(float))
            state.updates = <float *>cut(base, &used, job.round_blocks * (inputs + outputs) * job.stride * sizeof(float))
            state.blocks = <sgns_block *>cut(base, &used, blocks * sizeof(sgns_block))
            for b in range(blocks):
                arrays.inputs = <float **>cut(base, &used, inputs * sizeof(float *))
                arrays.outputs = <float **>cut(base, &used, outputs * sizeof(float *))
                arrays.pairs = <float *>cut(base, &used, inputs * outputs * sizeof(float))
                arrays.pair_sums = <float *>cut(base, &used, inputs * sizeof(float))
                arrays.noise = <float *>cut(base, &used, outputs * sizeof(float))
                if turn == 1:
                    state.blocks[b] = arrays
            if turn == 0:
                self.memory = PyMem_Calloc(used + 2 * CACHE_LINES, 1)
                if self.memory == NULL:
                    raise MemoryError(f"no {used} bytes for the scratch memory of a training thread")
                base = <char *>((<size_t>self.memory + 63) & ~<size_t>63)
        self.state[0] = state
        return 0

    def __dealloc__(self):
        PyMem_Free(self.memory)

    def run(self):
        """Trains work units until none is left or the job is stopped."""
        with nogil:
            self.variant.train(&self.job.job, self.state)

    @property
    def words_done(self):
        """Tokens gone through so far; may be read while `run` is under way."""
        return self.state.words_done

    @property
    def counts(self):
        """(words done, words kept, pairs, pairs the loss was taken of, their loss, dot products) since they were set."""
        cdef sgns_state *s = self.state
        return (s.words_done, s.words_kept, s.pairs, s.loss_pairs, s.loss, s.dot_products)

    @counts.setter
    def counts(self, counts):
        cdef sgns_state *s = self.state
        s.words_done, s.words_kept, s.pairs, s.loss_pairs, s.loss, s.dot_products = counts


cdef class Team:
    """Workers that train together in rounds, to the same bits by any number of threads; see rounds.h."""
    cdef readonly list workers  # one a lane: each has the counters of its own
    cdef sgns_team *team
    cdef const sgns_variant *variant
    cdef Job job

    def __cinit__(self, Job job, str simd, int32_t lanes, int32_t threads):
        if job.job.round_blocks < 1 or not 1 <= lanes <= C_TEAM_LANES or threads < 1:
            raise ValueError(f"a team needs a job with round_blocks, 1 to {TEAM_LANES} lanes, and a thread at least")
        self.team = <sgns_team *>PyMem_Calloc(1, sizeof(sgns_team))
        if self.team == NULL:
            raise MemoryError("no memory for a team")
        if barrier_init(&self.team.barrier, threads):
            PyMem_Free(self.team)
            self.team = NULL
            raise MemoryError("no memory for a team")
        cdef int64_t units = (job.job.n_tokens + job.job.unit_words - 1) // job.job.unit_words
        cdef Worker worker
        self.team.n_lanes = min(lanes, units)
        self.job, self.workers = job, []
        for _ in range(self.team.n_lanes):
            worker = Worker(job, simd)
            self.team.lanes[len(self.workers)].state = worker.state
            self.workers.append(worker)
        self.variant = worker.variant
        self.team.job = &job.job

    def __dealloc__(self):
        if self.team != NULL:
            barrier_destroy(&self.team.barrier)
        PyMem_Free(self.team)

    @property
    def threads(self):
        """How many have to run it."""
        return self.team.barrier.threads

    @property
    def places(self):
        """Of each lane: the work unit under way, and how many of its blocks are trained; to be used while nobody runs.

        To be set when an epoch of the job has begun, before counters are: to the lanes' first units, or where they were.
        """
        return tuple((self.team.lanes[i].unit, self.team.lanes[i].drawn) for i in range(self.team.n_lanes))

    @places.setter
    def places(self, places):
        if [unit % self.team.n_lanes for unit, _ in places] != list(range(self.team.n_lanes)) or min(map(min, places)) < 0:
            raise ValueError(f"places must be (unit, blocks) of {self.team.n_lanes} lanes")
        for i, (unit, blocks) in enumerate(places):
            lane_begin(&self.job.job, &self.team.lanes[i], unit, blocks)

    def run(self, int32_t thread):
        """Trains until no unit is left or the job is stopped; to be run by all threads, from 0 on, at the same time."""
        if not 0 <= thread < self.team.barrier.threads:
            raise ValueError(f"thread={thread} is not one of {self.team.barrier.threads}")
        with nogil:
            self.variant.train_in_team(self.team, thread)


cdef inline void *cut(char *base, size_t *used, size_t size) noexcept:
    cdef size_t at = used[0]
    used[0] = (at + size + GUARD_BYTES + 63) // 64 * 64
    if base == NULL:
        return NULL
    guard_forbid(base + at + size, used[0] - at - size)
    return base + at
