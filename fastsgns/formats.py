"""Files read without trust, compressed ones too. The native format is safetensors with JSON metadata."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from fastsgns import memory
from fastsgns._records import decode
from fastsgns.files import PathLike, new_file

__all__ = [
    "compressing",
    "is_pickle",
    "load_tensors",
    "open_binary",
    "pack_keys",
    "packing",
    "parse_json",
    "save_tensors",
    "unpack_keys",
]

Tensors = dict[str, NDArray[Any]]

# The one metadata entry that is ours, and the version of what it and the tensors mean.
METADATA_KEY = "fastsgns"
FORMAT_VERSION = 1
# Of lists and objects in each other in the metadata; it has 4.
MOST_LEVELS = 32
# Of a file, while it is being opened.
MOST_REPLACEMENTS = 100

# NumPy's types by their names in safetensors.
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "?"}
TYPES |= {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)}
# Bytes written at once, where they must be copied first.
BLOCK_BYTES = 1 << 22
# Read at once: what safetensors copies first is still in the cache, and took a third of the time of whole arrays.
READ_BYTES = 1 << 20

COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# What damaged compressed streams raise when read.
DAMAGED = (EOFError, lzma.LZMAError, zlib.error, OSError)


class Packing(NamedTuple):
    """What packs a file, what unpacks it, and how its name ends."""

    packer: str
    unpacker: str
    suffix: str


# How packed files begin.
PACKINGS = {
    b"\x1f\x8b": Packing("gzip", "zcat", ".gz"),
    **{b"BZh%d1AY&" % level: Packing("bzip2", "bzcat", ".bz2") for level in range(1, 10)},
    b"\xfd7zXZ\0": Packing("xz", "xzcat", ".xz"),
    b"\x28\xb5\x2f\xfd": Packing("zstd", "zstdcat", ".zst"),
}


def packing(start: bytes) -> Packing | None:
    """What a file that begins so, 8 bytes or more, is packed by.

    Examples
    --------
    >>> packing(gzip.compress(b"text")).suffix
    '.gz'
    """
    return next((found for mark, found in PACKINGS.items() if start.startswith(mark)), None)


def open_binary(path: PathLike) -> IO[bytes]:
    """Open a file to read its bytes, through gzip, bz2 or xz if its name ends so."""
    opener = COMPRESSED.get(Path(path).suffix.lower())
    return open(path, "rb") if opener is None else opener(path, "rb")


def compressing(file: IO[bytes], path: PathLike) -> contextlib.AbstractContextManager[IO[bytes]]:
    """What to write to so that `file` becomes one that `open_binary` reads at `path`."""
    opener = COMPRESSED.get(Path(path).suffix.lower())
    return contextlib.nullcontext(file) if opener is None else opener(file, "wb")


def save_tensors(
    path: PathLike | IO[bytes], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any] | None
) -> None:
    """Write arrays and JSON metadata as one safetensors file, atomically, and no array copied as a whole.

    Parameters
    ----------
    path : path, or file open for writing bytes
        A path is replaced only once the new file is complete and on the disk.
    tensors : mapping of str to ndarray
        Numeric arrays of any shape.
    metadata : mapping or None
        What JSON can hold; its "kind" says what the file is. Without any, the file is no one's in particular.

    Raises
    ------
    ValueError
        If an array is not numeric.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ones.safetensors")
    ...     save_tensors(path, {"ones": np.ones(2, np.float32)}, {"kind": "Example"})
    ...     load_tensors(path, "Example")[0]["ones"].tolist()
    [1.0, 1.0]
    """
    names = {np.dtype(dtype): name for name, dtype in TYPES.items()}
    # Large items first, so that all are aligned without gaps, which are forbidden.
    arrays = dict(sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    header: dict[str, Any] = {}
    if metadata is not None:
        header["__metadata__"] = {METADATA_KEY: json.dumps({"format_version": FORMAT_VERSION, **metadata})}
    end = 0
    for name, array in arrays.items():
        dtype = array.dtype.newbyteorder("<")
        if dtype not in names:
            target = getattr(path, "name", path)
            raise ValueError(f"{target}: cannot save {name!r}: dtype={array.dtype} is no plain number")
        start, end = end, end + array.nbytes
        header[name] = {"dtype": names[dtype], "shape": list(array.shape), "data_offsets": [start, end]}
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    head = len(head).to_bytes(8, "little") + head
    if not isinstance(path, (str, os.PathLike)):
        write_arrays(path, head, arrays)
        return
    with new_file(path, len(head) + end) as file:
        write_arrays(file, head, arrays)


def write_arrays(file: IO[bytes], head: bytes, arrays: Mapping[str, NDArray[Any]]) -> None:
    """The header and the arrays behind each other, in blocks."""
    file.write(head)
    for array in arrays.values():
        rows = array if array.ndim else array[np.newaxis]
        step = max(1, BLOCK_BYTES // max(1, rows[:1].nbytes))
        for start in range(0, len(rows) if array.size else 0, step):
            block = rows[start : start + step]
            contiguous = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
            file.write(contiguous.reshape(-1).view(np.uint8).data)


def load_tensors(
    path: PathLike, kind: str | Sequence[str], *, mmap: str | None = None
) -> tuple[Tensors, dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Parameters
    ----------
    path : path
    kind : str or sequence of str
        What the file may be.
    mmap : {None, "r", "c"}, optional
        Map the file read-only ("r") or copy-on-write ("c") instead of reading it. It must not change meanwhile.

    Returns
    -------
    tensors : dict of str to ndarray
    metadata : dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is truncated, damaged, foreign, of another kind or of a later version.
    MemoryError
        If less memory is left than it takes.
    """
    if mmap not in (None, "r", "c"):
        raise ValueError(f"mmap={mmap!r}: choose None, 'r' (read-only) or 'c' (copy on write)")
    path = Path(path)
    size = path.stat().st_size  # a missing file's own error; safetensors' lacks the name
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory, not a model file")
    if not path.is_file():  # reading from a pipe might never end
        raise ValueError(f"{path}: not a model file of fastsgns, but a pipe or device: copy it to a file")
    kinds = (kind,) if isinstance(kind, str) else kind
    try:
        for _ in range(MOST_REPLACEMENTS):
            with open(path, "rb") as file, safe_open(path, framework="numpy") as tensors:
                # safetensors has checked the header, shapes and sizes against the file.
                metadata = check_metadata((tensors.metadata() or {}).get(METADATA_KEY), kinds)
                if mmap is None:
                    memory.require(size, f"{path}, read as a whole", "map it with mmap='r', or mmap='c' to change it")
                    return {name: read_tensor(tensors, name) for name in tensors.keys()}, metadata  # noqa: SIM118 (no mapping)
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return map_tensors(file, mmap), metadata
                # Another process has replaced it: take the new one.
        raise ValueError("it is replaced again and again, or its file system numbers no files: load it without mmap")
    except (SafetensorError, ValueError, TypeError) as error:
        if is_pickle(path):
            raise ValueError(
                f"{path} ({size} bytes): not a model file of fastsgns, but a pickle, as gensim's save writes, and"
                " pickles can run anything: if you trust it, load it with gensim and convert the vectors by"
                " fastsgns.KeyedVectors.from_gensim"
            ) from None
        raise ValueError(f"{path} ({size} bytes): not a model file of fastsgns, or damaged: {error}") from error


