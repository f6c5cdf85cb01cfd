"""Look at pairs of records again that a run did not find: how strong they are, what they agree on.

An encoded file is read, what matters of it is kept, and the next one is read, so that no two need
be in memory together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.similarity import pair_similarity
from linkage.linker.compare import row_similarity, side
from linkage.linker.decide import log_odds
from linkage.linker.levels import DIFFERS, MISSING, Levels, levels_of
from linkage.linker.rarity import value_rarity
from linkage.linker.saved import model_of
from linkage.linker.values import value_numbers
from linkage.model import Encodings

#: What two values of a field are: nothing to compare, unlike, alike, or the same.
AGREEMENTS = ("missing", "differs", "similar", "equal")


@dataclass(frozen=True)
class Kept:
    """What is kept of an encoded file: the rows of some records, ordered by record.

    `encodings.owner` numbers records as the run's results do. `keys` `uint64[rows, passes]` are the
    block keys by which the run compared these rows. `numbers` `uint64[all rows, slices]` tell equal
    values of the whole file, `rows` which of these the kept rows are; None where nobody asks.
    """

    encodings: Encodings
    keys: NDArray[np.uint64]
    rows: NDArray[np.int64]
    numbers: NDArray[np.uint64] | None

    @classmethod
    def of(
        cls,
        encodings: Encodings,
        owner: NDArray[np.int64],
        keys: NDArray[np.uint64],
        wanted: NDArray[np.bool_],
        *,
        frequencies: bool,
    ) -> Kept:
        """Keep the rows of `wanted` records, `bool[records]`; `owner` is the record of each row."""
        rows = np.flatnonzero(wanted[owner])
        rows = rows[np.argsort(owner[rows], kind="stable")]
        part = replace(
            encodings, owner=owner[rows], bits=encodings.bits[rows], tokens=encodings.tokens[rows]
        )
        numbers = value_numbers(encodings) if frequencies else None
        return cls(part, keys[rows], rows, numbers)


@dataclass(frozen=True)
class RowPairs:
    """All pairs of rows of pairs of records: `pair` is which pair of records, `int64[row pairs]`.

    Rows are numbered among those kept.
    """

    pair: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    @classmethod
    def of(
        cls, one: Kept, other: Kept, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> RowPairs:
        """List them for the given records, whose rows must have been kept."""
        start, stop = (np.searchsorted(one.encodings.owner, left, end) for end in ("left", "right"))
        first, last = (np.searchsorted(other.encodings.owner, right, e) for e in ("left", "right"))
        here, there = stop - start, last - first
        pair = np.repeat(np.arange(len(left)), here * there)
        inside = np.arange(len(pair)) - np.repeat(
            np.cumsum(here * there) - here * there, here * there
        )
        return cls(pair, start[pair] + inside // there[pair], first[pair] + inside % there[pair])

    def take(self, chosen: NDArray[np.bool_]) -> RowPairs:
        """Give the chosen pairs of rows."""
        return RowPairs(self.pair[chosen], self.left[chosen], self.right[chosen])

    def most(self, values: NDArray[np.float64], pairs: int) -> NDArray[np.float64]:
        """Give the highest value of each pair of records; minus infinity where it has no rows."""
        most = np.full(pairs, -np.inf)
        np.maximum.at(most, self.pair, values)
        return most


class ByModel:
    """Weighs pairs as the run's model does, before rivals change anything.

    Raises `MismatchError` for a model of another schema, `InputError` for a damaged one.
    """

    def __init__(self, kept: Sequence[Kept], content: object, review: float) -> None:
        first = kept[0].encodings
        self._levels = levels_of(first)
        self._model = model_of(content, self._levels, first.schema.digest())
        numbers = [one.numbers for one in kept if one.numbers is not None]
        whole = value_rarity(numbers, self._model, self._levels)
        self._rarity = [rarity[one.rows] for rarity, one in zip(whole, kept, strict=True)]
        self._kept, self._least = kept, log_odds(review)

    def strong(
        self, places: tuple[int, int], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs of records are strong enough for review, by the rows that met."""
        one, other = (self._kept[place] for place in places)
        rows = _met(one, other, RowPairs.of(one, other, left, right))
        levels = self._levels.of(side(one.encodings), side(other.encodings), rows.left, rows.right)
        weight = self._model.odds(levels, self._rarity[places[0]], rows.left)
        return rows.most(weight, len(left)) >= self._least


class ByThreshold:
    """Compares pairs with a Dice threshold for review, as the run did at record level."""

    def __init__(self, kept: Sequence[Kept], review: float) -> None:
        self._kept, self._least = kept, review

    def strong(
        self, places: tuple[int, int], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs of records are strong enough for review, by the rows that met."""
        one, other = (self._kept[place] for place in places)
        rows = _met(one, other, RowPairs.of(one, other, left, right))
        similarity = pair_similarity(
            one.encodings.bits, other.encodings.bits, rows.left, rows.right
        )
        return rows.most(similarity, len(left)) >= self._least


def agreements(
    one: Kept, other: Kept, left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Count on what pairs of records agree: the fields, and `int64[fields, 4]` by `AGREEMENTS`.

    Of the rows of two records, those that are most similar tell.
    """
    levels_from = levels_of(one.encodings)
    rows = RowPairs.of(one, other, left, right)
    similarity = row_similarity(one.encodings, other.encodings, rows.left, rows.right)
    order = np.lexsort((-similarity, rows.pair))
    best = order[np.flatnonzero(np.diff(rows.pair[order], prepend=-1))]
    sides = side(one.encodings), side(other.encodings)
    levels = levels_from.of(*sides, rows.left[best], rows.right[best])
    kinds = _kinds(levels_from)[levels]
    counts = [np.bincount(column, minlength=len(AGREEMENTS)) for column in kinds.T]
    return levels_from.fields, np.array(counts, np.int64).reshape(-1, len(AGREEMENTS))


def _kinds(levels: Levels) -> NDArray[np.int64]:
    """Give the agreement that each level stands for."""
    kinds = np.full(levels.top + 1, AGREEMENTS.index("similar"))
    kinds[[MISSING, DIFFERS, levels.top]] = [
        AGREEMENTS.index(one) for one in ("missing", "differs", "equal")
    ]
    return kinds


def _met(one: Kept, other: Kept, rows: RowPairs) -> RowPairs:
    """Keep the pairs of rows that the run compared."""
    if not one.keys.shape[1]:
        return rows
    keys = one.keys[rows.left]
    return rows.take(((keys == other.keys[rows.right]) & (keys != 0)).any(axis=1))
