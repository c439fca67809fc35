"""How several workers' changes to the same rows become one: which rows are due for it after a round, and the rule.

    change = factor * (sum of the workers' changes) + (1 - factor) * the row's last change     (`_rows.merge_changes`)

The factor is 1 where rows have hardly moved, and one by the number of workers where each has come to rest: the mean.
But in a round a row comes to rest in some directions only; in others all workers go the same way, and their mean falls
behind the sum. Therefore a change carries on the row's last one: from round to round that makes up the sum where the
direction stays, and cancels where it does not (momentum: Polyak 1964).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastsgns import sampling
from fastsgns.options import TrainingOptions

__all__ = ["MergeSchedule", "merge_factors", "row_steps"]

# How fast a row comes to rest: with every gradient step, what is left of its way to where its neighbours pull it
# shrinks by this times the learning rate. Found by experiment: see docs/cluster.md.
RELAXATION = 0.1
# So many input rows, and output rows, are merged after every round: those that take the most steps. Another is when it
# has come as far as the last of these did in the round, which makes half of the input rows of a vocabulary's million
# wait for 40 rounds or more. Tiers of frequency are pWord2Vec's idea (Ji et al. 2016, arXiv 1604.04661).
BUSIEST = 12288
ROUNDING = 0.999  # of sums of the same numbers in another order


def row_steps(counts: NDArray[np.int64], options: TrainingOptions) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gradient steps that the training on one word of the corpus brings to each row, on the average.

    Parameters
    ----------
    counts : ndarray of int64, shape (V,)
    options : TrainingOptions

    Returns
    -------
    of_inputs, of_outputs : ndarray of float32, shape (V,)
        A step is one pair of an input row and an output row, be that a centre's or noise.

    Examples
    --------
    >>> of_inputs, of_outputs = row_steps(np.array([60, 40]), TrainingOptions(sample=0, window=1, negative=4))
    >>> of_inputs.round(3), of_outputs.round(3)  # two pairs a word; five steps a pair
    (array([6., 4.], dtype=float32), array([5.804, 4.196], dtype=float32))
    """
    kept = counts / counts.sum() * sampling.keep_probabilities(counts, options.sample)
    reach, widest = options.reach, max(options.reach)
    widths = np.arange(1, widest + 1) if options.shrink_windows else np.array([widest])  # drawn for the wider side
    pairs = sum(float(np.mean(-(-side * widths // widest))) for side in reach)
    noise = sampling.noise_probabilities(counts, options.ns_exponent)
    of_inputs = pairs * kept * (1 + options.negative)
    of_outputs = pairs * (kept + kept.sum() * options.negative * noise)
    return of_inputs.astype(np.float32), of_outputs.astype(np.float32)


def merge_factors(progress: NDArray[np.float32], workers: int) -> NDArray[np.float32]:
    """What the sum of the workers' changes to a row is to be multiplied by.

    A row that took a few steps since the last merge has hardly moved: changes add up, and the factor is 1. One that
    took many has come to rest, at every worker at about the same place: their mean counts, and the factor is one by the
    number of workers. In between one worker alone, with the steps of all, would have come 1 - exp(-n x) of its way and
    each came 1 - exp(-x): the factor is that by n times this.

    Parameters
    ----------
    progress : ndarray of float32, shape (n,)
        Of each row at every worker: steps times learning rate times RELAXATION.
    workers : int

    Examples
    --------
    >>> merge_factors(np.array([0, 0.1, 100], np.float32), workers=4).round(2)
    array([1.  , 0.87, 0.25], dtype=float32)
    """
    x = np.maximum(progress, np.float32(1e-6))
    return np.asarray(np.expm1(-workers * x) / (workers * np.expm1(-x)), np.float32)


class MergeSchedule:
    """Knows how far each row has come since it was last merged, as its word's count lets expect, and so which are due.

    Parameters
    ----------
    counts : ndarray of int64, shape (V,)
    options : TrainingOptions

    Attributes
    ----------
    progress : list of two ndarray of float32, shape (V,)
        Of input and output rows: steps since the last merge, times learning rate, times RELAXATION.
    """

    def __init__(self, counts: NDArray[np.int64], options: TrainingOptions) -> None:
        self.steps = row_steps(counts, options)
        last = max(len(counts) - BUSIEST, 0)
        self.least = [ROUNDING * float(np.partition(steps, last)[last]) for steps in self.steps]
        self.progress = [np.zeros_like(steps) for steps in self.steps]

    def advance(
        self, words: float, learning_rate: float, workers: int, everything: bool
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Go through a round.

        Parameters
        ----------
        words : float
            That each of the workers trained in it.
        learning_rate : float
        workers : int
        everything : bool
            Whether all rows are to be merged.

        Returns
        -------
        list of (rows, factors), two
            Input and output rows that are due, and the factor of each.
        """
        due = []
        scale = words * learning_rate * RELAXATION
        for steps, least, progress in zip(self.steps, self.least, self.progress, strict=True):
            progress += steps * np.float32(scale)
            rows = np.arange(len(progress), dtype=np.int64) if everything else np.flatnonzero(progress >= least * scale)
            due.append((rows, merge_factors(progress[rows], workers)))
            progress[rows] = 0
        return due
