"""`fastsgns convert` and `info`, JSON of every command, and standard input and output in the place of files."""

import bz2
import gzip
import json
import lzma
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastsgns
import planted
from fastsgns import KeyedVectors, Word2Vec, cli, distributed


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    Word2Vec(planted.corpus(500), vector_size=12, epochs=3, workers=1, sample=0).save(path)
    return path


def run(capsys, *arguments):
    """Exit status, output and errors of a command line."""
    code = cli.main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def piped(*arguments, given=b"", cwd=None):
    """The same in a process of its own, fed by a pipe, or by a file that is open."""
    env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent)}
    command = [sys.executable, "-m", "fastsgns", *map(str, arguments)]
    source = {"input": given} if isinstance(given, bytes) else {"stdin": given}
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, check=False, timeout=60, **source)
    return done.returncode, done.stdout, done.stderr.decode()


def test_convert_says_what_it_did_and_what_it_left_out(model, tmp_path, capsys):
    out = tmp_path / "v.txt.gz"
    code, printed, err = run(capsys, "convert", model, out)
    words = len(Word2Vec.load(model).wv)
    assert (code, printed) == (0, f"{out}: {words} words x 12 dimensions, word2vec (from {model}, model)\n")
    assert err == (
        "fastsgns: left out, as word2vec holds none: output vectors, parameters and history of the training, word"
        " counts\n"
    )
    code, printed, err = run(capsys, "convert", out, tmp_path / "v.npy", "--json")
    told = json.loads(printed)
    assert (code, err, told["from"], told["to"], told["words"]) == (0, "", "word2vec", "npy", words)
    assert told["files"] == [str(tmp_path / "v.npy"), str(tmp_path / "v.words.txt")]
    assert run(capsys, "convert", tmp_path / "v.npy", tmp_path / "v", "--to", "glove", "--quiet") == (0, "", "")
    assert KeyedVectors.load_word2vec_format(tmp_path / "v", no_header=True).index_to_key[0] in Word2Vec.load(model).wv


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "-", "-o", "{file}", "--epochs", "1", "--min-count", "1"], "is part of the corpus"),
        (["train", "-", "-o", "{folder}/m", "--report", "{file}"], "is part of the corpus"),
        (["phrases", "-", "-o", "{file}"], "is part of the corpus"),
        (["convert", "-", "{file}", "--to", "npz"], "is the input"),
        (["plot", "-", "-o", "{file}"], "is the model"),
        (["explore", "-", "-o", "{file}"], "is the model"),
    ],
)
def test_the_file_that_standard_input_comes_from_is_not_overwritten(arguments, words, tmp_path):
    file = tmp_path / "v.txt"
    file.write_text("king 0.1 0.2\nqueen 0.1 0.3\n")
    before = file.read_bytes()
    with file.open("rb") as given:
        code, out, err = piped(*[one.format(file=file, folder=tmp_path) for one in arguments], given=given)
    assert (code, out) == (2, b"") and words in err, err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{model}"], 2, "OUT"),
        (["{model}", "{folder}/v.dat"], 2, "--to"),
        (["{model}", "{folder}/v", "--to", "csv"], 2, "csv"),
        (["{model}", "{model}"], 2, "is the input"),
        (["{model}", "{folder}/none/v.txt"], 2, "no such directory"),
        (["{model}", "/proc/v.txt"], 2, "cannot be written"),
        (["{model}", "-"], 2, "--to FORMAT"),
        (["{model}", "{folder}/v.txt", "--errors", "never"], 2, "never"),
        (["{model}", "-", "--to", "npy"], 2, "two files"),
        (["{model}", "-", "--to", "glove", "--json"], 2, "--json"),
        (["{folder}/none", "{folder}/v.txt"], 1, "none: No such file"),
        (["{model}", "{folder}/v.txt", "--from", "glove"], 1, "is this the text format|not utf8|starts with"),
        (["{model}", "{folder}/v.txt", "--from", "npz"], 1, "not NumPy arrays"),
        ([__file__, "{folder}/v.txt"], 1, "not a model file of fastsgns, nor vectors"),
    ],
)
def test_conversions_that_cannot_be_are_one_line(arguments, code, words, model, tmp_path, capsys):
    before = model.read_bytes()
    status, printed, err = run(
        capsys, "convert", *(argument.format(model=model, folder=tmp_path) for argument in arguments)
    )
    assert (status, printed) == (code, "")
    assert err.startswith("fastsgns: error: ") and err.count("\n") == 1 and re.search(words, err), err
    assert list(tmp_path.iterdir()) == [] and model.read_bytes() == before


