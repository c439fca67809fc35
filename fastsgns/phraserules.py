"""Which pairs of words are phrases, by what was counted and by the parameters there are: PhraseRules."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from fastsgns.phrasejoining import Find, Found, Table
from fastsgns.phrasescores import SCORERS, Scoring, estimate, least_count
from fastsgns.phrasestrings import PhraseStrings

__all__ = ["PhraseRules"]


class PhraseRules:
    """Phrases by given parameters.

    Parameters
    ----------
    strings : PhraseStrings
    scoring : callable
    min_count, threshold : float
    connector_words : frozenset of str
    """

    def __init__(
        self,
        strings: PhraseStrings,
        scoring: Scoring,
        min_count: float,
        threshold: float,
        connector_words: frozenset[str],
    ) -> None:
        self.parameters = scoring, min_count, threshold, connector_words
        self.strings, self.threshold, self.connector_words = strings, threshold, connector_words
        self.least = least_count(scoring, min_count, threshold)
        self.is_own = scoring not in SCORERS.values()
        size, total = len(strings), strings.counts.total
        self.estimate = estimate(scoring, size, min_count, total)

        def score(first: int, last: int, both: int) -> float:
            return scoring(
                worda_count=first, wordb_count=last, bigram_count=both,
                len_vocab=size, min_count=min_count, corpus_word_count=total,
            )  # fmt: skip

        self.score = score

    @cached_property
    def found(self) -> dict[str, float]:
        """Phrases and their scores, in the order of first appearance."""
        return self.strings.phrases(self.score, self.threshold, self.least, self.estimate)

    @cached_property
    def finder(self) -> Find | Table:
        """Tells of first word, connector words between, and last word whether they are a phrase."""
        if self.is_own:  # a function of the user's is called for nothing but what is asked for
            return lambda first, between, last: self.judge(first, between, last, self.strings.vocab.get)
        table: Table = {}
        for words, phrase, score in self.sequences:
            after = words[1] if len(words) == 2 else tuple(words[1:])
            table.setdefault(words[0], {})[after] = phrase, score
        return table

    def judge(self, first: str, between: list[str], last: str, count_of: Callable[[str], int | None]) -> Found:
        """The phrase of these words and its score, or None, by the counts of strings."""
        phrase = self.strings.delimiter.join([first, *between, last])
        if not (both := count_of(phrase)) or not (a := count_of(first)) or not (b := count_of(last)):
            return None
        score = self.score(a, b, both)
        return (phrase, score) if score > self.threshold else None

    @cached_property
    def sequences(self) -> list[tuple[list[str], str, float]]:
        """The words of all phrases, what they join to and its score."""
        plain = [(phrase.split(self.strings.delimiter), phrase, score) for phrase, score in self.found.items()]
        marked = self.strings.marked_phrases(self.connector_words, self.score, self.threshold, self.least)
        return [*plain, *marked]
