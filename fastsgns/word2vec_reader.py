"""Reading the formats of word2vec.c, text and binary, and GloVe's (text without a header), in blocks."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastsgns.formats import COMPRESSED, DAMAGED, PathLike, open_binary

__all__ = ["read_vectors", "read_vocabulary"]

logger = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 24
# A key or line beyond this is no key or line, but another kind of file.
LONGEST_KEY = 1 << 20
LONGEST_LINE = 1 << 26

Vectors = tuple[list[str], NDArray[Any]]
Read = tuple[list[str], NDArray[Any], bytes]  # and the start of what follows


def read_vectors(
    path: PathLike,
    *,
    binary: bool = False,
    limit: int | None = None,
    datatype: DTypeLike = np.float32,
    encoding: str = "utf8",
    unicode_errors: str = "strict",
    no_header: bool = False,
) -> Vectors:
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
    keys : list of str
        Each once: of repeated keys the first is kept.
    vectors : ndarray, shape (n, dim)

    Raises
    ------
    ValueError
        If the file is empty, truncated, or of another format.
    """
    path = Path(path)
    dtype = np.dtype(datatype)
    if dtype.kind != "f":
        raise ValueError(f"datatype={datatype!r} must be a float type, such as numpy.float32")
    if limit is not None and limit < 0:
        raise ValueError(f"limit={limit!r} must be positive, or None for all")
    if binary and no_header:
        raise ValueError("no_header=True is for text: a binary file cannot be read without its sizes")
    decode = key_decoder(path, encoding, unicode_errors)
    try:
        with open_binary(path) as file:
            if binary:
                count, dim = read_header(file, path)
                keys, vectors, rest = read_binary(file, path, min(limit or count, count), dim, dtype, decode)
            else:
                declared = None if no_header else read_header(file, path)
                keys, vectors, rest = read_text(file, path, declared, limit, dtype, decode)
            if not limit and rest.strip():
                logger.warning("%s goes on after the %d vectors it declares; the rest is left out", path, len(keys))
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's own: no such file and the like
            raise
        raise ValueError(f"{path} is damaged: {error}") from error
    return without_repetitions(path, keys, vectors)


def key_decoder(path: Path, encoding: str, errors: str) -> Callable[[bytes], str]:
    def decode(key: bytes) -> str:
        try:
            return key.decode(encoding, errors)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path}: key {key!r} is not {encoding}: {error.reason}; unicode_errors='replace' or 'ignore' reads it"
            ) from None

    return decode


def read_header(file: IO[bytes], path: Path) -> tuple[int, int]:
    """The number of vectors and their dimensions, from the first line."""
    line = file.readline(256)
    if not line:
        raise ValueError(f"{path} is empty")
    try:
        count, dim = (int(number) for number in line.split())
    except ValueError:
        raise ValueError(
            f"{path} starts with {line[:60]!r}, not with numbers of vectors and dimensions: it is no word2vec file"
            " (no_header=True reads text without that line, such as GloVe's)"
        ) from None
    if count < 0 or dim < 1:
        raise ValueError(f"{path} declares {count} vectors of {dim} dimensions")
    return count, dim


def allocate(path: Path, count: int, dim: int, dtype: np.dtype[Any], least_bytes: int) -> NDArray[Any]:
    """Room for the vectors declared, once it is plain that a file of this size can hold them."""
    size = path.stat().st_size
    if path.is_file() and path.suffix.lower() not in COMPRESSED and count * least_bytes > size:
        raise ValueError(
            f"{path} declares {count} vectors of {dim} dimensions, but its {size} bytes cannot hold them:"
            " it is truncated or of another format (binary=True or False?)"
        )
    try:
        return np.empty((count, dim), dtype)
    except (MemoryError, ValueError):
        raise ValueError(f"{path} declares {count} vectors of {dim} dimensions: more than memory can hold") from None


def truncated(path: Path, found: int, count: int) -> ValueError:
    return ValueError(f"{path} ends after {found} of the {count} vectors it declares: it is truncated or damaged")


def read_binary(
    file: IO[bytes], path: Path, count: int, dim: int, dtype: np.dtype[Any], decode: Callable[[bytes], str]
) -> Read:
    """Records of key, space, `dim` float32; before the key there may be a newline."""
    row_bytes = 4 * dim
    vectors = allocate(path, count, dim, np.dtype("<f4"), row_bytes + 1)
    rows = vectors.reshape(-1).view(np.uint8).data
    keys: list[str] = []
    block, start = b"", 0
    while len(keys) < count:
        space = block.find(b" ", start)
        end = space + 1 + row_bytes
        if space >= 0 and end <= len(block):
            key = block[start:space].lstrip(b"\n")
            if b"\n" in key:
                raise ValueError(f"{path}: vector {len(keys) + 1} has key {key!r}: is this really the binary format?")
            keys.append(decode(key))
            at = len(keys) * row_bytes
            rows[at - row_bytes : at] = block[space + 1 : end]
            start = end
            continue
        if (space if space >= 0 else len(block)) - start > LONGEST_KEY:
            raise ValueError(f"{path}: vector {len(keys) + 1} has no key: is this really the binary format?")
        more = file.read(max(BLOCK_BYTES, row_bytes))
        if not more:
            raise truncated(path, len(keys), count)
        block, start = block[start:] + more, 0
    return keys, vectors.astype(dtype, copy=False), block[start:] or file.read(64)


