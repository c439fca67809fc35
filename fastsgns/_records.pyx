# cython: freethreading_compatible=False
"""Blocks of word2vec's files to keys and rows, by the C header records.h."""

from libc.stdint cimport int64_t, uint8_t, uint16_t

cdef extern from "Python.h":
    object PyUnicode_Decode(const char *, Py_ssize_t, const char *, const char *)

cdef extern from "records.h" nogil:
    int64_t records_binary(const uint8_t *, int64_t *, int64_t, int64_t, uint8_t *, int64_t, int64_t *)
    int64_t records_text(const uint8_t *, int64_t *, int64_t, int64_t, double *, int64_t, int64_t *)
    uint16_t records_half(float)


def read_binary(const uint8_t[::1] block, int64_t start, int64_t stop, float[:, ::1] rows, int64_t[:, ::1] bounds):
    """Reads the records in block[start:stop], as many as are whole and `rows` has room for.

    bounds[i] becomes where in the block key i starts and ends. Returns how many were read, and where the next starts.
    """
    cdef int64_t count = 0
    check(block.shape[0], start, stop, bounds.shape[0], bounds.shape[1], rows.shape[0], rows.shape[1])
    if rows.shape[0] and start < stop:
        with nogil:
            count = records_binary(&block[0], &start, stop, 4 * rows.shape[1], <uint8_t *>&rows[0, 0],
                                   min(rows.shape[0], bounds.shape[0]), &bounds[0, 0])
    return count, start


def read_text(const uint8_t[::1] block, int64_t start, int64_t stop, double[:, ::1] rows, int64_t[:, ::1] bounds):
    """Reads the lines in block[start:stop] as read_binary does, up to one that is not plain, if there is one."""
    cdef int64_t count = 0
    check(block.shape[0], start, stop, bounds.shape[0], bounds.shape[1], rows.shape[0], rows.shape[1])
    if rows.shape[0] and start < stop:
        with nogil:
            count = records_text(&block[0], &start, stop, rows.shape[1], &rows[0, 0],
                                 min(rows.shape[0], bounds.shape[0]), &bounds[0, 0])
    return count, start


def to_half(const float[:, ::1] rows, uint16_t[:, ::1] out):
    """Writes rows to `out` as the bits of float16."""
    cdef int64_t i, size = rows.shape[0] * rows.shape[1]
    cdef const float *numbers
    cdef uint16_t *halves
    if rows.shape[0] != out.shape[0] or rows.shape[1] != out.shape[1]:
        raise ValueError("rows and out are of different shapes")
    if size == 0:
        return
    numbers, halves = &rows[0, 0], &out[0, 0]
    with nogil:
        for i in range(size):
            halves[i] = records_half(numbers[i])


def decode(const uint8_t[::1] block, const int64_t[:, ::1] bounds, int64_t count, encoding, errors):
    """The first `count` keys of a block, as strings."""
    cdef bytes encoding_name = encoding.encode(), errors_name = errors.encode()
    cdef const char *first = ""
    cdef int64_t i
    cdef list keys = []
    if not 0 <= count <= bounds.shape[0] or bounds.shape[1] != 2:
        raise ValueError(f"there are no {count} keys")
    if block.shape[0]:
        first = <const char *>&block[0]
    for i in range(count):
        if not 0 <= bounds[i, 0] <= bounds[i, 1] <= block.shape[0]:
            raise ValueError(f"key {i} is not in the block")
        keys.append(PyUnicode_Decode(first + bounds[i, 0], bounds[i, 1] - bounds[i, 0], encoding_name, errors_name))
    return keys


cdef int check(int64_t size, int64_t start, int64_t stop, int64_t most, int64_t sides, int64_t rows, int64_t dim) except -1:
    if not 0 <= start <= stop <= size or most < 1 or sides != 2 or (rows and dim < 1):
        raise ValueError("start, stop, rows or bounds do not fit the block")
    return 0
