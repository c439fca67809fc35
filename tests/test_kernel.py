"""Every kernel variant that this machine runs against the plain NumPy reference."""

import mmap
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import reference
from fastsgns import _train
from fastsgns.sampling import SHARING, block_shape, keep_thresholds, noise_probabilities, noise_table

MAP_NORESERVE = 0x4000  # mmap has it from Python 3.13 on
VARIANTS = [name for name, supported in _train.compiled_variants().items() if supported]


def matrix(rng, rows, dim, scale):
    """Random rows, padded and aligned as the kernel wants them."""
    stride = -(-dim // 16) * 16
    memory = np.zeros(rows * stride + 16, np.float32)
    start = -memory.ctypes.data // 4 % 16
    aligned = memory[start : start + rows * stride].reshape(rows, stride)
    aligned[:, :dim] = rng.uniform(-scale, scale, (rows, dim))
    return aligned


def make_job(
    *, sharing, dim=10, window=5, negative=5, words=30, lengths=(1, 40, 1, 7, 100, 2), shrink=True, unit_words=64,
    sample=1e-2, scale=0.5, seed=7, learning_rate=0.05,
    **shape,
):  # fmt: skip
    rng = np.random.default_rng(seed)
    left, right = (window, window) if isinstance(window, int) else window
    tokens = rng.zipf(1.5, sum(lengths)).clip(max=words).astype(np.int32) - 1
    counts = np.bincount(tokens, minlength=words).astype(np.int64) + 1
    return dict(
        tokens=tokens,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        input_vectors=matrix(rng, words, dim, scale),
        output_vectors=matrix(rng, words, dim, scale),
        keep=keep_thresholds(counts, sample),
        noise=noise_table(noise_probabilities(counts, 0.75)),
        dim=dim, left=left, right=right, negative=negative, shrink_windows=shrink,
        unit_words=unit_words, loss_interval=1, seed=seed, **{**block_shape(sharing, negative), **shape},
        learning_rate=learning_rate, learning_rate_per_word=-learning_rate / (2 * len(tokens)),
    )  # fmt: skip


def run(job, simd, epoch=0, threads=1):
    kernel_job = _train.Job(**{k: v for k, v in job.items() if not k.startswith("learning_rate") and k != "lanes"})
    kernel_job.begin_epoch(epoch, job["learning_rate"], job["learning_rate_per_word"])
    if not job.get("round_blocks"):
        worker = _train.Worker(kernel_job, simd)
        worker.run()
        return worker.counts
    team = _train.Team(kernel_job, simd, job["lanes"], threads)
    team.places = [(lane, 0) for lane in range(len(team.workers))]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(team.run, range(threads)))
    return tuple(map(sum, zip(*(worker.counts for worker in team.workers), strict=True)))


def check(simd, epoch=3, threads=1, **options):
    job = make_job(**options)
    dim = job["dim"]
    expected_in = job["input_vectors"][:, :dim].astype(np.float64)
    expected_out = job["output_vectors"][:, :dim].astype(np.float64)
    pairs, loss, dot_products = reference.train(job, epoch, expected_in, expected_out)
    words_done, words_kept, kernel_pairs, loss_pairs, kernel_loss, kernel_dot_products = run(job, simd, epoch, threads)
    assert words_done == len(job["tokens"]) >= words_kept
    assert kernel_pairs == loss_pairs == pairs > 0
    assert kernel_dot_products == dot_products
    np.testing.assert_allclose(job["input_vectors"][:, :dim], expected_in, rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(job["output_vectors"][:, :dim], expected_out, rtol=2e-4, atol=2e-5)
    assert not job["input_vectors"][:, dim:].any() and not job["output_vectors"][:, dim:].any()
    assert kernel_loss / pairs == pytest.approx(loss / pairs, rel=2e-3)
    return job


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 15, 16, 17, 31, 33, 100, 300])
@pytest.mark.parametrize("simd", VARIANTS)
def test_equals_reference_at_each_dim(simd, dim, sharing):
    check(simd, dim=dim, sharing=sharing, scale=min(0.5, 4 / dim))


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("negative", [5, 13])
@pytest.mark.parametrize("simd", VARIANTS)
def test_frozen_rows_stay_and_the_others_learn_from_them(simd, negative, sharing):
    frozen = np.random.default_rng(3).random(30) < 0.4
    before = make_job(sharing=sharing, dim=17, negative=negative)["input_vectors"]
    job = check(simd, dim=17, negative=negative, sharing=sharing, frozen=frozen)
    changed = (job["input_vectors"] != before).any(axis=1)
    assert not changed[frozen].any() and changed[~frozen].any()


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("negative", range(1, 21))
@pytest.mark.parametrize("simd", VARIANTS)
def test_equals_reference_at_each_number_of_negatives(simd, negative, sharing):
    check(simd, dim=17, negative=negative, sharing=sharing, words=200)


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("window", [1, 2, 10, (0, 3), (4, 0), (2, 7), (5, 1), (0, 1), (1, 0)])
@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("simd", VARIANTS)
def test_equals_reference_at_each_window(simd, shrink, window, sharing):
    check(simd, dim=20, window=window, shrink=shrink, sharing=sharing)


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("unit_words", [1, 3, 10, 1000])
@pytest.mark.parametrize("simd", VARIANTS)
def test_equals_reference_where_units_cut_sentences(simd, unit_words, sharing):
    check(simd, unit_words=unit_words, sharing=sharing)


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("simd", VARIANTS)
def test_equals_reference_with_saturated_logits(simd, sharing):
    check(simd, dim=100, scale=2.0, sharing=sharing, learning_rate=1e-3)


