"""Files: what is written comes back to the bit, gensim reads it too, and damaged or hostile files are refused."""

import gzip
import io
import json
import logging
import os
import stat
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from safetensors.numpy import load_file, save_file

from fastsgns import files, formats, modelfile, vectorfile
from fastsgns.files import new_file
from fastsgns.keyedvectors import KeyedVectors
from fastsgns.word2vec import Word2Vec

WORDS = ["the", "of", "naïve", "中文", "a\u00a0b", "😀", "\x1c", "x" * 3000]


def make(keys=WORDS, dim=7, dtype=np.float32, counts=True):
    matrix = np.zeros((len(keys), dim + 9), dtype)[:, :dim]  # padded rows, as the trainer's
    matrix[:] = np.random.default_rng(0).normal(size=(len(keys), dim))
    return KeyedVectors.from_arrays(keys, matrix, np.arange(len(keys), 0, -1) if counts else None)


def assert_same(first, second):
    assert first.index_to_key == second.index_to_key
    assert first.key_to_index == second.key_to_index
    np.testing.assert_array_equal(first.vectors, second.vectors)


# The native file


@pytest.mark.parametrize("mmap", [None, "r", "c"])
@pytest.mark.parametrize(
    "keys",
    [[*WORDS, "", "\n", "New York", "\0"], [5, -1, 2**62], [np.int32(4), 9], ["one"], []],
    ids=lambda keys: str(len(keys)),
)
def test_native_files_come_back(tmp_path, keys, mmap):
    wv = make(keys)
    if keys:
        wv.set_vecattr(keys[0], "weight", 0.5)
    wv.save(tmp_path / "v.safetensors")
    back = KeyedVectors.load(tmp_path / "v.safetensors", mmap=mmap)
    assert_same(wv, back)
    assert back.vectors.dtype == np.float32
    for name, values in wv.expandos.items():
        np.testing.assert_array_equal(back.expandos[name], values)
    if keys:
        assert isinstance(back.vectors, np.memmap) == (mmap is not None)
        assert [key for key, _ in back.most_similar(0)] == [key for key, _ in wv.most_similar(0)]


def test_safetensors_itself_reads_the_native_file(tmp_path):
    wv = make()
    wv.save(tmp_path / "v.safetensors")
    np.testing.assert_array_equal(load_file(tmp_path / "v.safetensors")["vectors"], wv.vectors)


ARRAYS = {
    **{f"{kind}{size}": np.arange(6).reshape(3, 2).astype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)},
    **{f"f{size}": np.array([[1.5, -2], [np.inf, 0]], f"f{size}") for size in (2, 4, 8)},
    "bool": np.array([True, False, True]),
    "big-endian": np.array([1, 2.5, 3], ">f4"),
    "column by column": np.asfortranarray(np.arange(12, dtype=np.float32).reshape(4, 3)),
    "backwards": np.arange(10)[::-2],
    "one number": np.array(7, np.int64),
    "nothing": np.empty((0, 5), np.float32),
    "no columns": np.empty((5, 0), np.float32),
    "é": np.array([[[1.0]]]),
}


@pytest.mark.parametrize("block", [1, 20, formats.BLOCK_BYTES])
def test_all_arrays_are_written_as_safetensors_itself_reads_them(tmp_path, monkeypatch, block):
    monkeypatch.setattr(formats, "BLOCK_BYTES", block)
    formats.save_tensors(tmp_path / "v", ARRAYS, {"kind": "Test"})
    ours, _ = formats.load_tensors(tmp_path / "v", "Test", mmap="r")
    for tensors in (load_file(tmp_path / "v"), ours):
        assert tensors.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert tensors[name].dtype == array.dtype.newbyteorder("="), name
            np.testing.assert_array_equal(tensors[name], array, strict=name != "big-endian")
            assert name == "one number" or tensors[name].flags.aligned


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.array([1j]), np.zeros(1, np.longdouble)])
def test_what_safetensors_cannot_hold_is_refused(tmp_path, array):
    with pytest.raises(ValueError, match=rf"v: cannot save 'x': dtype={array.dtype} is no plain number"):
        formats.save_tensors(tmp_path / "v", {"x": array}, {})
    assert not list(tmp_path.iterdir())


