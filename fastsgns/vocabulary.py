"""The vocabulary: which words of a corpus are kept, how often they occur, and their ids."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.checks import check_integer

__all__ = ["ALL_WORDS", "RULE_DEFAULT", "RULE_DISCARD", "RULE_KEEP", "TrimRule", "Vocabulary", "VocabularyRules"]

# What a trim rule says of a word; the same numbers as gensim.utils has.
RULE_DEFAULT, RULE_DISCARD, RULE_KEEP = 0, 1, 2

logger = logging.getLogger(__name__)

TrimRule = Callable[[Any, int, int], int | None]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words by id, their counts, and the size of the corpus they come from.

    Parameters
    ----------
    words : list
        Strings, integers or other hashables; the id of a word is its place. All different.
    counts : ndarray of int64, shape (V,)
        Occurrences of each word.
    raw_words : int
        Tokens of the corpus, the rare words that were left out included.
    sentences : int
        Sentences of the corpus that hold a token.

    Examples
    --------
    >>> vocabulary = Vocabulary(["the", "cat"], np.array([7, 3]), raw_words=12, sentences=2)
    >>> len(vocabulary), vocabulary.index["cat"]
    (2, 1)
    """

    words: list[Any]
    counts: NDArray[np.int64]
    raw_words: int
    sentences: int

    def __post_init__(self) -> None:
        if len(self.words) != len(self.counts):
            raise ValueError(f"len(words)={len(self.words)} and len(counts)={len(self.counts)} must be equal")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[Hashable, int]:
        """The id of each word."""
        return {word: i for i, word in enumerate(self.words)}

    def extended(self, other: Vocabulary) -> Vocabulary:
        """This vocabulary with the words of another behind it; counts are added up, the corpus is the other's."""
        words = self.words + [word for word in other.words if word not in self.index]
        counts = np.zeros(len(words), np.int64)
        counts[: len(self)] = self.counts
        extended = Vocabulary(words, counts, other.raw_words, other.sentences)
        counts[[extended.index[word] for word in other.words]] += other.counts
        return extended


