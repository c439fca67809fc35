"""What holds for any input: parameters, corpora, texts, keys and vectors that hypothesis makes up.

FASTSGNS_HYPOTHESIS=2000 tries so many examples of each, other ones every time; by default few, always the same.
"""

import os
import re
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fastsgns import FrozenPhrases, KeyedVectors, Phrases, Word2Vec
from fastsgns.corpus import encode_files, encode_sentences
from fastsgns.modelfile import HISTORY, PARAMETERS
from fastsgns.vocabulary import ALL_WORDS, VocabularyRules

EXAMPLES = int(os.environ.get("FASTSGNS_HYPOTHESIS", "0"))


def examples(number):
    return settings(
        max_examples=EXAMPLES or number, derandomize=not EXAMPLES, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


# Few different tokens, so that they come again; any text, and integers of 64 bits and more.
ODD_WORDS = ["", "a", "a ", "\n", "\0", "é", "e\u0301", "字", "😀", "\ufeff", "\u2028", "\ud800", "x" * 40]
WORDS = st.sampled_from(ODD_WORDS) | st.text(max_size=3)
INTEGERS = st.integers(-3, 3) | st.sampled_from([2**31, 2**63 - 1, -(2**63), 2**63, 2**100])
TOKENS = st.one_of(st.just(WORDS), st.just(INTEGERS), st.just(WORDS | INTEGERS))


@st.composite
def corpora(draw):
    """Lists of lists, tuples or arrays of tokens, some of them empty."""
    tokens = draw(TOKENS)
    sentences = draw(st.lists(st.lists(tokens, max_size=12), min_size=1, max_size=12))
    form = draw(st.sampled_from([list, tuple, np.array]))
    if form is np.array and not all(type(token) is int and abs(token) < 2**63 for line in sentences for token in line):
        form = list
    if form is np.array:
        return [np.array(line, np.int64) for line in sentences]
    return [form(line) for line in sentences]


PARAMETER_VALUES = {
    "vector_size": st.integers(1, 40),
    "alpha": st.floats(1e-6, 0.1),
    "min_alpha": st.floats(0, 0.1),
    "window": st.integers(1, 9) | st.tuples(st.integers(0, 5), st.integers(1, 5)),
    "min_count": st.integers(0, 3),
    "max_final_vocab": st.none() | st.integers(2, 9),
    "sample": st.sampled_from([None, 0, 1e-5, 1e-3, 0.1, 1, 3]),
    "seed": st.integers(-(2**70), 2**70),
    "negative": st.integers(1, 30) | st.just("auto"),
    "ns_exponent": st.floats(-2, 2),
    "epochs": st.integers(1, 3),
    "sorted_vocab": st.booleans(),
    "shrink_windows": st.booleans(),
    "compute_loss": st.booleans(),
    "negative_sharing": st.sampled_from(["group", "window", "pair"]),
}
PARAMETER_SETS = st.fixed_dictionaries({}, optional=PARAMETER_VALUES)


def expected_vocabulary(sentences, min_count=5, max_final_vocab=None, sorted_vocab=True, **_):
    """Words and counts in order, from a Counter."""
    counts = Counter(token for line in sentences for token in (line.tolist() if isinstance(line, np.ndarray) else line))
    if max_final_vocab is not None and len(counts) > max_final_vocab:
        min_count = max(min_count, sorted(counts.values(), reverse=True)[max_final_vocab] + 1)
    kept = [(word, count) for word, count in counts.items() if count >= min_count]
    return sorted(kept, key=lambda item: -item[1]) if sorted_vocab else kept


def trained(sentences, **parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of epochs without a pair
        return Word2Vec(sentences, workers=1, **parameters)


def assert_same_model(one, other):
    assert one.wv.index_to_key == other.wv.index_to_key
    assert [type(key) for key in one.wv.index_to_key] == [type(key) for key in other.wv.index_to_key]
    np.testing.assert_array_equal(one.wv.vectors, other.wv.vectors)
    np.testing.assert_array_equal(one.syn1neg, other.syn1neg)
    np.testing.assert_array_equal(one.wv.expandos["count"], other.wv.expandos["count"])


@examples(40)
@given(corpora(), PARAMETER_SETS)
def test_a_training_gives_sound_vectors_of_the_counted_words_and_gives_them_again(sentences, parameters):
    expected = expected_vocabulary(sentences, **parameters)
    if len(expected) < 2:
        with pytest.raises(ValueError, match=r"the corpus|min_count|max_final_vocab"):
            trained(sentences, **parameters)
        return
    model = trained(sentences, **parameters)
    assert model.wv.index_to_key == [word for word, _ in expected]
    assert model.wv.expandos["count"].tolist() == [count for _, count in expected]
    assert model.wv.vectors.shape == model.syn1neg.shape == (len(expected), model.vector_size)
    assert np.isfinite(model.wv.vectors).all() and np.isfinite(model.syn1neg).all()
    assert all(loss >= 0 for loss in model.loss_history) and len(model.loss_history) == model.epochs
    assert_same_model(model, trained(sentences, **parameters))


@examples(25)
@given(corpora(), PARAMETER_SETS, st.sampled_from([None, "r", "c"]))
def test_a_saved_model_comes_back_whole(tmp_path_factory, sentences, parameters, mmap):
    parameters["min_count"] = 0
    parameters.pop("max_final_vocab", None)
    path = tmp_path_factory.getbasetemp() / "model"
    if len(expected_vocabulary(sentences, **parameters)) < 2:
        return
    model = trained(sentences, **parameters)
    keys = model.wv.index_to_key
    are_strings = all(type(key) is str and not re.search("[\ud800-\udfff]", key) for key in keys)
    if not are_strings and not all(type(key) is int and -(2**63) <= key < 2**63 for key in keys):
        with pytest.raises(ValueError, match="key"):
            model.save(path)
        return
    model.save(path)
    back = Word2Vec.load(path, mmap=mmap)
    assert_same_model(model, back)
    for name in (*PARAMETERS, *HISTORY):
        assert getattr(back, name) == getattr(model, name), name
    again = KeyedVectors.load(path, mmap=mmap)
    assert again.index_to_key == keys
    np.testing.assert_array_equal(again.vectors, model.wv.vectors)


ODD_VALUES = [
    -1, 0, 2, 2**31, 2**63, 2**64, 10**400, -0.5, 0.5, 1e300, float("inf"), float("nan"), "", "x", b"x", [], {}, (),
    (0, 0), (1,), (1, 2, 3), np.int8(3), np.float32(0.5), np.array([1, 2]), object(),
]  # fmt: skip
LARGE = {"vector_size": 1000, "window": 1000, "negative": 1000, "epochs": 1000, "workers": 64}


@examples(150)
@given(
    st.sampled_from([*PARAMETER_VALUES, "max_vocab_size", "workers", "sg", "hs", "errors"]), st.sampled_from(ODD_VALUES)
)
def test_a_parameter_out_of_range_is_named(name, value):
    too_large = isinstance(value, (int, np.integer)) and name in LARGE and value > LARGE[name]
    sentences = [["a", "b", "c"], ["b", "a"]] * 2
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if too_large:
                Word2Vec(**{name: value})  # may be in order, and is not for a test
            else:
                Word2Vec(sentences, **{"min_count": 1, "workers": 1, "vector_size": 4, name: value})
    except (ValueError, TypeError) as error:
        assert re.search(rf"\b{name}\b", str(error)), error
    except FloatingPointError as error:
        assert name in ("alpha", "min_alpha") and "alpha" in str(error)


# Texts of what is hard about them: white space of all kinds, characters cut off, marks, NUL.
TEXT_PARTS = [
    b"a", b"b", b"word", b"x" * 70, "é".encode(), "字".encode(), "😀".encode(), b" ", b"  ", b"\n", b"\n\n", b"\r\n",
    b"\t", b"\x0b\x0c\x1c\x1d\x1e\x1f", "\x85".encode(), "\xa0".encode(), "\u2003".encode(), "\u2028".encode(),
    "\u3000".encode(), "\u200b".encode(), b"\0", b"\xff", b"\xc3", b"\xe5\xad", b"\xf0\x9f\x98", b"\xed\xa0\x80",
    b"\xc0\x80", b"\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\xf4\x90\x80\x80",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(TEXT_PARTS) | st.binary(max_size=3), max_size=60).map(b"".join)


def read_naively(data, errors):
    """Lists of words, or None of what is no text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4] == b"\0\0\xfe\xff":
        return None
    if data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):  # packed
        return None
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8", errors)
    except UnicodeDecodeError:
        return None
    if "\0" in text and errors == "strict":
        return None
    text = text.replace("\0", "\ufffd" if errors == "replace" else "")
    return [words for line in text.split("\n") if (words := line.split())]


@examples(120)
@given(
    st.lists(TEXTS, min_size=1, max_size=3), st.integers(1, 16), st.integers(1, 80) | st.just(2**20),
    st.sampled_from(["strict", "replace", "ignore"]),
)  # fmt: skip
@example([b"\xef\xbb\xbfone two\n"], 16, 1, "strict")
@example([b"one", b"two\n"], 2, 1, "strict")
def test_text_is_read_alike_by_any_number_of_scanners(tmp_path_factory, texts, workers, piece_bytes, errors):
    paths = [tmp_path_factory.getbasetemp() / f"read{i}" for i in range(len(texts))]
    sentences = []
    for path, data in zip(paths, texts, strict=True):
        path.write_bytes(data)
        found = read_naively(data, errors)
        sentences = None if found is None or sentences is None else sentences + found
    options = {"rules": ALL_WORDS, "workers": workers, "piece_bytes": piece_bytes, "errors": errors}
    if sentences is None:
        with pytest.raises(ValueError, match=r"read\d: "):
            encode_files(paths, **options)
        return
    vocabulary, corpus = encode_files(paths, **options)
    words = [*dict.fromkeys(word for line in sentences for word in line)]
    assert vocabulary.words == words
    assert dict(zip(words, vocabulary.counts.tolist(), strict=True)) == Counter(w for line in sentences for w in line)
    assert corpus.tokens.tolist() == [words.index(word) for line in sentences for word in line]
    assert corpus.offsets.tolist() == np.cumsum([0, *map(len, sentences)]).tolist()
    assert (corpus.raw_words, corpus.sentences_read) == (len(corpus.tokens), len(sentences))


@examples(20)
@given(
    st.lists(st.lists(st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1), max_size=9), max_size=9),
    st.integers(1, 16),
)
def test_integers_are_read_alike_as_lists_arrays_and_pairs(sentences, workers):
    rules = VocabularyRules(min_count=0, sorted_vocab=False, least_words=0)
    tokens = np.array([token for line in sentences for token in line], np.int64)
    offsets = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
    expected_words = [*dict.fromkeys(tokens.tolist())]
    expected = [expected_words.index(token) for token in tokens.tolist()]
    for source in (sentences, [np.array(line, np.int64) for line in sentences], (tokens, offsets)):
        vocabulary, corpus = encode_sentences(source, rules=rules, workers=workers)
        assert vocabulary.words == expected_words
        assert corpus.tokens.tolist() == expected
        assert corpus.offsets.tolist() == np.unique(offsets).tolist()


NUMBERS = st.floats(-100, 100, width=32)


@st.composite
def keyed_vectors(draw, keys=None, numbers=NUMBERS):
    keys = draw(st.lists(st.text(max_size=4) if keys is None else keys, min_size=1, max_size=12, unique=True))
    dim = draw(st.integers(1, 9))
    vectors = draw(arrays.arrays(np.float32, (len(keys), dim), elements=numbers))
    counts = draw(st.none() | arrays.arrays(np.int64, len(keys), elements=st.integers(0, 9)))
    return keys, vectors, counts


@examples(80)
@given(keyed_vectors(), st.data())
def test_queries_are_numpys(made, data):
    keys, vectors, counts = made
    wv = KeyedVectors.from_arrays(keys, vectors.copy(), counts)
    row = data.draw(st.integers(0, len(keys) - 1))
    np.testing.assert_array_equal(wv[keys[row]], vectors[row])
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    normed = vectors / np.where(norms > 0, norms, 1)[:, np.newaxis]
    cosines = normed @ normed[row]
    if norms[norms > 0].min(initial=1) > 1e-15:
        found = wv.most_similar(keys[row], topn=len(keys))
        assert sorted(key for key, _ in found) == sorted(key for key in keys if key != keys[row])
        scores = [score for _, score in found]
        np.testing.assert_allclose(scores, sorted(scores, reverse=True))
        np.testing.assert_allclose(scores, [cosines[keys.index(key)] for key, _ in found], atol=1e-5)
        np.testing.assert_allclose(wv.similarity(keys[0], keys[row]), cosines[0], atol=1e-5)


@examples(50)
@given(keyed_vectors(), st.lists(st.tuples(st.lists(WORDS, max_size=4), st.booleans()), max_size=4))
def test_vectors_are_added_as_to_a_dict(made, additions):
    keys, vectors, _ = made
    dim = vectors.shape[1]
    wv, expected = KeyedVectors.from_arrays(keys, vectors.copy()), dict(zip(keys, vectors, strict=True))
    for number, (new, replace) in enumerate(additions):
        rows = np.arange(len(new) * dim, dtype=np.float32).reshape(len(new), dim) + number
        if len(set(new)) < len(new):
            with pytest.raises(ValueError, match="more than once"):
                wv.add_vectors(new, rows, replace=replace)
            continue
        wv.add_vectors(new, rows, replace=replace)
        expected |= {key: row for key, row in zip(new, rows, strict=True) if replace or key not in expected}
    assert wv.index_to_key == [*expected]
    np.testing.assert_array_equal(wv.vectors, np.array([*expected.values()]))
    assert [wv.get_index(key) for key in expected] == [*range(len(expected))]


@examples(50)
@given(
    keyed_vectors(st.text(max_size=4) | WORDS, st.floats(width=32)), st.booleans(), st.booleans(),
    st.sampled_from(["", "*dt*_"]), st.sampled_from(["", ".gz"]),
)  # fmt: skip
def test_word2vecs_formats_come_back(tmp_path_factory, made, binary, header, prefix, suffix):
    keys, vectors, counts = made
    path = tmp_path_factory.getbasetemp() / f"vectors{suffix}"
    header = header or binary
    wv = KeyedVectors.from_arrays(keys, vectors, counts)
    try:
        wv.save_word2vec_format(path, binary=binary, write_header=header, prefix=prefix)
    except ValueError as error:
        assert "key" in str(error)
        assert any(not (prefix + key) or re.search("[\\s\x1c-\x1f\ud800-\udfff]", key) for key in keys)
        return
    order = range(len(keys)) if counts is None else np.argsort(-counts, kind="stable")
    back = KeyedVectors.load_word2vec_format(path, binary=binary, no_header=not header)
    assert back.index_to_key == [prefix + keys[row] for row in order]
    np.testing.assert_array_equal(back.vectors, vectors[order])


@examples(40)
@given(keyed_vectors(WORDS | st.text(max_size=4), st.floats(width=32)), st.sampled_from([None, "r", "c"]))
def test_native_files_come_back(tmp_path_factory, made, mmap):
    keys, vectors, counts = made
    path = tmp_path_factory.getbasetemp() / "native"
    wv = KeyedVectors.from_arrays(keys, vectors, counts)
    if "\ud800" in keys:
        with pytest.raises(ValueError, match="cannot be saved as UTF-8"):
            wv.save(path)
        return
    wv.save(path)
    back = KeyedVectors.load(path, mmap=mmap)
    assert back.index_to_key == keys
    np.testing.assert_array_equal(back.vectors, vectors)
    assert back.expandos.keys() == wv.expandos.keys()
    if counts is not None:
        np.testing.assert_array_equal(back.expandos["count"], counts)


@examples(20)
@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c", "of", "字", "a_b", ""]), max_size=8), max_size=12),
    st.fixed_dictionaries(
        {},
        optional={
            "min_count": st.integers(1, 3), "threshold": st.sampled_from([0.01, 0.3, 1.0]),
            "delimiter": st.sampled_from(["_", "++", "字"]), "scoring": st.sampled_from(["default", "npmi"]),
            "connector_words": st.sampled_from([frozenset(), frozenset({"of"})]),
        },
    ),
)  # fmt: skip
def test_phrases_come_back(tmp_path_factory, sentences, parameters):
    path = tmp_path_factory.getbasetemp() / "phrases"
    parameters = {"min_count": 1, "threshold": 0.1, **parameters}
    phrases = Phrases(sentences, **parameters)
    phrases.save(path)
    back = Phrases.load(path)
    assert back.export_phrases() == phrases.export_phrases()
    assert [*back[sentences]] == [*phrases[sentences]]
    for name in (*parameters, "corpus_word_count"):
        assert getattr(back, name) == getattr(phrases, name)
    for line in sentences:  # nothing but delimiters between the words
        assert len(phrases[line]) <= len(line)
        assert "".join(phrases[line]).replace(phrases.delimiter, "") == "".join(line).replace(phrases.delimiter, "")
    frozen = phrases.freeze()
    frozen.save(path)
    assert FrozenPhrases.load(path).phrasegrams == frozen.phrasegrams
    back.add_vocab(sentences)
    assert back.corpus_word_count == 2 * phrases.corpus_word_count
