"""Evaluation of vectors on human judgements: word pairs and analogies, by gensim's protocol."""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fastsgns.correlation import Correlation, pearson, spearman
from fastsgns.files import PathLike
from fastsgns.formats import DAMAGED, open_binary
from fastsgns.vectormath import COSMUL_EPSILON, unit_rows

__all__ = ["Section", "evaluate_word_analogies", "evaluate_word_pairs"]

logger = logging.getLogger(__name__)

Analogy = tuple[str, str, str, str]

# Similarities held at once while analogies are solved.
BLOCK_SCORES = 1 << 23
# gensim looks at this many neighbours for one that is no variant in case of a word of the question.
CANDIDATES = 5


class Section(TypedDict):
    """The analogies of a section by whether they were solved, as gensim returns them."""

    section: str
    correct: list[Analogy]
    incorrect: list[Analogy]


def lines_of(path: PathLike, encoding: str) -> Iterator[str]:
    """The lines of a text file, compressed or not."""
    try:
        with open_binary(path) as file:
            for number, line in enumerate(file, 1):
                try:
                    yield line.decode(encoding)
                except UnicodeDecodeError as error:
                    raise ValueError(f"{path}, line {number}: not {encoding} text ({error.reason})") from None
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is damaged: {error}") from error


def known_rows(keys: Sequence[Hashable], restrict_vocab: int | None, case_insensitive: bool) -> dict[str, int]:
    """The rows of the words that count, by their upper case if that is ignored: the first, most frequent, of each."""
    if restrict_vocab is not None and restrict_vocab < 1:
        raise ValueError(f"restrict_vocab={restrict_vocab!r} must be at least 1, or None for all words")
    rows: dict[str, int] = {}
    for row, key in enumerate(keys[:restrict_vocab]):
        if isinstance(key, str):
            rows.setdefault(key.upper() if case_insensitive else key, row)
    return rows


def evaluate_word_pairs(
    keys: Sequence[Hashable],
    vectors: NDArray[Any],
    pairs: PathLike,
    delimiter: str = "\t",
    encoding: str = "utf8",
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
) -> tuple[Correlation, Correlation, float]:
    """Correlate cosines with human judgements; `KeyedVectors.evaluate_word_pairs` tells the parameters.

    Parameters
    ----------
    keys : sequence, length V
    vectors : ndarray, shape (V, dim)

    Returns
    -------
    tuple
        Pearson's and Spearman's correlation, and the percentage of pairs with unknown words.

    Raises
    ------
    ValueError
        If the file holds no pairs, or none whose words are known.
    """
    rows = known_rows(keys, restrict_vocab, case_insensitive)
    gold: list[float] = []
    known: list[tuple[int, int, int]] = []  # place in gold, and rows
    invalid = unknown = 0
    for number, line in enumerate(lines_of(pairs, encoding), 1):
        if line.startswith("#"):
            continue
        fields = [field.upper() if case_insensitive else field for field in line.split(delimiter)]
        try:
            first, second, text = fields
            value = float(text)
            if not math.isfinite(value):
                raise ValueError(text)
        except ValueError:
            if line.strip():
                invalid += 1
                logger.info("%s, line %d is no pair and skipped: %r", pairs, number, line)
            continue
        if first in rows and second in rows:
            known.append((len(gold), rows[first], rows[second]))
            gold.append(value)
        else:
            unknown += 1
            if dummy4unknown:
                gold.append(value)
    if invalid:
        logger.warning("%s: %d lines are no pairs and were skipped", pairs, invalid)
    if not gold and unknown:
        raise ValueError(f"{pairs}: no valid similarity judgements: none of its {unknown} pairs is in the vocabulary")
    if not gold:
        reason = f"none of its {invalid} lines is" if invalid else "it is empty; a line should be"
        raise ValueError(
            f"{pairs}: no valid similarity judgements: {reason} word, word, number, with delimiter={delimiter!r}"
        )
    cosines = np.zeros(len(gold))
    if known:
        places, left, right = np.array(known).T
        units = (unit_rows(vectors[side].astype(np.float64)) for side in (left, right))
        # Rounded to the precision of the vectors, so that pairs of equal vectors tie wherever they stand.
        cosines[places] = np.einsum("ij,ij->i", *units).astype(np.float32)
    results = pearson(gold, cosines), spearman(gold, cosines)
    share = 100 * unknown / (len(gold) if dummy4unknown else len(gold) + unknown)
    logger.info("%s: Pearson %.4f, Spearman %.4f, unknown %.1f %%", pairs, results[0][0], results[1][0], share)
    return *results, share


