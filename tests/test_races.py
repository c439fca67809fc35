"""Kernels in threads under ThreadSanitizer: they race for rows of the matrices, for the count of words done and for the
sign to stop, as is intended (see fastsgns/_c/sgns.h), and for nothing else; those of two trainings not at all."""

import re
import subprocess
from collections import Counter

import numpy as np
import pytest
from test_emulated import build, matrices_of, run_kernel
from test_kernel import VARIANTS, make_job

from fastsgns.sampling import SHARING

INTENDED = {"input_vectors", "output_vectors", "words_done", "stop"}
# On a busy machine one thread may be through with all before another one begins.
MOST_RUNS = 50


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The command before the program's arguments."""
    folder = tmp_path_factory.mktemp("races")
    try:
        path = build(folder, "cc", "-O1", "-g", "-fsanitize=thread", stderr=subprocess.PIPE)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the C compiler makes no program for ThreadSanitizer: {error.stderr[-300:]}")
    # Its runtime knows some layouts of memory only, and may meet others where addresses are drawn at random.
    for command in ([path], ["setarch", "-R", path]):
        try:
            answer = run_kernel([*command, "scalar"], make_job(sharing="pair"))
        except FileNotFoundError:
            break
        if answer.returncode == 0:
            return command
    pytest.skip(f"ThreadSanitizer does not run here: {answer.stderr[-300:]}")


def run(program, job, *arguments):
    """Matrices, and how many races there were in which memory."""
    answer = run_kernel([*program, *map(str, arguments)], job)
    told = re.search(rb"races: (.*)\n", answer.stderr)
    assert told and answer.returncode in (0, 66), answer.stderr[-2000:]
    words = told[1].decode().split()
    races = {place: int(n) for place, n in zip(words[::2], words[1::2], strict=True)}
    assert answer.returncode == 0, answer.stderr[:4000].decode()
    assert races.pop("elsewhere") == 0
    return matrices_of(answer.stdout, job), races


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("simd", VARIANTS)
def test_races_are_the_intended_ones(program, simd, sharing):
    job = make_job(sharing=sharing, dim=8, unit_words=16, frozen=np.arange(30) % 5 == 0, lengths=(100,) * 8, sample=0.1)
    seen = Counter()
    for _ in range(MOST_RUNS):
        _, races = run(program, job, simd, 4)
        assert races.keys() == INTENDED
        seen.update(races)
        if seen["input_vectors"] and seen["output_vectors"]:
            return
    pytest.fail(f"in {MOST_RUNS} runs nothing was seen but {seen}: are there threads at all?")


@pytest.mark.parametrize("simd", VARIANTS)
def test_one_thread_races_with_who_looks_on_only(program, simd):
    _, races = run(program, make_job(sharing="group"), simd, 1)
    assert not races["input_vectors"] and not races["output_vectors"]


@pytest.mark.parametrize("simd", VARIANTS)
def test_trainings_at_once_share_nothing(program, simd):
    job = make_job(sharing="group", frozen=np.arange(30) % 5 == 0)
    alone, _ = run(program, job, simd)
    together, races = run(program, job, simd, 4, "apart")
    assert not any(races.values())
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("simd", VARIANTS)
def test_a_team_does_not_race_for_rows(program, simd, sharing):
    frozen = np.arange(30) % 5 == 0
    job = make_job(sharing=sharing, dim=8, unit_words=16, frozen=frozen, lengths=(100,) * 4, round_blocks=2, lanes=10)
    alone, _ = run(program, job, simd)
    together, races = run(program, job, simd, 4)
    assert not races["input_vectors"] and not races["output_vectors"]
    np.testing.assert_array_equal(together, alone)
