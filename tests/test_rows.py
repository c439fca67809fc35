"""Rows gathered, merged and put in place, against NumPy."""

import numpy as np
import pytest

from fastsgns._rows import gather_changes, merge_changes, put_changes
from fastsgns.matrices import aligned_matrix


def matrices(rng, rows, dim):
    for _ in range(2):
        matrix = aligned_matrix(rows, dim)
        matrix[:] = rng.standard_normal((rows, dim))
        yield matrix


@pytest.mark.parametrize("dim", [1, 15, 16, 100])
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 50])
def test_rows_change_as_numpy_changes_them(n, dim):
    rng = np.random.default_rng(n + dim)
    own, base = matrices(rng, 60, dim)
    rows = np.sort(rng.permutation(60)[:n])
    changes = np.empty((n, dim), np.float32)
    gather_changes(own, base, rows, changes)
    np.testing.assert_array_equal(changes, own[rows] - base[rows])
    expected_base, expected_own = base.copy(), own.copy()
    expected_base[rows] += changes
    expected_own[rows] = expected_base[rows]
    put_changes(own, base, rows, changes)
    np.testing.assert_array_equal(base, expected_base)
    np.testing.assert_array_equal(own, expected_own)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 16, 33])
def test_changes_are_merged_by_the_formula(workers, n):
    rng = np.random.default_rng(n)
    parts = list(rng.standard_normal((workers, n, 7)).astype(np.float32))
    factors, last = rng.random(n, dtype=np.float32), rng.standard_normal((40, 7)).astype(np.float32)
    places, out = rng.permutation(40)[:n], np.empty((n, 7), np.float32)
    expected = factors[:, None] * np.sum(parts, axis=0) + (1 - factors[:, None]) * last[places]
    untouched = np.delete(last, places, axis=0)
    merge_changes(parts, factors, last, places, out)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(last[places], out)
    np.testing.assert_array_equal(np.delete(last, places, axis=0), untouched)


def test_what_two_workers_do_alike_round_after_round_adds_up():
    """The mean would be 1."""
    out, last = np.empty((1, 1), np.float32), np.zeros((1, 1), np.float32)
    for _ in range(20):
        merge_changes([np.ones((1, 1), np.float32)] * 2, np.array([0.5], np.float32), last, np.array([0]), out)
    assert out[0, 0] == pytest.approx(2, abs=1e-4)


def test_rows_that_are_none_and_shapes_that_differ_are_refused():
    rng = np.random.default_rng(1)
    own, base = matrices(rng, 5, 4)
    out, rows = np.empty((2, 4), np.float32), np.array([1, 4])
    for call in (gather_changes, put_changes):
        for bad in (np.array([1, 5]), np.array([-1, 2])):
            with pytest.raises(IndexError, match="1 rows are not below 5"):
                call(own, base, bad, out)
        with pytest.raises(ValueError, match="one row of numbers for each of 3 rows"):
            call(own, base, np.arange(3), out)
        with pytest.raises(ValueError, match="same shape"):
            call(own, base[:, :3], rows, out)
        with pytest.raises(ValueError, match="same shape"):
            call(own[:, ::2], base[:, ::2], rows, np.empty((2, 2), np.float32))
    last, factors = np.zeros((5, 4), np.float32), np.ones(2, np.float32)
    for parts, its_factors, its_last in (
        ([], factors, last),
        ([out], factors[:1], last),
        ([out], factors, last[:, :3].copy()),
    ):
        with pytest.raises(ValueError, match="there must be a part"):
            merge_changes(parts, its_factors, its_last, rows, out)
    with pytest.raises(ValueError, match="shape of out"):
        merge_changes([out, out[:1]], factors, last, rows, out)
    with pytest.raises(IndexError, match="not below 5"):
        merge_changes([out], factors, last, np.array([0, 9]), out)
