"""SIGTERM as an interrupt: while work is under way it raises KeyboardInterrupt, as Ctrl-C does."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["TERMINATED", "terminations_interrupt"]

TERMINATED = "SIGTERM"


@contextlib.contextmanager
def terminations_interrupt() -> Iterator[None]:
    """Makes SIGTERM raise ``KeyboardInterrupt(TERMINATED)``, unless it has a handler, or this is no main thread.

    Also a decorator of functions.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(TERMINATED)

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if ours and signal.getsignal(signal.SIGTERM) is interrupt:  # nobody has set another one meanwhile
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
