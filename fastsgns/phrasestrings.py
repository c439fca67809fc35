"""Counts by string, as gensim's vocab has them: PhraseStrings.

A pair of words joins to one string, with the delimiter between. Where words hold the delimiter themselves, as after a
first pass, different pairs may join to the same string, and to that of a word: gensim counts them together, and so
does this. Words that hold a character of the delimiter, and pairs with such a word, are called marked, others plain.
Different plain pairs join to different strings, which are no words, so that arrays do for them; a marked word or pair
is looked at as a string.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fastsgns.phrasecounts import PhraseCounts

__all__ = ["PhraseStrings", "splits"]

HASH_BASE = 0x9E3779B97F4A7C15

MOST_CHARACTERS = 1 << 25  # of strings that are looked up at once

Hashes = tuple[NDArray[np.uint64], NDArray[np.uint64]]
# The score of the counts of first word, last word and phrase.
Score = Callable[[int, int, int], float]


class PhraseStrings:
    """Counts of words and of joined pairs, by string.

    Parameters
    ----------
    counts : PhraseCounts
        Must not change.
    delimiter : str

    Attributes
    ----------
    word_totals, pair_totals : ndarray of int64
        How often the string occurs that each word is, or each pair joins to.
    """

    def __init__(self, counts: PhraseCounts, delimiter: str) -> None:
        self.counts, self.delimiter = counts, delimiter
        self.marked_words = np.zeros(len(counts.words), bool)
        for character in delimiter:
            self.marked_words |= np.array([character in word for word in counts.words], bool)
        marked_links = np.array([any(map(self.is_marked, link)) for link in counts.links])
        marked = self.marked_words
        self.marked_pairs = marked[counts.starts] | marked[counts.ends] | marked_links[counts.link_ids]
        self.word_totals, self.pair_totals = counts.word_counts.copy(), counts.pair_counts.copy()
        # gensim takes a word in before the pair that it ends.
        self.word_order, self.pair_order = 2 * counts.word_first, 2 * counts.pair_first + 1
        self.size = int(np.count_nonzero(counts.word_counts)) + len(counts.pair_counts)
        self._joined: dict[str, int] = {}  # counts of joined strings that were looked up
        self.unite()

    def __len__(self) -> int:
        """Different strings."""
        return self.size

    def is_marked(self, word: str) -> bool:
        """Whether a word holds a character of the delimiter."""
        return any(character in word for character in self.delimiter)

    @cached_property
    def index(self) -> dict[str, int]:
        """The place of each word."""
        return {word: i for i, word in enumerate(self.counts.words)}

    @cached_property
    def pair_hashes(self) -> NDArray[np.uint64]:
        """Hashes of the strings that pairs join to."""
        counts = self.counts
        words, word_powers = hashes(counts.words)
        links, link_powers = hashes([self.delimiter.join(["", *link, ""]) for link in counts.links])
        starts, ends, link_ids = counts.starts, counts.ends, counts.link_ids
        return words[starts] + word_powers[starts] * (links[link_ids] + link_powers[link_ids] * words[ends])

    def unite(self) -> None:
        """Count together what is the same string: marked words and pairs with one another, and with plain pairs."""
        words = np.flatnonzero(self.marked_words & (self.counts.word_counts > 0))
        pairs = np.flatnonzero(self.marked_pairs)
        if not len(words) + len(pairs):
            return
        word_hashes, _ = hashes([self.counts.words[i] for i in words.tolist()])
        marked = np.concatenate([word_hashes, self.pair_hashes[pairs]])
        plain = np.flatnonzero(~self.marked_pairs)
        plain = plain[among(self.pair_hashes[plain], marked)]
        pairs = np.concatenate([pairs, plain])
        alike = repeated(np.concatenate([word_hashes, self.pair_hashes[pairs]]))
        words, pairs = words[alike[: len(words)]], pairs[alike[len(words) :]]
        places = defaultdict(list)  # by string, as different ones may have equal hashes
        for i in words.tolist():
            places[self.counts.words[i]].append((self.word_totals, self.word_order, i))
        for string, i in zip(self.joined(pairs), pairs.tolist(), strict=True):
            places[string].append((self.pair_totals, self.pair_order, i))
        for same in places.values():
            total, order = sum(totals[i] for totals, _, i in same), min(orders[i] for _, orders, i in same)
            for totals, orders, i in same:
                totals[i], orders[i] = total, order
            self.size -= len(same) - 1

    def joined(self, pairs: NDArray[np.intp]) -> list[str]:
        """The strings that the given pairs join to."""
        counts, words = self.counts, self.counts.words
        between = [self.delimiter.join(["", *link, ""]) for link in counts.links]
        columns = counts.starts[pairs], counts.link_ids[pairs], counts.ends[pairs]
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [words[start] + between[link] + words[end] for start, link, end in rows]

    @cached_property
    def vocab(self) -> dict[str, int]:
        """Counts of all strings, in gensim's order, that of first appearance."""
        kept = np.flatnonzero(self.counts.word_counts)
        strings = [self.counts.words[i] for i in kept.tolist()] + self.joined(np.arange(len(self.pair_totals)))
        totals = np.concatenate([self.word_totals[kept], self.pair_totals])
        order = np.argsort(np.concatenate([self.word_order[kept], self.pair_order]), kind="stable")
        return {strings[i]: total for i, total in zip(order.tolist(), totals[order].tolist(), strict=True)}

    def count_of(self, string: str) -> int:
        """How often a string occurs, as a word or as joined pairs."""
        place = self.index.get(string)
        if place is not None and self.word_totals[place]:
            return int(self.word_totals[place])
        if self.delimiter not in string:
            return 0
        if string not in self._joined:
            self.look_up([string])
        return self._joined[string]

    def look_up(self, strings: Collection[str]) -> None:
        """Find the counts of many joined strings at once, for `count_of`."""
        self._joined.update(dict.fromkeys(strings, 0))
        pairs = np.flatnonzero(among(self.pair_hashes, hashes(list(strings))[0]))
        for string, total in zip(self.joined(pairs), self.pair_totals[pairs].tolist(), strict=True):
            if string in self._joined:
                self._joined[string] = total

    def phrases(self, score: Score, threshold: float, least: float, estimate: Any = None) -> dict[str, float]:
        """Strings that are phrases, and their scores: each is split at every delimiter, its first and last part scored.

        Parameters
        ----------
        score : callable
            Takes the counts of first part, last part and string.
        threshold : float
            Higher scores make a phrase.
        least : float
            Strings that occur less often are none.
        estimate : callable, optional
            `score` of arrays, up to rounding.
        """
        counts = self.counts
        pairs = np.flatnonzero(~self.marked_pairs & (self.pair_totals >= least))
        columns = [
            self.word_totals[counts.starts[pairs]], self.word_totals[counts.ends[pairs]], self.pair_totals[pairs]
        ]  # fmt: skip
        if estimate is not None:
            likely = np.flatnonzero(estimate(*columns) > threshold - 1e-9 * (abs(threshold) + 1))
            pairs, columns = pairs[likely], [column[likely] for column in columns]
        found = []
        rows = self.pair_order[pairs].tolist(), self.joined(pairs), *(column.tolist() for column in columns)
        for order, string, first, last, both in zip(*rows, strict=True):
            if (value := score(first, last, both)) > threshold:
                found.append((order, string, value))
        for order, string, both in self.marked(least):
            parts = string.split(self.delimiter)
            first, last = self.count_of(parts[0]), self.count_of(parts[-1])
            if first and last and (value := score(first, last, both)) > threshold:
                found.append((order, string, value))
        return {string: value for _, string, value in sorted(found)}

    def marked(self, least: float, linked: bool = False) -> Iterator[tuple[int, str, int]]:
        """Order, string and count of marked words that hold the delimiter and of marked pairs; and of linked ones."""
        for i in np.flatnonzero(self.marked_words & (self.word_totals >= max(least, 1))).tolist():
            if self.delimiter in self.counts.words[i]:
                yield int(self.word_order[i]), self.counts.words[i], int(self.word_totals[i])
        asked = self.marked_pairs | (self.counts.link_ids > 0) if linked else self.marked_pairs
        pairs = np.flatnonzero(asked & (self.pair_totals >= least))
        yield from zip(
            self.pair_order[pairs].tolist(), self.joined(pairs), self.pair_totals[pairs].tolist(), strict=True
        )

    def marked_phrases(
        self, connectors: Collection[str], score: Score, threshold: float, least: float
    ) -> Iterator[tuple[list[str], str, float]]:
        """The words of phrases other than all parts of the string that they join to, that string, and the score.

        Some of those words hold the delimiter themselves, so that the string is of a marked pair or word, or linked.
        """
        for ways in self.marked_ways(connectors, least):
            ends = {word for words, _, _ in ways for word in (words[0], words[-1])}
            self.look_up([word for word in ends if word not in self.index and self.delimiter in word])
            for words, string, both in ways:
                first, last = self.count_of(words[0]), self.count_of(words[-1])
                if first and last and (value := score(first, last, both)) > threshold:
                    yield words, string, value

    def marked_ways(self, connectors: Collection[str], least: float) -> Iterator[list[tuple[list[str], str, int]]]:
        """Words, what they join to and its count, for `marked_phrases`: many at a time, but not all."""
        ways: list[tuple[list[str], str, int]] = []
        length = 0
        for _, string, both in self.marked(least, linked=True):
            parts = string.split(self.delimiter)
            if len(parts) == 2 and len(self.delimiter) == 1:  # there is one way
                continue
            for words in splits(string, self.delimiter, connectors):
                if words != parts:
                    ways.append((words, string, both))
                    length += len(string)
                if length > MOST_CHARACTERS:
                    yield ways
                    ways, length = [], 0
        yield ways


