"""What memory is left, errors before it is gone, and the estimate beside what a process was measured to take."""

import json
import os
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest

from fastsgns import KeyedVectors, Word2Vec, footprint, memory, trainer
from fastsgns._train import Team, Worker
from fastsgns.options import TrainingOptions
from fastsgns.scan import scan_files
from fastsgns.text import Stretch

GB = 10**9
SENTENCES = [[f"w{i}" for i in range(20)]] * 20
MORE = [[f"v{i}" for i in range(20)]] * 20

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="nothing tells there what memory is left")
own_memory_only = pytest.mark.skipif(
    "san" in os.environ.get("LD_PRELOAD", ""), reason="a sanitizer takes memory of its own"
)


def small(**options):
    return Word2Vec(SENTENCES, **{"vector_size": 8, "workers": 1, "epochs": 1, **options})


@pytest.fixture
def leave(monkeypatch):
    """Makes the machine leave so many bytes of memory, and of swap."""

    def leave(left, swap=0):
        monkeypatch.setattr(memory, "limits", lambda: iter([("this test", left, swap)]))

    return leave


def tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


MEMINFO = "MemTotal: 8000 kB\nMemFree: 10 kB\nMemAvailable: 5000 kB\nSwapFree: 700 kB\n"


def left(root):
    return {name.removeprefix(f"control group {root}/sys/fs/cgroup"): rest for name, *rest in memory.limits(root)}


def test_the_machine_and_all_groups_above_the_process_limit_it(tmp_path):
    group = "sys/fs/cgroup/pod/job/"
    root = tree(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/pod/job/inner\n",
            f"{group}memory.max": "4000000\n",
            f"{group}memory.current": "3500000\n",
            f"{group}memory.stat": "anon 900\ninactive_file 200000\nactive_file 30000\nslab_reclaimable 4\n",
            f"{group}memory.swap.max": "50000\n",
            f"{group}memory.swap.current": "20000\n",
            f"{group}inner/memory.max": "max\n",
            f"{group}inner/memory.current": "3500000\n",
            "sys/fs/cgroup/pod/memory.max": "1000\n",
            "sys/fs/cgroup/pod/memory.current": "2000\n",
        },
    )
    assert left(root) == {
        "this machine": [5_120_000, 716_800],
        "/pod/job": [4_000_000 - 3_500_000 + 230_004, 30_000],
        "/pod": [0, 716_800],
    }


def test_a_container_of_the_older_kind_shows_its_own_group_as_the_root(tmp_path):
    root = tree(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "5:devices:/x\n4:cpu,memory:/docker/1f2e\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "3000000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000000\n",
            "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/docker/memory.usage_in_bytes": "1\n",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 5000\ntotal_active_file 300\n",
        },
    )
    assert left(root) == {"this machine": [5_120_000, 716_800], "/memory": [2_005_300, 716_800]}


def test_a_system_that_tells_nothing_refuses_nothing(tmp_path, monkeypatch):
    assert left(tmp_path) == {}
    monkeypatch.setattr(memory, "limits", lambda: iter([]))
    memory.require(10**30, "all", "none")
    memory.MemoryWatch("all", "none").look()


@linux_only
def test_this_machine_leaves_what_is_plausible():
    found = {name: left for name, left, _ in memory.limits()}
    assert 1 << 26 < found["this machine"] < 1 << 60
    assert 1 << 24 < memory.resident_bytes() < 1 << 40


def test_needs_beyond_memory_and_swap_are_refused_and_those_that_take_swap_warned_of(leave, caplog):
    leave(4 * GB, 2 * GB)
    memory.require(4 * GB, "the sum", "take less")
    assert not caplog.records
    memory.require(6 * GB, "the sum", "take less")
    assert (
        "the sum: 6.00 GB are needed, 4.00 GB are left by this test, and 2.00 GB of swap, which is slow" in caplog.text
    )
    with pytest.raises(MemoryError, match=r"^the sum: 6\.00 GB are needed, 4\.00 GB .* of swap; take less$"):
        memory.require(6 * GB + 1, "the sum", "take less")


def test_a_watch_speaks_up_when_as_much_as_went_would_be_too_much(leave, monkeypatch):
    def look(left, held):
        leave(left << 20)
        monkeypatch.setattr(memory, "resident_bytes", lambda: held << 20)
        watch.look()

    monkeypatch.setattr(memory, "LOOK_SECONDS", 0)
    watch = memory.MemoryWatch("the corpus", "take less")
    for left in (900, 890, 700, 400):
        look(left, 1000 - left)
    with pytest.raises(MemoryError, match=r"the corpus, and only 0\.20 GB are left by this test; take less"):
        look(190, 810)


def test_a_watch_lets_others_take_memory_and_a_generator_load_much_at_once(leave, monkeypatch):
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0)
    watch = memory.MemoryWatch("the corpus", "take less")
    for left, held in ((10_000, 100), (3000, 110), (9000, 120), (2500, 6500), (1100, 7900)):
        leave(left << 20)
        monkeypatch.setattr(memory, "resident_bytes", lambda held=held: held << 20)
        watch.look()


