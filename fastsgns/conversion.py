"""Vectors from any format into any other. What the new one cannot hold is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fastsgns.arrayfiles import read_npy, read_npz, read_plain_safetensors, words_path, write_array_file
from fastsgns.checks import check_choice
from fastsgns.fileformats import VECTOR_FORMATS, detect, random_access, regular
from fastsgns.files import PathLike, new_file
from fastsgns.formats import COMPRESSED, compressing
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.word2vec import Word2Vec

__all__ = ["SOURCES", "TARGETS", "Conversion", "convert", "load_vectors", "target_format"]

# Formats to write; "native" is a model where there is one, and vectors else.
TARGETS = {
    "native": "a file of fastsgns: the whole model, if the input is one",
    **{name: text for name, text in VECTOR_FORMATS.items() if name != "model"},
}
SOURCES = {"native": "a file of fastsgns", **{n: t for n, t in VECTOR_FORMATS.items() if n not in ("model", "vectors")}}
SUFFIXES = {
    ".safetensors": "native", ".txt": "word2vec", ".vec": "word2vec", ".w2v": "word2vec", ".bin": "word2vec-binary",
    ".npy": "npy", ".npz": "npz",
}  # fmt: skip
TEXT_FORMATS = ("word2vec", "word2vec-binary", "glove")


@dataclass
class Found:
    """Vectors that were read, and the model that they are of, if it was."""

    vectors: KeyedVectors
    format: str
    model: Word2Vec | None = None


@dataclass
class Conversion:
    """What `convert` did: the formats, words and dimensions, files written, and what the new format does not hold."""

    source_format: str
    target_format: str
    words: int
    dimensions: int
    files: list[Path]
    left_out: list[str] = field(default_factory=list)


def target_format(path: PathLike) -> str:
    """The format that a name's end stands for.

    Raises
    ------
    ValueError
        If it stands for none.

    Examples
    --------
    >>> target_format("vectors.txt.gz"), target_format("vectors.npz")
    ('word2vec', 'npz')
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in SUFFIXES:
        raise ValueError(f"{path}: its name's end tells no format: name one of {', '.join(TARGETS)}")
    return SUFFIXES[suffixes[-1]]


def load_vectors(path: PathLike) -> KeyedVectors:
    """The vectors of a file of any format in `fileformats.VECTOR_FORMATS`, told by how it begins.

    A file of fastsgns that is not compressed is mapped, read-only. Pipes are read to their end.

    Raises
    ------
    ValueError
        If the file is of no such format, or damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vectors.txt")
    ...     _ = path.write_text("king 0.1 0.2\\nqueen 0.1 0.3\\n")
    ...     load_vectors(path).index_to_key
    ['king', 'queen']
    """
    with regular(path) as file:
        kind = detect(file)
        if kind in ("model", "vectors") and file == Path(path) and file.suffix.lower() not in COMPRESSED:
            return KeyedVectors.load(file, mmap="r")
        return read(file, kind, whole=False).vectors


def read(
    path: Path,
    kind: str | None = None,
    *,
    whole: bool = True,
    words: PathLike | None = None,
    tensor: str | None = None,
    encoding: str = "utf8",
    errors: str = "strict",
) -> Found:
    """Read vectors in a format, by default the one that the file is in; if `whole`, with the model they are of."""
    found = detect(path) if kind in (None, "native") else kind
    if found not in VECTOR_FORMATS or (kind == "native" and found not in ("model", "vectors")):
        raise ValueError(f"{path}: is {found}, not {'a native file' if kind == 'native' else 'vectors'}")
    if found in TEXT_FORMATS:
        vectors = KeyedVectors.load_word2vec_format(
            path, binary=found == "word2vec-binary", no_header=found == "glove", encoding=encoding,
            unicode_errors=errors,
        )  # fmt: skip
        del vectors.expandos["count"]  # made up, as gensim does: the file has none
        return Found(vectors, found)
    with random_access(path) as file:
        if found == "model" and whole:
            model = Word2Vec.load(file)
            return Found(model.wv, found, model)
        if found in ("model", "vectors"):
            return Found(KeyedVectors.load(file), found)
        if found == "npz":
            return Found(read_npz(file), found)
        beside = words_path(path) if words is None else words
        if found == "npy":
            return Found(read_npy(file, beside), found)
        return Found(read_plain_safetensors(file, beside, tensor), found)


