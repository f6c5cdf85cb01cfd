"""Alias rows: a record whose cells hold several values becomes several rows.

People have aliases, and each (name, date of birth) alias must stay a filter of its own: to OR
them into one would destroy its Dice. The linker scores a pair of records by its best pair of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import Column
from linkage.errors import InputError
from linkage.schema import LinkageSchema

MOST_ROWS = 64


@dataclass(frozen=True)
class Cells:
    """A column whose cells may hold several texts: `lists[codes[record]]`; -1 is empty."""

    codes: NDArray[np.int64]
    lists: list[tuple[str, ...]]

    def take(self, chosen: NDArray[np.bool_]) -> Cells:
        """Give the cells where the mask is true."""
        return Cells(self.codes[chosen], self.lists)


@dataclass(frozen=True)
class AliasTable:
    """Aliases kept beside a file: for each of the agency's own ids, one text per field and alias.

    The fields of the table are read in step, whatever the schema says of them.
    """

    fields: tuple[str, ...]
    aliases: Mapping[str, list[tuple[str, ...]]]


def add_aliases(
    cells: Mapping[str, Column | Cells], own_ids: Sequence[str], table: AliasTable | None
) -> dict[str, Column | Cells]:
    """Put the aliases of the table behind the record's own values; an empty one repeats these."""
    result = dict(cells)
    for place, field in enumerate(table.fields if table else ()):
        assert table is not None
        lists: dict[tuple[str, ...], int] = {}
        codes = np.empty(len(own_ids), np.int64)
        own_cells = as_cells(cells[field])
        known = [*own_cells.lists, ()]
        for record, own_id in enumerate(own_ids):
            own = known[own_cells.codes[record]] or ("",)
            more = tuple(one[place] or own[0] for one in table.aliases.get(own_id, ()))
            codes[record] = lists.setdefault(own[:1] + more, len(lists))
        result[field] = Cells(codes, list(lists))
    return result


def count_rows(
    cells: Mapping[str, Column | Cells], groups: Mapping[str, Sequence[str]], records: int
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Count the alias rows of each record, and the values of each group of fields.

    Fields of a group are read in step; groups are combined with each other, so that two names and
    three postcodes make six rows.
    """
    sizes = {
        group: np.max([_lengths(as_cells(cells[field])) for field in fields], axis=0)
        for group, fields in groups.items()
    }
    rows: NDArray[np.int64] = np.prod([*sizes.values(), np.ones(records, np.int64)], axis=0)
    return rows, sizes


def expand_rows(
    cells: Mapping[str, Column | Cells], groups: Mapping[str, Sequence[str]], records: int
) -> tuple[NDArray[np.int64], dict[str, Column]]:
    """Make the alias rows of a chunk: `int64[rows]`, the record of each, and texts by field.

    A field with one value keeps it in all rows of its record.
    """
    rows, sizes = count_rows(cells, groups, records)
    owner = np.repeat(np.arange(records), rows)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(rows) - rows, rows)
    columns = {}
    for group, fields in groups.items():
        size = sizes[group][owner]
        for field in fields:
            columns[field] = _pick(as_cells(cells[field]), owner, place % size)
        place = place // size
    for field, cell in cells.items():
        if isinstance(cell, Column):
            columns.setdefault(field, Column(cell.codes[owner], cell.values))
    return owner, columns


def as_cells(column: Column | Cells) -> Cells:
    """Give a column as cells of one text each."""
    if isinstance(column, Cells):
        return column
    return Cells(column.codes, [(text,) for text in column.values])


def alias_groups(schema: LinkageSchema, table: AliasTable | None) -> dict[str, list[str]]:
    """Give the fields that are read in step, by group; those of the alias table are one."""
    groups: dict[str, list[str]] = {}
    for field in schema.field:
        group = " alias table" if table and field.name in table.fields else field.several
        if group:
            groups.setdefault(group, []).append(field.name)
    return groups


def alias_table(
    columns: Mapping[str, Sequence[str]], schema: LinkageSchema, id_column: str | None
) -> AliasTable:
    """Make an alias table of the columns of an alias file, which calls them as the schema does.

    Raises `InputError` for a file without the column of record ids, or without any field.
    """
    ids = [name for name in ([id_column] if id_column else schema.record_id) if name in columns]
    if not ids:
        wanted = id_column or " or ".join(schema.record_id) or "a column of record ids"
        raise InputError(f"no column {wanted}; an alias file says whose alias each row is")
    headers = {
        field.name: header
        for field in schema.field
        for header in field.columns
        if isinstance(header, str) and header in columns
    }
    if not headers:
        raise InputError("none of its columns belongs to a field of the schema")
    aliases: dict[str, list[tuple[str, ...]]] = {}
    rows = zip(columns[ids[0]], *(columns[one] for one in headers.values()), strict=True)
    for own_id, *texts in rows:
        if any(texts):
            aliases.setdefault(own_id, []).append(tuple(texts))
    return AliasTable(tuple(headers), aliases)


def _lengths(cells: Cells) -> NDArray[np.int64]:
    lengths = np.array([*(max(1, len(one)) for one in cells.lists), 1], np.int64)
    return lengths[cells.codes]


def _pick(cells: Cells, owner: NDArray[np.int64], place: NDArray[np.int64]) -> Column:
    """Take from each row's cell the text at a place; the only one if there is one, else none."""
    texts: dict[str, int] = {}
    most = max((len(one) for one in cells.lists), default=1)
    table = np.full((len(cells.lists) + 1, max(1, most)), -1, np.int64)
    for row, one in enumerate(cells.lists):
        for column in range(most):
            text = one[0] if len(one) == 1 else one[column] if column < len(one) else ""
            if text:
                table[row, column] = texts.setdefault(text, len(texts))
    # A cell with one value serves at any place, also beyond the longest list of this field.
    single = np.array([len(one) == 1 for one in cells.lists] + [False])
    codes = cells.codes[owner]
    inside = place < table.shape[1]
    picked = table[codes, np.where(inside | single[codes], np.minimum(place, most - 1), 0)]
    return Column(np.where(inside | single[codes], picked, -1), list(texts))
