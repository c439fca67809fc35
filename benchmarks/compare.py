"""fastsgns beside gensim, in turn, with the same settings and threads: seconds, memory and quality.

    python benchmarks/compare.py simplewiki.txt.xz --threads 1 2 --dims 100 --repeats 3 \\
        --pairs wordsim353.tsv --analogies questions-words.txt --json compare.json

Every run is a fresh process. Training seconds are those of `train` after `build_vocab`, in both libraries, measured
from outside; the whole job is reading, counting, training and saving as word2vec binary. Importing is not counted.
Slow or fast, it ends with 0: judge the ratios yourself, on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import hardware, peak_bytes, plain_text, run_child, spread, versions

SETTINGS = {"window": 5, "negative": 5, "epochs": 5, "min_count": 5, "sample": 1e-3, "alpha": 0.025, "min_alpha": 1e-4}
GENSIM = ("gensim corpus_file", "gensim iterable")

Runs = list[dict[str, Any]]


def train_once(job: dict[str, Any]) -> dict[str, Any]:
    """One training by one library, in this process."""
    settings, corpus = job["settings"], job["corpus"]
    extra: dict[str, Any] = {}
    source: dict[str, Any] = {"corpus_file": corpus}
    model: Any
    if job["contender"] in GENSIM:
        from gensim.models.word2vec import LineSentence, Word2Vec  # type: ignore

        if job["contender"] == "gensim iterable":
            source = {"corpus_iterable": LineSentence(corpus)}
        model = Word2Vec(sg=1, hs=0, **settings)
    else:
        import fastsgns

        model = fastsgns.Word2Vec(negative_sharing=job["mode"], **settings)
    start = time.perf_counter()
    model.build_vocab(**source)
    scanned = time.perf_counter()
    if job["contender"] in GENSIM:
        source |= {"total_examples": model.corpus_count, "total_words": model.corpus_total_words}
    model.train(**source, epochs=settings["epochs"])
    trained = time.perf_counter()
    model.wv.save_word2vec_format(job["output"], binary=True)
    saved = time.perf_counter()
    if job["contender"] not in GENSIM:
        extra = {"simd": model.report["simd"], "loss": model.report["loss"]}
    return {
        "scan_seconds": scanned - start,
        "train_seconds": trained - scanned,
        "save_seconds": saved - trained,
        "total_seconds": saved - start,
        "words_per_second": model.corpus_total_words * settings["epochs"] / (trained - scanned),
        "corpus_words": model.corpus_total_words,
        "vocab_size": len(model.wv),
        "peak_rss_bytes": peak_bytes(),
        **extra,
    }


def score(vectors: Path, args: argparse.Namespace) -> dict[str, float]:
    """Both libraries' vectors by the same evaluator: that of fastsgns."""
    if not args.pairs and not args.analogies:
        return {}
    command = ["-m", "fastsgns", "evaluate", str(vectors), "--json"]
    if args.pairs:
        command += ["--pairs", str(args.pairs)]
    if args.analogies:
        command += ["--analogies", str(args.analogies)]
    found = run_child(command)
    if "error" in found:
        print(f"  evaluation failed: {found['error']}", file=sys.stderr)
        return {}
    scores = {}
    if args.pairs:
        scores["spearman"] = 100 * found["pairs"][0]["spearman"]
    if args.analogies:
        scores["analogies"] = 100 * found["analogies"]["accuracy"]
    return scores


def compare(corpus: Path, folder: Path, dim: int, threads: int, args: argparse.Namespace) -> dict[str, Runs]:
    """All contenders in turn, `repeats` times; the order turns too, so that no drift of the machine favours one."""
    contenders = [f"fastsgns {mode}" for mode in args.modes] + list(args.gensim)
    runs: dict[str, Runs] = {name: [] for name in contenders}
    for repeat in range(args.repeats):
        for i in range(len(contenders)):
            name = contenders[(i + repeat) % len(contenders)]
            job = {
                "contender": name,
                "mode": name.partition(" ")[2],
                "corpus": str(corpus),
                "output": str(folder / "vectors.bin"),
                "settings": {
                    **{key: getattr(args, key) for key in SETTINGS},
                    "vector_size": dim, "workers": threads, "seed": 1 + repeat,
                },
            }  # fmt: skip
            run = run_child([str(Path(__file__).resolve()), "--child", json.dumps(job)])
            if "error" not in run:
                run.update(score(folder / "vectors.bin", args))
            runs[name].append({"seed": 1 + repeat, **run})
            print("  " + one_run(name, run), flush=True)
    return runs


