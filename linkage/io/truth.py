"""Read a truth file: which record of which data set is which true person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.io.tables import column_names, read_table

_COLUMNS = ("dataset", "record_id", "person_id")


def read_truth(
    path: Path, datasets: Sequence[str], own_ids: Sequence[Sequence[str]]
) -> tuple[list[NDArray[np.int64]], int]:
    """Read the true person of every record.

    Returns `int64[records]` for each data set, -1 where the truth doesn't name the record, and
    the number of truth rows that name no record here. Raises `InputError` for missing columns,
    for a record with two true persons, and if no record at all is named.
    """
    names = column_names(path)
    for column in _COLUMNS:
        if column not in names:
            raise InputError(
                f"{path}: no column '{column}'; a truth file has the columns {', '.join(_COLUMNS)}"
            )
    table = read_table(path)
    numbers: dict[str, int] = {}
    people: dict[tuple[str, str], int] = {}
    rows = zip(*(table[column] for column in _COLUMNS), strict=True)
    for row, (dataset, record, person) in enumerate(rows, 1):
        number = numbers.setdefault(person, len(numbers))
        if people.setdefault((dataset, record), number) != number:
            raise InputError(f"{path}: row {row} gives a record of '{dataset}' a second person")
    truth = [
        np.array([people.get((name, own_id), -1) for own_id in own], np.int64)
        for name, own in zip(datasets, own_ids, strict=True)
    ]
    named = sum(int(np.count_nonzero(one >= 0)) for one in truth)
    if named == 0:
        raise InputError(
            f"{path}: names none of the records of {', '.join(datasets)}. If they were encoded "
            "without --keep-ids, give the ids tables: --ids DATASET=FILE"
        )
    return truth, len(people) - named
