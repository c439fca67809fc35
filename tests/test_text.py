"""Which files a source stands for, and how they are cut into pieces."""

import bz2
import gzip
import lzma
import os
import random
import sys
import threading

import pytest

from fastsgns.text import Stretch, find_files, pieces

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
