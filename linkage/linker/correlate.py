"""Correlation clustering: all pairs of a person's records speak, for it or against it.

Strong links first looks at one link at a time. Here the evidence of every pair of records of two
groups is added up, pairs that are no links included, before the groups are joined (Bansal, Blum &
Chawla 2004; greedy: `linkage.kernels.contraction`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from linkage.kernels.contraction import NEVER_TOGETHER, contract
from linkage.model import Pairs

#: Records of a group for which a matrix of all pairs is made; larger ones are cut before.
_MOST_RECORDS = 4_000


def part_groups(
    root: NDArray[np.int64],
    sizes: Sequence[int],
    pairs: Sequence[tuple[Pairs, NDArray[np.float64]]],
    absent: float,
    holds: NDArray[np.int64],
    apart: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Part the groups of records that links join; give the part of each record, `int64[records]`.

    Parameters
    ----------
    root
        The group of each record: those that links connect, at all.
    pairs
        Links and weaker pairs, each with the evidence for it, `float64[pairs]`, positive if it
        speaks for one person.
    absent
        The evidence of pairs that were compared and are not among `pairs`.
    holds, apart
        As `linkage.linker.persons` gives them to `join_records`; both keep records apart.
    """
    starts_of_sets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    root = _cut(root, starts_of_sets, pairs)
    counts = np.bincount(root, minlength=len(root))
    parted = (counts[root] > 2) & (counts[root] <= _MOST_RECORDS)
    records = np.flatnonzero(parted)
    records = records[np.argsort(root[records], kind="stable")]
    starts = np.flatnonzero(np.diff(root[records], prepend=-1, append=-1))
    group = np.full(len(root), -1)
    group[records] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    place = np.zeros(len(root), np.int64)
    place[records] = np.arange(len(records)) - starts[group[records]]
    ends = [np.empty((0, 2), np.int64)]
    compared = np.zeros((len(sizes), len(sizes)), bool)
    for one, _ in pairs:
        sets = one.left_dataset, one.right_dataset
        compared[sets] = compared[sets[::-1]] = True
        ends.append(np.column_stack([one.left, one.right]) + starts_of_sets[list(sets)])
    edges = np.concatenate([*ends, apart, _held(records, group, holds)])
    evidence = np.full(len(edges), NEVER_TOGETHER)
    known = [each for _, each in pairs]
    evidence[: sum(map(len, known))] = np.concatenate([np.empty(0), *known])
    inside = (group[edges[:, 0]] == group[edges[:, 1]]) & (group[edges[:, 0]] >= 0)
    order = np.flatnonzero(inside)
    # Of edges between the same two records the last counts: what keeps apart, or the strongest.
    last = np.where(evidence[order] == NEVER_TOGETHER, np.inf, evidence[order])
    order = order[np.lexsort((last, group[edges[order, 0]]))]
    edge_starts = np.searchsorted(group[edges[order, 0]], np.arange(len(starts)))
    set_of = np.repeat(np.arange(len(sizes)), sizes)[records]
    found = contract(
        starts, set_of, compared, absent, edge_starts, place[edges[order]], evidence[order]
    )
    part = root.copy()
    part[records] = records[found]
    return part


def _cut(
    root: NDArray[np.int64],
    starts: NDArray[np.int64],
    pairs: Sequence[tuple[Pairs, NDArray[np.float64]]],
) -> NDArray[np.int64]:
    """Cut groups that are too large for a matrix at ever stronger links, until none is.

    Among millions of records chance links chain many people together; the strong links within a
    person stay.
    """
    root, least = root.copy(), 1.0
    while (large := np.bincount(root, minlength=len(root))[root] > _MOST_RECORDS).any():
        ends = [np.empty((2, 0), np.int64)]
        for one, evidence in pairs:
            left, right = starts[one.left_dataset] + one.left, starts[one.right_dataset] + one.right
            kept = large[left] & large[right] & (evidence >= least) & (root[left] == root[right])
            ends.append(np.stack([left[kept], right[kept]]))
        left, right = np.concatenate(ends, axis=1)
        graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(root), len(root)))
        records = np.flatnonzero(large)
        label = connected_components(graph, directed=False)[1][records]
        first = np.full(len(root), len(root), np.int64)
        np.minimum.at(first, label, records)
        root[records] = first[label]
        least *= 2
    return root


def _held(
    records: NDArray[np.int64], group: NDArray[np.int64], holds: NDArray[np.int64]
) -> NDArray[np.int64]:
    """List the pairs of records of one group and one data set with one record a person."""
    held = records[holds[records] != 0]
    held = held[np.lexsort((holds[held], group[held]))]
    pairs = [np.empty((0, 2), np.int64)]
    for step in range(1, len(held)):
        one, other = held[:-step], held[step:]
        same = (group[one] == group[other]) & (holds[one] == holds[other])
        if not same.any():
            break
        pairs.append(np.column_stack([one[same], other[same]]))
    return np.concatenate(pairs)
