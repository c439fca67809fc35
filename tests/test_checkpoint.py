"""Checkpoints: runs that were interrupted or killed end as those that were not; files of other runs are refused."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

import fastsgns
from fastsgns import Word2Vec, checkpoint, formats, trainer

RNG = np.random.default_rng(4)
TEXT = (300 * RNG.random((400, 30)) ** 2).astype(np.int32)
# The test prints how many processes it has killed; FASTSGNS_KILLS=200 makes it that many.
KILLS = int(os.environ.get("FASTSGNS_KILLS", "6"))


@pytest.fixture
def quick(monkeypatch):
    """Work units so small, and a watch so close, that a short text has many places to stop at."""
    monkeypatch.setattr(trainer, "UNIT_WORDS", 100)
    monkeypatch.setattr(trainer, "POLL_SECONDS", 1e-4)


def model(folder=None, **options):
    path = folder and folder / "run.ckpt"
    return Word2Vec(**{
        "vector_size": 20, "min_count": 1, "workers": 1, "epochs": 4, "sample": 0.01, "seed": 3, "checkpoint": path,
        **options,
    })  # fmt: skip


def run(folder=None, text=TEXT, **options):
    made = model(folder, **options)
    made.build_vocab(text)
    made.train(text)
    return made


def same(first, second):
    np.testing.assert_array_equal(first.wv.vectors, second.wv.vectors)
    np.testing.assert_array_equal(first.syn1neg, second.syn1neg)
    assert first.loss_history == second.loss_history
    assert first.epochs_trained == second.epochs_trained
    for name in ("pairs", "dot_products", "kept_words", "loss"):
        assert first.report[name] == second.report[name]


class Interrupting(checkpoint.CheckpointFile):
    """Interrupts the training after so many looks, half of them in the middle of pauses for checkpoints."""

    looks = 0

    def due(self, words):
        type(self).looks -= 1
        if self.looks < 0:
            raise KeyboardInterrupt
        return super().due(words) or self.looks % 7 == 0


@pytest.mark.parametrize("options", [{}, {"compute_loss": True}, {"deterministic": True, "workers": 3}])
def test_interrupted_and_resumed_is_as_if_it_had_not_been(tmp_path, quick, monkeypatch, options):
    whole = run(**options)
    monkeypatch.setattr("fastsgns.word2vec.CheckpointFile", Interrupting)
    rng, places = random.Random(1), set()
    for _ in range(500):
        Interrupting.looks = rng.randrange(0, 5)
        made = model(tmp_path, resume=True, **options)
        made.build_vocab(TEXT)
        try:
            made.train(TEXT)
            same(made, whole)
            if len(places) > 5:
                break
            (tmp_path / "run.ckpt").unlink()  # on a busy machine a run may end before many looks: once more
        except KeyboardInterrupt:
            assert np.isfinite(made.wv.vectors).all() and made.wv.most_similar(0)  # it can be used
            assert made.epochs_trained == len(made.loss_history)
            state = formats.load_tensors(tmp_path / "run.ckpt", "Checkpoint")[1]["state"]
            places.add((state["result"]["epochs"], state["unit"], str(state["places"])))
    assert len(places) > 5
    same(made, whole)


def test_checkpoints_on_the_way_change_nothing(tmp_path, quick):
    whole, made = run(), run(tmp_path, checkpoint_every=1)
    same(made, whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.ckpt"]


def test_more_workers_go_on_from_one_and_lose_no_word(tmp_path, quick, monkeypatch):
    monkeypatch.setattr("fastsgns.word2vec.CheckpointFile", Interrupting)
    Interrupting.looks = 2
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    Interrupting.looks = 10**9
    made = run(tmp_path, resume=True, workers=3)
    whole = run()
    assert made.report["pairs"] == whole.report["pairs"] and made.epochs_trained == 4
    assert made.loss_history == pytest.approx(whole.loss_history, rel=0.05)


def test_a_finished_run_is_not_trained_again(tmp_path):
    whole = run(tmp_path)
    again = run(tmp_path, resume=True)
    same(again, whole)
    assert run(tmp_path, resume=False, epochs=1).epochs_trained == 1


def test_without_a_file_training_begins(tmp_path):
    same(run(tmp_path, resume=True), run())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 3}, "window was 5 and is 3"),
        ({"window": (5, 4)}, r"window was 5 and is \[5, 4\]"),
        ({"seed": 4}, "seed was 3 and is 4"),
        ({"epochs": 9}, "epochs was 4 and is 9"),
        ({"vector_size": 8}, "shape"),
        ({"text": TEXT[:-1]}, "words of the corpus was 12000 and is 11970"),
        ({"text": TEXT[::-1]}, "text .checksum."),
        ({"text": TEXT + 1}, "words and counts"),
    ],
)
def test_another_training_is_refused_with_the_difference(tmp_path, change, message):
    run(tmp_path)
    before = (tmp_path / "run.ckpt").read_bytes()
    with pytest.raises(ValueError, match=message):
        run(tmp_path, resume=True, **change)
    assert (tmp_path / "run.ckpt").read_bytes() == before


def test_a_file_of_numbers_that_are_not_finite_is_refused_and_changes_nothing(tmp_path):
    run(tmp_path)
    tensors, metadata = formats.load_tensors(tmp_path / "run.ckpt", "Checkpoint")
    tensors["vectors"][3, 2] = np.nan
    formats.save_tensors(tmp_path / "run.ckpt", tensors, metadata)
    made = model(tmp_path, resume=True)
    made.build_vocab(TEXT)
    before = made.wv.vectors.copy()
    with pytest.raises(ValueError, match="cannot be gone on from"):
        made.train(TEXT)
    np.testing.assert_array_equal(made.wv.vectors, before)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    run(tmp_path)
    path = tmp_path / "run.ckpt"
    whole = path.read_bytes()
    for content in (b"", b"x" * 100, whole[:-1], whole[: len(whole) // 2], whole + b"more"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"run\.ckpt"):
            run(tmp_path, resume=True)
    run().save(path)
    with pytest.raises(ValueError, match="kind='Word2Vec'"):
        run(tmp_path, resume=True)
    path.write_bytes(whole)
    tensors, metadata = formats.load_tensors(path, "Checkpoint")
    states = [
        None, [], {}, {"result": {}}, {**metadata["state"], "unit": -1}, {**metadata["state"], "unit": "1"},
        {**metadata["state"], "counts": [0]}, {**metadata["state"], "counts": [0, 0, 0, 0, None, 0]},
        {**metadata["state"], "result": {**metadata["state"]["result"], "epochs": 2}},
    ]  # fmt: skip
    for state in states:
        formats.save_tensors(path, tensors, {**metadata, "kind": "Checkpoint", "state": state})
        with pytest.raises(ValueError, match="cannot be gone on from"):
            run(tmp_path, resume=True)


def test_a_full_disk_does_not_end_the_training(tmp_path, quick, monkeypatch):
    run(tmp_path)
    before = (tmp_path / "run.ckpt").read_bytes()

    def full(*_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(formats, "save_tensors", full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = run(tmp_path, checkpoint_every=1)
    assert any("bytes was written" in str(warning.message) for warning in caught)
    same(made, run())
    assert (tmp_path / "run.ckpt").read_bytes() == before


def test_the_last_good_checkpoint_stands(tmp_path, quick):
    run(tmp_path)
    before = (tmp_path / "run.ckpt").read_bytes()
    with pytest.raises(FloatingPointError, match="alpha="):
        run(tmp_path, alpha=1e30, min_alpha=1e30, checkpoint_every=1)
    assert (tmp_path / "run.ckpt").read_bytes() == before


@pytest.mark.parametrize("every", ["soon", "", 0, -1, "-5s", 1.5, True, None, "0min", "5 days"])
def test_intervals_that_are_none(every):
    with pytest.raises(ValueError, match="checkpoint_every="):
        model(checkpoint_every=every)


def test_an_interval_beyond_all_floats():
    assert checkpoint.parse_every(10**400) == (float("inf"), float(sys.maxsize))


def test_places_where_no_checkpoint_can_be(tmp_path):
    text = tmp_path / "corpus.txt"
    text.write_text("a b c d\n" * 50, encoding="ascii")
    with pytest.raises(ValueError, match=r"corpus\.txt' is a file of another kind"):
        Word2Vec(corpus_file=text, checkpoint=text, workers=1)
    assert text.read_text(encoding="ascii") == "a b c d\n" * 50
    with pytest.raises(IsADirectoryError, match="checkpoint is a folder"):
        run(checkpoint=tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder for the checkpoint"):
        run(checkpoint=tmp_path / "nowhere" / "run.ckpt")
    with pytest.raises(OSError, match=r"no checkpoint can be written there \(.*\): choose another place: '.*x{300}'"):
        run(checkpoint=tmp_path / ("x" * 300))
    with pytest.raises(ValueError, match="give each its own file"):
        model(tmp_path, corpus_cache=tmp_path / "run.ckpt")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="/proc, where root can write no file either")
def test_places_are_tried_before_the_text():
    def sentences():
        raise AssertionError("it reads")
        yield

    with pytest.raises(OSError, match=r"written there .*choose another place: '/proc/run\.ckpt'"):
        Word2Vec(sentences(), checkpoint="/proc/run.ckpt")
    with pytest.raises(FileNotFoundError, match="make it first: '/proc/none'"):
        Word2Vec(sentences(), checkpoint="/proc/none/run.ckpt")


@pytest.mark.skipif(sys.platform == "win32", reason="names and links of POSIX")
@pytest.mark.parametrize("path", ["x" * 300, "a\0b", b"bytes", "", 5, "nowhere/run.ckpt", "link"])
def test_places_are_looked_at_before_the_text(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path / "nowhere" / "run.ckpt", "link")

    def text():
        raise AssertionError("the text was read")
        yield

    with pytest.raises((ValueError, OSError)):
        Word2Vec(text(), checkpoint=path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["link"]


class Failing:
    """Fails at the end of the second epoch, as a disk that is full of a callback's own files makes it."""

    def on_epoch_end(self, model):
        if model.epochs_trained == 2:
            raise OSError(28, "no space left on device")


