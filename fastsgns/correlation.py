"""Pearson's and Spearman's correlation with two-sided p-values, so that SciPy is not needed."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Correlation", "pearson", "spearman"]


class Correlation(NamedTuple):
    """A coefficient, and how likely one as far from 0 is if there is no correlation. NaN where undefined."""

    statistic: float
    pvalue: float


def pearson(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Linear correlation of two samples of equal length.

    Examples
    --------
    >>> result = pearson([1, 2, 3, 4], [1, 3, 2, 4])
    >>> round(result.statistic, 6), round(result.pvalue, 6)
    (0.8, 0.2)
    """
    deviations = [np.asarray(values, np.float64) for values in (x, y)]
    count = len(deviations[0])
    if count != len(deviations[1]):
        raise ValueError(f"samples of {count} and {len(deviations[1])} values: they must be of equal length")
    if count < 2 or any((values == values[0]).all() or not np.isfinite(values).all() for values in deviations):
        return Correlation(math.nan, math.nan)  # a constant correlates with nothing
    deviations = [values - values.mean() for values in deviations]
    squares = [float(np.dot(values, values)) for values in deviations]
    # One root of the product, so that equal ranks, whose sums are exact, give exactly 1.
    r = float(np.dot(*deviations)) / math.sqrt(squares[0] * squares[1])
    r = max(-1.0, min(1.0, r))
    return Correlation(r, two_sided_p(r, count))


def spearman(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Rank correlation of two samples of equal length; equal values share their mean rank.

    Examples
    --------
    >>> spearman([1, 2, 3, 4], [10, 20, 30, 400]).statistic
    1.0
    """
    samples = [np.asarray(values, np.float64) for values in (x, y)]
    if any(np.isnan(values).any() for values in samples):
        return Correlation(math.nan, math.nan)
    return pearson(*map(ranks, samples))


def ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing their mean rank."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)
    return np.asarray((last - (sizes - 1) / 2)[group], np.float64)


def two_sided_p(r: float, count: int) -> float:
    """The p-value of a coefficient from `count` pairs: t = r sqrt(df / (1 - r^2)) is Student's, df = count - 2."""
    if count <= 2:
        return 1.0  # two points always lie on a line
    return incomplete_beta((count - 2) / 2, 0.5, (1 - r) * (1 + r))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22).

    Examples
    --------
    >>> round(incomplete_beta(2, 3, 0.5), 12)
    0.6875
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - incomplete_beta(b, a, 1 - x)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # Lentz's method: the product of the ratios of successive convergents. It starts at 1, taken off at the end, as
    # it cannot start at 0; `tiny` stands for an intermediate 0.
    tiny = 1e-300
    numerator, denominator = 1.0, 0.0
    fraction = 1.0
    for step in range(10_000):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / ((1 + term * denominator) or tiny)
        numerator = (1 + term / numerator) or tiny
        growth = numerator * denominator
        fraction *= growth
        if abs(growth - 1) < 1e-15:
            break
    return math.exp(scale) * (fraction - 1) / a
