"""Rows gathered, merged and put in place, against NumPy."""

import numpy as np
import pytest

from fastsgns._rows import gather_changes, merge_changes, put_changes
from fastsgns.clusterworker import floats
from fastsgns.matrices import aligned_matrix


def matrices(rng, rows, dim):
    for _ in range(2):
        matrix = aligned_matrix(rows, dim)
        matrix[:] = rng.standard_normal((rows, dim))
        yield matrix


def halves(numbers):
    """What keeps the upper halves of floats, by way of NumPy: the nearer of the two that a number lies between."""
    bits = np.asarray(numbers, np.float32).view(np.uint32)
    below = bits >> 16
    rest = bits & 0xFFFF
    return (below + ((rest > 0x8000) | ((rest == 0x8000) & (below % 2 == 1)))).astype(np.uint16)


@pytest.mark.parametrize("dim", [1, 15, 16, 100])
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 50])
def test_rows_change_as_numpy_changes_them(n, dim):
    rng = np.random.default_rng(n + dim)
    own, base = matrices(rng, 60, dim)
    rows = np.sort(rng.permutation(60)[:n])
    changes = np.empty((n, dim), np.uint16)
    gather_changes(own, base, rows, changes)
    np.testing.assert_array_equal(changes, halves(own[rows] - base[rows]))
    np.testing.assert_allclose(floats(changes), own[rows] - base[rows], rtol=2**-8)
    sent = halves(rng.standard_normal((n, dim)))
    expected_base, expected_own = base.copy(), own.copy()
    expected_base[rows] += floats(changes)
    expected_own[rows] += floats(changes) - floats(sent)
    put_changes(own, base, rows, changes, sent)
    np.testing.assert_array_equal(base, expected_base)
    np.testing.assert_array_equal(own, expected_own)


def test_what_rounding_leaves_is_part_of_the_next_changes():
    rng = np.random.default_rng(1)
    own, base = matrices(rng, 20, 8)
    rows, changes, end = np.arange(20), np.empty((20, 8), np.uint16), own.copy()
    for _ in range(4):
        gather_changes(own, base, rows, changes)
        put_changes(own, base, rows, changes, changes)
        np.testing.assert_array_equal(own, end)
    np.testing.assert_allclose(base, end, atol=1e-6)


def test_numbers_keep_their_kind():
    given = np.array([[0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 3.4e38, 2.0**-126]], np.float32)
    base, out = np.zeros_like(given), np.empty(given.shape, np.uint16)
    gather_changes(given, base, np.array([0]), out)
    np.testing.assert_array_equal(
        floats(out), np.array([[0, 0, np.inf, -np.inf, np.nan, 0, np.inf, 2.0**-126]], np.float32)
    )
    bits = np.array([[0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001]], np.uint32)  # what would round to another number
    gather_changes(
        bits.view(np.float32), np.zeros((1, 3), np.float32), np.array([0]), out := np.empty((1, 3), np.uint16)
    )
    assert np.isnan(floats(out)).all()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 16, 33])
def test_changes_are_merged_by_the_formula(workers, n):
    rng = np.random.default_rng(n)
    parts = [halves(part) for part in rng.standard_normal((workers, n, 7))]
    factors, last = rng.random(n, dtype=np.float32), rng.standard_normal((40, 7)).astype(np.float32)
    places, out = rng.permutation(40)[:n], np.empty((n, 7), np.uint16)
    sums = np.sum([floats(part) for part in parts], axis=0)
    expected = factors[:, None] * sums + (1 - factors[:, None]) * last[places]
    untouched = np.delete(last, places, axis=0)
    merge_changes(parts, factors, last, places, out)
    np.testing.assert_allclose(last[places], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(out, halves(last[places]))
    np.testing.assert_array_equal(np.delete(last, places, axis=0), untouched)


def test_what_two_workers_do_alike_round_after_round_adds_up():
    """The mean would be 1."""
    out, last = np.empty((1, 1), np.uint16), np.zeros((1, 1), np.float32)
    for _ in range(20):
        merge_changes([halves([[1]])] * 2, np.array([0.5], np.float32), last, np.array([0]), out)
    assert floats(out)[0, 0] == pytest.approx(2, abs=2**-6)


@pytest.mark.parametrize("workers", [2, 64, 512])
def test_what_nobody_does_any_more_dies_away(workers):
    out, last = np.empty((1, 1), np.uint16), np.ones((1, 1), np.float32)
    nothing = [halves([[0]])] * workers
    for _ in range(3 * workers):
        merge_changes(nothing, np.array([1 / workers], np.float32), last, np.array([0]), out)
    assert floats(out)[0, 0] == pytest.approx((1 - 1 / workers) ** (3 * workers), rel=0.01)


def test_rows_that_are_none_and_shapes_that_differ_are_refused():
    rng = np.random.default_rng(1)
    own, base = matrices(rng, 5, 4)
    out, rows = np.empty((2, 4), np.uint16), np.array([1, 4])
    for call in (gather_changes, lambda *given: put_changes(*given, given[-1])):
        for bad in (np.array([1, 5]), np.array([-1, 2])):
            with pytest.raises(IndexError, match="1 rows are not below 5"):
                call(own, base, bad, out)
        with pytest.raises(ValueError, match="one row of numbers for each of 3 rows"):
            call(own, base, np.arange(3), out)
        with pytest.raises(ValueError, match="same shape"):
            call(own, base[:, :3], rows, out)
        with pytest.raises(ValueError, match="same shape"):
            call(own[:, ::2], base[:, ::2], rows, np.empty((2, 2), np.uint16))
    with pytest.raises(ValueError, match="sent must have the shape"):
        put_changes(own, base, rows, out, out[:1])
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
