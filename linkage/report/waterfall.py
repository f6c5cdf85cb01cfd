"""The page of one explained pair: a waterfall chart of its match weight, and the same as a table.

It shows record ids of the encoded files and levels of agreement, and no value of a person.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linkage import __version__
from linkage.report.page import render

#: The chart in units of its own: where labels end, bars begin and end, and the height of a row.
_LABELS, _START, _STOP, _ROW = 232.0, 244.0, 640.0, 28.0
_TOP, _MOST_TICKS = 26.0, 8


@dataclass(frozen=True)
class _Bar:
    """One bar: its place, what it says, and where the line to the next bar stands."""

    name: str
    weight: float
    kind: str
    x: float
    y: float
    width: float
    end: float


@dataclass(frozen=True)
class _Tick:
    weight: int
    x: float


def render_waterfall(content: Mapping[str, Any]) -> str:
    """Make the HTML page of what `linkage explain --json` says of a pair."""
    bars, ticks = _bars(content["steps"]), _ticks(content["steps"])
    return render(
        "waterfall.html",
        pair=content,
        bars=bars,
        ticks=ticks,
        height=_TOP + _ROW * len(bars) + 8,
        row=_ROW,
        labels=_LABELS,
        stop=_STOP,
        top=_TOP,
        version=__version__,
    )


def _bars(steps: list[dict[str, Any]]) -> list[_Bar]:
    if not steps:
        return []
    place, start = _scale(steps), 0.0
    spans = []
    for one in steps:
        spans.append((one["name"], one["weight"], start, one["total"]))
        start = one["total"]
    spans.append(("match weight", start, 0.0, start))
    bars = []
    for number, (name, weight, before, after) in enumerate(spans):
        kind = "sum" if number == len(steps) else "good" if weight >= 0 else "bad"
        low, high = sorted((place(before), place(after)))
        y = _TOP + _ROW * number + 5
        bars.append(_Bar(name, weight, kind, low, y, max(high - low, 1.5), place(after)))
    return bars


def _ticks(steps: list[dict[str, Any]]) -> list[_Tick]:
    """Give round weights over the whole range, 0 among them."""
    if not steps:
        return []
    low, high = _range(steps)
    step = next(
        one
        for power in range(9)
        for one in (10**power, 2 * 10**power, 5 * 10**power)
        if (high - low) / one <= _MOST_TICKS or power == 8
    )
    place = _scale(steps)
    return [
        _Tick(step * n, place(step * n))
        for n in range(math.ceil(low / step), math.floor(high / step) + 1)
    ]


def _range(steps: list[dict[str, Any]]) -> tuple[float, float]:
    totals = [0.0, *(one["total"] for one in steps)]
    return min(totals), max(max(totals), min(totals) + 1)


def _scale(steps: list[dict[str, Any]]) -> Any:
    low, high = _range(steps)
    return lambda weight: _START + (weight - low) / (high - low) * (_STOP - _START)
