"""The command line: every command end to end, and every mistake as one line and an exit status."""

import inspect
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
from fastsgns import KeyedVectors, Word2Vec, cli, cli_train, config
from fastsgns.word2vec import WITHOUT_EFFECT


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n".join(" ".join(sentence) for sentence in planted.corpus(3000)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(corpus):
    """A trained model's file."""
    path = corpus.parent / "model.safetensors"
    arguments = ["train", str(corpus), "-o", str(path), "--epochs", "10", "--vector-size", "32", "--workers", "1"]
    assert cli.main([*arguments, "--sample", "0", "--quiet"]) == 0
    return path


def run(capsys, *arguments):
    """Exit status, output and errors of a command line."""
    code = cli.main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def refused(capsys, *arguments, code=2):
    """The one line of a command line that fails."""
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (code, "")
    assert err.startswith("fastsgns: error: ") and err.count("\n") == 1, err
    return err


def test_every_training_parameter_is_an_option():
    python_only = {"sentences", "corpus_file", "callbacks", "progress", "sg", "hs", "trim_rule", *WITHOUT_EFFECT}
    options = {name for name, *_ in cli_train.TRAINING_OPTIONS}
    assert options == set(inspect.signature(Word2Vec).parameters) - python_only


def test_options_reach_the_model_and_the_report_is_complete(corpus, tmp_path, capsys):
    out, report_file = tmp_path / "m.safetensors", tmp_path / "report.json"
    code, printed, err = run(
        capsys, "train", corpus, corpus, "-o", out, "--report", report_file, "--vector-size", 12, "--window", 3,
        "--negative", 7, "--epochs", 2, "--workers", 2, "--min-count", 3, "--sample", "0.01", "--alpha", "0.05",
        "--min-alpha", "0.001", "--seed", 9, "--ns-exponent", "0.5", "--negative-sharing", "pair",
        "--no-shrink-windows", "--max-final-vocab", 100, "--no-sorted-vocab", "--compute-loss", "--errors", "replace",
        "--corpus-cache", tmp_path / "cache", "--deterministic",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert str(out) in printed
    model = Word2Vec.load(out)
    expected = dict(
        vector_size=12, window=3, negative=7, epochs=2, workers=2, min_count=3, sample=0.01, alpha=0.05,
        min_alpha=0.001, seed=9, ns_exponent=0.5, negative_sharing="pair", shrink_windows=False,
        max_final_vocab=100, sorted_vocab=False,
        compute_loss=True, errors="replace", deterministic=True,
    )  # fmt: skip
    assert {name: getattr(model, name) for name in expected} == expected
    report = json.loads(report_file.read_text(encoding="utf-8"))
    assert set(report) >= {
        "corpus_words", "kept_words", "vocab_size", "scan_seconds", "train_seconds", "total_seconds",
        "words_per_second", "workers", "simd", "negative_sharing", "loss", "peak_rss_bytes", "version",
    }  # fmt: skip
    assert report["corpus_words"] == 2 * len(corpus.read_text(encoding="utf-8").split())
    assert report["total_seconds"] >= report["scan_seconds"] + report["train_seconds"]
    assert len(report["loss"]) == 2


@pytest.mark.parametrize("kind", cli_train.FORMATS)
def test_formats_are_those_asked_for_and_read_back(model, corpus, tmp_path, capsys, kind):
    out = tmp_path / "vectors"
    arguments = ("--epochs", 1, "--vector-size", 8, "--workers", 1, "--quiet", "--format", kind)
    assert run(capsys, "train", corpus, "-o", out, *arguments) == (0, "", "")
    if kind == "safetensors":
        assert Word2Vec.load(out).vector_size == 8
    else:
        assert KeyedVectors.load_word2vec_format(out, binary=kind == "word2vec-binary").vector_size == 8
    code, printed, _ = run(capsys, "neighbors", out, "topic0_0", "-n", 1)
    assert code == 0 and len(printed.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("v.safetensors", "safetensors"), ("v.txt.gz", "word2vec"), ("v.gz", "word2vec"), ("v.bin", "word2vec-binary")],
)
def test_names_that_stand_for_the_format_are_taken(corpus, tmp_path, capsys, name, kind):
    arguments = ("--epochs", 1, "--vector-size", 8, "--workers", 1, "--quiet", "--format", kind)
    assert run(capsys, "train", corpus, "-o", tmp_path / name, *arguments) == (0, "", "")
    code, printed, _ = run(capsys, "neighbors", tmp_path / name, "topic0_0", "-n", 1)
    assert code == 0 and len(printed.splitlines()) == 2


