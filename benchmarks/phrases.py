"""How fast phrases are counted in a text file, and the file rewritten with them joined, beside gensim.

    python benchmarks/phrases.py simplewiki.txt --passes 2 --connector-words --json phrases.json

The second pass works on the text of the first one. Every run is a fresh process, all take turns, and each reads and
writes files from and to the system's cache; importing does not count. Times are those of counting (`Phrases`), of
finding (`export_phrases`) and of rewriting: by `Phrases`, and by `FrozenPhrases`, which gensim recommends for speed.
gensim reads by LineSentence and writes lines with `" ".join`. Whether all have found the same phrases and written the
same text is told below the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from _common import hardware, in_turn, peak_bytes, plain_text, positive, run_child, zipf_ids
from _results import (
    Document,
    add_outputs,
    check_outputs,
    column,
    failed,
    failures,
    good,
    new_document,
    opening,
    plural,
    ratios,
    spread,
    table,
    write,
)

GENSIM = "gensim"
TIMES = {
    "count_seconds": "count",
    "export_seconds": "find",
    "rewrite_seconds": "rewrite",
    "frozen_seconds": "rewrite, frozen",
}
SETTINGS = ("min_count", "threshold", "scoring", "connector_words", "passes")
VOCABULARY = 30_000  # of made-up text
COMPOUNDS = 300


def work_here(job: dict[str, Any]) -> dict[str, Any]:
    """One library's passes in this process: seconds, counts and a digest of what came out of each."""
    source, passes = Path(job["corpus"]), []
    for number in range(job["passes"]):
        folder = Path(job["folder"])
        targets = folder / f"pass{number}", folder / f"pass{number}-frozen"
        passes.append(one_pass(job, str(source), *map(str, targets)))
        digests = [hashlib.sha256(target.read_bytes()).hexdigest() for target in targets]
        passes[-1] |= {"text": digests[0], "frozen_text": digests[1]}
        source = targets[0]
    return {"passes": passes, "peak_rss_bytes": peak_bytes()}


def one_pass(job: dict[str, Any], source: str, target: str, frozen_target: str) -> dict[str, Any]:
    options = {name: job[name] for name in ("min_count", "threshold", "scoring")}
    marks = [time.perf_counter()]
    phrases: Any
    if job["contender"] == GENSIM:
        from gensim.models.phrases import ENGLISH_CONNECTOR_WORDS, Phrases  # type: ignore
        from gensim.models.word2vec import LineSentence  # type: ignore

        def rewrite(model: Any, target: str) -> None:
            with open(target, "w", encoding="utf-8") as out:
                for sentence in model[LineSentence(source)]:
                    out.write(" ".join(sentence) + "\n")

        options["connector_words"] = ENGLISH_CONNECTOR_WORDS if job["connector_words"] else frozenset()
        marks[0] = time.perf_counter()
        phrases = Phrases(LineSentence(source), **options)
    else:
        from fastsgns import ENGLISH_CONNECTOR_WORDS, Phrases

        def rewrite(model: Any, target: str) -> None:
            model.transform_file(source, target, workers=job["threads"])

        options["connector_words"] = ENGLISH_CONNECTOR_WORDS if job["connector_words"] else frozenset()
        marks[0] = time.perf_counter()
        phrases = Phrases(corpus_file=source, workers=job["threads"], **options)
    marks.append(time.perf_counter())
    found = phrases.export_phrases()
    marks.append(time.perf_counter())
    rewrite(phrases, target)
    marks.append(time.perf_counter())
    frozen = phrases.freeze()
    before = time.perf_counter()
    rewrite(frozen, frozen_target)
    seconds = [end - start for start, end in pairwise(marks)] + [time.perf_counter() - before]
    return {
        **dict(zip(TIMES, seconds, strict=True)),
        "words": phrases.corpus_word_count,
        "phrases": len(found),
        "found": hashlib.sha256(json.dumps(list(found.items())).encode()).hexdigest(),
    }


