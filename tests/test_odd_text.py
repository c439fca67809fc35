"""Odd text and odd files: each is read right, or refused by one error that names the file; by every reader alike."""

import gzip
import os
import socket
import subprocess
import sys
import threading
from itertools import chain
from pathlib import Path

import pytest

from fastsgns import LineSentence, PathLineSentences, Phrases, Word2Vec, readers, text
from fastsgns.cli import main
from fastsgns.corpus import encode_files
from fastsgns.phrasetext import join_files, text_joiner
from fastsgns.readers import BrownCorpus, Text8Corpus
from fastsgns.vocabulary import ALL_WORDS

gensim = pytest.importorskip("gensim.models.word2vec")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def by_scanner(path, workers=2, **options):
    vocabulary, corpus = encode_files(path, rules=ALL_WORDS, workers=workers, piece_bytes=8, **options)
    bounds = zip(corpus.offsets[:-1], corpus.offsets[1:], strict=True)
    return [[vocabulary.words[i] for i in corpus.tokens[begin:end]] for begin, end in bounds]


def by_one_scanner(path):
    return by_scanner(path, workers=1)  # two may have seen the end before the last piece is read


def by_lines(path, **options):
    return list(LineSentence(path, **options))


def by_joiner(path, **options):
    target = Path("joined.txt")
    join_files(path, target, text_joiner([["one", "two"]], [], "_"), workers=2, piece_bytes=8, **options)
    lines = (line.replace("one_two", "one two") for line in target.read_text(encoding="utf-8").split("\n"))
    return [line.split(" ") for line in lines if line]


def by_open_file(path, **options):
    with open(path, "rb") as file:
        return list(LineSentence(file, **options))


def by_phrases(path, **options):
    return Phrases(corpus_file=path, min_count=1, threshold=0.1, workers=2, **options).corpus_word_count


def by_word2vec(path, **options):
    return Word2Vec(corpus_file=path, min_count=1, vector_size=4, workers=2, sample=0, **options).corpus_total_words


SENTENCES = [by_scanner, by_lines, by_joiner]
EVERYONE = [*SENTENCES, by_phrases, by_word2vec]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(readers, "READ_BYTES", 8)


# White space of str.split that is no line end, and more bytes between than any reader takes at once.
TEXTS = {
    "crlf": b"one two\r\n\r\nthree four\r\n",
    "lone CR": b"one two\rthree\r\rfour\n",
    "no line end": b"one two\nthree",
    "white space": b" \n\t\n \r\n  \x0b\x0c\x1c\x1d\x1e\x1f\n",
    "empty": b"",
    "separators": "one\u2028two\u2029three\u0085four\u3000five\u00a0six\x1cseven\x0beight\nnine\u2003\n".encode(),
    "marks inside": b"one \xef\xbb\xbftwo\n\xef\xbb\xbfthree\xef\xbb\xbf \xef\xbb\xbf\n",
    "no characters": "one\u200btwo\u2060three \u180e \ufffe \U0010ffff\n".encode(),
    "a long word": b"one " + b"x" * 3_000_000 + b" two\n" + "\u00e4".encode() * 500_000,
    "a long line": b"one two three four " * 20_000 + b"\nfive",
    "many empty lines": b"\n" * 5000 + b"one two" + b"\n" * 5000,
}


@pytest.mark.parametrize("name", TEXTS)
def test_words_and_sentences_are_those_of_gensim(name):
    size = 8 if len(TEXTS[name]) < 20_000 else 4096
    Path(name).write_bytes(TEXTS[name])
    readers.READ_BYTES = size
    wanted = [sentence for sentence in gensim.LineSentence(name, max_sentence_length=10**9) if sentence]
    vocabulary, corpus = encode_files(name, rules=ALL_WORDS, workers=2, piece_bytes=size)
    bounds = zip(corpus.offsets[:-1], corpus.offsets[1:], strict=True)
    assert [[vocabulary.words[i] for i in corpus.tokens[a:b]] for a, b in bounds] == wanted
    assert by_lines(name) == by_open_file(name) == list(PathLineSentences(name)) == wanted
    join_files(name, "joined.txt", text_joiner([["two", "one"]], [], "_"), workers=2, piece_bytes=size)
    joined = Path("joined.txt").read_text(encoding="utf-8").replace("two_one", "two one")
    assert [line.split(" ") for line in joined.split("\n") if line] == wanted
    assert [*chain(*Text8Corpus(name, max_sentence_length=None))] == [*chain(*wanted)]


