"""The commands that ask vectors: `fastsgns neighbors`, `analogy` and `evaluate`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastsgns.cli_parser import AddCommand, UsageError, add_json, add_model, positive
from fastsgns.cli_streams import STANDARD, key_of, load_vectors, print_json
from fastsgns.keyedvectors import KeyedVectors

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add the commands, by the function that makes the parser of one."""
    sub = command(
        "neighbors", neighbors, "Print the words nearest to each word.",
        "fastsgns neighbors model.safetensors king queen -n 5",
        "fastsgns neighbors vectors.bin king --json",
        "cut -f1 words.tsv | fastsgns neighbors model.safetensors -",
    )  # fmt: skip
    add_model(sub)
    text = "words; - alone reads them from standard input, one a line, and answers each at once"
    sub.add_argument("words", nargs="+", metavar="WORD", help=text)
    add_topn(sub)
    add_json(sub, "print a JSON object a line, one for each word")

    sub = command(
        "analogy", analogy, "A is to B as C is to what?",
        "fastsgns analogy model.safetensors man king woman",
        "fastsgns analogy model.safetensors paris france rome -n 3 --json",
    )  # fmt: skip
    add_model(sub)
    for name in "ABC":
        sub.add_argument(name, metavar=name)
    add_topn(sub)
    add_json(sub)

    sub = command(
        "evaluate", evaluate, "Score vectors on analogies and word pairs.",
        "fastsgns evaluate model.safetensors --analogies questions-words.txt",
        "fastsgns evaluate vectors.txt --pairs wordsim353.tsv simlex999.tsv --json",
    )  # fmt: skip
    add_model(sub)
    sub.add_argument("--analogies", metavar="FILE", help="questions-words.txt or a file like it")
    sub.add_argument("--pairs", nargs="+", default=[], metavar="FILE", help="word, word, score between tabs")
    sub.add_argument(
        "--restrict-vocab", type=positive, default=30000, metavar="N",
        help="analogies: only the N most frequent words (default: %(default)s); pairs always use all words",
    )  # fmt: skip
    add_json(sub)


def add_topn(sub: argparse.ArgumentParser) -> None:
    text = "words to print (default: %(default)s)"
    sub.add_argument("-n", "--topn", type=positive, default=10, metavar="N", help=text)


def neighbors(args: argparse.Namespace) -> None:
    from_stdin = args.words == [STANDARD]
    if from_stdin and args.model == STANDARD:
        raise UsageError("-: standard input holds either the vectors or the words; name a file")
    vectors = load_vectors(args.model)
    if not from_stdin:
        keys = [key_of(vectors, word) for word in args.words]
        for word, key in zip(args.words, keys, strict=True):
            print_neighbors(word, vectors.most_similar(key, topn=args.topn), args.json)
        return
    unknown = 0
    for word in lines_of_stdin():
        try:
            key = key_of(vectors, word)
        except KeyError as error:  # the others are answered
            unknown += 1
            print(f"fastsgns: {error.args[0]}", file=sys.stderr)
            continue
        print_neighbors(word, vectors.most_similar(key, topn=args.topn), args.json)
        sys.stdout.flush()  # whoever asks may wait for the answer
    if unknown:
        raise KeyError(f"{unknown:,} of the words asked for are not in the vocabulary")


def lines_of_stdin() -> Iterator[str]:
    """Words, one a line."""
    if sys.stdin is None:
        raise UsageError("-: standard input is closed")
    for number, line in enumerate(iter(sys.stdin.buffer.readline, b""), 1):
        try:
            if word := line.decode("utf-8").strip():
                yield word
        except UnicodeDecodeError as error:
            raise ValueError(f"standard input, line {number}: not UTF-8: {error.reason}") from error


def print_neighbors(word: str, similar: Any, as_json: bool) -> None:
    if as_json:
        print_json({"word": word, "neighbors": as_objects(similar)}, indent=None)
        return
    print(word)
    print_similar(similar)


def as_objects(similar: Any) -> list[dict[str, Any]]:
    return [{"word": word, "similarity": round(float(similarity), 6)} for word, similarity in similar]


def analogy(args: argparse.Namespace) -> None:
    vectors = load_vectors(args.model)
    a, b, c = (key_of(vectors, word) for word in (args.A, args.B, args.C))
    similar = vectors.most_similar(positive=[b, c], negative=[a], topn=args.topn)
    if args.json:
        print_json({"a": args.A, "b": args.B, "c": args.C, "answers": as_objects(similar)}, indent=None)
        return
    print(f"{args.A} is to {args.B} as {args.C} is to")
    print_similar(similar)


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
        print_json(result)
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
