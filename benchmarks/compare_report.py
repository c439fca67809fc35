"""How compare.py tells its results: a Markdown document with a table for each size and number of threads, and bars."""

from __future__ import annotations

import statistics
from pathlib import Path

from _results import (
    Document,
    Runs,
    column,
    failed,
    failures,
    first_native,
    good,
    opening,
    plural,
    ratios,
    spread,
    table,
)
from libraries import SETTINGS


def markdown(document: Document) -> str:
    """The whole comparison as a document that needs no other: what ran where, and all tables."""
    settings, base = document["settings"], document["base"]
    native = first_native(runs for result in document["results"] for runs in result["runs"].values())
    kept = native.get("vocab_size", 0)
    lines = opening(
        document,
        f"fastsgns beside others on {settings['corpus']}",
        f"{settings['corpus']}: {settings['words']:,} words, {kept:,} distinct and kept by fastsgns",
        f"kernel variant of fastsgns: {native.get('simd', 'unknown')}, unless named",
        ", ".join(f"{key} {settings[key]}" for key in SETTINGS),
    )
    lines.append(
        f"Median [least-most] of {settings['repeats']}, all in turn, each in a process of its own; scores are means."
        f" Words are all of the text in every epoch. A ratio is to {base} of the same turn: 3 means that {base} is 3"
        " times as fast. The peers' whole job counts the start of their process, that of the Python libraries does not"
        " count importing."
    )
    for result in document["results"]:
        lines += ["", f"## {title(result)}", results_table(result["runs"]), *failures(result["runs"])]
    return "\n".join(lines) + "\n"


def title(result: Document) -> str:
    return f"{plural(result['vector_size'], 'dimension')}, {plural(result['threads'], 'thread')}"


def results_table(runs: dict[str, Runs]) -> str:
    """A row a contender. Ratios are to the first one: how many times its seconds the others take."""
    base = next(iter(runs))
    every = [run for found in runs.values() for run in good(found)]
    tests = list(dict.fromkeys(test for run in every for test in run.get("scores", ())))
    columns = ["", "training, thousand words/s", f"training, times {base}", "whole job, s", f"whole job, times {base}"]
    rows = []
    for name, found in runs.items():
        cells = [
            spread(column(found, "words_per_second", 1e3), 0),
            spread(ratios(found, runs[base], "train_seconds"), 2),
            spread(column(found, "total_seconds"), 2),
            spread(ratios(found, runs[base], "total_seconds"), 2),
            spread(column(found, "peak_rss_bytes", 1e6), 0),
        ]
        for test in tests:
            scores = [run["scores"][test] for run in good(found)]
            cells.append(f"{statistics.fmean(scores):.1f}" if scores else "-")
        rows.append([failed(name, found), *cells])
    return table([*columns, "peak MB", *tests], rows)


def plot(document: Document, target: Path) -> None:
    """A bar of training speed for each contender, grouped as the tables are; fastsgns in colour."""
    from matplotlib.figure import Figure

    results = document["results"]
    heights = [len(result["runs"]) + 1 for result in results]
    figure = Figure(figsize=(9, 1 + 0.32 * sum(heights)), layout="constrained")
    all_axes = figure.subplots(len(results), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    figure.suptitle(f"Training on {document['settings']['corpus']}\n{document['hardware']['cpu']}", fontsize=11)
    for axes, result in zip(all_axes, results, strict=True):
        runs = result["runs"]
        speeds = [statistics.median(column(found, "words_per_second", 1e3) or [0]) for found in runs.values()]
        colors = ["#1f77b4" if contender.startswith("fastsgns") else "#a0a0a0" for contender in runs]
        bars = axes.barh(list(runs), speeds, color=colors)
        axes.bar_label(bars, [f"{speed:,.0f}" if speed else "failed" for speed in speeds], padding=4, fontsize=9)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_title(title(result), loc="left", fontsize=10)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[-1].set_xlabel("thousand words a second")
    figure.savefig(target, dpi=150)
