"""Word2Vec: the face that gensim's users know. It holds parameters and matrices; the algorithm lives elsewhere."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from fastsgns import formats
from fastsgns._encode import ERRORS
from fastsgns.checks import check_choice, check_integer, plain
from fastsgns.config import SIMD, __version__, available_cores, peak_rss_bytes
from fastsgns.corpus import Corpus, encode_files, encode_sentences
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.text import Source
from fastsgns.trainer import TrainingOptions, TrainingResult, aligned_matrix, as_aligned, initial_vectors, train
from fastsgns.vocabulary import Vocabulary, VocabularyRules

__all__ = ["Word2Vec"]

logger = logging.getLogger(__name__)


# What a saved model records besides its matrices, and a loaded one is made of.
PARAMETERS = (
    "vector_size", "alpha", "min_alpha", "window", "min_count", "max_vocab_size", "max_final_vocab", "sample", "seed",
    "workers", "negative", "ns_exponent", "epochs", "sorted_vocab", "compute_loss", "shrink_windows",
    "negative_sharing", "errors",
)  # fmt: skip
# Arguments of gensim's that change nothing here.
WITHOUT_EFFECT = ("cbow_mean", "hashfxn", "null_word", "trim_rule", "batch_words", "comment")
HISTORY = ("corpus_count", "corpus_total_words", "epochs_trained", "loss_history", "report")


class Word2Vec:
    """Skip-gram word vectors with negative sampling (Mikolov et al. 2013, arXiv 1301.3781 and 1310.4546).

    Give `sentences` or `corpus_file` to train at once; give neither to call `build_vocab` and `train` yourself.

    Parameters
    ----------
    sentences : iterable of token lists, optional
        Any iterable, one-shot generators too: it is read once. A token is a string, an integer or any other hashable;
        a sentence may be a NumPy array of integers. A matrix of integers (a sentence a row) and a pair of arrays
        ``(tokens, offsets)``, sentence i being ``tokens[offsets[i]:offsets[i + 1]]``, are read in place by all threads.
    corpus_file : path or list of paths, optional
        Plain or compressed (.gz, .bz2, .xz, .zst) UTF-8 text, a sentence a line, tokens between white space. A
        directory stands for the files in it.
    vector_size : int, default 100
        Dimensions of the vectors.
    alpha, min_alpha : float, default 0.025 and 0.0001
        The learning rate falls linearly from the one to the other over all epochs.
    window : int, default 5
        The farthest a context word may be from its centre, in words that survive subsampling.
    min_count : int, default 5
        Words that occur less often are left out.
    max_vocab_size, max_final_vocab : int, optional
        The most words to keep: where more reach `min_count`, it is raised.
    sample : float, default 1e-3
        Threshold share above which words are subsampled; 0 keeps all.
    seed : int, default 1
        Of everything random. With ``workers=1`` the same seed gives the same bits.
    workers : int, optional
        Threads; by default all cores this process may use. A saved model remembers another number only.
    sg, hs : int
        Accepted as 1 and 0: fastsgns trains skip-gram with negative sampling.
    cbow_mean, hashfxn, null_word, trim_rule, batch_words, comment
        Accepted for gensim's sake, in their places, and without effect; but a `trim_rule` or `null_word` that asks for
        something is refused.
    negative : int, default 5
        Noise words; 5 for large corpora, up to 20 for small ones.
    ns_exponent : float, default 0.75
        Noise words are drawn from count ** ns_exponent.
    epochs : int, default 5
        Passes over the corpus.
    sorted_vocab : bool, default True
        Most frequent words first; otherwise in order of first appearance.
    compute_loss : bool, default False
        Take the loss on every pair. Otherwise a long corpus gives a sample, a 64th of it, at no cost worth naming.
    callbacks : iterable of objects
        Their ``on_train_begin``, ``on_epoch_begin``, ``on_epoch_end`` and ``on_train_end`` are called with the model.
    shrink_windows : bool, default True
        Draw each window's width uniformly from 1 to `window`; otherwise use `window`.
    negative_sharing : {"group", "window", "pair"}, default "group"
        Which pairs share noise words. "pair": none, `negative` fresh ones for every (centre, context) pair, exactly the
        paper. "window": those of a window (Ji et al. 2016, arXiv 1604.04661), more than twice as fast. "group": those
        of four neighbouring windows, ``negative + 3`` weighted so that the expected gradient is the same; a third
        faster again, and no worse than gensim on what the README measures.
    progress : bool, default False
        Show a progress bar with words a second, learning rate and loss.
    errors : {"strict", "replace", "ignore"}, default "strict"
        What to do about invalid UTF-8.
    corpus_cache : path, optional
        Keep the encoded corpus in this memory-mapped file, and use it again while source and parameters are unchanged.

    Attributes
    ----------
    wv : KeyedVectors
        The vectors.
    syn1neg : ndarray of float32, shape (V, vector_size)
        The output (context) vectors, under gensim's name.
    loss_history : list of float
        Mean negative-sampling loss per pair, one an epoch.
    corpus_count, corpus_total_words : int
        Sentences and tokens of the corpus, rare words counted too.
    report : dict
        Figures of the last training: sizes, seconds, words a second.

    Raises
    ------
    ValueError
        For parameters out of range, both or neither source where one is needed, and what this package does not train.

    Notes
    -----
    A model may be used from several threads, but trained from one at a time.

    Examples
    --------
    >>> lines = [["red", "green", "blue"], ["one", "two", "three"]] * 200
    >>> model = Word2Vec(lines, vector_size=16, sample=0, epochs=20, workers=1)
    >>> model.wv.most_similar("red", topn=2)[0][0] in {"green", "blue"}
    True
    """

    def __init__(
        self,
        sentences: Iterable[Any] | None = None,
        corpus_file: Source | None = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int | None = None,
        min_alpha: float = 1e-4,
        sg: int = 1,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: object = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: object = None,
        sorted_vocab: bool | int = True,
        batch_words: int = 10000,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        negative_sharing: str = "group",
        progress: bool = False,
        errors: str = "strict",
        corpus_cache: str | os.PathLike[str] | None = None,
    ) -> None:
        if sg != 1 or hs != 0:
            raise ValueError(f"sg={sg!r}, hs={hs!r}: fastsgns trains skip-gram with negative sampling, sg=1 and hs=0")
        if trim_rule is not None or null_word != 0:
            raise ValueError(
                "trim_rule and null_word are not supported: use min_count, max_final_vocab or your own filter"
            )
        if sentences is not None and corpus_file is not None:
            raise ValueError("sentences and corpus_file are both given: choose one")
        check_integer("vector_size", vector_size, 1, 2**20)
        check_choice("errors", errors, ERRORS)
        vector_size = int(vector_size)
        self.vector_size, self.alpha, self.min_alpha, self.window = vector_size, alpha, min_alpha, window
        self.min_count, self.max_vocab_size, self.max_final_vocab = min_count, max_vocab_size, max_final_vocab
        self.sample, self.seed, self.negative, self.ns_exponent = sample, seed, negative, ns_exponent
        self.workers = available_cores() if workers is None else workers
        self.epochs, self.sorted_vocab, self.compute_loss = epochs, bool(sorted_vocab), bool(compute_loss)
        self.shrink_windows, self.negative_sharing = bool(shrink_windows), negative_sharing
        self.callbacks, self.progress, self.errors, self.corpus_cache = tuple(callbacks), progress, errors, corpus_cache
        self.options()  # refuses bad values before any work
        self.rules()
        self.wv = KeyedVectors(vector_size)
        self.syn1neg: NDArray[np.float32] = aligned_matrix(0, vector_size)
        self.corpus_count = self.corpus_total_words = self.epochs_trained = 0
        self.loss_history: list[float] = []
        self.report: dict[str, Any] = {}
        self._vocabulary: Vocabulary | None = None
        self._source: tuple[Any, Any] = (None, None)  # the iterable or the path that _corpus was encoded from
        self._corpus: Corpus | None = None
        self._scan_seconds = 0.0
        if sentences is not None or corpus_file is not None:
            self.build_vocab(sentences, corpus_file)
            self.train(sentences, corpus_file)
            self._source, self._corpus = (None, None), None  # its memory is worth more than a second training's scan

    def options(self, **changes: Any) -> TrainingOptions:
        """The parameters as the trainer wants them, checked."""
        values = {name: getattr(self, name) for name in TrainingOptions.__dataclass_fields__}
        return TrainingOptions(**{name: plain(value) for name, value in {**values, **changes}.items()})

    def rules(self) -> VocabularyRules:
        """The parameters of the vocabulary, checked."""
        bounds = plain(self.min_count), plain(self.max_vocab_size), plain(self.max_final_vocab)
        return VocabularyRules(*bounds, self.sorted_vocab)

    def build_vocab(
        self,
        corpus_iterable: Iterable[Any] | None = None,
        corpus_file: Source | None = None,
        update: bool = False,
        progress_per: int = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: object = None,
    ) -> None:
        """Count the words of a corpus and make vectors for those that stay.

        Parameters
        ----------
        corpus_iterable, corpus_file
            As `sentences` and `corpus_file` of the constructor; one of them.
        update, trim_rule
            Not supported: False and None.
        progress_per, keep_raw_vocab
            Accepted for gensim's sake, without effect.

        Raises
        ------
        ValueError
            If no word reaches `min_count`, or the corpus is not what it should be.
        """
        if update or trim_rule is not None:
            raise ValueError("update=True and trim_rule are not supported: build the vocabulary from the whole corpus")
        vocabulary, corpus = self._encode(corpus_iterable, corpus_file, None)
        vectors = initial_vectors(len(vocabulary), self.vector_size, self.options().seed)
        outputs = aligned_matrix(len(vocabulary), self.vector_size)
        self._source, self._corpus = (corpus_iterable, corpus_file), corpus
        self._vocabulary, self.syn1neg = vocabulary, outputs
        self.corpus_count, self.corpus_total_words = vocabulary.sentences, vocabulary.raw_words
        self.wv = KeyedVectors.from_arrays(vocabulary.words, vectors, vocabulary.counts)
        self.epochs_trained, self.loss_history = 0, []
        sizes = vocabulary.raw_words, len(vocabulary), vocabulary.sentences
        logger.info("%d words, %d of them distinct and kept, in %d sentences", *sizes)

    def _encode(
        self, sentences: Iterable[Any] | None, corpus_file: Source | None, vocabulary: Vocabulary | None
    ) -> tuple[Vocabulary, Corpus]:
        if (sentences is None) == (corpus_file is None):
            raise ValueError("give either a corpus_iterable or a corpus_file")
        start = time.perf_counter()
        unit = "B" if corpus_file is not None else "word"
        with tqdm(unit=unit, unit_scale=True, desc="scan", disable=not self.progress) as bar:

            def report(done: int, total: int | None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            if corpus_file is not None:
                encoded = encode_files(
                    corpus_file, rules=self.rules(), workers=self.workers, errors=self.errors,
                    corpus_cache=self.corpus_cache, vocabulary=vocabulary, progress=report,
                )  # fmt: skip
            else:
                assert sentences is not None
                encoded = encode_sentences(
                    sentences,
                    rules=self.rules(),
                    workers=self.workers,
                    corpus_cache=self.corpus_cache,
                    vocabulary=vocabulary,
                    progress=report,
                )
        self._scan_seconds = time.perf_counter() - start
        return encoded

    def train(
        self,
        corpus_iterable: Iterable[Any] | None = None,
        corpus_file: Source | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool | None = None,
        callbacks: Iterable[Any] | None = None,
    ) -> tuple[int, int]:
        """Train on a corpus with the vocabulary there is.

        Parameters
        ----------
        corpus_iterable, corpus_file
            One of them, as in `build_vocab`; the very iterable or path given there is not read again. Words outside
            the vocabulary are left out.
        total_examples, total_words, word_count, queue_factor, report_delay : optional
            Accepted for gensim's sake; the corpus is encoded before training, so its length is known.
        epochs, start_alpha, end_alpha, compute_loss, callbacks
            In place of the constructor's for this call.

        Returns
        -------
        tuple of int
            Words trained (what subsampling kept) and words of the corpus, rare ones too, over all epochs.

        Raises
        ------
        RuntimeError
            Before `build_vocab`.
        FloatingPointError
            If the learning rate is so high that the vectors overflow.
        """
        if self._vocabulary is None:
            raise RuntimeError("there is no vocabulary yet: call build_vocab with the corpus first")
        given = corpus_iterable is not None, corpus_file is not None
        known_iterable, known_file = self._source
        if self._corpus is not None and (
            (given == (True, False) and corpus_iterable is known_iterable)
            or (given == (False, True) and corpus_file == known_file)
        ):
            corpus = self._corpus
        else:
            _, corpus = self._encode(corpus_iterable, corpus_file, self._vocabulary)
            self._source, self._corpus = (corpus_iterable, corpus_file), corpus
        if len(corpus.tokens) == 0:
            raise ValueError("no token of this corpus is in the vocabulary: is it split as the first one was?")
        options = self.options(
            epochs=self.epochs if epochs is None else epochs,
            alpha=self.alpha if start_alpha is None else start_alpha,
            min_alpha=self.min_alpha if end_alpha is None else end_alpha,
            compute_loss=self.compute_loss if compute_loss is None else compute_loss,
        )
        self._check_rows()
        self.wv.vectors, self.syn1neg = as_aligned(self.wv.vectors), as_aligned(self.syn1neg)
        listeners = self.callbacks if callbacks is None else tuple(callbacks)

        def call(event: str) -> None:
            for listener in listeners:
                getattr(listener, event, lambda model: None)(self)

        def end_epoch(result: TrainingResult) -> None:
            self.epochs_trained += 1
            self.loss_history.append(result.loss_history[-1])
            self.wv._invalidate()  # for the callbacks
            logger.info("epoch %d: loss %.4f a pair", self.epochs_trained, self.loss_history[-1])
            call("on_epoch_end")

        call("on_train_begin")
        try:
            result = train(
                corpus, self._vocabulary.counts, self.wv.vectors, self.syn1neg, options,
                first_epoch=self.epochs_trained, progress=self.progress,
                on_epoch_begin=lambda: call("on_epoch_begin"), on_epoch_end=end_epoch,
            )  # fmt: skip
        finally:
            self.wv._invalidate()  # whether an epoch ended or was interrupted
        self._make_report(corpus, options, result)
        call("on_train_end")
        return result.words_kept, corpus.raw_words * options.epochs

    def _check_rows(self) -> None:
        """ValueError if words or matrices were exchanged: rows no longer stand for the words of the vocabulary."""
        assert self._vocabulary is not None
        shape = len(self._vocabulary), self.vector_size
        if self.wv.index_to_key != self._vocabulary.words or not self.wv.vectors.shape == self.syn1neg.shape == shape:
            raise ValueError(
                f"wv or syn1neg no longer fits the vocabulary of {shape[0]} words x {shape[1]}: words were added or"
                " sorted, or a matrix replaced; change a copy, copy.deepcopy(model.wv), and save it by its own save"
            )

    def _make_report(self, corpus: Corpus, options: TrainingOptions, result: TrainingResult) -> None:
        self.report = {
            "corpus_words": corpus.raw_words,
            "kept_words": len(corpus.tokens),
            "vocab_size": len(self.wv),
            "pairs": result.pairs,
            "dot_products": result.dot_products,
            "scan_seconds": self._scan_seconds,
            "train_seconds": result.seconds,
            "total_seconds": self._scan_seconds + result.seconds,
            "words_per_second": corpus.raw_words * options.epochs / result.seconds if result.seconds else 0.0,
            "workers": options.workers,
            "simd": SIMD,
            "negative_sharing": options.negative_sharing,
            "loss": result.loss_history,
            "peak_rss_bytes": peak_rss_bytes(),
            "version": __version__,
        }

    def get_latest_training_loss(self) -> float:
        """The mean loss per pair of the last epoch; 0 before any. (gensim's is a running sum.)"""
        return self.loss_history[-1] if self.loss_history else 0.0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the whole model, both matrices, as one safetensors file; nothing in it is ever unpickled.

        Raises
        ------
        ValueError
            If there is nothing to save yet, the words are neither strings nor integers, or `wv` is of other words.
        """
        if self._vocabulary is None:
            raise ValueError("there is nothing to save yet: call build_vocab first")
        self._check_rows()
        tensors = {
            **formats.pack_keys(self.wv.index_to_key),
            "vectors": np.ascontiguousarray(self.wv.vectors),
            "output_vectors": np.ascontiguousarray(self.syn1neg),
            "counts": self._vocabulary.counts,
        }
        # The next machine has other cores.
        workers = None if self.workers == available_cores() else plain(self.workers)
        metadata = {
            "kind": "Word2Vec",
            "parameters": {name: plain(getattr(self, name)) for name in PARAMETERS} | {"workers": workers},
            "history": {name: plain(getattr(self, name)) for name in HISTORY},
        }
        formats.save_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Word2Vec:
        """Load a model that `save` wrote; it can be trained on.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind.
        """
        tensors, metadata = formats.load_tensors(path, "Word2Vec")
        try:
            parameters, history = dict(metadata["parameters"]), dict(metadata["history"])
            model = cls(**{name: parameters[name] for name in PARAMETERS})
            words, counts = formats.unpack_keys(tensors), tensors["counts"]
            shape = (len(words), model.vector_size)
            matrices = tensors["vectors"], tensors["output_vectors"]
            if any(matrix.shape != shape or matrix.dtype != np.float32 for matrix in matrices):
                raise ValueError(f"its matrices are not of shape {shape} and float32")
            if counts.shape != shape[:1] or counts.dtype != np.int64 or (counts <= 0).any():
                raise ValueError("its counts are not one positive number a word")
            for name in HISTORY:
                setattr(model, name, history[name])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{Path(path)}: not a Word2Vec model of fastsgns: {error}") from error
        vectors = aligned_matrix(*shape)
        model.syn1neg = aligned_matrix(*shape)
        vectors[:], model.syn1neg[:] = tensors["vectors"], tensors["output_vectors"]
        model.wv = KeyedVectors.from_arrays(words, vectors, counts)
        model._vocabulary = Vocabulary(words, counts, model.corpus_total_words, model.corpus_count)
        return model

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: all but the corpus, which may be large, and its source, which may be a generator."""
        return {**self.__dict__, "_source": (None, None), "_corpus": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"
