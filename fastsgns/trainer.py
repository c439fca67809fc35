"""The training run: options, threads, epochs, the learning-rate schedule, progress and loss. Alone it uses `_train`."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from fastsgns import sampling
from fastsgns._encode import return_freed_memory
from fastsgns._train import Job, Worker
from fastsgns.checks import check_choice, check_integer, check_real
from fastsgns.config import SIMD, available_cores, check_simd
from fastsgns.corpus import Corpus
from fastsgns.matrices import padded

__all__ = ["TrainingOptions", "TrainingResult", "train"]

# Tokens a thread takes at once: some milliseconds of work, so that threads end an epoch together and take the corpus
# in its order, and too many for the shared counter to matter.
UNIT_WORDS = 4096
# Unless all are asked for, the loss is taken on a sample of the blocks, thinner the longer the corpus: every 64th block
# costs a hundredth of the speed, every 16th a twentieth, all of them a quarter.
LOSS_INTERVAL = 64
LOSS_INTERVAL_WORDS = 2**14
POLL_SECONDS = 0.05
CHECKED_ROWS = 65536


@dataclass(frozen=True)
class TrainingOptions:
    """Everything a run depends on besides corpus and vectors. Names and defaults are `Word2Vec`'s; see there."""

    alpha: float = 0.025
    min_alpha: float = 1e-4
    window: int | tuple[int, int] = 5
    negative: int = 5
    ns_exponent: float = 0.75
    sample: float = 1e-3
    shrink_windows: bool = True
    negative_sharing: str = "group"
    epochs: int = 5
    seed: int = 1
    workers: int = field(default_factory=available_cores)
    compute_loss: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.window, tuple):
            if len(self.window) != 2:
                raise ValueError(f"window={self.window!r} must be a number of words, or (left, right)")
            for reach in self.window:
                check_integer("window", reach, 0, 2**20 - 1)
            if max(self.window) == 0:
                raise ValueError("window=(0, 0) holds no context: one side must have at least 1 word")
        else:
            check_integer("window", self.window, 1, 2**20 - 1)
        if self.negative == 0:
            raise ValueError("negative=0: fastsgns trains skip-gram with negative sampling; give 5 to 20 noise words")
        check_integer("negative", self.negative, 1, 2**20 - 2)
        check_integer("epochs", self.epochs, 1, 2**31)
        check_integer("workers", self.workers, 1, 2**12)
        check_integer("seed", self.seed, None)
        check_real("alpha", self.alpha, 0.0)
        check_real("min_alpha", self.min_alpha, 0.0)
        check_real("sample", self.sample, 0.0, 2.0**62)
        check_real("ns_exponent", self.ns_exponent, -100.0, 100.0)
        if self.alpha == 0:
            raise ValueError("alpha=0 trains nothing; gensim's default is 0.025")
        check_choice("negative_sharing", self.negative_sharing, sampling.SHARING)
        check_simd()


