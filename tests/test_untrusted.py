"""Files from strangers: whatever they hold, they are refused by a ValueError, or make something that works."""

import copy
import gzip
import json
import logging
import os
import random
import tracemalloc
import warnings

import numpy as np
import pytest

from fastsgns import KeyedVectors, Phrases, Word2Vec, formats, trainer
from fastsgns.cache import PREAMBLE, places
from fastsgns.corpus import encode_files
from fastsgns.files import write_file
from fastsgns.phrases import FrozenPhrases
from fastsgns.vocabulary import VocabularyRules
from fastsgns.word2vec_reader import read_vocabulary

SENTENCES = [["new", "york", "is", "a", "city"], ["a", "new", "york", "b"], ["c", "d"]] * 20
TRIALS = int(os.environ.get("FASTSGNS_TRIALS", 60))  # of each kind of file; there are about 3,000 in all
DEEP = "[" * 100_000 + "]" * 100_000


def train(path, **options):
    return Word2Vec(SENTENCES, vector_size=4, min_count=1, workers=1, epochs=2, checkpoint=path, **options)


def use_model(path, again):
    model = Word2Vec.load(path)
    model.train(SENTENCES, total_examples=model.corpus_count, epochs=1)
    model.save(again)


def use_vectors(path, again):
    vectors = KeyedVectors.load(path)
    vectors.most_similar(0)
    vectors.save(again)


def use_phrases(path, again):
    phrases = Phrases.load(path)
    phrases.add_vocab(SENTENCES)
    phrases[SENTENCES[0]]
    phrases.save(again)


def use_frozen(path, again):
    phrases = FrozenPhrases.load(path)
    phrases[SENTENCES[0]]
    phrases.save(again)


# Kinds of native files: how to make one, and how to read and use it.
KINDS = {
    "Word2Vec": (lambda path: train(None).save(path), use_model),
    "KeyedVectors": (lambda path: train(None).wv.save(path), use_vectors),
    "Checkpoint": (train, lambda path, again: train(path, resume=True).save(again)),
    "Phrases": (lambda path: Phrases(SENTENCES, 1, 0.1).save(path), use_phrases),
    "FrozenPhrases": (lambda path: Phrases(SENTENCES, 1, 0.1).freeze().save(path), use_frozen),
}

VALUES = [
    None, True, -1, 0, 2**31, 2**63, 2**200, 1e308, -1e308, float("nan"), float("inf"), 0.5, "", "x", "é" * 100, [], {},
    [[1]], [1] * 3, {"a": 1},
]  # fmt: skip


def places_in(node, place=()):
    """Every place in JSON."""
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node[:2]):
            yield (*place, key)
            yield from places_in(value, (*place, key))


def with_value(node, place, value):
    changed = at = copy.deepcopy(node)
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return changed


def changed_arrays(array):
    """Other shapes, types and numbers."""
    yield from (array[:0], array[:1], array[..., np.newaxis], np.array(3), np.zeros((0, 2**40), array.dtype))
    yield np.concatenate([array, array])
    with np.errstate(all="ignore"):
        for dtype in ("u1", "i4", "i8", "u8", "f2", "f4", "f8", "?"):
            yield array.astype(dtype)
    if array.dtype.kind == "f":
        numbers = [np.nan, np.inf, -1.0, 1e38]
    else:
        numbers = [np.iinfo(array.dtype).min, np.iinfo(array.dtype).max, 0, 100]
    for number in numbers:
        yield np.full_like(array, number)
        last = array.copy()
        last[-1:] = number
        yield last


def changes_of(tensors, metadata):
    for name, array in tensors.items():
        yield {key: value for key, value in tensors.items() if key != name}, metadata
        for changed in changed_arrays(array):
            yield {**tensors, name: changed}, metadata
    for place in places_in(metadata):
        for value in VALUES:
            yield tensors, with_value(metadata, place, value)


@pytest.mark.parametrize("kind", KINDS)
def test_native_files_with_one_thing_changed(tmp_path, monkeypatch, caplog, kind):
    monkeypatch.setattr(trainer, "POLL_SECONDS", 1e-3)
    make, use = KINDS[kind]
    make(tmp_path / "good")
    changes = list(changes_of(*formats.load_tensors(tmp_path / "good", kind)))
    chosen = random.Random(0).sample(changes, min(TRIALS, len(changes)))
    caplog.set_level(logging.CRITICAL)
    refused = 0
    for tensors, metadata in chosen:
        formats.save_tensors(tmp_path / "changed", tensors, {**metadata, "kind": kind})
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                use(tmp_path / "changed", tmp_path / "again")
        except (ValueError, FloatingPointError):
            refused += 1
    print(f"{kind}: {len(chosen)} of {len(changes)} changes, {refused} refused")
    assert refused > len(chosen) / 4


@pytest.mark.parametrize("change", [{"unit": 2**61}, {"unit": 10**4}, {"epochs": 3}])
def test_checkpoints_beyond_the_end(tmp_path, change):
    train(tmp_path / "run.ckpt")
    tensors, metadata = formats.load_tensors(tmp_path / "run.ckpt", "Checkpoint")
    state = metadata["state"]
    if "epochs" in change:
        state["result"].update(change, loss_history=[1.0] * 3)
    else:
        state.update(change)
    formats.save_tensors(tmp_path / "run.ckpt", tensors, {**metadata, "kind": "Checkpoint"})
    with pytest.raises(ValueError, match=r"it is at work unit \d+ of epoch \d: there is none"):
        train(tmp_path / "run.ckpt", resume=True)