@pytest.mark.parametrize(("centers", "noise_words"), [(2, 6), (3, 1), (5, 13), (16, 32), (7, 5)])
@pytest.mark.parametrize("simd", VARIANTS)
def test_equals_reference_at_each_shape_of_block(simd, centers, noise_words):
    check(simd, sharing="group", centers=centers, noise_words=noise_words, dim=20)


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 15, 16, 17, 100])
@pytest.mark.parametrize("simd", VARIANTS)
def test_team_equals_reference_at_each_dim(simd, dim, sharing):
    """Some 50 units: more than there are lanes."""
    check(simd, dim=dim, sharing=sharing, round_blocks=2, lanes=20, unit_words=3, scale=min(0.5, 4 / dim))


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("negative", [1, 6, 13])
@pytest.mark.parametrize("round_blocks", [1, 3, 50])
@pytest.mark.parametrize("simd", VARIANTS)
def test_team_equals_reference_at_each_number_of_blocks(simd, round_blocks, negative, sharing):
    frozen = np.random.default_rng(3).random(30) < 0.4
    check(simd, threads=3, round_blocks=round_blocks, lanes=64, negative=negative, sharing=sharing, frozen=frozen)


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("simd", VARIANTS)
def test_team_gives_the_same_bits_by_any_number_of_threads(simd, sharing):
    def trained(threads):
        job = make_job(sharing=sharing, round_blocks=2, lanes=32, lengths=(40, 3, 200) * 10, unit_words=16)
        run(job, simd, threads=threads)
        return job["input_vectors"].tobytes() + job["output_vectors"].tobytes()

    assert len({trained(threads) for threads in (1, 2, 3, 7)}) == 1


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("simd", VARIANTS)
def test_tiny_vocabulary_repeats_rows(simd, sharing):
    """Noise that is the centre is left out; words drawn or met twice count twice."""
    check(simd, words=2, negative=13, window=10, sharing=sharing)


@pytest.mark.parametrize("simd", VARIANTS)
def test_one_word_sentences_train_nothing(simd):
    job = make_job(sharing="window", lengths=(1,) * 50)
    before = job["input_vectors"].copy()
    assert run(job, simd)[2:] == (0, 0, 0.0, 0)
    np.testing.assert_array_equal(job["input_vectors"], before)


@pytest.mark.parametrize("simd", VARIANTS)
def test_nan_reaches_the_loss(simd):
    job = make_job(sharing="window")
    job["input_vectors"][0, 0] = np.nan
    assert np.isnan(run(job, simd)[4])


