"""The command `fastsgns`: train, ask, evaluate, join phrases. It reads arguments and prints; others do the work."""

from __future__ import annotations

import argparse
import errno
import inspect
import io
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

from fastsgns import demo
from fastsgns.config import __version__, show_config
from fastsgns.files import check_space, write_file
from fastsgns.formats import COMPRESSED, DAMAGED, open_binary
from fastsgns.interrupts import TERMINATED, terminations_interrupt
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.word2vec import Word2Vec

__all__ = ["main"]

# More than any row of text takes.
ROW_BYTES = 1 << 20
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


class UsageError(Exception):
    """The command line asks for something that cannot be: exit 2."""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as for all errors; argparse would print the whole usage before it."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="fastsgns", description="Train and use skip-gram word vectors.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"fastsgns {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        sub.set_defaults(run=run)
        return sub

    sub = command("train", train, "Train word vectors on text: UTF-8, a sentence a line, tokens between white space.")
    sub.add_argument("corpus", nargs="+", metavar="CORPUS", help="text files (.gz, .bz2, .xz, .zst too) or directories")
    sub.add_argument("-o", "--output", required=True, metavar="OUT", help="file for the vectors")
    sub.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0],
        help="safetensors: the whole model, can be trained on (default); word2vec: text; word2vec-binary",
    )  # fmt: skip
    sub.add_argument("--report", metavar="FILE", help="write sizes, seconds and losses to this file as JSON")
    sub.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    sub.add_argument("--ray", metavar="ADDRESS", help="train on the Ray cluster there: auto, HOST:6379, or local")
    sub.add_argument(
        "--nodes", type=positive, metavar="N", help="with --ray: workers that train together (default: one a node)"
    )
    add_training_options(sub.add_argument_group("training"))

    sub = command("neighbors", neighbors, "Print the words nearest to each word.")
    add_model(sub)
    sub.add_argument("words", nargs="+", metavar="WORD")
    add_topn(sub)

    sub = command("analogy", analogy, "A is to B as C is to what?")
    add_model(sub)
    for name in "ABC":
        sub.add_argument(name, metavar=name)
    add_topn(sub)

    sub = command("evaluate", evaluate, "Score vectors on analogies and on human judgements of word pairs.")
    add_model(sub)
    sub.add_argument("--analogies", metavar="FILE", help="questions-words.txt or a file like it")
    sub.add_argument("--pairs", nargs="+", default=[], metavar="FILE", help="word, word, score between tabs")
    sub.add_argument(
        "--restrict-vocab", type=positive, default=30000, metavar="N",
        help="analogies: only the N most frequent words (default: %(default)s); pairs always use all words",
    )  # fmt: skip
    sub.add_argument("--json", action="store_true", help="print JSON")

    from fastsgns import cli_phrases, cli_pictures  # which import this file

    cli_phrases.add_command(command)
    cli_pictures.add_commands(command)

    sub = command("demo", run_demo, "Train on the documentation inside this Python; no download.")
    sub.add_argument("folder", nargs="?", default="fastsgns-demo", help="for text and model (default: %(default)s)")
    sub.add_argument("--text-only", action="store_true", help="write the text, do not train")

    command("info", lambda _: show_config(), "Print versions, kernel variants and cores.")
    return parser


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


def add_model(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model", metavar="MODEL", help="a file of fastsgns, or word2vec text or binary (.gz too)")


def add_topn(sub: argparse.ArgumentParser) -> None:
    text = "words to print (default: %(default)s)"
    sub.add_argument("-n", "--topn", type=positive, default=10, metavar="N", help=text)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} must be at least 1")
    return value


