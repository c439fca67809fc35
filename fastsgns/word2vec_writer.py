"""Writing the formats of word2vec.c, text and binary: atomically, and only what can be read back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.formats import PathLike, atomic_path, open_binary

__all__ = ["write_vectors", "write_vocabulary"]

# Digits that bring every number back to the bit.
TEXT_FORMATS = {2: "%.5g", 4: "%.9g", 8: "%.17g"}


def encode_key(path: Path, prefix: str, key: object) -> bytes:
    """A key as these formats can hold it: white space would end it early."""
    try:
        encoded = f"{prefix}{key}".encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{path}: key {key!r} cannot be written as UTF-8: {error.reason}") from None
    if encoded.split() != [encoded]:
        raise ValueError(
            f"{path}: key {key!r} is empty or holds white space, which word2vec's formats cannot hold:"
            " rename it, or use the native format (save), which holds any text"
        )
    return encoded


@contextlib.contextmanager
def destination(path: Path, append: bool) -> Iterator[tuple[Path, str]]:
    """Where to write, and the mode to open it in."""
    if append:
        yield path, "ab"
    else:
        with atomic_path(path) as temporary:
            yield temporary, "wb"


def write_vectors(
    path: PathLike,
    keys: Sequence[object],
    vectors: NDArray[Any],
    order: NDArray[np.intp] | Sequence[int],
    *,
    binary: bool = False,
    total_vec: int | None = None,
    write_header: bool = True,
    prefix: str = "",
    append: bool = False,
) -> None:
    """Write keys and vectors in the order of rows given. Atomic, unless appending.

    Raises
    ------
    ValueError
        If a key cannot be held by the format; nothing is written then.
    """
    path = Path(path)
    encoded = [encode_key(path, prefix, key) for key in keys]  # all of them before the first byte
    if len(set(encoded)) < len(encoded):
        raise ValueError(f"{path}: several keys, such as 1 and '1', are alike in word2vec's formats: rename one")
    dim = vectors.shape[1]
    template = " ".join([TEXT_FORMATS.get(vectors.dtype.itemsize, "%.17g")] * dim) + "\n"
    with destination(path, append) as (temporary, mode), open_binary(temporary, mode, suffix_of=path) as file:
        if write_header:
            file.write(b"%d %d\n" % (len(keys) if total_vec is None else total_vec, dim))
        for start in range(0, len(order), 4096):
            block = np.asarray(order[start : start + 4096], np.intp)
            rows = vectors[block]
            if binary:
                bodies = [row.tobytes() for row in rows.astype("<f4")]
            else:
                bodies = [(template % tuple(row)).encode() for row in rows.tolist()]
            for row, body in zip(block.tolist(), bodies, strict=True):
                file.write(b"%b %b" % (encoded[row], body))


def write_vocabulary(
    path: PathLike,
    keys: Sequence[object],
    values: NDArray[Any],
    order: NDArray[np.intp] | Sequence[int],
    *,
    prefix: str = "",
    append: bool = False,
) -> None:
    """Write lines of key and count, as word2vec.c's -save-vocab."""
    path = Path(path)
    with destination(path, append) as (temporary, mode), open_binary(temporary, mode, suffix_of=path) as file:
        for row in order:
            file.write(b"%b %b\n" % (encode_key(path, prefix, keys[row]), str(values[row]).encode()))
