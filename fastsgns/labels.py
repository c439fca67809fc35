"""Where the labels of points go on a picture: beside their points, and never over one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["place_labels"]

# Tried in this order, beside the point: to the right, left, above, below, and between; then farther away.
FIRST_ANGLES = np.radians([0, 180, 90, 270, 45, 315, 135, 225])
FAR_ANGLES = np.radians(np.arange(0, 360, 22.5))
FAR_STEPS = np.arange(1, 10) * 0.6  # label heights between the point and the label


def place_labels(
    points: NDArray[np.float64],
    sizes: NDArray[np.float64],
    frame: tuple[float, float, float, float],
    radius: float,
    gap: float,
) -> NDArray[np.float64]:
    """The centres of labels, such that none is over another, over a point, or outside of the frame.

    Labels that have the most others around them are placed first, each at the first free place of a list: touching
    its point, then farther and farther from it.

    Parameters
    ----------
    points : ndarray of float, shape (n, 2)
        In pixels, as all lengths here.
    sizes : ndarray of float, shape (n, 2)
        Width and height of each label.
    frame : tuple of float
        The left, lower, right and upper bound.
    radius : float
        Of a point.
    gap : float
        Between labels, and between a label and its point.

    Returns
    -------
    ndarray of float, shape (n, 2)
        NaN where there is no room.

    Examples
    --------
    >>> points, sizes = np.array([[50.0, 50.0], [54.0, 50.0]]), np.full((2, 2), [20.0, 10.0])
    >>> place_labels(points, sizes, (0, 0, 100, 100), radius=2, gap=1).tolist()
    [[37.0, 50.0], [67.0, 50.0]]
    """
    centers = np.full(points.shape, np.nan)
    dots = np.hstack([points - radius, points + radius])
    boxes = np.empty((0, 4))
    leaders = np.empty((0, 4))
    reach = 2 * sizes.mean(axis=0)
    crowd = (np.abs(points[:, None] - points) < reach).all(axis=2).sum(axis=1)
    for index in np.argsort(-crowd, kind="stable"):
        point, half = points[index], sizes[index] / 2
        tries = candidates(point, half, radius + gap)
        tried = np.hstack([tries - half - gap / 2, tries + half + gap / 2])
        window = np.hstack([tried[:, :2].min(axis=0), tried[:, 2:].max(axis=0)])[np.newaxis]
        words, lines, around = (kind[overlaps(kind, window)] for kind in (boxes, leaders, dots))
        free = (tried[:, :2] >= frame[:2]).all(axis=1) & (tried[:, 2:] <= frame[2:]).all(axis=1)
        free &= ~overlaps(tried, np.vstack([words, lines, around]))
        others = around[~overlaps(around, dots[[index]])]  # points that are not under its own
        hindrances = np.vstack([words, others])
        for center in tries[free]:
            line = leader(point, center, half)
            if not overlaps(np.hstack([line, line]), hindrances).any():
                centers[index] = center
                boxes = np.vstack([boxes, np.hstack([center - half, center + half])])
                leaders = np.vstack([leaders, np.hstack([line, line])])
                break
    return centers


def candidates(point: NDArray[np.float64], half: NDArray[np.float64], near: float) -> NDArray[np.float64]:
    """Centres to try for a label of the half sizes `half`."""
    far = [(near + step * 2 * half[1], FAR_ANGLES) for step in FAR_STEPS]
    rings = [
        point + np.column_stack([np.cos(angles) * (half[0] + away), np.sin(angles) * (half[1] + away)])
        for away, angles in [(near, FIRST_ANGLES), *far]
    ]
    return np.vstack(rings)


def leader(point: NDArray[np.float64], center: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along the line from a point to the edge of its label."""
    edge = np.clip(point, center - half, center + half)
    return point + np.linspace(0.1, 0.98, 24)[:, np.newaxis] * (edge - point)


def overlaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each of the first boxes (left, lower, right, upper), whether it is over any of the second."""
    apart = (first[:, None, :2] >= second[:, 2:]) | (first[:, None, 2:] <= second[:, :2])
    together: Any = np.logical_not(apart.any(axis=2))
    return np.asarray(together.any(axis=1))