def train(args: argparse.Namespace) -> None:
    start = time.perf_counter()
    outputs = [path for path in (args.output, args.report) if path is not None]
    for path in outputs:
        check_output(path, args.corpus)
    written = [Path(path).resolve() for path in (*outputs, args.checkpoint, args.corpus_cache) if path is not None]
    if len(set(written)) < len(written):
        raise UsageError(
            "vectors, --report, --checkpoint and --corpus-cache would overwrite one another; give each its own file"
        )
    if args.nodes is not None and args.ray is None:
        raise UsageError("--nodes is for --ray: name the cluster, or leave it out")
    model = (train_here if args.ray is None else train_on_cluster)(
        args,
        **{name: getattr(args, name) for name, *_ in TRAINING_OPTIONS},
        progress=sys.stderr is not None and sys.stderr.isatty() and not args.quiet,
    )
    if args.format == "safetensors":
        model.save(args.output)
    else:
        model.wv.save_word2vec_format(args.output, binary=args.format == "word2vec-binary")
    report = {**model.report, "total_seconds": time.perf_counter() - start}
    if args.report:
        write_file(args.report, (json.dumps(report, indent=2) + "\n").encode())
    if not args.quiet:
        print(
            f"{args.output}: {report['vocab_size']:,} words x {model.vector_size} dimensions from"
            f" {report['corpus_words']:,} words of text, {model.epochs} epochs; scan {report['scan_seconds']:.1f} s,"
            f" train {report['train_seconds']:.1f} s ({report['words_per_second'] / 1e6:.2f} million words/s),"
            f" all {report['total_seconds']:.1f} s; loss {report['loss'][-1]:.4f}"
        )


def train_here(args: argparse.Namespace, **parameters: Any) -> Word2Vec:
    try:
        model = Word2Vec(**parameters)
    except ValueError as error:
        raise UsageError(str(error)) from error
    model.build_vocab(corpus_file=args.corpus)
    if args.format == "safetensors" or Path(args.output).suffix.lower() not in COMPRESSED:  # before hours of training
        check_space(args.output, BYTES_A_NUMBER[args.format] * model.wv.vectors.size)
    model.train(corpus_file=args.corpus)
    return model


def train_on_cluster(args: argparse.Namespace, **parameters: Any) -> Word2Vec:
    from fastsgns import distributed  # which few need

    return distributed.train(args.corpus, num_workers=args.nodes, address=args.ray, **parameters)


def check_output(path: str, corpus: Sequence[str]) -> None:
    """Refuse before the work what could not be written after it, and what would overwrite the text."""
    target = Path(path)
    if os.path.isdir(target):  # pathlib's own raises for long names
        raise UsageError(f"{target}: is a directory; name a file")
    if not os.path.isdir(target.parent):
        raise UsageError(f"{target.parent}: no such directory; make it first")
    try:  # for permissions do not tell all: of names too long, or of /proc
        if target.is_file():
            TemporaryFile(dir=target.resolve().parent).close()  # will be replaced by a new file there
        elif not target.exists():
            target.resolve().open("xb").close()
            target.resolve().unlink()
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    for source in map(Path, corpus):
        if target.resolve() in (source.resolve(), *(part.resolve() for part in source.glob("*") if source.is_dir())):
            raise UsageError(f"{path}: is part of the corpus; choose another file for the output")


def load_vectors(path: str) -> KeyedVectors:
    """The vectors of a file of any kind that fastsgns or word2vec writes, told apart by how it begins."""
    with open_binary(path) as file:
        try:
            header, row = file.readline(64).split(), file.readline(ROW_BYTES).split()
        except DAMAGED as error:
            raise ValueError(f"{path} is damaged: {error}") from error
    if len(header) != 2 or not all(number.isdigit() for number in header):
        return KeyedVectors.load(path)
    return KeyedVectors.load_word2vec_format(path, binary=not is_text(row))


def is_text(row: Sequence[bytes]) -> bool:
    """Whether this first row of vectors is a key and numbers written out."""
    try:
        return not row or len([float(number) for number in row[1:]]) > 0
    except ValueError:
        return False


def key_of(vectors: KeyedVectors, word: str) -> Any:
    """The key that a word of the command line means: integers where the model was trained on ids."""
    if word in vectors.key_to_index:
        return word
    if word.removeprefix("-").isdecimal() and int(word) in vectors.key_to_index:
        return int(word)
    raise KeyError(f"{word!r} is not in the vocabulary of {len(vectors):,} words")


def neighbors(args: argparse.Namespace) -> None:
    vectors = load_vectors(args.model)
    keys = [key_of(vectors, word) for word in args.words]
    for word, key in zip(args.words, keys, strict=True):
        print(word)
        print_similar(vectors.most_similar(key, topn=args.topn))


