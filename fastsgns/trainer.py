"""The training run: threads, epochs, the learning-rate schedule, progress and loss. Alone it uses `_train`."""

from __future__ import annotations

import logging
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastsgns import sampling
from fastsgns._encode import return_freed_memory
from fastsgns._train import Job, Team, Worker
from fastsgns.config import SIMD, available_cores
from fastsgns.corpus import Corpus
from fastsgns.interrupts import terminations_interrupt
from fastsgns.matrices import padded
from fastsgns.options import TrainingOptions
from fastsgns.progress import show_training, training_bar

__all__ = [
    "Checkpoints",
    "Counts",
    "RunState",
    "TrainingResult",
    "check_finite",
    "log_epoch",
    "make_job",
    "sampling_tables",
    "too_high",
    "total",
    "train",
    "warn_of_empty_epochs",
    "with_epoch",
]

logger = logging.getLogger(__name__)

# Tokens a thread takes at once: some milliseconds of work, so that threads end an epoch together and take the corpus
# in its order, and too many for the shared counter to matter.
UNIT_WORDS = 4096
# Unless all are asked for, the loss is taken on a sample of the blocks, thinner the longer the corpus: every 64th block
# costs a hundredth of the speed, every 16th a twentieth, all of them a quarter.
LOSS_INTERVAL = 64
LOSS_INTERVAL_WORDS = 2**14
POLL_SECONDS = 0.05
LOG_SECONDS = 10.0  # between two lines of the log within an epoch
CHECKED_ROWS = 4096


@dataclass
class TrainingResult:
    """What a run did: epochs, tokens gone through and kept by subsampling, pairs, dot products (fewer than
    pairs * (1 + negative) where noise words are shared), seconds, mean loss per pair by epoch, the learning rate that
    it ended with, and how many epochs had no pair."""

    epochs: int = 0
    words: int = 0
    words_kept: int = 0
    pairs: int = 0
    dot_products: int = 0
    seconds: float = 0.0
    loss_history: list[float] = field(default_factory=list)
    alpha: float = 0.0
    empty_epochs: int = 0


# Of an epoch: words done, words kept, pairs, pairs the loss was taken of, their loss, dot products.
Counts = tuple[int, int, int, int, float, int]
NO_COUNTS: Counts = (0, 0, 0, 0, 0.0, 0)


@dataclass
class RunState:
    """How far a run has come: all that it needs to go on but for the matrices, as draws depend on the place alone."""

    result: TrainingResult = field(default_factory=TrainingResult)  # of the epochs that are complete
    unit: int = 0  # of the next epoch, the first one not trained
    places: tuple[tuple[int, int], ...] = ()  # of a team's lanes, instead: see `_train.Team`
    counts: tuple[Counts, ...] = ()  # of that epoch so far, by worker

    @property
    def words(self) -> int:
        """Gone through so far."""
        return self.result.words + total(self.counts)[0]


class Checkpoints(Protocol):
    """Who keeps a run's states; see `checkpoint.CheckpointFile`."""

    def due(self, words: int) -> bool:
        """Whether it is time to keep the next one; `words` have been gone through in this run."""

    def keep(self, state: RunState, last: bool) -> None:
        """Write the state and both matrices, as they are now; with `last`, before this returns.

        Raises
        ------
        FloatingPointError
            If a vector is not finite; what was kept before stays.
        """


