"""Everything that gensim's KeyedVectors answers to has its place here, or is refused by name."""

import inspect
import logging
import warnings

import numpy as np
import pytest

from fastsgns import KeyedVectors

REFUSED = {"add_lifecycle_event"}  # a log of what was done to a model: use the standard library's


def make():
    return KeyedVectors.from_arrays(["a", "b", "c"], np.array([[3, 4], [1, 0], [0, 2]], np.float32))


def public(cls):
    names = {name for name in dir(cls) if not name.startswith("_")}
    return names | {"__init__", "__len__", "__getitem__", "__setitem__", "__contains__"}


def signature(cls, name):
    member = inspect.getattr_static(cls, name)
    member = getattr(member, "__func__", member)
    return inspect.signature(member).parameters if callable(member) else None


def test_all_names_arguments_and_defaults_of_gensim_are_here():
    gensim = pytest.importorskip("gensim")
    theirs = gensim.models.KeyedVectors
    missing = public(theirs) - public(KeyedVectors)
    assert missing == REFUSED
    for name in public(theirs) - REFUSED:
        ours, others = signature(KeyedVectors, name), signature(theirs, name)
        if name == "save":  # gensim's only hands its arguments on
            others = signature(gensim.utils.SaveLoad, name)
        if others is None or any(parameter.kind == parameter.VAR_POSITIONAL for parameter in others.values()):
            continue
        arguments = [(parameter.name, parameter.default) for parameter in others.values()]
        assert [(parameter.name, parameter.default) for parameter in ours.values()] == arguments, name
        kind = type(inspect.getattr_static(theirs, name))
        assert type(inspect.getattr_static(KeyedVectors, name)) is kind, name


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda v: v.word_vec("a"), "use get_vector"),
        (lambda v: v.words_closer_than("a", "b"), "use closer_than"),
        (lambda v: v.init_sims(), "use fill_norms"),
        (lambda v: v.init_sims(replace=True), "use unit_normalize_all"),
    ],
)
def test_deprecated_names_work_and_warn_the_caller(call, remedy):
    gensim = pytest.importorskip("gensim")
    ours, theirs = make(), gensim.models.KeyedVectors(2)
    theirs.add_vectors(ours.index_to_key, ours.vectors.copy())
    with pytest.warns(DeprecationWarning, match=remedy) as caught:
        answer = call(ours)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(answer, call(theirs))
    np.testing.assert_allclose(ours.vectors, theirs.vectors, rtol=1e-6)
    assert ours.norms is not None or "norm" not in remedy


@pytest.mark.parametrize("name", ["vocab", "index2word", "index2entity", "vectors_norm"])
def test_what_is_gone_names_its_successor(name):
    wv = make()
    assert not hasattr(wv, name)
    with pytest.raises(AttributeError, match=rf"no attribute '{name}' since gensim 4: use "):
        getattr(wv, name)
    with pytest.raises(AttributeError, match="since gensim 4"):
        setattr(wv, name, [])


def test_scores_are_logged(caplog):
    with caplog.at_level(logging.INFO):
        KeyedVectors.log_accuracy({"section": "capitals", "correct": [1, 2, 3], "incorrect": [4]})
        KeyedVectors.log_evaluate_word_pairs((0.5, 0.01), (0.25, 0.02), 12.5, "pairs.tsv")
    assert "capitals: 75.0 % (3/4)" in caplog.text
    assert "pairs.tsv: Pearson 0.5000, Spearman 0.2500, unknown words in 12.5 %" in caplog.text


def test_documents_are_not_ours():
    with pytest.raises(NotImplementedError, match="Doc2Vec"):
        make().similarity_unseen_docs("a")