def test_a_corpus_that_finds_no_memory_ends_while_it_is_read(leave, tmp_path):
    path = tmp_path / "text"
    path.write_text("a b c\n" * 1000)
    scan_files([Stretch(path)], "strict", 100, 2, None)
    leave(1 << 20)
    with pytest.raises(MemoryError, match="4 bytes a word"):
        scan_files([Stretch(path)], "strict", 100, 2, None)
    with pytest.raises(MemoryError, match="4 bytes a word"):
        Word2Vec().build_vocab([["a", "b"]] * 200_000)
    with pytest.raises(MemoryError, match="100,000 words in 10 sentences, encoded"):
        leave(100_000)
        Word2Vec().build_vocab(np.zeros((10, 10_000), int) + np.arange(10_000))


def everything(model):
    names = "corpus_count", "corpus_total_words", "raw_vocab", "min_count", "epochs_trained", "loss_history"
    arrays = model.wv.vectors, model.syn1neg, model.wv.expandos["count"], model._vocabulary.counts
    lists = model.wv.index_to_key, model._vocabulary.words
    return [getattr(model, name) for name in names], [a.tolist() for a in arrays], [list(words) for words in lists]


BUILDERS = {
    "anew": lambda model: model.build_vocab(MORE),
    "anew, counts kept": lambda model: model.build_vocab(MORE, keep_raw_vocab=True),
    "update": lambda model: model.build_vocab(MORE, update=True),
    "from counts": lambda model: model.build_vocab_from_freq({"a": 9, "b": 8}),
    "update from counts": lambda model: model.build_vocab_from_freq({"a": 9, "b": 8}, update=True),
    "reset": lambda model: model.reset_from(small()),
    "init_weights": lambda model: model.init_weights(),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_matrices_that_do_not_fit_are_refused_and_the_model_stays(build, leave, monkeypatch):
    model = small()
    before = everything(model)
    monkeypatch.setattr(memory.MemoryWatch, "look", lambda self: None)
    leave(4000)  # enough to encode the corpus anew
    message = r"words x 8 dimensions x 4 bytes in two matrices are .* GB are left by this test; .* max_final_vocab"
    with pytest.raises(MemoryError, match=message):
        build(model)
    assert everything(model) == before
    leave(GB)
    model.train(SENTENCES)
    assert model.epochs_trained == 2


def test_scratch_memory_that_does_not_fit_is_refused(leave):
    model = small()
    model.window, model.negative = 10_000, 10_000
    leave(GB)
    with pytest.raises(MemoryError, match=r"arrays of window=10000 x negative=10000: 2\.\d\d GB are needed"):
        model.train(SENTENCES)


def test_files_that_do_not_fit_are_refused(leave, tmp_path):
    model = small()
    model.save(tmp_path / "model")
    model.wv.save_word2vec_format(tmp_path / "v.bin", binary=True)
    model.wv.save_word2vec_format(tmp_path / "v.txt", write_header=False)
    leave(100)
    for load in (Word2Vec.load, KeyedVectors.load):
        with pytest.raises(MemoryError, match=r"model, read as a whole: .* map it with mmap='r'"):
            load(tmp_path / "model")
        load(tmp_path / "model", mmap="r")
    with pytest.raises(MemoryError, match=r"v\.bin: 20 vectors of 8 dimensions of float32: .* give a limit"):
        KeyedVectors.load_word2vec_format(tmp_path / "v.bin", binary=True)
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "v.bin", binary=True, limit=3)) == 3
    with pytest.raises(MemoryError, match=r"v\.txt"):
        KeyedVectors.load_word2vec_format(tmp_path / "v.txt", no_header=True)


def test_copies_that_do_not_fit_are_refused(leave, monkeypatch):
    model = small()
    leave(100)
    with pytest.raises(MemoryError, match="another 20 vectors"):
        model.averaged_wv()
    with pytest.raises(MemoryError, match=r"20 queries x 11 nearest x 12 bytes: .* give a lower topn"):
        model.wv.most_similar_batch(model.wv.index_to_key)
    model.wv.vectors = np.ascontiguousarray(model.wv.vectors)  # unlike those of a model, without padding
    monkeypatch.setattr(footprint, "require_scratch", lambda *_: None)
    with pytest.raises(MemoryError, match="a copy of 20 x 8 dimensions"):
        model.train(SENTENCES)


def test_a_checkpoint_is_written_without_copies_where_they_do_not_fit(tmp_path, monkeypatch):
    needs = []

    def require(need, what, remedy):
        if what == "copies for a checkpoint":
            needs.append(need)
            raise MemoryError

    expected = small(epochs=3).wv.vectors
    monkeypatch.setattr(memory, "require", require)
    monkeypatch.setattr(threading, "Thread", no_thread_for(threading.Thread, "fastsgns-checkpoint"))
    model = small(epochs=3, checkpoint=tmp_path / "run", checkpoint_every=1)
    np.testing.assert_array_equal(model.wv.vectors, expected)
    assert needs == [2 * model.wv.vectors.nbytes] * 3


