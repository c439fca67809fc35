"""The sampling tables against their formulas, and the kernel's draws against the tables."""

import numpy as np
import pytest
from scipy.stats import chisquare

from fastsgns import _train
from fastsgns.config import SIMD
from fastsgns.matrices import aligned_matrix, padded
from fastsgns.sampling import block_shape, keep_probabilities, keep_thresholds, noise_probabilities, noise_table

ZIPF = np.maximum(1_000_000 // np.arange(1, 5001), 1).astype(np.int64)


def implied_probabilities(table):
    """The distribution that an alias table stands for."""
    keep = table["threshold"] / 2.0**32
    implied = keep.copy()
    np.add.at(implied, table["alias"], 1.0 - keep)
    return implied / len(table)


@pytest.mark.parametrize("exponent", [0.75, 1.0, 0.0, -0.5])
@pytest.mark.parametrize("counts", [ZIPF, np.array([100, 1]), np.array([7]), np.full(1000, 3)])
def test_noise_table_is_the_formula(counts, exponent):
    weights = counts.astype(float) ** exponent
    probabilities = noise_probabilities(counts, exponent)
    np.testing.assert_allclose(probabilities, weights / weights.sum(), rtol=1e-9)
    np.testing.assert_allclose(implied_probabilities(noise_table(probabilities)), probabilities, atol=1e-9)


MANY = {
    "Zipf": np.maximum(10_000_000 // np.arange(1, 1_000_001), 1),
    "Zipf, unsorted": np.random.default_rng(1).permutation(np.maximum(10_000_000 // np.arange(1, 1_000_001), 1)),
    "random": np.random.default_rng(2).integers(1, 10**6, 300_001),
    "equal": np.full(1_000_000, 3),
    "the first dominates": np.r_[10**12, np.ones(300_000, np.int64)],
    "the last dominates": np.r_[np.ones(300_000, np.int64), 10**12],
}


@pytest.mark.parametrize("exponent", [0.0, 0.75, 1.0, -1.0, 50.0])
@pytest.mark.parametrize("name", MANY)
def test_noise_table_of_many_words(name, exponent):
    probabilities = noise_probabilities(MANY[name], exponent)
    table = noise_table(probabilities)
    assert table["alias"].max() < len(table)
    implied = implied_probabilities(table)
    np.testing.assert_allclose(implied, probabilities, rtol=0, atol=1e-11 + 2**-32 * probabilities.max())
    # To four digits also the rare words, down to what 32 bits can tell.
    np.testing.assert_allclose(implied, probabilities, rtol=1e-4, atol=2**-32 / len(table))


def test_noise_table_of_little_beyond_the_mean():
    for n in (2, 3, 7, 49, 1000):  # rounding puts scaled probabilities on either side of 1
        for count in (3, 4):
            probabilities = noise_probabilities(np.r_[np.full(n, 3), count], 0.75)
            np.testing.assert_allclose(implied_probabilities(noise_table(probabilities)), probabilities, atol=1e-9)
    table = noise_table(np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(implied_probabilities(table), [0.0, 1.0, 0.0], atol=1e-9)


def test_huge_counts_do_not_overflow():
    probabilities = noise_probabilities(np.array([2**62, 1]), 20.0)
    assert probabilities[0] == pytest.approx(1.0)
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("sample", [1e-5, 1e-3, 0.1])
def test_keep_rule(sample):
    share = ZIPF / ZIPF.sum()
    expected = np.minimum(1.0, np.sqrt(sample / share) + sample / share)
    np.testing.assert_allclose(keep_probabilities(ZIPF, sample), expected, rtol=1e-12)
    np.testing.assert_allclose((keep_thresholds(ZIPF, sample) + 1.0) / 2**32, expected, atol=1e-9)


def test_sample_zero_keeps_all():
    assert (keep_thresholds(ZIPF, 0) == 2**32 - 1).all()


def test_sample_from_one_on_is_a_count_as_in_gensim():
    word2vec = pytest.importorskip("gensim.models").Word2Vec
    counts = {f"w{i}": int(c) for i, c in enumerate(ZIPF[:200])}
    for sample in (1e-4, 0.5, 30.0):
        model = word2vec(sample=sample, min_count=1)
        model.build_vocab_from_freq(counts)
        theirs = [model.wv.get_vecattr(word, "sample_int") for word in counts]
        ours = keep_thresholds(ZIPF[:200], sample)
        np.testing.assert_allclose(ours / 2**32, np.array(theirs) / 2**32, atol=1e-6)


def kernel(tokens, counts, *, negative=5, sample=0.0, output_vectors=None, seed=1):
    """One epoch over `tokens`, a sentence; what the worker counted."""
    inputs, outputs = aligned_matrix(len(counts), 1), aligned_matrix(len(counts), 1)
    inputs[:] = 1.0
    job = _train.Job(
        tokens=tokens, offsets=np.array([0, len(tokens)]), input_vectors=padded(inputs), output_vectors=padded(outputs),
        keep=keep_thresholds(counts, sample), noise=noise_table(noise_probabilities(counts, 0.75)), dim=1,
        left=1, right=1, negative=negative, shrink_windows=True, unit_words=4096, loss_interval=1, seed=seed,
        **block_shape("pair", negative),
    )  # fmt: skip
    job.begin_epoch(0, 1e-6, 0.0)
    worker = _train.Worker(job, SIMD)
    worker.run()
    if output_vectors is not None:
        output_vectors[:] = outputs[:, 0]
    return worker.counts


def test_noise_words_come_as_often_as_they_should():
    # Inputs are 1 and outputs near 0, so each draw of a word lowers its output by half of the learning rate; in many
    # short runs, as float32 would round a long sum.
    counts = np.array([50, 1000, 300, 100, 30, 10, 3, 1], np.int64)
    moved = np.zeros((200, len(counts)))
    for seed, row in enumerate(moved):
        kernel(np.zeros(500, np.int32), counts, output_vectors=row, seed=seed)
    draws = -moved.sum(axis=0)[1:] / 0.5e-6  # noise that is the centre, word 0, is left out
    expected = noise_probabilities(counts, 0.75)[1:]
    expected *= draws.sum() / expected.sum()
    assert draws.sum() > 500_000
    assert chisquare(draws, expected).pvalue > 1e-4


def test_words_survive_as_often_as_they_should():
    counts = np.array([600_000, 300_000, 90_000, 9_000, 1_000], np.int64)
    n = 200_000
    kept = [kernel(np.full(n, word, np.int32), counts, sample=1e-3, seed=word)[1] for word in range(len(counts))]
    probabilities = keep_probabilities(counts, 1e-3)
    for word in range(len(counts)):
        if probabilities[word] == 1.0:
            assert kept[word] == n
        else:
            expected = np.array([probabilities[word], 1 - probabilities[word]]) * n
            assert chisquare([kept[word], n - kept[word]], expected).pvalue > 1e-4
