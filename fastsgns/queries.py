"""Queries: which keys are near which, by cosine; the questions KeyedVectors answers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.vectormath import COSMUL_EPSILON, best_first, dots, over, row_norms, unit
from fastsgns.vectorstore import KEY_TYPES, Key, VectorStore

__all__ = ["Queries"]

logger = logging.getLogger(__name__)


def as_list(value: Any) -> list[Any]:
    """One key or vector, or a sequence of them, or None, as a list."""
    if value is None:
        return []
    if isinstance(value, KEY_TYPES) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return [value]
    return list(value)


class Queries(VectorStore):
    """Similarity queries over a `VectorStore`. They only read and may run in several threads at once."""

    def _vector_of(self, item: Any) -> NDArray[Any]:
        """The vector of a key, or the vector itself, checked."""
        if isinstance(item, np.ndarray):
            if item.shape != (self.vector_size,):
                raise ValueError(f"a vector of shape {item.shape} does not fit vector_size={self.vector_size}")
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
        keys = as_list(keys)
        if not keys:
            raise ValueError("cannot compute mean with no input: give at least one key or vector")
        factors = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if factors.shape != (len(keys),):
            raise ValueError(f"{factors.size} weights do not match {len(keys)} keys: there must be as many")
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

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Any:
        """The keys most like the mean of the positive and the negated negative ones (3CosAdd).

        Parameters
        ----------
        positive, negative : key, vector, or sequence of keys, vectors and (key or vector, weight) pairs
            What to be like and unlike. A weight given stands for the 1 of a positive or the -1 of a negative item.
        topn : int or None, default 10
            How many; None for the similarities of all.
        clip_start, clip_end : int
            Look among these rows only.
        restrict_vocab : int, optional
            Look among the first so many rows only, whatever the clip.
        indexer : object, optional
            Its ``most_similar(vector, topn)`` answers in place of the exact search.

        Returns
        -------
        list of (key, float), or ndarray of float
            Highest cosine first, among equals in order of rows, without the keys given; with ``topn=None`` an array.

        Raises
        ------
        KeyError
            If a key is not present.
        ValueError
            If nothing is given.

        Examples
        --------
        >>> from fastsgns.keyedvectors import KeyedVectors
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32))
        >>> [key for key, cosine in wv.most_similar("a")]
        ['b', 'c']
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        items, weights = [], []
        for sequence, default in ((as_list(positive), 1.0), (as_list(negative), -1.0)):
            for item in sequence:
                paired = not isinstance(item, (*KEY_TYPES, np.ndarray))
                if paired and (not isinstance(item, (tuple, list)) or len(item) != 2):
                    raise ValueError(f"{item!r} is neither a key, nor a vector, nor a pair of one and its weight")
                items.append(item[0] if paired else item)
                weights.append(float(item[1]) if paired else default)
        mean = self.get_mean_vector(items, weights, post_normalize=True, ignore_missing=False)
        if indexer is not None and isinstance(topn, int):
            return indexer.most_similar(mean, topn)
        if restrict_vocab:
            clip_start, clip_end = 0, restrict_vocab
        rows = slice(*slice(clip_start, clip_end or None).indices(len(self.vectors)))
        cosines = over(dots(self.vectors[rows], mean), self.fill_norms()[rows])
        return self._ranked(cosines, topn, items, rows.start)

    def _ranked(self, scores: NDArray[Any], topn: int | None, items: Iterable[Any], start: int) -> Any:
        """The best keys and their scores without those of `items`; row 0 of `scores` is row `start` of the matrix."""
        if topn is None:
            return scores
        given = {self.get_index(item) for item in items if not isinstance(item, np.ndarray)}
        best = (row for row in best_first(scores, topn + len(given)).tolist() if row + start not in given)
        return [(self.index_to_key[row + start], float(scores[row])) for row, _ in zip(best, range(topn), strict=False)]

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The keys most like `key`; see `most_similar`."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The same as `similar_by_key`."""
        return self.similar_by_key(word, topn, restrict_vocab)

    def similar_by_vector(
        self, vector: NDArray[Any] | Sequence[float], topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """The keys most like a vector; see `most_similar`."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """The keys of the highest product of similarities to the positive, over that to the negative ones (3CosMul).

        Cosines are moved to [0, 1] first (Levy and Goldberg 2014, equation 4).

        Parameters
        ----------
        positive, negative : key, vector, or sequence of those
        topn : int or None, default 10
            How many; None for the scores of all.
        restrict_vocab : int, optional
            Look among the first so many rows only. (gensim ignores this, and integer keys.)

        Returns
        -------
        list of (key, float), or ndarray of float

        Raises
        ------
        KeyError
            If a key is not present.
        ValueError
            If nothing positive is given.
        """
        if isinstance(topn, Integral) and topn < 1:
            return []
        positive, negative = as_list(positive), as_list(negative)
        if not positive:
            raise ValueError("cannot compute similarity with no input: give at least one positive key")
        rows = slice(0, restrict_vocab or len(self.vectors))

        def product(items: list[Any]) -> NDArray[Any] | float:
            result: NDArray[Any] | float = 1.0
            for item in items:
                cosines = over(dots(self.vectors[rows], unit(self._vector_of(item))), self.fill_norms()[rows])
                result = result * ((1 + cosines) / 2)
            return result

        scores = np.asarray(product(positive) / (product(negative) + COSMUL_EPSILON))
        return self._ranked(scores, topn, positive + negative, 0)

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
        ws1, ws2 = as_list(ws1), as_list(ws2)
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

    def distances(self, word_or_vector: Any, other_words: Sequence[Key] = ()) -> NDArray[Any]:
        """1 minus the cosine between a key or vector and each of `other_words`, by default all keys.

        Raises
        ------
        KeyError
            If a key is not present.
        """
        is_key = isinstance(word_or_vector, KEY_TYPES)
        vector = self._vector_of(word_or_vector if is_key else np.asarray(word_or_vector))
        norms, vectors = self.fill_norms(), self.vectors
        if other_words is not None and len(other_words):
            rows = [self.get_index(word) for word in other_words]
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

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Any:
        """The one of `keys_list` most like `key1`.

        Raises
        ------
        ValueError
            If the list is empty.
        """
        if not len(keys_list):
            raise ValueError("keys_list is empty: give at least one key")
        return keys_list[int(np.argmin(self.distances(key1, keys_list)))]

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[Any, Any]]:
        """Pairs of similarity to the centroid and key, the most central first; keys not present are left out.

        Raises
        ------
        ValueError
            If none is present.
        """
        if isinstance(words, str):
            raise ValueError(f"words={words!r} is one string: give a list of keys, such as words.split()")
        used = [word for word in words if word in self]
        if len(used) < len(words):
            logger.warning("keys not present are left out: %s", sorted({str(w) for w in words if w not in self}))
        if not used:
            raise ValueError("cannot select a word from an empty list: none of the keys is present")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in used])
        mean = self.get_mean_vector(vectors, post_normalize=True)
        return sorted(zip(dots(vectors, mean), used, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Any:
        """The key farthest from the mean of all of them.

        Examples
        --------
        >>> from fastsgns.keyedvectors import KeyedVectors
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32))
        >>> wv.doesnt_match(["a", "b", "c"])
        'c'
        """
        return self.rank_by_centrality(words)[-1][1]

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """The cosine of two keys over the sum of those of the `topn` keys most like the first.

        Above 1 / topn the keys are more alike than most neighbours (Leeuwenberg et al. 2016, equation 1).

        Raises
        ------
        ValueError
            If there are no neighbours.
        """
        similar = self.similar_by_key(wa, topn)
        if not similar:
            raise ValueError(f"topn={topn!r}: there are no similar keys to compare with")
        return float(self.similarity(wa, wb)) / float(sum(cosine for _, cosine in similar))