@dataclass(frozen=True)
class VocabularyRules:
    """Which words of a corpus are kept, and in which order. Names and defaults are gensim's.

    Parameters
    ----------
    min_count : int, default 5
        Words that occur less often are left out; 0 and 1 keep all.
    max_vocab_size, max_final_vocab : int, optional
        The most words to keep. Where more reach `min_count`, it is raised until no more do: words of equal count stay
        or go together, so fewer may be left. gensim cuts by `max_vocab_size` now and then while it counts, which makes
        counts depend on the order of the text; here both bounds hold exactly, at the end.
    sorted_vocab : bool, default True
        Most frequent words first, those of equal count in order of first appearance; otherwise all in that order.
    trim_rule : callable, optional
        Called with every word, its count and the `min_count` in force; RULE_KEEP and RULE_DISCARD (2 and 1) decide,
        RULE_DEFAULT (0) and None leave it to the count.
    least_words : int, default 2
        Fewer are refused: one word leaves nothing to predict.

    Examples
    --------
    >>> VocabularyRules(min_count=2).select(np.array([3, 1, 2, 7]))
    array([3, 0, 2])
    >>> VocabularyRules(min_count=1, max_final_vocab=3).select(np.array([2, 9, 2, 7]))
    array([1, 3])
    """

    min_count: int = 5
    max_vocab_size: int | None = None
    max_final_vocab: int | None = None
    sorted_vocab: bool = True
    trim_rule: TrimRule | None = None
    least_words: int = 2

    def __post_init__(self) -> None:
        check_integer("min_count", self.min_count, 0)
        for name in ("max_vocab_size", "max_final_vocab"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 2)

    def select(
        self,
        counts: NDArray[np.int64],
        first: NDArray[np.int64] | None = None,
        words: Callable[[NDArray[np.int64]], list[Any]] | None = None,
    ) -> NDArray[np.int64]:
        """The words to keep.

        Parameters
        ----------
        counts : ndarray of int64, shape (n,)
            Occurrences of every word.
        first : ndarray of int64, shape (n,), optional
            Numbers that rise in the order of first appearance; by default the words are in that order.
        words : callable, optional
            Gives the words of places in `counts`; needed where there is a `trim_rule`.

        Returns
        -------
        ndarray of int64, shape (V,)
            Places in `counts`, in the order of the vocabulary.

        Raises
        ------
        ValueError
            If fewer than `least_words` are left; and for what no trim rule may answer.
        """
        if len(counts) == 0 and self.least_words:
            raise ValueError("the corpus is empty: it holds no word at all")
        threshold = self.effective_min_count(counts)
        keep = counts >= threshold
        if self.trim_rule is not None and words is not None:
            keep = self.trimmed(self.trim_rule, words(np.arange(len(counts))), counts, keep, threshold)
        kept = np.flatnonzero(keep)
        if len(kept) < self.least_words:
            raise ValueError(self.complaint(counts, threshold, len(kept)))
        if first is not None:
            kept = kept[np.argsort(first[kept])]
        if self.sorted_vocab:
            kept = kept[np.argsort(-counts[kept], kind="stable")]
        if self.least_words:  # else all are wanted, and no vocabulary is being chosen
            text, total = int(counts[kept].sum()), int(counts.sum())
            by = f"min_count={threshold}" + (" and trim_rule" if self.trim_rule is not None else "")
            logger.info(
                "%s keeps %s of %s distinct words, %s of %s words of text (%.1f %%)",
                by, f"{len(kept):,}", f"{len(counts):,}", f"{text:,}", f"{total:,}", 100 * text / max(1, total),
            )  # fmt: skip
        return kept

    def apply(
        self,
        counts: NDArray[np.int64],
        first: NDArray[np.int64] | None,
        words: Callable[[NDArray[np.int64]], list[Any]],
        vocabulary: Vocabulary | None,
        raw_words: int,
        sentences: int,
    ) -> tuple[Vocabulary, NDArray[np.int32]]:
        """The vocabulary of what was counted, or the one given; and every counted word's id in it, -1 of those outside.

        `words` gives the words of places in `counts`; the rest as for `select` and `Vocabulary`.
        """
        if vocabulary is not None:
            index = vocabulary.index
            found = [index.get(word, -1) for word in words(np.arange(len(counts)))]
            return vocabulary, np.array(found, np.int32)
        kept = self.select(counts, first, words)
        ids = np.full(len(counts), -1, np.int32)
        ids[kept] = np.arange(len(kept), dtype=np.int32)
        return Vocabulary(words(kept), counts[kept], raw_words, sentences), ids

    @staticmethod
    def trimmed(
        rule: TrimRule, words: list[Any], counts: NDArray[np.int64], keep: NDArray[np.bool_], threshold: int
    ) -> NDArray[np.bool_]:
        """`keep`, but for the words that the rule decides on."""
        keep = keep.copy()
        for i, (word, count) in enumerate(zip(words, counts.tolist(), strict=True)):
            answer = rule(word, count, threshold)
            if answer is None:  # a function that ran to its end
                continue
            if isinstance(answer, bool) or answer not in (RULE_DEFAULT, RULE_DISCARD, RULE_KEEP):
                raise ValueError(
                    f"trim_rule({word!r}, {count}, {threshold}) gave {answer!r}: it must be RULE_DEFAULT (0), "
                    "RULE_DISCARD (1) or RULE_KEEP (2)"
                )
            if answer != RULE_DEFAULT:
                keep[i] = answer == RULE_KEEP
        return keep

    def effective_min_count(self, counts: NDArray[np.int64]) -> int:
        """`min_count`, raised as far as the bounds on the vocabulary ask for."""
        bounds = [bound for bound in (self.max_vocab_size, self.max_final_vocab) if bound is not None]
        if not bounds or len(counts) <= min(bounds):
            return int(self.min_count)
        first_left_out = len(counts) - 1 - min(bounds)
        return max(int(self.min_count), int(np.partition(counts, first_left_out)[first_left_out]) + 1)

    def complaint(self, counts: NDArray[np.int64], threshold: int, kept: int) -> str:
        found = f"the corpus has {len(counts)} distinct words, the most frequent one {counts.max()} times"
        left = "no word is" if kept == 0 else "only one word is"
        if len(counts) == 1:
            return f"{found}: a vocabulary of one word leaves nothing to predict"
        if threshold > self.min_count:
            bounds = f"max_vocab_size={self.max_vocab_size}, max_final_vocab={self.max_final_vocab}"
            return f"{bounds}: {found}, and {left} left when words of equal count go together; give a higher bound"
        by = f"min_count={self.min_count}" + (" and trim_rule" if self.trim_rule else "")
        return f"{by}: {found}, so that {left} left; give a lower min_count or more text"


# Every word, whatever its count, in the order of first appearance; be there only one, or none.
ALL_WORDS = VocabularyRules(min_count=0, sorted_vocab=False, least_words=0)