def test_keyed_vectors_and_compressed_files_are_read_too(model, tmp_path, capsys):
    vectors = Word2Vec.load(model).wv
    vectors.save(tmp_path / "native")
    vectors.save_word2vec_format(tmp_path / "v.txt.gz")
    vectors.save_word2vec_format(tmp_path / "v.bin.gz", binary=True)
    answers = [run(capsys, "neighbors", path, "topic0_0") for path in (model, *sorted(tmp_path.iterdir()))]
    assert len(answers) == 4 and set(answers) == {answers[0]}
    assert answers[0][0] == 0


def test_neighbors_are_of_the_planted_topic(model, capsys):
    code, printed, _ = run(capsys, "neighbors", model, "topic3_1", "topic4_1", "--topn", 5)
    lines = printed.split("\n")
    assert code == 0
    assert [lines[0], lines[6]] == ["topic3_1", "topic4_1"]
    assert all("topic3_" in line for line in lines[1:6]) and all("topic4_" in line for line in lines[7:12])


def test_analogy_asks_b_minus_a_plus_c(model, capsys):
    code, printed, _ = run(capsys, "analogy", model, "capital_1", "river_1", "capital_2", "-n", 3)
    expected = Word2Vec.load(model).wv.most_similar(positive=["river_1", "capital_2"], negative=["capital_1"], topn=3)
    assert code == 0
    assert [line.split()[1] for line in printed.splitlines()[1:]] == [word for word, _ in expected]


def test_models_of_integer_ids_are_asked_by_number(tmp_path, capsys):
    Word2Vec([[3, 5, 7]] * 20, vector_size=4, sample=0, workers=1).save(tmp_path / "ids")
    assert run(capsys, "neighbors", tmp_path / "ids", "5")[0] == 0
    assert "'4' is not in the vocabulary" in refused(capsys, "neighbors", tmp_path / "ids", "4", code=1)


@pytest.fixture
def questions(tmp_path):
    analogies, pairs = tmp_path / "questions.txt", tmp_path / "pairs.tsv"
    lines = [": grid", *(" ".join(question) for question in planted.analogies()[:40])]
    analogies.write_text("\n".join(lines) + "\n", encoding="utf-8")
    near = [("topic0_0", "topic0_1", 9), ("topic2_3", "topic2_4", 8)]
    far = [("topic0_0", "topic1_1", 1), ("topic2_3", "topic5_4", 2)]
    lines = [f"{a}\t{b}\t{score}" for a, b, score in [*near, *far, ("none", "such", 5)]]
    pairs.write_text("\n".join(lines), encoding="utf-8")
    return analogies, pairs


def test_evaluate_agrees_with_the_library(model, questions, capsys):
    analogies, pairs = questions
    code, printed, _ = run(capsys, "evaluate", model, "--analogies", analogies, "--pairs", pairs, pairs, "--json")
    result = json.loads(printed)
    vectors = Word2Vec.load(model).wv
    score, sections = vectors.evaluate_word_analogies(analogies, restrict_vocab=30000)
    pearson, spearman, oov = vectors.evaluate_word_pairs(pairs)
    assert code == 0
    assert result["analogies"]["accuracy"] == pytest.approx(score)
    assert result["analogies"]["questions"] == 40
    assert result["analogies"]["correct"] == len(sections[-1]["correct"])
    assert [section["section"] for section in result["analogies"]["sections"]] == ["grid"]
    assert len(result["pairs"]) == 2
    assert result["pairs"][0]["spearman"] == pytest.approx(spearman[0])
    assert result["pairs"][0]["pearson"] == pytest.approx(pearson[0])
    assert result["pairs"][0]["out_of_vocabulary_percent"] == pytest.approx(oov) == 20


def test_evaluate_prints_a_line_a_score(model, questions, capsys):
    analogies, pairs = questions
    arguments = ("--analogies", analogies, "--pairs", pairs, "--restrict-vocab", 100)
    code, printed, _ = run(capsys, "evaluate", model, *arguments)
    lines = printed.splitlines()
    assert code == 0
    assert lines[0].startswith("pairs.tsv: Spearman ") and "20.0 %" in lines[0]
    assert lines[1].startswith("  grid: ")
    assert lines[2].startswith("questions.txt, 100 most frequent words: ")


