"""What all pages share: the templates, and how numbers and foreign texts are shown.

A page asks for nothing from anywhere: no script, no font, no picture, and a content security
policy that says so. Everything in it is escaped, since cell contents are hostile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_SHOWN_SIGNS = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
#: Signs that turn the direction of the text around them, and line ends that are not one.
_SHOWN_SIGNS |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), 0x2028, 0x2029], 0xFFFD)
_SHOWN_SIGNS |= dict.fromkeys(range(0x2066, 0x206A), 0xFFFD)
_MOST_BARS = 32


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: what it stands for, its rows, and its height from 0 to 100."""

    label: str
    rows: int
    height: float


def render(template: str, **content: Any) -> str:
    """Fill a template; a name that the content lacks is an error."""
    return _environment().get_template(template).render(content)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("linkage.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "visible": _visible,
        "marked": _marked,
    }
    return environment


def histogram(counts: Sequence[tuple[int, int]], step: int = 1) -> list[Bar]:
    """Make at most 32 bars of equal width from (value, rows) in rising order of values.

    `step` is the distance between neighbouring values.
    """
    if not counts:
        return []
    lowest, highest = counts[0][0], counts[-1][0]
    width = -(-((highest - lowest) // step + 1) // _MOST_BARS) * step
    sums = [0] * ((highest - lowest) // width + 1)
    for value, rows in counts:
        sums[(value - lowest) // width] += rows
    most = max(1, *sums)
    starts = [lowest + place * width for place in range(len(sums))]
    labels = [f"{one}" if width == 1 else f"{one} to {one + width - 1}" for one in starts]
    return [Bar(label, rows, 100 * rows / most) for label, rows in zip(labels, sums, strict=True)]


def _number(value: int) -> str:
    return f"{value:,}"


def _percent(count: int, total: int) -> str:
    share = 100 * count / max(1, total)
    if 0 < share < 0.1:
        return "<0.1 %"
    return f"{share:.1f} %" if 0 < share < 10 or 99 < share < 100 else f"{share:.0f} %"


def _visible(text: str) -> str:
    """Show control signs, which could disturb the page, as pictures of themselves."""
    return text.translate(_SHOWN_SIGNS)


def _marked(text: str) -> Markup:
    """Show what stands between backquotes as code; all else is escaped."""
    parts = [escape(_visible(part)) for part in text.split("`")]
    pieces = [
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    ]
    return Markup("").join(pieces)
