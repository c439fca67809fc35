"""fastsgns beside gensim and other programs, in turn, with the same settings and threads: speed, memory and quality.

    python benchmarks/compare.py simplewiki.txt.xz --threads 1 2 --dims 100 --repeats 3 \\
        --pairs wordsim353.tsv men3000.tsv --analogies questions-words.txt \\
        --peer word2vec=~/word2vec/word2vec --peer fasttext --simd avx2 --markdown compare.md --json compare.json

Every run is a fresh process. libraries.py tells how fastsgns and gensim are timed, peers.py what is asked of programs
built elsewhere and how their training is timed; their whole job is their process, the libraries' does not count
importing. Slow or fast, it ends with 0, and with 1 if a run failed: judge the ratios yourself, on a quiet machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import libraries
import peers
from _common import count_words, hardware, in_turn, plain_text, positive, run_child
from _results import Runs, add_outputs, check_outputs, good, new_document, write
from compare_report import markdown, plot, title
from libraries import GENSIM, MODES, SETTINGS

# Asked of another process: with fastsgns in this one, its memory would count to the peers' peak.
VARIANTS = "import json; from fastsgns.config import simd_variants; print(json.dumps({'names': simd_variants()}))"

Contender = Callable[[dict[str, Any]], dict[str, Any]]  # from the job to the run's figures, or {"error": ...}


def contenders(args: argparse.Namespace) -> dict[str, Contender]:
    """Who runs, by name. The first is what all others are compared with."""
    found: dict[str, Contender] = {}
    for simd in (None, *args.simd):
        for mode in args.modes:
            name = f"fastsgns {mode}" + (f" {simd}" if simd else "")
            found[name] = partial(libraries.train, simd=simd, contender=name, mode=mode)
    found |= {name: partial(libraries.train, contender=name) for name in args.gensim}
    return found | {name: partial(peers.train, name, program) for name, program in args.peer.items()}


def score(vectors: Path, args: argparse.Namespace) -> dict[str, Any]:
    """All vectors by the same evaluator, that of fastsgns: a score a file, or {"error": ...}."""
    if not args.pairs and not args.analogies:
        return {}
    command = ["-m", "fastsgns", "evaluate", str(vectors), "--json"]
    if args.pairs:
        command += ["--pairs", *map(str, args.pairs)]
    if args.analogies:
        command += ["--analogies", str(args.analogies)]
    found = run_child(command)
    if "error" in found:
        return found
    scores = {Path(file["file"]).stem: 100 * file["spearman"] for file in found["pairs"]}
    if args.analogies:
        scores[args.analogies.stem] = 100 * found["analogies"]["accuracy"]
    return {"scores": scores}


def compare(corpus: Path, words: int, dim: int, threads: int, args: argparse.Namespace) -> dict[str, Runs]:
    """All contenders in turn, `repeats` times."""
    found = contenders(args)
    runs: dict[str, Runs] = {name: [] for name in found}
    for repeat, name in in_turn(list(found), args.repeats):
        settings = {key: getattr(args, key) for key in SETTINGS}
        settings |= {"vector_size": dim, "workers": threads, "seed": 1 + repeat}
        with tempfile.TemporaryDirectory() as folder:
            job: dict[str, Any] = {"corpus": str(corpus), "output": str(Path(folder) / "vectors"), "settings": settings}
            run = found[name](job)
            if "error" not in run:
                run["words_per_second"] = words * args.epochs / run["train_seconds"]
                run.update(score(Path(job["output"]), args))
        runs[name].append({"seed": 1 + repeat, **run})
        print("  " + one_run(name, run), file=sys.stderr, flush=True)
    return runs


def one_run(name: str, run: dict[str, Any]) -> str:
    if "error" in run:
        return f"{name}: FAILED\n{run['error']}"
    return (
        f"{name:21} train {run['train_seconds']:7.2f} s  all {run['total_seconds']:7.2f} s"
        f"  {run['words_per_second'] / 1e3:8,.0f} thousand words/s"
    )


def parse_peer(text: str) -> tuple[str, str | None]:
    name, _, program = text.partition("=")
    if name not in peers.PEERS:
        raise argparse.ArgumentTypeError(f"{name}: choose of {', '.join(peers.PEERS)}")
    return name, str(Path(program).expanduser().resolve()) if program else None


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="text, a sentence a line; .gz, .bz2, .xz are unpacked")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    parser.add_argument("--threads", type=positive, nargs="+", default=[hardware()["cores"]], metavar="N")
    parser.add_argument("--dims", type=positive, nargs="+", default=[100], metavar="N")
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES, help="ratios are to the first")
    parser.add_argument("--simd", nargs="+", default=[], metavar="NAME", help="kernel variants to run besides, as avx2")
    parser.add_argument("--gensim", nargs="*", default=list(GENSIM), choices=GENSIM, help="none: without gensim")
    parser.add_argument(
        "--peer", type=parse_peer, action="append", default=[], metavar="NAME[=PROGRAM]",
        help=f"{', '.join(peers.PEERS)}; without its program's path it is looked for on PATH; may be repeated",
    )  # fmt: skip
    parser.add_argument("--words", type=positive, metavar="N", help="only the first N words of the corpus")
    libraries.add_settings(parser)
    parser.add_argument("--pairs", type=Path, nargs="+", default=[], metavar="FILE", help="WordSim-353 or the like")
    parser.add_argument("--analogies", type=Path, metavar="FILE", help="questions-words.txt or the like")
    add_outputs(parser, plot="bars of training speed")
    args = parser.parse_args(argv)
    check_files(parser, args)
    check_outputs(parser, args)
    if args.simd and (unknown := set(args.simd) - set(run_child(["-c", VARIANTS]).get("names", args.simd))):
        parser.error(f"--simd {' '.join(unknown)}: no kernel variant that runs here; `fastsgns info` prints them")
    if len(dict(args.peer)) < len(args.peer):
        parser.error("--peer: the same one twice")
    args.peer = dict(args.peer)
    return args


def check_files(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """The corpus and the tests are there, and by their full names."""
    tests = [path for path in (*args.pairs, args.analogies) if path is not None]
    for path in (args.corpus, *tests):
        if not path.is_file():
            parser.error(f"{path}: no such file")
    if len({path.stem for path in tests}) < len(tests):
        parser.error("--pairs, --analogies: two files of one name would share a column")
    args.corpus = args.corpus.resolve()
    args.pairs = [path.resolve() for path in args.pairs]
    args.analogies = args.analogies and args.analogies.resolve()


def main() -> int:
    args = parse()
    settings = {key: getattr(args, key) for key in SETTINGS} | {"repeats": args.repeats, "corpus": args.corpus.name}
    document = new_document(settings, "fastsgns", "gensim", "numpy", "scipy")
    if args.gensim and document["versions"]["gensim"] is None:
        document["notes"].append("gensim is not installed (pip install '.[bench]'): left out")
        args.gensim = []
    missing = [name for name in ("pairs", "analogies") if not getattr(args, name)]
    document["notes"] += [f"--{name} FILE not given: not scored" for name in missing]
    document["base"] = next(iter(contenders(args)))
    with tempfile.TemporaryDirectory() as name:
        corpus = plain_text(args.corpus, Path(name), args.words)
        settings["words"] = count_words(corpus)
        for dim in args.dims:
            for threads in args.threads:
                result: dict[str, Any] = {"vector_size": dim, "threads": threads}
                print(title(result), file=sys.stderr, flush=True)
                result["runs"] = compare(corpus, settings["words"], dim, threads, args)
                document["results"].append(result)
                write(document, args, markdown)
    print(markdown(document), end="")
    if args.plot:
        plot(document, args.plot)
    every = [run for result in document["results"] for runs in result["runs"].values() for run in runs]
    return 1 if len(good(every)) < len(every) else 0


if __name__ == "__main__":
    sys.exit(main())