@dataclass
class TrainingResult:
    """What a run did: epochs, tokens gone through and kept by subsampling, pairs, dot products (fewer than
    pairs * (1 + negative) where noise words are shared), seconds, mean loss per pair by epoch, and the learning rate
    that it ended with."""

    epochs: int = 0
    words: int = 0
    words_kept: int = 0
    pairs: int = 0
    dot_products: int = 0
    seconds: float = 0.0
    loss_history: list[float] = field(default_factory=list)
    alpha: float = 0.0


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
    left, right = options.window if isinstance(options.window, tuple) else (options.window, options.window)
    job = Job(
        tokens=corpus.tokens,
        offsets=corpus.offsets,
        input_vectors=padded(input_vectors),
        output_vectors=padded(output_vectors),
        keep=sampling.keep_thresholds(counts, options.sample),
        noise=sampling.noise_table(sampling.noise_probabilities(counts, options.ns_exponent)),
        dim=input_vectors.shape[1],
        left=left,
        right=right,
        negative=int(options.negative),
        shrink_windows=bool(options.shrink_windows),
        **sampling.block_shape(options.negative_sharing, int(options.negative)),
        unit_words=UNIT_WORDS,
        loss_interval=1 if options.compute_loss else min(max(words // LOSS_INTERVAL_WORDS, 1), LOSS_INTERVAL),
        seed=int(options.seed) % 2**64,
        frozen=frozen,
    )
    try:
        workers = [Worker(job, SIMD) for _ in range(min(options.workers, -(-words // UNIT_WORDS)))]
    except MemoryError as error:
        raise MemoryError(f"{error}: window={options.window} times negative={options.negative} is too large") from None
    return_freed_memory()  # what words and tables were made with, before the output vectors are first written to
    fall = (options.min_alpha - options.alpha) / options.epochs  # of the learning rate in an epoch
    slope = fall * corpus_share / words
    result = TrainingResult()
    result.seconds = time.perf_counter() - start
    epochs_without_pairs = 0
    with tqdm(total=words * options.epochs, unit="word", unit_scale=True, desc="train", disable=not progress) as bar:
        for epoch in range(options.epochs):
            if on_epoch_begin:
                on_epoch_begin()
            alpha = options.alpha + fall * epoch

            def report(done: int, epoch: int = epoch, alpha: float = alpha) -> None:
                loss = f"{result.loss_history[-1]:.3f}" if result.loss_history else "-"
                rate = f"{alpha + slope * done:.5f}"
                bar.set_postfix(epoch=f"{epoch + 1}/{options.epochs}", lr=rate, loss=loss, refresh=False)
                bar.update(words * epoch + done - bar.n)

            start = time.perf_counter()
            job.begin_epoch(first_epoch + epoch, alpha, slope)
            run_threads(job, workers, report)
            result.seconds += time.perf_counter() - start
            result.epochs, result.alpha = epoch + 1, alpha + slope * words
            pairs = result.pairs
            add_counts(result, workers)
            epochs_without_pairs += result.pairs == pairs
            if not math.isfinite(result.loss_history[-1]):
                raise FloatingPointError(
                    f"the loss became {result.loss_history[-1]} in epoch {epoch + 1}: alpha={options.alpha} is too high"
                )
            if on_epoch_end and on_epoch_end(result):
                break
    check_finite(options, input_vectors, output_vectors)
    if epochs_without_pairs:
        warnings.warn(
            f"{epochs_without_pairs} of {result.epochs} epochs trained no pair: sample={options.sample} leaves no two"
            " words of a sentence of so small a corpus; give a higher one, or 0 to keep all",
            stacklevel=3,
        )
    return result


def check_finite(options: TrainingOptions, *matrices: NDArray[np.float32]) -> None:
    """What the last updates of all broke shows in no loss."""
    for matrix in matrices:
        if not all(np.isfinite(matrix[i : i + CHECKED_ROWS]).all() for i in range(0, len(matrix), CHECKED_ROWS)):
            raise FloatingPointError(f"the vectors overflowed in the last epoch: alpha={options.alpha} is too high")


def run_threads(job: Job, workers: list[Worker], report: Callable[[int], None]) -> None:
    """One epoch: a thread a worker, this one watching. An interrupt stops all at their next unit, then goes its way."""
    names = [f"fastsgns-{i}" for i in range(len(workers))]
    threads = [threading.Thread(target=w.run, name=name, daemon=True) for w, name in zip(workers, names, strict=True)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                report(sum(worker.words_done for worker in workers))
    finally:
        job.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def add_counts(result: TrainingResult, workers: list[Worker]) -> None:
    counts = [worker.take_counts() for worker in workers]
    words, kept, pairs, loss_pairs, loss, dot_products = (sum(column) for column in zip(*counts, strict=True))
    result.words += int(words)
    result.words_kept += int(kept)
    result.pairs += int(pairs)
    result.dot_products += int(dot_products)
    result.loss_history.append(loss / loss_pairs if loss_pairs else 0.0)
