"""Word2VecVectorizer: in scikit-learn's pipelines, by its conventions and checks, and against the paper's formula."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from fastsgns import KeyedVectors
from fastsgns.sklearn import Word2VecVectorizer

TOPICS, WORDS = 4, 60


def texts(n, seed=0, length=12):
    """Documents of a few words of one of four topics, among words of none; and their topics."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(TOPICS, size=n)
    made = []
    for topic in topics:
        words = [f"Topic{topic}_{i}" for i in rng.integers(WORDS, size=length // 2)]
        words += [f"common_{i}" for i in rng.integers(WORDS, size=length - len(words))]
        made.append(", ".join(rng.permutation(words)) + ".")
    return made, topics


def small(**changes):
    return Word2VecVectorizer(**{"vector_size": 20, "epochs": 10, "random_state": 0, "sample": 0, **changes})


@pytest.fixture(scope="module")
def wv():
    random = np.random.default_rng(1)
    return KeyedVectors.from_arrays([f"w{i}" for i in range(30)], random.standard_normal((30, 6)).astype(np.float32))


# What it is for


@pytest.mark.parametrize("pooling", ["mean", "sif"])
def test_a_pipeline_tells_topics_apart_by_words_it_has_no_label_for(pooling):
    """A label for every twentieth document: words seen in none of those are known by their neighbours alone."""
    documents, topics = texts(2000)
    vectors = small(pooling=pooling).fit(documents)
    few, others = slice(0, None, 20), slice(1, None, 20)
    pipeline = make_pipeline(small(pooling=pooling, vectors=vectors.vectors_), LogisticRegression())
    score = pipeline.fit(documents[few], topics[few]).score(documents[others], topics[others])
    assert score > 0.9  # chance is 0.25
    counted = make_pipeline(CountVectorizer(), LogisticRegression()).fit(documents[few], topics[few])
    assert score > counted.score(documents[others], topics[others])


def test_grid_search():
    documents, topics = texts(300)
    pipeline = make_pipeline(small(vector_size=16), LogisticRegression(C=10))
    grid = {"word2vecvectorizer__pooling": ["mean", "sif"], "word2vecvectorizer__epochs": [1, 40]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(documents, topics)
    assert search.best_score_ > 0.8
    assert search.best_params_["word2vecvectorizer__epochs"] == 40
    again = cross_val_score(clone(search.best_estimator_), documents, topics, cv=3)
    assert again.mean() == pytest.approx(search.best_score_)


# The formula


def test_mean_and_sif_are_those_of_the_paper(wv):
    random = np.random.default_rng(2)
    documents = [[f"w{i}" for i in random.integers(40, size=n)] for n in (1, 5, 9, 30, 2, 0)]  # w30 and on: unknown
    known = [[word for word in document if word in wv.key_to_index] for document in documents]
    means = np.array([wv[words].mean(axis=0) if words else np.zeros(6) for words in known])
    assert Word2VecVectorizer(vectors=wv).fit_transform(documents) == pytest.approx(means, abs=1e-6)

    everything = [word for document in documents for word in document]
    for a, removed in ((1e-3, 1), (0.05, 2), (1.0, 0)):
        made = Word2VecVectorizer(vectors=wv, pooling="sif", smoothing=a, remove_components=removed)
        weight = {word: a / (a + everything.count(word) / len(everything)) for word in wv.index_to_key}
        pooled = [sum((weight[word] * wv[word] for word in words), np.zeros(6)) / max(1, len(words)) for words in known]
        u = np.linalg.svd(np.array(pooled))[2][:removed]
        wanted = np.array(pooled) - np.array(pooled) @ u.T @ u
        assert made.fit_transform(documents) == pytest.approx(wanted, abs=1e-5)
        assert made.transform(documents) == pytest.approx(wanted, abs=1e-5)
        assert made.components_.shape == (removed, 6)
        unseen = next(word for word in wv.index_to_key if word not in everything)
        assert made.word_weights_[wv.key_to_index[unseen]] == 1
        alone = wv[unseen] - wv[unseen] @ u.T @ u
        assert made.transform([[unseen]])[0] == pytest.approx(alone, abs=1e-5)


def test_no_smoothing_takes_unseen_words_alone(wv):
    made = Word2VecVectorizer(vectors=wv, pooling="sif", smoothing=0, remove_components=0).fit([["w1", "w2"]])
    assert made.word_weights_.tolist() == [1, 0, 0] + [1] * 27


# Documents


@pytest.mark.parametrize("pooling", ["mean", "sif"])
def test_documents_without_known_words_are_zeros(pooling):
    documents, _ = texts(100)
    made = small(pooling=pooling).fit(documents)
    found = made.transform(["", "unknown words only", [], documents[0]])
    assert (found[:3] == 0).all() and (found[3] != 0).any()
    assert made.transform([]).shape == (0, 20)


def test_strings_are_cut_as_count_vectorizer_does():
    documents, _ = texts(200)
    options = dict(lowercase=False, stop_words=["common_1"], token_pattern=r"[\w]+")
    made, counted = small(min_count=1, **options).fit(documents), CountVectorizer(**options).fit(documents)
    assert set(made.vectors_.index_to_key) == set(counted.get_feature_names_out())
    lists = [counted.build_analyzer()(document) for document in documents]
    assert np.array_equal(made.transform(documents), small(min_count=1, **options).fit_transform(lists))
    as_bytes = [document.encode() for document in documents]
    assert np.array_equal(made.transform(as_bytes), made.transform(documents))


def test_tokenizer_and_analyzer():
    documents, _ = texts(200)
    split = small(tokenizer=str.split, token_pattern=None, lowercase=False, min_count=1).fit(documents)
    assert "common_1," in split.vectors_.key_to_index
    drawn = small(analyzer=lambda document: document["text"].split()).fit([{"text": text} for text in documents])
    assert drawn.transform([{"text": documents[0]}]).any()


def test_integer_tokens():
    walks = [[i % 9, (i + 1) % 9, (i + 2) % 9] for i in range(300)]
    lists = small().fit_transform(walks)
    assert np.array_equal(small().fit_transform(np.array(walks)), lists)
    assert np.array_equal(small().fit_transform([tuple(walk) for walk in walks]), lists)
    made = small().fit(walks)
    assert (made.transform([[100], [-1]]) == 0).all()  # no row numbers


def test_a_generator_is_read_once():
    documents, _ = texts(100)
    assert np.array_equal(small().fit_transform(iter(documents)), small().fit_transform(documents))


@pytest.mark.parametrize(
    ("documents", "error", "message"),
    [
        ("one text", ValueError, r"is one str: give a list of documents, \[X\]"),
        (5, ValueError, "X=5 must be an iterable"),
        (["red green"] * 9 + [None], ValueError, "document 9 is None"),
        (["red green"] * 9 + [float("nan")], ValueError, "document 9 is nan.*''"),
        (np.zeros((3, 2)), ValueError, "document 0 is an array of float64"),
        ([{"text": "red green"}], ValueError, "document 0 is {'text'"),
        (np.array([["red green"], ["blue"]]), ValueError, r"give its documents, X\[:, 0\]"),
        ([["red"], ["red", ["green", "blue"]]], ValueError, r"document 1 holds a list .*\['green', 'blue'\]: "),
        ([["red", np.array(["green"])]], ValueError, "document 0 holds a ndarray among its tokens"),
        (np.zeros((2, 3, 4), int), ValueError, r"document 0 holds a list .*\[0, 0, 0, 0\]"),
        (["red", b"red \xff"], ValueError, r"document 1, b'red .xff', is bytes .* at byte 4; give text, .*decode"),
        (np.array("red green"), ValueError, r"X=array\('red green'.* no dimensions: .*\[X.item\(\)\]"),
        (["red", np.array(5)], ValueError, "document 1 is 5: it must be a string or a list of tokens"),
        ([np.array([b"red"])], ValueError, r"document 0 is an array of \|S3: .*numpy.char.decode"),
        (["rare words"], ValueError, "min_count=5"),
        ([], ValueError, "empty"),
    ],
)
def test_what_is_no_document(documents, error, message):
    with pytest.raises(error, match=message):
        small().fit(documents)


def test_what_is_no_document_of_given_vectors_is_told_too(wv):
    made = Word2VecVectorizer(vectors=wv).fit(["w1"])
    with pytest.raises(ValueError, match="document 1 holds a list among its tokens"):
        made.transform(["w1", [["w1"], ["w2"]]])
    with pytest.raises(ValueError, match=r"document 0, b'.xff', is bytes that are not UTF-8"):
        made.transform([b"\xff"])
    with pytest.raises(ValueError, match="document 0 holds a list among its tokens"):
        Word2VecVectorizer(vectors=wv, analyzer=lambda document: [document.split()]).fit(["w1"])
    with pytest.raises(ValueError, match="array of no dimensions"):
        made.transform(np.array("w1 w2"))


def test_text_in_other_objects_is_text(wv):
    made = Word2VecVectorizer(vectors=wv).fit(["w1"])
    wanted = made.transform(["w1 w2"] * 3)
    assert np.array_equal(made.transform([np.array("w1 w2"), bytearray(b"w1 w2"), memoryview(b"w1 w2")]), wanted)


def test_tables_are_refused():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": texts(100)[0]})
    with pytest.raises(ValueError, match=r"give one column of documents, X\['text'\]"):
        small().fit(table)
    assert np.array_equal(small().fit_transform(table["text"]), small().fit_transform(texts(100)[0]))
    with pytest.raises(TypeError, match="sparse"):
        small().fit(pytest.importorskip("scipy.sparse").eye(3).tocsr())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, "pooling='max'"),
        ({"smoothing": -1}, "smoothing=-1"),
        ({"remove_components": -1}, "remove_components=-1"),
        ({"vector_size": 0}, "vector_size=0"),
        ({"vectors": 5}, "vectors=5 must be KeyedVectors"),
    ],
)
def test_bad_parameters_are_told_by_fit(options, message):
    made = small(**options)
    with pytest.raises(ValueError, match=message):
        made.fit(texts(100)[0])


