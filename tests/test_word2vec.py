"""The model from corpus to neighbours: learning, gensim's calls, saving, and bad input."""

import copy
import inspect
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import fastsgns
import planted
from fastsgns import KeyedVectors, Word2Vec, building, config, formats, trainer
from fastsgns.sampling import SHARING

PLANTED = planted.corpus()
SMALL = [["a", "b", "c", "d"], ["b", "c", "a"], ["rare", "a", "d"]] * 20


@pytest.fixture(scope="module", params=SHARING)
def model(request):
    return Word2Vec(PLANTED, vector_size=32, epochs=8, sample=0, workers=2, negative_sharing=request.param, seed=5)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "small.txt"
    path.write_text("".join(" ".join(words) + "\n" for words in SMALL), encoding="utf-8")
    return path


def small(**options):
    return Word2Vec(**{"sentences": SMALL, "vector_size": 8, "workers": 1, "min_count": 1, "sample": 0, **options})


def test_planted_neighbours_are_found(model):
    right = 0
    for topic in range(planted.TOPICS):
        for word, _ in model.wv.most_similar(planted.topic_word(topic, 0), topn=5):
            right += word.startswith(f"topic{topic}_")
    assert right >= 0.95 * 5 * planted.TOPICS


def test_planted_analogies_are_found(model):
    questions = planted.analogies()
    right = sum(model.wv.most_similar([b, c], [a], topn=1)[0][0] == d for a, b, c, d in questions)
    assert right >= 0.8 * len(questions)


def test_same_seed_same_bits_from_every_kind_of_input(text):
    models = [
        small(),
        small(sentences=(words for words in SMALL)),
        small(sentences=[tuple(words) for words in SMALL]),
        small(sentences=None, corpus_file=text),
        small(sentences=None, corpus_file=[str(text)]),
    ]
    for model in models[1:]:
        assert model.wv.index_to_key == models[0].wv.index_to_key
        np.testing.assert_array_equal(model.wv.vectors, models[0].wv.vectors)
        np.testing.assert_array_equal(model.syn1neg, models[0].syn1neg)
    assert (small(seed=2).wv.vectors != models[0].wv.vectors).any()


@pytest.mark.parametrize("kind", ["list", "int32", "int64"])
def test_integer_sequences(kind):
    walks = np.random.default_rng(0).integers(0, 10, (200, 12))
    sentences = [row.tolist() for row in walks] if kind == "list" else [row.astype(kind) for row in walks]
    model = Word2Vec(sentences, vector_size=8, min_count=1, workers=1)
    assert sorted(model.wv.index_to_key) == list(range(10))
    assert model.corpus_total_words == 2400
    assert model.wv.get_vecattr(3, "count") == (walks == 3).sum()


def test_counts_and_report():
    model = small(min_count=30, epochs=3)
    assert model.wv.index_to_key == ["a", "b", "c", "d"]
    assert [model.wv.get_vecattr(word, "count") for word in "abcd"] == [60, 40, 40, 40]
    assert (model.corpus_count, model.corpus_total_words) == (60, 200)
    assert len(model.loss_history) == 3
    assert model.get_latest_training_loss() == model.loss_history[-1] > 0
    report = model.report
    assert (report["corpus_words"], report["kept_words"], report["vocab_size"]) == (200, 180, 4)
    assert report["words_per_second"] == pytest.approx(600 / report["train_seconds"])
    assert report["simd"] in fastsgns.simd_variants()


def test_a_corpus_that_subsampling_uses_up_is_warned_of():
    with pytest.warns(UserWarning, match="sample=0.0001"):
        small(sentences=[["a", "b"]] * 1000, sample=1e-4, epochs=1)


