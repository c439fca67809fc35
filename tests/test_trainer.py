"""The training run: options, schedule, coverage, determinism, loss, threads."""

import threading

import numpy as np
import pytest

from fastsgns import trainer
from fastsgns._train import Worker
from fastsgns.corpus import Corpus
from fastsgns.matrices import aligned_matrix, as_aligned, initial_vectors
from fastsgns.options import TrainingOptions
from fastsgns.sampling import SHARING
from fastsgns.trainer import train

LENGTHS = (1, 40, 1, 7, 9000, 2, 30, 5000)


def make_corpus(lengths=LENGTHS, words=50, seed=0):
    tokens = np.random.default_rng(seed).zipf(1.3, sum(lengths)).clip(max=words).astype(np.int32) - 1
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Corpus(tokens, offsets, len(tokens), len(lengths)), np.bincount(tokens, minlength=words).astype(np.int64) + 1


def run(dim=20, corpus=None, **options):
    corpus, counts = corpus or make_corpus()
    vectors, outputs = initial_vectors(len(counts), dim, 1), aligned_matrix(len(counts), dim)
    result = train(corpus, counts, vectors, outputs, TrainingOptions(**{"workers": 1, "epochs": 2, **options}))
    return result, vectors, outputs


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("dim", [1, 16, 17, 300])
def test_matrices_are_aligned_and_padded(rows, dim):
    matrix = aligned_matrix(rows, dim)
    assert matrix.shape == (rows, dim)
    assert matrix.dtype == np.float32
    assert rows == 0 or matrix.ctypes.data % 64 == 0
    assert rows < 2 or matrix.strides[0] % 64 == 0
    assert not matrix.any()


def test_initial_vectors_are_uniform_and_of_their_seed():
    vectors = initial_vectors(5000, 30, 3)
    assert 0.99 / 30 < np.abs(vectors).max() <= 1 / 30
    assert np.abs(vectors.mean()) < 2e-4
    assert vectors.std() == pytest.approx(2 / 30 / np.sqrt(12), rel=0.01)
    np.testing.assert_array_equal(vectors, initial_vectors(5000, 30, 3))
    assert (vectors != initial_vectors(5000, 30, 4)).mean() > 0.99


@pytest.mark.parametrize("sharing", SHARING)
def test_one_worker_is_bit_identical(sharing):
    first, second = run(negative_sharing=sharing), run(negative_sharing=sharing)
    np.testing.assert_array_equal(first[1], second[1])
    np.testing.assert_array_equal(first[2], second[2])
    assert first[0].loss_history == second[0].loss_history
    assert (run(negative_sharing=sharing, seed=2)[1] != first[1]).any()


@pytest.mark.parametrize("sharing", SHARING)
def test_deterministic_is_bit_identical_whatever_the_workers(sharing, monkeypatch):
    monkeypatch.setattr(trainer, "UNIT_WORDS", 100)
    monkeypatch.setattr(trainer, "available_cores", lambda: 4)
    runs = [run(negative_sharing=sharing, deterministic=True, workers=workers) for workers in (1, 2, 4)]
    for result, vectors, outputs in runs[1:]:
        np.testing.assert_array_equal(vectors, runs[0][1])
        np.testing.assert_array_equal(outputs, runs[0][2])
        assert result.loss_history == runs[0][0].loss_history
    plain = run(negative_sharing=sharing)[0]
    assert (runs[0][0].words_kept, runs[0][0].pairs) == (plain.words_kept, plain.pairs)
    assert runs[0][0].loss_history == pytest.approx(plain.loss_history, rel=0.1)


def test_a_team_has_no_more_threads_than_there_are_cores(monkeypatch):
    sizes, team = [], trainer.Team
    monkeypatch.setattr(trainer, "Team", lambda *args: sizes.append(args[-1]) or team(*args))
    monkeypatch.setattr(trainer, "UNIT_WORDS", 100)
    monkeypatch.setattr(trainer, "available_cores", lambda: 3)
    for workers in (1, 8):
        run(deterministic=True, workers=workers)
    assert sizes == [1, 3]


