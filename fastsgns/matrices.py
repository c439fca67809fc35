"""The two matrices: rows aligned as the kernels want them, what they start from, and which input rows stay frozen."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import memory
from fastsgns.keyedvectors import KeyedVectors

__all__ = [
    "aligned_matrix",
    "as_aligned",
    "frozen_rows",
    "given_vectors",
    "initial_vectors",
    "matrix_bytes",
    "padded",
    "read_vectors",
    "start_from_given",
]

logger = logging.getLogger(__name__)

InitVectors = KeyedVectors | str | os.PathLike[str]
Freeze = bool | Iterable[Hashable]


def aligned_matrix(rows: int, dim: int) -> NDArray[np.float32]:
    """Zeros of shape (rows, dim), a view of rows padded to 64 bytes and aligned to them, as the kernels want it.

    Zeroed memory is not touched before it is used, and NumPy asks the system for huge pages.
    """
    stride = -(-dim // 16) * 16
    block = np.zeros(rows * stride + 16, np.float32)
    start = -(block.ctypes.data // block.itemsize) % 16
    return block[start : start + rows * stride].reshape(rows, stride)[:, :dim]


def matrix_bytes(rows: int, dim: int) -> int:
    """Of an `aligned_matrix`.

    Examples
    --------
    >>> matrix_bytes(1_000_000, 100)
    448000000
    """
    return rows * -(-dim // 16) * 64


def as_aligned(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """The matrix itself if it is laid out as `aligned_matrix` does, else a copy that is: pickles, for one, are not."""
    rows, dim = vectors.shape
    usable = vectors.dtype == np.float32 and vectors.flags.writeable and vectors.ctypes.data % 64 == 0
    if usable and vectors.strides == (-(-dim // 16) * 64, 4):
        return vectors
    memory.require(
        matrix_bytes(rows, dim), f"a copy of {rows:,} x {dim} dimensions to train on", "free some memory first"
    )
    aligned = aligned_matrix(rows, dim)
    aligned[:] = vectors
    return aligned


def initial_vectors(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Input vectors to start from: uniform in [-1 / dim, 1 / dim), as in gensim and fastText; shape (rows, dim).

    On a large corpus the range makes no difference; on a small one, trained for one epoch, half of it learns less.
    """
    vectors = aligned_matrix(rows, dim)
    generator = np.random.default_rng(seed % 2**64)
    for start in range(0, rows, 4096):
        block = vectors[start : start + 4096]
        block[:] = (2 * generator.random(block.shape, dtype=np.float32) - 1) / np.float32(dim)
    return vectors


def padded(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows of an `aligned_matrix` with their padding."""
    stride = vectors.strides[0] // vectors.itemsize
    return np.lib.stride_tricks.as_strided(vectors, (len(vectors), stride))


def read_vectors(name: str, given: InitVectors) -> KeyedVectors:
    """The vectors given for an argument, read if a path: .bin, .txt or .vec (packed or not) in word2vec's format, else
    native and mapped.

    Raises
    ------
    ValueError
        If they are not vectors at all.
    """
    read = given
    if isinstance(read, (str, os.PathLike)):
        suffixes = [suffix.lower() for suffix in Path(read).suffixes]
        binary = ".bin" in suffixes
        if binary or {".txt", ".vec", ".w2v"}.intersection(suffixes):
            read = KeyedVectors.load_word2vec_format(read, binary=binary)
        else:
            read = KeyedVectors.load(read, mmap="r")
    if not (hasattr(read, "key_to_index") and hasattr(read, "vectors")):
        raise ValueError(f"{name}={given!r} must be KeyedVectors or the path of a file of them")
    return read


def given_vectors(init_vectors: InitVectors, vector_size: int) -> KeyedVectors:
    """The vectors to start from, of `read_vectors`.

    Raises
    ------
    ValueError
        If they are of other dimensions, or not vectors at all.
    """
    given = read_vectors("init_vectors", init_vectors)
    if given.vectors.shape[1] != vector_size:
        raise ValueError(
            f"init_vectors have {given.vectors.shape[1]} dimensions, vector_size={vector_size}: make them equal"
        )
    return given


def start_from_given(
    vectors: NDArray[np.float32], words: Sequence[Hashable], given: KeyedVectors, freeze: Freeze, first: bool
) -> NDArray[np.float32] | None:
    """Copy the vectors that are given for words into their rows.

    Parameters
    ----------
    vectors : ndarray of float32, shape (V, dim)
        Changed in place.
    words : sequence, length V
    given : KeyedVectors
        Of the same dimensions.
    freeze : bool or iterable of words
        Which words training shall leave as they are: True for all that are given, or those named.
    first : bool
        Whether these are the first words of a model: one of them at least must be given.

    Returns
    -------
    ndarray of float32, shape (V,), or None
        0 for frozen rows and 1 for others, as `KeyedVectors.vectors_lockf`; None if none is frozen.

    Raises
    ------
    ValueError
        If a vector that is given is not finite, or none is given.
    """
    theirs = np.array([given.key_to_index.get(word, -1) for word in words], np.int64)
    found = np.flatnonzero(theirs >= 0)
    vectors[found] = given.vectors[theirs[found]]
    if not np.isfinite(vectors[found]).all():
        raise ValueError("init_vectors hold numbers that are not finite")
    if len(found):
        logger.info("%d of %d words start from given vectors", len(found), len(words))
    elif len(words):
        problem = f"init_vectors hold none of {len(words)} words: are they of the same language and case?"
        if first:
            raise ValueError(problem)
        logger.warning("%s", problem)
    locks = np.ones(len(words), np.float32)
    if freeze is True:
        locks[found] = 0
    elif freeze is not False:
        named = set(freeze)
        locks[[row for row, word in enumerate(words) if word in named]] = 0
    return None if locks.all() else locks


def frozen_rows(locks: NDArray[Any], rows: int) -> NDArray[np.bool_] | None:
    """Which rows `KeyedVectors.vectors_lockf` keeps as they are, as the kernel wants them; None if there is none.

    Raises
    ------
    ValueError
        If it holds anything but 0 and 1: its elements may have been written to.
    """
    if not np.isin(locks, (0, 1)).all():
        raise ValueError("vectors_lockf must hold 0 (frozen) and 1 (trained) only; other factors are not supported")
    return None if locks.all() else np.array(np.broadcast_to(locks == 0, (rows,)))
