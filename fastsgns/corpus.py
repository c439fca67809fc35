"""The encoded corpus: int32 ids and where sentences end, of text files or of any iterable."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns import cache, memory
from fastsgns._encode import ERRORS, Chunk, TokenScanner
from fastsgns.checks import check_choice, check_integer
from fastsgns.columns import IdColumn, read_column
from fastsgns.idarrays import as_id_arrays, encode_id_arrays
from fastsgns.readers import whole_files
from fastsgns.scan import ENCODING, PIECE_BYTES, REMEDY, Scanned, scan_files
from fastsgns.text import Source, Stretch, find_files
from fastsgns.vocabulary import Vocabulary, VocabularyRules

__all__ = ["Corpus", "assemble", "encode_files", "encode_sentences", "layout", "recoded", "scan_sentences"]

REPORT_WORDS = 1 << 18

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Sentences of vocabulary ids.

    Parameters
    ----------
    tokens : ndarray of int32, shape (n,)
        Ids, sentence after sentence; words outside the vocabulary are left out.
    offsets : ndarray of int64, shape (s + 1,)
        Sentence i is ``tokens[offsets[i]:offsets[i + 1]]``; none is empty.
    raw_words : int
        Tokens read, those left out included.
    sentences_read : int
        Sentences read that held a token.

    Notes
    -----
    Both arrays may be memory-mapped and read-only. Threads may read a corpus together.
    """

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    raw_words: int
    sentences_read: int


def encode_files(
    corpus_file: Source,
    *,
    rules: VocabularyRules,
    workers: int,
    errors: str = "strict",
    corpus_cache: str | os.PathLike[str] | None = None,
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
    piece_bytes: int = PIECE_BYTES,
) -> tuple[Vocabulary, Corpus]:
    """Count the words of text files and encode them.

    Parameters
    ----------
    corpus_file : path or list of paths
        Plain or compressed (.gz, .bz2, .xz, .zst) UTF-8 text, folders of such files, or pipes. A line is a sentence,
        its words are those of ``line.split()``. No sentence goes on in the next file.
    rules : VocabularyRules
        Which words to keep.
    workers : int
        Threads; the result does not depend on their number.
    errors : {"strict", "replace", "ignore"}
        Invalid UTF-8 and NUL bytes are refused, become U+FFFD, or are left out.
    corpus_cache : path, optional
        Keep the result in this file, memory-mapped, and use it again while sources and parameters are unchanged.
    vocabulary : Vocabulary, optional
        Encode with this one in place of a new one; `rules` do not matter then.
    progress : callable, optional
        Called with the bytes done and in all; the latter None if a pipe is among the sources.
    piece_bytes : int
        Bytes of text that a thread takes at once; the result does not depend on it.

    Returns
    -------
    vocabulary : Vocabulary
    corpus : Corpus

    Raises
    ------
    FileNotFoundError
        For a missing file.
    ValueError
        For text that is no UTF-8, with file and offset; if too few words are left; for a bad parameter or cache file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "corpus.txt")
    ...     _ = path.write_text("to be or not\\nto be\\n", encoding="utf-8")
    ...     vocabulary, corpus = encode_files(path, rules=VocabularyRules(min_count=2), workers=2)
    >>> vocabulary.words, corpus.tokens, corpus.offsets
    (['to', 'be'], array([0, 1, 0, 1], dtype=int32), array([0, 2, 4]))
    """
    check_integer("workers", workers, 1)
    check_integer("piece_bytes", piece_bytes, 1)
    check_choice("errors", errors, ERRORS)
    files = find_files(corpus_file)

    def encode(make_arrays: cache.MakeArrays) -> tuple[Vocabulary, Corpus]:
        scanned = scan_files([Stretch(path) for path in files], errors, piece_bytes, workers, progress)
        return assemble(scanned, rules, vocabulary, workers, make_arrays)

    if corpus_cache is None:
        return encode(arrays_in_memory)
    return cache.cached(Path(corpus_cache), cache.description(files, errors, rules, vocabulary), vocabulary, encode)


