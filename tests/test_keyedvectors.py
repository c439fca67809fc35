"""KeyedVectors: the same answers as gensim on the same vectors, and what fastsgns does better."""

import logging
import pickle
import tracemalloc

import numpy as np
import pytest

from fastsgns.keyedvectors import KeyedVectors
from fastsgns.vectormath import best_first

WORDS = [f"w{i}" for i in range(200)]


def padded(rows, dim, seed=0):
    """Random vectors as the trainer makes them: a view of longer rows."""
    stride = -(-dim // 16) * 16 + 16
    matrix = np.full((rows, stride), np.nan, np.float32)[:, :dim]
    matrix[:] = np.random.default_rng(seed).normal(size=(rows, dim))
    return matrix


@pytest.fixture
def wv():
    return KeyedVectors.from_arrays(WORDS, padded(200, 21), np.arange(400, 200, -1))


@pytest.fixture
def theirs(wv):
    gensim = pytest.importorskip("gensim")
    other = gensim.models.KeyedVectors(wv.vector_size)
    other.add_vectors(WORDS, np.ascontiguousarray(wv.vectors))
    for word, count in zip(WORDS, range(400, 200, -1), strict=True):
        other.set_vecattr(word, "count", count)
    return other


def same(ours, others):
    """The same keys in the same order, and the same numbers."""
    assert [key for key, _ in ours] == [key for key, _ in others]
    assert [type(key) for key, _ in ours] == [type(key) for key, _ in others]
    np.testing.assert_allclose([s for _, s in ours], [s for _, s in others], rtol=1e-5, atol=1e-6)
    assert all(type(score) is float for _, score in ours)


QUERY = np.random.default_rng(5).normal(size=21).astype(np.float32)


@pytest.mark.parametrize(
    "arguments",
    [
        {"positive": "w3"},
        {"positive": ["w3"], "topn": 1},
        {"positive": ["w3", "w4"], "negative": ["w5"]},
        {"positive": ["w3"], "negative": "w5", "topn": 199},
        {"positive": ["w3"], "topn": 10_000},
        {"negative": ["w5"]},
        {"positive": [QUERY]},
        {"positive": QUERY, "negative": ["w7"]},
        {"positive": np.stack([QUERY, -2 * QUERY**2])},
        {"positive": [("w3", 0.5), "w4", (QUERY, 2.0)], "negative": [("w9", -0.3)]},
        {"positive": [7, np.int64(9)]},
        {"positive": ["w3"], "restrict_vocab": 50},
        {"positive": ["w3"], "clip_start": 20, "clip_end": 90},
        {"positive": ["w30"], "clip_start": 20, "clip_end": 90, "topn": 70},
        {"positive": ["w3"], "topn": 0},
        {"positive": ["w3"], "topn": -1},
        {"positive": ["w3", "w3"]},
    ],
    ids=str,
)
def test_most_similar_equals_gensims(wv, theirs, arguments):
    same(wv.most_similar(**arguments), theirs.most_similar(**arguments))


@pytest.mark.parametrize("arguments", [{}, {"restrict_vocab": 30}, {"clip_start": 5, "clip_end": 8}], ids=str)
def test_all_similarities_equal_gensims(wv, theirs, arguments):
    ours, others = (v.most_similar("w3", topn=None, **arguments) for v in (wv, theirs))
    assert ours.shape == others.shape
    np.testing.assert_allclose(ours, others, rtol=1e-4, atol=1e-6)


def test_other_similarity_queries_equal_gensims(wv, theirs):
    same(wv.similar_by_word("w8", 5, 100), theirs.similar_by_word("w8", 5, 100))
    same(wv.similar_by_key("w8"), theirs.similar_by_key("w8"))
    same(wv.similar_by_vector(QUERY, topn=7), theirs.similar_by_vector(QUERY, topn=7))
    same(wv.most_similar_cosmul("w8"), theirs.most_similar_cosmul("w8"))
    same(
        wv.most_similar_cosmul(["w1", "w2"], ["w3"], topn=30), theirs.most_similar_cosmul(["w1", "w2"], ["w3"], topn=30)
    )
    unit = QUERY / np.linalg.norm(QUERY)
    same(wv.most_similar_cosmul([unit, "w2"], "w3"), theirs.most_similar_cosmul([unit, "w2"], "w3"))
    np.testing.assert_allclose(
        wv.most_similar_cosmul("w1", "w2", topn=None), theirs.most_similar_cosmul("w1", "w2", topn=None), rtol=1e-5
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.similarity("w1", "w2"),
        lambda v: v.distance("w1", "w2"),
        lambda v: v.n_similarity(["w1", "w2"], ["w3", "w4", "unknown"]),
        lambda v: v.distances("w1"),
        lambda v: v.distances("w1", ["w2", "w3"]),
        lambda v: v.distances(QUERY, ["w2"]),
        lambda v: v.cosine_similarities(QUERY, v.vectors),
        lambda v: v.get_vector("w1", norm=True),
        lambda v: v["w1"],
        lambda v: v[["w1", "w5"]],
        lambda v: v[("w1", 5)],
        lambda v: v[5],
        lambda v: v.get_normed_vectors(),
        lambda v: v.get_mean_vector(["w1", "w2", "unknown"]),
        lambda v: v.get_mean_vector(["w1", QUERY], weights=[2, -0.5], pre_normalize=False, post_normalize=True),
        lambda v: v.get_mean_vector(["unknown"]),
        lambda v: [score for score, _ in v.rank_by_centrality(["w1", "w2", "w3", "w4"])],
        lambda v: [score for score, _ in v.rank_by_centrality(["w1", "w2", "w3"], use_norm=False)],
        lambda v: v.relative_cosine_similarity("w1", "w2", 5),
    ],
)
def test_numbers_equal_gensims(wv, theirs, call):
    ours, others = call(wv), call(theirs)
    assert np.shape(ours) == np.shape(others)
    np.testing.assert_allclose(ours, others, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.closer_than("w1", "w9"),
        lambda v: v.rank("w1", "w9"),
        lambda v: v.rank("w1", "w1"),
        lambda v: v.most_similar_to_given("w1", ["w4", "w5", "w6"]),
        lambda v: v.doesnt_match(["w1", "w2", "w3", "w4"]),
        lambda v: [word for _, word in v.rank_by_centrality(["w1", "w2", "w3", "nobody"])],
        lambda v: (len(v), "w1" in v, "w200" in v, 3 in v, 200 in v, -1 in v, v.has_index_for("w2")),
        lambda v: (v.get_index("w7"), v.get_index(7), v.get_index("x", 5), v.get_index("x", -1)),
        lambda v: (v.get_vecattr("w3", "count"), v.get_vecattr(3, "count")),
        lambda v: (v.index_to_key[:3], v.key_to_index["w5"], v.vectors.shape, v.vector_size),
    ],
)
def test_answers_equal_gensims(wv, theirs, call):
    assert call(wv) == call(theirs)