@pytest.mark.parametrize("mmap", [None, "r"])
def test_types_that_numpy_lacks(tmp_path, mmap):
    metadata = {"fastsgns": json.dumps({"format_version": 1, "kind": "KeyedVectors"})}
    tensors = {"vectors": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}}
    head = json.dumps({"__metadata__": metadata, **tensors}).encode()
    (tmp_path / "file").write_bytes(len(head).to_bytes(8, "little") + head + bytes(4))
    with pytest.raises(ValueError, match="'vectors' is of type F8_E4M3"):
        KeyedVectors.load(tmp_path / "file", mmap=mmap)


@pytest.mark.parametrize("kind", KINDS)
def test_json_nested_without_end(tmp_path, kind):
    header = json.dumps({"__metadata__": {"fastsgns": DEEP}}).encode()
    (tmp_path / "deep").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match="deep"):
        KINDS[kind][1](tmp_path / "deep", tmp_path / "again")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@pytest.mark.parametrize("load", [Word2Vec.load, KeyedVectors.load, Phrases.load, FrozenPhrases.load])
def test_pipes_do_not_keep_the_reader_waiting(tmp_path, load):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"pipe.*a pipe or device"):
        load(tmp_path / "pipe")


# Corpus caches


@pytest.fixture
def cache(tmp_path):
    """Reads a cache in which something was changed."""
    text, path = tmp_path / "text", tmp_path / "cache"
    text.write_text("\n".join(map(" ".join, SENTENCES)), encoding="utf-8")

    def encode():
        return encode_files(text, rules=VocabularyRules(min_count=1), workers=1, corpus_cache=path)

    vocabulary, corpus = encode()
    sizes = places(len(corpus.tokens), len(corpus.offsets), len(vocabulary))
    good = path.read_bytes()

    def read_changed(part, place, number):
        at, size = sizes[part], (4, 8, 8)[part]
        changed = bytearray(good)
        changed[at + place * size : at + place * size + size] = number.to_bytes(size, "little", signed=True)
        write_file(path, changed)  # the good one may be mapped
        return encode()

    read_changed.good, read_changed.path, read_changed.encode = good, path, encode
    return read_changed


@pytest.mark.parametrize(
    ("part", "place", "number", "message"),
    [
        (0, 5, 2**31 - 1, "its tokens are not all ids of 8 words"),
        (0, 0, -1, "its tokens are not all ids"),
        (0, 219, 8, "its tokens are not all ids"),
        (1, 1, 2**62, "its offsets do not rise"),
        (1, 1, -5, "its offsets do not rise"),
        (1, 60, 0, "its offsets do not rise"),
        (2, 0, 2**62, "its words and counts do not fit together"),
        (2, 0, 0, "its words and counts do not fit together"),
    ],
)
def test_numbers_in_caches(cache, part, place, number, message):
    with pytest.raises(ValueError, match=message):
        cache(part, place, number)


def test_headers_of_caches(cache):
    magic, _, at_header, _ = PREAMBLE.unpack(cache.good[: PREAMBLE.size])
    header = json.loads(cache.good[at_header:])
    texts = [DEEP, "1" * 5000, "[]", "null", '"x"', '{"description": 1}']
    texts += [json.dumps({**header, name: 0}) for name in ("raw_words", "sentences")]
    texts += [json.dumps({**header, name: 2**63}) for name in header if name != "description"]
    for text in texts:
        data = text.encode()
        preamble = PREAMBLE.pack(magic, at_header + len(data), at_header, len(data))
        write_file(cache.path, preamble + cache.good[PREAMBLE.size : at_header] + data)
        if text == '{"description": 1}':  # of another corpus: it is made anew
            cache.encode()
            continue
        with pytest.raises(ValueError, match="not a fastsgns corpus cache"):
            cache.encode()


# word2vec's formats


def peak_bytes(function, *arguments, **options):
    """The most memory that a call takes which must be refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bomb"):
            function(*arguments, **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("start", [b"1 1000000000\na ", b"1000000000 1000000\na ", b"1 2\n"])
@pytest.mark.parametrize("binary", [False, True])
def test_small_files_that_unpack_to_large_ones(tmp_path, binary, start):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(start + b"x" * 70_000_000, 1))
    peak = peak_bytes(KeyedVectors.load_word2vec_format, path, binary=binary)
    assert peak < (2**24 if b"000000000" in start.split()[1] else 2**28)  # of a line of 32 MB, or some rows


def test_lines_without_end(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"1 " * 35_000_000, 1))
    assert peak_bytes(KeyedVectors.load_word2vec_format, path, no_header=True) < 2**28
    assert peak_bytes(read_vocabulary, path) < 2**26
    path.write_bytes(gzip.compress(b"a " + b"1 " * 20_000_000 + b"\n", 1))
    assert peak_bytes(KeyedVectors.load_word2vec_format, path, no_header=True) < 2**28
    path.write_bytes(gzip.compress(b"1 2\na " + b"1 " * 20_000_000 + b"\n", 1))
    assert peak_bytes(KeyedVectors.load_word2vec_format, path) < 2**29


@pytest.mark.parametrize("count", [b"-1", b"%d" % 2**63, b"9" * 5000, b"1.5", b""])
def test_counts_of_vocabulary_files(tmp_path, count):
    (tmp_path / "vocabulary").write_bytes(b"a 1\nb " + count + b"\n")
    with pytest.raises(ValueError, match="vocabulary, line 2"):
        read_vocabulary(tmp_path / "vocabulary")


def test_damaged_vocabulary_files(tmp_path):
    path = tmp_path / "vocabulary.gz"
    path.write_bytes(gzip.compress(b"a 1\n" * 10_000)[:-9])
    with pytest.raises(ValueError, match=r"vocabulary\.gz is damaged"):
        read_vocabulary(path)
