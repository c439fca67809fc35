"""The course of a training by several workers: rounds, in each of which they train a part of what they have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fastsgns.merging import MergeSchedule
from fastsgns.options import TrainingOptions
from fastsgns.trainer import UNIT_WORDS

__all__ = ["AHEAD", "Course", "Place", "Round", "Units", "ahead_and_rest", "default_round_words"]

# Rounds of a training, unless they are asked to be longer or shorter: so many times the square root of the number of
# workers, but fewer for two or three. See docs/cluster.md for what they cost and bring.
ROUNDS, ROUNDS_OF_FEW = 70, 18
# They grow as the learning rate falls, so that rows come about as far in each of them, until it has come to this share
# of the highest one.
LEAST_RATE = 0.25
# Work units of each of several threads in the shortest round, about: with fewer, threads wait long for the last one. Of
# them a third is trained ahead, see AHEAD: two for each thread, and then four.
LEAST_UNITS = 6
# One by this is the part of a round that is trained before what was merged of the last one is there. More of it leaves
# more time for the exchange, and costs quality: see docs/cluster.md.
AHEAD = 3
KEPT_ROUNDS = 4  # that can be gone back to


# Share, and its work units from the first to before the end.
Units = tuple[int, int, int]


@dataclass(frozen=True)
class Place:
    """Where the next round begins."""

    epoch: int = 0  # of this call of `train`
    units: tuple[int, ...] = ()  # by share: the next one of this epoch
    words: int = 0  # of the vocabulary, trained so far


@dataclass(frozen=True)
class Round:
    """What all workers do together: train units, then merge rows."""

    number: int
    units: Mapping[int, Sequence[Units]]  # by worker
    epoch: int
    learning_rate: float
    slope: float  # of the learning rate, by word that a worker trains
    due: list[tuple[NDArray[np.int64], NDArray[np.float32]]]  # input and output rows to merge, and their factors
    ends_epoch: bool
    complete: bool  # all rows are merged


class Course:
    """Plans rounds: who trains what at which learning rate, and which rows are merged then.

    Parameters
    ----------
    counts : ndarray of int64, shape (V,)
        Of the words.
    options : TrainingOptions
    share_words : sequence of int
        Words of each share of the corpus.
    round_words : int
        That a worker trains in a round, on the average.
    place : Place, optional
        Where an earlier run had come to.
    complete_epochs : bool
        Whether all rows are to be merged at the end of every epoch, not of the last one alone.
    """

    def __init__(
        self,
        counts: NDArray[np.int64],
        options: TrainingOptions,
        share_words: Sequence[int],
        round_words: int,
        place: Place | None = None,
        complete_epochs: bool = False,
    ) -> None:
        self.options, self.share_words, self.complete_epochs = options, tuple(share_words), complete_epochs
        self.share_units = [-(-words // UNIT_WORDS) for words in share_words]
        self.round_words = round_words
        self.epoch_words = sum(share_words)
        self.place = place or Place(units=(0,) * len(share_words))
        self.schedule = MergeSchedule(counts, options)
        self.number = 0  # of the last round planned
        # Of the last rounds: as they were planned, and place and progress of rows before.
        self.planned: dict[int, tuple[Round, Place, list[NDArray[np.float32]]]] = {}

    @property
    def finished(self) -> bool:
        return self.place.epoch == self.options.epochs

    def stop(self) -> None:
        """Plan no more epochs."""
        self.options = replace(self.options, epochs=max(self.place.epoch, 1))

    @property
    def learning_rate(self) -> float:
        """Where the next round begins."""
        options, whole = self.options, self.options.epochs * self.epoch_words
        return options.alpha + (options.min_alpha - options.alpha) * self.place.words / whole

    def plan(self, shares: Mapping[int, Sequence[int]], complete: bool = False, again: Round | None = None) -> Round:
        """The next round.

        Parameters
        ----------
        shares : mapping of int to sequence of int
            The shares that each worker has.
        complete : bool
            Whether all rows are to be merged after it, as they always are at the end of the last epoch.
        again : Round, optional
            One that was gone back to: those workers that are left train the same parts, and some may have done so.
        """
        self.number += 1
        before, progress = self.place, [progress.copy() for progress in self.schedule.progress]
        taken = {worker: again.units.get(worker, ()) for worker in shares} if again else self.take(shares)
        units = list(before.units)
        for parts in taken.values():
            for share, _, end in parts:
                units[share] = end
        words = {worker: sum(map(self.words_of, parts)) for worker, parts in taken.items()}
        busy = sum(number > 0 for number in words.values()) or len(shares)
        options, rate = self.options, self.learning_rate
        # The worker with most words ends where the round does.
        slope = (options.min_alpha - options.alpha) / (options.epochs * self.epoch_words)
        slope *= sum(words.values()) / max(1, *words.values())
        ends_epoch = units == self.share_units
        last_epoch = before.epoch + 1 == options.epochs
        complete = complete or (ends_epoch and (self.complete_epochs or last_epoch))
        due = self.schedule.advance(sum(words.values()) / busy, rate, busy, complete)
        self.place = replace(before, units=tuple(units), words=before.words + sum(words.values()))
        if ends_epoch:
            self.place = replace(self.place, epoch=before.epoch + 1, units=(0,) * len(units))
        planned = Round(self.number, taken, before.epoch, rate, slope, due, ends_epoch, complete)
        self.planned[self.number] = planned, before, progress
        self.planned.pop(self.number - KEPT_ROUNDS, None)
        return planned

    def take(self, shares: Mapping[int, Sequence[int]]) -> dict[int, Sequence[Units]]:
        """The next work units of every worker, of the first of its shares that have any left."""
        taken: dict[int, Sequence[Units]] = {}
        most = self.round_units(shares)
        for worker, its_shares in shares.items():
            left = [(share, self.place.units[share], self.share_units[share]) for share in its_shares]
            taken[worker] = cut_units(left, most)[0]
        return taken

    def round_units(self, shares: Mapping[int, Sequence[int]]) -> int:
        """How many work units a worker trains in the next round: who has most left ends the epoch with no short one."""
        highest = max(self.options.alpha, self.options.min_alpha)
        growth = mean_rate(self.options) / max(self.learning_rate, LEAST_RATE * highest)
        wanted = max(1.0, growth * self.round_words / UNIT_WORDS)
        left = max(sum(self.share_units[share] - self.place.units[share] for share in its) for its in shares.values())
        return max(1, round(left / max(1, round(left / wanted))))

    def words_of(self, part: Units) -> int:
        share, first, end = part
        return min(end * UNIT_WORDS, self.share_words[share]) - first * UNIT_WORDS

    def go_back(self, number: int) -> Round:
        """Take back this round, one of the last few, and those after it; gives it as it was planned."""
        planned, self.place, self.schedule.progress = self.planned[number]
        self.planned = {earlier: kept for earlier, kept in self.planned.items() if earlier < number}
        self.number = number - 1
        return planned


def mean_rate(options: TrainingOptions) -> float:
    """Of the learning rate over the training, where it counts as no lower than it does for the length of rounds.

    Examples
    --------
    >>> round(mean_rate(TrainingOptions(alpha=1.0, min_alpha=0.0)), 5)  # (1 + 0.25) / 2 for 3/4 of it, then 0.25
    0.53125
    >>> mean_rate(TrainingOptions(alpha=1.0, min_alpha=0.5))
    0.75
    """
    lowest, highest = sorted((options.alpha, options.min_alpha))
    least = max(lowest, LEAST_RATE * highest)
    falling = (highest - least) / (highest - lowest) if highest > lowest else 0.0
    return falling * (highest + least) / 2 + (1 - falling) * least


def default_round_words(words: int, workers: int, threads: int) -> int:
    """How many words a worker trains in a round, on the average, of so many in all epochs together.

    Examples
    --------
    >>> default_round_words(120_000_000, workers=8, threads=1)
    75761
    """
    rounds = min(ROUNDS * workers**0.5, ROUNDS_OF_FEW * workers**1.5)
    least = LEAST_UNITS * threads if threads > 1 else 1
    shortest = (1 + LEAST_RATE**2) / 2  # by the average: see `mean_rate`, for a rate that falls from 1 to 0
    return max(int(words / (workers * rounds)), math.ceil(least / shortest * UNIT_WORDS))


def ahead_and_rest(units: Sequence[Units]) -> tuple[list[Units], list[Units]]:
    """Units that are trained ahead, and those that are not.

    Examples
    --------
    >>> ahead_and_rest([(3, 10, 14), (4, 0, 5)])
    ([(3, 10, 13)], [(3, 13, 14), (4, 0, 5)])
    """
    return cut_units(units, sum(end - first for _, first, end in units) // AHEAD)


def cut_units(units: Iterable[Units], number: int) -> tuple[list[Units], list[Units]]:
    """The first so many units, and the others.

    Examples
    --------
    >>> cut_units([(3, 10, 14), (4, 0, 5)], 6)
    ([(3, 10, 14), (4, 0, 2)], [(4, 2, 5)])
    """
    parts: tuple[list[Units], list[Units]] = [], []
    for share, first, end in units:
        middle = min(first + number, end)
        number -= middle - first
        for part, begin, stop in zip(parts, (first, middle), (middle, end), strict=True):
            if begin < stop:
                part.append((share, begin, stop))
    return parts
