"""The fuzzers of tests/fuzz: every input kept there, damaged variants of sound files, and short runs where there is
libFuzzer or atheris. Long runs: tests/fuzz/run.py."""

import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parent / "fuzz"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


run, targets, mutations = load("run"), load("targets"), load("mutations")
needs_sources = pytest.mark.skipif(not run.HEADERS.is_dir(), reason="the tests are here without the parsers' sources")


def inputs(parser):
    paths = sorted((run.CORPUS / parser).iterdir())
    assert paths
    return paths


def fuzzed(command, parser, folder, executions):
    """Runs libFuzzer, which begins with all inputs kept; how it ended."""
    shutil.copytree(run.CORPUS / parser, folder / "corpus")
    command = [*command, f"-runs={executions}", "-seed=1", f"-artifact_prefix={folder}/find-", folder / "corpus"]
    # The peak that the system tells of a program can be that of the process which started it: this one's.
    command += ["-rss_limit_mb=0", "-malloc_limit_mb=2048"]
    done = run.run_fuzzer([*map(str, command)])
    assert done.returncode or re.search(rf"^Done {executions} runs", done.stderr, re.MULTILINE), done.stderr
    return done


@pytest.fixture(scope="module")
def feed(tmp_path_factory):
    """A function that gives a C harness the inputs kept, and 3000 more if there is libFuzzer."""
    folder = tmp_path_factory.mktemp("harnesses")
    if run.has_libfuzzer():
        compiler, options = "clang", ["-fsanitize=fuzzer"]
    else:
        compiler, options = next(filter(shutil.which, ("gcc", "clang")), None), [str(FUZZ / "main.c")]
        probe = [str(compiler), "-x", "c", *run.SANITIZERS, "-", "-o", folder / "probe"]
        program = b"int main(void) { return 0; }"
        if compiler is None or subprocess.run(probe, input=program, capture_output=True).returncode:
            pytest.skip("needs gcc or clang with AddressSanitizer and UndefinedBehaviorSanitizer")

    def run_harness(harness, folder, **elsewhere):
        program = run.build(harness, folder, compiler, "-O1", *options, **elsewhere)
        if run.has_libfuzzer():
            return fuzzed([program, f"-max_len={run.LONGEST['C']}"], harness, folder, 3000)
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        done = subprocess.run(
            [program, *inputs(harness)], capture_output=True, text=True, errors="replace", env=environment
        )
        assert done.returncode or done.stdout == f"{len(inputs(harness))} files\n"
        return done

    return run_harness


@needs_sources
@pytest.mark.parametrize("harness", run.HARNESSES)
def test_c_parsers(harness, feed, tmp_path):
    done = feed(harness, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]


@needs_sources
def test_c_harnesses_find_what_is_wrong(feed, tmp_path):
    """A line of the tokeniser broken on purpose is found: the inputs reach it, and comparisons do compare."""
    headers = tmp_path / "headers"
    shutil.copytree(run.HEADERS, headers)
    text = (headers / "utf8.h").read_text()
    wrong = text.replace("case 0xE3: return p[1] == 0x80 && p[2] == 0x80;", "case 0xE3: return 0;")
    assert wrong != text
    (headers / "utf8.h").write_text(wrong)
    done = feed("scan", tmp_path, headers=headers)
    assert done.returncode != 0
    assert re.search(r"scan\.c:\d+: ", done.stderr), done.stderr


@pytest.mark.parametrize("target", targets.TARGETS)
def test_readers_take_every_input_kept(target):
    for path in inputs(target):
        worked = targets.TARGETS[target](path.read_bytes())
        # If not: a format has changed, and `tests/fuzz/run.py --seeds` writes its files anew.
        assert worked or not path.name.startswith("sound"), path


@pytest.mark.parametrize("target", targets.TARGETS)
def test_readers_refuse_damaged_files(target):
    """Mutations of sound files give ValueError or OSError, or what is sound."""
    sound = [path.read_bytes() for path in inputs(target) if path.name.startswith("sound")]

    @settings(
        max_examples=60, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.sampled_from(sound), st.integers(0, 2**32), st.integers(1, 3))
    def check(data, seed, times):
        rng = random.Random(seed)
        for _ in range(times):
            data = mutations.mutate(data, rng)
        targets.TARGETS[target](data)

    check()


@pytest.mark.skipif(not run.has_atheris(), reason="needs atheris (pip install atheris)")
def test_readers_fuzzed_for_a_moment(tmp_path):
    done = fuzzed(run.command_for("vectors", tmp_path), "vectors", tmp_path, 300)
    assert done.returncode == 0, done.stderr[-4000:]
