"""Bring the distinct texts of a column to the form that clkhash hashes, and say which it refuses.

Follows `validate` and `format_value` of the field formats of clkhash 0.18.3. Reasons never hold
the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from linkage.agency.clkhash.dates import Bad, read_dates
from linkage.agency.clkhash.features import Feature, Format, Hashing, Numeric

Reason = Callable[[str], str | None]

NOT_WHOLE = "not a whole number"
NOT_NUMBER = "not a number"


def prepare(texts: list[str], feature: Feature, *, validate: bool) -> tuple[list[str], Bad]:
    """Give what is tokenised of every distinct raw text, and the reasons by place for bad ones.

    A sentinel is replaced, and neither validated nor brought to another form. For a numeric
    comparison the result is the middle one of the neighbours in decimal digits.
    """
    hashing = feature.hashing
    if hashing is None:
        return texts, {}
    place = _find(hashing.sentinel, texts)
    rest = texts if place is None else texts[:place] + texts[place + 1 :]
    prepared, bad = _in_form(rest, feature.format, validate=validate)
    if place is not None:
        prepared = [*prepared[:place], hashing.replacement, *prepared[place:]]
        bad = {one + (one >= place): reason for one, reason in bad.items()}
    for one, reason in _not_encodable(prepared, feature.format.encoding).items():
        bad.setdefault(one, reason)
    if isinstance(hashing.comparison, Numeric):
        prepared = _middles(prepared, hashing, bad)
    return prepared, bad


def _find(sentinel: str | None, texts: list[str]) -> int | None:
    try:
        return None if sentinel is None else texts.index(sentinel)
    except ValueError:
        return None


def _in_form(texts: list[str], form: Format, *, validate: bool) -> tuple[list[str], Bad]:
    if form.type == "integer":
        return _integers(texts, form, validate=validate)
    if form.type == "date":
        return read_dates(texts, form.date_format)
    if not validate:
        return texts, {}
    if form.type == "enum":
        known = frozenset(form.values)
        wrong = "not one of the values that the schema lists"
        return texts, {k: wrong for k, one in enumerate(texts) if one not in known}
    return texts, _invalid_strings(texts, form)


def _integers(texts: list[str], form: Format, *, validate: bool) -> tuple[list[str], Bad]:
    """Read integers as Python does (`int(text, 10)`) and write them again."""
    bad: Bad = {}
    try:
        values = [int(one, 10) for one in texts]
    except ValueError:
        values = [_integer(one, place, bad) for place, one in enumerate(texts)]
    if validate:
        for place, value in enumerate(values):
            if form.minimum is not None and value < form.minimum:
                bad.setdefault(place, f"below the minimum of {form.minimum}")
            if form.maximum is not None and value > form.maximum:
                bad.setdefault(place, f"above the maximum of {form.maximum}")
    return list(map(str, values)), bad


def _integer(one: str, place: int, bad: Bad) -> int:
    try:
        return int(one, 10)
    except ValueError:
        bad[place] = NOT_WHOLE
        return 0


def _invalid_strings(texts: list[str], form: Format) -> Bad:
    if form.pattern is not None:
        fits = re.compile(form.pattern).fullmatch
        wrong = "doesn't fit the pattern of the schema"
        if all(map(fits, texts)):
            return {}
        return {place: wrong for place, one in enumerate(texts) if not fits(one)}
    bad: Bad = {}
    sizes = list(map(len, texts))
    if form.min_length is not None and min(sizes, default=form.min_length) < form.min_length:
        wrong = f"shorter than {form.min_length} characters"
        bad |= {place: wrong for place, size in enumerate(sizes) if size < form.min_length}
    if form.max_length is not None and max(sizes, default=0) > form.max_length:
        wrong = f"longer than {form.max_length} characters"
        bad |= {place: wrong for place, size in enumerate(sizes) if size > form.max_length}
    for place in _in_wrong_case(texts, form.case):
        bad.setdefault(place, f"not in {form.case} case")
    return bad


def _in_wrong_case(texts: list[str], case: str) -> list[int]:
    if case == "mixed":
        return []
    change = str.upper if case == "upper" else str.lower
    return [place for place, one in enumerate(texts) if change(one) != one]


def _not_encodable(texts: list[str], encoding: str) -> Bad:
    if _encodable("".join(texts), encoding):
        return {}
    wrong = f"holds a character that {encoding} can't write"
    return {place: wrong for place, one in enumerate(texts) if not _encodable(one, encoding)}


def _encodable(one: str, encoding: str) -> bool:
    try:
        one.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _middles(texts: list[str], hashing: Hashing, bad: Bad) -> list[str]:
    """Give the middle neighbour of every number; empty texts have none."""
    assert isinstance(hashing.comparison, Numeric)
    reach = hashing.comparison.resolution * hashing.comparison.distance
    found = []
    for place, one in enumerate(texts):
        middle = ""
        if one and place not in bad:
            try:
                middle = str(_middle(one, hashing.comparison))
                str(abs(int(middle)) + reach)  # raises where a neighbour has too many digits
            except (ValueError, OverflowError):
                bad[place] = NOT_NUMBER
        found.append(middle)
    return found


def _middle(one: str, comparison: Numeric) -> int:
    """Bring a number onto the grid of neighbours (`NumericComparison.tokenize`).

    The arithmetic is clkhash's, floats included, since every rounding shows in the result.
    Raises `ValueError` or `OverflowError` for what isn't a finite number.
    """
    scale: int = 10**comparison.precision
    try:
        value = int(one, 10) * scale
    except ValueError:
        number = float(one)
        value = round(number * scale) if comparison.precision else int(number)
    value *= 2 * comparison.resolution
    rest = value % comparison.distance
    if rest == 0:
        return value
    return value - rest if rest < comparison.distance / 2 else value + comparison.distance - rest