@pytest.mark.parametrize("read", EVERYONE)
@pytest.mark.parametrize("name", ["plain", "name with space", "new\nline", "-dash", os.fsdecode(b"\xff\xfe")])
def test_any_name_is_read_and_named(read, name):
    Path(name).write_bytes(b"one two three\n" * 3)
    read(name)
    Path(name).write_bytes(b"one two three\n" * 3 + b"four \xff five")
    with pytest.raises(ValueError) as caught:
        read(name)
    assert str(caught.value).startswith(f"{name}: byte 0xff is not UTF-8, at offset 47;")


@pytest.mark.parametrize("read", [*EVERYONE, by_open_file])
@pytest.mark.parametrize(
    ("data", "offset", "what"),
    [
        (b"one two three\n one \xc3", 19, "byte 0xc3"),  # cut off
        (b"one two three\n \xc0\x80", 15, "byte 0xc0"),  # NUL in two bytes
        (b"one two three\n \xed\xa0\x80", 15, "byte 0xed"),  # half of a pair
        (b"one two three\n \xf4\x90\x80\x80", 15, "byte 0xf4"),  # beyond the last character
        (b"one two three\n one\x80\n", 18, "byte 0x80"),
        (b"one two three\n one\0two\n", 18, "a NUL byte"),
        (b"\0" * 100, 0, "a NUL byte"),
        (b"\xef\xbb\xbfone\0\xff", 6, "a NUL byte"),
    ],
)
def test_what_is_no_text_is_refused_where_it_is(read, data, offset, what):
    Path("bad").write_bytes(data)
    with pytest.raises(ValueError, match=rf"^bad: {what} is not .*, at offset {offset};"):
        read("bad")


@pytest.mark.parametrize("read", SENTENCES)
def test_what_is_no_text_can_be_replaced_or_left_out(read):
    Path("bad").write_bytes(b"one\xff \0 two\n")
    assert read("bad", errors="replace") == [["one\ufffd", "\ufffd", "two"]]
    assert read("bad", errors="ignore") == [["one", "two"]]


def test_a_file_open_for_text_is_read_by_the_same_rules():
    Path("a").write_text("\ufeffone two\nfour\nthree\0", encoding="utf-8")
    with open("a", encoding="utf-8") as file:
        with pytest.raises(ValueError, match="a: a NUL byte is not text, at offset 21"):
            list(LineSentence(file))
        assert list(LineSentence(file, errors="ignore")) == [["one", "two"], ["four"], ["three"]]


@pytest.mark.parametrize(
    "read", [*EVERYONE, lambda path: [*Text8Corpus(path)], lambda path: [*PathLineSentences(path)]]
)
def test_what_is_no_file_is_refused_by_its_name(read):
    for name in ("missing", "a" * 300, "file/inside"):
        Path("file").write_bytes(b"one")
        with pytest.raises(OSError) as caught:
            read(name)
        assert caught.value.filename == name and caught.value.errno
    with pytest.raises(ValueError, match=r"='a\\x00b' holds a NUL"):
        read("a\0b")


@posix
@pytest.mark.parametrize("read", [*EVERYONE, lambda path: [*Text8Corpus(path)], lambda path: [*BrownCorpus(path)]])
def test_links_and_sockets_are_refused_by_their_names(read):
    os.symlink("loop", "loop")
    os.symlink("nothing", "dangling")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name, message in (("loop", "Too many levels"), ("dangling", "No such file"), ("socket", "No such device")):
            with pytest.raises(OSError, match=message) as caught:
                read(name)
            assert caught.value.filename == name
    Path("folder").mkdir()
    os.symlink("nothing", "folder/dangling")
    with pytest.raises(OSError) as caught:  # or of the folder, where it stands for no files
        read("folder")
    assert caught.value.filename in ("folder/dangling", "folder")


@pytest.mark.parametrize("read", EVERYONE)
def test_folders(read):
    Path("folder").mkdir()
    with pytest.raises((ValueError, IsADirectoryError), match="folder"):
        read("folder")


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_files_that_may_not_be_read(tmp_path):
    """As nobody, in a child: root may read everything."""
    Path("secret").write_bytes(b"one two\n")
    os.chmod("secret", 0)
    Path("closed").mkdir(mode=0o700)
    Path("closed", "text").write_bytes(b"one two\n")
    for part in (tmp_path, *tmp_path.parents):
        if part.stat().st_uid == 0 and "pytest" in part.name:
            part.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setuid(65534)
            for name in ("secret", "closed", "closed/text"):
                for read in (by_scanner, by_phrases):
                    try:
                        read(name)
                    except PermissionError as error:
                        assert error.filename == name
                    else:
                        raise AssertionError(name)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@posix
def test_devices():
    for read in SENTENCES:
        assert read("/dev/null") == []
    with pytest.raises(ValueError, match="no word"):
        by_word2vec("/dev/null")