def test_build_vocab_then_train_is_the_same_as_all_at_once():
    model = Word2Vec(vector_size=8, workers=1, min_count=1, sample=0)
    model.build_vocab(SMALL)
    kept, gone_through = model.train(SMALL, total_examples=model.corpus_count, epochs=model.epochs)
    assert gone_through == 5 * 200 >= kept
    np.testing.assert_array_equal(model.wv.vectors, small().wv.vectors)


def test_gensims_calls_are_taken_whole():
    arguments = (SMALL, None, 8, 0.025, 5, 1, None, 0, 1, 1, 1e-4, 1, 0, 5, 0.75, 1, hash, 3, 0, None, 1, 10000, True)
    model = Word2Vec(*arguments, comment="all of gensim's, in its order")
    assert (model.epochs, model.sample, model.compute_loss) == (3, 0, True)
    model.build_vocab(SMALL, progress_per=1000, keep_raw_vocab=True)
    kept, raw = model.train(
        SMALL, total_examples=60, total_words=200, epochs=2, word_count=0, queue_factor=2, report_delay=1, callbacks=()
    )
    assert (kept, raw) == (400, 400)


def test_trained_and_raw_words_are_gensims():
    theirs = pytest.importorskip("gensim.models").Word2Vec(vector_size=8, min_count=21, workers=1, sample=0)
    ours = Word2Vec(vector_size=8, min_count=21, workers=1, sample=0)
    counts = []
    for model in (ours, theirs):
        model.build_vocab(SMALL)
        counts.append(model.train(SMALL, total_examples=model.corpus_count, epochs=3))
        assert model.train_count == 1 and model.total_train_time >= 0
    assert counts[0] == counts[1] == (540, 600)
    assert (ours.corpus_count, ours.corpus_total_words) == (theirs.corpus_count, theirs.corpus_total_words)


def test_the_learning_rate_falls_by_the_share_of_the_whole(monkeypatch):
    begun = []

    class Job(trainer.Job):
        def begin_epoch(self, epoch, learning_rate, per_word, first_unit):
            begun.append((learning_rate, learning_rate + per_word * 200))
            super().begin_epoch(epoch, learning_rate, per_word, first_unit)

    monkeypatch.setattr(trainer, "Job", Job)
    model = small(epochs=2, alpha=0.04, min_alpha=0.02)
    np.testing.assert_allclose(begun, [(0.04, 0.03), (0.03, 0.02)])
    assert model.min_alpha_yet_reached == pytest.approx(0.02)
    for whole in ({"total_examples": 240}, {"total_words": 800}):
        model.train(SMALL, epochs=2, start_alpha=0.02, end_alpha=0.0, **whole)
        np.testing.assert_allclose(begun[-2:], [(0.02, 0.0175), (0.01, 0.0075)])
    assert model.min_alpha_yet_reached == pytest.approx(0.0075)
    model.train(SMALL, epochs=1, start_alpha=0.01, end_alpha=0.0, total_examples=3)
    np.testing.assert_allclose(begun[-1:], [(0.01, 0.0)], atol=1e-12)


def test_a_rising_learning_rate_is_logged(caplog):
    model = small(epochs=1)
    model.train(SMALL)
    assert "min_alpha_yet_reached" in caplog.text
    caplog.clear()
    model.train(SMALL, start_alpha=model.min_alpha_yet_reached, end_alpha=1e-5)
    assert not caplog.text


def test_a_callback_may_stop_the_training():
    class Stop:
        def on_epoch_end(self, model):
            model.stop_training = model.epochs_trained == 2

    model = small(epochs=5, callbacks=[Stop()])
    assert model.epochs_trained == len(model.loss_history) == model.report["epochs"] == 2
    assert model.train(SMALL, callbacks=()) == (1000, 1000) and model.epochs_trained == 7


