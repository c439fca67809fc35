"""What is told through Python's logging, and what the progress bar shows."""

import io
import logging
import os
import re
import subprocess
import sys
import time

import pytest

import planted
from fastsgns import KeyedVectors, Word2Vec, progress, trainer


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name.startswith("fastsgns.")]


def test_a_training_tells_its_steps(caplog, tmp_path):
    sentences = [["a", "b", "c"]] * 90 + [["rare", "a"]] * 2
    with caplog.at_level(logging.INFO):
        model = Word2Vec(sentences, vector_size=8, epochs=2, workers=1, sample=0.1, min_count=3)
        model.save(tmp_path / "m")
        Word2Vec.load(tmp_path / "m")
        model.wv.save_word2vec_format(tmp_path / "v.txt")
        KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    lines = told(caplog)
    assert all(record.levelno == logging.INFO for record in caplog.records)
    expected = [
        "min_count=3 keeps 3 of 4 distinct words, 272 of 274 words of text (99.3 %)",
        "read 274 words in 92 sentences in ",
        "two matrices of 3 words x 8 dimensions: 0 MB",
        "training 3 words x 8 dimensions: 272 words an epoch, of which sample=0.1 leaves about",
        f"epoch 1 of 2: loss {model.loss_history[0]:.4f} a pair, ",
        f"epoch 2 of 2: loss {model.loss_history[1]:.4f} a pair, ",
        "trained 2 epochs in ",
        f"saved {tmp_path / 'm'}: 3 words x 8 dimensions, whole model",
        f"read {tmp_path / 'm'}: 3 words x 8 dimensions, whole model",
        f"saved {tmp_path / 'v.txt'}: 3 vectors of 8 dimensions",
        f"read {tmp_path / 'v.txt'}: 3 vectors of 8 dimensions",
    ]
    assert len(lines) == len(expected), lines
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True)), lines
    assert re.search(r"words/s, learning rate 0\.01\d+, \d+ s left$", lines[4])
    assert lines[5].endswith("learning rate 0.00010, 0 s left")


def test_a_long_epoch_is_told_of_on_the_way(caplog, monkeypatch):
    monkeypatch.setattr(trainer, "LOG_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "POLL_SECONDS", 0.001)
    corpus = planted.corpus(3000)
    with caplog.at_level(logging.INFO):
        start = time.monotonic()
        while not any("% done" in line for line in told(caplog)) and time.monotonic() < start + 20:
            Word2Vec(corpus, vector_size=100, epochs=2, workers=1, negative_sharing="pair")
    line = next(line for line in told(caplog) if "% done" in line)
    assert re.fullmatch(r"epoch [12] of 2: \d+\.\d % done, learning rate 0\.0\d+", line)


def test_nothing_is_told_unless_asked(caplog):
    Word2Vec([["a", "b"]] * 50, vector_size=4, workers=1, sample=0)
    assert told(caplog) == []


@pytest.mark.parametrize(("columns", "shown"), [(100, ["epoch=2/5", "loss=1.234", "lr=0.01250", " left"]), (40, [])])
def test_the_bar_is_one_line_at_any_width(columns, shown, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(progress, "tqdm", lambda **options: TQDM(file=screen, ncols=columns, mininterval=0, **options))
    with progress.training_bar(5_000_000, 1_000_000) as bar:
        time.sleep(0.01)
        progress.show_training(bar, 2_000_000, (2, 5), 0.0125, [2.5, 1.234])
        bar.refresh()
    lines = screen.getvalue().strip().split("\r")
    assert lines[-1].startswith("train:  40%|") and "word/s" in lines[-1]
    assert all(len(line) <= columns for line in lines)
    assert all(text in lines[-1] for text in shown)


def TQDM(dynamic_ncols=None, **options):
    from tqdm import tqdm

    return tqdm(**options)


def test_a_notebook_without_widgets_imports_in_silence(tmp_path):
    """tqdm takes this for a notebook's kernel, and finds no ipywidgets."""
    script = """
import sys, types
shell = types.SimpleNamespace(config={"IPKernelApp": {}})
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = lambda: shell
sys.modules["ipywidgets"] = None
import fastsgns
fastsgns.Word2Vec([["a", "b"]] * 50, vector_size=4, workers=1, sample=0, progress=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", script], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "COLUMNS": "80"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr and "train: 100%" in done.stderr
