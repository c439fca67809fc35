"""Phrases and FrozenPhrases as files: counts and parameters, as safetensors with JSON metadata."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import formats
from fastsgns.checks import check_integer, check_real, plain
from fastsgns.files import PathLike
from fastsgns.phrasecounts import PAIR_FIELDS, PhraseCounts
from fastsgns.phrasescores import SCORERS, Scoring

__all__ = ["load_counts", "load_phrasegrams", "save_counts", "save_phrasegrams"]

# Beyond all counts, and short of 64 bits.
MOST_WORDS = 2**62
# Attributes of both, and arguments of Phrases.
PARAMETERS = ("min_count", "threshold", "delimiter", "scoring", "connector_words")
COUNT_PARAMETERS = (*PARAMETERS, "max_vocab_size", "progress_per")
COUNT_ARRAYS = {
    "word_counts": np.int64, "word_first": np.int64, "starts": np.int32, "ends": np.int32, "link_ids": np.int32,
    "pair_counts": np.int64, "pair_first": np.int64,
}  # fmt: skip


def save_counts(path: PathLike, phrases: Any, counts: PhraseCounts) -> None:
    """Write Phrases.

    Raises
    ------
    ValueError
        If the score is a function of the user's, or a word cannot be written as UTF-8.
    """
    if scoring_name(phrases.scoring) is None:
        raise ValueError(
            f"{os.fspath(path)}: scoring={phrases.scoring!r} is a function of your own, which no file holds: freeze() "
            "keeps the phrases it finds, and can be saved"
        )
    counts = in_order(counts)
    ids = {word: i for i, word in enumerate(counts.words)}
    tensors = {
        **formats.pack_keys(counts.words),
        **{name: getattr(counts, name) for name in COUNT_ARRAYS},
        "link_words": np.array([ids[word] for link in counts.links for word in link], np.int32),
        "link_offsets": np.cumsum([0, *map(len, counts.links)], dtype=np.int64),
    }
    parameters = as_json(phrases, COUNT_PARAMETERS)
    metadata = {"kind": "Phrases", "parameters": parameters, "corpus_word_count": counts.total}
    formats.save_tensors(path, tensors, metadata)


def in_order(counts: PhraseCounts) -> PhraseCounts:
    """The same with pairs and links in the order of first appearance, whatever threads have made of it."""
    order = np.argsort(counts.pair_first)
    used, first = np.unique(counts.link_ids[order], return_index=True)
    links = [0, *(link for link in used[np.argsort(first)].tolist() if link)]
    numbers = np.zeros(len(counts.links), np.int32)
    numbers[links] = np.arange(len(links))
    arrays = {name: getattr(counts, name)[order] for name in PAIR_FIELDS}
    arrays["link_ids"] = numbers[arrays["link_ids"]]
    return replace(counts, links=[counts.links[link] for link in links], **arrays)


def load_counts(path: PathLike) -> tuple[dict[str, Any], PhraseCounts]:
    """Parameters and counts, checked.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    tensors, metadata = formats.load_tensors(path, "Phrases")
    try:
        parameters = from_json(metadata, COUNT_PARAMETERS)
        words, total = formats.unpack_keys(tensors), metadata["corpus_word_count"]
        arrays = {name: tensors[name] for name in COUNT_ARRAYS}
        link_words, link_offsets = tensors["link_words"], tensors["link_offsets"].tolist()
        for name, array in arrays.items():
            shape = (len(words),) if name.startswith("word") else (len(arrays["starts"]),)
            if array.shape != shape or array.dtype != COUNT_ARRAYS[name]:
                raise ValueError(f"its {name} are of shape {array.shape} and {array.dtype}")
        sizes = {"starts": len(words), "ends": len(words), "link_ids": len(link_offsets) - 1}
        for name, size in sizes.items():
            check_ids(name, arrays[name], size)
        check_ids("link_words", link_words, len(words))
        if sorted(link_offsets) != link_offsets or link_offsets[:2] != [0, 0] or link_offsets[-1] != len(link_words):
            raise ValueError("its link_offsets do not divide its link_words")
        if (arrays["pair_counts"] < 1).any() or not are_different_strings(words):
            raise ValueError("its words and counts do not fit together")
        check_integer("corpus_word_count", total, 0, MOST_WORDS)
        for name in ("word_counts", "word_first", "pair_counts", "pair_first"):
            if len(arrays[name]) and not 0 <= arrays[name].min() <= arrays[name].max() <= MOST_WORDS:
                raise ValueError(f"its {name} are not all of 0 to {MOST_WORDS}")
        links = [tuple(words[i] for i in link_words[a:b].tolist()) for a, b in pairwise(link_offsets)]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{Path(path)}: not Phrases of fastsgns, or damaged: {error}") from error
    return parameters, PhraseCounts(words=words, links=links, total=total, **arrays)


def save_phrasegrams(path: PathLike, phrases: Any) -> None:
    """Write FrozenPhrases; of a score that is the user's, nothing.

    Raises
    ------
    ValueError
        If a phrase cannot be written as UTF-8.
    """
    scores = np.array([*phrases.phrasegrams.values()], np.float64)
    tensors = {**formats.pack_keys([*phrases.phrasegrams]), "scores": scores}
    formats.save_tensors(path, tensors, {"kind": "FrozenPhrases", "parameters": as_json(phrases, PARAMETERS)})


def load_phrasegrams(path: PathLike) -> tuple[dict[str, Any], dict[str, float]]:
    """Parameters, and phrases with scores, checked.

    Raises
    ------
    ValueError
        If the file is damaged or of another kind.
    """
    tensors, metadata = formats.load_tensors(path, "FrozenPhrases")
    try:
        parameters = from_json(metadata, PARAMETERS)
        names, scores = formats.unpack_keys(tensors), tensors["scores"]
        if scores.shape != (len(names),) or scores.dtype != np.float64 or not are_different_strings(names):
            raise ValueError("its phrases and scores do not fit together")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{Path(path)}: not FrozenPhrases of fastsgns, or damaged: {error}") from error
    return parameters, dict(zip(names, scores.tolist(), strict=True))


def as_json(phrases: Any, names: Iterable[str]) -> dict[str, Any]:
    parameters = {name: plain(getattr(phrases, name)) for name in names}
    others = {"scoring": scoring_name(phrases.scoring), "connector_words": sorted(phrases.connector_words)}
    return {**parameters, **others}


def from_json(metadata: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    parameters = {name: metadata["parameters"][name] for name in names}
    if parameters["scoring"] is not None and parameters["scoring"] not in SCORERS:
        raise ValueError(f"scoring={parameters['scoring']!r} is not known")
    check_real("min_count", parameters["min_count"], -MOST_WORDS, MOST_WORDS)
    return parameters


def scoring_name(scoring: Scoring | None) -> str | None:
    """The name of a score of this package; None of others."""
    return next((name for name, known in SCORERS.items() if known is scoring), None)


def check_ids(name: str, ids: NDArray[Any], size: int) -> None:
    if ids.dtype != np.int32 or (len(ids) and not 0 <= ids.min() <= ids.max() < size):
        raise ValueError(f"its {name} are not all of 0 to {size - 1}")


def are_different_strings(words: list[Any]) -> bool:
    return all(isinstance(word, str) for word in words) and len(set(words)) == len(words)