@pytest.mark.parametrize("alpha", [0.025, 0.1])
@pytest.mark.parametrize("words", [2, 10, 300])
def test_deterministic_learns_as_much_where_words_are_few(words, alpha):
    """Too many blocks in a round would overflow here."""
    losses = [
        run(corpus=make_corpus((20,) * 3000, words), sample=0, alpha=alpha, epochs=3, deterministic=deterministic)[0]
        for deterministic in (False, True)
    ]
    assert losses[1].loss_history[-1] == pytest.approx(losses[0].loss_history[-1], rel=0.05)


def test_epochs_go_on_where_the_last_run_ended():
    corpus, counts = make_corpus()
    both = run(epochs=2, alpha=0.03, min_alpha=0.01)
    vectors, outputs = initial_vectors(len(counts), 20, 1), aligned_matrix(len(counts), 20)
    for epoch, (alpha, min_alpha) in enumerate([(0.03, 0.02), (0.02, 0.01)]):
        options = TrainingOptions(workers=1, epochs=1, alpha=alpha, min_alpha=min_alpha)
        train(corpus, counts, vectors, outputs, options, first_epoch=epoch)
    np.testing.assert_allclose(vectors, both[1], atol=1e-6)


def test_epochs_draw_afresh():
    corpus, counts = make_corpus()
    kept = []
    for epoch in range(5):
        matrices = initial_vectors(len(counts), 4, 1), aligned_matrix(len(counts), 4)
        kept.append(train(corpus, counts, *matrices, TrainingOptions(epochs=1), first_epoch=epoch).words_kept)
    assert len(set(kept)) > 1


@pytest.mark.parametrize("workers", [1, 2, 5, 16])
def test_every_token_is_gone_through_and_every_pair_trained_once_an_epoch(workers):
    result, _, _ = run(workers=workers, epochs=3, sample=0, shrink_windows=False, window=4)
    assert result.words == result.words_kept == 3 * sum(LENGTHS)
    assert result.pairs == 3 * sum(min(4, i) + min(4, n - 1 - i) for n in LENGTHS for i in range(n))


def test_draws_do_not_depend_on_the_number_of_workers():
    first, second = run(workers=1)[0], run(workers=7)[0]
    assert (first.words_kept, first.pairs) == (second.words_kept, second.pairs)
    assert second.loss_history == pytest.approx(first.loss_history, rel=0.1)


def test_loss_begins_at_chance_and_falls():
    chance = 6 * np.log(2)  # one positive, five noise words, all logits zero
    frozen = run(alpha=1e-9, min_alpha=1e-9, epochs=1, compute_loss=True, negative=5, corpus=make_corpus(words=5000))[0]
    assert frozen.loss_history[0] == pytest.approx(chance, rel=0.01)
    history = run(epochs=6, compute_loss=True)[0].loss_history
    assert len(history) == 6
    assert history[-1] < history[0] < chance


def test_sampled_loss_agrees_with_the_whole():
    assert run(epochs=3)[0].loss_history == pytest.approx(run(epochs=3, compute_loss=True)[0].loss_history, rel=0.05)