def zeros_that_take_no_memory(rows, stride):
    """A matrix of zeros, of which only what is written to is there."""
    try:
        memory = mmap.mmap(-1, 4 * rows * stride, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    except (OSError, OverflowError) as error:
        pytest.skip(f"no {4 * rows * stride} bytes of address space: {error}")
    return np.frombuffer(memory, np.float32).reshape(rows, stride)


@pytest.mark.skipif(sys.platform != "linux", reason="MAP_NORESERVE is Linux's")
@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("simd", VARIANTS)
def test_rows_lie_where_they_should_beyond_2_to_the_32_floats(simd, sharing, monkeypatch):
    """Words in two places: their rows begin at 2**31 and 2**32 floats, and in 32 bits would fall on the first rows."""
    stride, near = 4096, 20
    places = np.concatenate([2**19 + np.arange(near), 2**20 + np.arange(near)])  # the real id of every word
    rows = int(places[-1]) + 1
    job = make_job(sharing=sharing, dim=stride, words=len(places), scale=0.02, lengths=(40, 7, 30))
    kernel = dict(job, tokens=places[job["tokens"]].astype(np.int32))
    for name in ("input_vectors", "output_vectors"):
        kernel[name] = zeros_that_take_no_memory(rows, stride)
        kernel[name][places] = job[name]
    kernel["keep"] = np.zeros(rows, np.uint32)
    kernel["keep"][places] = job["keep"]
    kernel["noise"] = np.zeros(rows, job["noise"].dtype)  # every draw becomes its alias
    kernel["noise"]["alias"] = places[np.arange(rows) % len(places)]
    small = {int(place): word for word, place in enumerate(places)}
    blocks = reference.blocks

    def blocks_of_words(_, epoch, unit):
        for windows, noise, rate in blocks(kernel, epoch, unit):
            windows = [(small[center], [small[word] for word in contexts]) for center, contexts in windows]
            yield windows, [small[word] for word in noise], rate

    monkeypatch.setattr(reference, "blocks", blocks_of_words)
    expected = [job[name].astype(np.float64) for name in ("input_vectors", "output_vectors")]
    pairs, _, _ = reference.train(job, 0, *expected)
    assert run(kernel, simd)[2] == pairs > 0
    for name, matrix_ in zip(("input_vectors", "output_vectors"), expected, strict=True):
        np.testing.assert_allclose(kernel[name][places], matrix_, rtol=2e-4, atol=2e-5)
        changed = (kernel[name][places] != job[name]).any(axis=1)
        assert changed[:near].any() and changed[near:].any()
        assert not kernel[name][:near].any() and not kernel[name][places - 2**19 + near].any()


def test_every_token_is_a_centre_once_whatever_the_units():
    for unit_words in (1, 3, 7, 64, 1000):
        job = make_job(sharing="window", sample=0, lengths=(5, 90, 1, 30), unit_words=unit_words)
        units = -(-len(job["tokens"]) // unit_words)
        blocks = [block for unit in range(units) for block in reference.blocks(job, 0, unit)]
        centers = [center for windows, _, _ in blocks for center, _ in windows]
        several = np.concatenate([job["tokens"][:95], job["tokens"][96:]])  # the sentence of one word has no pairs
        assert centers == several.tolist()


def test_cutting_sentences_loses_no_pair():
    """Without subsampling and shrinking the pairs are known: the same whatever the units."""
    jobs = [make_job(sharing="window", sample=0, shrink=False, unit_words=units) for units in (5, 64, 10**6)]
    lengths, window = (1, 40, 1, 7, 100, 2), 5
    assert {run(job, "scalar")[2] for job in jobs} == {
        sum(min(window, i) + min(window, n - 1 - i) for n in lengths for i in range(n))
    }


def test_reference_gradients_by_finite_differences():
    rng = np.random.default_rng(0)
    exact = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    inputs, outputs = rng.normal(size=(3, 6)), rng.normal(size=(4, 6))
    for matrix_, gradient in zip((inputs, outputs), reference.gradients(inputs, outputs, 0.3, exact), strict=True):
        for place in np.ndindex(matrix_.shape):
            sums = []
            for step in (1e-6, -2e-6):
                matrix_[place] += step
                sums.append(sum(reference.objective(row, outputs, 0.3) for row in inputs))
            matrix_[place] += 1e-6
            assert (sums[0] - sums[1]) / 2e-6 == pytest.approx(gradient[place], rel=1e-5, abs=1e-7)


def test_sigmoid_table():
    x = np.linspace(-30, 30, 100_001)
    table = np.array([_train.sigmoid(v) for v in x])
    assert np.abs(table - 1 / (1 + np.exp(-x))).max() <= 5e-4
    assert np.all(np.diff(table) >= -1e-6)
    loss = np.array([_train.loss(v) for v in x])
    assert np.abs(loss - np.logaddexp(0, -x)).max() <= 5e-4


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 0}, {"dim": 17}, {"negative": 0}, {"unit_words": 0}, {"loss_interval": 0},
        {"left": 0, "right": 0}, {"left": -1}, {"right": 2**20},
        {"tokens": np.array([99], np.int32)}, {"tokens": np.array([0.5])}, {"tokens": np.array([], np.int32)},
        {"frozen": np.zeros(3, bool)}, {"frozen": np.zeros(30, np.uint8)},
        {"offsets": np.array([0, 1])}, {"keep": np.zeros(3, np.uint32)},
    ],
)  # fmt: skip
def test_job_refuses(change):
    job = {k: v for k, v in make_job(sharing="pair").items() if not k.startswith("learning_rate")}
    with pytest.raises(ValueError):
        _train.Job(**{**job, **change})


def test_team_refuses():
    job = {k: v for k, v in make_job(sharing="pair", round_blocks=2).items() if not k.startswith("learning_rate")}
    team = _train.Team(_train.Job(**job), "scalar", 2, 1)
    for places in [(0, 0)], [(1, 0), (0, 0)], [(0, 0), (1, -1)]:
        with pytest.raises(ValueError, match="2 lanes"):
            team.places = places
    with pytest.raises(ValueError, match="thread=2"):
        _train.Team(_train.Job(**job), "scalar", 4, 2).run(2)
    with pytest.raises(ValueError, match="round_blocks"):
        _train.Team(_train.Job(**{**job, "round_blocks": 0}), "scalar", 4, 2)
    for lanes, threads in ((0, 1), (65, 1), (1, 0)):
        with pytest.raises(ValueError, match="lanes"):
            _train.Team(_train.Job(**job), "scalar", lanes, threads)
    with pytest.raises(ValueError, match="round_blocks"):
        _train.Job(**{**job, "round_blocks": -1})


def test_worker_refuses_an_unknown_variant():
    job = make_job(sharing="pair")
    with pytest.raises(ValueError, match="mmx"):
        run(job, "mmx")
