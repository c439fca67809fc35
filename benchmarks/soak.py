"""Many training jobs of random shapes in one process, and whether its memory stays flat.

    python benchmarks/soak.py --minutes 60 --seed 1
    python benchmarks/soak.py --only 1234 --seed 1     # job 1234 of that run alone

A job draws its corpus (token lists, a generator, a text plain or packed, a matrix of ids, tokens with offsets, text
with phrases joined; up to 200,000 words), dimensions, window, negatives, workers and options; trains; and does some
of: save and load, other formats, queries, more training, a checkpoint to go on from after an interrupt, arguments and
files that are refused, a run whose vectors overflow. What comes out is checked, not how fast.

Memory is taken after every job, garbage collected and freed pages given back: what the C library's allocator has given
out (the process starts itself again with Python's objects from there, too), and the process's own pages (RssAnon: no
mapped files). The latter hold the holes between the former as well, which jobs of random shapes leave behind and fill
again. Besides: open files, threads and mappings. After a warm-up, the first fifth, a line is laid through the samples
by the median of the slopes of their pairs (Theil 1950, Sen 1968). Exit status 1 if, by that line, what is given out
grew by more than --limit-mb or the pages by ten times that, or if files or threads were left; 2 if a job failed. Ctrl-C
ends it early, between two jobs.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import gzip
import os
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _common import hardware, versions, zipf_ids
from numpy.random import Generator

from fastsgns import KeyedVectors, Phrases, Word2Vec
from fastsgns._encode import return_freed_memory

SOURCES = ("lists", "generator", "text", "packed text", "ids", "tokens and offsets", "phrases")
MOST_MIN_COUNT = 3
WARM_UP = 0.2  # of the time
PAGES = 10  # times the growth that is allowed for memory given out
MOST_PAIRED = 400  # samples, for the line: medians of neighbours stand for more


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds after a job."""

    seconds: float
    jobs: int
    given: int  # bytes that the C library's allocator has given out
    anonymous: int  # bytes
    resident: int  # bytes
    files: int
    threads: int
    mappings: int


class Mallinfo(ctypes.Structure):
    """What glibc's mallinfo2 tells, of all threads' heaps."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


def allocated() -> int:
    """Bytes given out, those of large blocks too; 0 where the C library does not tell (glibc does from 2.33 on)."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    ask.restype = Mallinfo
    told = ask()
    return int(told.uordblks + told.hblkhd)


def sample(start: float, jobs: int) -> Sample:
    gc.collect()
    return_freed_memory()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    kilobytes = {name: int(status[name].split()[0]) for name in ("RssAnon", "VmRSS")}
    return Sample(
        time.monotonic() - start,
        jobs,
        allocated(),
        kilobytes["RssAnon"] << 10,
        kilobytes["VmRSS"] << 10,
        len(os.listdir("/proc/self/fd")),
        int(status["Threads"]),
        Path("/proc/self/maps").read_text(encoding="ascii").count("\n"),
    )


# Corpora


def sentences_of(rng: Generator) -> list[np.ndarray[Any, Any]]:
    """Ids by Zipf's law in sentences of random lengths."""
    words, vocabulary = int(10 ** rng.uniform(2.5, 5.3)), int(10 ** rng.uniform(1, 4))
    ids = zipf_ids(words, vocabulary, seed=int(rng.integers(2**31))).reshape(-1)[:words]
    cuts = np.cumsum(rng.integers(1, int(rng.choice([3, 30, 300])), len(ids)))
    return [*np.split(ids, cuts[cuts < len(ids)]), *[ids[:20]] * MOST_MIN_COUNT]  # some words are always kept


def as_words(sentences: list[np.ndarray[Any, Any]]) -> list[list[str]]:
    return [[f"w{token}" for token in sentence.tolist()] for sentence in sentences]


