"""The page of an audit: curves of who would be named, and one plain sentence for each finding.

It is drawn from the content of `audit.json`. It shows counts and shares, and no value of a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linkage import __version__
from linkage.report.page import render

#: The drawing in units of its own: where the axes are, and how many styles lines have.
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 640.0, 14.0, 236.0
_STYLES = 6
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)

#: Attacks that have nothing to do with the list.
_KEYS = ("dictionary", "weak keys")
#: Findings on values that the page shows, the worst of them.
_MOST_VALUES = 12

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One finding on a curve: its place, the ends of its interval, and what it says."""

    x: float
    y: float
    low: float
    high: float
    label: str
    finding: Found


@dataclass(frozen=True)
class Curve:
    """One attack: its points from left to right, and the number of its style."""

    name: str
    style: int
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """Give the points as the text of a polyline; longer lists stand apart."""
        near = [one for one in self.points if one.finding["setting"]["times"] == 1]
        return " ".join(f"{one.x:.1f},{one.y:.1f}" for one in near)

    def at(self, label: str) -> Found | None:
        """Give the finding at a label, for the table."""
        return next((one.finding for one in self.points if one.label == label), None)


@dataclass(frozen=True)
class Chart:
    """Shares of named people over one thing that varies; `labels` with their places below."""

    title: str
    axis: str
    labels: tuple[tuple[str, float], ...]
    curves: tuple[Curve, ...]


def render_audit(content: Mapping[str, Any]) -> str:
    """Make the HTML page of what `audit.json` holds."""
    found = content["findings"]
    people = [one for one in found if one["attempts"] and one["what"] == "people"]
    values = [one for one in found if one["attempts"] and one["what"] != "people"]
    return render(
        "audit.html",
        audit=content,
        people=_worst_first(people),
        values=_worst_first(values)[:_MOST_VALUES],
        more_values=max(0, len(values) - _MOST_VALUES),
        groups=[one for one in found if not one["attempts"]],
        charts=_charts(people),
        ticks=[(one, _height(one)) for one in _TICKS],
        frame={"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM},
        version=__version__,
    )


def _worst_first(found: Sequence[Found]) -> list[Found]:
    return sorted(found, key=lambda one: -float(one["named"]))


def _charts(people: Sequence[Found]) -> list[Chart]:
    """Make a chart of every thing that varies at all."""
    plain = [one for one in people if _is(one, errors=0, known=0) and one["attack"] not in _KEYS]
    drawn = [one for one in people if one["setting"]["errors"] and _is(one, known=0)]
    known = [one for one in people if one["setting"]["known"]]
    made = [
        _chart(
            "By the attacker's list",
            "share of your people on a list as long as the file; last, a longer list",
            plain,
            lambda one: (one["setting"]["times"], one["setting"]["overlap"]),
            _list_label,
        ),
        _chart(
            "By errors between the file and the list",
            "share of characters that differ",
            drawn,
            lambda one: (one["setting"]["times"], one["setting"]["errors"]),
            lambda one: f"{one['setting']['errors']:.0%}" + _longer(one),
        ),
        _chart(
            "By people whom the attacker knows",
            "number of records whose people he knows beforehand",
            known,
            lambda one: (one["setting"]["known"],),
            lambda one: f"{one['setting']['known']:,}",
        ),
    ]
    return [one for one in made if len(one.labels) > 1]


def _is(one: Found, **setting: float) -> bool:
    return all(one["setting"][name] == value for name, value in setting.items())


def _list_label(one: Found) -> str:
    setting = one["setting"]
    return f"all{_longer(one)}" if setting["times"] != 1 else f"{setting['overlap']:.0%}"


def _longer(one: Found) -> str:
    times = one["setting"]["times"]
    return "" if times == 1 else f", x{times:g}"


def _chart(
    title: str,
    axis: str,
    found: Sequence[Found],
    order: Callable[[Found], tuple[float, ...]],
    label: Callable[[Found], str],
) -> Chart:
    """Lay findings out in their order, evenly; each attack is a curve."""
    steps = list(dict.fromkeys(label(one) for one in sorted(found, key=order)))
    width = (_RIGHT - _LEFT) / max(len(steps), 1)
    places = {one: _LEFT + width * (number + 0.5) for number, one in enumerate(steps)}
    curves = []
    for number, name in enumerate(dict.fromkeys(one["attack"] for one in found)):
        points = [
            Point(
                places[label(one)],
                _height(one["named"]),
                _height(one["low"]),
                _height(one["high"]),
                label(one),
                one,
            )
            for one in found
            if one["attack"] == name
        ]
        points.sort(key=lambda one: one.x)
        curves.append(Curve(name, number % _STYLES, tuple(points)))
    return Chart(title, axis, tuple(places.items()), tuple(curves))


def _height(share: float) -> float:
    return _BOTTOM - share * (_BOTTOM - _TOP)