def test_neither_file_of_a_matrix_overwrites_what_is_read(model, tmp_path, capsys):
    matrix, words, text = tmp_path / "m.npy", tmp_path / "list.txt", tmp_path / "v.words.txt"
    for target in (matrix, text):
        assert run(capsys, "convert", model, target, "--quiet")[0] == 0
    (tmp_path / "m.words.txt").rename(words)
    (tmp_path / "d.words.txt").mkdir()
    before = {path: path.read_bytes() for path in (matrix, words, text)}
    for arguments, told in (
        ((text, tmp_path / "v.npy"), f"{text}: is the input"),
        ((text, tmp_path / "v.safetensors", "--to", "plain-safetensors"), f"{text}: is the input"),
        ((matrix, words, "--words", words), f"{words}: is the list of words"),
        ((matrix, tmp_path / "v.npy.gz", "--words", text), f"{text}: is the list of words"),
        ((text, tmp_path / "d.npy"), "d.words.txt: is a directory"),
    ):
        code, printed, err = run(capsys, "convert", *arguments)
        assert (code, printed) == (2, "") and told in err, err
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert run(capsys, "convert", text, tmp_path / "v.npz", "--quiet")[0] == 0  # words and all in one file


@pytest.mark.parametrize(
    ("name", "to"), [("v.npy", "npy"), ("v.npy.gz", "npy"), ("v.safetensors", "plain-safetensors")]
)
def test_a_list_of_words_that_is_of_nothing_replaced_stays(name, to, model, tmp_path, capsys):
    words, target = tmp_path / "v.words.txt", tmp_path / name
    words.write_text("my own list\n")
    code, printed, err = run(capsys, "convert", model, target, "--to", to)
    assert (code, printed) == (1, "") and f"{words}: is there already, and the words of {name} go there: move it" in err
    assert words.read_text() == "my own list\n" and list(tmp_path.iterdir()) == [words]
    words.unlink()
    assert run(capsys, "convert", model, target, "--to", to, "--quiet")[0] == 0
    kept = words.read_bytes()
    words.write_text("of the matrix beside it\n")  # a pair is replaced as one
    assert run(capsys, "convert", model, target, "--to", to, "--quiet")[0] == 0
    assert words.read_bytes() == kept
    target.unlink()
    assert run(capsys, "convert", model, target, "--to", to, "--quiet")[0] == 0  # the very same words


@pytest.mark.parametrize(
    ("packer", "unpacker"), [(gzip.compress, "zcat"), (bz2.compress, "bzcat"), (lzma.compress, "xzcat")]
)
@pytest.mark.parametrize("command", ["train", "phrases"])
def test_packed_text_on_standard_input_is_called_so(command, packer, unpacker, tmp_path):
    code, out, err = piped(command, "-", "-o", "m", "--errors", "replace", given=packer(b"a b c\n" * 50), cwd=tmp_path)
    assert (code, out) == (1, b"") and f"unpack it first ({unpacker} FILE | fastsgns ...)" in err
    assert err.startswith("fastsgns: error: -: packed by ") and err.count("\n") == 1


def test_packed_vectors_redirected_to_standard_input_are_called_so(tmp_path):
    file = tmp_path / "v"
    file.write_bytes(gzip.compress(b"king 0.1 0.2\nqueen 0.1 0.3\n"))
    for arguments in (("neighbors", "-", "king"), ("convert", "-", "-", "--to", "glove")):
        with file.open("rb") as given:
            code, out, err = piped(*arguments, given=given)
        assert (code, out) == (1, b"") and "-: compressed" in err and "unpack it first" in err


