"""What one of several workers does: scan and encode its shares of the corpus, train rounds, merge rows.

It knows no network: `cluster` runs it as an actor of Ray's, and several in one process, called in turn, do the same.
"""

from __future__ import annotations

import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import memory
from fastsgns._rows import gather_changes, merge_changes, put_changes
from fastsgns._train import Job, Worker
from fastsgns.checkpoint import checksum
from fastsgns.config import SIMD, __version__
from fastsgns.corpus import Corpus, assemble, layout, scan_sentences
from fastsgns.course import Round, Units, ahead_and_rest
from fastsgns.matrices import aligned_matrix, matrix_bytes
from fastsgns.options import TrainingOptions
from fastsgns.scan import PIECE_BYTES, Scanned, scan_files
from fastsgns.shares import Share
from fastsgns.text import Stretch
from fastsgns.trainer import NO_COUNTS, UNIT_WORDS, Counts, make_job, sampling_tables, total
from fastsgns.vocabulary import ALL_WORDS, Vocabulary

__all__ = ["ClusterWorker", "RoundReport", "ShareSize", "WordCounts", "WorkerPlace", "merge_words"]


# Of rows, as halves of floats: see `_rows`.
Changes = NDArray[np.uint16]
CHANGE_BYTES = 2  # of each number


@dataclass(frozen=True)
class WordCounts:
    """Distinct words in the order of first appearance, how often each occurs, and what they were found in."""

    words: list[Any]
    counts: NDArray[np.int64]
    raw_words: int
    sentences: int


@dataclass(frozen=True)
class ShareSize:
    """Of an encoded share: words and sentences that were kept, and a checksum of both."""

    words: int
    sentences: int
    checksum: int


@dataclass(frozen=True)
class RoundReport:
    """What a worker did in a round; `merge_seconds` went by with the merge before it, and with gathering changes."""

    counts: Counts
    train_seconds: float
    merge_seconds: float


@dataclass(frozen=True)
class Ahead:
    """What was trained of a round before the changes of the one before it were there."""

    number: int
    units: list[Units]
    counts: Counts
    seconds: float


NOTHING_AHEAD = Ahead(-1, [], NO_COUNTS, 0.0)


@dataclass(frozen=True)
class WorkerPlace:
    """How far a worker has come: numbers of the last rounds that it trained and merged, and the shares it can train."""

    trained: int
    merged: int  # -1: it has no matrices yet
    shares: tuple[int, ...]


def merge_words(first: WordCounts, second: WordCounts) -> WordCounts:
    """The words of two parts of a corpus, the second behind the first.

    Examples
    --------
    >>> def found(*words):
    ...     return WordCounts(list(words), np.ones(len(words), np.int64), len(words), 1)
    >>> both = merge_words(found("b", "a"), found("c", "b"))
    >>> both.words, both.counts.tolist(), both.raw_words
    (['b', 'a', 'c'], [2, 1, 1], 4)
    """
    index = {word: row for row, word in enumerate(first.words)}
    rows = np.array([index.setdefault(word, len(index)) for word in second.words], np.int64)
    counts = np.zeros(len(index), np.int64)
    counts[: len(first.words)] = first.counts
    counts[rows] += second.counts
    return WordCounts(
        list(index), counts, first.raw_words + second.raw_words, first.sentences + second.sentences
    )  # fmt: skip


def floats(changes: Changes) -> NDArray[np.float32]:
    """Halves of floats as floats."""
    return (changes.astype(np.uint32) << 16).view(np.float32)


