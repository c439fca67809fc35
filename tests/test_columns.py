"""Columns of tables give what the same lists give, and what is no column of token lists is refused with the remedy."""

import random
import sys

import numpy as np
import pytest

from fastsgns import Phrases, Word2Vec
from fastsgns.columns import IdColumn, read_column
from fastsgns.corpus import encode_sentences
from fastsgns.vocabulary import Vocabulary, VocabularyRules

ALL = VocabularyRules(min_count=1)


def sentences(kind, seed=1, n=200):
    """Lists of words or ids, empty ones among them."""
    rng = random.Random(seed)
    words = ["字", "naïve", "New York", "", " ", *(f"w{i}" for i in range(95))]
    tokens = words if kind == "words" else [rng.getrandbits(40) - 2**39 for _ in range(100)]
    return [[tokens[int(100 * rng.random() ** 3)] for _ in range(rng.choice([0, 1, 2, 10]))] for _ in range(n)]


WORDS, IDS = sentences("words"), sentences("ids")


def arrow(change=lambda array, pa: array):
    def make(lists):
        pa = pytest.importorskip("pyarrow")
        return change(pa.array(lists), pa)

    return make


def chunks(array, pa):
    return pa.chunked_array([array[:50], array[50:50], array[50:170], array[170:]])


def with_dictionary(array, pa):
    """Two chunks with dictionaries of their own, the second of which holds a word twice."""
    parts = []
    for part in (array[:90], array[90:]):
        values = part.flatten().dictionary_encode()
        offsets = pa.array(np.r_[0, np.cumsum(part.value_lengths().to_numpy())].astype(np.int32))
        parts.append(pa.ListArray.from_arrays(offsets, values))
    return pa.chunked_array(parts)


def with_repetition(array, pa):
    values = array.flatten().dictionary_encode()
    size = len(values.dictionary)
    indices = values.indices.to_numpy() + size * (np.arange(len(values)) % 2)
    values = pa.DictionaryArray.from_arrays(pa.array(indices), pa.concat_arrays([values.dictionary] * 2), safe=False)
    return pa.ListArray.from_arrays(array.offsets, values)


def pandas_series(lists, **options):
    return pytest.importorskip("pandas").Series(lists, **options)


def pandas_arrow(lists):
    pandas, array = pytest.importorskip("pandas"), arrow()(lists)
    return pandas.Series(array, dtype=pandas.ArrowDtype(array.type))


def polars_series(lists):
    return pytest.importorskip("polars").Series(lists)


def polars_categorical(lists):
    polars = pytest.importorskip("polars")
    return polars.Series(lists, dtype=polars.List(polars.Categorical))


def dataset(lists):
    return pytest.importorskip("datasets").Dataset.from_dict({"tokens": lists, "other": list(range(len(lists)))})


def shuffled_back(lists):
    """A dataset whose rows are chosen by indices."""
    made = dataset(lists[::-1])
    return made.select(range(len(lists) - 1, -1, -1))["tokens"]


class OfArrow:
    """Any object with the interface, of no known package."""

    def __init__(self, lists):
        self.array = arrow()(lists)

    def __arrow_c_array__(self, schema=None):
        return self.array.__arrow_c_array__(schema)


