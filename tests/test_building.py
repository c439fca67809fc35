"""Vocabularies step by step, from counts, by rules, updated and given vectors; beside gensim where it has the call."""

import gzip
import pickle

import numpy as np
import pytest

from fastsgns import RULE_DEFAULT, RULE_DISCARD, RULE_KEEP, KeyedVectors, Word2Vec
from fastsgns.sampling import negatives_for
from fastsgns.vocabulary import VocabularyRules

RNG = np.random.default_rng(5)
NAMES = [f"w{i}" for i in range(60)]


def sentences(seed, n=80, names=NAMES):
    rng = np.random.default_rng(seed)
    return [[names[i] for i in (len(names) * rng.random(rng.integers(1, 12)) ** 2).astype(int)] for _ in range(n)]


def untrained(cls=Word2Vec, **options):
    return cls(**{"vector_size": 6, "min_count": 3, "workers": 1, "seed": 2, **options})


@pytest.fixture
def gensim():
    return pytest.importorskip("gensim")


def counts(model):
    return {word: int(model.wv.get_vecattr(word, "count")) for word in model.wv.index_to_key}


@pytest.mark.parametrize("seed", range(5))
def test_updates_are_gensims(gensim, seed):
    ours, theirs = untrained(), untrained(gensim.models.Word2Vec)
    for step in range(4):
        names = NAMES + [f"v{seed}{step}{i}" for i in range(30)]
        corpus = sentences(10 * seed + step, names=names)
        for model in (ours, theirs):
            model.build_vocab(corpus, update=step > 0)
        if step == 0:  # ties in frequency are in another order there
            assert counts(ours) == counts(theirs)
            theirs.wv.index_to_key = list(ours.wv.index_to_key)
            theirs.wv.key_to_index = dict(ours.wv.key_to_index)
            for word, count in counts(ours).items():
                theirs.wv.set_vecattr(word, "count", count)
        assert list(counts(ours).items()) == list(counts(theirs).items())
        assert ours.corpus_total_words == theirs.corpus_total_words and ours.corpus_count == theirs.corpus_count
        assert ours.wv.vectors.shape == ours.syn1neg.shape == theirs.wv.vectors.shape
        ours.train(corpus, epochs=1)
        assert ours.wv.most_similar(ours.wv.index_to_key[-1]) and np.isfinite(ours.wv.vectors).all()


def test_an_update_keeps_vectors_and_adds_untrained_ones():
    model = Word2Vec(sentences(1), vector_size=6, min_count=3, workers=1)
    wv, words, vectors, outputs = model.wv, list(model.wv.index_to_key), model.wv.vectors.copy(), model.syn1neg.copy()
    history, before = list(model.loss_history), counts(model)
    wv.set_vecattr(words[0], "mine", 3)
    model.build_vocab([["new", "newer", words[0]]] * 4 + [["rare"]], update=True)
    assert model.wv is wv and wv.index_to_key == [*words, "new", "newer"] and len(wv) == len(words) + 2
    np.testing.assert_array_equal(wv.vectors[: len(words)], vectors)
    np.testing.assert_array_equal(model.syn1neg[: len(words)], outputs)
    assert not model.syn1neg[len(words) :].any()
    assert 0 < np.abs(wv.vectors[len(words) :]).max() <= 1 / 6
    assert wv.get_vecattr(words[0], "count") == before[words[0]] + 4 and wv.get_vecattr(words[0], "mine") == 3
    assert wv.get_vecattr(words[1], "count") == before[words[1]]
    assert model.loss_history == history and model.epochs_trained == 5
    model.train([["new", "newer"]] * 40, epochs=2)
    assert model.epochs_trained == 7 and model.syn1neg[len(words) :].any()


def test_vectors_stay_the_object_that_they_are():
    model = untrained()
    wv = model.wv
    model.build_vocab(sentences(1))
    wv.set_vecattr(wv.index_to_key[0], "mine", 3)
    model.build_vocab([["a", "b"]] * 5)
    model.train([["a", "b"]] * 50)
    assert model.wv is wv and wv.index_to_key == ["a", "b"] and set(wv.expandos) == {"count"}
    assert wv.most_similar("a")[0][0] == "b"


