"""KeyedVectors: the same answers as gensim on the same vectors, and what fastsgns does better."""

import logging
import pickle
import sys
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
        lambda v: v.get_mean_vector(np.array(["w1", "w2"])),
        lambda v: v.n_similarity(np.array([3, 4]), ["w1"]),
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
        lambda v: str(v),
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


@pytest.mark.parametrize("arguments", [{}, {"copy_vecattrs": True}, {"allow_inference": False}], ids=str)
def test_vectors_for_all_equal_gensims(wv, theirs, arguments):
    for vectors in (wv, theirs):
        vectors.set_vecattr("w5", "weight", 0.5)
    keys = ["w9", "x", "w5", "w9", "w1"]
    ours, others = (v.vectors_for_all(iter(keys), **arguments) for v in (wv, theirs))
    assert ours.index_to_key == others.index_to_key == ["w9", "w5", "w1"]
    assert ours.key_to_index == others.key_to_index
    np.testing.assert_array_equal(ours.vectors, others.vectors)
    assert ours.expandos.keys() == others.expandos.keys()
    for name, values in others.expandos.items():
        np.testing.assert_array_equal(ours.expandos[name], values, strict=True)
    assert not np.shares_memory(ours.vectors, wv.vectors)


def test_vectors_for_all_take_row_numbers_unless_told_not_to(wv):
    assert wv.vectors_for_all([3, 250]).index_to_key == [3]
    assert wv.vectors_for_all([3, "w1"], allow_inference=False).index_to_key == ["w1"]
    assert wv.vectors_for_all("w12").index_to_key == ["w12"]
    assert len(wv.vectors_for_all([])) == 0


def test_distances_of_word_movers_equal_gensims(wv, theirs):
    pytest.importorskip("ot", reason="needs POT")
    rng = np.random.default_rng(0)
    documents = [[f"w{i}" for i in rng.integers(205, size=size)] for size in (1, 2, 5, 30)]
    documents += [["w1"], ["w1", "w1"], ["w2", "w1"], ["w1", "w2"], ["nobody"], []]
    for first in documents:
        for second in documents:
            for norm in (True, False):
                ours, others = (v.wmdistance(first, second, norm) for v in (wv, theirs))
                assert type(ours) is float
                assert ours == pytest.approx(others, rel=1e-6, abs=1e-9)
    wv["w2"] = wv["w1"]
    assert wv.wmdistance(iter(["w1"]), ["w2"]) == 0
    with pytest.raises(ValueError, match=r"document.split\(\)"):
        wv.wmdistance("w1 w2", ["w1"])


def test_distances_of_word_movers_tell_what_they_need(wv, monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"wmdistance needs POT.*pip install 'fastsgns\[pot\]'"):
        wv.wmdistance(["w1"], ["w2"])


def test_resizing_equals_gensims(wv, theirs):
    for vectors in (wv, theirs):
        vectors.fill_norms()
        for word in ("new1", "new2"):
            vectors.key_to_index[word] = len(vectors.index_to_key)
            vectors.index_to_key.append(word)
        vectors.resize_vectors(seed=3)
    np.testing.assert_array_equal(wv.vectors, theirs.vectors)
    assert (wv.norms, wv.get_vecattr("new2", "count")) == (None, 0)
    wv.index_to_key.pop()
    with pytest.raises(ValueError, match="202 rows and only 201 keys"):
        wv.resize_vectors()


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
    calls = [
        lambda v: v.fill_norms(),
        lambda v: v.get_normed_vectors(),
        lambda v: v.get_vector("w1", norm=True),
        lambda v: v.get_mean_vector(["w1", "w2"]),
        lambda v: v.similarity("w1", "w2"),
        lambda v: v.n_similarity(["w1"], ["w2", "w3"]),
        lambda v: v.distances("w1"),
        lambda v: v.distances("w1", ["w2"]),
        lambda v: v.most_similar_cosmul("w1", "w2", topn=None),
        lambda v: [score for _, score in v.most_similar_batch(["w1"])[0]],
        lambda v: [score for score, _ in v.rank_by_centrality(["w1", "w2", "w3"])],
    ]
    for call in calls:
        np.testing.assert_allclose(call(other), call(wv), atol=2e-3, rtol=2e-3)
    before = other.most_similar("w1")
    other["w5"] = other["w5"]
    other.unit_normalize_all()
    other.add_vector("new", QUERY)
    assert other.vectors.dtype == dtype
    assert [key for key, _ in other.most_similar("w1", topn=3)] == [key for key, _ in before[:3]]


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