def test_sorting_equals_gensims(wv, theirs):
    for vectors in (wv, theirs):
        for word, count in (("w5", 1000), ("w9", 1000), ("w7", 1)):
            vectors.set_vecattr(word, "count", count)
        vectors.sort_by_descending_frequency()
    assert wv.index_to_key == theirs.index_to_key
    assert wv.key_to_index == theirs.key_to_index
    np.testing.assert_array_equal(wv.vectors, theirs.vectors)
    np.testing.assert_array_equal(wv.expandos["count"], theirs.expandos["count"])


def test_adding_equals_gensims(wv, theirs):
    new = np.random.default_rng(1).normal(size=(3, 21)).astype(np.float32)
    for vectors in (wv, theirs):
        vectors.most_similar("w1")
        vectors.add_vectors(["new1", "w1"], new[:2])
        vectors["w2"] = new[2]
        vectors[["w3", "new2"]] = new[:2]
        vectors.fill_norms(force=True)  # gensim forgets to
    assert wv.index_to_key == theirs.index_to_key
    np.testing.assert_array_equal(wv.vectors, theirs.vectors)
    assert wv.get_vecattr("new1", "count") == 0
    same(wv.most_similar("new1"), theirs.most_similar("new1"))


def test_rows_set_aside_are_filled_as_in_gensim():
    gensim = pytest.importorskip("gensim")
    for kind in (KeyedVectors, gensim.models.KeyedVectors):
        wv = kind(3, 2, dtype=np.float64)
        assert (len(wv), wv.vectors.dtype) == (2, np.float64)
        assert [wv.add_vector(key, [1, 2, index]) for index, key in enumerate("ab")] == [0, 1]
        assert wv.index_to_key == ["a", "b"]
        assert wv["b"].tolist() == [1, 2, 1]


def test_from_arrays_sees_what_is_written_later():
    vectors = padded(3, 5)
    wv = KeyedVectors.from_arrays(["a", "b", "c"], vectors)
    assert np.shares_memory(wv.vectors, vectors)
    wv.most_similar("a")
    vectors[2] = 100 * vectors[0]
    wv._invalidate()
    assert wv.most_similar("a", topn=1) == [("c", pytest.approx(1))]


