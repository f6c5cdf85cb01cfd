"""Draw docs/pictures/calibration.svg from the figures of calibration.json, without a library."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, ROW = 860, 21
_LEFT, _RIGHT = 250, 30
_TEXT, _QUIET, _GRID, _BAND = "#1f2328", "#59636e", "#d8dee4", "#cfe3d6"
_OURS, _HARD, _THEIRS = "#0550ae", "#bc4c00", "#1a7f37"
_TITLES = {
    "everything": "everything that both hold",
    "name_exact": "names exact",
    "name_close": "names close",
    "name_reversed": "names reversed",
    "name_alias": "names through an alias only",
    "name_other": "names otherwise",
    "dob_exact": "date of birth exact",
    "dob_alias": "date of birth of an alias",
    "dob_one_edit": "date of birth one edit off",
    "dob_other": "date of birth otherwise",
    "postcode_exact": "postcode exact",
    "postcode_outcode": "outcode only",
    "postcode_neither": "neither",
    "middle_exact": "middle name exact",
    "u_name": "names exact",
    "u_dob": "date of birth exact",
    "u_postcode": "postcode exact",
    "u_outcode": "outcode",
    "u_middle": "middle name exact",
    "u_name_close": "names close (not calibrated)",
    "u_dob_one_edit": "date one edit off (not calibrated)",
}
Scale = Callable[[float], float]


class _Drawing:
    """Elements of a picture that grows downwards."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = 0.0

    def text(self, x: float, y: float, words: str, *, size: int = 13, **more: Any) -> None:
        style = {"fill": _TEXT, **more}
        given = " ".join(f'{key.replace("_", "-")}="{value}"' for key, value in style.items())
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {given}>{escape(words)}</text>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1
    ) -> None:
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" '
            f'fill="{colour}"/>'
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>')

    def ring(self, x: float, y: float, colour: str) -> None:
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="white" stroke="{colour}" '
            'stroke-width="2"/>'
        )

    def tick(self, x: float, y: float, colour: str) -> None:
        self.line(x, y - 9, x, y + 9, colour, 2.5)

    def heading(self, title: str, explained: str) -> None:
        self.y += 34
        self.text(24, self.y, title, size=16, font_weight="600")
        self.y += 19
        self.text(24, self.y, explained, fill=_QUIET)
        self.y += 12


def draw(results: dict[str, Any]) -> str:
    """Make the picture."""
    drawing = _Drawing()
    levels = results["agreement"]
    people = f"{results['people']:,} people, {len(results['seeds'])} seeds"
    drawing.heading("How often two agencies' records of one person agree", people)
    _key(drawing)
    mine = [level for level in levels if not level.startswith("u_")]
    _levels(drawing, levels, mine, (-3, 0))
    drawing.heading("How often records of two people agree", "by chance; drawn as above")
    _levels(drawing, levels, [level for level in levels if level.startswith("u_")], (-6, -1))
    names = results["collisions"]
    _top_surnames(drawing, names)
    _full_names(drawing, names)
    height = drawing.y + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" role="img" aria-labelledby="title" '
            'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">',
            '<title id="title">The default synthetic profile beside published figures and the '
            "name tables</title>",
            f'<rect width="{WIDTH}" height="{height:.0f}" fill="white"/>',
            *drawing.parts,
            "</svg>\n",
        ]
    )


def _key(drawing: _Drawing) -> None:
    drawing.y += 10
    y, x = drawing.y, 24.0
    drawing.box(x, y - 7, 26, 14, _BAND)
    drawing.text(x + 32, y + 4, "accepted by the tests")
    drawing.tick(x + 190, y, _THEIRS)
    drawing.text(x + 200, y + 4, "published")
    drawing.dot(x + 290, y, _OURS)
    drawing.text(x + 300, y + 4, "default profile")
    drawing.ring(x + 420, y, _HARD)
    drawing.text(x + 430, y + 4, "hard profile")
    drawing.y += 12


def _levels(
    drawing: _Drawing, levels: dict[str, Any], shown: Sequence[str], powers: tuple[int, int]
) -> None:
    """Draw a row a level on a logarithmic scale."""
    low, high = powers
    top = drawing.y + 8
    bottom = top + ROW * len(shown)

    def at(value: float) -> float:
        place = (math.log10(max(value, 10**low)) - low) / (high - low)
        return _LEFT + min(place, 1) * (WIDTH - _LEFT - _RIGHT - 130)

    _grid(drawing, at, [10**power for power in range(low, high + 1)], top, bottom)
    _head_of_figures(drawing, top, "published  /  default")
    for row, level in enumerate(shown):
        one, y = levels[level], top + ROW * (row + 0.5)
        drawing.text(_LEFT - 14, y + 4, _TITLES[level], text_anchor="end")
        if one["accepted"]:
            x1, x2 = (at(end) for end in one["accepted"])
            drawing.box(x1, y - 7, x2 - x1, 14, _BAND)
        drawing.ring(at(one["hard"]), y, _HARD)
        drawing.dot(at(one["default"]), y, _OURS)
        drawing.tick(at(one["published"]), y, _THEIRS)
        figures = f"{_figure(one['published'])}  /  {_figure(one['default'])}"
        drawing.text(WIDTH - _RIGHT, y + 4, figures, text_anchor="end", fill=_QUIET, size=12)
    drawing.y = bottom + 22


