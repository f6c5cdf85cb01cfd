"""Dates as day numbers: conversion, slips of the pen, and text in an agency's format."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.synth.draws import Ints, Texts

#: Dates of birth run from 1 January of the first year to 31 December of the last.
FIRST_YEAR, LAST_YEAR = 1900, 2010
#: A day number that stands for no date at all.
MISSING = np.int32(-1)
FORMATS = ("yyyy-mm-dd", "dd/mm/yyyy", "dd-Mon-yyyy")
_EPOCH = np.datetime64(f"{FIRST_YEAR}-01-01")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS_IN_MONTH = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def day_number(year: npt.NDArray[Any], month: npt.NDArray[Any], day: npt.NDArray[Any]) -> Ints:
    """Days from 1900-01-01; the date must be a real one."""
    months = (year - 1970) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days: Ints = ((first - _EPOCH).astype(np.int64) + day - 1).astype(np.int32)
    return days


def parts(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of each day number."""
    date = _EPOCH + days.astype(np.int64)
    month = date.astype("datetime64[M]")
    number = month.astype(np.int64)
    day = (date - month.astype("datetime64[D]")).astype(np.int32) + 1
    year, month_of_year = np.divmod(number, 12)
    return (year + 1970).astype(np.int32), (month_of_year + 1).astype(np.int32), day


def one_digit_off(rng: np.random.Generator, days: Ints) -> Ints:
    """Change one digit of each date such that a real date comes out."""
    out = days.copy()
    left = np.flatnonzero(days >= 0)
    for _ in range(8):
        fields = np.stack(parts(days[left]))
        # Year's third or fourth digit, month's second digit, day's first or second digit.
        place = rng.integers(0, 5, left.size)
        unit = np.array([10, 1, 1, 10, 1])[place]
        row = np.array([0, 0, 1, 2, 2])[place]
        column = np.arange(left.size)
        digit = fields[row, column] // unit % 10
        other = (digit + rng.integers(1, 10, left.size)) % 10
        fields[row, column] += (other - digit) * unit
        fine = is_date(*fields)
        out[left[fine]] = day_number(*fields[:, fine])
        left = left[~fine]
    return out


def day_month_swapped(days: Ints) -> Ints:
    """Write the month where the day goes and the other way round, where that gives a date."""
    year, month, day = parts(days)
    swap = (days >= 0) & (day <= 12)
    out = days.copy()
    out[swap] = day_number(year[swap], day[swap], month[swap])
    return out


def another_day(rng: np.random.Generator, days: Ints) -> Ints:
    """Give a false date of birth: another year for some, another day of the year for others."""
    years = rng.integers(1, 6, days.size) * np.where(rng.random(days.size) < 0.5, 365, -365)
    shift = np.where(rng.random(days.size) < 0.6, years, 0) + rng.integers(-170, 171, days.size)
    limit = int(day_number(*(np.array([n]) for n in (LAST_YEAR, 12, 31)))[0])
    return np.where(days >= 0, np.clip(days + shift, 0, limit), days).astype(np.int32)


def is_date(
    year: npt.NDArray[Any], month: npt.NDArray[Any], day: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Whether each is a date of the calendar between the first year and the last."""
    fine = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = _DAYS_IN_MONTH[np.where(fine, month, 0)] + ((month == 2) & leap)
    return np.asarray(fine & (day >= 1) & (day <= length))


def date_text(days: Ints, style: str) -> Texts:
    """Write each date in one of FORMATS; a missing one is ''."""
    return _calendar(style)[days]


@functools.cache
def _calendar(style: str) -> Texts:
    """Text of every day; the last entry, which index -1 finds, is the missing date."""
    end = np.datetime64(f"{LAST_YEAR + 1}-01-01")
    days = np.arange((end - _EPOCH).astype(int), dtype=np.int32)
    year, month, day = parts(days)
    rows = zip(year.tolist(), month.tolist(), day.tolist(), strict=True)
    if style == "yyyy-mm-dd":
        lines = [f"{y}-{m:02}-{d:02}" for y, m, d in rows]
    elif style == "dd/mm/yyyy":
        lines = [f"{d:02}/{m:02}/{y}" for y, m, d in rows]
    else:
        lines = [f"{d:02}-{MONTHS[m - 1]}-{y}" for y, m, d in rows]
    return np.array([*lines, ""], object)
