"""What benchmarks share: the machine in words, versions, text to work on, children to run, medians with spread."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BLOCK = 1 << 20


def hardware() -> dict[str, Any]:
    """CPU, cores this process may use, memory and load: what a figure means nothing without."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": model, "cores": cores, "memory_bytes": memory, "load_at_start": load, "system": platform.platform()}


def versions(*packages: str) -> dict[str, str | None]:
    """Of Python and of packages; None for what is not installed. Nothing is imported."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def plain_text(source: Path, folder: Path, words: int | None) -> Path:
    """The corpus as one uncompressed file, cut after `words` words; the source itself where it is that already."""
    opener = OPENERS.get(source.suffix)
    if opener is None and words is None:
        return source
    target = folder / "corpus.txt"
    left = words
    with (opener or open)(source, "rb") as text, target.open("wb") as out:
        # By blocks and not by lines: a corpus may be one line. A word cut by the block's end waits for the next.
        rest = b""
        while block := text.read(BLOCK):
            block = rest + block
            end = max(block.rfind(b" "), block.rfind(b"\n")) + 1
            block, rest = block[:end], block[end:]
            if left is not None and (count := len(block.split())) >= left:
                out.write(first_words(block, left))
                return target
            left = None if left is None else left - count
            out.write(block)
        out.write(rest)
    return target


def first_words(text: bytes, count: int) -> bytes:
    """The beginning of `text` that holds `count` words, its lines kept."""
    lines: list[bytes] = []
    for line in text.splitlines():
        words = line.split(None, count)
        if len(words) >= count:
            return b"\n".join([*lines, b" ".join(words[:count])]) + b"\n"
        lines.append(line)
        count -= len(words)
    return text


def run_child(arguments: Sequence[str], **environment: str) -> dict[str, Any]:
    """Run Python in a fresh process, away from this folder: the JSON it prints, or {"error": ...} if it fails."""
    surroundings = {**os.environ, **environment}
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=surroundings, capture_output=True, encoding="utf-8"
        )
    if child.returncode:
        return {"error": child.stderr.strip()[-2000:] or f"exit status {child.returncode}"}
    result: dict[str, Any] = json.loads(child.stdout[child.stdout.index("{") :])
    return result


def peak_bytes() -> int | None:
    """The most memory this process has held since it began to run its program."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):  # ru_maxrss would count the parent's memory at the fork
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and least and most in brackets; a dash for nothing."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.{digits}f}-{max(values):.{digits}f}]"
