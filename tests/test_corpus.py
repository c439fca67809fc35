"""Whole corpora, from files and from iterables, against plain Python."""

import gzip
import os
import random
import threading
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from fastsgns import idarrays
from fastsgns.corpus import encode_files, encode_sentences
from fastsgns.vocabulary import Vocabulary, VocabularyRules

ALL = VocabularyRules(min_count=1)
NONE = Vocabulary([], np.empty(0, np.int64), 0, 0)
FIRST = VocabularyRules(min_count=1, sorted_vocab=False)


def plain(sentences, min_count=1, words=None):
    """What an encoder makes of sentences, in a few lines: words, counts, ids by sentence, raw words, sentences."""
    sentences = [list(sentence) for sentence in sentences if len(sentence)]
    counts = Counter(token for sentence in sentences for token in sentence)
    if words is None:
        words = [word for word, count in counts.most_common() if count >= min_count]
    index = {word: i for i, word in enumerate(words)}
    encoded = [[index[token] for token in sentence if token in index] for sentence in sentences]
    raw = sum(map(len, sentences))
    return words, [counts[word] for word in words], [ids for ids in encoded if ids], raw, len(sentences)


def unpack(vocabulary, corpus):
    tokens, offsets = corpus.tokens, corpus.offsets
    assert tokens.dtype == np.int32 and offsets.dtype == np.int64
    assert tokens.flags.c_contiguous and offsets.flags.c_contiguous
    assert offsets[0] == 0 and offsets[-1] == len(tokens) and (np.diff(offsets) > 0).all()
    assert vocabulary.counts.dtype == np.int64
    sentences = [tokens[a:b].tolist() for a, b in pairwise(offsets)]
    return vocabulary.words, vocabulary.counts.tolist(), sentences, corpus.raw_words, corpus.sentences_read


def random_sentences(seed, n=300, words=400):
    rng = random.Random(seed)
    made = [f"w{rng.getrandbits(20)}" * rng.choice([1, 1, 1, 3]) for _ in range(words - 2)] + ["字", "naïve"]
    return [[made[int(words * rng.random() ** 3)] for _ in range(rng.choice([0, 1, 2, 10, 60]))] for _ in range(n)]


def write(path, sentences, end="\n"):
    path.write_bytes("".join(" ".join(sentence) + end for sentence in sentences).encode())
    return path


@pytest.mark.parametrize("min_count", [1, 5])
def test_nothing_depends_on_workers_and_pieces(tmp_path, min_count):
    sentences = random_sentences(1)
    path = write(tmp_path / "text", sentences)
    rules = VocabularyRules(min_count=min_count)
    wanted = plain(sentences, min_count)
    for workers in (1, 2, 5):
        for size in (1, 3, 50, 1000, 1 << 22):
            assert unpack(*encode_files(path, rules=rules, workers=workers, piece_bytes=size)) == wanted
    assert unpack(*encode_sentences(sentences, rules=rules)) == wanted


def test_several_files_of_all_kinds(tmp_path):
    first, second, third = random_sentences(2), random_sentences(3), random_sentences(4)
    first[-1] = second[0] = ["touch"]  # sentences end where their file does
    (tmp_path / "1").write_bytes(b"\xef\xbb\xbf" + write(tmp_path / "1", first).read_bytes().rstrip())
    (tmp_path / "2.gz").write_bytes(gzip.compress(write(tmp_path / "2", second, "\r\n").read_bytes()))
    (tmp_path / "2").unlink()
    write(tmp_path / "3", third, "  \n\n\t\n")
    wanted = plain(first + second + third)
    for size in (5, 400, 1 << 22):
        assert unpack(*encode_files(tmp_path, rules=ALL, workers=3, piece_bytes=size)) == wanted


def test_order_of_first_appearance(tmp_path):
    path = write(tmp_path / "text", [["c", "a"], ["b", "a", "c"], ["d"]])
    for size in (1, 100):
        assert encode_files(path, rules=FIRST, workers=2, piece_bytes=size)[0].words == ["c", "a", "b", "d"]
    assert encode_sentences([["c", 1], [2, "a", 1]], rules=FIRST)[0].words == ["c", 1, 2, "a"]


def test_one_line_without_end(tmp_path):
    sentence = [token for part in random_sentences(5, 2000) for token in part]
    (tmp_path / "line").write_text(" ".join(sentence), encoding="utf-8")
    assert unpack(*encode_files(tmp_path / "line", rules=ALL, workers=2, piece_bytes=512)) == plain([sentence])


