"""Interrupts: SIGTERM raises KeyboardInterrupt while work is under way, as Ctrl-C does, so that nothing is left behind."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

__all__ = ["TERMINATED", "terminations_interrupt"]

TERMINATED = "SIGTERM"


@contextlib.contextmanager
def terminations_interrupt() -> Iterator[None]:
    """Makes SIGTERM raise ``KeyboardInterrupt(TERMINATED)``, unless there is a handler for it already, or this is no main thread.

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