def one_run(name: str, run: dict[str, Any]) -> str:
    if "error" in run:
        return f"{name}: FAILED\n{run['error']}"
    return (
        f"{name:19} scan {run['scan_seconds']:6.2f} s  train {run['train_seconds']:7.2f} s"
        f"  all {run['total_seconds']:7.2f} s  {run['words_per_second'] / 1e3:8,.0f} thousand words/s"
    )


def print_table(runs: dict[str, Runs]) -> None:
    """A row a contender: medians, and ratios to the fastsgns mode named in the heading."""
    good = {name: [run for run in found if "error" not in run] for name, found in runs.items()}

    def column(name: str, key: str, unit: float = 1.0) -> list[float]:
        return [run[key] / unit for run in good[name] if run.get(key) is not None]

    base = next(iter(runs))  # the first mode
    print(f"\n| | train s | whole job s | train / {base} | whole / {base} | peak MB | Spearman | analogies |")
    print("|---|---|---|---|---|---|---|---|")
    for name in runs:
        cells = [
            spread(column(name, "train_seconds"), 2),
            spread(column(name, "total_seconds"), 2),
            spread(ratios(runs[name], runs[base], "train_seconds"), 2),
            spread(ratios(runs[name], runs[base], "total_seconds"), 2),
            spread(column(name, "peak_rss_bytes", 1e6), 0),
            spread(column(name, "spearman")),
            spread(column(name, "analogies")),
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def ratios(slow: Runs, fast: Runs, key: str) -> list[float]:
    """Run by run, of the same repeat, so that slow minutes of the machine weigh on both."""
    return [a[key] / b[key] for a, b in zip(slow, fast, strict=True) if key in a and key in b]


def print_heading(machine: dict[str, Any], found: dict[str, str | None], args: argparse.Namespace) -> None:
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB" if machine["memory_bytes"] else "?"
    print(f"{machine['cpu']}, {machine['cores']} cores, {memory}, load {machine['load_at_start']}, {machine['system']}")
    print(", ".join(f"{name} {number or 'not installed'}" for name, number in found.items()))
    print(", ".join(f"{key} {getattr(args, key)}" for key in SETTINGS))
    for option, what in (("pairs", "no Spearman"), ("analogies", "no analogies")):
        if not getattr(args, option):
            print(f"note: --{option} FILE not given: {what}")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?", help="text, a sentence a line; .gz, .bz2, .xz are unpacked")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    parser.add_argument("--threads", type=int, nargs="+", default=[hardware()["cores"]], metavar="N")
    parser.add_argument("--dims", type=int, nargs="+", default=[100], metavar="N")
    parser.add_argument("--modes", nargs="+", default=["group", "window", "pair"], choices=["group", "window", "pair"])
    parser.add_argument("--gensim", nargs="*", default=list(GENSIM), choices=GENSIM, help="none: fastsgns alone")
    parser.add_argument("--words", type=int, metavar="N", help="only the first N words of the corpus")
    for name, default in SETTINGS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, metavar="X")
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="WordSim-353 or the like")
    parser.add_argument("--analogies", type=Path, metavar="FILE", help="questions-words.txt or the like")
    parser.add_argument("--json", type=Path, metavar="OUT", help="every run, with machine and versions")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    for name in ("corpus", "pairs", "analogies"):
        path = getattr(args, name)
        if path is not None and not path.is_file():
            parser.error(f"{path}: no such file")
        setattr(args, name, path and path.resolve())
    if args.corpus is None and args.child is None:
        parser.error("which CORPUS?")
    return args


def main() -> int:
    args = parse()
    if args.child:
        print(json.dumps(train_once(json.loads(args.child))))
        return 0
    machine, found = hardware(), versions("fastsgns", "gensim", "numpy", "scipy")
    print_heading(machine, found, args)
    if found["gensim"] is None:
        print("note: gensim is not installed (pip install 'gensim>=4.4'): fastsgns alone")
        args.gensim = []
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = plain_text(args.corpus, folder, args.words)
        for dim in args.dims:
            for threads in args.threads:
                print(f"\n{args.corpus.name}, {dim} dimensions, {threads} thread{'s' * (threads != 1)}", flush=True)
                runs = compare(corpus, folder, dim, threads, args)
                results.append({"vector_size": dim, "threads": threads, "runs": runs})
                sample = next((run for found in runs.values() for run in found if "simd" in run), None)
                if sample:
                    print(
                        f"\n{sample['corpus_words']:,} words, {sample['vocab_size']:,} distinct and kept;"
                        f" fastsgns variant {sample['simd']}; median [least-most] of {args.repeats}"
                    )
                print_table(runs)
    if args.json:
        settings = {key: getattr(args, key) for key in SETTINGS} | {"words": args.words, "corpus": args.corpus.name}
        document = {"hardware": machine, "versions": found, "settings": settings, "results": results}
        args.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    failed = [run for result in results for runs in result["runs"].values() for run in runs if "error" in run]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
