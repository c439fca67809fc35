"""Kernels for processors that this machine need not be, against the NumPy reference: NEON cross-compiled for arm64 and
run under qemu-user; AVX-512, AVX2 and SSE2 with the intrinsics of SIMDe, in portable C. And headers as on Windows."""

import os
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
if not HEADERS.is_dir():
    pytest.skip("the tests are here without the sources of the kernels", allow_module_level=True)
ARM_COMPILER, ARM_EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
# A sanitizer's runtime that Python was started with is not for other programs.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
SIMDE = ["-O2", "-DSGNS_EMULATED", f"-I{TESTS / 'simde'}", "-Wno-psabi"]


def build(folder, compiler, *options, stderr=None):
    path = folder / "kernel_main"
    command = [compiler, *options, "-Wall", "-Werror", f"-I{HEADERS}", TESTS / "kernel_main.c"]
    subprocess.run([*command, "-pthread", "-lm", "-o", path], check=True, stderr=stderr, env=ENVIRONMENT)
    return path


def job_bytes(job):
    """What kernel_main reads."""
    vocab_size, stride = job["input_vectors"].shape
    header = [
        len(job["tokens"]),
        len(job["offsets"]) - 1,
        job["unit_words"],
        stride,
        job["dim"],
        vocab_size,
        job["left"],
        job["shrink_windows"],
        job["centers"],
        job["noise_words"],
        job["negative"],
        job["single_pairs"],
        job["loss_interval"],
        job["seed"],
        0,
        job["right"],
        job.get("frozen") is not None,
        job.get("round_blocks", 0),
        job.get("lanes", 1),
    ]
    names = ["tokens", "offsets", "input_vectors", "output_vectors", "keep", "noise"]
    names += ["frozen"] if job.get("frozen") is not None else []
    rates = np.array([job["learning_rate"], job["learning_rate_per_word"]])
    return b"".join([np.array(header, np.int64).tobytes(), rates.tobytes(), *(job[name].tobytes() for name in names)])


def run_kernel(command, job, check=False):
    return subprocess.run(command, input=job_bytes(job), capture_output=True, check=check, env=ENVIRONMENT)


def matrices_of(answer, job):
    """Input and output vectors of what it wrote, padding and all."""
    return np.frombuffer(answer[:-16], np.float32).reshape(2, *job["input_vectors"].shape)


@pytest.fixture(scope="module")
def on_arm(tmp_path_factory):
    if not (shutil.which(ARM_COMPILER) and shutil.which(ARM_EMULATOR)):
        pytest.skip(
            f"needs {ARM_COMPILER} and {ARM_EMULATOR} (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
        )
    return [ARM_EMULATOR, build(tmp_path_factory.mktemp("neon"), ARM_COMPILER, "-O2", "-static")]


@pytest.fixture(scope="module")
def with_simde(tmp_path_factory):
    command = ["cc", "-E", "-include", "simde/x86/avx512.h", "-"]
    answer = subprocess.run(command, input=b"", capture_output=True, env=ENVIRONMENT)
    if answer.returncode:
        pytest.skip("needs the headers of SIMDe (Debian: libsimde-dev)")
    return [build(tmp_path_factory.mktemp("simde"), "cc", *SIMDE)]


@pytest.mark.parametrize(
    ("machine", "variant"),
    [("on_arm", "neon"), ("on_arm", "scalar")] + [("with_simde", name) for name in ("avx512", "avx2", "sse2")],
)
@pytest.mark.parametrize(("dim", "negative"), [(1, 5), (7, 1), (15, 5), (16, 6), (33, 12), (100, 20)])
@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("round_blocks", [0, 2])
def test_equals_reference(request, round_blocks, sharing, dim, negative, machine, variant):
    program = request.getfixturevalue(machine)
    job = make_job(
        sharing=sharing, dim=dim, negative=negative, window=(3, 6), scale=min(0.5, 8 / dim),
        round_blocks=round_blocks, lanes=2,
    )  # fmt: skip
    answer = run_kernel([*program, variant], job, check=True).stdout

    inputs, outputs = (
        job["input_vectors"].astype(np.float64)[:, :dim],
        job["output_vectors"].astype(np.float64)[:, :dim],
    )
    pairs, loss, _ = reference.train(job, 0, inputs, outputs)
    matrices = matrices_of(answer, job)
    np.testing.assert_allclose(matrices[:, :, :dim], [inputs, outputs], rtol=2e-4, atol=2e-5)
    assert not matrices[:, :, dim:].any()
    assert np.frombuffer(answer[-16:-8], np.int64)[0] == pairs
    assert np.frombuffer(answer[-8:], np.float64)[0] == pytest.approx(loss, rel=1e-3)


def test_headers_are_c_with_the_names_of_windows(tmp_path):
    compiler = shutil.which("gcc")
    if not compiler:
        pytest.skip("needs gcc")
    (tmp_path / "intrin.h").write_text(
        "long _InterlockedIncrement(volatile long *);\nlong _InterlockedOr(volatile long *, long);\n"
    )
    taken = ("near", "far", "small", "interface", "min(a, b)", "max(a, b)")
    (tmp_path / "windows.h").write_text('#include "intrin.h"\n' + "".join(f"#define {name}\n" for name in taken))
    parts = [
        path.name
        for path in sorted(HEADERS.glob("*.h"))
        if not path.name.startswith(("isa_", "sgns_body", "units", "rounds"))
    ]
    program = "".join(f'#include "{name}"\n' for name in ["sgns.h", *parts]).encode()
    options = ["-fsyntax-only", "-D_WIN32", "-D__declspec(x)=", "-D__stdcall=", f"-I{tmp_path}", f"-I{HEADERS}"]
    answer = subprocess.run([compiler, *options, "-x", "c", "-"], input=program, capture_output=True, env=ENVIRONMENT)
    assert answer.returncode == 0, answer.stderr.decode()
