"""Adaptors for the `recordlinkage` toolkit: encodings as its data frames, its parts over filters.

`encoded_frame` makes the data frame; `TokenBlock` and `DiceNeighbours` go into an `Index`, `Dice`
into a `Compare`, next to the toolkit's own parts. Its classifiers and measures work on what comes
out. The linker may use all of this: nothing here needs a key.

The toolkit lists all candidate pairs in memory; above some ten million of them use
`linkage.engine`, which never lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recordlinkage.base import BaseCompareFeature, BaseIndexAlgorithm

from linkage.errors import InputError, shown
from linkage.kernels.dice import find_pairs
from linkage.kernels.similarity import pair_similarity
from linkage.model import Encodings

_PASS = "block."  # noqa: S105  (no password: what the names of blocking passes start with)
_WORD_BYTES = 8

_Rows = NDArray[np.int64]


def encoded_frame(encodings: Encodings) -> pd.DataFrame:
    """Give encodings as a data frame, one row for each alias row.

    The index `record` holds record ids. A slice is a column of its own name: the packed bits as
    `bytes`, eight to a word. A blocking pass is a column `block.PASS` of keyed tokens (`UInt64`).
    An empty filter, which is what a missing value leaves, and a missing token are missing.

    The toolkit wants an index without duplicates. Where records have several rows, work with
    `encoded_frame(...).reset_index()`, whose pairs are pairs of rows, and at the end keep the
    strongest of the pairs that are of the same two records.
    """
    ids = np.char.decode(encodings.records, "utf-8")[encodings.owner]
    ends = encodings.slice_ends
    columns: dict[str, Any] = {}
    for place, one in enumerate(encodings.slices):
        bits = np.ascontiguousarray(encodings.bits[:, ends[place] : ends[place + 1]], "<u8")
        cells = pd.Series(bits.view(f"V{_WORD_BYTES * one.words}").ravel().astype(object))
        columns[one.name] = cells.where(np.asarray(bits.any(axis=1)), None)
    for place, spec in enumerate(encodings.schema.blocking):
        tokens = encodings.tokens[:, place]
        columns[_PASS + spec.name] = pd.arrays.IntegerArray(tokens.copy(), tokens == 0)
    index = pd.Index(ids.astype(object), name="record")
    return pd.DataFrame(columns).set_index(index)


class TokenBlock(BaseIndexAlgorithm):  # type: ignore[misc]  # the toolkit has no types
    """Candidate pairs that share a keyed token in any of the named blocking passes.

    Each pair comes once, ordered by left row, then right row; within one table the right row
    stands before the left one, as in all of the toolkit.

    Parameters
    ----------
    passes
        Names of blocking passes, as in the schema; all that the left table has if not given.
    settings
        `verify_integrity` and `suffixes`, as for the toolkit's own.

    Raises
    ------
    InputError
        When used on a table without such a pass.
    """

    def __init__(self, passes: str | Sequence[str] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.passes = [passes] if isinstance(passes, str) else passes

    def _link_index(self, df_a: pd.DataFrame, df_b: pd.DataFrame) -> pd.MultiIndex:
        return _index(df_a, df_b, *self._rows(df_a, df_b))

    def _dedup_index(self, df_a: pd.DataFrame) -> pd.MultiIndex:
        return _index_within(df_a, *self._rows(df_a, df_a))

    def _rows(self, left: pd.DataFrame, right: pd.DataFrame) -> tuple[_Rows, _Rows]:
        passes = self.passes
        if passes is None:
            names = [one for one in left.columns if isinstance(one, str)]
            passes = [one.removeprefix(_PASS) for one in names if one.startswith(_PASS)]
        if not passes:
            raise InputError("the table has no blocking pass; use DiceNeighbours or Full instead")
        found = [
            _tokens(left, name, "left").merge(_tokens(right, name, "right"), on="token")
            for name in passes
        ]
        return _both_sides(pd.concat(found))


class DiceNeighbours(BaseIndexAlgorithm):  # type: ignore[misc]
    """Candidate pairs whose filters of a slice have Dice >= `threshold`.

    Exact, over all pairs of distinct filters: the time grows with the product of their numbers. A
    missing value has no neighbours. The order is that of `TokenBlock`.

    Parameters
    ----------
    left_slice, right_slice
        Columns of filters; the right one is called as the left one if not given.
    threshold
        Between 0 and 1; the boundary is included.
    settings
        `verify_integrity` and `suffixes`, as for the toolkit's own.

    Raises
    ------
    InputError
        For a threshold out of range, or used on a table without filters of one length there.
    """

    def __init__(
        self,
        left_slice: str,
        right_slice: str | None = None,
        threshold: float = 0.8,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.left_slice = left_slice
        self.right_slice = left_slice if right_slice is None else right_slice
        self.threshold = _checked(threshold)

    def _link_index(self, df_a: pd.DataFrame, df_b: pd.DataFrame) -> pd.MultiIndex:
        return _index(df_a, df_b, *self._rows(df_a, df_b))

    def _dedup_index(self, df_a: pd.DataFrame) -> pd.MultiIndex:
        return _index_within(df_a, *self._rows(df_a, df_a))

    def _rows(self, left: pd.DataFrame, right: pd.DataFrame) -> tuple[_Rows, _Rows]:
        one = _filters(_column(left, self.left_slice, "left"))
        other = _filters(_column(right, self.right_slice, "right"))
        found = pd.DataFrame({"one": [], "other": []}, dtype=np.int64)
        if _comparable(one, other):
            _, found["one"], found["other"] = find_pairs(one.bits, other.bits, self.threshold)
        here = pd.DataFrame({"one": one.places, "left": np.arange(len(left))})
        there = pd.DataFrame({"other": other.places, "right": np.arange(len(right))})
        return _both_sides(found.merge(here, on="one").merge(there, on="other"))


class Dice(BaseCompareFeature):  # type: ignore[misc]
    """Dice similarity of two slices for given pairs, as a feature of `recordlinkage.Compare`.

    Parameters
    ----------
    left_slice, right_slice
        Columns of filters.
    threshold
        Makes the feature 1.0 where Dice >= threshold and 0.0 below; without it, it is Dice.
    missing_value
        The feature where a filter is missing or empty; NaN leaves it missing.
    label
        Name of the feature.

    Raises
    ------
    InputError
        For a threshold out of range, or used on columns that are not filters of one length.
    """

    name = "dice"
    description = "Dice similarity of Bloom filters."

    def __init__(
        self,
        left_slice: str,
        right_slice: str,
        threshold: float | None = None,
        missing_value: float = 0.0,
        label: str | None = None,
    ) -> None:
        super().__init__(left_slice, right_slice, label=label)
        self.threshold = None if threshold is None else _checked(threshold)
        self.missing_value = missing_value

    def _compute_vectorized(self, s_left: pd.Series[Any], s_right: pd.Series[Any]) -> Any:
        left, right = _filters(s_left), _filters(s_right)
        feature = np.full(len(s_left), self.missing_value, np.float64)
        if _comparable(left, right):
            known = (left.places >= 0) & (right.places >= 0)
            similarity = pair_similarity(
                left.bits, right.bits, left.places[known], right.places[known]
            )
            feature[known] = similarity if self.threshold is None else similarity >= self.threshold
        return pd.Series(feature, index=s_left.index)


class _Filters(NamedTuple):
    """A column of filters, each distinct one once.

    `places` is `int64[rows]`, the row of `bits` for each row of the column, -1 where missing or
    empty; `bits` is `uint64[distinct, words]`.
    """

    name: object
    places: NDArray[np.int64]
    bits: NDArray[np.uint64]


def _filters(column: pd.Series[Any]) -> _Filters:
    """Pack a column of filters. Raises `InputError` for a column of anything else."""
    places, distinct = pd.factorize(column)
    filters = list(distinct)
    if any(type(one) is not bytes for one in filters):
        raise InputError(
            f"column {_quoted(column.name)} holds other things than filters; make the table with "
            "linkage.toolkit.encoded_frame"
        )
    sizes = sorted(set(map(len, filters)))
    if len(sizes) > 1 or any(size == 0 or size % _WORD_BYTES for size in sizes):
        raise InputError(
            f"column {_quoted(column.name)} holds filters of {' and '.join(map(str, sizes[:3]))} "
            "bytes; a slice has filters of one length, in whole words of 8 bytes"
        )
    words = sizes[0] // _WORD_BYTES if sizes else 0
    packed = np.frombuffer(b"".join(filters), "<u8").astype(np.uint64)
    bits = packed.reshape(len(filters), words)
    nothing = np.append(~bits.any(axis=1), True)
    return _Filters(column.name, np.where(nothing[places], -1, places).astype(np.int64), bits)


def _comparable(left: _Filters, right: _Filters) -> bool:
    """Tell whether both sides have a filter. Raises `InputError` if their lengths differ."""
    if not len(left.bits) or not len(right.bits):
        return False
    words = left.bits.shape[1], right.bits.shape[1]
    if words[0] != words[1]:
        raise InputError(
            f"left {_quoted(left.name)} has filters of {64 * words[0]} bits and right "
            f"{_quoted(right.name)} of {64 * words[1]}: filters of different lengths can't be "
            "compared"
        )
    return True


def _column(table: pd.DataFrame, name: str, side: str) -> pd.Series[Any]:
    if name not in table.columns:
        listed = ", ".join(_quoted(one) for one in table.columns[:20])
        raise InputError(f"the {side} table has no column {_quoted(name)}; it has {listed}")
    return table[name]


def _tokens(table: pd.DataFrame, name: str, side: str) -> pd.DataFrame:
    """Give the tokens that are there (`token`), and their row numbers (named as the side)."""
    column = _column(table, _PASS + name, side)
    if not pd.api.types.is_unsigned_integer_dtype(column.dtype):
        raise InputError(
            f"column {_quoted(column.name)} of the {side} table holds {column.dtype}, not blocking "
            "tokens; make the table with linkage.toolkit.encoded_frame"
        )
    tokens = column.to_numpy(np.uint64, na_value=0).astype(np.uint64)  # pandas can't join ulonglong
    rows = np.flatnonzero(tokens)
    return pd.DataFrame({"token": tokens[rows], side: rows})


def _both_sides(pairs: pd.DataFrame) -> tuple[_Rows, _Rows]:
    return pairs["left"].to_numpy(np.int64), pairs["right"].to_numpy(np.int64)


def _index_within(table: pd.DataFrame, left: _Rows, right: _Rows) -> pd.MultiIndex:
    """Give the pairs of rows of one table, each once and no row with itself, as an index."""
    once = left > right
    return _index(table, table, left[once], right[once])


def _index(left: pd.DataFrame, right: pd.DataFrame, one: _Rows, other: _Rows) -> pd.MultiIndex:
    """Give pairs of rows, ordered and without repeats, as an index of their labels."""
    keys = np.sort(one * len(right) + other)
    pairs = divmod(keys[np.diff(keys, prepend=-1) > 0], max(len(right), 1))
    codes, levels = zip(*(table.index.factorize() for table in (left, right)), strict=True)
    return pd.MultiIndex(
        levels=levels, codes=[code[row] for code, row in zip(codes, pairs, strict=True)]
    )


def _checked(threshold: float) -> float:
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"threshold {threshold!r} is not a number between 0 and 1")
    return threshold


def _quoted(name: object) -> str:
    return f"'{shown(name)}'"
