"""Files written whole or not at all: into a temporary file beside the old one, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from fastsgns.interrupts import terminations_interrupt

try:
    import fcntl
except ImportError:  # Windows: what a killed process left is not cleared there
    fcntl = None  # type: ignore[assignment]

__all__ = ["NewFile", "PathLike", "check_place", "check_space", "new_file", "write_file"]

PathLike = str | os.PathLike[str]

COPIED_BYTES = 1 << 20
# What systems answer that cannot open or sync a folder.
NO_FOLDER_SYNC = (errno.EACCES, errno.EBADF, errno.EINVAL, errno.ENOTSUP)
# What file systems answer that cannot reserve room: ZFS, and others where the C library does not do it for them.
NO_FALLOCATE = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


class NewFile(io.FileIO):
    """A file being written, unbuffered: what fails names the path that it is for and the bytes that it needs.

    Parameters
    ----------
    place, mode : path and str
        What to open, and how.
    path : path
        What it is for.
    size : int or None
        Bytes that it will have, where that is known.
    permissions : int
        Of a file that is made, less those that the process gives to none.
    """

    def __init__(self, place: PathLike, mode: str, path: PathLike, size: int | None, permissions: int = 0o666) -> None:
        # No Python in between: an interrupt would leave a descriptor open.
        super().__init__(os.fspath(place), mode, opener=partial(os.open, mode=permissions))
        self.path, self.size, self.written = path, size, 0

    def write(self, data: Any) -> int:
        """Write all of it; returns how many bytes that was."""
        rest = memoryview(data).cast("B")
        total = len(rest)
        while len(rest):
            with self.named_errors():
                count = super().write(rest)
            self.written += count
            rest = rest[count:]
        return total

    def reserve(self, size: int) -> None:
        """Make the file so many bytes long, with room on the disk for them, so that mapped memory may be written to.

        A full disk is an error here, and would end the process when met by a mapping.
        """
        self.size = size
        check_space(self.path, size)
        with self.named_errors():
            try:
                os.posix_fallocate(self.fileno(), 0, size)
            except (AttributeError, OSError) as error:  # macOS and Windows have none
                if isinstance(error, OSError) and error.errno not in NO_FALLOCATE:
                    raise
                self.truncate(size)

    @contextlib.contextmanager
    def named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            written = f"{self.written:,} bytes were written"
            needed = "" if self.size is None else f", {self.size:,} are needed"
            text = f"{error.strerror}: {written}{needed}"
            raise OSError(error.errno, text, os.fspath(self.path)) from error


@contextlib.contextmanager
def new_file(path: PathLike, size: int | None = None, *, append: bool = False) -> Iterator[NewFile]:
    """A new file to write to, which takes the place of `path` when the block ends well, and vanishes when it does not.

    A reader sees the old file or the new one, both whole, whatever fails or is killed. The old one's permissions stay,
    and so does a symbolic link. A device or FIFO is written to as it is: there is nothing to replace.

    Parameters
    ----------
    path : path
    size : int, optional
        Bytes that will be written, if known: there must be room for them.
    append : bool, default False
        Begin with a copy of the old file, which costs time and room for it: nothing else keeps that whole too.

    Raises
    ------
    OSError
        If there can be no file at `path`, or no room for it. It names the path and the bytes needed, as do those of
        the new file's own methods; what else fails in the block goes its way.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "numbers")
    ...     with new_file(path) as file:
    ...         _ = file.write(b"1 2")
    ...         found_meanwhile = path.exists()
    ...     found_meanwhile, path.read_bytes()
    (False, b'1 2')
    """
    try:
        old = os.stat(path)
    except FileNotFoundError:
        if not os.fspath(path):  # realpath takes it for the folder one is in
            raise
        old = None
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if old is not None and not stat.S_ISREG(old.st_mode):
        with NewFile(path, "wb", path, size) as device:
            yield device
        return
    target = Path(os.path.realpath(path))
    clear_abandoned(target)
    if append and old is not None and size is not None:
        size += old.st_size
    if size is not None:
        check_space(path, size)
    with terminations_interrupt():
        # The name before the file: an interrupt may come between any two steps, and finds what there is to remove.
        temporary = name_beside(target)
        file: NewFile | None = None
        try:
            try:
                # Read by nobody else before it is known to be for all who may read the old one.
                permissions = 0o666 if old is None else 0o600
                while (file := create_locked(temporary, path, size, permissions)) is None:
                    temporary = name_beside(target)
            except OSError as error:
                raise OSError(error.errno, error.strerror, os.fspath(path)) from None
            if append and old is not None:
                with open(target, "rb") as before:
                    shutil.copyfileobj(before, file, COPIED_BYTES)
            yield file
            with file.named_errors():
                if old is not None:
                    temporary.chmod(stat.S_IMODE(old.st_mode))
                os.fsync(file.fileno())
                if fcntl is None:  # Windows renames no open file
                    file.close()
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):  # the next one to write here clears it
                if fcntl is None and file is not None:  # nor does Windows remove one
                    file.close()
                temporary.unlink()
            raise
        finally:
            if file is not None:
                with contextlib.suppress(OSError):  # the bytes are on the disk, or not wanted
                    unlock(file)
                    file.close()
    with file.named_errors():
        sync_folder(target.parent)


def write_file(path: PathLike, data: bytes) -> None:
    """Write bytes as a file, whole or not at all: see `new_file`."""
    with new_file(path, len(data)) as file:
        file.write(data)


def check_place(path: PathLike) -> None:
    """OSError if no file can be written to a path, found by trying, and nothing changes: permissions do not tell all.

    Examples
    --------
    >>> check_place("no such folder/vectors.txt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] No such file or directory: ...
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(path).st_mode):  # a name too long is told here
            return
    target = Path(os.path.realpath(path))
    try:  # a file without a name, which nobody can see or be robbed of
        os.close(os.open(target.parent, os.O_RDWR | os.O_TMPFILE))
    except (AttributeError, OSError) as error:  # not on every system and file system
        if isinstance(error, OSError) and error.errno not in (errno.EISDIR, errno.EINVAL, errno.EOPNOTSUPP):
            raise
        temporary = name_beside(target)
        NewFile(temporary, "x+b", path, None).close()
        temporary.unlink()


