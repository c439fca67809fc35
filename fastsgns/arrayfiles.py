"""Vectors as bare arrays for other programs: NumPy's .npy and .npz, and safetensors with one matrix."""

from __future__ import annotations

import contextlib
import errno
import io
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from fastsgns import memory
from fastsgns.files import PathLike, new_file, write_file
from fastsgns.formats import TYPES, compressing, save_tensors, write_arrays
from fastsgns.keyedvectors import KeyedVectors

__all__ = [
    "damage_told",
    "read_header",
    "read_npy",
    "read_npz",
    "read_plain_safetensors",
    "words_path",
    "write_array_file",
]

COUNTS = "counts"
# What zipfile and NumPy raise for damaged files: RuntimeError for one that seems encrypted, SystemError for characters
# beyond Unicode.
DAMAGED = (
    ValueError, EOFError, KeyError, TypeError, OverflowError, SyntaxError, tokenize.TokenError, RuntimeError,
    SystemError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
# By version of NumPy's format.
HEADERS: dict[tuple[int, int], Callable[[Any], Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def words_path(path: PathLike) -> Path:
    """Where the words of a matrix are that its file cannot hold, one a line.

    Examples
    --------
    >>> words_path("wiki.300.npy").name, words_path("wiki.npy.gz").name
    ('wiki.300.words.txt', 'wiki.words.txt')
    """
    path = Path(path)
    while path.suffix.lower() in (".npy", ".safetensors", ".gz", ".bz2", ".xz"):
        path = path.with_suffix("")
    return path.with_name(path.name + ".words.txt")


def read_words(path: Path, rows: int) -> list[str]:
    """The words of so many rows, one a line."""
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file, and the matrix itself holds no words: name the file of them") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    if lines[-1] == "":
        lines.pop()
    if lines and all(line.endswith("\r") for line in lines):  # of Windows
        lines = [line[:-1] for line in lines]
    if len(lines) != rows:
        raise ValueError(f"{path}: {len(lines):,} words, one a line, for {rows:,} vectors")
    return lines


def check_matrix(path: Path, matrix: NDArray[Any]) -> None:
    if matrix.ndim != 2 or matrix.dtype.kind != "f":
        raise ValueError(f"{path}: an array of shape {matrix.shape} and {matrix.dtype}, not a matrix of floats")


def as_vectors(path: Path, words: Sequence[Any], matrix: NDArray[Any], counts: NDArray[Any] | None) -> KeyedVectors:
    matrix = np.ascontiguousarray(matrix, matrix.dtype.newbyteorder("="))
    try:
        return KeyedVectors.from_arrays(words, matrix, counts)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_npy(path: PathLike, words: PathLike | None = None) -> KeyedVectors:
    """A matrix of floats in NumPy's format, shape (V, dim), and its words.

    Parameters
    ----------
    path : path
        Nothing in it is ever unpickled.
    words : path, optional
        UTF-8 text, a word a line; by default the file that `words_path` names.

    Raises
    ------
    ValueError
        If the file is no matrix of floats, or the words do not fit it.
    """
    path = Path(path)
    with damage_told(path):
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        memory.require(mapped.nbytes, f"{path}, read as a whole", "free some memory first")
        matrix = np.array(mapped)
    check_matrix(path, matrix)
    return as_vectors(path, read_words(Path(words or words_path(path)), len(matrix)), matrix, None)


def read_npz(path: PathLike) -> KeyedVectors:
    """The arrays `vectors` (V, dim), `words` (V,) and, if there, `counts` (V,) of NumPy's zip file.

    Instead of these names there may be one matrix, and one array of strings.

    Raises
    ------
    ValueError
        If they are not there, or do not fit together. Nothing is ever unpickled: arrays of objects are refused.
    """
    path = Path(path)
    with damage_told(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as file:
                    shape, dtype = read_header(file)
                declared = math.prod(shape) * dtype.itemsize  # which NumPy allocates before it reads
                if declared > entry.file_size and not dtype.hasobject:
                    raise ValueError(f"{entry.filename} is too short for an array of shape {shape} and {dtype}")
            size = sum(entry.file_size for entry in archive.infolist())
        memory.require(size, f"{path}, read as a whole", "free some memory first")
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    matrix = only(path, "vectors", {name: array for name, array in found.items() if array.ndim == 2})
    words = only(path, "words", {name: array for name, array in found.items() if array.ndim == 1 and name != COUNTS})
    if words.dtype.kind not in "Uiu":
        raise ValueError(f"{path}: its words are of {words.dtype}, neither strings nor integers")
    counts = found.get(COUNTS)
    if counts is not None and counts.dtype.kind not in "iu":
        raise ValueError(f"{path}: its counts are of {counts.dtype}, not whole numbers")
    check_matrix(path, matrix)
    with damage_told(path):
        keys = words.tolist()
    return as_vectors(path, keys, matrix, counts)


def only(path: Path, name: str, arrays: Mapping[str, NDArray[Any]], remedy: str = "") -> NDArray[Any]:
    """The array of this name, or the only one."""
    if name in arrays:
        return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    there = ", ".join(map(repr, arrays)) or "none"
    raise ValueError(f"{path}: which array holds the {name}? There are: {there}{remedy}")


def read_plain_safetensors(path: PathLike, words: PathLike | None = None, tensor: str | None = None) -> KeyedVectors:
    """A matrix of floats in a safetensors file that anything wrote, and its words.

    Parameters
    ----------
    path : path
    words : path, optional
        UTF-8 text, a word a line; by default the file that `words_path` names.
    tensor : str, optional
        The name of the matrix; by default "vectors", or the only matrix.

    Raises
    ------
    ValueError
        If there is no such matrix, or the words do not fit it.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="numpy") as tensors:
            names = list(tensors.keys())
            matrices = [name for name in names if len(tensors.get_slice(name).get_shape()) == 2]
            if tensor is None:
                tensor = "vectors" if "vectors" in matrices else matrices[0] if len(matrices) == 1 else None
            if tensor not in matrices:
                there = ", ".join(map(repr, matrices)) or "none"
                raise ValueError(f"which tensor holds the vectors? Name one of its matrices: {there}")
            view = tensors.get_slice(tensor)
            if view.get_dtype() not in TYPES:
                raise ValueError(f"tensor {tensor!r} is of type {view.get_dtype()}: convert it to F32 first")
            size = 8 * int(np.prod(view.get_shape()))
            memory.require(size, f"{path}, tensor {tensor!r}", "free some memory first")
            matrix = tensors.get_tensor(tensor)
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    check_matrix(path, matrix)
    return as_vectors(path, read_words(Path(words or words_path(path)), len(matrix)), matrix, None)


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise ValueError(f"{path}: not NumPy arrays, or damaged: {error}") from error


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array in NumPy's format that a file begins with."""
    shape, _, dtype = HEADERS[np.lib.format.read_magic(file)](file)
    return shape, dtype


def write_array_file(path: PathLike, vectors: KeyedVectors, kind: str, words: PathLike | None = None) -> list[Path]:
    """Write vectors as bare arrays, files whole or not at all.

    Parameters
    ----------
    path : path
        May end in .gz, .bz2 or .xz.
    vectors : KeyedVectors
    kind : {"npy", "npz", "plain-safetensors"}
        A matrix, and words in a file beside it; or `vectors`, `words` and other attributes, such as `counts`, in one;
        or a tensor `vectors`, and words in a file beside it.
    words : path, optional
        Where to write the words to; by default where `words_path` says.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ValueError
        If a word holds a line end, or (.npz) ends in NUL.
    FileExistsError
        If a file of other content is where the words go by default, and no matrix that it may be of at `path`.

    Examples
    --------
    >>> import tempfile
    >>> wv = KeyedVectors.from_arrays(["a", "b"], np.eye(2, dtype=np.float32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_array_file(Path(folder, "v.npy"), wv, "npy")
    ...     [file.name for file in files], np.load(files[0]).tolist(), files[1].read_text()
    (['v.npy', 'v.words.txt'], [[1.0, 0.0], [0.0, 1.0]], 'a\\nb\\n')
    """
    path, written = Path(path), [Path(path)]
    keys, matrix = vectors.index_to_key, vectors.vectors
    texts = word_lines(path, keys) if kind != "npz" else b""
    if kind != "npz" and words is None:
        check_beside(path, texts)
    with new_file(path) as file:
        with compressing(file, path) as out:
            if kind == "npy":
                write_npy(out, matrix)
            elif kind == "plain-safetensors":
                save_tensors(out, {"vectors": matrix}, None)
            else:
                write_npz(out, {"vectors": matrix, "words": word_array(path, keys), **attribute_arrays(path, vectors)})
        if kind != "npz":  # before the matrix takes its place: where its words cannot be written, the old one stays
            written.append(Path(words) if words is not None else words_path(path))
            write_file(written[1], texts)
    return written


def check_beside(path: Path, texts: bytes) -> None:
    """Refuse to replace a list of words that nobody named, unless its matrix is replaced with it, or it is the same."""
    beside = words_path(path)
    if not path.exists() and beside.is_file() and beside.read_bytes() != texts:
        text = f"is there already, and the words of {path.name} go there: move it away, or name the output otherwise"
        raise FileExistsError(errno.EEXIST, text, str(beside))


def attribute_arrays(path: Path, vectors: KeyedVectors) -> dict[str, NDArray[Any]]:
    """The attributes of keys by their names, but "count" as "counts"."""
    arrays = {COUNTS if name == "count" else name: values for name, values in vectors.expandos.items()}
    for name, values in arrays.items():
        if values.dtype.hasobject or name in ("vectors", "words") or len(arrays) < len(vectors.expandos):
            raise ValueError(f"{path}: attribute {name!r} of {values.dtype} cannot be written: rename or remove it")
    return arrays


def word_lines(path: Path, keys: Sequence[Any]) -> bytes:
    """The words, one a line."""
    texts = [str(key) for key in keys]
    for text in texts:
        if "\n" in text or "\r" in text:
            raise ValueError(f"{path}: word {text!r} holds a line end, which a list of words cannot: rename it")
    try:
        return "".join(text + "\n" for text in texts).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{path}: a word cannot be written as UTF-8: {error.reason}") from None


def word_array(path: Path, keys: Sequence[Any]) -> NDArray[Any]:
    """The words as NumPy's fixed-width strings, or as integers."""
    if keys and all(isinstance(key, (int, np.integer)) for key in keys):
        return np.array(keys, np.int64)
    for key in keys:
        if not isinstance(key, str):
            raise ValueError(f"{path}: key {key!r}: only keys that are all strings, or all integers, can be written")
        if key.endswith("\0"):
            raise ValueError(f"{path}: word {key!r} ends in NUL, which NumPy cuts off: rename it")
    longest = max(map(len, keys), default=0)
    memory.require(4 * longest * len(keys), f"{path}: {len(keys):,} words of {longest:,} characters", "leave long out")
    return np.array(keys, np.str_)


def write_npy(file: IO[bytes], array: NDArray[Any]) -> None:
    """What np.save writes, in blocks, so that no array is copied as a whole."""
    head = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(array.dtype.newbyteorder("<"))
    np.lib.format.write_array_header_1_0(head, {"descr": descr, "fortran_order": False, "shape": array.shape})
    write_arrays(file, head.getvalue(), {"array": array})


class Stream:
    """A file to write to and no more: in one that is packed, zipfile would go back to fill in sizes."""

    def __init__(self, file: IO[bytes]) -> None:
        self.write, self.flush = file.write, file.flush


def write_npz(file: IO[bytes], arrays: Mapping[str, NDArray[Any]]) -> None:
    """What np.savez writes, the same bytes every time."""
    with zipfile.ZipFile(cast("IO[bytes]", Stream(file)), "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                write_npy(entry, array)
