"""Fuzzes the parsers for long: `python tests/fuzz/run.py --executions 1000000 [PARSER ...]`.

The C headers by libFuzzer (needs clang) with AddressSanitizer and UndefinedBehaviorSanitizer, what Python reads by
atheris (`pip install atheris`). What makes a parser fail is left in corpus/PARSER/find-*, which the tests replay.
`--minimise` puts the smallest inputs that reach all that was reached into corpus/PARSER; `--seeds` writes the sound
files that mutations begin with anew, after a format has changed.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADERS = HERE.parent.parent / "fastsgns" / "_c"
CORPUS = HERE / "corpus"
HARNESSES = ("scan", "records", "joiner", "pairs", "tally")
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
LONGEST = {"C": 512, "Python": 4096}
MOST_BYTES = 12_000  # of one parser's corpus, finds and sound files aside


def build(harness: str, folder: Path, compiler: str, *options: str, headers: Path = HEADERS) -> Path:
    """The program of a harness, with the sanitizers; options may hold further sources."""
    program = folder / f"{Path(compiler).name}-{harness}"
    flags = ["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", f"-I{headers}"]
    command = [compiler, *flags, *SANITIZERS, *options, str(HERE / f"{harness}.c"), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return program


@functools.cache
def has_libfuzzer() -> bool:
    if not shutil.which("clang"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = ["clang", "-x", "c", "-fsanitize=fuzzer,address", "-", "-o", f"{folder}/probe"]
        probe = b"int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return (void)d, (int)(n - n); }"
        return subprocess.run(command, input=probe, capture_output=True).returncode == 0


def has_atheris() -> bool:
    return importlib.util.find_spec("atheris") is not None


def command_for(parser: str, folder: Path) -> list[str]:
    """What fuzzes a parser; arguments of libFuzzer go behind it."""
    if parser in HARNESSES:
        return [str(build(parser, folder, "clang", "-fsanitize=fuzzer")), f"-max_len={LONGEST['C']}"]
    script = [sys.executable, str(HERE / "atheris_target.py"), parser]
    return [*script, f"-max_len={LONGEST['Python']}", "-rss_limit_mb=2048", "-timeout=20"]


def run_fuzzer(command: list[str]) -> subprocess.CompletedProcess[str]:
    from targets import MEMORY

    with tempfile.TemporaryDirectory(prefix="fastsgns-fuzz-", dir=MEMORY) as folder:
        environment = {**os.environ, "FASTSGNS_FUZZ_FOLDER": folder}
        if command[0] != sys.executable:  # it has sanitizers of its own
            environment.pop("LD_PRELOAD", None)
        return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)


def fuzz(parser: str, executions: int, work: Path) -> str | None:
    """Runs one parser; prints a row of the table, and gives the log of a failure."""
    grown = work / parser
    grown.mkdir(parents=True, exist_ok=True)
    (CORPUS / parser).mkdir(exist_ok=True)
    command = [*command_for(parser, work), f"-runs={executions}", f"-artifact_prefix={CORPUS / parser}/find-"]
    start = time.monotonic()
    done = run_fuzzer([*command, str(grown), str(CORPUS / parser)])
    counted = [int(number) for number in re.findall(r"^#(\d+)\s", done.stderr, re.MULTILINE)]
    result = "none" if done.returncode == 0 else f"FAILED ({done.returncode})"
    print(f"| {parser} | {max(counted, default=0):,} | {time.monotonic() - start:.0f} s | {result} |", flush=True)
    return None if done.returncode == 0 else done.stdout[-3000:] + done.stderr[-1000:]


def minimise(parser: str, work: Path) -> None:
    """Keeps of what a run has reached the smallest inputs, by increasing size, up to MOST_BYTES."""
    kept = CORPUS / parser
    with tempfile.TemporaryDirectory() as merged:
        options = ["-set_cover_merge=1", "-use_counters=0", merged, str(kept), str(work / parser)]
        run_fuzzer([*command_for(parser, work), *options]).check_returncode()
        for old in kept.iterdir():
            if not old.name.startswith(("find-", "sound")):
                old.unlink()
        left = MOST_BYTES
        for path in sorted(Path(merged).iterdir(), key=lambda path: (path.stat().st_size, path.name)):
            left -= path.stat().st_size
            if left < 0:
                break
            shutil.copy(path, kept / path.name[:12])


def main() -> int:
    from targets import TARGETS, write_seeds

    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parsers", nargs="*", choices=[*HARNESSES, *TARGETS, []], metavar="PARSER")
    options.add_argument("--executions", type=int, default=1_000_000, help="of each parser")
    options.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "fastsgns-fuzz")
    options.add_argument("--minimise", action="store_true")
    options.add_argument("--seeds", action="store_true")
    given = options.parse_args()
    if given.seeds:
        write_seeds(CORPUS)
        return 0
    failed = False
    for parser in given.parsers or [*HARNESSES, *TARGETS]:
        if given.minimise:
            minimise(parser, given.work)
        elif log := fuzz(parser, given.executions, given.work):
            print(log)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
