"""What reads files of strangers, as functions of bytes: each gives ValueError or OSError, or something sound.

A target writes the bytes to a file, reads it in every way there is, and returns whether that was possible. Whatever
else is raised is a find.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import logging
import lzma
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fastsgns import FrozenPhrases, KeyedVectors, Phrases, Word2Vec, cache, formats, trainer
from fastsgns.checkpoint import CheckpointFile, identity, text_identity
from fastsgns.corpus import Corpus, encode_files
from fastsgns.files import new_file
from fastsgns.matrices import aligned_matrix, initial_vectors
from fastsgns.options import TrainingOptions
from fastsgns.vocabulary import Vocabulary, VocabularyRules

logging.getLogger("fastsgns").addHandler(logging.NullHandler())
logging.getLogger("fastsgns").propagate = False

# In memory where that can be; libFuzzer ends without removing anything, so run.py gives a folder of its own.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
TEMPORARY = tempfile.TemporaryDirectory(prefix="fastsgns-fuzz-", dir=os.environ.get("FASTSGNS_FUZZ_FOLDER", MEMORY))
FOLDER = Path(TEMPORARY.name)
REFUSED = (ValueError, OSError)
SENTENCES = [["red", "green", "blue"], ["one", "two", "red"]] * 4
WORDS = ["red", "green", "blue", "one", "two"]
# Of a corpus cache: what it must be of.
WANTED = {"version": 1, "sources": [["text", 1, 2]], "errors": "strict"}


def file_of(data: bytes, suffix: str = "") -> Path:
    path = FOLDER / f"file{suffix}"
    path.write_bytes(data)
    return path


def check_vectors(wv: KeyedVectors) -> None:
    assert wv.vectors.shape == (len(wv), wv.vector_size)
    assert len(wv.key_to_index) == len(wv.index_to_key) == len(wv)
    assert all(len(values) == len(wv) for values in wv.expandos.values())
    if len(wv):
        wv[wv.index_to_key[-1]]


def tried(*ways: Callable[[], Any]) -> bool:
    """Whether one of several ways to read a file is possible; none may fail by anything but REFUSED."""
    worked = False
    for way in ways:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                way()
                worked = True
            except REFUSED:
                pass
    return worked


def vectors(data: bytes) -> bool:
    """KeyedVectors.load."""
    path = file_of(data)

    def load(mmap: str | None) -> None:
        wv = KeyedVectors.load(path, mmap=mmap)
        check_vectors(wv)
        wv.save(FOLDER / "again")

    return tried(lambda: load(None), lambda: load("r"))


def model(data: bytes) -> bool:
    """Word2Vec.load, and a training that goes on from it."""
    path = file_of(data)

    def load(mmap: str | None) -> None:
        loaded = Word2Vec.load(path, mmap=mmap)
        check_vectors(loaded.wv)
        assert loaded.syn1neg.shape == loaded.wv.vectors.shape
        repr(loaded)
        loaded.save(FOLDER / "again")
        if loaded.vector_size > 1000 or loaded.negative == "auto" or loaded.negative > 1000 or not len(loaded.wv):
            return
        if np.max(loaded.window) > 1000:
            return
        loaded.workers = 1
        with contextlib.suppress(FloatingPointError, MemoryError):  # numbers may be sound, and too large
            loaded.train([[loaded.wv.index_to_key[0], loaded.wv.index_to_key[-1]]], epochs=1)

    return tried(lambda: load(None), lambda: load("r"))


def vocabulary_and_corpus() -> tuple[Vocabulary, Corpus]:
    ids = np.array([WORDS.index(word) for sentence in SENTENCES for word in sentence], np.int32)
    counts = np.bincount(ids).astype(np.int64)
    offsets = np.cumsum([0, *map(len, SENTENCES)], dtype=np.int64)
    return Vocabulary(WORDS, counts, len(ids), len(SENTENCES)), Corpus(ids, offsets, len(ids), len(SENTENCES))


def checkpoint_of(path: Path) -> tuple[CheckpointFile, TrainingOptions, Vocabulary, Corpus]:
    vocabulary, corpus = vocabulary_and_corpus()
    options = TrainingOptions(epochs=2, workers=1, sample=0.0)
    matrices = initial_vectors(len(WORDS), 2, 1), aligned_matrix(len(WORDS), 2)
    tensors = {**formats.pack_keys(WORDS), "counts": vocabulary.counts}
    run = identity(options, text_identity(corpus), vocabulary, 1.0, None, 0)
    return CheckpointFile(path, 10**9, run, tensors, *matrices, options), options, vocabulary, corpus


def checkpoint(data: bytes) -> bool:
    """CheckpointFile.load, and the rest of its run."""
    path = file_of(data)

    def resume() -> None:
        file, options, vocabulary, corpus = checkpoint_of(path)
        state = file.load()
        with contextlib.suppress(FloatingPointError):  # its matrices may be of sound numbers, and too large
            trainer.train(corpus, vocabulary.counts, file.vectors, file.outputs, options, state=state)

    return tried(resume)


def corpus_cache(data: bytes) -> bool:
    """cache.read, and an epoch over what it gives."""
    path = file_of(data)
    known = vocabulary_and_corpus()[0]

    def read(given: Vocabulary | None) -> None:
        found = cache.read(path, WANTED, given)
        if found is None:
            raise ValueError("it is of something else")
        vocabulary, corpus = found
        assert len(vocabulary) == len(vocabulary.counts) == len(set(vocabulary.words))
        matrices = initial_vectors(len(vocabulary), 2, 1), aligned_matrix(len(vocabulary), 2)
        trainer.train(corpus, vocabulary.counts, *matrices, TrainingOptions(epochs=1, workers=1))

    return tried(lambda: read(None), lambda: read(known))


def phrases(data: bytes) -> bool:
    """Phrases.load, and what is asked of it."""
    path = file_of(data)

    def load() -> None:
        loaded = Phrases.load(path)
        loaded[["one", "two"]]
        loaded.export_phrases()
        loaded.add_vocab([["one", "two"]])
        loaded.save(FOLDER / "again")

    return tried(load)


def frozen_phrases(data: bytes) -> bool:
    """FrozenPhrases.load, and what is asked of it."""
    path = file_of(data)

    def load() -> None:
        loaded = FrozenPhrases.load(path)
        loaded[["one", "two"]]
        loaded.save(FOLDER / "again")

    return tried(load)


def word2vec_binary(data: bytes) -> bool:
    """load_word2vec_format(binary=True)."""
    path = file_of(data)
    load = KeyedVectors.load_word2vec_format
    return tried(
        lambda: check_vectors(load(path, binary=True)),
        lambda: check_vectors(load(path, binary=True, limit=2, unicode_errors="replace", datatype=np.float16)),
    )


def word2vec_text(data: bytes) -> bool:
    """load_word2vec_format of text, with and without a header."""
    path = file_of(data)
    load = KeyedVectors.load_word2vec_format
    return tried(
        lambda: check_vectors(load(path)),
        lambda: check_vectors(load(path, no_header=True, datatype=np.float64)),
        lambda: check_vectors(load(path, limit=2, unicode_errors="ignore", datatype=np.float16)),
    )


def fvocab(data: bytes) -> bool:
    """The counts beside word2vec's files: load_word2vec_format(fvocab=...)."""
    path = file_of(data)
    plain = FOLDER / "vectors.txt"
    plain.write_text("2 1\nred 1\ngreen 2\n", encoding="utf-8")
    load = KeyedVectors.load_word2vec_format
    return tried(
        lambda: check_vectors(load(plain, fvocab=path)),
        lambda: check_vectors(load(plain, fvocab=path, unicode_errors="replace")),
    )