def test_info_prints_the_configuration(capsys):
    code, printed, _ = run(capsys, "info")
    assert code == 0 and "in use" in printed and fastsgns.__version__ in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND"]),
        (["fly"], ["fly"]),
        (["train", "{corpus}"], ["--output"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--epochs", "many"], ["--epochs", "many"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--negative", "0"], ["negative=0"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--alpha", "nan"], ["alpha=nan"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--negative-sharing", "all"], ["negative_sharing='all'"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--format", "csv"], ["csv"]),
        (["train", "{corpus}", "-o", "{folder}"], ["is a directory"]),
        (["train", "{corpus}", "-o", "{folder}/none/m"], ["none", "no such directory"]),
        (["train", "{corpus}", "-o", "{corpus}"], ["part of the corpus"]),
        (["train", "{folder}", "-o", "{corpus}"], ["part of the corpus"]),
        (["train", "{corpus}", "-o", "{model}", "--init-vectors", "{model}"], ["model.saf", "of --init-vectors"]),
        (["train", "{corpus}", "-o", "m", "--report", "{model}", "--init-vectors", "{model}"], ["of --init-vectors"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--report", "{folder}/m"], ["overwrite"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--corpus-cache", "{folder}/m"], ["overwrite"]),
        (["train", "{corpus}", "-o", ""], ["is a directory"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--report", ""], ["is a directory"]),
        (["train", "{corpus}", "-o", "{folder}/m.safetensors.gz"], ["unpacked", ".safetensors", "convert"]),
        (["train", "{corpus}", "-o", "{folder}/m.gz"], ["unpacked"]),
        (["train", "{corpus}", "-o", "{folder}/m.txt"], ["word2vec, not safetensors", "--format word2vec"]),
        (["train", "{corpus}", "-o", "{folder}/m.npz"], ["npz, not safetensors", "convert"]),
        (["train", "{corpus}", "-o", "{folder}/m.BIN", "--format", "word2vec"], ["--format word2vec-binary"]),
        (["train", "{corpus}", "-o", "{folder}/m.safetensors", "--format", "word2vec"], ["--format safetensors"]),
        (["train", "{corpus}", "-o", "{folder}/" + 300 * "m"], ["cannot be written", "name too long"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--errors", "sometimes"], ["errors='sometimes'"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--workers", "1000000"], ["workers=1000000"]),
        (["neighbors", "{model}", "topic0_0", "-n", "0"], ["--topn"]),
        (["evaluate", "{model}"], ["--analogies", "--pairs"]),
    ],
)
def test_bad_use_is_refused_before_any_work(arguments, words, corpus, model, capsys):
    before = corpus.read_bytes(), model.read_bytes()
    places = {"corpus": corpus, "model": model, "folder": corpus.parent}
    message = refused(capsys, *(argument.format(**places) for argument in arguments))
    assert all(word in message for word in words), message
    assert (corpus.read_bytes(), model.read_bytes()) == before
    assert sorted(corpus.parent.iterdir()) == [corpus, model]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "{folder}/none.txt", "-o", "{folder}/m"], ["none.txt"]),
        (["train", "", "-o", "{folder}/m"], ["corpus_file='' is empty"]),
        (["train", "{corpus}", "-o", "{folder}/m", "--min-count", "1000000"], ["min_count=1000000"]),
        (["neighbors", "{folder}/none", "word"], ["none", "No such file"]),
        (["neighbors", "{corpus}", "word"], ["corpus.txt"]),
        (["neighbors", "{folder}", "word"], ["irectory"]),
        (["neighbors", "{model}", "topic0_0", "nowhere"], ["'nowhere'", "vocabulary"]),
        (["neighbors", "{model}", "--", "--5"], ["'--5'", "vocabulary"]),
        (["evaluate", "{model}", "--pairs", "{folder}/none.tsv"], ["none.tsv"]),
        (["evaluate", "{model}", "--analogies", "{corpus}"], ["corpus.txt"]),
    ],
)
def test_failures_name_their_cause(arguments, words, corpus, model, capsys):
    places = {"corpus": corpus, "model": model, "folder": corpus.parent}
    message = refused(capsys, *(argument.format(**places) for argument in arguments), code=1)
    assert all(word in message for word in words), message
    assert sorted(corpus.parent.iterdir()) == [corpus, model]