def train(
    corpus: Corpus,
    counts: NDArray[np.int64],
    input_vectors: NDArray[np.float32],
    output_vectors: NDArray[np.float32],
    options: TrainingOptions,
    *,
    frozen: NDArray[np.bool_] | None = None,
    corpus_share: float = 1.0,
    first_epoch: int = 0,
    state: RunState | None = None,
    checkpoints: Checkpoints | None = None,
    progress: bool = False,
    on_epoch_begin: Callable[[], None] | None = None,
    on_epoch_end: Callable[[TrainingResult], bool] | None = None,
) -> TrainingResult:
    """Train both matrices in place.

    Parameters
    ----------
    corpus : Corpus
        Ids below V, in the order to train them.
    counts : ndarray of int64, shape (V,)
        How often each word occurs: subsampling and noise derive from it.
    input_vectors, output_vectors : ndarray of float32, shape (V, dim)
        Views made by `aligned_matrix`, or by `as_aligned`.
    frozen : ndarray of bool, shape (V,), optional
        Input vectors that stay as they are.
    corpus_share : float, default 1.0
        What part this corpus is of the one that the learning rate's schedule is for: so far it falls in an epoch.
    on_epoch_end : callable, optional
        Ends the training if it returns True.
    first_epoch : int
        Epochs trained before: the random draws go on from there.
    state : RunState, optional
        Where an earlier run of the same had come to, whose matrices these are.
    checkpoints : Checkpoints, optional
        Is given the state of the run now and then, at its end, and when an interrupt or an error ends it.

    Returns
    -------
    TrainingResult

    Raises
    ------
    FloatingPointError
        If the vectors grew beyond all bounds.
    MemoryError
        If `window` and `negative` ask for more scratch memory than there is.

    Notes
    -----
    Threads share the matrices without locks (Hogwild, arXiv 1106.5730) and take units of the corpus, in order, from
    one counter. Random draws and learning rate are functions of the place in the corpus, not of the thread: one
    worker gives the same bits every time, and more differ only by their races.
    """
    start = time.perf_counter()
    words = len(corpus.tokens)
    job = make_job(corpus, sampling_tables(counts, options), input_vectors, output_vectors, options, frozen)
    threads = min(options.workers, -(-words // UNIT_WORDS))
    team = None
    try:
        if options.deterministic:
            rate = max(options.alpha, options.min_alpha)
            lanes = sampling.team_lanes(counts, options.sample, rate, sum(options.reach))
            # More threads than cores would wait for each other, for the same bits.
            team = Team(job, SIMD, lanes, min(threads, lanes, available_cores()))
        workers = team.workers if team else [Worker(job, SIMD) for _ in range(threads)]
    except MemoryError as error:
        raise MemoryError(f"{error}: window={options.window} times negative={options.negative} is too large") from None
    return_freed_memory()  # what words and tables were made with, before the output vectors are first written to
    state = state or RunState()
    state.result.seconds += time.perf_counter() - start
    bar = training_bar(words * options.epochs, state.words) if progress else None
    with nullcontext() if bar is None else bar, terminations_interrupt():
        run = Run(options, job, workers, team, words, corpus_share, first_epoch, state, bar, checkpoints)
        try:
            while run.result.epochs < options.epochs:
                if on_epoch_begin:  # of an epoch that is gone on with, again
                    on_epoch_begin()
                run.train_epoch()
                if on_epoch_end and on_epoch_end(run.result):
                    break
                if checkpoints is not None and checkpoints.due(words * run.result.epochs):
                    run.keep(last=False)
        except FloatingPointError:  # what was kept before stays
            raise
        except BaseException:  # an interrupt, a callback's error, no thread to be had
            if run.idle:
                with suppress(FloatingPointError):
                    run.keep(last=True)
            raise
        check_finite(options, run.result.epochs, input_vectors, output_vectors)
        try:
            run.keep(last=True)
        except KeyboardInterrupt:  # the second one does not wait for the disk
            run.keep(last=True)
            raise
    warn_of_empty_epochs(run.result, options, stacklevel=4)
    return run.result


def sampling_tables(counts: NDArray[np.int64], options: TrainingOptions) -> tuple[NDArray[np.uint32], NDArray[Any]]:
    """What a job draws from: thresholds of subsampling, and noise."""
    noise = sampling.noise_table(sampling.noise_probabilities(counts, options.ns_exponent))
    return sampling.keep_thresholds(counts, options.sample), noise


def make_job(
    corpus: Corpus,
    tables: tuple[NDArray[np.uint32], NDArray[Any]],
    input_vectors: NDArray[np.float32],
    output_vectors: NDArray[np.float32],
    options: TrainingOptions,
    frozen: NDArray[np.bool_] | None,
    seed: int | None = None,
) -> Job:
    """What threads train; `seed` in place of that of the options, for one of several corpora."""
    left, right = options.reach
    thinning = min(max(len(corpus.tokens) // LOSS_INTERVAL_WORDS, 1), LOSS_INTERVAL)
    return Job(
        tokens=corpus.tokens,
        offsets=corpus.offsets,
        input_vectors=padded(input_vectors),
        output_vectors=padded(output_vectors),
        keep=tables[0],
        noise=tables[1],
        dim=input_vectors.shape[1],
        left=left,
        right=right,
        negative=int(options.negative),
        shrink_windows=bool(options.shrink_windows),
        **sampling.block_shape(options.negative_sharing, int(options.negative)),
        unit_words=UNIT_WORDS,
        loss_interval=1 if options.compute_loss else thinning,
        seed=int(options.seed if seed is None else seed) % 2**64,
        frozen=frozen,
        round_blocks=sampling.round_blocks(options.negative_sharing, left + right) if options.deterministic else 0,
    )


class Run:
    """A run under way: its threads, one for each worker, which the calling thread watches, and how far it has come."""

    def __init__(
        self,
        options: TrainingOptions,
        job: Job,
        workers: list[Worker],
        team: Team | None,
        words: int,
        corpus_share: float,
        first_epoch: int,
        state: RunState,
        bar: Any,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.options, self.job, self.workers, self.team, self.words = options, job, workers, team, words
        self.first_epoch, self.bar, self.checkpoints = first_epoch, bar, checkpoints
        self.fall = (options.min_alpha - options.alpha) / options.epochs  # of the learning rate in an epoch
        self.slope = self.fall * corpus_share / words
        self.state = state  # as it was when the epoch under way began, or will be when the next one does
        self.begun: RunState | None = None  # the same, once threads have gone on from it
        self.idle = True  # all threads have ended: counters and matrices stand still
        self.last_log = time.perf_counter()
        self.tasks: list[Callable[[], None]] = [worker.run for worker in workers]
        if team:
            self.tasks = [partial(team.run, number) for number in range(team.threads)]

    @property
    def result(self) -> TrainingResult:
        return self.state.result

    def counts(self) -> tuple[Counts, ...]:
        """Of every worker, in the epoch under way."""
        return tuple(worker.counts for worker in self.workers)

    def train_epoch(self) -> None:
        """Train an epoch, or the rest of one, pausing for checkpoints."""
        alpha = self.options.alpha + self.fall * self.result.epochs
        self.job.begin_epoch(self.first_epoch + self.result.epochs, alpha, self.slope, self.state.unit)
        if self.team:
            self.team.places = self.state.places or [(lane, 0) for lane in range(len(self.workers))]
        counts = self.state.counts
        if len(counts) != len(self.workers):  # more or fewer go on
            counts = (total(counts),) + (NO_COUNTS,) * (len(self.workers) - 1)
        for worker, its_counts in zip(self.workers, counts, strict=True):
            worker.counts = its_counts
        self.begun = self.state
        while not self.run_threads(alpha):
            self.keep(last=False)
        result = with_epoch(self.result, total(self.counts()), alpha + self.slope * self.words)
        self.state = RunState(result)
        loss = result.loss_history[-1]
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss} in epoch {result.epochs}: {too_high(self.options)}")

    def run_threads(self, alpha: float) -> bool:
        """Train to the end of the epoch; or, if a checkpoint is due, stop between work units, which gives False.

        An interrupt stops all threads at their next unit, then goes its way; a second one does not wait for them.
        """
        # Events tell who has ended: after an interrupt, Thread.join of Python 3.11 may come back too early. And none
        # begins before all have started: those of a team would wait for one whose start was interrupted.
        gate, ended = threading.Event(), [threading.Event() for _ in self.tasks]
        complete = False

        def work(task: Callable[[], None], event: threading.Event) -> None:
            gate.wait()
            if complete:
                task()
            event.set()

        start = time.perf_counter()
        self.job.go_on()
        self.idle = False
        started: list[threading.Event] = []
        try:
            for number, (task, event) in enumerate(zip(self.tasks, ended, strict=True)):
                name = f"fastsgns-{number}"
                threading.Thread(target=work, args=(task, event), name=name, daemon=True).start()
                started.append(event)
            complete = True
            gate.set()
            for event in ended:
                while not event.wait(POLL_SECONDS):
                    if self.report(alpha):
                        return False
            self.report(alpha)
            return True
        finally:
            self.job.stop()
            gate.set()
            for event in started:
                event.wait()
            self.idle = True
            self.result.seconds += time.perf_counter() - start

    def report(self, alpha: float) -> bool:
        """Show how far it is; whether a checkpoint is due."""
        epoch, history = self.result.epochs, self.result.loss_history
        done = sum(worker.words_done for worker in self.workers)
        rate, epochs = alpha + self.slope * done, (epoch + 1, self.options.epochs)
        if self.bar is not None:
            show_training(self.bar, self.words * epoch + done, epochs, rate, history)
        if time.perf_counter() - self.last_log > LOG_SECONDS and done < self.words:
            self.last_log = time.perf_counter()
            logger.info("epoch %d of %d: %.1f %% done, learning rate %.5f", *epochs, 100 * done / self.words, rate)
        return self.checkpoints is not None and self.checkpoints.due(self.words * epoch + done)

    def keep(self, last: bool) -> None:
        """Give the checkpoints the state and both matrices, if they are sound."""
        if self.checkpoints is not None:
            state = self.state
            if self.begun is state:
                places = self.team.places if self.team else ()
                state = RunState(state.result, self.job.units_done, places, self.counts())
            self.checkpoints.keep(state, last)


def check_finite(options: TrainingOptions, epochs: int, *matrices: NDArray[np.float32]) -> None:
    """FloatingPointError if a vector is not finite: what the last updates broke shows in no loss."""
    for matrix in matrices:
        if not all(np.isfinite(matrix[i : i + CHECKED_ROWS]).all() for i in range(0, len(matrix), CHECKED_ROWS)):
            raise FloatingPointError(f"the vectors overflowed after {epochs} epochs: {too_high(options)}")


def log_epoch(log: logging.Logger, result: TrainingResult, options: TrainingOptions, seconds: float) -> None:
    """Tell of the epoch that has ended last: `seconds` have passed since the training began."""
    speed = result.words / seconds if seconds else 0.0
    left = seconds / result.epochs * (options.epochs - result.epochs)
    log.info(
        "epoch %d of %d: loss %.4f a pair, %s words/s, learning rate %.5f, %.0f s left",
        result.epochs, options.epochs, result.loss_history[-1], f"{speed:,.0f}", result.alpha, left,
    )  # fmt: skip


def too_high(options: TrainingOptions) -> str:
    text = f"alpha={options.alpha} is too high"
    if options.negative_sharing == "pair":
        return text
    return f"{text}; where words are few, negative_sharing='pair' bears more than {options.negative_sharing!r}"


def total(counts: Iterable[Counts]) -> Counts:
    columns = zip(NO_COUNTS, *counts, strict=True)
    words, kept, pairs, loss_pairs, loss, dot_products = (sum(column) for column in columns)
    return int(words), int(kept), int(pairs), int(loss_pairs), float(loss), int(dot_products)


def warn_of_empty_epochs(result: TrainingResult, options: TrainingOptions, stacklevel: int) -> None:
    """Warn if subsampling left nothing to train on in some epochs."""
    if result.empty_epochs:
        warnings.warn(
            f"{result.empty_epochs} of {result.epochs} epochs trained no pair: sample={options.sample} leaves no two "
            "words of a sentence of so small a corpus; give a higher one, or 0 to keep all",
            stacklevel=stacklevel,
        )


def with_epoch(result: TrainingResult, counts: Counts, alpha: float) -> TrainingResult:
    """The result with one more epoch, of these counts, that ended at this learning rate."""
    words, kept, pairs, loss_pairs, loss, dot_products = counts
    return TrainingResult(
        epochs=result.epochs + 1,
        words=result.words + words,
        words_kept=result.words_kept + kept,
        pairs=result.pairs + pairs,
        dot_products=result.dot_products + dot_products,
        seconds=result.seconds,
        loss_history=[*result.loss_history, loss / loss_pairs if loss_pairs else 0.0],
        alpha=alpha,
        empty_epochs=result.empty_epochs + (pairs == 0),
    )
