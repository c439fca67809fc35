"""Vectors from every format into every other, what is left out on the way, and files that are none of them."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fastsgns import KeyedVectors, Word2Vec, arrayfiles, cache, conversion
from fastsgns.conversion import SOURCES, TARGETS, convert, load_vectors
from fastsgns.fileformats import VECTOR_FORMATS, detect
from fastsgns.fileinfo import describe

WORDS = ["the", "naïve", "日本", "a.b", "<b>", "x" * 300]
COUNTS = np.array([50, 40, 30, 20, 10, 5])
SUFFIX = {"word2vec-binary": ".bin", "npy": ".npy", "npz": ".npz", "plain-safetensors": ".safetensors"}
PACKED = {"": None, ".gz": gzip, ".bz2": bz2, ".xz": lzma}


@pytest.fixture
def wv():
    vectors = np.random.default_rng(1).standard_normal((len(WORDS), 7)).astype(np.float32)
    return KeyedVectors.from_arrays(WORDS, vectors, COUNTS)


@pytest.fixture(scope="module")
def model():
    return Word2Vec([["a", "b", "c"]] * 50, vector_size=6, epochs=2, workers=1, sample=0)


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("target", [name for name in TARGETS if name != "native"])
def test_every_format_goes_there_and_back_to_the_bit(wv, target, packed, tmp_path):
    source, back = tmp_path / "v", tmp_path / f"back{packed}"
    there = tmp_path / f"there{SUFFIX.get(target, '')}{packed}"
    wv.save(source)
    done = convert(source, there, format=target)
    assert (done.source_format, done.target_format, done.words, done.dimensions) == ("vectors", target, len(WORDS), 7)
    assert all(file.is_file() for file in done.files) and there in done.files
    assert detect(there) == target
    if PACKED[packed] is not None:
        assert PACKED[packed].open(there).read(1) and there.read_bytes()[:2] != b"PK"
    again = convert(there, back, format="native")
    assert (again.source_format, again.left_out) == (target, [])
    for found in (load_vectors(there), load_vectors(back)):
        assert found.index_to_key == WORDS
        assert np.array_equal(found.vectors, wv.vectors) and found.vectors.dtype == np.float32
        kept = target in ("vectors", "npz")
        assert ("word counts" in done.left_out) is not kept
        assert ("count" in found.expandos) is kept
        assert not kept or found.expandos["count"].tolist() == COUNTS.tolist()


def test_other_programs_read_what_is_written(wv, tmp_path):
    arrayfiles.write_array_file(tmp_path / "v.npz", wv, "npz")
    arrayfiles.write_array_file(tmp_path / "v.npy", wv, "npy")
    arrayfiles.write_array_file(tmp_path / "t.safetensors", wv, "plain-safetensors", tmp_path / "t.txt")
    with np.load(tmp_path / "v.npz") as arrays:
        assert sorted(arrays.files) == ["counts", "vectors", "words"]
        assert arrays["words"].tolist() == WORDS and np.array_equal(arrays["vectors"], wv.vectors)
    assert np.array_equal(np.load(tmp_path / "v.npy"), wv.vectors)
    assert (tmp_path / "v.words.txt").read_text("utf-8").split("\n") == [*WORDS, ""]
    assert (tmp_path / "t.txt").read_bytes() == (tmp_path / "v.words.txt").read_bytes()
    first = (tmp_path / "v.npz").read_bytes()
    arrayfiles.write_array_file(tmp_path / "v.npz", wv, "npz")
    assert (tmp_path / "v.npz").read_bytes() == first


def test_what_numpy_writes_is_read(wv, tmp_path):
    matrix = wv.vectors.astype(np.float64)
    np.savez_compressed(tmp_path / "other.npz", emb=np.asfortranarray(matrix), tokens=np.array(WORDS))
    np.save(tmp_path / "big.npy", matrix.astype(">f8"))
    (tmp_path / "list").write_bytes("\r\n".join([*WORDS, ""]).encode())
    save_file({"emb": matrix, "bias": np.ones(3)}, tmp_path / "emb.safetensors")
    for name, words in (("other.npz", None), ("big.npy", "list"), ("emb.safetensors", "list")):
        done = convert(tmp_path / name, tmp_path / "out", format="native", words=words and tmp_path / words)
        found = KeyedVectors.load(tmp_path / "out")
        assert done.left_out == [] and found.index_to_key == WORDS, name
        assert np.array_equal(found.vectors, matrix) and found.vectors.dtype == np.float64


def test_a_model_stays_whole_in_the_native_format_and_is_told_what_it_loses_elsewhere(model, tmp_path):
    model.save(tmp_path / "m")
    for name in ("copy.safetensors", "copy.safetensors.gz"):
        assert convert(tmp_path / "m", tmp_path / name).left_out == []
    again = Word2Vec.load(tmp_path / "copy.safetensors")
    assert np.array_equal(again.syn1neg, model.syn1neg) and again.loss_history == model.loss_history
    assert gzip.decompress((tmp_path / "copy.safetensors.gz").read_bytes()) == (tmp_path / "m").read_bytes()
    lost = ["output vectors", "parameters and history of the training"]
    assert convert(tmp_path / "m", tmp_path / "v", format="vectors").left_out == lost
    assert convert(tmp_path / "m", tmp_path / "v.txt").left_out == [*lost, "word counts"]
    assert convert(tmp_path / "copy.safetensors.gz", tmp_path / "v.npz").left_out == lost
    assert KeyedVectors.load(tmp_path / "v").expandos["count"].tolist() == [50, 50, 50]


def test_all_that_gets_lost_is_named(wv, tmp_path):
    wv.set_vecattr("the", "kind", 3)
    wv.vectors_lockf = [0, 1, 1, 1, 1, 1]
    wv.vectors = wv.vectors.astype(np.float64)
    wv.save(tmp_path / "v")
    done = convert(tmp_path / "v", tmp_path / "v.bin")
    lost = ["word counts", "attribute 'kind'", "which vectors are frozen", "digits beyond 32 bits (float64)"]
    assert done.left_out == lost
    assert convert(tmp_path / "v", tmp_path / "v.npz").left_out == ["which vectors are frozen"]
    ids = KeyedVectors.from_arrays([5, 3], np.eye(2, dtype=np.float32))
    ids.save(tmp_path / "ids")
    assert convert(tmp_path / "ids", tmp_path / "ids.npz").left_out == []
    assert load_vectors(tmp_path / "ids.npz").index_to_key == [5, 3]
    assert "integers" in convert(tmp_path / "ids", tmp_path / "ids.txt").left_out[0]
    assert load_vectors(tmp_path / "ids.txt").index_to_key == ["5", "3"]


@pytest.mark.parametrize(
    ("words", "target", "complaint"),
    [
        (["a", "b c"], "word2vec", "white space"),
        (["a", "b\nc"], "npy", "line end"),
        (["a", "b\0"], "npz", "NUL"),
        (["a", "\ud800"], "npy", "UTF-8"),
    ],
)
def test_words_that_a_format_cannot_hold_are_refused_and_the_old_file_stays(words, target, complaint, tmp_path):
    vectors = KeyedVectors.from_arrays(words, np.eye(2, dtype=np.float32))
    (tmp_path / "out").write_bytes(b"old")
    found = conversion.Found(vectors, "vectors")
    with pytest.raises(ValueError, match=complaint):
        if target == "word2vec":
            found.vectors.save_word2vec_format(tmp_path / "out")
        else:
            arrayfiles.write_array_file(tmp_path / "out", vectors, target)
    assert (tmp_path / "out").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def pickled(folder):
    np.savez(folder / "x", vectors=np.eye(2), words=np.array(["a", 1], object))
    return (folder / "x.npz").read_bytes()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("f", b"", "is empty"),
        ("f", b"the cat sat on the mat\n", "not a model file of fastsgns, nor vectors"),
        ("f", b"\x80\x04\x95abc", "pickle"),
        ("f", gzip.compress(b"1 1\na 1\n"), r"does not end in \.gz"),
        ("f", b"\x28\xb5\x2f\xfdrest", "unpack it first"),
        ("f.gz", gzip.compress(b"1 1\na 1\n" * 1000)[:40], "damaged"),
        ("f", b"\x20\0\0\0\0\0\0\0{nonsense" + b" " * 40, "damaged"),
        ("f", b"PK\3\4nonsense", "not NumPy arrays"),
        ("f", lambda folder: pickled(folder), "pickle"),
        ("f.npy", npy(np.arange(6.0)), "not a matrix"),
        ("f.npy", npy(np.eye(3)), r"f\.words\.txt: no such file"),
        ("f.npy", npy(np.array([["a", 1]], object)), "not NumPy arrays"),
        ("f.npy", npy(np.eye(3))[:-4], "f.npy"),
        ("f", b"2 3\na 1 2 3\n", "declares 2 vectors"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # packed bytes hold the time
)
def test_files_that_are_no_vectors_are_one_error(name, content, complaint, tmp_path):
    path = tmp_path / name
    path.write_bytes(content(tmp_path) if callable(content) else content)
    with pytest.raises(ValueError, match=complaint) as raised:
        load_vectors(path)
    assert str(path.parent) in str(raised.value)


def test_words_and_matrices_that_do_not_fit_are_refused(wv, tmp_path):
    np.save(tmp_path / "v.npy", wv.vectors)
    (tmp_path / "v.words.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="2 words, one a line, for 6 vectors"):
        load_vectors(tmp_path / "v.npy")
    (tmp_path / "v.words.txt").write_text("a\nb\nc\na\ne\nf\n")
    with pytest.raises(ValueError, match="'a' more than once"):
        load_vectors(tmp_path / "v.npy")
    save_file({"one": np.eye(2), "two": np.eye(2)}, tmp_path / "t")
    (tmp_path / "t.words.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match="Name one of its matrices: 'one', 'two'"):
        load_vectors(tmp_path / "t")
    convert(tmp_path / "t", tmp_path / "o.txt", tensor="two")
    np.savez(tmp_path / "n", one=np.eye(2), two=np.eye(2), words=["a", "b"])
    with pytest.raises(ValueError, match="which array holds the vectors"):
        load_vectors(tmp_path / "n.npz")
    with pytest.raises(ValueError, match="tells no format"):
        convert(tmp_path / "t", tmp_path / "o.dat")
    with pytest.raises(ValueError, match="source_format='csv'"):
        convert(tmp_path / "t", tmp_path / "o.txt", source_format="csv")
    with pytest.raises(ValueError, match="not a native file"):
        convert(tmp_path / "o.txt", tmp_path / "p.txt", source_format="native")


def test_glove_text_with_odd_keys_is_told_from_word2vecs(tmp_path):
    numbers = " ".join(["0.5"] * 50)
    (tmp_path / "g").write_text(f", {numbers}\n. . . {numbers}\n")
    (tmp_path / "n").write_text("7 0.5\n8 0.25\n")
    (tmp_path / "w").write_text("2 1\n7 0.5\n8 0.25\n")
    assert [detect(tmp_path / name) for name in "gnw"] == ["glove", "glove", "word2vec"]
    assert load_vectors(tmp_path / "g").index_to_key == [",", ". . ."]
    with open(tmp_path / "long", "w") as file:  # a row longer than what is looked at
        file.write("1 400000\nword" + " 0.12345" * 400000 + "\n")
    assert detect(tmp_path / "long") == "word2vec"


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("packed", [False, True])
def test_pipes_are_read(wv, tmp_path, packed):
    wv.save_word2vec_format(tmp_path / "v.txt")
    content = (tmp_path / "v.txt").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    sent = gzip.compress(content) if packed else content
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(sent))
    writer.start()
    assert load_vectors(tmp_path / "pipe").index_to_key == WORDS
    writer.join()


def test_formats_are_documented_once():
    assert set(SOURCES) | {"vectors"} == set(TARGETS) == {"native", *VECTOR_FORMATS} - {"model"}


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("target", [name for name in TARGETS if name != "native"])
def test_every_format_is_described(wv, target, packed, tmp_path):
    wv.save(tmp_path / "v")
    path = tmp_path / f"there{packed}"
    convert(tmp_path / "v", path, format=target)
    told = describe(path)
    assert (told["format"], told["bytes"]) == (target, path.stat().st_size)
    assert (told["words"], told["dimensions"], told["counts"]) == (len(WORDS), 7, target in ("vectors", "npz"))
    assert told["type"].lower() in ("float32", "f32")
    if target != "npz":
        assert told["first_words"] == WORDS[:5]


def test_models_checkpoints_caches_and_phrases_are_described(tmp_path):
    from fastsgns import Phrases

    text = tmp_path / "text"
    text.write_text("new york is a city\n" * 200)
    model = Word2Vec(
        corpus_file=text, vector_size=6, epochs=2, workers=1, sample=0, seed=3, checkpoint=tmp_path / "state",
        corpus_cache=tmp_path / "cache",
    )  # fmt: skip
    model.wv.vectors_lockf = [0, 1, 1, 1, 1]
    model.save(tmp_path / "m")
    told = describe(tmp_path / "m")
    assert told["parameters"]["seed"] == 3 and told["history"]["loss_history"] == model.loss_history
    assert (told["words"], told["output_vectors"], told["counts"], told["frozen_words"]) == (5, True, True, 1)
    state = describe(tmp_path / "state")
    assert state["state"]["epochs_complete"] == 2 and state["state"]["words_trained"] == 2000
    assert state["training"]["vocabulary"] == 5
    cache = describe(tmp_path / "cache")
    assert (cache["format"], cache["corpus_words"], cache["words"]) == ("corpus-cache", 1000, 5)
    assert cache["sources"] == [str(text)]
    Phrases([["new", "york"]] * 9).save(tmp_path / "p")
    phrases = describe(tmp_path / "p")
    assert (phrases["format"], phrases["class"], phrases["corpus_word_count"]) == ("phrases", "Phrases", 18)
    for name in ("state", "cache", "p"):
        with pytest.raises(ValueError, match="not vectors"):
            load_vectors(tmp_path / name)


def test_no_matrix_is_read_to_describe_one(tmp_path):
    """Of a file with a hole in place of a matrix of 40 GB."""
    rows, dim = 10**8, 100
    head = b'{"vectors":{"dtype":"F32","shape":[%d,%d],"data_offsets":[0,%d]}}' % (rows, dim, 4 * rows * dim)
    head += b" " * (-len(head) % 8)
    with open(tmp_path / "hole", "wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        file.truncate(8 + len(head) + 4 * rows * dim)
    told = describe(tmp_path / "hole")
    assert (told["words"], told["dimensions"], told["format"]) == (rows, dim, "plain-safetensors")


def test_damaged_array_files_are_told_in_words(tmp_path):
    with zipfile.ZipFile(tmp_path / "v.npz", "w") as archive:
        archive.writestr("vectors.npy", b"garbage")
    with pytest.raises(ValueError, match=r"v\.npz: not NumPy arrays, or damaged"):
        load_vectors(tmp_path / "v.npz")
    (tmp_path / "huge.safetensors").write_bytes(b"\xff" * 7 + b"\x7f" + b'{"a":1}')
    with pytest.raises(ValueError, match=r"huge\.safetensors is damaged: "):
        describe(tmp_path / "huge.safetensors")


def npz(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def declared(shape):
    """The beginning of a file of NumPy's format."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def with_bit(data, place, bit):
    return data[:place] + bytes([data[place] | bit]) + data[place + 1 :]


