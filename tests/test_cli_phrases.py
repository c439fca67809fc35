"""`fastsgns phrases`: end to end, passes and all, and every mistake as one line and an exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastsgns
import planted
from fastsgns import ENGLISH_CONNECTOR_WORDS, Phrases, cli, cli_phrases


def made_sentences():
    """Topics, with names of two, three and linked words among them."""
    names = [["new", "york", "city"], ["bank", "of", "england"], ["vice", "versa"]]
    sentences = planted.corpus(300)
    for i, sentence in enumerate(sentences):
        sentence[i % 5 : i % 5] = names[i % 3]
    return sentences


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n\n".join(" ".join(sentence) for sentence in made_sentences()) + "\n", encoding="utf-8")
    return path


def run(capsys, *arguments):
    """Exit status, output and errors of a command line."""
    code = cli.main(["phrases", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_text_is_joined_and_told_about(corpus, tmp_path, capsys):
    out = tmp_path / "out.txt"
    code, printed, err = run(capsys, corpus, "-o", out)
    assert (code, err) == (0, "")
    phrases = Phrases(made_sentences(), delimiter="_")
    joined = [" ".join(sentence) for sentence in phrases[made_sentences()]]
    assert out.read_text(encoding="utf-8") == "\n\n".join(joined) + "\n"
    assert "new_york" in joined[0] and "vice_versa" in joined[2]
    found = len(phrases.export_phrases())
    assert printed.startswith(f"{out}: {found:,} phrases, joined ") and printed.count("\n") == 1


def test_options_reach_the_phrases(corpus, tmp_path, capsys):
    words = tmp_path / "words"
    words.write_text("of\nthe a\n", encoding="utf-8")
    report_file = tmp_path / "report.json"
    code, printed, err = run(
        capsys, corpus, corpus, "-o", tmp_path / "out.gz", "--min-count", 20, "--threshold", 0.6, "--scoring", "npmi",
        "--delimiter", "~", "--connector-words", words, "--workers", 2, "--errors", "replace", "--quiet",
        "--max-vocab-size", 5000, "--report", report_file,
    )  # fmt: skip
    assert (code, printed, err) == (0, "", "")
    wanted = Phrases(
        2 * made_sentences(), 20, 0.6, delimiter="~", scoring="npmi", connector_words=["of", "the", "a"]
    ).export_phrases()
    report = json.loads(report_file.read_text(encoding="utf-8"))
    assert report["version"] == fastsgns.__version__ and report["workers"] == 2
    (only,) = report["passes"]
    assert only["phrases"] == wanted and "bank~of~england" in wanted
    assert only["threshold"] == 0.6 and only["joined"] > 0
    assert only["words"] == 2 * sum(map(len, made_sentences()))
    assert only["lines"] == 2 * (2 * len(made_sentences()) - 1)
    assert report["total_seconds"] >= only["count_seconds"] + only["join_seconds"] > 0


def test_passes_make_phrases_of_phrases(corpus, tmp_path, capsys):
    out, report = tmp_path / "out.txt", tmp_path / "report.json"
    arguments = "--passes", 3, "--threshold", "8,5,3", "--connector-words", "english", "--report", report
    code, printed, _ = run(capsys, corpus, "-o", out, *arguments)
    sentences = made_sentences()
    passes = []
    for threshold in (8, 5, 3):
        passes.append(Phrases(sentences, threshold=threshold, connector_words=ENGLISH_CONNECTOR_WORDS))
        sentences = list(passes[-1][sentences])
    assert code == 0
    assert out.read_text(encoding="utf-8").split("\n\n") == [" ".join(s) for s in sentences[:-1]] + [
        " ".join(sentences[-1]) + "\n"
    ]
    assert "new_york_city" in out.read_text(encoding="utf-8")
    found = [one["phrases"] for one in json.loads(report.read_text(encoding="utf-8"))["passes"]]
    assert found == [phrases.export_phrases() for phrases in passes]
    assert [line.split(":")[0] for line in printed.splitlines()] == ["pass 1", "pass 2", str(out)]
    assert sorted(tmp_path.iterdir()) == [out, report]


def test_an_empty_text_stays_empty(tmp_path, capsys):
    (tmp_path / "in").write_bytes(b"")
    assert run(capsys, tmp_path / "in", "-o", tmp_path / "out", "--passes", 2)[0] == 0
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ["IN"]),
        (["{corpus}"], 2, ["--output"]),
        (["{corpus}", "-o", "{corpus}"], 2, ["part of the corpus"]),
        (["{folder}", "-o", "{corpus}"], 2, ["part of the corpus"]),
        (["{corpus}", "-o", "{folder}"], 2, ["is a directory"]),
        (["{corpus}", "-o", "{folder}/none/out"], 2, ["no such directory"]),
        (["{corpus}", "-o", "{folder}/out.zst"], 2, [".zst"]),
        (["{corpus}", "-o", "{folder}/out", "--report", "{folder}/out"], 2, ["overwrite"]),
        (["{corpus}", "-o", "{folder}/out", "--threshold", "2,x"], 2, ["--threshold: '2,x' is not a number"]),
        (["{corpus}", "-o", "{folder}/out", "--threshold", "0"], 2, ["threshold=0"]),
        (["{corpus}", "-o", "{folder}/out", "--threshold", "2", "--scoring", "npmi"], 2, ["threshold=2", "npmi"]),
        (["{corpus}", "-o", "{folder}/out", "--scoring", "pmi"], 2, ["pmi"]),
        (["{corpus}", "-o", "{folder}/out", "--min-count", "0"], 2, ["min_count=0"]),
        (["{corpus}", "-o", "{folder}/out", "--passes", "0"], 2, ["--passes"]),
        (["{corpus}", "-o", "{folder}/out", "--passes", "1e3"], 2, ["--passes: '1e3' is not a whole number"]),
        (["{corpus}", "-o", "{folder}/out", "--passes", "3", "--threshold", "2,1"], 2, ["2 numbers for 3 passes"]),
        (["{corpus}", "-o", "{folder}/out", "--delimiter", " "], 2, ["delimiter=' '", "white space"]),
        (["{corpus}", "-o", "{folder}/out", "--delimiter", ""], 2, ["delimiter=''"]),
        (["{corpus}", "-o", "{folder}/out", "--errors", "never"], 2, ["errors='never'"]),
        (["{corpus}", "-o", "{folder}/out", "--workers", "0"], 2, ["workers=0"]),
        (["{corpus}", "-o", "{folder}/out", "--connector-words", "{folder}/none"], 1, ["none", "No such file"]),
        (["{corpus}", "-o", "{folder}/out", "--connector-words", "{binary}"], 1, ["bytes", "UTF-8"]),
        (["{corpus}", "-o", "{binary}", "--connector-words", "{binary}"], 2, ["is the list of connector words"]),
        (
            ["{corpus}", "-o", "{folder}/out", "--report", "{binary}", "--connector-words", "{binary}"],
            2,
            ["is the list of connector words"],
        ),
        (["{folder}/none", "-o", "{folder}/out"], 1, ["none"]),
        (["{binary}", "-o", "{folder}/out"], 1, ["bytes", "offset 0"]),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(arguments, code, words, corpus, tmp_path, capsys):
    places = {"corpus": corpus, "folder": corpus.parent, "binary": tmp_path / "bytes"}
    places["binary"].write_bytes(b"\xff\xfd")
    before = corpus.read_bytes()
    status, printed, err = run(capsys, *(argument.format(**places) for argument in arguments))
    assert (status, printed) == (code, "")
    assert err.startswith("fastsgns: error: ") and err.count("\n") == 1, err
    assert all(word in err for word in words), err
    assert corpus.read_bytes() == before and list(corpus.parent.iterdir()) == [corpus]
    assert places["binary"].read_bytes() == b"\xff\xfd"


def as_module(*arguments, **options):
    env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent)}
    command = [sys.executable, "-m", "fastsgns", "phrases", *map(str, arguments)]
    return subprocess.Popen(command, env=env, text=True, **options)


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_text_is_read_from_no_pipe_but_goes_into_one(corpus, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    code, _, err = run(capsys, tmp_path / "pipe", "-o", tmp_path / "out")
    assert code == 2 and "pipe: text is read twice" in err
    process = as_module(corpus, "-o", "/dev/stdout", "--quiet", "--passes", 2, cwd=tmp_path, stdout=subprocess.PIPE)
    printed, _ = process.communicate()
    run(capsys, corpus, "-o", tmp_path / "out", "--passes", 2)
    assert process.returncode == 0
    assert printed == (tmp_path / "out").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_leaves_nothing_behind(tmp_path):
    text = tmp_path / "text"
    text.write_text("a b c d e f g\n" * 100_000, encoding="utf-8")
    process = as_module(text, "-o", tmp_path / "out.xz", "--passes", 10**4, cwd=tmp_path, stderr=subprocess.PIPE,
                        stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout.readline().startswith("pass 1: ")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "fastsgns: error: interrupted\n")
    assert list(tmp_path.iterdir()) == [text]


def test_a_failure_between_passes_leaves_nothing_behind(corpus, tmp_path, capsys, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    one_pass = cli_phrases.one_pass
    monkeypatch.setattr(cli_phrases, "one_pass", lambda *a: fail() if Path(a[2]).name == "pass2" else one_pass(*a))
    code, printed, err = run(capsys, corpus, "-o", tmp_path / "out", "--passes", 3)
    assert code == 1 and printed.count("\n") == 1 and "No space left" in err
    assert list(tmp_path.iterdir()) == []
