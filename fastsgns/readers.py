"""Readers of text files as iterables of sentences, under gensim's names: LineSentence, PathLineSentences and others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from fastsgns._encode import ERRORS
from fastsgns.checks import check_choice, check_integer, plain
from fastsgns.text import MARK_BYTES, Stretch, check_path, find_files, mark_length, not_text, pieces

__all__ = ["BrownCorpus", "LineSentence", "PathLineSentences", "Text8Corpus", "whole_files"]

READ_BYTES = 1 << 16  # whose words still fit in the cache


class LineSentence:
    """The lines of a text file as lists of words, split at white space; lines without a word are left out.

    Parameters
    ----------
    source : path or file object
        A plain or compressed (.gz, .bz2, .xz, .zst) UTF-8 file; or an open file, of bytes or text, that can go back to
        its beginning by ``seek(0)``, as each iteration does: ``smart_open.open("s3://...", "rb")``, for one.
    max_sentence_length : int, optional
        Cut longer lines into sentences of so many words. By default none is cut; gensim cuts at 10,000.
    limit : int, optional
        Read so many lines only.
    errors : {"strict", "replace", "ignore"}, default "strict"
        Invalid UTF-8 and NUL bytes are refused, become U+FFFD, or are left out.

    Raises
    ------
    ValueError
        For a bad parameter; while iterating, for text that is no UTF-8 and for a damaged compressed file.
    OSError
        While iterating, if there is no such file.

    Notes
    -----
    May be iterated over again and again. Given to `Word2Vec` without `limit` and `max_sentence_length`, a file is read
    by all threads, as ``corpus_file=`` is, and not through Python lists. The mark that begins some UTF-8 files is no
    part of the first word.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "corpus.txt")
    ...     _ = path.write_text("to be or not\\n\\nto be\\n", encoding="utf-8")
    ...     whole, cut = list(LineSentence(path)), list(LineSentence(path, max_sentence_length=3))
    >>> whole
    [['to', 'be', 'or', 'not'], ['to', 'be']]
    >>> cut
    [['to', 'be', 'or'], ['not'], ['to', 'be']]
    """

    def __init__(
        self, source: Any, max_sentence_length: int | None = None, limit: int | None = None, *, errors: str = "strict"
    ) -> None:
        if not is_open(source):
            check_path("source", source)
        check_options(max_sentence_length, limit, errors)
        self.source, self.errors = source, errors
        self.max_sentence_length, self.limit = plain(max_sentence_length), plain(limit)

    def __iter__(self) -> Iterator[list[str]]:
        if is_open(self.source):
            self.source.seek(0)
            lines = lines_of_open(self.source, self.errors)
        else:
            lines = lines_of_path(self.source, self.errors)
        for line in islice(lines, self.limit):
            yield from cut(line.split(), self.max_sentence_length)


class PathLineSentences:
    """The lines of all files in a folder, as `LineSentence` gives them, file after file in the order of their names.

    Parameters
    ----------
    source : path
        The folder, or one file. Hidden files, and folders inside it, are left out.
    max_sentence_length, errors
        As for `LineSentence`.
    limit : int, optional
        Read so many lines of each file only.

    Attributes
    ----------
    input_files : list of str
        The files.

    Raises
    ------
    ValueError
        If there is no file in the folder, and as for `LineSentence`.
    OSError
        If there is no such folder.

    Notes
    -----
    As for `LineSentence`.
    """

    def __init__(
        self, source: Any, max_sentence_length: int | None = None, limit: int | None = None, *, errors: str = "strict"
    ) -> None:
        check_path("source", source)
        check_options(max_sentence_length, limit, errors)
        self.source, self.errors = source, errors
        self.max_sentence_length, self.limit = plain(max_sentence_length), plain(limit)
        self.input_files = [str(path) for path in find_files(source, "source")]

    def __iter__(self) -> Iterator[list[str]]:
        for path in self.input_files:
            yield from LineSentence(path, self.max_sentence_length, self.limit, errors=self.errors)


class Text8Corpus:
    """The words of a file without sentences, as text8 is (https://mattmahoney.net/dc/text8.zip), in equal pieces.

    Parameters
    ----------
    fname : path
        A plain or compressed UTF-8 file; its line ends are spaces like others.
    max_sentence_length : int or None, default 10,000
        Words of a piece, the last one aside; None makes one sentence of all words.

    Raises
    ------
    ValueError, OSError
        As for `LineSentence`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "text8")
    ...     _ = path.write_text(" anarchism originated as a term", encoding="utf-8")
    ...     list(Text8Corpus(path, max_sentence_length=3))
    [['anarchism', 'originated', 'as'], ['a', 'term']]
    """

    def __init__(self, fname: Any, max_sentence_length: int | None = 10_000) -> None:
        check_path("fname", fname)
        check_options(max_sentence_length)
        self.fname, self.max_sentence_length = fname, plain(max_sentence_length)

    def __iter__(self) -> Iterator[list[str]]:
        rest: list[str] = []
        for text in texts(self.fname, "strict"):
            rest += text.split()
            if self.max_sentence_length is not None:
                whole = len(rest) - len(rest) % self.max_sentence_length
                yield from cut(rest[:whole], self.max_sentence_length)
                del rest[:whole]
        yield from cut(rest, None)


class BrownCorpus:
    """The Brown corpus, in the files of NLTK's data: a sentence is a list of words with their parts of speech.

    Words are put in lower case, tags are cut to two letters. A token whose tag begins otherwise, as punctuation's
    does, is left out, and so is one that is no pair of word and tag.

    Parameters
    ----------
    dirname : path
        The folder; its files, hidden ones aside, are read in the order of their names.

    Raises
    ------
    ValueError, OSError
        While iterating, as for `PathLineSentences`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "ca01").write_text("The/at jury/nn said/vbd ,/, it/ppss did/dod", encoding="utf-8")
    ...     list(BrownCorpus(folder))
    [['the/at', 'jury/nn', 'said/vb', 'it/pp', 'did/do']]
    """

    def __init__(self, dirname: Any) -> None:
        check_path("dirname", dirname)
        self.dirname = dirname

    def __iter__(self) -> Iterator[list[str]]:
        for path in find_files(self.dirname, "dirname"):
            for line in lines_of_path(path, "strict"):
                pairs = [token.split("/") for token in line.split() if token.count("/") == 1]
                words = [f"{word.lower()}/{tag[:2]}" for word, tag in pairs if tag[:2].isalpha()]
                if words:
                    yield words


def whole_files(sentences: object) -> tuple[list[Any], str] | None:
    """The files whose lines are exactly these sentences, and what to do about invalid UTF-8; None if there are none.

    With these the files can be read in a faster way. A subclass may do to the lines what it likes: it is not looked
    into.
    """
    if type(sentences) is PathLineSentences:
        files = sentences.input_files
    elif type(sentences) is LineSentence and not is_open(sentences.source):
        files = [sentences.source]
    else:
        return None
    is_whole = sentences.limit is None and sentences.max_sentence_length is None
    return (files, sentences.errors) if is_whole and not any(map(os.path.isdir, files)) else None


def is_open(source: object) -> bool:
    return hasattr(source, "seek")


def check_options(max_sentence_length: object, limit: object = None, errors: str = "strict") -> None:
    if max_sentence_length is not None:
        check_integer("max_sentence_length", max_sentence_length, 1)
    if limit is not None:
        check_integer("limit", limit, 0)
    check_choice("errors", errors, ERRORS)


def cut(words: list[str], size: int | None) -> Iterator[list[str]]:
    """Sentences of at most so many words; none of no words."""
    if size is None or len(words) <= size:
        if words:
            yield words
    else:
        for start in range(0, len(words), size):
            yield words[start : start + size]


def lines_of_path(path: Any, errors: str) -> Iterator[str]:
    parts: list[str] = []  # of a line that goes on in the next text
    for text in texts(path, errors):
        first, *others = text.split("\n")
        parts.append(first)
        if others:
            yield "".join(parts)
            yield from others[:-1]
            parts = [others[-1]]
    yield "".join(parts)


def texts(path: Any, errors: str) -> Iterator[str]:
    """The text of a file in parts; no word goes beyond one."""
    for piece in pieces(Stretch(Path(path)), READ_BYTES):
        data = bytearray(piece.size)
        piece.read_into(memoryview(data))
        yield decode(data[piece.skip :], errors, path, piece.start + piece.skip)


def lines_of_open(source: Iterable[Any], errors: str) -> Iterator[str]:
    name = getattr(source, "name", "source")
    start = 0
    for line in source:
        if isinstance(line, str):
            if line.isascii() and "\0" not in line:  # nothing can be wrong, at half the cost
                yield line
                start += len(line)
                continue
            line = line.encode("utf-8", "surrogatepass")  # what is no text is none here either
        skip = mark_length(name, line[:MARK_BYTES]) if start == 0 else 0
        yield decode(line[skip:], errors, name, start + skip)
        start += len(line)


def decode(data: bytes | bytearray, errors: str, path: Any, start: int) -> str:
    """Bytes as text, just as the scanner of files takes them."""
    if errors != "strict":
        return data.replace(b"\0", b"\xff").decode("utf-8", errors)
    nul = data.find(b"\0")
    try:
        text = data.decode() if nul < 0 else data[:nul].decode()
    except UnicodeDecodeError as error:
        raise not_text(path, start + error.start, data[error.start]) from None
    if nul >= 0:
        raise not_text(path, start + nul, 0)
    return text