def test_info_tells_what_is_in_a_file(model, tmp_path, capsys):
    code, printed, err = run(capsys, "info", model)
    saved = Word2Vec.load(model)
    assert (code, err) == (0, "")
    lines = printed.splitlines()
    assert lines[0] == f"{model}: model"
    for line in (
        f"  bytes: {model.stat().st_size:,}", f"  words: {len(saved.wv)}", "  dimensions: 12", "  counts: yes",
        "  output vectors: yes", "    epochs: 3", "    sample: 0", "    epochs trained: 3",
        "    loss history: " + ", ".join(f"{loss:.4f}" for loss in saved.loss_history),
    ):  # fmt: skip
        assert line in lines
    code, printed, _ = run(capsys, "info", model, "--json")
    told = json.loads(printed)
    assert told["history"]["loss_history"] == saved.loss_history and told["parameters"]["vector_size"] == 12
    assert json.loads(run(capsys, "info", "--json")[1])["simd"] == fastsgns.config.SIMD
    code, printed, err = run(capsys, "info", tmp_path)
    assert (code, printed) == (1, "") and "irectory" in err and err.count("\n") == 1


def test_answers_as_json(model, capsys):
    vectors = Word2Vec.load(model).wv
    printed = run(capsys, "neighbors", model, "topic0_1", "topic1_1", "-n", 2, "--json")[1]
    answers = [json.loads(line) for line in printed.splitlines()]
    assert [answer["word"] for answer in answers] == ["topic0_1", "topic1_1"]
    expected = vectors.most_similar("topic1_1", topn=2)
    assert [found["word"] for found in answers[1]["neighbors"]] == [word for word, _ in expected]
    assert answers[1]["neighbors"][0]["similarity"] == pytest.approx(expected[0][1], abs=1e-6)
    answer = json.loads(run(capsys, "analogy", model, "topic0_1", "topic0_2", "topic1_1", "-n", 1, "--json")[1])
    (best,) = vectors.most_similar(positive=["topic0_2", "topic1_1"], negative=["topic0_1"], topn=1)
    assert answer["answers"][0]["word"] == best[0]


