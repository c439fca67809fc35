"""What a file is, told by how it begins: the formats of vectors, and whatever else fastsgns writes."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fastsgns.cache import MAGIC as CORPUS_CACHE
from fastsgns.files import PathLike
from fastsgns.formats import COMPRESSED, DAMAGED, METADATA_KEY, is_pickle, open_binary, packing, parse_json
from fastsgns.text import UTF8_MARK

__all__ = ["VECTOR_FORMATS", "detect", "random_access", "regular"]

# Formats that vectors can be read from, and what they are.
VECTOR_FORMATS = {
    "model": "a whole Word2Vec model of fastsgns",
    "vectors": "KeyedVectors of fastsgns",
    "word2vec": "word2vec text",
    "word2vec-binary": "word2vec binary",
    "glove": "GloVe text: no line of sizes",
    "plain-safetensors": "a matrix in safetensors, words in a file beside it",
    "npy": "a NumPy matrix, words in a file beside it",
    "npz": "NumPy arrays: vectors, words and counts",
}
# What they call themselves in the metadata of a safetensors file.
NATIVE_KINDS = {
    "Word2Vec": "model",
    "KeyedVectors": "vectors",
    "Checkpoint": "checkpoint",
    "Phrases": "phrases",
    "FrozenPhrases": "phrases",
}
# More than any row of text takes.
ROW_BYTES = 1 << 20
# The longest header that is looked at, and that safetensors allows.
HEADER_BYTES = 100_000_000


def detect(path: PathLike) -> str:
    """The format of a file, which may be compressed (.gz, .bz2, .xz).

    Returns
    -------
    str
        One of `VECTOR_FORMATS`, or "checkpoint", "phrases" or "corpus-cache".

    Raises
    ------
    ValueError
        If it is none of them.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vectors.txt")
    ...     _ = path.write_text("king 0.1 0.2\\n")
    ...     first = detect(path)
    ...     _ = path.write_text("1 2\\nking 0.1 0.2\\n")
    ...     first, detect(path)
    ('glove', 'word2vec')
    """
    path = Path(path)
    try:
        with open_binary(path) as file:
            start = file.read(16)
            if start.startswith(b"\x93NUMPY"):
                return "npy"
            if start.startswith(b"PK\3\4"):
                return "npz"
            if start == CORPUS_CACHE:
                return "corpus-cache"
            if len(start) > 8 and start[8:9] == b"{":
                return safetensors_kind(path, start, file.read(min(int.from_bytes(start[:8], "little"), HEADER_BYTES)))
            text = start + file.read(ROW_BYTES)
            if text.startswith(UTF8_MARK):
                raise ValueError(
                    f"{path}: UTF-8's mark (BOM) begins it, which no format of vectors has: take it away, as by "
                    f"`tail -c +{len(UTF8_MARK) + 1} FILE`"
                )
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is damaged: {error}") from error
    if not text:
        raise ValueError(f"{path} is empty")
    first, second = rows_of(text)
    if len(first) == 2 and all(number.isdigit() for number in first):
        return "word2vec" if not second or is_row(second) else "word2vec-binary"
    if is_row(first):
        return "glove"
    raise ValueError(f"{path}: {problem_with(path, start)}")


def rows_of(text: bytes) -> tuple[list[bytes], list[bytes]]:
    """The fields of the first two lines; of one that is cut off, those that are whole."""
    first, end, rest = text.partition(b"\n")
    second, second_end, _ = rest.partition(b"\n")
    fields = first.split(), second.split()
    if len(text) > ROW_BYTES and not (end and second_end):
        del fields[bool(end)][-1:]
    return fields


def is_row(fields: Sequence[bytes]) -> bool:
    """Whether a line is a key and numbers written out. Among many numbers the key may hold spaces, as some of GloVe's
    do."""
    try:
        return len([float(field) for field in fields[max(1, len(fields) // 16) :]]) > 0
    except ValueError:
        return False


def safetensors_kind(path: Path, start: bytes, rest: bytes) -> str:
    """Of a safetensors file: what fastsgns calls it in the metadata, if it wrote it."""
    length = int.from_bytes(start[:8], "little")
    try:
        header = parse_json((start[8:] + rest)[:length])
        text = header.get("__metadata__", {}).get(METADATA_KEY)
        kind = None if text is None else json.loads(text)["kind"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: not a safetensors file, or damaged: {error}") from error
    if kind is None:
        return "plain-safetensors"
    if not isinstance(kind, str) or kind not in NATIVE_KINDS:
        raise ValueError(f"{path}: holds kind={kind!r}, which a later fastsgns may know")
    return NATIVE_KINDS[kind]


def problem_with(path: Path, start: bytes) -> str:
    """What is wrong with a file that is in no format known."""
    if (found := packing(start)) and found.suffix in COMPRESSED:
        return f"compressed, but its name does not end in {found.suffix}: rename it, or unpack it first"
    if found:
        return f"compressed by {found.packer}, in which vectors are not read: unpack it first"
    if is_pickle(path):
        return (
            "not a model file of fastsgns, but a pickle, as gensim's save writes, and pickles can run anything: if you"
            " trust it, load it with gensim and convert the vectors by fastsgns.KeyedVectors.from_gensim"
        )
    return (
        f"not a model file of fastsgns, nor vectors of word2vec, GloVe, safetensors or NumPy: it begins with {start!r}"
    )


@contextlib.contextmanager
def regular(path: PathLike, name: str | None = None) -> Iterator[Path]:
    """A regular file with what is to be read from `path`: that itself, or a copy of what comes out of a pipe.

    Of a copy that is compressed, the name ends so. Errors call the copy by `name`.
    """
    if Path(path).is_file() or not Path(path).exists() or Path(path).is_dir():
        yield Path(path)
        return
    name = str(path) if name is None else name
    with tempfile.TemporaryDirectory(prefix="fastsgns-") as folder:
        copy = Path(folder, "copy")
        with open(path, "rb") as source, open(copy, "wb") as target:
            shutil.copyfileobj(source, target)
        with open(copy, "rb") as file:
            found = packing(file.read(8))
        if found and found.suffix in COMPRESSED:
            copy = copy.rename(copy.with_suffix(found.suffix))
        try:
            yield copy
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), name)) from error


@contextlib.contextmanager
def random_access(path: PathLike) -> Iterator[Path]:
    """A file that can be read at any place: `path` itself or, if its name ends as those of packed ones, a copy."""
    path = Path(path)
    if path.suffix.lower() not in COMPRESSED:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="fastsgns-") as folder:
        copy = Path(folder, "unpacked")
        try:
            with open_binary(path) as source, open(copy, "wb") as target:
                shutil.copyfileobj(source, target)
        except DAMAGED as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(f"{path} is damaged: {error}") from error
        try:
            yield copy
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), str(path))) from error
