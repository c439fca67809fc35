"""Where text comes from: files, folders, compressed files and pipes, cut into pieces that threads can scan."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Protocol

from fastsgns._encode import find_last_space, find_space
from fastsgns.formats import DAMAGED, packing

__all__ = [
    "COMPRESSED",
    "MARK_BYTES",
    "UTF8_MARK",
    "Piece",
    "Source",
    "Stretch",
    "check_path",
    "find_files",
    "mark_length",
    "not_text",
    "pieces",
    "stored_size",
]

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
# Marks of text in other encodings; UTF-32's first, as one of them begins like UTF-16's.
OTHER_MARKS = {b"\xff\xfe\0\0": "UTF-32", b"\0\0\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
MARK_BYTES = 8  # the longest of them all
UTF8_MARK = b"\xef\xbb\xbf"
LONGEST_WORD = 1 << 28  # bytes
WINDOW = 4096  # bytes read at once to find a place to cut
LINE_BYTES = 1 << 16  # the same, to find the end of a line
ZSTD_BYTES = 16384  # given to the decompressor at once: few, as each may stand for thousands


# Device, number, size and time of the last change.
FileState = tuple[int, int, int, int]


@dataclass(frozen=True)
class Stretch:
    """The lines of a file that begin at offsets from `begin` on and before `end`; by default, all.

    Only of plain files can a part be asked for. A line here ends with a line feed.
    """

    path: Path
    begin: int = 0
    end: int | None = None


@dataclass(frozen=True)
class Piece:
    """Part of a file; no word goes beyond it."""

    path: Path
    start: int  # offset in the text, after decompression
    size: int
    skip: int  # bytes of a mark at its start
    last: bool  # of its file
    data: bytes | None  # None: read it from the file
    cost: int  # bytes of the stored file that it stands for
    state: FileState | None = None  # of the file, if it is read from there

    def read_into(self, buffer: memoryview) -> None:
        """Fill `buffer`, `size` bytes, with the text."""
        if self.data is not None:
            buffer[:] = self.data
            return
        with open(self.path, "rb", buffering=0) as file:
            file.seek(self.start)
            done = 0
            while done < self.size and (n := file.readinto(buffer[done:])):
                done += n
            check_unchanged(self.path, file, self.state if done == self.size else None)


def find_files(source: Source, name: str = "corpus_file") -> list[Path]:
    """The files that a path, or a list of paths, stands for.

    Parameters
    ----------
    source : path or list of paths
        A folder stands for the files in it, sorted by name; hidden ones and folders inside it are left out.
    name : str
        What errors call `source`.

    Raises
    ------
    OSError
        Naming the path, if there is none, or it cannot be looked at.
    ValueError
        If a folder is empty, or a path is none.
    """
    if isinstance(source, (str, os.PathLike)):
        paths: list[Any] = [source]
    elif isinstance(source, Sequence) and not isinstance(source, bytes):
        paths = list(source)
    else:
        raise ValueError(f"{name}={source!r} must be a path (str or os.PathLike) or a list of paths")
    if not paths:
        raise ValueError(f"{name}=[] names no file: give at least one path")
    files = []
    for item in paths:
        check_path(name, item)
        path = Path(item)
        if stat.S_ISDIR(path.stat().st_mode):  # unlike is_dir, it tells what is wrong
            found = sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and not entry.is_dir())
            if not found:
                raise ValueError(f"{name}={str(path)!r} is a folder without files")
            files += found
        else:
            files.append(path)
    return files


def check_path(name: str, path: object) -> None:
    """ValueError unless `path` is one."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise ValueError(f"{name}={path!r} must be a path (str or os.PathLike)")
    if "\0" in os.fspath(path):
        raise ValueError(f"{name}={path!r} holds a NUL, which no name of a file can")
    if path == "":  # an unset variable, say; Path would take it for the folder one is in
        raise ValueError(f"{name}='' is empty: give the name of a file, or '.' for this folder")


def stored_size(path: Path) -> int | None:
    """Bytes of a regular file; None of a pipe and the like, which end when they end."""
    status = path.stat()
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def pieces(stretch: Stretch, piece_bytes: int) -> Iterator[Piece]:
    """Cut a file, or a part, into pieces of about `piece_bytes`, longer where there is no white space to cut at.

    Raises
    ------
    ValueError
        If the file is UTF-16 or UTF-32, compressed and damaged, without white space over LONGEST_WORD bytes, or not at
        the end what it was at the beginning.
    """
    path = stretch.path
    if path.suffix.lower() in COMPRESSED or not stored_size(path):  # what has no size may still have text: see /proc
        return streamed_pieces(path, piece_bytes)
    return plain_pieces(stretch, piece_bytes)


def plain_pieces(stretch: Stretch, piece_bytes: int) -> Iterator[Piece]:
    path = stretch.path
    with open(path, "rb", buffering=0) as file:
        state = file_state(file)
        skip = mark_length(path, file.read(MARK_BYTES))
        start = next_line(file, stretch.begin, state[2])
        limit = state[2] if stretch.end is None else next_line(file, stretch.end, state[2])
        while start < limit:
            end = min(start + piece_bytes, limit)
            file.seek(end)
            while end < limit:
                window = file.read(WINDOW)
                space = find_space(window)
                end = min(end + (len(window) if space < 0 else space), limit)
                if space >= 0 or not window:
                    break
                check_length(path, start, end - start - piece_bytes)
            yield Piece(path, start, end - start, skip if start == 0 else 0, end == limit, None, end - start, state)
            start = end
        check_unchanged(path, file, state)


