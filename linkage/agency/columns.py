"""Take columns out of any table a user has: Arrow, pandas, polars, or a mapping of sequences.

No table library is imported: an agency's code works with what it is handed.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.texts import Texts
from linkage.errors import InputError, shown

#: Parts the texts of a cell that is a list in a Parquet file or a data frame.
LIST_MARK = "\x1e"


@dataclass(frozen=True)
class Column:
    """A column as distinct values: `values[codes[row]]` is the row's text; -1 is empty."""

    codes: NDArray[np.int64]
    values: Sequence[str]

    def take(self, chosen: NDArray[np.bool_]) -> Column:
        """Give the cells where the mask is true."""
        return Column(self.codes[chosen], self.values)

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
    """Take one column as distinct texts; dates become ISO dates, whole floats integers.

    Raises `InputError` for a column whose values can't be read as text.
    """
    try:
        return _read(table, name)
    except (ArithmeticError, ValueError, LookupError, NotImplementedError):
        raise InputError(
            f"column '{shown(name)}' holds values that can't be read as text"
        ) from None


def _read(table: Any, name: str) -> Column:
    column = _taken(table, name)
    if getattr(getattr(column, "type", None), "num_fields", 0) > 0:
        return _listed(name, column.to_pylist())
    texts = Texts.of_arrow(column)
    if texts is not None:
        return Column(*_trimmed(texts).distinct())
    if hasattr(column, "dictionary_encode"):
        encoded = column.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return _as_text(codes, encoded.dictionary.to_pylist())
    if hasattr(column, "factorize"):
        codes, values = column.factorize()
        return _as_text(codes.astype(np.int64), list(values))
    return _listed(name, list(column))


def read_texts(table: Any, name: str) -> Texts:
    """Take one column as the text of every row, for values that are mostly distinct."""
    try:
        texts = Texts.of_arrow(_taken(table, name))
    except ValueError:
        raise InputError(f"column '{shown(name)}' holds text that is not UTF-8") from None
    return _trimmed(texts) if texts is not None else Texts.of(read_column(table, name).texts())


def _taken(table: Any, name: str) -> Any:
    """Take a column; of Arrow, a single array, checked, for a file may lie about its text."""
    column = table[name] if not hasattr(table, "column") else table.column(name)
    if hasattr(column, "to_arrow"):
        column = column.to_arrow()
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if hasattr(column, "dictionary_encode") and hasattr(column, "validate"):
        column.validate(full=True)
    return column


def _listed(name: str, cells: list[Any]) -> Column:
    """Take a column of Python values; a list of values becomes a tuple of texts."""
    flat = [tuple(cell) if isinstance(cell, list | np.ndarray) else cell for cell in cells]
    if any(isinstance(cell, dict) for cell in flat):
        raise InputError(f"column '{name}' holds structures instead of values")
    places: dict[Any, int] = {}
    try:
        codes = [places.setdefault(cell, len(places)) for cell in flat]
    except TypeError:
        raise InputError(f"column '{name}' holds lists of lists instead of values") from None
    return _as_text(np.array(codes, np.int64), list(places))


def _trimmed(raw: Texts) -> Texts:
    """Clean texts as `_text` does. Most are clean, and only the others are looked at one by one."""
    data, starts, stops = raw.spans
    outer = np.append(data, np.uint8(0))[np.stack([starts, stops - 1])]
    # A space of any script begins with a byte that is no printable ASCII.
    odd = np.any((outer <= ord(" ")) | (outer > ord("~")), axis=0) & (raw.sizes > 0)
    odd |= raw.hold(LIST_MARK)
    return raw.replaced(np.flatnonzero(odd), map(_text, raw.take(odd)))


def _as_text(codes: NDArray[np.int64], raw: list[Any]) -> Column:
    texts = list(map(_text, raw))
    if "" not in texts and len(set(texts)) == len(texts):
        return Column(codes, texts)
    places: dict[str, int] = {}
    mapping = np.full(len(raw) + 1, -1, np.int64)
    for code, text in enumerate(texts):
        if text:
            mapping[code] = places.setdefault(text, len(places))
    return Column(mapping[codes], list(places))


def _text(value: Any) -> str:
    if type(value) is str:
        return value.strip() if LIST_MARK not in value else value.replace(LIST_MARK, " ").strip()
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
    if isinstance(value, tuple):
        return LIST_MARK.join(filter(None, map(_text, value)))
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace").strip()
    return str(value).replace(LIST_MARK, " ").strip()
