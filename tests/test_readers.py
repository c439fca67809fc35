"""Readers against gensim's, sentence by sentence, and against plain Python; files that the scanner reads for them."""

import bz2
import gzip
import io
import itertools
import lzma
import os

import numpy as np
import pytest

import planted
from fastsgns import BrownCorpus, LineSentence, PathLineSentences, Text8Corpus, Word2Vec, corpus, readers
from fastsgns.corpus import encode_files, encode_sentences
from fastsgns.vocabulary import VocabularyRules

zstandard = pytest.importorskip("zstandard")

ALL = VocabularyRules(min_count=1)
COMPRESS = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
GENSIMS = ["", ".gz", ".bz2", ".xz"]  # what its reader decompresses without further packages
TEXTS = {
    "lines": "one two three\nfour  five\n\n \t\nsix\n",
    "no end": "a b\nc d",
    "spaces": "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\u3000h\r\ni\xa0j\n\n\n",
    "long": " ".join(map(str, range(300))) + "\nshort line\n",
    "scripts": "字 naïve 😀\nÀ \u0301x\n",
    "empty": "",
    "one": "x",
}


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("gensim.models.word2vec")


@pytest.fixture(params=[1 << 16, 7], ids=["whole", "pieces"])
def read_bytes(request, monkeypatch):
    monkeypatch.setattr(readers, "READ_BYTES", request.param)


def write(folder, name, text, suffix=""):
    path = folder / (name + suffix)
    path.write_bytes(COMPRESS[suffix](text.encode()))
    return path


def in_lines(text):
    return [words for line in text.split("\n") if (words := line.split())]


@pytest.mark.parametrize("suffix", GENSIMS)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.usefixtures("read_bytes")
def test_lines_are_gensims(theirs, tmp_path, name, suffix):
    path = write(tmp_path, "text", TEXTS[name], suffix)
    for source in (str(path), path):
        for size, limit in itertools.product((1, 2, 10_000), (None, 0, 1, 4, 100)):
            reader = LineSentence(source, size, limit)
            wanted = list(theirs.LineSentence(source, max_sentence_length=size, limit=limit))
            assert list(reader) == wanted
            assert list(reader) == wanted  # again
        assert list(LineSentence(source)) == in_lines(TEXTS[name])
        assert list(LineSentence(source, None, np.int64(1))) == in_lines(TEXTS[name].split("\n")[0])
        assert list(LineSentence(source, np.int32(10_000))) == list(theirs.LineSentence(source))


