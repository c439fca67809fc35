"""The corpus cache: an encoded corpus in one memory-mapped file, used again while nothing it came from has changed.

Layout: a preamble of 64 bytes (magic, file size, where the header is), then tokens, offsets, counts, words (one a
line) and the header (JSON), each part beginning at a multiple of 64 bytes.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.files import NewFile, new_file
from fastsgns.formats import parse_json
from fastsgns.vocabulary import Vocabulary, VocabularyRules

if TYPE_CHECKING:
    from fastsgns.corpus import Corpus

__all__ = ["cached", "description", "read_header"]

MAGIC = b"fastsgns corpus\0"
PREAMBLE = struct.Struct("<16sQQQ24x")  # magic, bytes of the file, place of the header, bytes of the header
VERSION = 1
ALIGNMENT = 64

# Takes the lengths of both, gives the arrays to write tokens and offsets to.
MakeArrays = Callable[[int, int], tuple[NDArray[np.int32], NDArray[np.int64]]]


def description(
    files: list[Path], errors: str, rules: VocabularyRules, vocabulary: Vocabulary | None
) -> dict[str, Any]:
    """All that an encoded corpus depends on, as JSON gives it back.

    Raises
    ------
    ValueError
        If a source is a pipe or the like: nothing tells whether it has changed.
    """
    sources = []
    for path in files:
        status = path.stat()
        if not path.is_file():
            raise ValueError(f"corpus_cache needs regular files, which {str(path)!r} is not; leave corpus_cache out")
        sources.append([str(path.resolve()), status.st_size, status.st_mtime_ns])
    return {
        "version": VERSION,
        "byteorder": sys.byteorder,
        "sources": sources,
        "errors": errors,
        "rules": repr(rules) if vocabulary is None else None,
        "vocabulary": None if vocabulary is None else digest(vocabulary.words),
    }


def digest(words: list[Any]) -> str:
    state = hashlib.sha256()
    for word in words:
        text = repr(word).encode("utf-8", "surrogatepass")
        state.update(b"%d:%b" % (len(text), text))
    return state.hexdigest()


def cached(
    path: Path,
    wanted: dict[str, Any],
    vocabulary: Vocabulary | None,
    encode: Callable[[MakeArrays], tuple[Vocabulary, Corpus]],
) -> tuple[Vocabulary, Corpus]:
    """What the cache file holds if it is of what is wanted; otherwise encode, and write it anew.

    Parameters
    ----------
    path : Path
        The cache file, there or not.
    wanted : dict
        From `description`.
    vocabulary : Vocabulary, optional
        The one that the corpus is to be encoded with; it is not kept in the file.
    encode : callable
        Makes vocabulary and corpus, in arrays from the callable that it is given.

    Raises
    ------
    ValueError
        If there is a file that is no corpus cache, or a damaged one; it is left as it is.
    """
    if any(Path(source).resolve() == path.resolve() for source, _, _ in wanted["sources"]):
        raise ValueError(f"corpus_cache={str(path)!r} is one of the files of the corpus: keep it elsewhere")
    if not path.parent.is_dir():
        raise FileNotFoundError(2, "no such folder for corpus_cache", str(path.parent))
    if path.exists():
        found = read(path, wanted, vocabulary)
        if found is not None:
            return found
    with new_file(path) as file:
        vocabulary_now, corpus = encode(lambda n_tokens, n_offsets: arrays_in_file(file, n_tokens, n_offsets))
        write_rest(file, wanted, vocabulary_now if vocabulary is None else None, corpus)
        del corpus
    found = read(path, wanted, vocabulary)
    if found is None:
        raise ValueError(f"{path}: the corpus cache was replaced by another process; give each its own")
    return found


def aligned(place: int) -> int:
    return -(-place // ALIGNMENT) * ALIGNMENT


def places(n_tokens: int, n_offsets: int, n_words: int) -> tuple[int, int, int, int]:
    """Where tokens, offsets, counts and words begin."""
    tokens = PREAMBLE.size
    offsets = aligned(tokens + 4 * n_tokens)
    counts = aligned(offsets + 8 * n_offsets)
    return tokens, offsets, counts, aligned(counts + 8 * n_words)


def arrays_in_file(file: NewFile, n_tokens: int, n_offsets: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    at_tokens, at_offsets, end, _ = places(n_tokens, n_offsets, 0)
    file.reserve(end)
    with file.named_errors():
        memory = np.memmap(file, np.uint8, "r+", 0, (end,))
    tokens = np.asarray(memory)[at_tokens : at_tokens + 4 * n_tokens].view(np.int32)
    offsets = np.asarray(memory)[at_offsets : at_offsets + 8 * n_offsets].view(np.int64)
    return tokens, offsets


def write_rest(file: NewFile, wanted: dict[str, Any], vocabulary: Vocabulary | None, corpus: Corpus) -> None:
    """All but the arrays that are in the file already; the preamble last, so that a file that has one is whole."""
    words = "\n".join(vocabulary.words).encode("utf-8") if vocabulary is not None else b""
    n_words = len(vocabulary) if vocabulary is not None else 0
    header = {
        "description": wanted,
        "n_tokens": len(corpus.tokens),
        "n_offsets": len(corpus.offsets),
        "n_words": n_words,
        "words_bytes": len(words),
        "raw_words": corpus.raw_words,
        "sentences": corpus.sentences_read,
    }
    text = json.dumps(header).encode("utf-8")
    _, _, at_counts, at_words = places(len(corpus.tokens), len(corpus.offsets), n_words)
    at_header = aligned(at_words + len(words))
    file.size = at_header + len(text)
    if vocabulary is not None:
        file.seek(at_counts)
        file.write(vocabulary.counts.tobytes())
        file.seek(at_words)
        file.write(words)
    file.seek(at_header)
    file.write(text)
    file.seek(0)
    file.write(PREAMBLE.pack(MAGIC, file.size, at_header, len(text)))


def read(path: Path, wanted: dict[str, Any], vocabulary: Vocabulary | None) -> tuple[Vocabulary, Corpus] | None:
    """Vocabulary and corpus from a cache file; None if it is of something else than what is wanted."""
    try:
        return parse(path, wanted, vocabulary)
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise ValueError(
            f"{path}: not a fastsgns corpus cache, or a damaged one ({error}); delete it or choose another path"
        ) from error


def read_header(path: Path) -> dict[str, Any]:
    """What a cache file says of itself: its description, sizes, and how many words and sentences were read.

    Raises
    ------
    ValueError
        If it is no cache file, or a damaged one.
    """
    try:
        _, header, _ = open_cache(path)
        wanted = ("description", "n_tokens", "n_words", "raw_words", "sentences")
        return {name: header[name] for name in wanted}
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise ValueError(f"{path}: not a fastsgns corpus cache, or a damaged one ({error})") from error


def open_cache(path: Path) -> tuple[NDArray[np.uint8], dict[str, Any], int]:
    """The bytes of a cache file, mapped, its header, and where that begins."""
    if not path.is_file() or path.stat().st_size < PREAMBLE.size:
        raise ValueError("it is too short")
    memory = np.asarray(np.memmap(path, np.uint8, "r"))
    size = len(memory)  # of what is mapped: another process may replace the file at any time
    magic, file_size, at_header, header_size = PREAMBLE.unpack(memory[: PREAMBLE.size].tobytes())
    if magic != MAGIC:
        raise ValueError("it does not begin as one")
    if file_size != size or at_header + header_size != size:
        raise ValueError(f"it should have {file_size} bytes and has {size}")
    header = parse_json(memory[at_header:].tobytes())
    return memory, header, at_header


def parse(path: Path, wanted: dict[str, Any], vocabulary: Vocabulary | None) -> tuple[Vocabulary, Corpus] | None:
    from fastsgns.corpus import Corpus  # which imports this file

    memory, header, at_header = open_cache(path)
    if header["description"] != wanted:
        return None
    numbers = [header[name] for name in ("n_tokens", "n_offsets", "n_words", "words_bytes", "raw_words", "sentences")]
    if any(type(number) is not int or not 0 <= number < 2**62 for number in numbers):
        raise ValueError("a size in its header is none")
    n_tokens, n_offsets, n_words, words_bytes, raw_words, sentences = numbers
    at_tokens, at_offsets, at_counts, at_words = places(n_tokens, n_offsets, n_words)
    if aligned(at_words + words_bytes) != at_header:
        raise ValueError("the sizes in its header do not add up")
    tokens = memory[at_tokens : at_tokens + 4 * n_tokens].view(np.int32)
    offsets = memory[at_offsets : at_offsets + 8 * n_offsets].view(np.int64)
    if n_offsets < 1 or offsets[0] != 0 or offsets[-1] != n_tokens or (offsets[1:] <= offsets[:-1]).any():
        raise ValueError("its offsets do not rise from 0 to the number of tokens")
    if raw_words < n_tokens or sentences < n_offsets - 1:
        raise ValueError("it holds more words or sentences than were read")
    if vocabulary is None:
        counts = memory[at_counts : at_counts + 8 * n_words].view(np.int64).copy()
        words = memory[at_words : at_words + words_bytes].tobytes().decode("utf-8").split("\n")
        if not len(words) == len(set(words)) == n_words or (counts <= 0).any() or counts.max(initial=0) > n_tokens:
            raise ValueError("its words and counts do not fit together")
        vocabulary = Vocabulary(words, counts, raw_words, sentences)
    if n_tokens and not 0 <= tokens.min() <= tokens.max() < len(vocabulary):
        raise ValueError(f"its tokens are not all ids of {len(vocabulary)} words")
    return vocabulary, Corpus(tokens, offsets, raw_words, sentences)
