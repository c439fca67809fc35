"""The commands about files: `fastsgns convert` and `fastsgns info`."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import Any

from fastsgns.arrayfiles import words_path
from fastsgns.cli_parser import AddCommand, UsageError, add_json
from fastsgns.cli_streams import (
    STANDARD,
    check_output,
    check_sources,
    print_json,
    standard_input,
    standard_output,
)
from fastsgns.config import configuration, show_config
from fastsgns.conversion import SOURCES, TARGETS, Conversion, convert, target_format
from fastsgns.fileformats import regular
from fastsgns.fileinfo import describe

__all__ = ["add_commands"]

TEXT = ("word2vec", "glove")
# The matrix, and its words beside it.
TWO_FILES = ("npy", "plain-safetensors")
# Of a description, what is no line of its own.
LONG = ("parameters", "history", "training", "state", "arrays", "tensors")


def add_commands(command: AddCommand) -> None:
    """Add the commands, by the function that makes the parser of one."""
    sub = command(
        "convert", run_convert, "Convert vectors from one format to another.",
        "fastsgns convert model.safetensors vectors.bin",
        "fastsgns convert glove.txt vectors.npz",
        "fastsgns convert vectors.npz vectors.txt.gz",
        "fastsgns convert model.safetensors - --to glove | gzip > glove.txt.gz",
        "fastsgns convert matrix.npy vectors.safetensors --words words.txt",
    )  # fmt: skip
    sub.add_argument("input", metavar="IN", help="vectors (.gz, .bz2, .xz too); - for standard input")
    text = "file to write (.gz, .bz2, .xz too); - for standard output"
    sub.add_argument("output", metavar="OUT", help=text)
    sub.add_argument(
        "--from", dest="source", choices=SOURCES, metavar="FORMAT",
        help="the input's format (default: found by looking at it)",
    )  # fmt: skip
    sub.add_argument(
        "--to", choices=TARGETS, metavar="FORMAT",
        help=f"the output's format: {', '.join(TARGETS)} (default: by its name's end: .safetensors native, .txt .vec"
        " word2vec, .bin word2vec-binary, .npy, .npz); vectors is native without the rest of a model",
    )  # fmt: skip
    text = "words of a matrix, one a line (default: vectors.words.txt beside vectors.npy)"
    sub.add_argument("--words", metavar="FILE", help=text)
    sub.add_argument("--tensor", metavar="NAME", help="which matrix of a safetensors file (default: the only one)")
    sub.add_argument(
        "--errors", choices=("strict", "replace", "ignore"), default="strict", metavar="NAME",
        help="invalid UTF-8: strict, replace or ignore",
    )  # fmt: skip
    add_json(sub, "print what was done as JSON")
    sub.add_argument("--quiet", action="store_true", help="no summary; what is left out is told all the same")

    sub = command(
        "info", info, "Tell what is in a file; without one, print versions, kernel variants and cores.",
        "fastsgns info",
        "fastsgns info model.safetensors",
        "fastsgns info vectors.txt.gz --json",
    )  # fmt: skip
    sub.add_argument("file", nargs="?", metavar="FILE", help="model, vectors, checkpoint, phrases or corpus cache")
    add_json(sub)


def run_convert(args: argparse.Namespace) -> None:
    to_stdout = args.output == STANDARD
    if to_stdout and args.json:
        raise UsageError("- and --json would both go to standard output; name a file")
    if to_stdout and args.to is None:
        raise UsageError("-: standard output has no name to tell the format; give --to FORMAT")
    try:
        chosen = target_format(args.output) if args.to is None else args.to
    except ValueError as error:
        raise UsageError(f"{error} after --to") from error
    if to_stdout and chosen in TWO_FILES:
        raise UsageError(f"-: {chosen} is two files, the matrix and its words; name a file")
    if not to_stdout:
        check_targets(args, chosen)
    with ExitStack() as stack:
        source = stack.enter_context(standard_input()) if args.input == STANDARD else args.input
        target = stack.enter_context(standard_output(chosen not in TEXT)) if to_stdout else args.output
        done = convert(
            source, target, source_format=args.source, format=chosen, words=args.words, tensor=args.tensor,
            errors=args.errors,
        )  # fmt: skip
    if done.left_out:
        print(f"fastsgns: left out, as {chosen} holds none: {', '.join(done.left_out)}", file=sys.stderr)
    if args.json:
        print_json(
            {
                "input": args.input, "from": done.source_format, "to": done.target_format, "words": done.words,
                "dimensions": done.dimensions, "files": list(map(str, done.files)), "left_out": done.left_out,
            }
        )  # fmt: skip
    elif not args.quiet:
        print(converted(args, done), file=sys.stderr if to_stdout else sys.stdout)


def check_targets(args: argparse.Namespace, chosen: str) -> None:
    """Refuse before the work what could not be written, or would overwrite what is read."""
    targets = [args.output] + ([str(words_path(args.output))] if chosen in TWO_FILES else [])
    for target in targets:
        check_output(target, [args.input], "the input")
        if args.words is not None:
            check_sources(target, [args.words], "the list of words")


def converted(args: argparse.Namespace, done: Conversion) -> str:
    files = STANDARD if args.output == STANDARD else " and ".join(map(str, done.files))
    return (
        f"{files}: {done.words:,} words x {done.dimensions} dimensions, {done.target_format} (from {args.input},"
        f" {done.source_format})"
    )


def info(args: argparse.Namespace) -> None:
    if args.file is None:
        if args.json:
            print_json(configuration())
        else:
            show_config()
        return
    with ExitStack() as stack:
        path = stack.enter_context(standard_input()) if args.file == STANDARD else args.file
        told = {**describe(stack.enter_context(regular(path, args.file))), "file": args.file}
    if args.json:
        print_json(told)
    else:
        print_description(told)


def print_description(told: dict[str, Any]) -> None:
    """A line for each thing told, the long ones below."""
    print(f"{told.pop('file')}: {told.pop('format')}")
    for name in sorted(told, key=lambda name: name in LONG):
        print_line(name, told[name], 2)


def print_line(name: str, value: Any, indent: int) -> None:
    if value is None or value == "" or value == {}:
        return
    start = f"{' ' * indent}{name.replace('_', ' ')}:"
    if isinstance(value, dict):
        print(start)
        for inner, its_value in value.items():
            print_line(str(inner), its_value, indent + 2)
        return
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, int) and name != "seed":
        value = f"{value:,}"
    elif isinstance(value, float):
        value = f"{value:.6g}"
    elif isinstance(value, list):
        value = ", ".join(f"{item:.4f}" if isinstance(item, float) else str(item) for item in value)
    print(start, value)