# Vectors that are given


def test_given_vectors(wv, tmp_path):
    documents = ["w1 w2 w2", "w3", "w9 x"]
    wanted = Word2VecVectorizer(vectors=wv, pooling="sif").fit_transform(documents)
    wv.save(tmp_path / "vectors.safetensors")
    wv.save_word2vec_format(tmp_path / "vectors.bin", binary=True)
    for given in (tmp_path / "vectors.safetensors", str(tmp_path / "vectors.bin")):
        made = clone(Word2VecVectorizer(vectors=given, pooling="sif")).fit(documents)
        assert np.array_equal(made.transform(documents), wanted)
        assert np.array_equal(pickle.loads(pickle.dumps(made)).transform(documents), wanted)
    pytest.importorskip("gensim")
    assert np.array_equal(Word2VecVectorizer(vectors=wv.to_gensim(), pooling="sif").fit_transform(documents), wanted)


# Conventions


def test_output_and_names():
    pandas = pytest.importorskip("pandas")
    documents, _ = texts(100)
    made = small().set_output(transform="pandas")
    found = made.fit_transform(documents)
    assert isinstance(found, pandas.DataFrame) and found.shape == (100, 20)
    assert list(found.columns) == list(made.get_feature_names_out())
    assert found.columns[0] == "word2vecvectorizer0"
    assert (found.dtypes == np.float32).all()