def _grid(drawing: _Drawing, at: Scale, values: Iterable[float], top: float, bottom: float) -> None:
    for value in values:
        drawing.line(at(value), top, at(value), bottom, _GRID)
        drawing.text(
            at(value), bottom + 16, _figure(value), text_anchor="middle", fill=_QUIET, size=12
        )


def _head_of_figures(drawing: _Drawing, top: float, words: str) -> None:
    drawing.text(WIDTH - _RIGHT, top - 4, words, text_anchor="end", fill=_QUIET, size=12)


def _figure(value: float) -> str:
    if value >= 1e-3 or not value:
        return f"{value:.3g}"
    mantissa, power = f"{value:.1e}".split("e")
    return f"{float(mantissa):g}·10⁻{str(abs(int(power))).translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def _top_surnames(drawing: _Drawing, names: dict[str, Any]) -> None:
    """Draw the share of the ten most common surnames: a bar from the tables, a dot measured."""
    rows = {"everybody": names["top_ten"], **names["top_ten_by_origin"]}
    drawing.heading(
        "Share of people who bear one of the ten most common surnames",
        "of their origin: bars by the tables' own weights, dots counted in 200,000 people "
        "(everybody: 1,000,000)",
    )
    top, most = drawing.y + 8, 0.9
    bottom = top + ROW * len(rows)

    def at(value: float) -> float:
        return _LEFT + value / most * (WIDTH - _LEFT - _RIGHT - 130)

    _grid(drawing, at, [0, 0.2, 0.4, 0.6, 0.8], top, bottom)
    _head_of_figures(drawing, top, "tables  /  counted")
    for row, (origin, one) in enumerate(rows.items()):
        y = top + ROW * (row + 0.5)
        drawing.text(_LEFT - 14, y + 4, origin.replace("_", " "), text_anchor="end")
        drawing.box(_LEFT, y - 6, at(one["tables"]) - _LEFT, 12, _BAND)
        drawing.dot(at(one["measured"]), y, _OURS)
        figures = f"{one['tables']:.3f}  /  {one['measured']:.3f}"
        drawing.text(WIDTH - _RIGHT, y + 4, figures, text_anchor="end", fill=_QUIET, size=12)
    drawing.y = bottom + 22


def _full_names(drawing: _Drawing, names: dict[str, Any]) -> None:
    """Draw people per full name over the size of the population."""
    sizes, figures = names["sizes"], names["people_per_name"]
    drawing.heading(
        "People per full name",
        "by size of the population: line as the tables' weights make one expect, dots counted",
    )
    top = drawing.y + 14
    bottom, least, most = top + 180, 1.0, 1.8
    low, high = (math.log10(size) for size in (sizes[0], sizes[-1]))

    def across(size: float) -> float:
        return _LEFT + (math.log10(size) - low) / (high - low) * (WIDTH - _LEFT - _RIGHT - 190)

    def up(value: float) -> float:
        return bottom - (value - least) / (most - least) * (bottom - top)

    for step in range(5):
        y, value = up(least + step / 5), f"{least + step / 5:.1f}"
        drawing.line(_LEFT, y, across(sizes[-1]), y, _GRID)
        drawing.text(_LEFT - 10, y + 4, value, text_anchor="end", fill=_QUIET, size=12)
    points = zip(names["line_sizes"], figures["line"], strict=True)
    path = " ".join(f"{across(size):.1f},{up(value):.1f}" for size, value in points)
    drawing.parts.append(
        f'<polyline points="{path}" fill="none" stroke="{_THEIRS}" stroke-width="2"/>'
    )
    _head_of_figures(drawing, top, "tables  /  counted")
    for row, size in enumerate(sizes):
        expected, counted = figures["tables"][row], figures["measured"][row]
        x = across(size)
        drawing.dot(x, up(counted), _OURS)
        drawing.text(x, bottom + 18, f"{size:,}", text_anchor="middle", fill=_QUIET, size=12)
        words = f"{size:,}:  {expected:.3f}  /  {counted:.3f}"
        _head_of_figures(drawing, top + ROW * (row + 1), words)
    drawing.y = bottom + 24
