"""Phrases: gensim's results element by element, a plain twin's where gensim has none, and text files rewritten."""

import bz2
import copy
import gzip
import itertools
import json
import logging
import lzma
import math
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import fastsgns
from fastsgns import ENGLISH_CONNECTOR_WORDS, FrozenPhrases, Phrases, Word2Vec, phrasecounts, phrasestrings
from fastsgns._phrases import PADDING, PairCounter, TextJoiner, first_places
from fastsgns.phrases import Phraser, npmi_scorer, original_scorer
from fastsgns.phrasetext import COMPRESSORS, join_files, text_joiner
from fastsgns.vocabulary import ALL_WORDS

WORDS = ["new", "york", "city", "is", "big", "bank", "america", "naïve", "東京", "x" * 20, "y" * 40]
JOINED = ["new_york", "york_city", "new_york_city", "_", "__", "a_", "_b", "a__b", "bank_of", "of_america", "x_y"]
CONNECTORS = ["of", "the", "x_y", "and"]


def make_sentences(seed, n=150, words=(*WORDS, *CONNECTORS)):
    rng = random.Random(seed)
    lengths = [0, 1, 2, 3, 5, 9, 30]
    return [[words[int(len(words) * rng.random() ** 2)] for _ in range(rng.choice(lengths))] for _ in range(n)]