def test_predicted_words_are_gensims():
    theirs = pytest.importorskip("gensim.models").Word2Vec(SMALL, vector_size=8, min_count=1, workers=1, sg=1, sample=0)
    for cbow_mean in (0, 1):
        theirs.cbow_mean = cbow_mean
        ours = small(cbow_mean=cbow_mean)
        theirs.wv.vectors = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
        theirs.syn1neg = np.random.default_rng(2).normal(size=(5, 8)).astype(np.float32)
        rows = [theirs.wv.key_to_index[word] for word in ours.wv.index_to_key]
        ours.wv.vectors, ours.syn1neg = theirs.wv.vectors[rows], theirs.syn1neg[rows]
        for context in (["a", "b"], ["rare", "d", "unknown", "d"]):
            found, wanted = ours.predict_output_word(context), theirs.predict_output_word(context)
            assert [word for word, _ in found] == [word for word, _ in wanted]
            np.testing.assert_allclose([odds for _, odds in found], [odds for _, odds in wanted], rtol=1e-5)
            assert len(ours.predict_output_word(context, topn=2)) == 2
        assert ours.predict_output_word(["unknown"]) is theirs.predict_output_word(["unknown"]) is None
    ours.syn1neg *= 1e4
    assert np.isfinite([odds for _, odds in ours.predict_output_word(["a"])]).all()


def test_windows_of_one_side(tmp_path):
    # Every second word predicts the one before or behind it: only one of the two directions is seen.
    lines = [[f"head{i % 5}", f"tail{i % 5}"] for i in range(500)]
    for window, contexts in (((1, 0), "head"), ((0, 2), "tail")):
        model = small(sentences=lines, window=window, epochs=20)
        moved = np.linalg.norm(model.wv.vectors, axis=1)
        in_context = np.array([word.startswith(contexts) for word in model.wv.index_to_key])
        assert moved[in_context].min() > 2 * moved[~in_context].max()
    model.save(tmp_path / "model")
    assert Word2Vec.load(tmp_path / "model").window == (0, 2)
    both, one = (small(window=window, seed=3).wv.vectors for window in ((5, 5), 5))
    np.testing.assert_array_equal(both, one)


def test_context_vectors_are_exposed(tmp_path):
    model = small()
    contexts, mean = model.context_wv, model.averaged_wv()
    np.testing.assert_array_equal(contexts["a"], model.syn1neg[model.wv.key_to_index["a"]])
    np.testing.assert_allclose(mean["rare"], (model.wv["rare"] + contexts["rare"]) / 2)
    contexts.save_word2vec_format(tmp_path / "contexts.txt")
    assert mean.get_vecattr("a", "count") == contexts.get_vecattr("a", "count") == 60


def test_a_generator_is_used_up():
    sentences = (sentence for sentence in SMALL)
    model = small(sentences=sentences)
    with pytest.raises(ValueError, match="generator is used up"):
        model.train(sentences)


def test_pairs_of_arrays_are_not_read_again(monkeypatch):
    tokens, offsets = np.arange(300) % 7, np.arange(0, 301, 10)
    model = small(sentences=None)
    model.build_vocab((tokens, offsets))
    monkeypatch.setattr("fastsgns.building.encode_sentences", None)
    model.train((tokens, offsets))
    assert sorted(model.wv.index_to_key) == list(range(7))


@pytest.mark.parametrize("mmap", ["r", "c"])
def test_mapped_models_are_trained_on(tmp_path, mmap):
    model = small()
    model.save(tmp_path / "model")
    mapped = Word2Vec.load(tmp_path / "model", mmap=mmap)
    assert isinstance(mapped.syn1neg, np.memmap) and isinstance(mapped.wv.vectors, np.memmap)
    assert mapped.wv.most_similar("a") == model.wv.most_similar("a")
    for one in (model, mapped):
        one.train(SMALL, epochs=2)
    np.testing.assert_array_equal(mapped.wv.vectors, model.wv.vectors)
    assert mapped.train_count == model.train_count == 2


def test_positional_order_is_gensims():
    theirs = pytest.importorskip("gensim.models").Word2Vec
    names = list(inspect.signature(theirs.__init__).parameters)
    assert list(inspect.signature(Word2Vec.__init__).parameters)[: len(names)] == names