class Buffer:
    """Memory for rows that is used again, as new memory is slow; what was given out before was copied away."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self.rows: NDArray[Any] = np.empty((0, 0), dtype)

    def of(self, n: int, most: int, dim: int) -> NDArray[Any]:
        """Room for n rows, of at most so many that will be asked for: what is not used costs nothing."""
        if len(self.rows) < n or self.rows.shape[1] != dim:
            self.rows = np.empty((most, dim), self.rows.dtype)
        return self.rows[:n]


def by_owner(rows: NDArray[np.int64], owners: int) -> list[NDArray[np.int64]]:
    """The rows that each owner merges: a row has the same one in every round.

    Examples
    --------
    >>> by_owner(np.array([0, 1, 3, 4]), 2)
    [array([0, 4]), array([1, 3])]
    """
    owner = rows % owners
    return [rows[owner == number] for number in range(owners)]


def owned_rows(rows: int, owners: int) -> int:
    """How many of a matrix's rows an owner merges, at the most."""
    return -(-rows // owners)


class ClusterWorker:
    """One worker, with its threads, its shares of the corpus, and its own copies of both matrices.

    Parameters
    ----------
    threads : int
    errors : {"strict", "replace", "ignore"}
        What to do about invalid UTF-8.
    """

    def __init__(self, threads: int, errors: str) -> None:
        self.threads, self.errors = threads, errors
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="cluster-worker")
        self.scanned: dict[int, Scanned] = {}
        self.corpora: dict[int, Corpus] = {}
        self.jobs: dict[int, tuple[Job, list[Worker]]] = {}  # by share
        self.trained = self.merged = -1  # numbers of the last rounds; -1: there are no matrices yet
        self.rows: list[list[NDArray[np.int64]]] = []  # input and output rows due in the round trained, by owner
        self.owned = -1, 0  # which of how many owners' rows are merged here
        self.last: list[NDArray[np.float32]] = []  # last changes of these rows
        # The number of the round they come from, and for its rows what was there before it: places and changes.
        self.before: tuple[int, list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = (0, [])
        # Of changes, by owner; -1: of those merged here.
        self.buffers: defaultdict[int, Buffer] = defaultdict(lambda: Buffer(np.uint16))
        self.buffers_before = Buffer(np.float32), Buffer(np.float32)
        self.counts, self.train_seconds = NO_COUNTS, 0.0  # of the round trained
        self.ahead = NOTHING_AHEAD

    def about(self) -> dict[str, Any]:
        """Who this is, for the driver to check."""
        return {"host": socket.gethostname(), "version": __version__, "simd": SIMD}

    # The corpus.

    def missing(self, stretches: Iterable[Stretch], sizes: Mapping[str, int]) -> list[str]:
        """Files that are not here as the driver sees them, and why."""
        problems = []
        for path in dict.fromkeys(stretch.path for stretch in stretches):
            try:
                size = path.stat().st_size
                with open(path, "rb"):
                    pass
            except OSError as error:
                problems.append(f"{path}: {error.strerror}")
            else:
                if size != sizes[str(path)]:
                    problems.append(f"{path}: {size} bytes there, {sizes[str(path)]} here")
        return problems

    def scan(self, shares: Mapping[int, Share]) -> WordCounts:
        """Read shares, and keep them, encoded with words of their own, for `encode`."""
        found = WordCounts([], np.zeros(0, np.int64), 0, 0)
        for number, share in shares.items():
            self.scanned[number] = scanned = self.scan_share(share)
            _, raw_words, sentences = layout(scanned.chunks)
            order = np.arange(len(scanned.counts)) if scanned.first is None else np.argsort(scanned.first)
            words = scanned.words(order)
            found = merge_words(found, WordCounts(words, scanned.counts[order], raw_words, sentences))
        return found

    def scan_share(self, share: Share) -> Scanned:
        if isinstance(share, list) and share and isinstance(share[0], Stretch):
            return scan_files(share, self.errors, PIECE_BYTES, self.threads, None)
        return scan_sentences(share)

    def encode(self, vocabulary: Vocabulary) -> dict[int, ShareSize]:
        """Bring what was scanned to the ids of the vocabulary of all."""
        sizes = {}
        for number, scanned in sorted(self.scanned.items()):
            _, corpus = assemble(scanned, ALL_WORDS, vocabulary, self.threads)
            self.corpora[number] = corpus
            sizes[number] = ShareSize(
                len(corpus.tokens), len(corpus.offsets) - 1, checksum(corpus.tokens, corpus.offsets)
            )
        self.scanned.clear()
        return sizes

    def forget(self) -> None:
        """Give up what was scanned and encoded: shares are dealt anew."""
        self.scanned.clear()
        self.corpora.clear()

    # Training.

    def begin(
        self,
        options: TrainingOptions,
        counts: NDArray[np.int64],
        vectors: NDArray[np.float32],
        outputs: NDArray[np.float32],
        frozen: NDArray[np.bool_] | None,
        merged: int,
        owners: int = 1,
    ) -> None:
        """Take over the matrices as they were after so many rounds; what was encoded is what to train on."""
        memory.require(
            # As trained and as last merged, and half as much for changes of all rows, at an epoch's end; of those that
            # are merged here, the last ones, those before them, and the new ones.
            (5 + -(-5 // owners)) * matrix_bytes(*vectors.shape),
            f"{len(vectors):,} words x {vectors.shape[1]} dimensions x 4 bytes in two matrices, copies and changes,",
            "give a higher min_count, or a lower max_final_vocab or vector_size, or fewer workers_per_node",
        )
        self.base: list[NDArray[np.float32]] = []  # rows as they were last merged
        self.own: list[NDArray[np.float32]] = []  # and as they have been trained since
        for given in (vectors, outputs):
            for copies in (self.base, self.own):
                copies.append(aligned_matrix(*given.shape))
                copies[-1][:] = given
        self.options, self.tables, self.frozen = options, sampling_tables(counts, options), frozen
        self.jobs.clear()
        self.owned, self.last, self.before = (-1, 0), [], (0, [])
        self.trained = self.merged = merged
        self.ahead = NOTHING_AHEAD

    def job(self, share: int) -> tuple[Job, list[Worker]]:
        if share not in self.jobs:
            seed = np.random.SeedSequence([self.options.seed % 2**64, share]).generate_state(1, np.uint64)[0]
            inputs, outputs = self.own
            job = make_job(self.corpora[share], self.tables, inputs, outputs, self.options, self.frozen, int(seed))
            self.jobs[share] = job, [Worker(job, SIMD) for _ in range(self.threads)]
        return self.jobs[share]

    def train_ahead(self, planned: Round, me: int) -> None:
        """Train the first part of a round, while what all have changed in the one before is on its way."""
        units, _ = ahead_and_rest(planned.units.get(me, ()))
        if self.trained == planned.number - 1 and (self.ahead.number, self.ahead.units) != (planned.number, units):
            start = time.perf_counter()
            counts = self.train_parts(planned, units, NO_COUNTS)
            self.ahead = Ahead(planned.number, units, counts, time.perf_counter() - start)

    def train(self, planned: Round, me: int, owners: int, *merged: Changes) -> list[Any]:
        """Put in place what was merged of the round before; train this one's units that are left, if any.

        Parameters
        ----------
        planned : Round
        me : int
            This worker's key in its `units`.
        owners : int
            How many workers merge rows.
        *merged : ndarray of uint16
            What `merge` gave all owners in the round before; nothing in the first one.

        Returns
        -------
        list of RoundReport and, for each owner, ndarray of uint16, shape (n, dim)
            How the rows that the owner merges have changed here.
        """
        start = time.perf_counter()
        self.finish(planned.number - 1, *merged)
        middle = time.perf_counter()
        if self.trained < planned.number:
            self.train_ahead(planned, me)
            begun = time.perf_counter()
            _, rest = ahead_and_rest(planned.units.get(me, ()))
            self.counts = self.train_parts(planned, rest, self.ahead.counts)
            self.train_seconds = self.ahead.seconds + time.perf_counter() - begun
            self.trained = planned.number
        trained = time.perf_counter()
        # Of a round that is planned again without a lost worker, other rows than before.
        self.rows = [by_owner(rows, owners) for rows, _ in planned.due]
        changes = list(self.pool.map(self.changes_for, range(owners)))
        merge_seconds = middle - start + time.perf_counter() - trained
        return [RoundReport(self.counts, self.train_seconds, merge_seconds), *changes]

    def train_parts(self, planned: Round, parts: Iterable[Units], before: Counts) -> Counts:
        """Train units of a round, of which so much was trained before; gives all of it."""
        for share, first, end in parts:
            found = self.train_units(planned, planned.learning_rate + planned.slope * before[0], share, first, end)
            before = total([before, *found])
        return before

    def train_units(self, planned: Round, rate: float, share: int, first: int, end: int) -> list[Counts]:
        job, workers = self.job(share)
        at_start = rate - planned.slope * first * UNIT_WORDS  # of the share
        job.begin_epoch(planned.epoch, at_start, planned.slope, first, end)
        workers = workers[: end - first]
        for worker in workers:
            worker.counts = NO_COUNTS
        list(self.pool.map(Worker.run, workers))
        return [worker.counts for worker in workers]

    def changes_for(self, owner: int) -> Changes:
        """How the rows that an owner merges have changed here since they were merged: inputs, then outputs."""
        both = [of_owners[owner] for of_owners in self.rows]
        size, dim = self.own[0].shape
        out: Changes = self.buffers[owner].of(sum(map(len, both)), 2 * owned_rows(size, len(self.rows[0])), dim)
        start = 0
        for rows, base, own in zip(both, self.base, self.own, strict=True):
            gather_changes(own, base, rows, out[start : start + len(rows)])
            start += len(rows)
        return out

    def merge(self, planned: Round, owner: int, owners: int, *changes: Changes) -> Changes:
        """Make one change of those that all workers bring, to the rows of this owner: see `merging`."""
        n, dim = changes[0].shape
        owned = owned_rows(len(self.base[0]), owners)
        out: Changes = self.buffers[-1].of(n, 2 * owned, dim)
        if self.owned != (owner, owners):  # no round before, or other rows were merged here
            self.last, self.before = [np.zeros((owned, dim), np.float32) for _ in planned.due], (0, [])
            self.owned = owner, owners
        number, before = self.before
        if number == planned.number:  # a round that was lost is merged again
            for last, (places, their_last) in zip(self.last, before, strict=False):  # one, if it failed at the other
                last[places] = their_last
        self.before, start = (planned.number, []), 0
        for (rows, factors), last, buffer in zip(planned.due, self.last, self.buffers_before, strict=True):
            mine = rows % owners == owner
            places = rows[mine] // owners
            their_last = buffer.of(len(places), owned, dim)
            np.take(last, places, axis=0, out=their_last, mode="clip")  # which, unlike "raise", makes no copy more
            self.before[1].append((places, their_last))
            part = slice(start, start + len(places))
            merge_changes([of_worker[part] for of_worker in changes], factors[mine], last, places, out[part])
            start = part.stop
        return out

    def finish(self, number: int, *merged: Changes) -> None:
        """Put in place what all owners merged of the round of this number, if that is still to be done."""
        if not merged or self.merged >= number:
            return
        list(self.pool.map(self.put, range(len(merged)), merged))
        self.merged = number

    def put(self, owner: int, merged: Changes) -> None:
        sent, start = self.buffers[owner].rows, 0
        for of_owners, base, own in zip(self.rows, self.base, self.own, strict=True):
            rows = of_owners[owner]
            part = slice(start, start + len(rows))
            put_changes(own, base, rows, merged[part], sent[part])
            start = part.stop

    # When another worker was lost.

    def where(self) -> WorkerPlace:
        """How far this one has come."""
        return WorkerPlace(self.trained, self.merged, tuple(self.corpora))

    def state(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Both matrices, every row as it was last merged."""
        vectors, outputs = (np.ascontiguousarray(base) for base in self.base)
        return vectors, outputs

    def catch_up(self, vectors: NDArray[np.float32], outputs: NDArray[np.float32]) -> None:
        """Put in place the rows of the round trained last, from the state of a worker that has merged them."""
        for owner, rows_of_both in enumerate(zip(*self.rows, strict=True)):
            start = 0
            for rows, given, base, own in zip(rows_of_both, (vectors, outputs), self.base, self.own, strict=True):
                sent = floats(self.buffers[owner].rows[start : start + len(rows)])
                own[rows] += given[rows] - base[rows] - sent
                base[rows] = given[rows]
                start += len(rows)
        self.merged = self.trained