def write_text(path: Path, words: int) -> None:
    """Made-up text after Zipf's law, in which some words often stand before the next one."""
    ids = zipf_ids(words, VOCABULARY, seed=1)
    before = ids[:, :-1]
    compound = (before % (VOCABULARY // COMPOUNDS) == 1) & (ids[:, 1:] % 3 == 0)
    ids[:, 1:][compound] = before[compound] + 1
    with path.open("w", encoding="ascii", newline="\n") as out:
        out.writelines(" ".join(f"w{i}" for i in sentence) + "\n" for sentence in ids.tolist())


def measure(document: Document, corpus: Path, folder: Path, args: argparse.Namespace) -> None:
    """All contenders in turn, `repeats` times."""
    settings = {name: document["settings"][name] for name in SETTINGS}
    for _, case in in_turn(document["results"], args.repeats):
        work = folder / "work"
        work.mkdir(exist_ok=True)
        job = {**settings, **case, "runs": None, "corpus": str(corpus), "folder": str(work)}
        case["runs"].append(run_child([str(Path(__file__).resolve()), "--child", json.dumps(job)]))
        said = case["runs"][-1].get("error") or f"{sum(sum_of_times(case['runs'][-1])):.2f} s"
        print(f"  {label(case)}: {said}", file=sys.stderr, flush=True)
        write(document, args, markdown)


def sum_of_times(run: dict[str, Any]) -> list[float]:
    return [one[name] for one in run["passes"] for name in TIMES]


def label(case: dict[str, Any]) -> str:
    return case["contender"] if case["contender"] == GENSIM else f"fastsgns, {plural(case['threads'], 'thread')}"


def of_pass(case: dict[str, Any], number: int) -> list[dict[str, Any]]:
    return [run if "error" in run else run["passes"][number] for run in case["runs"]]


def markdown(document: Document) -> str:
    """A table a pass; ratios are run by run, to gensim, the first contender."""
    settings, results = document["settings"], document["results"]
    facts = ", ".join(f"{name} {settings[name]}" for name in SETTINGS)
    lines = opening(document, "Phrases: counting and rewriting a text file", settings["text"], facts)
    lines.append(f"Seconds, and times as fast as gensim: median [least-most] of {settings['repeats']}, all in turn.")
    for number in range(settings["passes"]):
        rows = []
        base = of_pass(results[0], number)
        for case in results:
            runs = of_pass(case, number)
            row = [failed(label(case), runs)]
            for name in TIMES:
                row += [spread(column(runs, name), 2)]
                row += [spread(ratios(base, runs, name), 1) if case["contender"] != GENSIM else "1"]
            rows.append(row)
        heads = [head for name in TIMES.values() for head in (f"{name}, s", "times gensim")]
        lines += ["", f"## Pass {number + 1}", table(["", *heads], rows)]
        every = [run for case in results for run in good(of_pass(case, number))]
        lines += [f"{every[0]['words']:,} words. " * bool(every) + same(every)]
    peaks = [f"{label(case)} {spread(column(case['runs'], 'peak_rss_bytes', 1e6), 0)}" for case in results]
    lines += ["", f"Peak memory of all passes, MB: {'; '.join(peaks)}."]
    lines += failures({label(case): case["runs"] for case in results})
    return "\n".join(lines) + "\n"


def same(every: list[dict[str, Any]]) -> str:
    """Whether all runs came to the same."""
    names = {"found": "phrases and scores", "text": "text", "frozen_text": "text by FrozenPhrases"}
    differ = [what for key, what in names.items() if len({run[key] for run in every}) > 1]
    if not every or differ:
        return f"DIFFERENT between runs: {', '.join(differ) or 'nothing ran'}."
    return f"All found the same {every[0]['phrases']:,} phrases with the same scores, and wrote the same texts."


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?", help="UTF-8 text; .gz, .bz2, .xz are unpacked; none: made up")
    parser.add_argument("--words", type=positive, default=5_000_000, metavar="N", help="of made-up text; %(default)s")
    threads = sorted({1, hardware()["cores"]})
    parser.add_argument("--threads", type=positive, nargs="+", default=threads, metavar="N", help="default: 1, all")
    parser.add_argument("--min-count", type=positive, default=5, metavar="N")
    parser.add_argument("--threshold", type=float, default=10.0, metavar="X")
    parser.add_argument("--scoring", choices=("default", "npmi"), default="default")
    parser.add_argument("--connector-words", action="store_true", help="those of English")
    parser.add_argument("--passes", type=positive, default=1, metavar="N")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N")
    add_outputs(parser)
    args = parser.parse_args()
    check_outputs(parser, args)
    if args.corpus is not None and not args.corpus.is_file():
        parser.error(f"{args.corpus}: no such file")
    return args


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(work_here(json.loads(sys.argv[2]))))
        return 0
    args = parse()
    settings = {name: getattr(args, name) for name in (*SETTINGS, "repeats")}
    document = new_document(settings, "fastsgns", "gensim", "numpy")
    contenders = [{"contender": GENSIM, "threads": 1, "runs": []}]
    contenders += [{"contender": "fastsgns", "threads": n, "runs": []} for n in sorted(set(args.threads))]
    document["results"] = contenders
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.corpus:
            corpus = plain_text(args.corpus.resolve(), folder, None)
        else:
            corpus = folder / "corpus.txt"
            write_text(corpus, args.words)
        title = args.corpus.name if args.corpus else f"made-up text, {VOCABULARY:,} words after Zipf"
        settings["text"] = f"{title}: {corpus.stat().st_size / 1e6:,.1f} MB"
        measure(document, corpus, folder, args)
    print(markdown(document), end="")
    return 1 if any("error" in run for case in document["results"] for run in case["runs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