def test_an_equal_path_is_not_read_again(text, monkeypatch):
    model = Word2Vec(vector_size=8, min_count=1)
    model.build_vocab(corpus_file=str(text))
    monkeypatch.setattr("fastsgns.building.encode_files", None)
    model.train(corpus_file="".join([str(text)[:3], str(text)[3:]]))
    assert model.epochs_trained == 5


def test_a_saved_model_takes_the_cores_of_its_new_machine(tmp_path, monkeypatch):
    small(workers=None).save(tmp_path / "default")
    small(workers=3).save(tmp_path / "three")
    monkeypatch.setattr("fastsgns.word2vec.available_cores", lambda: 17)
    monkeypatch.setattr("fastsgns.modelfile.available_cores", lambda: 17)
    assert Word2Vec.load(tmp_path / "default").workers == 17
    assert Word2Vec.load(tmp_path / "three").workers == 3


def test_training_on_another_corpus_leaves_unknown_words_out():
    model = small()
    before = model.wv.vectors.copy()
    _, gone_through = model.train([["a", "b", "unheard"], ["of"]] * 50, epochs=2)
    assert gone_through == 400
    assert (model.wv.vectors != before).any()
    assert model.epochs_trained == 7
    with pytest.raises(ValueError, match="no token"):
        model.train([["unheard", "of"]], epochs=1)


def test_save_and_load_go_on_training(tmp_path):
    model = small()
    model.save(tmp_path / "model.safetensors")
    loaded = Word2Vec.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    assert loaded.wv.index_to_key == model.wv.index_to_key
    assert loaded.loss_history == model.loss_history
    model.train(SMALL, epochs=1)
    loaded.train(SMALL, epochs=1)
    np.testing.assert_array_equal(loaded.syn1neg, model.syn1neg)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("dim", [8, 16])
def test_copies_go_on_training(copied, dim):
    model = Word2Vec(vector_size=dim, workers=1, min_count=1, sample=0)
    model.build_vocab(words for words in SMALL)  # a generator, which nothing can copy
    twin = copied(model)
    model.train(SMALL)
    twin.train(SMALL)
    np.testing.assert_array_equal(twin.wv.vectors, model.wv.vectors)
    twin.train(SMALL)
    assert (twin.wv.vectors != model.wv.vectors).any()


def test_vectors_of_ones_own_are_trained():
    model = Word2Vec(vector_size=8, workers=1, min_count=1, sample=0)
    model.build_vocab(SMALL)
    model.wv.vectors = np.full((len(model.wv), 8), 0.01)
    model.train(SMALL)
    assert model.wv.vectors.dtype == np.float32
    assert (model.wv.vectors != np.float32(0.01)).any()


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.wv.add_vector("new", np.ones(8)),
        lambda model: model.wv.sort_by_descending_frequency(),
        lambda model: setattr(model, "syn1neg", model.syn1neg[1:]),
    ],
)
def test_words_or_matrices_that_were_exchanged_are_refused(change, tmp_path):
    model = small(sentences=[["rare", "often", "often"]] * 20, sorted_vocab=False)
    change(model)
    with pytest.raises(ValueError, match="no longer fits the vocabulary of 2 words x 8"):
        model.train(SMALL)
    with pytest.raises(ValueError, match="no longer fits the vocabulary"):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_that_finds_no_memory_leaves_the_model_as_it_was(monkeypatch):
    def fail(*args):
        raise MemoryError

    model = small()
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(building, "initial_vectors", fail)
        model.build_vocab(PLANTED)
    model.train(SMALL)
    assert len(model.wv) == len(model.syn1neg) == 5


