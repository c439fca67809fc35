"""The command `fastsgns`: its parser, and `main`, which runs a command and tells what went wrong in one line."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from fastsgns import cli_completion, cli_convert, cli_phrases, cli_pictures, cli_queries, cli_train, layout
from fastsgns.cli_parser import CommandParser, Parser, UsageError
from fastsgns.config import __version__
from fastsgns.interrupts import TERMINATED, terminations_interrupt

__all__ = ["build_parser", "main"]

EXIT_CODES = "exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted, 143 terminated"
READER_GONE = 141  # as shells have it of what SIGPIPE ends
# Commands that leave files: what they print is a summary, which --quiet or a closed output may do without.
WRITERS = ("train", "demo", "convert", "phrases", "plot", "explore")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="fastsgns", description="Train and use skip-gram word vectors.", epilog=EXIT_CODES,
        usage="fastsgns COMMAND ...  (COMMAND --help has its options and examples)",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"fastsgns {__version__}")
    add_debug(parser)
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=CommandParser, prog="fastsgns"
    )

    def command(name: str, run: Any, text: str, *examples: str) -> argparse.ArgumentParser:
        epilog = "\n  ".join(["examples:", *examples])
        sub = commands.add_parser(
            name, help=text.split(":")[0].split(";")[0].rstrip("."), description=text, epilog=epilog
        )
        sub.set_defaults(run=run)
        add_debug(sub)
        sub.add_argument("--verbose", action="store_true", help="tell each step, as Python's logging does")
        return sub

    cli_train.add_commands(command)
    cli_queries.add_commands(command)
    cli_convert.add_commands(command)
    cli_phrases.add_command(command)
    cli_pictures.add_commands(command)
    cli_completion.add_command(command, parser)
    return parser


def add_debug(parser: argparse.ArgumentParser) -> None:
    """--debug, which is looked for in the arguments themselves: parsing may be what fails."""
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )


class LogLine(logging.Handler):
    """Messages of the log as lines on standard error, above the progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:
            return
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        line = f"fastsgns: {level}{record.getMessage()}"
        if sys.stderr.isatty():
            tqdm.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr)


@contextmanager
def messages_told(verbose: bool) -> Iterator[None]:
    """Warnings, and what is logged, as a line each; at a terminal the wait for a map too, which has no bar."""
    log, handler = logging.getLogger("fastsgns"), LogLine()
    waits = logging.getLogger(layout.__name__)
    before, waits_before = (log.level, log.propagate), waits.level
    log.addHandler(handler)
    if sys.stderr is not None and sys.stderr.isatty():
        waits.setLevel(logging.INFO)
    log.propagate = False
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"fastsgns: warning: {message}", file=sys.stderr)
            yield
    finally:
        log.removeHandler(handler)
        log.propagate = before[1]
        log.setLevel(before[0])
        waits.setLevel(waits_before)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0, 1 when the work failed, 2 when the command line is wrong, 130 when interrupted by Ctrl-C, 141 when whoever
        read the output has gone, 143 when ended by SIGTERM.

    Examples
    --------
    >>> main(["analogy", "model.safetensors", "man"])
    2
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # no word or file name is worth failing after the work is done
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminations_interrupt():
            try:
                args = build_parser().parse_args(argv)
            except SystemExit:  # after --help or --version
                flush_output()
                raise
            if sys.stdout is None and (args.command not in WRITERS or getattr(args, "json", False)):
                raise UsageError("standard output is closed, and the answer would be lost: send it to a file or a pipe")
            with messages_told(args.verbose):
                args.run(args)
        flush_output()
        return 0
    except BrokenPipeError:  # the reader, say `head`, has what it wants: no message, and the status tells that it left
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in argv[: argv.index("--") if "--" in argv else None]:
            traceback.print_exc()
        text, code = explained(error)
        print(f"fastsgns: error: {' '.join(text.split())}", file=sys.stderr)
        return code


def flush_output() -> None:
    """Write what was printed, so that what fails then is told."""
    if sys.stdout is not None:  # as it is where the caller has closed it
        sys.stdout.flush()


def explained(error: BaseException) -> tuple[str, int]:
    """An error as a line, and the exit status."""
    if isinstance(error, UsageError):
        return str(error), 2
    if isinstance(error, KeyboardInterrupt):
        return ("terminated", 143) if TERMINATED in error.args else ("interrupted", 130)
    if isinstance(error, OSError):
        return (f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)), 1
    if isinstance(error, KeyError):
        return str(error.args[0] if error.args else error), 1
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}", 1
    if isinstance(error, (ValueError, ArithmeticError, ImportError, RuntimeError)):
        return str(error), 1
    return f"{type(error).__name__}: {error} (a fault of fastsgns: --debug shows where; please report it)", 1
