"""Tables that say something of records: the truth, and groups. They are laid to the records here.

Such a table has the columns `dataset` and `record_id`. Whole columns are matched, not rows, so a
table of millions takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.errors import InputError, shown
from linkage.io.tables import column_names, read_batches

#: In place of a row, a person or a label, where a table says nothing of a record.
UNKNOWN = -1
_KEY = ("dataset", "record_id")
_PERSON = "person_id"
_COLUMNS = (*_KEY, _PERSON)


@dataclass(frozen=True)
class Labels:
    """A column of labels: their `names`, and for every data set the number of each record's.

    `codes` are `int64[records]`, `UNKNOWN` where the cell is empty or the table has no such record.
    """

    names: tuple[str, ...]
    codes: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class TruthTable:
    """The true `person` of every record, `int64[records]` for each data set, and other columns.

    `unused` rows name no record here, and `nobody` rows have no person id. `strangers` are the
    data sets that it names and that are not here, with their rows, which are `unused` too.
    """

    person: tuple[NDArray[np.int64], ...]
    labels: dict[str, Labels]
    unused: int
    nobody: int
    strangers: dict[str, int]


@dataclass(frozen=True)
class GroupTable:
    """Group columns, and what was found wanting: rows of records that are not here, repeated rows.

    `strangers` are the data sets that it names and that are not here, with their rows.
    """

    labels: dict[str, Labels]
    unused: int
    repeated: int
    strangers: dict[str, int]


@dataclass(frozen=True)
class _Laid:
    """A table laid to records: the first row of each, the rows that repeat an earlier record."""

    rows: tuple[NDArray[np.int64], ...]
    repeats: NDArray[np.int64]
    first: NDArray[np.int64]
    unused: int
    strangers: dict[str, int]


def read_truth(path: Path, datasets: Sequence[str], own_ids: Sequence[pa.Array]) -> TruthTable:
    """Read the true person of every record, and the other columns of a truth file.

    Raises `InputError` for missing columns, for a record with two true persons, and if no record
    at all is named.
    """
    _require(path, _COLUMNS, "a truth file")
    table = _read_texts(path)
    person = _codes(table[_PERSON])
    laid = _lay(table, datasets, own_ids)
    if (person[laid.repeats] != person[laid.first]).any():
        at = laid.repeats[person[laid.repeats] != person[laid.first]].min()
        dataset = shown(table["dataset"][int(at)])
        raise InputError(f"{path}: row {at + 1} gives a record of '{dataset}' a second person")
    persons = tuple(_pick(person, rows) for rows in laid.rows)
    if all((one == UNKNOWN).all() for one in persons):
        raise InputError(
            f"{path}: names none of the records of {', '.join(datasets)}. If they were encoded "
            "without --keep-ids, give the ids tables: --ids DATASET=FILE"
        )
    labels = {
        name: _labels(table[name], laid) for name in table.column_names if name not in _COLUMNS
    }
    nobody = int(np.count_nonzero(person == UNKNOWN))
    return TruthTable(persons, labels, laid.unused, nobody, laid.strangers)


def read_groups(path: Path, datasets: Sequence[str], own_ids: Sequence[pa.Array]) -> GroupTable:
    """Read a table of groups: every column but `dataset` and `record_id` is one.

    Raises `InputError` for missing columns, for a record with two labels of one kind, and if no
    record at all is named.
    """
    _require(path, _KEY, "a table of groups")
    table = _read_texts(path)
    names = [name for name in table.column_names if name not in _KEY]
    if not names:
        raise InputError(f"{path}: no column of groups beside {' and '.join(_KEY)}")
    laid = _lay(table, datasets, own_ids)
    if all((rows == UNKNOWN).all() for rows in laid.rows):
        raise InputError(
            f"{path}: names none of the records of {', '.join(datasets)}. If they were encoded "
            "without --keep-ids, give the ids tables: --ids DATASET=FILE"
        )
    for name in names:
        code = _codes(table[name])
        differs = code[laid.repeats] != code[laid.first]
        if differs.any():
            raise InputError(
                f"{path}: row {laid.repeats[differs].min() + 1} gives a record a second "
                f"'{shown(name)}'; each record needs one row"
            )
    labels = {name: _labels(table[name], laid) for name in names}
    return GroupTable(labels, laid.unused, len(laid.repeats), laid.strangers)


def with_records_of(
    path: Path, datasets: Sequence[str], own_ids: Sequence[pa.Array]
) -> list[pa.Array]:
    """Give the ids of every data set, and behind them others that a truth file names there."""
    _require(path, _COLUMNS, "a truth file")
    table = _read_texts(path)
    whole = []
    for name, own in zip(datasets, own_ids, strict=True):
        named = table["record_id"].filter(pc.equal(table["dataset"], name)).unique()
        new = named.filter(pc.invert(pc.is_in(named, value_set=own)))
        whole.append(pa.concat_arrays([own, new.take(pc.sort_indices(new))]))
    return whole


def _require(path: Path, wanted: tuple[str, ...], what: str) -> None:
    names = column_names(path)
    for column in wanted:
        if column not in names:
            raise InputError(
                f"{path}: no column '{column}'; {what} has the columns {', '.join(wanted)}"
            )


def _read_texts(path: Path) -> pa.Table:
    """Read a table as texts; a missing cell is an empty one."""
    table = pa.Table.from_batches([batch for batch, _ in read_batches(path)])
    columns = [
        _as_texts(column.combine_chunks(), name, path)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def _as_texts(column: pa.Array, name: str, path: Path) -> pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    try:
        if pa.types.is_floating(kind):
            # People who read a column of numbers with gaps get 3.0 for 3.
            whole = pc.equal(pc.floor(column), column)
            plain = pc.if_else(whole, column, None).cast(pa.int64(), safe=False).cast(pa.string())
            return pc.coalesce(plain, column.cast(pa.string()), "")
        return column.cast(pa.string()).fill_null("")
    except pa.ArrowException:
        raise InputError(
            f"{path}: column '{shown(name)}' of type {shown(kind)} can't be read as text"
        ) from None


def _codes(texts: pa.ChunkedArray) -> NDArray[np.int64]:
    """Give equal texts equal numbers from 0 on; an empty text is `UNKNOWN`."""
    _, codes = _coded(texts)
    return codes


def _coded(texts: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int64]]:
    known = pc.if_else(pc.equal(texts, ""), None, texts)
    coded = pa.chunked_array(known).combine_chunks().dictionary_encode()
    codes = coded.indices.fill_null(UNKNOWN).to_numpy(zero_copy_only=False).astype(np.int64)
    return coded.dictionary, codes


def _labels(texts: pa.ChunkedArray, laid: _Laid) -> Labels:
    names, codes = _coded(texts)
    return Labels(tuple(names.to_pylist()), tuple(_pick(codes, rows) for rows in laid.rows))


def _pick(codes: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(rows == UNKNOWN, UNKNOWN, codes[rows])


def _lay(table: pa.Table, datasets: Sequence[str], own_ids: Sequence[pa.Array]) -> _Laid:
    """Find the first row of every record."""
    rows, repeats, first, unused = [], [], [], 0
    kinds = table["dataset"].combine_chunks().dictionary_encode()
    names, kind = kinds.dictionary.to_pylist(), kinds.indices.to_numpy()
    for name, own in zip(datasets, own_ids, strict=True):
        here = np.flatnonzero(kind == (names.index(name) if name in names else UNKNOWN))
        ids = table["record_id"].take(pa.array(here)).combine_chunks().dictionary_encode()
        codes = ids.indices.to_numpy()
        start = here[np.unique(codes, return_index=True)[1]]
        again = here[start[codes] != here]
        repeats.append(again)
        first.append(start[codes][start[codes] != here])
        place = pc.index_in(own, value_set=ids.dictionary).fill_null(UNKNOWN).to_numpy()
        rows.append(np.where(place == UNKNOWN, UNKNOWN, _at(start, place)))
        unused += len(start) - len(np.unique(place[place != UNKNOWN]))
    counts = np.bincount(kind, minlength=len(names))
    strangers = {
        name: int(count) for name, count in zip(names, counts, strict=True) if name not in datasets
    }
    return _Laid(
        tuple(rows),
        np.concatenate(repeats),
        np.concatenate(first),
        unused + sum(strangers.values()),
        strangers,
    )


def _at(start: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    return start[place] if len(start) else np.full(len(place), UNKNOWN, np.int64)