def read_text(
    file: IO[bytes],
    path: Path,
    declared: tuple[int, int] | None,
    limit: int | None,
    dtype: np.dtype[Any],
    decode: Callable[[bytes], str],
) -> Read:
    """Lines of key and numbers, as many as declared, or all."""
    most = limit or sys.maxsize
    count, dim = declared or (most, 0)
    count = min(count, most)
    vectors = allocate(path, count, dim, dtype, 2 * dim + 1) if declared else np.empty((0, 0), dtype)
    keys: list[str] = []
    numbers: list[float] = []
    written = 0
    for line in lines_of(file, path, count):
        stripped = line.rstrip()
        if not dim:
            dim = len(stripped.split()) - 1
            if dim < 1:
                raise ValueError(f"{path} starts with {line[:60]!r}, not with a key and its numbers")
        key, values = parse_line(stripped, dim, path, len(keys) + 1)
        keys.append(decode(key))
        numbers += values
        if len(numbers) >= 1 << 18:
            vectors, written, numbers = store(vectors, written, numbers, dim, bool(declared)), len(keys), []
    vectors = store(vectors, written, numbers, dim, bool(declared))
    if not declared and not keys:
        raise ValueError(f"{path} is empty")
    if declared and len(keys) < count:
        raise truncated(path, len(keys), count)
    return keys, vectors[: len(keys)], file.read(64)


def store(vectors: NDArray[Any], written: int, numbers: list[float], dim: int, fixed: bool) -> NDArray[Any]:
    """`vectors` with rows of `numbers` from row `written` on; it grows by doubling unless its size is known."""
    rows = np.array(numbers, np.float64).reshape(-1, max(dim, 1))
    if not fixed and written + len(rows) > len(vectors):
        grown = np.empty((max(2 * len(vectors), written + len(rows)), max(dim, 1)), vectors.dtype)
        if written:
            grown[:written] = vectors[:written]
        vectors = grown
    with np.errstate(over="ignore"):
        vectors[written : written + len(rows)] = rows
    return vectors


def lines_of(file: IO[bytes], path: Path, count: int) -> Iterator[bytes]:
    for number in range(count):
        line = file.readline(LONGEST_LINE)
        if not line:
            return
        if len(line) == LONGEST_LINE:
            raise ValueError(f"{path}: vector {number + 1} is a line of over {LONGEST_LINE} bytes: is this text?")
        yield line


def parse_line(line: bytes, dim: int, path: Path, number: int) -> tuple[bytes, list[float]]:
    """Key and numbers of a line. Beyond gensim's reading, keys may hold spaces, as some of GloVe's do."""
    key, _, rest = line.partition(b" ")
    try:
        values = list(map(float, rest.split()))
        if len(values) == dim:
            return key, values
        problem = f"{len(values)} numbers, not {dim}"
    except ValueError as error:
        problem = str(error)
    fields = line.rsplit(maxsplit=dim)
    # A number before the numbers means more dimensions than declared, not a key that ends in one.
    if len(fields) == dim + 1 and not (b" " in fields[0] and is_number(fields[0].split()[-1])):
        try:
            return fields[0], list(map(float, fields[1:]))
        except ValueError as error:
            problem = str(error)
    raise ValueError(f"{path}: vector {number}, {line[:40]!r}...: {problem}: is this the text format, undamaged?")


def is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def without_repetitions(path: Path, keys: list[str], vectors: NDArray[Any]) -> Vectors:
    rows: dict[str, int] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, row)
    if len(rows) == len(keys):
        return keys, vectors
    logger.warning("%s holds %d keys that came before; the first of each is kept", path, len(keys) - len(rows))
    return list(rows), vectors[list(rows.values())]


def read_vocabulary(path: PathLike, encoding: str = "utf8", unicode_errors: str = "strict") -> dict[str, int]:
    """Counts by key, from lines that `write_vocabulary` or word2vec.c wrote.

    Raises
    ------
    ValueError
        If a line is not a key and a whole number.
    """
    decode = key_decoder(Path(path), encoding, unicode_errors)
    counts: dict[str, int] = {}
    with open_binary(path) as file:
        for number, line in enumerate(file, 1):
            try:
                key, count = line.split()
                counts[decode(key)] = int(count)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {line[:60]!r} is not a key and its count") from error
    return counts