def own_scorer(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    return bigram_count * len_vocab / (worda_count + wordb_count + min_count) - corpus_word_count / 1000


class Twin:
    """What Phrases should do, by one dict of strings and no attention to speed."""

    def __init__(self, sentences, scoring, min_count, threshold, delimiter="_", connector_words=()):
        self.delimiter, self.connectors, self.threshold = delimiter, connector_words, threshold
        self.vocab, self.total = Counter(), 0
        for sentence in sentences:
            self.total += len(sentence)
            places = [i for i, word in enumerate(sentence) if word not in connector_words]
            for before, place in zip([None, *places], places, strict=False):
                self.vocab[sentence[place]] += 1
                if before is not None:
                    self.vocab[delimiter.join(sentence[before : place + 1])] += 1
        self.score = lambda a, b, ab: scoring(a, b, ab, len(self.vocab), min_count, self.total)

    def judge(self, words):
        phrase = self.delimiter.join(words)
        counts = [self.vocab[string] for string in (words[0], words[-1], phrase)]
        score = self.score(*counts) if all(counts) else -math.inf
        return (phrase, score) if score > self.threshold else None

    def analyze(self, sentence):
        place = 0
        while place < len(sentence):
            end = place + 1
            while end < len(sentence) and sentence[end] in self.connectors:
                end += 1
            starts = sentence[place] not in self.connectors and sentence[place] and end < len(sentence)
            if starts and (found := self.judge(sentence[place : end + 1])):
                yield found
                place = end + 1
            else:
                yield sentence[place], None
                place += 1

    def export(self):
        found = (self.judge(parts) for parts in (s.split(self.delimiter) for s in list(self.vocab)) if len(parts) > 1)
        return dict(phrase for phrase in found if phrase)


CASES = [
    dict(min_count=1, threshold=0.2),
    dict(min_count=3, threshold=0.2, connector_words=CONNECTORS),
    dict(min_count=2, threshold=-0.2, scoring="npmi"),
    dict(min_count=2.5, threshold=0.1, scoring="npmi", connector_words=CONNECTORS),
    dict(min_count=1, threshold=5, scoring=own_scorer, connector_words=CONNECTORS),
    dict(min_count=1, threshold=0.3, delimiter="__", connector_words=CONNECTORS),
    dict(min_count=1, threshold=0.3, delimiter="_y", connector_words=CONNECTORS),
    dict(min_count=1, threshold=0.3, delimiter=" ", connector_words=["of", "new york"]),
    dict(min_count=2, threshold=1e9),
    dict(min_count=10**6, threshold=1e-9),
]
SCORERS = {"default": original_scorer, "npmi": npmi_scorer}


def twin_of(sentences, scoring="default", **case):
    return Twin(sentences, SCORERS.get(scoring, scoring), **case)


def check_equal(ours, theirs, sentences):
    """Everything that both can be asked for."""
    assert list(ours.vocab.items()) == list(theirs.vocab.items())
    assert ours.vocab_size == len(theirs.vocab)
    assert ours.corpus_word_count == theirs.corpus_word_count
    assert list(ours.export_phrases().items()) == list(theirs.export_phrases().items())
    check_joined(ours, theirs, sentences)
    frozen = ours.freeze(), theirs.freeze()
    assert frozen[0].phrasegrams == frozen[1].phrasegrams
    check_joined(*frozen, sentences)


def check_joined(ours, theirs, sentences):
    for sentence in sentences:
        assert list(ours.analyze_sentence(sentence)) == list(theirs.analyze_sentence(sentence))
        assert ours[sentence] == theirs[sentence]
    assert list(ours[sentences]) == list(theirs[sentences])
    assert list(ours.find_phrases(sentences).items()) == list(theirs.find_phrases(sentences).items())
    rng = random.Random(1)
    for _ in range(100):
        a, b = rng.choice([*WORDS, *JOINED]), rng.choice([*WORDS, *JOINED])
        between = rng.choices([*WORDS, *CONNECTORS], k=rng.choice([0, 0, 1, 2]))
        assert ours.score_candidate(a, b, between) == theirs.score_candidate(a, b, between)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("words", [[*WORDS, *CONNECTORS], [*WORDS[:6], *CONNECTORS, *JOINED, "new york"]])
def test_results_are_gensims(case, words):
    gensim = pytest.importorskip("gensim")
    train, other = make_sentences(1, words=words), make_sentences(2, 60, [*words, *JOINED, "unseen"])
    theirs = gensim.models.phrases.Phrases(train, **case)
    for workers in (1, 3):
        ours = Phrases(train, workers=workers, **case)
        check_equal(ours, theirs, [*train, *other])
        assert ours.export_phrases() or case["threshold"] == 1e9 or case["min_count"] == 10**6


@pytest.mark.parametrize("case", CASES)
def test_results_are_the_twins(case):
    words = [*WORDS[:6], *CONNECTORS, *JOINED, "new york", ""]
    train, other = make_sentences(3, words=words), make_sentences(4, 60, [*words, "unseen"])
    ours, twin = Phrases(train, **case), twin_of(train, **case)
    assert list(ours.vocab.items()) == list(twin.vocab.items())
    assert ours.corpus_word_count == twin.total
    assert ours.export_phrases() == twin.export()
    for sentence in [*train, *other]:
        assert list(ours.analyze_sentence(sentence)) == list(twin.analyze(sentence))


def test_names_and_defaults_are_gensims():
    gensim = pytest.importorskip("gensim")
    theirs = gensim.models.phrases
    assert theirs.ENGLISH_CONNECTOR_WORDS == ENGLISH_CONNECTOR_WORDS
    assert Phraser is FrozenPhrases
    ours, other = Phrases(), theirs.Phrases()
    for name in ("min_count", "threshold", "max_vocab_size", "delimiter", "progress_per", "connector_words"):
        assert getattr(ours, name) == getattr(other, name)
    assert ours.scoring is original_scorer and Phrases(threshold=0.1, scoring="npmi").scoring is npmi_scorer
    sentences = make_sentences(5)
    positional = sentences, 2, 0.5, 1000, "+", 10, "npmi", ENGLISH_CONNECTOR_WORDS
    ours, other = Phrases(*positional), theirs.Phrases(*positional)
    check_equal(ours, other, sentences)
    assert repr(ours) == str(other) and repr(ours.freeze()) == str(other.freeze())
    for counts in itertools.product([0, 1, 7], [1, 9], [0, 1, 6], [20], [1, 6, 6.5], [30]):
        assert original_scorer(*counts) == theirs.original_scorer(*counts)
        if counts[0]:
            assert npmi_scorer(*counts) == theirs.npmi_scorer(*counts)
    assert npmi_scorer(0, 1, 1, 20, 1, 30) == npmi_scorer(1, 1, 1, 20, 1, 0) == npmi_scorer(1, 1, 1, 2, 1, 1) == -np.inf


def test_passes_and_more_text_are_gensims():
    """Phrases of phrases, text counted in several steps with other connector words, parameters set anew."""
    gensim = pytest.importorskip("gensim")
    parts = [make_sentences(seed, words=[*WORDS[:7], *CONNECTORS, "x_y"]) for seed in (6, 7, 8)]
    first, theirs_first = (kind(parts[0], 1, 0.8) for kind in (Phrases, gensim.models.Phrases))
    ours, theirs = (kind(p[parts[0]], 1, 0.5) for kind, p in ((Phrases, first), (gensim.models.Phrases, theirs_first)))
    seconds = [list(first[part]) for part in parts]
    check_equal(ours, theirs, seconds[0])
    third, theirs_third = (
        kind(p[seconds[0]], 1, 0.4) for kind, p in ((Phrases, ours), (gensim.models.Phrases, theirs))
    )
    check_equal(third, theirs_third, [*seconds[0], *ours[seconds[0]]])
    for part, connectors in zip(seconds[1:], ({"of", "new_york"}, frozenset(["is"])), strict=True):
        ours.connector_words = theirs.connector_words = connectors
        ours.add_vocab(part)
        theirs.add_vocab(part)
        check_equal(ours, theirs, part)
    ours.threshold = theirs.threshold = -1.0
    ours.min_count = theirs.min_count = 3
    check_equal(ours, theirs, seconds[2])
    ours.scoring, theirs.scoring = npmi_scorer, gensim.models.phrases.npmi_scorer
    check_equal(ours, theirs, seconds[2])


def test_text_in_many_steps_is_counted_as_one():
    sentences = make_sentences(20, 200, [*WORDS, *CONNECTORS, *JOINED])
    ours = Phrases(min_count=1, threshold=0.2, connector_words=CONNECTORS)
    for i in range(0, len(sentences), 5):
        ours.add_vocab(sentences[i : i + 5])
        assert ours.corpus_word_count == sum(map(len, sentences[: i + 5]))
        if i % 50 == 0:
            assert ours.vocab_size == len(ours.vocab)
    check_equal(ours, Phrases(sentences, 1, 0.2, connector_words=CONNECTORS), sentences)


def test_nothing_depends_on_workers_blocks_and_passes(monkeypatch):
    sentences = [*make_sentences(9, 80, [*WORDS, *CONNECTORS, *JOINED]), ["and"] * 30, ["of", "big"] * 40]
    vocabulary, corpus = phrasecounts_of(sentences)
    wanted = dict(twin_of(sentences, min_count=1, threshold=1, connector_words=CONNECTORS).vocab)
    monkeypatch.setattr(phrasecounts, "LEAST_TOKENS", 1)
    passes, merged_parts = [], phrasecounts.merged_parts
    monkeypatch.setattr(phrasecounts, "merged_parts", lambda *args: passes.append(args[1]) or merged_parts(*args))
    for workers, block, most in ((1, 1, 10**6), (3, 7, 10**6), (2, 100, 20), (1, 10**6, 1)):
        monkeypatch.setattr(phrasecounts, "BLOCK", block)
        passes.clear()
        counts = phrasecounts.count_corpus(vocabulary, corpus, CONNECTORS, workers, 10**6, most)
        assert phrasestrings.PhraseStrings(counts, "_").vocab == wanted
        assert list(itertools.chain(*passes)) == list(range(64))
        assert len(passes) == {10**6: 1, 1: 64}.get(most) or 1 < len(passes) < 64


def phrasecounts_of(sentences):
    return fastsgns.corpus.encode_sentences(sentences, rules=ALL_WORDS)


def test_long_links_are_told_apart():
    """Between two words are more connector words than one number holds."""
    rng = random.Random(1)
    connectors = [f"c{i}" for i in range(200)]
    runs = [rng.choices(connectors[:3], k=k) for k in (0, 1, 2, 40, 40, 41, 60)] + [connectors, connectors[::-1]]
    sentences = [["a", *run, "b", *reversed(run), "a"] for run in runs for _ in range(rng.randrange(1, 4))]
    ours = Phrases(sentences, connector_words=connectors)
    assert dict(ours.vocab) == dict(twin_of(sentences, min_count=1, threshold=1, connector_words=connectors).vocab)


def test_counts_have_64_bits():
    counter, other = PairCounter(), PairCounter()
    arrays = [np.array([3, 3, 2**31 - 1], np.int32), np.array([4, 4, 2**31 - 1], np.int32), np.zeros(3, np.uint64)]
    counter.add(*arrays, np.array([2**40, 5, 2**62]), np.array([2**41, 7, 9]))
    other.add(*arrays, np.array([1, 1, 1]), np.array([3, 8, 2**50]))
    for part in range(64):
        counter.merge(other, part)
    starts, ends, links, counts, first = map(np.concatenate, zip(*map(counter.part, range(64)), strict=True))
    found = sorted(zip(starts.tolist(), ends.tolist(), links.tolist(), counts.tolist(), first.tolist(), strict=True))
    assert found == [(3, 4, 0, 2**40 + 7, 3), (2**31 - 1, 2**31 - 1, 0, 2**62 + 1, 9)]
    assert len(counter) == 2


def test_kernels_refuse_what_they_cannot_take():
    tokens, offsets = np.array([0, 1, 0], np.int32), np.array([0, 2, 3])
    counter = PairCounter()
    for sentence, begin, end in ((1, 0, 3), (0, 2, 3), (0, 0, 4), (-1, 0, 3), (2, 2, 3)):
        with pytest.raises(ValueError, match="begin must be"):
            counter.count(tokens, offsets, sentence, begin, end, None, 1)
    with pytest.raises(ValueError, match="parts 3 to 3"):
        PairCounter(3, 3)
    with pytest.raises(ValueError, match="parts 63 to 65"):
        PairCounter(0, 2).restart(63)
    with pytest.raises(ValueError, match="part 2 is not"):
        PairCounter(3, 4).part(2)
    with pytest.raises(ValueError, match="one length"):
        counter.add(tokens, tokens[:2], np.zeros(3, np.uint64), np.ones(3, np.int64), np.ones(3, np.int64))
    with pytest.raises(ValueError, match="1 ids"):
        first_places(tokens, 3)
    joiner = TextJoiner([b"a b"], [], b"_")
    for text in (b"a b\n", b"a b\n" + b"\n" * len(PADDING)):
        with pytest.raises(ValueError, match="PADDING"):
            joiner.join(text)
    with pytest.raises(ValueError, match="cannot be in a text"):
        TextJoiner([b"a\0b"], [], b"_")


def test_max_vocab_size_keeps_the_most_frequent_and_says_so(caplog, monkeypatch):
    monkeypatch.setattr(phrasecounts, "LEAST_PAIRS", 16)
    sentences = make_sentences(10, 300, [f"w{i}" for i in range(60)])
    every = twin_of(sentences, min_count=1, threshold=1).vocab
    for most in (1, 50, 200, len(every) - 1):
        caplog.clear()
        ours = Phrases(sentences, min_count=1, threshold=0.1, max_vocab_size=most)
        cut = sorted(every.values(), reverse=True)[most]
        assert ours.vocab == {word: count for word, count in every.items() if count > cut}
        assert ours.vocab_size == len(ours.vocab) <= most
        assert f"max_vocab_size={most}" in caplog.text and f"at most {cut} times" in caplog.text
        assert all(" " not in phrase for phrase in ours.export_phrases())
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert Phrases(sentences, max_vocab_size=len(every)).vocab == every
    assert caplog.text == ""
    ours = Phrases(sentences[:150], max_vocab_size=len(every) - 1)
    ours.add_vocab(sentences[150:])
    assert ours.vocab_size < len(every) and f"of {len(every)} words and pairs" in caplog.text


@pytest.mark.parametrize("sentences", [[], [[]], [["one"]], [["one"], [], ["two"], ["one"]]])
def test_corpora_without_pairs(sentences, tmp_path):
    ours = Phrases(iter(sentences), connector_words=["the"])
    assert ours.vocab == Counter(word for sentence in sentences for word in sentence)
    assert ours.export_phrases() == {} and ours[["one", "two"]] == ["one", "two"] and ours[[]] == []
    ours.add_vocab(sentences)
    ours.save(tmp_path / "p")
    assert Phrases.load(tmp_path / "p").vocab == ours.vocab
    (tmp_path / "t").write_text("one two\n\n", encoding="utf-8")
    assert ours.transform_file(tmp_path / "t", tmp_path / "t") == (2, 2, 0)


def test_corpora_are_read_as_often_as_they_can():
    sentences = make_sentences(11)
    ours = Phrases((sentence for sentence in sentences), min_count=1, threshold=0.5)
    assert ours.vocab == Phrases(sentences).vocab
    joined = ours[sentences]
    assert list(joined) == list(joined) == [ours[sentence] for sentence in sentences] and len(joined) == len(sentences)
    assert list(ours[iter(sentences)]) == list(joined)
    assert ours[iter(["new", "york"])] == ours[("new", "york")] == ours[np.array(["new", "york"])]
    model = Word2Vec(joined, vector_size=8, min_count=1, epochs=1, workers=1)
    assert set(model.wv.key_to_index) == {word for sentence in joined for word in sentence}


def test_tokens_and_sentences_that_are_none():
    ours = Phrases([["a", "b"]] * 9)
    for bad in ([["a", 5]], [[b"a", b"b"]], np.zeros((2, 2), int), [[("a",), "b"]]):
        with pytest.raises(ValueError, match="is no string"):
            Phrases(bad)
        with pytest.raises(ValueError, match="is no string"):
            list(ours[bad])
    for bad in (["a b"], "a b", [5]):
        with pytest.raises(ValueError, match=r"token lists|list of tokens"):
            Phrases(bad)
    with pytest.raises(ValueError, match="list of tokens"):
        list(ours[[5]])
    for bad in ("a b", b"a b", 5):
        with pytest.raises(ValueError, match="list of tokens"):
            ours[bad]
        with pytest.raises(ValueError, match="list of tokens"):
            list(ours.analyze_sentence(bad))
    for bad in ("a b", ["a b"]):
        with pytest.raises(ValueError, match=r"token lists|list of tokens"):
            ours.find_phrases(bad)
    before = dict(ours.vocab)
    with pytest.raises(ZeroDivisionError):
        ours.add_vocab([str(1 / i)] for i in (2, 1, 0))
    assert ours.vocab == before
    with pytest.raises(TypeError):
        ours.vocab["a"] = 3
    with pytest.raises(AttributeError):
        ours.delimiter = "+"


def test_odd_strings_are_tokens_like_others(tmp_path):
    """White space, NUL, lone surrogates: tokens of lists, but never of text."""
    words = ["new york", "a\0b", "\ud800", "\n", "a", "b", "a b"]
    sentences = make_sentences(12, 200, words)
    ours, twin = Phrases(sentences, 1, 0.1), twin_of(sentences, min_count=1, threshold=0.1)
    assert ours.vocab == twin.vocab and ours.export_phrases() == twin.export()
    (tmp_path / "t").write_text("a b a b new york a\n", encoding="utf-8")
    for phrases in (ours, ours.freeze()):
        phrases.transform_file(tmp_path / "t", tmp_path / "out")
        assert (tmp_path / "out").read_text(encoding="utf-8").split() == phrases[
            ["a", "b", "a", "b", "new", "york", "a"]
        ]
    with pytest.raises(ValueError, match="UTF-8"):
        ours.save(tmp_path / "p")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(min_count=0), ["min_count=0"]),
        (dict(min_count="5"), ["min_count='5'"]),
        (dict(threshold=0), ["threshold=0"]),
        (dict(threshold=math.nan), ["threshold=nan"]),
        (dict(scoring="npmi"), ["threshold=10", "-1 to 1"]),
        (dict(scoring="npmi", threshold=-1.1), ["threshold=-1.1"]),
        (dict(scoring="pmi"), ["scoring='pmi'", "npmi"]),
        (dict(scoring=None), ["scoring=None"]),
        (dict(scoring=lambda worda_count, wordb_count: 1), ["bigram_count"]),
        (dict(max_vocab_size=0), ["max_vocab_size=0"]),
        (dict(delimiter=""), ["delimiter=''"]),
        (dict(delimiter=b"_"), ["delimiter=b'_'"]),
        (dict(connector_words="of"), ["connector_words='of'"]),
        (dict(connector_words=[1]), ["connector_words=[1]"]),
        (dict(workers=0), ["workers=0"]),
        (dict(errors="never"), ["errors='never'"]),
        (dict(corpus_file="x", sentences=[]), ["not both"]),
    ],
)
def test_bad_parameters_are_named(options, words):
    with pytest.raises(ValueError) as caught:
        Phrases(**options)
    assert all(word in str(caught.value) for word in words), caught.value