def test_an_interrupt_is_130(corpus, tmp_path, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Word2Vec, "train", interrupt)
    assert "interrupted" in refused(capsys, "train", corpus, "-o", tmp_path / "m", code=130)
    assert not (tmp_path / "m").exists()


def as_module(*arguments, **options):
    """`python -m fastsgns` in a process of its own, with the package that this one has."""
    env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent)}
    return subprocess.Popen([sys.executable, "-m", "fastsgns", *map(str, arguments)], env=env, text=True, **options)


def test_module_runs_as_the_command(tmp_path):
    process = as_module("--version", cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.communicate()[0] == f"fastsgns {fastsgns.__version__}\n"
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
@pytest.mark.parametrize("stage", ["scan", "training"])
def test_ctrl_c_ends_it_in_one_line(corpus, tmp_path, stage):
    pipe, out = tmp_path / "pipe", tmp_path / "m"
    os.mkfifo(pipe)
    arguments = "--workers", 4, "--epochs", 10**6, "--sample", 0
    process = as_module("train", pipe, "-o", out, *arguments, cwd=tmp_path, stderr=subprocess.PIPE)
    with open(pipe, "wb") as writer:  # waits until the scan has opened it
        writer.write(corpus.read_bytes())
        writer.flush()
        if stage == "training":
            writer.close()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "fastsgns: error: interrupted\n")
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_vectors_go_through_a_pipe(corpus, tmp_path):
    arguments = "--format", "word2vec", "--quiet", "--epochs", 1
    process = as_module("train", corpus, "-o", "/dev/stdout", *arguments, cwd=tmp_path, stdout=subprocess.PIPE)
    (tmp_path / "v").write_text(process.communicate()[0], encoding="utf-8")
    assert process.returncode == 0
    assert "topic0_0" in KeyedVectors.load_word2vec_format(tmp_path / "v")


@pytest.mark.skipif(os.name != "posix", reason="shells of POSIX")
def test_closed_and_narrow_streams(corpus, tmp_path):
    command = f'"{sys.executable}" -m fastsgns train "{corpus}" -o m\u00e9 --epochs 1'
    env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent), "PYTHONIOENCODING": "ascii"}
    for streams in ("", " >&-", " 2>&-"):  # the model is there, whatever becomes of the summary
        process = subprocess.run(command + streams, shell=True, env=env, cwd=tmp_path, capture_output=True, check=False)
        assert (process.returncode, process.stderr) == (0, b"")
        assert process.stdout.startswith(b"m\\xe9: " if streams.strip() != ">&-" else b"")


def test_warnings_are_a_line_each(tmp_path, capsys):
    path = tmp_path / "c.txt"
    path.write_text("a b\n" * 1000, encoding="utf-8")
    code, _, err = run(capsys, "train", path, "-o", tmp_path / "m", "--sample", "1e-9", "--epochs", 2, "--quiet")
    assert code == 0
    assert err.startswith("fastsgns: warning: 2 of 2 epochs trained no pair") and err.count("\n") == 1


def test_an_unknown_variant_is_a_line(corpus, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(config, "SIMD", "mmx")
    assert "FASTSGNS_SIMD='mmx'" in refused(capsys, "train", corpus, "-o", tmp_path / "m")
    assert "FASTSGNS_SIMD='mmx'" in refused(capsys, "info", code=1)
    process = as_module("--version", cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.communicate()[0] and process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("arguments", [("neighbors", "{model}", "topic0_0"), ("--help",)])
def test_a_reader_that_leaves_ends_it_quietly_as_it_does_other_tools(arguments, model, tmp_path, monkeypatch):
    arguments = [argument.format(model=model) for argument in arguments]
    for unbuffered in ("", "1"):
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        process = as_module(*arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait() == 141


@pytest.mark.skipif(os.name != "posix", reason="shells of POSIX")
@pytest.mark.parametrize("arguments", ["info", "neighbors {model} topic0_0", "train {corpus} -o m --json"])
def test_answers_are_not_lost_in_a_closed_output(arguments, model, corpus, tmp_path):
    command = f'"{sys.executable}" -m fastsgns {arguments.format(model=model, corpus=corpus)} >&-'
    env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent)}
    process = subprocess.run(command, shell=True, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    assert process.stderr.startswith("fastsgns: error: standard output is closed") and process.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
