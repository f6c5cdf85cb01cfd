"""What clkhash's own schema documents may hold, with every key checked as clkhash 0.18.3 does.

A check takes a value, its place such as `features[2].hashing.ngram`, and a list to which it adds
the places of keys that clkhash accepts and ignores. It raises `InputError` that names the place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from linkage.errors import InputError

Check = Callable[[Any, str, list[str]], None]


@dataclass(frozen=True)
class Shape:
    """Check an object: the checks of its keys, those it must have, and if it may have others."""

    keys: dict[str, Check]
    required: tuple[str, ...]
    closed: bool = True

    def __call__(self, value: Any, place: str, ignored: list[str]) -> None:
        """Check an object and all that is in it."""
        if not isinstance(value, dict):
            raise InputError(f"{place or 'the schema'}: must be an object with named keys")
        prefix = f"{place}." if place else ""
        for key in self.required:
            if key not in value:
                raise InputError(f"{prefix}{key}: is missing")
        for key, one in value.items():
            if key in self.keys:
                self.keys[key](one, prefix + key, ignored)
            elif self.closed:
                raise InputError(f"{prefix}{key}: unknown key; clkhash refuses it")
            else:
                ignored.append(prefix + key)


def text(value: Any, place: str, ignored: list[str]) -> None:
    """Check a text."""
    if not isinstance(value, str):
        raise InputError(f"{place}: must be a text")


def texts(value: Any, place: str, ignored: list[str]) -> None:
    """Check a list of texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError(f"{place}: must be a list of texts")


def boolean(value: Any, place: str, ignored: list[str]) -> None:
    """Check a truth value."""
    if not isinstance(value, bool):
        raise InputError(f"{place}: must be true or false")


def anything(value: Any, place: str, ignored: list[str]) -> None:
    """Leave a value to the check of the upgraded document."""


def choice(*known: str) -> Check:
    """Check that a value is one of a few texts."""

    def check(value: Any, place: str, ignored: list[str]) -> None:
        if not isinstance(value, str) or value not in known:
            raise InputError(f"{place}: must be {' or '.join(known)}")

    return check


def weight(value: Any, place: str, ignored: list[str]) -> None:
    """Check a number from 0 to 1000; the upper bound is one of this library."""
    if not _is_number(value) or not 0 <= value <= 1000:
        raise InputError(f"{place}: must be a number from 0 to 1000")


def positive(value: Any, place: str, ignored: list[str]) -> None:
    """Check a finite number above 0."""
    if not _is_number(value) or value <= 0:
        raise InputError(f"{place}: must be a number above 0")


def integer(least: int | None, most: int | None = None, *, whole_floats: bool = False) -> Check:
    """Check a whole number. The upper bound is one of this library, where work must end.

    JSON Schema draft 7 takes 20.0 for a whole number, and clkhash can use it in some places.
    """

    def check(value: Any, place: str, ignored: list[str]) -> None:
        whole = isinstance(value, int) or (whole_floats and _is_number(value) and value % 1 == 0)
        if isinstance(value, bool) or not whole:
            raise InputError(f"{place}: must be a whole number")
        if least is not None and value < least:
            raise InputError(f"{place}: must be at least {least}")
        if most is not None and value > most:
            raise InputError(f"{place}: must be at most {most}")

    return check


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else True
