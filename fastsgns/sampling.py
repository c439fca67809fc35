"""What the kernel draws from: the keep-thresholds of subsampling, the noise distribution count^0.75 as an alias table,
and how many noise words serve how many pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns._train import NOISE_DTYPE, TEAM_LANES

__all__ = [
    "SHARING",
    "TEAM_LANES",
    "block_shape",
    "cumulative_table",
    "keep_probabilities",
    "keep_thresholds",
    "negatives_for",
    "noise_probabilities",
    "noise_table",
    "round_blocks",
    "team_lanes",
]

GROUP_CENTERS = 4
# The most that a word of a team's round may weigh: learning rate times its expected number of other occurrences there,
# in windows of 5. Where words were 10 to 2,000 and the rate up to 0.1, losses of twice that ended a hundredth higher,
# and four times that overflowed.
STALENESS = 0.02
SHARING = ("pair", "window", "group")


def block_shape(negative_sharing: str, negative: int) -> dict[str, int]:
    """How much the kernel trains at once, as arguments of `Job`: centres, and noise words for all their pairs.

    A pair meets `negative` noise words in all; where a block draws another number, each weighs more or less.

    Parameters
    ----------
    negative_sharing : {"pair", "window", "group"}
        Fresh noise words for a single (centre, context) pair; for a window (Ji et al. 2016, arXiv 1604.04661); for the
        windows of GROUP_CENTERS neighbouring centres.
    negative : int
        Noise words for a pair.
    """
    if negative_sharing == "group":
        return {"centers": GROUP_CENTERS, "noise_words": negative + 3, "single_pairs": 0}
    return {"centers": 1, "noise_words": negative, "single_pairs": int(negative_sharing == "pair")}


def round_blocks(negative_sharing: str, reach: int) -> int:
    """How many blocks a lane of a team trains in a round: those of GROUP_CENTERS centres, with `reach` words around."""
    if negative_sharing == "pair":
        return GROUP_CENTERS * max(1, reach // 2)
    return -(-GROUP_CENTERS // block_shape(negative_sharing, 1)["centers"])


def team_lanes(counts: NDArray[np.int64], sample: float, learning_rate: float, reach: int) -> int:
    """How many lanes a team has, so that what they train without seeing each other's updates can bear it.

    Rows learn too much at once, and at worst overflow, if many blocks of a round hold the same words: few words, high
    learning rates and wide windows make it so. Texts of thousands of words have all TEAM_LANES lanes.

    Parameters
    ----------
    counts : ndarray of int64, shape (V,)
    sample : float
        As in `keep_probabilities`.
    learning_rate : float
        The highest of the run.
    reach : int
        Words of a whole window.

    Examples
    --------
    >>> [team_lanes(np.full(words, 10), 0, 0.025, 10) for words in (2, 52, 5000)]
    [1, 10, 64]
    """
    shares = counts * keep_probabilities(counts, sample)
    shares /= shares.sum()
    same = float((shares * shares).sum())  # the chance that two tokens of a round are the same word
    lanes = STALENESS / (learning_rate * same * GROUP_CENTERS * reach / 10)
    return int(np.clip(lanes, 1, TEAM_LANES))


def negatives_for(corpus_words: int) -> int:
    """How many noise words a pair takes where `negative` is "auto".

    Mikolov et al. 2013 (arXiv 1310.4546, section 2.2) advise 5 to 20 for small corpora and 2 to 5 for large ones. Here:
    20 up to a million words, 5 from a hundred million on, falling by 7.5 with every factor of ten between.

    Examples
    --------
    >>> [negatives_for(10**n) for n in (5, 6, 7, 8, 9)]
    [20, 20, 12, 5, 5]
    """
    return int(np.clip(20 - 7.5 * (np.log10(max(corpus_words, 1)) - 6), 5, 20))


def keep_probabilities(counts: NDArray[np.int64], sample: float) -> NDArray[np.float64]:
    """Probability that a token of each word survives subsampling.

    Parameters
    ----------
    counts : ndarray of int64, shape (V,)
        Occurrences of each word, all positive.
    sample : float
        The threshold t as a share of the corpus; 0 keeps everything; 1 or more is a count instead, as in gensim.

    Returns
    -------
    ndarray of float64, shape (V,)
        min(1, sqrt(t / f) + t / f) with f the word's share of the corpus: the rule of word2vec.c, a smoothed form of
        the one in Mikolov et al. 2013 (arXiv 1310.4546), section 2.3.

    Examples
    --------
    >>> keep_probabilities(np.array([9_900, 100]), sample=0.01).round(3)
    array([0.111, 1.   ])
    """
    if sample == 0:
        return np.ones(len(counts))
    threshold = sample * counts.sum() if sample < 1 else int(sample * (3 + np.sqrt(5)) / 2)
    share = threshold / counts
    return np.asarray(np.minimum(np.sqrt(share) + share, 1.0))


def keep_thresholds(counts: NDArray[np.int64], sample: float) -> NDArray[np.uint32]:
    """The same on the scale of 32 random bits: a token stays if they are at most its word's threshold."""
    thresholds = np.ceil(keep_probabilities(counts, sample) * 2.0**32) - 1
    return np.asarray(np.maximum(thresholds, 0), np.uint32)