EVERY = {
    "array": arrow(),
    "large list": arrow(lambda array, pa: array.cast(pa.large_list(array.type.value_type))),
    "list view": arrow(lambda array, pa: pa.array(array.to_pylist(), pa.list_view(array.type.value_type))),
    "slice": lambda lists: arrow()([[5] if lists is IDS else ["x"], *lists])[1:],
    "chunks": arrow(chunks),
    "dictionary": arrow(with_dictionary),
    "capsule": OfArrow,
    "pandas": pandas_series,
    "pandas, odd index": lambda lists: pandas_series(lists, index=range(9, 9 + len(lists))),
    "pandas of arrays": lambda lists: pandas_series([np.array(sentence) for sentence in lists if sentence]),
    "pandas with Arrow": pandas_arrow,
    "polars": polars_series,
    "dataset": lambda lists: dataset(lists)["tokens"],
    "chosen from a dataset": shuffled_back,
    "dataset as numpy": lambda lists: dataset(lists).with_format("numpy")["tokens"],
    "streamed dataset": lambda lists: dataset(lists).to_iterable_dataset()["tokens"],
    "changed dataset": lambda lists: dataset(lists).with_transform(lambda rows: rows)["tokens"],
}
OF_WORDS = {
    "repetition": arrow(with_repetition),
    "string view": arrow(lambda array, pa: array.cast(pa.list_(pa.string_view()))),
    "large string": arrow(lambda array, pa: array.cast(pa.list_(pa.large_string()))),
    "categorical": polars_categorical,
}


def same(made, lists, rules, vocabulary=None):
    found = encode_sentences(made, rules=rules, vocabulary=vocabulary, workers=2)
    wanted = encode_sentences(lists, rules=rules, vocabulary=vocabulary)
    assert found[0].words == wanted[0].words
    assert [type(word) for word in found[0].words] == [type(word) for word in wanted[0].words]
    for name in ("counts", "raw_words", "sentences"):
        assert np.array_equal(getattr(found[0], name), getattr(wanted[0], name))
    for name in ("tokens", "offsets", "raw_words", "sentences_read"):
        assert np.array_equal(getattr(found[1], name), getattr(wanted[1], name)), name


@pytest.mark.parametrize("kind", [*EVERY, *OF_WORDS])
def test_words_are_read_as_from_lists(kind):
    make = {**EVERY, **OF_WORDS}[kind]
    same(make(WORDS), WORDS, ALL)
    same(make(WORDS), WORDS, VocabularyRules(min_count=5, sorted_vocab=False))
    known = Vocabulary(["w3", "absent", "字"], np.array([9, 9, 9]), 27, 9)
    same(make(WORDS), WORDS, ALL, known)
    rules = VocabularyRules(min_count=1, trim_rule=lambda word, count, least: 2 if word.startswith("w") else 1)
    same(make(WORDS), WORDS, rules)


@pytest.mark.parametrize("kind", EVERY)
def test_ids_are_read_as_from_lists(kind):
    same(EVERY[kind](IDS), IDS, ALL)
    same(EVERY[kind](IDS), IDS, VocabularyRules(min_count=5))


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint32", "uint64"])
def test_all_integers_of_arrow(name):
    pa = pytest.importorskip("pyarrow")
    lists = [[1, 2, 3], [], [3, 127]]
    same(pa.array(lists, pa.list_(getattr(pa, name)())), lists, ALL)
    same(pa.array([[1, 2], [2, 3]], pa.list_(getattr(pa, name)(), 2)), [[1, 2], [2, 3]], ALL)


def test_one_chunk_of_ids_is_read_in_place():
    pa = pytest.importorskip("pyarrow")
    array = pa.array(IDS)
    column = read_column(array)
    assert column.tokens.ctypes.data == array.values.buffers()[1].address


@pytest.mark.parametrize("kind", ["dataset", "chosen from a dataset", "pandas with Arrow", "polars"])
def test_columns_in_arrows_memory_cost_no_object_for_a_token(kind):
    assert isinstance(read_column(EVERY[kind](IDS)), IdColumn)


def test_lists_of_nothing():
    pa = pytest.importorskip("pyarrow")
    for made in (pa.array([[], []]), pa.array([], pa.list_(pa.string())), pa.chunked_array([], pa.list_(pa.int64()))):
        with pytest.raises(ValueError, match="the corpus is empty"):
            encode_sentences(made, rules=ALL)


