"""What one training pair costs as the vocabulary grows: O(V) by the full softmax, O(K) by negative sampling.

    python benchmarks/softmax.py --json softmax.json --plot softmax.png
    python benchmarks/softmax.py --vocabulary 1000 30_000 --dim 300 --negative 15 --repeats 5

Both steps stand below in NumPy, so that the language favours neither: one step of stochastic gradient descent for one
pair, float32, one thread. Drawing the noise words counts, drawing the pairs does not. Beside them, what fastsgns takes
with one thread: `report["train_seconds"] / report["pairs"]`, its preparations counted, of which the noise table is O(V)
once a training. Slopes are fitted to the logarithms of the medians: 1 is proportional to V, 0 independent of it; what
NumPy takes for each call, however small, flattens the beginning. Vocabularies beyond the caches cost each row more.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _common import ZIPF_SHIFT, check_memory, in_turn, positive, run_child, zipf_ids
from _results import (
    Document,
    Runs,
    add_outputs,
    check_outputs,
    column,
    failures,
    first_native,
    new_document,
    opening,
    plural,
    ratios,
    spread,
    table,
    write,
)
from libraries import MODES, train_on_ids
from numpy.typing import NDArray

SOFTMAX, NEGATIVE = "full softmax, NumPy", "negative sampling, NumPy"
COLORS = {
    SOFTMAX: "#c02020", NEGATIVE: "#b35900",
    "fastsgns pair": "#7a4fa3", "fastsgns window": "#2a7f62", "fastsgns group": "#1f77b4",
}  # fmt: skip
LEARNING_RATE = np.float32(0.025)
BLOCK = 1024  # output vectors updated at once: their product with the input vector stays in the cache
LEAST_WORDS = 200_000  # of fastsgns' text
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # NumPy's own would take all

Matrix = NDArray[np.float32]


def softmax_step(inputs: Matrix, outputs: Matrix, center: int, context: int) -> None:
    """One step down -log p(context | center), where p is the softmax of all V logits: every output vector moves."""
    vector = inputs[center]
    error = outputs @ vector  # the logits, shape (V,); in place from here on
    error -= error.max()
    np.exp(error, out=error)
    error /= error.sum()
    error[context] -= 1  # the loss's derivative by each logit
    change = error @ outputs
    error *= LEARNING_RATE
    for start in range(0, len(outputs), BLOCK):
        outputs[start : start + BLOCK] -= np.multiply.outer(error[start : start + BLOCK], vector)
    vector -= LEARNING_RATE * change


def negative_step(inputs: Matrix, outputs: Matrix, center: int, rows: NDArray[np.int64]) -> None:
    """One step down -log s(u_o . v_c) - sum_k log s(-u_k . v_c); rows are the context o, then K noise words k."""
    vector = inputs[center]
    chosen = outputs[rows]
    error = 1 / (1 + np.exp(-(chosen @ vector)))
    error[0] -= 1
    error *= LEARNING_RATE
    np.subtract.at(outputs, rows, np.multiply.outer(error, vector))  # a row drawn twice moves twice
    vector -= error @ chosen


def numpy_cost(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a pair by one of the two steps, over as many pairs as fill the time."""
    vocabulary, dim = job["vocabulary"], job["dim"]
    rng = np.random.default_rng(job["seed"])
    inputs, outputs = ((rng.random((vocabulary, dim), np.float32) - np.float32(0.5)) / np.float32(dim) for _ in "io")
    cumulative = np.cumsum((np.arange(vocabulary) + ZIPF_SHIFT) ** -0.75)
    cumulative /= cumulative[-1]

    def run(pairs: int) -> float:
        ids = zipf_ids(pairs + 1, vocabulary, job["seed"]).ravel()[: pairs + 1].astype(np.int64)
        start = time.perf_counter()
        if job["kind"] == SOFTMAX:
            for center, context in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
                softmax_step(inputs, outputs, center, context)
        else:
            noise = np.searchsorted(cumulative, rng.random((pairs, job["negative"])), side="right")
            for center, rows in zip(ids[:-1].tolist(), np.column_stack([ids[1:], noise]), strict=True):
                negative_step(inputs, outputs, center, rows)
        return time.perf_counter() - start

    pairs, seconds = until(job["seconds"], run)
    return {"pairs": pairs, "seconds_per_pair": seconds / pairs}


