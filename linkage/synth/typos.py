"""Slips of the pen in text, made on matrices of characters rather than string by string."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.synth.draws import Ints, Texts, pick

Matrix = npt.NDArray[np.uint8]

#: In the order of the shares of the profile's [typos].
KINDS = (
    "keyboard", "ocr", "phonetic", "insertion", "deletion", "transposition", "truncation",
)  # fmt: skip

_NEIGHBOURS = {
    "A": "QSZ", "B": "VGN", "C": "XDV", "D": "SFEC", "E": "WRD", "F": "DGRV", "G": "FHTB",
    "H": "GJYN", "I": "UOK", "J": "HKUM", "K": "JLI", "L": "KO", "M": "NJ", "N": "BMH",
    "O": "IPL", "P": "OL", "Q": "WA", "R": "ETF", "S": "ADWX", "T": "RYG", "U": "YIJ",
    "V": "CBF", "W": "QES", "X": "ZCS", "Y": "TUH", "Z": "XA", "0": "19", "1": "02", "2": "13",
    "3": "24", "4": "35", "5": "46", "6": "57", "7": "68", "8": "79", "9": "80",
}  # fmt: skip
_OCR = (
    ("O", "0"), ("I", "1"), ("S", "5"), ("B", "8"), ("RN", "M"), ("M", "RN"), ("CL", "D"),
    ("VV", "W"), ("U", "V"), ("C", "G"), ("E", "F"), ("H", "N"), ("D", "O"), ("I", "L"),
    ("LI", "U"), ("Q", "O"), ("N", "H"), ("0", "O"), ("1", "I"), ("5", "S"), ("8", "B"),
)  # fmt: skip
_PHONETIC = (
    ("PH", "F"), ("F", "PH"), ("CK", "K"), ("C", "K"), ("K", "C"), ("KS", "X"), ("Y", "IE"),
    ("IE", "Y"), ("EY", "Y"), ("Y", "EY"), ("I", "Y"), ("Y", "I"), ("EE", "EA"), ("EA", "EE"),
    ("OO", "U"), ("OU", "OO"), ("U", "OO"), ("AI", "AY"), ("AY", "AI"), ("AE", "E"),
    ("LL", "L"), ("TT", "T"), ("NN", "N"), ("SS", "S"), ("RR", "R"), ("MM", "M"), ("L", "LL"),
    ("T", "TT"), ("N", "NN"), ("S", "SS"), ("M", "MM"), ("S", "Z"), ("Z", "S"), ("SZ", "SH"),
    ("CZ", "CH"), ("W", "V"), ("V", "W"), ("J", "Y"), ("TH", "T"), ("HN", "N"), ("GH", "G"),
    ("KH", "K"), ("DH", "D"), ("AH", "A"), ("E", "A"), ("A", "E"), ("A", "U"), ("O", "A"),
    ("ER", "AR"), ("OR", "ER"), ("SON", "SEN"), ("Q", "K"),
)  # fmt: skip


def spoil(rng: np.random.Generator, strings: Texts, shares: Sequence[float]) -> Texts:
    """Make one slip in each string.

    Parameters
    ----------
    strings : object[n]
        Upper-case ASCII, n > 0 and none empty.
    shares : float[7]
        How often each of KINDS comes; they add up to 1.

    Returns
    -------
    object[n]
        One slip in each; a few strings offer no place for theirs and stay as they are.
    """
    text = strings.astype("S")
    kind = pick(rng, shares, text.size)
    out = text.astype(f"S{text.dtype.itemsize + 2}")
    for number, slip in enumerate(_SLIPS):
        rows = np.flatnonzero(kind == number)
        if rows.size:
            out[rows] = slip(rng, text[rows])
    return out.astype("U").astype(object)


def spoil_postcode(rng: np.random.Generator, strings: Texts) -> Texts:
    """Put a neighbouring key's character for one character of each postcode."""
    return _keyboard(rng, strings.astype("S")).astype("U").astype(object)


def _matrix(text: npt.NDArray[np.bytes_]) -> tuple[Matrix, Ints]:
    """Characters uint8[n, width], padded with zeros, and lengths int32[n]."""
    chars = text.view(np.uint8).reshape(text.size, text.dtype.itemsize)
    return chars, np.count_nonzero(chars, axis=1).astype(np.int32)


def _strings(chars: Matrix) -> npt.NDArray[np.bytes_]:
    return np.ascontiguousarray(chars).view(f"S{chars.shape[1]}").ravel()


