"""Imitate how another agency would have written the same people, so that truth is known.

What is missing follows a model, as in planted people (`linkage.agency.plant`): each record takes
another one of the file, and lacks what that one lacks, so that cells that are missing together
there are missing together here. What differs follows the rates by which anchors are chosen
(`linkage.agency.anchors.AGREEMENT`): clean and other records, and in each field a slip
of the pen or another person's value.

Limits: real agencies differ in ways of their own. F1 of such a view tells encodings apart; it does
not tell how well two real files will link.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.agency.anchors import AGREEMENT, CLEAN
from linkage.schema import FieldSpec

Texts = NDArray[np.str_]
Rows = Mapping[str, Texts]

#: How often fields that no anchor is made of agree exactly, among clean and among other records.
_SAME = {"sex": (0.998, 0.98), "identifier": (0.98, 0.92)}
_LAST_DAY = 28


def second_view(
    rows: Rows, fields: Sequence[FieldSpec], random: np.random.Generator
) -> dict[str, Texts]:
    """Write normalised records anew: the same people in the same order, as another agency does."""
    count = len(next(iter(rows.values())))
    model = random.integers(0, count, count)
    clean = random.random(count) < CLEAN
    return {
        one.name: np.where(rows[one.name][model] == "", "", _written(one, rows, clean, random))
        for one in fields
    }


def _written(
    field: FieldSpec, rows: Rows, clean: NDArray[np.bool_], random: np.random.Generator
) -> Texts:
    texts = rows[field.name].astype(object)
    same, near = (np.where(clean, *shares) for shares in _shares(field))
    luck = random.random(len(texts))
    slips = np.flatnonzero((luck >= same) & (luck < near))
    others = np.flatnonzero(luck >= np.maximum(same, near))
    if field.type == "identifier":
        texts[others] = ""  # a wrong number is mostly seen to be wrong, and missing then
    else:
        texts[others] = texts[random.integers(0, len(texts), len(others))]
    for row in slips:
        texts[row] = _slip(texts[row], field.type, random)
    return texts.astype(np.str_)


def _shares(field: FieldSpec) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give the shares that agree, and that agree or nearly do, of clean and of other records."""
    if field.type not in AGREEMENT:
        same = _SAME[field.type]
        return same, same
    cases = AGREEMENT[field.type]
    exact = [case for case in cases if "exact" in case[2]]
    return _sums(exact), _sums(cases)


def _sums(cases: Sequence[tuple[float, float, frozenset[str]]]) -> tuple[float, float]:
    return sum(one for one, _, _ in cases), sum(other for _, other, _ in cases)


def _slip(text: str, kind: str, random: np.random.Generator) -> str:
    """Make one slip of the pen; a date stays one, and a code or postcode keeps its form."""
    if not text:
        return text
    if kind == "date":
        return _slip_date(text, random)
    place = int(random.integers(len(text) // 2 if kind == "postcode" else 0, len(text)))
    before, here, after = text[:place], text[place], text[place + 1 :]
    sign = _another(here, random)
    if kind not in ("name", "text"):
        return before + sign + after
    turned = after[:1] + here + after[1:]
    ways = (before + sign + after, before + after or text, before + here + sign + after)
    return (*ways, before + turned)[int(random.integers(0, 4))]


def _another(sign: str, random: np.random.Generator) -> str:
    """Give another sign of the kind: a digit for a digit, and a letter for all else."""
    signs = string.digits if sign.isdigit() else string.ascii_uppercase
    return str(random.choice([one for one in signs if one != sign]))


def _slip_date(text: str, random: np.random.Generator) -> str:
    """Change day, month or year of YYYYMMDD, or swap day and month where that is a date."""
    year, month, day = int(text[:4]), text[4:6], text[6:]
    way = int(random.integers(0, 4))
    if way == 0 and "01" <= day <= "12":
        return f"{text[:4]}{day}{month}"
    if way == 1:
        return f"{year + int(random.choice([-10, -1, 1]))}{month}{min(int(day), _LAST_DAY):02d}"
    if way == 2:
        return f"{text[:4]}{int(random.integers(1, 13)):02d}{min(int(day), _LAST_DAY):02d}"
    return f"{text[:6]}{int(random.integers(1, _LAST_DAY + 1)):02d}"
