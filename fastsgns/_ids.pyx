# cython: freethreading_compatible=False
"""Arrays of integer tokens to ids, in place and in two passes: counted, then translated; by the C header tally.h."""

from cpython.buffer cimport PyBUF_ANY_CONTIGUOUS, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t

import numpy as np

cdef extern from "tally.h" nogil:
    ctypedef struct tally:
        int64_t *keys
        int64_t size
    int tally_init(tally *)
    void tally_free(tally *)
    void tally_read_counts(const tally *, int64_t *)
    int tally_count(tally *, const char *, int64_t, int, int)
    int tally_merge(tally *, const tally *, const int64_t *, int32_t *)
    void tally_renumber(tally *, const int32_t *)
    int64_t tally_translate(const tally *, const char *, const int64_t *, int64_t, int, int, int32_t *, int64_t, int64_t, int64_t *)


cdef class IdTally:
    """Distinct integers, in the order of first appearance, and their counts.

    Arrays are of one dimension, contiguous and of integers in the machine's byte order, unsigned ones of 64 bits below
    2**63. Use it from one thread at a time, except `translate`.
    """
    cdef tally state
    cdef bint renumbered

    def __cinit__(self):
        if tally_init(&self.state) < 0:
            raise MemoryError("no memory for the tokens of the corpus")

    def __dealloc__(self):
        tally_free(&self.state)

    def __len__(self):
        return self.state.size

    def count(self, array):
        """Counts the integers of an array."""
        cdef Py_buffer view
        cdef int status, is_signed = array.dtype.kind == "i"
        self.check_array(array)
        PyObject_GetBuffer(array, &view, PyBUF_ANY_CONTIGUOUS)
        try:
            with nogil:
                status = tally_count(&self.state, <const char *>view.buf, view.len // view.itemsize, view.itemsize, is_signed)
        finally:
            PyBuffer_Release(&view)
        self.check(status)

    def merge(self, IdTally other):
        """Takes over what another one, of a later part of the corpus, has counted; returns the place here of each of its integers."""
        places = np.empty(len(other), np.int32)
        cdef int32_t[::1] view = places
        cdef const int64_t[::1] counts = other.counts()
        cdef int status = 0
        if counts.shape[0]:
            with nogil:
                status = tally_merge(&self.state, &other.state, &counts[0], &view[0])
        self.check(status)
        return places

    def counts(self):
        """How often each integer occurs."""
        counts = np.empty(self.state.size, np.int64)
        cdef int64_t[::1] view = counts
        if self.renumbered:
            raise ValueError("counts() must be called before renumber()")
        if self.state.size:
            with nogil:
                tally_read_counts(&self.state, &view[0])
        return counts

    def keys(self):
        """The integers."""
        if self.state.size == 0:
            return np.empty(0, np.int64)
        return np.array(<int64_t[:self.state.size]>self.state.keys)

    def renumber(self, const int32_t[::1] ids):
        """Makes ids[i] the id of integer i, or none where that is negative; nothing can be counted or merged after."""
        if ids.shape[0] != self.state.size:
            raise ValueError(f"{ids.shape[0]} ids for {self.state.size} integers")
        self.renumbered = True
        if self.state.size:
            with nogil:
                tally_renumber(&self.state, &ids[0])

    def translate(self, array, const int64_t[::1] offsets, int32_t[::1] tokens, int64_t base, int64_t[::1] ends):
        """Writes the ids of sentences array[offsets[i]:offsets[i + 1]] to tokens.

        ends[i] becomes base and the number of ids up to the end of sentence i. Returns how many there are; what tokens
        has no room for is not written. The caller has made sure that offsets do not fall. Several threads may do so at once.
        """
        cdef Py_buffer view
        cdef int64_t n = offsets.shape[0] - 1, written = 0
        cdef int is_signed = array.dtype.kind == "i"
        cdef int32_t *out = &tokens[0] if tokens.shape[0] else NULL
        self.check_array(array)
        if not self.renumbered or n < 0 or ends.shape[0] != n or (n and not 0 <= offsets[0] <= offsets[n] <= len(array)):
            raise ValueError("renumber() comes before translate(), offsets lie within the array, and each sentence has an end")
        if n == 0:
            return 0
        PyObject_GetBuffer(array, &view, PyBUF_ANY_CONTIGUOUS)
        try:
            with nogil:
                written = tally_translate(&self.state, <const char *>view.buf, &offsets[0], n, view.itemsize, is_signed,
                                          out, tokens.shape[0], base, &ends[0])
        finally:
            PyBuffer_Release(&view)
        return written

    cdef int check_array(self, array) except -1:
        if array.ndim != 1 or array.dtype.kind not in "iu" or not array.dtype.isnative:
            raise ValueError(f"an array of shape {array.shape} and {array.dtype} is no row of integers")
        return 0

    cdef int check(self, int status) except -1:
        if status == 0:
            return 0
        if self.state.size >= 2**31 - 1:
            raise ValueError("the corpus has more than 2**31 - 1 distinct words")
        raise MemoryError("no memory for the words of the corpus")
