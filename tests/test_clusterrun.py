"""A cluster's training whose workers are lost at any moment: every word counts once, nothing waits for ever.

Ray itself is played by tests/fakeray.py.
"""

import gzip
import os
import random
import sys
import threading

import numpy as np
import pytest

import fakeray
from fastsgns import cluster, clusterrun, clusterworker, course, distributed, trainer, word2vec
from fastsgns.clusterworker import ClusterWorker
from fastsgns.shares import cut_files

RNG = np.random.default_rng(5)
TEXT = "\n".join(" ".join(f"w{i:.0f}" for i in 40 * RNG.random(8) ** 2 // 1) for _ in range(150)) + "\n"
WORDS = 8 * 150
# How many losses a test tries; FASTSGNS_LOSSES=100 makes it that many.
LOSSES = int(os.environ.get("FASTSGNS_LOSSES", "6"))
STARTED = 4  # calls; before, a loss is a failure to start
OPTIONS = dict(vector_size=8, min_count=1, epochs=2, sample=0.05, workers=1, num_workers=3, round_words=40, seed=3)


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    for module in (trainer, course, clusterworker):
        monkeypatch.setattr(module, "UNIT_WORDS", 8)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def train(text, monkeypatch):
    """Train on a cluster that is played; checks that its workers end with the same bits. Gives the model."""

    def train(ray=None, corpus=text, **options):
        ray = ray or fakeray.FakeRay()
        monkeypatch.setattr(cluster, "connect", lambda address: ray)
        states = []
        close = cluster.Cluster.close

        def compare(self):
            workers = [actor.itself for actor in self.workers.values() if actor.itself and not actor.dead]
            states.append([worker.base for worker in workers if worker.merged >= 0])
            close(self)

        monkeypatch.setattr(cluster.Cluster, "close", compare)
        model = distributed.train(corpus, **{**OPTIONS, **options})
        monkeypatch.setattr(cluster.Cluster, "close", close)
        (bases,) = states
        assert bases
        for base in bases:
            for found, expected in zip(base, (model.wv.vectors, model.syn1neg), strict=True):
                np.testing.assert_array_equal(found, expected)
        return model

    return train


@pytest.fixture
def undisturbed(train):
    ray = fakeray.FakeRay()
    return train(ray), ray.calls


def same_work(model, other):
    """Draws depend on the place in the corpus alone: who trained it when does not count."""
    for name in ("pairs", "kept_words", "words_trained"):
        if name in other.report:
            assert model.report[name] == other.report[name], name
    assert model.wv.index_to_key == other.wv.index_to_key
    assert [model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key] == [
        other.wv.get_vecattr(word, "count") for word in other.wv.index_to_key
    ]
    assert model.epochs_trained == other.epochs_trained == len(model.loss_history)
    assert model.loss_history == pytest.approx(other.loss_history, rel=0.1)


def test_undisturbed(undisturbed, text):
    model, _ = undisturbed
    one = trainer_on_one_machine(text)
    same_vocabulary = [one.wv.get_vecattr(word, "count") for word in one.wv.index_to_key]
    assert model.wv.index_to_key == one.wv.index_to_key
    assert [model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key] == same_vocabulary
    assert model.corpus_total_words == one.corpus_total_words == WORDS
    assert model.corpus_count == one.corpus_count == 150
    report = model.report["cluster"]
    assert report["rounds"] > 4 and report["num_workers"] == 3 and report["sent_bytes"] > 0
    assert model.loss_history == pytest.approx(one.loss_history, rel=0.1)


def trainer_on_one_machine(text):
    from fastsgns import Word2Vec

    options = {name: value for name, value in OPTIONS.items() if name not in ("num_workers", "round_words")}
    return Word2Vec(corpus_file=text, **options)


def test_noise_words_by_the_size_of_the_whole_corpus(train, monkeypatch):
    monkeypatch.setattr(word2vec, "negatives_for", lambda words: 3 if words == WORDS else 20)
    automatic, three = train(negative="auto"), train(negative=3)
    assert automatic.report["dot_products"] == three.report["dot_products"]


def test_packed_files_are_gone_on_with_as_they_were_cut(train, tmp_path):
    """Fewer shares come out than are asked for, and asking for so many would give others."""
    lines = TEXT.splitlines(keepends=True)
    for number, size in enumerate((1, 1, 1, 150, 1, 1, 1, 150)):
        with gzip.open(tmp_path / f"{number}.gz", "wt", encoding="utf-8") as file:
            file.writelines(lines[:size])
    packed = sorted(tmp_path.glob("*.gz"))
    path = tmp_path / "run.ckpt"
    first = train(corpus=packed, checkpoint=path, num_workers=2)
    again = train(corpus=packed, checkpoint=path, num_workers=2, resume=True)
    assert len(cut_files(packed, 8)) < 8
    np.testing.assert_array_equal(again.wv.vectors, first.wv.vectors)


def moments(n, *seed, most):
    """So many numbers of calls, all over the training."""
    return random.Random(str(seed)).sample(range(STARTED, most), min(n, most - STARTED))


@pytest.mark.parametrize("objects", [False, True], ids=["process", "node"])
@pytest.mark.parametrize("room", [True, False], ids=["replaced", "taken over"])
def test_a_worker_lost_at_any_moment(undisturbed, train, room, objects):
    expected, calls = undisturbed
    found = []
    for seed, moment in enumerate(moments(LOSSES, room, objects, most=calls)):
        model = train(fakeray.FakeRay(seed, {moment: (seed % 3, objects)}, room))
        same_work(model, expected)
        found.append(model.report["cluster"]["num_workers"])
    if room:
        assert set(found) == {3}
    else:
        assert found.count(2) > 0.7 * len(found)  # some are lost when they are needed no more


def test_workers_lost_together_or_during_recovery(undisturbed, train):
    expected, calls = undisturbed
    for seed, moment in enumerate(moments(LOSSES, most=calls)):
        ray = fakeray.FakeRay(seed, {moment: (seed % 3, False), moment + seed % 8: ((seed + 1) % 3, seed % 2 == 0)})
        same_work(train(ray), expected)


def test_losses_one_after_the_other(undisturbed, train):
    """Of replacements, too: actors are numbered as they are started."""
    expected, calls = undisturbed
    for seed in range(LOSSES // 2):
        rng = random.Random(seed)  # far enough from each other for others to have the matrices
        losses = {STARTED + 60 * i + rng.randrange(20): (i, rng.random() < 0.3) for i in range(calls // 60 + 1)}
        same_work(train(fakeray.FakeRay(seed, losses)), expected)


DRIVER_CALLS = 300  # at the least, of a run; a checkpoint is there after a hundred or two of them


class Stops:
    """Raises at the driver's so many-th call of Ray."""

    def __init__(self, at, error):
        self.left, self.error = at, error

    def __call__(self, name):
        self.left -= 1
        if self.left == -1:
            raise self.error


class Killed(BaseException):
    """What nobody handles."""


def stopped_and_resumed(train, folder, seed, error, **options):
    """The model of a run that was stopped somewhere and one more, and whether that could go on from a checkpoint."""
    ray, path = fakeray.FakeRay(seed), folder / f"{seed}.ckpt"
    ray.before_call = Stops(random.Random(str(seed)).randrange(DRIVER_CALLS), error)
    with pytest.raises(type(error)):
        train(ray, checkpoint=path, **options)
    for thread in threading.enumerate():
        if thread.name == "fastsgns-checkpoint":
            thread.join()
    found = path.exists()
    if found:  # as many shares as before
        options["num_workers"] = 1 + seed % 4
    return train(fakeray.FakeRay(seed), checkpoint=path, resume=True, **options), found


@pytest.mark.parametrize(
    ("error", "every"),
    [(KeyboardInterrupt(), "10min"), (KeyboardInterrupt(), 1), (Killed(), 1), (Killed(), 300)],
    ids=str,
)
def test_the_driver_stopped_at_any_moment_and_resumed(undisturbed, train, tmp_path, error, every):
    expected, _ = undisturbed
    from_files = 0
    for seed in range(LOSSES):
        model, found = stopped_and_resumed(train, tmp_path, seed, error, checkpoint_every=every)
        same_work(model, expected)
        from_files += found
    assert from_files > LOSSES // 4


def test_an_interrupt_leaves_a_model_that_can_be_used(train, undisturbed, monkeypatch):
    made = []
    word2vec = distributed.Word2Vec
    monkeypatch.setattr(distributed, "Word2Vec", lambda **options: made.append(word2vec(**options)) or made[-1])
    ray = fakeray.FakeRay()
    ray.before_call = Stops(230, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        train(ray)
    (model,) = made
    assert model.epochs_trained == 1 == len(model.loss_history)
    assert np.abs(model.syn1neg).max() > 0 and model.wv.most_similar("w0")
    assert all(actor.dead for actor in ray.actors if isinstance(actor, fakeray.Actor))


@pytest.mark.parametrize("method", ["take_in", "end_epoch"])
def test_an_interrupt_where_an_epoch_ends_counts_it_once(train, undisturbed, monkeypatch, tmp_path, method):
    """While its last round or the one after is taken in, and again by what brings the model to rest."""
    path, done = tmp_path / "run.ckpt", []
    whole = getattr(clusterrun.ClusterRun, method)

    def interrupted(run, *arguments):
        whole(run, *arguments)
        if not done and (run.ending or run.state.result.epochs == 1):
            done.append(method)
            raise KeyboardInterrupt

    monkeypatch.setattr(clusterrun.ClusterRun, method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path)
    assert done
    same_work(train(checkpoint=path, resume=True), undisturbed[0])


def test_callbacks_see_the_model_and_may_stop_it(train):
    seen = []

    class Listener:
        def __getattribute__(self, name):
            if not name.startswith("on_"):
                return object.__getattribute__(self, name)
            return lambda model: self.heard(name, model)

        def heard(self, name, model):
            seen.append((name, model.epochs_trained, float(np.abs(model.syn1neg).sum())))
            model.stop_training = name == "on_epoch_end" and model.epochs_trained == 2

    model = train(epochs=5, callbacks=[Listener()])
    assert [event[:2] for event in seen] == [
        ("on_train_begin", 0), ("on_epoch_begin", 0), ("on_epoch_end", 1), ("on_epoch_begin", 1), ("on_epoch_end", 2),
        ("on_train_end", 2),
    ]  # fmt: skip
    assert 0 == seen[0][2] < seen[2][2] < seen[4][2]
    assert model.epochs_trained == 2 and model.report["epochs"] == 2


@pytest.mark.parametrize("who", [0, 1])
def test_a_worker_lost_while_all_are_idle(train, undisturbed, who):
    """At the end of an epoch; the first one is who is asked for the matrices."""
    ray, heard = fakeray.FakeRay(), []

    class Listener:
        def on_epoch_begin(self, model):
            heard.append("begin")

        def on_epoch_end(self, model):
            heard.append("end")
            ray.lose(who if len(heard) == 2 else 3, True)

    model = train(ray, callbacks=[Listener()])
    assert heard == ["begin", "end"] * 2
    same_work(model, undisturbed[0])


@pytest.mark.parametrize(
    "method", ["state", "begin", "encode", "missing", "forget", "catch_up", "finish", "merge", "train_ahead"]
)
@pytest.mark.parametrize("room", [True, False])
def test_a_worker_lost_by_a_call(train, undisturbed, monkeypatch, method, room):
    """In the middle of its first call of a kind, when another one was lost before."""
    for seed in range(2):
        ray, lost = fakeray.FakeRay(seed, {8 if method in ("encode", "forget") else 60: (2, True)}, room), []
        run = ray.run

        def losing(actor, call, ray=ray, run=run, lost=lost):
            there = sum(not other.dead for other in ray.actors if isinstance(other, fakeray.Actor))
            if call.name == method and not lost and isinstance(actor, fakeray.Actor) and there > 1:
                lost.append(actor)
                ray.lose(actor.number, False)
            else:
                run(actor, call)

        ray.run = losing
        same_work(train(ray), undisturbed[0])


def test_all_workers_lost(train, tmp_path, undisturbed):
    path = tmp_path / "run.ckpt"
    losses = {150: (0, False), 151: (1, False), 152: (2, False)}
    with pytest.raises(RuntimeError, match=r"all workers were lost.*resume=True"):
        train(fakeray.FakeRay(0, losses), checkpoint=path, checkpoint_every=1)
    with pytest.raises(RuntimeError, match=r"the last worker was lost.*resume=True"):
        train(fakeray.FakeRay(0, losses, room=False))
    same_work(train(checkpoint=path, resume=True), undisturbed[0])


def test_workers_lost_again_and_again(train):
    ray = fakeray.FakeRay()
    run = ray.run

    def losing(actor, call):
        if call.name == "scan" and actor.number > 0:
            ray.lose(actor.number, False)
        else:
            run(actor, call)

    ray.run = losing
    with pytest.raises(RuntimeError, match="workers were lost 5 times"):
        train(ray)


def test_a_round_in_which_workers_are_lost_again_and_again(train, monkeypatch):
    start_round = cluster.Cluster.start_round

    def lose_and_start(self, planned, before):
        if planned.number >= 4:
            self.ray.lose(self.workers[1].number, False)
        return start_round(self, planned, before)

    monkeypatch.setattr(cluster.Cluster, "start_round", lose_and_start)
    with pytest.raises(RuntimeError, match=r"workers were lost 6 times in round \d: .*resume=True"):
        train()


def test_errors_of_workers_are_raised_as_they_are(train, tmp_path):
    path = tmp_path / "bad.txt"
    path.write_bytes(TEXT.encode() + b"\xff\n")
    with pytest.raises(ValueError, match=r"bad\.txt: byte 0xff is not UTF-8, at offset"):
        train(corpus=path)
    assert train(corpus=path, errors="ignore").corpus_total_words == WORDS
    with pytest.raises(FloatingPointError, match=r"alpha=1e\+30 is too high"):
        train(alpha=1e30)


def test_epochs_without_pairs_are_told_of(train):
    with pytest.warns(UserWarning, match="2 of 2 epochs trained no pair: sample=1e-09"):
        train(sample=1e-9)


# Errors before training


def test_without_ray(monkeypatch, text):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'fastsgns\[ray\]'"):
        distributed.train(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentences": [["a"]]}, "sentences=.* is not for training on a cluster: give the corpus as the first"),
        ({"sentences": np.zeros((2, 2), int)}, r"(?s)sentences=.* is not for training on a cluster"),
        ({"corpus_file": "text"}, "corpus_file='?text"),
        ({"corpus_cache": "cache"}, "corpus_cache=.*leave it out"),
        ({"deterministic": True}, "deterministic=True is not for training on a cluster"),
        ({"num_workers": 0}, "num_workers=0"),
        ({"num_workers": 2.5}, "num_workers=2.5"),
        ({"workers_per_node": -1}, "workers_per_node=-1"),
        ({"round_words": 0}, "round_words=0"),
        ({"start_timeout": -1.0}, "start_timeout=-1"),
        ({"alpha": -1.0}, "alpha=-1"),
        ({"num_workers": 13}, "num_workers=13, but the corpus can be cut into"),
        ({"min_count": 10**6}, "min_count"),
    ],
    ids=str,
)
def test_refused_parameters(train, options, message, text):
    if options.get("num_workers") == 13:
        text.write_text("a b\n" * 3)
    with pytest.raises(ValueError, match=message):
        train(**options)


def test_more_workers_than_text(train, text):
    text.write_text("a b a b\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n")
    with pytest.raises(ValueError, match=r"num_workers=3: worker \d has no word of the corpus; ask for fewer"):
        train()


def test_more_workers_than_cores(train):
    ray = fakeray.FakeRay(room=False, cores=(2, 2))
    with pytest.raises(RuntimeError, match=r"num_workers=3 of 1 cores each: only 2 started .*nodes of 2, 2 cores"):
        train(ray)
    assert all(actor.dead for actor in ray.actors)
    with pytest.raises(RuntimeError, match="no node with a CPU"):
        train(fakeray.FakeRay(cores=(0,)))


def test_a_node_with_another_version(train, monkeypatch):
    about = ClusterWorker.about
    versions = iter(["0.0.9", None, None])

    def other(self):
        found = about(self)
        return {**found, "host": "elsewhere", "version": next(versions, None) or found["version"]}

    monkeypatch.setattr(ClusterWorker, "about", other)
    with pytest.raises(RuntimeError, match=r"is .* here, but 0\.0\.9 on elsewhere: install one version on every node"):
        train()


def test_a_node_where_it_cannot_start(train, monkeypatch):
    def fail(self):
        raise ModuleNotFoundError("No module named 'fastsgns'")

    monkeypatch.setattr(ClusterWorker, "about", fail)
    with pytest.raises(RuntimeError, match=r"installed on every node\? \(No module named 'fastsgns'\)"):
        train()


def test_a_path_that_a_node_does_not_see(train, text, monkeypatch):
    monkeypatch.setattr(ClusterWorker, "missing", lambda self, stretches, sizes: [f"{text}: No such file or directory"])
    ray = fakeray.FakeRay()
    with pytest.raises(FileNotFoundError, match=r"node .* does not see the corpus .*text\.txt: No such file.*one path"):
        train(ray)
    assert all(actor.dead for actor in ray.actors if isinstance(actor, fakeray.Actor))


def test_workers_per_node_and_threads(train, monkeypatch):
    seen, ray, about = [], fakeray.FakeRay(cores=(8, 4)), ClusterWorker.about
    monkeypatch.setattr(ClusterWorker, "about", lambda self: seen.append(self.threads) or about(self))
    for options, threads in (({}, 4), ({"num_workers": 4}, 2), ({"workers_per_node": 4}, 1), ({"workers": 3}, 3)):
        seen.clear()
        model = train(ray, **{"num_workers": 2, "workers": None, **options})
        assert set(seen) == {threads} and model.workers == threads == model.report["workers"]


def test_a_checkpoint_of_another_text_is_refused(train, text, tmp_path):
    path = tmp_path / "run.ckpt"
    train(checkpoint=path)
    text.write_text(TEXT.replace("w1 ", "w2 ", 1), encoding="utf-8")
    with pytest.raises(ValueError, match="it is of another training"):
        train(checkpoint=path, resume=True)
    text.write_text(TEXT, encoding="utf-8")
    assert train(checkpoint=path, resume=True, num_workers=2).epochs_trained == 2
    with pytest.raises(ValueError, match=r"num_workers=13, but the checkpoint is of a corpus cut for 12"):
        train(checkpoint=path, resume=True, num_workers=13)


def test_init_vectors_and_freeze(train, text):
    first = train()
    more = train(init_vectors=first.wv, freeze=["w0", "w5"], seed=9)
    for word in first.wv.index_to_key:
        assert (more.wv[word] == first.wv[word]).all() == (word in ("w0", "w5"))
