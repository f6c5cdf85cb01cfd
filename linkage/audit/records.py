"""Read an agency's own records for an audit: normalised texts by field, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.clkhash import read_raw_column
from linkage.agency.columns import column_names
from linkage.agency.encode import Encoder
from linkage.audit.methods import ClkhashMethod, texts_of
from linkage.audit.samples import Held, number_people
from linkage.audit.scene import Ints, Rows, View
from linkage.errors import InputError, MismatchError
from linkage.model import Encodings

#: A table and the numbers of its rows in the file.
Batches = Iterable[tuple[Any, Ints]]


@dataclass(frozen=True, repr=False)
class Records:
    """Records in clear text: `own_ids` by record, `owner` and `rows` by alias row.

    `telling` are the fields that get bits: records with the same texts in these are one person.
    """

    own_ids: list[str]
    owner: Ints
    rows: Rows
    telling: tuple[str, ...]

    def held(self, encoded: View | None = None) -> Held:
        """Give them as what scenes are drawn from."""
        told = {field: self.rows[field] for field in self.telling}
        return Held(self.rows, self.owner, number_people(told, self.owner), encoded)


def read_records(batches: Batches, encoder: Encoder, telling: tuple[str, ...]) -> Records:
    """Normalise all records of a file, as `encode` does."""
    ids: list[str] = []
    owners: list[Ints] = []
    columns: dict[str, list[NDArray[np.str_]]] = {}
    for batch, numbers in batches:
        chunk = encoder.normalise(batch, numbers)
        owners.append(chunk.owner + len(ids))
        ids += np.char.decode(chunk.own_ids, "utf-8").tolist()
        for field, column in chunk.values.items():
            columns.setdefault(field, []).append(texts_of(column))
    return Records(ids, np.concatenate(owners), _joined(columns), telling)


def read_clkhash_records(batches: Batches, method: ClkhashMethod, id_column: str | None) -> Records:
    """Read the columns of a clkhash schema as they are; records are rows."""
    ids: list[str] = []
    columns: dict[str, list[NDArray[np.str_]]] = {}
    for batch, numbers in batches:
        names = column_names(batch)
        wanted = [*method.columns, *([id_column] if id_column else [])]
        missing = [name for name in wanted if name not in names]
        if missing:
            raise InputError(f"no column '{missing[0]}'")
        ids += (
            read_raw_column(batch, id_column).texts()
            if id_column
            else [str(number) for number in numbers.tolist()]
        )
        for name in method.columns:
            texts = np.array(read_raw_column(batch, name).texts(), np.str_)
            columns.setdefault(name, []).append(texts)
    return Records(ids, np.arange(len(ids)), _joined(columns), method.fields)


def _joined(columns: Mapping[str, Sequence[NDArray[np.str_]]]) -> Rows:
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def same_people(file: Records, listed: Records) -> tuple[Held, Held]:
    """Give the people of a file and of another list numbers that mean the same.

    Two records are one person if they have one id, or the same texts in all fields with bits.
    """
    count = len(file.own_ids)
    rows = {name: np.concatenate([file.rows[name], listed.rows[name]]) for name in file.rows}
    owner = np.concatenate([file.owner, listed.owner + count])
    by_text = number_people({field: rows[field] for field in file.telling}, owner)
    first = {own_id: place for place, own_id in enumerate(file.own_ids)}
    of_record = np.full(count + len(listed.own_ids), -1)
    of_record[owner] = by_text
    for place, own_id in enumerate(listed.own_ids, count):
        if own_id in first:
            of_record[place] = of_record[first[own_id]]
    person = of_record[owner].astype(np.int64)
    split = len(file.owner)
    return (
        Held(file.rows, file.owner, person[:split]),
        Held(listed.rows, listed.owner, person[split:]),
    )


def as_sent(encodings: Encodings, ids: Mapping[str, str], records: Records) -> View:
    """Put the rows of an encoded file in the order of the agency's records.

    Raises `MismatchError` if the file, its ids and the records don't belong together.
    """
    names = np.char.decode(encodings.records, "utf-8").tolist()
    place = {own_id: number for number, own_id in enumerate(records.own_ids)}
    unknown = [name for name in names if name not in ids]
    if unknown:
        raise MismatchError("the ids table lacks records of the encoded file; they differ in run")
    strange = [name for name in names if ids[name] not in place]
    if strange or len(names) != len(records.own_ids):
        raise MismatchError(
            f"the encoded file has {len(names):,} records and the table {len(records.own_ids):,}, "
            f"of which {len(names) - len(strange):,} are the same; give the table that was encoded"
        )
    number = np.array([place[ids[name]] for name in names], np.int64)[encodings.owner]
    order = np.argsort(number, kind="stable")
    if not np.array_equal(number[order], records.owner):
        raise MismatchError("the encoded file has other alias rows than the table; encode it anew")
    slices = tuple((one.name, one.words) for one in encodings.slices)
    passes = tuple(one.name for one in encodings.schema.blocking)
    return View(encodings.bits[order], slices, encodings.tokens[order], passes, records.owner)