def test_batches_find_what_most_similar_finds(wv):
    queries = ["w3", QUERY, 7, "w3", np.int64(9), -QUERY.astype(np.float64)]
    for arguments in ({}, {"topn": 1}, {"topn": 500}, {"topn": 0}, {"restrict_vocab": 50}, {"workers": 1}):
        found = wv.most_similar_batch(queries, **arguments)
        arguments.pop("workers", None)
        assert len(found) == len(queries)
        for query, ranking in zip(queries, found, strict=True):
            same(ranking, wv.most_similar([query], **arguments))


def test_a_batch_is_given_in_any_form(wv):
    found = [wv.most_similar(word) for word in ("w3", "w4")]
    for queries in (["w3", "w4"], ("w3", "w4"), np.array(["w3", "w4"]), iter(["w3", "w4"])):
        for ours, others in zip(wv.most_similar_batch(queries), found, strict=True):
            same(ours, others)
    for query in ("w3", QUERY):
        same(wv.most_similar_batch(query)[0], wv.most_similar(query))
    matrix = np.stack([QUERY, 3 * QUERY**2])
    for ours, query in zip(wv.most_similar_batch(matrix), matrix, strict=True):
        same(ours, wv.most_similar([query]))
    assert wv.most_similar_batch([]) == []
    assert KeyedVectors(21).most_similar_batch(matrix) == [[], []]


def test_frozen_rows_follow_their_keys(wv):
    assert wv.vectors_lockf.tolist() == [1]
    wv.vectors_lockf = np.arange(200) % 2 == 1
    assert wv.vectors_lockf.dtype == np.float32
    wv.add_vectors(["new"], [QUERY])
    wv.set_vecattr("w2", "count", 10_000)
    wv.sort_by_descending_frequency()
    assert wv.vectors_lockf[[wv.get_index(word) for word in ("w2", "w3", "w4", "new")]].tolist() == [0, 1, 0, 1]
    factors = np.zeros(201, np.float32)
    wv.vectors_lockf = factors
    assert wv.vectors_lockf is factors
    wv.vectors_lockf = None
    assert wv.vectors_lockf.tolist() == [1]


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
    wv.set_vecattr("w1", "longer", np.str_("a"))
    wv.set_vecattr("w2", "longer", "not cut")
    assert wv.get_vecattr("w2", "longer") == "not cut"
    wv.add_vectors(["y"], [QUERY], extras={"tag": np.array(["verb"])})
    wv.add_vectors([], [])
    assert wv.get_vecattr("y", "tag") == "verb"
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
        (lambda v: v.most_similar("w1", topn=1.5), ValueError, "topn=1.5 must be a whole number"),
        (lambda v: v.most_similar("w1", restrict_vocab=1.5), ValueError, "restrict_vocab=1.5 must be a whole number"),
        (lambda v: v.most_similar([("w1", "w2")]), ValueError, "nor a pair of one and its weight"),
        (lambda v: v.most_similar(QUERY * np.nan), ValueError, "must be finite numbers"),
        (lambda v: v.most_similar([["w1"]]), ValueError, "neither a key, nor a vector, nor a pair"),
        (lambda v: v.most_similar_batch(["w1", "x"]), KeyError, "Key 'x' not present"),
        (lambda v: v.most_similar_batch(np.ones((2, 3))), ValueError, r"shape \(3,\) does not fit vector_size=21"),
        (lambda v: v.most_similar_batch([[0.5] * 21]), TypeError, "queries take vectors as numpy arrays"),
        (lambda v: v.most_similar_batch("w1", topn=None), ValueError, "topn=None must be a whole number"),
        (lambda v: v.most_similar_batch("w1", workers=0), ValueError, "workers=0 must be at least 1"),
        (lambda v: v.most_similar_batch("w1", restrict_vocab=-1), ValueError, "restrict_vocab=-1 must be"),
        (lambda v: v[1.5], TypeError, "neither a key nor a list of keys"),
        (lambda v: v[:5], TypeError, "rows are in wv.vectors"),
        (lambda v: v.get_vector(["w1"]), TypeError, "a list cannot be a key"),
        (lambda v: ["w1"] in v, TypeError, "a list cannot be a key"),
        (lambda v: v.get_mean_vector(["w1"], weights=[np.nan]), ValueError, "must be finite numbers"),
        (lambda v: v.get_mean_vector([np.array(["w1"] * 21)]), ValueError, "must be finite numbers"),
        (lambda v: v.doesnt_match("w1 w2 w3"), ValueError, r"words.split\(\)"),
        (lambda v: v.doesnt_match(["x", "y"]), ValueError, "none of the keys is present"),
        (lambda v: v.most_similar_to_given("w1", []), ValueError, "empty"),
        (lambda v: v.add_vectors(["x", "x"], np.ones((2, 21))), ValueError, "'x' more than once"),
        (lambda v: v.add_vectors(["x", "y"], np.ones((1, 21))), ValueError, "do not fit 2 keys"),
        (lambda v: v.add_vectors(["x", "y"], [[1] * 21, [1] * 20]), ValueError, "not all of vector_size=21 numbers"),
        (lambda v: v.add_vectors(["x"], [["a"] * 21]), ValueError, "no vectors of numbers"),
        (lambda v: v.add_vectors([], np.ones((1, 21))), ValueError, "do not fit 0 keys"),
        (lambda v: v.add_vector("x", [1, 2]), ValueError, "vector_size=21"),
        (lambda v: v.add_vector("w1", QUERY), ValueError, r"'w1' is already there: wv\[key\] = vector replaces"),
        (
            lambda v: setattr(v, "vectors_lockf", np.ones(3)),
            ValueError,
            r"of shape \(3,\): give one factor,",
        ),
        (lambda v: setattr(v, "vectors_lockf", [0.5]), ValueError, "holds 0.5: rows are either frozen, 0, or trained"),
        (lambda v: KeyedVectors(2, dtype=int), ValueError, "must be a float type"),
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


