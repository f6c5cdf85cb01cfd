"""Write the tables and the picture of `docs/frontier.md` from the results of `benchmarks.frontier`.

python -m benchmarks.frontier_page
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import product
from statistics import mean
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.frontier import ATTACKERS, CHOSEN, OVERLAPS, Attacker, part_name
from benchmarks.hardening import SETS
from benchmarks.measure import RESULTS, ROOT

PAGE = ROOT / "docs" / "frontier.md"
PICTURE = ROOT / "docs" / "pictures" / "frontier.svg"
#: Colour refinement needs no similarity, and is not drawn.
DRAWN = ATTACKERS[1:]
_WIDTH, _PANEL, _HEIGHT, _LEFT, _GAP = 860, 350, 230, 66, 60
_LEAST, _LOW, _HIGH = 1e-3, 0.90, 1.0
_TEXT, _QUIET, _GRID = "#1f2328", "#59636e", "#d8dee4"
_COLOURS = {"record": "#0550ae", "field": "#bc4c00", "anchored": "#1a7f37"}

Cells = dict[str, dict[str, dict[str, Any]]]


def read() -> dict[str, Any]:
    """Read the results file."""
    found: dict[str, Any] = json.loads((RESULTS / "frontier.json").read_text(encoding="utf-8"))
    return found


def encodings(cells: Cells) -> list[str]:
    """List the encodings of which anything is known, the chosen ones first."""
    known = dict.fromkeys(title for of_data in cells.values() for title in of_data)
    return [one for one in CHOSEN if one in known] + [one for one in known if one not in CHOSEN]


def f1(keys: dict[str, Any]) -> float | None:
    """Give the mean F1 over keys."""
    told = [parts["f1"]["f1"] for parts in keys.values() if "f1" in parts]
    return mean(told) if told else None


def named(keys: dict[str, Any], attacker: Attacker, overlap: float) -> float | None:
    """Give the highest share named over keys."""
    part = part_name(attacker, overlap)
    return max((parts[part]["named"] for parts in keys.values() if part in parts), default=None)


def attempts(keys: dict[str, Any], attacker: Attacker, overlap: float) -> int:
    """Count the attempts over keys."""
    part = part_name(attacker, overlap)
    return sum(parts[part]["attempts"] for parts in keys.values() if part in parts)


def table(results: dict[str, Any], data: str) -> str:
    """Make the table of a data set; shares are with their attempts."""
    heads = [part_name(*one).replace("%", " %") for one in product(ATTACKERS, OVERLAPS)]
    lines = [
        f"| | {data} | F1 | {' | '.join(heads)} |",
        "| ---: | --- " + "| --- " * (1 + len(heads)) + "|",
    ]
    for number, title in enumerate(encodings(results["cells"]), 1):
        keys = results["cells"].get(data, {}).get(title, {})
        shares = [
            f"{_figure(named(keys, *one))} ({attempts(keys, *one)})"
            if named(keys, *one) is not None
            else "-"
            for one in product(ATTACKERS, OVERLAPS)
        ]
        lines.append(f"| {number} | {title} | {_figure(f1(keys), 4)} | {' | '.join(shares)} |")
    return "\n".join(lines)


def _figure(value: float | None, places: int = 3) -> str:
    if value is None:
        return "-"
    text = f"{value:.{places}f}"
    return text.removeprefix("0") if value < 1 else text


def basis(results: dict[str, Any]) -> str:
    """Say what the tables stand on."""
    keys = {number for one in results["cells"].values() for k in one.values() for number in k}
    people, samples = results["people"], len(keys)
    counted = "one key, one sample" if samples == 1 else f"up to {samples} keys, a sample each"
    both = round(min(OVERLAPS) * people)
    return (
        f"{people:,} people on each side; {counted}. At an overlap of {min(OVERLAPS):.0%} "
        f"{both:,} people can be named, and one of them is {_figure(1 / both, 4)}. In brackets the "
        "number of attempts, which end when nine in ten are named. A dash is not measured."
    ).replace("%", " %")


def draw(results: dict[str, Any]) -> str:
    """Draw F1 over the highest share that matching named: a panel a data set and overlap."""
    cells = results["cells"]
    titles = encodings(cells)
    parts = [_text(24, 30, "F1, and the highest share that graph matching named", 16, bold=True)]
    for row, overlap in enumerate(OVERLAPS):
        for column, data in enumerate(SETS):
            left = _LEFT + column * (_PANEL + _GAP)
            top = 78 + row * (_HEIGHT + 74)
            parts += _panel(cells.get(data, {}), titles, overlap, left, top)
            parts.append(_text(left, top - 10, f"{data}, {overlap:.0%} in both", 13, bold=True))
    y = 78.0 + len(OVERLAPS) * (_HEIGHT + 74)
    for number, title in enumerate(titles):
        x, line = (_LEFT, _LEFT + _PANEL + _GAP)[number % 2], y + 20 * (number // 2)
        parts += _mark(x, line - 4, number + 1, title)
        parts.append(_text(x + 16, line, title, 12))
    height = y + 20 * ((len(titles) + 1) // 2) + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
            f'width="{_WIDTH}" height="{height:.0f}" role="img" aria-labelledby="title" '
            'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">',
            '<title id="title">Linkage F1 against the share of people named, by encoding</title>',
            f'<rect width="{_WIDTH}" height="{height:.0f}" fill="white"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _panel(
    cells: dict[str, Any], titles: list[str], overlap: float, left: float, top: float
) -> Iterator[str]:
    def across(share: float) -> float:
        return left + (1 - math.log10(max(share, _LEAST)) / math.log10(_LEAST)) * _PANEL

    def up(value: float) -> float:
        return top + (_HIGH - max(value, _LOW)) / (_HIGH - _LOW) * _HEIGHT

    for tick, words in ((_LEAST, "≤ .001"), (0.01, ".01"), (0.1, ".1"), (1, "1")):
        yield _line(across(tick), top, across(tick), top + _HEIGHT)
        yield _text(across(tick), top + _HEIGHT + 18, words, 12, anchor="middle", fill=_QUIET)
    for value in (0.90, 0.92, 0.94, 0.96, 0.98, 1.0):
        yield _line(left, up(value), left + _PANEL, up(value))
        yield _text(left - 8, up(value) + 4, f"{value:.2f}", 12, anchor="end", fill=_QUIET)
    taken: list[tuple[float, float]] = []
    for number, title in enumerate(titles, 1):
        keys = cells.get(title, {})
        cost = f1(keys)
        told = [share for one in DRAWN if (share := named(keys, one, overlap)) is not None]
        if cost is None or not told:
            continue
        x, y = across(max(told)), up(cost)
        step = 15 if x < left + _PANEL / 2 else -15
        while any(abs(x - a) < 14 and abs(y - b) < 14 for a, b in taken):
            x += step  # beside the other, for one would hide the other
        taken.append((x, y))
        yield from _mark(x, y, number, title)


def _mark(x: float, y: float, number: int, title: str) -> Iterator[str]:
    colour = _COLOURS[title.partition(":")[0]]
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{colour}"/>'
    yield _text(x, y + 3.5, str(number), 10, anchor="middle", fill="white")


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{_GRID}" stroke-width="1"/>'
    )


def _text(
    x: float,
    y: float,
    words: str,
    size: int,
    *,
    bold: bool = False,
    anchor: str = "start",
    fill: str = _TEXT,
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{fill}"{weight}>{escape(words)}</text>'
    )


def blocks(results: dict[str, Any]) -> dict[str, str]:
    """Give what stands between the marks of the page."""
    return {"basis": basis(results)} | {data: table(results, data) for data in SETS}


def main() -> None:
    """Put the tables between their marks, and draw the picture."""
    results = read()
    text = PAGE.read_text(encoding="utf-8")
    for name, content in blocks(results).items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(
            marks, lambda m, content=content: f"{m[1]}{content}\n{m[2]}", text, flags=re.DOTALL
        )
        assert count == 1, f"the page has lost the marks of {name}"
    PAGE.write_text(text, encoding="utf-8")
    PICTURE.write_text(draw(results), encoding="utf-8")


if __name__ == "__main__":
    main()
