"""Count the pairs of groups, once as they are and again and again as they are drawn anew.

Half of a pair belongs to the group of its left record and half to that of its right one. Both ends
of a true match are one person, so a match counts whole in one group. A false link between two
groups is half of either's: that way false links at random make no group look worse for its size,
it does not matter which data set stands left, and groups add up to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.groups import Groups
from linkage.evaluate.judged import LINK, REVIEW, Judged
from linkage.evaluate.resample import Kinds, Resampling
from linkage.evaluate.truth import UNKNOWN, sum_by

#: What is counted of a group: true matches found, in review and neither, and false links.
FOUND, UNSURE, LOST, FALSE = range(4)
COUNTS = 4
#: Counts of units that are compared at a time.
_CELLS = 4_000_000


@dataclass(frozen=True)
class Ends:
    """The ends of pairs that count: `record`, `unit` and `kind` (what it counts as), and `worth`.

    `int64[ends]` each, and `float64[ends]`. `by_unit` `float64[units, COUNTS]` is their sum.
    """

    record: NDArray[np.int64]
    unit: NDArray[np.int64]
    kind: NDArray[np.int64]
    worth: NDArray[np.float64]
    by_unit: NDArray[np.float64]

    @classmethod
    def of(cls, judged: Judged) -> Ends:
        """Take the ends of true matches and of false links."""
        counted = judged.take(judged.match | judged.linked)
        kind = np.full(len(counted.match), LOST)
        kind[counted.status == LINK] = FOUND
        kind[counted.status == REVIEW] = UNSURE
        kind[~counted.match] = FALSE
        record = np.concatenate([counted.left, counted.right])
        unit, kind = np.tile(counted.unit, 2), np.tile(kind, 2)
        worth = counted.ends.T.ravel()
        cells = sum_by(unit * COUNTS + kind, worth, judged.units * COUNTS)
        return cls(record, unit, kind, worth, cells.reshape(judged.units, COUNTS))


@dataclass(frozen=True)
class Tallies:
    """The counts of each group, `float64[groups, COUNTS]`, and those of each sample.

    `samples` is `float64[samples, groups, COUNTS]`; `people` `int64[groups]` are the units that
    have true matches, and `spread` their matches squared, over their matches.
    """

    counts: NDArray[np.float64]
    samples: NDArray[np.float64]
    people: NDArray[np.int64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, ends: Ends, groups: Groups, how: Resampling, stream: int) -> Tallies:
        """Count the ends of every group, and draw units anew."""
        label = groups.of_record[ends.record]
        counted = (label != UNKNOWN) & (ends.worth > 0)
        if not counted.all():
            ends = _taken(ends, counted)
            label = label[counted]
        cells = sum_by(label * COUNTS + ends.kind, ends.worth, groups.count * COUNTS)
        own = _own_groups(ends, label)
        matches = ends.by_unit[:, [FOUND, UNSURE, LOST]].sum(axis=1)
        known = (matches > 0) & (own != UNKNOWN)
        people = np.bincount(own[known], minlength=groups.count)
        weight, square = (
            sum_by(own[known], matches[known] ** power, groups.count) for power in (1, 2)
        )
        samples = np.zeros((0, groups.count, COUNTS))
        if how.on:
            kinds = _kinds(ends, label, own, groups.count)
            samples = kinds.sums(how, stream).reshape(-1, groups.count, COUNTS)
        spread = np.divide(square, weight, out=np.ones(groups.count), where=weight > 0)
        return cls(cells.reshape(groups.count, COUNTS), samples, people, spread)


def _taken(ends: Ends, chosen: NDArray[np.bool_]) -> Ends:
    unit, kind, worth = ends.unit[chosen], ends.kind[chosen], ends.worth[chosen]
    cells = sum_by(unit * COUNTS + kind, worth, ends.by_unit.size)
    return Ends(ends.record[chosen], unit, kind, worth, cells.reshape(ends.by_unit.shape))


def _own_groups(ends: Ends, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the group of each unit: that of its true matches, or else of some false link of its."""
    own = np.full(len(ends.by_unit), UNKNOWN)
    own[ends.unit] = label
    match = ends.kind != FALSE
    own[ends.unit[match]] = label[match]
    return own


def _kinds(ends: Ends, label: NDArray[np.int64], own: NDArray[np.int64], groups: int) -> Kinds:
    """Find the kinds of units by what each adds to every group, `float64[kinds, groups * COUNTS]`.

    Nearly all units add to one group only, which makes them quick to compare.
    """
    mixed = np.zeros(len(own), bool)
    mixed[ends.unit[own[ends.unit] != label]] = True
    pure = np.flatnonzero(~mixed & (own != UNKNOWN))
    simple = Kinds.of(np.column_stack([own[pure], ends.by_unit[pure]]))
    rows = np.zeros((len(simple.counts), groups * COUNTS))
    first = simple.rows[:, :1].astype(np.int64) * COUNTS + np.arange(COUNTS)
    np.put_along_axis(rows, first, simple.rows[:, 1:], axis=1)
    parts = [Kinds(rows, simple.counts)]
    here = mixed[ends.unit]
    _, unit = np.unique(ends.unit[here], return_inverse=True)
    order = np.argsort(unit.ravel(), kind="stable")
    unit, kind = unit.ravel()[order], ends.kind[here][order]
    group, worth = label[here][order], ends.worth[here][order]
    step = max(1, _CELLS // (groups * COUNTS))
    for start in range(0, int(unit.max(initial=-1)) + 1, step):
        some = slice(*np.searchsorted(unit, [start, start + step]))
        cell = ((unit[some] - start) * groups + group[some]) * COUNTS + kind[some]
        units = int(unit[some].max()) + 1 - start
        made = sum_by(cell, worth[some], units * groups * COUNTS)
        parts.append(Kinds.of(made.reshape(units, groups * COUNTS)))
    return Kinds.joined(parts)