def read_tensor(tensors: Any, name: str) -> NDArray[Any]:
    """An array of a file that `safe_open` has opened, in blocks: an interrupt comes in between, other threads go on."""
    part = tensors.get_slice(name)
    shape, kind = tuple(part.get_shape()), part.get_dtype()
    check_type(name, kind)
    if not shape:  # one number
        return cast("NDArray[Any]", tensors.get_tensor(name))
    array = np.empty(shape, TYPES[kind])
    step = max(1, READ_BYTES // max(1, array[:1].nbytes))
    for start in range(0, len(array) if array.size else 0, step):
        end = min(start + step, len(array))
        array[start:end] = part[start:end]
    return array


def check_type(name: str, kind: str) -> None:
    if kind not in TYPES:
        raise ValueError(f"{name!r} is of type {kind}, which fastsgns does not write")


def is_pickle(path: Path) -> bool:
    """Whether a file, compressed or not, begins as pickles of protocol 2 and later do, and no safetensors can."""
    try:
        with open_binary(path) as file:
            start = file.read(3)
    except DAMAGED:
        return False
    return len(start) == 3 and start[0] == 0x80 and 2 <= start[1] <= 5 and start[2] != 0


def check_metadata(text: str | None, kinds: Sequence[str]) -> dict[str, Any]:
    if text is None:
        raise ValueError("it is a safetensors file that something else wrote")
    metadata = parse_json(text)
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is no JSON object")
    if metadata.get("kind") not in kinds:
        wanted = " or ".join(map(repr, kinds))
        raise ValueError(f"it holds kind={metadata.get('kind')!r}, not {wanted}: load it with that class")
    version = metadata.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise ValueError(f"format_version={version!r} is not {FORMAT_VERSION}: a later fastsgns may read it")
    return metadata


def parse_json(text: str | bytes) -> Any:
    """What JSON holds, if no more than MOST_LEVELS lie in each other: more would exhaust the stack, here or in repr.

    Raises
    ------
    ValueError
        If it is no JSON, or of more levels.
    """
    with contextlib.suppress(RecursionError):
        value = json.loads(text)
        level = [value]
        for _ in range(MOST_LEVELS):
            objects = [node.values() for node in level if isinstance(node, dict)]
            level = list(chain(*objects, *(node for node in level if isinstance(node, list))))
            if not level:
                return value
    raise ValueError(f"its JSON is of more than {MOST_LEVELS} levels")


def map_tensors(file: IO[bytes], mode: str) -> Tensors:
    """The arrays of a safetensors file that `safe_open` found sound, memory-mapped."""
    length = int.from_bytes(file.read(8), "little")
    header = parse_json(file.read(length))
    header.pop("__metadata__", None)
    tensors: Tensors = {}
    for name, entry in header.items():
        check_type(name, entry["dtype"])
        dtype, shape, start = np.dtype(TYPES[entry["dtype"]]), tuple(entry["shape"]), entry["data_offsets"][0]
        if 0 in shape:  # nothing to map
            tensors[name] = np.empty(shape, dtype)
        else:
            tensors[name] = np.memmap(file, dtype, cast("Any", mode), 8 + length + start, shape)
    return tensors


def pack_keys(keys: Sequence[Any]) -> Tensors:
    """Keys as arrays: integers as they are, strings as one run of UTF-8 with offsets, so that any text survives.

    Raises
    ------
    ValueError
        If the keys are neither all strings nor all integers of 64 bits.

    Examples
    --------
    >>> unpack_keys(pack_keys(["New York", "\\n", ""]))
    ['New York', '\\n', '']
    >>> unpack_keys(pack_keys([3, 1]))
    [3, 1]
    """
    if keys and all(isinstance(key, (int, np.integer)) for key in keys):
        try:
            return {"keys": np.array(keys, np.int64)}
        except OverflowError:
            raise ValueError(f"integer keys must fit in 64 bits: they go from {min(keys)} to {max(keys)}") from None
    offsets = np.zeros(len(keys) + 1, np.int64)
    for row, key in enumerate(keys):
        if not isinstance(key, str):
            raise ValueError(f"key {key!r}: only keys that are all strings, or all integers, can be saved")
        try:
            offsets[row + 1] = len(key) if key.isascii() else len(key.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"key {key!r} cannot be saved as UTF-8: {error.reason}") from None
    np.cumsum(offsets, out=offsets)
    return {"keys": np.frombuffer("".join(keys).encode(), np.uint8), "key_offsets": offsets}


def unpack_keys(tensors: Mapping[str, NDArray[Any]]) -> list[Any]:
    """The keys that `pack_keys` packed, checked.

    Raises
    ------
    KeyError
        If the arrays are not there.
    ValueError
        If they make no sense.
    """
    keys = tensors["keys"]
    if keys.ndim != 1:
        raise ValueError(f"its keys are of shape {keys.shape}, not a row")
    if keys.dtype == np.int64:
        return cast("list[Any]", keys.tolist())
    offsets = tensors["key_offsets"]
    if keys.dtype != np.uint8 or offsets.dtype != np.int64 or offsets.ndim != 1 or not len(offsets):
        raise ValueError("its keys are neither integers nor UTF-8 with offsets")
    if offsets[0] != 0 or offsets[-1] != len(keys) or (np.diff(offsets) < 0).any():
        raise ValueError("its key offsets do not divide its keys")
    bounds = np.stack([offsets[:-1], offsets[1:]], axis=1)
    try:
        return decode(keys.tobytes(), bounds, len(bounds), "utf8", "strict")
    except UnicodeDecodeError as error:
        raise ValueError(f"its keys are not UTF-8: {error.reason}") from None