def test_open_files_are_saved_to():
    wv, file = make(), io.BytesIO()
    wv.save(file)
    np.testing.assert_array_equal(safetensors.numpy.load(file.getvalue())["vectors"], wv.vectors)


@pytest.mark.parametrize("save", [KeyedVectors.save, KeyedVectors.save_word2vec_format], ids=["native", "word2vec"])
def test_saving_copies_neither_vectors_nor_keys(tmp_path, monkeypatch, save):
    monkeypatch.setattr(formats, "BLOCK_BYTES", 1 << 16)
    wv = KeyedVectors.from_arrays([f"word{i:06}" for i in range(50_000)], np.zeros((50_000, 40), np.float32)[:, :20])
    tracemalloc.start()
    save(wv, tmp_path / "v", **({} if save is KeyedVectors.save else {"binary": True}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < wv.vectors.nbytes / 2
    assert peak < 50_000 * 40  # a bytes object a key is more


def test_gensims_extra_arguments_of_saving_are_accepted(tmp_path):
    make().save(tmp_path / "v", separately=None, sep_limit=1, ignore=["norms"], pickle_protocol=4)
    assert_same(KeyedVectors.load(fname=tmp_path / "v"), make())


def test_frozen_rows_come_back(tmp_path):
    wv = make(["a", "b"])
    wv.vectors_lockf = [0, 1]
    wv.save(tmp_path / "v")
    assert KeyedVectors.load(tmp_path / "v").vectors_lockf.tolist() == [0, 1]


def test_models_from_before_there_was_deterministic_load(tmp_path, monkeypatch):
    path, model = (
        tmp_path / "model",
        Word2Vec([["a", "b"]] * 9, min_count=1, vector_size=8, epochs=1, workers=1, sample=0),
    )
    with monkeypatch.context() as context:
        before = tuple(name for name in modelfile.PARAMETERS if name != "deterministic")
        context.setattr(modelfile, "PARAMETERS", before)
        model.save(path)
    loaded = Word2Vec.load(path)
    assert loaded.deterministic is False and (loaded.wv.vectors == model.wv.vectors).all()


def test_vectors_of_a_whole_model_load(tmp_path):
    wv = make()
    tensors = {**formats.pack_keys(wv.index_to_key), "vectors": wv.vectors, "output_vectors": wv.vectors}
    formats.save_tensors(tmp_path / "m", tensors, {"kind": "Word2Vec", "parameters": {"alpha": 0.1}})
    assert_same(KeyedVectors.load(tmp_path / "m"), wv)
    _, metadata = formats.load_tensors(tmp_path / "m", "Word2Vec")
    assert metadata == {"kind": "Word2Vec", "parameters": {"alpha": 0.1}}
    with pytest.raises(ValueError, match=r"kind='Word2Vec', not 'Other': load it with that class"):
        formats.load_tensors(tmp_path / "m", "Other")


@pytest.mark.parametrize("keys", [["a", 1], [("a", "b")], [None], [2**70], ["\ud800"], [1.5]], ids=str)
def test_keys_that_cannot_be_saved(tmp_path, keys):
    with pytest.raises(ValueError, match="key"):
        KeyedVectors.from_arrays(keys, np.ones((len(keys), 2))).save(tmp_path / "v")
    assert not list(tmp_path.iterdir())


def test_attributes_that_cannot_be_saved(tmp_path):
    wv = make()
    wv.set_vecattr("the", "tag", "article")
    with pytest.raises(ValueError, match=r"cannot save 'attribute.tag': dtype=object"):
        wv.save(tmp_path / "v")
    assert not list(tmp_path.iterdir())


def safetensors_bytes(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


HOSTILE = {
    "empty": b"",
    "short": b"\x01",
    "pickle": b"\x80\x04\x95" + b"x" * 100,
    "text": b"2 3\nthe 1 2 3\nof 4 5 6\n",
    "header beyond the file": struct.pack("<Q", 2**60) + b"{}",
    "header no JSON": struct.pack("<Q", 4) + b"{]{]",
    "header no object": safetensors_bytes([1]),
    "huge shape": safetensors_bytes(
        {"vectors": {"dtype": "F32", "shape": [2**40, 2**30], "data_offsets": [0, 8]}}, b"x" * 8
    ),
    "negative": safetensors_bytes({"vectors": {"dtype": "F32", "shape": [-1, 2], "data_offsets": [0, 8]}}, b"x" * 8),
    "offsets beyond": safetensors_bytes({"vectors": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"x" * 8),
    "foreign": safetensors_bytes({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"x" * 8),
    "foreign metadata": safetensors_bytes({"__metadata__": {"fastsgns": "[]"}}),
    "deep metadata": safetensors_bytes({"__metadata__": {"fastsgns": "[" * 100_000}}),
    "metadata too deep to show": safetensors_bytes({"__metadata__": {"fastsgns": "[" * 900 + "]" * 900}}),
    "broken metadata": safetensors_bytes({"__metadata__": {"fastsgns": "{"}}),
    "later version": safetensors_bytes(
        {"__metadata__": {"fastsgns": '{"kind": "KeyedVectors", "format_version": 99}'}}
    ),
}


@pytest.mark.parametrize("mmap", [None, "r"])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_native_files_are_refused(tmp_path, content, mmap):
    path = tmp_path / "hostile"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"hostile.*not a model file of fastsgns"):
        KeyedVectors.load(path, mmap=mmap)


def test_truncated_native_files_are_refused(tmp_path):
    make().save(tmp_path / "v")
    content = (tmp_path / "v").read_bytes()
    for size in range(0, len(content), 97):
        (tmp_path / "cut").write_bytes(content[:size])
        with pytest.raises(ValueError, match="cut"):
            KeyedVectors.load(tmp_path / "cut")


KEYS = formats.pack_keys(["a", "b"])
VECTORS = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"vectors": VECTORS},
        {**KEYS},
        {**KEYS, "vectors": VECTORS[:1]},
        {**KEYS, "vectors": VECTORS[0]},
        {**KEYS, "vectors": VECTORS.astype(int)},
        {**KEYS, "vectors": VECTORS, "counts": np.ones(3, int)},
        {**KEYS, "vectors": VECTORS, "attribute.x": np.ones(3, int)},
        {"keys": KEYS["keys"], "vectors": VECTORS},
        {**KEYS, "key_offsets": np.array([0, 5, 2]), "vectors": VECTORS},
        {**KEYS, "key_offsets": np.array([0, -1, 2]), "vectors": VECTORS},
        {**KEYS, "key_offsets": np.array([0, 1, 1]), "vectors": VECTORS},
        {**KEYS, "key_offsets": np.array([], np.int64), "vectors": VECTORS},
        {**KEYS, "keys": np.array([0xFF, 0xFE], np.uint8), "vectors": VECTORS},
        {"keys": np.array([1, 1]), "vectors": VECTORS},
        {"keys": np.ones((2, 2), np.int64), "vectors": VECTORS},
        {"keys": np.ones(2), "vectors": VECTORS},
    ],
)
def test_native_files_that_make_no_sense_are_refused(tmp_path, tensors):
    formats.save_tensors(tmp_path / "v", tensors, {"kind": "KeyedVectors"})
    with pytest.raises(ValueError, match="not a KeyedVectors file of fastsgns"):
        KeyedVectors.load(tmp_path / "v")


def test_missing_files_are_named(tmp_path):
    for load in (KeyedVectors.load, KeyedVectors.load_word2vec_format):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            load(tmp_path / "nowhere")
        with pytest.raises(IsADirectoryError):
            load(tmp_path)


# Writing whole or not at all


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "v.txt"
    make().save_word2vec_format(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="key 'New York' is empty or holds white space"):
        make(["a", "New York"]).save_word2vec_format(path)
    with pytest.raises(KeyboardInterrupt), new_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "v", tmp_path / "link"
    make().save(path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    make(["a"]).save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert KeyedVectors.load(path).index_to_key == ["a"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@pytest.mark.parametrize("name", ["save", "save_word2vec_format"])
def test_what_is_no_file_is_written_to_and_stays(tmp_path, name):
    """A pipe stands for devices too: nothing here may touch /dev/null, which a mistake would replace."""
    pipe, path = tmp_path / "pipe", tmp_path / "v"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        getattr(make(), name)(pipe)
        received = reader.communicate()[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    getattr(make(), name)(path)
    assert path.read_bytes() == received
    assert sorted(tmp_path.iterdir()) == [pipe, path]


@pytest.mark.parametrize("name", ["save", "save_word2vec_format"])
def test_what_cannot_be_written_is_named(tmp_path, name):
    with pytest.raises(IsADirectoryError) as raised:
        getattr(make(), name)(tmp_path)
    assert raised.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        getattr(make(), name)(tmp_path / "none" / "v")
    assert raised.value.filename == str(tmp_path / "none" / "v")
    getattr(make(), name)(tmp_path / ("😀" * 63))  # 252 bytes, and 255 are allowed


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_device_is_an_oserror_too():
    with pytest.raises(OSError, match=r"No space left on device.*/dev/full"):
        make().save("/dev/full")


@pytest.mark.parametrize("binary", [False, True])
def test_keys_that_are_written_alike_are_refused(tmp_path, binary):
    with pytest.raises(ValueError, match="several keys, such as 1 and '1'"):
        make([1, "1"]).save_word2vec_format(tmp_path / "v", binary=binary)
    assert not list(tmp_path.iterdir())


# word2vec's formats


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_files_come_back_to_the_bit(tmp_path, binary, suffix):
    wv, path = make(), tmp_path / f"v{suffix}"
    wv.save_word2vec_format(path, binary=binary)
    back = KeyedVectors.load_word2vec_format(path, binary=binary)
    assert_same(wv, back)
    assert back.get_vecattr("the", "count") == len(WORDS)
    if suffix == ".gz":
        assert gzip.decompress(path.read_bytes()).startswith(b"8 7\n")


def test_extreme_numbers_come_back_to_the_bit(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    numbers = np.where(np.isfinite(bits), bits, np.float32(np.inf)).reshape(-1, 4)
    numbers[0] = [-0.0, 1e-45, 3.4028235e38, -np.inf]
    for dtype in (np.float32, np.float64):
        wv = KeyedVectors.from_arrays([f"w{i}" for i in range(1000)], numbers.astype(dtype) * dtype(1 / 3))
        wv.save_word2vec_format(tmp_path / "v")
        assert_same(KeyedVectors.load_word2vec_format(tmp_path / "v", datatype=dtype), wv)


@pytest.mark.parametrize("binary", [False, True])
def test_gensim_reads_our_files_and_we_read_gensims(tmp_path, binary):
    gensim = pytest.importorskip("gensim")
    wv = make([word for word in WORDS if not any(map(str.isspace, word))])
    wv.set_vecattr("中文", "count", 100)  # written first
    wv.save_word2vec_format(tmp_path / "v", tmp_path / "vocabulary", binary=binary, prefix="p_")
    theirs = gensim.models.KeyedVectors.load_word2vec_format(tmp_path / "v", tmp_path / "vocabulary", binary=binary)
    assert theirs.index_to_key[:2] == ["p_中文", "p_the"]
    np.testing.assert_array_equal(theirs["p_of"], wv["of"])
    assert theirs.get_vecattr("p_中文", "count") == 100
    theirs.save_word2vec_format(str(tmp_path / "w"), str(tmp_path / "vocabulary2"), binary=binary)
    back = KeyedVectors.load_word2vec_format(tmp_path / "w", tmp_path / "vocabulary2", binary=binary)
    ours = KeyedVectors.load_word2vec_format(tmp_path / "v", tmp_path / "vocabulary", binary=binary)
    assert_same(back, theirs)
    assert_same(ours, theirs)
    np.testing.assert_array_equal(back.expandos["count"], ours.expandos["count"])
    assert (tmp_path / "vocabulary").read_bytes() == (tmp_path / "vocabulary2").read_bytes()
    if binary:
        assert (tmp_path / "v").read_bytes() == (tmp_path / "w").read_bytes()
    for limit in (1, 3, 100):
        arguments = {"binary": binary, "limit": limit, "datatype": np.float64}
        assert_same(
            KeyedVectors.load_word2vec_format(tmp_path / "w", **arguments),
            gensim.models.KeyedVectors.load_word2vec_format(tmp_path / "w", **arguments),
        )


def test_files_of_word2vec_c(tmp_path):
    """word2vec.c ends binary vectors with a newline, and text lines with a space."""
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    binary = b"2 3\n</s> " + numbers[0].tobytes() + b"\nthe " + numbers[1].tobytes() + b"\n"
    (tmp_path / "v.bin").write_bytes(binary)
    (tmp_path / "v.txt").write_bytes(b"2 3\n</s> 0.000000 1.000000 2.000000 \nthe 3.000000 4.000000 5.000000 \n")
    for name in ("v.bin", "v.txt"):
        wv = KeyedVectors.load_word2vec_format(tmp_path / name, binary=name == "v.bin")
        assert wv.index_to_key == ["</s>", "the"]
        np.testing.assert_array_equal(wv.vectors, numbers)


@pytest.mark.parametrize("block", [1, 7, 30, 31, 100])
def test_binary_records_may_cross_blocks(tmp_path, monkeypatch, block):
    wv = make()
    wv.save_word2vec_format(tmp_path / "v", binary=True)
    monkeypatch.setattr(vectorfile, "BLOCK_BYTES", block)
    assert_same(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=True), wv)


def test_more_text_than_a_block(tmp_path):
    wv = make([f"w{i}" for i in range(3000)], dim=200)
    wv.save_word2vec_format(tmp_path / "v", write_header=False)
    assert_same(KeyedVectors.load_word2vec_format(tmp_path / "v", no_header=True), wv)
    wv.save_word2vec_format(tmp_path / "v")
    assert_same(KeyedVectors.load_word2vec_format(tmp_path / "v"), wv)


def test_glove_files(tmp_path):
    (tmp_path / "glove").write_bytes(b"the 1 2\n. . 3 4\nat name@domain.com 5 6\n1 7 8\r\n")
    wv = KeyedVectors.load_word2vec_format(tmp_path / "glove", no_header=True)
    assert wv.index_to_key == ["the", ". .", "at name@domain.com", "1"]
    np.testing.assert_array_equal(wv.vectors, np.arange(1, 9).reshape(4, 2))
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "glove", no_header=True, limit=2)) == 2


def test_appending(tmp_path):
    first, second = make(["a", "b"]), make(["c"])
    first.save_word2vec_format(tmp_path / "v", total_vec=3)
    second.save_word2vec_format(tmp_path / "v", append=True, write_header=False)
    back = KeyedVectors.load_word2vec_format(tmp_path / "v")
    assert back.index_to_key == ["a", "b", "c"]
    np.testing.assert_array_equal(back.vectors[2:], second.vectors)


def test_vectors_without_counts_keep_their_order(tmp_path):
    wv = make(counts=False)
    wv.save_word2vec_format(tmp_path / "v")
    assert_same(KeyedVectors.load_word2vec_format(tmp_path / "v"), wv)
    with pytest.raises(ValueError, match="no attribute sort_attr='count'"):
        wv.save_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocabulary")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("binary", [False, True])
def test_vectors_of_shared_keys_are_taken_over(tmp_path, caplog, monkeypatch, binary, dtype):
    monkeypatch.setattr(vectorfile, "BATCH_NUMBERS", 20)  # several batches
    theirs = make([f"w{i}" for i in range(10)])
    theirs.save_word2vec_format(tmp_path / "v", binary=binary)
    wv = make(["w3", "x", "w8", 5], dtype=dtype)
    before = wv.vectors.copy()
    wv.fill_norms()
    with caplog.at_level(logging.INFO):
        wv.intersect_word2vec_format(tmp_path / "v", binary=binary)
    assert "took over 2 of 10 vectors, for 4 keys" in caplog.text
    assert wv.index_to_key == ["w3", "x", "w8", 5]
    for key in ("w3", "w8"):
        np.testing.assert_allclose(wv[key], theirs[key].astype(dtype), rtol=1e-8)  # text has 9 digits
    np.testing.assert_array_equal(wv.vectors[[1, 3]], before[[1, 3]])
    np.testing.assert_allclose(wv.fill_norms(), np.linalg.norm(wv.vectors.astype(float), axis=1), rtol=1e-3)
    assert wv.vectors_lockf.tolist() == [0, 1, 0, 1]
    wv.intersect_word2vec_format(tmp_path / "v", 1.0, binary)
    assert wv.vectors_lockf.tolist() == [1, 1, 1, 1]


def test_gensim_takes_over_the_same_where_it_can(tmp_path):
    gensim = pytest.importorskip("gensim")
    make(["b", "c", "d"]).save_word2vec_format(tmp_path / "v")
    ours, theirs = make(["a", "b", "c"]), make(["a", "b", "c"]).to_gensim()
    assert type(theirs) is gensim.models.KeyedVectors
    theirs.vectors_lockf = np.ones(3, np.float32)  # without which it fails
    for vectors in (ours, theirs):
        vectors.intersect_word2vec_format(tmp_path / "v", lockf=0.0)
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    np.testing.assert_array_equal(ours.vectors_lockf, theirs.vectors_lockf)


def test_what_cannot_be_taken_over_is_refused(tmp_path, caplog):
    make(["a"], dim=3).save_word2vec_format(tmp_path / "v")
    wv = make(["a"])
    with pytest.raises(ValueError, match=r"v holds vectors of 3 dimensions, which do not fit vector_size=7"):
        wv.intersect_word2vec_format(tmp_path / "v")
    with pytest.raises(ValueError, match=r"lockf=0.5: vectors are either frozen, 0, or trained, 1"):
        wv.intersect_word2vec_format(tmp_path / "v", lockf=0.5)
    assert_same(wv, make(["a"]))
    assert wv.vectors_lockf.tolist() == [1]
    make(["A"]).save_word2vec_format(tmp_path / "v")
    with caplog.at_level(logging.WARNING):
        wv.intersect_word2vec_format(tmp_path / "v")
    assert "has no key in common with these 1" in caplog.text


@pytest.mark.parametrize("binary", [False, True])
def test_repeated_keys_keep_the_first(tmp_path, binary, caplog):
    make(["a", "b"]).save_word2vec_format(tmp_path / "v", total_vec=4, binary=binary)
    make(["b", "c"]).save_word2vec_format(tmp_path / "v", write_header=False, append=True, binary=binary)
    with caplog.at_level(logging.WARNING):
        wv = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)
    assert wv.index_to_key == ["a", "b", "c"]
    np.testing.assert_array_equal(wv["b"], make(["a", "b"])["b"])
    assert "1 keys that came before" in caplog.text


@pytest.mark.parametrize("binary", [False, True])
def test_what_follows_is_not_left_out_in_silence(tmp_path, binary, caplog):
    make().save_word2vec_format(tmp_path / "v", total_vec=3, binary=binary)
    with caplog.at_level(logging.WARNING):
        assert len(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)) == 3
    assert "goes on after the 3 vectors" in caplog.text


