"""Similarities: cosines and distances between given keys and vectors; means of vectors."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.keyindex import KEY_TYPES, Key
from fastsgns.vectormath import dots, over, row_norms, unit
from fastsgns.vectorstore import VectorStore

__all__ = ["Similarities", "as_list"]

logger = logging.getLogger(__name__)


def as_list(value: Any, vector_kinds: str = "fiub") -> list[Any]:
    """One key or vector, or a sequence of them, or None, as a list; an array of other kinds is one of keys."""
    if value is None:
        return []
    if isinstance(value, KEY_TYPES):
        return [value]
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in vector_kinds:
        return [value]
    return list(value)


class Similarities(VectorStore):
    """What can be asked about given keys of a `VectorStore`. All of it only reads and may run in several threads."""

    def _vector_of(self, item: Any) -> NDArray[Any]:
        """The vector of a key, or the vector itself, checked."""
        if isinstance(item, np.ndarray):
            if item.shape != (self.vector_size,):
                raise ValueError(f"a vector of shape {item.shape} does not fit vector_size={self.vector_size}")
            if item.dtype.kind not in "fiub" or not np.isfinite(item).all():
                raise ValueError(f"a vector of {item.dtype} holds {item}: all must be finite numbers")
            return item
        return self.get_vector(item)

    def get_mean_vector(
        self,
        keys: Any,
        weights: Sequence[float] | NDArray[Any] | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> NDArray[Any]:
        """The weighted mean of vectors.

        Parameters
        ----------
        keys : sequence of keys or vectors
            Keys stand for their vectors; vectors are taken as they are.
        weights : sequence of float, optional
            One for each key, 1 otherwise; the sum is divided by the sum of their absolute values.
        pre_normalize : bool, default True
            Scale the vectors of keys to length 1 first.
        post_normalize : bool, default False
            Scale the mean to length 1.
        ignore_missing : bool, default True
            Leave out keys that are not present, rather than raise.

        Raises
        ------
        ValueError
            If there are no keys, or not as many weights.
        KeyError
            If a key is not present and `ignore_missing` is False.
        """
        keys = as_list(keys, "f")
        if not keys:
            raise ValueError("cannot compute mean with no input: give at least one key or vector")
        factors = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if factors.shape != (len(keys),):
            raise ValueError(f"{factors.size} weights do not match {len(keys)} keys: there must be as many")
        if not np.isfinite(factors).all():
            raise ValueError(f"weights={weights!r} must be finite numbers")
        mean, total = np.zeros(self.vector_size), 0.0
        for key, factor in zip(keys, factors, strict=True):
            if isinstance(key, np.ndarray):
                mean += factor * self._vector_of(key)
            elif key in self:
                mean += factor * self.get_vector(key, norm=pre_normalize)
            elif ignore_missing:
                continue
            else:
                raise KeyError(f"Key '{key}' not present in vocabulary")
            total += abs(factor)
        if total > 0:
            mean /= total
        if post_normalize:
            mean = unit(mean)
        return mean.astype(np.result_type(self.vectors, np.float32))

    def similarity(self, w1: Key, w2: Key) -> Any:
        """The cosine between the vectors of two keys."""
        return np.dot(unit(self.get_vector(w1)), unit(self.get_vector(w2)))

    def distance(self, w1: Key, w2: Key) -> Any:
        """1 minus `similarity`."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Any, ws2: Any) -> Any:
        """The cosine between the mean vectors of two lists of keys; keys not present are left out.

        Raises
        ------
        ZeroDivisionError
            If a list is empty.
        """
        ws1, ws2 = as_list(ws1, "f"), as_list(ws2, "f")
        if not ws1 or not ws2:
            raise ZeroDivisionError(f"a list of keys is empty: ws1={ws1!r}, ws2={ws2!r}")
        first, second = (unit(self.get_mean_vector(keys, pre_normalize=False)) for keys in (ws1, ws2))
        return np.dot(first, second)

    @staticmethod
    def cosine_similarities(vector_1: NDArray[Any], vectors_all: NDArray[Any]) -> NDArray[Any]:
        """The cosines between a vector, shape (dim,), and the rows of a matrix; 0 for vectors of zeros."""
        vector_1, vectors_all = np.asarray(vector_1), np.asarray(vectors_all)
        length = np.linalg.norm(vector_1)
        return over(dots(vectors_all, vector_1), row_norms(vectors_all) * length)

    def distances(self, word_or_vector: Any, other_words: Iterable[Key] | None = ()) -> NDArray[Any]:
        """1 minus the cosine between a key or vector and each of `other_words`, by default all keys.

        Raises
        ------
        KeyError
            If a key is not present.
        """
        is_key = isinstance(word_or_vector, KEY_TYPES)
        vector = self._vector_of(word_or_vector if is_key else np.asarray(word_or_vector))
        norms, vectors = self.fill_norms(), self.vectors
        others = (
            [other_words] if isinstance(other_words, KEY_TYPES) else list(() if other_words is None else other_words)
        )
        if others:
            rows = [self.get_index(word) for word in others]
            norms, vectors = norms[rows], vectors[rows]
        return np.asarray(1 - over(dots(vectors, unit(vector)), norms))

    def closer_than(self, key1: Key, key2: Key) -> list[Any]:
        """The keys closer to `key1` than `key2` is, in order of rows."""
        distances = self.distances(key1)
        closer = np.flatnonzero(distances < distances[self.get_index(key2)])
        own = self.get_index(key1)
        return [self.index_to_key[row] for row in closer if row != own]

    def rank(self, key1: Key, key2: Key) -> int:
        """The place of `key2` among the keys by distance from `key1`; the closest has 1."""
        return len(self.closer_than(key1, key2)) + 1

    def most_similar_to_given(self, key1: Key, keys_list: Iterable[Key]) -> Any:
        """The one of `keys_list` most like `key1`.

        Raises
        ------
        ValueError
            If the list is empty.
        """
        keys = as_list(keys_list, "")
        if not keys:
            raise ValueError("keys_list is empty: give at least one key")
        return keys[int(np.argmin(self.distances(key1, keys)))]

    def rank_by_centrality(self, words: Iterable[Key], use_norm: bool = True) -> list[tuple[Any, Any]]:
        """Pairs of similarity to the centroid and key, the most central first; keys not present are left out.

        Raises
        ------
        ValueError
            If none is present.
        """
        if isinstance(words, KEY_TYPES):
            raise ValueError(f"words={words!r} is one key: give a list of keys, such as words.split()")
        words = list(words)
        used = [word for word in words if word in self]
        if len(used) < len(words):
            logger.warning("keys not present are left out: %s", sorted({str(w) for w in words if w not in self}))
        if not used:
            raise ValueError("cannot select a word from an empty list: none of the keys is present")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in used])
        mean = self.get_mean_vector(vectors, post_normalize=True)
        ranking = list(zip(dots(vectors, mean), used, strict=True))
        try:
            return sorted(ranking, reverse=True)
        except TypeError:  # keys of different types, equally central
            return sorted(ranking, key=lambda pair: pair[0], reverse=True)

    def doesnt_match(self, words: Iterable[Key]) -> Any:
        """The key farthest from the mean of all of them.

        Examples
        --------
        >>> from fastsgns.keyedvectors import KeyedVectors
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32))
        >>> wv.doesnt_match(["a", "b", "c"])
        'c'
        """
        return self.rank_by_centrality(words)[-1][1]

    def wmdistance(self, document1: Iterable[Key], document2: Iterable[Key], norm: bool = True) -> float:
        """The Word Mover's Distance (Kusner et al. 2015): the least way that one document's words go to the other's.

        Parameters
        ----------
        document1, document2 : iterable of keys
            Keys not present are left out.
        norm : bool, default True
            Scale the vectors to length 1 first.

        Returns
        -------
        float
            Infinite if no key of a document is present. (0 if all words have the same vector; gensim says infinite.)

        Raises
        ------
        ImportError
            If POT, the solver of the optional extra "pot", is not installed.
        """
        try:
            from ot import emd2
        except ImportError as error:
            raise ImportError("wmdistance needs POT, which is not installed: pip install 'fastsgns[pot]'") from error
        documents = [list(document) for document in (document1, document2)]
        if isinstance(document1, str) or isinstance(document2, str):
            raise ValueError("a document is one string: give lists of keys, such as document.split()")
        counts = [Counter(word for word in document if word in self) for document in documents]
        missing = [len(words) - count.total() for words, count in zip(documents, counts, strict=True)]
        if any(missing):
            logger.info("%d and %d keys of the documents are not present and left out", *missing)
        if not all(counts):
            logger.warning("no key of a document is present: its distance is infinite")
            return math.inf
        first, second = (np.stack([self.get_vector(word, norm) for word in count]).astype(float) for count in counts)
        shares = [np.array(list(count.values())) / count.total() for count in counts]
        costs = np.stack([np.linalg.norm(second - vector, axis=1) for vector in first])
        return float(emd2(*shares, costs)) if costs.any() else 0.0
