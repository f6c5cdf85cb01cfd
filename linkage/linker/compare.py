"""Compare tasks: score every pair of rows of a block, keep those that reach the cutoff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.dice import least_common_bits, pair_similarity, popcounts
from linkage.kernels.join import Rule, Side, compare_blocks
from linkage.model import Encodings, Task

_FIRST_CAPACITY = 1 << 14


@dataclass(frozen=True)
class Scored:
    """Pairs of rows with their weight, in order of blocks, then left, then right."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weight: NDArray[np.float64]


def side(encodings: Encodings) -> Side:
    """Give a data set as the kernels see it."""
    counts = popcounts(encodings.bits, encodings.slice_ends)
    return Side(encodings.bits, counts, encodings.tokens)


def agreement_rule(
    encodings: Encodings,
    bounds: tuple[float, ...],
    weights: NDArray[np.float64],
    cutoff: float,
) -> Rule:
    """Give the rule that sums a weight per slice and agreement level; see `Rule`.

    `bounds` are the lower Dice bounds of the levels, falling.
    """
    longest = max(one.words for one in encodings.slices)
    tables = [least_common_bits(bound, 64 * longest) for bound in reversed(bounds)]
    least = np.ascontiguousarray(
        np.broadcast_to(tables, (len(encodings.slices), *np.shape(tables)))
    )
    return Rule(encodings.slice_ends, least, np.asarray(weights, np.float64), cutoff)


def compare_task(task: Task, left: Side, right: Side, rule: Rule, *, within: bool) -> Scored:
    """Score one task: a pure function of its arguments, safe to run on any thread.

    With `within` both sides are one data set and each pair of rows is scored once. Pairs that an
    earlier pass compared are left out.
    """
    orders = (task.left_order, task.right_order)
    capacity = _FIRST_CAPACITY
    while True:
        rows, weights = np.empty((2, capacity), np.int64), np.empty(capacity)
        found = compare_blocks(
            task.blocks, orders, left, right, rule, task.blocking_pass, within, rows, weights
        )
        if found <= capacity:
            return Scored(rows[0, :found].copy(), rows[1, :found].copy(), weights[:found].copy())
        capacity = int(found)


def collapse(scored: list[Scored], left: Encodings, right: Encodings) -> Scored:
    """Keep one pair of rows for each pair of records: the one with the highest weight.

    People have aliases, so a pair of records may have several pairs of rows. The result is
    ordered by left record, then right record, and doesn't depend on the order of `scored`.
    """
    rows = Scored(
        np.concatenate([one.left for one in scored] or [np.empty(0, np.int64)]),
        np.concatenate([one.right for one in scored] or [np.empty(0, np.int64)]),
        np.concatenate([one.weight for one in scored] or [np.empty(0)]),
    )
    records = left.owner[rows.left], right.owner[rows.right]
    order = np.lexsort((rows.right, rows.left, -rows.weight, records[1], records[0]))
    first = np.ones(len(order), bool)
    for one in records:
        ordered = one[order]
        first[1:] &= ordered[1:] == ordered[:-1]
    first[1:] = ~first[1:]
    kept = order[first]
    return Scored(rows.left[kept], rows.right[kept], rows.weight[kept])


def row_similarity(pairs: Scored, left: Encodings, right: Encodings) -> NDArray[np.float64]:
    """Compute Dice over all slices of given pairs of rows."""
    return pair_similarity(left.bits, right.bits, pairs.left, pairs.right)
