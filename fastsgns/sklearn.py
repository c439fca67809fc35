"""Word2VecVectorizer: documents to vectors in scikit-learn's pipelines; the extra "sklearn" brings what it needs."""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fastsgns.checks import check_choice, check_integer, check_real
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.matrices import read_vectors
from fastsgns.word2vec import Word2Vec

if sys.version_info >= (3, 11):
    from typing import Self
else:
    Self = Any

__all__ = ["Word2VecVectorizer"]

POOLING = ("mean", "sif")
TRAINING = (
    "vector_size", "window", "min_count", "max_vocab_size", "negative", "epochs", "alpha", "min_alpha", "sample",
    "ns_exponent", "negative_sharing", "deterministic",
)  # fmt: skip
ANALYSIS = ("analyzer", "tokenizer", "preprocessor", "lowercase", "strip_accents", "stop_words", "token_pattern")


class Word2VecVectorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Documents to the means of their words' vectors, plain or SIF-weighted (Arora, Liang and Ma 2017).

    `fit` trains word vectors on the documents, or takes those given. A document is a string, which is cut into words as
    `sklearn.feature_extraction.text.CountVectorizer` does, or a list (tuple, array) of tokens, which is taken as it is.
    For the training each document is one sentence.

    With ``pooling="sif"`` a word w counts a / (a + p(w)), p(w) being its share of all tokens that `fit` saw and a the
    `smoothing`; then what lies along the first principal components of those documents, not centred, is removed.

    Words without a vector do not count. A document of none but those, and an empty one, becomes a vector of zeros.

    Parameters
    ----------
    pooling : {"mean", "sif"}, default "mean"
    smoothing : float, default 1e-3
        The a of SIF; the paper takes 1e-4 to 1e-3.
    remove_components : int, default 1
        How many principal components SIF removes; 0 for none.
    vectors : KeyedVectors or path, optional
        Trained vectors, in place of a training: fastsgns' or gensim's, or a file of them as ``init_vectors`` of
        `Word2Vec` takes it. `clone` and `GridSearchCV` copy an object many times, a path not. Integers are looked up
        as keys only, not as rows.
    vector_size, window, min_count, max_vocab_size, negative, epochs, alpha, min_alpha, sample, ns_exponent, \
