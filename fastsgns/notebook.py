"""How models and vectors show in notebooks: a small table, in whatever colours the page has."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

__all__ = ["as_table"]

SHOWN_WORDS = 8
LONGEST_WORD = 32
LEFT = ' style="text-align: left"'


def as_table(title: str, rows: Iterable[tuple[str, Any]], words: Sequence[Any]) -> str:
    """HTML of a table with a caption, a row for each name and value, and one of the first words.

    Parameters
    ----------
    title : str
    rows : iterable of (str, value)
        None and empty values are left out.
    words : sequence

    Returns
    -------
    str
        All text in it is escaped; no colour is set, so that it fits dark pages and light ones.

    Examples
    --------
    >>> print(as_table("KeyedVectors", [("words", 1200)], ["<b>"]))
    <table><caption style="text-align: left"><b>KeyedVectors</b></caption><tbody>
    <tr><th style="text-align: left">words</th><td style="text-align: left">1,200</td></tr>
    <tr><th style="text-align: left">first words</th><td style="text-align: left">&lt;b&gt;</td></tr>
    </tbody></table>
    """
    shown = [
        *((name, as_text(value)) for name, value in rows if value not in (None, "")),
        ("first words", first(words)),
    ]
    lines = [f"<tr><th{LEFT}>{escaped(name)}</th><td{LEFT}>{escaped(text)}</td></tr>" for name, text in shown if text]
    return "\n".join([f"<table><caption{LEFT}><b>{escaped(title)}</b></caption><tbody>", *lines, "</tbody></table>"])


def as_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def first(words: Sequence[Any]) -> str:
    """The first few, long ones cut."""
    texts = [str(word) for word in islice(words, SHOWN_WORDS)]
    cut = [text if len(text) <= LONGEST_WORD else text[: LONGEST_WORD - 1] + "…" for text in texts]
    return ", ".join(cut) + (", …" if len(words) > len(cut) else "")


def escaped(text: str) -> str:
    """For HTML; what no UTF-8 can hold becomes a question mark, as notebooks send it so."""
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))