def convert(
    source: PathLike,
    target: PathLike,
    *,
    source_format: str | None = None,
    format: str | None = None,
    words: PathLike | None = None,
    tensor: str | None = None,
    encoding: str = "utf8",
    errors: str = "strict",
) -> Conversion:
    """Read vectors from one file and write them to another, whole or not at all.

    Parameters
    ----------
    source, target : path
        May end in .gz, .bz2 or .xz.
    source_format : str, optional
        One of `SOURCES`; by default found by looking at the file.
    format : str, optional
        One of `TARGETS`; by default told by the end of the target's name: see `target_format`.
    words : path, optional
        The words of a source of "npy" or "plain-safetensors", one a line; by default see `arrayfiles.words_path`.
    tensor : str, optional
        Which matrix of "plain-safetensors" it is.
    encoding, errors : str
        How words of word2vec's and GloVe's formats are decoded.

    Returns
    -------
    Conversion
        Its `left_out` names what the source holds and the target does not.

    Raises
    ------
    ValueError
        If a file is of another format, damaged, or cannot hold the words.
    OSError
        If one cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     wv = KeyedVectors.from_arrays(["a", "b"], np.eye(2, dtype=np.float32), np.array([7, 3]))
    ...     wv.save(Path(folder, "v.safetensors"))
    ...     done = convert(Path(folder, "v.safetensors"), Path(folder, "v.txt"))
    ...     done.left_out, Path(folder, "v.txt").read_text()
    (['word counts'], '2 2\\na 1 0\\nb 0 1\\n')
    """
    chosen = target_format(target) if format is None else format
    check_choice("format", chosen, TARGETS)
    if source_format is not None:
        check_choice("source_format", source_format, SOURCES)
    with regular(source) as file:
        found = read(
            file, source_format, whole=chosen == "native", words=words, tensor=tensor, encoding=encoding, errors=errors
        )
    vectors = found.vectors
    files = [Path(target)]
    if chosen == "native" and found.model is not None:
        write_native(target, found.model)
    elif chosen in ("native", "vectors"):
        write_native(target, vectors)
    elif chosen in TEXT_FORMATS:
        vectors.save_word2vec_format(target, binary=chosen == "word2vec-binary", write_header=chosen != "glove")
    else:
        files = write_array_file(target, vectors, chosen)
    left_out = missing(found, chosen)
    return Conversion(found.format, chosen, len(vectors), vectors.vector_size, files, left_out)


def write_native(path: PathLike, what: Word2Vec | KeyedVectors) -> None:
    """A model or vectors as a file of fastsgns, packed if its name ends so."""
    if Path(path).suffix.lower() not in COMPRESSED:
        what.save(path)
        return
    with new_file(path) as file, compressing(file, path) as out:
        what.save(out)


def missing(found: Found, chosen: str) -> list[str]:
    """What the source holds and a format does not."""
    vectors, left_out = found.vectors, []
    if found.format == "model" and not (chosen == "native" and found.model is not None):
        left_out += ["output vectors", "parameters and history of the training"]
    if chosen in ("native", "vectors"):
        return left_out
    if chosen != "npz":
        left_out += ["word counts" if name == "count" else f"attribute {name!r}" for name in vectors.expandos]
    if not vectors.vectors_lockf.all():
        left_out.append("which vectors are frozen")
    if chosen != "npz" and any_integers(vectors.index_to_key):
        left_out.append("that words are integers (they are written as text)")
    if chosen == "word2vec-binary" and vectors.vectors.dtype.itemsize > 4:
        left_out.append(f"digits beyond 32 bits ({vectors.vectors.dtype})")
    return left_out


def any_integers(keys: Sequence[Any]) -> bool:
    return any(isinstance(key, (int, np.integer)) for key in keys)