@pytest.mark.parametrize("options", [{}, {"deterministic": True}])
def test_what_a_callback_breaks_can_be_gone_on_with(tmp_path, options):
    with pytest.raises(OSError, match="no space"):
        run(tmp_path, callbacks=[Failing()], checkpoint_every="2h", **options)
    metadata = formats.load_tensors(tmp_path / "run.ckpt", "Checkpoint")[1]
    assert metadata["state"]["result"]["epochs"] == 2
    same(run(tmp_path, resume=True, **options), run(**options))


@pytest.mark.parametrize("refused", ["fastsgns-checkpoint", "fastsgns-0"])
def test_where_no_thread_is_to_be_had_nothing_is_lost(tmp_path, quick, monkeypatch, refused):
    started = []
    start = threading.Thread.start

    def refuse(thread):
        started.append(thread.name)
        if thread.name == refused and (refused == "fastsgns-checkpoint" or len(started) == 3):
            raise RuntimeError("can't start new thread")
        start(thread)

    expected = run()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    if refused == "fastsgns-checkpoint":  # then the training thread writes
        same(run(tmp_path, checkpoint_every=1), expected)
    else:
        with pytest.raises(RuntimeError, match="new thread"):
            run(tmp_path)
    assert refused in started and (tmp_path / "run.ckpt").exists()
    same(run(tmp_path, resume=True), expected)