def test_train_and_phrases_tell_their_figures_as_json(tmp_path, capsys):
    text = tmp_path / "text"
    text.write_text("new york is a city\n" * 100)
    report = json.loads(run(capsys, "train", text, "-o", tmp_path / "m", "--json", "--epochs", 2)[1])
    assert (report["corpus_words"], len(report["loss"]), report["output"]) == (500, 2, str(tmp_path / "m"))
    report = json.loads(run(capsys, "phrases", text, "-o", tmp_path / "p", "--json", "--threshold", "0.01")[1])
    assert report["passes"][0]["words"] == 500 and report["passes"][0]["phrases"] > 0


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_standard_input_and_output_stand_for_files(model, tmp_path):
    text = "".join(" ".join(sentence) + "\n" for sentence in planted.corpus(300)).encode()
    code, out, err = piped("train", "-", "-o", "m", "--epochs", 1, given=text, cwd=tmp_path)
    assert (code, err) == (0, "") and out.startswith(b"m: ")  # no bar without a terminal
    code, out, err = piped("train", "-", "-o", "-", "--epochs", 1, "--workers", 1, given=text)
    assert code == 0 and err.startswith("-: ") and err.count("\n") == 1
    (tmp_path / "piped").write_bytes(out)
    assert Word2Vec.load(tmp_path / "piped").corpus_total_words == len(text.split())
    with open(tmp_path / "text", "w+b") as file:  # a file that is sent to it is not read at once
        file.write(text)
        file.seek(0)
        env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent)}
        command = [sys.executable, "-m", "fastsgns", "train", "-", "-o", "again", "--epochs", "1", "--quiet"]
        subprocess.run(command, stdin=file, env=env, cwd=tmp_path, check=True, timeout=60)
    assert Word2Vec.load(tmp_path / "again").corpus_total_words == len(text.split())

    glove = piped("convert", "-", "-", "--to", "glove", given=model.read_bytes())
    assert glove[0] == 0 and glove[1].count(b"\n") == len(Word2Vec.load(model).wv)
    for content in (glove[1], gzip.compress(glove[1])):
        code, out, err = piped("convert", "-", "-", "--to", "word2vec-binary", given=content)
        assert (code, err.count("\n")) == (0, 1)
        assert out.split(b"\n")[0] == b"%d 12" % glove[1].count(b"\n")
    for content in (glove[1], gzip.compress(glove[1])):
        code, out, err = piped("neighbors", "-", "topic0_1", "-n", 1, given=content)
        assert (code, len(out.splitlines())) == (0, 2)
    assert json.loads(piped("info", "-", "--json", given=glove[1])[1])["format"] == "glove"

    code, out, err = piped("train", "-", "-o", "m", given=b"a b\xff\n", cwd=tmp_path)
    assert (code, out) == (1, b"") and err.startswith("fastsgns: error: -: ")
    code, out, err = piped("neighbors", "-", "a", given=gzip.compress(b"no vectors\n"))
    assert (code, out) == (1, b"") and err.startswith("fastsgns: error: -")
    words = b"topic0_1\n\nnowhere\ntopic1_1\n"
    code, out, err = piped("neighbors", model, "-", "-n", 1, "--json", given=words)
    assert [json.loads(line)["word"] for line in out.splitlines()] == ["topic0_1", "topic1_1"]
    assert code == 1 and err.splitlines()[0].startswith("fastsgns: 'nowhere' is not in the vocabulary")
    code, out, err = piped("phrases", "-", "-o", "-", "--threshold", "0.01", given=b"new york is big\n" * 50)
    assert (code, out.count(b"new_york"), err.count("\n")) == (0, 50, 1)
    code, out, err = piped("convert", "-", "-", "--to", "glove", given=b"nonsense\n")
    assert (code, out) == (1, b"") and err.startswith("fastsgns: error: -: not a model file"), err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "-", "-", "-o", "m"], "once only"),
        (["train", "-", "-o", "m", "--ray", "local"], "cluster"),
        (["train", "x", "-o", "-", "--json"], "--report FILE"),
        (["train", "x", "-o", "m", "--report", "-"], "not written to standard output"),
        (["plot", "m", "-o", "-"], "not written to standard output"),
        (["neighbors", "-", "-"], "either the vectors or the words"),
        (["train", "x", "-o", "m", "--ray", "local", "--negative", "0"], "negative=0"),
        (["train", "x", "-o", "m", "--ray", "local", "--deterministic"], "deterministic=True"),
        (["train", "x", "-o", "m", "--ray", "local", "--alpha", "nan"], "alpha=nan"),
    ],
)
def test_streams_and_clusters_that_cannot_be_are_refused(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("a b\n")
    code, printed, err = run(capsys, *arguments)
    assert (code, printed) == (2, "") and words in err and err.count("\n") == 1, err


def test_the_disk_is_looked_at_before_a_cluster_trains(tmp_path, monkeypatch, capsys):
    """As the plain training does it, by a callback that the cluster's run calls when the vocabulary is known."""

    def train(corpus, num_workers, address, callbacks, **parameters):
        model = Word2Vec(**parameters)
        model.build_vocab(corpus_file=corpus)
        for callback in callbacks:
            callback.on_train_begin(model)
        raise AssertionError("it trains")

    (tmp_path / "x").write_text("a b\n" * 50)
    monkeypatch.setattr(distributed, "train", train)
    monkeypatch.setattr(
        "fastsgns.files.shutil.disk_usage", lambda _: __import__("types").SimpleNamespace(total=1000, used=990, free=10)
    )
    code, _, err = run(capsys, "train", tmp_path / "x", "-o", tmp_path / "m", "--ray", "local")
    assert code == 1 and "No space left on device" in err
