"""Compare tasks: score every pair of rows of a block, keep those that reach the cutoff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.dice import least_common_bits, pair_similarity, popcounts
from linkage.kernels.join import Rule, Side, compare_blocks
from linkage.model import Encodings, Task

_FIRST_CAPACITY = 1 << 14
_NO_BOUND = -(1 << 62)
#: What sums of weights in another order may differ by; far below any weight that matters.
_ROUNDING = 1e-9


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
    unset = Rule(encodings.slice_ends, least, weights, weights[:, 0], cutoff)
    return weigh(unset, weights, cutoff)


def weigh(rule: Rule, weights: NDArray[np.float64], cutoff: float) -> Rule:
    """Give the rule with other weights and another cutoff."""
    best = weights.max(axis=1)
    still = best[::-1].cumsum()[::-1] - best + _ROUNDING
    return rule._replace(weights=weights, still=still, cutoff=cutoff)


def compare_task(task: Task, left: Side, right: Side, rule: Rule) -> Scored:
    """Score one task: a pure function of its arguments, safe to run on any thread.

    The rows that the task needs are copied side by side first: reading them in order is faster
    than it costs. Pairs that an earlier pass compared are left out.
    """
    starts, stops = task.blocks[:, [0, 2]].min(axis=0), task.blocks[:, [1, 3]].max(axis=0)
    left_rows = task.left_order[starts[0] : stops[0]]
    right_rows = task.right_order[starts[1] : stops[1]]
    blocks = task.blocks - np.repeat(starts, 2)
    after = int(starts[0] - starts[1] + 1) if task.within else _NO_BOUND
    here, there = (
        Side(one.bits[rows], one.counts[rows], one.tokens[rows, : task.blocking_pass])
        for one, rows in ((left, left_rows), (right, right_rows))
    )
    capacity = _FIRST_CAPACITY
    while True:
        rows, weights = np.empty((2, capacity), np.int64), np.empty(capacity)
        found = compare_blocks(blocks, here, there, rule, after, rows, weights)
        if found <= capacity:
            break
        capacity = int(found)
    return Scored(left_rows[rows[0, :found]], right_rows[rows[1, :found]], weights[:found].copy())


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
