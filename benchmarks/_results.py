"""What benchmarks tell: figures of repeated runs, as tables, Markdown documents and JSON; plots are each one's own."""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _common import hardware, versions

PLOTS = (".png", ".svg", ".pdf")
EVERY_RUN = "every run, with machine and versions"

Runs = list[dict[str, Any]]  # of one contender, a repeat each; a failed one has an "error"
Document = dict[str, Any]


def good(runs: Runs) -> Runs:
    return [run for run in runs if "error" not in run]


def first_native(every: Iterable[Runs]) -> dict[str, Any]:
    """The first run of fastsgns that went well, for what is the same in all of them; empty if none did."""
    return next((run for runs in every for run in good(runs) if "simd" in run), {})


def column(runs: Runs, key: str, unit: float = 1.0) -> list[float]:
    return [run[key] / unit for run in good(runs) if run.get(key) is not None]


def ratios(slow: Runs, fast: Runs, key: str) -> list[float]:
    """Run by run, of the same repeat, so that slow minutes of the machine weigh on both; as far as both have run."""
    both = [(a, b) for a, b in zip(slow, fast, strict=False) if "error" not in a and "error" not in b]
    return [a[key] / b[key] for a, b in both]


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and least and most in brackets; a dash for nothing."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):,.{digits}f}-{max(values):,.{digits}f}]"


def heading(machine: dict[str, Any], found: dict[str, str | None]) -> str:
    """What `hardware` and `versions` tell, in two lines."""
    memory = f"{machine['memory_bytes'] / 2**30:.0f} GiB" if machine["memory_bytes"] else "?"
    load = "?" if machine["load_at_start"] is None else f"{machine['load_at_start']:.2f}"
    first = f"{machine['cpu']}, {machine['cores']} cores, {memory}, load {load}, {machine['system']}"
    return first + "\n" + ", ".join(f"{name} {number or 'not installed'}" for name, number in found.items())


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """In Markdown, an empty line before and after."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def write_json(path: Path | None, document: dict[str, Any]) -> None:
    """Every run, for those who want to reckon themselves; nothing without a path."""
    if path:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def failed(name: str, runs: Runs) -> str:
    """The name, and beside it how many runs failed if any did."""
    count = len(runs) - len(good(runs))
    return name + (f" (FAILED, {count} of {len(runs)})" if count else "")


def failures(runs: dict[str, Runs]) -> list[str]:
    """What each failed run said, once for all runs that say the same."""
    said = dict.fromkeys((name, run["error"]) for name, found in runs.items() for run in found if "error" in run)
    return [line for name, error in said for line in ("", f"{name} FAILED:", "", "```", *error.splitlines(), "```")]


def new_document(settings: dict[str, Any], *packages: str) -> Document:
    """What was asked for, and where it runs; "results" are to come."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "hardware": hardware(),
        "versions": versions(*packages),
        "settings": settings,
        "notes": [],
        "results": [],
    }


def opening(document: Document, title: str, *facts: str) -> list[str]:
    """How every document begins: the command, the machine and versions, more facts and the notes."""
    about = [*heading(document["hardware"], document["versions"]).splitlines(), *facts, *document["notes"]]
    return [f"# {title}", "", f"    {document['command']}", "", *(f"- {fact}" for fact in about), ""]


def add_outputs(parser: argparse.ArgumentParser, plot: str | None = None) -> None:
    """Options for what is left behind; `plot` tells what would be drawn."""
    parser.add_argument("--json", type=Path, metavar="OUT", help=EVERY_RUN)
    parser.add_argument("--markdown", type=Path, metavar="OUT", help="the tables, as they are printed at the end")
    if plot:
        parser.add_argument("--plot", type=Path, metavar="OUT", help=f"{plot}: {', '.join(PLOTS)}")


def check_outputs(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Before hours of work, not after."""
    plot = getattr(args, "plot", None)
    for path in (args.json, args.markdown, plot):
        if path is not None and not path.resolve().parent.is_dir():
            parser.error(f"{path.parent}: no such folder")
    if plot is not None and plot.suffix not in PLOTS:
        parser.error(f"{plot}: plots are {', '.join(PLOTS)}")
    if plot is not None and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install '.[bench]'")


def write(document: Document, args: argparse.Namespace, markdown: Callable[[Document], str]) -> None:
    """What is known by now, lest what interrupts the rest takes this too."""
    write_json(args.json, document)
    if args.markdown:
        args.markdown.write_text(markdown(document), encoding="utf-8")
