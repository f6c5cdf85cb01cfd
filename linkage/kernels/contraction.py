"""Correlation clustering of small groups by greedy contraction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel

#: Evidence that keeps two records apart whatever else speaks for them.
NEVER_TOGETHER = -1e15


@kernel
def contract(
    starts: NDArray[np.int64],
    sets: NDArray[np.int64],
    compared: NDArray[np.bool_],
    absent: float,
    edge_starts: NDArray[np.int64],
    edges: NDArray[np.int64],
    evidence: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Part each group of records so that evidence within parts outweighs that between them.

    The two parts with the most evidence for each other are joined until none has any (greedy
    additive edge contraction: Keuper et al. 2015, section 4). Group `g` has the records
    `starts[g]` to `starts[g + 1]` and the edges of `edge_starts` likewise; `edges` `int64[e, 2]`
    are places within the group. Two records without an edge have `absent` evidence if their data
    sets, `sets`, were `compared`, and none otherwise. Returns the least record of each part.
    """
    part = np.arange(sets.size)
    for group in range(starts.size - 1):
        first, size = starts[group], starts[group + 1] - starts[group]
        weight = np.zeros((size, size))
        for a in range(size):
            for b in range(a):
                if compared[sets[first + a], sets[first + b]]:
                    weight[a, b] = weight[b, a] = absent
        for edge in range(edge_starts[group], edge_starts[group + 1]):
            a, b = edges[edge, 0], edges[edge, 1]
            weight[a, b] = weight[b, a] = evidence[edge]
        _contract(weight, part[first : first + size])
        for a in range(size):
            part[first + a] += first
    return part


@kernel
def _contract(weight: NDArray[np.float64], part: NDArray[np.int64]) -> None:
    """Join parts of one group; `weight` is overwritten, `part` gets places within the group."""
    size = part.size
    best = np.empty(size, np.int64)
    for a in range(size):
        part[a] = a
        best[a] = _most(weight, part, a)
    while True:
        one = -1
        for a in range(size):
            if best[a] >= 0 and (one < 0 or weight[a, best[a]] > weight[one, best[one]]):
                one = a
        if one < 0 or weight[one, best[one]] <= 0:
            break
        other = max(one, best[one])
        one = min(one, best[one])
        for a in range(size):
            weight[one, a] += weight[other, a]
            weight[a, one] = weight[one, a]
        part[other], best[other] = one, -1
        for a in range(size):
            if best[a] == one or best[a] == other or a == one:
                best[a] = _most(weight, part, a)
            elif best[a] >= 0 and a != one and weight[a, one] > weight[a, best[a]]:
                best[a] = one
    for a in range(size):
        while part[part[a]] != part[a]:
            part[a] = part[part[a]]


@kernel
def _most(weight: NDArray[np.float64], part: NDArray[np.int64], a: int) -> int:
    """Give the other part that most speaks for; the first of several; -1 if there is none."""
    found = -1
    if part[a] != a:
        return found
    for b in range(part.size):
        if b != a and part[b] == b and (found < 0 or weight[a, b] > weight[a, found]):
            found = b
    return found