def compressed(data: bytes) -> bool:
    """The four compressions, of text and of vectors; the first byte chooses."""
    suffix = (".gz", ".bz2", ".xz", ".zst")[data[0] % 4] if data else ".gz"
    path = file_of(data[1:], suffix)
    rules = VocabularyRules(min_count=1, least_words=0)
    ways = [lambda: encode_files(path, rules=rules, workers=2, errors="replace", piece_bytes=7)]
    if suffix != ".zst":
        load = KeyedVectors.load_word2vec_format
        plain = FOLDER / "vectors.txt"
        plain.write_text("2 1\nred 1\ngreen 2\n", encoding="utf-8")
        ways += [lambda: check_vectors(load(path)), lambda: check_vectors(load(plain, fvocab=path))]
    return tried(*ways)


TARGETS: dict[str, Callable[[bytes], bool]] = {
    target.__name__: target
    for target in (
        vectors, model, checkpoint, corpus_cache, phrases, frozen_phrases, word2vec_binary, word2vec_text, fvocab,
        compressed,
    )
}  # fmt: skip


def write_seeds(folder: Path) -> None:
    """Sound files, sound* in the folder of each target."""

    def write(name: str, number: int, make: Callable[[Path], Any]) -> None:
        (folder / name).mkdir(parents=True, exist_ok=True)
        make(folder / name / f"sound{number}")

    wv = KeyedVectors.from_arrays(["red", "字", ""], np.arange(6, dtype=np.float32).reshape(3, 2), np.array([3, 2, 1]))
    wv.set_vecattr("red", "hue", 0.5)
    wv.vectors_lockf = np.array([1, 0, 1], np.float32)
    write("vectors", 0, wv.save)
    write("vectors", 1, KeyedVectors.from_arrays([7, 2**40], np.ones((2, 1), np.float16)).save)
    trained = Word2Vec(SENTENCES, vector_size=2, min_count=1, epochs=1, workers=1)
    trained.report = {}
    write("model", 0, trained.save)
    write("vectors", 2, trained.save)
    trained.wv.vectors_lockf = np.array([1, 0, 1, 1, 1], np.float32)
    trained.window, trained.comment, trained.negative = (1, 2), "字", "auto"
    write("model", 1, trained.save)

    def write_checkpoint(path: Path, epochs: int, unit: int) -> None:
        file, _, _, _ = checkpoint_of(path)
        result = trainer.TrainingResult(epochs, 24 * epochs, 24 * epochs, 9, 9, 0.5, [0.5] * epochs, 0.01)
        file.keep(trainer.RunState(result, unit, (), (trainer.NO_COUNTS,)), last=True)

    for number, (epochs, unit) in enumerate([(1, 0), (0, 1), (2, 0)]):
        write("checkpoint", number, lambda path, epochs=epochs, unit=unit: write_checkpoint(path, epochs, unit))

    vocabulary, corpus = vocabulary_and_corpus()

    def write_cache(path: Path, given: Vocabulary | None) -> None:
        with new_file(path) as file:
            tokens, offsets = cache.arrays_in_file(file, len(corpus.tokens), len(corpus.offsets))
            tokens[:], offsets[:] = corpus.tokens, corpus.offsets
            cache.write_rest(file, WANTED, given, corpus)

    write("corpus_cache", 0, lambda path: write_cache(path, vocabulary))
    write("corpus_cache", 1, lambda path: write_cache(path, None))

    sentences = [["one", "of", "two"], ["red", "green", "blue"], ["red", "green"]] * 3
    for number, scoring in enumerate(("default", "npmi")):
        threshold = 0.1 if scoring == "default" else -1.0
        found = Phrases(sentences, min_count=1, threshold=threshold, scoring=scoring, connector_words={"of"})
        write("phrases", number, found.save)
        write("frozen_phrases", number, found.freeze().save)
    plain = KeyedVectors.from_arrays(["red", "字", "x"], np.array([[1, -0.5], [1e30, 3e-9], [0, 2]], np.float32))
    write("word2vec_binary", 0, lambda path: plain.save_word2vec_format(path, binary=True))
    write("word2vec_text", 0, plain.save_word2vec_format)
    write("word2vec_text", 1, lambda path: plain.save_word2vec_format(path, write_header=False))
    write("fvocab", 0, lambda path: path.write_text("red 7\ngreen 3\n字 1\n", encoding="utf-8"))
    text = b"2 1\nred 1\ngreen 2\n"
    for number, pack in enumerate((lambda data: gzip.compress(data, mtime=0), bz2.compress, lzma.compress)):
        write("compressed", number, lambda path, n=number, pack=pack: path.write_bytes(bytes([n]) + pack(text)))
    zst = bytes.fromhex("28b52ffd2012910000") + text  # stored, not packed: no library is needed to write it
    (folder / "compressed" / "zst").write_bytes(b"\3" + zst)
