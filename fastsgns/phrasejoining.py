"""What Phrases and FrozenPhrases share: sentences, corpora and files in, the same with phrases joined out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from fastsgns._phrases import join_tokens
from fastsgns.columns import items_of
from fastsgns.config import available_cores
from fastsgns.phrasetext import JoinedText, join_files, text_joiner
from fastsgns.progress import progress_bar
from fastsgns.text import Source

__all__ = ["Find", "JoinedCorpus", "PhrasesTransformation", "Table"]

Found = tuple[str, float] | None
# Takes first word, connector words between, and last word: the phrase and its score, or None.
Find = Callable[[str, list[str], str], Found]
# The same of all phrases: by first word, then by last word, or by a tuple of those between and the last one.
Table = dict[str, dict[Any, tuple[str, float]]]


class JoinedCorpus:
    """The sentences of a corpus with phrases joined, one after the other, as often as the corpus itself can be read."""

    def __init__(self, phrases: PhrasesTransformation, sentences: Iterable[Iterable[str]]) -> None:
        self.phrases, self.sentences = phrases, sentences

    def __iter__(self) -> Iterator[list[str]]:
        for sentence in self.sentences:
            yield self.phrases._join(sentence, False)

    def __len__(self) -> int:
        return len(self.sentences)  # type: ignore[arg-type]


class PhrasesTransformation:
    """Finds phrases in sentences by `_finder`, and in files by the words of all phrases, `_sequences`."""

    delimiter: str
    connector_words: frozenset[str]

    def _finder(self) -> Find | Table:
        raise NotImplementedError

    def _sequences(self) -> Iterable[list[str]]:
        raise NotImplementedError

    def _join(self, sentence: Iterable[str], scored: bool) -> list[Any]:
        if type(sentence) is not list:
            sentence = items_of(sentence)
        if isinstance(sentence, (str, bytes)) or not isinstance(sentence, Iterable):
            raise ValueError(f"the sentence is {sentence!r:.60}: it must be a list of tokens, such as line.split()")
        return join_tokens(sentence, self._finder(), frozenset(self.connector_words), scored)

    def analyze_sentence(self, sentence: Iterable[str]) -> Iterator[tuple[str, float | None]]:
        """The tokens of a sentence, phrases joined, with their scores; None of what is no phrase.

        Parameters
        ----------
        sentence : iterable of str
            A phrase may go from one word to the next that is not among the `connector_words`. From left to right, the
            first that is one is taken. An empty token begins none and stays (gensim loses it).

        Yields
        ------
        tuple of str and float or None

        Raises
        ------
        ValueError
            If the sentence is a string, or a token is not.
        """
        yield from self._join(sentence, True)

    def __getitem__(self, sentence: Iterable[Any]) -> list[str] | JoinedCorpus:
        """Join the phrases of a sentence, or of every sentence of a corpus.

        Parameters
        ----------
        sentence : iterable of str, or iterable of those
            Told apart by the first item. An iterator of sentences can be read once. A column of a table (pandas,
            polars, Arrow, Hugging Face datasets) is taken as a list of its items is: token lists are sentences, tokens
            are one sentence.

        Returns
        -------
        list of str, or JoinedCorpus
            The latter can be iterated over, and joins a sentence at a time.

        Raises
        ------
        ValueError
            If the sentence is a string, a table, or a column of lines of text or with nulls.
        """
        sentence = items_of(sentence)
        if isinstance(sentence, (str, bytes)) or not isinstance(sentence, Iterable):
            raise ValueError(f"the sentence is {sentence!r:.60}: it must be a list of tokens, such as line.split()")
        iterator = iter(sentence)
        for first in iterator:
            again = chain([first], iterator)
            if isinstance(first, str):
                return self._join(again, False)
            return JoinedCorpus(self, again if iterator is sentence else sentence)
        return []

    def find_phrases(self, sentences: Iterable[Iterable[str]]) -> dict[str, float]:
        """The phrases that occur in sentences, and their scores.

        Raises
        ------
        ValueError
            As for `analyze_sentence`.
        """
        if isinstance(sentences, (str, bytes)):
            raise ValueError(f"sentences={sentences!r:.60} is a string: give a list of token lists")
        tokens = chain.from_iterable(map(self.analyze_sentence, items_of(sentences)))
        return {phrase: score for phrase, score in tokens if score is not None}

    def transform_file(
        self,
        source: Source,
        target: str | os.PathLike[str],
        workers: int | None = None,
        errors: str = "strict",
        progress: bool = False,
    ) -> JoinedText:
        """Write the text of files to one file, with phrases joined, atomically.

        Parameters
        ----------
        source : path or list of paths
            Plain or compressed (.gz, .bz2, .xz, .zst) UTF-8 text. Lines are sentences and stay lines; their words,
            those of ``line.split()``, have one space between them after.
        target : path
            Compressed if its name ends in .gz, .bz2 or .xz. Replaced when all is written; may be one of the sources.
        workers : int, optional
            Threads; by default all cores this process may use. The text does not depend on their number.
        errors : {"strict", "replace", "ignore"}, default "strict"
            Invalid UTF-8 and NUL bytes are refused, become U+FFFD, or are left out.
        progress : bool, default False
            Show a progress bar.

        Returns
        -------
        JoinedText
            ``lines`` and ``words`` that were read, and ``phrases`` joined.

        Raises
        ------
        ValueError
            For text that is no UTF-8, with file and offset; if the delimiter holds white space.
        OSError
            If a file is missing or cannot be written.
        """
        joiner = text_joiner(self._sequences(), self.connector_words, self.delimiter)
        workers = available_cores() if workers is None else workers
        with progress_bar("join", "B", progress) as report:
            return join_files(source, target, joiner, workers=workers, errors=errors, progress=report)
