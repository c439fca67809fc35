"""Work done by threads in steps, while the calling thread watches: what reads arrays of ids and counts phrases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

__all__ = ["in_threads"]

POLL_SECONDS = 0.05


def in_threads(jobs: list[Iterator[int]], report: Callable[[int], None], done: int) -> int:
    """Run every job in a thread; each gives now and then how many tokens it has done. Returns all of them, and `done`.

    After an interrupt or a failure they stop at the end of their blocks.
    """
    progress = [0] * len(jobs)
    stop = False

    def run(number: int) -> None:
        for tokens in jobs[number]:
            progress[number] += tokens
            if stop:
                return

    with ThreadPoolExecutor(len(jobs), thread_name_prefix="fastsgns") as pool:
        try:
            waiting = {pool.submit(run, number) for number in range(len(jobs))}
            while waiting:
                finished, waiting = wait(waiting, POLL_SECONDS, FIRST_EXCEPTION)
                report(done + sum(progress))
                for future in finished:
                    future.result()
        finally:
            stop = True
    return done + sum(progress)
