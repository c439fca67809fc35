"""What is in a file: its kind, sizes, parameters and history, without reading any matrix."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from fastsgns import cache, formats
from fastsgns.arrayfiles import damage_told, read_header, read_words, words_path
from fastsgns.fileformats import NATIVE_KINDS, detect, random_access
from fastsgns.files import PathLike
from fastsgns.formats import open_binary
from fastsgns.word2vec_reader import damage_named, open_vectors

__all__ = ["describe"]

FIRST_WORDS = 5
COUNTED_BYTES = 1 << 20


def describe(path: PathLike) -> dict[str, Any]:
    """What a file is and holds.

    Parameters
    ----------
    path : path
        A file of fastsgns (model, vectors, checkpoint, phrases, corpus cache), or vectors in any format that
        `conversion.convert` reads. May end in .gz, .bz2 or .xz: it is unpacked for that, to memory in parts or to a
        temporary file.

    Returns
    -------
    dict
        For JSON. Always "file", "format" and "bytes"; of vectors "words", "dimensions", "type" (of the numbers),
        "counts" (whether they are there), "first_words"; of models "parameters" and "history" too; of others what
        they hold. What is not known is not there, such as the words of a matrix without a list of them.

    Raises
    ------
    ValueError
        If the file is of none of these kinds, or damaged so that it shows at once.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from fastsgns import KeyedVectors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vectors")
    ...     KeyedVectors.from_arrays(["a", "b"], np.eye(2, dtype=np.float32)).save(path)
    ...     found = describe(path)
    >>> found["format"], found["words"], found["dimensions"], found["first_words"]
    ('vectors', 2, 2, ['a', 'b'])
    """
    path = Path(path)
    kind = detect(path)
    told = {"file": str(path), "format": kind, "bytes": path.stat().st_size}
    if kind in ("word2vec", "word2vec-binary", "glove"):
        return {**told, **of_text(path, kind)}
    with random_access(path) as file:
        return {**told, **READERS[kind](file, path)}


def of_text(path: Path, kind: str) -> dict[str, Any]:
    """Of word2vec's formats and GloVe's, from the header and the first rows."""
    with open_vectors(path, binary=kind == "word2vec-binary", unicode_errors="replace", no_header=kind == "glove") as v:
        first = v.read(np.empty((FIRST_WORDS, v.dim), np.float32))
        words, dim = v.count, v.dim
    if words is None:
        words = count_lines(path)
    return {"words": words, "dimensions": dim, "type": "float32", "counts": False, "first_words": first[:FIRST_WORDS]}


def count_lines(path: Path) -> int:
    """The lines of a file whose first one is not blank, without blank ones at the end, as its reader takes them."""
    lines, ends = 1, 0  # up to the last text, and ends of lines since
    with damage_named(path), open_binary(path) as file:
        while block := file.read(COUNTED_BYTES):
            if text := block.rstrip():
                lines, ends = lines + ends + text.count(b"\n"), 0
            ends += block.count(b"\n", len(text))
    return lines


def of_native(file: Path, path: Path) -> dict[str, Any]:
    """Of a safetensors file of fastsgns: its metadata, and its arrays mapped."""
    tensors, metadata = formats.load_tensors(file, tuple(NATIVE_KINDS), mmap="r")
    try:
        kind = metadata.pop("kind")
        told: dict[str, Any] = {}
        if "vectors" in tensors:
            words, dim = tensors["vectors"].shape
            told = {
                "words": int(words), "dimensions": int(dim), "type": str(tensors["vectors"].dtype),
                "counts": "counts" in tensors, "output_vectors": "output_vectors" in tensors,
            }  # fmt: skip
            if "lockf" in tensors:
                told["frozen_words"] = int((tensors["lockf"] == 0).sum()) * (words if len(tensors["lockf"]) == 1 else 1)
        if kind == "Checkpoint":
            told |= {"state": of_state(metadata["state"]), "training": metadata["identity"]}
        elif kind in ("Phrases", "FrozenPhrases"):
            told["class"] = kind
        told |= {name: metadata[name] for name in ("parameters", "history", "corpus_word_count") if name in metadata}
        told["first_words"] = first_keys(tensors)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from error
    return told


def of_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """How far a run had come, from a checkpoint."""
    result = state["result"]
    return {
        "epochs_complete": result["epochs"],
        "words_trained": result["words"] + sum(counts[0] for counts in state["counts"]),
        "train_seconds": result["seconds"],
        "loss_history": result["loss_history"],
    }


def first_keys(tensors: Mapping[str, Any]) -> list[Any]:
    """The first few keys of those that `formats.pack_keys` packed, the others unread."""
    if "keys" not in tensors:
        return []
    if "key_offsets" not in tensors:
        return list(tensors["keys"][:FIRST_WORDS].tolist())
    offsets = np.array(tensors["key_offsets"][: FIRST_WORDS + 1])
    if len(offsets) < 2 or not 0 <= offsets[0] <= offsets[-1] <= len(tensors["keys"]):
        return []
    return formats.unpack_keys({"keys": np.array(tensors["keys"][: offsets[-1]]), "key_offsets": offsets})


def of_npy(file: Path, path: Path) -> dict[str, Any]:
    with damage_told(path):
        matrix = np.load(file, mmap_mode="r", allow_pickle=False)
    return of_matrix(path, matrix.shape, str(matrix.dtype))


def of_plain_safetensors(file: Path, path: Path) -> dict[str, Any]:
    try:
        with safe_open(file, framework="numpy") as tensors:
            slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118 (no mapping)
            shapes = {name: (list(part.get_shape()), str(part.get_dtype())) for name, part in slices.items()}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    told = {"tensors": {name: {"shape": shape, "type": kind} for name, (shape, kind) in shapes.items()}}
    matrices = [name for name, (shape, _) in shapes.items() if len(shape) == 2]
    if "vectors" in matrices or len(matrices) == 1:
        return {**told, **of_matrix(path, *shapes["vectors" if "vectors" in matrices else matrices[0]])}
    return told


def of_matrix(path: Path, shape: Any, kind: str) -> dict[str, Any]:
    """Of a matrix whose words are in a file beside it."""
    if len(shape) != 2:
        raise ValueError(f"{path}: an array of shape {tuple(shape)}, not a matrix")
    told: dict[str, Any] = {"words": int(shape[0]), "dimensions": int(shape[1]), "type": kind, "counts": False}
    beside = words_path(path)
    if beside.is_file():
        told |= {"words_file": str(beside), "first_words": read_words(beside, int(shape[0]))[:FIRST_WORDS]}
    return told


def of_npz(file: Path, path: Path) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    with damage_told(path), zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as entry:
                shape, dtype = read_header(entry)
                arrays[name.removesuffix(".npy")] = {"shape": list(shape), "type": str(dtype)}
    matrices = [name for name, array in arrays.items() if len(array["shape"]) == 2]
    told: dict[str, Any] = {"arrays": arrays, "counts": "counts" in arrays}
    if "vectors" in matrices or len(matrices) == 1:
        matrix = arrays["vectors" if "vectors" in matrices else matrices[0]]
        told |= {"words": matrix["shape"][0], "dimensions": matrix["shape"][1], "type": matrix["type"]}
    return told


def of_corpus_cache(file: Path, path: Path) -> dict[str, Any]:
    header = cache.read_header(file)
    try:
        description = header["description"]
        return {
            "corpus_words": header["raw_words"],
            "kept_words": header["n_tokens"],
            "sentences": header["sentences"],
            "words": header["n_words"],
            "sources": [source for source, _, _ in description["sources"]],
            "rules": description["rules"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged: {error}") from error


READERS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    **dict.fromkeys(NATIVE_KINDS.values(), of_native),
    "npy": of_npy,
    "npz": of_npz,
    "plain-safetensors": of_plain_safetensors,
    "corpus-cache": of_corpus_cache,
}
