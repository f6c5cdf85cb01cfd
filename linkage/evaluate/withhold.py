"""Withhold small groups, and others with them so that nobody can work them out.

The groups of a column make up all people, and the figures of all people are there to be read. One
group alone is therefore never withheld: it would be what the others leave. Nor are groups that are
small together, or whose sum leaves no doubt (secondary suppression: Hundepool et al. 2012).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A count is rather withheld for all groups than that fewer groups are shown for its sake.
_LEAST_SHOWN = 2


@dataclass(frozen=True)
class Withheld:
    """Which `groups` are withheld, `bool[groups]`, and which `counts` of all groups."""

    groups: NDArray[np.bool_]
    counts: NDArray[np.bool_]


def withhold(
    names: Sequence[str], people: NDArray[np.int64], counts: NDArray[np.float64], least: int
) -> Withheld:
    """Withhold groups of fewer than `least` people, and others to hide them.

    Who sees the rest knows how many people the withheld groups have together, how many the largest
    group has, and this rule. The others are chosen by name, in an order that is the same for all
    numbers: one by size would tell of sizes. The largest group comes last. Groups are added until

    - there are two, and together they have twice `least` people or more;
    - for each of them, half of the numbers below `least` remain possible;
    - of each count they have something together, if anybody has: nothing together would be nothing
      each. Where that would leave hardly a group, the count is withheld for all groups instead.

    Parameters
    ----------
    people
        `int64[groups]`, the number of people of each group.
    counts
        `float64[groups, counts]`, other figures that add up over groups.
    """
    groups, columns = counts.shape
    small = people < least
    if least <= 1 or not small.any():
        return Withheld(np.zeros(groups, bool), np.zeros(columns, bool))
    order = _order(names, people, small)
    first = int(np.count_nonzero(small))
    safe = [k for k in range(first, groups) if _leaves_doubt(people, order[:k], least)]
    if not safe:
        return Withheld(np.ones(groups, bool), np.zeros(columns, bool))
    for k in safe:
        if k > safe[0] and groups - k < _LEAST_SHOWN:
            break
        if not _told(counts, order[:k]).any():
            return Withheld(_chosen(order[:k], groups), np.zeros(columns, bool))
    fewest = order[: safe[0]]
    return Withheld(_chosen(fewest, groups), _told(counts, fewest))


def _order(
    names: Sequence[str], people: NDArray[np.int64], small: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Give the order in which groups are withheld: small ones, others by name, the largest."""
    by_name = [hashlib.sha256(name.encode()).digest() for name in names]
    places = sorted(range(len(names)), key=lambda one: (not small[one], by_name[one]))
    large = max(places, key=lambda one: people[one])
    return np.array([one for one in places if one != large] + [large])


def _leaves_doubt(people: NDArray[np.int64], hidden: NDArray[np.int64], least: int) -> bool:
    """Tell whether withheld groups are enough people, and half of all small numbers possible.

    Somebody may know which of them are small. These have less than `least` people each, and the
    others less than the largest group.
    """
    together = int(people[hidden].sum())
    small = int(np.count_nonzero(people[hidden] < least))
    rest = (small - 1) * (least - 1) + (len(hidden) - small) * (int(people.max()) - 1)
    likely = together - rest <= (least - 1) // 2
    return len(hidden) > 1 and together >= 2 * least and likely


def _told(counts: NDArray[np.float64], hidden: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of which counts the withheld groups have nothing together, and others something."""
    told: NDArray[np.bool_] = (counts[hidden].sum(axis=0) == 0) & (counts.sum(axis=0) > 0)
    return told


def _chosen(hidden: NDArray[np.int64], groups: int) -> NDArray[np.bool_]:
    chosen = np.zeros(groups, bool)
    chosen[hidden] = True
    return chosen