def test_sources_are_one_or_the_other(tmp_path):
    with pytest.raises(ValueError, match="either sentences or a corpus_file"):
        Phrases().add_vocab()
    with pytest.raises(FileNotFoundError):
        Phrases(corpus_file=tmp_path / "none")


# Files


def as_text(sentences):
    return "".join(" ".join(sentence) + "\n" for sentence in sentences)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file of sentences with joined words in them, some lines empty."""
    path = tmp_path_factory.mktemp("phrases") / "text"
    path.write_text(as_text(make_sentences(13, 400, [*WORDS, *CONNECTORS, *JOINED])), encoding="utf-8")
    return path


def lines_of(path):
    return [line.split() for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


@pytest.mark.parametrize("case", [case for case in CASES if case.get("delimiter") != " "])
def test_files_are_counted_and_joined_as_sentences_are(case, text, tmp_path):
    sentences, out = lines_of(text), tmp_path / "out"
    ours = Phrases(corpus_file=text, workers=2, **case)
    assert list(ours.vocab.items()) == list(Phrases(sentences, **case).vocab.items())
    for phrases in (ours, ours.freeze()):
        counts = phrases.transform_file(text, out)
        assert out.read_text(encoding="utf-8") == as_text(phrases[sentences])
        joined = sum(score is not None for sentence in sentences for _, score in phrases.analyze_sentence(sentence))
        assert counts == (len(sentences), ours.corpus_word_count, joined)


def test_no_text_depends_on_workers_and_pieces(text, tmp_path):
    ours = Phrases(corpus_file=text, min_count=1, threshold=0.3, connector_words=CONNECTORS)
    ours.transform_file(text, tmp_path / "wanted", workers=1)
    joiner = text_joiner(ours._sequences(), CONNECTORS, "_")
    for workers, piece_bytes in ((1, 1), (3, 50), (2, 1000)):
        join_files([text, text], tmp_path / "out", joiner, workers=workers, piece_bytes=piece_bytes)
        assert (tmp_path / "out").read_bytes() == 2 * (tmp_path / "wanted").read_bytes()


def test_white_space_of_all_kinds(tmp_path):
    """Lines as bytes.split(b"\\n") parts them, words as str.split does; the last line gets its end, a mark goes."""
    spaces = [
        " ",
        "  ",
        "\t",
        "\r",
        "\x0b",
        "\x1c",
        "\x85",
        "\xa0",
        "\u2003",
        "\u3000",
        " \u2028 ",
        "\n",
        "\n\n",
        " \n ",
    ]
    rng = random.Random(5)
    words = [*WORDS, *CONNECTORS, "\u200b", "é", "\U0001f600"]
    ours = Phrases(make_sentences(14, 400, words), min_count=1, threshold=0.2, connector_words=CONNECTORS)
    for end in ("", "\n", " ", "\r\n"):
        made = "".join(rng.choice(spaces) + rng.choice(words) for _ in range(3000)) + end
        (tmp_path / "in").write_bytes(b"\xef\xbb\xbf" + made.encode())
        counts = ours.transform_file(tmp_path / "in", tmp_path / "out")
        lines = made.split("\n")
        lines = lines if lines[-1] else lines[:-1]
        assert (tmp_path / "out").read_bytes().decode() == as_text(ours[line.split()] for line in lines)
        assert counts.lines == len(lines) and counts.words == 3000 and counts.phrases > 20


def test_delimiters_of_many_bytes_find_room(tmp_path):
    delimiter = "<ünd>" * 3
    ours = Phrases([["a", "b"]] * 9, min_count=1, threshold=1e-9, delimiter=delimiter, connector_words=["c"])
    (tmp_path / "in").write_text("a b\na b a b\n" * 1000, encoding="utf-8")
    ours.transform_file(tmp_path / "in", tmp_path / "out")
    joined = f"a{delimiter}b"
    assert (tmp_path / "out").read_text(encoding="utf-8") == f"{joined}\n{joined} {joined}\n" * 1000


def test_bad_text_is_refused_replaced_or_ignored(tmp_path):
    ours = Phrases([["a", "b"]] * 9, min_count=1, threshold=0.1)
    source, target = tmp_path / "in", tmp_path / "out"
    for bad in (b"\xff", b"\0", b"\xe6\x9d"):
        data = b"a b\n" * 5 + b"a" + bad + b"b a b\na b" + bad + b"\n"
        source.write_bytes(data)
        target.write_text("before", encoding="utf-8")
        with pytest.raises(ValueError, match=r"in: .*at offset 21; .*errors='replace'"):
            ours.transform_file(source, target)
        assert target.read_text(encoding="utf-8") == "before"
        for errors, instead in (("replace", "\ufffd"), ("ignore", "")):
            ours.transform_file(source, target, errors=errors)
            lines = data.decode("utf-8", errors).replace("\0", instead).split("\n")[:-1]
            assert target.read_text(encoding="utf-8") == as_text(ours[line.split()] for line in lines)
    assert sorted(tmp_path.iterdir()) == [source, target]
    with pytest.raises(ValueError, match="errors='never'"):
        ours.transform_file(source, target, errors="never")


def test_offsets_of_bad_text_are_the_files(tmp_path):
    data = b"\xef\xbb\xbf" + b"word word\n" * 50 + b"long " * 50 + b"\xff"
    (tmp_path / "in").write_bytes(data)
    joiner = text_joiner([["word", "word"]], [], "_")
    for piece_bytes in (7, 100, 10**6):
        with pytest.raises(ValueError, match=f"offset {len(data) - 1};"):
            join_files(tmp_path / "in", tmp_path / "out", joiner, workers=1, piece_bytes=piece_bytes)


OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, "": open}


@pytest.mark.parametrize("suffix", OPENERS)
def test_compressed_files_in_and_out(suffix, text, tmp_path):
    packed, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    with OPENERS[suffix](packed, "wb") as file:
        file.write(text.read_bytes())
    ours = Phrases(corpus_file=packed, min_count=1, threshold=0.3)
    assert ours.vocab == Phrases(corpus_file=text).vocab
    joiner = text_joiner(ours._sequences(), [], "_")
    join_files(packed, out, joiner, workers=2, piece_bytes=2000)
    with OPENERS[suffix](out, "rb") as file:
        assert file.read().decode() == as_text(ours[lines_of(text)])
    packed.write_bytes(b"")
    (tmp_path / "empty").write_bytes(b"")
    assert ours.transform_file(tmp_path / "empty", out) == (0, 0, 0)
    with OPENERS[suffix](out, "rb") as file:
        assert file.read() == b""
    assert set(COMPRESSORS) == set(OPENERS) - {""}


def test_files_that_cannot_be_written(text, tmp_path):
    ours = Phrases(corpus_file=text)
    with pytest.raises(ValueError, match=r"\.zst is read, not written"):
        ours.transform_file(text, tmp_path / "out.zst")
    with pytest.raises(ValueError, match="delimiter=' ' holds white space"):
        Phrases(delimiter=" ").transform_file(text, tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        ours.transform_file(tmp_path / "none", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        ours.transform_file(text, tmp_path / "none" / "out")
    with pytest.raises(ValueError, match="workers=0"):
        ours.transform_file(text, tmp_path / "out", workers=0)
    assert list(tmp_path.iterdir()) == []


INTERRUPTED = """
import sys
from fastsgns import Phrases
phrases = Phrases([["a", "b"]] * 9, min_count=1, threshold=0.1, workers=2)
try:
    if sys.argv[1] == "count":
        phrases.add_vocab(corpus_file="pipe")
    elif sys.argv[1] == "join":
        phrases.transform_file("pipe", "out")
    else:
        phrases.transform_file("pipe", "out.xz")
