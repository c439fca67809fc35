"""How often words and pairs of words occur: PhraseCounts, counted by threads, in passes where memory asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fastsgns._ids import IdTally
from fastsgns._phrases import PARTS, PairCounter, first_places
from fastsgns.corpus import Corpus
from fastsgns.threads import in_threads
from fastsgns.vocabulary import Vocabulary

__all__ = ["PAIR_FIELDS", "PhraseCounts", "count_corpus", "merge", "prune"]

logger = logging.getLogger(__name__)

# Tokens or pairs that a thread goes through before it looks whether to stop.
BLOCK = 1 << 18
# Fewer tokens a thread are not worth its start.
LEAST_TOKENS = 1 << 16
# About so many there are for each different pair; tables are made for that, and grow.
TOKENS_A_PAIR = 4
# Pairs that all threads' tables may hold at least, however few are to be kept.
LEAST_PAIRS = 1 << 20

PAIR_FIELDS = ("starts", "ends", "link_ids", "pair_counts", "pair_first")  # of PhraseCounts

Pairs = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]
Report = Callable[[int], None]
Item = TypeVar("Item")


@dataclass(eq=False)
class PhraseCounts:
    """Counts of words, and of pairs of them with nothing but connector words between.

    Parameters
    ----------
    words : list of str
        Connector words too.
    word_counts : ndarray of int64, shape (V,)
        0 of connector words: they are neither beginning nor end of a pair.
    word_first : ndarray of int64, shape (V,)
        The token of the corpus that each was first; this alone orders words.
    links : list of tuples of str
        What there is between the two words of a pair; the first one is empty.
    starts, ends, link_ids : ndarray of int32, shape (P,)
        Places in `words` and `links`.
    pair_counts, pair_first : ndarray of int64, shape (P,)
        As of words; the token is the pair's last one.
    total : int
        Tokens of the corpus, connector words too.
    """

    words: list[str]
    word_counts: NDArray[np.int64]
    word_first: NDArray[np.int64]
    links: list[tuple[str, ...]]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    link_ids: NDArray[np.int32]
    pair_counts: NDArray[np.int64]
    pair_first: NDArray[np.int64]
    total: int

    @classmethod
    def none(cls) -> PhraseCounts:
        """Of no corpus."""
        ids, numbers = np.empty(0, np.int32), np.empty(0, np.int64)
        return cls([], numbers, numbers, [()], ids, ids, ids, numbers, numbers, 0)

    def kept(self, words: NDArray[np.bool_], pairs: NDArray[np.bool_]) -> PhraseCounts:
        """With those words counted alone, and those pairs."""
        arrays = {name: getattr(self, name)[pairs] for name in PAIR_FIELDS}
        return replace(self, word_counts=np.where(words, self.word_counts, 0), **arrays)


def count_corpus(
    vocabulary: Vocabulary,
    corpus: Corpus,
    connector_words: Collection[str],
    workers: int,
    most: int,
    most_pairs: int | None = None,
    report: Report = lambda done: None,
) -> PhraseCounts:
    """Count an encoded corpus.

    Parameters
    ----------
    vocabulary, corpus
        By `ALL_WORDS`.
    connector_words : collection of str
        May stand between the words of a pair, and are none of them.
    workers : int
        Threads; nothing but the order of pairs depends on their number.
    most : int
        Words and pairs to keep: of more, the rarest are left out, those of equal count all together; and it is logged.
    most_pairs : int, optional
        What the tables of all threads may hold together. A corpus with more is gone through several times.
    report : callable, optional
        Called with the tokens done, of all passes.
    """
    tokens, offsets, words = corpus.tokens, corpus.offsets, vocabulary.words
    connectors = [i for i, word in enumerate(words) if word in connector_words]
    digits = np.zeros(len(words), np.uint32)
    digits[connectors] = np.arange(1, len(connectors) + 1)
    if most_pairs is None:
        most_pairs = max(most, LEAST_PAIRS)
    threads = max(1, min(workers, len(tokens) // LEAST_TOKENS))
    width = PARTS if len(tokens) <= most_pairs else max(1, PARTS * most_pairs // len(tokens))
    word_counts = vocabulary.counts.copy()
    word_counts[connectors] = 0
    counted = word_counts[word_counts > 0]
    begin = done = cut = 0
    different = len(counted)
    found: list[Pairs] = []
    while begin < PARTS:
        end = min(begin + width, PARTS)
        room = int(len(tokens) * (end - begin) / PARTS / TOKENS_A_PAIR / threads**0.8)  # threads meet the same pairs
        counters = [PairCounter(begin, end, room) for _ in range(threads)]
        blocks = iter(range(0, len(tokens), BLOCK))  # shared: each thread takes the next one
        arguments = tokens, offsets, digits if connectors else None, len(connectors) + 1, blocks
        done = in_threads([count_blocks(counter, *arguments) for counter in counters], report, done)
        filled = sum(map(len, counters))
        more = merged_parts(counters, range(begin, end), threads)
        del counters  # before the next ones are made
        different += sum(len(pairs[3]) for pairs in more)
        found += more
        cut = raise_cut([counted, *(pairs[3] for pairs in found)], most, cut)
        if cut:
            found = [tuple(array[pairs[3] > cut] for array in pairs) for pairs in found]  # type: ignore[misc]
        width = max(1, most_pairs * (end - begin) // max(filled, 1))  # the hash parts pairs evenly
        begin = end
    starts, ends, codes, pair_counts, pair_first = map(np.concatenate, zip(*found, strict=True))
    if cut:
        word_counts[word_counts <= cut] = 0
        tell_what_is_left(most, different, cut, word_counts, pair_counts)
    link_ids, links = decode_links(codes, pair_first, corpus, digits, words)
    word_first = first_places(tokens, len(words))
    return PhraseCounts(
        words, word_counts, word_first, links, starts, ends, link_ids, pair_counts, pair_first, corpus.raw_words
    )


def count_blocks(
    counter: PairCounter,
    tokens: NDArray[np.int32],
    offsets: NDArray[np.int64],
    digits: NDArray[np.uint32] | None,
    base: int,
    blocks: Iterator[int],
) -> Iterator[int]:
    for begin in blocks:
        end = min(begin + BLOCK, len(tokens))
        sentence = int(np.searchsorted(offsets, begin, side="right")) - 1
        counter.count(tokens, offsets, sentence, begin, end, digits, base)
        yield end - begin


def merged_parts(counters: list[PairCounter], parts: range, threads: int) -> list[Pairs]:
    """What the counters have found together, by part."""
    left, found = iter(parts), {}
    sizes = list(map(sum, zip(*(counter.sizes() for counter in counters), strict=True)))

    def merge_next() -> Iterator[int]:
        every = PairCounter(0, 1, max(sizes)) if len(counters) > 1 else counters[0]
        for part in left:
            if len(counters) > 1:
                every.restart(part)
                for counter in counters:
                    every.merge(counter, part)
            found[part] = every.part(part)
            yield 0

    in_threads([merge_next() for _ in range(threads)], lambda done: None, 0)
    return [found[part] for part in parts]


def raise_cut(counts: list[NDArray[np.int64]], most: int, cut: int) -> int:
    """The lowest count, not below `cut`, such that no more than `most` are higher."""
    total = sum(map(len, counts))
    if total <= most:
        return cut
    every = np.concatenate(counts)
    return max(cut, int(np.partition(every, total - 1 - most)[total - 1 - most]))


def decode_links(
    codes: NDArray[np.uint64],
    pair_first: NDArray[np.int64],
    corpus: Corpus,
    digits: NDArray[np.uint32],
    words: list[str],
) -> tuple[NDArray[np.int32], list[tuple[str, ...]]]:
    """A number for what is between the words of each pair, and the words that it stands for: read where it is first."""
    link_ids = np.zeros(len(codes), np.int32)
    linked = np.flatnonzero(codes)
    links: list[tuple[str, ...]] = [()]
    if not len(linked):
        return link_ids, links
    keys, ids, tally = codes[linked].view(np.int64), np.empty(len(linked), np.int32), IdTally()
    tally.count(keys)
    tally.renumber(np.arange(len(tally), dtype=np.int32))
    tally.translate(keys, np.array([0, len(keys)]), ids, 0, np.empty(1, np.int64))
    link_ids[linked] = ids + 1
    for position in pair_first[linked][first_places(ids, len(tally))].tolist():
        begin = position - 1
        while digits[corpus.tokens[begin]]:
            begin -= 1
        links.append(tuple(words[i] for i in corpus.tokens[begin + 1 : position].tolist()))
    return link_ids, links


def merge(parts: Sequence[PhraseCounts]) -> PhraseCounts:
    """The counts of one corpus and more, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    word_ids: dict[str, int] = {}
    link_ids: dict[tuple[str, ...], int] = {(): 0}
    new_ids = [
        (number_all(part.words, word_ids), number_all(part.links, link_ids)) for part in parts
    ]  # fmt: skip
    word_counts, word_first = np.zeros(len(word_ids), np.int64), np.zeros(len(word_ids), np.int64)
    counter = PairCounter(room=max(len(part.starts) for part in parts))
    total = 0
    for part, (words, links) in zip(parts, new_ids, strict=True):
        new = word_counts[words] == 0  # or were connector words
        word_first[words[new]] = part.word_first[new] + total
        word_counts[words] += part.word_counts
        for begin in range(0, len(part.starts), BLOCK):  # so that it can be interrupted
            rows = slice(begin, begin + BLOCK)
            counter.add(
                words[part.starts[rows]],
                words[part.ends[rows]],
                links[part.link_ids[rows]].astype(np.uint64),
                part.pair_counts[rows],
                part.pair_first[rows] + total,
            )
        total += part.total
    found = [counter.part(number) for number in range(PARTS)]
    starts, ends, codes, pair_counts, pair_first = map(np.concatenate, zip(*found, strict=True))
    return PhraseCounts(
        list(word_ids), word_counts, word_first, list(link_ids), starts, ends, codes.astype(np.int32),
        pair_counts, pair_first, total,
    )  # fmt: skip


def number_all(items: Iterable[Item], numbers: dict[Item, int]) -> NDArray[np.int32]:
    """The number of each item; new ones get the next."""
    return np.array([numbers.setdefault(item, len(numbers)) for item in items], np.int32)


def prune(counts: PhraseCounts, most: int) -> PhraseCounts:
    """Without the rarest words and pairs, of equal count all together, so that no more than `most` are left."""
    counted = counts.word_counts[counts.word_counts > 0]
    cut = raise_cut([counted, counts.pair_counts], most, 0)
    if not cut:
        return counts
    left = counts.kept(counts.word_counts > cut, counts.pair_counts > cut)
    tell_what_is_left(most, len(counted) + len(counts.pair_counts), cut, left.word_counts, left.pair_counts)
    return left


def tell_what_is_left(
    most: int, different: int, cut: int, word_counts: NDArray[np.int64], pair_counts: NDArray[np.int64]
) -> None:
    logger.warning(
        "max_vocab_size=%d: of %d words and pairs, those that occur at most %d times are left out; %d are left",
        most, different, cut, np.count_nonzero(word_counts) + len(pair_counts),
    )  # fmt: skip
