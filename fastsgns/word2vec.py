"""Word2Vec: the face that gensim's users know. It holds parameters and matrices; the algorithm lives elsewhere."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import footprint, formats, memory, modelfile
from fastsgns._encode import ERRORS
from fastsgns.building import VocabularyBuilder
from fastsgns.checkpoint import CheckpointFile, check_path, identity, parse_every, text_identity
from fastsgns.checks import as_flag, check_choice, check_integer, plain
from fastsgns.config import SIMD, __version__, available_cores
from fastsgns.corpus import Corpus
from fastsgns.files import PathLike
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.matrices import Freeze, InitVectors, as_aligned, frozen_rows
from fastsgns.notebook import as_table
from fastsgns.options import TrainingOptions
from fastsgns.readers import BrownCorpus, LineSentence, PathLineSentences, Text8Corpus
from fastsgns.sampling import keep_probabilities, negatives_for
from fastsgns.text import Source
from fastsgns.trainer import TrainingResult, log_epoch, train
from fastsgns.vectormath import best_first
from fastsgns.vocabulary import TrimRule

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["BrownCorpus", "LineSentence", "PathLineSentences", "Text8Corpus", "Word2Vec"]  # gensim has all of them here

logger = logging.getLogger(__name__)

# Arguments of gensim's that change no training here.
WITHOUT_EFFECT = ("cbow_mean", "hashfxn", "null_word", "batch_words", "comment")
# What notebooks show of the parameters.
SHOWN_PARAMETERS = (
    "window", "negative", "negative_sharing", "alpha", "min_alpha", "sample", "min_count", "epochs", "workers", "seed",
)  # fmt: skip


class Word2Vec(VocabularyBuilder):
    """Skip-gram word vectors with negative sampling (Mikolov et al. 2013, arXiv 1301.3781 and 1310.4546).

    Give `sentences` or `corpus_file` to train at once; give neither to call `build_vocab` and `train` yourself.

    Parameters
    ----------
    sentences : iterable of token lists, optional
        Any iterable, one-shot generators too: it is read once. A token is a string, an integer or any other hashable;
        a sentence may be a NumPy array of integers. A matrix of integers (a sentence a row) and a pair of arrays
        ``(tokens, offsets)``, sentence i being ``tokens[offsets[i]:offsets[i + 1]]``, are read in place by all threads.
        A column of token lists may be of pandas, polars, pyarrow or Hugging Face datasets.
    corpus_file : path or list of paths, optional
        Plain or compressed (.gz, .bz2, .xz, .zst) UTF-8 text, a sentence a line, tokens between white space. A
        directory stands for the files in it.
    vector_size : int, default 100
        Dimensions of the vectors.
    alpha, min_alpha : float, default 0.025 and 0.0001
        The learning rate falls linearly from the one to the other over all epochs.
    window : int or tuple of two, default 5
        The farthest a context word may be from its centre, in words that survive subsampling; (left, right) sets it for
        words before the centre and behind it, 0 for none of them.
    min_count : int, default 5
        Words that occur less often are left out.
    max_vocab_size, max_final_vocab : int, optional
        The most words to keep: where more reach `min_count`, it is raised.
    sample : float, default 1e-3
        Threshold share above which words are subsampled; 0 and None keep all.
    seed : int, default 1
        Of everything random. With ``workers=1``, or `deterministic`, the same seed gives the same bits. None draws one,
        to be found in ``model.seed``.
    workers : int, optional
        Threads; by default all cores this process may use. A saved model remembers another number only.
    sg, hs : int
        Accepted as 1 and 0: fastsgns trains skip-gram with negative sampling.
    trim_rule : callable, optional
        Called as ``trim_rule(word, count, min_count)`` for every word when the vocabulary is built: `RULE_KEEP` and
        `RULE_DISCARD` (2 and 1) decide, `RULE_DEFAULT` (0) leaves it to the count. It is not saved.
    cbow_mean, hashfxn, null_word, batch_words, comment
        Accepted for gensim's sake, in their places, and without effect on training; `cbow_mean` has one on
        `predict_output_word`, and `comment` is saved.
    negative : int or "auto", default 5
        Noise words; 5 for large corpora, up to 20 for small ones. "auto" chooses by the number of words:
        `fastsgns.sampling.negatives_for`.
    ns_exponent : float, default 0.75
        Noise words are drawn from count ** ns_exponent.
    epochs : int, default 5
        Passes over the corpus.
    sorted_vocab : bool, default True
        Most frequent words first; otherwise in order of first appearance.
    compute_loss : bool, default False
        Take the loss on every pair. Otherwise a long corpus gives a sample, a 64th of it, at no cost worth naming.
    callbacks : iterable of objects
        Their ``on_train_begin``, ``on_epoch_begin``, ``on_epoch_end`` and ``on_train_end`` are called with the model;
        those of gensim's do. One that sets ``model.stop_training = True`` ends the training after the epoch.
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
    init_vectors : KeyedVectors or path, optional
        Vectors to start from, for the words that they have; others start at random. One word at least must have one,
        but for updates. A path is of a native file or, if it ends in .bin, .txt or .vec (packed or not), of word2vec's
        format.
    freeze : bool or iterable of words, default False
        Input vectors that training leaves as they are: True for all that `init_vectors` gives, or those named. Later,
        ``wv.vectors_lockf`` says so, an array with 0 for every frozen word and 1 for the others.
    checkpoint : path, optional
        Keep the state of training in this file: now and then, at the end, and when an interrupt or an error ends it.
        The file is always whole. While one is written there are both matrices twice.
    checkpoint_every : str or int, default "10min"
        How often: a time, such as "30s" or "2h", or a number of words.
    resume : bool, default False
        Go on from `checkpoint`, if that file is there: with ``workers=1``, or `deterministic`, to the same bits as
        without a stop. It must be of the same text and parameters; `workers` may differ. A file is of one call of
        `train`, the first one of a model or one made as it was.
    deterministic : bool, default False
        The same bits whatever `workers` is, on the same kernel variant. Threads then train in rounds, each from the
        matrices as the last round left them, and wait for each other in between; there are no more of them than cores,
        nor than 64, and fewer where words are few. It takes half as long again to twice as long, more where cores are
        busy with other things, at no cost in quality that was found. One worker gives these bits too if asked, and
        others, faster, if not.

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
    epochs_trained, train_count : int
        Epochs and calls of `train` so far.
    total_train_time : float
        Seconds of training so far.
    min_alpha_yet_reached : float
        The lowest learning rate so far: where ``train(start_alpha=...)`` goes on with a schedule.
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
        window: int | tuple[int, int] = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float | None = 1e-3,
        seed: int | None = 1,
        workers: int | None = None,
        min_alpha: float = 1e-4,
        sg: int = 1,
        hs: int = 0,
        negative: int | str = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: object = None,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
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
        init_vectors: InitVectors | None = None,
        freeze: Freeze = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: str | int = "10min",
        resume: bool = False,
        deterministic: bool = False,
    ) -> None:
        if not (as_flag("sg", sg == 1) and as_flag("hs", hs == 0)):
            raise ValueError(f"sg={sg!r}, hs={hs!r}: fastsgns trains skip-gram with negative sampling, sg=1 and hs=0")
        if trim_rule is not None and not callable(trim_rule):
            raise ValueError(f"trim_rule={trim_rule!r} must be callable: trim_rule(word, count, min_count)")
        if freeze is not False and init_vectors is None:
            raise ValueError("freeze is for vectors that init_vectors gives; otherwise set wv.vectors_lockf")
        if sentences is not None and corpus_file is not None:
            raise ValueError("sentences and corpus_file are both given: choose one")
        check_integer("vector_size", vector_size, 1, 2**20)
        check_choice("errors", errors, ERRORS)
        vector_size = int(vector_size)
        self.vector_size, self.alpha, self.min_alpha = vector_size, alpha, min_alpha
        self.window = tuple(window) if isinstance(window, (tuple, list)) else window
        self.min_count, self.max_vocab_size, self.max_final_vocab = min_count, max_vocab_size, max_final_vocab
        self.sample = 0.0 if sample is None or sample is False else sample
        self.seed = secrets.randbits(32) if seed is None else seed
        self.negative, self.ns_exponent = negative, ns_exponent
        self.workers = available_cores() if workers is None else workers
        self.epochs, self.sorted_vocab = epochs, as_flag("sorted_vocab", sorted_vocab)
        self.compute_loss = as_flag("compute_loss", compute_loss)
        self.shrink_windows, self.negative_sharing = as_flag("shrink_windows", shrink_windows), negative_sharing
        self.deterministic = as_flag("deterministic", deterministic)
        self.callbacks, self.progress, self.errors, self.corpus_cache = tuple(callbacks), progress, errors, corpus_cache
        self.trim_rule, self.init_vectors = trim_rule, init_vectors
        if isinstance(freeze, (str, bytes)):
            raise ValueError(f"freeze={freeze!r} is one string: give True, or a list of words")
        parse_every(checkpoint_every)
        if checkpoint is not None:
            check_path(checkpoint)
        if checkpoint is not None and corpus_cache is not None and Path(checkpoint) == Path(corpus_cache):
            raise ValueError(f"checkpoint and corpus_cache are both {str(checkpoint)!r}: give each its own file")
        if resume and checkpoint is None:
            raise ValueError("resume=True needs a checkpoint: give the path of the file")
        self.checkpoint, self.checkpoint_every, self.resume = checkpoint, checkpoint_every, resume
        self.freeze = bool(freeze) if isinstance(freeze, (bool, np.bool_)) else list(freeze)
        self.sg, self.hs, self.cbow_mean, self.null_word = 1, 0, cbow_mean, null_word
        self.hashfxn, self.batch_words, self.comment = hashfxn, batch_words, comment
        super().__init__()
        self.options()  # refuses bad values before any work
        self.rules()
        self.report: dict[str, Any] = {}
        self.train_count, self.total_train_time, self.min_alpha_yet_reached = 0, 0.0, float(alpha)
        self.stop_training = False
        if sentences is not None or corpus_file is not None:
            self.build_vocab(sentences, corpus_file)
            self.train(sentences, corpus_file)
            self._source, self._corpus = (None, None), None  # its memory is worth more than a second training's scan

    def options(self, **changes: Any) -> TrainingOptions:
        """The parameters as the trainer wants them, checked."""
        values = {name: getattr(self, name) for name in TrainingOptions.__dataclass_fields__}
        if isinstance(self.negative, str):
            check_choice("negative", self.negative, ("auto",))
            values["negative"] = negatives_for(self.corpus_total_words)
        return TrainingOptions(**{name: plain(value) for name, value in {**values, **changes}.items()})

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
        total_examples, total_words : int, optional
            Sentences or words of the whole corpus, if this is a part of it: in an epoch over it the learning rate falls
            by so much less. The length of the part itself is known, and need not be given.
        word_count, queue_factor, report_delay : optional
            Accepted for gensim's sake, without effect.
        epochs, start_alpha, end_alpha, compute_loss, callbacks
            In place of the constructor's for this call. Every call begins the schedule of the learning rate anew;
            ``start_alpha=model.min_alpha_yet_reached`` goes on where the last one ended.

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
        MemoryError
            If corpus, tables and threads do not fit into the memory that is left.
        """
        if self._vocabulary is None:
            raise RuntimeError("there is no vocabulary yet: call build_vocab with the corpus first")
        if hasattr(self, "_do_train_job"):
            raise TypeError(f"{type(self).__name__} overrides gensim's _do_train_job, which nothing here calls")
        given = corpus_iterable is not None, corpus_file is not None
        known_iterable, known_file = self._source
        if self._corpus is not None and (
            (given == (True, False) and same_source(corpus_iterable, known_iterable))
            or (given == (False, True) and corpus_file == known_file)
        ):
            corpus = self._corpus
        else:
            _, corpus = self._encode(corpus_iterable, corpus_file, self.rules(), self._vocabulary)
            self._source, self._corpus = (corpus_iterable, corpus_file), corpus
        if corpus.raw_words == 0:
            raise ValueError("the corpus is empty; a generator is used up after one pass: give a new one, or a list")
        if len(corpus.tokens) == 0:
            raise ValueError("no token of this corpus is in the vocabulary: is it split as the first one was?")
        options = self.options(
            epochs=self.epochs if epochs is None else epochs,
            alpha=self.alpha if start_alpha is None else start_alpha,
            min_alpha=self.min_alpha if end_alpha is None else end_alpha,
            compute_loss=self.compute_loss if compute_loss is None else compute_loss,
        )
        self._check_rows()
        footprint.require_scratch(len(self.wv), self.vector_size, options, len(corpus.tokens))
        if options.alpha > self.min_alpha_yet_reached:
            rates = self.min_alpha_yet_reached, options.alpha
            logger.warning("alpha rises from %g to %g: start_alpha=model.min_alpha_yet_reached goes on instead", *rates)
        frozen = frozen_rows(self.wv.vectors_lockf, len(self.wv))
        self.wv.vectors, self.syn1neg = as_aligned(self.wv.vectors), as_aligned(self.syn1neg)
        share = corpus_share(corpus, total_examples, total_words)
        checkpoints = None
        if self.checkpoint is not None:
            checkpoints = self._checkpoint_file(text_identity(corpus), options, share, frozen)
        first_epoch = self.epochs_trained
        state = checkpoints.load() if checkpoints and self.resume else None
        if state is not None:
            self.epochs_trained += state.result.epochs
            self.loss_history += state.result.loss_history
        self.stop_training = False
        listeners = self.callbacks if callbacks is None else tuple(callbacks)

        def call(event: str) -> None:
            for listener in listeners:
                getattr(listener, event, lambda model: None)(self)

        def end_epoch(result: TrainingResult) -> bool:
            self.epochs_trained += 1
            self.loss_history.append(result.loss_history[-1])
            self.wv._invalidate()  # for the callbacks
            log_epoch(logger, result, options, result.seconds)
            call("on_epoch_end")
            return self.stop_training

        self._log_begin(corpus, options)
        call("on_train_begin")
        try:
            with checkpoints or nullcontext():
                result = train(
                    corpus, self._vocabulary.counts, self.wv.vectors, self.syn1neg, options,
                    frozen=frozen, corpus_share=share, first_epoch=first_epoch, state=state, checkpoints=checkpoints,
                    progress=self.progress,
                    on_epoch_begin=lambda: call("on_epoch_begin"), on_epoch_end=end_epoch,
                )  # fmt: skip
        finally:
            self.wv._invalidate()  # whether an epoch ended or was interrupted
        self._record(corpus.raw_words, len(corpus.tokens), options, result)
        call("on_train_end")
        return result.words_kept, corpus.raw_words * result.epochs

    def _checkpoint_file(
        self, text: Mapping[str, Any], options: TrainingOptions, share: float, frozen: NDArray[np.bool_] | None
    ) -> CheckpointFile:
        """Of this training on a text that `text` tells from others: see `checkpoint.text_identity`."""
        assert self.checkpoint is not None and self._vocabulary is not None
        run = identity(options, text, self._vocabulary, share, frozen, self.epochs_trained)
        tensors = {**formats.pack_keys(self._vocabulary.words), "counts": self._vocabulary.counts}
        return CheckpointFile(
            self.checkpoint, self.checkpoint_every, run, tensors, self.wv.vectors, self.syn1neg, options
        )

    def _log_begin(self, corpus: Corpus, options: TrainingOptions) -> None:
        """Tell of the training that begins."""
        if not logger.isEnabledFor(logging.INFO):
            return
        assert self._vocabulary is not None
        counts = self._vocabulary.counts
        kept = float((counts * keep_probabilities(counts, options.sample)).sum() / max(1, counts.sum()))
        logger.info(
            "training %s words x %d dimensions: %s words an epoch, of which sample=%g leaves about %.0f %%, %d epochs,"
            " %d threads, window=%s, negative=%d (%s), learning rate %g to %g, %s",
            f"{len(self.wv):,}", self.vector_size, f"{len(corpus.tokens):,}", options.sample, 100 * kept,
            options.epochs, options.workers, self.window, options.negative, options.negative_sharing, options.alpha,
            options.min_alpha, SIMD,
        )  # fmt: skip

    def _check_rows(self) -> None:
        """ValueError if words or matrices were exchanged: rows no longer stand for the words of the vocabulary."""
        assert self._vocabulary is not None
        shape = len(self._vocabulary), self.vector_size
        if self.wv.index_to_key != self._vocabulary.words or not self.wv.vectors.shape == self.syn1neg.shape == shape:
            raise ValueError(
                f"wv or syn1neg no longer fits the vocabulary of {shape[0]} words x {shape[1]}: words were added or"
                " sorted, or a matrix replaced; change a copy, copy.deepcopy(model.wv), and save it by its own save"
            )

    def _record(self, raw_words: int, kept_words: int, options: TrainingOptions, result: TrainingResult) -> None:
        """Count a training that has ended, and report it."""
        self.train_count += 1
        self.total_train_time += result.seconds
        self.min_alpha_yet_reached = min(self.min_alpha_yet_reached, result.alpha)
        self.report = {
            "corpus_words": raw_words,
            "kept_words": kept_words,
            "vocab_size": len(self.wv),
            "pairs": result.pairs,
            "dot_products": result.dot_products,
            "scan_seconds": self._scan_seconds,
            "train_seconds": result.seconds,
            "total_seconds": self._scan_seconds + result.seconds,
            "words_per_second": raw_words * result.epochs / result.seconds if result.seconds else 0.0,
            "epochs": result.epochs,
            "negative": options.negative,
            "workers": options.workers,
            "deterministic": options.deterministic,
            "simd": SIMD,
            "negative_sharing": options.negative_sharing,
            "loss": result.loss_history,
            "peak_rss_bytes": memory.peak_rss_bytes(),
            "version": __version__,
        }
        speed = f"{self.report['words_per_second']:,.0f}"
        logger.info("trained %d epochs in %.1f s: %s words of text/s", result.epochs, result.seconds, speed)

    def get_latest_training_loss(self) -> float:
        """The mean loss per pair of the last epoch; 0 before any. (gensim's is a running sum.)"""
        return self.loss_history[-1] if self.loss_history else 0.0

    def plot_loss(self, *, ax: Any = None, path: str | os.PathLike[str] | None = None) -> Any:
        """Plot `loss_history`, the mean loss per pair of each epoch.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; by default a new figure.
        path : path, optional
            Write the figure to this file, of the kind of its suffix: .png, .svg, .pdf. It is not shown then.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib, of the extra "plot", is not installed.
        ValueError
            If no epoch was trained.
        """
        from fastsgns import plotting  # and its matplotlib, which few need

        return plotting.draw_loss(self.loss_history, ax=ax, path=path)

    def predict_output_word(self, context_words_list: Iterable[Any], topn: int = 10) -> list[tuple[Any, float]] | None:
        """The most probable centre words amid given context words.

        A full softmax over all output vectors, of the mean of the context's input vectors (their sum, if
        ``cbow_mean=0``): what a model trained so would say, and so a rough guess only.

        Parameters
        ----------
        context_words_list : iterable of words
            Unknown ones are left out.
        topn : int, default 10

        Returns
        -------
        list of (word, float), or None
            Most probable first; None, and a warning in the log, if no context word is known.

        Examples
        --------
        >>> lines = [["red", "green", "blue"], ["one", "two", "three"]] * 200
        >>> model = Word2Vec(lines, vector_size=16, sample=0, epochs=20, workers=1)
        >>> model.predict_output_word(["red", "blue"], topn=1)[0][0]
        'green'
        """
        rows = [self.wv.get_index(word) for word in context_words_list if word in self.wv]
        if not rows:
            logger.warning("predict_output_word: no context word is in the vocabulary")
            return None
        hidden = self.wv.vectors[rows].sum(axis=0)
        if self.cbow_mean:
            hidden = hidden / len(rows)
        logits = (self.syn1neg @ hidden).astype(np.float64)
        odds = np.exp(logits - logits.max())
        odds /= odds.sum()
        return [(self.wv.index_to_key[row], float(odds[row])) for row in best_first(odds, topn)]

    @property
    def layer1_size(self) -> int:
        """The same as `vector_size`, under gensim's name."""
        return self.vector_size

    @property
    def context_wv(self) -> KeyedVectors:
        """The output (context) vectors, `syn1neg`, with their words; a view, for queries and saving."""
        return KeyedVectors.from_arrays(self.wv.index_to_key, self.syn1neg, self.wv.expandos.get("count"))

    def averaged_wv(self) -> KeyedVectors:
        """The mean of every word's input and output vector, as GloVe's authors sum theirs (Pennington et al. 2014)."""
        what = f"another {len(self.wv):,} vectors of {self.vector_size} dimensions"
        memory.require(self.wv.vectors.nbytes, what, "context_wv and wv take none")
        mean = self.wv.vectors + self.syn1neg
        mean /= 2
        return KeyedVectors.from_arrays(self.wv.index_to_key, mean, self.wv.expandos.get("count"))

    def init_sims(self, replace: bool = False) -> None:
        """Deprecated in gensim 4: with ``replace=True``, `wv.unit_normalize_all`."""
        self.wv.fill_norms()
        if replace:
            self.wv.unit_normalize_all()

    def __str__(self) -> str:
        return f"{type(self).__name__}<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"

    def save(
        self,
        path: PathLike | IO[bytes],
        separately: object = None,
        sep_limit: int = 0,
        ignore: object = (),
        pickle_protocol: int = 0,
    ) -> None:
        """Save the whole model, both matrices, as one safetensors file; nothing in it is ever unpickled.

        Parameters
        ----------
        path : path, or file open for writing bytes
        separately, sep_limit, ignore, pickle_protocol
            Accepted for gensim's sake, without effect.

        Raises
        ------
        ValueError
            If there is nothing to save yet, the words are neither strings nor integers, or `wv` is of other words.
        """
        if self._vocabulary is None:
            raise ValueError("there is nothing to save yet: call build_vocab first")
        self._check_rows()
        modelfile.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: str | None = None) -> Self:
        """Load a model that `save` wrote; it can be trained on.

        Parameters
        ----------
        path : path
        mmap : {None, "r", "c"}, optional
            Map both matrices instead of reading them, read-only or copy-on-write; training makes copies.

        Raises
        ------
        ValueError
            If the file is damaged or of another kind; files of gensim's own `save` are pickles, to be read by gensim.
        """
        return modelfile.load(cls, path, mmap)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: all but the corpus, which may be large, its source, which may be a generator, and
        callbacks and `trim_rule`, which no copy of gensim's has either."""
        return {
            **self.__dict__, "_source": (None, None), "_corpus": None, "_raw": None, "callbacks": (), "trim_rule": None,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"{type(self).__name__}<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"

    def _repr_html_(self) -> str:
        """A table for notebooks: sizes, parameters, epochs trained, loss and the first words."""
        rows = [
            ("words", len(self.wv)),
            ("dimensions", self.vector_size),
            ("trained", f"{self.epochs_trained} epochs in {self.total_train_time:.1f} s"),
            ("loss", f"{self.loss_history[-1]:.4f} a pair" if self.loss_history else None),
            ("corpus", f"{self.corpus_total_words:,} words in {self.corpus_count:,} sentences"),
            ("parameters", ", ".join(f"{name}={getattr(self, name)!r}" for name in SHOWN_PARAMETERS)),
        ]
        return as_table(type(self).__name__, rows, self.wv.index_to_key)


def same_source(first: Any, second: Any) -> bool:
    """Whether two iterables are one; of a pair of arrays, whether the arrays are."""
    if type(first) is tuple and type(second) is tuple:
        return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))
    return first is second


def corpus_share(corpus: Corpus, total_examples: int | None, total_words: int | None) -> float:
    """What part of the whole a corpus is, at most 1."""
    if total_words:
        return min(1.0, corpus.raw_words / total_words)
    return min(1.0, corpus.sentences_read / total_examples) if total_examples else 1.0
