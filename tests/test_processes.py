"""Threads, forks and other processes: models trained at once do not meet, and copies are what they were."""

import copy
import json
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest
from tqdm.auto import tqdm

from fastsgns import KeyedVectors, LineSentence, Phrases, Word2Vec, trainer

RNG = np.random.default_rng(5)
TEXT = (200 * RNG.random((500, 20)) ** 2).astype(np.int32)
OPTIONS = {"vector_size": 20, "min_count": 1, "workers": 1, "epochs": 3, "sample": 0.01}
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
# A fork of a process with threads is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def trained(**options):
    return Word2Vec(TEXT, **{**OPTIONS, **options})


def same(first, second):
    np.testing.assert_array_equal(first.wv.vectors, second.wv.vectors)
    np.testing.assert_array_equal(first.syn1neg, second.syn1neg)
    assert first.loss_history == second.loss_history


def in_threads(*works):
    """Run functions at once, each in a thread; what they give."""
    results, gate = [None] * len(works), threading.Barrier(len(works))

    def run(number):
        gate.wait()
        results[number] = works[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_forks(*works, seconds=60):
    """Run functions at once, each in a forked child; fails if one does, or hangs."""
    children = []
    for work in works:
        if (pid := os.fork()) == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException as error:
                os.write(2, f"{error!r}\n".encode())
            finally:
                os._exit(code)
        children.append(pid)
    codes, deadline = [], time.monotonic() + seconds
    for pid in children:
        while (found := os.waitpid(pid, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
            time.sleep(0.005)
        if found == (0, 0):
            os.kill(pid, signal.SIGKILL)
            found = os.waitpid(pid, 0)
        codes.append(os.waitstatus_to_exitcode(found[1]))
    assert codes == [0] * len(works)


@pytest.mark.parametrize("count", [2, 4])
def test_models_trained_at_once_in_threads_are_as_if_alone(count):
    seeds = range(1, count + 1)
    alone = [trained(seed=seed) for seed in seeds]
    for first, second in zip(in_threads(*(lambda seed=seed: trained(seed=seed) for seed in seeds)), alone, strict=True):
        same(first, second)


def test_files_and_phrases_read_at_once_in_threads_are_as_if_alone(tmp_path):
    path = tmp_path / "text"
    path.write_text("\n".join(" ".join(map(str, row)) for row in TEXT), encoding="utf-8")

    def phrases():
        return Phrases(corpus_file=path, min_count=1, threshold=0.1, workers=2).export_phrases()

    def lines():
        return [*LineSentence(path)]

    def words():
        return Word2Vec(corpus_file=path, **OPTIONS, corpus_cache=tmp_path / "cache")

    first, second, third, fourth = in_threads(phrases, lines, words, words)
    assert first == phrases() and second == lines()
    same(third, words())
    same(fourth, third)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_only_the_main_thread_takes_sigterm_and_gives_it_back():
    seen = []

    class Look:
        def on_epoch_end(self, model):
            seen.append(signal.getsignal(signal.SIGTERM))

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    in_threads(lambda: trained(callbacks=[Look()]))
    assert set(seen) == {signal.SIG_DFL}
    trained(callbacks=[Look()])
    assert signal.SIG_DFL not in seen[-3:] and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@forks
def test_a_forked_child_trains_queries_and_saves(tmp_path, monkeypatch):
    whole = trained(workers=2)  # the parent has had its threads
    alone = trained()
    found = whole.wv.most_similar([1, 2, 3], topn=3)

    def work():
        same(trained(), alone)
        assert trained(workers=3).epochs_trained == 3
        assert whole.wv.most_similar([1, 2, 3], topn=3) == found
        whole.save(tmp_path / f"model{os.getpid()}")
        whole.train(TEXT, total_examples=500, epochs=1)

    in_forks(work, work)
    assert len(list(tmp_path.iterdir())) == 2


@forks
def test_a_child_forked_while_threads_work_trains(tmp_path):
    path = tmp_path / "text"
    path.write_text("\n".join(" ".join(map(str, row)) for row in TEXT), encoding="utf-8")
    alone, end = trained(), threading.Event()

    def work():
        while not end.is_set():
            Word2Vec(corpus_file=path, **{**OPTIONS, "workers": 2}, checkpoint=tmp_path / "checkpoint")
            Phrases(corpus_file=path, min_count=1, threshold=0.1, workers=2)

    def child():
        same(trained(), alone)
        Word2Vec(corpus_file=path, **{**OPTIONS, "workers": 2})

    def fork():
        try:
            for _ in range(8):
                in_forks(child, child)
        finally:
            end.set()

    in_threads(work, fork)


@forks
def test_a_child_does_not_wait_for_a_progress_bar_of_the_parent():
    held, release = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: hold(tqdm.get_lock(), held, release))
    thread.start()
    held.wait()
    try:
        in_forks(trained)
    finally:
        release.set()
        thread.join()


def hold(lock, held, release):
    with lock:
        held.set()
        release.wait()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing(method):
    model = trained()
    with multiprocessing.get_context(method).Pool(1) as pool:
        same(pool.apply(Word2Vec, (TEXT,), OPTIONS), model)
        same(pool.apply(copy.copy, (model,)), model)
        assert pool.apply(model.wv.most_similar, (1,)) == model.wv.most_similar(1)


COPIES = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "oldest pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=0)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_models(how):
    class Open:
        """What no pickle can hold, and no copy of gensim's does."""

        def __init__(self):
            self.lock = threading.Lock()

    model = trained(callbacks=[Open()], trim_rule=lambda word, count, min_count: 0)
    copied = COPIES[how](model)
    same(copied, model)
    assert copied.wv.index_to_key == model.wv.index_to_key and copied.report == model.report
    assert copied.wv.most_similar(1) == model.wv.most_similar(1) and copied.callbacks == ()
    before = model.wv.vectors.copy()
    for each in (copied, model):  # on from there, each for itself
        each.train(TEXT, total_examples=500, epochs=1)
    same(copied, model)
    assert not np.array_equal(before, model.wv.vectors)
    model.build_vocab(TEXT[:10])
    assert len(copied.wv) > len(model.wv)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("mmap", [None, "r", "c"])
def test_copies_of_vectors(tmp_path, how, mmap):
    model = trained()
    model.wv.set_vecattr(3, "mark", 7)
    model.wv.save(tmp_path / "vectors")
    vectors = KeyedVectors.load(tmp_path / "vectors", mmap=mmap)
    copied = COPIES[how](vectors)
    (tmp_path / "vectors").unlink()
    np.testing.assert_array_equal(copied.vectors, model.wv.vectors)
    assert copied.most_similar(1) == vectors.most_similar(1)
    assert copied.get_vecattr(3, "mark") == 7 and copied.get_vecattr(1, "count") == vectors.get_vecattr(1, "count")
    copied[3] = np.zeros(20)
    np.testing.assert_array_equal(vectors.vectors, model.wv.vectors)


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_phrases(how):
    phrases = Phrases([["vice", "versa"]] * 5 + [["vice"], ["versa"]], min_count=1, threshold=0.3)
    for each in (phrases, phrases.freeze()):
        copied = COPIES[how](each)
        assert copied[["and", "vice", "versa"]] == each[["and", "vice", "versa"]] == ["and", "vice_versa"]
    copied = COPIES[how](phrases)
    copied.add_vocab([["more", "words"]])
    assert copied.vocab_size > phrases.vocab_size


@forks
def test_processes_with_one_checkpoint_and_one_cache_do_each_other_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "UNIT_WORDS", 100)
    monkeypatch.setattr(trainer, "POLL_SECONDS", 1e-4)
    path = tmp_path / "text"
    path.write_text("\n".join(" ".join(map(str, row)) for row in TEXT), encoding="utf-8")
    whole = Word2Vec(corpus_file=path, **OPTIONS)
    files = {"corpus_cache": tmp_path / "cache", "checkpoint": tmp_path / "run.ckpt", "checkpoint_every": 1}

    def work():
        for resume in (False, True):
            same(Word2Vec(corpus_file=path, **OPTIONS, **files, resume=resume), whole)

    in_forks(work, work, work)
    work()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cache", "run.ckpt", "text"]
    with open(tmp_path / "run.ckpt", "rb") as file:
        assert json.loads(file.read(int.from_bytes(file.read(8), "little")))["vectors"]["shape"] == [200, 20]