def test_numbers_of_other_kinds(tmp_path):
    numbers = dict(
        vector_size=np.int8(100), window=np.int8(5), epochs=np.uint8(3), seed=np.int64(-3), alpha=Fraction(1, 40),
        sample=np.float32(0.5), min_count=np.int16(1), workers=np.int64(1),
    )  # fmt: skip
    model = small(**numbers)
    plain = small(**{name: value.item() if isinstance(value, np.generic) else 0.025 for name, value in numbers.items()})
    np.testing.assert_array_equal(model.wv.vectors, plain.wv.vectors)
    model.save(tmp_path / "model")
    assert Word2Vec.load(tmp_path / "model").alpha == 0.025


def test_vectors_in_word2vec_format(tmp_path):
    model = small()
    for binary in (False, True):
        path = tmp_path / f"vectors{binary}"
        model.wv.save_word2vec_format(path, binary=binary)
        np.testing.assert_allclose(
            KeyedVectors.load_word2vec_format(path, binary=binary).vectors, model.wv.vectors, atol=1e-6
        )


def test_callbacks_are_called_in_order():
    events = []

    class Listener:
        def on_train_begin(self, model):
            events.append("begin")

        def on_epoch_end(self, model):
            events.append(len(model.loss_history))

        def on_train_end(self, model):
            events.append("end")

    small(callbacks=[Listener(), object()], epochs=2)
    assert events == ["begin", 1, 2, "end"]


@pytest.mark.parametrize("event", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"])
def test_what_a_callback_raises_reaches_the_caller(event):
    def fail(model):
        raise ZeroDivisionError(event)

    model = Word2Vec(vector_size=8, workers=2, min_count=1, sample=0)
    model.build_vocab(SMALL)
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match=event):
        model.train(SMALL, callbacks=[SimpleNamespace(**{event: fail})])
    assert threading.active_count() == before
    model.train(SMALL)
    assert len(model.loss_history) == model.epochs_trained


def test_models_in_several_threads():
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda seed: small(seed=seed), [1, 2, 1, 2]))
    for i in (0, 1):
        np.testing.assert_array_equal(models[i].wv.vectors, models[i + 2].wv.vectors)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="systems without fork")
def test_training_in_a_forked_child():
    small(workers=2)
    child = os.fork()
    if child == 0:
        try:
            os._exit(len(small(workers=2).wv))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5


