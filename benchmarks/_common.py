"""What benchmarks share: the machine in words, versions, text to work on, processes to run in turn."""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

Name = TypeVar("Name")

OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
BLOCK = 1 << 20
SENTENCE_WORDS = 20  # of made-up text
SENTENCES_A_DRAW = 50_000
ZIPF_SHIFT = 2.7


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


def count_words(text: Path) -> int:
    """By white space, whatever becomes of them: the measure of speed that all programs have in common."""
    count = 0
    with text.open("rb") as file:
        rest = b""
        while block := file.read(BLOCK):
            words = (rest + block).split()
            rest = words.pop() if words and not block[-1:].isspace() else b""
            count += len(words)
    return count + bool(rest)


def positive(text: str) -> int:
    """A whole number of 1 or more, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number


def run_child(arguments: Sequence[str], **environment: str) -> dict[str, Any]:
    """Run Python in a fresh process, away from this folder: the JSON it prints, or {"error": ...} if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder, env={**os.environ, **environment}, capture_output=True, encoding="utf-8",
        )  # fmt: skip
    if child.returncode:
        return {"error": child.stderr.strip()[-2000:] or f"exit status {child.returncode}"}
    result: dict[str, Any] = json.loads(child.stdout[child.stdout.index("{") :])
    return result


def in_turn(names: Sequence[Name], repeats: int) -> Iterator[tuple[int, Name]]:
    """Each name once a repeat, after the repeat's number; the order turns too: no drift of the machine favours one."""
    for repeat in range(repeats):
        for i in range(len(names)):
            yield repeat, names[(i + repeat) % len(names)]


def matrix_bytes(vocabulary: int, dim: int) -> int:
    """Of input and output vectors together, in fastsgns: rows are padded to 64 bytes."""
    return 2 * vocabulary * -(-dim // 16) * 64


def check_memory(parser: argparse.ArgumentParser, vocabulary: int, dim: int) -> None:
    """Whether the matrices have room, before the work."""
    size, memory = matrix_bytes(vocabulary, dim), hardware()["memory_bytes"]
    if memory and size > memory:
        parser.error(f"--vocabulary {vocabulary} of {dim} dimensions: {size / 1e9:,.0f} GB of matrices do not fit here")


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


def zipf_ids(words: int, vocabulary: int, seed: int, topics: int = 1) -> Any:
    """Made-up text: int32 ids below `vocabulary`, shape (sentences, 20), as frequent as Zipf's law has it.

    Id i is drawn in proportion to 1 / (i + 2.7), and all occur if there are words enough. With several topics, each
    sentence has one, and half of its words are of that topic: something to learn.
    """
    import numpy as np  # not every benchmark needs it

    rng = np.random.default_rng(seed)
    cumulative = np.cumsum(1 / (np.arange(vocabulary) + ZIPF_SHIFT))
    shape = -(-words // SENTENCE_WORDS), SENTENCE_WORDS
    ids = np.empty(shape, np.int32)
    for start in range(0, shape[0], SENTENCES_A_DRAW):
        block = ids[start : start + SENTENCES_A_DRAW]
        block[:] = np.searchsorted(cumulative, rng.random(block.shape) * cumulative[-1], side="right")
        half = block[:, ::2]
        half += rng.integers(topics, size=(len(block), 1), dtype=np.int32) - half % topics
    np.minimum(ids, vocabulary - 1, out=ids)
    if ids.size >= vocabulary:
        ids.reshape(-1)[:: ids.size // vocabulary][:vocabulary] = rng.permutation(vocabulary)
    return ids