def test_updates_of_little_or_nothing():
    model = untrained()
    with pytest.raises(RuntimeError, match="build_vocab without it first"):
        model.build_vocab(sentences(1), update=True)
    with pytest.raises(RuntimeError, match="build_vocab"):
        model.init_weights()
    model.build_vocab(sentences(1))
    words = list(model.wv.index_to_key)
    for corpus in ([], [["one"] * 9], [["rare"]], [[words[0]]]):
        model.build_vocab(corpus, update=True)
        words += ["one"] * (corpus == [["one"] * 9])
        assert model.wv.index_to_key == words
    model.build_vocab_from_freq({"two": 5, "once": 1}, update=True)
    assert model.wv.index_to_key == [*words, "two"]


def test_an_update_from_files_and_a_saved_model(tmp_path):
    corpus = sentences(3)
    Word2Vec(corpus, vector_size=6, min_count=3, workers=1).save(tmp_path / "model")
    path = tmp_path / "more.txt"
    path.write_text("\n".join(" ".join(line) for line in sentences(4, names=["a", "b", *NAMES])), encoding="utf-8")
    model = Word2Vec.load(tmp_path / "model")
    model.build_vocab(corpus_file=path, update=True)
    assert "a" in model.wv
    model.train(corpus_file=path)
    model.save(tmp_path / "model")
    assert counts(Word2Vec.load(tmp_path / "model")) == counts(model)


def test_counts_make_gensims_vocabulary(gensim):
    frequencies = {f"w{i}": int(count) for i, count in enumerate(RNG.permutation(40))}
    ours, theirs = untrained(), untrained(gensim.models.Word2Vec)
    for model in (ours, theirs):
        model.build_vocab_from_freq(frequencies, corpus_count=9)
    assert list(counts(ours).items()) == list(counts(theirs).items())
    assert ours.corpus_count == theirs.corpus_count == 9
    np.testing.assert_array_equal(ours.cum_table, theirs.cum_table)
    ours.train([["w1", "w2"]] * 30)
    with pytest.raises(ValueError, match=r"corpus_count=9\.5 must be a whole number"):
        ours.build_vocab_from_freq({"a": 1, "b": 2}, corpus_count=9.5)
    with pytest.raises(ValueError, match=r"word_freq\['a'\]=-1"):
        ours.build_vocab_from_freq({"a": -1, "b": 2})
    for count in (1.5, 2**63):
        with pytest.raises(ValueError, match=r"word_freq\['b'\]"):
            ours.build_vocab_from_freq({"a": 1, "b": count})


@pytest.mark.parametrize("options", [{}, {"min_count": 5}, {"sample": 0.01}, {"max_final_vocab": 9}])
def test_steps_report_what_gensims_do(gensim, options):
    corpus = sentences(7, n=300)
    options = {"sample": 0.05, **options}
    ours, theirs = untrained(**options), untrained(gensim.models.Word2Vec, **options)
    reports = []
    for model in (ours, theirs):
        sizes = model.scan_vocab(corpus)
        raw = dict(model.raw_vocab)
        trial = model.prepare_vocab(min_count=20, dry_run=True)
        assert dict(model.raw_vocab) == raw
        chosen = model.prepare_vocab(keep_raw_vocab=True)
        model.prepare_weights()
        reports.append((sizes, raw, trial, chosen, dict(model.raw_vocab), counts(model)))
    assert reports[0] == reports[1]


def test_steps_lead_to_the_same_model():
    corpus = sentences(7)
    at_once = Word2Vec(corpus, vector_size=6, min_count=3, workers=1, sample=0.01)
    stepwise = untrained(sample=0.01, seed=1)
    stepwise.scan_vocab(iter(corpus))
    assert set(stepwise.raw_vocab) == {word for line in corpus for word in line}
    stepwise.prepare_vocab()
    stepwise.prepare_weights()
    assert stepwise.raw_vocab == {}
    kept = untrained(sample=0.01, seed=1)
    kept.build_vocab(corpus, keep_raw_vocab=True)
    assert sum(kept.raw_vocab.values()) == sum(map(len, corpus))
    for model in (stepwise, kept):
        model.train(corpus)
        np.testing.assert_array_equal(model.wv.vectors, at_once.wv.vectors)


def test_a_vocabulary_prepared_again_does_not_train_on_old_ids():
    corpus = [["a"]] * 3 + [["b", "c", "d"]] * 10 + [["a", "d"]] * 9
    again, at_once = (untrained(min_count=1, sample=0, sorted_vocab=first) for first in (False, True))
    again.build_vocab(corpus, keep_raw_vocab=True)
    again.sorted_vocab = True
    again.prepare_vocab()
    again.prepare_weights()
    at_once.build_vocab(corpus)
    for model in (again, at_once):
        model.train(corpus)
    assert again.wv.index_to_key == at_once.wv.index_to_key
    np.testing.assert_array_equal(again.wv.vectors, at_once.wv.vectors)