def test_rare_words_leave_no_empty_sentence(tmp_path):
    sentences = [["x"], ["a", "b"], ["y", "z"], ["b", "q", "a"], ["r"]]
    path = write(tmp_path / "text", sentences)
    for size in (1, 2, 4, 100):
        rules = VocabularyRules(min_count=2)
        assert unpack(*encode_files(path, rules=rules, workers=2, piece_bytes=size)) == plain(sentences, 2)


def test_given_vocabulary(tmp_path):
    sentences = random_sentences(6)
    path = write(tmp_path / "text", sentences)
    words = [*plain(sentences)[0][5:40:3], "elsewhere", 17]
    vocabulary = Vocabulary(words, np.ones(len(words), np.int64), 5, 1)
    wanted = plain(sentences, words=words)[2:]
    for result in (
        encode_files(path, rules=ALL, workers=2, vocabulary=vocabulary, piece_bytes=99),
        encode_sentences(sentences, rules=ALL, vocabulary=vocabulary),
    ):
        assert result[0] is vocabulary
        assert unpack(*result)[2:] == wanted
    none = Vocabulary(["elsewhere"], np.array([1]), 5, 1)
    _, corpus = encode_files(path, rules=ALL, workers=2, vocabulary=none)
    assert corpus.tokens.tolist() == [] and corpus.offsets.tolist() == [0]


def test_the_first_error_of_the_text_is_told(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"good text\n" * 1000 + b"b\xe9d " + b"good text\n" * 1000 + b"\0 ")
    for size in (7, 300, 1 << 20):
        with pytest.raises(ValueError, match=r"text: byte 0xe9 is not UTF-8, at offset 10001.*errors='replace'"):
            encode_files(path, rules=ALL, workers=4, piece_bytes=size)
    words, counts, *_ = unpack(*encode_files(path, rules=ALL, workers=2, errors="replace"))
    assert dict(zip(words, counts, strict=True)) == {"good": 2000, "text": 2000, "b\ufffdd": 1, "\ufffd": 1}
    assert encode_files(path, rules=ALL, workers=2, errors="ignore")[0].words == ["good", "text", "bd"]
    path.write_bytes(b"a b\0c")
    with pytest.raises(ValueError, match="NUL byte is not text, at offset 3"):
        encode_files(path, rules=ALL, workers=1)