def test_random_state_and_threads():
    documents, _ = texts(200)
    first = small().fit_transform(documents)
    assert np.array_equal(first, small().fit_transform(documents))
    assert not np.array_equal(first, small(random_state=1).fit_transform(documents))
    assert not np.array_equal(
        small(random_state=None).fit_transform(documents), small(random_state=None).fit_transform(documents)
    )
    one, two = (small(deterministic=True, n_jobs=n).fit_transform(documents) for n in (1, 2))
    assert np.array_equal(one, two)
    state = np.random.RandomState(3)
    assert not np.array_equal(
        small(random_state=state).fit_transform(documents), small(random_state=state).fit_transform(documents)
    )


def test_fit_leaves_parameters_alone_and_set_params_works():
    documents, _ = texts(100)
    made = small()
    before = made.get_params()
    assert made.fit(documents) is made
    assert made.get_params() == before
    assert made.set_params(vector_size=8).fit_transform(documents).shape == (100, 8)
    with pytest.raises(NotFittedError):
        small().transform(documents)
    copied = pickle.loads(pickle.dumps(made))
    assert np.array_equal(copied.transform(documents), made.transform(documents))


class OfNumbers(Word2VecVectorizer):
    """The vectorizer with rows of numbers as documents, a token a cell: scikit-learn's checks have no texts."""

    def __init__(self, *, vector_size=4, min_count=1, epochs=1, random_state=None, pooling="mean", n_jobs=None):
        super().__init__(
            vector_size=vector_size, min_count=min_count, epochs=epochs, random_state=random_state, pooling=pooling,
            n_jobs=n_jobs,
        )  # fmt: skip

    def _tokens_of(self, X):
        if not hasattr(X, "tocsr"):
            X = [[f"{cell:.0f}" for cell in row] for row in np.asarray(X)]
        return super()._tokens_of(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.no_validation = False, True, True
        return tags


ANY_LENGTH = {"check_transformer_general": "it ends with a matrix of fewer columns: documents are of any length"}


@parametrize_with_checks(
    [Word2VecVectorizer(), OfNumbers(), OfNumbers(pooling="sif")], expected_failed_checks=lambda estimator: ANY_LENGTH
)
@pytest.mark.filterwarnings(
    "ignore:.*trained no pair", "ignore:Can't test estimator"
)  # most of their matrices hold no number twice
def test_estimator_checks(estimator, check):
    check(estimator)
