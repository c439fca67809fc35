"""VectorIndex: an approximate index of vectors for nearest neighbours, by usearch (the extra "ann")."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.checks import check_choice, check_integer
from fastsgns.config import available_cores
from fastsgns.files import PathLike, write_file
from fastsgns.keyindex import KEY_TYPES
from fastsgns.nearest import nearest
from fastsgns.queries import Queries, Ranking
from fastsgns.similarities import as_list
from fastsgns.vectormath import safe_lengths, unit_rows

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["VectorIndex"]

# How the index keeps numbers; it halves or quarters float32, and the cosines are computed anew from the vectors.
DTYPES = ("f32", "f16", "i8")
# Of vectors and what a file's index keeps of them, rounded as it may be; about so many are looked at.
LEAST_COSINE, CHECKED_ROWS = 0.9, 64
# Queries whose neighbours' vectors are gathered at once.
BLOCK_QUERIES = 1024


class VectorIndex:
    """An HNSW graph (Malkov and Yashunin 2018, arXiv 1603.09320) over vectors, made by `KeyedVectors.build_index`.

    It finds nearly all the nearest keys without looking at every vector; `recall` measures how many. The cosines that
    it tells are exact. It is of the vectors as they were: what is added or changed later is not found. Several threads
    may ask at once.

    Parameters
    ----------
    wv : KeyedVectors
        The vectors.
    connectivity : int, default 16
        Edges of a vertex: more find more, and take memory and time to build.
    expansion_add, expansion_search : int, default 128 and 64
        Vertices that are kept in sight while building and while searching: more find more, slowly.
    dtype : {"f16", "f32", "i8"}, default "f16"
        How the index keeps its copy of the vectors.
    workers : int, optional
        Threads that build; by default all cores this process may use. With more than one, two builds may differ.

    Raises
    ------
    ImportError
        If usearch is not installed.
    ValueError
        If there are no vectors, or they are not finite; for parameters out of range.
    """

    def __init__(
        self,
        wv: Queries,
        *,
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion_search: int = 64,
        dtype: str = "f16",
        workers: int | None = None,
    ) -> None:
        check_integer("connectivity", connectivity, 2, 1024)
        check_integer("expansion_add", expansion_add, 1)
        check_integer("expansion_search", expansion_search, 1)
        check_choice("dtype", dtype, DTYPES)
        workers = available_cores() if workers is None else workers
        check_integer("workers", workers, 1)
        if len(wv) == 0:
            raise ValueError("there are no vectors to index: train first, or load a model")
        if not np.isfinite(wv.fill_norms()).all():
            raise ValueError("vectors that are not finite cannot be indexed: train with a lower alpha")
        self.wv = wv
        self._index = usearch_index()(
            ndim=wv.vector_size, metric="cos", dtype=dtype, connectivity=connectivity,
            expansion_add=expansion_add, expansion_search=expansion_search,
        )  # fmt: skip
        for start in range(0, len(wv), 1 << 16):
            block = unit_rows(wv.vectors[start : start + (1 << 16)]).astype(np.float32, copy=False)
            self._index.add(np.arange(start, start + len(block)), block, threads=workers)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.wv.vector_size}, {len(self)} keys>"

    @property
    def memory_bytes(self) -> int:
        """What the graph and its copy of the vectors take."""
        return int(self._index.memory_usage)

    def most_similar(self, vector: Any, topn: int = 10) -> Ranking:
        """The keys most like a key, without itself, or like a vector.

        This is what ``wv.most_similar(..., indexer=index)`` asks, with the mean of what it is given: its answer holds
        those keys themselves too, as gensim's does with an indexer.

        Parameters
        ----------
        vector : key, or ndarray of float, shape (vector_size,)
        topn : int, default 10

        Returns
        -------
        list of (key, float)
            Highest cosine first.

        Raises
        ------
        KeyError
            If the key is not present.
        ValueError
            If the vector is not of `vector_size` finite numbers.
        """
        if not isinstance(vector, KEY_TYPES):
            vector = np.asarray(vector)
        return self.most_similar_batch([vector], topn)[0]

    def most_similar_batch(self, queries: Any, topn: int = 10, workers: int | None = None) -> list[Ranking]:
        """For each of many keys and vectors what `most_similar` finds; the parameters are `KeyedVectors`'s."""
        check_integer("topn", topn, 0)
        workers = available_cores() if workers is None else workers
        check_integer("workers", workers, 1)
        wv, items = self.wv, as_list(queries)
        own = [-1 if isinstance(item, np.ndarray) else wv.get_index(item) for item in items]
        found: list[Ranking] = []
        for start in range(0, len(items) if topn else 0, BLOCK_QUERIES):
            block = [wv._vector_of(item) for item in items[start : start + BLOCK_QUERIES]]
            rows, cosines = self._search(np.stack(block), topn + 1, workers)
            for given, best, values in zip(own[start:], rows.tolist(), cosines.tolist(), strict=False):
                pairs = zip(best, values, strict=True)
                found.append([(wv.index_to_key[row], cosine) for row, cosine in pairs if row not in (-1, given)][:topn])
        return found or [[] for _ in items]

    def recall(self, topn: int = 10, queries: int = 1000, seed: int = 1) -> float:
        """The share of the `topn` nearest keys, by exact search, that the index finds.

        Parameters
        ----------
        topn : int, default 10
        queries : int, default 1000
            Keys drawn at random, all if there are fewer, whose neighbours are looked at.
        seed : int, default 1

        Examples
        --------
        >>> from fastsgns import KeyedVectors
        >>> vectors = np.random.default_rng(1).standard_normal((500, 20)).astype(np.float32)
        >>> wv = KeyedVectors.from_arrays(range(500), vectors)
        >>> wv.build_index().recall() > 0.95  # doctest: +SKIP
        True
        """
        check_integer("topn", topn, 1)
        check_integer("queries", queries, 1)
        wv, size = self.wv, len(self)
        asked = np.sort(np.random.default_rng(seed).permutation(size)[:queries])
        vectors, norms, workers = wv.vectors[:size], wv.fill_norms()[:size], available_cores()
        exact, _ = nearest(lambda block: vectors[asked[block]], len(asked), vectors, norms, topn + 1, workers)
        found, _ = self._search(vectors[asked], topn + 1, workers)

        def others(rows: NDArray[np.intp], row: int) -> set[int]:
            return set([other for other in rows.tolist() if other not in (row, -1)][:topn])

        pairs = [(others(a, row), others(b, row)) for a, b, row in zip(exact, found, asked.tolist(), strict=True)]
        return sum(len(a & b) for a, b in pairs) / max(1, sum(len(a) for a, _ in pairs))

    def save(self, path: PathLike) -> None:
        """Save the graph, without keys, as usearch does; `KeyedVectors.save` keeps those."""
        data = self._index._compiled.save_index_to_buffer(None)
        write_file(path, data)

    @classmethod
    def load(cls, path: PathLike, wv: Queries) -> Self:
        """Load what `save` wrote, for the same vectors. Only load files that you trust: usearch does not check them.

        Raises
        ------
        ImportError
            If usearch is not installed.
        ValueError
            If the file is no index, or one of other vectors.
        """
        data, kind = Path(path).read_bytes(), usearch_index()
        try:
            index = kind.restore(data)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: no whole index of usearch: {error}") from error
        if (len(index), index.ndim) != (len(wv), wv.vector_size):
            raise ValueError(
                f"{os.fspath(path)} is an index of {len(index):,} vectors of {index.ndim} dimensions, not of the "
                f"{len(wv):,} x {wv.vector_size} given: build it anew"
            )
        rows = np.arange(0, len(wv), max(1, len(wv) // CHECKED_ROWS))
        stored, given = np.asarray(index.get(rows), np.float32), unit_rows(wv.vectors[rows].astype(np.float32))
        if (np.einsum("ij,ij->i", unit_rows(stored), given)[given.any(axis=1)] < LEAST_COSINE).any():
            raise ValueError(f"{os.fspath(path)} is an index of other vectors than those given: build it anew")
        made = cls.__new__(cls)
        made.wv, made._index = wv, index
        return made

    def _search(self, vectors: NDArray[Any], count: int, workers: int) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """Rows, -1 where fewer are found, and exact cosines, highest first; both of shape (queries, count)."""
        count = min(count, len(self))
        units = unit_rows(vectors).astype(np.float32, copy=False)
        matches = self._index.search(units, count, threads=workers)
        rows = np.full((len(units), count), -1, np.intp)
        if len(units) == 1:  # usearch gives no matrix then
            rows[0, : len(matches.keys)] = matches.keys
        else:
            is_found = np.arange(count) < matches.counts[:, np.newaxis]
            rows[is_found] = matches.keys[is_found]
        cosines = np.empty(rows.shape, np.float32)
        lengths = safe_lengths(self.wv.fill_norms()[rows])
        for query, unit in enumerate(units):  # the gathered vectors of one query fit into the cache
            cosines[query] = self.wv.vectors[rows[query]] @ unit / lengths[query]
        cosines[rows < 0] = -np.inf
        order = np.lexsort((rows, -cosines))
        return np.take_along_axis(rows, order, 1), np.take_along_axis(cosines, order, 1)


def usearch_index() -> Any:
    """usearch's class, or ImportError that names the extra."""
    try:
        from usearch.index import Index
    except ImportError as error:
        raise ImportError("an index needs usearch, which is not installed: pip install 'fastsgns[ann]'") from error
    return Index
