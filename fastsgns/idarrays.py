"""Corpora that are arrays of integers as a whole, a matrix or tokens with offsets: counted and encoded by threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import memory
from fastsgns._ids import IdTally
from fastsgns.threads import in_threads
from fastsgns.vocabulary import Vocabulary, VocabularyRules

__all__ = ["as_id_arrays", "encode_id_arrays"]

# Tokens that a thread goes through before it looks whether to stop.
BLOCK_TOKENS = 1 << 22
# Fewer a thread are not worth its start.
LEAST_TOKENS = 1 << 16

IdArrays = tuple[NDArray[Any], NDArray[np.int64]]


def as_id_arrays(sentences: Any) -> IdArrays | None:
    """Tokens and offsets of a matrix of integers or of a pair of such arrays; None of everything else.

    Raises
    ------
    ValueError
        If the second array of a pair does not divide the first one.
    """
    if isinstance(sentences, np.ndarray) and sentences.ndim == 2 and sentences.dtype.kind in "iu":
        rows, width = sentences.shape
        offsets = np.arange(rows + 1, dtype=np.int64) * width
        tokens = np.ascontiguousarray(sentences).reshape(-1)
    elif is_pair(sentences):
        tokens = np.ascontiguousarray(sentences[0])
        offsets = checked_offsets(sentences[1], len(tokens))
    else:
        return None
    if tokens.dtype.kind == "u" and tokens.dtype.itemsize == 8:
        if len(tokens) and tokens.max() >= 2**63:  # more than is counted without an object for each
            if isinstance(sentences, tuple):
                raise ValueError(
                    f"sentences: tokens of (tokens, offsets) go to {tokens.max()}: they must be below 2**63"
                )
            return None
        tokens = tokens.astype(np.int64)
    return tokens.astype(tokens.dtype.newbyteorder("="), copy=False), offsets


def is_pair(sentences: Any) -> bool:
    return (
        type(sentences) is tuple
        and len(sentences) == 2
        and all(isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind in "iu" for part in sentences)
    )


def checked_offsets(offsets: NDArray[Any], n_tokens: int) -> NDArray[np.int64]:
    """A copy, nobody else's to change."""
    remedy = (
        "of (tokens, offsets) must rise from 0 to len(tokens), as sentence i is tokens[offsets[i]:offsets[i + 1]]; "
        "put two sentences into a list, [first, second]"
    )
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != n_tokens:
        ends = f"go from {offsets[0]} to {offsets[-1]}" if len(offsets) else "are empty"
        raise ValueError(f"sentences: the offsets {ends}, there are {n_tokens} tokens: the offsets {remedy}")
    copied = offsets.astype(np.int64)
    if len(falls := np.flatnonzero(np.diff(copied) < 0)):
        raise ValueError(f"sentences: offsets[{falls[0] + 1}]={copied[falls[0] + 1]} is too low: the offsets {remedy}")
    return copied


def encode_id_arrays(
    tokens: NDArray[Any],
    offsets: NDArray[np.int64],
    rules: VocabularyRules,
    workers: int,
    vocabulary: Vocabulary | None,
    progress: Callable[[int, int | None], None] | None,
    names: Sequence[str] | None = None,
) -> tuple[Vocabulary, NDArray[np.int32], NDArray[np.int64], int, int]:
    """The vocabulary, ids and offsets by it, and how many tokens and sentences were read; see `Corpus`.

    What `as_id_arrays` gives is read twice, and must not change meanwhile. Nothing in the result depends on `workers`.
    With `names` a token i stands for names[i].
    """
    raw_words, sentences = len(tokens), int(np.count_nonzero(np.diff(offsets)))
    threads = max(1, min(workers, raw_words // LEAST_TOKENS))
    # Each thread's sentences, in both passes; of about as many tokens for each.
    inner = np.searchsorted(offsets, np.arange(1, threads) * (raw_words // threads))
    parts = [*pairwise([0, *inner.tolist(), len(offsets) - 1])]

    def report(done: int) -> None:
        if progress:
            progress(done // 2, raw_words)

    def count(first: int, last: int, tally: IdTally) -> Iterator[int]:
        for begin, end in blocks(offsets, first, last):
            tally.count(tokens[offsets[begin] : offsets[end]])
            yield int(offsets[end] - offsets[begin])

    tallies = [IdTally() for _ in parts]
    done = in_threads([count(*part, tally) for part, tally in zip(parts, tallies, strict=True)], report, 0)
    counts_of_parts = [tally.counts() for tally in tallies]
    total = tallies[0]
    places = [np.arange(len(total), dtype=np.int32), *(total.merge(tally) for tally in tallies[1:])]
    del tallies
    keys = total.keys()

    def words(places: NDArray[np.int64]) -> list[Any]:
        found: list[int] = keys[places].tolist()
        return found if names is None else [names[token] for token in found]

    vocabulary, ids = rules.apply(total.counts(), None, words, vocabulary, raw_words, sentences)
    total.renumber(ids)
    kept = [int(counts[ids[place] >= 0].sum()) for counts, place in zip(counts_of_parts, places, strict=True)]
    need, what = 4 * sum(kept) + 8 * len(offsets), f"{sum(kept):,} words in {len(offsets) - 1:,} sentences, encoded"
    memory.require(need, what, "train on one part of them after the other")
    encoded, ends = np.empty(sum(kept), np.int32), np.zeros(len(offsets), np.int64)

    def translate(first: int, last: int, base: int, stop: int) -> Iterator[int]:
        for begin, end in blocks(offsets, first, last):
            room = encoded[base:stop]
            base += total.translate(tokens, offsets[begin : end + 1], room, base, ends[begin + 1 : end + 1])
            yield int(offsets[end] - offsets[begin])
        if base != stop:
            raise ValueError("sentences changed while they were read")

    stops = accumulate(kept)
    jobs = [translate(*part, stop - size, stop) for part, stop, size in zip(parts, stops, kept, strict=True)]
    in_threads(jobs, report, done)
    return vocabulary, encoded, without_repetitions(ends), raw_words, sentences


def blocks(offsets: NDArray[np.int64], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Sentences [first, last) in pieces of about BLOCK_TOKENS tokens."""
    while first < last:
        end = int(np.searchsorted(offsets[: last + 1], offsets[first] + BLOCK_TOKENS))
        end = min(max(end, first + 1), last)
        yield first, end
        first = end


def without_repetitions(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """The offsets of sentences with nothing left taken out."""
    keep = np.diff(ends, prepend=-1) > 0
    return ends if keep.all() else ends[keep]
