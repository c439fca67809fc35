"""Names that gensim's KeyedVectors still answers to for the sake of older scripts: by work, a warning or a remedy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from numpy.typing import NDArray

from fastsgns.evaluation import Section, log_score
from fastsgns.keyindex import Key
from fastsgns.queries import Queries

__all__ = ["OlderNames"]

logger = logging.getLogger(__name__)


class Gone:
    """An attribute that was: reading or writing it raises an AttributeError that says what to use."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type | None = None) -> Gone:
        if instance is None:
            return self
        self.complain()

    def __set__(self, instance: object, value: object) -> None:
        self.complain()

    def complain(self) -> NoReturn:
        raise AttributeError(f"there has been no attribute {self.name!r} since gensim 4: {self.remedy}")


def deprecated(name: str, remedy: str) -> None:
    """Warn the caller's caller."""
    warnings.warn(f"{name} is deprecated: {remedy}", DeprecationWarning, stacklevel=3)


class OlderNames(Queries):
    """What scripts for gensim before 4, or for its deprecated names, call."""

    vocab = Gone("use key_to_index, index_to_key, get_vecattr(key, attr) and set_vecattr(key, attr, value)")
    index2word = Gone("use index_to_key")
    index2entity = Gone("use index_to_key")
    vectors_norm = Gone("use get_normed_vectors()")

    def word_vec(self, key: Key, norm: bool = False) -> NDArray[Any]:
        """The deprecated name of `get_vector`."""
        deprecated("word_vec", "use get_vector")
        return self.get_vector(key, norm)

    def words_closer_than(self, word1: Key, word2: Key) -> list[Any]:
        """The deprecated name of `closer_than`."""
        deprecated("words_closer_than", "use closer_than")
        return self.closer_than(word1, word2)

    def init_sims(self, replace: bool = False) -> None:
        """Deprecated: `fill_norms`, and if `replace` is set `unit_normalize_all`."""
        deprecated("init_sims", "use unit_normalize_all" if replace else "use fill_norms, or nothing: queries call it")
        self.fill_norms()
        if replace:
            self.unit_normalize_all()

    @staticmethod
    def log_accuracy(section: Section) -> None:
        """Log the share of analogies of a section of `evaluate_word_analogies` that were solved."""
        log_score(section)

    @staticmethod
    def log_evaluate_word_pairs(pearson: Sequence[float], spearman: Sequence[float], oov: float, pairs: object) -> None:
        """Log what `evaluate_word_pairs` returned for the file `pairs`."""
        logger.info("%s: Pearson %.4f, Spearman %.4f, unknown words in %.1f %%", pairs, pearson[0], spearman[0], oov)

    def similarity_unseen_docs(self, *args: object, **kwargs: object) -> NoReturn:
        """Of gensim's Doc2Vec; KeyedVectors refuse it in gensim too."""
        raise NotImplementedError(
            "similarity_unseen_docs is a method of gensim's Doc2Vec, which fastsgns does not train"
        )
