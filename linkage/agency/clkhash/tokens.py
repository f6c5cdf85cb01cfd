"""Break texts into tokens as the comparisons of clkhash 0.18.3 do, each distinct token once.

Tokens are ordered and keep their repeats; both matter for how bits are shared out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.agency.clkhash.features import Exact, Ngram, Numeric
from linkage.kernels.clk import number_windows

_MAX_CELLS = 1 << 24
_SPACE = 32


@dataclass(frozen=True)
class Tokens:
    """The tokens of texts: text `v` has `texts[numbers[i]]` for `i` from `ends[v]` on."""

    texts: list[str]
    numbers: NDArray[np.int64]
    ends: NDArray[np.int64]


def tokenise(texts: list[str], comparison: Ngram | Exact | Numeric) -> Tokens:
    """Break every text into tokens; an empty text has none."""
    if isinstance(comparison, Ngram):
        return _ngrams(texts, comparison)
    if isinstance(comparison, Exact):
        return _numbered([[one] if one else [] for one in texts])
    return _numbered([_neighbours(one, comparison) for one in texts])


def _neighbours(middle: str, comparison: Numeric) -> list[str]:
    """List a number's neighbours on the grid, smallest first (`NumericComparison.tokenize`)."""
    if not middle:
        return []
    reach, value = comparison.resolution * comparison.distance, int(middle)
    return [str(one) for one in range(value - reach, value + reach + 1, comparison.distance)]


def _ngrams(texts: list[str], comparison: Ngram) -> Tokens:
    """List windows of `n` letters, spaces around the text (`NgramComparison.tokenize`)."""
    n = comparison.n
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = _ends(np.where(sizes > 0, sizes + n - 1, 0))
    letters, base = _letters("".join(texts))
    windows = base**n
    most = int(np.diff(ends).max(initial=1)) if comparison.positional else 1
    if windows * most > _MAX_CELLS:
        return _numbered([_windows(one, comparison) for one in texts])
    stride = windows if comparison.positional else 0
    table = np.zeros(windows * most, np.int32)
    numbers, firsts = number_windows(letters, _ends(sizes), ends, n, base, stride, table)
    values = np.searchsorted(ends, firsts, side="right") - 1
    places = firsts - ends[values]
    distinct = [
        _window(texts[value], place, comparison)
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
    ]
    return Tokens(distinct, numbers, ends)


def _letters(joined: str) -> tuple[NDArray[np.int32], int]:
    """Give letters as numbers, the space as 0, and how many different ones there are."""
    ascii_only = joined.isascii()
    points: NDArray[np.uint8] | NDArray[np.uint32] = (
        np.frombuffer(joined.encode("ascii"), np.uint8)
        if ascii_only
        else np.frombuffer(joined.encode("utf-32-le"), "<u4")
    )
    present = np.zeros(max(_SPACE, int(points.max(initial=0))) + 1, np.bool_)
    present[points] = True
    present[_SPACE] = False
    order = np.cumsum(present, dtype=np.int32)
    order[_SPACE] = 0
    return order[points], int(order.max()) + 1


def _windows(one: str, comparison: Ngram) -> list[str]:
    count = len(one) + comparison.n - 1 if one else 0
    padded = _padded(one, comparison.n)
    return [_cut(padded, place, comparison) for place in range(count)]


def _window(one: str, place: int, comparison: Ngram) -> str:
    return _cut(_padded(one, comparison.n), place, comparison)


def _padded(one: str, n: int) -> str:
    return " " * (n - 1) + one + " " * (n - 1)


def _cut(padded: str, place: int, comparison: Ngram) -> str:
    window = padded[place : place + comparison.n]
    return f"{place + 1} {window}" if comparison.positional else window


def _numbered(lists: list[list[str]]) -> Tokens:
    """Give every distinct token the next number, in order of appearance."""
    places: dict[str, int] = {}
    numbers = [places.setdefault(token, len(places)) for one in lists for token in one]
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    return Tokens(list(places), np.array(numbers, np.int64), _ends(sizes))


def _ends(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
