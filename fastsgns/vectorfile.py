"""A file of word2vec's formats, text or binary, as a source of batches of keys and rows."""

from __future__ import annotations

import io
import logging
import math
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from fastsgns import _records, memory
from fastsgns.formats import COMPRESSED

__all__ = ["BATCH_ROWS", "LONGEST_LINE", "BinaryFile", "TextFile", "VectorFile"]

logger = logging.getLogger(__name__)

# Stays in the second-level cache between the system's copy into it and the one out of it.
BLOCK_BYTES = 1 << 20
# The most vectors taken from a block at once.
BATCH_ROWS = 4096
# Numbers held at once that are of another type than the matrix they are for.
BATCH_NUMBERS = 1 << 17
# A key beyond this is no key, but another kind of file.
LONGEST_KEY = 1 << 20
# More are another kind of file, or one made to exhaust memory: a few compressed bytes may declare any number.
MOST_DIMENSIONS = 1 << 20
LONGEST_LINE = 32 * MOST_DIMENSIONS


class VectorFile:
    """A file of vectors, read on in batches.

    `count` and `dim` are what the header declares; without one `count` is None. `done` vectors have been read. Bytes
    [start, stop) of `block` come next; the block is refilled, and grows for what does not fit.
    """

    stored: type[np.floating[Any]]  # what numbers are read as
    least_bytes: int  # of a number
    count: int | None
    dim: int

    def __init__(self, file: IO[bytes], path: Path, encoding: str, unicode_errors: str, no_header: bool) -> None:
        self.file, self.path = cast(io.BufferedIOBase, file), path
        # A pipe is read bit by bit: readinto would go on to the end of the block without a look for interrupts, as it
        # does not where Python's own code decompresses.
        self.read_into = self.file.readinto1 if isinstance(file, io.BufferedReader) else self.file.readinto
        self.encoding, self.unicode_errors = encoding, unicode_errors
        self.block = bytearray(BLOCK_BYTES)
        self.start = self.stop = self.done = 0
        self.told_of_overflow = False
        self.bounds: NDArray[np.int64] = np.empty((BATCH_ROWS, 2), np.int64)  # of keys, in the block
        if no_header:
            self.count, self.dim = None, self.find_dim()
        else:
            self.count, self.dim = self.read_header()
        if self.dim > MOST_DIMENSIONS:
            raise ValueError(f"{path} has vectors of {self.dim} dimensions: over {MOST_DIMENSIONS} are not read")

    def read_header(self) -> tuple[int, int]:
        """The number of vectors and their dimensions, from the first line."""
        line = self.file.readline(256)
        if not line:
            raise ValueError(f"{self.path} is empty")
        try:
            count, dim = (int(number) for number in line.split())
        except ValueError:
            raise ValueError(
                f"{self.path} starts with {line[:60]!r}, not with numbers of vectors and dimensions: it is no word2vec"
                " file (no_header=True reads text without that line, such as GloVe's)"
            ) from None
        if count < 0 or dim < 1:
            raise ValueError(f"{self.path} declares {count} vectors of {dim} dimensions")
        return count, dim

    def find_dim(self) -> int:
        raise NotImplementedError

    @property
    def is_sized(self) -> bool:
        """Whether the file's size can vouch for what it declares."""
        return self.count is not None and self.path.is_file() and self.path.suffix.lower() not in COMPRESSED

    def rows_at_first(self, most: int) -> int:
        """How many rows to allocate before reading: all, at most so many, if the file's size can vouch for them."""
        return most if self.is_sized else min(most, BATCH_ROWS, 1 + BATCH_NUMBERS // self.dim)

    def allocate(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Room for so many vectors, unless the file is plainly too small for them."""
        size = self.path.stat().st_size
        if self.is_sized and count * (1 + self.least_bytes * self.dim) > size:
            raise ValueError(
                f"{self.path} declares {self.count} vectors of {self.dim} dimensions, but its {size} bytes cannot"
                " hold them: it is truncated or of another format (binary=True or False?)"
            )
        what = f"{self.path}: {count:,} vectors of {self.dim:,} dimensions of {dtype}"
        memory.require(count * self.dim * dtype.itemsize, what, "give a limit or a smaller datatype")
        return np.empty((count, self.dim), dtype)

    @cached_property
    def scratch(self) -> NDArray[Any]:
        """Room for some rows as they are stored."""
        return np.empty((1 + BATCH_NUMBERS // self.dim, self.dim), self.stored)

    def read(self, out: NDArray[Any]) -> list[str]:
        """Fill rows of `out` from the top; returns their keys: at least one, unless there are no more.

        Raises
        ------
        ValueError
            If the file ends before the vectors that it declares, or holds something else.
        """
        out = out[: len(out) if self.count is None else self.count - self.done]
        if not len(out):
            return []
        direct = out.dtype == self.stored and out.flags.c_contiguous
        rows = out if direct else self.scratch[: len(out)]
        while not (keys := self.take(rows)):
            if self.refill():
                continue
            if self.count is None:
                return []
            raise ValueError(
                f"{self.path} ends after {self.done} of the {self.count} vectors it declares: it is truncated or"
                " damaged"
            )
        if not direct:
            convert(rows[: len(keys)], out[: len(keys)])
            self.warn_of_overflow(keys, rows, out)
        self.done += len(keys)
        return keys

    def take(self, rows: NDArray[Any]) -> list[str]:
        """Fill rows from the block alone; no keys if there is no whole vector in it."""
        raise NotImplementedError

    def refill(self) -> bool:
        """Read on behind what is left of the block; False at the end of the file."""
        left = self.stop - self.start
        if self.start:
            self.block[:left] = self.block[self.start : self.stop]
        if left == len(self.block):
            self.block += bytes(left)
        self.start, self.stop = 0, left + self.read_into(memoryview(self.block)[left:])
        return self.stop > left

    def decode(self, count: int) -> list[str]:
        """The first so many keys of the block."""
        try:
            return _records.decode(self.block, self.bounds, count, self.encoding, self.unicode_errors)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self.path}: key {error.object!r} is not {self.encoding}: {error.reason};"
                " unicode_errors='replace' or 'ignore' reads it"
            ) from None

    def warn_of_overflow(self, keys: list[str], rows: NDArray[Any], out: NDArray[Any]) -> None:
        """Warn, once, if a number that was read is too large for the type of the matrix."""
        if self.told_of_overflow or out.dtype.itemsize >= rows.dtype.itemsize:
            return
        for row in np.flatnonzero(np.isinf(out[: len(keys)]).any(axis=1)):
            finite = rows[row][np.isinf(out[row]) & np.isfinite(rows[row])]
            if len(finite):
                self.told_of_overflow = True
                logger.warning(
                    "%s: vector %d, %r, holds %s, too large for %s, and is infinite there; give a wider datatype",
                    self.path, self.done + row + 1, keys[row], finite[0], out.dtype,
                )  # fmt: skip
                return

    def warn_of_rest(self) -> None:
        """Warn if the file goes on after the vectors it declares."""
        if self.block[self.start : self.stop].strip() or self.file.read(64).strip():
            logger.warning("%s goes on after the %d vectors it declares; the rest is left out", self.path, self.done)


class BinaryFile(VectorFile):
    """Records of key, space and float32; before the key there may be a newline."""

    stored, least_bytes = np.float32, 4

    def take(self, rows: NDArray[Any]) -> list[str]:
        count, self.start = _records.read_binary(self.block, self.start, self.stop, rows, self.bounds)
        if not count:
            key, space, _ = self.block[self.start : self.stop].lstrip(b"\n").partition(b" ")
            if (b"\n" in key) if space else len(key) > LONGEST_KEY:
                raise ValueError(
                    f"{self.path}: vector {self.done + 1} has key {bytes(key[:60])!r}: is this really the binary"
                    " format?"
                )
        return self.decode(count)


class TextFile(VectorFile):
    """Lines of key and numbers."""

    stored, least_bytes = np.float64, 2

    def find_dim(self) -> int:
        """The number of numbers in the first line."""
        while (end := self.block.find(b"\n", self.start, self.stop)) < 0:
            if not self.refill():
                raise ValueError(f"{self.path} is empty")
        line = bytes(self.block[self.start : end])
        dim = len(line.split(maxsplit=MOST_DIMENSIONS + 2)) - 1
        if dim < 1:
            raise ValueError(f"{self.path} starts with {line[:60]!r}, not with a key and its numbers")
        return dim

    def refill(self) -> bool:
        if self.stop - self.start > LONGEST_LINE:
            raise ValueError(
                f"{self.path}: vector {self.done + 1} is a line of over {LONGEST_LINE} bytes: is this text?"
            )
        if super().refill():
            return True
        if unended := self.stop > self.start:  # the last line
            self.block[self.stop :] = b"\n"
            self.stop += 1
        return unended

    def take(self, rows: NDArray[Any]) -> list[str]:
        count, self.start = _records.read_text(self.block, self.start, self.stop, rows, self.bounds)
        if not count:  # no whole line, or one that is not plain: Python reads whatever there is
            end = self.block.find(b"\n", self.start, self.stop)
            if end < 0:
                return []
            line = bytes(self.block[self.start : end])
            if self.count is None and not line.strip() and self.is_blank_from_here():
                return []
            key, rows[0] = parse_line(line.rstrip(), self.dim, self.path, self.done + 1)
            at = self.start + line.find(key)
            self.bounds[0] = at, at + len(key)
            self.start, count = end + 1, 1
        return self.decode(count)

    def is_blank_from_here(self) -> bool:
        """Whether nothing but white space comes, which is read then: blank lines at the end are no vectors."""
        while not self.block[self.start : self.stop].strip():
            self.start = self.stop
            if not self.refill():
                return True
        return False


def convert(rows: NDArray[Any], out: NDArray[Any]) -> None:
    """Write rows to a matrix of another type; what is too large for it becomes infinite, as in gensim."""
    if rows.dtype == np.float32 and out.dtype == np.float16 and out.flags.c_contiguous:
        _records.to_half(rows, out.view(np.uint16))  # several times as fast as NumPy
    else:
        with np.errstate(over="ignore"):
            out[:] = rows


def parse_line(line: bytes, dim: int, path: Path, number: int) -> tuple[bytes, list[float]]:
    """Key and numbers of a line. Beyond gensim's reading, keys may hold spaces, as some of GloVe's do."""
    key, _, rest = line.partition(b" ")
    try:
        values = as_numbers(rest.split(maxsplit=dim + 100))  # a line may be long
        if len(values) == dim:
            return key, values
        problem = f"{len(values)} numbers, not {dim}"
    except ValueError as error:
        problem = str(error)
    fields = line.rsplit(maxsplit=dim)
    # A number before the numbers means more dimensions than declared, not a key that ends in one.
    if len(fields) == dim + 1 and not (b" " in fields[0] and is_number(fields[0].rsplit(maxsplit=1)[-1])):
        try:
            return fields[0], as_numbers(fields[1:])
        except ValueError as error:
            problem = str(error)
    raise ValueError(f"{path}: vector {number}, {line[:40]!r}...: {problem[:100]}: is this the text format, undamaged?")


def as_numbers(fields: list[bytes]) -> list[float]:
    """Numbers, "inf" and "nan" as for gensim among them; ValueError for one that only rounding makes infinite."""
    values = list(map(float, fields))
    if any(map(math.isinf, values)):
        for field, value in zip(fields, values, strict=True):
            if math.isinf(value) and not field.isalpha() and not field[1:].isalpha():
                raise ValueError(f"{field[:40]!r} is beyond all numbers of 64 bits")
    return values


def is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