def test_a_write_under_way_is_waited_for_when_an_error_goes_out(tmp_path, quick, monkeypatch):
    replace = os.replace

    def slowly(*paths):
        time.sleep(0.3)
        replace(*paths)

    monkeypatch.setattr(os, "replace", slowly)
    monkeypatch.setattr(checkpoint.CheckpointFile, "due", lambda file, words: file.kept == 0)

    class Overflowing:
        def on_epoch_begin(self, model):
            if model.epochs_trained:
                raise FloatingPointError("nothing more is kept")

    with pytest.raises(FloatingPointError):
        run(tmp_path, callbacks=[Overflowing()])
    assert (tmp_path / "run.ckpt").exists()


SLOW_DISK = """
import os, signal, sys, time, numpy as np
from fastsgns import Word2Vec
signal.signal(signal.SIGINT, signal.default_int_handler)
def slow(_):
    print("writing", flush=True)
    time.sleep(30)
os.fsync = slow
Word2Vec(np.load(sys.argv[1]), min_count=1, workers=1, epochs=10**6, checkpoint=sys.argv[2], checkpoint_every=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no process an interrupt")
def test_a_second_interrupt_ends_the_process_before_the_disk_is_ready(tmp_path):
    np.save(tmp_path / "text.npy", TEXT)
    command = [sys.executable, "-c", SLOW_DISK, tmp_path / "text.npy", tmp_path / "run.ckpt"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"writing\n"
            deadline = time.monotonic() + 20
            while process.poll() is None and time.monotonic() < deadline:  # two that come at once are one
                process.send_signal(signal.SIGINT)
                time.sleep(0.5)
            assert process.poll() == -signal.SIGINT
        finally:
            process.kill()


def test_checksums_do_not_depend_on_blocks(monkeypatch):
    arrays = np.arange(1000, dtype=np.int64), np.zeros(0, np.int32), np.ones(7, np.bool_)
    whole = checkpoint.checksum(*arrays)
    monkeypatch.setattr(checkpoint, "CHECKED_BYTES", 100)
    assert checkpoint.checksum(*arrays) == whole == zlib.crc32(b"".join(array.tobytes() for array in arrays))


def test_short_epochs_leave_checkpoints_too(tmp_path):
    seen = []

    class Looking:
        def on_epoch_begin(self, model):
            seen.append((tmp_path / "run.ckpt").exists())

    run(tmp_path, text=TEXT[:3], epochs=300, checkpoint_every=1, callbacks=[Looking()])
    assert any(seen)


def test_where_there_is_no_memory_for_copies_all_wait(tmp_path, quick, monkeypatch):
    class Numpy:
        def __getattr__(self, name):
            return getattr(np, name)

        def array(self, *_):
            raise MemoryError

    monkeypatch.setattr(checkpoint, "np", Numpy())
    same(run(tmp_path, checkpoint_every=1), run())
    same(run(tmp_path, resume=True), run())


def test_resume_needs_a_file():
    with pytest.raises(ValueError, match="resume=True needs a checkpoint"):
        model(resume=True)


CHILD = """
import sys, numpy as np
from fastsgns import Word2Vec, trainer
trainer.UNIT_WORDS, trainer.POLL_SECONDS = 100, 1e-3
text = np.load(sys.argv[1])
model = Word2Vec(text, vector_size=20, min_count=1, workers=1, epochs=60, sample=0.01, seed=3,
                 checkpoint=sys.argv[2], checkpoint_every=2000, resume=True)