def test_keys_cut_inside_a_character(tmp_path):
    (tmp_path / "v").write_bytes(b"1 1\n\xe4\xb8 1\n")
    with pytest.raises(ValueError, match="unicode_errors='replace' or 'ignore'"):
        KeyedVectors.load_word2vec_format(tmp_path / "v")
    assert KeyedVectors.load_word2vec_format(tmp_path / "v", unicode_errors="replace").index_to_key == ["\ufffd"]
    assert KeyedVectors.load_word2vec_format(tmp_path / "v", encoding="latin1").index_to_key == ["\xe4\xb8"]


def test_half_precision(tmp_path):
    wv = make(dtype=np.float16)
    for binary in (False, True):
        wv.save_word2vec_format(tmp_path / "v", binary=binary)
        back = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, datatype=np.float16)
        assert back.vectors.dtype == np.float16
        assert_same(back, wv)


BAD_TEXT = {
    "": "is empty",
    "\n": "is no word2vec file",
    "the 1 2\n": "no_header=True",
    "2\n": "is no word2vec file",
    "-1 3\n": "declares -1 vectors",
    "1 0\na\n": "of 0 dimensions",
    "2 3\na 1 2 3\n": "cannot hold them|ends after 1 of the 2",
    "2 3\na 1 2 3\n                    ": "vector 2",
    "1 3\na 1 2\n     ": "2 numbers, not 3",
    "1 3\na 1 2 3 4\n": "4 numbers, not 3",
    "1 3\na 1 b 3\n": "could not convert",
    "9999999999999 300\na 1\n": "cannot hold them",
    "\x00\x01\x02": "is no word2vec file",
}


