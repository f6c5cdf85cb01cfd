"""Break normalised values into the tokens that set bits, and into parts of blocking keys."""

from __future__ import annotations

import re
from collections.abc import Callable

import jellyfish

from linkage.schema import FieldSpec

_UK_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")
#: Words before a surname that say nothing about it; phonetic keys leave them out.
_PARTICLES = frozenset(
    {
        "AL", "EL", "DE", "DA", "DI", "DO", "DOS", "LA", "LE", "VAN", "VON", "DER", "DEN", "BIN",
        "IBN", "ABU", "MC", "MAC", "ST",
    }
)  # fmt: skip


def tokeniser(field: FieldSpec) -> Callable[[str], list[str]]:
    """Give the function that breaks one normalised value of the field into distinct tokens."""
    if field.type == "date":
        return date_tokens
    if field.type == "postcode":
        return postcode_tokens
    if field.type == "sex":
        return lambda value: [value]
    if field.type == "code":
        return code_tokens
    if field.type == "number":
        return lambda value: number_tokens(value, field.neighbours)
    return lambda value: qgrams(value, field.qgram)


def qgrams(value: str, q: int) -> list[str]:
    """Break every word into its q-grams, padded at both ends; each q-gram once, in order.

    Padding by word makes the order of words not matter: `MARY ANN` and `ANN MARY` agree.
    """
    found: dict[str, None] = {}
    pad = "_" * (q - 1)
    for word in value.split():
        padded = f"{pad}{word}{pad}"
        for start in range(len(padded) - q + 1):
            found[padded[start : start + q]] = None
    return list(found)


def date_tokens(value: str) -> list[str]:
    """Break `YYYYMMDD` into digits tagged with their position, and one token for a swap.

    The last token is the same for a date and the date with day and month swapped.
    """
    digits = [f"{place}:{digit}" for place, digit in enumerate(value)]
    first, second = sorted((value[4:6], value[6:8]))
    return [*digits, f"swap:{value[:4]}{first}{second}"]


def postcode_tokens(value: str) -> list[str]:
    """Break a postcode into characters tagged with their position.

    The incode of a British postcode is counted from the right, so that `N1 1AA` and `NW1 1AA`
    agree in all of it.
    """
    outer = outcode(value) if _UK_POSTCODE.fullmatch(value) else value
    tokens = [f"{place}:{character}" for place, character in enumerate(outer)]
    inner = value[len(outer) :]
    return tokens + [f"i{place}:{character}" for place, character in enumerate(inner)]


def code_tokens(value: str) -> list[str]:
    """Break a code with hierarchy into its beginnings, so that kindred codes agree in part.

    Levels end at `.`, `/` and `-`; a code without these has a level for each character.
    """
    if not re.search("[./-]", value):
        return [value[:stop] for stop in range(1, len(value) + 1)]
    return [value[: match.start()] for match in re.finditer("[./-]|$", value) if match.start()]


def number_tokens(value: str, neighbours: int) -> list[str]:
    """Give a number of steps and its neighbours on both sides.

    Two numbers that are `d` steps apart share `2 * neighbours + 1 - d` tokens of as many as each
    has, so their Dice falls evenly with the distance (Vatsalan & Christen 2016).
    """
    middle = int(value)
    return [str(number) for number in range(middle - neighbours, middle + neighbours + 1)]


def outcode(value: str) -> str:
    """Give the coarser area: the outcode of a British postcode, else all but two characters."""
    if _UK_POSTCODE.fullmatch(value):
        return value[:-3]
    return value[: max(2, len(value) - 2)]


def key_part(transform: str) -> Callable[[str], str]:
    """Give the function that makes one part of a blocking key from a normalised value.

    It gives an empty part, and so no key, where nothing is left of the value.
    """
    return _KEY_PARTS[transform]


def _main_word(value: str) -> str:
    words = value.split()
    return next((word for word in words if word not in _PARTICLES), words[0])


def _phonetic(code: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: code(_main_word(value))


_KEY_PARTS: dict[str, Callable[[str], str]] = {
    "exact": lambda value: value,
    "metaphone": _phonetic(jellyfish.metaphone),
    "soundex": _phonetic(jellyfish.soundex),
    "nysiis": _phonetic(jellyfish.nysiis),
    "first1": lambda value: value[:1],
    "first2": lambda value: value[:2],
    "first3": lambda value: value[:3],
    "year": lambda value: value[:4],
    "year_month": lambda value: value[:6],
    "month_day": lambda value: value[4:],
    "outcode": outcode,
}
