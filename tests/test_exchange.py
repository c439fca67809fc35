"""KeyedVectors to gensim and back, and what is said about gensim's own files."""

import sys

import numpy as np
import pytest

from fastsgns import KeyedVectors, Word2Vec

gensim = pytest.importorskip("gensim")


@pytest.fixture
def wv():
    matrix = np.zeros((4, 16), np.float32)[:, :5]
    matrix[:] = np.random.default_rng(0).normal(size=(4, 5))
    wv = KeyedVectors.from_arrays(["a", 7, "c", "é"], matrix, np.array([9, 5, 3, 1]))
    wv.set_vecattr("a", "tag", "noun")
    wv.set_vecattr("c", "weight", 0.5)
    return wv


def assert_same(first, second):
    assert first.index_to_key == second.index_to_key
    assert first.key_to_index == second.key_to_index
    assert first.next_index == second.next_index
    np.testing.assert_array_equal(first.vectors, second.vectors, strict=True)
    assert first.expandos.keys() == second.expandos.keys()
    for name, values in first.expandos.items():
        np.testing.assert_array_equal(values, second.expandos[name], strict=True)
    np.testing.assert_array_equal(first.vectors_lockf, second.vectors_lockf)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_there_is_goes_to_gensim_and_comes_back(wv, dtype):
    wv.vectors = wv.vectors.astype(dtype)
    wv.vectors_lockf = [1, 0, 1, 1]
    theirs = wv.to_gensim()
    assert type(theirs) is gensim.models.KeyedVectors
    assert theirs.vectors.flags.c_contiguous
    assert_same(wv, theirs)
    back = KeyedVectors.from_gensim(theirs)
    assert type(back) is KeyedVectors
    assert_same(back, wv)
    assert [key for key, _ in theirs.most_similar("a")] == [key for key, _ in back.most_similar("a")]


def test_both_are_copies(wv):
    theirs = wv.to_gensim()
    back = KeyedVectors.from_gensim(theirs)
    theirs.vectors[:] = 0
    theirs.set_vecattr("a", "count", 0)
    theirs.index_to_key.clear()
    for vectors in (wv, back):
        assert vectors.vectors.any()
        assert vectors.get_vecattr("a", "count") == 9
        assert len(vectors) == 4


def test_rows_set_aside_stay_so():
    for kind in (KeyedVectors, gensim.models.KeyedVectors):
        vectors = kind(2, 3)
        vectors.add_vector("a", [1, 2])
        other = vectors.to_gensim() if kind is KeyedVectors else KeyedVectors.from_gensim(vectors)
        assert other.add_vector("b", [3, 4]) == 1
        assert other.index_to_key == ["a", "b", None]
        assert other["b"].tolist() == [3, 4]


def test_attributes_that_gensim_forgot_to_lengthen_are():
    theirs = gensim.models.KeyedVectors(2)
    theirs.add_vectors(["a"], np.ones((1, 2)))
    theirs.set_vecattr("a", "count", 5)
    theirs.add_vectors(["b"], np.ones((1, 2)))
    assert KeyedVectors.from_gensim(theirs).get_vecattr("b", "count") == 0


def test_words_of_fasttext_and_a_model_of_gensim():
    sentences = [["red", "green", "blue"], ["one", "two", "three"]] * 5
    for kind in (gensim.models.FastText, gensim.models.Word2Vec):
        model = kind(sentences, vector_size=8, min_count=1, workers=1, sg=1)
        ours = KeyedVectors.from_gensim(model.wv)
        assert ours.index_to_key == model.wv.index_to_key
        for word in ours.index_to_key:
            np.testing.assert_array_equal(ours[word], model.wv[word])
        assert ours.get_vecattr("red", "count") == 5


def test_what_is_not_gensims_is_refused(wv):
    model = gensim.models.Word2Vec([["a", "b"]], vector_size=2, min_count=1)
    with pytest.raises(TypeError, match=r"of type Word2Vec, not gensim's KeyedVectors: its vectors are kv.wv"):
        KeyedVectors.from_gensim(model)
    with pytest.raises(TypeError, match=r"of type dict, not gensim's KeyedVectors: give gensim\.models"):
        KeyedVectors.from_gensim({"a": [1, 2]})


def test_gensim_may_be_absent(wv, monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(ImportError, match="to_gensim needs gensim, which is not installed: pip install gensim"):
        wv.to_gensim()


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", ["v.kv", "v.kv.gz"])
def test_gensims_own_files_are_told_from_damaged_ones(tmp_path, wv, name, protocol):
    path = str(tmp_path / name)
    wv.to_gensim().save(path, sep_limit=1, pickle_protocol=protocol)
    for load in (KeyedVectors.load, Word2Vec.load):
        with pytest.raises(ValueError, match=r"v\.kv.*a pickle, as gensim's save writes.*KeyedVectors\.from_gensim"):
            load(path)
    assert_same(KeyedVectors.from_gensim(gensim.models.KeyedVectors.load(path)), wv)
