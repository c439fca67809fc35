"""The plan of rounds: every work unit once an epoch, by whoever is there; the learning rate; rounds taken back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastsgns.course import LEAST_UNITS, ROUNDS, ROUNDS_OF_FEW, Course, Place, default_round_words, mean_rate
from fastsgns.distributed import deal_shares
from fastsgns.options import TrainingOptions
from fastsgns.trainer import UNIT_WORDS

COUNTS = np.array([50, 30, 20])


def make(share_words, round_words=UNIT_WORDS, place=None, complete_epochs=False, **options):
    options = TrainingOptions(**{"epochs": 2, "alpha": 0.05, "min_alpha": 0.01, **options})
    return Course(COUNTS, options, share_words, round_words, place, complete_epochs)


def units_of(rounds):
    """(epoch, share, unit) of all that rounds train, in order."""
    return [
        (planned.epoch, share, unit)
        for planned in rounds
        for parts in planned.units.values()
        for share, first, end in parts
        for unit in range(first, end)
    ]


def all_units(share_words, epochs):
    return [
        (epoch, share, unit)
        for epoch in range(epochs)
        for share, words in enumerate(share_words)
        for unit in range(-(-words // UNIT_WORDS))
    ]


def rest(course, shares, most=10_000):
    rounds = []
    while not course.finished:
        rounds.append(course.plan(shares))
        assert len(rounds) < most
    return rounds


share_sizes = st.lists(st.integers(0, 12 * UNIT_WORDS), min_size=1, max_size=9).filter(any)


@given(share_sizes, st.integers(1, 4), st.integers(1, 5 * UNIT_WORDS), st.integers(1, 3), st.booleans())
def test_every_unit_is_trained_once_an_epoch(share_words, workers, round_words, epochs, complete_epochs):
    course = make(share_words, round_words, complete_epochs=complete_epochs, epochs=epochs)
    longest = round_words * mean_rate(course.options) / 0.0125
    deal = deal_shares(len(share_words), range(workers))
    rounds = rest(course, deal)
    assert sorted(units_of(rounds)) == all_units(share_words, epochs)
    assert course.place.words == epochs * sum(share_words) and course.place.epoch == epochs
    assert [planned.number for planned in rounds] == list(range(1, len(rounds) + 1))
    assert [planned.ends_epoch for planned in rounds].count(True) == epochs and rounds[-1].ends_epoch
    for planned in rounds:
        assert planned.complete == (planned.ends_epoch and (complete_epochs or planned is rounds[-1]))
        for worker, parts in planned.units.items():
            assert {share for share, _, _ in parts} <= set(deal[worker])
            # A round that would leave less than half a one is longer.
            assert sum(end - first for _, first, end in parts) <= max(1, np.ceil(1.5 * longest / UNIT_WORDS))
            order = [(share, unit) for share, first, end in parts for unit in range(first, end)]
            assert order == sorted(order)


@given(share_sizes, st.integers(1, 4), st.integers(1, 5 * UNIT_WORDS))
def test_the_learning_rate_falls_with_the_words_of_all(share_words, workers, round_words):
    course = make(share_words, round_words)
    whole, done = 2 * sum(share_words), 0
    for planned in rest(course, deal_shares(len(share_words), range(workers))):
        assert planned.learning_rate == pytest.approx(0.05 - 0.04 * done / whole)
        words = [sum(course.words_of(part) for part in parts) for parts in planned.units.values()]
        # Who trains most ends where the next round begins, and nobody beyond.
        end = planned.learning_rate + planned.slope * max(words)
        done += sum(words)
        assert end == pytest.approx(0.05 - 0.04 * done / whole)
    assert done == whole and course.learning_rate == pytest.approx(0.01)


@settings(max_examples=60)
@given(share_sizes, st.integers(2, 4), st.data())
def test_rounds_taken_back_are_planned_again_alike(share_words, workers, data):
    deal = deal_shares(len(share_words), range(workers))
    course, other = make(share_words, epochs=1), make(share_words, epochs=1)
    kept = []
    while not course.finished:
        kept.append(course.plan(deal))
        expected = other.plan(deal)
        if kept[-1].number > 1 and data.draw(st.booleans()):
            back = min(len(kept), data.draw(st.integers(1, 3)))
            if kept[-back].number not in course.planned:
                continue
            planned = course.go_back(kept[-back].number)
            assert planned is kept[-back] and course.number == planned.number - 1
            del kept[-back:]
            kept.append(course.plan(deal, planned.complete, again=planned))
            kept += [course.plan(deal) for _ in range(back - 1)]
        for name in ("number", "units", "epoch", "learning_rate", "slope", "ends_epoch", "complete"):
            assert getattr(kept[-1], name) == getattr(expected, name)
        for found, wanted in zip(kept[-1].due, expected.due, strict=True):
            np.testing.assert_array_equal(found[0], wanted[0])
            np.testing.assert_array_equal(found[1], wanted[1])


@settings(max_examples=60)
@given(share_sizes.filter(lambda sizes: len(sizes) > 2), st.integers(2, 4), st.data())
def test_who_takes_over_trains_what_a_lost_worker_had_left(share_words, workers, data):
    course = make(share_words)
    shares = deal_shares(len(share_words), range(workers))
    rounds, trained = [], 0
    while not course.finished:
        rounds.append(course.plan(shares))
        if len(shares) > 1 and data.draw(st.booleans()):
            lost = data.draw(st.sampled_from(sorted(shares)))
            planned = course.go_back(rounds.pop().number)
            its = shares.pop(lost)
            heir = data.draw(st.sampled_from(sorted(shares)))
            shares[heir] = [*shares[heir], *its]
            again = course.plan(shares, planned.complete, again=planned)
            assert again.units == {worker: planned.units[worker] for worker in shares}
            assert again.complete >= planned.complete
            rounds.append(again)
        trained += 1
        assert trained < 1000
    assert sorted(units_of(rounds)) == all_units(share_words, 2)


def test_an_empty_round_merges_everything_and_moves_nothing():
    course = make([5 * UNIT_WORDS])
    course.plan({0: [0]})
    before = course.place
    planned = course.plan({0: ()}, complete=True)
    assert planned.complete and not planned.ends_epoch and course.place == before
    assert [rows.tolist() for rows, _ in planned.due] == [[0, 1, 2]] * 2
    assert all(np.isfinite(factors).all() for _, factors in planned.due)


@given(share_sizes, st.integers(1, 4), st.integers(0, 30))
def test_another_run_goes_on_from_a_place(share_words, workers, rounds_before):
    deal = deal_shares(len(share_words), range(workers))
    course, rounds = make(share_words), []
    while not course.finished and len(rounds) < rounds_before:
        rounds.append(course.plan(deal))
    place = course.place
    if place.epoch < 2:
        rounds += rest(
            make(share_words, 3 * UNIT_WORDS, Place(place.epoch, place.units, place.words)),
            {7: range(len(share_words))},
        )
    assert sorted(units_of(rounds)) == all_units(share_words, 2)


def test_stop_plans_no_more_epochs():
    course = make([3 * UNIT_WORDS, UNIT_WORDS], epochs=9)
    while course.place.epoch < 2:
        assert not course.finished
        course.plan({0: [0], 1: [1]})
    course.stop()
    assert course.finished


def test_rounds_grow_as_the_learning_rate_falls():
    units = 10_000
    course = make([units * UNIT_WORDS] * 2, 20 * UNIT_WORDS, epochs=1, alpha=0.04, min_alpha=0.0)
    rounds = rest(course, {0: [0], 1: [1]})
    assert len(rounds) == pytest.approx(units / 20, rel=0.01)  # as many as if all were as long
    sizes = np.array([end - first for planned in rounds for _, first, end in planned.units[0]])
    rates = np.array([planned.learning_rate for planned in rounds])
    assert (np.diff(sizes) >= -1).all() and sizes[0] == round(20 * (1 + 0.25**2) / 2)
    np.testing.assert_allclose(sizes, 20 * (1 + 0.25**2) / 2 * 0.04 / np.maximum(rates, 0.01), atol=1.1)
    assert sizes[-1] == pytest.approx(4 * sizes[0], rel=0.05)


@pytest.mark.parametrize("rate", [0.05, 0.01])
def test_rounds_are_as_long_as_each_other_where_the_rate_stays(rate):
    course = make([90 * UNIT_WORDS], 7 * UNIT_WORDS, epochs=1, alpha=rate, min_alpha=rate)
    assert {end - first for planned in rest(course, {0: [0]}) for _, first, end in planned.units[0]} <= {6, 7}


def test_no_round_of_an_epoch_is_much_shorter_than_the_others():
    for units in range(1, 60):
        course = make([units * UNIT_WORDS, UNIT_WORDS], 7 * UNIT_WORDS, epochs=1, min_alpha=0.05)
        sizes = [end - first for planned in rest(course, {0: [0], 1: [1]}) for _, first, end in planned.units[0]]
        assert sum(sizes) == units and max(sizes) - min(sizes) <= 2 and max(sizes) <= 10


def test_default_round_words():
    assert default_round_words(10**9, 4, 8) == 10**9 // (4 * 2 * ROUNDS)
    assert default_round_words(10**9, 2, 8) == pytest.approx(10**9 / (2 * 2**1.5 * ROUNDS_OF_FEW), abs=1)
    course = make([1000 * UNIT_WORDS] * 4, default_round_words(10**5, 4, 8), epochs=1, alpha=0.05, min_alpha=0.0)
    assert course.round_units({worker: [worker] for worker in range(4)}) >= LEAST_UNITS * 8
