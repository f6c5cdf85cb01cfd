"""Find every cell that clkhash would refuse, so that an agency can mend or reject its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.agency.clkhash.dates import Bad
from linkage.agency.clkhash.schema import ClkhashSchema
from linkage.agency.clkhash.values import prepare
from linkage.agency.columns import Column
from linkage.errors import InputError


@dataclass(frozen=True)
class Problem:
    """A cell that can't be encoded: its row, the column's identifier, and why. Never the value."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column '{self.column}': {self.reason}"


@dataclass(frozen=True)
class Prepared:
    """One column ready to tokenise: row `i` has `texts[codes[i]]`. Ignored columns are empty."""

    codes: NDArray[np.int64]
    texts: list[str]


def find_problems(
    columns: list[Column], schema: ClkhashSchema, *, validate: bool = True, first_row: int = 1
) -> list[Problem]:
    """List the cells that `encode_clks` would refuse, row by row, in the order of the columns.

    Without `validate` these are only the ones that can't be encoded at all: numbers and dates
    that are none, and characters that the encoding lacks (clkhash's own `validate=False`).
    """
    return prepare_columns(columns, schema, validate=validate, first_row=first_row)[1]


def prepare_columns(
    columns: list[Column], schema: ClkhashSchema, *, validate: bool, first_row: int
) -> tuple[list[Prepared], list[Problem]]:
    """Bring all columns to the form that is tokenised. Raises `InputError` if they don't fit."""
    _check_fit(columns, schema)
    found: list[tuple[int, int, str]] = []
    prepared = []
    for place, (column, feature) in enumerate(zip(columns, schema.features, strict=True)):
        codes, texts = (column.codes, []) if feature.ignored else _with_empty(column)
        texts, bad = prepare(texts, feature, validate=validate)
        found += [(row, place, bad[code]) for row, code in _rows_of(bad, codes)]
        prepared.append(Prepared(codes, texts))
    names = [feature.identifier for feature in schema.features]
    return prepared, [
        Problem(first_row + row, names[place], reason) for row, place, reason in sorted(found)
    ]


def _check_fit(columns: list[Column], schema: ClkhashSchema) -> None:
    if len(columns) != len(schema.features):
        raise InputError(
            f"{len(columns)} columns given, but the schema has {len(schema.features)}, ignored "
            f"ones included"
        )
    if len({len(column.codes) for column in columns}) > 1:
        raise InputError("the columns differ in their number of rows")


def _with_empty(column: Column) -> tuple[NDArray[np.int64], list[str]]:
    """Give empty cells, code -1, a text of their own: clkhash validates and replaces them too."""
    empty = column.codes < 0
    if not empty.any():
        return column.codes, list(column.values)
    if "" in column.values:
        return np.where(empty, column.values.index(""), column.codes), list(column.values)
    return np.where(empty, len(column.values), column.codes), [*column.values, ""]


def _rows_of(bad: Bad, codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    if not bad:
        return []
    rows = np.flatnonzero(np.isin(codes, list(bad)))
    return list(zip(rows.tolist(), codes[rows].tolist(), strict=True))
