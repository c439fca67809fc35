"""The commands `fastsgns train` and `fastsgns demo`."""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from fastsgns import demo
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
from fastsgns.conversion import target_format
from fastsgns.files import check_space
from fastsgns.formats import COMPRESSED
from fastsgns.word2vec import Word2Vec

__all__ = ["FORMATS", "TRAINING_OPTIONS", "add_commands"]

# Formats of the output, and about the bytes for each number of the vectors: two matrices; 9 digits; one matrix.
BYTES_A_NUMBER = {"safetensors": 8, "word2vec": 12, "word2vec-binary": 4}
FORMATS = tuple(BYTES_A_NUMBER)


def window(text: str) -> int | tuple[int, ...]:
    numbers = tuple(int(number) for number in text.split(","))
    return numbers if len(numbers) > 1 else numbers[0]


def negative(text: str) -> int | str:
    return text if text == "auto" else int(text)


# Word2Vec's parameters as options: name, type and help. Defaults are the constructor's own.
TRAINING_OPTIONS: tuple[tuple[str, Callable[[str], Any], str], ...] = (
    ("vector_size", int, "dimensions of the vectors"),
    ("window", window, "farthest context word, in words; LEFT,RIGHT for each side"),
    ("negative", negative, "noise words: 5 for large corpora, up to 20 for small ones, or auto"),
    ("epochs", int, "passes over the corpus"),
    ("workers", int, "threads (default: all cores this process may use)"),
    ("min_count", int, "leave out words that occur less often"),
    ("sample", float, "share of the corpus above which a word is subsampled; 0 keeps all"),
    ("alpha", float, "learning rate at the start"),
    ("min_alpha", float, "learning rate at the end"),
    ("seed", int, "of everything random"),
    ("ns_exponent", float, "noise words are drawn from count ** this"),
    ("negative_sharing", str, "pair: noise words for every pair; window: once a window; group: for 4 windows"),
    ("shrink_windows", bool, "draw each window's width from 1 to the window"),
    ("max_vocab_size", int, "the most words to keep, by raising the minimal count"),
    ("max_final_vocab", int, "the same"),
    ("sorted_vocab", bool, "most frequent words first, else by first appearance"),
    ("deterministic", bool, "the same bits whatever the number of threads, at a lower speed"),
    ("compute_loss", bool, "take the loss on every pair, not on a sample of the windows"),
    ("errors", str, "what to do about invalid UTF-8: strict, replace or ignore"),
    ("init_vectors", str, "start from the vectors in this file, for the words that it has"),
    ("freeze", bool, "leave those as they are"),
    ("checkpoint", str, "keep the state of the training in this file"),
    ("checkpoint_every", str, "how often: a time, such as 30s or 2h, or a number of words"),
    ("resume", bool, "go on from the checkpoint, if it is there"),
    ("corpus_cache", str, "keep the encoded corpus in this file, for the next training on it"),
)
FILES = ("checkpoint", "corpus_cache", "init_vectors")
METAVARS: dict[Callable[[str], Any], str] = {int: "N", float: "X", window: "N", negative: "N"}


def add_commands(command: AddCommand) -> None:
    """Add the commands, by the function that makes the parser of one."""
    sub = command(
        "train", train, "Train word vectors on text: UTF-8, a sentence a line, tokens between white space.",
        "fastsgns train text.txt -o model.safetensors",
        "fastsgns train text.txt more/ -o model.safetensors --epochs 10 --negative auto",
        "zcat text.gz | fastsgns train - -o model.safetensors --quiet",
        "fastsgns train text.txt -o vectors.txt --format word2vec --vector-size 50",
        "fastsgns train text.txt -o model.safetensors --checkpoint state --resume",
    )  # fmt: skip
    text = "text files (.gz, .bz2, .xz, .zst too) or directories; - for standard input"
    sub.add_argument("corpus", nargs="+", metavar="CORPUS", help=text)
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help="file for the vectors; - for standard output")
    sub.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0],
        help="safetensors: the whole model, can be trained on (default); word2vec: text; word2vec-binary",
    )  # fmt: skip
    sub.add_argument("--report", metavar="FILE", help="write sizes, seconds and losses to this file as JSON")
    add_json(sub, "print sizes, seconds and losses as JSON, in place of the summary")
    sub.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    sub.add_argument("--ray", metavar="ADDRESS", help="train on the Ray cluster there: auto, HOST:6379, or local")
    sub.add_argument(
        "--nodes", type=positive, metavar="N", help="with --ray: workers that train together (default: one a node)"
    )
    add_training_options(sub.add_argument_group("training"))

    sub = command(
        "demo", run_demo, "Train on the documentation inside this Python; no download.",
        "fastsgns demo", "fastsgns demo folder --text-only",
    )  # fmt: skip
    sub.add_argument("folder", nargs="?", default="fastsgns-demo", help="for text and model (default: %(default)s)")
    sub.add_argument("--text-only", action="store_true", help="write the text, do not train")