def test_words_and_counts_are_copied():
    words, counts = ["a", "b"], np.array([3, 2])
    wv = KeyedVectors.from_arrays(words, np.eye(2, dtype=np.float32), counts)
    wv.add_vector("c", [1, 1])
    wv.set_vecattr("a", "count", 9)
    assert (words, counts.tolist()) == (["a", "b"], [3, 2])


def test_queries_do_not_copy_padded_rows():
    wv = KeyedVectors.from_arrays(range(20_000), padded(20_000, 100))
    wv.fill_norms()
    tracemalloc.start()
    wv.most_similar(5)
    wv.distances(5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < wv.vectors.nbytes / 4


def test_ties_come_in_order_of_rows():
    wv = KeyedVectors.from_arrays("abcdef", np.array([[1, 0]] * 5 + [[0, 1]], np.float32))
    assert [key for key, _ in wv.most_similar("c", topn=3)] == ["a", "b", "d"]
    assert [key for key, _ in wv.most_similar("f")] == ["a", "b", "c", "d", "e"]


def test_best_first_is_a_stable_sort():
    scores = np.random.default_rng(0).integers(0, 7, 100).astype(float)
    scores[[3, 50]] = np.nan
    for count in (0, 1, 10, 97, 98, 99, 100, 200):
        assert best_first(scores, count).tolist() == np.argsort(-scores, kind="stable")[:count].tolist()


def test_zeros_are_like_nothing():
    wv = KeyedVectors.from_arrays(["zero", "a", "b"], np.array([[0, 0], [1, 0], [1, 1]], np.float32))
    with np.errstate(all="raise"):
        assert wv.most_similar("a") == [("b", pytest.approx(0.5**0.5)), ("zero", 0.0)]
        assert wv.similarity("zero", "a") == 0
        assert wv.distances("zero").tolist() == [1, 1, 1]
        assert wv.get_vector("zero", norm=True).tolist() == [0, 0]
        wv.unit_normalize_all()
    assert wv.vectors[0].tolist() == [0, 0]
    np.testing.assert_allclose(wv.norms, [0, 1, 1])


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_float_types(wv, dtype):
    other = KeyedVectors.from_arrays(WORDS, wv.vectors.astype(dtype))
    ours, others = wv.most_similar("w1", topn=None), other.most_similar("w1", topn=None)
    assert others.dtype == (np.float32 if dtype == np.float16 else dtype)
    np.testing.assert_allclose(ours, others, atol=2e-3)


def test_unit_normalize_all(wv):
    expected = wv.get_normed_vectors()
    before = wv.most_similar("w1")
    wv.unit_normalize_all()
    np.testing.assert_allclose(wv.vectors, expected, rtol=1e-6)
    same(wv.most_similar("w1"), before)


def test_vectors_handed_out_are_read_only(wv):
    for vector in (wv["w1"], wv.get_vector("w1"), wv.get_vector("w1", norm=True)):
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 1
    wv.vectors[0, 0] = 1  # the matrix stays writable


def test_new_vectors_forget_old_norms(wv):
    wv.most_similar("w1")
    wv.vectors = wv.vectors * 7
    np.testing.assert_allclose(wv.fill_norms(), np.linalg.norm(wv.vectors, axis=1), rtol=1e-5)


def test_any_hashable_is_a_key():
    wv = KeyedVectors.from_arrays([("a", 1), frozenset("b"), 77, 0], np.eye(4, dtype=np.float32) + 0.1)
    assert ("a", 1) in wv
    assert wv.get_index(77) == 2
    assert wv.get_index(0) == 3  # a key goes before a row number
    assert wv.get_index(1) == 1
    assert wv.most_similar(77, topn=1)[0][0] in {("a", 1), frozenset("b"), 0}


def test_an_indexer_answers(wv):
    class Indexer:
        def most_similar(self, vector, topn):
            return vector.shape, topn

    assert wv.most_similar("w1", topn=4, indexer=Indexer()) == ((21,), 4)


def test_cosmul_takes_integers_and_restrict_vocab(wv):
    same(wv.most_similar_cosmul([1, "w2"]), wv.most_similar_cosmul(["w1", "w2"]))
    assert {key for key, _ in wv.most_similar_cosmul("w1", restrict_vocab=10)} <= set(WORDS[:10])


def test_attributes(wv):
    wv.set_vecattr("w1", "tag", "noun")
    wv.set_vecattr("w2", "weight", 0.5)
    assert (wv.get_vecattr("w1", "tag"), wv.get_vecattr("w2", "weight"), wv.get_vecattr("w1", "weight")) == (
        "noun",
        0.5,
        0,
    )
    wv.add_vectors(["x"], [QUERY], extras={"count": np.array([7])})
    assert (wv.get_vecattr("x", "count"), wv.get_vecattr("x", "weight")) == (7, 0)
    with pytest.raises(TypeError, match="'count' holds int64"):
        wv.set_vecattr("w1", "count", 0.5)
    with pytest.raises(KeyError, match="'nothing' not present; there are: count"):
        wv.get_vecattr("w1", "nothing")


def test_pickled_copies_are_equal(wv):
    copy = pickle.loads(pickle.dumps(wv))
    same(copy.most_similar("w1"), wv.most_similar("w1"))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda v: v["x"], KeyError, "Key 'x' not present"),
        (lambda v: v[["w1", "x"]], KeyError, "Key 'x' not present"),
        (lambda v: v[[]], ValueError, "empty"),
        (lambda v: v[-1], KeyError, "Key '-1' not present"),
        (lambda v: v.most_similar("x"), KeyError, "Key 'x' not present"),
        (lambda v: v.most_similar(), ValueError, "no input"),
        (lambda v: v.most_similar([]), ValueError, "no input"),
        (lambda v: v.most_similar(["w1", 0.5]), ValueError, "0.5 is neither a key"),
        (lambda v: v.most_similar(np.ones(3)), ValueError, r"shape \(3,\) does not fit vector_size=21"),
        (lambda v: v.most_similar_cosmul(negative="w1"), ValueError, "at least one positive"),
        (lambda v: v.similarity("w1", "x"), KeyError, "Key 'x' not present"),
        (lambda v: v.n_similarity([], ["w1"]), ZeroDivisionError, "empty"),
        (lambda v: v.get_mean_vector([]), ValueError, "no input"),
        (lambda v: v.get_mean_vector(["w1"], weights=[1, 2]), ValueError, "2 weights do not match 1 keys"),
        (lambda v: v.get_mean_vector(["x"], ignore_missing=False), KeyError, "'x' not present"),
        (lambda v: v.distances(np.ones(3)), ValueError, "does not fit"),
        (lambda v: v.doesnt_match("w1 w2 w3"), ValueError, r"words.split\(\)"),
        (lambda v: v.doesnt_match(["x", "y"]), ValueError, "none of the keys is present"),
        (lambda v: v.most_similar_to_given("w1", []), ValueError, "empty"),
        (lambda v: v.add_vectors(["x", "x"], np.ones((2, 21))), ValueError, "'x' more than once"),
        (lambda v: v.add_vectors(["x", "y"], np.ones((1, 21))), ValueError, "do not fit 2 keys"),
        (lambda v: v.add_vector("x", [1, 2]), ValueError, "vector_size=21"),
        (
            lambda v: v.add_vectors(["x"], [QUERY], extras={"count": np.ones(2, int)}),
            ValueError,
            "give one for each of 1",
        ),
        (lambda v: KeyedVectors(0), ValueError, "vector_size=0 must be"),
        (lambda v: KeyedVectors(2, -1), ValueError, "count=-1 must be"),
        (lambda v: KeyedVectors.from_arrays(["a"], np.ones((2, 2))), ValueError, "1 words do not match 2 vectors"),
        (lambda v: KeyedVectors.from_arrays(["a", "a"], np.ones((2, 2))), ValueError, "'a' more than once"),
        (lambda v: KeyedVectors.from_arrays(["a"], np.ones((1, 2), int)), ValueError, "matrix of floats"),
        (lambda v: KeyedVectors.from_arrays(["a"], np.ones((1, 2)), np.ones(3)), ValueError, "counts of shape"),
        (lambda v: KeyedVectors(2).sort_by_descending_frequency() or KeyedVectors(2)["a"], KeyError, "'a' not present"),
    ],
)
def test_bad_requests_say_what_is_wrong(wv, call, error, message):
    with pytest.raises(error, match=message):
        call(wv)
    assert len(wv) == 200
    assert wv.vectors.shape == (200, 21)


def test_ignored_words_are_logged(wv, caplog):
    with caplog.at_level(logging.WARNING):
        wv.doesnt_match(["w1", "w2", "nobody"])
    assert "nobody" in caplog.text