@pytest.mark.parametrize(("content", "message"), BAD_TEXT.items(), ids=map(repr, BAD_TEXT))
def test_bad_text_is_refused(tmp_path, content, message):
    (tmp_path / "bad").write_text(content)
    with pytest.raises(ValueError, match=f"bad.*({message})"):
        KeyedVectors.load_word2vec_format(tmp_path / "bad")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_truncated_binary_is_refused(tmp_path, suffix):
    make().save_word2vec_format(tmp_path / "v", binary=True)
    content = (tmp_path / "v").read_bytes()
    for size in [*range(40), *range(40, len(content), 61), len(content) - 1]:
        (tmp_path / f"cut{suffix}").write_bytes(gzip.compress(content[:size]) if suffix else content[:size])
        with pytest.raises(ValueError, match="cut"):
            KeyedVectors.load_word2vec_format(tmp_path / f"cut{suffix}", binary=True)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_damaged_compression_is_refused(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    make([f"w{i}" for i in range(500)]).save_word2vec_format(path, binary=True)
    content = path.read_bytes()
    for damaged in (content[:-2000], b"no such thing", content[:1000] + b"\0" * 1000 + content[2000:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged|ends after"):
            KeyedVectors.load_word2vec_format(path, binary=True)


def test_hostile_sizes_in_compressed_files_are_refused(tmp_path):
    path = tmp_path / "v.gz"
    path.write_bytes(gzip.compress(b"4000000000000 1000000\na "))
    with pytest.raises(ValueError, match=r"more than memory can hold|ends after"):
        KeyedVectors.load_word2vec_format(path, binary=True)


def test_text_read_as_binary_is_refused(tmp_path):
    make([f"w{i}" for i in range(50)]).save_word2vec_format(tmp_path / "v")
    with pytest.raises(ValueError, match="is this really the binary format"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", binary=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"datatype": np.int32}, "must be a float type"),
        ({"limit": -1}, "limit=-1 must be"),
        ({"binary": True, "no_header": True}, "no_header=True is for text"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    make().save_word2vec_format(tmp_path / "v")
    with pytest.raises(ValueError, match=message):
        KeyedVectors.load_word2vec_format(tmp_path / "v", **arguments)


def test_vocabulary_files(tmp_path, caplog):
    make(["a", "b"]).save_word2vec_format(tmp_path / "v")
    (tmp_path / "vocabulary").write_text("b 10\n")
    with caplog.at_level(logging.WARNING):
        wv = KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocabulary")
    assert wv.expandos["count"].tolist() == [0, 10]
    assert "lacks 1 keys, 'a' first" in caplog.text
    for line in ("b ten", "b 9223372036854775808", "b -9223372036854775809", "b 1 2", "b"):
        (tmp_path / "vocabulary").write_text(f"a 1\n{line}\n")
        with pytest.raises(ValueError, match=f"vocabulary, line 2: b'{line}"):
            KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "vocabulary")


@pytest.mark.parametrize("suffix", formats.COMPRESSED)
def test_damaged_vocabulary_files_are_refused(tmp_path, suffix):
    make(["a", "b"]).save_word2vec_format(tmp_path / "v")
    with formats.COMPRESSED[suffix](tmp_path / f"whole{suffix}", "wb") as file:
        file.write(b"a 1\nb 2\n" * 2000)
    whole = (tmp_path / f"whole{suffix}").read_bytes()
    for content in (b"a 1\nb 2\n", whole[:-4], whole[:20] + b"\xff" * 20 + whole[40:]):
        (tmp_path / f"vocabulary{suffix}").write_bytes(content)
        with pytest.raises(ValueError, match=r"vocabulary.* is damaged"):
            KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / f"vocabulary{suffix}")


@pytest.mark.parametrize("key", ["", "a b", "a\n", "\t", "\ud800"], ids=repr)
@pytest.mark.parametrize("binary", [False, True])
def test_keys_that_word2vec_formats_cannot_hold(tmp_path, key, binary):
    for keys in ([key], ["a", key], ["a", "a b", key] if key == "" else ["a", key, "b"]):
        with pytest.raises(ValueError, match="v: key "):
            make(keys).save_word2vec_format(tmp_path / "v", binary=binary)
    assert not list(tmp_path.iterdir())
    (tmp_path / "v").write_bytes(b"before")
    with pytest.raises(ValueError, match="v: key "):
        make(["a", key]).save_word2vec_format(tmp_path / "v", binary=binary, append=True)
    assert (tmp_path / "v").read_bytes() == b"before"
    with pytest.raises(ValueError, match=r"v: key 'x ya'"):
        make(["a"]).save_word2vec_format(tmp_path / "v", prefix="x y")


def test_rows_without_keys_are_not_written(tmp_path):
    for name in ("save", "save_word2vec_format"):
        with pytest.raises(ValueError, match="3 of 3 rows have no keys"):
            getattr(KeyedVectors(2, 3), name)(tmp_path / "v")
    assert not list(tmp_path.iterdir())


def test_foreign_safetensors_stay_out(tmp_path):
    save_file({"vectors": VECTORS}, tmp_path / "v")
    with pytest.raises(ValueError, match="something else wrote"):
        KeyedVectors.load(tmp_path / "v")


@pytest.mark.parametrize("mmap", [None, "r", "c"])
def test_a_file_that_is_replaced_while_it_is_opened_is_one_of_the_two(tmp_path, monkeypatch, mmap):
    path, safe_open, numbers = tmp_path / "file", formats.safe_open, iter(range(1, 4))

    def open_and_replace(*args, **options):
        file = safe_open(*args, **options)
        if (number := next(numbers, None)) is not None:
            formats.save_tensors(path, {"a": np.full(3, number)}, {"kind": "Example", "number": number})
        return file

    formats.save_tensors(path, {"a": np.zeros(3)}, {"kind": "Example", "number": 0})
    monkeypatch.setattr(formats, "safe_open", open_and_replace)
    tensors, metadata = formats.load_tensors(path, "Example", mmap=mmap)
    assert tensors["a"].tolist() == [metadata["number"]] * 3 == [0 if mmap is None else 3] * 3


@pytest.mark.parametrize("mmap", [None, "r"])
def test_opening_ends_where_files_have_no_lasting_numbers(tmp_path, monkeypatch, mmap):
    formats.save_tensors(tmp_path / "file", {"a": np.ones(3)}, {"kind": "Example"})
    monkeypatch.setattr(formats.os.path, "samestat", lambda *_: False)
    if mmap is None:
        assert formats.load_tensors(tmp_path / "file", "Example")[0]["a"].tolist() == [1] * 3
    else:
        with pytest.raises(ValueError, match="without mmap"):
            formats.load_tensors(tmp_path / "file", "Example", mmap=mmap)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted in /proc")
def test_an_interrupt_between_any_two_steps_leaves_no_open_file(tmp_path):
    def trace(frame, event, argument):
        nonlocal left
        # Of a folder there is a bare descriptor only, for the time of one call.
        if event == "line" and frame.f_code.co_filename == files.__file__ and frame.f_code.co_name != "sync_folder":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    path, before = tmp_path / "file", len(os.listdir("/proc/self/fd"))
    for steps in range(1, 300):
        left, outer = steps, sys.gettrace()
        try:
            sys.settrace(trace)
            formats.save_tensors(path, {"a": np.zeros(3)}, {})
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(outer)
        assert len(os.listdir("/proc/self/fd")) == before
        if left > 0:
            break
    assert 10 < steps < 299 and path.exists()