def next_line(file: IO[bytes], offset: int, size: int) -> int:
    """Where the first line begins, at this offset or after it; the size of the file, if none does."""
    if offset == 0:
        return 0
    start = min(offset, size) - 1  # a line may begin right at the offset
    file.seek(start)
    while block := file.read(LINE_BYTES):
        found = block.find(b"\n")
        if found >= 0:
            return min(start + found + 1, size)
        start += len(block)
    return size


def streamed_pieces(path: Path, piece_bytes: int) -> Iterator[Piece]:
    with ExitStack() as stack:
        stored = stack.enter_context(open(path, "rb"))
        state = file_state(stored)
        total = stored_size(path) or 0
        reader = open_reader(path, stored)
        pending = bytearray()
        start = spent = skip = 0
        while True:
            try:
                block = reader.read(piece_bytes)
            except DAMAGED as error:
                if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the decompressor's
                    raise
                raise ValueError(f"{path}: the compressed file is damaged or cut off: {error}") from error
            searched = len(pending)
            pending += block
            if start == 0 and searched < MARK_BYTES:
                if block and len(pending) < MARK_BYTES:
                    continue
                skip = mark_length(path, bytes(pending[:MARK_BYTES]))
            cut = find_last_space(pending, searched) if block else len(pending)
            if block and cut <= 0:
                check_length(path, start, len(pending) - piece_bytes)
                continue
            at = min(stored.tell(), total) if total else 0
            yield Piece(path, start, cut, skip if start == 0 else 0, not block, bytes(pending[:cut]), at - spent)
            if not block:
                if total:
                    check_unchanged(path, stored, state)
                return
            del pending[:cut]
            start += cut
            spent = at


def file_state(file: IO[bytes]) -> FileState:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def check_unchanged(path: Path, file: IO[bytes], state: FileState | None) -> None:
    """ValueError unless an open file is still in that state: of a text that grows or shrinks there is no right part."""
    if file_state(file) != state:
        raise ValueError(f"{path}: the file changed while it was read; give a copy that nothing writes to")


def check_length(path: Path, start: int, size: int) -> None:
    """ValueError for a word that cannot be one, before it fills the memory: a device may go on for ever."""
    if size > LONGEST_WORD:
        raise ValueError(f"{path}: no white space in {LONGEST_WORD} bytes from offset {start} on; is it a text file?")


def mark_length(path: str | os.PathLike[str], beginning: bytes) -> int:
    """Bytes of UTF-8's mark at the beginning of a file; ValueError for another encoding's, and for a packed file's."""
    for mark, encoding in OTHER_MARKS.items():
        if beginning.startswith(mark):
            raise ValueError(f"{path}: the file is {encoding} text; convert it to UTF-8 (iconv -f {encoding} -t UTF-8)")
    if found := packing(beginning):
        raise ValueError(
            f"{path}: packed by {found.packer}; unpack it first ({found.unpacker} FILE | fastsgns ...), or let its name"
            f" end in {found.suffix}"
        )
    return len(UTF8_MARK) if beginning.startswith(UTF8_MARK) else 0


def not_text(path: str | os.PathLike[str], offset: int, byte: int) -> ValueError:
    """What to raise for a byte that is part of no UTF-8 text."""
    what = f"byte 0x{byte:02x} is not UTF-8" if byte else "a NUL byte is not text"
    return ValueError(
        f"{path}: {what}, at offset {offset}; is it a text file? If so, errors='replace' (or 'ignore') takes the rest"
    )


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class PlainReader:
    """Reads a pipe bit by bit: a buffered file's own `read` goes on to the end without a look for interrupts."""

    def __init__(self, stored: BufferedReader) -> None:
        self.stored = stored

    def read(self, size: int) -> bytes:
        text = bytearray()
        while len(text) < size and (part := self.stored.read1(size - len(text))):
            text += part
        return bytes(text)


def open_reader(path: Path, stored: BufferedReader) -> Reader:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=stored)
    if suffix == ".bz2":
        return bz2.BZ2File(stored)
    if suffix == ".xz":
        return lzma.LZMAFile(stored)
    if suffix == ".zst":
        return ZstdReader(path, stored)
    return PlainReader(stored)


class ZstdReader:
    """Decompresses frame after frame, and notices where the last one is cut off, as zstandard's own reader does not."""

    def __init__(self, path: Path, stored: BufferedReader) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise ValueError(f"{path}: reading .zst needs zstandard: pip install 'fastsgns[zstd]'") from error
        self.zstandard, self.stored = zstandard, stored
        self.frame: Any = None
        self.rest = b""  # of what was read
        self.text = bytearray()  # not given out yet

    def read(self, size: int) -> bytes:
        while len(self.text) < size:
            stored = self.rest or self.stored.read(ZSTD_BYTES)
            self.rest = b""
            if not stored:
                if self.frame is not None:
                    raise EOFError("its last frame has no end")
                break
            if self.frame is None:
                self.frame = self.zstandard.ZstdDecompressor().decompressobj()
            try:
                self.text += self.frame.decompress(stored)
            except self.zstandard.ZstdError as error:
                raise EOFError(str(error)) from error
            if self.frame.eof:
                self.rest, self.frame = self.frame.unused_data, None
        given = bytes(memoryview(self.text)[:size])
        del self.text[:size]
        return given
