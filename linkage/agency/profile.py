"""The data-quality report that an agency looks at before it encodes.

A profile holds raw values (the most frequent ones, and examples of odd ones) and stays with the
agency. `Profile.content` leaves them out unless asked. Rows are counted from 1, the header not
included.
"""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import LIST_MARK, Column, column_names, read_column
from linkage.agency.fields import FieldProfile, FieldTally, IdProfile, IdTally, header
from linkage.agency.findings import Finding, findings
from linkage.agency.headers import recognise
from linkage.agency.tallies import FIRST_ROWS, RepeatFinder, Repeats, shown
from linkage.errors import InputError
from linkage.schema import FieldSpec, LinkageSchema


@dataclass(frozen=True)
class UnusedColumn:
    """A column of the file that the schema doesn't use, and the kind of field it looks like."""

    name: str
    looks_like: str | None


@dataclass(frozen=True)
class Profile:
    """What a data set is like under a schema. `findings` come with the worst first.

    `repeats` are rows whose normalised values are the same in all compared fields. `filled[n]`
    is the number of rows with a readable value in n of the compared fields. Beside the `rows`
    there are `rejected` ones that could not be read at all, the first with their problems.
    """

    schema: str
    schema_digest: str
    reference_date: str
    rows: int
    rejected: int
    rejected_first: tuple[tuple[int, str], ...]
    fields: tuple[FieldProfile, ...]
    ids: IdProfile | None
    repeats: Repeats
    filled: tuple[int, ...]
    unused: tuple[UnusedColumn, ...]
    passed_along: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def content(self, *, raw_values: bool = False) -> dict[str, Any]:
        """Give all as plain JSON values; raw values only if asked, for they are identifiers."""
        content: dict[str, Any] = asdict(self)
        return content if raw_values else _without_raw_values(content)


class Profiler:
    """Profiles a data set chunk by chunk; memory does not grow with the rows.

    (The hashes that find repeats take 8 bytes for each of the first ten million rows, twice.)
    """

    def __init__(
        self,
        schema: LinkageSchema,
        *,
        reference_date: datetime.date | None = None,
        id_column: str | None = None,
    ) -> None:
        """Take the schema, the day at which ages count (today), and the column of record ids."""
        self.schema = schema
        self.reference_date = reference_date or datetime.date.today()
        self._fields = [
            FieldTally(one, self.reference_date, schema.list_separator) for one in schema.field
        ]
        self._compared = {one.name for one in schema.compared_fields}
        self._ids: IdTally | None = None
        self._id_column = id_column
        self._columns: list[str] = []
        self._used: dict[str, tuple[str, ...]] = {}
        self._rows = self._last = 0
        self._rejected: list[tuple[int, str]] = []
        self._rejects = 0
        self._repeats = RepeatFinder()
        self._filled = np.zeros(len(self._compared) + 1, np.int64)

    def add(self, table: Any, numbers: NDArray[np.int64] | None = None) -> None:
        """Take the next chunk: Arrow, pandas, polars, or a mapping of names to sequences.

        `numbers` are the numbers of its rows in the file, rising; they follow on if not given.
        """
        names = column_names(table)
        if not self._columns:
            self._meet(names)
        if not names:
            return
        rows = int(getattr(table, "num_rows", -1))
        if rows < 0:
            rows = len(_cells(table, names[0]).codes)
        if numbers is None:
            numbers = np.arange(self._last + 1, self._last + 1 + rows)
        self._last = int(numbers.max(initial=self._last))
        record = np.zeros(rows, np.uint64)
        filled = np.zeros(rows, np.int64)
        for place, tally in enumerate(self._fields):
            cells = _joined(
                table, [one for one in self._headers(tally.field) if one in names], rows
            )
            hashes = tally.add(cells, numbers)
            if tally.field.name in self._compared:
                record += hashes * np.uint64(2 * place + 1)
                filled += hashes > 0
        if self._ids is not None and self._ids.column in names:
            self._ids.add(_cells(table, self._ids.column), numbers)
        record[filled == 0] = 0
        self._repeats.add(record, numbers)
        self._filled += np.bincount(filled, minlength=len(self._filled))
        self._rows += rows

    def reject(self, row: int, problem: str) -> None:
        """Take note of a row that could not be read at all."""
        self._rejects += 1
        if self._rejects <= FIRST_ROWS:
            self._rejected.append((row, problem))

    def result(self) -> Profile:
        """Give the profile of all that was added."""
        fields = tuple(
            one.result(
                self._column(one.field),
                one.field.name in self._compared,
                sum(one.field.name in step.fields for step in self.schema.blocking),
            )
            for one in self._fields
        )
        used = {header for field in self.schema.field for header in field.headers}
        used |= {*self.schema.record_id} | ({self._ids.column} if self._ids else set())
        events = {*self.schema.events.headers} if self.schema.events else set()
        unused = [name for name in self._columns if name not in used | events]
        kinds = recognise(unused)
        profile = Profile(
            schema=self.schema.name,
            schema_digest=self.schema.digest(),
            reference_date=self.reference_date.isoformat(),
            rows=self._rows,
            rejected=self._rejects,
            rejected_first=tuple(self._rejected),
            fields=fields,
            ids=self._ids.result() if self._ids else None,
            repeats=self._repeats.result(),
            filled=tuple(self._filled.tolist()),
            unused=tuple(
                UnusedColumn(_printable(name), kind.name if (kind := kinds[name]) else None)
                for name in unused
            ),
            passed_along=tuple(_printable(name) for name in self._columns if name in events),
        )
        ambiguous = {name: columns for name, columns in self._used.items() if len(columns) > 1}
        return replace(profile, findings=findings(profile, ambiguous))

    def _headers(self, field: FieldSpec) -> tuple[str, ...]:
        """Give the headers under which the file has the field: none, one, or several to join."""
        entry = next((one for one in field.columns if header(one) in self._used[field.name]), ())
        return (entry,) if isinstance(entry, str) else entry

    def _column(self, field: FieldSpec) -> str | None:
        headers = self._headers(field) if self._columns else ()
        return header(headers) if headers and set(headers) <= set(self._columns) else None

    def _meet(self, names: list[str]) -> None:
        """Find the file's column of each field, and that of the record ids."""
        self._columns = names
        self._used = {
            field.name: tuple(
                header(one)
                for one in field.columns
                if {*((one,) if isinstance(one, str) else one)} & {*names}
            )
            for field in self.schema.field
        }
        wanted = self._id_column
        if wanted is not None and wanted not in names:
            raise InputError(f"no column '{wanted}' for the record ids; see --id-column")
        column = wanted or next((one for one in self.schema.record_id if one in names), None)
        self._ids = IdTally(column) if column else None


