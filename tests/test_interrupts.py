"""Ctrl-C and SIGTERM, whatever is under way: it ends soon, raises KeyboardInterrupt and leaves nothing behind."""

import faulthandler
import gc
import gzip
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fastsgns import KeyedVectors, LineSentence, Phrases, Word2Vec, files, formats, idarrays, phrasecounts, scan, text
from fastsgns.phrases import FrozenPhrases

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each is tried in a forked child"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]
LINES = [["one", "two", "three", "four"]] * 2000
# A second is promised, on a machine that has nothing else to do; sanitizers make kernels many times slower.
SECONDS = 8.0 if "san" in os.environ.get("LD_PRELOAD", "") else 2.0
LEFT = "fastsgns-scan"  # may wait for a pipe, whatever its end


def slow_file(folder, monkeypatch, suffix=""):
    """A file whose reading by small pieces takes a minute."""
    path = folder / f"text{suffix}"
    path.write_bytes((gzip.compress if suffix else bytes)(b"one two three four\n" * 3000))
    read_into = text.Piece.read_into

    def slowly(piece, buffer):
        time.sleep(0.05)
        read_into(piece, buffer)

    monkeypatch.setattr(text.Piece, "read_into", slowly)
    return path


def pipe(folder):
    """A pipe that somebody writes to now and then, for ever."""
    path = folder / "pipe"
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as file:
            while True:
                file.write(b"one two three four\n")
                time.sleep(0.02)

    threading.Thread(target=write, daemon=True).start()
    return path


def scan_plain(model, folder, monkeypatch):
    path = slow_file(folder, monkeypatch)
    return lambda: scan.scan_files([text.Stretch(path)], "strict", 20, 2, None)


def scan_compressed(model, folder, monkeypatch):
    path = slow_file(folder, monkeypatch, ".gz")
    return lambda: scan.scan_files([text.Stretch(path)], "strict", 20, 2, None)


def scan_pipe(model, folder, monkeypatch):
    path = pipe(folder)
    return lambda: model.build_vocab(corpus_file=path)


def scan_silent_pipe(model, folder, monkeypatch):
    os.mkfifo(folder / "silent")
    return lambda: model.build_vocab(corpus_file=folder / "silent")


def read_generator(model, folder, monkeypatch):
    return lambda: model.build_vocab(itertools.repeat(["one", "two"]))


def read_lines_of_pipe(model, folder, monkeypatch):
    path = pipe(folder)
    return lambda: Word2Vec(LineSentence(path, max_sentence_length=10), min_count=1)


def read_matrix(model, folder, monkeypatch):
    monkeypatch.setattr(idarrays, "BLOCK_TOKENS", 1)
    return lambda: model.build_vocab(np.zeros((2_000_000, 2), np.int64))


def count_phrases(model, folder, monkeypatch):
    monkeypatch.setattr(phrasecounts, "BLOCK", 1)
    monkeypatch.setattr(phrasecounts, "LEAST_TOKENS", 1)
    return lambda: Phrases(LINES * 200, min_count=1, workers=2)


def join_phrases(model, folder, monkeypatch):
    frozen = FrozenPhrases(Phrases(LINES, min_count=1, threshold=0.1))
    path = pipe(folder)
    return lambda: frozen.transform_file(path, folder / "joined")


def train(model, folder, monkeypatch):
    model.build_vocab(LINES)
    return lambda: model.train(LINES, epochs=10**6)


def train_long_units(model, folder, monkeypatch):
    model = Word2Vec(window=20, negative=20, vector_size=300, min_count=1, workers=2)
    text = np.random.default_rng(1).integers(0, 1000, (200, 1000))
    model.build_vocab(text)
    return lambda: model.train(text, epochs=10**6)


def save(model, folder, monkeypatch):
    monkeypatch.setattr(formats, "BLOCK_BYTES", 1)
    vectors = KeyedVectors.from_arrays(range(1000), np.zeros((1000, 20_000), np.float32))
    return lambda: [vectors.save(folder / "vectors") for _ in range(1000)]


def save_text(model, folder, monkeypatch):
    vectors = KeyedVectors.from_arrays(range(50_000), np.random.default_rng(1).random((50_000, 50), np.float32))
    return lambda: [vectors.save_word2vec_format(folder / "vectors.txt.gz") for _ in range(100)]


def load_text(model, folder, monkeypatch):
    path = folder / "pipe"
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as file:
            file.write(b"100000 2\n")
            for number in itertools.count():
                file.write(b"%d 1 2\n" % number)
                time.sleep(0.02)

    threading.Thread(target=write, daemon=True).start()
    return lambda: KeyedVectors.load_word2vec_format(path)


