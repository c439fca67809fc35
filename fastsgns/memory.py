"""What memory is left for this process, by the machine, its control groups and its own limits; the error for more."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MemoryWatch", "gigabytes", "limits", "peak_rss_bytes", "require", "resident_bytes"]

logger = logging.getLogger(__name__)

# A watch speaks up when this little is left, or less than this process took since the last look: of that, no more than
# any reading takes in LOOK_SECONDS counts, as a generator may have loaded a shard, or stood still for hours.
LEAST_LEFT = 16 << 20
MOST_TAKEN = 1 << 30
# It looks no more often than that, since a look costs a millisecond.
LOOK_SECONDS = 0.2
# Control groups of version 1 have so many bytes where they have no limit.
NO_LIMIT = 1 << 62

Limit = tuple[str, int, int]


def limits(root: Path = Path("/")) -> Iterator[Limit]:
    """Each limit on this process as its name, the bytes of memory it leaves, and those of swap beyond them.

    None is given on a system that does not tell: where there is no /proc, no need is refused.

    Parameters
    ----------
    root : Path
        Of the file system that /proc and /sys are read from.

    Notes
    -----
    Page cache counts as left: the system drops it for whoever needs memory. So does free swap, since what other
    processes leave idle can go there; but training from swap is slow, and `require` warns of it.
    """
    machine = numbers(root / "proc/meminfo")
    if "MemAvailable:" not in machine:
        return
    swap = machine.get("SwapFree:", 0) * 1024
    yield "this machine", machine["MemAvailable:"] * 1024, swap
    for line in text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        place = Path(path.lstrip("/"))
        for group in (place, *place.parents):
            # In a container both the machine's paths and the container's own may be there; what is not is passed over.
            if not controllers:
                yield from left_by_group_v2(root / "sys/fs/cgroup" / group, swap)
            elif "memory" in controllers.split(","):
                yield from left_by_group_v1(root / "sys/fs/cgroup/memory" / group, swap)
    yield from left_by_rlimits(numbers(root / "proc/self/status"))


def left_by_group_v2(group: Path, swap: int) -> Iterator[Limit]:
    most = number(group / "memory.max")
    if most is None or (used := number(group / "memory.current")) is None:
        return
    cached = numbers(group / "memory.stat")
    names = "inactive_file", "active_file", "slab_reclaimable"
    most_swap, used_swap = number(group / "memory.swap.max"), number(group / "memory.swap.current")
    if most_swap is not None:
        swap = min(swap, max(0, most_swap - (used_swap or 0)))
    yield f"control group {group}", max(0, most - used + sum(cached.get(name, 0) for name in names)), swap


def left_by_group_v1(group: Path, swap: int) -> Iterator[Limit]:
    most = number(group / "memory.limit_in_bytes")
    if most is None or (used := number(group / "memory.usage_in_bytes")) is None:
        return
    cached = numbers(group / "memory.stat")
    names = "total_inactive_file", "total_active_file"
    yield f"control group {group}", max(0, most - used + sum(cached.get(name, 0) for name in names)), swap


def left_by_rlimits(status: dict[str, int]) -> Iterator[Limit]:
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, name, used in (
        (resource.RLIMIT_AS, "RLIMIT_AS (ulimit -v)", "VmSize:"),
        (resource.RLIMIT_DATA, "RLIMIT_DATA (ulimit -d)", "VmData:"),
    ):
        most = resource.getrlimit(kind)[0]
        if most != resource.RLIM_INFINITY and used in status:
            yield name, max(0, most - status[used] * 1024), 0


def require(need: int, what: str, remedy: str) -> None:
    """MemoryError if `need` bytes are more than is left; a warning in the log if that takes swap.

    Parameters
    ----------
    need : int
        Bytes that will be written to, beyond those that have been.
    what : str
        What they are for, with the sum.
    remedy : str
        What to change.

    Examples
    --------
    >>> require(1 << 10, "1,024 vectors of 1 byte", "take fewer")
    """
    for name, memory, swap in limits():
        left = f"{gigabytes(memory)} are left by {name}" + (f", and {gigabytes(swap)} of swap" if swap else "")
        if need > memory + swap:
            raise MemoryError(f"{what}: {gigabytes(need)} are needed, {left}; {remedy}")
        if need > memory:
            logger.warning("%s: %s are needed, %s, which is slow; %s", what, gigabytes(need), left, remedy)


def resident_bytes() -> int:
    """What this process holds now; 0 where the system does not tell."""
    return numbers(Path("/proc/self/status")).get("VmRSS:", 0) * 1024


def peak_rss_bytes() -> int | None:
    """The most memory this process has held since it began to run its program, where the system tells."""
    kilobytes = numbers(Path("/proc/self/status")).get("VmHWM:")
    if kilobytes is not None:  # ru_maxrss would count the parent's memory at the fork
        return kilobytes * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def gigabytes(size: int) -> str:
    return f"{size / 1e9:,.2f} GB"


class MemoryWatch:
    """For what grows by nobody knows how much: each look raises MemoryError if there may be no memory for the next.

    Parameters
    ----------
    what, remedy : str
        As in `require`.
    """

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        self.left = self.held = 0
        self.next_look = 0.0

    def look(self) -> None:
        """To be called again and again: what was taken since the last look should fit once more."""
        if time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_SECONDS
        found = [(memory + swap, name) for name, memory, swap in limits()]
        if not found:
            return
        (left, name), held = min(found), resident_bytes()
        taken = min(self.left - left, held - self.held, MOST_TAKEN)  # other processes take memory too
        if left < max(LEAST_LEFT, taken):
            raise MemoryError(f"{self.what}, and only {gigabytes(left)} are left by {name}; {self.remedy}")
        self.left, self.held = left, held


def text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """What is in a file of one number; None if there is none, or it stands for no limit, as "max" does."""
    content = text(path).strip()
    return int(content) if content.isdigit() and int(content) < NO_LIMIT else None


def numbers(path: Path) -> dict[str, int]:
    """The first number of each line by what stands before it."""
    fields = (line.split() for line in text(path).splitlines())
    return {line[0]: int(line[1]) for line in fields if len(line) > 1 and line[1].isdigit()}
