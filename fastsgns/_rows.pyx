# cython: freethreading_compatible=False
"""Rows of matrices that several workers train: how they changed, what becomes of the changes, and back. A pass each."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t

# Rows of all workers' changes that are added up together, and stay in the cache meanwhile.
cdef enum: BLOCK_ROWS = 16


def gather_changes(const float[:, :] own, const float[:, :] base, const int64_t[::1] rows, float[:, ::1] out):
    """out[i] = own[rows[i]] - base[rows[i]]; of own and base, neighbours in a row must be neighbours in memory."""
    cdef int64_t i, j, row, dim = out.shape[1]
    cdef const float *mine
    cdef const float *merged
    cdef float *change
    check(rows, own.shape[0], out.shape[0])
    if own.shape[0] != base.shape[0] or own.shape[1] != dim or base.shape[1] != dim or not in_rows(own) or not in_rows(base):
        raise ValueError("own and base must be matrices of the same shape, with as many columns as out")
    if dim == 0:
        return
    with nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            mine, merged, change = &own[row, 0], &base[row, 0], &out[i, 0]
            for j in range(dim):
                change[j] = mine[j] - merged[j]


def put_changes(float[:, :] own, float[:, :] base, const int64_t[::1] rows, const float[:, ::1] changes):
    """base[rows[i]] += changes[i], and own[rows[i]] becomes the same."""
    cdef int64_t i, j, row, dim = changes.shape[1]
    cdef float *mine
    cdef float *merged
    cdef const float *change
    check(rows, own.shape[0], changes.shape[0])
    if own.shape[0] != base.shape[0] or own.shape[1] != dim or base.shape[1] != dim or not in_rows(own) or not in_rows(base):
        raise ValueError("own and base must be matrices of the same shape, with as many columns as changes")
    if dim == 0:
        return
    with nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            mine, merged, change = &own[row, 0], &base[row, 0], &changes[i, 0]
            for j in range(dim):
                merged[j] += change[j]
                mine[j] = merged[j]


def merge_changes(list parts, const float[::1] factors, float[:, ::1] last, const int64_t[::1] places, float[:, ::1] out):
    """out[i] = factors[i] * (sum of all parts' row i) + (1 - factors[i]) * last[places[i]], which becomes out[i] too.

    `parts` are the workers' changes, float32 arrays of out's shape.
    """
    cdef int64_t i, j, start = 0, end, n = out.shape[0], dim = out.shape[1], p, n_parts = len(parts)
    cdef const float[:, ::1] part
    cdef const float **begins
    cdef const float *change
    cdef float *merged
    cdef float *before
    cdef float factor
    check(places, last.shape[0], n)
    if n_parts == 0 or factors.shape[0] != n or last.shape[1] != dim:
        raise ValueError("there must be a part, a factor for each row of out, and as many columns in last as in out")
    for part in parts:
        if part.shape[0] != n or part.shape[1] != dim:
            raise ValueError("parts must have the shape of out")
    if n == 0 or dim == 0:
        return
    begins = <const float **>PyMem_Malloc(n_parts * sizeof(float *))
    if begins == NULL:
        raise MemoryError("no memory to merge changes")
    for p in range(n_parts):
        part = parts[p]
        begins[p] = &part[0, 0]
    with nogil:
        while start < n:
            end = min(start + BLOCK_ROWS, n)
            for j in range(start * dim, end * dim):
                (&out[0, 0])[j] = begins[0][j]
            for p in range(1, n_parts):
                change, merged = begins[p], &out[0, 0]
                for j in range(start * dim, end * dim):
                    merged[j] += change[j]
            for i in range(start, end):
                factor, merged, before = factors[i], &out[i, 0], &last[places[i], 0]
                for j in range(dim):
                    merged[j] = factor * merged[j] + (1 - factor) * before[j]
                    before[j] = merged[j]
            start = end
    PyMem_Free(begins)


cdef bint in_rows(const float[:, :] matrix) noexcept:
    return matrix.strides[1] == sizeof(float)


cdef int check(const int64_t[::1] rows, int64_t size, int64_t n) except -1:
    cdef int64_t i, bad = 0
    if rows.shape[0] != n:
        raise ValueError(f"there must be one row of numbers for each of {rows.shape[0]} rows, and there are {n}")
    for i in range(n):
        bad += rows[i] < 0 or rows[i] >= size
    if bad:
        raise IndexError(f"{bad} rows are not below {size}")
    return 0
