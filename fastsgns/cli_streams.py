"""What the commands read and write: files that must not overwrite others, standard streams, vectors, JSON."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import json
import math
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fastsgns.cli_parser import UsageError
from fastsgns.conversion import load_vectors as load_any
from fastsgns.files import check_place, write_file
from fastsgns.keyedvectors import KeyedVectors

__all__ = [
    "STANDARD",
    "check_output",
    "check_sources",
    "check_streams",
    "is_quiet",
    "key_of",
    "load_vectors",
    "print_json",
    "standard_input",
    "standard_output",
    "write_report",
]

# Stands for standard input or output in the place of a file.
STANDARD = "-"


def is_quiet(args: argparse.Namespace) -> bool:
    """Whether no progress is to be shown: asked for, or there is no terminal."""
    return args.quiet or sys.stderr is None or not sys.stderr.isatty()


def check_output(path: str, sources: Sequence[str], what: str = "part of the corpus") -> None:
    """Refuse before the work what could not be written after it, and what would overwrite a source of it.

    `what` the sources are is told.
    """
    target = Path(path)
    if path == STANDARD:
        raise UsageError("-: this is not written to standard output; name a file (./- is one of that name)")
    if os.path.isdir(target):  # pathlib's own raises for long names
        raise UsageError(f"{target}: is a directory; name a file")
    if not os.path.isdir(target.parent):
        raise UsageError(f"{target.parent}: no such directory; make it first")
    try:
        check_place(target)
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    check_sources(path, sources, what)


def check_sources(path: str, sources: Sequence[str], what: str) -> None:
    """Refuse an output that would overwrite a source.

    One may be -, for standard input, which a file may have been redirected to.
    """
    target = Path(path)
    for name in sources:
        if is_stdin(target) if name == STANDARD else is_within(target, Path(name)):
            raise UsageError(f"{path}: is {what}; choose another file for the output")


def is_within(target: Path, source: Path) -> bool:
    """Whether it is the source, or a file in it."""
    return target.resolve() in (source.resolve(), *(part.resolve() for part in source.glob("*") if source.is_dir()))


def is_stdin(target: Path) -> bool:
    """Whether standard input comes from this file."""
    try:
        given, there = os.fstat(sys.stdin.fileno()), os.stat(target)
    except (AttributeError, OSError, ValueError):  # closed, no file of the system, or nothing is there yet
        return False
    return stat.S_ISREG(given.st_mode) and os.path.samestat(given, there)


@contextlib.contextmanager
def standard_input(again: bool = False) -> Iterator[str]:
    """A path that standard input can be read from, once: a file's own, the pipe, or a copy where there is neither.

    With `again`, any number of times: what comes from a pipe is copied to a file first. Errors call it -.
    """
    if sys.stdin is None:
        raise UsageError("-: standard input is closed")
    if sys.stdin.isatty():
        print("reading standard input; Ctrl-D ends it", file=sys.stderr)
    path = place_of_stdin(again)
    with contextlib.ExitStack() as stack:
        if path is None:
            path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastsgns-")), "standard-input")
            with open(path, "wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield path
        except ValueError as error:
            raise ValueError(str(error).replace(path, STANDARD)) from error


def place_of_stdin(again: bool) -> str | None:
    """A path of what standard input is, if it has one and may be read by it."""
    try:
        number = sys.stdin.fileno()
        status = os.fstat(number)
    except io.UnsupportedOperation:  # no file stands behind it
        return None
    if stat.S_ISREG(status.st_mode):  # by its own name, unless some of it was read before
        path = os.path.realpath(f"/proc/self/fd/{number}")
        is_whole = os.lseek(number, 0, os.SEEK_CUR) == 0
        return path if is_whole and os.path.exists(path) and os.path.samestat(status, os.stat(path)) else None
    return "/dev/stdin" if not again and os.path.exists("/dev/stdin") else None


def check_streams(args: argparse.Namespace) -> None:
    """Refuse what standard input and output cannot be both, or twice, of a command that makes a file of a corpus."""
    if args.output == STANDARD and args.json:
        raise UsageError("-o - and --json would both go to standard output; give --report FILE instead")
    if args.corpus.count(STANDARD) > 1:
        raise UsageError("-: standard input can be read once only")


@contextlib.contextmanager
def standard_output(binary: bool) -> Iterator[str]:
    """A file that goes to standard output when it is complete: what fails leaves no half of it there."""
    if sys.stdout is None or (binary and sys.stdout.isatty()):
        raise UsageError("-: standard output is a terminal, or closed; name a file, or send it into one")
    with tempfile.TemporaryDirectory(prefix="fastsgns-") as folder:
        path = os.path.join(folder, "standard-output")
        yield path
        sys.stdout.flush()
        with open(path, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def load_vectors(path: str) -> KeyedVectors:
    """The vectors of a file, or of standard input, in any format."""
    if path != STANDARD:
        return load_any(path)
    with standard_input() as path:  # of a pipe, it makes a copy itself, named as packed if it is
        return load_any(path)


def key_of(vectors: KeyedVectors, word: str) -> Any:
    """The key that a word of the command line means: integers where the model was trained on ids."""
    if word in vectors.key_to_index:
        return word
    if word.removeprefix("-").isdecimal() and int(word) in vectors.key_to_index:
        return int(word)
    raise KeyError(f"{word!r} is not in the vocabulary of {len(vectors):,} words")


def print_json(value: Any, indent: int | None = 2) -> None:
    """JSON that any program reads, whatever the encoding of the output is."""
    is_utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    print(json.dumps(finite(value), indent=indent, ensure_ascii=not is_utf8, allow_nan=False))


def write_report(path: str, report: dict[str, Any]) -> None:
    """The same in a file."""
    write_file(path, (json.dumps(finite(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def finite(value: Any) -> Any:
    """The same with None for numbers that JSON has no words for."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