def add_training_options(group: Any) -> None:
    parameters = inspect.signature(Word2Vec).parameters
    for name, kind, text in TRAINING_OPTIONS:
        flag, default = "--" + name.replace("_", "-"), parameters[name].default
        if kind is bool:
            text += f" (default: {'yes' if default else 'no'})"
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            text += "" if default is None else " (default: %(default)s)"
            metavar = "FILE" if name in FILES else METAVARS.get(kind, "NAME")
            group.add_argument(flag, type=kind, default=default, metavar=metavar, help=text)


def train(args: argparse.Namespace) -> None:
    start = time.perf_counter()
    check_files(args)
    parameters = {name: getattr(args, name) for name, *_ in TRAINING_OPTIONS}
    parameters["progress"] = not is_quiet(args)
    with ExitStack() as stack:
        corpus = [stack.enter_context(standard_input()) if path == STANDARD else path for path in args.corpus]
        output = args.output
        if output == STANDARD:
            output = stack.enter_context(standard_output(binary=args.format != "word2vec"))
        parameters["callbacks"] = [SpaceCheck(output, args.format)]
        model = (train_here if args.ray is None else train_on_cluster)(args, corpus, parameters)
        if args.format == "safetensors":
            model.save(output)
        else:
            model.wv.save_word2vec_format(output, binary=args.format == "word2vec-binary")
    report = {**model.report, "total_seconds": time.perf_counter() - start}
    if args.report:
        write_report(args.report, report)
    if args.json:
        print_json({"output": args.output, **report})
    elif not args.quiet:
        print(summary(args.output, model, report), file=sys.stderr if args.output == STANDARD else sys.stdout)


def check_files(args: argparse.Namespace) -> None:
    """Refuse before the work what could not be read or written, or would overwrite something."""
    to_stdout = args.output == STANDARD
    outputs = [path for path in (None if to_stdout else args.output, args.report) if path is not None]
    for path in outputs:
        check_output(path, args.corpus)
        if args.init_vectors is not None:
            check_sources(path, [args.init_vectors], "the file of --init-vectors")
    check_name(args.output, args.format)
    written = [Path(path).resolve() for path in (*outputs, args.checkpoint, args.corpus_cache) if path is not None]
    if len(set(written)) < len(written):
        raise UsageError(
            "vectors, --report, --checkpoint and --corpus-cache would overwrite one another; give each its own file"
        )
    check_streams(args)
    if args.nodes is not None and args.ray is None:
        raise UsageError("--nodes is for --ray: name the cluster, or leave it out")
    if args.ray is not None and STANDARD in args.corpus:
        raise UsageError("-: the machines of a cluster cannot read this one's standard input; give files")


def check_name(output: str, form: str) -> None:
    """Refuse a name whose end stands for another format than is written: readers would be misled by it."""
    if form == "safetensors" and Path(output).suffix.lower() in COMPRESSED:
        raise UsageError(f"{output}: a model is written unpacked; name it .safetensors, and fastsgns convert packs it")
    try:
        stands_for = target_format(output)
    except ValueError:  # it tells nothing
        return
    named = "safetensors" if stands_for == "native" else stands_for
    if named == form:
        return
    remedy = f"--format {named}" if named in FORMATS else "fastsgns convert afterwards"
    raise UsageError(f"{output}: its name's end stands for {named}, not {form}: choose another name, or {remedy}")


class SpaceCheck:
    """Refuses, before hours of training, what the disk has no room for."""

    def __init__(self, output: str, form: str) -> None:
        self.output, self.form = output, form

    def on_train_begin(self, model: Word2Vec) -> None:
        if self.form == "safetensors" or Path(self.output).suffix.lower() not in COMPRESSED:
            check_space(self.output, BYTES_A_NUMBER[self.form] * model.wv.vectors.size)


def train_here(args: argparse.Namespace, corpus: list[str], parameters: dict[str, Any]) -> Word2Vec:
    try:
        model = Word2Vec(**parameters)
    except ValueError as error:
        raise UsageError(str(error)) from error
    model.build_vocab(corpus_file=corpus)
    model.train(corpus_file=corpus)
    return model


def train_on_cluster(args: argparse.Namespace, corpus: list[str], parameters: dict[str, Any]) -> Word2Vec:
    from fastsgns import distributed  # which few need

    try:
        distributed.check_parameters(parameters)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return distributed.train(corpus, num_workers=args.nodes, address=args.ray, **parameters)


def summary(output: str, model: Word2Vec, report: dict[str, Any]) -> str:
    return (
        f"{output}: {report['vocab_size']:,} words x {model.vector_size} dimensions from"
        f" {report['corpus_words']:,} words of text, {model.epochs} epochs; scan {report['scan_seconds']:.1f} s,"
        f" train {report['train_seconds']:.1f} s ({report['words_per_second'] / 1e6:.2f} million words/s),"
        f" all {report['total_seconds']:.1f} s; loss {report['loss'][-1]:.4f}"
    )


def run_demo(args: argparse.Namespace) -> None:
    demo.run(Path(args.folder), text_only=args.text_only)
