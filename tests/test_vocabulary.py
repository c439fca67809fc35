"""The vocabulary and the rules that choose it."""

import numpy as np
import pytest

from fastsgns.checks import check_integer, check_real
from fastsgns.vocabulary import Vocabulary, VocabularyRules


def select(counts, **rules):
    return VocabularyRules(**rules).select(np.array(counts, np.int64)).tolist()


def test_most_frequent_first_and_ties_as_they_appeared():
    assert select([3, 9, 1, 3, 9, 4], min_count=3) == [1, 4, 5, 0, 3]
    assert select([3, 9, 1, 3], min_count=2, sorted_vocab=False) == [0, 1, 3]
    assert select([1, 2], min_count=0) == [1, 0]


def test_order_of_first_appearance_may_be_given():
    counts, first = np.array([3, 9, 1, 3, 9]), np.array([50, 90, 1, 40, 7])
    assert VocabularyRules(min_count=2).select(counts, first).tolist() == [4, 1, 3, 0]
    assert VocabularyRules(min_count=1, sorted_vocab=False).select(counts, first).tolist() == [2, 4, 3, 0, 1]


@pytest.mark.parametrize("name", ["max_vocab_size", "max_final_vocab"])
def test_bounds_raise_min_count(name):
    counts = [5, 4, 4, 3, 2, 1]
    assert select(counts, min_count=1, **{name: 6}) == [0, 1, 2, 3, 4, 5]
    assert select(counts, min_count=1, **{name: 4}) == [0, 1, 2, 3]
    assert select(counts, min_count=1, **{name: 3}) == [0, 1, 2]
    assert select(counts, min_count=4, **{name: 5}) == [0, 1, 2]
    with pytest.raises(ValueError, match=rf"{name}=2.*only one word is left.*higher bound"):
        select(counts, min_count=1, **{name: 2})  # the two words of count 4 go together


def test_the_tighter_bound_holds():
    assert select([4, 3, 2, 1], min_count=1, max_vocab_size=3, max_final_vocab=2) == [0, 1]
    assert select([4, 3, 2, 1], min_count=1, max_vocab_size=2, max_final_vocab=3) == [0, 1]


def test_max_final_vocab_as_gensim_does():
    """Smallest min_count whose vocabulary fits, by trying all."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        counts = rng.integers(1, 30, 100)
        bound = int(rng.integers(20, 100))
        threshold = min(t for t in range(2, 32) if (counts >= t).sum() <= bound)
        kept = np.flatnonzero(counts >= threshold).tolist()
        assert sorted(select(counts, min_count=2, max_final_vocab=bound)) == kept


def test_too_few_words_left():
    with pytest.raises(ValueError, match="empty"):
        select([])
    with pytest.raises(ValueError, match=r"min_count=5: .* 3 distinct words.* 4 times.*no word is left.*lower"):
        select([1, 4, 2])
    with pytest.raises(ValueError, match="only one word is left"):
        select([1, 9, 2])
    with pytest.raises(ValueError, match="one word leaves nothing to predict"):
        select([100])


@pytest.mark.parametrize(
    "bad", [{"min_count": -1}, {"min_count": 2.5}, {"min_count": True}, {"max_vocab_size": 0}, {"max_final_vocab": 1}]
)
def test_bad_rules_are_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}="):
        VocabularyRules(**bad)


def test_vocabulary_index():
    vocabulary = Vocabulary(["a", 7, ("b", 1)], np.array([3, 2, 1]), 9, 2)
    assert len(vocabulary) == 3 and vocabulary.index == {"a": 0, 7: 1, ("b", 1): 2}
    with pytest.raises(ValueError, match="must be equal"):
        Vocabulary(["a"], np.array([1, 2]), 3, 1)


def test_checks():
    check_integer("n", np.int64(3), 1, 3)
    check_integer("n", 10**30, None)
    check_real("x", np.float32(0), 0.0)
    for value, least, most in [(0, 1, None), (4, 1, 3), (5, None, 3), ("3", 1, None), (1.0, 1, None), (True, 0, None)]:
        with pytest.raises(ValueError, match=r"n=.* must be"):
            check_integer("n", value, least, most)
    for value in (float("nan"), float("inf"), -1, "1", None, True):
        with pytest.raises(ValueError, match=r"x=.* must be"):
            check_real("x", value, 0.0)
