"""Progress bars: of whatever reads or writes a corpus, and of training."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

with warnings.catch_warnings():  # a notebook without ipywidgets gets the bar of text, and need not be told
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

__all__ = ["progress_bar", "show_training", "training_bar"]

UNTOLD_COLUMNS = 80
# Cut from the right where a terminal is narrow.
TRAINING_BAR = "{desc}: {percentage:3.0f}%|{bar}| {rate_fmt}, {remaining} left{postfix}"


def width() -> dict[str, Any]:
    """As wide as the terminal is at any time; terminals that do not tell, of which tqdm would make nothing, have 80."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no terminal
        if os.get_terminal_size(sys.stderr.fileno()).columns == 0:
            return {"ncols": UNTOLD_COLUMNS}
    return {"dynamic_ncols": True}


@contextlib.contextmanager
def progress_bar(description: str, unit: str, shown: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A bar, if shown, and what moves it: called with what is done and what there is in all.

    Even a bar that is not shown takes tqdm's lock, for which a child waits for ever if a thread held it at the fork.
    """
    if not shown:
        yield lambda done, total: None
        return
    with tqdm(unit=unit, unit_scale=True, desc=description, **width()) as bar:

        def report(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield report


def training_bar(total: int, done: int) -> Any:
    """The bar of a training of so many words, of which some were done before; move it with `show_training`."""
    return tqdm(
        total=total, initial=done, unit="word", unit_scale=True, desc="train", **width(),
        bar_format=TRAINING_BAR,
    )  # fmt: skip


def show_training(bar: Any, done: int, epochs: tuple[int, int], rate: float, losses: list[float], **more: Any) -> None:
    """Move the bar to so many words done; tell epoch and epochs, learning rate and the last of the losses."""
    told = {"epoch": f"{epochs[0]}/{epochs[1]}", "loss": f"{losses[-1]:.3f}" if losses else "-", "lr": f"{rate:.5f}"}
    bar.set_postfix({**told, **more}, refresh=False)
    bar.update(done - bar.n)
