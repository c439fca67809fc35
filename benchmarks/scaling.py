"""How training speed and memory depend on the number of threads, of distinct words, or of words.

    python benchmarks/scaling.py threads --threads 1 2 4 8 --modes group pair --dims 100 300 --json threads.json
    python benchmarks/scaling.py vocabulary --dims 300 --gensim --markdown vocabulary.md
    python benchmarks/scaling.py words --words 1_000_000 100_000_000 --epochs 5

One of the three is swept over the values of its option, the others are held at one value each. Texts are made up:
Zipf's law, sentences of 20 numbers of a topic each, and every word of the vocabulary at least once, strewn evenly: much
of the text where its words are not many more than its distinct ones. Both libraries read the same file. Every run is a
fresh process; all cases take turns in each repeat. Real text, and scores beside speed, are compare.py's.

Memory is the process's peak less both matrices, padding and all, beside what fastsgns is allowed: 4 bytes a word of the
text, 200 a distinct word and 64 MB; and less what the process held when all was imported, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import libraries
from _common import check_memory, hardware, in_turn, positive, zipf_ids
from _results import (
    Document,
    Runs,
    add_outputs,
    check_outputs,
    column,
    failed,
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

SWEEPS = {"threads": "thread", "vocabulary": "distinct word", "words": "word"}
SETTINGS = tuple(name for name in libraries.SETTINGS if name != "min_count")  # that is 1: all words count
GENSIM = "gensim corpus_file"
TOPICS = 50
SENTENCES_A_BLOCK = 50_000

Case = dict[str, Any]


def write_text(path: Path, words: int, vocabulary: int) -> None:
    """The ids as numbers, a sentence a line."""
    ids = zipf_ids(words, vocabulary, seed=1, topics=min(TOPICS, vocabulary))
    with path.open("w", encoding="ascii", newline="\n") as out:
        for start in range(0, len(ids), SENTENCES_A_BLOCK):
            block = ids[start : start + SENTENCES_A_BLOCK].tolist()
            out.writelines(" ".join(map(str, sentence)) + "\n" for sentence in block)


def contenders(args: argparse.Namespace) -> list[str]:
    """Who runs; the first is what all others are compared with."""
    return [f"fastsgns {mode}" for mode in args.modes] + [GENSIM] * args.gensim


def cases(args: argparse.Namespace) -> list[Case]:
    """What to run, as the tables' rows are ordered."""
    held = {name: getattr(args, name)[0] for name in SWEEPS}
    return [
        {"vector_size": dim, **held, "contender": name, args.sweep: value, "runs": []}
        for dim in args.dims
        for name in contenders(args)
        for value in getattr(args, args.sweep)
    ]


