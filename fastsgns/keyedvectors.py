"""KeyedVectors: the word vectors as gensim's users know them; what is evaluated, saved and loaded."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import evaluation, exchange
from fastsgns.correlation import Correlation
from fastsgns.files import PathLike
from fastsgns.keyindex import Key
from fastsgns.older_names import OlderNames
from fastsgns.similarities import as_list
from fastsgns.storage import Storage

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["KeyedVectors"]


class KeyedVectors(OlderNames, Storage):
    """Vectors with keys, such as words; made by `Word2Vec`, `load`, `load_word2vec_format` or `from_arrays`.

    Looking up and changing are told at `VectorStore`, queries at `Queries`. Queries only read: several threads may
    ask at once, while none changes the vectors.

    Examples
    --------
    >>> wv = KeyedVectors(2)
    >>> wv.add_vectors(["king", "queen", "pawn"], [[1, 0.9], [0.9, 1], [-1, 1]])
    >>> wv.most_similar("king", topn=1)[0][0]
    'queen'
    """

    def evaluate_word_pairs(
        self,
        pairs: PathLike,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Correlation, Correlation, float]:
        """Correlate cosines with human judgements of word pairs.

        Parameters
        ----------
        pairs : path
            Lines of word, word and number; those that start with # are comments.
        delimiter, encoding : str
            Of the file.
        restrict_vocab : int or None
            Words beyond the first so many count as unknown.
        case_insensitive : bool
            Compare words by upper case; of several the first, most frequent, stands.
        dummy4unknown : bool
            Take pairs with unknown words as of similarity 0, rather than leave them out.

        Returns
        -------
        pearson, spearman : Correlation
            Pairs of (statistic, pvalue).
        oov_ratio : float
            Percentage of pairs with unknown words.

        Raises
        ------
        ValueError
            If the file holds no pairs, or none whose words are known.
        """
        return evaluation.evaluate_word_pairs(
            self.index_to_key, self.vectors, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown
        )

    def evaluate_word_analogies(
        self,
        analogies: PathLike,
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[evaluation.Section]]:
        """Solve analogies (a is to b as c to ?), such as Mikolov's questions-words.txt.

        Parameters
        ----------
        analogies : path
            Sections start with a line ": name"; the others hold four words.
        restrict_vocab : int or None
            Ask and search among the first so many words only.
        case_insensitive, dummy4unknown : bool
            As in `evaluate_word_pairs`; unknown ones count as wrong.
        similarity_function : {"most_similar", "most_similar_cosmul"}
            3CosAdd or 3CosMul. (gensim takes the first whatever it is told.)

        Returns
        -------
        score : float
            The share solved.
        sections : list of dict
            "section" (name), "correct" and "incorrect" (lists of analogies); the last is the total.

        Raises
        ------
        ValueError
            If the file holds no analogies.
        """
        return evaluation.evaluate_word_analogies(
            self.index_to_key,
            self.vectors,
            analogies,
            restrict_vocab,
            case_insensitive,
            dummy4unknown,
            similarity_function,
        )

    def vectors_for_all(
        self, keys: Iterable[Key], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Vectors of the given keys as a new KeyedVectors.

        Parameters
        ----------
        keys : iterable of keys
            In the order that the new ones will have; repetitions and keys that are not present are left out.
        allow_inference : bool, default True
            Take integers that are no keys as numbers of rows, too. (There is nothing else to infer from.)
        copy_vecattrs : bool, default False
            Copy all attributes. Without a "count" to copy, counts fall from the number of keys to 1, as in gensim.

        Examples
        --------
        >>> wv = KeyedVectors.from_arrays(["a", "b", "c"], np.eye(3, dtype=np.float32))
        >>> wv.vectors_for_all(["c", "x", "a", "c"]).index_to_key
        ['c', 'a']
        """
        known = self if allow_inference else self.key_to_index
        kept = [key for key in dict.fromkeys(as_list(keys, "")) if key in known]
        rows = np.array([self.get_index(key) for key in kept], np.intp)
        counts: NDArray[np.int64] = np.arange(len(kept), 0, -1, dtype=np.int64)
        other = KeyedVectors.from_arrays(kept, self.vectors[rows], counts)
        if copy_vecattrs:
            other.expandos |= {name: values[rows] for name, values in self.expandos.items()}
        return other

    def to_gensim(self) -> Any:
        """A gensim.models.KeyedVectors with copies of keys, vectors and attributes.

        Raises
        ------
        ImportError
            If gensim is not installed.
        """
        return exchange.to_gensim(self)

    @classmethod
    def from_gensim(cls, kv: Any) -> Self:
        """Copies of the keys, vectors and attributes of gensim's KeyedVectors.

        This is how gensim's own files are read: ``from_gensim(gensim.models.KeyedVectors.load(path))``.

        Parameters
        ----------
        kv : gensim.models.KeyedVectors
            Those of FastText give the vectors of its words alone, not those of their parts.

        Raises
        ------
        TypeError
            If it is something else.
        """
        return exchange.from_gensim(cls, kv)
