"""Compare tasks: score every pair of rows of a block, keep those that reach the cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.bits import popcounts
from linkage.kernels.blocks import strongest
from linkage.kernels.join import Rule, Side, compare_blocks
from linkage.kernels.measures import fixed_threshold, least_common_bits
from linkage.kernels.similarity import pair_similarity
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
    counts = popcounts(bits, encodings.slice_ends)
    return Side(bits, counts, np.ascontiguousarray(encodings.tokens))


def agreement_rule(
    encodings: Encodings,
    bounds: tuple[float, ...],
    weights: NDArray[np.float64],
    cutoff: float,
) -> Rule:
    """Give the rule that sums a weight per slice and agreement level; see `Rule`.

    `bounds` are the lower Dice bounds of the levels, falling.
    """
    tables = {
        words: [fixed_threshold(least_common_bits(bound, 64 * words)) for bound in reversed(bounds)]
        for words in {one.words for one in encodings.slices}
    }
    thresholds = np.array([tables[one.words] for one in encodings.slices], np.int64)
    order = np.arange(len(encodings.slices))
    whole = np.zeros(weights.shape, np.int64)
    unset = Rule(encodings.slice_ends, thresholds, whole, order, whole[:, 0], 0)
    return weigh(unset, weights, cutoff)


def weigh(rule: Rule, weights: NDArray[np.float64], cutoff: float) -> Rule:
    """Give the rule with other weights and another cutoff, in bits."""
    whole = np.rint(weights * WEIGHT_ONE).astype(np.int64)
    rule = rule._replace(weights=whole, cutoff=int(np.ceil(cutoff * WEIGHT_ONE)))
    return reorder(rule, rule.order)


def reorder(rule: Rule, order: NDArray[np.int64]) -> Rule:
    """Give the rule with its slices looked at in another order.

    The order changes how soon a pair is given up, and nothing else.
    """
    best = rule.weights.max(axis=1)[order]
    still = np.empty_like(best)
    still[order] = best[::-1].cumsum()[::-1] - best
    return rule._replace(order=order, still=still)


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


def collapse(rows: Scored, left: Encodings, right: Encodings, *, within: bool) -> Scored:
    """Keep one pair of rows for each pair of records: the one with the highest weight.

    People have aliases, so a pair of records may have several pairs of rows. Within a data set,
    the rows of one record are no pair. The result is ordered by left record, then right record,
    and doesn't depend on the order of `rows`.
    """
    records = left.owner[rows.left], right.owner[rows.right]
    if within:
        apart = records[0] != records[1]
        rows = Scored(rows.left[apart], rows.right[apart], rows.weight[apart])
        records = records[0][apart], records[1][apart]
    keys = records[0] * len(right.records) + records[1]
    kept = strongest(keys, np.argsort(keys, kind="stable"), rows.weight, rows.left, rows.right)
    return Scored(rows.left[kept], rows.right[kept], rows.weight[kept])


def row_similarity(pairs: Scored, left: Encodings, right: Encodings) -> NDArray[np.float64]:
    """Compute Dice over all slices of given pairs of rows."""
    return pair_similarity(left.bits, right.bits, pairs.left, pairs.right)