def load(model, folder, monkeypatch):
    monkeypatch.setattr(formats, "READ_BYTES", 1)
    KeyedVectors.from_arrays(range(2_000_000), np.zeros((2_000_000, 1), np.float32)).save(folder / "loaded")
    return lambda: KeyedVectors.load(folder / "loaded")


WORKS = [
    scan_plain, scan_compressed, scan_pipe, scan_silent_pipe, read_generator, read_lines_of_pipe, read_matrix,
    count_phrases, join_phrases, train, train_long_units, save, save_text, load, load_text,
]  # fmt: skip
# What has temporary files, or threads, or a model; the mere reading ends with the process.
TERMINATED = [scan_pipe, join_phrases, train, save, save_text]


def ends(work, number, model, folder, saves):
    """Interrupts the work after a while, if it saves files while one is not whole; all that must hold then."""
    names = {entry.name for entry in folder.iterdir()}
    threads = {thread.name for thread in threading.enumerate()}
    sent = []

    def interrupt():
        time.sleep(0.15)
        while saves and not list(folder.glob("*.tmp")):
            time.sleep(0.01)
        sent.append(time.monotonic())
        # To this thread, as if the main one were about to wait for a file: it is not woken, and must come to look.
        signal.pthread_kill(threading.get_ident(), number)

    threading.Thread(target=interrupt).start()
    try:
        work()
        raise AssertionError("it ended before the interrupt")
    except KeyboardInterrupt:
        took = time.monotonic() - sent[0]
    assert took < SECONDS, took
    while time.monotonic() < sent[0] + SECONDS:  # a thread that has ended its work is there a little longer
        left = {thread.name for thread in threading.enumerate()} - threads
        if all(name.startswith(LEFT) for name in left):
            break
    assert all(name.startswith(LEFT) for name in left), left
    assert {entry.name for entry in folder.iterdir()} - names <= {"vectors", "vectors.txt.gz"}  # whole ones of before
    if number == signal.SIGTERM:
        assert signal.getsignal(number) is signal.SIG_DFL
    model.build_vocab(LINES)
    model.train(LINES, epochs=1)
    assert np.isfinite(model.wv.vectors).all() and model.epochs_trained == 1


@pytest.mark.parametrize(
    ("make", "number"),
    [(make, signal.SIGINT) for make in WORKS] + [(make, signal.SIGTERM) for make in TERMINATED],
)
def test_work_ends_and_leaves_nothing_behind(make, number, tmp_path, monkeypatch):
    if (pid := os.fork()) == 0:
        code = 1
        try:
            # Python drops an exception in a callback of its collector, and an interrupt that comes while it collects
            # is raised there. Hypothesis has one, if other tests have used it in this process.
            gc.callbacks.clear()
            faulthandler.dump_traceback_later(50)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            model = Word2Vec(min_count=1, vector_size=10, workers=2)
            ends(make(model, tmp_path, monkeypatch), number, model, tmp_path, make in (save, save_text))
            code = 0
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(code)
    deadline = time.monotonic() + 60
    while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if found == (0, 0):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert found != (0, 0) and os.waitstatus_to_exitcode(found[1]) == 0


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"terminated")]
)
def test_the_command_line_says_so_in_one_line(tmp_path, number, code, said):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    arguments = "train", path, "-o", tmp_path / "vectors"
    process = subprocess.Popen([sys.executable, "-m", "fastsgns", *arguments], stderr=subprocess.PIPE)
    with open(path, "wb", buffering=0) as file:  # waits for the reader, and stays open
        file.write(b"one two\n")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code and errors == b"fastsgns: error: " + said + b"\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]


class At:
    """Raises KeyboardInterrupt at the n-th line of a file that is come to, as a signal may; `passed` counts them."""

    def __init__(self, place, number):
        self.place, self.number, self.passed = place, number, 0

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename != self.place:
            return None
        if event == "line":
            self.passed += 1
            if self.passed == self.number:
                raise KeyboardInterrupt
        return self


def test_an_interrupt_between_any_two_lines_leaves_no_temporary_file(tmp_path):
    path, before = tmp_path / "v", sys.gettrace()
    ended = set()
    for number in itertools.count(1):
        path.write_bytes(b"old")
        at = At(files.__file__, number)
        sys.settrace(at)
        try:
            files.write_file(path, b"new")
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert [entry.name for entry in tmp_path.iterdir()] == ["v"], f"line {number}"
        ended.add(path.read_bytes())
        if at.passed < number:
            break
    assert ended == {b"old", b"new"} and number > 40
