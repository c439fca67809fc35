"""The corpus cache: used again, made anew, refused."""

import json
import os

import numpy as np
import pytest

from fastsgns import corpus as corpus_module
from fastsgns.cache import MAGIC, PREAMBLE, places
from fastsgns.corpus import encode_files
from fastsgns.vocabulary import Vocabulary, VocabularyRules

ALL = VocabularyRules(min_count=1)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text"
    path.write_text("to be or not\nto be 字\n\nthat is\n" * 50, encoding="utf-8")
    return path


@pytest.fixture
def scans(monkeypatch):
    """One entry for every time that text is scanned."""
    made = []
    scan = corpus_module.scan_files
    monkeypatch.setattr(corpus_module, "scan_files", lambda *args: made.append(args) or scan(*args))
    return made


def encode(text, cache, **options):
    return encode_files(text, **{"rules": ALL, "workers": 2, "corpus_cache": cache, **options})


def same(one, other):
    return (
        one[0].words == other[0].words
        and np.array_equal(one[0].counts, other[0].counts)
        and (one[0].raw_words, one[0].sentences) == (other[0].raw_words, other[0].sentences)
        and np.array_equal(one[1].tokens, other[1].tokens)
        and np.array_equal(one[1].offsets, other[1].offsets)
        and (one[1].raw_words, one[1].sentences_read) == (other[1].raw_words, other[1].sentences_read)
    )


def test_made_once_and_used_again(text, tmp_path, scans):
    cache = tmp_path / "folder" / "cache"
    cache.parent.mkdir()
    without = encode(text, None)
    made, again = encode(text, cache), encode(str(text), str(cache), workers=1)
    assert same(made, without) and same(again, without) and len(scans) == 2
    assert [path.name for path in cache.parent.iterdir()] == ["cache"]
    for name in ("tokens", "offsets"):
        array = getattr(again[1], name)
        assert not array.flags.writeable and array.ctypes.data % 64 == 0 and array.flags.c_contiguous


def test_made_anew_after_a_change(text, tmp_path, scans):
    cache = tmp_path / "cache"
    old = encode(text, cache)
    tokens = old[1].tokens.copy()
    for change in ({"rules": VocabularyRules(min_count=60)}, {"errors": "replace"}, {"corpus_file": [text, text]}):
        source = change.pop("corpus_file", text)
        before = len(scans)
        assert same(encode(source, cache, **change), encode(source, None, **change)) and len(scans) == before + 2
        encode(source, cache, **change)
        assert len(scans) == before + 2
    encode(text, cache)
    before = len(scans)
    os.utime(text, ns=(0, 12345))
    encode(text, cache)
    with open(text, "a", encoding="utf-8") as file:
        file.write("more words")
    assert encode(text, cache)[0].words[-2:] == ["more", "words"] and len(scans) == before + 2
    assert np.array_equal(old[1].tokens, tokens)  # replaced, not written over


def test_given_vocabulary(text, tmp_path, scans):
    cache = tmp_path / "cache"
    vocabulary = Vocabulary(["be", 5, "to"], np.array([2, 2, 1]), 5, 1)
    made, again = (encode(text, cache, vocabulary=vocabulary) for _ in range(2))
    assert again[0] is vocabulary and len(scans) == 1 and same(made, again)
    assert again[1].tokens[:4].tolist() == [2, 0, 2, 0]
    other = Vocabulary(["be", "5", "to"], np.array([2, 2, 1]), 5, 1)
    encode(text, cache, vocabulary=other)
    assert len(scans) == 2
    none = Vocabulary(["elsewhere"], np.array([1]), 5, 1)
    for _ in range(2):
        assert encode(text, cache, vocabulary=none)[1].offsets.tolist() == [0]
    assert len(scans) == 3


def refused(text, cache, data):
    cache.write_bytes(data)
    with pytest.raises(ValueError, match=r"cache: not a fastsgns corpus cache, or a damaged one .* delete it"):
        encode(text, cache)
    assert cache.read_bytes() == data


