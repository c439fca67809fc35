"""benchmarks/compare.py at work, and how it tells the other programs' training time from what they say."""

import json
import random
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks are not installed", allow_module_level=True)
sys.path.append(str(BENCHMARKS))

import _common  # noqa: E402
import compare  # noqa: E402
import libraries  # noqa: E402
import peers  # noqa: E402


def session(tmp_path, *said, threads=1, saving=0.0):
    return peers.Session(list(said), threads, tmp_path, saving)


@pytest.fixture
def corpus(tmp_path):
    draw = random.Random(1)
    path = tmp_path / "tiny.txt"
    path.write_text("\n".join(" ".join(f"w{int(draw.paretovariate(1)) % 99}" for _ in range(20)) for _ in range(400)))
    return path


def run_compare(*arguments):
    command = [sys.executable, str(BENCHMARKS / "compare.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_the_tables_tell_all_and_a_failing_peer_stops_nothing(corpus, tmp_path):
    pairs = tmp_path / "alike.tsv"
    pairs.write_text("w1\tw2\t3\nw2\tw3\t2\nw1\tw3\t1\n")
    crash = tmp_path / "crash"
    crash.write_text("#!/bin/sh\necho no memory for text $2 >&2\nexit 3\n")
    crash.chmod(0o755)
    process = run_compare(
        corpus, "--gensim", "--modes", "group", "--simd", "scalar", "--threads", 1, "--dims", 8, "--repeats", 2,
        "--epochs", 1, "--min-count", 1, "--pairs", pairs, "--peer", f"word2vec={crash}",
        "--peer", f"fasttext={tmp_path / 'absent'}", "--json", tmp_path / "o.json", "--markdown", tmp_path / "o.md",
    )  # fmt: skip
    assert process.returncode == 1, process.stderr
    assert process.stdout == (tmp_path / "o.md").read_text(encoding="utf-8")
    for part in (
        "tiny.txt: 8,000 words", "--modes group", "kernel variant", "min_count 1", "## 8 dimensions, 1 thread",
        "| alike |", "word2vec (FAILED, 2 of 2)", "exit status 3\nno memory for text text", "absent: no such program",
        "--analogies FILE not given",
    ):  # fmt: skip
        assert part in process.stdout
    row = next(line for line in process.stdout.splitlines() if line.startswith("| fastsgns group |"))
    assert row.split(" | ")[2] == "1.00 [1.00-1.00]" and "-" not in row.split(" | ")[-1].lstrip("-")
    runs = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["results"][0]["runs"]
    assert [run["seed"] for run in runs["fastsgns group"]] == [1, 2]
    assert runs["fastsgns group"][0]["loss"] != runs["fastsgns group"][1]["loss"]
    assert {run["simd"] for run in runs["fastsgns group scalar"]} == {"scalar"}
    assert all(run["train_seconds"] < run["total_seconds"] for run in runs["fastsgns group"])


def test_what_cannot_be_is_refused_before_the_work(corpus, tmp_path):
    for arguments, message in (
        (["--peer", "glove=/x"], "choose of word2vec"),
        (["--peer", "word2vec", "--peer", "word2vec"], "twice"),
        (["--simd", "scalar", "mmx"], "--simd mmx"),
        (["--repeats", "0"], "at least 1"),
        (["--pairs", tmp_path / "none.tsv"], "no such file"),
        (["--json", tmp_path / "none" / "o.json"], "no such folder"),
        (["--plot", tmp_path / "o.txt"], "plots are"),
    ):
        process = run_compare(corpus, *arguments)
        assert process.returncode == 2 and message in process.stderr


def test_it_takes_the_command_of_the_readme(tmp_path, monkeypatch):
    readme = (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")
    arguments = re.search(r"^\.venv/bin/python benchmarks/compare\.py (.*)$", readme, re.MULTILINE)[1]
    monkeypatch.chdir(tmp_path)
    for name in ("CORPUS", "wordsim353.tsv", "questions-words.txt"):
        (tmp_path / name).touch()
    args = compare.parse(shlex.split(arguments))
    assert set(compare.contenders(args)) >= {"fastsgns group", "gensim corpus_file", "gensim iterable"}
    assert [path.name for path in (*args.pairs, args.analogies)] == ["wordsim353.tsv", "questions-words.txt"]


@pytest.mark.parametrize("form", ["Words/thread/sec: 168.97k  ", "Words/sec: 921.47k"])  # word2vec, pWord2Vec
def test_word2vec_trains_from_its_progress_to_the_opening_of_its_output(tmp_path, form):
    said = [
        (10.0, "Starting training using file text"),
        (12.0, "Vocab size: 3923"),
        (12.0, "Words in train file: 179836"),
        (12.0, f"Alpha: 0.025000  Progress: 5.00%  {form}"),
        (12.1, f"Alpha: 0.023609  Progress: 10.00%  {form}"),
        (12.9, f"Alpha: 0.002680  Progress: 94.85%  {form}"),
    ]
    assert peers.by_progress(session(tmp_path, *said, saving=13.9)) == pytest.approx(1.9 / 0.95)
    # Of two threads, both have done their 10,000 words when both have told so.
    assert peers.by_progress(session(tmp_path, *said, saving=13.9, threads=2)) == pytest.approx(1.8 / 0.9)
    with pytest.raises(ValueError, match="too short"):
        peers.by_progress(session(tmp_path, *said[:3], saving=13.9))


def test_psgnscc_writes_its_seconds_to_a_file(tmp_path):
    (tmp_path / "pSGNScc_time").write_text(
        "Elapsed 2.76 SGDTime 0.62 CreateInM 0.23 CreateOutM 0.08 UpdateMin 0.28 UpdateMout 0.04 Overhead 1.46\n"
    )
    assert peers.by_time_file(session(tmp_path)) == 2.76


def test_fasttext_trains_from_the_vocabulary_to_its_last_line(tmp_path):
    last = "words/sec/thread:  409793 lr:  0.000000 avg.loss:  3.030756 ETA:   0h 0m 0s"
    said = [
        (1.0, "Read 0M words"),
        (1.5, "Number of words:  3923"),
        (1.5, "Number of labels: 0"),
        (1.6, f"Progress:  21.4% {last}"),
        (2.25, f"Progress: 100.0% {last}"),
    ]
    assert peers.by_last_lines(session(tmp_path, *said)) == 0.75
    with pytest.raises(ValueError, match="100 %"):
        peers.by_last_lines(session(tmp_path, *said[:4]))


def test_a_peer_is_listened_to_line_by_line_and_its_vectors_are_taken(corpus, tmp_path):
    """A program in word2vec's place: its arguments, its time by the clock, its memory, its output."""
    program = tmp_path / "word2vec"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, time\n"
        "options = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "assert options['-train'] == 'text' and options['-threads'] == '1' and options['-iter'] == '3'\n"
        "time.sleep(0.3)\n"
        "print('Vocab size: 1\\n\\rAlpha: 0.02 Progress: 0.00%', end='', flush=True)\n"
        "time.sleep(0.2)\n"
        "open(options['-output'], 'wb').write(b'1 8\\nw1 ' + bytes(32) + b'\\n')\n"
        "time.sleep(0.3)\n"
    )
    program.chmod(0o755)
    settings = {**libraries.SETTINGS, "vector_size": 8, "epochs": 3, "workers": 1, "seed": 1}
    job = {"corpus": str(corpus), "output": str(tmp_path / "vectors"), "settings": settings}
    start = time.perf_counter()
    run = peers.train("word2vec", str(program), job)
    assert 0.15 < run["train_seconds"] < 0.3 + run["total_seconds"] - 0.8
    assert 0.8 < run["total_seconds"] < time.perf_counter() - start
    assert run["vocab_size"] == 1 and run["peak_rss_bytes"] > 1e6
    assert (tmp_path / "vectors").read_bytes().startswith(b"1 8\nw1 ")
    job["settings"] |= {"vector_size": 9}
    assert "does not begin as word vectors" in peers.train("word2vec", str(program), job)["error"]


def test_words_are_counted_across_blocks(tmp_path, monkeypatch):
    path = tmp_path / "words.txt"
    path.write_text("one two\nthree   four\n\nfive")
    for block in (1, 2, 3, 7, 1000):
        monkeypatch.setattr(_common, "BLOCK", block)
        assert _common.count_words(path) == 5
