"""The page of pathways: charts and tables of numbers that may be published, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linkage import __version__
from linkage.report.flow import WIDTH, draw_flow
from linkage.report.page import render

#: The charts below the flow: their height, and where the drawing begins and ends in it.
_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 250.0, 46.0, 600.0, 14.0, 216.0
_LINE, _MOST_LABELS = 15.0, 16
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: what it says and where."""

    label: str
    at: float


@dataclass(frozen=True)
class Box:
    """One part of a bar: its colour's number, its place, and what it says."""

    shade: int
    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class Line:
    """One line: its colour's number, its points, and where its label stands."""

    stage: int
    label: str
    points: tuple[tuple[float, float], ...]
    label_y: float


@dataclass(frozen=True)
class Chart:
    """Axes, and bars or lines."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    boxes: tuple[Box, ...] = ()
    lines: tuple[Line, ...] = ()


def render_pathways(content: Mapping[str, Any]) -> str:
    """Make the HTML page of what `linkage pathways --json` says."""
    start = _last_stage(content)
    return render(
        "pathways.html",
        pathways=content,
        flow=draw_flow(content),
        start=start,
        returns=_returns_chart(content, start),
        by_year=_year_chart(content),
        width=WIDTH,
        height=_HEIGHT,
        left=_LEFT,
        right=_RIGHT,
        bottom=_BOTTOM,
        version=__version__,
    )


def _last_stage(content: Mapping[str, Any]) -> str:
    """Find the data set that mostly comes last where it comes: from there one asks who returns."""
    last, all_ = (dict.fromkeys(content["datasets"], 0) for _ in range(2))
    for one in content["orders"]:
        groups, persons = one["order"], one["persons"]["all"]
        for name in (name for group in groups for name in group):
            all_[name] += persons
            last[name] += persons if len(groups) > 1 and name in groups[-1] else 0
    names: list[str] = list(reversed(content["datasets"]))
    return max(names, key=lambda name: last[name] / max(1, all_[name]))


def _returns_chart(content: Mapping[str, Any], start: str) -> Chart | None:
    found = [one for one in content["returns"] if one["from"] == start]
    shares = {
        one["to"]: [(step["years"], step["share"]["all"]) for step in one["within"]]
        for one in found
    }
    known = [share for steps in shares.values() for _, share in steps if share is not None]
    if not known or max(known) == 0:
        return None
    ticks, top = _scale(100 * max(known))
    years: int = content["within"]

    def x(year: int) -> float:
        return _LEFT + 20 + (year - 1) * (_RIGHT - _LEFT - 40) / max(1, years - 1)

    lines = []
    for stage, name in enumerate(content["datasets"]):
        points = tuple(
            (x(year), _up(100 * share, top)) for year, share in shares[name] if share is not None
        )
        if points:
            lines.append(Line(stage, name, points, points[-1][1]))
    return Chart(
        tuple(Tick(str(year), x(year)) for year in range(1, years + 1)),
        tuple(Tick(f"{one} %", _up(one, top)) for one in ticks),
        lines=_apart(lines),
    )


def _apart(lines: list[Line]) -> tuple[Line, ...]:
    """Move labels down where they would lie on each other."""
    placed: list[Line] = []
    for one in sorted(lines, key=lambda line: line.label_y):
        y = max(one.label_y, placed[-1].label_y + _LINE) if placed else one.label_y
        placed.append(Line(one.stage, one.label, one.points, y))
    return tuple(placed)


def _year_chart(content: Mapping[str, Any]) -> Chart | None:
    rows = [
        (one["year"], [number["all"] or 0 for number in one["known_to"]])
        for one in content["by_year"]
    ]
    most = max(sum(numbers) for _, numbers in rows)
    if not most:
        return None
    ticks, top = _scale(most)
    step = (_RIGHT - _LEFT) / len(rows)
    boxes = []
    for place, (year, numbers) in enumerate(rows):
        base = 0
        for shade, number in enumerate(numbers):
            high, low = _up(base + number, top), _up(base, top)
            text = f"{year}: {number:,} known to {shade + 1}"
            x, width = _LEFT + step * (place + 0.12), step * 0.76
            if number:
                boxes.append(Box(shade, x, high, width, low - high, text))
            base += number
    every = -(-len(rows) // _MOST_LABELS)
    return Chart(
        tuple(
            Tick(str(year), _LEFT + step * (place + 0.5))
            for place, (year, _) in enumerate(rows)
            if place % every == 0
        ),
        tuple(Tick(f"{one:,}", _up(one, top)) for one in ticks),
        tuple(boxes),
    )


def _up(value: float, top: float) -> float:
    return _BOTTOM - value / top * (_BOTTOM - _TOP)


def _scale(most: float) -> tuple[list[int], int]:
    """Give at most six round ticks from 0 on, and the last of them."""
    step = next(
        one * 10**power for power in range(12) for one in _STEPS if most <= 5 * one * 10**power
    )
    count = max(1, -(-int(-(-most // 1)) // step))
    return [step * n for n in range(count + 1)], step * count
