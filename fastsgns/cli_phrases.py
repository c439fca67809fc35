"""The command `fastsgns phrases`: find phrases in text files, and write the text with them joined."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastsgns.cli_parser import AddCommand, UsageError, add_json, positive
from fastsgns.cli_streams import (
    STANDARD,
    check_output,
    check_sources,
    check_streams,
    is_quiet,
    print_json,
    standard_input,
    standard_output,
    write_report,
)
from fastsgns.config import __version__
from fastsgns.phrases import ENGLISH_CONNECTOR_WORDS, Phrases
from fastsgns.phrasescores import SCORERS
from fastsgns.phrasetext import check_delimiter, check_target
from fastsgns.text import find_files, stored_size

__all__ = ["add_command"]

THRESHOLDS = {"default": 10.0, "npmi": 0.5}


def add_command(command: AddCommand) -> None:
    """Add the command, by the function that makes the parser of one."""
    sub = command(
        "phrases", run, "Join phrases such as New York: find them by word counts, and write the text anew.",
        "fastsgns phrases text.txt -o joined.txt.gz",
        "fastsgns phrases text.txt -o joined.txt --passes 2 --connector-words english",
        "zcat text.gz | fastsgns phrases - -o - | fastsgns train - -o m.safetensors",
    )  # fmt: skip
    text = "text files (.gz, .bz2, .xz, .zst too) or directories; - for standard input"
    sub.add_argument("corpus", nargs="+", metavar="IN", help=text)
    text = "file for the text (.gz, .bz2, .xz too); - for standard output"
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help=text)
    sub.add_argument("--min-count", type=float, default=5, metavar="N", help="of a phrase (default: %(default)s)")
    sub.add_argument(
        "--threshold", type=numbers, metavar="X[,X...]",
        help="what scores more is a phrase; one number, or one a pass (default: 10, and 0.5 for npmi)",
    )  # fmt: skip
    sub.add_argument(
        "--scoring", choices=SCORERS, default="default", help="default: as in the paper; npmi: from -1 to 1"
    )
    sub.add_argument("--delimiter", default="_", metavar="TEXT", help="joins the words (default: %(default)s)")
    sub.add_argument(
        "--passes", type=positive, default=1, metavar="N",
        help="phrases of phrases: each pass works on the text of the one before (default: %(default)s)",
    )  # fmt: skip
    sub.add_argument(
        "--connector-words", metavar="FILE",
        help="words, between white space, that may stand inside a phrase; 'english' for those of English",
    )  # fmt: skip
    text = "the most words and pairs to keep, the rarest are left out (default: %(default)s)"
    sub.add_argument("--max-vocab-size", type=positive, default=40_000_000, metavar="N", help=text)
    sub.add_argument("--workers", type=int, metavar="N", help="threads (default: all cores this process may use)")
    sub.add_argument("--errors", default="strict", metavar="NAME", help="invalid UTF-8: strict, replace or ignore")
    sub.add_argument("--report", metavar="FILE", help="write counts, seconds and the phrases to this file as JSON")
    add_json(sub, "print that, without the phrases, in place of the summary")
    sub.add_argument("--quiet", action="store_true", help="no progress bar and no summary")


def numbers(text: str) -> list[float]:
    """Numbers between commas, for argparse."""
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, nor numbers between commas") from None


def run(args: argparse.Namespace) -> None:
    """Count, join and write, once or several times."""
    check_files(args)
    thresholds = args.threshold or [THRESHOLDS[args.scoring]]
    if len(thresholds) not in (1, args.passes):
        raise UsageError(
            f"--threshold: {len(thresholds)} numbers for {args.passes} passes; give one, or one for each pass"
        )
    thresholds = thresholds * (args.passes // len(thresholds))
    options = dict(
        min_count=args.min_count, max_vocab_size=args.max_vocab_size, delimiter=args.delimiter, scoring=args.scoring,
        connector_words=read_connector_words(args.connector_words), workers=args.workers, errors=args.errors,
        progress=not is_quiet(args),
    )  # fmt: skip
    try:
        check_delimiter(args.delimiter)
        check_target(args.output)
        first, *_ = [Phrases(threshold=threshold, **options) for threshold in dict.fromkeys(thresholds)]
    except ValueError as error:
        raise UsageError(str(error)) from error
    files = [path for path in args.corpus if path != STANDARD]
    for path in find_files(files) if files else []:
        if stored_size(path) is None:
            raise UsageError(f"{path}: text is read twice, which no pipe can be; write it to a file, or give - for it")
    start = time.perf_counter()
    with ExitStack() as stack:
        corpus = [stack.enter_context(standard_input(again=True)) if path == STANDARD else path for path in args.corpus]
        output = stack.enter_context(standard_output(binary=False)) if args.output == STANDARD else args.output
        reports = all_passes(args, corpus, output, [Phrases(threshold=one, **options) for one in thresholds])
    seconds = time.perf_counter() - start
    report = {"version": __version__, "workers": first.workers, "total_seconds": seconds, "passes": reports}
    if args.report:
        write_report(args.report, report)
    if args.json:
        short = [{**one, "phrases": len(one["phrases"])} for one in reports]
        print_json({"output": args.output, **report, "passes": short})


def check_files(args: argparse.Namespace) -> None:
    """Refuse before the work what could not be written, or would overwrite something."""
    outputs = [path for path in (args.output, args.report) if path is not None]
    for path in outputs:
        if path != STANDARD or path is not args.output:
            check_output(path, args.corpus)
            if args.connector_words not in (None, "english"):
                check_sources(path, [args.connector_words], "the list of connector words")
    if len({Path(path).resolve() for path in outputs}) < len(outputs):
        raise UsageError("the text and --report would overwrite one another; give each its own file")
    check_streams(args)


def all_passes(args: argparse.Namespace, corpus: list[str], output: str, each: list[Phrases]) -> list[dict[str, Any]]:
    """Join the phrases of each pass in the text of the one before; what each found and did."""
    reports = []
    with between_passes(output, len(each)) as folder:
        source: Any = corpus
        for number, phrases in enumerate(each, 1):
            last = number == len(each)
            target = output if last else Path(folder, f"pass{number}")
            reports.append(one_pass(phrases, source, target))
            if not (args.quiet or args.json):
                print_summary(args.output if last else f"pass {number}", reports[-1], args.output == STANDARD)
            if number > 1:
                Path(source).unlink()
            source = target
    return reports


def read_connector_words(source: str | None) -> frozenset[str]:
    """The words of a file, or of a language."""
    if source is None:
        return frozenset()
    if source == "english":
        return ENGLISH_CONNECTOR_WORDS
    try:
        return frozenset(Path(source).read_text(encoding="utf-8").split())
    except UnicodeDecodeError as error:
        raise ValueError(f"{source}: not UTF-8 text: {error}") from error


def between_passes(output: str, passes: int) -> AbstractContextManager[str]:
    """A folder for the text between passes: where the output goes, as there is room for it, if that is a file."""
    if passes == 1:
        return nullcontext("")
    path = Path(output)
    is_device = path.exists() and not path.is_file()
    return TemporaryDirectory(prefix=".fastsgns-phrases-", dir=None if is_device else path.resolve().parent)


def one_pass(phrases: Phrases, source: Any, target: str | Path) -> dict[str, Any]:
    """Count, join, and tell what there was."""
    start = time.perf_counter()
    phrases.add_vocab(corpus_file=source)
    found = phrases.export_phrases()
    counted = time.perf_counter()
    joined = phrases.transform_file(source, target, phrases.workers, phrases.errors, phrases.progress)
    return {
        "threshold": phrases.threshold,
        "lines": joined.lines,
        "words": joined.words,
        "vocab_size": phrases.vocab_size,
        "joined": joined.phrases,
        "count_seconds": counted - start,
        "join_seconds": time.perf_counter() - counted,
        "phrases": found,
    }


def print_summary(name: str, report: dict[str, Any], to_stderr: bool) -> None:
    print(
        f"{name}: {len(report['phrases']):,} phrases, joined {report['joined']:,} times in {report['words']:,} words"
        f" of {report['lines']:,} lines; count {report['count_seconds']:.1f} s, join {report['join_seconds']:.1f} s",
        file=sys.stderr if to_stderr else sys.stdout,
    )
