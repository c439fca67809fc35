"""The NEON kernel, cross-compiled for arm64 and run under qemu-user, against the NumPy reference."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_kernel import make_job

import reference
from fastsgns.sampling import SHARING

TESTS = Path(__file__).parent
HEADERS = TESTS.parent / "fastsgns" / "_c"
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"

pytestmark = pytest.mark.skipif(
    not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
    reason=f"needs {COMPILER} and {EMULATOR} (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("neon") / "kernel_main"
    command = [COMPILER, "-O2", "-Wall", "-Werror", "-static", f"-I{HEADERS}", TESTS / "kernel_main.c"]
    subprocess.run([*command, "-lm", "-o", path], check=True)
    return path


@pytest.mark.parametrize("variant", ["neon", "scalar"])
@pytest.mark.parametrize(("dim", "negative"), [(1, 5), (7, 1), (15, 5), (16, 6), (33, 12), (100, 20)])
@pytest.mark.parametrize("sharing", SHARING)
def test_equals_reference(program, sharing, dim, negative, variant):
    job = make_job(sharing=sharing, dim=dim, negative=negative)
    vocab_size, stride = job["input_vectors"].shape
    header = [
        len(job["tokens"]),
        len(job["offsets"]) - 1,
        job["unit_words"],
        stride,
        dim,
        vocab_size,
        job["window"],
        job["shrink_windows"],
        job["centers"],
        job["noise_words"],
        negative,
        job["single_pairs"],
        1,
        job["seed"],
        0,
        0,
    ]
    names = ("tokens", "offsets", "input_vectors", "output_vectors", "keep", "noise")
    rates = np.array([job["learning_rate"], job["learning_rate_per_word"]])
    data = b"".join([np.array(header, np.int64).tobytes(), rates.tobytes(), *(job[name].tobytes() for name in names)])
    answer = subprocess.run([EMULATOR, program, variant], input=data, stdout=subprocess.PIPE, check=True).stdout

    inputs, outputs = (
        job["input_vectors"].astype(np.float64)[:, :dim],
        job["output_vectors"].astype(np.float64)[:, :dim],
    )
    pairs, loss, _ = reference.train(job, 0, inputs, outputs)
    matrices = np.frombuffer(answer[:-16], np.float32).reshape(2, vocab_size, stride)
    np.testing.assert_allclose(matrices[:, :, :dim], [inputs, outputs], rtol=2e-4, atol=2e-5)
    assert not matrices[:, :, dim:].any()
    assert np.frombuffer(answer[-16:-8], np.int64)[0] == pairs
    assert np.frombuffer(answer[-8:], np.float64)[0] == pytest.approx(loss, rel=1e-3)