def until(seconds: float, run: Callable[[int], float]) -> tuple[int, float]:
    """The first of 1, 2, 4, 8 ... pairs that fill the time, and what they took; one pair goes before, to warm up."""
    run(1)
    pairs = 1
    while (taken := run(pairs)) < seconds:
        pairs *= 2
    return pairs, taken


def fastsgns_cost(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a pair by the package, on text as frequent as the pairs of `numpy_cost` are."""
    ids = zipf_ids(max(4 * job["vocabulary"], LEAST_WORDS), job["vocabulary"], job["seed"])
    report = train_on_ids(
        ids, job["seconds"],
        vector_size=job["dim"], negative=job["negative"], negative_sharing=job["kind"].split()[1], seed=job["seed"],
    )  # fmt: skip
    cost = report["train_seconds"] / report["pairs"]
    return {"pairs": report["pairs"], "seconds_per_pair": cost, "simd": report["simd"]}


def measure(document: Document, args: argparse.Namespace) -> None:
    """All kinds at all sizes in turn, `repeats` times, each in a process of its own."""
    script = str(Path(__file__).resolve())
    for repeat, case in in_turn(document["results"], args.repeats):
        job = {key: case[key] for key in ("kind", "vocabulary")}
        job |= {"dim": args.dim, "negative": args.negative, "seconds": args.seconds, "seed": 1 + repeat}
        run = run_child([script, "--child", json.dumps(job)], **ONE_THREAD)
        case["runs"].append({"seed": 1 + repeat, **run})
        said = run.get("error") or f"{1e6 * run['seconds_per_pair']:,.3f} microseconds a pair"
        print(f"  {case['kind']}, {case['vocabulary']:,} words: {said}", file=sys.stderr, flush=True)
        write(document, args, markdown)


def curves(document: Document) -> dict[str, dict[int, Runs]]:
    """The runs of each kind by vocabulary size."""
    found: dict[str, dict[int, Runs]] = {}
    for case in document["results"]:
        found.setdefault(case["kind"], {})[case["vocabulary"]] = case["runs"]
    return found


def points(curve: dict[int, Runs]) -> list[tuple[int, float]]:
    """Sizes, and the median of microseconds a pair, where any run went well."""
    costs = {size: column(runs, "seconds_per_pair", 1e-6) for size, runs in curve.items()}
    return [(size, statistics.median(cost)) for size, cost in costs.items() if cost]


def slope(curve: dict[int, Runs]) -> float | None:
    """By how many powers of ten the cost grows while the vocabulary grows by one, least squares; None of one point."""
    logs = [(math.log10(size), math.log10(cost)) for size, cost in points(curve)]
    return statistics.linear_regression(*zip(*logs, strict=True)).slope if len(logs) > 1 else None


def markdown(document: Document) -> str:
    """What ran where, a row a vocabulary size, and the slopes below."""
    settings, found = document["settings"], curves(document)
    native = first_native(case["runs"] for case in document["results"])
    lines = opening(
        document,
        f"A training pair's cost: {plural(settings['dim'], 'dimension')}, {plural(settings['negative'], 'noise word')}",
        f"one thread; kernel variant of fastsgns: {native.get('simd', 'unknown')}",
    )
    lines.append(f"Microseconds a pair, median [least-most] of {settings['repeats']}, each in a process of its own.")
    rows: list[list[str]] = []
    for size in settings["vocabulary"]:
        costs = [spread(column(curve[size], "seconds_per_pair", 1e-6), 3) for curve in found.values()]
        dearer = ratios(found[SOFTMAX][size], found[NEGATIVE][size], "seconds_per_pair")
        rows.append([f"{size:,}", *costs, spread(dearer, 0)])
    fitted = [slope(curve) for curve in found.values()]
    rows.append(["slope, log-log", *("-" if value is None else f"{value:.2f}" for value in fitted), ""])
    lines.append(table(["distinct words", *found, "softmax, times negative sampling"], rows))
    lines += failures({f"{case['kind']}, {case['vocabulary']:,} words": case["runs"] for case in document["results"]})
    return "\n".join(lines) + "\n"


def plot(document: Document, target: Path) -> None:
    """A curve a kind, both axes logarithmic, each labelled with its slope at its right end."""
    from matplotlib.figure import Figure

    settings, drawn = document["settings"], curves(document)
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    ends: list[tuple[float, int, str]] = []
    for kind, curve in drawn.items():
        if marks := points(curve):
            axes.loglog(*zip(*marks, strict=True), marker="o", color=COLORS[kind])
            ends.append((marks[-1][1], marks[-1][0], kind))
    low, high = axes.get_ylim()
    free = low
    for cost, size, kind in sorted(ends):  # upwards, none closer to the one below than its two lines are high
        free = max(cost, free * (high / low) ** 0.075)
        text = kind if (fitted := slope(drawn[kind])) is None else f"{kind}\nslope {fitted:.2f}"
        axes.annotate(
            text, (size, free), (10, 0), textcoords="offset points", va="center", fontsize=9, color=COLORS[kind]
        )
    axes.set_xlabel("distinct words in the vocabulary, V")
    axes.set_ylabel("microseconds a training pair")
    axes.set_title(
        f"Cost of a training pair: {plural(settings['dim'], 'dimension')}, "
        f"{plural(settings['negative'], 'noise word')}, one thread\n{document['hardware']['cpu']}",
        fontsize=11,
    )
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=150, bbox_inches="tight", pad_inches=0.15)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    parser.add_argument("--vocabulary", type=positive, nargs="+", default=sizes, metavar="N", help="two sizes or more")
    parser.add_argument("--dim", type=positive, default=100, metavar="N")
    parser.add_argument("--negative", type=positive, default=5, metavar="N", help="noise words, K; %(default)s")
    parser.add_argument(
        "--modes", nargs="*", default=["pair", "group"], choices=MODES, help="of fastsgns; none: without"
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="at least, a measurement; default %(default)s")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    add_outputs(parser, plot="the curves")
    args = parser.parse_args(argv)
    args.vocabulary = sorted(set(args.vocabulary))
    if len(args.vocabulary) < 2:
        parser.error("--vocabulary: give two sizes at least, a slope is fitted")
    if args.vocabulary[0] < 2:
        parser.error(f"--vocabulary {args.vocabulary[0]}: there is nothing to tell apart")
    if not 0 < args.seconds < math.inf:
        parser.error(f"--seconds {args.seconds}: must be positive")
    check_memory(parser, args.vocabulary[-1], args.dim)
    check_outputs(parser, args)
    return args


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        job = json.loads(sys.argv[2])
        print(json.dumps(numpy_cost(job) if job["kind"] in (SOFTMAX, NEGATIVE) else fastsgns_cost(job)))
        return 0
    args = parse()
    names = ("vocabulary", "dim", "negative", "modes", "seconds", "repeats")
    document = new_document({name: getattr(args, name) for name in names}, "fastsgns", "numpy")
    kinds = (SOFTMAX, NEGATIVE, *(f"fastsgns {mode}" for mode in dict.fromkeys(args.modes)))
    document["results"] = [{"kind": kind, "vocabulary": size, "runs": []} for kind in kinds for size in args.vocabulary]
    measure(document, args)
    print(markdown(document), end="")
    if args.plot:
        plot(document, args.plot)
    return 1 if any("error" in run for case in document["results"] for run in case["runs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
