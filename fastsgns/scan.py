"""Scans text files by several threads: every word counted, every piece encoded in its thread's own ids."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns._encode import BadText, Chunk, TextScanner
from fastsgns.memory import MemoryWatch
from fastsgns.text import Piece, Stretch, not_text, pieces, stored_size

__all__ = ["PIECE_BYTES", "Scanned", "scan_files"]

# Bytes of text that a thread takes at once: some milliseconds of work, and its buffer stays in the last-level cache.
PIECE_BYTES = 4 << 20
# Every piece has so many numbers for its words, to tell which of all words came first.
PIECE_NUMBERS = 1 << 40
# The system bounds the mappings of a process, and a long enough corpus would need too many.
MOST_PIECES = 16384
POLL_SECONDS = 0.05
JOIN_SECONDS = 0.5  # for all threads together
# For the error of a corpus that finds no memory.
ENCODING = "the corpus is kept encoded, 4 bytes a word and 8 a sentence, while it is trained"
REMEDY = "train on one part of it after the other, or on a machine with more"


@dataclass
class Scanned:
    """A whole corpus in the ids of those who scanned it, and what they have found together, by common ids."""

    chunks: list[Chunk]  # in the order of the text
    scanners: list[int]  # by chunk: whose ids it holds
    common: list[NDArray[Any]]  # by scanner and id of its own: the common id
    counts: NDArray[np.int64]
    first: NDArray[np.int64] | None  # numbers that rise in the order of first appearance; None: ids do so themselves
    words: Callable[[NDArray[np.int64]], list[Any]]  # of the given common ids


def scan_files(
    stretches: Sequence[Stretch],
    errors: str,
    piece_bytes: int,
    workers: int,
    progress: Callable[[int, int | None], None] | None,
) -> Scanned:
    """Scan text in the order given; nothing in the result depends on `workers` and `piece_bytes`.

    Raises
    ------
    ValueError, OSError
        Of the first piece that has something wrong.
    MemoryError
        When there is hardly any left.
    """
    sizes = [stored_bytes(stretch) for stretch in stretches]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    piece_bytes = max(piece_bytes, (total or 0) // MOST_PIECES)
    scan = Scan((piece for stretch in stretches for piece in pieces(stretch, piece_bytes)), errors)
    scanners = [TextScanner(errors) for _ in range(workers)]
    threads = [
        threading.Thread(target=scan.work, args=(i, scanner), name=f"fastsgns-scan-{i}", daemon=True)
        for i, scanner in enumerate(scanners)
    ]
    watch = MemoryWatch(ENCODING, REMEDY)
    watch.look()
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                watch.look()
                if progress:
                    progress(scan.bytes_done, total)
    finally:  # after an interrupt; a thread that waits for a pipe is left to itself
        scan.stop = True
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
    if scan.failures:
        raise scan.failures[min(scan.failures)]
    if progress:  # a short scan has not been looked at
        progress(scan.bytes_done, total)
    return merge(scan.results, scanners)


def stored_bytes(stretch: Stretch) -> int | None:
    """About how long a stretch is; None of a pipe and the like."""
    size = stored_size(stretch.path)
    return size if size is None or stretch.end is None else min(stretch.end, size) - stretch.begin


@dataclass
class Scan:
    """What the threads share. They take pieces in order, so what fails first in the text is always found."""

    pieces: Iterator[Piece]
    errors: str
    results: dict[int, tuple[int, Chunk]] = field(default_factory=dict)  # by number of piece: scanner and chunk
    failures: dict[int, BaseException] = field(default_factory=dict)  # by number of piece
    taken: int = 0
    bytes_done: int = 0
    stop: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> tuple[int, Piece] | None:
        """The next piece. Compressed text is decompressed here, by one thread, while the others scan."""
        with self.lock:
            if self.stop:
                return None
            try:
                piece = next(self.pieces, None)
            except BaseException as error:
                self.fail(self.taken, error)
                return None
            if piece is None:
                return None
            self.taken += 1
            return self.taken - 1, piece

    def work(self, number: int, scanner: TextScanner) -> None:
        """Scan pieces until none is left."""
        while (taken := self.take()) is not None:
            index, piece = taken
            try:
                with scanner.buffer(piece.size) as buffer:
                    piece.read_into(buffer)
                    chunk = self.encode(scanner, piece, index, buffer)
            except BaseException as error:
                self.fail(index, error)
                return
            with self.lock:
                self.results[index] = number, chunk
                self.bytes_done += piece.cost

    def encode(self, scanner: TextScanner, piece: Piece, index: int, buffer: memoryview) -> Chunk:
        try:
            return scanner.scan(piece.skip, piece.size, index * PIECE_NUMBERS, piece.last)
        except BadText as error:
            offset = error.args[0]
            raise not_text(piece.path, piece.start + offset, buffer[offset]) from None

    def fail(self, index: int, error: BaseException) -> None:
        self.stop = True
        self.failures[index] = error


def merge(results: dict[int, tuple[int, Chunk]], scanners: list[TextScanner]) -> Scanned:
    """Bring the words of all scanners together: their common ids are those of the first scanner."""
    total = scanners[0]
    common: list[NDArray[Any]] = [np.arange(len(total), dtype=np.int32)]
    for i in range(1, len(scanners)):
        common.append(total.merge(scanners[i]))
        scanners[i] = total  # its table is needed no more
    counts, first = total.counts()
    in_order = [results.pop(i) for i in range(len(results))]
    return Scanned(
        chunks=[chunk for _, chunk in in_order],
        scanners=[number for number, _ in in_order],
        common=common,
        counts=counts,
        first=first,
        words=total.words,
    )
