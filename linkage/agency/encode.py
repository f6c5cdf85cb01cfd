"""Encode records: normalise, and make bits and blocking tokens under derived keys.

Limits: a plain Bloom filter hides values from someone without the key, but keeps similarity, and
similarity alone lets a capable attacker with a reference list name people. Treat encoded files as
personal data, and send them to the trusted linker only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.aliases import (
    MOST_ROWS,
    AliasTable,
    Cells,
    add_aliases,
    alias_groups,
    count_rows,
    expand_rows,
)
from linkage.agency.anchored import AnchoredCodes
from linkage.agency.blocking import PassTokens
from linkage.agency.bulk import normalise_texts
from linkage.agency.chance import ChanceAgreement
from linkage.agency.columns import LIST_MARK, Column, column_names, read_column, read_texts
from linkage.agency.events import EventReader, ReadEvents
from linkage.agency.filters import FilterMaker
from linkage.agency.ids import IdCheck
from linkage.agency.keys import ProjectKey
from linkage.agency.texts import Texts
from linkage.errors import InputError, shown
from linkage.model import Encodings, expected_slices
from linkage.schema import FieldSpec, LinkageSchema

_PSEUDONYM_BYTES = 10
_MOSTLY_DISTINCT = frozenset({"identifier", "postcode", "text"})

OnBadRow = Callable[[int, str], None]


def refuse_row(row: int, problem: str) -> None:
    """Raise `InputError` for a row that can't be encoded."""
    raise InputError(f"row {row}: {problem}")


@dataclass(frozen=True)
class FieldCount:
    """What became of a field's cells: empty, a placeholder or not readable, or encoded."""

    empty: int
    discarded: int
    encoded: int


@dataclass(frozen=True)
class Encoded:
    """Encodings of one chunk, the agency's own id of each record, and counts by field.

    `events` are what may be passed along beside, if the file has any.
    """

    encodings: Encodings
    own_ids: Sequence[str] | NDArray[np.bytes_]
    counts: dict[str, FieldCount]
    events: ReadEvents | None = field(default=None, kw_only=True)


def encode(
    table: Any,
    schema: LinkageSchema,
    key: ProjectKey,
    *,
    dataset: str = "data",
    id_column: str | None = None,
    keep_ids: bool = False,
    aliases: AliasTable | None = None,
) -> Encodings:
    """Encode a table in memory, a record for each row; record `i` of the result is row `i`.

    Parameters
    ----------
    table
        Arrow table or batch, pandas or polars data frame, or a mapping of names to sequences.
    id_column
        Column of the agency's own record ids; without it, the schema's `record_id`, else row
        numbers from 1.
    keep_ids
        Use the agency's own ids as record ids instead of random pseudonyms. For tests and
        benchmarks: an own id that leaves the agency is an identifier.
    aliases
        Aliases kept apart from the table; see `linkage.agency.aliases`.

    Raises
    ------
    InputError
        For a missing column, a duplicate or impossible record id, or an empty table.
    """
    encoder = Encoder(schema, key, dataset, id_column=id_column, keep_ids=keep_ids, aliases=aliases)
    encoder.count_keys(table)
    return encoder.encode(table).encodings


@dataclass(frozen=True)
class Normalised:
    """Normalised records: the agency's own ids, the record of each alias row, values by field."""

    own_ids: NDArray[np.bytes_]
    owner: NDArray[np.int64]
    values: dict[str, Column]


class _Seen:
    """What is known of the rows seen so far: how many they were, and their ids."""

    def __init__(self) -> None:
        self.rows = 0
        self.ids = IdCheck()


@dataclass(frozen=True)
class _Chunk:
    """A chunk's good records: their ids, the record of each alias row, and its texts by field.

    `good` is `bool[rows]`, which rows of the table they are.
    """

    good: NDArray[np.bool_]
    own_ids: NDArray[np.bytes_]
    owner: NDArray[np.int64]
    raw: dict[str, Column]