def _place(rng: np.random.Generator, lengths: Ints) -> Ints:
    """Choose a place in each string; the first letter is seldom the one that goes wrong."""
    inner = 1 + (rng.random(lengths.size) * np.maximum(lengths - 1, 1)).astype(np.int32)
    first = rng.random(lengths.size) < 0.07
    return np.where(first, 0, np.minimum(inner, lengths - 1)).astype(np.int32)


def _neighbour_table() -> Matrix:
    """Characters uint8[256, 4]: four keys beside each; no letter or digit has itself."""
    table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    for key, beside in _NEIGHBOURS.items():
        table[ord(key)] = np.frombuffer((beside * 4)[:4].encode(), np.uint8)
    return table


_BESIDE = _neighbour_table()


def _keyboard(rng: np.random.Generator, text: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bytes_]:
    chars, lengths = _matrix(text.copy())
    rows, place = np.arange(text.size), _place(rng, lengths)
    chars[rows, place] = _BESIDE[chars[rows, place], rng.integers(0, 4, text.size)]
    return _strings(chars)


def _insertion(rng: np.random.Generator, text: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bytes_]:
    chars, lengths = _matrix(text)
    place = _place(rng, lengths)[:, None] + 1
    column = np.arange(chars.shape[1] + 1)
    wide = np.pad(chars, ((0, 0), (0, 1)))
    out = np.take_along_axis(wide, np.maximum(column - (column > place), 0), axis=1)
    before = np.take_along_axis(wide, place - 1, axis=1)
    slip = _BESIDE[before, rng.integers(0, 4, before.shape)]
    doubled = rng.random(before.shape) < 0.5
    np.put_along_axis(out, place, np.where(doubled, before, slip), axis=1)
    return _strings(out)


def _deletion(rng: np.random.Generator, text: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bytes_]:
    chars, lengths = _matrix(text)
    place = _place(rng, lengths)[:, None]
    column = np.arange(chars.shape[1])
    wide = np.pad(chars, ((0, 0), (0, 1)))
    out = np.take_along_axis(wide, column + (column >= place), axis=1)
    return np.where(lengths > 2, _strings(out), text)


def _transposition(
    rng: np.random.Generator, text: npt.NDArray[np.bytes_]
) -> npt.NDArray[np.bytes_]:
    chars, lengths = _matrix(text.copy())
    rows = np.arange(text.size)
    place = np.minimum(_place(rng, lengths), lengths - 2)
    place, after = np.maximum(place, 0), np.minimum(np.maximum(place, 0) + 1, lengths - 1)
    chars[rows, place], chars[rows, after] = chars[rows, after], chars[rows, place]
    return _strings(chars)


def _truncation(rng: np.random.Generator, text: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bytes_]:
    chars, lengths = _matrix(text)
    keep = np.maximum(lengths - rng.integers(1, 5, text.size), np.minimum(lengths, 3))
    return _strings(np.where(np.arange(chars.shape[1]) < keep[:, None], chars, 0).astype(np.uint8))


def _rewriting(rules: Sequence[tuple[str, str]]) -> Callable[..., Any]:
    """Slip that applies one of the rules which fit each string, chosen evenly."""

    def rewrite(rng: np.random.Generator, text: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bytes_]:
        # A rule at the very first letter changes a name more than people do: look past it.
        fits = np.stack([np.char.find(text, old.encode(), 1) >= 0 for old, _ in rules], axis=1)
        chosen = np.argmax(rng.random(fits.shape) * fits, axis=1)
        out = text.astype(f"S{text.dtype.itemsize + 2}")
        any_fits = fits.any(axis=1)
        for number, (old, new) in enumerate(rules):
            rows = np.flatnonzero(any_fits & (chosen == number))
            if rows.size:
                out[rows] = _replace_inside(text[rows], old, new)
        rest = np.flatnonzero(~any_fits)
        if rest.size:
            out[rest] = _keyboard(rng, text[rest])
        return out

    return rewrite


def _replace_inside(text: npt.NDArray[np.bytes_], old: str, new: str) -> npt.NDArray[np.bytes_]:
    """Replace the first `old` after the first character."""
    chars, _ = _matrix(text)
    first, rest = _strings(chars[:, :1]), _strings(chars[:, 1:])
    return np.char.add(first, np.char.replace(rest, old.encode(), new.encode(), 1))


_SLIPS: tuple[Callable[..., npt.NDArray[np.bytes_]], ...] = (
    _keyboard, _rewriting(_OCR), _rewriting(_PHONETIC), _insertion, _deletion, _transposition,
    _truncation,
)  # fmt: skip
