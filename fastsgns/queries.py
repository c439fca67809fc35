"""Queries: which of all keys are the nearest, by cosine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fastsgns.checks import check_integer
from fastsgns.config import available_cores
from fastsgns.keyindex import KEY_TYPES, Key
from fastsgns.nearest import nearest
from fastsgns.similarities import Similarities, as_list
from fastsgns.vectormath import COSMUL_EPSILON, best_first, dots, over, unit

__all__ = ["Queries"]

Ranking = list[tuple[Any, float]]


def none_wanted(topn: int | None) -> bool:
    """Whether topn asks for less than one key; ValueError if it is neither a whole number nor None."""
    if topn is None:
        return False
    check_integer("topn", topn, None)
    return topn < 1


def weighted(item: Any) -> tuple[Any, float]:
    """What is neither a key nor a vector must be a pair of one of them and its weight."""
    try:
        key, weight = item
        if isinstance(weight, str):
            raise TypeError
        return key, float(weight)
    except (TypeError, ValueError):
        raise ValueError(f"{item!r} is neither a key, nor a vector, nor a pair of one and its weight") from None


class Queries(Similarities):
    """Searches over a `VectorStore`. They only read and may run in several threads at once."""

    @overload
    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Ranking: ...
    @overload
    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        *,
        topn: None,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> NDArray[Any]: ...
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
        if none_wanted(topn):
            return []
        items, weights = [], []
        for sequence, default in ((as_list(positive), 1.0), (as_list(negative), -1.0)):
            for item in sequence:
                key, weight = (item, default) if isinstance(item, (*KEY_TYPES, np.ndarray)) else weighted(item)
                items.append(key)
                weights.append(weight)
        mean = self.get_mean_vector(items, weights, post_normalize=True, ignore_missing=False)
        if indexer is not None and topn is not None:
            return indexer.most_similar(mean, topn)
        if restrict_vocab:
            clip_start, clip_end = 0, restrict_vocab
        for name, value in (("clip_start", clip_start), ("clip_end or restrict_vocab", clip_end or 0)):
            check_integer(name, value, None)
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

    @overload
    def similar_by_key(self, key: Key, topn: int = 10, restrict_vocab: int | None = None) -> Ranking: ...
    @overload
    def similar_by_key(self, key: Key, topn: None, restrict_vocab: int | None = None) -> NDArray[Any]: ...
    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The keys most like `key`; see `most_similar`."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    @overload
    def similar_by_word(self, word: Key, topn: int = 10, restrict_vocab: int | None = None) -> Ranking: ...
    @overload
    def similar_by_word(self, word: Key, topn: None, restrict_vocab: int | None = None) -> NDArray[Any]: ...
    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """The same as `similar_by_key`."""
        return self.similar_by_key(word, topn, restrict_vocab)

    @overload
    def similar_by_vector(
        self, vector: NDArray[Any] | Sequence[float], topn: int = 10, restrict_vocab: int | None = None
    ) -> Ranking: ...
    @overload
    def similar_by_vector(
        self, vector: NDArray[Any] | Sequence[float], topn: None, restrict_vocab: int | None = None
    ) -> NDArray[Any]: ...
    def similar_by_vector(
        self, vector: NDArray[Any] | Sequence[float], topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """The keys most like a vector; see `most_similar`."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_batch(
        self, queries: Any, topn: int = 10, restrict_vocab: int | None = None, workers: int | None = None
    ) -> list[Ranking]:
        """For each of many queries what `most_similar` would find, by blocked matrix products: many times as fast.

        Parameters
        ----------
        queries : sequence of keys and vectors, or ndarray of shape (n, vector_size)
            Each is one query; for what is like several keys give their `get_mean_vector`.
        topn : int, default 10
            How many keys for each query.
        restrict_vocab : int, optional
            Look among the first so many rows only.
        workers : int, optional
            Threads, by default as many as cores. Each takes blocks of 256 queries, and about 50 MB.

        Returns
        -------
        list of list of (key, float)
            As those of `most_similar`: highest cosine first, without the query's own key. Cosines agree within the
            rounding of float32, so that keys of all but equal cosine may change places.

        Raises
        ------
        KeyError
            If a key is not present; before the search begins.
        ValueError
            If a vector is not of `vector_size` dimensions.

        Examples
        --------
        >>> from fastsgns.keyedvectors import KeyedVectors
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32))
        >>> [[key for key, cosine in found] for found in wv.most_similar_batch(["a", "c"], topn=1)]
        [['b'], ['b']]
        """
        check_integer("topn", topn, None)
        workers = available_cores() if workers is None else workers
        check_integer("workers", workers, 1)
        if restrict_vocab is not None:
            check_integer("restrict_vocab", restrict_vocab, 0)
        items = as_list(queries)
        vectors = [self._vector_of(item) if isinstance(item, np.ndarray) else None for item in items]
        own = [self.get_index(item) if vector is None else -1 for item, vector in zip(items, vectors, strict=True)]
        if topn < 1:
            return [[] for _ in items]

        def matrix(block: slice) -> NDArray[Any]:
            pairs = zip(own[block], vectors[block], strict=True)
            return np.stack([self.vectors[row] if vector is None else vector for row, vector in pairs])

        rows = slice(0, restrict_vocab or len(self.vectors))
        norms, keys = self.fill_norms()[rows], self.index_to_key
        found = nearest(matrix, len(items), self.vectors[rows], norms, topn + 1, workers)
        return [
            [(keys[row], cosine) for row, cosine in zip(best, cosines, strict=True) if row != given][:topn]
            for given, best, cosines in zip(own, *(array.tolist() for array in found), strict=True)
        ]

    @overload
    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, topn: int = 10, restrict_vocab: int | None = None
    ) -> Ranking: ...
    @overload
    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, *, topn: None, restrict_vocab: int | None = None
    ) -> NDArray[Any]: ...
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
        if none_wanted(topn):
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