def splits(string: str, delimiter: str, connectors: Collection[str]) -> Iterator[list[str]]:
    """All words that join to a string: two or more, those between the first and the last connector words.

    Examples
    --------
    >>> list(splits("bank_of_new_york", "_", {"of"}))
    [['bank', 'of_new_york'], ['bank', 'of', 'new_york'], ['bank_of', 'new_york'], ['bank_of_new', 'york']]
    """
    for first, rest in halves(string, delimiter):
        stack = [([first], rest)]
        while stack:
            words, rest = stack.pop()
            yield [*words, rest]
            for word, more in halves(rest, delimiter):
                if word in connectors:
                    stack.append(([*words, word], more))


def halves(string: str, delimiter: str) -> Iterator[tuple[str, str]]:
    place = string.find(delimiter)
    while place >= 0:
        yield string[:place], string[place + len(delimiter) :]
        place = string.find(delimiter, place + 1)


def hashes(strings: list[str]) -> Hashes:
    """A hash of each string, and its factor: that of a + b is ``hash(a) + factor(a) * hash(b)``, modulo 2**64.

    The sum over i of character i times HASH_BASE ** i; of all strings from one running sum.
    """
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    ends = np.cumsum(lengths)
    text = "".join(strings).encode("utf-32-le", "surrogatepass")
    characters = np.frombuffer(text, np.uint32).astype(np.uint64) + np.uint64(1)
    powers = all_powers(HASH_BASE, len(characters) + 1)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(characters * powers[:-1])])
    shifts = all_powers(pow(HASH_BASE, -1, 1 << 64), len(characters) + 1)
    starts = ends - lengths
    return (sums[ends] - sums[starts]) * shifts[starts], powers[lengths]


def all_powers(base: int, n: int) -> NDArray[np.uint64]:
    """base ** 0 to base ** (n - 1), modulo 2**64."""
    factors = np.full(n, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def among(values: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each value is one of those wanted. A table of their highest bits spares most of the search."""
    wanted = np.sort(wanted)
    if not len(wanted):
        return np.zeros(len(values), bool)
    shift = np.uint64(64 - max(8, math.ceil(math.log2(len(wanted))) + 4))
    table = np.zeros(1 << (64 - int(shift)), bool)
    table[wanted >> shift] = True
    found = table[values >> shift]
    likely = np.flatnonzero(found)
    places = np.minimum(np.searchsorted(wanted, values[likely]), len(wanted) - 1)
    found[likely] = wanted[places] == values[likely]
    return cast("NDArray[np.bool_]", found)


def repeated(values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each value is there once more."""
    order = np.argsort(values)
    same = np.diff(values[order]) == 0
    found = np.zeros(len(values), bool)
    found[order[1:][same]] = True
    found[order[:-1][same]] = True
    return found
