"""The progress bar of whatever reads or writes a corpus."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tqdm.auto import tqdm

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(description: str, unit: str, shown: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A bar, if shown, and what moves it: called with what is done and what there is in all.

    Even a bar that is not shown takes tqdm's lock, for which a child waits for ever if a thread held it at the fork.
    """
    if not shown:
        yield lambda done, total: None
        return
    with tqdm(unit=unit, unit_scale=True, desc=description) as bar:

        def report(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield report
