"""Training on a real Ray cluster of several nodes on this machine: what it gives, losses, and errors."""

import faulthandler
import gzip
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

import planted
from fastsgns import Word2Vec, cluster, distributed, formats
from fastsgns.cli import build_parser

pytestmark = pytest.mark.ray

try:
    import ray
    from ray.cluster_utils import Cluster
except ImportError:
    ray = None

needs_ray = pytest.mark.skipif(
    ray is None, reason="needs Ray: pip install 'fastsgns[ray]' (none for this Python, maybe)"
)
WATCHDOG_SECONDS = 600  # of one test; what hangs ends the run
OPTIONS = dict(
    vector_size=16,
    min_count=1,
    epochs=3,
    sample=0.0,
    alpha=0.05,
    workers=1,
    num_workers=3,
    round_words=4096,
    start_timeout=120,
)
SENTENCES = planted.corpus(1500)
WORDS = sum(map(len, SENTENCES))


@pytest.fixture(autouse=True)
def watchdog():
    faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head without a core and four nodes of one core, that this process is connected to."""
    environment = pytest.MonkeyPatch()
    environment.setenv("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    environment.setenv("RAY_memory_monitor_refresh_ms", "0")  # else it kills workers for what others use here
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": 2**27})
    try:
        for _ in range(4):
            started.add_node(num_cpus=1, object_store_memory=2**27)
        ray.init(address=started.address, log_to_driver=False)
        yield started
    finally:
        ray.shutdown()
        started.shutdown()
        environment.undo()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    lines = [" ".join(sentence) + "\n" for sentence in SENTENCES]
    for number in range(3):
        (folder / f"{number}.txt").write_text("".join(lines[1000 * number : 1000 * (number + 1)]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def one_machine(text):
    return Word2Vec(corpus_file=sorted(text.iterdir()), **{
        name: value for name, value in OPTIONS.items() if name not in ("num_workers", "round_words", "start_timeout")
    })  # fmt: skip


def check(model, one, epochs=3):
    counts = [{word: made.wv.get_vecattr(word, "count") for word in made.wv.index_to_key} for made in (model, one)]
    assert counts[0] == counts[1]
    assert model.report["kept_words"] == WORDS
    assert model.report["pairs"] == pytest.approx(one.report["pairs"] * epochs / 3, rel=0.01)
    assert model.epochs_trained == epochs == len(model.loss_history)
    assert model.loss_history[-1] == pytest.approx(one.loss_history[epochs - 1], rel=0.15)
    assert np.isfinite(model.wv.vectors).all()


@pytest.fixture
def workers_of(monkeypatch):
    """Has a function called with the cluster.Cluster of a training, and a number, before each round that it begins."""
    hooks = []
    start_round = cluster.Cluster.start_round

    def hooked(self, planned, before):
        for hook in hooks:
            hook(self, planned.number)
        return start_round(self, planned, before)

    monkeypatch.setattr(cluster.Cluster, "start_round", hooked)
    return hooks.append


def asked(worker, what):
    """Run a function in a worker's process."""
    return ray.get(worker.__ray_call__.remote(what))


# Before training


@needs_ray
def test_an_address_that_does_not_answer(text):
    if ray.is_initialized():
        pytest.skip("this process is connected already")
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1", "nowhere.invalid:6379"):
        with pytest.raises(ConnectionError, match=r"no Ray cluster answers there. `ray start --head` starts one"):
            distributed.train(text, address=address)


@needs_ray
def test_errors_before_training(nodes, text):
    with pytest.raises(RuntimeError, match=r"num_workers=5 of 1 cores each: only [0-4] started within 0.5 s"):
        distributed.train(text, num_workers=5, workers_per_node=1, start_timeout=0.5)
    data = ray.data.from_items([{"words": "a b", "id": 1}])
    with pytest.raises(ValueError, match=r"column='text' is not in the dataset, which has words, id"):
        distributed.train(data, num_workers=1)
    with pytest.raises(ValueError, match=r"num_workers=2, but the corpus can be cut into 1 parts only"):
        distributed.train(data, num_workers=2, column="words")


# What it gives


@pytest.fixture(scope="module")
def undisturbed(nodes, text):
    return distributed.train(text, **OPTIONS)