@pytest.mark.parametrize("name", TEXTS)
def test_compressed_files(tmp_path, name):
    for suffix in COMPRESS:
        assert list(LineSentence(write(tmp_path, "text", TEXTS[name], suffix))) == in_lines(TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_open_files(theirs, tmp_path, name):
    path = write(tmp_path, "text", TEXTS[name])
    packed = write(tmp_path, "text", TEXTS[name], ".gz")
    for make, *arguments in (
        (open, path, "rb"),
        (open, path, "r", -1, "utf-8"),
        (gzip.open, packed, "rb"),
        (io.BytesIO, path.read_bytes()),
        (io.StringIO, TEXTS[name]),
    ):
        with make(*arguments) as file:
            reader = LineSentence(file, max_sentence_length=2, limit=3)
            file.read(3)
            wanted = list(theirs.LineSentence(file, 2, 3))
            assert list(reader) == wanted == list(reader)


def test_a_sentence_is_cut_only_when_asked(theirs, tmp_path):
    path = write(tmp_path, "text", "word " * 25_000 + "\nshort line")
    assert [len(words) for words in LineSentence(path)] == [25_000, 2]
    assert [len(words) for words in LineSentence(path, 10_000)] == [10_000, 10_000, 5_000, 2]
    assert [len(words) for words in theirs.LineSentence(path)] == [10_000, 10_000, 5_000, 2]


def test_folders(theirs, tmp_path):
    for i, (name, text) in enumerate(TEXTS.items()):
        write(tmp_path, name, text, GENSIMS[i % len(GENSIMS)])
    for source in (str(tmp_path), tmp_path, tmp_path / "no end.gz"):
        for size, limit in ((1, None), (3, 2), (10_000, None), (10_000, 1)):
            reader, wanted = PathLineSentences(source, size, limit), theirs.PathLineSentences(str(source), size, limit)
            assert reader.input_files == wanted.input_files
            assert list(reader) == list(wanted) == list(reader)
    assert list(PathLineSentences(tmp_path)) == [
        words for name in sorted(PathLineSentences(tmp_path).input_files) for words in LineSentence(name)
    ]
    write(tmp_path, ".hidden", "left out")
    (tmp_path / "inner").mkdir()  # gensim's reader fails at it
    assert len(PathLineSentences(tmp_path).input_files) == len(TEXTS)


TEXT8 = " " + " ".join(np.random.default_rng(0).choice(["anarchism", "of", "a", "term" * 9], 1500).tolist())


@pytest.mark.parametrize("size", [7, 500, 1500, 1501, 10_000])
@pytest.mark.usefixtures("read_bytes")
def test_text8(theirs, tmp_path, size):
    for suffix, text in itertools.product(("", ".bz2"), (TEXT8, TEXT8 + " ", "")):
        path = write(tmp_path, "text8", text, suffix)
        reader = Text8Corpus(path, max_sentence_length=size)
        assert list(reader) == list(theirs.Text8Corpus(path, max_sentence_length=size)) == list(reader)
        assert list(Text8Corpus(path, None)) == ([text.split()] if text else [])
    assert list(Text8Corpus(write(tmp_path, "lines", "a\n\nb c\nd"), 3)) == [["a", "b", "c"], ["d"]]


BROWN = (
    "\n\n\tThe/at Fulton/np-tl County/nn-tl ``/`` said/vbd ''/'' 1/2/cd ./.\n"
    "\t,/, !/.\nno-tag of/in/out It's/pps+bez x/ /nn y/n\n"
)


def test_brown(theirs, tmp_path, monkeypatch):
    for name in ("cb01", "ca01", "CONTENTS"):
        write(tmp_path, name, BROWN + name + "/nn\n")
    write(tmp_path, "cc01", BROWN, ".gz")
    (tmp_path / "inner").mkdir()
    names = sorted(os.listdir(tmp_path))
    monkeypatch.setattr(theirs.os, "listdir", lambda folder: names)  # theirs come in any order
    reader = BrownCorpus(str(tmp_path))
    assert list(reader) == list(theirs.BrownCorpus(str(tmp_path))) == list(reader)
    assert next(iter(reader)) == ["the/at", "fulton/np", "county/nn", "said/vb"]


def test_marks_of_encodings(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\xef\xbb\xbfone two\n\xef\xbb\xbfthree\n")
    assert list(LineSentence(path)) == [["one", "two"], ["\ufeffthree"]]
    with open(path, "rb") as file:
        assert list(LineSentence(file)) == [["one", "two"], ["\ufeffthree"]]
    path.write_bytes("one two\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"text: the file is UTF-16 text"):
        list(LineSentence(path))
    with open(path, "rb") as file, pytest.raises(ValueError, match=r"text: the file is UTF-16 text"):
        list(LineSentence(file))


BAD = b"good text\n" * 3 + b"b\xe9d\n" + b"a\0b \0\nend"


@pytest.mark.usefixtures("read_bytes")
def test_what_is_no_text_is_refused_as_the_scanner_does(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(BAD)
    with pytest.raises(ValueError, match=r"0xe9 is not UTF-8, at offset 31;.*errors='replace'") as scanned:
        encode_files(path, rules=ALL, workers=1)
    with open(path, "rb") as file:
        for source in (path, file):
            with pytest.raises(ValueError, match=r"0xe9 is not UTF-8, at offset 31;") as read:
                list(LineSentence(source))
            assert str(read.value) == str(scanned.value)
            for errors, last in (("replace", [["b\ufffdd"], ["a\ufffdb", "\ufffd"]]), ("ignore", [["bd"], ["ab"]])):
                assert list(LineSentence(source, errors=errors)) == [["good", "text"]] * 3 + last + [["end"]]
    for reader in (Text8Corpus(path), BrownCorpus(tmp_path), PathLineSentences(tmp_path)):
        with pytest.raises(ValueError, match="offset 31"):
            list(reader)
    path.write_bytes(b"a b\0c\xff")
    with pytest.raises(ValueError, match="a NUL byte is not text, at offset 3"):
        list(LineSentence(path))


def test_bad_parameters(tmp_path):
    path = write(tmp_path, "text", "a b")
    for make in (LineSentence, PathLineSentences):
        for options, message in (
            ({"max_sentence_length": 0}, "max_sentence_length=0"),
            ({"limit": -1}, "limit=-1"),
            ({"limit": 1.5}, "limit=1.5"),
            ({"errors": "lax"}, "errors='lax'"),
        ):
            with pytest.raises(ValueError, match=message):
                make(path, **options)
        for source in ("", 5, None, ["a", "b"], b"text"):
            with pytest.raises(ValueError, match="source="):
                make(source)
    with pytest.raises(ValueError, match="fname=5"):
        Text8Corpus(5)
    with pytest.raises(ValueError, match="max_sentence_length=0"):
        Text8Corpus(path, 0)
    with pytest.raises(ValueError, match="dirname=''"):
        BrownCorpus("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"source=.*a folder without files"):
        PathLineSentences(tmp_path / "empty")
    with pytest.raises(FileNotFoundError, match="absent"):
        PathLineSentences(tmp_path / "absent")
    for reader in (LineSentence(tmp_path / "absent"), Text8Corpus("absent"), BrownCorpus("absent")):
        with pytest.raises(FileNotFoundError, match="absent"):
            list(reader)
    with pytest.raises(IsADirectoryError):
        list(LineSentence(tmp_path))
    (tmp_path / "bad.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"bad\.gz: the compressed file is damaged"):
        list(LineSentence(tmp_path / "bad.gz"))


# Files that are read by the scanner


def equal(one, other):
    (words, corpus_one), (others, corpus_other) = one, other
    np.testing.assert_array_equal(corpus_one.tokens, corpus_other.tokens)
    np.testing.assert_array_equal(corpus_one.offsets, corpus_other.offsets)
    np.testing.assert_array_equal(words.counts, others.counts)
    return (words.words, corpus_one.raw_words, corpus_one.sentences_read, words.sentences) == (
        others.words, corpus_other.raw_words, corpus_other.sentences_read, others.sentences,
    )  # fmt: skip


def test_whole_files_are_read_by_the_scanner_to_the_same_result(tmp_path, monkeypatch):
    for i, (name, text) in enumerate(TEXTS.items()):
        write(tmp_path, name, text, list(COMPRESS)[i % len(COMPRESS)])
    (tmp_path / "marked").write_bytes(b"\xef\xbb\xbf" + BAD)
    called = []

    def encode(*arguments, **options):
        called.append(arguments)
        return encode_files(*arguments, **options)

    monkeypatch.setattr(corpus, "encode_files", encode)
    for errors in ("replace", "ignore"):
        for reader in (
            PathLineSentences(tmp_path, errors=errors),
            PathLineSentences(tmp_path / "spaces.bz2", errors=errors),
            LineSentence(tmp_path / "marked", errors=errors),
            LineSentence(str(tmp_path / "long.xz"), errors=errors),
        ):
            for rules in (ALL, VocabularyRules(min_count=1, sorted_vocab=False)):
                called.clear()
                scanned = encode_sentences(reader, rules=rules, workers=2)
                assert len(called) == 1
                assert equal(scanned, encode_sentences(list(reader), rules=rules))
                again = encode_sentences(reader, rules=rules, vocabulary=scanned[0])
                assert again[0] is scanned[0] and equal(again, scanned)
    with pytest.raises(ValueError, match="marked: byte 0xe9"):
        encode_sentences(PathLineSentences(tmp_path), rules=ALL)


def test_what_only_iterating_tells_is_iterated_over(tmp_path):
    path = write(tmp_path, "text", "One TWO\nthree Four\n" * 5)

    class Lower(LineSentence):
        def __iter__(self):
            return ([word.lower() for word in words] for words in super().__iter__())

    class Plain(PathLineSentences):
        pass

    with open(path, "rb") as file:
        for reader, words in (
            (Lower(path), ["one", "two", "three", "four"]),
            (Plain(path), ["One", "TWO", "three", "Four"]),
            (LineSentence(file), ["One", "TWO", "three", "Four"]),
            (LineSentence(path, limit=1), ["One", "TWO"]),
            (LineSentence(path, max_sentence_length=1), ["One", "TWO", "three", "Four"]),
            (Text8Corpus(path), ["One", "TWO", "three", "Four"]),
        ):
            assert readers.whole_files(reader) is None
            vocabulary, encoded = encode_sentences(reader, rules=ALL)
            assert vocabulary.words == words
            assert encoded.sentences_read == len(list(reader))
            with pytest.raises(ValueError, match="corpus_cache="):
                encode_sentences(reader, rules=ALL, corpus_cache=tmp_path / "cache")
    with pytest.raises(IsADirectoryError):
        encode_sentences(LineSentence(tmp_path), rules=ALL)


def test_a_model_of_a_reader_is_that_of_its_file(tmp_path):
    path = write(tmp_path, "text", "\n".join(" ".join(words) for words in planted.corpus(200)), ".gz")
    options = {"vector_size": 8, "workers": 1, "epochs": 1, "seed": 3}
    wanted = Word2Vec(corpus_file=path, **options)
    for reader in (LineSentence(path), PathLineSentences(tmp_path), LineSentence(path, max_sentence_length=99)):
        model = Word2Vec(reader, **options)
        assert model.wv.index_to_key == wanted.wv.index_to_key
        np.testing.assert_array_equal(model.wv.vectors, wanted.wv.vectors)
        assert model.corpus_count == wanted.corpus_count
    cache = tmp_path.with_name("cache")
    cached = Word2Vec(LineSentence(path), corpus_cache=cache, **options)
    np.testing.assert_array_equal(cached.wv.vectors, wanted.wv.vectors)
    assert cache.exists()
    model = Word2Vec(**options)
    model.build_vocab(corpus_iterable=LineSentence(path))
    model.train(LineSentence(path), total_examples=model.corpus_count, epochs=1)
    np.testing.assert_array_equal(model.wv.vectors, wanted.wv.vectors)
