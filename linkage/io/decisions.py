"""Tables of pairs of records that people decided on, or know to match."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from linkage.errors import InputError, shown
from linkage.io.tables import column_names, read_table
from linkage.model import Decided, Encodings

_ENDS = ("left_dataset", "left_record", "right_dataset", "right_record")
_YES = frozenset({"match", "yes", "y", "true", "1"})
_NO = frozenset({"no match", "non-match", "no", "n", "false", "0"})


def read_decisions(
    path: Path, encodings: Sequence[Encodings], *, all_match: bool = False
) -> list[Decided]:
    """Read pairs and what was decided, by pair of data sets.

    The table has the columns of `review.parquet` that name the records, and `decision` (match, or
    no match; rows without one are passed over). With `all_match` there is no such column: all pairs
    are matches. Pairs are turned to the order of the data sets.

    Raises `InputError` for an unknown record or decision, a record paired with itself, or pairs
    that were decided both ways, directly or by way of other records.
    """
    wanted = (*_ENDS, *(() if all_match else ("decision",)))
    missing = [name for name in wanted if name not in column_names(path)]
    if missing:
        raise InputError(f"{path}: no column '{missing[0]}'; it needs {', '.join(wanted)}")
    table = read_table(path)
    names = {one.dataset: place for place, one in enumerate(encodings)}
    records = [{one: n for n, one in enumerate(each.records.tolist())} for each in encodings]
    found: dict[tuple[int, int], dict[tuple[int, int], bool]] = {}
    rows = zip(*(table[name] for name in wanted), strict=True)
    for number, (left_set, left, right_set, right, *said) in enumerate(rows, start=1):
        where = f"{path}: row {number}"
        match = True if all_match else read_decision(said[0], where)
        if match is None:
            continue
        ends = []
        for name, record in ((left_set, left), (right_set, right)):
            place = names.get(name)
            if place is None:
                raise InputError(f"{where}: there is no data set '{shown(name)}' in this run")
            known = records[place].get(record.encode())
            if known is None:
                raise InputError(f"{where}: '{shown(name)}' has no record '{shown(record)}'")
            ends.append((place, known))
        if ends[0] == ends[1]:
            raise InputError(f"{where}: a record is paired with itself")
        (a, i), (b, j) = sorted(ends)
        if found.setdefault((a, b), {}).setdefault((i, j), match) != match:
            raise InputError(f"{where}: this pair was decided the other way before; settle it")
    _refuse_contradiction(found, [len(one.records) for one in encodings], path)
    return [
        Decided(
            places,
            np.array([one for one, _ in pairs], np.int64),
            np.array([other for _, other in pairs], np.int64),
            np.array(list(pairs.values()), bool),
        )
        for places, pairs in sorted(found.items())
    ]


def read_decision(text: str, where: str) -> bool | None:
    """Read what was decided on the pair of a row; None for nothing. Raises `InputError`."""
    said = text.strip().lower()
    if said in _YES or said in _NO:
        return said in _YES
    if not said:
        return None
    raise InputError(f"{where}: decision '{shown(text)}' is neither 'match' nor 'no match'")


def _refuse_contradiction(
    found: dict[tuple[int, int], dict[tuple[int, int], bool]], sizes: list[int], path: Path
) -> None:
    """Refuse matches that join two records which were said to be two people."""
    starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    parent: dict[int, int] = {}

    def root(one: int) -> int:
        while parent.get(one, one) != one:
            one = parent[one]
        return one

    said = [
        (starts[a] + i, starts[b] + j, match)
        for (a, b), pairs in found.items()
        for (i, j), match in pairs.items()
    ]
    for one, other, match in said:
        if match:
            parent[root(one)] = root(other)
    if any(not match and root(one) == root(other) for one, other, match in said):
        raise InputError(
            f"{path}: two records are said to be no match, but other decisions make them one "
            "person by way of a third; settle it"
        )
