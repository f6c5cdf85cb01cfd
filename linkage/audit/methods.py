"""The public part of an encoding: what an attacker does with his own list under keys of his own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.clkhash import ClkhashEncoder, ClkhashSchema
from linkage.agency.columns import Column
from linkage.agency.encode import Encoder
from linkage.agency.keys import ClkhashSecret, ProjectKey
from linkage.agency.tokens import tokenise
from linkage.audit.scene import Rows, View
from linkage.model import Slice, expected_slices
from linkage.schema import LinkageSchema

_Q = 2


def own_secret(seed: int) -> bytes:
    """Make 32 bytes of an attacker's own key from a seed."""
    return hashlib.sha256(f"linkage audit {seed}".encode()).digest()


class SchemaMethod:
    """Encodes as a linkage schema says. Rows have the normalised texts of all its fields."""

    def __init__(self, schema: LinkageSchema) -> None:
        """Take the schema."""
        self._schema = schema
        self._specs = {one.name: one for one in schema.field}
        self._slices = _named(expected_slices(schema))
        self._passes = tuple(one.name for one in schema.blocking)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that get bits."""
        return tuple(one.name for one in self._schema.compared_fields)

    def encode(self, rows: Rows, seed: int) -> View:
        """Encode under the attacker's own key; each row is a record."""
        return self.encode_under(rows, ProjectKey(own_secret(seed)))

    def encode_under(self, rows: Rows, key: ProjectKey) -> View:
        """Encode under a given key; each row is a record."""
        values = {name: column_of(rows[name]) for name in self._specs}
        count = len(next(iter(rows.values())))
        encoder = Encoder(self._schema, key, "audit")
        bits, tokens = encoder.encode_values(values, count)
        return View(bits, self._slices, tokens, self._passes, np.arange(count))

    def grams(self, field: str, values: Sequence[str]) -> list[list[str]]:
        """Give the tokens of each value; a missing one has none."""
        there = [value for value in values if value]
        tokens = tokenise(self._specs[field], there)
        listed = iter(tokens.of(place) for place in range(len(there)))
        return [next(listed) if value else [] for value in values]


class ClkhashMethod:
    """Encodes as a clkhash schema says. Rows have the raw texts of its columns."""

    def __init__(self, schema: LinkageSchema) -> None:
        """Take the schema that wraps the clkhash document."""
        self._schema = schema
        columns = ClkhashSchema.parse(schema.clkhash or {}).columns
        self._columns = tuple(name for name, _ in columns)
        self._fields = tuple(name for name, ignored in columns if not ignored)
        self._slices = _named(expected_slices(schema))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table must have, ignored ones too."""
        return self._columns

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that get bits."""
        return self._fields

    def encode(self, rows: Rows, seed: int) -> View:
        """Encode under the attacker's own secret; each row is a record."""
        return self.encode_under(rows, ClkhashSecret(own_secret(seed)))

    def encode_under(self, rows: Rows, secret: ClkhashSecret) -> View:
        """Encode under a given secret; each row is a record."""
        table: dict[str, Any] = {name: rows[name].tolist() for name in self._columns}
        encoder = ClkhashEncoder(self._schema, secret, "audit", validate=False)
        bits = encoder.encode(table).encodings.bits
        tokens = np.zeros((len(bits), 0), np.uint64)
        return View(bits, self._slices, tokens, (), np.arange(len(bits)))

    def grams(self, field: str, values: Sequence[str]) -> list[list[str]]:
        """Give bigrams of each padded value, which is near enough to what a feature hashes."""
        padded = [f" {value} " if value else "" for value in values]
        return [[one[at : at + _Q] for at in range(len(one) - _Q + 1)] for one in padded]


Keyed = SchemaMethod | ClkhashMethod


def column_of(texts: NDArray[np.str_]) -> Column:
    """Give texts as a column of distinct values; an empty text is missing."""
    values, codes = np.unique(texts, return_inverse=True)
    codes = codes.ravel().astype(np.int64)
    if len(values) and not values[0]:
        return Column(codes - 1, values[1:].tolist())
    return Column(codes, values.tolist())


def texts_of(column: Column) -> NDArray[np.str_]:
    """Give the text of every row of a column, empty where there is none."""
    return np.array([*column.values, ""], np.str_)[column.codes]


def _named(slices: Sequence[Slice]) -> tuple[tuple[str, int], ...]:
    return tuple((one.name, one.words) for one in slices)