def read_analogies(path: PathLike, case_insensitive: bool) -> list[tuple[str, list[Analogy]]]:
    """Sections of an analogy file, each its name and its questions."""
    sections: list[tuple[str, list[Analogy]]] = []
    invalid = 0
    for number, line in enumerate(lines_of(path, "utf8"), 1):
        if line.startswith(": "):
            sections.append((line.lstrip(": ").strip(), []))
            continue
        words = (line.upper() if case_insensitive else line).split()
        if not words:
            continue
        if not sections:
            raise ValueError(f"{path}, line {number}: missing section header, ': name', before the analogies")
        if len(words) == 4:
            sections[-1][1].append((words[0], words[1], words[2], words[3]))
        else:
            invalid += 1
            logger.info("%s, line %d is no analogy and skipped: %r", path, number, line)
    if invalid:
        logger.warning("%s: %d lines are not of four words and were skipped", path, invalid)
    if not any(questions for _, questions in sections):
        raise ValueError(f"{path}: no analogies found: sections start with ': name', and lines have four words")
    return sections


def evaluate_word_analogies(
    keys: Sequence[Hashable],
    vectors: NDArray[Any],
    analogies: PathLike,
    restrict_vocab: int | None = 300000,
    case_insensitive: bool = True,
    dummy4unknown: bool = False,
    similarity_function: str = "most_similar",
) -> tuple[float, list[Section]]:
    """Solve analogies; `KeyedVectors.evaluate_word_analogies` tells the parameters.

    Parameters
    ----------
    keys : sequence, length V
    vectors : ndarray, shape (V, dim)

    Returns
    -------
    score : float
        The share solved, of the questions whose words are known.
    sections : list of Section
        The last is the total.

    Raises
    ------
    ValueError
        If the file holds no analogies.
    """
    if similarity_function not in ("most_similar", "most_similar_cosmul"):
        raise ValueError(f"similarity_function={similarity_function!r}: choose 'most_similar' or 'most_similar_cosmul'")
    rows = known_rows(keys, restrict_vocab, case_insensitive)
    sections = read_analogies(analogies, case_insensitive)
    questions = {question for _, members in sections for question in members if all(word in rows for word in question)}
    ordered = sorted(questions)
    # The row by which a word's variants in case are known, for each row.
    chosen = keys[:restrict_vocab]
    names = [key.upper() if isinstance(key, str) and case_insensitive else key for key in chosen]
    canonical = np.array([rows[name] if isinstance(name, str) else row for row, name in enumerate(names)], np.intp)
    asked_rows = np.array([[rows[word] for word in question] for question in ordered], np.intp).reshape(-1, 4)
    cosmul = similarity_function == "most_similar_cosmul"
    solved = solve(unit_rows(vectors[: len(chosen)]), canonical, asked_rows, cosmul)
    right: Mapping[Analogy, bool] = dict(zip(ordered, solved.tolist(), strict=True))
    results: list[Section] = []
    asked = unknown = 0
    for name, members in sections:
        asked += len(members)
        unknown += sum(question not in right for question in members)
        correct = [question for question in members if right.get(question)]
        incorrect = [question for question in members if not right.get(question, not dummy4unknown)]
        results.append(Section(section=name, correct=correct, incorrect=incorrect))
        log_score(results[-1])
    results.append(
        Section(
            section="Total accuracy",
            correct=[question for section in results for question in section["correct"]],
            incorrect=[question for section in results for question in section["incorrect"]],
        )
    )
    logger.info(
        "%s: %.1f %% of %d analogies hold unknown words and were %s",
        analogies, 100 * unknown / asked, asked, "counted as wrong" if dummy4unknown else "skipped",
    )  # fmt: skip
    return log_score(results[-1]), results


def log_score(section: Section) -> float:
    """The share solved, 0 if nothing was asked."""
    correct = len(section["correct"])
    asked = correct + len(section["incorrect"])
    if not asked:
        return 0.0
    logger.info("%s: %.1f %% (%d/%d)", section["section"], 100 * correct / asked, correct, asked)
    return correct / asked


def solve(
    units: NDArray[Any], canonical: NDArray[np.intp], questions: NDArray[np.intp], cosmul: bool
) -> NDArray[np.bool_]:
    """Whether a is to b as c to d, for rows (a, b, c, d): d's is the vector nearest b - a + c, a, b and c aside.

    `units` are of shape (V, dim), `canonical` (V,), `questions` (n, 4).
    """
    solved = np.zeros(len(questions), bool)
    step = max(1, BLOCK_SCORES // len(units)) if len(units) else 1
    for start in range(0, len(questions), step):
        a, b, c, expected = questions[start : start + step].T
        if cosmul:
            near_a, near_b, near_c = ((1 + units[word] @ units.T) / 2 for word in (a, b, c))
            scores = near_b * near_c / (near_a + COSMUL_EPSILON)
        else:  # the length of the target does not matter for the order
            scores = (units[b] + units[c] - units[a]) @ units.T
        open_questions = np.arange(len(a))
        for word in (a, b, c):
            scores[open_questions, word] = -np.inf
        for _ in range(CANDIDATES):
            best = scores[open_questions].argmax(axis=1) if len(open_questions) < len(a) else scores.argmax(axis=1)
            found = canonical[best]
            solved[start + open_questions] = found == expected[open_questions]
            variant = np.zeros(len(open_questions), bool)
            for word in (a, b, c):
                variant |= found == word[open_questions]
            scores[open_questions, best] = -np.inf
            open_questions = open_questions[variant]
            if not len(open_questions):
                break
    return solved
