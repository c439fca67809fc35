"""The workers of a cluster in one process, called as those on Ray are: quality without a network, on a few cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import Any

from fastsgns.cluster import MOST_OWNERS, RunningRound
from fastsgns.clusterworker import ClusterWorker, ShareSize, WordCounts, merge_words
from fastsgns.course import Round
from fastsgns.options import TrainingOptions
from fastsgns.shares import Share
from fastsgns.vocabulary import Vocabulary


class LocalCluster:
    """Stands in for `fastsgns.cluster.Cluster`. A worker has one thread; as many run at once as there are cores."""

    threads = 1

    def __init__(self, num_workers: int) -> None:
        self.workers = {number: ClusterWorker(self.threads, "strict") for number in range(num_workers)}
        self.pool = ThreadPoolExecutor(os.cpu_count() or 1)
        self.shares: dict[int, list[int]] = {}

    def everywhere(self, call: Callable[[int, ClusterWorker], Any]) -> list[Any]:
        return list(self.pool.map(lambda item: call(*item), self.workers.items()))

    def check_files(self, shares: Mapping[int, Share], sizes: Mapping[str, int]) -> None:
        """All see what this process sees."""

    def scan(self, shares: Mapping[int, Share], deal: Mapping[int, list[int]], progress: Any) -> WordCounts:
        self.shares = {worker: list(numbers) for worker, numbers in deal.items()}
        return reduce(
            merge_words, self.everywhere(lambda number, worker: worker.scan({n: shares[n] for n in deal[number]}))
        )

    def encode(self, vocabulary: Vocabulary) -> dict[int, ShareSize]:
        sizes = self.everywhere(lambda _, worker: worker.encode(vocabulary))
        return {share: size for of_worker in sizes for share, size in of_worker.items()}

    def begin(self, options: TrainingOptions, counts: Any, state: Any, frozen: Any) -> None:
        self.everywhere(lambda _, worker: worker.begin(options, counts, *state, frozen, 0))

    def start_round(self, planned: Round, before: RunningRound | None) -> RunningRound:
        owners, merged = min(len(self.workers), MOST_OWNERS), before.merged if before else []
        if before:
            self.everywhere(lambda number, worker: worker.train_ahead(planned, number))
        results = self.everywhere(lambda number, worker: worker.train(planned, number, owners, *merged))
        merges = self.everywhere(
            lambda owner, worker: (
                worker.merge(planned, owner, owners, *(result[1 + owner] for result in results))
                if owner < owners
                else None
            )
        )
        reports = {number: result[0] for number, result in enumerate(results)}
        return RunningRound(planned, planned, [], reports, [], merges[:owners])

    def reports(self, running: RunningRound) -> list[Any]:
        return list(running.reports.values())

    def finish(self, running: RunningRound) -> None:
        self.everywhere(lambda _, worker: worker.finish(running.planned.number, *running.merged))

    def state(self) -> Any:
        return self.workers[0].state()

    def recover(self, under_way: Sequence[RunningRound]) -> int:
        raise NotImplementedError("nobody is lost in one process")