@needs_ray
def test_files(undisturbed, one_machine):
    check(undisturbed, one_machine)
    assert undisturbed.wv.index_to_key == one_machine.wv.index_to_key
    assert undisturbed.report["cluster"]["num_workers"] == 3 and undisturbed.report["cluster"]["rounds"] >= 10
    near = [word for word, _ in undisturbed.wv.most_similar("topic3_1", topn=5)]
    assert sum(word.startswith("topic3_") for word in near) >= 4


@needs_ray
def test_compressed_files_and_given_vectors(nodes, text, tmp_path, one_machine):
    for path in text.iterdir():
        (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    frozen = ["topic0_0", "topic0_1"]
    model = distributed.train(tmp_path, **OPTIONS, init_vectors=one_machine.wv, freeze=frozen)
    assert model.report["pairs"] == pytest.approx(one_machine.report["pairs"], rel=0.01)
    assert model.wv.index_to_key == one_machine.wv.index_to_key
    for word in ("topic0_0", "topic0_1", "topic0_2"):
        assert (model.wv[word] == one_machine.wv[word]).all() == (word in frozen)
    assert model.loss_history[0] < one_machine.loss_history[0]


@needs_ray
@pytest.mark.parametrize("kind", ["text", "tokens"])
def test_datasets(nodes, kind):
    sentences = SENTENCES[:400]
    rows = [{"id": i, kind: " ".join(words) if kind == "text" else words} for i, words in enumerate(sentences)]
    ended = []

    class Stop:
        def on_epoch_end(self, model):
            ended.append(model.loss_history[-1])
            model.stop_training = len(ended) == 2

    data = ray.data.from_items(rows, override_num_blocks=2)
    column = None if kind == "text" else kind
    model = distributed.train(data, column=column, **{**OPTIONS, "num_workers": 1}, callbacks=[Stop()])
    one = Word2Vec(sentences, vector_size=4, min_count=1, epochs=2, sample=0, workers=1)
    assert ended == model.loss_history and model.report["kept_words"] == sum(map(len, sentences))
    assert {word: model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key} == {
        word: one.wv.get_vecattr(word, "count") for word in one.wv.index_to_key
    }
    assert model.report["pairs"] == pytest.approx(one.report["pairs"], rel=0.03)


# Losses


@needs_ray
def test_workers_that_are_killed_are_replaced(undisturbed, text, workers_of):
    processes, killed = [], []

    def kill(workers, number):
        if number == 1:
            processes.append(asked(workers.workers[1], lambda self: os.getpid()))
        elif number == 4 and not killed:  # the round comes again
            killed.append(number)
            ray.kill(workers.workers[0], no_restart=False)
        elif number == 8 and processes:
            os.kill(processes.pop(), signal.SIGKILL)

    workers_of(kill)
    model = distributed.train(text, **OPTIONS)
    assert not processes and model.report["cluster"]["num_workers"] == 3
    assert model.report["pairs"] == undisturbed.report["pairs"]
    check(model, undisturbed)


@needs_ray
def test_a_worker_lost_while_it_scans(undisturbed, text, monkeypatch):
    scan, lost = cluster.Cluster.scan, []

    def scan_and_kill(self, *args):
        if not lost:
            lost.append(asked(self.workers[2], lambda self: os.getpid()))
            threading.Timer(0.01, os.kill, (lost[0], signal.SIGKILL)).start()
            self.workers[2].__ray_call__.remote(lambda self: time.sleep(60))  # it would scan for long
        return scan(self, *args)

    monkeypatch.setattr(cluster.Cluster, "scan", scan_and_kill)
    model = distributed.train(text, **OPTIONS)
    assert lost and model.report["pairs"] == undisturbed.report["pairs"]
    check(model, undisturbed)


@needs_ray
def test_a_node_that_is_lost_is_done_without(nodes, undisturbed, text, workers_of, monkeypatch):
    monkeypatch.setattr(cluster, "RESTART_SECONDS", 4.0)
    used, removed = [], []

    def remove(workers, number):
        if number == 1:
            for worker in workers.workers.values():
                used.append(asked(worker, lambda self: ray.get_runtime_context().get_node_id()))
        elif number == 5 and not removed:  # the round comes again
            removed.append(next(node for node in nodes.worker_nodes if node.node_id in used))  # not the head
            nodes.remove_node(removed[0], allow_graceful=False)

    workers_of(remove)
    model = distributed.train(text, **{**OPTIONS, "num_workers": 4})
    nodes.add_node(num_cpus=1, object_store_memory=2**27)
    assert removed and model.report["cluster"]["num_workers"] == 3
    check(model, undisturbed)


DRIVER = """
import sys, ray
from fastsgns import distributed
if __name__ == "__main__":
    ray.init(address=sys.argv[1], log_to_driver=False)
    distributed.train(sys.argv[2], checkpoint=sys.argv[3], checkpoint_every=1, **{**eval(sys.argv[4]), "epochs": 1000})
"""


def state_of(path):
    return formats.load_tensors(path, "Checkpoint")[1]["state"]


@needs_ray
@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])  # by name: Windows has but one
def test_a_driver_that_ends_leaves_a_checkpoint_to_go_on_from(nodes, text, tmp_path, how, undisturbed):
    path, script = tmp_path / "run.ckpt", tmp_path / "driver.py"
    script.write_text(DRIVER)
    options = {**OPTIONS, "epochs": 3}
    driver = subprocess.Popen(
        [sys.executable, script, nodes.address, text, path, repr(options)], stderr=subprocess.PIPE, text=True
    )
    try:
        while driver.poll() is None and not (path.exists() and state_of(path)["result"]["epochs"] >= 1):
            time.sleep(0.05)
        assert driver.poll() is None, driver.stderr.read()
        driver.send_signal(signal.Signals[how])
        errors = driver.communicate()[1]
    finally:
        driver.kill()
    assert driver.returncode == -signal.SIGKILL if how == "SIGKILL" else driver.returncode, errors
    state = state_of(path)
    epochs = state["result"]["epochs"] + 2
    # The learning rate is of 1000 epochs here; words and pairs are what counts.
    seen = []

    class Stop:
        def on_epoch_end(self, model):
            seen.append(model.epochs_trained)
            model.stop_training = model.epochs_trained == epochs

    model = distributed.train(
        text, checkpoint=path, resume=True, **{**options, "epochs": 1000, "num_workers": 2}, callbacks=[Stop()]
    )
    assert seen == [epochs - 1, epochs] and model.epochs_trained == epochs == len(model.loss_history)
    assert model.report["pairs"] == pytest.approx(undisturbed.report["pairs"] * epochs / 3, rel=0.001)
    assert model.report["cluster"]["num_workers"] == 2
    assert state["result"]["loss_history"] == model.loss_history[: epochs - 2]


