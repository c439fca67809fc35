"""KeyedVectors: the word vectors as gensim's users know them; what is evaluated, saved and loaded."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastsgns import evaluation, formats, word2vec_reader, word2vec_writer
from fastsgns.correlation import Correlation
from fastsgns.formats import PathLike
from fastsgns.queries import Queries

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["KeyedVectors"]

logger = logging.getLogger(__name__)

KIND = "KeyedVectors"
# Attributes besides "count" go by this prefix in the native file.
ATTRIBUTE = "attribute."


class KeyedVectors(Queries):
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

    def save(self, path: PathLike) -> None:
        """Save keys, vectors and attributes as one safetensors file, atomically; nothing in it is ever unpickled.

        Raises
        ------
        ValueError
            If keys are neither all strings nor all integers, or an attribute is not numeric.
        """
        tensors = {**formats.pack_keys(self.index_to_key), "vectors": self.vectors}
        for name, values in self.expandos.items():
            tensors["counts" if name == "count" else ATTRIBUTE + name] = values
        formats.save_tensors(path, tensors, {"kind": KIND})

    @classmethod
    def load(cls, path: PathLike, mmap: str | None = None) -> Self:
        """Load vectors that `save` wrote, or those of a saved `Word2Vec`.

        Parameters
        ----------
        path : path
        mmap : {None, "r", "c"}, optional
            Map the vectors read-only or copy-on-write, so that they load at once and processes share them.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind; files of gensim's own `save` are pickles, to be read by gensim.
        """
        tensors, _ = formats.load_tensors(path, (KIND, "Word2Vec"), mmap=mmap)
        try:
            store = cls.from_arrays(formats.unpack_keys(tensors), tensors["vectors"], tensors.get("counts"))
            for name, values in tensors.items():
                if name.startswith(ATTRIBUTE):
                    if values.shape != (len(store),):
                        raise ValueError(f"its attribute {name!r} is of shape {values.shape}")
                    store.expandos[name.removeprefix(ATTRIBUTE)] = np.array(values)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: not a {KIND} file of fastsgns: {error}") from error
        return store

    def save_word2vec_format(
        self,
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Save in the format of word2vec.c; text numbers have all digits needed to come back to the bit.

        Parameters
        ----------
        fname : path
            May end in .gz, .bz2 or .xz.
        fvocab : path, optional
            Where to write keys and `sort_attr`.
        binary : bool, default False
            float32 rather than text.
        total_vec : int, optional
            The number of vectors to declare, if others are to be appended.
        write_header : bool, default True
            False leaves out the line of sizes, as GloVe does.
        prefix : str
            Put before every key.
        append : bool, default False
            Add to files that are there, rather than replace them.
        sort_attr : str, default "count"
            Vectors are written by falling value of this attribute, if it is there.

        Raises
        ------
        ValueError
            If a key is empty or holds white space, or `fvocab` is to hold an attribute that is not there.
        """
        values = self.expandos.get(sort_attr)
        if fvocab is not None and values is None:
            raise ValueError(f"fvocab={os.fspath(fvocab)!r}: there is no attribute sort_attr={sort_attr!r} to write")
        if len(self.key_to_index) < len(self):
            raise ValueError(f"only {self.next_index} of {len(self)} rows have keys: add the other vectors first")
        order = np.arange(len(self))
        if values is not None:  # stable and falling, whatever the type
            order = order[::-1][np.argsort(values[::-1], kind="stable")][::-1]
        if fvocab is not None and values is not None:
            word2vec_writer.write_vocabulary(fvocab, self.index_to_key, values, order, prefix=prefix, append=append)
        word2vec_writer.write_vectors(
            fname, self.index_to_key, self.vectors, order, binary=binary, total_vec=total_vec,
            write_header=write_header, prefix=prefix, append=append,
        )  # fmt: skip

    @classmethod
    def load_word2vec_format(
        cls,
        fname: PathLike,
        fvocab: PathLike | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: DTypeLike = np.float32,
        no_header: bool = False,
    ) -> Self:
        """Load the format of word2vec.c, or GloVe's text with ``no_header=True``.

        Parameters
        ----------
        fname : path
            May end in .gz, .bz2 or .xz.
        fvocab : path, optional
            Lines of key and count; without it counts fall from the number of keys to 1, as in gensim.
        binary : bool, default False
            float32 rather than text.
        encoding, unicode_errors : str
            How keys are decoded.
        limit : int, optional
            Load the first so many only.
        datatype : data type, default float32
            Of the vectors in memory; float16 halves them.
        no_header : bool, default False
            The text has no line of sizes.

        Raises
        ------
        ValueError
            If the file is empty, truncated, or of another format.
        """
        counts = None if fvocab is None else word2vec_reader.read_vocabulary(fvocab, encoding, unicode_errors)
        rows, vectors = word2vec_reader.read_vectors(
            fname, binary=binary, limit=limit, datatype=datatype, encoding=encoding, unicode_errors=unicode_errors,
            no_header=no_header,
        )  # fmt: skip
        values: NDArray[np.int64] = np.arange(len(rows), 0, -1, dtype=np.int64)
        if counts is not None:
            missing = [key for key in rows if key not in counts]
            if missing:
                logger.warning("%s lacks %d keys, %r first: their count is 0", fvocab, len(missing), missing[0])
            values = np.array([counts.get(key, 0) for key in rows], np.int64)
        return cls._from_rows(rows, vectors, values)
