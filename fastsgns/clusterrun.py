"""A training on a cluster under way: which rounds are handed out, what is taken in, and where all stop for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from fastsgns.cluster import MOST_ATTEMPTS, RESUME, Cluster, RunningRound, WorkerLost
from fastsgns.clusterworker import CHANGE_BYTES, RoundReport, ShareSize
from fastsgns.course import Course, Place, Round, default_round_words
from fastsgns.matrices import frozen_rows
from fastsgns.progress import show_training, training_bar
from fastsgns.trainer import (
    Counts,
    RunState,
    check_finite,
    log_epoch,
    too_high,
    total,
    warn_of_empty_epochs,
    with_epoch,
)
from fastsgns.word2vec import Word2Vec

__all__ = ["ClusterRun"]

logger = logging.getLogger(__name__)

# Rounds handed out before the first of them has come back, so that nobody waits for the driver.
ROUNDS_AHEAD = 2


class ClusterRun:
    """A training under way: rounds handed out and taken in, and what is to be done where an epoch ends.

    Parameters
    ----------
    model : Word2Vec
        With a vocabulary; its matrices are where the training starts, and in the end what came of it.
    workers : Cluster
        That have encoded their shares.
    sizes : mapping of int to ShareSize
    round_words : int, optional
    cut_for : int
        Shares that the corpus was to be cut into; fewer may have come out.
    """

    def __init__(
        self,
        model: Word2Vec,
        workers: Cluster,
        sizes: Mapping[int, ShareSize],
        round_words: int | None,
        cut_for: int = 0,
    ) -> None:
        assert model._vocabulary is not None
        self.cut_for = cut_for
        self.model, self.workers, self.counts = model, workers, model._vocabulary.counts
        self.options = options = model.options()
        self.frozen = frozen_rows(model.wv.vectors_lockf, len(model.wv))
        share_sizes = [sizes[number] for number in sorted(sizes)]
        words = [size.words for size in share_sizes]
        self.words = sum(words)
        whole = options.epochs * self.words
        self.round_words = round_words or default_round_words(whole, len(workers.workers), workers.threads)
        self.checkpoints = None
        if model.checkpoint is not None:
            self.checkpoints = model._checkpoint_file(self.text_identity(share_sizes), options, 1.0, self.frozen)
        self.state = (self.checkpoints.load() if self.checkpoints and model.resume else None) or RunState()
        result = self.state.result
        units = tuple(unit for unit, _ in self.state.places) or (0,) * len(words)
        self.course = Course(
            self.counts,
            options,
            words,
            self.round_words,
            place=Place(result.epochs, units, self.state.words),
            complete_epochs=bool(model.callbacks),
        )
        model.epochs_trained, model.loss_history = result.epochs, list(result.loss_history)
        self.found: dict[tuple[int, int], RoundReport] = {}  # of this epoch and after it: by round, worker
        self.under_way: list[RunningRound] = []
        self.last: RunningRound | None = None  # what was handed out last, if it is not merged everywhere
        self.handed_out = 0  # number of that round
        self.again: Round | None = None  # what is to be handed out again
        self.recovered, self.losses = -1, 0  # what was merged when workers were last lost, and how often that was so
        self.boundary: Round | None = None  # trained, and all are to stop until it is merged
        self.ending: Round | None = None  # trained, and the epoch ends when it is merged, while others go on
        self.sent_bytes = self.rounds = 0
        self.train_seconds = self.merge_seconds = 0.0  # of all workers together
        self.bar = training_bar(whole, self.state.words) if model.progress else None
        self.start = time.perf_counter() - result.seconds

    def text_identity(self, sizes: Sequence[ShareSize]) -> dict[str, Any]:
        """What the corpus must agree in to go on from a checkpoint."""
        return {
            "words of the corpus": self.model.corpus_total_words,
            "words kept": self.words,
            "sentences kept": sum(size.sentences for size in sizes),
            "cut for": self.cut_for,
            "shares": [size.checksum for size in sizes],
        }

    def run(self) -> None:
        """Train to the end."""
        model = self.model
        self.call("on_train_begin")
        self.workers.begin(self.options, self.counts, (model.wv.vectors, model.syn1neg), self.frozen)
        with self.bar or nullcontext():
            if not self.course.finished:
                self.call("on_epoch_begin")
            try:
                while self.boundary or self.under_way or not self.course.finished:
                    try:
                        self.step()
                    except WorkerLost as error:
                        logger.warning("a worker was lost: %s", error)
                        self.recover()
            except (KeyboardInterrupt, SystemExit):
                self.keep_interrupted()
                raise
        self.take_state()
        self.state.result.seconds = time.perf_counter() - self.start
        result = self.state.result
        check_finite(self.options, result.epochs, model.wv.vectors, model.syn1neg)
        self.keep(last=True)
        warn_of_empty_epochs(result, self.options, stacklevel=4)
        model._record(model.corpus_total_words, self.words, self.options, result)
        model.report["cluster"] = {
            "num_workers": len(self.workers.workers),
            "rounds": self.rounds,
            "round_words": self.round_words,
            "sent_bytes": self.sent_bytes,
            "worker_train_seconds": self.train_seconds,
            "worker_merge_seconds": self.merge_seconds,
        }
        self.call("on_train_end")

    def call(self, event: str) -> None:
        for listener in self.model.callbacks:
            getattr(listener, event, lambda model: None)(self.model)

    def step(self) -> None:
        """Do what is to be done next."""
        if self.boundary:
            if self.last:
                self.workers.finish(self.last)
                self.last = None
            boundary, self.boundary = self.boundary, None
            self.reach(boundary)
            return
        while len(self.under_way) < ROUNDS_AHEAD and not self.course.finished:
            if self.last and self.last.planned.complete:
                break
            self.hand_out()
        self.take_in_next()

    def hand_out(self) -> None:
        due = self.checkpoints is not None and self.checkpoints.due(self.course.place.words)
        complete = self.again.complete if self.again else due
        self.start_round(self.course.plan(self.workers.shares, complete, self.again))

    def start_round(self, planned: Round) -> None:
        self.last = self.workers.start_round(planned, self.last)
        self.under_way.append(self.last)
        self.again, self.handed_out = None, planned.number

    def take_in_next(self) -> None:
        running = self.under_way[0]
        reports = self.workers.reports(running)
        self.take_in(running.planned, dict(zip(running.reports, reports, strict=True)))
        self.under_way.pop(0)  # at last: what an interrupt ends is taken in again

    def take_in(self, planned: Round, reports: Mapping[int, RoundReport]) -> None:
        number = planned.number
        for worker, report in reports.items():
            self.found[number, worker] = report  # the same again of who had trained it before another one was lost
        loss = total(report.counts for report in reports.values())[4]
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss became {loss} in epoch {planned.epoch + 1}: {too_high(self.options)}")
        rows, others = sum(len(rows) for rows, _ in planned.due), len(reports) - 1
        self.rounds += 1
        self.sent_bytes += 2 * others * rows * self.model.vector_size * CHANGE_BYTES
        self.train_seconds += sum(report.train_seconds for report in reports.values())
        self.merge_seconds += sum(report.merge_seconds for report in reports.values())
        if self.ending and self.ending.number < number:  # who trained this round has merged the one before
            self.end_epoch(self.ending.number)
        if planned.complete:
            self.boundary = planned
        elif planned.ends_epoch:
            self.ending = planned
        if self.bar is not None:
            result = self.state.result
            done = self.state.words + sum(report.counts[0] for report in self.found.values())
            epochs = result.epochs + 1, self.options.epochs
            show_training(self.bar, done, epochs, planned.learning_rate, result.loss_history, workers=len(reports))

    def counts_and_rest(self, number: int) -> tuple[Counts, dict[tuple[int, int], RoundReport]]:
        """Counts of this epoch, up to the round of this number, and what was found after it."""
        before = [report.counts for (in_round, _), report in self.found.items() if in_round <= number]
        rest = {key: report for key, report in self.found.items() if key[0] > number}
        return total([*self.state.counts, *before]), rest

    def end_epoch(self, number: int) -> None:
        """With the round of this number."""
        result, options, model = self.state.result, self.options, self.model
        result.seconds = time.perf_counter() - self.start
        alpha = options.alpha + (options.min_alpha - options.alpha) * (result.epochs + 1) / options.epochs
        counts, rest = self.counts_and_rest(number)
        result = with_epoch(result, counts, alpha)
        self.state, self.found, self.ending = RunState(result), rest, None  # at once, whatever an interrupt ends
        model.epochs_trained, model.loss_history = result.epochs, list(result.loss_history)
        log_epoch(logger, result, options, result.seconds)

    def reach(self, planned: Round) -> None:
        """All rows are merged, everywhere: end an epoch, or keep a checkpoint."""
        model = self.model
        if not planned.ends_epoch:
            places = tuple((unit, 0) for unit in self.course.place.units)
            self.state.result.seconds = time.perf_counter() - self.start
            counts, rest = self.counts_and_rest(planned.number)
            self.state, self.found = RunState(self.state.result, 0, places, (counts,)), rest
        else:
            self.end_epoch(planned.number)
            if model.callbacks:
                self.take_state()
                self.call("on_epoch_end")
                if model.stop_training:
                    self.course.stop()
                elif not self.course.finished:
                    self.call("on_epoch_begin")
        if self.checkpoints is not None and self.checkpoints.due(self.state.words):
            self.take_state()  # once more, as callbacks may have written to the model's
            self.keep(last=False)

    def take_state(self) -> None:
        """Bring the matrices of the workers, who have merged all rows, into the model."""
        model = self.model
        for _ in range(MOST_ATTEMPTS):
            try:
                state = self.workers.state()
                break
            except WorkerLost as error:
                logger.warning("a worker was lost: %s", error)
                self.recover()
        else:
            raise RuntimeError(f"workers were lost {MOST_ATTEMPTS} times in turn: {RESUME}")
        model.wv.vectors[:], model.syn1neg[:] = state
        model.wv._invalidate()

    def keep(self, last: bool) -> None:
        if self.checkpoints is not None:
            self.checkpoints.keep(self.state, last)

    def recover(self) -> None:
        """Go on without a lost worker, or with what replaces it, from what was merged last."""
        before = [self.last] if self.last and self.last not in self.under_way else []
        merged = self.workers.recover([*before, *self.under_way])
        self.losses = self.losses + 1 if merged == self.recovered else 1
        self.recovered = merged
        if self.losses > MOST_ATTEMPTS:  # of memory, say, that they need more of than there is
            raise RuntimeError(f"workers were lost {self.losses} times in round {merged + 1}: {RESUME}")
        self.under_way, self.last = [], None
        if self.boundary and self.boundary.number > merged:
            self.boundary = None
        if self.ending and self.ending.number > merged:
            self.ending = None
        if self.course.number > merged:
            self.again, self.handed_out = self.course.go_back(merged + 1), merged
        gone = [key for key in self.found if key[0] > merged and key[1] not in self.workers.workers]
        for key in gone:  # what it trained is lost, and will be trained by others
            del self.found[key]

    def keep_interrupted(self) -> None:
        """Let the rounds under way end, and bring what came of them into the model and a checkpoint."""
        try:
            if self.course.number > self.handed_out:  # interrupted in between: some workers may have it already
                self.again = self.course.go_back(self.course.number)
            if not (self.boundary or (self.last and self.last.planned.complete)):
                shares = self.workers.shares if self.again else dict.fromkeys(self.workers.workers, ())
                self.start_round(self.course.plan(shares, complete=True, again=self.again))
            while self.under_way:
                self.take_in_next()
            assert self.boundary is not None
            if self.last:
                self.workers.finish(self.last)
            self.reach(self.boundary)
            self.take_state()
            self.keep(last=True)
        except Exception as error:  # whatever it is, the interrupt goes on
            logger.warning("the model and the checkpoint stay as they were last kept: %s", error)
            if self.checkpoints is not None:
                self.checkpoints.wait()
