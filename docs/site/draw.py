"""Draws the pictures of docs/how-it-works.md: python docs/site/draw.py writes two SVG files beside the page.

Each has a background of its own, light or dark as the reader's system is, so that it can be read on any page.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .mono { font-family: ui-monospace, monospace; font-size: 12px }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 12px; fill: #57606a }
  .card { fill: #ffffff; stroke: #d0d7de }
  .cell { fill: #f3f5f7; stroke: #c4ccd4 }
  .pair { fill: #2f81c1; stroke: #ffffff }
  .noise { fill: #f0a35e; stroke: #ffffff }
  .unit { fill: #cfe3f5; stroke: #2f81c1 }
  .other { fill: #d8efe4; stroke: #3a9a6c }
  .line { stroke: #57606a; fill: none; stroke-width: 1.4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #a6b0bb }
    .card { fill: #1b2027; stroke: #3d444d }
    .cell { fill: #262c35; stroke: #4a535e }
    .pair { fill: #4a9fe0; stroke: #1b2027 }
    .noise { fill: #d98a45; stroke: #1b2027 }
    .unit { fill: #1f3a54; stroke: #4a9fe0 }
    .other { fill: #1d4032; stroke: #4fb386 }
    .line { stroke: #a6b0bb }
  }
"""
SENTENCE = ["we", "saw", "a", "small", "red", "fox", "near", "the", "river"]
CELL = 22


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", turn: int = 0) -> str:
    turned = f' transform="rotate({turn} {x} {y})"' if turn else ""
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}"{turned}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str = "cell", round: int = 0) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round}" class="{kind}"/>'


def line(*points: float) -> str:
    return f'<polyline points="{" ".join(map(str, points))}" class="line"/>'


def picture(width: int, height: int, told: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img"><title>{escape(told)}</title><style>{STYLE}</style>'
    )
    return "\n".join([head, box(0.5, 0.5, width - 1, height - 1, "card", 8), *parts, "</svg>"]) + "\n"


def products(x: float, y: float, inputs: list[int], centers: list[int], noise: int) -> list[str]:
    """The table of inputs against outputs: a centre is paired with the words up to two places from it."""
    parts = []
    for row, place in enumerate(inputs):
        top = y + row * CELL
        parts.append(text(x - 6, top + 16, SENTENCE[place], "mono", "end"))
        for column, center in enumerate(centers):
            kind = "pair" if 0 < abs(center - place) <= 2 else "cell"
            parts.append(box(x + column * CELL, top, CELL, CELL, kind))
        parts += [box(x + (len(centers) + k) * CELL, top, CELL, CELL, "noise") for k in range(noise)]
    names = [SENTENCE[center] for center in centers] + [f"noise {k + 1}" for k in range(noise)]
    parts += [text(x + k * CELL + 15, y - 6, name, "mono", turn=-55) for k, name in enumerate(names)]
    return parts


def window_sharing() -> str:
    """What is trained at once in the three modes: a pair, a window, a group of windows."""
    parts = [text(24, 32, "What is trained at once", "title")]
    for place, word in enumerate(SENTENCE):
        kind = "unit" if 3 <= place <= 6 else "cell"
        parts += [box(24 + place * 72, 46, 66, 26, kind, 4), text(57 + place * 72, 64, word, "mono", "middle")]
    parts.append(text(24, 92, "four centres (blue), windows of two words to each side", "small"))
    top, low, x_group = 182, 390, 360
    parts += [text(24, 124, 'negative_sharing="pair"', "mono"), *products(84, top, [3], [4], 5)]
    parts += [text(24, top + 46, "1 input + 6 outputs", "small"), text(24, top + 64, "for 1 pair: 7 rows", "small")]
    for k, told in enumerate(("Orange cells of the group weigh 5/8", "for each pair (blue) of their row.")):
        parts.append(text(x_group - 50, 502 + 18 * k, told, "small"))
    parts += [text(24, low - 62, 'negative_sharing="window"', "mono"), *products(84, low, [2, 3, 5, 6], [4], 5)]
    parts.append(text(24, low + 112, "4 inputs + 6 outputs", "small"))
    parts.append(text(24, low + 130, "for 4 pairs: 2.5 rows a pair", "small"))
    x = x_group
    parts += [text(x - 50, 124, 'negative_sharing="group"', "mono")]
    parts += products(x, top, [1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 5, 6], 8)
    foot = top + 8 * CELL
    parts.append(text(x - 50, foot + 24, "8 inputs + 12 outputs for 16 pairs: 1.25 rows a pair", "small"))
    for k, (kind, told) in enumerate(
        [("pair", "pair: logit raised"), ("noise", "noise: logit lowered"), ("cell", "neither: no gradient")]
    ):
        parts += [box(x - 50, foot + 48 + 24 * k, 16, 16, kind), text(x - 26, foot + 61 + 24 * k, told, "small")]
    told = "In the mode pair one input row meets six output rows; window: four meet six; group: eight meet twelve."
    return picture(690, 545, told, parts)


