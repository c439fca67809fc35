"""Where words go on a map, and which belong together: a plane by PCA, t-SNE or UMAP, and clusters by k-means."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastsgns.checks import check_choice, check_integer
from fastsgns.keyindex import KEY_TYPES, Key
from fastsgns.vectormath import unit_rows
from fastsgns.vectorstore import VectorStore

__all__ = ["METHODS", "MOST_COLORS", "choose_rows", "cluster", "lay_out", "sensible_clusters"]

logger = logging.getLogger(__name__)

METHODS = ("pca", "tsne", "umap")
# Where more threads help, and fewer rounds must do: minutes are long enough.
LARGE = 5000
# By t-SNE of so many: see docs/pictures.md.
SECONDS_A_WORD = 0.008
# Neighbours that t-SNE (as its perplexity) and UMAP look at: their authors' defaults.
TSNE_NEIGHBORS, UMAP_NEIGHBORS = 30, 15
# The most frequent words decide where the clusters are; all others join them.
KMEANS_STARTS, KMEANS_ROUNDS, KMEANS_SAMPLE = 5, 50, 5000
# That are told apart: as many as Tableau's palette has.
MOST_COLORS = 10


def choose_rows(store: VectorStore, words: int | Iterable[Key] | None, default: int) -> NDArray[np.intp]:
    """The rows to show: those of the words given, of the first `words`, or of the first `default` if there are as many.

    Raises
    ------
    KeyError
        If a word is not present.
    ValueError
        If there are no words, or not as many as asked for, or their vectors are not finite.
    """
    if len(store) == 0:
        raise ValueError("there are no vectors to show: train first, or load a model")
    if words is None:
        words = min(default, len(store))
    if isinstance(words, (int, np.integer)) and not isinstance(words, bool):
        check_integer("words", words, 1)
        if words > len(store):
            raise ValueError(f"words={words}: there are {len(store):,}; ask for at most as many")
        rows = np.arange(words)
    elif isinstance(words, KEY_TYPES):
        raise ValueError(f"words={words!r} is one word: give a list of words, or a number for the most frequent")
    else:
        kept = dict.fromkeys(words)
        missing = [word for word in kept if word not in store.key_to_index]
        if missing:
            others = f" (nor are {len(missing) - 1:,} others)" if len(missing) > 1 else ""
            raise KeyError(f"{missing[0]!r} is not in the vocabulary of {len(store):,} words{others}")
        if not kept:
            raise ValueError("words is empty: give words, or a number for the most frequent")
        rows = np.array([store.get_index(word) for word in kept], np.intp)
    finite = np.isfinite(store.vectors[rows]).all(axis=1)
    if not finite.all():
        bad = store.index_to_key[rows[int(np.argmin(finite))]]
        raise ValueError(f"the vector of {bad!r} is not finite: train with a lower alpha, or leave the word out")
    return rows


def lay_out(vectors: NDArray[Any], method: str, seed: int) -> NDArray[np.float32]:
    """Places in the plane for vectors, by their directions: what is near by cosine is near there, as far as it can be.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, dim)
    method : {"pca", "tsne", "umap"}
        The plane of most variance; or neighbours beside neighbours: t-SNE (van der Maaten and Hinton 2008) or UMAP
        (McInnes et al. 2018). Up to 4 vectors are laid out by PCA whatever the method.
    seed : int
        The same one gives the same map.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Centred, and the farther coordinate at 1.

    Raises
    ------
    ImportError
        If scikit-learn (for t-SNE) or umap-learn is not installed.

    Examples
    --------
    >>> lay_out(np.array([[1, 0, 0], [-1, 0, 0]], np.float32), "pca", 1).round(3).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    check_choice("method", method, METHODS)
    check_integer("seed", seed, 0, 2**32 - 1)
    engine = import_engine(method)
    units = unit_rows(vectors).astype(np.float32, copy=False)
    places = plane_of_variance(units)
    if engine is not None and len(units) > 4:
        wait = "" if method != "tsne" else f", some {SECONDS_A_WORD * len(units):.0f} s of processor time"
        if len(units) > LARGE:
            wait += ", and no progress is shown; fewer words or pca take less"
        logger.info("laying out %s words by %s%s", f"{len(units):,}", method, wait)
        spread = float(places[:, 0].std()) or 1.0
        if method == "tsne":
            from threadpoolctl import threadpool_limits  # scikit-learn needs it too

            perplexity = min(TSNE_NEIGHBORS, (len(units) - 1) / 3)
            start = places / spread * 1e-4
            # Threads that wait by spinning, as scikit-learn's do, lose more than they win on small maps.
            with threadpool_limits(None if len(units) > LARGE else 1):
                rounds = 500 if len(units) > LARGE else 1000
                places = engine(perplexity=perplexity, init=start, random_state=seed, max_iter=rounds)
                places = places.fit_transform(units)
        else:
            neighbors = min(UMAP_NEIGHBORS, len(units) - 1)
            places = engine(n_neighbors=neighbors, metric="cosine", random_state=seed, n_jobs=1).fit_transform(units)
    places = places - (places.min(axis=0) + places.max(axis=0)) / 2
    return np.asarray(places / (np.abs(places).max() or 1), np.float32)


