"""Break normalised values into the tokens that set bits, and into parts of blocking keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jellyfish
import numpy as np
from numpy.typing import NDArray

from linkage.kernels.qgrams import word_qgrams
from linkage.schema import FieldSpec

_PAD = "_"
# Codes of tokens that aren't tagged with a plain place lie above those that are.
_SWAP, _INNER = 1 << 20, 1 << 8
_SMALL_CODES = 1 << 20
_UK_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")
#: Words before a surname that say nothing about it; phonetic keys leave them out.
_PARTICLES = frozenset(
    {
        "AL", "EL", "DE", "DA", "DI", "DO", "DOS", "LA", "LE", "VAN", "VON", "DER", "DEN", "BIN",
        "IBN", "ABU", "MC", "MAC", "ST",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Tokens:
    """The tokens of many values.

    `texts` are the distinct tokens; those of value `v` are `texts[places[k]]` for `k` from
    `ends[v]` to `ends[v + 1]`, distinct and in order.
    """

    texts: list[str]
    places: NDArray[np.int64]
    ends: NDArray[np.int64]

    def of(self, value: int) -> list[str]:
        """Give the tokens of one value."""
        return [self.texts[k] for k in self.places[self.ends[value] : self.ends[value + 1]]]


def tokenise(field: FieldSpec, values: Sequence[str]) -> Tokens:
    """Break normalised values of a field into tokens."""
    if field.type in ("name", "text"):
        return _qgrams(values, field.qgram)
    if field.type == "date":
        return _dates(values)
    if field.type == "postcode":
        return _postcodes(values)
    if field.type == "number":
        return _listed([number_tokens(value, field.neighbours) for value in values])
    if field.type == "code":
        return _listed([code_tokens(value) for value in values])
    return _listed([[value] for value in values])


def _qgrams(values: Sequence[str], q: int) -> Tokens:
    """Break every word into its q-grams, padded at both ends.

    Padding by word makes the order of words not matter: `MARY ANN` and `ANN MARY` agree.
    """
    encoded = [value.encode("ascii") for value in values]
    ends = np.cumsum([0, *map(len, encoded)])
    text = np.frombuffer(b"".join(encoded), np.uint8)
    grams, stops = word_qgrams(text, ends, q, ord(_PAD))
    return _numbered(grams, stops, lambda gram: gram.to_bytes(q, "big").decode("ascii"))


def _dates(values: Sequence[str]) -> Tokens:
    """Break each `YYYYMMDD` into digits tagged with their place, and one token for a swap.

    The last token is the same for a date and the date with day and month swapped.
    """
    digits = _characters(values, 8) - ord("0")
    number = digits @ 10 ** np.arange(7, -1, -1)
    year, month, day = number // 10_000, number // 100 % 100, number % 100
    swap = year * 10_000 + np.minimum(month, day) * 100 + np.maximum(month, day)
    tagged = np.arange(8) * 10 + digits
    codes = np.column_stack([tagged, swap + _SWAP])
    ends = np.arange(0, codes.size + 1, 9)
    return _numbered(codes.ravel(), ends, _date_token)


def _date_token(code: int) -> str:
    return f"swap:{code - _SWAP:08d}" if code >= _SWAP else f"{code // 10}:{code % 10}"


def _postcodes(values: Sequence[str]) -> Tokens:
    """Break each postcode into characters tagged with their place.

    The incode of a British postcode is counted from its own start, so that `N1 1AA` and `NW1 1AA`
    agree in all of it.
    """
    characters = _characters(values, max(map(len, values), default=1))
    lengths = np.count_nonzero(characters, axis=1)
    outer = np.fromiter(map(_outer_length, values), np.int64, len(values))[:, None]
    place = np.arange(characters.shape[1])[None, :]
    tag = np.where(place < outer, place, _INNER + place - outer)
    codes = (tag << 8 | characters)[characters > 0]
    return _numbered(codes, np.cumsum([0, *lengths]), _postcode_token)


def _outer_length(value: str) -> int:
    return len(value) - 3 if _UK_POSTCODE.fullmatch(value) else len(value)


def _postcode_token(code: int) -> str:
    tag, character = code >> 8, chr(code & 255)
    return f"i{tag - _INNER}:{character}" if tag >= _INNER else f"{tag}:{character}"


def _characters(values: Sequence[str], width: int) -> NDArray[np.int64]:
    """Give the ASCII codes of values, `int64[values, width]`, 0 behind the end."""
    text = np.array([value.encode("ascii") for value in values], f"S{width}")
    return text.view(np.uint8).reshape(len(text), width).astype(np.int64)


def _numbered(codes: NDArray[Any], ends: NDArray[np.int64], text: Callable[[int], str]) -> Tokens:
    """Turn codes of tokens into texts and places."""
    if codes.size and codes.max() < _SMALL_CODES:  # a table is faster than sorting
        present = np.zeros(int(codes.max()) + 1, bool)
        present[codes] = True
        distinct = np.flatnonzero(present)
        places = (np.cumsum(present) - 1)[codes]
    else:
        distinct, places = np.unique(codes, return_inverse=True)
    return Tokens([text(code) for code in distinct.tolist()], places.astype(np.int64), ends)


def _listed(tokens: list[list[str]]) -> Tokens:
    places: dict[str, int] = {}
    flat = [places.setdefault(token, len(places)) for one in tokens for token in one]
    return Tokens(list(places), np.array(flat, np.int64), np.cumsum([0, *map(len, tokens)]))


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