def test_bad_parameters_and_sources(tmp_path):
    path = write(tmp_path / "text", [["a", "b"]])
    with pytest.raises(ValueError, match="errors='lax'"):
        encode_files(path, rules=ALL, workers=1, errors="lax")
    with pytest.raises(ValueError, match="workers=0"):
        encode_files(path, rules=ALL, workers=0)
    with pytest.raises(FileNotFoundError, match="absent"):
        encode_files(tmp_path / "absent", rules=ALL, workers=1)
    with pytest.raises(ValueError, match="min_count=5"):
        encode_files(path, rules=VocabularyRules(), workers=1)
    for text in (b"", b"\n\n  \n"):
        path.write_bytes(text)
        with pytest.raises(ValueError, match="corpus is empty"):
            encode_files(path, rules=ALL, workers=2)
    with pytest.raises(ValueError, match="corpus is empty"):
        encode_sentences([], rules=ALL)
    (tmp_path / "bad.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"bad\.gz: the compressed file is damaged"):
        encode_files(tmp_path, rules=ALL, workers=2)


def test_progress(tmp_path):
    sentences = random_sentences(7)
    path = write(tmp_path / "text", sentences)
    seen = []
    encode_files(path, rules=ALL, workers=2, progress=lambda done, total: seen.append((done, total)), piece_bytes=100)
    size = path.stat().st_size
    assert seen[-1] == (size, size) and sorted(seen) == seen
    (tmp_path / "text.gz").write_bytes(gzip.compress(path.read_bytes()))
    seen.clear()
    encode_files(tmp_path, rules=ALL, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
    seen.clear()
    encode_sentences(sentences, rules=ALL, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (sum(map(len, sentences)), None)


def test_pipe(tmp_path):
    sentences = random_sentences(8)
    data = write(tmp_path / "text", sentences).read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    seen = []
    pipe = tmp_path / "pipe"
    result = encode_files(pipe, rules=ALL, workers=2, progress=lambda *now: seen.append(now), piece_bytes=500)
    writer.join()
    assert unpack(*result) == plain(sentences) and seen[-1][1] is None


# Iterables


@pytest.mark.parametrize(
    "kind", [list, tuple, iter, dict.fromkeys, lambda s: np.array(s, dtype=str), lambda s: np.array(s, object)]
)
def test_kinds_of_sentences(kind):
    sentences = [list(dict.fromkeys(sentence)) for sentence in random_sentences(9)]
    made = [kind(sentence) for sentence in sentences]
    vocabulary, corpus = encode_sentences((sentence for sentence in made), rules=ALL)
    assert unpack(vocabulary, corpus) == plain(sentences)
    assert all(type(word) is str for word in vocabulary.words)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4", ">u8", object])
def test_arrays_of_integers(dtype):
    rng = np.random.default_rng(2)
    low = 0 if np.dtype(dtype).kind == "u" else -60
    sentences = [rng.integers(low, 100, n).astype(dtype) for n in (1, 0, 7, 300, 2, 1000)]
    wanted = plain([sentence.tolist() for sentence in sentences])
    for made in (
        sentences,
        [np.repeat(sentence, 3)[::3] for sentence in sentences],
        [sentence[::-1].copy()[::-1] for sentence in sentences],
        [sentence.tolist() for sentence in sentences],
        [list(sentence) for sentence in sentences],
    ):
        vocabulary, corpus = encode_sentences(made, rules=ALL)
        assert unpack(vocabulary, corpus) == wanted
        assert all(type(word) is int for word in vocabulary.words)


def test_many_integers_and_a_sentence_of_several_chunks():
    rng = np.random.default_rng(3)
    words = rng.integers(-(2**62), 2**62, 200_000)
    sentences = [words[rng.integers(0, len(words), n)] for n in (2_500_000, 10, 1_048_576)]
    vocabulary, corpus = encode_sentences(sentences, rules=FIRST)
    assert corpus.offsets.tolist() == [0, 2_500_000, 2_500_010, 3_548_586]
    assert np.array_equal(np.array(vocabulary.words)[corpus.tokens], np.concatenate(sentences))
    assert vocabulary.counts.tolist() == np.bincount(corpus.tokens).tolist()


def test_rows_of_a_matrix_are_sentences():
    walks = np.random.default_rng(4).integers(0, 50, (30, 20))
    assert unpack(*encode_sentences(walks, rules=ALL)) == plain(walks.tolist())
    assert unpack(*encode_sentences(walks.T[::2], rules=ALL)) == plain(walks.T[::2].tolist())
    large = walks.astype(np.uint64) + 2**63
    assert unpack(*encode_sentences(large, rules=ALL)) == plain(large.tolist())
    assert unpack(*encode_sentences(np.zeros((2, 0), int), rules=ALL, vocabulary=NONE)) == ([], [], [], 0, 0)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16, np.uint64, ">i4", np.int8])
@pytest.mark.parametrize("workers", [1, 3])
def test_tokens_with_offsets(monkeypatch, dtype, workers):
    monkeypatch.setattr(idarrays, "LEAST_TOKENS", 50)
    monkeypatch.setattr(idarrays, "BLOCK_TOKENS", 30)
    rng = np.random.default_rng(7)
    lengths = rng.choice([0, 0, 1, 2, 9, 100], 60)
    lengths[[0, -1]] = 0
    tokens = rng.geometric(0.05, lengths.sum()).astype(dtype)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    sentences = [part.tolist() for part in np.split(tokens, offsets[1:-1])]
    for min_count in (1, 5):
        rules = VocabularyRules(min_count=min_count)
        made = encode_sentences((tokens, offsets.astype(np.int32)), rules=rules, workers=workers)
        assert unpack(*made) == plain(sentences, min_count)
        assert all(type(word) is int for word in made[0].words)
        again = encode_sentences((tokens[::-1].copy()[::-1], offsets), rules=ALL, workers=workers, vocabulary=made[0])
        assert unpack(*again)[2:] == plain(sentences, words=made[0].words)[2:]


def test_large_and_negative_integers_with_offsets(monkeypatch):
    monkeypatch.setattr(idarrays, "LEAST_TOKENS", 1000)
    rng = np.random.default_rng(8)
    tokens = rng.integers(-(2**62), 2**62, 5000)[rng.integers(0, 5000, 20_000)]
    matrix = tokens.reshape(-1, 10)
    for made in (matrix, (tokens, np.arange(2001) * 10)):
        assert unpack(*encode_sentences(made, rules=FIRST, workers=4)) == plain_in_order(matrix.tolist())


def test_rare_integers_of_the_table_leave_the_others_their_ids():
    ids = np.random.default_rng(11).integers(-(2**62), 2**62, 3000)
    matrix = ids[np.minimum(np.random.default_rng(12).zipf(1.2, (800, 10)), 3000) - 1]
    made = encode_sentences(matrix, rules=VocabularyRules(min_count=3), workers=1)
    assert unpack(*made) == plain(matrix.tolist(), 3)
    again = encode_sentences(matrix[::-1], rules=ALL, vocabulary=made[0])
    assert unpack(*again)[2:] == plain(matrix[::-1].tolist(), words=made[0].words)[2:]


def plain_in_order(sentences):
    return plain(sentences, words=list(dict.fromkeys(token for sentence in sentences for token in sentence)))


def test_tokens_are_read_in_place_and_progress_is_told():
    tokens = np.random.default_rng(9).integers(0, 50, 1000)
    tokens.setflags(write=False)
    seen = []
    encode_sentences((tokens, np.array([0, 1000])), rules=ALL, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (1000, 1000) and seen == sorted(seen)


@pytest.mark.parametrize(
    ("offsets", "message"),
    [([0, 5], "from 0 to 5, there are 6"), ([1, 6], "from 1"), ([0, 4, 3, 6], r"offsets\[2\]=3"), ([], "are empty")],
)
def test_offsets_that_do_not_divide_the_tokens(offsets, message):
    with pytest.raises(ValueError, match=message):
        encode_sentences((np.arange(6), np.array(offsets, np.int64)), rules=ALL)


def test_tokens_beyond_what_is_counted():
    with pytest.raises(ValueError, match=r"below 2\*\*63"):
        encode_sentences((np.array([1, 2**63], np.uint64), np.array([0, 2])), rules=ALL)


def test_an_interrupt_and_a_failure_end_the_reading_of_ids(monkeypatch):
    monkeypatch.setattr(idarrays, "BLOCK_TOKENS", 100)
    ids = np.arange(200_000).reshape(-1, 10)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_sentences(ids, rules=ALL, workers=2, progress=stop)

    class Changed(idarrays.IdTally):
        def renumber(self, ids):
            super().renumber(np.where(np.arange(len(ids)) % 2, ids, -1).astype(np.int32))

    monkeypatch.setattr(idarrays, "IdTally", Changed)
    with pytest.raises(ValueError, match="changed while"):
        encode_sentences(ids, rules=ALL, workers=2)


def test_equal_integers_are_one_token_whatever_their_type():
    sentences = [[5, np.int32(5), np.uint8(5), 2**70], np.array([5, 6]), [np.int64(6), "5", (5,), 5.5, True, b"5"]]
    sentences += [np.array([2**63, 5], np.uint64), [2**63, -(2**63)], np.array([-(2**63)])]
    vocabulary, _ = encode_sentences(sentences, rules=FIRST)
    assert [repr(word) for word in vocabulary.words] == [
        repr(word) for word in (5, 2**70, 6, "5", (5,), 5.5, True, b"5", 2**63, -(2**63))
    ]
    assert vocabulary.counts.tolist() == [5, 1, 2, 1, 1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ("a b c", "sentences='a b c' is a str"),
        (b"a b c", "is a bytes"),
        (5, "sentences=5 must be an iterable"),
        (["a b", "c d"], r"sentence 0 is the str 'a b'.*line\.split\(\)"),
        ([["a"], b"c d"], "sentence 1 is the bytes b'c d'"),
        ([1, 2, 3], "sentence 0 is 1: a sentence must be a list"),
        (np.arange(5), "sentence 0 is"),
        (np.zeros((2, 2, 2), int), r"array of shape \(2, 2\)"),
        ([np.zeros(3)], "array of float64.*astype"),
        ([np.zeros(3, bool)], "array of bool"),
        ([["a", ["b"]]], r"sentence 0 holds \['b'\].*hashable"),
    ],
)
def test_what_is_no_sentence(sentences, message):
    with pytest.raises(ValueError, match=message):
        encode_sentences(sentences, rules=ALL)


def test_path_and_cache_for_an_iterable_are_refused(tmp_path):
    with pytest.raises(ValueError, match="use corpus_file"):
        encode_sentences(tmp_path, rules=ALL)
    with pytest.raises(ValueError, match="corpus_cache="):
        encode_sentences([["a", "b"]], rules=ALL, corpus_cache=tmp_path / "cache")


class Stop(Exception):
    pass


class Failing:
    def __init__(self, error):
        self.error = error

    def __iter__(self):
        raise self.error


def test_exceptions_of_the_iterable_come_through():
    def sentences(error):
        yield ["a", "b"]
        raise error

    def tokens(error):
        yield "a"
        raise error

    for error in (Stop("here"), KeyboardInterrupt(), TypeError("mine")):
        with pytest.raises(type(error)) as caught:
            encode_sentences(sentences(error), rules=ALL)
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            encode_sentences([tokens(error)], rules=ALL)
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            encode_sentences([["a", "b"], Failing(error)], rules=ALL)
        assert caught.value is error


def test_progress_may_raise():
    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        encode_sentences([["a", "b"]], rules=ALL, progress=stop)