def test_queries_see_what_training_changed():
    model = small()
    before = dict(model.wv.most_similar("a"))
    model.train(SMALL, epochs=20, start_alpha=0.1)
    assert dict(model.wv.most_similar("a")) != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sg": 0}, "sg=0"),
        ({"hs": 1}, "hs=1"),
        ({"negative": 0}, "negative=0"),
        ({"negative": "many"}, "negative='many'"),
        ({"window": (0, 0)}, "window="),
        ({"window": (1, 2, 3)}, "window="),
        ({"window": (1, 2.5)}, "window=2.5"),
        ({"trim_rule": 3}, "trim_rule=3"),
        ({"freeze": True}, "init_vectors"),
        ({"init_vectors": 7}, "init_vectors=7"),
        ({"vector_size": 0}, "vector_size=0"),
        ({"vector_size": 1.5}, "vector_size=1.5"),
        ({"min_count": -1}, "min_count=-1"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"min_count": 1000}, "min_count=1000"),
        ({"sentences": "a str"}, "split"),
        ({"sentences": ["a str"]}, "split"),
        ({"sentences": []}, "empty"),
        ({"corpus_file": "x"}, "both"),
        ({"errors": "sometimes"}, "errors='sometimes'"),
        ({"max_final_vocab": 0}, "max_final_vocab=0"),
        ({"sentences": [["one"] * 9]}, "one word"),
        ({"sentences": [["a"], None]}, "None"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_the_iterables_own_error_reaches_the_caller():
    def sentences():
        yield ["a", "b"]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        small(sentences=sentences())


def test_what_scripts_for_gensim_say():
    from fastsgns.word2vec import LineSentence

    assert LineSentence is fastsgns.LineSentence
    model = small(seed=None, sample=None)
    assert model.sample == 0 and model.seed != small(seed=None, sample=False).seed
    np.testing.assert_array_equal(small(seed=model.seed).wv.vectors, model.wv.vectors)
    assert (model.sg, model.hs, model.layer1_size) == (1, 0, 8)
    assert str(model) == "Word2Vec<vocab=5, vector_size=8, alpha=0.025>"
    model.init_sims(replace=True)
    np.testing.assert_allclose(np.linalg.norm(model.wv.vectors, axis=1), 1, rtol=1e-6)

    class Overriding(Word2Vec):
        def _do_train_job(self, sentences, alpha, inits):
            raise NotImplementedError

    with pytest.raises(TypeError, match="_do_train_job"):
        Overriding(SMALL, min_count=1)


def test_train_before_build_vocab():
    with pytest.raises(RuntimeError, match="build_vocab"):
        Word2Vec().train(SMALL)
    with pytest.raises(ValueError, match="build_vocab"):
        Word2Vec().save("nowhere")


def test_foreign_and_damaged_models_are_refused(tmp_path):
    small().save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    for i, content in enumerate([b"", b"not a model", whole[:-5], whole[: len(whole) // 2], whole + b"x"]):
        path = tmp_path / f"bad{i}"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"bad{i}"):
            Word2Vec.load(path)
    small().wv.save(tmp_path / "vectors")
    with pytest.raises(ValueError, match="vectors"):
        Word2Vec.load(tmp_path / "vectors")
    tensors, metadata = formats.load_tensors(tmp_path / "model", "Word2Vec")
    wrong = [("epochs_trained", "1"), ("corpus_count", -1), ("train_count", 0.5), ("total_train_time", float("nan"))]
    wrong += [("loss_history", ["0"]), ("loss_history", {}), ("report", []), ("corpus_count", 10**30)]
    for name, value in wrong:
        history = {**metadata["history"], name: value}
        formats.save_tensors(tmp_path / "model", tensors, {**metadata, "history": history})
        with pytest.raises(ValueError, match=f"model: not a Word2Vec model of fastsgns: .*{name}"):
            Word2Vec.load(tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        Word2Vec.load(tmp_path / "missing")


def test_simd_is_chosen_by_the_environment():
    def shown(simd):
        code = "import fastsgns; fastsgns.show_config()"
        environment = {**os.environ, "FASTSGNS_SIMD": simd}
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )

    for name in fastsgns.simd_variants():
        assert f"{name} (in use)" in shown(name).stdout
    wrong = shown("mmx")
    assert wrong.returncode != 0
    assert "FASTSGNS_SIMD='mmx'" in wrong.stderr
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ValueError, match="FASTSGNS_SIMD='mmx'"):
        patch.setattr(config, "SIMD", "mmx")
        Word2Vec()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak counts what was there before the program")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="AddressSanitizer takes memory of its own")
def test_memory_beyond_the_matrices_is_bounded(tmp_path):
    n_words, n_tokens = 500_000, 2_000_000
    ids = np.random.default_rng(1).integers(n_words, size=n_tokens)
    ids[:n_words] = np.arange(n_words)
    (tmp_path / "text").write_text("\n".join(" ".join(map(str, line)) for line in ids.reshape(-1, 20).tolist()))
    program = (
        "from fastsgns import Word2Vec\n"
        "model = Word2Vec(corpus_file='text', vector_size=16, min_count=1, epochs=1, workers=2)\n"
        "print(model.report['peak_rss_bytes'] - 2 * model.syn1neg.nbytes, *model.syn1neg.shape)"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, encoding="ascii", check=True
    )
    beyond, *shape = map(int, child.stdout.split())
    assert shape == [n_words, 16]
    assert beyond <= 0.9 * (4 * n_tokens + 200 * n_words + 64_000_000)  # nine tenths: it should not be near