def test_what_was_scanned_before_another_vocabulary_is_forgotten():
    first, second = sentences(1), [["x", "y", "z"]] * 9
    model = untrained()
    model.scan_vocab(first)
    assert len(pickle.dumps(model)) < 2 * len(pickle.dumps(untrained())) + 20 * len(model.raw_vocab)
    model.build_vocab(second)
    assert model.raw_vocab == {}
    with pytest.raises(RuntimeError, match="build_vocab without it first"):
        untrained().prepare_vocab(update=True)


def test_new_words_of_an_update_start_from_given_vectors(given):
    model = untrained(init_vectors=given, freeze=True)
    model.build_vocab([["a", "b", "w1"]] * 9)
    model.build_vocab([["w2", "a", "c"]] * 9, update=True)
    model.train([["w2", "a", "c"]] * 30)
    np.testing.assert_array_equal(model.wv["w2"], given["w2"])
    assert model.wv.vectors_lockf.tolist() == [1, 1, 0, 0, 1]


def test_an_update_may_bring_no_given_word_but_is_warned_of(given, caplog):
    model = untrained(init_vectors=given)
    model.build_vocab([["a", "b", "w1"]] * 9)
    assert not caplog.records
    model.build_vocab([["c", "d"]] * 9, update=True)
    assert "init_vectors hold none of 2 words" in caplog.text
    assert len(model.wv) == 5


def test_trim_rules_decide_as_in_gensim(gensim):
    asked = []

    def rule(word, count, min_count):
        asked.append((word, count, min_count))
        return {"0": gensim.utils.RULE_KEEP, "1": gensim.utils.RULE_DISCARD, "2": None}.get(word[-1], 0)

    corpus = sentences(2, n=30)
    ours, theirs = untrained(), untrained(gensim.models.Word2Vec)
    asked_by = []
    for model in (ours, theirs):
        model.build_vocab(corpus, trim_rule=rule)
        asked_by.append(sorted(asked))
        asked.clear()
    assert counts(ours) == counts(theirs) and asked_by[0] == asked_by[1]
    assert (RULE_DEFAULT, RULE_DISCARD, RULE_KEEP) == (
        gensim.utils.RULE_DEFAULT, gensim.utils.RULE_DISCARD, gensim.utils.RULE_KEEP,
    )  # fmt: skip


def test_trim_rules_work_for_every_kind_of_corpus(tmp_path):
    def rule(word, count, min_count):
        return RULE_DISCARD if str(word)[-1] in "13" else RULE_DEFAULT

    lines = [["11", "12", "13", "14"]] * 9
    (tmp_path / "text").write_text("\n".join(map(" ".join, lines)), encoding="utf-8")
    ids = np.array(lines).astype(int)
    for source in ({"sentences": lines}, {"corpus_file": tmp_path / "text"}, {"sentences": ids}):
        model = Word2Vec(**source, vector_size=4, min_count=1, sample=0, workers=1, trim_rule=rule)
        assert [str(word) for word in model.wv.index_to_key] == ["12", "14"]
    with pytest.raises(ValueError, match="trim_rule has changed"):
        Word2Vec(corpus_file=tmp_path / "text", corpus_cache=tmp_path / "cache", trim_rule=rule)
    for answer in (7, True, "keep"):
        with pytest.raises(ValueError, match=r"trim_rule\('11', 9, 3\) gave"):
            untrained().build_vocab(lines, trim_rule=lambda *_, answer=answer: answer)
    with pytest.raises(ValueError, match="and trim_rule: "):
        VocabularyRules(trim_rule=lambda *_: RULE_DISCARD).select(np.array([5, 6]), words=lambda places: list("ab"))


def test_reset_from_another_model():
    corpus = sentences(5)
    first = Word2Vec(corpus, vector_size=6, min_count=3, workers=1)
    second = Word2Vec(vector_size=9, workers=1, seed=1)
    second.reset_from(first)
    assert second.wv.index_to_key == first.wv.index_to_key and second.wv.vectors.shape == (len(first.wv), 9)
    assert not second.syn1neg.any() and second.corpus_count == first.corpus_count
    second.train(corpus)
    second.wv.set_vecattr(second.wv.index_to_key[0], "count", 1)
    assert first.wv.get_vecattr(first.wv.index_to_key[0], "count") > 1
    with pytest.raises(RuntimeError, match="other_model"):
        second.reset_from(Word2Vec())


