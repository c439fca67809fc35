"""Evaluation: gensim's numbers on the same vectors, SciPy's correlations, and clear errors for wrong files."""

import gzip
import itertools
import math

import numpy as np
import pytest

from fastsgns.correlation import Correlation, incomplete_beta, pearson, spearman
from fastsgns.keyedvectors import KeyedVectors

# Countries and capitals, each pair set apart by nearly the same offset; some words in two cases.
WORDS = [f"{kind}{number}" for number in range(12) for kind in ("country", "Capital", "tongue")]
WORDS += ["CAPITAL3", "capital5", "Country5", "COUNTRY5", "other", "ß", "Ünder"]
KEYS = [*WORDS, 77]


def make(noise=0.55, seed=3):
    generator = np.random.default_rng(seed)
    base, offsets = generator.normal(size=(12, 10)), generator.normal(size=(3, 10))
    rows = [base[number] + offsets[kind] for number in range(12) for kind in range(3)]
    rows += [rows[10], rows[16], rows[15], rows[15], *generator.normal(size=(3, 10)), np.zeros(10)]
    matrix = np.zeros((len(rows), 16), np.float32)[:, :10]  # padded rows
    matrix[:-1] = np.array(rows[:-1]) + noise * generator.normal(size=(len(rows) - 1, 10))
    return matrix


@pytest.fixture
def wv():
    return KeyedVectors.from_arrays(KEYS, make())


@pytest.fixture
def theirs(wv):
    gensim = pytest.importorskip("gensim")
    other = gensim.models.KeyedVectors(10)
    other.add_vectors(WORDS, np.ascontiguousarray(wv.vectors[:-1]))  # gensim's evaluation stops at integer keys
    return other


@pytest.fixture
def analogies(tmp_path):
    lines = [": capitals"]
    for first, second in itertools.permutations(range(12), 2):
        lines.append(f"country{first} capital{first} Country{second} Capital{second}")
    lines += ["", "three words only", ": tongues", "country1 tongue1 country2 nowhere", ": unknown", "x y z w"]
    for first, second in itertools.combinations(range(12), 2):
        lines.append(f"Capital{first} tongue{first} Capital{second} tongue{second}")
    lines += ["country1 country1 country1 country1", "ß ünder OTHER ß", ": nothing"]
    path = tmp_path / "analogies.txt"
    path.write_text("\n".join(lines), encoding="utf8")
    return path


@pytest.fixture
def pairs(tmp_path):
    generator = np.random.default_rng(0)
    lines = ["# word, word, score"]
    for first, second in itertools.combinations(WORDS, 2):
        if first.upper() == second.upper():
            continue  # like itself but for rounding, and gensim ranks rounding
        lines.append(
            f"{first.lower() if generator.random() < 0.3 else first}\t{second}\t{generator.integers(0, 21) / 2}"
        )
    lines += ["", "no pair", "other\tother\tten", "other\tnowhere\t3", "x\ty\t1"]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(lines), encoding="utf8")
    return path