def test_a_model_is_the_same():
    lists = [["red", "green", "blue"], ["one", "two"]] * 50
    options = dict(vector_size=8, sample=0, workers=1)
    model, wanted = Word2Vec(arrow()(lists), **options), Word2Vec(lists, **options)
    assert model.wv.index_to_key == wanted.wv.index_to_key
    assert np.array_equal(model.wv.vectors, wanted.wv.vectors)
    model.train(arrow(chunks)(lists), total_examples=100, epochs=2)
    wanted.train(lists, total_examples=100, epochs=2)
    assert np.array_equal(model.wv.vectors, wanted.wv.vectors)


def test_lists_of_arrow_as_sentences():
    """In a list or generator, where nobody sees the column."""
    array = arrow()(WORDS)
    same((sentence for sentence in array), WORDS, ALL)
    same([sentence for sentence in arrow()(IDS)], IDS, ALL)


def test_polars_without_pyarrow(monkeypatch):
    polars = pytest.importorskip("polars")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    same(polars.Series(WORDS), WORDS, ALL)
    same(polars.Series(IDS), IDS, ALL)
    with pytest.raises(ValueError, match=r"sentence 1 of the column is null: column\.drop_nulls"):
        read_column(polars.Series([["a"], None]))
    with pytest.raises(ValueError, match="sentence 1 of the column holds a null"):
        read_column(polars.Series([["a"], ["b", None]]))
    with pytest.raises(ValueError, match="sentence 0 is the str"):
        encode_sentences(polars.Series(["a b"]), rules=ALL)


# What is refused


def refused(made, message):
    with pytest.raises(ValueError, match=message):
        encode_sentences(made, rules=ALL)


def test_lines_are_refused_with_the_remedy():
    lines, remedy = ["a b", "c d"], r"for lines of text, "
    pa = pytest.importorskip("pyarrow")
    refused(pa.array(lines), remedy + "pyarrow.compute.utf8_split_whitespace")
    refused(pa.array(lines).dictionary_encode(), remedy)
    same(pa.compute.utf8_split_whitespace(pa.array(lines)), [line.split() for line in lines], ALL)
    series = pandas_series(lines)
    refused(series, remedy + r"column\.str\.split\(\)")
    refused(series.astype(object), "sentence 0 is the str 'a b'.*line.split")
    refused(series.astype("category"), remedy)
    same(series.str.split(), [line.split() for line in lines], ALL)


def test_lines_of_polars_and_datasets_are_refused_with_the_remedy():
    lines = ["a b", "c d"]
    refused(polars_series(lines), r"column\.str\.split\(\" \"\)")
    refused(dataset(lines)["tokens"], r"dataset\.map\(lambda row")


def test_nulls_are_refused():
    pa = pytest.importorskip("pyarrow")
    refused(pa.array([["a"], None, ["b"]]), r"sentence 1 of the column is null: column\.drop_null\(\)")
    refused(pa.array([[1], [2, None]]), "token 2 of the column is null")
    refused(pa.array([["a"], ["b", None]]), "token 2 of the column is null")
    refused(arrow(with_dictionary)([["a", "b"], ["a", None]] * 50), "token 3 of the column is null")
    odd = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["a", None]))
    refused(pa.ListArray.from_arrays(pa.array([0, 2, 3]), odd), "token 1 of the column is null")
    refused(pandas_series([["a"], None, ["b"]]), r"sentence 1 of the column is null: column\.dropna\(\)")


def test_tables_are_refused():
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"tokens": WORDS})
    refused(table, r"a Table of pyarrow, a table: give a column of token lists, table\.column")
    refused(table.to_reader(), "a column of struct")
    refused(pytest.importorskip("pandas").DataFrame({"tokens": WORDS}), r"a DataFrame of pandas.*table\[\"tokens\"\]")


def test_tables_of_polars_and_datasets_are_refused():
    refused(polars_series(WORDS).to_frame(), "a DataFrame of polars")
    refused(dataset(WORDS), "a Dataset of datasets")


