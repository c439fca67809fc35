"""VectorStore: a matrix whose rows have keys; how KeyedVectors holds and changes its vectors."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastsgns.keyindex import KEY_TYPES, Key, KeyIndex, first_repeated
from fastsgns.notebook import as_table
from fastsgns.vectormath import row_norms, safe_lengths

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["VectorStore"]


class VectorStore(KeyIndex):
    """Keys, the rows of a matrix that belong to them, and the attributes of a `KeyIndex`.

    Parameters
    ----------
    vector_size : int
        Dimensions of the vectors.
    count : int, default 0
        Rows to set aside for `add_vector`; until they are taken their key is None.
    dtype : data type, default float32
        Of the vectors.
    mapfile_path : object, optional
        Accepted for gensim's sake; without effect there too.

    Attributes
    ----------
    index_to_key : list
        The key of each row.
    key_to_index : dict
        The row of each key.
    norms : ndarray or None
        Lengths of the vectors, once a query has needed them.
    expandos : dict of str to ndarray
        The attributes, under gensim's name; `get_vecattr` and `set_vecattr` are the way to them.

    Raises
    ------
    ValueError
        If `vector_size` or `count` is no whole number, or too small.
    """

    def __init__(
        self, vector_size: int, count: int = 0, dtype: DTypeLike = np.float32, mapfile_path: object = None
    ) -> None:
        for name, value, least in (("vector_size", vector_size, 1), ("count", count, 0)):
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype={dtype!r} must be a float type, such as numpy.float32")
        super().__init__(count)
        self.vector_size = int(vector_size)
        self.next_index = 0
        self.mapfile_path = mapfile_path
        self.norms: NDArray[Any] | None = None
        self._vectors: NDArray[Any] = np.zeros((count, self.vector_size), dtype)

    @classmethod
    def from_arrays(cls, words: Iterable[Key], vectors: NDArray[Any], counts: NDArray[Any] | None = None) -> Self:
        """Take a matrix as it is, without a copy: what is written to it later is seen here.

        Parameters
        ----------
        words : iterable of hashable
            The key of each row, no two the same.
        vectors : ndarray of float, shape (V, dim)
            May be a view of longer rows.
        counts : ndarray of int, shape (V,), optional
            Becomes the attribute "count" (a copy).

        Raises
        ------
        ValueError
            If sizes disagree or a key comes twice.

        Examples
        --------
        >>> store = VectorStore.from_arrays(["a", "b"], np.eye(2, dtype=np.float32))
        >>> store["b"].tolist()
        [0.0, 1.0]
        """
        if vectors.ndim != 2 or vectors.dtype.kind != "f" or vectors.shape[1] < 1:
            raise ValueError(f"vectors of shape {vectors.shape} and {vectors.dtype}: they must be a matrix of floats")
        words = list(words)
        rows = dict(zip(words, range(len(words)), strict=True))
        if len(words) != len(vectors):
            raise ValueError(f"{len(words)} words do not match {len(vectors)} vectors: give one for each")
        if len(rows) != len(vectors):
            raise ValueError(f"words hold {first_repeated(words)!r} more than once: remove repetitions")
        if counts is not None and np.shape(counts) != (len(vectors),):
            raise ValueError(f"counts of shape {np.shape(counts)}: give one for each of {len(vectors)} words")
        return cls._from_rows(rows, vectors, None if counts is None else np.array(counts))

    @classmethod
    def _from_rows(cls, rows: dict[Any, int], vectors: NDArray[Any], counts: NDArray[Any] | None) -> Self:
        """Take what is known to fit together: the row of each key, in order of rows, and the rest, as it is."""
        store = cls(vectors.shape[1])
        store.index_to_key, store.key_to_index = list(rows), rows
        store._vectors, store.next_index = vectors, len(vectors)
        if counts is not None:
            store.expandos["count"] = counts
        return store

    @property
    def vectors(self) -> NDArray[Any]:
        """The matrix, shape (V, vector_size). After writing into it call `fill_norms(force=True)`."""
        return self._vectors

    @vectors.setter
    def vectors(self, vectors: NDArray[Any]) -> None:
        self._vectors = vectors
        self._invalidate()

    def _invalidate(self) -> None:
        """Forget what was derived from the vectors: they changed."""
        self.norms = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    def _repr_html_(self) -> str:
        """A table for notebooks: sizes, attributes and the first keys."""
        rows = [
            ("keys", len(self)),
            ("dimensions", self.vector_size),
            ("type", f"{self.vectors.dtype}, {self.vectors.nbytes / 1e6:,.1f} MB"),
            ("attributes", ", ".join(self.expandos)),
        ]
        return as_table(type(self).__name__, rows, self.index_to_key)

    def __getitem__(self, key_or_keys: Any) -> NDArray[Any]:
        """The vector of a key, read-only, or a new matrix of those of a list of keys."""
        if isinstance(key_or_keys, KEY_TYPES):
            return self.get_vector(key_or_keys)
        if not isinstance(key_or_keys, Iterable):
            raise TypeError(f"{key_or_keys!r} is neither a key nor a list of keys; rows are in wv.vectors")
        rows = [self.get_index(key) for key in key_or_keys]
        if not rows:
            raise ValueError("the list of keys is empty: give at least one")
        return self.vectors[rows]

    def get_vector(self, key: Key, norm: bool = False) -> NDArray[Any]:
        """The vector of `key`, read-only; of length 1 if `norm`. A vector of zeros stays one.

        Raises
        ------
        KeyError
            If `key` is not present.

        Examples
        --------
        >>> store = VectorStore.from_arrays(["a"], np.array([[3.0, 4.0]]))
        >>> store.get_vector("a", norm=True).tolist()
        [0.6, 0.8]
        """
        index = self.get_index(key)
        vector: NDArray[Any] = self.vectors[index]
        if norm:
            length = self.fill_norms()[index]
            vector = vector / length if length else vector.copy()
        vector.setflags(write=False)  # the view, not the matrix: writes would go past the norms
        return vector

    def fill_norms(self, force: bool = False) -> NDArray[Any]:
        """Compute the norms, if they are not there or `force` is set; returns them."""
        norms = self.norms
        if norms is None or force:
            self.norms = norms = row_norms(self.vectors)
        return norms

    def get_normed_vectors(self) -> NDArray[Any]:
        """A copy of all vectors, scaled to length 1; vectors of zeros stay."""
        norms = self.fill_norms()
        normed: NDArray[Any] = self.vectors / safe_lengths(norms)[:, np.newaxis]
        return normed

    def unit_normalize_all(self) -> None:
        """Scale all vectors to length 1 in place. Training on from there makes little sense."""
        norms = self.fill_norms()
        self.vectors /= safe_lengths(norms)[:, np.newaxis]
        self.norms = (norms > 0).astype(norms.dtype)

    def add_vector(self, key: Key, vector: NDArray[Any] | Sequence[float]) -> int:
        """Add one vector, into a row set aside if there is one; returns its row.

        Without such a row the whole matrix is copied: `add_vectors` adds many at that price.
        """
        if key in self.key_to_index:
            raise ValueError(f"key {key!r} is already there: wv[key] = vector replaces its vector")
        index = self.next_index
        if index < len(self) and self.index_to_key[index] is None:
            self.vectors[index] = self._as_rows(vector, 1)[0]
            self.index_to_key[index], self.key_to_index[key] = key, index
            self.next_index += 1
            self._invalidate()
            return index
        self.add_vectors([key], [vector])
        return self.key_to_index[key]

    def add_vectors(
        self,
        keys: Any,
        weights: NDArray[Any] | Sequence[Any],
        extras: Mapping[str, NDArray[Any]] | None = None,
        replace: bool = False,
    ) -> None:
        """Add vectors, or replace those of keys that are there.

        Parameters
        ----------
        keys : key or sequence of keys
            No two the same.
        weights : ndarray of shape (n, vector_size), or sequence of n vectors
        extras : mapping of str to ndarray, optional
            Attributes of these keys, each of shape (n,). Those not given become 0.
        replace : bool, default False
            Whether keys that are there take the new vector, or keep theirs.

        Raises
        ------
        ValueError
            If sizes disagree or `keys` holds a key twice.

        Examples
        --------
        >>> store = VectorStore(2)
        >>> store.add_vectors(["a", "b"], [[1, 0], [0, 1]])
        >>> len(store)
        2
        """
        keys = [keys] if isinstance(keys, KEY_TYPES) else list(keys)
        rows = self._as_rows(weights, len(keys))
        if len(set(keys)) != len(keys):
            raise ValueError(f"keys hold {first_repeated(keys)!r} more than once: remove repetitions")
        extras = {name: np.asarray(values) for name, values in (extras or {}).items()}
        for name, values in extras.items():
            if values.shape != (len(keys),):
                raise ValueError(f"extras[{name!r}] is of shape {values.shape}: give one for each of {len(keys)} keys")
        self.allocate_vecattrs(list(extras), [values.dtype for values in extras.values()])
        new = np.array([key not in self.key_to_index for key in keys], bool)
        if new.any():
            for position in np.flatnonzero(new):
                self.key_to_index[keys[position]] = len(self.index_to_key)
                self.index_to_key.append(keys[position])
            self.vectors = np.concatenate([self.vectors, rows[new].astype(self.vectors.dtype)])
            self._lengthen()
        changed = np.ones(len(keys), bool) if replace else new
        targets = [self.key_to_index[keys[position]] for position in np.flatnonzero(changed)]
        self.vectors[targets] = rows[changed]
        for name, values in extras.items():
            self.expandos[name][targets] = values[changed]
        self._invalidate()

    def __setitem__(self, keys: Any, weights: NDArray[Any] | Sequence[Any]) -> None:
        """Add vectors, or replace those of keys that are there."""
        self.add_vectors(keys if isinstance(keys, (list, np.ndarray)) else [keys], weights, replace=True)

    def _as_rows(self, weights: NDArray[Any] | Sequence[Any], count: int) -> NDArray[Any]:
        try:
            rows = np.asarray(weights)
        except ValueError:  # of different lengths
            raise ValueError(f"vectors are not all of vector_size={self.vector_size} numbers") from None
        if rows.dtype.kind not in "fiub":
            raise ValueError(f"vectors of {rows.dtype} are no vectors of numbers")
        if rows.ndim == 1 and count == 1:
            rows = rows[np.newaxis]
        elif not rows.size and not count:
            rows = rows.reshape(0, self.vector_size)
        if rows.shape != (count, self.vector_size):
            raise ValueError(f"vectors of shape {rows.shape} do not fit {count} keys of vector_size={self.vector_size}")
        return rows

    def resize_vectors(self, seed: int = 0) -> None:
        """Make as many rows as there are in `index_to_key`; new ones hold random numbers in [-1, 1) / vector_size.

        Raises
        ------
        ValueError
            If there are more rows already.
        """
        shape = len(self), self.vector_size
        if len(self.vectors) > shape[0]:
            raise ValueError(f"there are {len(self.vectors)} rows and only {shape[0]} keys: cut wv.vectors yourself")
        if self.vectors.shape != shape:
            rows = np.random.default_rng(seed).random(shape, np.float32)  # as gensim draws them
            rows = ((2 * rows - 1) / self.vector_size).astype(self.vectors.dtype, copy=False)
            rows[: len(self.vectors)] = self.vectors
            self.vectors = rows
        self._lengthen()

    def sort_by_descending_frequency(self) -> None:
        """Order rows by falling "count"; among equals, as in gensim, the later comes first. Copies the matrix."""
        if not len(self):
            return
        counts = self._attribute("count").astype(np.int64)
        order = np.lexsort((-np.arange(len(counts)), -counts))
        self.index_to_key = [self.index_to_key[row] for row in order]
        self.key_to_index = {key: row for row, key in enumerate(self.index_to_key)}
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        if len(self._lockf) == len(order):
            self._lockf = self._lockf[order]
        self.vectors = self.vectors[order]