def noise_probabilities(counts: NDArray[np.int64], ns_exponent: float) -> NDArray[np.float64]:
    """Probability of each word as noise, count^ns_exponent over the sum of all (Mikolov et al. 2013, section 2.2).

    The same bits on every machine: nothing but operations that IEEE 754 has rounded one way.

    Examples
    --------
    >>> odds = noise_probabilities(np.array([100, 1]), ns_exponent=0.75)
    >>> float(round(odds[0] / odds[1], 1))
    31.6
    """
    weights = power(counts / counts.max() if ns_exponent >= 0 else counts.min() / counts, abs(ns_exponent))
    return np.asarray(weights / weights.sum())


def power(base: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """base^exponent by squares and square roots, for the binary digits of the exponent: 0.75 takes two roots.

    The exp, log and pow of C libraries and of NumPy differ in their last bits from machine to machine. For bases from 0
    to 1, as here, and exponents from 0 to 100 the error is below 1e-13 of the result.

    Examples
    --------
    >>> power(np.array([0.0625, 1.0]), 0.75).tolist()
    [0.125, 1.0]
    """
    whole, fraction = divmod(exponent, 1)
    result = np.ones_like(base)
    root = square = base
    while fraction:
        root = np.sqrt(root)
        digit, fraction = divmod(2 * fraction, 1)
        if digit:
            result = result * root
    while whole:
        whole, digit = divmod(whole, 2)
        if digit:
            result = result * square
        square = square * square
    return result


def cumulative_table(probabilities: NDArray[np.float64], domain: int = 2**31 - 1) -> NDArray[np.uint32]:
    """The noise distribution as gensim keeps it, as sums up to each word on a scale of `domain`; shape (V,).

    Examples
    --------
    >>> cumulative_table(np.array([0.75, 0.25]), domain=100)
    array([ 75, 100], dtype=uint32)
    """
    sums = np.cumsum(probabilities)
    return np.asarray(np.round(sums / sums[-1] * domain), np.uint32)


def noise_table(probabilities: NDArray[np.float64]) -> NDArray[Any]:
    """Alias table (Walker 1977): 8 bytes a word, one draw in constant time.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (V,)
        Sums to 1.

    Returns
    -------
    structured ndarray, shape (V,)
        Entry i of a uniform draw stays i with probability ``threshold / 2**32``, else becomes ``alias``. The
        distribution it stands for differs from `probabilities` by less than 1e-9 a word.

    Notes
    -----
    Scaled to a mean of 1, words are small, below it, or large. Laid end to end, what the small ones lack and what the
    large ones have beyond 1 are two divisions of the same stretch. A small word's alias is the large one in whose part
    its own begins. The last one to begin there may end beyond it: so much more than it has beyond 1 the large word
    gave, and the next large word, its alias, makes up for that.
    """
    n = len(probabilities)
    keep = probabilities * n
    small, large = np.flatnonzero(keep < 1.0), np.flatnonzero(keep >= 1.0)
    table = np.empty(n, NOISE_DTYPE)
    table["alias"] = np.arange(n)
    if len(small) and len(large):
        lacks = np.zeros(len(small) + 1)  # small word i's part is from lacks[i] to lacks[i + 1]
        np.cumsum(1.0 - keep[small], out=lacks[1:])
        spare = np.cumsum(keep[large] - 1.0)  # where each large word's part ends
        spare[-1] = np.inf  # the last one serves all that are left, and lacks nothing: true but for rounding
        table["alias"][small] = large[np.searchsorted(spare, lacks[:-1], side="right")]
        table["alias"][large[:-1]] = large[1:]
        served = np.searchsorted(lacks[:-1], spare)  # small words that begin before each end
        keep[large] = np.clip(1.0 + spare - lacks[served], 0.0, 1.0)
    else:
        keep[:] = 1.0  # but for rounding
    keep *= 2.0**32
    table["threshold"] = np.minimum(np.round(keep, out=keep), 2.0**32 - 1, out=keep)
    return table