def _cells(table: Any, name: str) -> Column:
    """Take a column as distinct texts; nested and other odd cells count as the text of them."""
    try:
        column = read_column(table, name)
    except (InputError, TypeError, ValueError, NotImplementedError):
        held = table[name] if not hasattr(table, "column") else table.column(name)
        cells = held.to_pylist() if hasattr(held, "to_pylist") else list(held)
        column = read_column({name: [_plain(cell) for cell in cells]}, name)
    texts = [one if one.isascii() else _encodable(one) for one in column.values]
    return column if texts == column.values else Column(column.codes, texts)


def _plain(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, list | tuple):
        return LIST_MARK.join(_plain(one) for one in cell)
    try:
        return str(cell)
    except ValueError:
        return f"a {type(cell).__name__} that can't be shown"


def _printable(name: str) -> str:
    """Make a header of the file safe for a terminal."""
    return "".join(one if one.isprintable() else "?" for one in shown(name))


def _encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which no output could hold."""
    return text.encode("utf-8", "replace").decode()


def _joined(table: Any, headers: list[str], rows: int) -> Column:
    """Take the texts of several columns as one, row by row; none at all for no column."""
    columns = [_cells(table, one) for one in headers]
    if len(columns) == 1:
        return columns[0]
    texts_by_row = zip(*(one.texts() for one in columns), strict=True)
    texts = [" ".join(filter(None, row)) for row in texts_by_row]
    return _cells({"joined": texts or [""] * rows}, "joined")


def _without_raw_values(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out examples, and the texts of frequent values; placeholders are nobody's values."""
    kept: dict[str, Any] = {}
    for key, value in content.items():
        if key == "examples" and all(isinstance(one, str) for one in value):
            continue
        if key == "most_frequent":
            kept[key] = [{"rows": one["rows"]} for one in value]
        elif isinstance(value, dict):
            kept[key] = _without_raw_values(value)
        elif isinstance(value, tuple | list) and value and isinstance(value[0], dict):
            kept[key] = [_without_raw_values(one) for one in value]
        else:
            kept[key] = value
    return kept
