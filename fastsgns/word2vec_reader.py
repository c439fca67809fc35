"""Reading the formats of word2vec.c, text and binary, and GloVe's (text without a header), in blocks."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastsgns.checks import check_integer
from fastsgns.files import PathLike
from fastsgns.formats import DAMAGED, open_binary
from fastsgns.vectorfile import LONGEST_KEY, BinaryFile, TextFile, VectorFile

__all__ = ["open_vectors", "read_vectors", "read_vocabulary"]

logger = logging.getLogger(__name__)


def read_vectors(
    path: PathLike,
    *,
    binary: bool = False,
    limit: int | None = None,
    datatype: DTypeLike = np.float32,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    no_header: bool = False,
) -> tuple[dict[str, int], NDArray[Any]]:
    """Read keys and vectors.

    Parameters
    ----------
    path : path
        May end in .gz, .bz2 or .xz.
    binary : bool
        float32 after each key, rather than text.
    limit : int, optional
        Read the first so many only.
    datatype : data type
        Of the vectors returned.
    encoding, unicode_errors : str
        How keys are decoded; "ignore" or "replace" help with files whose keys were cut inside a character.
    no_header : bool
        The text starts with the first vector.

    Returns
    -------
    rows : dict of str to int
        The row of each key, in order of rows. Of repeated keys the first is kept.
    vectors : ndarray, shape (n, dim)

    Raises
    ------
    ValueError
        If the file is empty, truncated, or of another format, or a number in its text is beyond those of 64 bits.
    """
    dtype = np.dtype(datatype)
    if dtype.kind != "f":
        raise ValueError(f"datatype={datatype!r} must be a float type, such as numpy.float32")
    if limit is not None and limit < 0:
        raise ValueError(f"limit={limit!r} must be positive, or None for all")
    with open_vectors(
        path, binary=binary, encoding=encoding, unicode_errors=unicode_errors, no_header=no_header
    ) as file:
        most = min(limit or sys.maxsize, sys.maxsize if file.count is None else file.count)
        vectors = file.allocate(file.rows_at_first(most), dtype)
        keys: list[str] = []
        while len(keys) < most:
            if len(keys) == len(vectors):
                grown = file.allocate(min(most, 2 * len(vectors)), dtype)
                grown[: len(vectors)] = vectors
                vectors = grown
            found = file.read(vectors[len(keys) : most])
            if not found:
                break
            keys += found
        vectors = vectors[: len(keys)]
        if not limit:
            file.warn_of_rest()
    rows = dict(zip(keys, range(len(keys)), strict=True))
    if len(rows) == len(keys):
        return rows, vectors
    return without_repetitions(Path(path), keys, vectors)


@contextlib.contextmanager
def open_vectors(
    path: PathLike,
    *,
    binary: bool = False,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    no_header: bool = False,
) -> Iterator[VectorFile]:
    """Open a file of vectors for reading; the parameters are those of `read_vectors`.

    Raises
    ------
    ValueError
        If the file is empty or of another format, or what is read of it within the block is damaged.
    """
    path = Path(path)
    if binary and no_header:
        raise ValueError("no_header=True is for text: a binary file cannot be read without its sizes")
    with damage_named(path), open_binary(path) as file:
        kind = BinaryFile if binary else TextFile
        yield kind(file, path, encoding, unicode_errors, no_header)


@contextlib.contextmanager
def damage_named(path: PathLike) -> Iterator[None]:
    """ValueError if what is read in the block is no sound compressed stream."""
    try:
        yield
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's own: no such file and the like
            raise
        raise ValueError(f"{os.fspath(path)} is damaged: {error}") from error


def without_repetitions(path: Path, keys: list[str], vectors: NDArray[Any]) -> tuple[dict[str, int], NDArray[Any]]:
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    logger.warning("%s holds %d keys that came before; the first of each is kept", path, len(keys) - len(first))
    return dict(zip(first, range(len(first)), strict=True)), vectors[list(first.values())]


def read_vocabulary(path: PathLike, encoding: str = "utf8", unicode_errors: str = "strict") -> dict[str, int]:
    """Counts by key, from lines that `write_vocabulary` or word2vec.c wrote.

    Raises
    ------
    ValueError
        If a line is not a key and a whole number of 64 bits, or the file is damaged.
    """
    counts: dict[str, int] = {}
    with damage_named(path), open_binary(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_KEY), b""), 1):
            try:
                key, count = line.split()
                check_integer("count", int(count), 0, 2**62)
                counts[key.decode(encoding, unicode_errors)] = int(count)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {line[:60]!r} is not a key and its count") from error
    return counts