model.save(sys.argv[3])
"""


@pytest.fixture
def child(tmp_path):
    np.save(tmp_path / "text.npy", TEXT)
    (tmp_path / "child.py").write_text(CHILD, encoding="utf-8")

    def start(name="run"):
        paths = tmp_path / "text.npy", tmp_path / f"{name}.ckpt", tmp_path / f"{name}.model"
        return subprocess.Popen([sys.executable, str(tmp_path / "child.py"), *map(str, paths)], stderr=subprocess.PIPE)

    return start


def wait_for(condition, process):
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_runs_lose_nothing(tmp_path, child):
    begun = time.monotonic()
    assert child("whole").wait() == 0
    duration, rng, killed, rounds = time.monotonic() - begun, random.Random(2), 0, 0
    while killed < KILLS:
        rounds += 1
        for left in tmp_path.glob("*run.*"):
            left.unlink()
        while killed < KILLS:
            process = child()
            time.sleep(rng.uniform(0.2, 1.1) * duration)
            process.kill()
            if process.wait() == 0:
                break
            killed += 1
        assert child().wait() == 0
        same(Word2Vec.load(tmp_path / "run.model"), Word2Vec.load(tmp_path / "whole.model"))
    print(f"{killed} processes killed, {rounds} runs, 0 lost")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_a_checkpoint(tmp_path, child, number):
    process = child()
    path = tmp_path / "run.ckpt"
    wait_for(path.exists, process)
    before = path.stat().st_mtime_ns
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode not in (0, None) and b"KeyboardInterrupt" in errors
    assert path.stat().st_mtime_ns >= before
    assert child().wait() == 0
    assert child("whole").wait() == 0
    same(Word2Vec.load(tmp_path / "run.model"), Word2Vec.load(tmp_path / "whole.model"))


def test_a_handler_of_the_programs_own_stays():
    called = []
    before = signal.signal(signal.SIGTERM, lambda *_: called.append(1))

    class Terminating:
        def on_epoch_begin(self, model):
            signal.raise_signal(signal.SIGTERM)

    try:
        run(callbacks=[Terminating()])
        assert len(called) == 4
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt):
            run(callbacks=[Terminating()])
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_command_line_resumes(tmp_path):
    (tmp_path / "text").write_text("\n".join(" ".join(map(str, line)) for line in TEXT.tolist()), encoding="utf-8")
    arguments = [
        "-m", "fastsgns", "train", str(tmp_path / "text"), "-o", str(tmp_path / "out"), "--epochs", "2", "--quiet",
        "--workers", "1", "--min-count", "1", "--report", str(tmp_path / "report"),
        "--checkpoint", str(tmp_path / "ckpt"), "--checkpoint-every", "5000",
    ]  # fmt: skip
    for more in ([], ["--resume"]):
        subprocess.run([sys.executable, *arguments, *more], check=True, cwd=tmp_path)
    assert json.loads((tmp_path / "report").read_text())["epochs"] == 2
    done = subprocess.run(
        [sys.executable, *arguments, "--resume", "--window", "2"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode and "window was 5 and is 2" in done.stderr and "Traceback" not in done.stderr
    assert Path(fastsgns.__file__).exists()