@posix
@pytest.mark.parametrize("read", [*EVERYONE, lambda path, errors="strict": [*Text8Corpus(path)]])
@pytest.mark.parametrize("errors", ["strict", "ignore"])
def test_a_device_without_end_is_refused(read, errors, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_WORD", 100_000)
    with pytest.raises(ValueError, match=r"^/dev/zero: no white space in 100000 bytes from offset 0 on"):
        read("/dev/zero", errors=errors)


@pytest.mark.parametrize("read", SENTENCES)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_word_without_end_is_refused(read, suffix, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_WORD", 5000)
    name = f"text{suffix}"
    pack = gzip.compress if suffix else bytes
    Path(name).write_bytes(pack(b"one two " + b"x" * 5000 + b" three"))
    read(name)
    Path(name).write_bytes(pack(b"one two " + b"x" * 20_000 + b" three"))
    with pytest.raises(ValueError, match=rf"^text{suffix}: no white space in 5000 bytes from offset"):
        read(name)


@posix
@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="no /proc")
@pytest.mark.parametrize("read", SENTENCES)
def test_files_of_a_size_of_0_that_hold_text(read):
    wanted = [line.split() for line in Path("/proc/self/limits").read_text().splitlines()]
    assert read("/proc/self/limits") == wanted


@posix
@pytest.mark.parametrize("read", SENTENCES)
def test_pipes(read):
    os.mkfifo("pipe")
    lines = b"one two\nthree four five\n" * 100
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(lines + b"end",))
    writer.start()
    assert read("pipe") == [line.split() for line in (lines + b"end").decode().splitlines()]
    writer.join()


CHANGES = {
    "grows": lambda path: path.open("ab").write(b"more words\n"),
    "shrinks": lambda path: os.truncate(path, 60),
    "is emptied": lambda path: os.truncate(path, 0),
    "is written anew": lambda path: path.write_bytes(path.read_bytes().replace(b"one", b"six")),
    "is replaced": lambda path: (Path("new").write_bytes(path.read_bytes()), os.replace("new", path)),
}


@posix
@pytest.mark.parametrize("after", [1, 2, 5, "end"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("read", [by_one_scanner, by_lines, by_joiner])
def test_a_file_that_changes_while_it_is_read_is_refused(read, change, after, monkeypatch):
    path = Path("text")
    path.write_bytes(b"one two\nthree four five\n" * 5)
    assert read("text") == [line.split() for line in path.read_text().splitlines()]
    os.utime(path, ns=(10**18, 10**18))  # so that a change shows, however coarse the clock
    seen = []
    read_into = text.Piece.read_into

    def and_change(piece, buffer):
        read_into(piece, buffer)
        seen.append(piece)
        if len(seen) == after or (after == "end" and piece.last):
            CHANGES[change](path)

    monkeypatch.setattr(text.Piece, "read_into", and_change)
    if (change, after) == ("is replaced", "end"):  # all of the old one was read
        read("text")
        return
    with pytest.raises(ValueError, match=r"^text: the file changed while it was read; give a copy"):
        read("text")


@posix
@pytest.mark.parametrize("read", SENTENCES)
def test_a_compressed_file_that_loses_a_part_is_refused(read, monkeypatch):
    part = gzip.compress(os.urandom(20_000).hex().encode() + b" one two\n")
    path = Path("text.gz")
    path.write_bytes(part * 4)
    opened = text.open_reader

    def and_cut(*arguments):
        os.truncate(path, 2 * len(part))
        return opened(*arguments)

    monkeypatch.setattr(text, "open_reader", and_cut)
    with pytest.raises(ValueError, match=r"^text.gz: the file changed while it was read"):
        read("text.gz")


@posix
def test_the_command_line_names_what_is_wrong(capsys):
    for name in ("-dash", "new\nline"):
        Path(name).write_bytes(b"one two\xff")
    Path("-").write_bytes(b"\xff")
    for name, shown in (("-dash", "-dash"), ("new\nline", "new line"), ("./-", "-")):
        assert main(["train", "-o", "vectors", "--", name]) == 1
        errors = capsys.readouterr().err
        assert errors.count("\n") == 1 and errors.startswith(f"fastsgns: error: {shown}: "), errors


@posix
def test_the_command_line_reads_its_input_and_names_of_any_bytes():
    name = os.fsdecode(b"\xff")
    Path(name).write_bytes(b"\xfe")
    arguments = "train", "-o", "vectors", "/dev/stdin", name
    done = subprocess.run(
        [sys.executable, "-m", "fastsgns", *arguments], input=b"one two\n", capture_output=True, timeout=60, check=False
    )
    assert done.stderr.startswith(b"fastsgns: error: \\udcff: byte 0xfe is not UTF-8"), done.stderr