@needs_ray
def test_an_interrupt_leaves_a_model(nodes, text, workers_of, monkeypatch):
    made, word2vec = [], distributed.Word2Vec
    monkeypatch.setattr(distributed, "Word2Vec", lambda **options: made.append(word2vec(**options)) or made[-1])
    # Once: a round that is interrupted while it is handed out is handed out again, and a second interrupt ends that.
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))

    def interrupt(workers, number):
        if number == 6 and not timer.ident:  # in the second epoch; by the time it comes, results are waited for
            timer.start()

    workers_of(interrupt)
    with pytest.raises(KeyboardInterrupt):
        distributed.train(text, **{**OPTIONS, "epochs": 200})
    (model,) = made
    assert 1 <= model.epochs_trained < 200 and len(model.loss_history) == model.epochs_trained
    assert np.abs(model.syn1neg).max() > 0.01 and model.wv.most_similar("topic1_1")


# What the page says


@needs_ray
def test_python_blocks_of_the_page_run(nodes, text, tmp_path):
    parquet.write_table(pyarrow.table({"tokens": SENTENCES}), tmp_path / "rows.parquet")
    replaced = {"/shared/text/": str(text), "s3://bucket/corpus/": str(tmp_path), "king": SENTENCES[0][0]}
    blocks = blocks_of("python")
    for old in replaced:
        assert any(old in block for block in blocks), old
    for block in blocks:
        for old, new in replaced.items():
            block = block.replace(old, new)
        exec(compile(block, "cluster.md", "exec"), {})


@needs_ray
def test_commands_of_the_page_are_commands():
    yaml = pytest.importorskip("yaml")
    (manifest,) = blocks_of("yaml")
    job = yaml.safe_load(manifest)
    lines = [line.partition(" #")[0] for block in blocks_of("sh") for line in block.splitlines()]
    commands = [job["spec"]["entrypoint"], *(line for line in lines if line.startswith("fastsgns "))]
    assert len(commands) == 3
    for command in commands:
        assert build_parser().parse_args(shlex.split(command)[1:]).ray


def blocks_of(language):
    page = (Path(__file__).resolve().parent.parent / "docs" / "cluster.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
