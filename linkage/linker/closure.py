"""Two records that match a third match each other, where data sets have one record a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

#: Chances below this add nothing to a path.
_LEAST = 1e-3


@dataclass(frozen=True)
class Chances:
    """Pairs of records of two data sets and their match probabilities."""

    places: tuple[int, int]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    chance: NDArray[np.float64]


def close_over_thirds(
    sizes: Sequence[int], found: Sequence[Chances], least: float
) -> list[Chances]:
    """Give each pair 1 - (1 - p) (1 - sum over thirds of p p'), and pairs that only thirds link.

    Pairs that were not there before come in from the chance `least` on. Only for data sets that
    all have one record a person: elsewhere false paths pile up. A person has one record in each,
    so no pair is left more than its records' strongest rivals leave.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    i = np.concatenate([starts[one.places[0]] + one.left for one in found])
    j = np.concatenate([starts[one.places[1]] + one.right for one in found])
    p = np.concatenate([one.chance for one in found])
    strong = p > _LEAST
    both = np.concatenate([i[strong], j[strong]]), np.concatenate([j[strong], i[strong]])
    shape = (int(starts[-1]), int(starts[-1]))
    direct = coo_array((np.concatenate([p[strong], p[strong]]), both), shape=shape).tocsr()
    paths = (direct @ direct).tocoo()
    closed = []
    for one in found:
        a, b = one.places
        between = (paths.row >= starts[a]) & (paths.row < starts[a + 1])
        between &= (paths.col >= starts[b]) & (paths.col < starts[b + 1])
        keys = one.left * sizes[b] + one.right
        path_keys = (paths.row[between] - starts[a]) * np.int64(sizes[b])
        path_keys += paths.col[between] - starts[b]
        by_path = np.minimum(paths.data[between], 1.0)
        every = np.union1d(keys, path_keys[by_path >= least])
        chance = np.zeros(len(every))
        chance[np.searchsorted(every, keys)] = one.chance
        place = np.minimum(np.searchsorted(every, path_keys), max(len(every) - 1, 0))
        known = every[place] == path_keys if len(every) else np.zeros(len(path_keys), bool)
        chance[place[known]] = 1 - (1 - chance[place[known]]) * (1 - by_path[known])
        left, right = every // sizes[b], every % sizes[b]
        closed.append(Chances(one.places, left, right, _without_rivals(left, right, chance)))
    return closed


def _without_rivals(
    left: NDArray[np.int64], right: NDArray[np.int64], chance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Leave each pair no more than the strongest other pair of its records does."""
    limited = chance.copy()
    for records in (left, right):
        order = np.lexsort((-chance, records))
        ordered = records[order]
        first = np.ones(len(order), bool)
        first[1:] = ordered[1:] != ordered[:-1]
        best = chance[order][np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
        rest = np.where(first, 1.0, 1 - best)
        limited[order] = np.minimum(limited[order], rest)
    return limited
