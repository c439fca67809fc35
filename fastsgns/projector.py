"""Vectors as TensorFlow's Embedding Projector reads them, in TensorBoard or at projector.tensorflow.org: two tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.files import PathLike, new_file
from fastsgns.keyindex import Key
from fastsgns.layout import choose_rows
from fastsgns.vectorstore import VectorStore

__all__ = ["write_projector"]

DEFAULT_WORDS = 10_000
BLOCK_ROWS = 1024
CONFIG = """embeddings {
  tensor_name: "word vectors"
  tensor_path: "vectors.tsv"
  metadata_path: "metadata.tsv"
}
"""


def write_projector(store: VectorStore, folder: PathLike, words: int | Iterable[Key] | None = None) -> Path:
    """Write vectors.tsv, metadata.tsv and projector_config.pbtxt; `KeyedVectors.save_tensorboard` tells the rest."""
    rows = choose_rows(store, words, DEFAULT_WORDS)
    folder = Path(folder)
    metadata = metadata_lines(store, rows)
    folder.mkdir(parents=True, exist_ok=True)
    template = "\t".join(["%.9g"] * store.vector_size) + "\n"
    with new_file(folder / "vectors.tsv") as file:
        for start in range(0, len(rows), BLOCK_ROWS):
            block = store.vectors[rows[start : start + BLOCK_ROWS]].tolist()
            file.write("".join([template % tuple(vector) for vector in block]).encode())
    with new_file(folder / "metadata.tsv") as file:
        file.write(metadata)
    with new_file(folder / "projector_config.pbtxt") as file:
        file.write(CONFIG.encode())
    return folder


def metadata_lines(store: VectorStore, rows: NDArray[np.intp]) -> bytes:
    """A line for each row: its key, and its attributes if there are any.

    A line of names comes first then, and only then: the Projector takes the first line of a single column for a label.
    """
    names = [name for name, values in store.expandos.items() if values.ndim == 1]
    columns: list[list[Any]] = [[store.index_to_key[row] for row in rows.tolist()]]
    columns += [store.expandos[name][rows].tolist() for name in names]
    header = [["word", *names]] if names else []
    lines = []
    for cells in [*header, *zip(*columns, strict=True)]:
        for name, cell in zip(["word", *names], map(str, cells), strict=True):
            if "\t" in cell or len(cell.splitlines()) > 1 or (name == "word" and not cell.strip()):
                raise ValueError(
                    f"{cell!r}, {name} of {cells[0]!r}, is empty or holds tabs or line ends, which a table of the "
                    "Projector's cannot hold: leave it out of words"
                )
        lines.append("\t".join(map(str, cells)) + "\n")
    return "".join(lines).encode()
