"""Writing the formats of word2vec.c, text and binary: atomically, and only what can be read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.files import PathLike, new_file
from fastsgns.formats import COMPRESSED, compressing

__all__ = ["write_vectors", "write_vocabulary"]

Rows = NDArray[np.intp]

BLOCK_ROWS = 1024
# Digits that bring every number back to the bit.
TEXT_FORMATS = {2: "%.5g", 4: "%.9g", 8: "%.17g"}


def encode_keys(path: Path, prefix: str, keys: Sequence[object]) -> list[bytes]:
    """Keys as these formats can hold them: white space would end one early."""
    texts = [f"{prefix}{key}" for key in keys]
    try:
        joined = " ".join(texts).encode()
        encoded = joined.split()
        if len(encoded) == len(texts) and sum(map(len, encoded)) + len(texts) - 1 == len(joined):
            return encoded
    except UnicodeEncodeError:
        pass
    for text in texts:
        try:
            good = text.encode().split() == [text.encode()]
        except UnicodeEncodeError as error:
            raise ValueError(f"{path}: key {text!r} cannot be written as UTF-8: {error.reason}") from None
        if not good:
            raise ValueError(
                f"{path}: key {text!r} is empty or holds white space, which word2vec's formats cannot hold:"
                " rename it, or use the native format (save), which holds any text"
            )
    return []


def blocks(path: Path, prefix: str, keys: Sequence[object], order: Rows) -> Iterator[tuple[Rows, list[bytes]]]:
    """Rows and encoded keys, some thousands at once."""
    for start in range(0, len(order), BLOCK_ROWS):
        rows = order[start : start + BLOCK_ROWS]
        yield rows, encode_keys(path, prefix, [keys[row] for row in rows.tolist()])


def write_vectors(
    path: PathLike,
    keys: Sequence[object],
    vectors: NDArray[Any],
    order: Rows,
    *,
    binary: bool = False,
    total_vec: int | None = None,
    write_header: bool = True,
    prefix: str = "",
    append: bool = False,
) -> None:
    """Write keys and vectors in the order of rows given.

    Raises
    ------
    ValueError
        If a key cannot be held by the format; a file is left as it was then.
    """
    path = Path(path)
    if len({type(key) for key in keys}) > 1 and len({str(key) for key in keys}) < len(keys):
        raise ValueError(f"{path}: several keys, such as 1 and '1', are alike in word2vec's formats: rename one")
    dim = vectors.shape[1]
    header = b"%d %d\n" % (len(keys) if total_vec is None else total_vec, dim) if write_header else b""
    template = " ".join([TEXT_FORMATS.get(vectors.dtype.itemsize, "%.17g")] * dim) + "\n"

    def bodies(rows: Rows) -> list[bytes]:
        if not binary:
            return [(template % tuple(row)).encode() for row in vectors[rows].tolist()]
        numbers, size = vectors[rows].astype("<f4").tobytes(), 4 * dim
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]

    first = bodies(order[:BLOCK_ROWS])  # text rows of one model are nearly of a length, binary ones exactly
    size = len(header) + key_bytes(prefix, keys) + len(order) * sum(map(len, first)) // max(1, len(first))
    known = None if path.suffix.lower() in COMPRESSED else size
    with new_file(path, known, append=append) as file, compressing(file, path) as out:
        out.write(header)
        for rows, encoded in blocks(path, prefix, keys, order):
            out.write(b"".join([b"%b %b" % record for record in zip(encoded, bodies(rows), strict=True)]))


def key_bytes(prefix: str, keys: Sequence[object]) -> int:
    """What keys take in a file, a space behind each."""
    texts = "".join(map(str, keys)), prefix
    of_keys, of_prefix = (len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return of_keys + len(keys) * (of_prefix + 1)


def write_vocabulary(
    path: PathLike,
    keys: Sequence[object],
    values: NDArray[Any],
    order: Rows,
    *,
    prefix: str = "",
    append: bool = False,
) -> None:
    """Write lines of key and count, as word2vec.c's -save-vocab."""
    path = Path(path)
    with new_file(path, append=append) as file, compressing(file, path) as out:
        for rows, encoded in blocks(path, prefix, keys, order):
            lines = zip(encoded, values[rows], strict=True)
            out.write(b"".join([b"%b %b\n" % (key, str(value).encode()) for key, value in lines]))
