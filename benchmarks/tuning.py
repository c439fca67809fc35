"""What each parameter does: trainings that differ from the default in one, their cost and quality.

    python benchmarks/tuning.py CORPUS --words 3000000 --pairs men3000.tsv --analogies questions-words.txt
    python benchmarks/tuning.py CORPUS --pairs wordsim353.tsv --change window=3 window=8 sample=1e-5 --seeds 5

One thread, so that the cost is the processor's seconds in `train`: other work on the machine weighs little on them. It
is told as a multiple of what the default takes, run by run of the same seed. Quality is told with how much it differs
from seed to seed: what is less than that apart is not known to be better. All trainings answer the same questions: one
with a word that a vocabulary lacks counts as answered wrong, and a pair as unlike.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import in_turn, plain_text, positive
from _results import (
    Document,
    Runs,
    add_outputs,
    check_outputs,
    column,
    first_native,
    new_document,
    opening,
    plural,
    ratios,
    spread,
    table,
    write,
)

from fastsgns import Word2Vec

DEFAULT = "default"
CHANGES = [
    "vector_size=50", "vector_size=300", "window=2", "window=10", "shrink_windows=False", "negative=2", "negative=15",
    "negative_sharing=window", "negative_sharing=pair", "epochs=1", "epochs=10", "alpha=0.05", "min_count=2",
    "min_count=20", "sample=0", "sample=1e-4", "ns_exponent=0.5", "deterministic=True",
]  # fmt: skip


def parse_change(text: str) -> str:
    """Checked, for argparse."""
    try:
        Word2Vec(**parameters(text))
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
    return text


def parameters(change: str) -> dict[str, Any]:
    """Of "window=2", {"window": 2}."""
    if change == DEFAULT:
        return {}
    name, _, text = change.partition("=")
    if text in ("True", "False"):
        return {name: text == "True"}
    for kind in (int, float):
        try:
            return {name: kind(text)}
        except ValueError:
            continue
    return {name: text}


def train(corpus: Path, change: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """One training, its cost and what its vectors know."""
    model = Word2Vec(seed=seed, workers=1, **parameters(change))
    model.build_vocab(corpus_file=corpus)
    start = time.process_time()
    model.train(corpus_file=corpus)
    run: dict[str, Any] = {"seed": seed, "seconds": time.process_time() - start, "vocabulary": len(model.wv)}
    run["simd"] = model.report["simd"]
    if args.pairs:
        run["pairs"] = 100 * model.wv.evaluate_word_pairs(args.pairs, dummy4unknown=True)[1][0]
    if args.analogies:
        asked = {"restrict_vocab": args.restrict, "dummy4unknown": True}
        run["analogies"] = 100 * model.wv.evaluate_word_analogies(args.analogies, **asked)[0]
    return run


def mean(runs: Runs, key: str) -> str:
    values = column(runs, key)
    return f"{statistics.mean(values):.1f}" if values else "-"


def noise(found: dict[str, Runs], key: str) -> float | None:
    """Standard deviation from seed to seed, pooled over all changes: few seeds of each tell little; None of one."""
    variances = [statistics.variance(column(runs, key)) for runs in found.values() if len(column(runs, key)) > 1]
    return math.sqrt(statistics.mean(variances)) if variances else None


def markdown(document: Document) -> str:
    """A row a change."""
    settings, found = document["settings"], {case["change"]: case["runs"] for case in document["results"]}
    simd = first_native(found.values()).get("simd", "unknown")
    facts = f"one thread, kernel variant {simd}, {plural(settings['seeds'], 'seed')}"
    lines = opening(document, "One parameter changed at a time", facts)
    rows = [
        [
            change,
            spread(column(runs, "seconds"), 1) if change == DEFAULT else "",
            spread(ratios(runs, found[DEFAULT], "seconds"), 2),
            mean(runs, "pairs"),
            mean(runs, "analogies"),
        ]
        for change, runs in found.items()
    ]
    lines.append(table(["change", "processor s", "times the default's", "pairs, Spearman x 100", "analogies, %"], rows))
    for key in ("pairs", "analogies"):
        if (deviation := noise(found, key)) is not None:
            lines.append(f"From seed to seed, {key}: a standard deviation of {deviation:.2f}, over all rows.")
    return "\n".join(lines) + "\n"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="text, a sentence a line; packed or not")
    parser.add_argument("--words", type=positive, metavar="N", help="only that many from the beginning")
    parser.add_argument("--change", nargs="+", type=parse_change, default=CHANGES, metavar="NAME=VALUE")
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="trainings of each; %(default)s")
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="word pairs with people's scores")
    parser.add_argument("--analogies", type=Path, metavar="FILE")
    parser.add_argument("--restrict", type=positive, default=30_000, metavar="N", help="words; %(default)s")
    add_outputs(parser)
    args = parser.parse_args(argv)
    for path in (args.corpus, args.pairs, args.analogies):
        if path is not None and not path.is_file():
            parser.error(f"{path}: no such file")
    check_outputs(parser, args)
    return args


def main() -> int:
    args = parse()
    changes = list(dict.fromkeys([DEFAULT, *args.change]))
    document = new_document({name: getattr(args, name) for name in ("words", "seeds", "restrict")}, "fastsgns", "numpy")
    document["results"] = [{"change": change, "runs": []} for change in changes]
    with tempfile.TemporaryDirectory() as folder:
        corpus = plain_text(args.corpus, Path(folder), args.words)
        for repeat, case in in_turn(document["results"], args.seeds):
            run = train(corpus, case["change"], 1 + repeat, args)
            case["runs"].append(run)
            print(f"  {case['change']}: {run['seconds']:.1f} s", file=sys.stderr, flush=True)
            write(document, args, markdown)
    print(markdown(document), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