@pytest.mark.parametrize("sharing", SHARING)
def test_an_epoch_by_parts_is_as_one_in_one_go(sharing, monkeypatch):
    monkeypatch.setattr(trainer, "UNIT_WORDS", 100)
    corpus, counts = make_corpus()
    options = TrainingOptions(workers=1, negative_sharing=sharing)
    found = []
    for ends in ([None], [70, None], [1, 2, 2, 50, 140, 1000], [141]):
        matrices = initial_vectors(len(counts), 20, 1), aligned_matrix(len(counts), 20)
        job = trainer.make_job(corpus, trainer.sampling_tables(counts, options), *matrices, options, None)
        worker, first = Worker(job, trainer.SIMD), 0
        for end in ends:
            job.begin_epoch(2, 0.05, -0.04 / len(corpus.tokens), first, end)
            worker.run()
            first = job.units if end is None else min(end, job.units)
            assert job.units_done == first
        found.append((*matrices, worker.counts))
    assert job.units == -(-len(corpus.tokens) // 100) == 141
    assert found[0][2][0] == len(corpus.tokens)
    for vectors, outputs, its_counts in found[1:]:
        np.testing.assert_array_equal(vectors, found[0][0])
        np.testing.assert_array_equal(outputs, found[0][1])
        assert its_counts == found[0][2]


def test_learning_rate_falls_linearly(monkeypatch):
    begun = []

    class Job(trainer.Job):
        def begin_epoch(self, epoch, learning_rate, per_word, first_unit):
            begun.append((epoch, learning_rate, learning_rate + per_word * sum(LENGTHS)))
            super().begin_epoch(epoch, learning_rate, per_word, first_unit)

    monkeypatch.setattr(trainer, "Job", Job)
    run(alpha=0.05, min_alpha=0.01, epochs=4)
    assert [epoch for epoch, _, _ in begun] == [0, 1, 2, 3]
    np.testing.assert_allclose([begin for _, begin, _ in begun], [0.05, 0.04, 0.03, 0.02])
    np.testing.assert_allclose([end for _, _, end in begun], [0.04, 0.03, 0.02, 0.01])


def test_overflow_is_an_error_that_names_the_setting():
    with pytest.raises(FloatingPointError, match=r"alpha=1e\+30"):
        run(alpha=1e30, epochs=3)


def test_overflow_by_the_last_updates_is_an_error_too():
    corpus, counts = Corpus(np.array([0, 1], np.int32), np.array([0, 2]), 2, 1), np.array([1, 1])
    vectors, outputs = initial_vectors(2, 4, 1), aligned_matrix(2, 4)
    vectors[:], outputs[:] = 1e10, 1e10
    with pytest.raises(FloatingPointError, match="overflowed"):
        train(corpus, counts, vectors, outputs, TrainingOptions(alpha=1e30, epochs=1, sample=0))


def test_an_error_in_a_callback_leaves_no_thread_behind():
    corpus, counts = make_corpus()

    def fail(_result):
        raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        train(
            corpus,
            counts,
            initial_vectors(50, 8, 1),
            aligned_matrix(50, 8),
            TrainingOptions(workers=3),
            on_epoch_end=fail,
        )
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fastsgns")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0),
        ("alpha", -0.1),
        ("alpha", float("nan")),
        ("alpha", "0.1"),
        ("min_alpha", -1),
        ("min_alpha", float("inf")),
        ("window", 0),
        ("window", 2.5),
        ("window", True),
        ("negative", 0),
        ("negative", -5),
        ("epochs", 0),
        ("epochs", None),
        ("workers", 0),
        ("workers", -1),
        ("sample", -1e-3),
        ("sample", float("nan")),
        ("ns_exponent", float("inf")),
        ("ns_exponent", 101.0),
        ("alpha", 10**400),
        ("sample", 1e300),
        ("epochs", 10**400),
        ("negative", 2**20 - 1),
        ("workers", 2**16),
        ("negative_sharing", "all"),
        ("seed", 1.5),
    ],
)
def test_bad_options_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        TrainingOptions(**{name: value})


def test_too_much_scratch_memory_names_what_asks_for_it(monkeypatch):
    def fail(*args):
        raise MemoryError("no 1 bytes")

    monkeypatch.setattr(trainer, "Worker", fail)
    with pytest.raises(MemoryError, match="no 1 bytes: window=5000 times negative=999 is too large"):
        run(window=5000, negative=999)


def test_more_workers_than_work_are_left_out(monkeypatch):
    made = []
    monkeypatch.setattr(trainer, "Worker", lambda *args: made.append(Worker(*args)) or made[-1])
    result, *_ = run(workers=4096)
    assert len(made) == -(-sum(LENGTHS) // trainer.UNIT_WORDS)
    assert result.words == 2 * sum(LENGTHS)


@pytest.mark.parametrize("dim", [7, 16])
def test_matrices_from_elsewhere_are_copied_into_place(dim):
    usual = aligned_matrix(5, dim)
    assert as_aligned(usual) is usual
    memory = np.arange(5 * dim + 1, dtype=np.float32)
    for other in (memory[1:].reshape(5, dim), memory[:-1].reshape(dim, 5).T, np.ones((5, dim))):
        copy = as_aligned(other)
        np.testing.assert_array_equal(copy, other)
        assert (copy.dtype, copy.strides, copy.ctypes.data % 64) == (np.float32, usual.strides, 0)


def test_numpy_scalars_are_numbers():
    TrainingOptions(window=np.int64(3), alpha=np.float32(0.1), seed=np.uint64(2**63))
    run(seed=-1)
