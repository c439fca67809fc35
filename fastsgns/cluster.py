"""Workers on a Ray cluster: started, checked, given work, and replaced when one is lost. This file alone calls Ray."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.clusterworker import ClusterWorker, RoundReport, ShareSize, WordCounts, WorkerPlace, merge_words
from fastsgns.config import __version__
from fastsgns.course import Round
from fastsgns.options import TrainingOptions
from fastsgns.shares import Share
from fastsgns.vocabulary import Vocabulary

__all__ = ["MOST_ATTEMPTS", "RESUME", "Cluster", "RunningRound", "WorkerLost", "connect"]

logger = logging.getLogger(__name__)

# Who merges rows, at the most: with more, objects become many and small.
MOST_OWNERS = 16
MERGING = "merging"  # the group of calls that run in a thread of their own
CONNECT_SECONDS = 5.0
# How long what replaces a lost worker may take to be there before others take over its shares.
RESTART_SECONDS = 60.0

# Times that something is begun again when workers are lost in it.
MOST_ATTEMPTS = 5
RESUME = "a training with a checkpoint goes on from it with resume=True"

State = tuple[NDArray[np.float32], NDArray[np.float32]]


class WorkerLost(Exception):
    """A worker was lost, and what was under way with it; what was asked of the others has come to an end."""


@dataclass
class RunningRound:
    """A round that was handed out: what will come back of it."""

    planned: Round
    given: Any  # the same, as workers get it
    begun: list[Any]
    reports: dict[int, Any]  # by worker
    changes: list[tuple[Any, ...]]  # by owner of rows, of all workers
    merged: list[Any] = field(default_factory=list)  # by owner, when they have been asked for it

    def calls(self) -> list[Any]:
        """All that workers were asked for."""
        return [*self.begun, *self.reports.values(), *self.merged]


def connect(address: str) -> Any:
    """The module `ray`, connected to a cluster: the one this process is connected to, if any, else that at the address.

    Raises
    ------
    ImportError
        If Ray is not installed.
    ConnectionError
        If no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError("training on a cluster needs Ray: pip install 'fastsgns[ray]'") from error
    if ray.is_initialized():
        return ray
    host, _, port = address.removeprefix("ray://").partition(":")
    problem = (
        f"address={address!r}: no Ray cluster answers there. `ray start --head` starts one on its first machine, "
        "`ray start --address=HEAD:6379` adds another; address='local' uses this machine alone"
    )
    if port:  # Ray itself would try for a minute
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except (OSError, ValueError, OverflowError) as error:
            raise ConnectionError(f"{problem} ({error})") from error
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError) as error:
        raise ConnectionError(f"{problem} ({error})") from error
    return ray


