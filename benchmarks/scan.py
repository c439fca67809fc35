"""How fast a corpus is read: counted and encoded, from text files, token lists and arrays of ids.

    python benchmarks/scan.py --compressed --json scan.json
    python benchmarks/scan.py simplewiki.txt --threads 1 2 4

Measured is all of `build_vocab`, with vectors of one dimension, so that making them does not count. The file is read
once before: it comes from the system's cache, not from the disk. For orientation, the same text is also counted in
plain Python, a Counter fed with `line.split()`. MB are of text, whatever the file takes up.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _common import hardware, plain_text, positive, run_child, versions, zipf_ids
from _results import EVERY_RUN, heading, spread, table, write_json

SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
VOCABULARY = 200_000  # of made-up text
SENTENCES_A_BLOCK = 50_000
PLAIN, PYTHON, LISTS, MATRIX, ARRAYS = "text", "Python's own", "token lists", "ids, a matrix", "ids, arrays"


def scan_once(job: dict[str, Any]) -> dict[str, Any]:
    """One reading in this process: seconds, tokens and bytes of text."""
    if job["kind"] == PYTHON:
        counts: Counter[str] = Counter()
        size = 0
        start = time.perf_counter()
        for line in first_lines(job["file"], job["bytes"]):
            counts.update(line.split())
            size += len(line.encode())
        return {"seconds": time.perf_counter() - start, "tokens": sum(counts.values()), "bytes": size}
    from fastsgns import Word2Vec

    model = Word2Vec(vector_size=1, workers=job["threads"], min_count=job["min_count"])
    source: dict[str, Any] = {"corpus_file": job["file"]}
    if job["kind"] == LISTS:
        source = {"corpus_iterable": [line.split() for line in first_lines(job["file"], job["bytes"])]}
    elif job["kind"] in (MATRIX, ARRAYS):
        ids = zipf_ids(job["words"], VOCABULARY, seed=1)
        source = {"corpus_iterable": ids if job["kind"] == MATRIX else list(ids)}
    start = time.perf_counter()
    model.build_vocab(**source)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "tokens": model.corpus_total_words, "bytes": job.get("text_bytes")}


def first_lines(path: str, size: int) -> Iterator[str]:
    """The lines of about the first `size` characters."""
    with open(path, encoding="utf-8", errors="replace") as text:
        for line in text:
            yield line
            size -= len(line)
            if size <= 0:
                return


def word(i: int) -> str:
    """A made-up word for every number: frequent ones are short."""
    letters = SYLLABLES[i % len(SYLLABLES)]
    while i := i // len(SYLLABLES):
        letters += SYLLABLES[i % len(SYLLABLES)]
    return letters


def write_text(path: Path, megabytes: float) -> None:
    """Made-up text of that size, in sentences of 20 words."""
    names = [word(i) for i in range(VOCABULARY)]
    seed = size = 0
    with path.open("w", encoding="ascii", newline="\n") as out:
        while size < megabytes * 1e6:
            for sentence in zipf_ids(20 * SENTENCES_A_BLOCK, VOCABULARY, seed).tolist():
                size += out.write(" ".join([names[i] for i in sentence]) + "\n")
                if size >= megabytes * 1e6:
                    return
            seed += 1


def compress(path: Path) -> list[Path]:
    """The text as .gz and .xz, each at its fast level."""
    packed = []
    for suffix, opened in ((".gz", gzip.open), (".xz", lzma.open)):
        target = path.parent / f"packed.txt{suffix}"
        level = {"compresslevel": 1} if suffix == ".gz" else {"preset": 1}
        with path.open("rb") as text, opened(target, "wb", **level) as out:  # type: ignore
            shutil.copyfileobj(text, out, 1 << 20)
        packed.append(target)
    return packed


def cases(corpus: Path, args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """What to read, and with how many threads."""
    common = {"file": str(corpus), "min_count": args.min_count, "threads": 1, "bytes": int(args.list_megabytes * 1e6)}
    text_bytes = corpus.stat().st_size
    files = [{**common, "kind": PLAIN, "threads": n, "text_bytes": text_bytes} for n in args.threads]
    if args.compressed:
        for path in compress(corpus):
            packed = {**common, "kind": f"text{path.suffix}", "file": str(path), "text_bytes": text_bytes}
            files += [{**packed, "threads": n} for n in sorted({1, args.threads[-1]})]
    others: list[dict[str, Any]] = [{**common, "kind": kind} for kind in (PYTHON, LISTS)]
    ids = {**common, "words": args.ids}
    matrix = [{**ids, "kind": MATRIX, "threads": n} for n in sorted({1, args.threads[-1]})]
    return [*files, *others, *matrix, {**ids, "kind": ARRAYS}]


def print_table(jobs: list[dict[str, Any]], runs: list[list[dict[str, Any]]]) -> None:
    """A row a case; the ratio is to the first number of threads with the same kind of source, run by run."""
    rows = []
    for job, found in zip(jobs, runs, strict=True):
        base = next(other for other, first in zip(runs, jobs, strict=True) if first["kind"] == job["kind"])
        good = [(run, one) for run, one in zip(found, base, strict=True) if "error" not in run and "error" not in one]
        speeds = [run["bytes"] / run["seconds"] / 1e6 for run, _ in good if run["bytes"]]
        rows.append([
            job["kind"],
            job["threads"],
            spread([run["tokens"] / run["seconds"] / 1e6 for run, _ in good], 2),
            spread(speeds, 0),
            spread([speed / job["threads"] for speed in speeds], 0),
            spread([one["seconds"] / run["seconds"] for run, one in good], 2) if job["threads"] > 1 else "1",
        ])  # fmt: skip
    print(table(["source", "threads", "million tokens/s", "MB/s", "MB/s a thread", "times fewest threads"], rows))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?", help="UTF-8 text; .gz, .bz2, .xz are unpacked; none: made up")
    parser.add_argument("--megabytes", type=float, default=200, metavar="N", help="of made-up text; %(default)s")
    threads = sorted({1, hardware()["cores"]})
    parser.add_argument("--threads", type=positive, nargs="+", default=threads, metavar="N", help="default: 1, all")
    parser.add_argument("--compressed", action="store_true", help="also the same text as .gz and .xz")
    parser.add_argument("--list-megabytes", type=float, default=20, metavar="N", help="of it as lists; %(default)s")
    parser.add_argument("--ids", type=positive, default=50_000_000, metavar="N", help="in arrays; default %(default)s")
    parser.add_argument("--min-count", type=positive, default=5, metavar="N")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT", help=EVERY_RUN)
    args = parser.parse_args()
    args.threads = sorted(set(args.threads))
    if args.corpus is not None and not args.corpus.is_file():
        parser.error(f"{args.corpus}: no such file")
    return args


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(scan_once(json.loads(sys.argv[2]))))
        return 0
    args = parse()
    machine, found = hardware(), versions("fastsgns", "numpy")
    print(heading(machine, found), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.corpus:
            corpus = plain_text(args.corpus.resolve(), folder, None)
        else:
            corpus = folder / "corpus.txt"
            write_text(corpus, args.megabytes)
        with corpus.open("rb") as text:  # into the system's cache
            while text.read(1 << 24):
                pass
        title = args.corpus.name if args.corpus else f"made-up text, {VOCABULARY:,} words after Zipf"
        print(f"{title}: {corpus.stat().st_size / 1e6:,.1f} MB; {args.list_megabytes} MB of it as lists and in Python;")
        print(f"{args.ids:,} int32 ids; min_count {args.min_count}; median [least-most] of {args.repeats}", flush=True)
        jobs = cases(corpus, args, folder)
        runs: list[list[dict[str, Any]]] = [[] for _ in jobs]
        for _ in range(args.repeats):
            for job, of_job in zip(jobs, runs, strict=True):
                of_job.append(run_child([str(Path(__file__).resolve()), "--child", json.dumps(job)]))
                if "error" in of_job[-1]:
                    print(f"{job['kind']}, {job['threads']} threads: FAILED\n{of_job[-1]['error']}", file=sys.stderr)
    print_table(jobs, runs)
    settings = {key: str(value) if key == "corpus" else value for key, value in vars(args).items() if key != "json"}
    results = [{**job, "runs": of_job} for job, of_job in zip(jobs, runs, strict=True)]
    write_json(args.json, {"hardware": machine, "versions": found, "settings": settings, "results": results})
    return 1 if any("error" in run for of_job in runs for run in of_job) else 0


if __name__ == "__main__":
    sys.exit(main())
