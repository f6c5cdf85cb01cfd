"""Read dates as clkhash's date columns do: by `strptime`, written again as `YYYYMMDD`.

Formats of fixed width are read all at once; what doesn't fit goes through `strptime`, one distinct
text at a time, so that both ways agree.
"""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

_PART = re.compile(r"%([Ymd])|([-/.:_,; ])")
_WIDTHS = {"Y": 4, "m": 2, "d": 2}
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, *[0] * 87])

NOT_A_DATE = "not a date in the format of the schema"
TOO_EARLY = "a year before 1000, which clkhash writes differently from machine to machine"

Bad = dict[int, str]


def read_dates(texts: list[str], date_format: str) -> tuple[list[str], Bad]:
    """Give every text as `YYYYMMDD`, and why not by place for those that aren't dates.

    Dates before the year 1000 count as wrong: clkhash 0.18.3 gives them a form that depends on
    the machine's C library (7 digits for the year 123 with glibc).
    """
    layout = _layout(date_format)
    if layout is None or not texts:
        found, rest = [""] * len(texts), list(range(len(texts)))
    else:
        found, rest = _read_fixed(texts, *layout)
    bad: Bad = {}
    for place in rest:
        try:
            date = datetime.strptime(texts[place], date_format)
        except ValueError:
            bad[place] = NOT_A_DATE
            continue
        if date.year < 1000:
            bad[place] = TOO_EARLY
        else:
            found[place] = f"{date.year}{date.month:02}{date.day:02}"
    return found, bad


def _layout(date_format: str) -> tuple[dict[str, int], dict[int, str], int] | None:
    """Give where the parts of a fixed-width format start, its other signs, and its width."""
    parts: dict[str, int] = {}
    signs: dict[int, str] = {}
    place = width = 0
    while place < len(date_format):
        match = _PART.match(date_format, place)
        if match is None or match[1] in parts:
            return None
        if match[1]:
            parts[match[1]] = width
            width += _WIDTHS[match[1]]
        else:
            signs[width] = match[2]
            width += 1
        place = match.end()
    return (parts, signs, width) if len(parts) == 3 else None


def _read_fixed(
    texts: list[str], parts: dict[str, int], signs: dict[int, str], width: int
) -> tuple[list[str], list[int]]:
    """Read all texts that fill the layout with a possible day; give the places of the others."""
    letters = np.array(texts, f"U{width}").view(np.uint32).reshape(-1, width)
    good = np.fromiter(map(len, texts), np.int64, len(texts)) == width
    for place, sign in signs.items():
        good &= letters[:, place] == ord(sign)
    wanted = [parts[name] + k for name in "Ymd" for k in range(_WIDTHS[name])]
    digits = letters[:, wanted].astype(np.int64) - ord("0")
    good &= ((digits >= 0) & (digits <= 9)).all(axis=1)
    digits[~good] = 0
    good &= _possible(*(digits @ np.array(tens) for tens in _TENS))
    written = np.ascontiguousarray(letters[:, wanted])
    return written.view("U8").ravel().tolist(), np.flatnonzero(~good).tolist()


_TENS = (
    [1000, 100, 10, 1, 0, 0, 0, 0],
    [0, 0, 0, 0, 10, 1, 0, 0],
    [0, 0, 0, 0, 0, 0, 10, 1],
)


def _possible(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.bool_]:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    days = _DAYS[month] + (leap & (month == 2))
    good: NDArray[np.bool_] = (year >= 1000) & (day >= 1) & (day <= days)
    return good