def encode_sentences(
    sentences: Iterable[Any],
    *,
    rules: VocabularyRules,
    workers: int = 1,
    vocabulary: Vocabulary | None = None,
    progress: Progress | None = None,
    corpus_cache: str | os.PathLike[str] | None = None,
) -> tuple[Vocabulary, Corpus]:
    """Count the tokens of an iterable of sentences and encode them, in one pass.

    Parameters
    ----------
    sentences : iterable of sentences
        Each a list, NumPy array or other iterable of tokens; a token is a string, an integer or another hashable.
        Equal integers of Python and NumPy are one token. Arrays of integers cost no Python object per token, and
        fastest are all sentences together: a matrix of integers, one a row, or a pair ``(tokens, offsets)`` of arrays,
        where sentence i is ``tokens[offsets[i]:offsets[i + 1]]`` (the CSR form). Those are read in place. So are
        columns of lists in Arrow's memory (pyarrow, polars, pandas, Hugging Face datasets), strings by numbers.
        Whole files that a `LineSentence` or `PathLineSentences` gives are read by `encode_files`, to the same result.
    workers : int
        Threads that read a matrix, a pair or files; the result does not depend on their number.
    rules, vocabulary, progress
        As in `encode_files`; but progress is in words, their number in all unknown, unless files are read.
    corpus_cache : path, optional
        Is for files alone: nothing tells whether another iterable has changed.

    Returns
    -------
    vocabulary : Vocabulary
        Its words are plain ``str`` and ``int`` where the tokens were strings and integers.
    corpus : Corpus

    Raises
    ------
    ValueError
        For sentences that are none (strings, say), offsets that do not divide the tokens, if too few words are left,
        and for a given `corpus_cache`.
        Whatever the iterable itself raises is passed on.

    Examples
    --------
    >>> walks = np.array([[7, 9, 7], [9, 5, 7]])
    >>> vocabulary, corpus = encode_sentences(walks, rules=VocabularyRules(min_count=2))
    >>> vocabulary.words, corpus.tokens
    ([7, 9], array([0, 1, 0, 1, 0], dtype=int32))
    """
    if (found := whole_files(sentences)) is not None:
        files, errors = found
        return encode_files(
            files, rules=rules, workers=workers, errors=errors, corpus_cache=corpus_cache, vocabulary=vocabulary,
            progress=progress,
        )  # fmt: skip
    if corpus_cache is not None:
        raise ValueError(f"corpus_cache={corpus_cache!r} works with corpus_file only: an iterable tells no change")
    if isinstance(sentences, (str, bytes, bytearray, os.PathLike)):
        raise ValueError(
            f"sentences={str(sentences)[:40]!r} is a {type(sentences).__name__}: give an iterable of token "
            "lists; for the name of a file, use corpus_file; for a text, [line.split() for line in text.splitlines()]"
        )
    sentences, names = read_column(sentences), None
    if isinstance(sentences, IdColumn):
        *pair, names = sentences
        sentences = tuple(pair)
    if not isinstance(sentences, Iterable) and not hasattr(sentences, "__getitem__"):
        raise ValueError(f"sentences={sentences!r} must be an iterable of token lists")
    if (arrays := as_id_arrays(sentences)) is not None:
        vocabulary, tokens, offsets, *read = encode_id_arrays(*arrays, rules, workers, vocabulary, progress, names)
        return vocabulary, Corpus(tokens, offsets, *read)
    vocabulary, corpus = assemble(scan_sentences(sentences, progress), rules, vocabulary, 1)
    check_words(vocabulary.words)
    return vocabulary, corpus


def check_words(words: Sequence[Any]) -> None:
    """ValueError for None or NaN among them, as a hole in a table may be; a warning if they could not be saved."""
    kinds = set(map(type, words))
    if len(kinds) <= 1 and kinds <= {str, int}:
        return
    for word in words:
        if word is None or word != word:
            raise ValueError(f"the sentences hold {word!r}, which is no token: leave it out")
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    warnings.warn(
        f"tokens of {names}: they can be trained on, but only strings alone or integers alone can be saved; give "
        "str(token) for each",
        stacklevel=5,
    )


def scan_sentences(sentences: Iterable[Any], progress: Progress | None = None) -> Scanned:
    """Count and encode the tokens of sentences that are no arrays of ids; see `encode_sentences`."""
    scanner = TokenScanner()
    watch = memory.MemoryWatch(ENCODING, REMEDY)

    def report(done: int) -> None:
        watch.look()
        if progress:
            progress(done, None)

    scanner.add_all(sentences, report, REPORT_WORDS)
    if progress:
        progress(scanner.tokens, None)
    chunks, counts = scanner.chunks(), scanner.counts()
    return Scanned(chunks, [0] * len(chunks), [np.arange(len(counts))], counts, None, scanner.words)


def arrays_in_memory(n_tokens: int, n_offsets: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    return np.empty(n_tokens, np.int32), np.empty(n_offsets, np.int64)


def assemble(
    scanned: Scanned,
    rules: VocabularyRules,
    vocabulary: Vocabulary | None,
    workers: int,
    make_arrays: cache.MakeArrays = arrays_in_memory,
) -> tuple[Vocabulary, Corpus]:
    """Choose the vocabulary, and bring all chunks to its ids and into one array, giving back each one's memory."""
    chunks = scanned.chunks
    _, raw_words, sentences = layout(chunks)
    vocabulary, ids = rules.apply(scanned.counts, scanned.first, scanned.words, vocabulary, raw_words, sentences)
    ids_by_scanner = [ids[common] for common in scanned.common]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda chunk, scanner: chunk.translate(ids_by_scanner[scanner]), chunks, scanned.scanners))
        starts, n_tokens, n_sentences = layout(chunks)
        tokens, offsets = make_arrays(n_tokens, n_sentences + 1)
        offsets[0] = 0
        list(pool.map(lambda chunk, start: chunk.move(tokens, offsets[1:], *start), chunks, starts))
    return vocabulary, Corpus(tokens, offsets, raw_words, sentences)


def recoded(corpus: Corpus, ids: NDArray[np.int32]) -> Corpus:
    """The corpus with every id i replaced by ids[i]; words whose new id is negative are left out."""
    size = len(corpus.tokens)
    memory.require((4 + 1 + 4) * size, f"{size:,} words of the corpus, encoded anew", REMEDY)
    tokens = ids[corpus.tokens]
    kept = tokens >= 0
    lengths = np.add.reduceat(kept, corpus.offsets[:-1], dtype=np.int64) if size else np.zeros(0, np.int64)
    lengths = lengths[lengths > 0]
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Corpus(tokens[kept], offsets, corpus.raw_words, corpus.sentences_read)


def layout(chunks: list[Chunk]) -> tuple[list[tuple[int, int, bool]], int, int]:
    """Where each chunk's words and ends go and whether its first end ends nothing; words and sentences in all."""
    starts = []
    words = sentences = 0
    is_open = False
    for chunk in chunks:
        skip_first = chunk.starts_with_end and not is_open
        starts.append((words, sentences, skip_first))
        words += chunk.words
        sentences += chunk.ends - skip_first
        if chunk.stays_open is not None:
            is_open = chunk.stays_open
    return starts, words, sentences