def test_foreign_and_damaged_files_are_left_alone(text, tmp_path):
    cache = tmp_path / "cache"
    encode(text, cache)
    good = cache.read_bytes()
    magic, size, at_header, header_size = PREAMBLE.unpack(good[: PREAMBLE.size])
    for data in (b"", b"precious", b"precious " * 1000, good[:-1], good[:100], good + b"x", good[: PREAMBLE.size]):
        refused(text, cache, data)
    refused(text, cache, PREAMBLE.pack(magic, size, 2**63, header_size) + good[PREAMBLE.size :])
    refused(text, cache, good[:at_header] + b"?" * header_size)
    header = json.loads(good[at_header:])
    changes = [{name: value} for name in header if name != "description" for value in (-1, 2**62, 1.5, "7", None, True)]
    changes += [{name: header[name] + 64} for name in ("n_tokens", "n_offsets", "n_words", "words_bytes")]
    changes += [{name: header[name] - 1} for name in ("n_tokens", "n_offsets", "n_words")]
    for change in changes:
        if change.keys() & {"raw_words", "sentences"} and change in ({"raw_words": 2**62}, {"sentences": 2**62}):
            continue  # nothing is read by them
        text_now = json.dumps({**header, **change}).encode()
        preamble = PREAMBLE.pack(magic, at_header + len(text_now), at_header, len(text_now))
        refused(text, cache, preamble + good[PREAMBLE.size : at_header] + text_now)
    for name in header:
        text_now = json.dumps({key: value for key, value in header.items() if key != name}).encode()
        preamble = PREAMBLE.pack(magic, at_header + len(text_now), at_header, len(text_now))
        refused(text, cache, preamble + good[PREAMBLE.size : at_header] + text_now)


def test_arrays_that_make_no_sense_are_refused(text, tmp_path):
    cache = tmp_path / "cache"
    encode(text, cache)
    good = cache.read_bytes()
    at_header = PREAMBLE.unpack(good[: PREAMBLE.size])[2]
    header = json.loads(good[at_header:])
    at_tokens, at_offsets, at_counts, at_words = places(header["n_tokens"], header["n_offsets"], header["n_words"])
    wrapping = [2**63 - 1, -5]  # differences of 64 bits that look as if these rose
    changes = [(at_tokens, np.int32, [-1]), (at_tokens, np.int32, [header["n_words"]])]
    changes += [(at_offsets, np.int64, [1]), (at_offsets + 8, np.int64, wrapping), (at_counts, np.int64, [0])]
    for place, dtype, numbers in changes:
        new = np.array(numbers, dtype).tobytes()
        refused(text, cache, good[:place] + new + good[place + len(new) :])
    twice = good[at_words:].replace(b"that", b"x\nto", 1)  # one more word, as many different ones
    refused(text, cache, good[:at_words] + twice)
    deep = b'{"description": ' + b"[" * 100_000
    refused(text, cache, PREAMBLE.pack(MAGIC, at_header + len(deep), at_header, len(deep)) + good[64:at_header] + deep)


def test_places_that_cannot_be(text, tmp_path):
    with pytest.raises(FileNotFoundError, match="corpus_cache"):
        encode(text, tmp_path / "absent" / "cache")
    with pytest.raises(ValueError, match="one of the files of the corpus"):
        encode(text, text)
    with pytest.raises(ValueError, match="not a fastsgns corpus cache"):
        (tmp_path / "folder").mkdir()
        encode(text, tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="needs regular files"):
        encode(tmp_path / "pipe", tmp_path / "cache")


def test_a_failed_scan_leaves_nothing(text, tmp_path):
    text.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="not UTF-8"):
        encode(text, tmp_path / "cache")
    assert [path.name for path in tmp_path.iterdir()] == ["text"]
