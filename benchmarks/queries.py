"""How fast vectors are loaded and asked: files of word2vec's formats, and the nearest keys of many queries.

    python benchmarks/queries.py --json queries.json
    python benchmarks/queries.py --words 3_000_000 --repeats 1     (a file as large as that of GoogleNews)

Files are made up. Each is read once before: it comes from the system's cache, not from the disk; "plain reading" is
that alone, block by block into the same memory. Every run is a process of its own. Queries are keys drawn at random,
asked one by one by `most_similar` or all at once by `most_similar_batch`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import hardware, in_turn, positive, run_child, versions
from _results import EVERY_RUN, Runs, column, failed, heading, plural, ratios, spread, table, write_json

PLAIN, GENSIM, OURS, HALF, BATCH = "plain reading", "gensim", "fastsgns", "fastsgns, float16", "fastsgns, batch"
BINARY, TEXT, QUERIES = "binary", "text", "queries"
ROWS = 4096  # of numbers made up; then they come again

Job = dict[str, Any]


def measure_once(job: Job) -> dict[str, Any]:
    """One loading or asking in this process."""
    if job["who"] == PLAIN:
        block = memoryview(bytearray(1 << 20))
        start = time.perf_counter()
        with open(job["file"], "rb", buffering=0) as file:
            while file.readinto(block):
                pass
        return {"seconds": time.perf_counter() - start}
    if job["who"] == GENSIM:
        from gensim.models import KeyedVectors
    else:
        from fastsgns import KeyedVectors  # type: ignore[assignment]
    import numpy as np

    if job["what"] != QUERIES:
        datatype = np.float16 if job["who"] == HALF else np.float32
        start = time.perf_counter()
        vectors = KeyedVectors.load_word2vec_format(job["file"], binary=job["what"] == BINARY, datatype=datatype)
        return {"seconds": time.perf_counter() - start, "vectors": len(vectors)}
    rng = np.random.default_rng(job["seed"])
    vectors = KeyedVectors(job["dim"])
    vectors.add_vectors(list(range(job["words"])), rng.normal(size=(job["words"], job["dim"])).astype(np.float32))
    keys = rng.integers(job["words"], size=job["queries"]).tolist()
    vectors.most_similar(keys[0])  # norms
    start = time.perf_counter()
    if job["who"] == BATCH:
        found = vectors.most_similar_batch(keys, workers=job["workers"])
    else:
        found = [vectors.most_similar(key) for key in keys]
    return {"seconds": time.perf_counter() - start, "nearest": [best[0][0] for best in found]}


def write_files(folder: Path, args: argparse.Namespace) -> list[tuple[str, Path]]:
    """A binary and a text file, read once."""
    import numpy as np

    numbers = np.random.default_rng(1).normal(size=(ROWS, args.dim)).astype("<f4")
    files = []
    for what, words in ((BINARY, args.words), (TEXT, args.text_words)):
        records = [
            b" " + row.tobytes() if what == BINARY else b" %b\n" % " ".join(map(str, row)).encode() for row in numbers
        ]
        path = folder / what
        with path.open("wb") as out:
            out.write(b"%d %d\n" % (words, args.dim))
            for i in range(words):
                out.write(b"word%d%b" % (i, records[i % ROWS]))
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
        files.append((what, path))
    return files


def cases(files: list[tuple[str, Path]], args: argparse.Namespace) -> list[Job]:
    """What to run; "amount" is what a speed is reckoned from, MB or queries."""
    gensim = [] if args.no_gensim else [GENSIM]
    jobs: list[Job] = []
    for what, path in files:
        size, words = path.stat().st_size / 1e6, args.words if what == BINARY else args.text_words
        title = f"loading {what}: {words:,} x {args.dim}, {size:,.0f} MB"
        common = {"what": what, "title": title, "file": str(path), "amount": size}
        jobs += [{**common, "who": who} for who in (PLAIN, *gensim, OURS, HALF)]
    title = f"{args.queries:,} queries among {args.query_words:,} x {args.query_dim}, topn=10"
    common = {"what": QUERIES, "title": title, "amount": args.queries}
    common |= {"words": args.query_words, "dim": args.query_dim, "queries": args.queries}
    jobs += [{**common, "who": who} for who in (*gensim, OURS)]
    return jobs + [{**common, "who": BATCH, "workers": workers} for workers in sorted({1, args.workers})]


def name(job: Job) -> str:
    return job["who"] + (", " + plural(job["workers"], "worker") if "workers" in job else "")


def print_tables(jobs: list[Job], runs: list[Runs]) -> None:
    """Ratios are to gensim in the same repeat."""
    for what in (BINARY, TEXT, QUERIES):
        these = [(job, found) for job, found in zip(jobs, runs, strict=True) if job["what"] == what]
        base = next((found for job, found in these if job["who"] == GENSIM), [])
        rows = []
        for job, found in these:
            seconds = column(found, "seconds")
            speeds = [job["amount"] / second for second in seconds]
            times = spread(ratios(base, found, "seconds"))
            rows.append([failed(name(job), found), spread(seconds, 2), spread(speeds, 0), times])
        print(these[0][0]["title"])
        print(table(["", "seconds", "queries/s" if what == QUERIES else "MB/s", "times as fast as gensim"], rows))


def agreement(runs: list[Runs]) -> float:
    """The share of queries whose nearest key is the same for all, in the first repeat; the keys themselves go."""
    nearest = [found[0]["nearest"] for found in runs if "nearest" in found[0]]
    for found in runs:
        for run in found:
            run.pop("nearest", None)
    return sum(len(set(keys)) == 1 for keys in zip(*nearest, strict=True)) / max(1, len(nearest[0]) if nearest else 0)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=positive, default=500_000, metavar="N", help="of the binary file; %(default)s")
    parser.add_argument("--text-words", type=positive, default=20_000, metavar="N", help="of the text; %(default)s")
    parser.add_argument("--dim", type=positive, default=300, metavar="N", help="of both files; %(default)s")
    parser.add_argument("--query-words", type=positive, default=100_000, metavar="N", help="searched; %(default)s")
    parser.add_argument("--query-dim", type=positive, default=100, metavar="N", help="default %(default)s")
    parser.add_argument("--queries", type=positive, default=1000, metavar="N", help="default %(default)s")
    parser.add_argument("--workers", type=positive, default=hardware()["cores"], metavar="N", help="default: all cores")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    parser.add_argument("--no-gensim", action="store_true", help="do not wait for it; so too where it is not installed")
    parser.add_argument("--json", type=Path, metavar="OUT", help=EVERY_RUN)
    args = parser.parse_args()
    args.no_gensim |= versions("gensim")["gensim"] is None
    return args


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure_once(json.loads(sys.argv[2]))))
        return 0
    args = parse()
    machine, found_versions = hardware(), versions("fastsgns", "gensim", "numpy")
    print(heading(machine, found_versions), flush=True)
    print(f"median [least-most] of {args.repeats}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        jobs = cases(write_files(Path(folder), args), args)
        runs: list[Runs] = [[] for _ in jobs]
        for repeat, i in in_turn(range(len(jobs)), args.repeats):
            job = {**jobs[i], "seed": repeat}
            runs[i].append(run_child([str(Path(__file__).resolve()), "--child", json.dumps(job)]))
            if "error" in runs[i][-1]:
                print(f"{job['title']}, {name(job)}: FAILED\n{runs[i][-1]['error']}", file=sys.stderr)
    share = agreement(runs)
    print_tables(jobs, runs)
    print(f"The nearest key is the same for all in {share:.1%} of the queries.")
    settings = {key: value for key, value in vars(args).items() if key != "json"}
    results = [{**job, "runs": found} for job, found in zip(jobs, runs, strict=True)]
    write_json(args.json, {"hardware": machine, "versions": found_versions, "settings": settings, "results": results})
    return 1 if any("error" in run for found in runs for run in found) else 0


if __name__ == "__main__":
    sys.exit(main())