def no_thread_for(thread, name):
    def make(*args, **options):
        assert options["name"] != name
        return thread(*args, **options)

    return make


@own_memory_only
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"window": 50, "negative": 100, "negative_sharing": "window"},
        {"window": (3, 400), "negative": 700},
        {"window": 2, "negative": 3, "negative_sharing": "pair"},
        {"deterministic": True},
        {"deterministic": True, "negative_sharing": "pair"},
    ],
)
@pytest.mark.parametrize("dim", [16, 100, 300])
def test_scratch_of_a_thread_is_as_computed(dim, options, monkeypatch):
    sizes = []

    def measured(job, simd):
        tracemalloc.start()
        worker = Worker(job, simd)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        return worker

    def team_of_measured(job, simd, *args):
        measured(job, simd)
        return Team(job, simd, *args)

    monkeypatch.setattr(trainer, "Worker", measured)
    monkeypatch.setattr(trainer, "Team", team_of_measured)
    small(vector_size=dim, **options)
    assert sizes[0] == pytest.approx(footprint.state_bytes(TrainingOptions(**options), dim), rel=0.03)


CHILD = """
import json, sys
import numpy as np
from fastsgns import Word2Vec
from fastsgns.memory import peak_rss_bytes
from fastsgns.memory import resident_bytes
kind, path = sys.argv[1:]
ids = np.tile(np.arange(120_000), 2).reshape(-1, 20)
first = np.arange(20).reshape(1, -1).repeat(20, axis=0)
Word2Vec(first, vector_size=100, workers=2, epochs=1)  # whatever is loaded at the first use
if kind == "file":
    corpus = dict(corpus_file=path)
elif kind == "matrix":
    corpus = dict(corpus_iterable=ids)
else:
    corpus = dict(corpus_iterable=(["word%06d" % i for i in row] for row in ids))
before = resident_bytes()
model = Word2Vec(vector_size=100, min_count=2, workers=2, epochs=1)
model.build_vocab(**corpus)
model.train(*model._source)
print(json.dumps([peak_rss_bytes() - before, model.estimate_memory()]))
"""


@linux_only
@own_memory_only
@pytest.mark.parametrize("kind", ["file", "matrix", "generator"])
def test_the_estimate_is_within_5_percent_of_the_measured_peak(tmp_path, kind):
    path = tmp_path / "text"
    path.write_text("".join(f"word{i:06} " + "\n" * (i % 20 == 19) for i in range(120_000)) * 2)
    command = [sys.executable, "-c", CHILD, kind, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured, estimate = json.loads(output)
    assert measured > 10**8
    assert estimate["total"] == pytest.approx(measured, rel=0.05), estimate


def test_estimates_without_a_corpus_are_of_its_words_alone():
    model = Word2Vec(vector_size=100, workers=3)
    estimate = model.estimate_memory(1_000_000)
    assert estimate["vectors"] == estimate["syn1neg"] == 448_000_000
    assert estimate["tables"] == 12_000_000
    assert estimate["total"] == sum(size for name, size in estimate.items() if name != "total")
    assert 100_000_000 < estimate["vocab"] < 200_000_000
    model.build_vocab(SENTENCES)
    report = model.estimate_memory(report={"mine": 5})
    assert report["corpus"] == 4 * 400 + 8 * 21
    assert report["total"] >= sum(size for name, size in report.items() if name not in ("total", "reading"))
    assert report.keys() == {"mine", "corpus", "reading", *estimate}


LIMITED = """
import resource, sys
import numpy as np
from fastsgns import Word2Vec, memory
sentences = [["w%d" % i for i in range(20)]] * 20
model = Word2Vec(sentences, vector_size=1024, workers=2, epochs=1)
most = memory.numbers(memory.Path("/proc/self/status"))["VmSize:"] * 1024 + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
if sys.argv[1] == "unwarned":
    memory.limits = lambda: iter([])
counts = {"v%d" % i: 9 for i in range(60_000)}  # of 1024 dimensions: 2 x 246 MB
for build in (lambda: model.build_vocab_from_freq(counts),
              lambda: model.build_vocab_from_freq(counts, update=True),
              lambda: model.build_vocab([list(counts)] * 5)):
    try:
        build()
    except MemoryError as error:
        print(str(error).replace("\\n", " "))
    assert model.wv.vectors.shape == model.syn1neg.shape == (20, 1024) and len(model.wv) == 20
    model.train(sentences)
assert model.epochs_trained == 4
"""


@linux_only
@own_memory_only
@pytest.mark.parametrize("kind", ["warned", "unwarned"])
def test_under_a_limit_of_the_system_there_is_an_error_and_no_crash(kind):
    run = subprocess.run([sys.executable, "-c", LIMITED, kind], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    errors = run.stdout.splitlines()
    assert len(errors) == 3
    if kind == "warned":
        assert all("x 1024 dimensions" in error and "left by RLIMIT_AS" in error for error in errors), errors