def corpus_of(rng: Generator, kind: str, folder: Path) -> dict[str, Any]:
    """The corpus as Word2Vec's arguments."""
    sentences = sentences_of(rng)
    if kind == "ids":
        width = int(rng.integers(2, 50))
        tokens = np.concatenate(sentences)
        return {"sentences": np.resize(tokens, (max(len(tokens) // width, 1), width))}
    if kind == "tokens and offsets":
        offsets = np.concatenate([[0], np.cumsum([len(sentence) for sentence in sentences])])
        return {"sentences": (np.concatenate(sentences).astype(np.int32), offsets)}
    lists = as_words(sentences)
    if kind == "lists":
        return {"sentences": lists}
    if kind == "generator":
        return {"sentences": (line for line in lists)}
    text = "".join(" ".join(line) + "\n" for line in lists).encode()
    path = folder / ("corpus.txt.gz" if kind == "packed text" else "corpus.txt")
    path.write_bytes(gzip.compress(text, 1) if kind == "packed text" else text)
    if kind == "phrases":
        workers = int(rng.integers(1, 3))
        phrases = Phrases(corpus_file=path, min_count=2, threshold=float(rng.uniform(0.1, 20)), workers=workers)
        phrases.save(folder / "phrases")
        frozen = Phrases.load(folder / "phrases").freeze()
        return {"sentences": [frozen[line] for line in lists]}
    return {"corpus_file": path}


def parameters_of(rng: Generator) -> dict[str, Any]:
    window: Any = int(rng.integers(1, 12))
    if rng.random() < 0.3:
        window = (int(rng.integers(0, 6)), int(rng.integers(1, 6)))
    return {
        "vector_size": int(rng.choice([1, 7, 16, 50, 100, 300])),
        "window": window,
        "negative": int(rng.integers(1, 21)),
        "negative_sharing": str(rng.choice(["group", "window", "pair"])),
        "shrink_windows": bool(rng.random() < 0.5),
        "min_count": int(rng.integers(1, MOST_MIN_COUNT + 1)),
        "sample": float(rng.choice([0, 1e-3, 1e-2])),
        "compute_loss": bool(rng.random() < 0.3),
        "epochs": int(rng.integers(1, 4)),
        "seed": int(rng.integers(2**31)),
        "workers": int(rng.integers(1, 3)),
    }


# What is done with models


def check(model: Word2Vec) -> None:
    assert len(model.wv) > 0 and np.isfinite(model.wv.vectors).all() and np.isfinite(model.syn1neg).all()


def same(first: Any, second: Any) -> None:
    np.testing.assert_array_equal(first, second)


def save_and_load(rng: Generator, model: Word2Vec, folder: Path) -> None:
    path = folder / "model.safetensors"
    model.save(path)
    loaded = Word2Vec.load(path, mmap=[None, "r", "c"][rng.integers(3)])
    same(loaded.wv.vectors, model.wv.vectors)
    same(loaded.syn1neg, model.syn1neg)


def other_formats(rng: Generator, model: Word2Vec, folder: Path) -> None:
    binary = bool(rng.random() < 0.5)
    path = folder / ("vectors.bin" if binary else "vectors.txt.gz")
    model.wv.save_word2vec_format(path, binary=binary)
    loaded = KeyedVectors.load_word2vec_format(path, binary=binary)
    assert len(loaded) == len(model.wv)
    model.wv.save(folder / "vectors.safetensors")
    same(KeyedVectors.load(folder / "vectors.safetensors").vectors, model.wv.vectors)


def queries(rng: Generator, model: Word2Vec, folder: Path) -> None:
    wv = model.wv
    keys = [wv.index_to_key[i] for i in rng.integers(len(wv), size=5)]
    for key in keys:
        wv.most_similar(key, topn=int(rng.integers(1, 30)))
    wv.most_similar_batch(keys, topn=5)
    wv.most_similar_cosmul(positive=keys[:2], negative=keys[2:3])
    wv.n_similarity(keys[:2], keys[2:])
    wv.doesnt_match(keys)
    model.predict_output_word(keys, topn=3)
    with contextlib.suppress(KeyError):
        wv["a word that no corpus holds"]


def more_training(rng: Generator, model: Word2Vec, folder: Path) -> None:
    more = [[model.wv.index_to_key[i] for i in rng.integers(len(model.wv), size=20)] for _ in range(200)]
    model.checkpoint, model.resume = None, False  # of the first training only
    model.build_vocab(more, update=True)
    model.train(more, total_examples=len(more), epochs=1)
    check(model)


def refusals(rng: Generator, model: Word2Vec, folder: Path) -> None:
    """Errors, whose ways out must free what they had."""
    path = folder / "broken.safetensors"
    model.save(path)
    data = bytearray(path.read_bytes())
    for i in rng.integers(min(len(data), 2000), size=8):
        data[i] ^= 0xFF
    path.write_bytes(data[: rng.integers(len(data))])
    with contextlib.suppress(ValueError, OSError):
        Word2Vec.load(path)
    path.write_bytes(b"a b c \xff d\n" * 1000)
    for wrong in (
        {"corpus_file": path},
        {"sentences": [["a", "b"], "no list of tokens"]},
        {"sentences": [["a", "b"]] * 9, "min_count": 99},
    ):
        with contextlib.suppress(ValueError, RuntimeError):
            Word2Vec(**wrong, workers=2)
            raise AssertionError(f"{wrong} was not refused")
    sentences = [["a", "b", "c", "d"]] * 500
    with contextlib.suppress(FloatingPointError):
        Word2Vec(sentences, min_count=1, sample=0, alpha=1e30, min_alpha=1e30, epochs=2, workers=2)
        raise AssertionError("vectors that overflow were not refused")


AFTERWARDS: tuple[Callable[[Generator, Word2Vec, Path], None], ...] = (
    save_and_load, other_formats, queries, more_training, refusals,
)  # fmt: skip


@contextlib.contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Ctrl-C after so long, within this block only."""
    armed = False

    def interrupt(number: int, frame: object) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            try:
                armed = True
                yield
            finally:
                armed = False
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)


def stopped_and_resumed(rng: Generator, corpus: dict[str, Any], parameters: dict[str, Any], folder: Path) -> Word2Vec:
    """Interrupted at random moments until it comes to its end; of one worker, to the bits of a run that was not."""
    kept = {
        **parameters,
        "epochs": int(rng.integers(2, 8)),
        "checkpoint": folder / "run.ckpt",
        "checkpoint_every": int(rng.integers(1, 100_000)),
        "resume": True,
    }
    for _ in range(int(rng.integers(1, 4))):
        with interrupted_after(float(rng.uniform(0.001, 0.3))):
            Word2Vec(**corpus, **kept)
    model = Word2Vec(**corpus, **kept)
    if parameters["workers"] == 1:
        whole = Word2Vec(**corpus, **{**parameters, "epochs": kept["epochs"]})
        same(model.wv.vectors, whole.wv.vectors)
        same(model.syn1neg, whole.syn1neg)
    return model


def run_job(seed: int, number: int, folder: Path) -> list[str]:
    """One job, the same for the same numbers; what it was made of."""
    rng = np.random.default_rng([seed, number])
    kind = SOURCES[rng.integers(len(SOURCES))]
    corpus, parameters = corpus_of(rng, kind, folder), parameters_of(rng)
    done = [kind]
    if kind != "generator" and rng.random() < 0.3:
        model = stopped_and_resumed(rng, corpus, parameters, folder)
        done.append("interrupted")
    else:
        if "corpus_file" in corpus and rng.random() < 0.3:
            corpus["corpus_cache"] = folder / "corpus.cache"
            done.append("cache")
        model = Word2Vec(**corpus, **parameters)
    check(model)
    for action in AFTERWARDS:
        if rng.random() < 0.35:
            action(rng, model, folder)
            done.append(action.__name__.replace("_", " "))
    return done


# The verdict


def slope(times: list[float], values: list[float]) -> float:
    """The median of the slopes of all pairs of points."""
    x, y = np.array(times), np.array(values)
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] > x[first]
    return float(np.median((y[second] - y[first])[apart] / (x[second] - x[first])[apart]))


def growth(samples: list[Sample], name: str) -> float:
    """By how many MiB it grew along the line, from the first of these samples to the last."""
    step = -(-len(samples) // MOST_PAIRED)
    groups = [samples[i : i + step] for i in range(0, len(samples), step)]
    times = [statistics.median(s.seconds for s in group) for group in groups]
    values = [statistics.median(getattr(s, name) for s in group) / 2**20 for group in groups]
    return slope(times, values) * (samples[-1].seconds - samples[0].seconds) if len(groups) > 1 else 0.0


def verdict(samples: list[Sample], limit: float) -> bool:
    """Print what memory did; whether it is flat."""
    steady = [s for s in samples if s.seconds >= WARM_UP * samples[-1].seconds]
    tenth = max(len(steady) // 10, 1)
    begin, end = steady[:tenth], steady[-tenth:]
    jobs = max(steady[-1].jobs - steady[0].jobs, 1)
    print(f"{samples[-1].jobs} jobs in {samples[-1].seconds / 60:.1f} minutes, the first {steady[0].jobs} for warm-up")
    flat = True
    for name, text, allowed in (("given", "memory given out", limit), ("anonymous", "own pages", PAGES * limit)):
        first, last = (statistics.median(getattr(s, name) for s in part) / 2**20 for part in (begin, end))
        grown = growth(steady, name)
        flat &= grown <= allowed
        print(
            f"{text}: {first:.2f} MiB in the first tenth after warm-up, {last:.2f} in the last; along the line"
            f" {grown:+.2f} MiB ({grown * 2**20 / jobs:+,.0f} bytes a job; {allowed:g} MiB allowed)"
        )
    for name in ("files", "threads"):
        left = min(getattr(s, name) for s in end) - min(getattr(s, name) for s in begin)
        flat &= left <= 0
        print(f"{name} left open: {left}" if name == "files" else f"{name} left running: {left}")
    print(f"peak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB")
    print("flat" if flat else "NOT FLAT", flush=True)
    return flat


def soak(seed: int, minutes: float, every: float) -> tuple[list[Sample], bool]:
    """Jobs until the time is over; a sample after each, and whether all ended well."""
    start = time.monotonic()
    samples, kinds, printed = [sample(start, 0)], Counter[str](), -every
    number = 0
    ended = []
    signal.signal(signal.SIGINT, lambda *_: ended.append(True))
    while time.monotonic() - start < 60 * minutes and not ended:
        folder = Path(tempfile.mkdtemp(prefix="soak-"))
        try:
            kinds.update(run_job(seed, number, folder))
        except FloatingPointError:  # a dozen words in wide windows
            kinds.update(["overflow"])
        except Exception:
            traceback.print_exc()
            print(f"job {number} failed: run it alone with --seed {seed} --only {number}", flush=True)
            return samples, False
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        number += 1
        samples.append(now := sample(start, number))
        if now.seconds - printed >= every:
            printed = now.seconds
            print(
                f"{now.seconds / 60:6.1f} min {number:6d} jobs   given out {now.given / 2**20:6.2f} MiB   own"
                f" {now.anonymous / 2**20:6.1f} MiB   resident {now.resident / 2**20:6.1f} MiB  "
                f" files {now.files}   threads {now.threads}   mappings {now.mappings}",
                flush=True,
            )
    print("jobs: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()), flush=True)
    return samples, True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="JOB", help="run this job alone")
    parser.add_argument("--every", type=float, default=60.0, metavar="SECONDS", help="between two lines of print")
    parser.add_argument("--limit-mb", type=float, default=4.0, help="growth of what is given out that is still flat")
    arguments = parser.parse_args()
    if not Path("/proc/self/status").exists():
        parser.error("memory is read from /proc, which this system does not have")
    if os.environ.get("PYTHONMALLOC") != "malloc":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONMALLOC": "malloc"})
    warnings.simplefilter("ignore")  # of epochs without pairs, say
    if arguments.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(", ".join(run_job(arguments.seed, arguments.only, Path(folder))))
        return
    print({**hardware(), **versions("fastsgns", "numpy")}, f"seed {arguments.seed}", flush=True)
    samples, well = soak(arguments.seed, arguments.minutes, arguments.every)
    flat = verdict(samples, arguments.limit_mb)
    sys.exit(2 if not well else 0 if flat else 1)


if __name__ == "__main__":
    main()
