"""A flow chart of orders: which stages persons reach first, and which next, as bands between bars.

Stages of one year share a bar. Bars of a column stand below each other, and a band is as high as
the number of persons who go on, so that who goes no further is what a bar is higher than its bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The chart in units of its own: its width, a bar's, where the first starts, and room for labels.
WIDTH, _BAR, _LEFT, _LABEL = 720.0, 12.0, 4.0, 138.0
#: Height of all persons together, of a label, and the space between two bars.
_ALL, _LINE, _SPACE, _TOP = 340.0, 15.0, 9.0, 24.0
BACK = "and back"

_Place = tuple[int, str]


@dataclass(frozen=True)
class Part:
    """A part of a bar in the colour of one stage; -1 is none."""

    stage: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """The bar of a stage, or of several that are reached in one year, in one column."""

    label: str
    persons: int
    x: float
    y: float
    parts: tuple[Part, ...]
    label_y: float


@dataclass(frozen=True)
class Band:
    """A band from one bar to another; `path` is SVG."""

    text: str
    stage: int
    path: str


@dataclass(frozen=True)
class Flow:
    """The whole chart: bars, bands, its height, and the columns' headings with their places."""

    bars: tuple[Bar, ...]
    bands: tuple[Band, ...]
    height: float
    headings: tuple[tuple[str, float], ...]


def draw_flow(content: Mapping[str, Any]) -> Flow | None:
    """Draw the orders of what `linkage pathways --json` says, or nothing if all are hidden."""
    bars, bands = _sums(content)
    if not bars:
        return None
    columns = max(column for column, _ in bars) + 1
    step = (WIDTH - _LEFT - _LABEL - _BAR) / max(1, columns - 1)
    scale = _ALL / max(1, sum(persons for (column, _), persons in bars.items() if column == 0))
    names = content["datasets"]
    placed: dict[_Place, Bar] = {}
    height = 0.0
    for column in range(columns):
        y = _TOP
        for place in sorted((one for one in bars if one[0] == column), key=_order(names)):
            high = max(1.5, bars[place] * scale)
            placed[place] = _bar(place, bars[place], _LEFT + column * step, y, high, names)
            y += max(high, _LINE) + _SPACE
        height = max(height, y)
    headings = ("first", "then", *("after that" for _ in range(columns - 2)))
    return Flow(
        tuple(placed.values()),
        tuple(_bands(bands, placed, scale, names)),
        height,
        tuple((text, _LEFT + n * step) for n, text in enumerate(headings[:columns])),
    )


def _sums(content: Mapping[str, Any]) -> tuple[dict[_Place, int], dict[tuple[_Place, _Place], int]]:
    """Add up persons by bar and by band, of the orders that are published."""
    bars: dict[_Place, int] = {}
    bands: dict[tuple[_Place, _Place], int] = {}
    routes = [([one["datasets"]], one["persons"]["all"], 0)
              for one in content["sets"] if len(one["datasets"]) == 1]  # fmt: skip
    routes += [(one["order"], one["persons"]["all"], (one["back"] or {"all": 0})["all"] or 0)
               for one in content["orders"]]  # fmt: skip
    for groups, persons, back in routes:
        places = [(column, " + ".join(group)) for column, group in enumerate(groups)]
        counts = [persons or 0] * len(places)
        if back:
            places.append((len(places), BACK))
            counts.append(back)
        for place, count in zip(places, counts, strict=True):
            if count:
                bars[place] = bars.get(place, 0) + count
        for one, other, count in zip(places, places[1:], counts[1:], strict=False):
            bands[one, other] = bands.get((one, other), 0) + count
    return bars, bands


def _order(names: Sequence[str]) -> Any:
    """Order bars: by the number of stages, then by the stages, and last who comes back."""

    def key(place: _Place) -> tuple[int, list[int]]:
        if place[1] == BACK:
            return len(names) + 1, []
        stages = place[1].split(" + ")
        return len(stages), [names.index(one) for one in stages]

    return key


def _bar(
    place: _Place, persons: int, x: float, y: float, height: float, names: Sequence[str]
) -> Bar:
    label = place[1]
    stages = [-1] if label == BACK else [names.index(one) for one in label.split(" + ")]
    part = height / len(stages)
    parts = tuple(Part(stage, y + n * part, part) for n, stage in enumerate(stages))
    return Bar(label, persons, x, y, parts, y + max(height, _LINE) / 2)


def _bands(
    bands: Mapping[tuple[_Place, _Place], int],
    bars: Mapping[_Place, Bar],
    scale: float,
    names: Sequence[str],
) -> list[Band]:
    order = _order(names)
    left = {place: bar.y for place, bar in bars.items()}
    right = dict(left)
    drawn = []
    for one, other in sorted(bands, key=lambda ends: (ends[0][0], order(ends[0]), order(ends[1]))):
        persons = bands[one, other]
        height = persons * scale
        start, stop = bars[one].x + _BAR, bars[other].x
        path = _path(start, left[one], stop, right[other], height)
        left[one] += height
        right[other] += height
        text = f"{bars[one].label}, then {bars[other].label}: {persons:,}"
        drawn.append(Band(text, bars[one].parts[0].stage, path))
    return drawn


def _path(start: float, top: float, stop: float, other: float, height: float) -> str:
    """Draw a band that leaves and arrives level."""
    middle = (start + stop) / 2
    return (
        f"M{start:.1f},{top:.1f}C{middle:.1f},{top:.1f} {middle:.1f},{other:.1f} "
        f"{stop:.1f},{other:.1f}V{other + height:.1f}C{middle:.1f},{other + height:.1f} "
        f"{middle:.1f},{top + height:.1f} {start:.1f},{top + height:.1f}Z"
    )