def check_space(path: PathLike, size: int) -> None:
    """Refuse what will not fit; a quota may still be met later.

    Raises
    ------
    OSError
        ENOSPC, with the path, the bytes needed and those free, if a file of `size` bytes has no room beside `path`.

    Examples
    --------
    >>> check_space("vectors.txt", 10**18)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device: 1,000,000,000,000,000,000 bytes are needed, ...: 'vectors.txt'
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a device
        return
    try:
        usage = shutil.disk_usage(Path(os.path.realpath(path)).parent)
    except OSError:  # what is wrong with the folder shows when the file is made
        return
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # who may fill what is reserved
    free = usage.total - usage.used if is_root else usage.free
    if size > free and usage.total:  # some network file systems tell nothing
        text = f"{os.strerror(errno.ENOSPC)}: {size:,} bytes are needed, {free:,} are free"
        raise OSError(errno.ENOSPC, text, os.fspath(path))


# Temporary files are locked by flock while they are written: the system takes the lock back when their writer dies,
# however it does, so that one which can be locked is abandoned. Locks part threads, processes, and by NFS hosts too.
# Where a file system has no locks, nothing is cleared. Where it has them on each host alone (NFS mounted with
# local_lock) and two hosts write to one path at once, which is no use to either, one may clear the other's file: that
# one's rename fails then, with an error. A number of the process in the name would be worse: containers share them.


def name_beside(target: Path) -> Path:
    """A new name in the folder of the target."""
    return target.with_name(f"{prefix_beside(target)}{secrets.token_hex(4)}.tmp")


def create_locked(temporary: Path, path: PathLike, size: int | None, permissions: int) -> NewFile | None:
    """A new temporary file, locked, open for reading and writing; None if another name must be tried."""
    try:
        file = NewFile(temporary, "x+b", path, size, permissions)
    except FileExistsError:
        return None
    if fcntl is None:
        return file
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    except OSError:
        return file
    else:
        if os.fstat(file.fileno()).st_nlink:
            return file
    file.close()  # somebody took it for abandoned before it was locked
    return None


def unlock(file: NewFile) -> None:
    """Give the lock back, which mapped memory or a forked process would hold on to beyond `close`."""
    if fcntl is not None and not file.closed:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def clear_abandoned(target: Path) -> None:
    """Remove the temporary files for this target, or one of a like name, whose writers were killed."""
    if fcntl is None:
        return
    pattern = re.compile(re.escape(prefix_beside(target)) + r"[0-9a-f]{8}\.tmp")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                # What cannot be locked is being written; what cannot be opened is another user's.
                with contextlib.suppress(OSError), open(entry.path, "r+b", buffering=0) as file:
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)


def prefix_beside(target: Path) -> str:
    """How names of temporary files begin; cut so that they are not too long."""
    return f".{target.name[:48]}."


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where that can be asked for."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