def test_what_are_no_tokens_is_refused():
    pa = pytest.importorskip("pyarrow")
    for lists in ([[1.5]], [[True]], [[b"a"]], [[["a"]]], [[{"a": 1}]]):
        refused(pa.array(lists), r"list<.*>: tokens must be strings or integers")
    refused(pa.array([1, 2]), "a column of int64: give one of token lists$")
    refused(pandas_series([1, 2]), "a column of int64: give one of token lists$")
    refused(pa.array([[2**63]], pa.list_(pa.uint64())), r"below 2\*\*63")


@pytest.mark.parametrize("hole", [None, float("nan")])
def test_holes_are_no_tokens(hole):
    with pytest.raises(ValueError, match=r"the sentences hold (None|nan), which is no token: leave it out"):
        Word2Vec([["a", hole]] * 20, min_count=1)


def test_tokens_that_cannot_be_saved_are_told_of():
    with pytest.warns(UserWarning, match=r"tokens of int, str: .* give str\(token\) for each"):
        Word2Vec([["a", 1]] * 20, min_count=1, sample=0)


# Phrases


@pytest.fixture(scope="module")
def phrases():
    return Phrases([["new", "york", "is", "big"]] * 20 + [["new", "big"]], min_count=1, threshold=0.1)


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("frozen", [False, True])
def test_phrases_are_joined_in_columns_as_in_lists(phrases, kind, frozen, monkeypatch):
    monkeypatch.setattr("fastsgns.columns.BATCH_ITEMS", 7)
    lists = [["new", "york", "is", "New York"], ["york", "new"], ["new"]] * 60
    lists += [[]] * 20 * (kind != "pandas of arrays")  # which are no sentences there
    phrases, column = phrases.freeze() if frozen else phrases, EVERY[kind](lists)
    joined = phrases[column]
    wanted = list(phrases[lists])
    assert wanted[0][0] == "new_york"
    assert list(joined) == wanted == list(joined)
    assert phrases.find_phrases(column) == phrases.find_phrases(lists)
    if kind != "streamed dataset":
        assert len(joined) == len(lists)


@pytest.mark.parametrize("kind", ["array", "chunks", "capsule", "pandas", "pandas with Arrow", "polars", "dataset"])
def test_a_column_of_tokens_is_a_sentence(phrases, kind):
    tokens = ["", "new", "york"] * 100
    column = EVERY[kind](tokens)
    assert phrases[column] == phrases[tokens] == ["", "new_york"] * 100
    assert list(phrases.analyze_sentence(column)) == list(phrases.analyze_sentence(tokens))


def test_rows_of_an_arrow_column_are_sentences(phrases):
    pa = pytest.importorskip("pyarrow")
    row = pa.array([["new", "york"]])[0]
    assert phrases[row] == phrases[[row]].phrases[["new", "york"]] == ["new_york"] == next(iter(phrases[[row]]))


@pytest.mark.parametrize("kind", ["array", "capsule", "pandas", "pandas with Arrow", "polars", "dataset"])
def test_columns_that_phrases_cannot_join_are_refused(phrases, kind):
    with pytest.raises(ValueError, match=r"item 1 of the column is 'new york', a line of text: .*split"):
        phrases[EVERY[kind](["new", "new york"])]
    with pytest.raises(ValueError, match=r"item 1 of the column is null: .*(drop|filter|leave)"):
        list(phrases[EVERY[kind]([["new", "york"], None])])


def test_tables_have_no_phrases(phrases):
    pa = pytest.importorskip("pyarrow")
    for table in (pa.table({"t": [["new"]]}), pytest.importorskip("pandas").DataFrame({"t": [["new"]]})):
        for call in (phrases.__getitem__, phrases.find_phrases, lambda table: list(phrases.analyze_sentence(table))):
            with pytest.raises(ValueError, match="a table: give a column of token lists"):
                call(table)