def of_type(kind, size):
    """A matrix in safetensors of a type that NumPy lacks."""
    head = json.dumps({"vectors": {"dtype": kind, "shape": [2, 2], "data_offsets": [0, size]}}).encode()
    return len(head).to_bytes(8, "little") + head + bytes(size)


SOUND = npz(vectors=npy(np.eye(2)), words=npy(np.array(["a", "b"])))
BAD_ARRAYS = {
    "shape.npz": npz(vectors=declared((2, 10**12)), words=npy(np.array(["a", "b"]))),
    "brackets.npy": npy(np.eye(2)).replace(b"(2, 2)", b"((((2,"),
    "brackets.npz": npz(vectors=npy(np.eye(2)).replace(b"(2, 2)", b"((((2,"), words=npy(np.array(["a", "b"]))),
    "character.npz": npz(vectors=npy(np.eye(2)), words=npy(np.array(["a", "b"])).replace(b"b\0\0\0", b"b\0\0\x7f")),
    "locked.npz": with_bit(with_bit(SOUND, 6, 1), SOUND.index(b"PK\1\2") + 8, 1),
    "deflated.npz": with_bit(SOUND, 30 + len("vectors.npy"), 0x06),
    "float8.safetensors": of_type("F8_E4M3", 4),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_strangers_arrays_are_refused_in_one_way(name, tmp_path):
    path, words = tmp_path / name, tmp_path / Path(name).with_suffix(".words.txt")
    path.write_bytes(BAD_ARRAYS[name])
    words.write_text("a\nb\n")
    with pytest.raises(ValueError, match=name) as raised:
        load_vectors(path)
    assert "such file" not in str(raised.value)
    with contextlib.suppress(ValueError):
        describe(path)


@pytest.mark.parametrize("described", [None, [], 1, {}, {"sources": None, "rules": 1}, {"sources": [1], "rules": 1}])
def test_corpus_caches_that_say_nonsense_are_refused(described, tmp_path):
    text, cache_file = tmp_path / "t.txt", tmp_path / "cache"
    text.write_text("a b c d\n" * 5, encoding="ascii")
    Word2Vec(workers=1, corpus_cache=cache_file).build_vocab(corpus_file=text)
    whole = cache_file.read_bytes()
    magic, _, at, _ = cache.PREAMBLE.unpack(whole[: cache.PREAMBLE.size])
    header = json.dumps({**json.loads(whole[at:]), "description": described}).encode()
    preamble = cache.PREAMBLE.pack(magic, at + len(header), at, len(header))
    cache_file.write_bytes(preamble + whole[cache.PREAMBLE.size : at] + header)
    with pytest.raises(ValueError, match="cache: damaged"):
        describe(cache_file)


@pytest.mark.parametrize("kind", ["[]", "{}"])
def test_kinds_that_are_no_names_are_refused(kind, tmp_path):
    metadata = json.dumps({"__metadata__": {"fastsgns": f'{{"kind": {kind}}}'}}).encode()
    (tmp_path / "f").write_bytes(len(metadata).to_bytes(8, "little") + metadata)
    with pytest.raises(ValueError, match="a later fastsgns may know"):
        describe(tmp_path / "f")


@pytest.mark.parametrize("kind", ["npy", "plain-safetensors"])
def test_a_matrix_whose_words_cannot_be_written_is_not_written(wv, kind, tmp_path):
    path = tmp_path / f"v{SUFFIX[kind]}"
    path.write_bytes(b"an old one")
    (tmp_path / "v.words.txt").mkdir()
    with pytest.raises(IsADirectoryError, match=r"v\.words\.txt"):
        arrayfiles.write_array_file(path, wv, kind)
    assert path.read_bytes() == b"an old one" and len(list(tmp_path.iterdir())) == 2


def test_a_mark_before_the_vectors_is_named(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"\xef\xbb\xbf2 2\na 1 2\nb 3 4\n")
    with pytest.raises(ValueError, match=r"v\.txt: UTF-8's mark \(BOM\) begins it.*tail -c \+4"):
        load_vectors(tmp_path / "v.txt")
