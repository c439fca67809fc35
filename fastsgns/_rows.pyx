# cython: freethreading_compatible=False
"""Rows of matrices that several workers train: how they changed, what becomes of the changes, and back. A pass each.

Changes are kept as halves of floats (`bfloat16`, as uint16), as they are sent. What rounding leaves of a worker's own
changes is part of its next ones. Rows that are due lie far apart: the processor does not guess which one comes next, and
a pass would wait for memory most of its time. So each row is asked for some rows before its turn.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint16_t


cdef extern from "_c/bfloat16.h" nogil:
    uint16_t bfloat16_of(float number) noexcept
    float float_of(uint16_t half) noexcept

cdef extern from "_c/prefetch.h" nogil:
    void prefetch_floats(const float *first, int64_t n) noexcept

cdef enum:
    ROWS_AHEAD = 4


def gather_changes(const float[:, :] own, const float[:, :] base, const int64_t[::1] rows, uint16_t[:, ::1] out):
    """out[i] = own[rows[i]] - base[rows[i]]; of own and base, neighbours in a row must be neighbours in memory."""
    cdef int64_t i, j, row, dim = out.shape[1]
    cdef const float *mine
    cdef const float *merged
    cdef uint16_t *change
    check(own, base, rows, out.shape[0], dim)
    if dim == 0:
        return
    with nogil:
        for i in range(rows.shape[0]):
            if i + ROWS_AHEAD < rows.shape[0]:
                row = rows[i + ROWS_AHEAD]
                prefetch_floats(&own[row, 0], dim)
                prefetch_floats(&base[row, 0], dim)
            row = rows[i]
            mine, merged, change = &own[row, 0], &base[row, 0], &out[i, 0]
            for j in range(dim):
                change[j] = bfloat16_of(mine[j] - merged[j])


def put_changes(
    float[:, :] own, float[:, :] base, const int64_t[::1] rows, const uint16_t[:, ::1] changes, const uint16_t[:, ::1] sent
):
    """base[rows[i]] += changes[i], own[rows[i]] += changes[i] - sent[i]."""
    cdef int64_t i, j, row, dim = changes.shape[1]
    cdef float *mine
    cdef float *merged
    cdef const uint16_t *change
    cdef const uint16_t *before
    cdef float number
    check(own, base, rows, changes.shape[0], dim)
    if sent.shape[0] != changes.shape[0] or sent.shape[1] != dim:
        raise ValueError("sent must have the shape of changes")
    if dim == 0:
        return
    with nogil:
        for i in range(rows.shape[0]):
            if i + ROWS_AHEAD < rows.shape[0]:
                row = rows[i + ROWS_AHEAD]
                prefetch_floats(&own[row, 0], dim)
                prefetch_floats(&base[row, 0], dim)
            row = rows[i]
            mine, merged, change, before = &own[row, 0], &base[row, 0], &changes[i, 0], &sent[i, 0]
            for j in range(dim):
                number = float_of(change[j])
                merged[j] += number
                mine[j] += number - float_of(before[j])


def merge_changes(
    list parts, const float[::1] factors, float[:, ::1] last, const int64_t[::1] places, uint16_t[:, ::1] out
):
    """out[i] = factors[i] * (sum of all parts' row i) + (1 - factors[i]) * last[places[i]], which becomes the same.

    `parts` are the workers' changes, arrays of out's shape. Rounded, `last` would not die away where factors are small.
    """
    cdef int64_t i, j, n = out.shape[0], dim = out.shape[1], p, n_parts = len(parts)
    cdef const uint16_t[:, ::1] part
    cdef const uint16_t **begins
    cdef const uint16_t *change
    cdef uint16_t *merged
    cdef float *before
    cdef float *sums
    cdef float factor, number
    check_rows(places, last.shape[0], n)
    if n_parts == 0 or factors.shape[0] != n or last.shape[1] != dim:
        raise ValueError("there must be a part, a factor for each row of out, and as many columns in last as in out")
    for part in parts:
        if part.shape[0] != n or part.shape[1] != dim:
            raise ValueError("parts must have the shape of out")
    if n == 0 or dim == 0:
        return
    begins = <const uint16_t **>PyMem_Malloc(n_parts * sizeof(uint16_t *) + dim * sizeof(float))
    if begins == NULL:
        raise MemoryError("no memory to merge changes")
    sums = <float *>(begins + n_parts)
    for p in range(n_parts):
        part = parts[p]
        begins[p] = &part[0, 0]
    with nogil:
        for i in range(n):
            if i + ROWS_AHEAD < n:
                prefetch_floats(&last[places[i + ROWS_AHEAD], 0], dim)
            for j in range(dim):
                sums[j] = float_of(begins[0][i * dim + j])
            for p in range(1, n_parts):
                change = begins[p] + i * dim
                for j in range(dim):
                    sums[j] += float_of(change[j])
            factor, merged, before = factors[i], &out[i, 0], &last[places[i], 0]
            for j in range(dim):
                number = factor * sums[j] + (1 - factor) * before[j]
                merged[j], before[j] = bfloat16_of(number), number
    PyMem_Free(begins)


cdef int check(const float[:, :] own, const float[:, :] base, const int64_t[::1] rows, int64_t n, int64_t dim) except -1:
    if own.shape[0] != base.shape[0] or own.shape[1] != dim or base.shape[1] != dim or not in_rows(own) or not in_rows(base):
        raise ValueError("own and base must be matrices of the same shape, with as many columns as the changes")
    return check_rows(rows, own.shape[0], n)


cdef bint in_rows(const float[:, :] matrix) noexcept:
    return matrix.strides[1] == sizeof(float)


cdef int check_rows(const int64_t[::1] rows, int64_t size, int64_t n) except -1:
    cdef int64_t i, bad = 0
    if rows.shape[0] != n:
        raise ValueError(f"there must be one row of numbers for each of {rows.shape[0]} rows, and there are {n}")
    for i in range(n):
        bad += rows[i] < 0 or rows[i] >= size
    if bad:
        raise IndexError(f"{bad} rows are not below {size}")
    return 0