except KeyboardInterrupt:
    print("interrupted", phrases.vocab_size)
"""


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
@pytest.mark.parametrize("what", ["count", "join", "compress"])
def test_ctrl_c_ends_it_and_leaves_nothing_behind(what, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    env = {**os.environ, "PYTHONPATH": str(Path(fastsgns.__file__).parent.parent)}
    command = [sys.executable, "-c", INTERRUPTED, what]
    process = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with open(tmp_path / "pipe", "wb") as writer:  # waits until it is open on the other side
        writer.write(b"a b c\n" * (1 << 20))
        writer.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        printed, _ = process.communicate(timeout=30)
    assert printed == "interrupted 3\n" and process.returncode == 0
    assert time.monotonic() - start < 10  # well below a second on an idle machine
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


# Saving


@pytest.mark.parametrize("case", [case for case in CASES if case.get("scoring") is not own_scorer])
def test_what_is_saved_comes_back(case, tmp_path):
    parts = make_sentences(15, words=[*WORDS, *CONNECTORS, *JOINED]), make_sentences(16)
    ours = Phrases(parts[0], max_vocab_size=10**6, progress_per=3, **case)
    ours.save(tmp_path / "p")
    frozen = ours.freeze()
    frozen.save(tmp_path / "f")
    back = Phrases.load(tmp_path / "p")
    for name in ("min_count", "threshold", "max_vocab_size", "delimiter", "progress_per", "scoring", "connector_words"):
        assert getattr(back, name) == getattr(ours, name)
    check_equal(back, ours, parts[1])
    check_equal(copy.deepcopy(ours), ours, parts[1])
    check_equal(pickle.loads(pickle.dumps(ours)), ours, parts[1])
    back.add_vocab(parts[1])
    ours.add_vocab(parts[1])
    check_equal(back, ours, parts[0])
    back = FrozenPhrases.load(tmp_path / "f")
    assert vars(back) == vars(frozen)
    assert list(back[parts[0]]) == list(frozen[parts[0]])


def test_files_do_not_depend_on_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(phrasecounts, "LEAST_TOKENS", 1)
    monkeypatch.setattr(phrasecounts, "BLOCK", 50)
    sentences = make_sentences(21, 400, [*WORDS, *CONNECTORS, *(f"w{i}" for i in range(300))])
    for workers in (1, 2, 5):
        Phrases(sentences, connector_words=CONNECTORS, workers=workers).save(tmp_path / str(workers))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_score_of_ones_own_is_not_saved(tmp_path):
    sentences = make_sentences(17)
    ours = Phrases(sentences, threshold=1, scoring=own_scorer)
    with pytest.raises(ValueError, match=r"own_scorer.*freeze\(\)"):
        ours.save(tmp_path / "p")
    assert list(tmp_path.iterdir()) == []
    frozen = ours.freeze()
    frozen.save(tmp_path / "f")
    back = FrozenPhrases.load(tmp_path / "f")
    assert frozen.phrasegrams and list(back[sentences]) == list(frozen[sentences])
    assert back.scoring is None and frozen.scoring is own_scorer
    back.save(tmp_path / "f")
    assert FrozenPhrases.load(tmp_path / "f").phrasegrams == frozen.phrasegrams


def test_parameters_beyond_the_bounds_come_back(tmp_path):
    ours = Phrases(make_sentences(18))
    ours.threshold = -3
    ours.save(tmp_path / "p")
    ours.freeze().save(tmp_path / "f")
    assert Phrases.load(tmp_path / "p").threshold == FrozenPhrases.load(tmp_path / "f").threshold == -3


def test_damaged_files_are_refused(tmp_path):
    path, frozen = tmp_path / "p", tmp_path / "f"
    ours = Phrases(make_sentences(19), min_count=1, threshold=0.1, connector_words=CONNECTORS)
    ours.save(path)
    ours.freeze().save(frozen)
    with pytest.raises(ValueError, match="kind='FrozenPhrases', not 'Phrases'"):
        Phrases.load(frozen)
    with pytest.raises(ValueError, match="kind='Phrases', not 'FrozenPhrases'"):
        FrozenPhrases.load(path)
    with pytest.raises(FileNotFoundError):
        Phrases.load(tmp_path / "none")
    damages = {
        path: [
            ("starts", lambda a: a + 99), ("ends", lambda a: -a - 1), ("link_ids", lambda a: a + 99),
            ("pair_counts", lambda a: a * 0), ("pair_counts", lambda a: a[1:]), ("word_counts", lambda a: a - 10**9),
            ("word_first", lambda a: a.astype(np.float64)), ("link_words", lambda a: a + 99),
            ("link_offsets", lambda a: a[::-1].copy()), ("keys", lambda a: a * 0), ("key_offsets", lambda a: a[:-1]),
            ("pair_first", lambda a: -a - 1), ("word_first", lambda a: a + 2**62), ("word_counts", lambda a: a + 2**62),
        ],
        frozen: [("scores", lambda a: a[1:]), ("scores", lambda a: a.astype(int)), ("keys", lambda a: a * 0)],
    }  # fmt: skip
    for name, changes in damages.items():
        tensors = load_file(name)
        with name.open("rb") as file:
            metadata = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
        load = (Phrases if name is path else FrozenPhrases).load
        for key, change in changes:
            save_file({**tensors, key: change(tensors[key])}, tmp_path / "d", metadata)
            with pytest.raises(ValueError, match="damaged"):
                load(tmp_path / "d")
        for old, new in (('"default"', '"other"'), ('"delimiter": "_"', '"delimiter": ""'), ('"threshold": 0.1, ', "")):
            changed = {key: value.replace(old, new) for key, value in metadata.items()}
            assert changed != metadata
            save_file(tensors, tmp_path / "d", changed)
            with pytest.raises(ValueError, match="damaged"):
                load(tmp_path / "d")
        if name is path:
            changed = {
                key: re.sub('(corpus_word_count": )', r"\g<1>9999999999999999", value)
                for key, value in metadata.items()
            }
            save_file(tensors, tmp_path / "d", changed)
            with pytest.raises(ValueError, match="damaged: corpus_word_count=9999"):
                load(tmp_path / "d")
        (tmp_path / "d").write_bytes(name.read_bytes()[:-9])
        with pytest.raises(ValueError, match="damaged"):
            load(tmp_path / "d")
