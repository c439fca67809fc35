"""Text files rewritten with phrases joined: whole lines, joined and compressed by threads, written in order."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fastsgns._encode import ERRORS, BadText
from fastsgns._phrases import PADDING, TextJoiner
from fastsgns.checks import check_choice, check_integer
from fastsgns.files import PathLike, new_file
from fastsgns.interrupts import terminations_interrupt
from fastsgns.text import Source, Stretch, find_files, not_text, pieces, stored_size

__all__ = ["JoinedText", "check_delimiter", "check_target", "join_files", "text_joiner"]

# Bytes of text that a thread joins at once: little enough that an interrupt waits for no compressor.
PIECE_BYTES = 1 << 20

# Each makes a whole file, and files one behind the other are read as one.
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 6, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


class JoinedText(NamedTuple):
    """What was read: lines and words; and the phrases joined in it."""

    lines: int
    words: int
    phrases: int


@dataclass(frozen=True)
class Lines:
    """Whole lines of a file, PADDING behind them."""

    path: Path
    start: int  # offset in the text
    text: bytes
    cost: int  # bytes of the stored file that they stand for


def check_delimiter(delimiter: str) -> None:
    """ValueError if a delimiter would part the words of a phrase again in a text."""
    if len(f"a{delimiter}a".split()) > 1 or "\0" in delimiter:
        raise ValueError(
            f"delimiter={delimiter!r} holds white space or NUL, which would part the words of a phrase in the text "
            "again: choose another one"
        )


def check_target(target: PathLike) -> None:
    """ValueError if a file's name asks for a compression that is not written."""
    if Path(target).suffix.lower() == ".zst":
        raise ValueError(f"{os.fspath(target)}: .zst is read, not written: name it .gz, .bz2 or .xz, or plain text")


def text_joiner(phrases: Iterable[list[str]], connector_words: Iterable[str], delimiter: str) -> TextJoiner:
    """A joiner of phrases, each given as its words. Words that no line.split() gives are passed over.

    Raises
    ------
    ValueError
        If the delimiter would part the words again.
    """
    check_delimiter(delimiter)
    sequences = (encoded(words) for words in phrases)
    connectors = (encoded([word]) for word in connector_words)
    return TextJoiner(filter(None, sequences), filter(None, connectors), delimiter.encode())


def encoded(words: list[str]) -> bytes | None:
    """The words with one space between; None of words that no text has."""
    text = " ".join(words)
    if text.split() != words or "\0" in text:
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


@terminations_interrupt()
def join_files(
    source: Source,
    target: PathLike,
    joiner: TextJoiner,
    *,
    workers: int,
    errors: str = "strict",
    progress: Callable[[int, int | None], None] | None = None,
    piece_bytes: int = PIECE_BYTES,
) -> JoinedText:
    """Write the text of files to one file, with phrases joined, atomically.

    Parameters
    ----------
    source : path or list of paths
        As for `fastsgns.corpus.encode_files`. Every line is a line of the output, its words with one space between.
    target : path
        Compressed if it ends in .gz, .bz2 or .xz; may be one of the sources.
    joiner : TextJoiner
    workers : int
        Threads; the text does not depend on their number.
    errors : {"strict", "replace", "ignore"}
        Invalid UTF-8 and NUL bytes are refused, become U+FFFD, or are left out.
    progress : callable, optional
        Called with the bytes done and in all; the latter None if a pipe is among the sources.
    """
    check_integer("workers", workers, 1)
    check_choice("errors", errors, ERRORS)
    check_target(target)
    compress = COMPRESSORS.get(Path(target).suffix.lower(), bytes)
    files = find_files(source)
    sizes = [stored_size(path) for path in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)

    def work(lines: Lines) -> tuple[bytes, JoinedText, int]:
        text, *numbers = join_lines(joiner, lines, errors)
        return compress(text), JoinedText(*numbers), lines.cost

    done = JoinedText(0, 0, 0)
    bytes_done = 0
    with new_file(target) as out:
        for text, numbers, cost in in_order(
            work, (lines for path in files for lines in whole_lines(path, piece_bytes)), workers
        ):
            out.write(text)
            done = JoinedText(*map(sum, zip(done, numbers, strict=True)))
            bytes_done += cost
            if progress:
                progress(bytes_done, total)
        if not done.lines:
            out.write(compress(b""))
    return done


def in_order(
    work: Callable[[Lines], tuple[bytes, JoinedText, int]], items: Iterator[Lines], workers: int
) -> Iterator[tuple[bytes, JoinedText, int]]:
    """Results of work done by threads, in the order of the items, which are taken no further ahead than needed."""
    waiting: deque[Future[tuple[bytes, JoinedText, int]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="fastsgns-join") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # after an interrupt or an error
            for future in waiting:
                future.cancel()


def whole_lines(path: Path, piece_bytes: int) -> Iterator[Lines]:
    """Cut a file behind line ends; a line longer than a piece stays whole."""
    start = cost = 0
    rest: list[memoryview] = []
    for piece in pieces(Stretch(path), piece_bytes):
        if not rest:
            start = piece.start + piece.skip
        data = bytearray(piece.size)
        view = memoryview(data)
        piece.read_into(view)
        cost += piece.cost
        cut = len(data) if piece.last else data.rfind(b"\n") + 1
        if cut:
            yield Lines(path, start, b"".join([*rest, view[piece.skip : cut], PADDING]), cost)
            start, cost, rest = piece.start + cut, 0, []
        if cut < len(data):
            rest.append(view[max(cut, piece.skip) :])


def join_lines(joiner: TextJoiner, lines: Lines, errors: str) -> tuple[bytes, int, int, int]:
    """The text with phrases joined, and how many lines, words and phrases joined there are."""
    try:
        return joiner.join(lines.text)
    except BadText as error:
        offset = error.args[0]
        if errors == "strict":
            raise not_text(lines.path, lines.start + offset, lines.text[offset]) from None
    text = lines.text.decode("utf-8", errors).replace("\0", "\ufffd" if errors == "replace" else "")
    return joiner.join(text.encode())
