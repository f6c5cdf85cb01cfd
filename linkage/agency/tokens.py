"""Break normalised values into the tokens that set bits, and into parts of blocking keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jellyfish
import numpy as np
from numpy.typing import NDArray

from linkage.agency.texts import Texts
from linkage.kernels.forms import outer_lengths
from linkage.kernels.qgrams import placed_letters, word_qgrams
from linkage.kernels.texts import number_codes, pad_texts
from linkage.schema import FieldSpec

_PAD = "_"
# Codes of tokens that aren't tagged with a plain place lie above those that are.
_SWAP, _INNER = 1 << 20, 1 << 8
_SMALL_CODES = 1 << 20
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
        return _qgrams(Texts.of(values), field.qgram)
    if field.type == "date":
        return _dates(Texts.of(values))
    if field.type == "postcode":
        return _postcodes(Texts.of(values))
    if field.type == "number":
        return _listed([number_tokens(value, field.neighbours) for value in values])
    if field.type == "code":
        return _listed([code_tokens(value) for value in values])
    return _listed([[value] for value in values])


def _qgrams(values: Texts, q: int) -> Tokens:
    """Break every word into its q-grams, padded at both ends.

    Padding by word makes the order of words not matter: `MARY ANN` and `ANN MARY` agree.
    """
    grams, stops = word_qgrams(values.spans, q, ord(_PAD))
    return _numbered(grams, stops, lambda gram: gram.to_bytes(q, "big").decode("ascii"))


def _dates(values: Texts) -> Tokens:
    """Break each `YYYYMMDD` into digits tagged with their place, and one token for a swap.

    The last token is the same for a date and the date with day and month swapped.
    """
    digits = pad_texts(values.spans, 8).astype(np.int64) - ord("0")
    number = digits @ 10 ** np.arange(7, -1, -1)
    year, month, day = number // 10_000, number // 100 % 100, number % 100
    swap = year * 10_000 + np.minimum(month, day) * 100 + np.maximum(month, day)
    tagged = np.arange(8) * 10 + digits
    codes = np.column_stack([tagged, swap + _SWAP])
    ends = np.arange(0, codes.size + 1, 9)
    return _numbered(codes.ravel(), ends, _date_token)


def _date_token(code: int) -> str:
    return f"swap:{code - _SWAP:08d}" if code >= _SWAP else f"{code // 10}:{code % 10}"


def _postcodes(values: Texts) -> Tokens:
    """Break each postcode into characters tagged with their place.

    The incode of a British postcode is counted from its own start, so that `N1 1AA` and `NW1 1AA`
    agree in all of it.
    """
    codes, ends = placed_letters(values.spans, outer_lengths(values.spans), _INNER)
    return _numbered(codes, ends, _postcode_token)


def _postcode_token(code: int) -> str:
    tag, character = code >> 8, chr(code & 255)
    return f"i{tag - _INNER}:{character}" if tag >= _INNER else f"{tag}:{character}"


def _numbered(codes: NDArray[Any], ends: NDArray[np.int64], text: Callable[[int], str]) -> Tokens:
    """Turn codes of tokens into texts and places."""
    if codes.size and codes.max() < _SMALL_CODES:  # a table is faster than hashing
        present = np.zeros(int(codes.max()) + 1, bool)
        present[codes] = True
        distinct = np.flatnonzero(present)
        places = (np.cumsum(present) - 1)[codes]
    else:
        places, distinct = number_codes(codes.astype(np.int64))
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


def key_parts(transform: str, values: Sequence[str]) -> Texts:
    """Make one part of a blocking key from each normalised value.

    A part is empty, and so there is no key, where nothing is left of the value.
    """
    texts = Texts.of(values)
    if transform in _CUTS:
        return texts.cut(*_CUTS[transform])
    if transform == "outcode":
        return _outcodes(texts)
    code = _PHONETIC[transform]
    return Texts.of(code(_main_word(value)) for value in texts)


def _outcodes(texts: Texts) -> Texts:
    """Give the coarser area: the outcode of a British postcode, else all but two characters."""
    outer = outer_lengths(texts.spans)
    return texts.cut(0, np.where(outer > 0, outer, np.maximum(2, texts.sizes - 2)))


def _main_word(value: str) -> str:
    if " " not in value:
        return value
    words = value.split()
    return next((word for word in words if word not in _PARTICLES), words[0])


_PHONETIC: dict[str, Callable[[str], str]] = {
    "metaphone": jellyfish.metaphone,
    "soundex": jellyfish.soundex,
    "nysiis": jellyfish.nysiis,
}
_CUTS: dict[str, tuple[int, int | None]] = {
    "exact": (0, None),
    "first1": (0, 1),
    "first2": (0, 2),
    "first3": (0, 3),
    "year": (0, 4),
    "year_month": (0, 6),
    "month_day": (4, None),
}
