"""How strongly two words belong together: the two scores that gensim has, and what any other must be."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import log
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCORERS", "Scoring", "as_scoring", "estimate", "least_count", "npmi_scorer", "original_scorer"]

Scoring = Callable[..., float]
NEGATIVE_INFINITY = float("-inf")
PARAMETERS = ("worda_count", "wordb_count", "bigram_count", "len_vocab", "min_count", "corpus_word_count")


def original_scorer(
    worda_count: int, wordb_count: int, bigram_count: int, len_vocab: int, min_count: float, corpus_word_count: int
) -> float:
    """The score of Mikolov et al. 2013 (arXiv 1310.4546, section 4), times the size of the vocabulary.

    Parameters
    ----------
    worda_count, wordb_count, bigram_count : int
        Occurrences of the first word, the last word and the phrase.
    len_vocab : int
        Different words and phrases that were counted.
    min_count : float
        Taken off the phrase's count, so that rare words make no phrases.
    corpus_word_count : int
        Words of the corpus; not used.

    Returns
    -------
    float
        ``(bigram_count - min_count) / (worda_count * wordb_count) * len_vocab``; minus infinity for words that do
        not occur.

    Examples
    --------
    >>> original_scorer(20, 10, 9, len_vocab=1000, min_count=5, corpus_word_count=5000)
    20.0
    """
    product = worda_count * wordb_count
    return (bigram_count - min_count) / float(product) * len_vocab if product else NEGATIVE_INFINITY


def npmi_scorer(
    worda_count: int, wordb_count: int, bigram_count: int, len_vocab: int, min_count: float, corpus_word_count: int
) -> float:
    """Normalized pointwise mutual information (Bouma 2009), from -1 to 1.

    Parameters
    ----------
    worda_count, wordb_count, bigram_count, corpus_word_count : int
        As for `original_scorer`; their shares of the corpus are taken for probabilities.
    len_vocab : int
        Not used.
    min_count : float
        Rarer phrases score minus infinity.

    Returns
    -------
    float
        ``ln(p(ab) / (p(a) p(b))) / -ln(p(ab))``; minus infinity where that is not defined.

    Examples
    --------
    >>> npmi_scorer(8, 8, 8, len_vocab=1000, min_count=5, corpus_word_count=32)
    1.0
    """
    if bigram_count < min_count:
        return NEGATIVE_INFINITY
    total = float(corpus_word_count)
    try:
        a, b, ab = worda_count / total, wordb_count / total, bigram_count / total
        return log(ab / (a * b)) / -log(ab)
    except (ValueError, ZeroDivisionError):  # a phrase that does not occur, or its parts do not, or nothing else does
        return NEGATIVE_INFINITY


SCORERS: dict[str, Scoring] = {"default": original_scorer, "npmi": npmi_scorer}


def as_scoring(scoring: Any) -> Scoring:
    """The function that a name or a function stands for.

    Raises
    ------
    ValueError
        If it is neither, or cannot be called with all parameters by their names.
    """
    if isinstance(scoring, str) and scoring in SCORERS:
        return SCORERS[scoring]
    if not callable(scoring):
        raise ValueError(
            f"scoring={scoring!r}: choose 'default', 'npmi', or give a function of {', '.join(PARAMETERS)}"
        )
    try:
        inspect.signature(scoring).bind(**dict.fromkeys(PARAMETERS, 1))
    except TypeError as error:
        raise ValueError(
            f"scoring={scoring!r} cannot be called with {', '.join(PARAMETERS)} by name ({error}): add what is missing"
        ) from None
    except ValueError:  # a function without a signature, of another language
        pass
    return cast("Scoring", scoring)


def least_count(scoring: Scoring, min_count: float, threshold: float) -> float:
    """What a phrase must occur at least to score more than the threshold."""
    if scoring is npmi_scorer or (scoring is original_scorer and threshold >= 0):
        return max(min_count, 1)
    return 1


def estimate(
    scoring: Scoring, len_vocab: int, min_count: float, corpus_word_count: int
) -> Callable[..., NDArray[np.float64]] | None:
    """The score of arrays of positive counts, up to rounding; None of a function that takes no arrays.

    NumPy's logarithm need not round as the system's does, so that what is near the threshold is scored once more.
    """

    def original(first: Any, last: Any, both: Any) -> Any:
        return (both - min_count) / (first.astype(np.float64) * last) * len_vocab

    def npmi(first: Any, last: Any, both: Any) -> Any:
        share = both / corpus_word_count
        return np.log(share / (first / corpus_word_count * (last / corpus_word_count))) / -np.log(share)

    return original if scoring is original_scorer else npmi if scoring is npmi_scorer else None
