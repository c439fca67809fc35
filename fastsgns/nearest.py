"""The nearest rows of a matrix for many queries at once, by blocked matrix products in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import memory
from fastsgns.vectormath import best_first, dots, safe_lengths, unit_rows

__all__ = ["nearest"]

# A thread holds the cosines of so many queries with so many rows, 16 MiB. Smaller products leave a BLAS of several
# threads waiting for them; larger ones leave the cache before they are looked through.
BLOCK_QUERIES = 256
BLOCK_ROWS = 16384

Found = tuple[NDArray[np.intp], NDArray[Any]]


def nearest(
    queries: Callable[[slice], NDArray[Any]],
    total: int,
    vectors: NDArray[Any],
    norms: NDArray[Any],
    count: int,
    workers: int,
) -> Found:
    """The rows of highest cosine for each query.

    Parameters
    ----------
    queries : callable
        Gives the queries of a slice as a matrix; it is called from several threads.
    total : int
        The number of queries.
    vectors : ndarray of float, shape (V, dim)
    norms : ndarray of float, shape (V,)
        The lengths of the vectors.
    count : int
        Rows to find for each query.
    workers : int
        Threads, each of them with blocks of queries of its own.

    Returns
    -------
    rows : ndarray of int, shape (total, min(count, V))
        The best first, among equals in order.
    cosines : ndarray of float, of the same shape

    Examples
    --------
    >>> vectors = np.array([[1, 0], [0, 2], [3, 3]], np.float32)
    >>> rows, cosines = nearest(lambda block: vectors[block], 2, vectors, np.linalg.norm(vectors, axis=1), 2, 1)
    >>> rows.tolist()
    [[0, 2], [1, 2]]
    """
    dtype = np.result_type(vectors, np.float32)
    shape = total, min(count, len(vectors))
    what = f"{shape[0]:,} queries x {shape[1]:,} nearest x {8 + dtype.itemsize} bytes"
    memory.require(shape[0] * shape[1] * (8 + dtype.itemsize), what, "give a lower topn, or fewer queries at once")
    rows = np.empty(shape, np.intp)
    cosines = np.empty(rows.shape, dtype)
    lengths = safe_lengths(norms)

    def search(block: slice) -> None:
        units = unit_rows(queries(block)).astype(dtype, copy=False)
        rows[block], cosines[block] = nearest_of_block(units, vectors, lengths, rows.shape[1])

    blocks = [slice(start, min(start + BLOCK_QUERIES, total)) for start in range(0, total, BLOCK_QUERIES)]
    if workers == 1 or len(blocks) < 2:
        for block in blocks:
            search(block)
    else:
        with ThreadPoolExecutor(min(workers, len(blocks))) as pool:
            for _ in pool.map(search, blocks):
                pass
    return rows, cosines


def nearest_of_block(units: NDArray[Any], vectors: NDArray[Any], lengths: NDArray[Any], count: int) -> Found:
    """Queries of length 1 go past the vectors, block by block; what beats a query's worst so far takes its place."""
    shape = len(units), count
    worst = np.full(len(units), -np.inf, units.dtype)  # of a query's best `count`, once it has so many
    query, row, cosine = np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, units.dtype)  # those, query by query
    room = np.empty((len(units), min(BLOCK_ROWS, len(vectors))), units.dtype)
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS].astype(units.dtype, copy=False)
        cosines = room[:, : len(block)]
        np.matmul(units, block.T, out=cosines)
        cosines /= lengths[start : start + BLOCK_ROWS]
        better = cosines > worst[:, np.newaxis]
        if np.count_nonzero(better) > 4 * len(units) * count and count < len(block):  # as in the first block
            worse = len(block) - count
            better &= cosines >= np.partition(cosines, worse, axis=1)[:, worse, np.newaxis]
        new_query, place = np.divmod(np.flatnonzero(better), len(block))
        query, row = np.concatenate([query, new_query]), np.concatenate([row, start + place])
        cosine = np.concatenate([cosine, cosines[new_query, place]])
        order = np.lexsort((row, -cosine, query))
        query, row, cosine = query[order], row[order], cosine[order]
        rank = np.arange(len(query)) - np.searchsorted(query, query)
        worst[query[rank == count - 1]] = cosine[rank == count - 1]
        query, row, cosine = query[rank < count], row[rank < count], cosine[rank < count]
    if len(row) == len(units) * count:
        return row.reshape(shape), cosine.reshape(shape)
    # Some cosines are no numbers, and come last.
    rows, cosines = np.empty(shape, np.intp), np.empty(shape, units.dtype)
    for number, unit in enumerate(units):
        scores = dots(vectors, unit) / lengths
        rows[number] = best_first(scores, count)
        cosines[number] = scores[rows[number]]
    return rows, cosines