def test_auto_negative_goes_by_the_corpus(tmp_path):
    model = Word2Vec(sentences(1), vector_size=6, min_count=3, workers=1, negative="auto")
    assert model.report["negative"] == 20 and negatives_for(10**9) == 5
    model.save(tmp_path / "model")
    assert Word2Vec.load(tmp_path / "model").negative == "auto"


@pytest.fixture
def given():
    return KeyedVectors.from_arrays(["w1", "w2", "elsewhere"], np.arange(18, dtype=np.float32).reshape(3, 6) / 10)


def test_vectors_to_start_from(given, tmp_path):
    given.save(tmp_path / "given.safetensors")
    given.save_word2vec_format(tmp_path / "given.bin", binary=True)
    given.save_word2vec_format(tmp_path / "given.txt")
    with gzip.open(tmp_path / "packed.txt.gz", "wb") as packed:
        packed.write((tmp_path / "given.txt").read_bytes())
    paths = [tmp_path / name for name in ("given.safetensors", "given.bin", "given.txt", "packed.txt.gz")]
    for source in (given, *paths, str(paths[1])):
        model = untrained(init_vectors=source)
        model.build_vocab(sentences(1))
        np.testing.assert_array_equal(model.wv["w1"], given["w1"])
        np.testing.assert_array_equal(model.wv["w2"], given["w2"])
        assert np.abs(model.wv["w3"]).max() <= 1 / 6 and "elsewhere" not in model.wv


@pytest.mark.parametrize(("freeze", "frozen"), [(True, {"w1", "w2"}), (["w2", "w7"], {"w2", "w7"}), (False, set())])
def test_frozen_words_stay(given, freeze, frozen, tmp_path):
    corpus = sentences(1)
    model = untrained(init_vectors=given, freeze=freeze)
    model.build_vocab(corpus)
    for _ in range(2):
        before = model.wv.vectors.copy()
        model.train(corpus)
        stayed = {
            word for word in model.wv.index_to_key if (before[model.wv.key_to_index[word]] == model.wv[word]).all()
        }
        assert stayed == frozen
        model.save(tmp_path / "model")
        model = Word2Vec.load(tmp_path / "model")
    model.build_vocab([["new", "w1"]] * 9, update=True)
    before = model.wv["w2"].copy()
    model.train([["new", "w2", "w1"]] * 9)
    assert (before == model.wv["w2"]).all() == ("w2" in frozen)


def test_locks_set_by_hand():
    corpus = sentences(1)
    model = untrained()
    model.build_vocab(corpus)
    before = model.wv.vectors.copy()
    model.wv.vectors_lockf = np.zeros(1, np.float32)
    model.train(corpus)
    np.testing.assert_array_equal(model.wv.vectors, before)
    assert model.syn1neg.any()
    model.wv.vectors_lockf = np.where(np.arange(len(model.wv)) % 2, 1.0, 0.0)
    model.train(corpus)
    assert [(row == old).all() for row, old in zip(model.wv.vectors, before, strict=True)][:4] == [True, False] * 2
    model.wv.vectors_lockf[0] = 0.5
    with pytest.raises(ValueError, match="must hold 0"):
        model.train(corpus)


def test_vectors_that_do_not_fit(given, tmp_path):
    def build(**options):
        untrained(**options).build_vocab(sentences(1))

    with pytest.raises(ValueError, match="6 dimensions, vector_size=7"):
        build(init_vectors=given, vector_size=7)
    with pytest.raises(ValueError, match="not finite"):
        build(init_vectors=KeyedVectors.from_arrays(["w1"], np.full((1, 6), np.nan, np.float32)))
    with pytest.raises(ValueError, match="freeze='w1'"):
        build(init_vectors=given, freeze="w1")
    with pytest.raises(ValueError, match="init_vectors hold none of 54 words"):
        build(init_vectors=KeyedVectors.from_arrays(["x"], np.ones((1, 6), np.float32)))
    with pytest.raises(ValueError, match="freeze names 'nobody'"):
        build(init_vectors=given, freeze=["nobody"])
    with pytest.raises(FileNotFoundError):
        build(init_vectors=tmp_path / "nowhere.bin")
