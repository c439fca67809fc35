"""Building a model's vocabulary, at once or step by step as gensim does, and the matrices that go with it."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import footprint, memory, sampling
from fastsgns.checks import check_integer, plain
from fastsgns.corpus import Corpus, encode_files, encode_sentences, recoded
from fastsgns.interrupts import terminations_interrupt
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.matrices import Freeze, InitVectors, aligned_matrix, given_vectors, initial_vectors, start_from_given
from fastsgns.options import TrainingOptions
from fastsgns.progress import progress_bar
from fastsgns.readers import whole_files
from fastsgns.text import Source
from fastsgns.vocabulary import ALL_WORDS, TrimRule, Vocabulary, VocabularyRules

__all__ = ["VocabularyBuilder"]

logger = logging.getLogger(__name__)


class VocabularyBuilder:
    """The first half of `Word2Vec`: from a corpus or counts to vocabulary, encoded corpus and untrained matrices."""

    vector_size: int
    seed: int
    workers: int
    sample: float
    ns_exponent: float
    min_count: int
    max_vocab_size: int | None
    max_final_vocab: int | None
    sorted_vocab: bool
    errors: str
    progress: bool
    corpus_cache: str | os.PathLike[str] | None
    trim_rule: TrimRule | None
    init_vectors: InitVectors | None
    freeze: Freeze

    if TYPE_CHECKING:

        def options(self, **changes: Any) -> TrainingOptions: ...

    def __init__(self) -> None:
        self.wv = KeyedVectors(self.vector_size)
        self.syn1neg: NDArray[np.float32] = aligned_matrix(0, self.vector_size)
        self.corpus_count = self.corpus_total_words = self.epochs_trained = 0
        self.loss_history: list[float] = []
        self.raw_vocab: dict[Any, int] = {}
        self._vocabulary: Vocabulary | None = None
        self._source: tuple[Any, Any] = (None, None)  # the iterable or the path that _corpus was encoded from
        self._corpus: Corpus | None = None
        # What scan_vocab read: all words, and the corpus in their ids.
        self._raw: tuple[Vocabulary, Corpus] | None = None
        self._scan_seconds = 0.0
        self._reading_bytes = 0

    def rules(self, trim_rule: TrimRule | None = None) -> VocabularyRules:
        """The parameters of the vocabulary, checked."""
        bounds = plain(self.min_count), plain(self.max_vocab_size), plain(self.max_final_vocab)
        return VocabularyRules(*bounds, self.sorted_vocab, trim_rule or self.trim_rule)

    def build_vocab(
        self,
        corpus_iterable: Iterable[Any] | None = None,
        corpus_file: Source | None = None,
        update: bool = False,
        progress_per: int = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
    ) -> None:
        """Count the words of a corpus and make vectors for those that stay.

        Parameters
        ----------
        corpus_iterable, corpus_file
            As `sentences` and `corpus_file` of the constructor; one of them.
        update : bool, default False
            Keep the words and vectors there are, add the corpus's other words that reach `min_count`, and add up
            counts. The new words come behind the old ones, in order of first appearance.
        progress_per
            Accepted for gensim's sake, without effect.
        keep_raw_vocab : bool, default False
            Keep the counts of all words, rare ones too, in `raw_vocab`.
        trim_rule : callable, optional
            In place of the constructor's.

        Raises
        ------
        RuntimeError
            If there is nothing to update.
        ValueError
            If no word reaches `min_count`, or the corpus is not what it should be.
        MemoryError
            If corpus or matrices do not fit into the memory that is left. The model stays as it was.
        """
        if update or keep_raw_vocab:
            self._check_update(update)
            with self._all_or_nothing():
                self.scan_vocab(corpus_iterable, corpus_file, progress_per)
                self.prepare_vocab(update, keep_raw_vocab, trim_rule)
                self.prepare_weights(update)
            return
        vocabulary, corpus = self._encode(corpus_iterable, corpus_file, self.rules(trim_rule))
        self._begin(vocabulary)
        self._raw, self.raw_vocab = None, {}
        self._source, self._corpus = (corpus_iterable, corpus_file), corpus
        self.corpus_count, self.corpus_total_words = vocabulary.sentences, vocabulary.raw_words

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[Any, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """The same from counts of words, without a corpus.

        Parameters
        ----------
        word_freq : mapping of word to int
            Words that occur 0 times are none.
        corpus_count : int, optional
            The sentences of the corpus that they are of.
        keep_raw_vocab, trim_rule, update
            As in `build_vocab`.

        Raises
        ------
        RuntimeError, ValueError, MemoryError
            As `build_vocab`, and for counts that are none.

        Examples
        --------
        >>> from fastsgns import Word2Vec
        >>> model = Word2Vec(min_count=2)
        >>> model.build_vocab_from_freq({"a": 5, "b": 9, "c": 1})
        >>> model.wv.index_to_key
        ['b', 'a']
        """
        self._check_update(update)
        for word, count in word_freq.items():
            check_integer(f"word_freq[{word!r}]", count, 0, 2**40)
        if corpus_count is not None:
            check_integer("corpus_count", corpus_count, 0, 2**62)  # or a saved model could not be loaded
        with self._all_or_nothing():
            self._raw, self.raw_vocab = None, {word: int(count) for word, count in word_freq.items() if count}
            self._source, self._corpus = (None, None), None
            self.corpus_count, self.corpus_total_words = corpus_count or 0, sum(self.raw_vocab.values())
            self.prepare_vocab(update, keep_raw_vocab, trim_rule)
            self.prepare_weights(update)

    def scan_vocab(
        self,
        corpus_iterable: Iterable[Any] | None = None,
        corpus_file: Source | None = None,
        progress_per: int = 10000,
        workers: int | None = None,
        trim_rule: TrimRule | None = None,
    ) -> tuple[int, int]:
        """Read a corpus and count all its words into `raw_vocab`, for `prepare_vocab` to choose from.

        Parameters
        ----------
        corpus_iterable, corpus_file
            As in `build_vocab`.
        progress_per, workers, trim_rule
            Accepted for gensim's sake, without effect.

        Returns
        -------
        tuple of int
            Words and sentences of the corpus.
        """
        vocabulary, corpus = self._encode(corpus_iterable, corpus_file, ALL_WORDS, use_cache=False)
        self._raw = vocabulary, corpus
        self._source, self._corpus = (corpus_iterable, corpus_file), None
        self.raw_vocab = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
        self.corpus_count, self.corpus_total_words = vocabulary.sentences, vocabulary.raw_words
        return vocabulary.raw_words, vocabulary.sentences

    def prepare_vocab(
        self,
        update: bool = False,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Choose the vocabulary from `raw_vocab`; `prepare_weights` comes next.

        Parameters
        ----------
        update, keep_raw_vocab, trim_rule
            As in `build_vocab`.
        min_count, sample : optional
            In place of the constructor's, and from then on so.
        dry_run : bool, default False
            Change nothing, tell only what would come of it.

        Returns
        -------
        dict of str to int
            "num_retained_words" and "drop_unique", distinct words; "retain_total", their occurrences;
            "downsample_unique", words that subsampling thins, and "downsample_total", how many words it leaves.
        """
        self._check_update(update)
        rules = replace(
            self.rules(trim_rule),
            min_count=self.min_count if min_count is None else min_count,
            least_words=0 if update else 2,
        )
        sample = self.sample if sample is None else sample
        words, counts = list(self.raw_vocab), np.array(list(self.raw_vocab.values()), np.int64)
        if update:
            rules = replace(rules, sorted_vocab=False)
        kept = rules.select(counts, None, lambda places: [words[place] for place in places])
        keep = sampling.keep_probabilities(counts[kept], sample) if len(kept) else np.ones(0)
        report = {
            "drop_unique": len(words) - len(kept),
            "retain_total": int(counts[kept].sum()),
            "downsample_unique": int((keep < 1).sum()),
            "downsample_total": int((keep * counts[kept]).sum()),
            "num_retained_words": len(kept),
        }
        if dry_run:
            return report
        self.min_count, self.sample = rules.min_count, sample
        old = self._vocabulary if update else None
        if old is not None:  # the counts of known words rise, however rare they are here
            known = np.array([row for row, word in enumerate(words) if word in old.index], np.int64)
            kept = np.union1d(kept, known)
        chosen = [words[row] for row in kept.tolist()], counts[kept]
        vocabulary = Vocabulary(*chosen, self.corpus_total_words, self.corpus_count)
        if old is not None:
            vocabulary = old.extended(vocabulary)
        else:
            self.wv.expandos = {}
            self._set_vectors(vocabulary, aligned_matrix(len(vocabulary), self.vector_size), None)
        self._vocabulary = vocabulary
        if self._raw is not None:
            index = vocabulary.index
            everything, corpus = self._raw
            self._corpus = recoded(corpus, np.array([index.get(word, -1) for word in everything.words], np.int32))
        else:  # what was encoded, if anything, is in the ids of another vocabulary
            self._source, self._corpus = (None, None), None
        self._raw = None
        if not keep_raw_vocab:
            self.raw_vocab = {}
        return report

    def prepare_weights(self, update: bool = False) -> None:
        """`update_weights` or `init_weights`."""
        if update:
            self.update_weights()
        else:
            self.init_weights()

    def init_weights(self) -> None:
        """Make both matrices anew, untrained, for the vocabulary there is."""
        if self._vocabulary is None:
            raise RuntimeError("there is no vocabulary yet: call build_vocab with the corpus first")
        self._begin(self._vocabulary)

    def update_weights(self) -> None:
        """Add untrained rows for the words that an update has brought; the others stay as they are."""
        self._check_update(True)
        assert self._vocabulary is not None
        vocabulary, old = self._vocabulary, len(self.wv)
        shape = len(vocabulary), self.vector_size
        footprint.require_model(len(vocabulary), self.vector_size, self.options(), vocabulary.raw_words)
        vectors, outputs = aligned_matrix(*shape), aligned_matrix(*shape)
        vectors[:old], outputs[:old] = self.wv.vectors, self.syn1neg
        vectors[old:] = initial_vectors(len(vocabulary) - old, self.vector_size, int(plain(self.seed)) + old)
        new_locks = self._start_from_given(vectors[old:], vocabulary.words[old:], first=False)
        locks = self.wv.vectors_lockf
        if len(locks) == old or new_locks is not None:
            new_locks = np.ones(len(vocabulary) - old, np.float32) if new_locks is None else new_locks
            locks = np.concatenate([np.broadcast_to(locks, old), new_locks])
        self._set_vectors(vocabulary, vectors, locks)
        self.syn1neg = outputs

    def reset_from(self, other_model: VocabularyBuilder) -> None:
        """Take over another model's vocabulary and begin with untrained matrices.

        Keys and counts are copied: what is changed in one model does not show in the other.
        """
        if other_model._vocabulary is None:
            raise RuntimeError("other_model has no vocabulary yet: call its build_vocab first")
        self._begin(other_model._vocabulary)
        self._raw, self.raw_vocab = None, {}
        self._source, self._corpus = other_model._source, other_model._corpus
        self.corpus_count, self.corpus_total_words = other_model.corpus_count, other_model.corpus_total_words

    def estimate_memory(self, vocab_size: int | None = None, report: dict[str, int] | None = None) -> dict[str, int]:
        """How much memory building and training a model takes: the most at any time, beyond Python and its packages.

        Parameters
        ----------
        vocab_size : int, optional
            Distinct words; by default those there are. A corpus is then not known, and not in the sum.
        report : dict, optional
            To be added to.

        Returns
        -------
        dict of str to int
            Bytes: "vocab", the words, of 15 letters where they are not known, with rows and counts; "vectors" and
            "syn1neg", whose rows are padded to 64 bytes; "tables", for subsampling and noise; "threads", their scratch
            memory; "corpus", 4 bytes a word and 8 a sentence, if one is encoded. "reading" is what encoding it was seen
            to take at most, before there were matrices; 0 where the process had once held more. "total" is that or the
            sum of all others, whichever is more. While a checkpoint is written, both matrices are there twice.

        Notes
        -----
        Words that the sentences hold too are counted here, and in memory once. With `corpus_cache`, "corpus" is in the
        system's page cache.

        Examples
        --------
        >>> from fastsgns import Word2Vec
        >>> estimate = Word2Vec(vector_size=300, workers=4).estimate_memory(vocab_size=1_000_000)
        >>> estimate["vectors"], round(estimate["total"] / 1e9, 1)
        (1216000000, 2.6)
        """
        report, corpus = {} if report is None else report, None if vocab_size is not None else self._corpus
        keys = self.wv.index_to_key if vocab_size is None else None
        words = len(self.wv) if vocab_size is None else int(vocab_size)
        tokens = None if corpus is None else len(corpus.tokens)
        report.update(footprint.parts(words, self.vector_size, self.options(), tokens, keys))
        if corpus is not None:
            report["corpus"] = corpus.tokens.nbytes + corpus.offsets.nbytes
            report["reading"] = self._reading_bytes
        while_training = sum(size for name, size in report.items() if name not in ("reading", "total"))
        report["total"] = max(while_training, report.get("reading", 0))
        return report

    @property
    def cum_table(self) -> NDArray[np.uint32]:
        """The noise distribution as gensim keeps it: sums of count ** ns_exponent, scaled to 2**31 - 1; shape (V,).

        Made when asked for: training draws from an alias table.
        """
        if self._vocabulary is None:
            return np.zeros(0, np.uint32)
        return sampling.cumulative_table(sampling.noise_probabilities(self._vocabulary.counts, float(self.ns_exponent)))

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leaves the model as it was if what is done within fails."""
        before, of_vectors = dict(self.__dict__), dict(self.wv.__dict__)
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            self.wv.__dict__.update(of_vectors)
            raise

    def _check_update(self, update: bool) -> None:
        if update and self._vocabulary is None:
            raise RuntimeError("update=True, but there is no vocabulary yet: call build_vocab without it first")

    def _begin(self, vocabulary: Vocabulary) -> None:
        """Untrained matrices for a vocabulary; nothing has changed if there is no memory for them."""
        footprint.require_model(len(vocabulary), self.vector_size, self.options(), vocabulary.raw_words)
        vectors = initial_vectors(len(vocabulary), self.vector_size, int(plain(self.seed)))
        locks = self._start_from_given(vectors, vocabulary.words, first=True)
        if self.init_vectors is not None and not isinstance(self.freeze, bool):
            unknown = [word for word in self.freeze if word not in vocabulary.index]
            if unknown:
                raise ValueError(f"freeze names {unknown[0]!r}, which is not in the vocabulary")
        outputs = aligned_matrix(len(vocabulary), self.vector_size)
        self.wv.expandos = {}
        self._set_vectors(vocabulary, vectors, locks)
        self._vocabulary, self.syn1neg = vocabulary, outputs
        self.epochs_trained, self.loss_history = 0, []
        mb = (vectors.nbytes + outputs.nbytes) / 1e6
        logger.info("two matrices of %s words x %d dimensions: %.0f MB", f"{len(vocabulary):,}", self.vector_size, mb)

    def _start_from_given(
        self, vectors: NDArray[np.float32], words: list[Any], first: bool
    ) -> NDArray[np.float32] | None:
        """Put the vectors of `init_vectors` into the rows of their words; which rows are locked, if any is."""
        if self.init_vectors is None:
            return None
        given = given_vectors(self.init_vectors, self.vector_size)
        return start_from_given(vectors, words, given, self.freeze, first)

    def _set_vectors(
        self, vocabulary: Vocabulary, vectors: NDArray[np.float32], locks: NDArray[np.float32] | None
    ) -> None:
        """Give `wv` the words, counts and vectors; as in gensim it stays the object that it is."""
        fresh = KeyedVectors.from_arrays(vocabulary.words, vectors, vocabulary.counts)
        others = {name: values for name, values in self.wv.expandos.items() if name != "count"}
        self.wv.__dict__.update(fresh.__dict__)
        for name, values in others.items():
            self.wv.expandos[name] = values
        self.wv.allocate_vecattrs()
        if locks is not None:
            self.wv.vectors_lockf = locks

    @terminations_interrupt()
    def _encode(
        self,
        sentences: Iterable[Any] | None,
        corpus_file: Source | None,
        rules: VocabularyRules,
        vocabulary: Vocabulary | None = None,
        use_cache: bool = True,
    ) -> tuple[Vocabulary, Corpus]:
        if (sentences is None) == (corpus_file is None):
            raise ValueError("give either a corpus_iterable or a corpus_file")
        corpus_cache = self.corpus_cache if use_cache else None
        if corpus_cache is not None and rules.trim_rule is not None:
            raise ValueError(
                f"corpus_cache={corpus_cache!r}: nothing tells whether trim_rule has changed; leave one out"
            )
        start, held, peak = time.perf_counter(), memory.resident_bytes(), memory.peak_rss_bytes() or 0
        unit = "B" if corpus_file is not None or whole_files(sentences) else "word"
        with progress_bar("scan", unit, self.progress) as report:
            common: dict[str, Any] = dict(
                rules=rules, workers=self.workers, corpus_cache=corpus_cache, vocabulary=vocabulary, progress=report
            )
            if corpus_file is not None:
                encoded = encode_files(corpus_file, errors=self.errors, **common)
            else:
                assert sentences is not None
                encoded = encode_sentences(sentences, **common)
        self._scan_seconds = time.perf_counter() - start
        words, sentences = f"{encoded[1].raw_words:,}", f"{encoded[1].sentences_read:,}"
        logger.info("read %s words in %s sentences in %.1f s", words, sentences, self._scan_seconds)
        reached = memory.peak_rss_bytes() or 0
        self._reading_bytes = reached - held if held and reached > peak else 0
        return encoded
