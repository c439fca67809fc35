"""Which files a source stands for, and how they are cut into pieces."""

import bz2
import gzip
import lzma
import os
import random
import sys
import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastsgns import text as text_module
from fastsgns.corpus import assemble
from fastsgns.scan import scan_files
from fastsgns.text import Stretch, find_files, pieces
from fastsgns.vocabulary import ALL_WORDS, Vocabulary

zstandard = pytest.importorskip("zstandard")

COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
TEXT = b"one two\nthree  four five\n\nsix " * 40


def cut(path, size):
    """All pieces of a file, read."""
    texts = []
    for piece in pieces(Stretch(path), size):
        buffer = bytearray(piece.size)
        piece.read_into(memoryview(buffer))
        assert piece.start == sum(map(len, texts))
        texts.append(bytes(buffer))
        last = piece.last
    assert not texts or last
    return texts


@pytest.mark.parametrize("size", [1, 2, 7, 100, 10**6])
@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_pieces_make_up_the_file_and_begin_at_white_space(tmp_path, suffix, size):
    path = tmp_path / f"text{suffix}"
    for text in (TEXT, b"x" * 10_000, b"a", b"\n", b" a", b"x" * 9000 + b" " + b"y" * 9000):
        path.write_bytes(COMPRESS.get(suffix, bytes)(text))
        texts = cut(path, size)
        assert b"".join(texts) == text
        assert all(part[:1].isspace() for part in texts[1:])
        if text is TEXT:
            assert all(len(part) <= size + 10 for part in texts)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_files_of_several_parts(tmp_path, suffix):
    path = tmp_path / f"text{suffix.upper()}"
    path.write_bytes(COMPRESS[suffix](TEXT) + COMPRESS[suffix](b"end"))
    assert b"".join(cut(path, 50)) == TEXT + b"end"