def run_case(case: Case, text: Path, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """One training, with its speed and its memory beside the matrices."""
    settings = {name: getattr(args, name) for name in SETTINGS}
    settings |= {"min_count": 1, "vector_size": case["vector_size"], "workers": case["threads"], "seed": seed}
    job = {"corpus": str(text), "contender": case["contender"], "settings": settings}
    run = libraries.train(job, mode=case["contender"].partition(" ")[2])
    if "error" in run:
        return run
    run["words_per_second"] = run["corpus_words"] * args.epochs / run["train_seconds"]
    if run["peak_rss_bytes"] is not None:
        run["beyond_matrices_bytes"] = run["peak_rss_bytes"] - run["matrix_bytes"]
        run["beyond_imports_bytes"] = run["beyond_matrices_bytes"] - run["imported_rss_bytes"]
    if "kept_words" in run:
        run["allowed_bytes"] = 4 * run["kept_words"] + 200 * run["vocab_size"] + 64_000_000
        run["last_loss"] = run["loss"][-1]
        run["nanoseconds_per_pair"] = 1e9 * run["train_seconds"] / run["pairs"] if run["pairs"] else None
    return run


def measure(document: Document, args: argparse.Namespace) -> None:
    """All cases in turn, `repeats` times; each text is written once."""
    with tempfile.TemporaryDirectory() as folder:
        for repeat, case in in_turn(document["results"], args.repeats):
            text = Path(folder) / f"{case['vocabulary']}-{case['words']}.txt"
            if not text.exists():
                write_text(text, case["words"], case["vocabulary"])
            run = run_case(case, text, 1 + repeat, args)
            case["runs"].append({"seed": 1 + repeat, **run})
            said = run.get("error") or f"{run['words_per_second'] / 1e3:,.0f} thousand words/s"
            print(f"  {label(case, args.sweep)}: {said}", file=sys.stderr, flush=True)
            write(document, args, markdown)


def label(case: Case, sweep: str) -> str:
    return f"{case['contender']}, {plural(case['vector_size'], 'dimension')}, {plural(case[sweep], SWEEPS[sweep])}"


def markdown(document: Document) -> str:
    """What ran where, and a table for each number of dimensions."""
    settings, results = document["settings"], document["results"]
    sweep = settings["sweep"]
    native = first_native(case["runs"] for case in results)
    held = [plural(results[0][name], what) for name, what in SWEEPS.items() if name != sweep]
    lines = opening(
        document,
        f"Training by the number of {SWEEPS[sweep]}s",
        f"made-up text; held at {', '.join(held)}",
        f"kernel variant of fastsgns: {native.get('simd', 'unknown')}",
        ", ".join(f"{name} {settings[name]}" for name in SETTINGS),
    )
    lines.append(f"Median [least-most] of {settings['repeats']}, all in turn, each in a process of its own.")
    for dim in dict.fromkeys(case["vector_size"] for case in results):
        here = [case for case in results if case["vector_size"] == dim]
        lines += ["", f"## {plural(dim, 'dimension')}", sweep_table(here, sweep)]
        lines += failures({label(case, sweep): case["runs"] for case in here})
    return "\n".join(lines) + "\n"


def sweep_table(here: list[Case], sweep: str) -> str:
    """A row a case. Ratios are run by run, to the contender's own first row, and to the first contender's same one."""
    base, first = here[0]["contender"], here[0][sweep]
    alone = all(case["contender"] == base for case in here)
    found: dict[tuple[str, int], Runs] = {(case["contender"], case[sweep]): case["runs"] for case in here}
    rows = []
    for (name, value), runs in found.items():
        row = {
            "": failed(name, runs),
            f"{SWEEPS[sweep]}s": f"{value:,}",
            "thousand words/s": spread(column(runs, "words_per_second", 1e3), 0),
        }
        if sweep == "threads":
            gains = ratios(found[name, first], runs, "train_seconds")
            row[f"speed-up over {plural(first, 'thread')}"] = spread(gains, 2)
            row["efficiency, %"] = spread([100 * gain * first / value for gain in gains], 0)
            row["loss"] = spread(column(runs, "last_loss"), 4)
        row["ns a pair"] = spread(column(runs, "nanoseconds_per_pair"), 0)
        if not alone:
            row[f"training, times {base}"] = spread(ratios(runs, found[base, value], "train_seconds"), 2)
        if sweep != "threads":
            row["peak MB"] = spread(column(runs, "peak_rss_bytes", 1e6), 0)
            row["beyond matrices, MB"] = spread(column(runs, "beyond_matrices_bytes", 1e6), 0)
            row["allowed, MB"] = spread(column(runs, "allowed_bytes", 1e6)[:1], 0)  # the same in every run
            row["beyond imports too, MB"] = spread(column(runs, "beyond_imports_bytes", 1e6), 0)
        rows.append(row)
    return table(list(rows[0]), [list(row.values()) for row in rows])


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = hardware()["cores"]
    swept = {
        "threads": [*(2**i for i in range(cores.bit_length()) if 2**i < cores), cores],
        "vocabulary": [10_000, 100_000, 1_000_000, 2_000_000],
        "words": [1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000],
    }
    held = {"threads": cores, "vocabulary": 100_000, "words": 10_000_000}
    parser.add_argument("sweep", choices=list(SWEEPS), help="what is varied")
    for name, what in SWEEPS.items():
        text = f"{what}s; swept, by default {' '.join(map(str, swept[name]))}, else {held[name]}"
        parser.add_argument(f"--{name}", type=positive, nargs="+", metavar="N", help=text)
    parser.add_argument("--dims", type=positive, nargs="+", default=[100], metavar="N")
    parser.add_argument(
        "--modes", nargs="+", default=["group"], choices=libraries.MODES, help="ratios are to the first"
    )
    parser.add_argument("--gensim", action="store_true", help="besides, in turn, on the same texts")
    libraries.add_settings(parser, SETTINGS)
    parser.set_defaults(epochs=1)
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    add_outputs(parser)
    args = parser.parse_args(argv)
    for name in SWEEPS:
        given = getattr(args, name) or (swept[name] if name == args.sweep else [held[name]])
        if name != args.sweep and len(given) > 1:
            parser.error(f"--{name} {' '.join(map(str, given))}: one value, as it is {args.sweep} that is swept")
        setattr(args, name, given)
    for name in (*SWEEPS, "dims", "modes"):
        setattr(args, name, list(dict.fromkeys(getattr(args, name))))  # each once
    most, least = max(args.vocabulary), min(args.words)
    if least < most:
        parser.error(f"--words {least}: too few for --vocabulary {most}, as each of its words occurs")
    check_memory(parser, most, max(args.dims))
    check_outputs(parser, args)
    if args.gensim and find_spec("gensim") is None:
        parser.error("--gensim: not installed; pip install '.[bench]'")
    return args


def main() -> int:
    args = parse()
    names = ("sweep", *SWEEPS, "dims", "modes", "gensim", *SETTINGS, "repeats")
    document = new_document({name: getattr(args, name) for name in names}, "fastsgns", "gensim", "numpy")
    document["results"] = cases(args)
    measure(document, args)
    print(markdown(document), end="")
    return 1 if any("error" in run for case in document["results"] for run in case["runs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
