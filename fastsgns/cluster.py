"""Workers on a Ray cluster: started, checked, given work, and replaced when one is lost. This file alone calls Ray."""

from __future__ import annotations

import logging
import math
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.clusterworker import ClusterWorker, RoundReport, ShareSize, WordCounts, merge_words
from fastsgns.config import __version__
from fastsgns.course import Round
from fastsgns.options import TrainingOptions
from fastsgns.shares import Share
from fastsgns.vocabulary import Vocabulary

__all__ = ["Cluster", "RunningRound", "WorkerLost", "connect"]

logger = logging.getLogger(__name__)

# Who merges rows, at the most: with more, objects become many and small.
MOST_OWNERS = 16
CONNECT_SECONDS = 5.0
# How long a lost worker may take to be there again before others take over its shares.
RESTART_SECONDS = 30.0
SETTLE_SECONDS = 0.5  # between two looks at who was lost

State = tuple[NDArray[np.float32], NDArray[np.float32]]


class WorkerLost(Exception):
    """A worker was lost, and what was under way with it."""


@dataclass
class RunningRound:
    """A round that was handed out: what will come back of it, by worker and by owner of rows."""

    planned: Round
    reports: dict[int, Any]
    merged: list[Any]

    def calls(self) -> list[tuple[int, Any]]:
        """Workers and what they were asked for."""
        return [*self.reports.items(), *zip(self.reports, self.merged, strict=False)]  # the first ones merge


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
    options : TrainingOptions
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
        options: TrainingOptions,
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
        options = replace(options, workers=self.threads)
        actor = ray.remote(ClusterWorker).options(
            num_cpus=self.cores, max_restarts=-1, max_task_retries=0, scheduling_strategy="SPREAD"
        )
        self.shares: dict[int, list[int]] = {}
        self.done: list[Callable[[int, Sequence[int]], None]] = []  # what a worker must be told before it can train
        self.workers = {number: actor.remote(options, errors) for number in range(num_workers)}
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
            if isinstance(cause, self.ray.exceptions.RayError):  # of a call that it waited for
                raise WorkerLost(first_line(cause)) from error
            raise (cause if isinstance(cause, Exception) else error) from None
        except self.ray.exceptions.RayError as error:
            raise WorkerLost(first_line(error)) from error

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
        self.done.append(
            lambda worker, numbers: self.get(self.workers[worker].scan.remote({n: shares[n] for n in numbers}))
        )
        found = {
            worker: [self.workers[worker].scan.remote({number: shares[number]}) for number in numbers]
            for worker, numbers in deal.items()
        }
        waiting = [result for results in found.values() for result in results]
        shares_in_all = len(waiting)
        while waiting:
            ready, waiting = self.ray.wait(waiting, num_returns=1)
            self.get(ready)
            progress(shares_in_all - len(waiting), shares_in_all)
        tables = [result for worker in sorted(found) for result in found[worker]]
        merge = self.ray.remote(merge_in_task).options(num_cpus=0)
        while len(tables) > 1:
            tables = [merge.remote(*tables[i : i + 2]) for i in range(0, len(tables), 2)]
        merged: WordCounts = self.get(tables[0])
        return merged

    def revive(self) -> None:
        """After one was lost before the training, see which workers there are; all is to be done again."""
        self.done.clear()
        for number in list(self.workers):
            if self.where(number) is None:
                self.ray.kill(self.workers.pop(number))
        if not self.workers:
            raise RuntimeError("all workers were lost")

    def encode(self, vocabulary: Vocabulary) -> dict[int, ShareSize]:
        """Have every worker encode what it scanned; gives the size of each share."""
        given = self.ray.put(vocabulary)
        self.done.append(lambda worker, numbers: self.get(self.workers[worker].encode.remote(given)))
        sizes: dict[int, ShareSize] = {}
        for of_worker in self.get([worker.encode.remote(given) for worker in self.workers.values()]):
            sizes |= of_worker
        return sizes

    def begin(self, counts: NDArray[np.int64], state: State, frozen: NDArray[np.bool_] | None) -> None:
        """Give every worker the matrices."""
        self.counts, self.frozen = self.ray.put(counts), frozen
        self.first_state = self.ray.put(state[0]), self.ray.put(state[1])
        self.get([self.begin_one(worker, self.first_state, 0) for worker in self.workers])

    def begin_one(self, worker: int, state: Any, merged: int) -> Any:
        return self.workers[worker].begin.remote(self.counts, *state, self.frozen, merged)

    # Training.

    def start_round(self, planned: Round, before: RunningRound | None) -> RunningRound:
        """Hand out a round, to be begun when the one before it is merged. Returns at once."""
        owners = min(len(self.workers), MOST_OWNERS)
        given, merged = self.ray.put(planned), before.merged if before else []
        results = {
            number: worker.train.options(num_returns=1 + owners).remote(given, number, owners, *merged)
            for number, worker in self.workers.items()
        }
        merges = [
            worker.merge.remote(given, owner, owners, *(result[1 + owner] for result in results.values()))
            for owner, worker in enumerate(list(self.workers.values())[:owners])
        ]
        return RunningRound(planned, {number: result[0] for number, result in results.items()}, merges)

    def reports(self, running: RunningRound) -> list[RoundReport]:
        """Wait until a round is trained."""
        found: list[RoundReport] = self.get(list(running.reports.values()))
        return found

    def finish(self, running: RunningRound) -> None:
        """Wait until what a round merged is in place everywhere."""
        self.get([worker.finish.remote(*running.merged) for worker in self.workers.values()])

    def state(self) -> State:
        """Both matrices as they were last merged, everywhere the same."""
        state: State = self.get(next(iter(self.workers.values())).state.remote())
        return state

    # When a worker is lost.

    def recover(self, under_way: Sequence[RunningRound]) -> int:
        """Wait for what is still running, replace lost workers, and bring all to the same merge; gives its number.

        Raises
        ------
        RuntimeError
            If no worker is left that has the matrices.
        WorkerLost
            If another one is lost meanwhile: to be called again.
        """
        lost = self.settle(under_way)
        places = {number: self.where(number) for number in self.workers if number not in lost}
        for number in [*lost, *(number for number, place in places.items() if place is None)]:
            self.drop(number)
        merged = {number: place[1] for number, place in places.items() if place is not None and place[1] >= 0}
        if not merged:
            raise RuntimeError("all workers were lost, and the matrices with them: go on from the last checkpoint")
        last = max(merged.values())
        ahead = next(number for number, its_last in merged.items() if its_last == last)
        state = self.workers[ahead].state.options(num_returns=2).remote()
        self.get([self.workers[number].catch_up.remote(*state) for number in merged if merged[number] < last])
        for number in self.workers:
            if number not in merged:
                logger.warning("worker %d was lost and is there again; it scans its share of the corpus anew", number)
                self.prepare(number, self.shares[number])
                self.get(self.begin_one(number, state, last))
        return last

    def settle(self, under_way: Sequence[RunningRound]) -> list[int]:
        """Wait until all calls have come to an end; gives the workers that were lost and do not come back.

        Calls of the others wait for what the lost one was to give, until it is there again or given up.
        """
        calls = [call for running in under_way for call in running.calls()]
        waiting, asked, lost = [result for _, result in calls], set(), []
        while waiting:
            _, waiting = self.ray.wait(waiting, num_returns=len(waiting), timeout=SETTLE_SECONDS)
            for number, result in calls:
                if result not in waiting and number not in asked and self.failed_itself(result):
                    asked.add(number)
                    if self.where(number) is None:
                        lost.append(number)
                        self.ray.kill(self.workers[number])
        return lost

    def failed_itself(self, result: Any) -> bool:
        """Whether a call failed with its worker, not because of what it raised or was waiting for."""
        try:
            self.ray.get(result)
        except self.ray.exceptions.RayTaskError:
            return False
        except self.ray.exceptions.RayError:
            return True
        return False

    def where(self, number: int) -> tuple[int, int] | None:
        """What rounds a worker last trained and merged; waits for its restart, and gives None if there is none."""
        deadline = time.monotonic() + RESTART_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            try:
                place: tuple[int, int] = self.ray.get(self.workers[number].where.remote(), timeout=left)
                return place
            except self.ray.exceptions.RayError as error:  # the first call may be what meets the loss
                problem = error
                time.sleep(SETTLE_SECONDS)
        logger.warning("worker %d does not answer: %s", number, first_line(problem))
        return None

    def drop(self, lost: int) -> None:
        """Give a worker up and deal its shares to those that are left."""
        self.ray.kill(self.workers.pop(lost))
        shares = self.shares.pop(lost)
        if not self.workers:
            raise RuntimeError("the last worker was lost: go on from the last checkpoint")
        logger.warning("worker %d is lost: %d others take over its shares of the corpus", lost, len(self.workers))
        heirs = sorted(self.workers, key=lambda number: len(self.shares[number]))
        for place, share in enumerate(shares):
            heir = heirs[place % len(heirs)]
            self.shares[heir].append(share)
            self.prepare(heir, [share])

    def prepare(self, worker: int, shares: Sequence[int]) -> None:
        """Have a worker scan and encode shares, as was done before."""
        for step in self.done:
            step(worker, shares)


def merge_in_task(first: WordCounts, second: WordCounts | None = None) -> WordCounts:
    return first if second is None else merge_words(first, second)


def first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
