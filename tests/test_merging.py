"""How often rows of the matrices take a step, how changes become one, and which rows are due."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from fastsgns import merging, sampling
from fastsgns.merging import MergeSchedule, merge_factors, row_steps
from fastsgns.options import TrainingOptions

COUNTS = np.array([4000, 2000, 1000, 500, 250, 120, 60, 30, 15, 5])


def counted(options, sentence_words=5000):
    """Steps by row, counted over a random corpus whose draws are the kernel's, by word of the corpus."""
    rng = np.random.default_rng(1)
    tokens = rng.permutation(np.repeat(np.arange(len(COUNTS)), COUNTS)).astype(np.int32)
    left, right = options.reach
    job = dict(
        tokens=tokens, offsets=np.array([*range(0, len(tokens), sentence_words), len(tokens)]), left=left, right=right,
        unit_words=1000, seed=3, keep=sampling.keep_thresholds(COUNTS, options.sample),
        noise=sampling.noise_table(sampling.noise_probabilities(COUNTS, options.ns_exponent)),
        shrink_windows=options.shrink_windows, learning_rate=0.1, learning_rate_per_word=0.0,
        **sampling.block_shape(options.negative_sharing, options.negative),
    )  # fmt: skip
    inputs, outputs = np.zeros(len(COUNTS)), np.zeros(len(COUNTS))
    weight = options.negative / job["noise_words"]
    for unit in range(-(-len(tokens) // 1000)):
        for windows, noise, _ in reference.blocks(job, 0, unit):
            for center, contexts in windows:
                np.add.at(inputs, contexts, 1 + options.negative)
                outputs[center] += len(contexts)
                np.add.at(outputs, noise, weight * len(contexts))
    return inputs / len(tokens), outputs / len(tokens)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sample": 0.0},
        {"sample": 0.02, "window": 2, "negative": 7, "ns_exponent": 0.3},
        {"window": 3, "shrink_windows": False},
        {"window": (4, 0), "sample": 0.05},
        {"window": (2, 3), "sample": 0.05},
    ],
    ids=str,
)
def test_steps_are_as_many_as_counted(options):
    options = TrainingOptions(**{"sample": 0.01, **options})
    for found, expected in zip(row_steps(COUNTS, options), counted(options), strict=True):
        assert found.dtype == np.float32
        assert found.sum() == pytest.approx(expected.sum(), rel=0.03)
        np.testing.assert_allclose(found, expected, rtol=0.2, atol=0.002 * expected.sum())


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2), st.integers(1, 1000))
def test_factors_fall_from_one_to_one_by_the_workers(progress, workers):
    factors = merge_factors(np.sort(np.array(progress, np.float32)), workers)
    assert factors.dtype == np.float32
    assert (np.diff(factors) <= 1e-6).all()
    assert (factors <= 1 + 1e-6).all() and (factors >= (1 - 1e-6) / workers).all()
    assert merge_factors(np.array([0, 1e9], np.float32), workers) == pytest.approx([1, 1 / workers], rel=1e-2)


def test_factor_is_what_one_worker_would_have_come_by():
    """A row pulled to 1 with a rate: n workers' changes, added up and scaled, are those of all steps in turn."""
    x, workers = 0.3, 4
    each, alone = 1 - np.exp(-x), 1 - np.exp(-workers * x)
    assert merge_factors(np.array([x], np.float32), workers) * workers * each == pytest.approx(alone, rel=1e-5)


def due_rows(schedule, rounds, rate=0.02, **options):
    """By round, due input and output rows."""
    return [
        [rows.tolist() for rows, _ in schedule.advance(**{"words": 1000, "learning_rate": rate, "workers": 2,
                                                           "everything": False, **options})]
        for _ in range(rounds)
    ]  # fmt: skip


def test_busiest_rows_are_due_every_round_and_others_as_often_as_they_move(monkeypatch):
    monkeypatch.setattr(merging, "BUSIEST", 3)
    counts = np.array([1000, 800, 640, 320, 160, 16])
    options = TrainingOptions(sample=0.0)
    schedule, (steps, _) = MergeSchedule(counts, options), row_steps(counts, options)
    rounds = due_rows(schedule, 240)
    for rows in rounds:
        assert {0, 1, 2} <= set(rows[0]) and {0, 1, 2} <= set(rows[1])
    for row in (3, 4, 5):
        times = sum(row in rows[0] for rows in rounds)
        assert times == pytest.approx(240 * steps[row] / steps[2], abs=3)
        places = np.flatnonzero([row in rows[0] for rows in rounds])
        assert np.ptp(np.diff(places)) <= 1  # evenly


def test_everything_is_due_when_asked_for_and_nothing_is_left(monkeypatch):
    monkeypatch.setattr(merging, "BUSIEST", 1)
    schedule = MergeSchedule(COUNTS, TrainingOptions())
    assert due_rows(schedule, 1)[0][0] != list(range(len(COUNTS)))
    assert due_rows(schedule, 1, everything=True) == [[list(range(len(COUNTS)))] * 2]
    assert not any(progress.any() for progress in schedule.progress)


def test_factors_are_of_all_steps_since_the_last_merge(monkeypatch):
    monkeypatch.setattr(merging, "BUSIEST", 1)
    options = TrainingOptions(sample=0.0)
    schedule = MergeSchedule(COUNTS, options)
    for _ in range(3):
        last = schedule.advance(1000, 0.02, 4, everything=False)
    assert 9 not in last[0][0]
    _, factors = schedule.advance(1000, 0.01, 4, everything=True)[0]
    steps = row_steps(COUNTS, options)[0]
    expected = merge_factors(np.float32(1000 * (3 * 0.02 + 0.01) * merging.RELAXATION) * steps, 4)
    assert factors[9] == pytest.approx(expected[9], rel=1e-4)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), st.lists(st.floats(1e-4, 0.1), min_size=1, max_size=9))
def test_a_small_vocabulary_is_merged_every_round(counts, rates):
    schedule = MergeSchedule(np.array(counts), TrainingOptions())
    for rate in rates:
        for rows, factors in schedule.advance(500, rate, 3, everything=False):
            assert rows.tolist() == list(range(len(counts))) and len(factors) == len(rows)
