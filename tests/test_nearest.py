"""The nearest rows in blocks: the same as a search through all of them, whatever the order and the blocks."""

import threading
import tracemalloc

import numpy as np
import pytest

from fastsgns import nearest as module
from fastsgns.nearest import nearest
from fastsgns.vectormath import best_first, row_norms


def plain(queries, vectors, count):
    """One query after the other, in double precision."""
    lengths = np.linalg.norm(vectors.astype(float), axis=1)
    lengths[lengths == 0] = 1
    cosines = [vectors.astype(float) @ (query / np.linalg.norm(query)) / lengths for query in queries.astype(float)]
    rows = np.array([best_first(scores, count) for scores in cosines])
    return rows, np.take_along_axis(np.array(cosines), rows, 1)


def search(queries, vectors, count, workers=1):
    return nearest(lambda block: queries[block], len(queries), vectors, row_norms(vectors), count, workers)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_QUERIES", 5)
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("count", [1, 7, 16, 40, 300])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["any", "rising", "falling"])
def test_blocks_make_no_difference(small_blocks, order, dtype, count, workers):
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(203, 24)).astype(dtype)[:, :10]
    queries = rng.normal(size=(13, 10)).astype(np.float32)
    if order != "any":
        vectors = vectors[np.argsort(vectors.astype(float) @ queries[0])[:: 1 if order == "rising" else -1]]
    rows, cosines = search(queries, vectors, count, workers)
    expected, scores = plain(queries, vectors, min(count, 203))
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_allclose(cosines, scores, atol=1e-6)
    assert cosines.dtype == (np.float64 if dtype == np.float64 else np.float32)


def test_ties_come_in_order_of_rows(small_blocks):
    vectors = np.tile(np.eye(2, dtype=np.float32), (30, 1))
    rows, _ = search(vectors[:7], vectors, 35)
    assert rows[0].tolist() == [*range(0, 60, 2), *range(1, 11, 2)]
    assert rows[1].tolist() == [*range(1, 60, 2), *range(0, 10, 2)]


def test_zeros_are_like_nothing_and_no_numbers_come_last(small_blocks):
    vectors = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    vectors[[3, 30]], vectors[[20, 21]] = 0, np.nan
    with np.errstate(all="raise"):
        rows, cosines = search(vectors[:6] + 1, vectors, 50)
    assert rows[:, -2:].tolist() == 6 * [[20, 21]]
    expected, _ = plain(vectors[:6] + 1, np.delete(vectors, [20, 21], axis=0), 48)
    np.testing.assert_array_equal(rows[:, :-2], np.delete(np.arange(50), [20, 21])[expected])
    assert (cosines[np.isin(rows, [3, 30])] == 0).all()


def test_memory_is_bounded():
    vectors = np.random.default_rng(0).normal(size=(40_000, 8)).astype(np.float16)
    norms = row_norms(vectors)
    tracemalloc.start()
    nearest(lambda block: vectors[block], 1000, vectors, norms, 10, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all cosines were 160 MB


def test_workers_share_the_blocks(small_blocks):
    vectors = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    together = threading.Barrier(2, timeout=20)
    threads = set()

    def queries(block):
        threads.add(threading.get_ident())
        if block.start < 10:
            together.wait()  # for the other thread
        return vectors[block]

    rows, cosines = nearest(queries, 23, vectors, row_norms(vectors), 3, 2)
    assert len(threads) == 2
    alone = search(vectors[:23], vectors, 3)
    np.testing.assert_array_equal(rows, alone[0])
    np.testing.assert_array_equal(cosines, alone[1])


def test_failures_of_threads_are_told(small_blocks):
    def queries(block):
        raise RuntimeError(f"queries {block.start}")

    vectors = np.ones((10, 2), np.float32)
    with pytest.raises(RuntimeError, match="queries 0"):
        nearest(queries, 30, vectors, row_norms(vectors), 3, 2)
