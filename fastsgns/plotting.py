"""Pictures by matplotlib: a labelled map of words, and the loss by epochs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fastsgns.checks import check_integer
from fastsgns.fonts import fonts_for
from fastsgns.keyindex import Key
from fastsgns.labels import place_labels
from fastsgns.layout import MOST_COLORS, choose_rows, cluster, lay_out, sensible_clusters
from fastsgns.vectorstore import VectorStore

__all__ = ["check_kind", "draw_loss", "draw_map"]

DEFAULT_WORDS = 200
# The most whose labels are placed in seconds, on paper that a screen can show.
MOST_WORDS = 2000
LABEL_POINTS, DOT_POINTS = 10, 3.5
MOST_INCHES = 30.0


def require_matplotlib() -> None:
    """ImportError that names the extra, unless matplotlib is there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("plots need matplotlib, which is not installed: pip install 'fastsgns[plot]'") from error


def check_kind(path: str | os.PathLike[str] | None) -> None:
    """ValueError unless the name's end is that of a kind of picture; asked before anything is computed."""
    require_matplotlib()
    from matplotlib.backend_bases import FigureCanvasBase

    if path is None:
        return
    kind = os.path.splitext(path)[1].lower()
    if kind.lstrip(".") not in FigureCanvasBase.get_supported_filetypes():
        raise ValueError(f"path={os.fspath(path)!r}: {kind!r} is no kind of picture; try .png or .svg")


def draw_map(
    store: VectorStore,
    words: int | Iterable[Key] | None = None,
    method: str = "tsne",
    *,
    ax: Any = None,
    path: str | os.PathLike[str] | None = None,
    clusters: int | None = None,
    seed: int = 1,
) -> Any:
    """A map of words; `KeyedVectors.plot` tells the parameters."""
    check_kind(path)
    from matplotlib import colormaps

    rows = choose_rows(store, words, DEFAULT_WORDS)
    if len(rows) > MOST_WORDS:
        raise ValueError(
            f"words: {len(rows):,} labels fit on no picture; ask for at most {MOST_WORDS:,}, or use explore"
        )
    clusters = sensible_clusters(len(rows)) if clusters is None else clusters
    check_integer("clusters", clusters, 1, MOST_COLORS)
    vectors = store.vectors[rows]
    places = lay_out(vectors, method, seed)
    labels = [str(store.index_to_key[row]) for row in rows]
    palette = [darker(color) for color in colormaps["tab10"](range(MOST_COLORS))]
    colors = [palette[number] for number in cluster(vectors, clusters, seed)]
    family = fonts_for(labels)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of which fonts_for has said what matters
        own = ax is None
        width = min(MOST_INCHES, max(6.0, 0.7 * np.sqrt(len(rows))))
        ax = new_axes(width, 0.7 * width, path, left=0.01, right=0.99, bottom=0.01, top=0.94) if own else ax
        left_out = draw_labels(ax, places, labels, colors, family)
        while left_out and own and width < MOST_INCHES:  # larger paper has more room for letters of the same size
            width = min(MOST_INCHES, 1.2 * width)
            ax.get_figure(root=True).set_size_inches(width, 0.7 * width)
            left_out = draw_labels(ax, places, labels, colors, family)
        save(ax, path)
    if left_out:
        warnings.warn(
            f"no room for the labels of {left_out} of {len(labels)} words: plot fewer words"
            + ("" if own else ", or give an ax of a larger figure"),
            stacklevel=3,
        )
    return ax


def draw_labels(ax: Any, places: NDArray[Any], labels: list[str], colors: list[Any], family: list[str]) -> int:
    """Draw points and, where there is room, their labels, with lines to those farther off; count those left out."""
    from matplotlib.backends.backend_agg import RendererAgg

    ax.clear()
    ax.set_axis_off()  # the axes of such a map mean nothing
    ax.margins(0.08)
    ax.scatter(*places.T, c=colors, s=DOT_POINTS**2, linewidths=0)
    figure = ax.get_figure(root=True)
    figure.draw_without_rendering()  # settles where things are
    options: dict[str, Any] = dict(size=LABEL_POINTS, family=family, ha="center", va="center", parse_math=False)
    texts = [
        ax.text(*place, label, color=color, **options)
        for place, label, color in zip(places, labels, colors, strict=True)
    ]
    renderer: Any = cast(Any, RendererAgg)(1, 1, figure.dpi)  # measures letters, whatever will draw them
    extents = [text.get_window_extent(renderer) for text in texts]
    pixels = figure.dpi / 72
    points = ax.transData.transform(places)
    sizes = np.array([[box.width, box.height] for box in extents])
    centers = place_labels(points, sizes, ax.bbox.extents, DOT_POINTS / 2 * pixels, 1.5 * pixels)
    for text, color, size, point, center in zip(texts, colors, sizes, points, centers, strict=True):
        if np.isnan(center).any():
            text.remove()
            continue
        text.set_position(ax.transData.inverted().transform(center))
        edge = np.clip(point, center - size / 2, center + size / 2)
        if np.hypot(*(edge - point)) > 6 * pixels:
            ends = ax.transData.inverted().transform([point, edge])
            ax.plot(*ends.T, color=color, linewidth=0.6, alpha=0.6, zorder=0.5)
    return int(np.isnan(centers[:, 0]).sum())


def draw_loss(losses: Sequence[float], *, ax: Any = None, path: str | os.PathLike[str] | None = None) -> Any:
    """The loss by epochs; `Word2Vec.plot_loss` tells the parameters."""
    check_kind(path)
    from matplotlib.ticker import MaxNLocator

    if not losses:
        raise ValueError("there is no loss to plot: train first")
    ax = new_axes(6.4, 4.0, path, left=0.13, right=0.97, bottom=0.14, top=0.93) if ax is None else ax
    ax.plot(range(1, len(losses) + 1), losses, marker="o", markersize=4)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="epoch", ylabel="loss, mean over pairs")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.3)
    save(ax, path)
    return ax


def new_axes(width: float, height: float, path: str | os.PathLike[str] | None, **margins: float) -> Any:
    """Axes to be shown by pyplot, as in a notebook; or, for a file, of a figure that pyplot does not keep."""
    options: dict[str, Any] = dict(figsize=(width, height), dpi=150)
    if path is None:
        from matplotlib import pyplot

        figure = pyplot.figure(**options)
    else:
        from matplotlib.figure import Figure

        figure = Figure(**options)
    figure.subplots_adjust(**margins)  # there is room for a title
    return figure.add_subplot()


def darker(color: Any) -> tuple[float, ...]:
    """A colour in which small print can be read on white."""
    return tuple(0.75 * float(part) for part in color[:3])


def save(ax: Any, path: str | os.PathLike[str] | None) -> None:
    """Write the figure of `ax`, the same bytes for the same picture."""
    if path is None:
        return
    from matplotlib import rc_context

    kind = os.path.splitext(path)[1].lower()
    figure = ax.get_figure(root=True)
    dated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with rc_context({"svg.hashsalt": "fastsgns"}):
        figure.savefig(path, dpi="figure", metadata=dated.get(kind))
