"""What training by several workers costs, and what it would bring on clusters that are not here.

    python benchmarks/distributed.py overhead --corpus simplewiki.txt.xz --repeats 5
    python benchmarks/distributed.py traffic --vocabulary 1_000_000 --dim 300
    python benchmarks/distributed.py model --vocabulary 1_000_000 --dim 300 --words 10_000_000_000

overhead: words a second of the training, of one process with as many threads as there are workers, and of workers with
a thread each on a local Ray cluster, in turn. Use as many workers as there are cores.

traffic: how many rows a round exchanges of a vocabulary by Zipf's law, and what share that is of both matrices.

model: measures here how fast a core trains, how long it takes to gather, merge and put in place a row, and what a call
and an object of Ray's cost; then says how fast 2 to 64 nodes would be by these, and lists what it assumes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _common import ZIPF_SHIFT, hardware, in_turn, plain_text, positive, run_child, versions, zipf_ids
from _results import ratios, spread, table

from fastsgns import Word2Vec
from fastsgns.cluster import MOST_OWNERS
from fastsgns.clusterworker import CHANGE_BYTES, ClusterWorker, by_owner
from fastsgns.config import SIMD
from fastsgns.course import AHEAD, Course, default_round_words
from fastsgns.options import TrainingOptions

NODES = (2, 4, 8, 16, 32, 64)
NODE_CORES = 32
GIGABITS = (10, 100)
CALLS = 2000

# What the model assumes and nothing here can measure.
THREADS_SPEEDUP = 0.8  # of a core's speed, that each of 32 has: they share memory and rows
COPY_SPEEDUP = 4.0  # of gathering and putting rows, by all threads of a node: memory bounds it
NETWORK_SHARE = 0.7  # of its bits a second that a network carries


def zipf_counts(vocabulary: int, words: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    shares = 1 / (np.arange(vocabulary) + ZIPF_SHIFT)
    return np.maximum(words * shares / shares.sum(), 1).astype(np.int64)


# overhead


def child(settings: dict[str, Any]) -> dict[str, Any]:
    """One training, in a process of its own."""
    parameters = {"vector_size": settings["dim"], "epochs": settings["epochs"]}
    if settings["kind"] == "threads":
        model = Word2Vec(corpus_file=settings["text"], workers=settings["workers"], **parameters)
    else:
        from fastsgns import distributed

        model = distributed.train(
            settings["text"], settings["workers"], address="local", workers=1,
            round_words=settings["round_words"], **parameters,
        )  # fmt: skip
    return model.report


def overhead(args: argparse.Namespace) -> None:
    runs: dict[str, list[dict[str, Any]]] = {"threads": [], "workers": []}
    with tempfile.TemporaryDirectory() as folder:
        text = plain_text(args.corpus, Path(folder), args.words).resolve()
        for _, kind in in_turn(list(runs), args.repeats):
            settings = {
                "kind": kind, "text": str(text), "workers": args.workers, "dim": args.dim, "epochs": args.epochs,
                "round_words": args.round_words,
            }  # fmt: skip
            runs[kind].append(run_child([str(Path(__file__).resolve()), "--child", json.dumps(settings)]))
            print(kind, runs[kind][-1].get("words_per_second", runs[kind][-1]), file=sys.stderr, flush=True)
    failed = [run["error"] for several in runs.values() for run in several if "error" in run]
    if failed:
        sys.exit(failed[0])
    rows = [
        [name, spread([run["words_per_second"] / 1e6 for run in runs[kind]], 2)]
        for kind, name in (("threads", f"1 process, {args.workers} threads"), ("workers", f"{args.workers} workers"))
    ]
    print(table(["", "million words/s"], rows))
    share = ratios(runs["workers"], runs["threads"], "words_per_second")
    print(f"workers / threads: {spread([100 * ratio for ratio in share])} %")
    print_rounds(runs["workers"], args)


def print_rounds(runs: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """Where the time of a round goes, and what it sends."""
    cluster, wall = runs[-1]["cluster"], statistics.median(run["train_seconds"] for run in runs)
    trained, merged = (cluster[f"worker_{what}_seconds"] / args.workers for what in ("train", "merge"))
    each = 1e3 / cluster["rounds"]
    print(
        f"{cluster['rounds']} rounds of {cluster['round_words']:,} words a worker, {wall * each:.1f} ms each: of them"
        f" {trained * each:.1f} training and {merged * each:.1f} gathering changes and putting them in place"
    )
    millions = runs[-1]["kept_words"] * args.epochs / 1e6
    print(f"a worker sent {cluster['sent_bytes'] / millions / 1e6:,.0f} MB for every million words that it trained")


# traffic


def rows_a_round(counts: Any, options: TrainingOptions, words: int, workers: int, rounds: int) -> float:
    """Rows that are due in a round, on the average over the first ones of a long training."""
    course = Course(counts, options, [words // workers] * workers, default_round_words(words, workers, 1))
    shares = {worker: [worker] for worker in range(workers)}
    found = [sum(len(rows) for rows, _ in course.plan(shares).due) for _ in range(rounds)]
    return statistics.mean(found)


def traffic(args: argparse.Namespace) -> None:
    counts = zipf_counts(args.vocabulary, args.words)
    rows = rows_a_round(counts, TrainingOptions(epochs=args.epochs), args.words, 8, args.rounds)
    share = rows / (2 * args.vocabulary)
    print(
        f"{args.vocabulary:,} words: {rows:,.0f} rows of {2 * args.vocabulary:,} are exchanged after a round, on the"
        f" average over {args.rounds} rounds: {100 * share:.2f} % of the rows, and"
        f" {100 * share * CHANGE_BYTES / 4:.2f} % of the bytes of both matrices"
    )
    lines = []
    for workers in NODES:
        round_words = default_round_words(args.epochs * args.words, workers, NODE_CORES)
        sent = 2 * (workers - 1) / workers * rows * args.dim * CHANGE_BYTES
        lines.append([workers, f"{round_words:,}", f"{sent / 1e6:.1f}", f"{sent / round_words:.2f}"])
    print(table(["workers", "words a round and worker", "MB sent a round and worker", "MB a million words"], lines))


# model


def core_speed(args: argparse.Namespace) -> float:
    """Words a second of one thread, on a vocabulary and dimensions like these."""
    ids = zipf_ids(args.measured_words, args.vocabulary, seed=1)
    model = Word2Vec(ids, vector_size=args.dim, epochs=1, min_count=1, workers=1, negative_sharing="group")
    return args.measured_words / model.report["train_seconds"]


def row_seconds(args: argparse.Namespace, counts: Any) -> dict[str, float]:
    """Of one thread, for each row that is due: gathering changes, adding those of another worker, putting in place."""
    options = TrainingOptions(workers=1)
    worker = ClusterWorker(1, "strict")
    matrices = [np.zeros((args.vocabulary, args.dim), np.float32) for _ in range(2)]
    worker.begin(options, counts, matrices[0], matrices[1], None, 0)
    course = Course(counts, options, [args.words], default_round_words(args.words, 1, 1))
    for _ in range(50):
        planned = course.plan({0: [0]})
    worker.trained, worker.rows = 1, [by_owner(rows, 1) for rows, _ in planned.due]
    rows = sum(len(rows) for rows, _ in planned.due)
    found: dict[str, list[float]] = {"gather": [], "merge": [], "put": []}
    for _ in range(args.repeats):
        start = time.perf_counter()
        changes = worker.changes_for(0)
        gathered = time.perf_counter()
        added = worker.merge(planned, 0, 1, changes, changes)
        merged = time.perf_counter()
        worker.put(0, added)
        found["put"].append(time.perf_counter() - merged)
        found["merge"].append((merged - gathered) / 2)
        found["gather"].append(gathered - start)
    return {name: statistics.median(seconds) / rows for name, seconds in found.items()}


class Echo:
    """An actor that gives back small arrays."""

    def call(self, parts: int, *given: Any) -> Any:
        return [np.zeros(1) for _ in range(parts)] if parts > 1 else 0


def ray_seconds() -> dict[str, float]:
    """Of a call, and of an object beyond it, with many under way at once."""
    import ray

    ray.init(num_cpus=2, log_to_driver=False, logging_level="WARNING")
    actor = ray.remote(Echo).remote()
    ray.get(actor.call.remote(1))
    start = time.perf_counter()
    ray.get([actor.call.remote(1) for _ in range(CALLS)])
    calls = (time.perf_counter() - start) / CALLS
    start = time.perf_counter()
    results = [actor.call.options(num_returns=MOST_OWNERS).remote(MOST_OWNERS) for _ in range(CALLS // MOST_OWNERS)]
    ray.get([actor.call.remote(1, *objects) for objects in results])
    objects = max(time.perf_counter() - start - 2 * len(results) * calls, 0.0) / (len(results) * MOST_OWNERS)
    ray.shutdown()
    return {"call": calls, "object": objects}


def model(args: argparse.Namespace) -> None:
    counts = zipf_counts(args.vocabulary, args.words)
    speed, per_row, per_call = core_speed(args), row_seconds(args, counts), ray_seconds()
    rows = rows_a_round(counts, TrainingOptions(epochs=args.epochs), args.words, 8, args.rounds)
    print(f"measured: {speed / 1e6:.2f} million words/s a core; {rows:,.0f} rows are due in a round")
    for what, seconds in (
        {f"to {name} a row": cost for name, cost in per_row.items()}
        | {f"a {name} of Ray's": cost for name, cost in per_call.items()}
    ).items():
        print(f"  {what}: {seconds * 1e6:.2f} us")
    node = speed * NODE_CORES * THREADS_SPEEDUP
    lines = []
    for nodes in NODES:
        round_words = args.round_words or default_round_words(args.epochs * args.words, nodes, NODE_CORES)
        owners = min(nodes, MOST_OWNERS)
        driver = nodes * (3 * per_call["call"] + owners * per_call["object"])
        columns = [nodes, f"{round_words / 1e6:.2f}"]
        for gigabits in GIGABITS:
            sent = 2 * (nodes - 1) / nodes * rows * args.dim * CHANGE_BYTES
            copies = rows * (per_row["gather"] + per_row["put"] + nodes / owners * per_row["merge"]) / COPY_SPEEDUP
            sending = 8 * sent / (gigabits * 1e9 * NETWORK_SHARE) + 4 * per_call["call"]
            train = round_words / node
            seconds = max(train + copies + max(0.0, sending - train / AHEAD), driver)
            columns += [f"{nodes * round_words / seconds / 1e6:,.0f}", f"{100 * round_words / node / seconds:.0f}"]
        lines.append(columns)
    heads = [f"{what}, {gigabits} Gbit/s" for gigabits in GIGABITS for what in ("million words/s", "% of linear")]
    print(table(["nodes", "million words a round and node", *heads], lines))
    print("assumed:")
    print(
        f"  {args.words:,} words in {args.epochs} epochs, {args.vocabulary:,} distinct, by Zipf; {args.dim} dimensions"
    )
    print(f"  nodes of {NODE_CORES} cores like this one's, each at {100 * THREADS_SPEEDUP:.0f} % of its speed alone")
    print(f"  all threads of a node copy and add rows {COPY_SPEEDUP:g} times as fast as one does")
    print(f"  {100 * NETWORK_SHARE:.0f} % of the network's bits a second, at every node at once")
    print(f"  sending beside the training of 1/{AHEAD} of a round, copies and sums after it")
    print("  the driver's calls beside all of it")
    print("  neither scanning nor copies through the object store")


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(json.loads(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("overhead")
    sub.add_argument("--corpus", type=Path, required=True)
    sub.add_argument("--words", type=int, help="of the corpus; by default all")
    sub.add_argument("--workers", type=positive, default=2)
    sub.add_argument("--dim", type=positive, default=100)
    sub.add_argument("--epochs", type=positive, default=5)
    sub.add_argument("--round-words", type=positive)
    sub.add_argument("--repeats", type=positive, default=3)
    sub.set_defaults(run=overhead)
    for name, run in (("traffic", traffic), ("model", model)):
        sub = commands.add_parser(name)
        sub.add_argument("--vocabulary", type=positive, default=1_000_000)
        sub.add_argument("--dim", type=positive, default=300)
        sub.add_argument("--words", type=positive, default=10_000_000_000)
        sub.add_argument("--epochs", type=positive, default=5)
        sub.add_argument("--rounds", type=positive, default=200)
        sub.add_argument("--measured-words", type=positive, default=5_000_000)
        sub.add_argument("--round-words", type=positive)
        sub.add_argument("--repeats", type=positive, default=5)
        sub.set_defaults(run=run)
    args = parser.parse_args()
    print({**hardware(), **versions("fastsgns", "numpy", "ray"), "simd": SIMD}, flush=True)
    args.run(args)


if __name__ == "__main__":
    main()
