"""The explorer: one HTML page, which needs no network, with a map of words, their neighbours and analogies."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import warnings
from collections.abc import Iterable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.checks import check_choice, check_integer
from fastsgns.config import __version__
from fastsgns.files import PathLike, write_file
from fastsgns.keyindex import Key
from fastsgns.layout import METHODS, MOST_COLORS, choose_rows, cluster, lay_out
from fastsgns.vectormath import unit_rows
from fastsgns.vectorstore import VectorStore

__all__ = ["DEFAULT_WORDS", "write_page"]

DEFAULT_WORDS = 20000
NAMES = {"pca": "PCA", "tsne": "t\N{NON-BREAKING HYPHEN}SNE", "umap": "UMAP"}


def write_page(
    store: VectorStore,
    path: PathLike,
    words: int | Iterable[Key] | None = None,
    method: str = "auto",
    *,
    clusters: int = MOST_COLORS,
    title: str | None = None,
    seed: int = 1,
) -> Path:
    """Write the explorer's page; `KeyedVectors.explore` tells the parameters."""
    check_choice("method", method, ("auto", *METHODS))
    check_integer("clusters", clusters, 1, MOST_COLORS)
    check_target(path)
    if method == "auto":
        method = "tsne" if find_spec("sklearn") else "pca"
        if method == "pca":
            warnings.warn(
                "the map is laid out by PCA, in which few neighbours are near:"
                " for t-SNE pip install 'fastsgns[plot]', or say method='pca'",
                stacklevel=3,
            )
    rows = choose_rows(store, words, DEFAULT_WORDS)
    texts = [str(store.index_to_key[row]) for row in rows]
    if len(set(texts)) < len(texts):
        raise ValueError("words: some keys read the same, such as 5 and '5'; leave one out")
    vectors = store.vectors[rows]
    scales, parts = quantized(vectors)
    counts = store.expandos.get("count")
    whole = f"{len(texts):,}" if len(texts) == len(store) else f"{len(texts):,} of {len(store):,}"
    content = {
        "title": html.escape("Word vectors" if title is None else title),
        "facts": f"{whole} words, {vectors.shape[1]} dimensions; map by {NAMES[method]}",
        "version": __version__,
        "data": json_for_html(
            {
                "words": texts,
                "counts": None if counts is None else [int(counts[row]) for row in rows],
                "dimensions": vectors.shape[1],
            }
        ),
        "places": encoded(lay_out(vectors, method, seed), "<f4"),
        "labels": encoded(cluster(vectors, clusters, seed), "u1"),
        "scales": encoded(scales, "<f4"),
        "vectors": encoded(parts, "<i2"),
        **{key: part(name) for key, name in (("css", "page.css"), ("js", "page.js"), ("d3", "d3.min.js"))},
    }
    # In one pass, so that nothing in the content is taken for a mark of the template.
    page = re.sub(r"\{\{(\w+)\}\}", lambda mark: content[mark[1]], part("page.html"))
    write_file(path, page.encode())
    return Path(path)


def check_target(path: PathLike) -> None:
    """OSError, before minutes of work, for a place where no page can be written."""
    folder = os.path.dirname(os.path.abspath(os.fspath(path)))
    if os.path.isdir(path):
        raise IsADirectoryError(21, "is a directory; name a file", os.fspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(2, "no such directory; make it first", folder)
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "cannot be written; choose another place", folder)


def quantized(vectors: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Vectors of length 1 as scales, shape (n,), and 16-bit numbers, shape (n, dim).

    Cosines stay within 3e-5, most within 5e-6: several times as near as by float16, which keeps 11 bits.

    Examples
    --------
    >>> scales, parts = quantized(np.array([[3, 4], [0, 0]], np.float32))
    >>> (scales[:, np.newaxis].astype(float) * parts).round(4).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    units = unit_rows(vectors)
    scales = np.abs(units).max(axis=1) / 32767
    parts = np.rint(units / np.where(scales > 0, scales, 1)[:, np.newaxis])
    return scales.astype(np.float32), parts.astype(np.int16)


def encoded(values: NDArray[Any], dtype: str) -> str:
    """An array's bytes in base64."""
    return base64.b64encode(values.astype(dtype).tobytes()).decode()


def json_for_html(value: Any) -> str:
    """JSON that is safe inside a script element, whatever the words: no less-than sign is left, and only ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def part(name: str) -> str:
    """A file of the page."""
    return files("fastsgns").joinpath("_page", name).read_text(encoding="utf-8")
