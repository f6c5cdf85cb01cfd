"""What a clkhash schema says of each column: the format of its cells, and how they set bits.

Defaults and refusals are those of `clkhash.field_formats` and `clkhash.comparators`, 0.18.3.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Literal

from linkage.agency.clkhash.documents import Content
from linkage.errors import InputError

HashType = Literal["blakeHash", "doubleHash"]


@dataclass(frozen=True)
class Format:
    """What the cells of a column may hold. Only string columns have an encoding of their own."""

    type: Literal["string", "integer", "date", "enum"]
    encoding: str = "utf-8"
    pattern: str | None = None
    case: str = "mixed"
    min_length: int | None = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    date_format: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ngram:
    """Compare by windows of `n` letters, with their position if `positional`."""

    n: int
    positional: bool


@dataclass(frozen=True)
class Exact:
    """Compare whole values."""


@dataclass(frozen=True)
class Numeric:
    """Compare numbers by neighbours: `2 * resolution + 1` of them, `distance` apart.

    `distance` is the schema's threshold distance in units of the last decimal place kept.
    """

    distance: int
    resolution: int
    precision: int


@dataclass(frozen=True)
class Hashing:
    """How a column's values set bits: `bits` for every token, or shared out if `shared`."""

    comparison: Ngram | Exact | Numeric
    bits: int
    shared: bool
    hash_type: HashType
    prevent_singularity: bool
    sentinel: str | None
    replacement: str


@dataclass(frozen=True)
class Feature:
    """One column. It has no hashing if it is ignored."""

    identifier: str
    format: Format
    hashing: Hashing | None

    @property
    def ignored(self) -> bool:
        """Whether the column is there but not encoded."""
        return self.hashing is None


def parse_feature(content: Content, place: str) -> Feature:
    """Take one feature of a checked document of version 3; `place` is for messages."""
    identifier = content["identifier"]
    if content.get("ignored", False):
        return Feature(identifier, Format("string"), None)
    form = _format(content["format"], f"{place}.format")
    return Feature(identifier, form, _hashing(content["hashing"], f"{place}.hashing"))


def _format(content: Content, place: str) -> Format:
    _check_pattern(content.get("pattern"), place)
    if content["type"] == "date":
        _check_date_format(content["format"], place)
    return Format(
        type=content["type"],
        encoding=content.get("encoding", "utf-8"),
        pattern=content.get("pattern"),
        case=content.get("case", "mixed"),
        min_length=content.get("minLength"),
        max_length=content.get("maxLength"),
        minimum=content.get("minimum"),
        maximum=content.get("maximum"),
        date_format=content.get("format", ""),
        values=tuple(content.get("values", ())),
    )


def _check_pattern(pattern: str | None, place: str) -> None:
    try:
        re.compile(pattern or "")
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"{place}.pattern: not a regular expression: {error}") from None


def _check_date_format(date_format: str, place: str) -> None:
    """Find out whether a format of dates is one, by reading what is no date."""
    try:
        time.strptime("\x00", date_format)
    except re.error:
        raise InputError(f"{place}.format: a part appears twice in {date_format!r}") from None
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            raise InputError(f"{place}.format: not a format of dates: {error}") from None


def _hashing(content: Content, place: str) -> Hashing:
    hashed = content.get("hash", {"type": "blakeHash"})
    blake = hashed["type"] == "blakeHash"
    if blake and hashed.get("prevent_singularity") is not None:
        raise InputError(f"{place}.hash.prevent_singularity: goes with 'doubleHash' only")
    strategy, missing = content["strategy"], content.get("missingValue", {})
    sentinel = missing.get("sentinel")
    return Hashing(
        comparison=_comparison(content["comparison"], f"{place}.comparison"),
        bits=int(next(iter(strategy.values()))),
        shared="bitsPerFeature" in strategy,
        hash_type="blakeHash" if blake else "doubleHash",
        prevent_singularity=bool(hashed.get("prevent_singularity", False)),
        sentinel=sentinel,
        replacement=missing.get("replaceWith", sentinel or ""),
    )


def _comparison(content: Content, place: str) -> Ngram | Exact | Numeric:
    if content["type"] == "ngram":
        return Ngram(content["n"], content.get("positional", False))
    if content["type"] == "exact":
        return Exact()
    precision = content.get("fractional_precision", 0)
    try:
        distance = round(content["thresholdDistance"] * 10**precision)
    except OverflowError:
        raise InputError(f"{place}.fractional_precision: too large") from None
    if distance == 0:
        raise InputError(
            f"{place}.fractional_precision: keeps too few decimal places for a thresholdDistance "
            f"of {content['thresholdDistance']}"
        )
    return Numeric(distance, content["resolution"], precision)
