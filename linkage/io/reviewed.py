"""Tables of pairs of records that people reviewed, as a sample that tells of all pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError, shown
from linkage.io.decisions import read_decision
from linkage.io.tables import column_names, read_table

_ENDS = ("left_dataset", "left_record", "right_dataset", "right_record")
_WANTED = (*_ENDS, "decision")
_WEIGHT = "weight"


@dataclass(frozen=True)
class ReviewedPairs:
    """Pairs, each once, the data set that comes first in the run left.

    `places` `int64[pairs, 2]` are data sets, `left` and `right` `int64[pairs]` records, `match` is
    `bool[pairs]`. `weight` `float64[pairs]` is how many pairs each stands for; None if the table
    does not say. `undecided` rows were passed over.
    """

    places: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    match: NDArray[np.bool_]
    weight: NDArray[np.float64] | None
    undecided: int


def read_reviewed(
    path: Path,
    datasets: Sequence[str],
    records: Sequence[NDArray[np.str_]],
    linked: Sequence[tuple[int, int]],
) -> ReviewedPairs:
    """Read a table with the columns of `review.parquet` that name the records, and `decision`.

    It may have a column `weight`. Rows without a decision are passed over. Raises `InputError` for
    an unknown record, data set, decision or weight, a pair that stands twice or was no pair of the
    run's data sets, and if nothing is decided.
    """
    names = column_names(path)
    missing = [name for name in _WANTED if name not in names]
    if missing:
        raise InputError(f"{path}: no column '{missing[0]}'; it needs {', '.join(_WANTED)}")
    table = read_table(path)
    places = {name: place for place, name in enumerate(datasets)}
    numbers = [{one: n for n, one in enumerate(each.tolist())} for each in records]
    found: dict[tuple[tuple[int, int], ...], tuple[bool, float]] = {}
    weights = table.get(_WEIGHT, ["1"] * len(table["decision"]))
    rows = zip(*(table[name] for name in _WANTED), weights, strict=True)
    for row, (*ends, said, weight) in enumerate(rows, 1):
        where = f"{path}: row {row}"
        match = read_decision(said, where)
        if match is None:
            continue
        pair = _pair(ends, places, numbers, where)
        if (pair[0][0], pair[1][0]) not in linked:
            raise InputError(
                f"{where}: these data sets were not linked with each other in this run"
            )
        if pair in found:
            raise InputError(f"{where}: this pair was there before; each pair needs one row")
        found[pair] = match, _weight(weight, where)
    if not found:
        raise InputError(f"{path}: nothing is decided; write match or no match under 'decision'")
    both = np.array([*found], np.int64).reshape(-1, 2, 2)
    decided, weight = zip(*found.values(), strict=True)
    return ReviewedPairs(
        both[:, :, 0],
        both[:, 0, 1],
        both[:, 1, 1],
        np.array(decided),
        np.array(weight) if _WEIGHT in table else None,
        len(table["decision"]) - len(found),
    )


def _pair(
    ends: Sequence[str], places: dict[str, int], numbers: Sequence[dict[str, int]], where: str
) -> tuple[tuple[int, int], ...]:
    pair = []
    for name, record in (ends[:2], ends[2:]):
        if name not in places:
            raise InputError(f"{where}: there is no data set '{shown(name)}' in this run")
        number = numbers[places[name]].get(record)
        if number is None:
            raise InputError(f"{where}: '{shown(name)}' has no record '{shown(record)}'")
        pair.append((places[name], number))
    if pair[0] == pair[1]:
        raise InputError(f"{where}: a record is paired with itself")
    return tuple(sorted(pair))


def _weight(text: str, where: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise InputError(f"{where}: weight '{shown(text)}' is no number above 0")
    return weight