def analogy(args: argparse.Namespace) -> None:
    vectors = load_vectors(args.model)
    a, b, c = (key_of(vectors, word) for word in (args.A, args.B, args.C))
    print(f"{args.A} is to {args.B} as {args.C} is to")
    print_similar(vectors.most_similar(positive=[b, c], negative=[a], topn=args.topn))


def print_similar(similar: Any) -> None:
    for word, similarity in similar:
        print(f"  {similarity:6.3f}  {word}")


def evaluate(args: argparse.Namespace) -> None:
    if not args.analogies and not args.pairs:
        raise UsageError("nothing to evaluate on: give --analogies FILE, --pairs FILE or both")
    vectors = load_vectors(args.model)
    result: dict[str, Any] = {"model": args.model, "words": len(vectors), "dimensions": vectors.vector_size}
    result["pairs"] = [{"file": path, **score_pairs(vectors, path)} for path in args.pairs]
    if args.analogies:
        result["analogies"] = {"file": args.analogies, **score_analogies(vectors, args.analogies, args.restrict_vocab)}
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print_scores(result)


def score_pairs(vectors: KeyedVectors, path: str) -> dict[str, float]:
    pearson, spearman, oov = vectors.evaluate_word_pairs(path, restrict_vocab=len(vectors))
    return {"spearman": float(spearman[0]), "pearson": float(pearson[0]), "out_of_vocabulary_percent": float(oov)}


def score_analogies(vectors: KeyedVectors, path: str, restrict_vocab: int) -> dict[str, Any]:
    score, sections = vectors.evaluate_word_analogies(path, restrict_vocab=restrict_vocab)
    counts = [(s["section"], len(s["correct"]), len(s["correct"]) + len(s["incorrect"])) for s in sections]
    return {
        "restrict_vocab": restrict_vocab,
        "accuracy": float(score),
        "correct": counts[-1][1],  # the last section is the total
        "questions": counts[-1][2],
        "sections": [{"section": name, "correct": right, "questions": total} for name, right, total in counts[:-1]],
    }


def print_scores(result: dict[str, Any]) -> None:
    for scores in result["pairs"]:
        print(
            f"{Path(scores['file']).name}: Spearman {100 * scores['spearman']:.1f},"
            f" Pearson {100 * scores['pearson']:.1f} (x 100;"
            f" {scores['out_of_vocabulary_percent']:.1f} % of the pairs out of vocabulary)"
        )
    if analogies := result.get("analogies"):
        for section in analogies["sections"]:
            print_share(f"  {section['section']}", section)
        print_share(f"{Path(analogies['file']).name}, {analogies['restrict_vocab']:,} most frequent words", analogies)


def print_share(name: str, counts: dict[str, Any]) -> None:
    share = f"{100 * counts['correct'] / counts['questions']:.1f} %" if counts["questions"] else "-"
    print(f"{name}: {share} ({counts['correct']:,} of {counts['questions']:,})")


def run_demo(args: argparse.Namespace) -> None:
    demo.run(Path(args.folder), text_only=args.text_only)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.

    Returns
    -------
    int
        0, 1 when the work failed, 2 when the command line is wrong, 130 when interrupted by Ctrl-C, 143 by SIGTERM.

    Examples
    --------
    >>> main(["analogy", "model.safetensors", "man"])
    2
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # no word or file name is worth failing after the work is done
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminations_interrupt(), warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"fastsgns: warning: {message}", file=sys.stderr)
            args = build_parser().parse_args(argv)
            args.run(args)
        if sys.stdout is not None:  # as it is where the caller has closed it
            sys.stdout.flush()
        return 0
    except UsageError as error:
        return fail(error, 2)
    except BrokenPipeError:  # the reader, say `head`, has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        return fail("terminated", 143) if TERMINATED in error.args else fail("interrupted", 130)
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error, 1)
    except KeyError as error:
        return fail(error.args[0] if error.args else error, 1)
    except MemoryError as error:
        return fail(f"not enough memory: {error}", 1)
    except (ValueError, ArithmeticError, ImportError, RuntimeError) as error:
        return fail(error, 1)


def fail(message: object, code: int) -> int:
    text = " ".join(str(message).split())
    print(f"fastsgns: error: {text}", file=sys.stderr)
    return code