def memory_layout() -> str:
    """Corpus, tables and matrices as they lie in memory."""
    parts = [text(24, 32, "The corpus: 4 bytes a word", "title")]
    ids = [17, 3, 250, 8, 3, 41, 9, 77, 3, 12, 5, 120, 3, 64, 2, 31]
    for k, number in enumerate(ids):
        kind = ["unit", "other", "cell"][min(k // 6, 2)]
        parts += [box(92 + k * 36, 46, 36, 26, kind), text(110 + k * 36, 64, str(number), "mono", "middle")]
    parts += [text(24, 64, "tokens", "mono"), text(24, 104, "offsets", "mono")]
    for place, offset in ((0, 0), (5, 5), (9, 9), (16, 16)):
        x = 92 + place * 36
        parts += [line(x, 72, x, 88), text(x, 104, str(offset), "mono", "middle")]
    parts.append(text(92, 128, "work units of 4,096 words (here 6), taken in order:", "small"))
    for x, kind, told in ((455, "unit", "thread 1"), (540, "other", "thread 2"), (625, "cell", "next")):
        parts += [box(x, 117, 14, 14, kind), text(x + 20, 128, told, "small")]

    parts.append(text(24, 172, "Two tables: 12 bytes a distinct word", "title"))
    for y, name, cells, told in (
        (186, "keep", 1, "4 bytes: the odds to survive subsampling"),
        (220, "noise", 2, "8 bytes: threshold and alias; one draw, one look"),
    ):
        parts.append(text(24, y + 18, name, "mono"))
        parts += [box(92 + k * 36, y, 36, 26, "noise" if cells == 2 else "cell") for k in range(cells)]
        parts.append(text(176, y + 18, told, "small"))

    parts.append(text(24, 288, "Two matrices: a row a distinct word, padded to lines of 64 bytes", "title"))
    for column, name in enumerate(("input_vectors (the result)", "output_vectors")):
        x = 24 + column * 330
        parts.append(text(x, 314, name, "mono"))
        for row in range(4):
            for k in range(7):
                parts.append(box(x + k * 42, 324 + row * 22, 42, 22, "unit" if row == 1 else "cell"))
    x, y, width = 24, 452, 88
    parts += [line(24, 368, x, y), line(24 + 7 * 42, 368, x + 7 * width, y)]
    for k in range(7):
        parts.append(box(x + k * width, y, width, 30, "unit"))
        parts.append(text(x + k * width + width / 2, y + 20, "16 floats" if k < 6 else "4", "mono", "middle"))
    parts[-1] = text(x + 6 * width + width / 8, y + 20, "4", "mono", "middle")
    parts.append(box(x + 6 * width + width / 4, y, width * 3 / 4, 30))
    parts.append(text(x + 6 * width + width * 5 / 8, y + 20, "zeros", "mono", "middle"))
    parts.append(
        text(x, y + 54, "a row of 100 dimensions: 7 lines, 448 bytes, whole vectors on any processor", "small")
    )
    told = "Tokens and offsets cut into work units; keep and noise tables; two matrices with rows of whole cache lines."
    return picture(690, 525, told, parts)


PICTURES = {"window-sharing.svg": window_sharing, "memory-layout.svg": memory_layout}


def main() -> None:
    for name, draw in PICTURES.items():
        (DOCS / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