negative_sharing, deterministic
        Of the training, as in `Word2Vec`.
    analyzer, tokenizer, preprocessor, lowercase, strip_accents, stop_words, token_pattern
        As in CountVectorizer. Like there, words of one letter are no words unless `token_pattern` says so. Lists of
        tokens pass them by, but for a callable `analyzer`, which is given every document.
    n_jobs : int, optional
        Threads of the training, as joblib counts: None is 1, -1 all cores.
    random_state : int, RandomState or None, default None
        An int gives the same vectors every time with one thread, or with ``deterministic=True``.

    Attributes
    ----------
    vectors_ : KeyedVectors
        The vectors, trained or given.
    word_weights_ : ndarray of float32, shape (V,)
        What each word counts.
    components_ : ndarray of float32, shape (remove_components, vector_size)
        What SIF removes; of none with ``pooling="mean"``.
    loss_history_ : list of float
        Of the training.

    Raises
    ------
    ValueError
        By `fit` for bad parameters, for a document that is neither string nor tokens (None, say), and where too few
        words occur `min_count` times.

    References
    ----------
    Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings", ICLR.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> texts, labels = ["red green blue", "one two three"] * 200, ["colour", "number"] * 200
    >>> pipeline = make_pipeline(Word2VecVectorizer(vector_size=16, random_state=0), LogisticRegression())
    >>> pipeline.fit(texts, labels).predict(["blue red", "three one", "two"]).tolist()
    ['colour', 'number', 'number']
    """

    def __init__(
        self,
        *,
        pooling: str = "mean",
        smoothing: float = 1e-3,
        remove_components: int = 1,
        vectors: KeyedVectors | str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        window: int | tuple[int, int] = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        negative: int | str = 5,
        epochs: int = 5,
        alpha: float = 0.025,
        min_alpha: float = 1e-4,
        sample: float | None = 1e-3,
        ns_exponent: float = 0.75,
        negative_sharing: str = "group",
        deterministic: bool = False,
        analyzer: str | Callable[[Any], Iterable[Any]] = "word",
        tokenizer: Callable[[str], Iterable[str]] | None = None,
        preprocessor: Callable[[str], str] | None = None,
        lowercase: bool = True,
        strip_accents: Any = None,
        stop_words: Any = None,
        token_pattern: str | None = r"(?u)\b\w\w+\b",
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.pooling, self.smoothing, self.remove_components = pooling, smoothing, remove_components
        self.vectors = vectors
        self.vector_size, self.window, self.negative, self.epochs = vector_size, window, negative, epochs
        self.min_count, self.max_vocab_size = min_count, max_vocab_size
        self.alpha, self.min_alpha, self.sample, self.ns_exponent = alpha, min_alpha, sample, ns_exponent
        self.negative_sharing, self.deterministic = negative_sharing, deterministic
        self.analyzer, self.tokenizer, self.preprocessor = analyzer, tokenizer, preprocessor
        self.lowercase, self.strip_accents = lowercase, strip_accents
        self.stop_words, self.token_pattern = stop_words, token_pattern
        self.n_jobs, self.random_state = n_jobs, random_state

    def fit(self, X: Iterable[Any], y: Any = None) -> Self:
        """Train word vectors on documents, or take those given, and weigh the words.

        Parameters
        ----------
        X : iterable of n documents
            Read once.
        y : ignored

        Returns
        -------
        Word2VecVectorizer
            Itself.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Iterable[Any], y: Any = None) -> NDArray[np.float32]:
        """`fit` and `transform` on the same documents, which are cut into words once."""
        return self._without_components(self._fit(X))

    def transform(self, X: Iterable[Any]) -> NDArray[np.float32]:
        """The vectors of documents.

        Parameters
        ----------
        X : iterable of n documents

        Returns
        -------
        ndarray of float32, shape (n, vector_size)
        """
        check_is_fitted(self)
        return self._without_components(self._means(*self._rows_of(self._tokens_of(X))[:2]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _fit(self, X: Iterable[Any]) -> NDArray[np.float32]:
        """Everything that is fitted; the means of the documents."""
        check_choice("pooling", self.pooling, POOLING)
        check_real("smoothing", self.smoothing, 0.0)
        check_integer("remove_components", self.remove_components, 0)
        documents: Iterable[list[Any]] = self._tokens_of(X)
        if self.vectors is None:
            documents = list(documents)
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            options = {name: getattr(self, name) for name in TRAINING}
            model = Word2Vec(documents, workers=effective_n_jobs(self.n_jobs), seed=seed, **options)
            self.vectors_, self.loss_history_ = model.wv, model.loss_history
        else:
            self.vectors_, self.loss_history_ = read_vectors("vectors", self.vectors), []
        dim = self.vectors_.vectors.shape[1]
        rows, offsets, n_tokens = self._rows_of(documents)
        self.word_weights_ = np.ones(len(self.vectors_.vectors), np.float32)
        if self.pooling == "sif":
            shares = np.bincount(rows, minlength=len(self.word_weights_)) / max(1, n_tokens)
            with np.errstate(invalid="ignore"):  # 0 / 0 of a word that was not seen where smoothing is 0
                weights = self.smoothing / (self.smoothing + shares)
            self.word_weights_ = np.nan_to_num(weights, nan=1.0).astype(np.float32)
        self.components_ = np.zeros((0, dim), np.float32)
        self._n_features_out = dim
        means = self._means(rows, offsets)
        if self.pooling == "sif":
            self.components_ = principal_components(means, self.remove_components)
        return means

    def _tokens_of(self, X: Iterable[Any]) -> Iterator[list[Any]]:
        """The tokens of each document."""
        if isinstance(X, (str, bytes)):
            raise ValueError(f"X={X[:40]!r} is one {type(X).__name__}: give a list of documents, [X]")
        if sparse.issparse(X):
            raise TypeError("X is a sparse matrix: give documents, strings or lists of tokens")
        if hasattr(X, "columns"):
            raise ValueError(
                f"X is a {type(X).__name__}: give one column of documents, X['text']; "
                "in a ColumnTransformer name the column by a string, not by a list"
            )
        if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and X.dtype.kind in "UO":
            raise ValueError(f"X of shape {X.shape} is a column: give its documents, X[:, 0]")
        if isinstance(X, np.ndarray) and X.ndim == 0:
            raise ValueError(f"X={X!r} is an array of no dimensions: give a list of documents, [X.item()]")
        if not isinstance(X, Iterable):
            raise ValueError(f"X={X!r} must be an iterable of documents, strings or lists of tokens")
        if hasattr(X, "to_pylist"):  # pyarrow's strings are no str
            X = X.to_pylist()
        analyze = CountVectorizer(**{name: getattr(self, name) for name in ANALYSIS}).build_analyzer()
        return self._analyzed(X, analyze)

    def _analyzed(self, X: Iterable[Any], analyze: Callable[[Any], Iterable[Any]]) -> Iterator[list[Any]]:
        for number, document in enumerate(X):
            if callable(self.analyzer):
                tokens = list(analyze(document))
                check_tokens(number, tokens)
                yield tokens
                continue
            if isinstance(document, np.ndarray) and document.ndim == 0:
                document = document.item()
            if isinstance(document, (bytearray, memoryview)):
                document = bytes(document)
            if isinstance(document, (str, bytes)):
                check_utf8(number, document)
                yield list(analyze(document))
            elif isinstance(document, np.ndarray) and document.dtype.kind not in "iuUO":
                remedy = "numpy.char.decode(array)" if document.dtype.kind == "S" else "array.astype(numpy.int64)"
                raise ValueError(
                    f"document {number} is an array of {document.dtype}: tokens must be strings or integers; "
                    f"give {remedy}"
                )
            elif isinstance(document, Iterable) and not isinstance(document, Mapping):
                tokens = document.tolist() if isinstance(document, np.ndarray) else list(document)
                check_tokens(number, tokens)
                yield tokens
            else:
                raise ValueError(
                    f"document {number} is {document!r}: it must be a string or a list of tokens; "
                    "put '' in place of missing ones"
                )

    def _rows_of(self, documents: Iterable[list[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        """Rows of the known words, document after document; where each begins and the last one ends; tokens in all."""
        index, rows, offsets, n_tokens = self.vectors_.key_to_index, array("q"), array("q", [0]), 0
        for tokens in documents:
            n_tokens += len(tokens)
            rows.extend([index[token] for token in tokens if token in index])
            offsets.append(len(rows))
        return np.array(rows, np.int64), np.array(offsets, np.int64), n_tokens

    def _means(self, rows: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """The weighted mean of each document, over the number of its known words as in the paper; shape (n, dim)."""
        vectors, lengths = self.vectors_.vectors, np.diff(offsets)
        shape = len(lengths), len(vectors)
        sums = sparse.csr_matrix((self.word_weights_[rows], rows, offsets), shape) @ vectors
        return np.asarray(sums / np.maximum(lengths, 1)[:, np.newaxis], np.float32)

    def _without_components(self, means: NDArray[np.float32]) -> NDArray[np.float32]:
        if len(self.components_):
            means -= means @ self.components_.T @ self.components_
        return means


def check_utf8(number: int, document: str | bytes) -> None:
    """ValueError for bytes that are no text."""
    try:
        if isinstance(document, bytes):
            document.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"document {number}, {document[:40]!r}, is bytes that are not UTF-8: {error.reason} at byte {error.start}; "
            "give text, document.decode(encoding), or document.decode(errors='replace')"
        ) from None


def check_tokens(number: int, tokens: list[Any]) -> None:
    """ValueError for tokens that can be no keys, as lists are."""
    if set(map(type, tokens)) <= {str, int}:
        return
    for token in tokens:
        try:
            hash(token)
        except TypeError:
            raise ValueError(
                f"document {number} holds a {type(token).__name__} among its tokens, {token!r:.60}: a document must be "
                "a string or a flat list of strings or integers; give [token for part in document for token in part], "
                "or a document for each part"
            ) from None


def principal_components(means: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The directions of most sum of squares, not centred, of rows of shape (n, dim); shape (at most count, dim).

    Examples
    --------
    >>> principal_components(np.array([[3, 0], [5, 0], [0, 1]], np.float32), 1).round(3)
    array([[1., 0.]], dtype=float32)
    """
    squares = means.T.astype(np.float64) @ means.astype(np.float64)
    _, directions = np.linalg.eigh(squares)  # by rising eigenvalue
    chosen = directions[:, ::-1][:, :count].T
    signs = np.sign(chosen[np.arange(len(chosen)), np.argmax(np.abs(chosen), axis=1)])  # else free: the same everywhere
    return np.ascontiguousarray(chosen * signs[:, np.newaxis], np.float32)