def import_engine(method: str) -> Any:
    """The class that does the work, if not NumPy: importing takes seconds, which only those who ask should wait."""
    try:
        if method == "tsne":
            from sklearn.manifold import TSNE

            return TSNE
        if method == "umap":
            from umap import UMAP

            return UMAP
    except ImportError as error:
        package, extra = ("scikit-learn", "plot") if method == "tsne" else ("umap-learn", "umap")
        raise ImportError(
            f"method={method!r} needs {package}, which is not installed: pip install 'fastsgns[{extra}]',"
            " or take method='pca'"
        ) from error
    return None


def plane_of_variance(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first two principal components, each with the sign that makes its largest weight positive."""
    centered = units - units.mean(axis=0)
    _, axes = np.linalg.eigh((centered.T @ centered).astype(np.float64))
    axes = axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    places = centered @ axes.astype(np.float32)
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))  # for vectors of one dimension


def cluster(vectors: NDArray[Any], count: int, seed: int) -> NDArray[np.intp]:
    """Clusters of vectors by their directions: k-means on vectors of length 1, the best of several starts.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, dim)
    count : int
        Clusters at most.
    seed : int

    Returns
    -------
    ndarray of int, shape (n,)
        The number of each vector's cluster, 0 being the largest.

    Examples
    --------
    >>> cluster(np.array([[1, 0], [0, 1], [2, 0.1], [3, 0]], np.float32), 2, seed=1).tolist()
    [0, 1, 0, 0]
    """
    units = unit_rows(vectors).astype(np.float32, copy=False)
    random = np.random.default_rng(seed)
    sample = units[:KMEANS_SAMPLE]
    tries = [kmeans(sample, min(count, len(sample)), random) for _ in range(KMEANS_STARTS)]
    centers, _ = max(tries, key=lambda found: found[1])
    labels = nearness(units, centers).argmax(axis=1)
    _, labels = np.unique(labels, return_inverse=True)  # some clusters may have lost all
    sizes = np.bincount(labels)
    return np.argsort(np.argsort(-sizes, kind="stable"))[labels]


def kmeans(units: NDArray[np.float32], count: int, random: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """Centres, and how near to them all vectors are; the first ones by Arthur and Vassilvitskii (2007)."""
    centers = units[[int(random.integers(len(units)))]]
    distances = np.full(len(units), np.inf)
    while len(centers) < count:
        distances = np.minimum(distances, np.maximum(0, 1 - units @ centers[-1].astype(np.float64)))
        if distances.sum() < 1e-6:  # the rest are the same directions
            break
        centers = np.vstack([centers, units[random.choice(len(units), p=distances / distances.sum())]])
    labels = np.full(len(units), -1)
    for _ in range(KMEANS_ROUNDS):
        near = nearness(units, centers)
        before, labels = labels, near.argmax(axis=1)
        if (before == labels).all():
            break
        for number in np.unique(labels):
            centers[number] = units[labels == number].mean(axis=0)
    return centers, float(near.max(axis=1).sum())


def nearness(units: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Higher for centres at a smaller Euclidean distance, shape (n, centres)."""
    return np.asarray(units @ centers.T - (centers * centers).sum(axis=1) / 2)


def sensible_clusters(words: int) -> int:
    """So many clusters that their colours can be told apart and that each holds some words."""
    return max(1, min(MOST_COLORS, int(words**0.6 / 2)))
