"""Phrases and FrozenPhrases: the face that gensim's users know; counting, strings and text are done elsewhere."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from fastsgns._encode import ERRORS
from fastsgns.checks import check_choice, check_integer, check_real
from fastsgns.config import available_cores
from fastsgns.corpus import encode_files, encode_sentences
from fastsgns.interrupts import terminations_interrupt
from fastsgns.phrasecounts import PhraseCounts, count_corpus, merge, prune
from fastsgns.phrasefiles import load_counts, load_phrasegrams, save_counts, save_phrasegrams
from fastsgns.phrasejoining import Find, Found, PhrasesTransformation, Table
from fastsgns.phraserules import PhraseRules
from fastsgns.phrasescores import SCORERS, Scoring, as_scoring, npmi_scorer, original_scorer
from fastsgns.phrasestrings import PhraseStrings, splits
from fastsgns.progress import progress_bar
from fastsgns.text import Source
from fastsgns.vocabulary import ALL_WORDS

__all__ = [
    "ENGLISH_CONNECTOR_WORDS", "FrozenPhrases", "Phraser", "Phrases", "npmi_scorer", "original_scorer",
]  # fmt: skip

logger = logging.getLogger(__name__)

# As gensim has it.
ENGLISH_CONNECTOR_WORDS = frozenset(
    ["a", "an", "the", "for", "of", "with", "without", "at", "from", "to", "in", "on", "by", "and", "or"]
)


class Phrases(PhrasesTransformation):
    """Collocations by the counts of words and of pairs of them (Mikolov et al. 2013, arXiv 1310.4546, section 4).

    Give `sentences` or `corpus_file` to count at once; give neither to call `add_vocab` yourself.

    Parameters
    ----------
    sentences : iterable of lists of str, optional
        Any iterable, one-shot generators too: it is read once.
    min_count : float, default 5
        Pairs that occur less often are no phrases; the default score takes it off their count.
    threshold : float, default 10
        A pair that scores more is a phrase. Above 0 for the default score, from -1 to 1 for npmi.
    max_vocab_size : int, default 40,000,000
        The most words and pairs to keep: of more, the rarest are left out, those of equal count all together, and a
        warning logged. All are counted exactly before, in several passes over the encoded corpus if there are many, so
        that memory is bounded. (gensim leaves out what is rare so far whenever there are too many, which makes counts
        depend on the order of the text.)
    delimiter : str, default "_"
        Joins the words of a phrase.
    progress_per : int
        Accepted for gensim's sake, without effect.
    scoring : {"default", "npmi"} or callable, default "default"
        `original_scorer`, `npmi_scorer`, or any function of their parameters, called with them by name.
    connector_words : iterable of str, default none
        Words that may stand inside a phrase, any number of them, but neither begin nor end it, such as
        `ENGLISH_CONNECTOR_WORDS`; they do not count for the score.
    corpus_file : path or list of paths, optional
        Plain or compressed (.gz, .bz2, .xz, .zst) UTF-8 text, a sentence a line, tokens between white space. A
        directory stands for the files in it.
    workers : int, optional
        Threads that count; by default all cores this process may use. No result depends on their number.
    errors : {"strict", "replace", "ignore"}, default "strict"
        What to do about invalid UTF-8 in files.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    vocab : mapping of str to int
        Counts of words and of joined pairs, read-only, in gensim's order; made when it is asked for.
    vocab_size : int
        How many those are.
    corpus_word_count : int
        Tokens of the corpus.
    min_count, threshold, scoring, connector_words
        May be set anew: they hold for what is asked from then on. `scoring` is the function.

    Raises
    ------
    ValueError
        For parameters out of range, two sources, and tokens that are no strings.

    Notes
    -----
    Results are gensim's: counts, scores and joined sentences; different pairs of words that join to the same string
    count together there and here. The corpus takes four bytes a token while it is counted, besides the counts. Several
    threads may read from one object, not while it counts or its attributes are set.

    Examples
    --------
    >>> cities = ["new york", "san jose", "st paul"]
    >>> sentences = [f"{who} lives in {city}".split() for who in ("ann", "bob", "eve", "dan") for city in cities]
    >>> phrases = Phrases(sentences, min_count=2, threshold=2)
    >>> phrases[["she", "loves", "new", "york"]]
    ['she', 'loves', 'new_york']
    >>> phrases.export_phrases()
    {'new_york': 2.875, 'san_jose': 2.875, 'st_paul': 2.875}
    """

    def __init__(
        self,
        sentences: Iterable[Iterable[str]] | None = None,
        min_count: float = 5,
        threshold: float = 10.0,
        max_vocab_size: int = 40000000,
        delimiter: str = "_",
        progress_per: int = 10000,
        scoring: str | Scoring = "default",
        connector_words: Iterable[str] = frozenset(),
        *,
        corpus_file: Source | None = None,
        workers: int | None = None,
        errors: str = "strict",
        progress: bool = False,
    ) -> None:
        self.scoring = as_scoring(scoring)
        check_real("min_count", min_count, 0)
        if min_count == 0:
            raise ValueError("min_count=0 must be above 0: a phrase must occur")
        check_real("threshold", threshold, -1 if self.scoring is npmi_scorer else -math.inf)
        if self.scoring is original_scorer and threshold <= 0:
            raise ValueError(f"threshold={threshold!r} must be above 0 for the default score")
        if self.scoring is npmi_scorer and threshold > 1:
            raise ValueError(f"threshold={threshold!r} must be from -1 to 1 for scoring='npmi'")
        check_integer("max_vocab_size", max_vocab_size, 1)
        if not isinstance(delimiter, str) or not delimiter:
            raise ValueError(f"delimiter={delimiter!r} must be a string that is not empty")
        connectors = frozenset() if isinstance(connector_words, str) else frozenset(connector_words)
        if isinstance(connector_words, str) or not all(isinstance(word, str) for word in connectors):
            raise ValueError(f"connector_words={connector_words!r} must be a set of strings")
        check_choice("errors", errors, ERRORS)
        if workers is not None:
            check_integer("workers", workers, 1)
        if sentences is not None and corpus_file is not None:
            raise ValueError("give either sentences or a corpus_file, not both")
        self.min_count, self.threshold, self.max_vocab_size = min_count, threshold, max_vocab_size
        self._delimiter, self.progress_per = delimiter, progress_per
        self.connector_words = connectors
        self.workers = available_cores() if workers is None else workers
        self.errors, self.progress = errors, progress
        self._parts = [PhraseCounts.none()]  # of several texts: merged when they are asked for, or many
        self._strings_of_parts: PhraseStrings | None = None
        self._rules: PhraseRules | None = None
        if sentences is not None or corpus_file is not None:
            self.add_vocab(sentences, corpus_file=corpus_file)

    def _set_parts(self, parts: list[PhraseCounts]) -> None:
        self._parts, self._strings_of_parts, self._rules = parts, None, None

    @property
    def _counts(self) -> PhraseCounts:
        if len(self._parts) > 1:
            self._parts = [prune(merge(self._parts), self.max_vocab_size)]
        return self._parts[0]

    @property
    def _strings(self) -> PhraseStrings:
        if self._strings_of_parts is None:
            self._strings_of_parts = PhraseStrings(self._counts, self.delimiter)
        return self._strings_of_parts

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: all but what is made again when it is asked for."""
        return {**self.__dict__, "_strings_of_parts": None, "_rules": None}

    @property
    def delimiter(self) -> str:  # type: ignore[override]
        """Joins the words of a phrase; read-only, as counts are by joined words."""
        return self._delimiter

    @property
    def vocab(self) -> Mapping[str, int]:
        """Counts of words and of joined pairs."""
        return MappingProxyType(self._strings.vocab)

    @property
    def vocab_size(self) -> int:
        """How many strings `vocab` has, which need not be made for that."""
        return len(self._strings)

    @property
    def corpus_word_count(self) -> int:
        """Tokens of the corpus, connector words too."""
        return sum(part.total for part in self._parts)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}<{self.vocab_size} vocab, min_count={self.min_count},"
            f" threshold={self.threshold}, max_vocab_size={self.max_vocab_size}>"
        )

    @terminations_interrupt()
    def add_vocab(self, sentences: Iterable[Iterable[str]] | None = None, *, corpus_file: Source | None = None) -> None:
        """Count more text, besides what was counted before.

        Parameters
        ----------
        sentences, corpus_file
            As in the constructor; one of them.

        Raises
        ------
        ValueError
            If a sentence is a string, a token is not, or a file is no text. Nothing is counted then.
        """
        if (sentences is None) == (corpus_file is None):
            raise ValueError("give either sentences or a corpus_file")
        unit = "B" if corpus_file is not None else "word"
        with progress_bar("scan", unit, self.progress) as report:
            if corpus_file is not None:
                vocabulary, corpus = encode_files(
                    corpus_file, rules=ALL_WORDS, workers=self.workers, errors=self.errors, progress=report
                )
            else:
                assert sentences is not None
                vocabulary, corpus = encode_sentences(sentences, rules=ALL_WORDS, workers=self.workers, progress=report)
        if set(map(type, vocabulary.words)) - {str}:
            word = next(word for word in vocabulary.words if type(word) is not str)
            raise ValueError(f"token {word!r} is no string: phrases are joined of strings; give str(token) for each")
        with progress_bar("count", "word", self.progress) as report:
            more = count_corpus(
                vocabulary, corpus, self.connector_words, self.workers, self.max_vocab_size,
                report=lambda done: report(done, None),
            )  # fmt: skip
        logger.info(
            "counted %d words in %d sentences: %d different words and %d pairs",
            corpus.raw_words, corpus.sentences_read, np.count_nonzero(more.word_counts), len(more.starts),
        )  # fmt: skip
        self._set_parts([*self._parts, more] if self.corpus_word_count else [more])
        if sum(len(part.starts) for part in self._parts[1:]) > len(self._parts[0].starts):
            self._set_parts([self._counts])

    def _current(self) -> PhraseRules:
        """The rules by the parameters there are now."""
        parameters = self.scoring, self.min_count, self.threshold, frozenset(self.connector_words)
        if self._rules is None or self._rules.parameters != parameters:
            self._rules = PhraseRules(self._strings, *parameters)
        return self._rules

    def _finder(self) -> Find | Table:
        return self._current().finder

    def _sequences(self) -> Iterator[list[str]]:
        return (words for words, _, _ in self._current().sequences)

    def score_candidate(self, word_a: str, word_b: str, in_between: Iterable[str]) -> Found | tuple[None, None]:
        """The phrase of two words and those between them, and its score; (None, None) if they are none."""
        return self._current().judge(word_a, [*in_between], word_b, self._strings.count_of) or (None, None)

    def export_phrases(self) -> dict[str, float]:
        """All phrases that were counted, and their scores, in the order of first appearance.

        Each is split at every delimiter, and its first and last part scored, as gensim does.
        """
        return dict(self._current().found)

    def freeze(self) -> FrozenPhrases:
        """The phrases alone, which takes less memory; nothing can be counted any more."""
        return FrozenPhrases(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save counts and parameters as one safetensors file; nothing in it is ever unpickled.

        Raises
        ------
        ValueError
            If the score is a function of your own, or a word cannot be written as UTF-8.
        """
        save_counts(path, self, self._counts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Phrases:
        """Load what `save` wrote; more text can be counted.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind.
        """
        parameters, counts = load_counts(path)
        phrases = cls._of_file(path, parameters)
        phrases._set_parts([counts])
        return phrases

    @classmethod
    def _of_file(cls, path: str | os.PathLike[str], parameters: dict[str, Any]) -> Phrases:
        """With what a file has; bounds are not checked, as attributes may have been set beyond them."""
        scoring = parameters.pop("scoring")
        try:
            phrases = cls(**parameters, scoring=lambda **counts: 0.0)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: damaged: {error}") from error
        phrases.scoring = SCORERS.get(scoring, phrases.scoring)
        return phrases


class FrozenPhrases(PhrasesTransformation):
    """The phrases that `Phrases` has found, and nothing else: smaller, and no more text can be counted.

    Parameters
    ----------
    phrases_model : Phrases

    Attributes
    ----------
    phrasegrams : dict of str to float
        Phrases and their scores.
    threshold : float
        Of `phrasegrams`, what scores more is joined.
    min_count, delimiter, scoring, connector_words
        Of the model. `scoring` is not used any more, and None where a file did not hold it.

    Notes
    -----
    As in gensim, phrases are told by the joined string, whatever its parts are; `Phrases` scores the parts. Where words
    hold the delimiter themselves, as after a first pass, the two may differ.

    Examples
    --------
    >>> frozen = Phrases([["vice", "versa"]] * 5 + [["vice"], ["versa"]], min_count=1, threshold=0.3).freeze()
    >>> frozen[["and", "vice", "versa"]]
    ['and', 'vice_versa']
    """

    def __init__(self, phrases_model: Phrases) -> None:
        self.threshold, self.min_count = phrases_model.threshold, phrases_model.min_count
        self.delimiter, self.connector_words = phrases_model.delimiter, phrases_model.connector_words
        self.scoring: Scoring | None = phrases_model.scoring
        self.phrasegrams = phrases_model.export_phrases()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}<{len(self.phrasegrams)} phrases, min_count={self.min_count},"
            f" threshold={self.threshold}>"
        )

    def score_candidate(self, word_a: str, word_b: str, in_between: Iterable[str]) -> Found | tuple[None, None]:
        """The phrase of two words and those between them, and its score; (None, None) if they are none."""
        return self._finder()(word_a, [*in_between], word_b) or (None, None)

    def _finder(self) -> Find:
        delimiter, get, threshold = self.delimiter, self.phrasegrams.get, self.threshold

        def find(first: str, between: list[str], last: str) -> tuple[str, float] | None:
            phrase = delimiter.join([first, *between, last])
            score = get(phrase)
            return (phrase, score) if score is not None and score > threshold else None

        return find

    def _sequences(self) -> Iterator[list[str]]:
        for phrase, score in self.phrasegrams.items():
            if score > self.threshold:
                yield from splits(phrase, self.delimiter, self.connector_words)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save phrases, scores and parameters as one safetensors file; nothing in it is ever unpickled.

        A `scoring` function of your own is not saved.

        Raises
        ------
        ValueError
            If a phrase cannot be written as UTF-8.
        """
        save_phrasegrams(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FrozenPhrases:
        """Load what `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind.
        """
        parameters, phrasegrams = load_phrasegrams(path)
        scoring = parameters["scoring"]
        frozen = cls(Phrases._of_file(path, parameters))
        frozen.scoring, frozen.phrasegrams = SCORERS.get(scoring), phrasegrams
        return frozen


Phraser = FrozenPhrases  # gensim's older name