OPTIONS = [
    {},
    {"case_insensitive": False},
    {"dummy4unknown": True},
    {"restrict_vocab": 20},
    {"restrict_vocab": 20, "dummy4unknown": True, "case_insensitive": False},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_word_pairs_equal_gensims(wv, theirs, pairs, options):
    ours, others = (v.evaluate_word_pairs(pairs, **options) for v in (wv, theirs))
    for mine, other in zip(ours[:2], others[:2], strict=True):
        assert mine.statistic == mine[0] == pytest.approx(other[0], abs=1e-6)
        assert mine.pvalue == mine[1] == pytest.approx(other[1], rel=1e-3)
    assert ours[2] == pytest.approx(others[2])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("noise", [0, 0.3, 0.55, 1])
def test_analogies_equal_gensims(wv, theirs, analogies, options, noise):
    wv.vectors = make(noise)
    theirs.vectors = np.ascontiguousarray(wv.vectors[:-1])
    theirs.fill_norms(force=True)
    score, sections = wv.evaluate_word_analogies(analogies, **options)
    their_score, their_sections = theirs.evaluate_word_analogies(str(analogies), **options)
    assert score == pytest.approx(their_score)
    assert [section["section"] for section in sections] == [section["section"] for section in their_sections]
    # Twins of the same vector are ties, which gensim settles by rounding.
    twins = {"COUNTRY5", "CAPITAL3", "CAPITAL5"} if noise == 0 else set()
    for mine, other in zip(sections, their_sections, strict=True):
        for part in ("correct", "incorrect"):
            kept = [[a for a in section[part] if not twins & {w.upper() for w in a}] for section in (mine, other)]
            assert kept[0] == kept[1]


def test_planted_analogies_are_solved(analogies):
    generator = np.random.default_rng(0)
    base, offset = generator.normal(size=(12, 30)), generator.normal(size=30)
    rows = np.concatenate([base, base + offset]).astype(np.float32)
    names = [f"country{i}" for i in range(12)] + [f"capital{i}" for i in range(12)]
    wv = KeyedVectors.from_arrays(names, rows)
    for function in ("most_similar", "most_similar_cosmul"):
        score, sections = wv.evaluate_word_analogies(analogies, similarity_function=function)
        assert score > 0.95
        assert sections[0]["section"] == "capitals"
        assert len(sections[0]["correct"]) + len(sections[0]["incorrect"]) == 132
        assert sections[0]["correct"][0] == ("COUNTRY0", "CAPITAL0", "COUNTRY1", "CAPITAL1")


def test_cosmul_analogies_equal_single_queries(wv, analogies):
    wv = KeyedVectors.from_arrays(WORDS[:36], wv.vectors[:36])
    _, sections = wv.evaluate_word_analogies(
        analogies, similarity_function="most_similar_cosmul", case_insensitive=False
    )
    for (a, b, c, d), right in [(q, True) for q in sections[-1]["correct"]] + [
        (q, False) for q in sections[-1]["incorrect"]
    ]:
        if len({a, b, c}) == 3:
            assert (wv.most_similar_cosmul([b, c], [a], topn=1)[0][0] == d) == right


def test_analogies_do_not_depend_on_blocks(wv, analogies, monkeypatch):
    whole = wv.evaluate_word_analogies(analogies)
    monkeypatch.setattr("fastsgns.evaluation.BLOCK_SCORES", 100)
    assert wv.evaluate_word_analogies(analogies) == whole


def test_compressed_files(wv, pairs, analogies):
    for path, evaluate in ((pairs, wv.evaluate_word_pairs), (analogies, wv.evaluate_word_analogies)):
        packed = path.with_suffix(".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert evaluate(packed) == evaluate(path)
        packed.write_bytes(gzip.compress(path.read_bytes())[:200])
        with pytest.raises(ValueError, match="damaged"):
            evaluate(packed)


def test_another_delimiter_and_encoding(wv, tmp_path):
    (tmp_path / "pairs").write_text("ß;other;1\nÜnder;ß;2\nother;Ünder;5\n", encoding="latin1")
    pearson_result, _, unknown = wv.evaluate_word_pairs(tmp_path / "pairs", delimiter=";", encoding="latin1")
    assert unknown == 0
    assert -1 <= pearson_result.statistic <= 1
    with pytest.raises(ValueError, match="line 1: not utf8 text"):
        wv.evaluate_word_pairs(tmp_path / "pairs", delimiter=";")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is empty"),
        ("# only this\n", "it is empty"),
        ("a b 1\nc d 2\n", r"none of its 2 lines is word, word, number, with delimiter='\\t'"),
        ("x\ty\t1\n", "none of its 1 pairs is in the vocabulary"),
    ],
)
def test_wrong_pairs_files(wv, tmp_path, content, message):
    (tmp_path / "pairs").write_text(content)
    with pytest.raises(ValueError, match=f"pairs: no valid similarity judgements: {message}"):
        wv.evaluate_word_pairs(tmp_path / "pairs")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no analogies found"),
        (": a\n: b\n", "no analogies found"),
        (": a\nx y z\n", "no analogies found"),
        ("\na b c d\n", "line 2: missing section header"),
        ("a\tb\t1\n", "line 1: missing section header"),
    ],
)
def test_wrong_analogy_files(wv, tmp_path, content, message):
    (tmp_path / "analogies").write_text(content)
    with pytest.raises(ValueError, match=f"analogies.*{message}"):
        wv.evaluate_word_analogies(tmp_path / "analogies")


