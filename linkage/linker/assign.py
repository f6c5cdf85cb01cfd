"""Assign records of two data sets to each other, where each has one record a person.

Police arrests and court cases repeat people, so many-to-many is the default; a one-to-one
assignment of such data would throw true links away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from linkage.errors import LinkageError
from linkage.model import DECIDED_BITS, Pairs

Assignment = Literal["many-to-many", "best", "greedy", "optimal"]
_MAX_COMPONENT_CELLS = 50_000_000


def assign(pairs: Pairs, method: Assignment) -> NDArray[np.bool_]:
    """Choose which pairs stay, as a mask over pairs ordered from strongest to weakest.

    `best` keeps a pair if it is the strongest of both its records (symmetric best match);
    `greedy` takes the strongest pair whose records are both free, again and again; `optimal`
    maximises the sum of similarities (or match probabilities) in every connected component.
    Ties go to the earlier pair.
    """
    return _METHODS[method](pairs)


def _everything(pairs: Pairs) -> NDArray[np.bool_]:
    return np.ones(len(pairs), bool)


def _best(pairs: Pairs) -> NDArray[np.bool_]:
    return _first_of(pairs.left) & _first_of(pairs.right)


def _first_of(records: NDArray[np.int64]) -> NDArray[np.bool_]:
    first = np.zeros(len(records), bool)
    first[np.unique(records, return_index=True)[1]] = True
    return first


def _greedy(pairs: Pairs) -> NDArray[np.bool_]:
    kept = np.zeros(len(pairs), bool)
    used_left: set[int] = set()
    used_right: set[int] = set()
    for place, (i, j) in enumerate(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)):
        if i not in used_left and j not in used_right:
            kept[place] = True
            used_left.add(i)
            used_right.add(j)
    return kept


def _optimal(pairs: Pairs) -> NDArray[np.bool_]:
    kept = np.zeros(len(pairs), bool)
    if not len(pairs):
        return kept
    left, right = (np.unique(one, return_inverse=True)[1] for one in (pairs.left, pairs.right))
    size = int(left.max()) + 1
    nodes = size + int(right.max()) + 1
    graph = coo_array((np.ones(len(pairs)), (left, size + right)), shape=(nodes, nodes))
    component = connected_components(graph, directed=False)[1][left]
    order = np.argsort(component, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        kept[_solve(pairs, left, right, members)] = True
    return kept


def _solve(
    pairs: Pairs, left: NDArray[np.int64], right: NDArray[np.int64], members: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Solve one component exactly; gives the chosen members."""
    if len(members) == 1:
        return members
    rows, row = np.unique(left[members], return_inverse=True)
    columns, column = np.unique(right[members], return_inverse=True)
    if len(rows) * len(columns) > _MAX_COMPONENT_CELLS:
        raise LinkageError(
            f"optimal assignment: {len(rows)} x {len(columns)} records hang together, too many to "
            "solve exactly; raise the threshold or use --assignment greedy"
        )
    known = pairs.probability[members]
    gain = np.where(np.isnan(known), pairs.similarity[members], known)
    # What a person decided outweighs whatever else hangs together with it.
    gain = np.where(pairs.weight[members] >= DECIDED_BITS, len(members) + 1.0, gain)
    matrix = np.zeros((len(rows), len(columns)))
    place = np.full(matrix.shape, -1, np.int64)
    matrix[row, column], place[row, column] = gain, members
    chosen: NDArray[np.int64] = place[linear_sum_assignment(matrix, maximize=True)]
    return chosen[chosen >= 0]


_METHODS: dict[str, Callable[[Pairs], NDArray[np.bool_]]] = {
    "many-to-many": _everything,
    "best": _best,
    "greedy": _greedy,
    "optimal": _optimal,
}