def test_keys_of_several_types_are_ranked():
    wv = KeyedVectors.from_arrays(["a", 5, ("t",)], np.ones((3, 2), np.float32))
    assert [key for _, key in wv.rank_by_centrality(iter(["a", 5]))] == ["a", 5]
    assert wv.most_similar_to_given("a", {5}) == 5
    assert wv.distances("a", 5).tolist() == wv.distances("a", iter([5])).tolist()


# Of gensim's call and ours, on whatever a user might give.


def keys_and_vectors(rng):
    """A key that is there, a row number, or a vector."""
    kind = rng.integers(10)
    return f"w{rng.integers(200)}" if kind < 7 else int(rng.integers(200)) if kind < 9 else rng.normal(size=21)


@pytest.mark.parametrize("seed", range(40))
def test_random_queries_equal_gensims(wv, theirs, seed):
    rng = np.random.default_rng(seed)
    positive, negative = ([keys_and_vectors(rng) for _ in range(rng.integers(1, 5))] for _ in range(2))
    keys = [f"w{i}" for i in rng.integers(210, size=6)]
    weights = rng.normal(size=len(positive))
    pairs = list(zip(positive, weights.tolist(), strict=True))
    clip_start, clip_end = sorted(rng.integers(200, size=2).tolist())
    calls = [
        lambda v: v.most_similar(positive, negative, topn=int(rng.integers(1, 30))),
        lambda v: v.most_similar(pairs, topn=20, clip_start=clip_start, clip_end=clip_end + 1),
        lambda v: v.most_similar_cosmul(keys[:3], keys[3:4]),
    ]
    for call in calls:
        state = rng.bit_generator.state
        try:
            expected = call(theirs)
        except KeyError as error:
            with pytest.raises(KeyError, match=str(error.args[0]).split()[1]):
                call(wv)
            continue
        rng.bit_generator.state = state
        same(call(wv), expected)
    expected = theirs.get_mean_vector(positive, weights)
    np.testing.assert_allclose(wv.get_mean_vector(positive, weights), expected, rtol=1e-4, atol=1e-6)
    one, other = rng.integers(200, size=2).tolist()
    assert wv.closer_than(one, other) == theirs.closer_than(one, other)
