"""Take columns out of a table as they are: clkhash trims and normalises nothing."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.columns import Column
from linkage.errors import InputError


def read_raw_column(table: Any, name: str) -> Column:
    """Take one column as distinct texts, with all spaces; code -1 is the empty text.

    clkhash reads CSV files, so text is what it would have read there. Values of other types
    become the text that a CSV file would most likely hold: dates in ISO form, whole floats
    without a fraction, nothing for nulls.

    Raises
    ------
    InputError
        If the column holds lists or structures.
    """
    column = table[name] if not hasattr(table, "column") else table.column(name)
    if hasattr(column, "to_arrow"):
        column = column.to_arrow()
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    if getattr(getattr(column, "type", None), "num_fields", 0) > 0:
        raise InputError(f"column '{name}' holds lists or structures instead of single values")
    if hasattr(column, "dictionary_encode"):
        return _from_arrow(column.dictionary_encode(), plain=not hasattr(column, "dictionary"))
    if hasattr(column, "factorize"):
        codes, values = column.factorize()
        return _distinct(codes.astype(np.int64), list(values))
    places: dict[Any, int] = {}
    listed = [places.setdefault(value, len(places)) for value in column]
    return _distinct(np.array(listed, np.int64), list(places))


def _from_arrow(encoded: Any, *, plain: bool) -> Column:
    """Take an encoded column; the values of one that was not `plain` may hold repeats and nulls."""
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values = encoded.dictionary
    if plain and str(values.type) in ("string", "large_string"):
        return _without_empty(codes, values.to_numpy(zero_copy_only=False).tolist())
    return _distinct(codes, values.to_pylist())


def _without_empty(codes: NDArray[np.int64], texts: list[str]) -> Column:
    """Give the empty one of distinct texts the code -1."""
    if "" not in texts:
        return Column(codes, texts)
    place = texts.index("")
    codes = np.where(codes == place, -1, codes - (codes > place))
    return Column(codes, texts[:place] + texts[place + 1 :])


def _distinct(codes: NDArray[np.int64], raw: list[Any]) -> Column:
    texts = [value if type(value) is str else _text(value) for value in raw]
    places: dict[str, int] = {}
    mapping = [places.setdefault(text, len(places)) if text else -1 for text in texts]
    return Column(np.array([*mapping, -1], np.int64)[codes], list(places))


def _text(value: Any) -> str:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    return str(value)