class Encoder:
    """Encodes a data set chunk by chunk. Holds derived keys, and of the records hashes of ids.

    Where a pass of the schema has a `max_share`, every chunk is first given to `count_keys`, and
    only then the first one to `encode`; for other schemas `count_keys` does nothing.
    """

    def __init__(
        self,
        schema: LinkageSchema,
        key: ProjectKey,
        dataset: str,
        *,
        id_column: str | None = None,
        keep_ids: bool = False,
        aliases: AliasTable | None = None,
        on_bad_row: OnBadRow = refuse_row,
    ) -> None:
        """Derive one key per field and per pass; see `encode` for the parameters.

        `on_bad_row` is told the number and the problem of each row that can't be encoded; it
        raises `InputError` if not told otherwise.
        """
        self.schema = schema
        self.dataset = dataset
        self.key_fingerprint = key.fingerprint()
        self._filters = FilterMaker(schema, key, dataset)
        #: Makes the blocking tokens, and knows which keys are dropped.
        self.blocking = PassTokens(
            schema.blocking, {one.name: key.derive("pass", one.name) for one in schema.blocking}
        )
        self._id_column = id_column
        self._keep_ids = keep_ids
        self._aliases = aliases
        self._on_bad_row = on_bad_row
        self._encoded, self._counted = _Seen(), _Seen()
        self.slices = expected_slices(schema)
        self._codes = AnchoredCodes(schema, key) if schema.anchored else None
        #: With anchored codes, how often two people's values agree, of all chunks so far.
        self.chance = ChanceAgreement(schema, key) if schema.anchored else None

    def count_keys(self, table: Any) -> None:
        """Count the block keys of the next chunk, for passes with a `max_share`.

        Rows that can't be encoded are left out; it is `encode` that tells of them.
        """
        if self.blocking.limited:
            chunk = self._chunk(table, None, self._counted, lambda row, problem: None)
            keyed = frozenset[str]().union(*(one.fields for one in self.blocking.limited))
            fields = (one for one in self.schema.field if one.name in keyed)
            values = {one.name: _normalised(chunk.raw[one.name], one) for one in fields}
            self.blocking.count(values, chunk.owner, len(chunk.own_ids))

    def encode(self, table: Any, rows: NDArray[np.int64] | None = None) -> Encoded:
        """Encode the next chunk.

        `rows` are the numbers of its rows in the file, for messages; without them they count on
        from the chunk before.
        """
        chunk = self._chunk(table, rows, self._encoded, self._on_bad_row)
        values = {one.name: _normalised(chunk.raw[one.name], one) for one in self.schema.field}
        tokens = self.blocking.tokens(values)
        if self.chance is not None:
            self.chance.add(values, len(chunk.owner))
        encodings = Encodings(
            dataset=self.dataset,
            schema=self.schema,
            key_fingerprint=self.key_fingerprint,
            records=new_records(chunk.own_ids, keep=self._keep_ids),
            owner=chunk.owner,
            bits=self._bits(values, tokens, chunk.own_ids[chunk.owner]),
            slices=self.slices,
            tokens=tokens,
            chance=None if self.chance is None else self.chance.share(),
        )
        counts = {name: _count(chunk.raw[name], column) for name, column in values.items()}
        reader = self.event_reader(column_names(table))
        events = reader.read(table, chunk.good) if reader is not None else None
        return Encoded(encodings, chunk.own_ids, counts, events=events)

    def normalise(self, table: Any, rows: NDArray[np.int64] | None = None) -> Normalised:
        """Normalise the next chunk as `encode` does; `encode_values` does the rest."""
        chunk = self._chunk(table, rows, self._encoded, self._on_bad_row)
        values = {one.name: _normalised(chunk.raw[one.name], one) for one in self.schema.field}
        return Normalised(chunk.own_ids, chunk.owner, values)

    def encode_values(
        self, values: dict[str, Column], rows: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Encode so many rows of normalised values: bits and blocking tokens, as in `Encodings`.

        The rows are taken for the whole data set: what passes with a `max_share` drop is found in
        them, and each counts as a record.
        """
        if self.blocking.limited:
            self.blocking.count(values, np.arange(rows), rows)
        ids = Texts.of(map(str, range(1, rows + 1))).padded()
        tokens = self.blocking.tokens(values)
        return self._bits(values, tokens, ids), tokens

    def _chunk(
        self, table: Any, rows: NDArray[np.int64] | None, seen: _Seen, on_bad_row: OnBadRow
    ) -> _Chunk:
        """Read the next chunk, leave out its bad rows, and make its alias rows."""
        names = column_names(table)
        id_column, own_ids = self._own_ids(table, names, seen.rows)
        if rows is None:
            rows = np.arange(seen.rows + 1, seen.rows + 1 + len(own_ids))
        seen.rows += len(own_ids)
        if len(own_ids) == 0:
            raise InputError("there is no record to encode")
        cells = add_aliases(
            {one.name: self._cells(table, names, one, len(rows)) for one in self.schema.field},
            own_ids,
            self._aliases,
        )
        groups = alias_groups(self.schema, self._aliases)
        problems = seen.ids.check(own_ids, id_column) | _too_many(cells, groups, len(own_ids))
        good = np.ones(len(own_ids), bool)
        for place, problem in sorted(problems.items()):
            on_bad_row(int(rows[place]), problem)
            good[place] = False
        kept_ids = own_ids.take(good).padded()
        if not good.all():
            cells = {name: one.take(good) for name, one in cells.items()}
        return _Chunk(good, kept_ids, *expand_rows(cells, groups, len(kept_ids)))

    def _cells(self, table: Any, names: list[str], field: FieldSpec, rows: int) -> Column | Cells:
        """Read the cells of a field; those of several columns are joined to one text."""
        present = [one for one in field.columns if set(_parts(one)) & set(names)]
        if len(present) > 1:
            listed = " and ".join(f"'{' + '.join(_parts(one))}'" for one in present)
            raise InputError(
                f"field '{field.name}' fits more than one column of the file: {listed}; "
                "leave one of them out of the schema's columns"
            )
        if not present and field.optional:
            return Column(np.full(rows, -1, np.int64), [])
        wanted = present or field.columns
        missing = [name for name in _parts(wanted[0]) if name not in names]
        if missing:
            named = " or ".join(f"'{name}'" for one in wanted for name in _parts(one))
            raise InputError(
                f"no column {named} for the field '{field.name}'; the file has {_listed(names)}. "
                "Add its header to the schema's columns, or make the field optional"
            )
        columns = [_read(table, name, field) for name in _parts(wanted[0])]
        column = columns[0] if len(columns) == 1 else _joined(columns)
        if field.several:
            separator = self.schema.list_separator
            return Cells(column.codes, [_split(text, separator) for text in column.values])
        texts = Texts.of(column.values)
        if texts.hold(LIST_MARK) and any(LIST_MARK in text for text in texts):
            raise InputError(
                f"column '{_parts(wanted[0])[0]}' holds lists; give the field '{field.name}' the "
                'option several = "alias" in the schema to encode each value'
            )
        return column

    def numbers_rows(self, names: list[str]) -> bool:
        """Tell whether a file with these columns has no record ids, so that rows are numbered."""
        return self._id_header(names) is None

    def event_reader(self, names: list[str]) -> EventReader | None:
        """Give what reads the events of a file with these columns, if they hold any."""
        if self.schema.events is None:
            return None
        reader = EventReader(self.schema.events, names, self.schema.list_separator)
        reader.refuse(self._id_header(names))
        return reader if reader.found else None

    def _id_header(self, names: list[str]) -> str | None:
        return self._id_column or next((c for c in self.schema.record_id if c in names), None)

    def _own_ids(self, table: Any, names: list[str], before: int) -> tuple[str, Texts]:
        """Give the column of the agency's ids and the id of every row; without one, its number."""
        column = self._id_header(names)
        if column is not None and column not in names:
            raise InputError(
                f"no column '{column}' for the record ids; the file has {_listed(names)}"
            )
        if column is not None:
            return column, read_texts(table, column)
        rows = len(read_column(table, names[0]).codes) if names else 0
        return "", Texts.of(str(before + row + 1) for row in range(rows))

    def _bits(
        self, values: dict[str, Column], tokens: NDArray[np.uint64], ids: NDArray[np.bytes_]
    ) -> NDArray[np.uint64]:
        if self._codes is not None:
            return self._codes.bits(values, tokens)
        return self._filters.bits(values, len(tokens), ids)


def new_records(own_ids: Sequence[str] | NDArray[np.bytes_], *, keep: bool) -> NDArray[np.bytes_]:
    """Give record ids: random pseudonyms, or the agency's own where these are to be kept."""
    if keep:
        return own_ids if isinstance(own_ids, np.ndarray) else Texts.of(own_ids).padded()
    random = secrets.token_hex(_PSEUDONYM_BYTES * len(own_ids))
    return np.frombuffer(random.encode(), f"S{2 * _PSEUDONYM_BYTES}")


def _read(table: Any, name: str, field: FieldSpec) -> Column:
    """Read a column; where hardly two cells are alike, it isn't worth finding those that are."""
    if field.type not in _MOSTLY_DISTINCT:
        return read_column(table, name)
    texts = read_texts(table, name)
    return Column(np.where(texts.sizes > 0, np.arange(len(texts)), -1), texts)


def _normalised(raw: Column, field: FieldSpec) -> Column:
    values = normalise_texts(field, Texts.of(raw.values))
    if field.type in _MOSTLY_DISTINCT:
        numbers = np.where(values.sizes > 0, np.arange(len(values)), -1)
    else:
        numbers, values = values.distinct()
    return Column(np.append(numbers, -1)[raw.codes], values)


def _count(raw: Column, column: Column) -> FieldCount:
    empty = int(np.count_nonzero(raw.codes < 0))
    encoded = int(np.count_nonzero(column.codes >= 0))
    return FieldCount(empty, len(raw.codes) - empty - encoded, encoded)


def _too_many(
    cells: dict[str, Column | Cells], groups: dict[str, list[str]], records: int
) -> dict[int, str]:
    """Give the problem of each record with too many alias rows, by its place."""
    rows, _ = count_rows(cells, groups, records)
    return {
        place: f"its values make {rows[place]} combinations, of at most {MOST_ROWS}; leave out "
        "the oldest"
        for place in np.flatnonzero(rows > MOST_ROWS).tolist()
    }


def _parts(columns: str | tuple[str, ...]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else columns


def _joined(columns: list[Column]) -> Column:
    """Join the texts of several columns row by row."""
    places: dict[str, int] = {}
    rows = zip(*(column.texts() for column in columns), strict=True)
    codes = [places.setdefault(" ".join(filter(None, row)), len(places)) for row in rows]
    empty = places.get("", -1)
    return Column(np.array([-1 if code == empty else code for code in codes]), list(places))


def _split(text: str, separator: str) -> tuple[str, ...]:
    """Part the texts of a cell: by the separator, or as the list that the cell was."""
    parts = [part.strip() for part in text.replace(separator, LIST_MARK).split(LIST_MARK)]
    return tuple(part for part in parts if part)


def _listed(names: list[str]) -> str:
    first = ", ".join(f"'{shown(name)}'" for name in names[:8])
    return first + (f" and {len(names) - 8} more" if len(names) > 8 else "")