def test_missing_files_and_bad_arguments(wv, tmp_path, analogies):
    for evaluate in (wv.evaluate_word_pairs, wv.evaluate_word_analogies):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            evaluate(tmp_path / "nowhere")
        with pytest.raises(ValueError, match="restrict_vocab=0 must be"):
            evaluate(analogies, restrict_vocab=0)
    with pytest.raises(ValueError, match="similarity_function='cosine'"):
        wv.evaluate_word_analogies(analogies, similarity_function="cosine")


def test_nothing_known_scores_zero(tmp_path):
    (tmp_path / "analogies").write_text(": a\nx y z w\n")
    for wv in (KeyedVectors(3), KeyedVectors.from_arrays(["a"], np.ones((1, 3)))):
        score, sections = wv.evaluate_word_analogies(tmp_path / "analogies")
        assert (score, sections[-1]) == (0.0, {"section": "Total accuracy", "correct": [], "incorrect": []})


@pytest.mark.parametrize("count", [3, 4, 10, 353, 3000])
@pytest.mark.parametrize("slope", [0, 0.3, 3])
def test_correlations_equal_scipys(count, slope):
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(count)
    x = np.append(generator.integers(0, 9, count - 1), 10)  # ties
    y = slope * x + generator.normal(size=count)
    for ours, theirs in ((pearson(x, y), stats.pearsonr(x, y)), (spearman(x, y), stats.spearmanr(x, y))):
        assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-12)
        assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-8, abs=1e-300)


def test_incomplete_beta_equals_known_values():
    """Exact cases: I_x(1, 1) = x, I_x(a, 1) = x^a, I_x(1/2, 1/2) = 2/pi asin sqrt(x), and the reflection."""
    for x in (0, 1e-12, 0.1, 0.5, 0.9, 1 - 1e-12, 1):
        assert incomplete_beta(1, 1, x) == pytest.approx(x, rel=1e-12)
        assert incomplete_beta(7.5, 1, x) == pytest.approx(x**7.5, rel=1e-12)
        assert incomplete_beta(0.5, 0.5, x) == pytest.approx(2 / math.pi * math.asin(math.sqrt(x)), rel=1e-9)
        assert incomplete_beta(3, 40, x) == pytest.approx(1 - incomplete_beta(40, 3, 1 - x), abs=1e-12)


def test_correlations_without_scipy():
    assert spearman([1, 2, 3, 4], [1, 8, 27, 64]).statistic == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [1, 8, 27, 64]).pvalue == pytest.approx(0, abs=1e-12)
    # t = 0.8 sqrt(2 / 0.36) = 1.8856 with 2 degrees of freedom: p = 1 - t / sqrt(2 + t^2) = 0.2
    assert pearson([1, 2, 3, 4], [1, 3, 2, 4]) == (pytest.approx(0.8), pytest.approx(0.2))
    assert spearman([1, 1, 2, 3], [1, 1, 2, 3]).statistic == pytest.approx(1)
    assert pearson([1, 2], [2, 1]) == (pytest.approx(-1), 1)
    for x, y in (([1], [2]), ([], []), ([1, 1, 1], [1, 2, 3])):
        assert all(math.isnan(value) for value in pearson(x, y))
    with pytest.raises(ValueError, match="equal length"):
        pearson([1, 2], [1])
    assert Correlation(1, 2)._fields == ("statistic", "pvalue")


def test_what_is_no_number_correlates_with_nothing():
    for x in ([1, np.nan, 3, 4], [1, np.inf, 3, 4]):
        assert np.isnan(pearson([1, 2, 3, 4], x)).all() and np.isnan(pearson(x, [1, 2, 3, 4])).all()
    assert np.isnan(spearman([1, 2, 3, 4], [1, np.nan, 3, 4])).all()
    assert spearman([1, 2, 3, 4], [1, 2, 3, np.inf]).statistic == 1


def test_a_pair_without_a_number_is_no_pair(tmp_path):
    (tmp_path / "pairs.tsv").write_text("a\tb\tnan\na\tc\t1\nb\tc\t2\n")
    vectors = KeyedVectors.from_arrays(["a", "b", "c"], np.random.default_rng(1).standard_normal((3, 4)))
    found, _, _ = vectors.evaluate_word_pairs(tmp_path / "pairs.tsv")
    assert abs(found.statistic) == pytest.approx(1)  # of the two that are left
