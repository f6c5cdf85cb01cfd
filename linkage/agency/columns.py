"""Take columns out of any table a user has: Arrow, pandas, polars, or a mapping of sequences.

No table library is imported: an agency's code works with what it is handed.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError


@dataclass(frozen=True)
class Column:
    """A column as distinct values: `values[codes[row]]` is the row's text; -1 is empty."""

    codes: NDArray[np.int64]
    values: list[str]

    def texts(self) -> list[str]:
        """Give the text of every row, empty where there is none."""
        values = [*self.values, ""]
        return [values[code] for code in self.codes.tolist()]


def column_names(table: Any) -> list[str]:
    """Names of the table's columns, in order."""
    for attribute in ("column_names", "columns"):
        names = getattr(table, attribute, None)
        if names is not None and not callable(names):
            return [str(name) for name in names]
    if hasattr(table, "keys"):
        return [str(name) for name in table.keys()]  # noqa: SIM118 - the table may not be a dict
    raise InputError(f"a {type(table).__name__} is not a table with named columns")


def read_column(table: Any, name: str) -> Column:
    """Take one column as distinct texts; dates become ISO dates, whole floats integers."""
    column = table[name] if not hasattr(table, "column") else table.column(name)
    if hasattr(column, "to_arrow"):
        column = column.to_arrow()
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if getattr(getattr(column, "type", None), "num_fields", 0) > 0:
        raise InputError(f"column '{name}' holds lists or structures instead of single values")
    if hasattr(column, "dictionary_encode"):
        encoded = column.dictionary_encode()
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return _as_text(indices.astype(np.int64), encoded.dictionary.to_pylist())
    if hasattr(column, "factorize"):
        codes, values = column.factorize()
        return _as_text(codes.astype(np.int64), list(values))
    places: dict[Any, int] = {}
    listed = [places.setdefault(value, len(places)) for value in column]
    return _as_text(np.array(listed, np.int64), list(places))


def _as_text(codes: NDArray[np.int64], raw: list[Any]) -> Column:
    texts = [_text(value) for value in raw]
    places: dict[str, int] = {}
    mapping = np.array(
        [places.setdefault(text, len(places)) if text else -1 for text in texts] + [-1], np.int64
    )
    return Column(mapping[codes], list(places))


def _text(value: Any) -> str:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return str(value).strip()
