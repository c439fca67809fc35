"""How good vectors are that several workers have trained, beside those of one machine.

    python benchmarks/distributed_quality.py --corpus simplewiki.txt.xz --analogies questions-words.txt \
        --pairs wordsim353.tsv men3000.tsv --workers 1 2 4 8 --seeds 1 2 3 --json quality.json
    python benchmarks/distributed_quality.py ... --workers 1 4 --words 6_000_000 12_000_000 24_000_000 --plot sizes.png

The workers are those of `fastsgns.distributed`, with a thread each, in one process and without a network: what they
learn is the same, how fast tells nothing. One worker is `Word2Vec` itself. Analogies are asked among the 30,000 most
frequent words. Scores are times 100, means over seeds, with their standard deviation; judge none by one seed.
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

from _common import hardware, plain_text, positive, versions
from _local_cluster import LocalCluster
from _results import table

from fastsgns import Word2Vec
from fastsgns.clusterrun import ClusterRun
from fastsgns.config import SIMD
from fastsgns.distributed import SHARES_A_WORKER, prepare
from fastsgns.shares import cut


def trained(text: Path, workers: int, seed: int, args: argparse.Namespace) -> Word2Vec:
    parameters = {"vector_size": args.dim, "epochs": args.epochs, "seed": seed, "min_count": args.min_count}
    if workers == 1:
        return Word2Vec(corpus_file=text, **parameters)
    model = Word2Vec(**parameters)
    cluster: Any = LocalCluster(workers)
    sizes = prepare(model, cluster, cut(text, None, SHARES_A_WORKER * workers, workers))
    ClusterRun(model, cluster, sizes, args.round_words).run()
    return model


def scores(model: Word2Vec, args: argparse.Namespace) -> dict[str, float]:
    found = {Path(path).stem: 100 * float(model.wv.evaluate_word_pairs(path)[1][0]) for path in args.pairs}
    if args.analogies:
        found["analogies"] = 100 * float(model.wv.evaluate_word_analogies(args.analogies, restrict_vocab=30_000)[0])
    return found


def summary(runs: list[dict[str, Any]]) -> str:
    names = sorted(runs[0]["scores"])
    rows = []
    for words, workers in dict.fromkeys((run["words"], run["workers"]) for run in runs):
        same = [run for run in runs if (run["words"], run["workers"]) == (words, workers)]
        texts = [mean_and_deviation([run["scores"][name] for run in same]) for name in names]
        rows.append([f"{words:,}", workers, same[0]["rounds"] or "-", *texts, f"{same[0]['loss']:.4f}", len(same)])
    return table(["words", "workers", "rounds", *names, "loss", "seeds"], rows)


def mean_and_deviation(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def plot(runs: list[dict[str, Any]], path: str) -> None:
    """What is lost to one worker, by words of the corpus, a line a number of workers."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = sorted(runs[0]["scores"])
    figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 3.2), sharey=True, squeeze=False)

    def mean(words: int, workers: int, name: str) -> float:
        return statistics.mean(r["scores"][name] for r in runs if (r["words"], r["workers"]) == (words, workers))

    sizes = sorted({run["words"] for run in runs})
    for axis, name in zip(axes[0], names, strict=True):
        for workers in sorted({run["workers"] for run in runs} - {1}):
            lost = [mean(words, 1, name) - mean(words, workers, name) for words in sizes]
            axis.plot([words / 1e6 for words in sizes], lost, "o-", label=f"{workers} workers")
        axis.axhline(0, color="gray", linewidth=0.8)
        axis.set(title=name, xlabel="million words")
    axes[0][0].set_ylabel("points below one process")
    axes[0][-1].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--analogies")
    parser.add_argument("--pairs", nargs="+", default=[])
    parser.add_argument("--workers", type=positive, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--words", type=int, nargs="+", help="of the corpus, from its beginning; by default all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--round-words", type=positive, help="by default what distributed.train takes")
    parser.add_argument("--dim", type=positive, default=100)
    parser.add_argument("--epochs", type=positive, default=5)
    parser.add_argument("--min-count", type=positive, default=5)
    parser.add_argument("--json", metavar="FILE", help="every run, with machine and versions")
    parser.add_argument("--plot", metavar="FILE", help="what is lost by the size of the corpus; needs matplotlib")
    args = parser.parse_args()
    if not args.pairs and not args.analogies:
        parser.error("nothing to score by: give --analogies, --pairs or both")
    machine = {**hardware(), **versions("fastsgns", "numpy"), "simd": SIMD}
    print(machine, flush=True)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in args.seeds:
            for words in args.words or [None]:
                text = plain_text(args.corpus, Path(folder), words)
                for workers in args.workers:
                    start = time.perf_counter()
                    model = trained(text, workers, seed, args)
                    run = {
                        "seed": seed, "workers": workers, "words": model.corpus_total_words,
                        "rounds": model.report.get("cluster", {}).get("rounds"),
                        "loss": model.loss_history[-1], "scores": scores(model, args),
                        "seconds": time.perf_counter() - start,
                    }  # fmt: skip
                    runs.append(run)
                    print(json.dumps(run), file=sys.stderr, flush=True)
    print(summary(runs))
    if args.json:
        Path(args.json).write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    if args.plot:
        plot(runs, args.plot)


if __name__ == "__main__":
    main()
