"""Fonts in which matplotlib can draw given words: one for Chinese, Japanese or Korean where its own has no glyphs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

__all__ = ["fonts_for"]

BASE = "DejaVu Sans"  # comes with matplotlib
# What is asked first, of fonts that have the same glyphs.
PREFERRED = ("Noto Sans CJK", "Source Han Sans", "Noto Sans", "WenQuanYi", "PingFang", "Microsoft YaHei", "SimHei")


def fonts_for(texts: Iterable[str]) -> list[str]:
    """Names of font families for matplotlib's ``fontfamily``, that together have all characters if any do.

    A warning names the characters that no installed font has.
    """
    missing = {ord(character) for text in texts for character in text if character.isprintable()} - glyphs(base_file())
    names, hidden = [BASE], set(missing)
    while hidden:
        best = max(
            installed(), key=lambda font: (len(hidden & glyphs(font.fname)), preference(font, hidden)), default=None
        )
        if best is None or not hidden & glyphs(best.fname):
            warn_once(frozenset(hidden))
            break
        hidden -= glyphs(best.fname)
        names.append(best.name)
    return names


@cache
def base_file() -> str:
    from matplotlib.font_manager import findfont

    return str(findfont(BASE))


@cache
def installed() -> list[Any]:
    """Upright fonts of normal weight, those too that were installed after matplotlib looked last."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {os.path.realpath(font.fname) for font in fontManager.ttflist}
    for path in sorted(findSystemFonts()):
        if os.path.realpath(path) not in known:
            try:
                fontManager.addfont(path)
            except (RuntimeError, OSError, ValueError):  # bitmaps, such as most emoji
                continue
    # Last Resort, which comes with matplotlib, has a picture of a box for every character.
    upright = [font for font in fontManager.ttflist if font.style == "normal" and "Last Resort" not in font.name]
    return sorted((font for font in upright if font.weight in (400, "normal", "regular")), key=by_name)


def by_name(font: Any) -> tuple[str, str]:
    return font.name, font.fname


@cache
def glyphs(path: str) -> frozenset[int]:
    """The characters that a font file has."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (RuntimeError, OSError, ValueError):
        return frozenset()


def preference(font: Any, hidden: set[int]) -> tuple[int, bool]:
    """Higher for fonts made for reading labels, and of several for the languages that share signs the fitting one."""
    if any(0x3040 <= code < 0x3100 for code in hidden):
        language = "JP"
    else:
        language = "KR" if any(0xAC00 <= code < 0xD7B0 for code in hidden) else "SC"
    place = next((place for place, name in enumerate(PREFERRED) if font.name.startswith(name)), len(PREFERRED))
    return -place, font.name.endswith(language)


@cache
def warn_once(hidden: frozenset[int]) -> None:
    """Say once which characters will be boxes."""
    some = "".join(map(chr, sorted(hidden)[:5]))
    warnings.warn(
        f"no installed font has {some!r}{' and others' if len(hidden) > 5 else ''}: boxes are drawn instead."
        " Install one that has, such as Noto (on Debian: apt install fonts-noto-cjk for Chinese, Japanese and Korean)",
        stacklevel=4,
    )
