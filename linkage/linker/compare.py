"""Compare tasks: score every pair of rows of a block, keep those that reach the cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from linkage.kernels.bits import popcounts
from linkage.kernels.blocks import strongest
from linkage.kernels.join import Rule, Side, compare_blocks
from linkage.kernels.measures import fixed_threshold, least_common_bits
from linkage.kernels.similarity import pair_similarity
from linkage.linker.anchored import Pooled, pass_codes
from linkage.model import Encodings, Task

#: A weight of one bit in the whole numbers that kernels add.
WEIGHT_ONE = 1 << 32


@dataclass(frozen=True)
class Scored:
    """Pairs of rows with their weight in units of `WEIGHT_ONE`, `int64[pairs]` each."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """Put parts together, in their order."""
        nothing = np.empty(0, np.int64)
        return cls(
            np.concatenate([nothing, *(one.left for one in parts)]),
            np.concatenate([nothing, *(one.right for one in parts)]),
            np.concatenate([nothing, *(one.weight for one in parts)]),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.left.nbytes + self.right.nbytes + self.weight.nbytes


def side(encodings: Encodings) -> Side:
    """Give a data set as the kernels see it."""
    bits = np.ascontiguousarray(encodings.bits)
    if encodings.schema.anchored:  # each pass counts its own: see `linker.anchored.pass_side`
        counts = np.empty((len(bits), 0), np.uint16)
    else:
        counts = popcounts(bits, encodings.slice_ends)
    nothing = np.empty((0, counts.shape[1]), np.int32)
    return Side(bits, counts, np.ascontiguousarray(encodings.tokens), nothing)


def agreement_rule(
    encodings: Encodings,
    bounds: ArrayLike,
    weights: NDArray[np.float64],
    cutoff: float,
) -> Rule:
    """Give the rule that sums a weight per slice and agreement level; see `Rule`.

    `bounds` are the lower Dice bounds of the levels, falling: of all slices, or a row for each.
    """
    rows: NDArray[np.float64] = np.atleast_2d(np.asarray(bounds, np.float64))[:, ::-1]
    every = np.broadcast_to(rows, (len(encodings.slices), rows.shape[1])).tolist()
    thresholds = _fixed(every, [64 * one.words for one in encodings.slices])
    order = np.arange(len(encodings.slices))
    whole = np.zeros(weights.shape, np.int64)
    return weigh(Rule(encodings.slice_ends, thresholds, whole, order, 0), weights, cutoff)


def _fixed(bounds: list[list[float]], bits: list[int]) -> NDArray[np.int64]:
    """Give Dice bounds of slices of so many bits as kernels take them."""
    every = [[(bound, size) for bound in row] for row, size in zip(bounds, bits, strict=True)]
    known = {one: fixed_threshold(least_common_bits(*one)) for one in set(chain(*every))}
    return np.array([[known[one] for one in row] for row in every], np.int64)


def weigh(rule: Rule, weights: NDArray[np.float64], cutoff: float) -> Rule:
    """Give the rule with other weights and another cutoff, in bits."""
    whole = np.rint(weights * WEIGHT_ONE).astype(np.int64)
    return rule._replace(weights=whole, cutoff=int(np.ceil(cutoff * WEIGHT_ONE)))


def compare_task(task: Task, left: Side, right: Side, rule: Rule) -> Scored:
    """Score one task: a pure function of its arguments, safe to run on any thread.

    Pairs that an earlier pass compared are left out.
    """
    found = compare_blocks(
        task.blocks,
        task.left_order,
        task.right_order,
        left,
        right,
        rule,
        task.blocking_pass,
        task.within,
    )
    return Scored(*(one.copy() for one in found))


def collapse(rows: Scored, left: Encodings, right: Encodings, *, within: bool) -> NDArray[np.int64]:
    """Choose one pair of rows for each pair of records: the one with the highest weight.

    People have aliases, so a pair of records may have several pairs of rows. Within a data set,
    the rows of one record are no pair. Gives places in `rows`, ordered by left record, then right
    record; which rows they are doesn't depend on the order of `rows`.
    """
    records = left.owner[rows.left], right.owner[rows.right]
    keys = records[0] * len(right.records) + records[1]
    chosen = np.flatnonzero(records[0] != records[1]) if within else np.arange(len(keys))
    order = chosen[np.argsort(keys[chosen], kind="stable")]
    return strongest(keys, order, rows.weight, rows.left, rows.right)


def row_similarity(
    one: Encodings, other: Encodings, left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Compute Dice over all slices of given pairs of rows; of anchored codes, those that fit."""
    if one.schema.anchored:
        return Pooled.of(pass_codes(one.schema), one, other, left, right).similarity()
    return pair_similarity(one.bits, other.bits, left, right)
