"""The commands `fastsgns plot` and `fastsgns explore`: a picture, and a page, of a map of words."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastsgns.cli_parser import AddCommand, UsageError, add_model, positive
from fastsgns.cli_streams import check_output, key_of, load_vectors
from fastsgns.explorer import DEFAULT_WORDS as EXPLORER_WORDS
from fastsgns.layout import METHODS
from fastsgns.plotting import DEFAULT_WORDS as PLOT_WORDS
from fastsgns.plotting import check_kind

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add the commands, by the function that makes the parser of one."""
    sub = command(
        "plot", plot, "Draw a map of words, labelled and coloured by cluster.",
        "fastsgns plot model.safetensors -o map.png",
        "fastsgns plot model.safetensors --method pca -o map.svg paris france rome",
    )  # fmt: skip
    add_model(sub)
    sub.add_argument("words", nargs="*", metavar="WORD", help="words to show, instead of the most frequent")
    add_output(sub, "map.png, map.svg or map.pdf")
    add_layout(sub, METHODS, "tsne", PLOT_WORDS)

    sub = command(
        "explore", explore, "Write a page to explore words: their map, neighbours and analogies.",
        "fastsgns explore model.safetensors -o page.html",
        "fastsgns explore model.safetensors -o page.html -n 100 --method pca",
    )  # fmt: skip
    add_model(sub)
    add_output(sub, "page.html")
    add_layout(sub, ("auto", *METHODS), "auto", EXPLORER_WORDS)
    sub.add_argument("--title", metavar="TEXT", help="of the page (default: the name of the model's file)")


def add_output(sub: argparse.ArgumentParser, kinds: str) -> None:
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help=f"file to write: {kinds}")


def add_layout(sub: argparse.ArgumentParser, methods: tuple[str, ...], default: str, most: int) -> None:
    text = f"show the N most frequent words (default: {most:,}, or all if they are fewer)"
    sub.add_argument("-n", "--words", dest="top", type=positive, metavar="N", help=text)
    text = "tsne, minutes for 20,000 words, needs the extra plot; umap the extra umap" + (
        "; auto: tsne if it is there" if "auto" in methods else ""
    )
    text = f"{', '.join(methods)}: {text} (default: %(default)s)"
    sub.add_argument("--method", choices=methods, default=default, metavar="NAME", help=text)
    sub.add_argument("--clusters", type=positive, metavar="N", help="colours, up to 10")
    sub.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (default: %(default)s)")


def check_page(args: argparse.Namespace) -> None:
    """Refuse before the work what could not be written after it, and what would overwrite the model."""
    check_output(args.output, [args.model], "the model")


def plot(args: argparse.Namespace) -> None:
    if args.words and args.top:
        raise UsageError("give words or --words N, not both")
    check_page(args)
    try:
        check_kind(args.output)
    except ValueError as error:
        raise UsageError(str(error)) from error
    vectors = load_vectors(args.model)
    words = [key_of(vectors, word) for word in args.words] or args.top
    vectors.plot(words, args.method, path=args.output, clusters=args.clusters, seed=args.seed)
    print(f"{args.output}: written")


def explore(args: argparse.Namespace) -> None:
    check_page(args)
    vectors = load_vectors(args.model)
    title = Path(args.model).name if args.title is None else args.title
    options = {} if args.clusters is None else {"clusters": args.clusters}
    page = vectors.explore(args.output, args.top, args.method, title=title, seed=args.seed, **options)
    print(f"{page}: {page.stat().st_size / 1e6:.1f} MB, to be opened in a browser")
