"""What KeyedVectors write or give for other programs: the Embedding Projector, PyTorch, spaCy, an index of usearch."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from fastsgns import KeyedVectors


@pytest.fixture
def wv():
    vectors = np.random.default_rng(1).standard_normal((300, 8)).astype(np.float32)
    words = ["字", "naïve", "New York", *(f"w{i}" for i in range(297))]
    return KeyedVectors.from_arrays(words, vectors, np.arange(300, 0, -1))


# The Embedding Projector


def test_the_projectors_tables_hold_the_vectors(wv, tmp_path):
    folder = wv.save_tensorboard(tmp_path / "new" / "folder")
    assert sorted(path.name for path in folder.iterdir()) == ["metadata.tsv", "projector_config.pbtxt", "vectors.tsv"]
    assert np.array_equal(np.loadtxt(folder / "vectors.tsv", delimiter="\t", dtype=np.float32), wv.vectors)
    lines = (folder / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "word\tcount" and lines[3] == "New York\t298" and len(lines) == 301
    config = (folder / "projector_config.pbtxt").read_text(encoding="utf-8")
    assert 'tensor_path: "vectors.tsv"' in config and 'metadata_path: "metadata.tsv"' in config


def test_a_single_column_has_no_names(wv, tmp_path):
    del wv.expandos["count"]
    wv.save_tensorboard(tmp_path, 5)
    assert (tmp_path / "metadata.tsv").read_text(encoding="utf-8").split("\n")[:2] == ["字", "naïve"]
    wv.save_tensorboard(tmp_path, ["w9", "字"])
    assert (tmp_path / "metadata.tsv").read_text(encoding="utf-8") == "w9\n字\n"
    assert np.array_equal(np.loadtxt(tmp_path / "vectors.tsv", delimiter="\t", dtype=np.float32), wv[["w9", "字"]])


def test_keys_that_a_table_cannot_hold_are_refused(tmp_path):
    for bad in ("", " ", "a\tb", "a\nb", "a\u2028b"):
        wv = KeyedVectors.from_arrays(["good", bad], np.eye(2, dtype=np.float32))
        with pytest.raises(ValueError, match="leave it out of words"):
            wv.save_tensorboard(tmp_path / "folder")
        assert not (tmp_path / "folder").exists()
        wv.save_tensorboard(tmp_path / "good", ["good"])
    with pytest.raises(ValueError, match="words=3"):
        wv.save_tensorboard(tmp_path, 3)


def test_tensorboard_reads_it(wv, tmp_path):
    plugin = pytest.importorskip("tensorboard.plugins.projector.projector_plugin")
    from tensorboard.plugins.base_plugin import TBContext
    from werkzeug.test import Client

    apps = plugin.ProjectorPlugin(TBContext(logdir=str(wv.save_tensorboard(tmp_path)))).get_plugin_apps()
    (embedding,) = Client(apps["/info"]).get("/?run=.").json["embeddings"]
    assert embedding["tensorShape"] == [300, 8]
    query = {"run": ".", "name": embedding["tensorName"]}
    served = Client(apps["/tensor"]).get("/", query_string=query).data
    assert np.array_equal(np.frombuffer(served, np.float32).reshape(300, 8), wv.vectors)
    assert Client(apps["/metadata"]).get("/", query_string=query).data == (tmp_path / "metadata.tsv").read_bytes()


# spaCy


def test_spacy_reads_word2vecs_text(wv, tmp_path):
    spacy = pytest.importorskip("spacy")
    wv.vectors_for_all([word for word in wv.index_to_key if " " not in word]).save_word2vec_format(
        tmp_path / "v.txt.gz"
    )
    command = [sys.executable, "-m", "spacy", "init", "vectors", "en", "v.txt.gz", "pipeline"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    nlp = spacy.load(tmp_path / "pipeline")
    assert nlp.vocab.vectors.shape == (299, 8)
    for word in ("字", "naïve", "w296"):
        assert nlp.vocab[word].vector == pytest.approx(wv[word], abs=1e-6)
    assert not nlp.vocab["unknown"].has_vector


# PyTorch


def test_a_tensor_shares_the_memory(wv, tmp_path):
    torch = pytest.importorskip("torch")
    tensor = wv.to_torch()
    layer = torch.nn.Embedding.from_pretrained(wv.to_torch())
    rows = torch.tensor([wv.key_to_index[word] for word in ("字", "w9")])
    assert np.array_equal(layer(rows).numpy(), wv[["字", "w9"]])
    tensor[3] = 7.0
    assert (wv.vectors[3] == 7).all()
    alone = wv.to_torch(copy=True)
    alone[3] = 8.0
    assert (wv.vectors[3] == 7).all()
    wv.save(tmp_path / "v.safetensors")
    mapped = KeyedVectors.load(tmp_path / "v.safetensors", mmap="r")
    assert np.array_equal(mapped.to_torch().numpy(), wv.vectors)


def test_a_layer_trains_on_padded_rows():
    torch = pytest.importorskip("torch")
    from fastsgns import Word2Vec

    wv = Word2Vec([["red", "green"]] * 9, vector_size=20, sample=0, workers=1).wv
    layer = torch.nn.Embedding.from_pretrained(wv.to_torch(), freeze=False)
    before = wv.vectors.copy()
    layer(torch.tensor([0, 0])).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert wv.vectors[0] == pytest.approx(before[0] - 2, abs=1e-5)
    assert np.array_equal(wv.vectors[1], before[1])


def test_what_is_not_installed_is_named(wv, monkeypatch):
    for module, call, remedy in (
        ("torch", wv.to_torch, "pip install torch"),
        ("usearch.index", wv.build_index, r"fastsgns\[ann\]"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=remedy):
            call()


# An index


@pytest.fixture
def index(wv):
    pytest.importorskip("usearch")
    return wv.build_index(workers=1)


def test_an_index_finds_what_exact_search_finds(wv, index):
    """Of so few vectors all."""
    assert len(index) == 300 and index.recall(queries=300) > 0.99
    for word in wv.index_to_key[:50]:
        found, exact = index.most_similar(word, 5), wv.most_similar(word, topn=5)
        assert [key for key, _ in found] == [key for key, _ in exact]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in exact], abs=1e-6)
    vector = wv["w5"] * 3
    assert index.most_similar(vector, 1)[0] == ("w5", pytest.approx(1, abs=1e-6))
    queries = ["w1", vector, "字"]
    batch = index.most_similar_batch(queries, 4)
    assert [[key for key, _ in found] for found in batch] == [[k for k, _ in index.most_similar(q, 4)] for q in queries]
    assert index.most_similar_batch([], 4) == [] and index.most_similar("w1", 0) == []


def test_most_similar_asks_the_index_as_gensims_does(wv, index):
    found = wv.most_similar(["w1", "w2"], negative=["w3"], topn=8, indexer=index)
    exact = wv.most_similar([wv.get_mean_vector(["w1", "w2", "w3"], [1, 1, -1])], topn=8)
    assert [key for key, _ in found] == [key for key, _ in exact]
    assert wv.most_similar("w1", topn=2, indexer=index)[0][0] == "w1"


def test_more_than_there_are(wv):
    pytest.importorskip("usearch")
    few = KeyedVectors.from_arrays(["a", "b", "zero"], np.array([[1, 0], [0.6, 0.8], [0, 0]], np.float32))
    assert few.build_index().most_similar("a", 10) == [("b", pytest.approx(0.6)), ("zero", 0.0)]


def test_recall_counts_what_is_missed(wv, index):
    """An index that gives other rows finds nothing."""
    right = index._search

    def wrong(vectors, count, workers):
        rows, cosines = right(vectors, len(wv), workers)
        return rows[:, ::-1][:, :count], cosines

    assert index.recall(queries=50) > 0.99
    index._search = wrong
    assert index.recall(queries=50) < 0.05


def test_saved_and_loaded(wv, index, tmp_path):
    path = tmp_path / "words.usearch"
    index.save(path)
    assert wv.load_index(path).most_similar("w1") == index.most_similar("w1")
    with pytest.raises(ValueError, match=r"300 vectors of 8 dimensions.*build it anew"):
        KeyedVectors.from_arrays(["a"], np.ones((1, 8), np.float32)).load_index(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="no whole index"):
        wv.load_index(path)
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="no whole index"):
        wv.load_index(path)


def test_several_threads_may_ask(wv, index):
    wanted, found = index.most_similar_batch(wv.index_to_key, 3), [None] * 4

    def ask(i):
        found[i] = index.most_similar_batch(wv.index_to_key, 3, workers=1)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [({"connectivity": 1}, "connectivity=1"), ({"dtype": "f64"}, "dtype='f64'"), ({"workers": 0}, "workers=0")],
)
def test_bad_options_of_an_index(wv, options, message):
    with pytest.raises(ValueError, match=message):
        wv.build_index(**options)
    for bad in (KeyedVectors(3), KeyedVectors.from_arrays(["a"], np.full((1, 2), np.nan, np.float32))):
        with pytest.raises(ValueError, match="vectors"):
            bad.build_index()


@pytest.mark.parametrize("dtype", ["f32", "f16", "i8"])
def test_an_index_of_other_vectors_of_the_same_shape_is_refused(tmp_path, dtype):
    pytest.importorskip("usearch")
    rows = np.random.default_rng(3).standard_normal((100, 16)).astype(np.float32)
    rows[7] = 0
    vectors = KeyedVectors.from_arrays(range(100), rows)
    vectors.build_index(dtype=dtype).save(tmp_path / "index")
    assert len(vectors.load_index(tmp_path / "index")) == 100
    with pytest.raises(ValueError, match="of other vectors than those given: build it anew"):
        KeyedVectors.from_arrays(range(100), rows[::-1].copy()).load_index(tmp_path / "index")


def test_an_attribute_that_no_table_holds_is_named(tmp_path):
    vectors = KeyedVectors.from_arrays(["a", "b"], np.eye(2, dtype=np.float32))
    vectors.set_vecattr("a", "note", "x\ty")
    vectors.set_vecattr("b", "note", "")
    with pytest.raises(ValueError, match=r"'x\\ty', note of 'a', is empty or holds tabs"):
        vectors.save_tensorboard(tmp_path / "board")