@pytest.mark.parametrize("suffix", COMPRESS)
def test_damaged_compressed_files(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    rng = random.Random(1)
    whole = COMPRESS[suffix](bytes(rng.choices(b"abcdefgh \n", k=10_000)))
    for data in (whole[:-20], whole[: len(whole) // 2], b"this is plain text, whatever its name says"):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"text{suffix}: the compressed file is damaged or cut off"):
            cut(path, 100)


def test_zst_without_zstandard(tmp_path, monkeypatch):
    path = tmp_path / "text.zst"
    path.write_bytes(COMPRESS[".zst"](TEXT))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(ValueError, match=r"pip install 'fastsgns\[zstd\]'"):
        cut(path, 100)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_marks_of_encodings(tmp_path, suffix, size):
    path = tmp_path / f"text{suffix}"

    def skips(data):
        path.write_bytes(COMPRESS.get(suffix, bytes)(data))
        return [piece.skip for piece in pieces(Stretch(path), size)]

    assert sum(skips(b"\xef\xbb\xbfone two three")) == 3
    assert sum(skips(b"\xef\xbb\xbf")) == 3
    assert sum(skips(b"\xef\xbb")) == 0
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        with pytest.raises(ValueError, match=f"text{suffix}: the file is {encoding[:6].upper()} text"):
            skips("\ufeffone two".encode(encoding))


def test_empty_files(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"")
    assert cut(path, 10) in ([], [b""])


def test_pipe(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for suffix, size in (("", 1), ("", 64), (".gz", 64)):
        pipe = path.with_name(f"pipe{size}{suffix}")
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(COMPRESS.get(suffix, bytes)(TEXT),))
        writer.start()
        assert b"".join(cut(pipe, size)) == TEXT
        writer.join()


def test_file_that_shrinks(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(TEXT)
    parts = pieces(Stretch(path), 100)
    next(parts)
    second = next(parts)
    path.write_bytes(b"one")
    with pytest.raises(ValueError, match="text: the file changed while it was read"):
        second.read_into(memoryview(bytearray(second.size)))


# Stretches


def sentences(stretches, piece_bytes):
    """By stretch, its sentences, as they are scanned by themselves."""
    found = []
    for stretch in stretches:
        scanned = scan_files([stretch], "strict", piece_bytes, 1, None)
        words = scanned.words(np.arange(len(scanned.counts)))
        _, corpus = assemble(scanned, ALL_WORDS, Vocabulary(words, scanned.counts, 0, 0), 1)
        ends = corpus.offsets
        found.append([[words[i] for i in corpus.tokens[a:b]] for a, b in pairwise(ends)])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stretches")


parts = st.sampled_from(["\n", "\r\n", "\r", " ", "a", "bc", "é", "x" * 30, "\u2028", "\ufeff"])


@given(st.lists(parts, max_size=60).map("".join), st.lists(st.integers(0, 200), max_size=6), st.integers(1, 50))
@example("\ufeffa b\nc\n", [1, 2, 3, 4], 10)
@example("a\rb\rc", [2, 4], 10)
@example("", [3], 10)
@example("a\r\nb\r\nc", [2, 3, 6], 10)
@example("a b\nc d", [4, 400], 1)
def test_stretches_of_a_file_are_together_its_lines_each_once(folder, text, cuts, piece_bytes):
    path = folder / "text"
    path.write_bytes(text.encode())
    ends = [0, *sorted(cuts), None]
    stretches = [Stretch(path, begin, end) for begin, end in pairwise(ends)]
    text_module.LINE_BYTES, before = 7, text_module.LINE_BYTES  # lines are longer
    try:
        found = sentences(stretches, piece_bytes)
    finally:
        text_module.LINE_BYTES = before
    (whole,) = sentences([Stretch(path)], piece_bytes)
    assert [sentence for part in found for sentence in part] == whole
    for stretch in stretches:
        begins = np.cumsum([0, *map(len, (lines := text.encode().split(b"\n")))]) + np.arange(len(lines) + 1)
        end = np.inf if stretch.end is None else stretch.end
        its = [line for line, begin in zip(lines, begins, strict=False) if stretch.begin <= begin < end]
        assert b"".join(cut_of(stretch, piece_bytes)).rstrip(b"\n") == b"\n".join(its).rstrip(b"\n")


def cut_of(stretch, size):
    for piece in pieces(stretch, size):
        buffer = bytearray(piece.size)
        piece.read_into(memoryview(buffer))
        yield bytes(buffer)


@pytest.mark.parametrize("begin", [0, 5, 100, 10**9])
@pytest.mark.parametrize("end", [0, 5, 100, 10**9])
def test_stretches_beyond_the_end_and_of_nothing(tmp_path, begin, end):
    path = tmp_path / "text"
    for text in (b"", b"a", b"a b\nc d\n", b"a b\nc d"):
        path.write_bytes(text)
        expected = text if begin == 0 < end else b""
        assert b"".join(cut_of(Stretch(path, begin, end), 10)) == expected


def test_lines_longer_than_what_is_read_at_once(tmp_path):
    path = tmp_path / "text"
    long = b"x " * text_module.LINE_BYTES
    path.write_bytes(b"a\n" + long + b"\nb\n" + long)
    stretches = [Stretch(path, begin, begin + 50_000) for begin in range(0, path.stat().st_size, 50_000)]
    texts = [b"".join(cut_of(stretch, 1000)) for stretch in stretches]
    assert [text for text in texts if text] == [b"a\n" + long + b"\n", b"b\n" + long]


def test_find_files(tmp_path):
    for name in ("b.txt", "a.txt.gz", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "c").write_bytes(b"")
    a, b, c = tmp_path / "a.txt.gz", tmp_path / "b.txt", tmp_path / "inner" / "c"
    assert find_files(tmp_path) == [a, b]
    assert find_files([str(b), tmp_path / "inner", a]) == [b, c, a]
    with pytest.raises(FileNotFoundError, match=r"No such file.*nothing\.txt"):
        find_files([a, tmp_path / "nothing.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="a folder without files"):
        find_files(tmp_path / "empty")
    for bad in ([], "", [""], b"path", [b"path"], 5, [5], None, {"a": 1}):
        with pytest.raises(ValueError, match="corpus_file="):
            find_files(bad)