class Cluster:
    """The workers of one training.

    Parameters
    ----------
    ray : module
        Connected: see `connect`.
    num_workers : int
    workers_per_node : int, optional
        Each takes so many of its node's cores; by default there are as many workers on a node as must be.
    threads : int, optional
        Of a worker; by default, one for each core that it takes.
    errors : str
        What to do about invalid UTF-8.
    start_seconds : float
        How long workers may take to start.

    Raises
    ------
    RuntimeError
        If there is no room for them, or a node has another version of fastsgns, or none.
    """

    def __init__(
        self,
        ray: Any,
        num_workers: int,
        workers_per_node: int | None,
        threads: int | None,
        errors: str,
        start_seconds: float,
    ) -> None:
        self.ray = ray
        cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        cores = [count for count in cores if count]
        if not cores:
            raise RuntimeError("the Ray cluster has no node with a CPU")
        on_a_node = workers_per_node or math.ceil(num_workers / len(cores))
        self.cores = max(1, min(cores) // on_a_node)
        self.threads = threads or self.cores
        # Ray restarts none by itself: one that knows nothing would answer calls of a lost one, or nobody ever, if there
        # is no room for it. As it is, they all come to an end.
        actor = ray.remote(
            num_cpus=self.cores,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
            concurrency_groups={MERGING: 1},
        )(ClusterWorker)
        self.start = partial(actor.remote, self.threads, errors)
        self.shares: dict[int, list[int]] = {}
        self.done: list[Callable[[int, Sequence[int]], Any]] = []  # what a worker must be told before it can train
        self.first_state: Any = None  # until all workers have it
        self.workers = {number: self.start() for number in range(num_workers)}
        asked = [worker.about.remote() for worker in self.workers.values()]
        ready, missing = ray.wait(asked, num_returns=num_workers, timeout=start_seconds)
        if missing:
            self.close()
            raise RuntimeError(
                f"num_workers={num_workers} of {self.cores} cores each: only {len(ready)} started within"
                f" {start_seconds:g} s. The cluster has nodes of {', '.join(map(str, sorted(cores)))} cores: ask for"
                " fewer workers or more workers_per_node, or wait until other jobs have ended"
            )
        try:
            self.check(ray.get(asked))
        except Exception as error:
            self.close()
            if isinstance(error, RuntimeError) and not isinstance(error, ray.exceptions.RayError):
                raise
            raise RuntimeError(
                f"a worker could not start: is fastsgns {__version__} installed on every node? ({first_line(error)})"
            ) from error

    @staticmethod
    def check(workers: list[dict[str, Any]]) -> None:
        others = sorted({(about["host"], about["version"]) for about in workers if about["version"] != __version__})
        if others:
            found = ", ".join(f"{version} on {host}" for host, version in others)
            raise RuntimeError(f"fastsgns is {__version__} here, but {found}: install one version on every node")
        logger.info("workers: %s", ", ".join(f"{about['host']} ({about['simd']})" for about in workers))

    def close(self) -> None:
        for worker in self.workers.values():
            self.ray.kill(worker)
        self.workers = {}

    def get(self, results: Any) -> Any:
        """What calls gave; their own errors as they were raised; WorkerLost if a worker was lost."""
        try:
            return self.ray.get(results)
        except self.ray.exceptions.RayTaskError as error:
            cause = error.cause
            if not isinstance(cause, self.ray.exceptions.RayError):  # as it is of a call that it waited for
                raise (cause if isinstance(cause, Exception) else error) from None
            problem = first_line(cause)
        except self.ray.exceptions.RayError as error:
            problem = first_line(error)
        self.settle(results if isinstance(results, list) else [results])
        raise WorkerLost(problem)

    def settle(self, results: list[Any]) -> None:
        """Wait until calls have come to an end, one way or the other: a worker that still works does not answer."""
        if results:
            self.ray.wait(results, num_returns=len(results), fetch_local=False)

    # Before training.

    def check_files(self, shares: Mapping[int, Share], sizes: Mapping[str, int]) -> None:
        """FileNotFoundError, naming node and path, unless every worker sees every file, with the sizes given."""
        stretches = [stretch for share in shares.values() for stretch in share]
        problems = self.get([worker.missing.remote(stretches, sizes) for worker in self.workers.values()])
        hosts = self.get([worker.about.remote() for worker in self.workers.values()])
        for about, found in zip(hosts, problems, strict=True):
            if found:
                raise FileNotFoundError(
                    f"node {about['host']} does not see the corpus as this machine does: {found[0]}. "
                    "Put it on a file system that all nodes share, under one path"
                )

    def scan(
        self, shares: Mapping[int, Share], deal: Mapping[int, list[int]], progress: Callable[[int, int | None], None]
    ) -> WordCounts:
        """Have every worker scan the shares dealt to it; gives the words of all, merged by a tree."""
        self.shares = {worker: list(numbers) for worker, numbers in deal.items()}
        self.done.append(lambda worker, numbers: self.workers[worker].scan.remote({n: shares[n] for n in numbers}))
        found = {
            worker: [self.workers[worker].scan.remote({number: shares[number]}) for number in numbers]
            for worker, numbers in deal.items()
        }
        waiting = [result for results in found.values() for result in results]
        shares_in_all = len(waiting)
        while waiting:
            ready, waiting = self.ray.wait(waiting, num_returns=1)
            try:
                self.get(ready)
            except WorkerLost:
                self.settle(waiting)
                raise
            progress(shares_in_all - len(waiting), shares_in_all)
        tables = [result for worker in sorted(found) for result in found[worker]]
        merge = self.ray.remote(merge_in_task).options(num_cpus=0)
        while len(tables) > 1:
            tables = [merge.remote(*tables[i : i + 2]) for i in range(0, len(tables), 2)]
        merged: WordCounts = self.get(tables[0])
        return merged

    def revive(self) -> None:
        """After one was lost before the training: replace it, and forget what was scanned."""
        self.done.clear()
        self.replace_lost()
        self.get([worker.forget.remote() for worker in self.workers.values()])

    def encode(self, vocabulary: Vocabulary) -> dict[int, ShareSize]:
        """Have every worker encode what it scanned; gives the size of each share."""
        given = self.ray.put(vocabulary)
        self.done.append(lambda worker, numbers: self.workers[worker].encode.remote(given))
        self.sizes: dict[int, ShareSize] = {}
        for of_worker in self.get([worker.encode.remote(given) for worker in self.workers.values()]):
            self.sizes |= of_worker
        return self.sizes

    def begin(
        self, options: TrainingOptions, counts: NDArray[np.int64], state: State, frozen: NDArray[np.bool_] | None
    ) -> None:
        """Give every worker the matrices."""
        self.options, self.counts, self.frozen = options, self.ray.put(counts), frozen
        # Without the gaps of aligned rows, an array goes to the object store as it is.
        self.first_state = tuple(self.ray.put(np.ascontiguousarray(matrix)) for matrix in state)
        try:
            self.get([self.begin_one(worker, self.first_state, 0) for worker in self.workers])
        except WorkerLost as error:
            logger.warning("a worker was lost: %s", error)
            self.recover([])
        self.first_state = None

    @property
    def owners(self) -> int:
        """How many workers merge rows: the first ones."""
        return min(len(self.workers), MOST_OWNERS)

    def begin_one(self, worker: int, state: Any, merged: int) -> Any:
        return self.workers[worker].begin.remote(self.options, self.counts, *state, self.frozen, merged, self.owners)

    # Training.

    def start_round(self, planned: Round, before: RunningRound | None) -> RunningRound:
        """Hand out a round, to be begun when the one before it is trained, and ended when that is merged.

        Returns at once.
        """
        owners, given = self.owners, self.ray.put(planned)
        begun, merged = [], []
        if before:
            # A worker takes up calls in their order, each when what it is given is there: first what can be done now.
            begun = [worker.train_ahead.remote(given, number) for number, worker in self.workers.items()]
            merged = self.merged(before)
        results = [
            worker.train.options(num_returns=1 + owners).remote(given, number, owners, *merged)
            for number, worker in self.workers.items()
        ]
        reports, *changes = zip(*results, strict=True)
        return RunningRound(planned, given, begun, dict(zip(self.workers, reports, strict=True)), changes)

    def merged(self, running: RunningRound) -> list[Any]:
        """What will be merged of a round."""
        if not running.merged:
            owners = list(self.workers.values())[: self.owners]
            running.merged = [
                # Beside the training of the next round.
                worker.merge.options(concurrency_group=MERGING).remote(running.given, owner, len(owners), *changes)
                for (owner, worker), changes in zip(enumerate(owners), running.changes, strict=True)
            ]
        return running.merged

    def reports(self, running: RunningRound) -> list[RoundReport]:
        """Wait until a round is trained."""
        found: list[RoundReport] = self.get(list(running.reports.values()))
        return found

    def finish(self, running: RunningRound) -> None:
        """Wait until what a round merged is in place everywhere."""
        number = running.planned.number
        merged = self.merged(running)
        self.get([worker.finish.remote(number, *merged) for worker in self.workers.values()])

    def state(self) -> State:
        """Both matrices as they were last merged, everywhere the same."""
        state: State = self.get(next(iter(self.workers.values())).state.remote())
        return state

    # When a worker is lost.

    def recover(self, under_way: Sequence[RunningRound]) -> int:
        """Replace lost workers, and bring all to the same merge; gives its number.

        Raises
        ------
        RuntimeError
            If workers are lost again and again, or none is left that has the matrices.
        """
        for running in under_way:
            self.settle(running.calls())
        for _ in range(MOST_ATTEMPTS):
            try:
                return self.bring_together()
            except WorkerLost as error:
                logger.warning("another worker was lost meanwhile: %s", error)
        raise RuntimeError(f"workers were lost {MOST_ATTEMPTS} times in turn: {RESUME}")

    def bring_together(self) -> int:
        places = self.replace_lost()
        merged = {number: place.merged for number, place in places.items() if place.merged >= 0}
        if not merged and self.first_state is None:
            raise RuntimeError(f"all workers were lost, and the matrices with them: {RESUME}")
        self.prepare({number: sorted({*self.shares[number]} - {*places[number].shares}) for number in self.workers})
        if not merged:
            last, state = 0, self.first_state
        else:
            ahead = max(merged, key=lambda number: merged[number])
            last, state = merged[ahead], self.workers[ahead].state.options(num_returns=2).remote()
        calls = [self.workers[number].catch_up.remote(*state) for number in merged if merged[number] < last]
        calls += [self.begin_one(number, state, last) for number in self.workers if number not in merged]
        self.get(calls)
        return last

    def replace_lost(self) -> dict[int, WorkerPlace]:
        """Start workers in place of lost ones, and give up those for which there is no room; tells where all are."""
        places = self.ask(self.workers)
        lost = [number for number in self.workers if number not in places]
        for number in lost:
            self.ray.kill(self.workers[number])
            self.workers[number] = self.start()
        places |= self.ask(lost)
        for number in lost:
            if number not in places:
                self.give_up(number)
        there = [number for number in lost if number in places]
        if there:
            logger.warning("replaced: %s of the workers; each reads its share of the corpus anew", there)
            self.check(self.get([self.workers[number].about.remote() for number in there]))
        return places

    def ask(self, numbers: Iterable[int]) -> dict[int, WorkerPlace]:
        """Where workers have come to that answer in time."""
        asked = {self.workers[number].where.remote(): number for number in numbers}
        found: dict[int, WorkerPlace] = {}
        if asked:
            for result in self.ray.wait(list(asked), num_returns=len(asked), timeout=RESTART_SECONDS)[0]:
                try:
                    found[asked[result]] = self.ray.get(result)
                except self.ray.exceptions.RayError as error:
                    logger.warning("worker %d is lost: %s", asked[result], first_line(error))
        return found

    def give_up(self, lost: int) -> None:
        """Deal a worker's shares to those that are left."""
        self.ray.kill(self.workers.pop(lost))
        if not self.workers:
            raise RuntimeError(f"the last worker was lost: {RESUME}")
        logger.warning("no room for worker %d: %d others take over its shares of the corpus", lost, len(self.workers))
        for share in self.shares.pop(lost, ()):
            heir = min(self.workers, key=lambda number: len(self.shares[number]))
            self.shares[heir].append(share)

    def prepare(self, shares: Mapping[int, Sequence[int]]) -> None:
        """Have workers scan and encode shares, as was done before; ValueError if a share is not what it was then."""
        calls = [step(worker, numbers) for worker, numbers in shares.items() if numbers for step in self.done]
        for found in self.get(calls):
            for share, size in found.items() if isinstance(found, dict) else ():
                if self.sizes[share] != size:
                    raise ValueError(f"share {share} of the corpus has changed while it was trained on: begin anew")


def merge_in_task(first: WordCounts, second: WordCounts | None = None) -> WordCounts:
    return first if second is None else merge_words(first, second)


def first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
