"""Arithmetic on matrices of vectors that copies no matrix; a vector of zeros is like nothing, not NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK_ROWS",
    "COSMUL_EPSILON",
    "best_first",
    "dots",
    "over",
    "row_norms",
    "safe_lengths",
    "unit",
    "unit_rows",
]

# Rows converted at once where a whole matrix of another type would not be welcome.
BLOCK_ROWS = 65536
# Keeps 3CosMul's denominator from zero (Levy and Goldberg 2014).
COSMUL_EPSILON = 1e-6


def row_norms(matrix: NDArray[Any]) -> NDArray[Any]:
    """Euclidean norm of every row, of float32 at least; no temporary of the matrix's size."""
    squares = np.empty(len(matrix), np.result_type(matrix, np.float32))
    for start in range(0, len(matrix), BLOCK_ROWS):
        block = matrix[start : start + BLOCK_ROWS].astype(squares.dtype, copy=False)
        np.einsum("ij,ij->i", block, block, out=squares[start : start + BLOCK_ROWS])
    return np.sqrt(squares, out=squares)


def dots(matrix: NDArray[Any], vector: NDArray[Any]) -> NDArray[Any]:
    """Dot products of the rows with a vector, of float32 at least. BLAS takes padded rows as they are."""
    dtype = np.result_type(matrix, np.float32)
    vector = vector.astype(dtype, copy=False)
    if matrix.dtype == dtype:
        return np.asarray(matrix @ vector)
    products = np.empty(len(matrix), dtype)
    for start in range(0, len(matrix), BLOCK_ROWS):
        products[start : start + BLOCK_ROWS] = matrix[start : start + BLOCK_ROWS].astype(dtype) @ vector
    return products


def safe_lengths(lengths: NDArray[Any]) -> NDArray[Any]:
    """Lengths to divide by: 1 in place of 0."""
    return np.asarray(np.where(lengths > 0, lengths, 1))


def over(dividends: NDArray[Any], lengths: NDArray[Any]) -> NDArray[Any]:
    """Quotients, 0 where the length is: a vector of zeros is like nothing."""
    return np.asarray(np.divide(dividends, lengths, out=np.zeros_like(dividends), where=lengths > 0))


def unit(vector: NDArray[Any]) -> NDArray[Any]:
    """The vector, of float32 at least, scaled to length 1; zeros stay."""
    vector = vector.astype(np.result_type(vector, np.float32), copy=False)
    length = np.sqrt(np.dot(vector, vector))
    return vector / length if length > 0 else vector


def unit_rows(vectors: NDArray[Any]) -> NDArray[Any]:
    """A copy of float32 at least, every row scaled to length 1; zeros stay."""
    rows: NDArray[Any] = vectors.astype(np.result_type(vectors, np.float32))
    rows /= safe_lengths(row_norms(rows))[:, np.newaxis]
    return rows


def best_first(scores: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Indexes of the `count` highest scores, highest first; among equals the lower index; NaN last.

    Examples
    --------
    >>> best_first(np.array([1.0, 3.0, 2.0, 3.0]), 3).tolist()
    [1, 3, 2]
    """
    keys = -scores
    if count >= len(keys):
        return np.argsort(keys, kind="stable")[:count]
    limit = np.partition(keys, count - 1)[count - 1]
    if np.isnan(limit):
        return np.argsort(keys, kind="stable")[:count]
    chosen = np.flatnonzero(keys <= limit)
    return chosen[np.argsort(keys[chosen], kind="stable")[:count]]
