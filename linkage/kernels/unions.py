"""Joining records along links, the strongest first, under what must stay apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def find_root(parent: NDArray[np.int64], one: int) -> int:
    """Give the first record of the group of a record; shortens the way there."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one


@kernel
def join_records(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    weak: NDArray[np.bool_],
    holds: NDArray[np.int64],
    apart: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Join the records of links in their order; give each record's root, and what became of links.

    `holds` `int64[records]` has a bit for each data set of one record a person: two groups that
    hold the same bit stay apart (`holds` is overwritten). `apart` `int64[pairs, 2]` are records
    that were said to be two people, by first record. A `weak` link joins a record to a group, but
    not two groups of several records each.

    What became of a link: 0 it joined, 1 its records were together before, 2 kept apart by a data
    set of one record a person, 3 kept apart as said, 4 too weak to join two groups.
    """
    parent = np.arange(holds.size)
    size = np.ones(holds.size, np.int64)
    fate = np.zeros(left.size, np.int8)
    said = np.zeros(holds.size, np.bool_)
    for pair in range(apart.shape[0]):
        said[apart[pair, 0]] = said[apart[pair, 1]] = True
    for link in range(left.size):
        one, other = find_root(parent, left[link]), find_root(parent, right[link])
        if one == other:
            fate[link] = 1
        elif holds[one] & holds[other]:
            fate[link] = 2
        elif said[one] and said[other] and _said_apart(parent, apart, one, other):
            fate[link] = 3
        elif weak[link] and size[one] > 1 and size[other] > 1:
            fate[link] = 4
        else:
            root, child = min(one, other), max(one, other)
            parent[child] = root
            size[root] += size[child]
            holds[root] |= holds[child]
            said[root] = said[root] or said[child]
    for one in range(parent.size):
        parent[one] = find_root(parent, one)
    return parent, fate


@kernel
def _said_apart(parent: NDArray[np.int64], apart: NDArray[np.int64], one: int, other: int) -> bool:
    for pair in range(apart.shape[0]):
        a, b = find_root(parent, apart[pair, 0]), find_root(parent, apart[pair, 1])
        if (a == one and b == other) or (a == other and b == one):
            return True
    return False


@kernel
def join_stars(
    left: NDArray[np.int64], right: NDArray[np.int64], holds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Join records to centres, in the order of links: every record of a group has a link with it.

    The first record of a link between two free ones becomes a centre (Hassanzadeh & Miller 2009).
    `holds`, roots and what became of links are those of `join_records`.
    """
    free, centre, member = 0, 1, 2
    kind = np.zeros(holds.size, np.int8)
    parent = np.arange(holds.size)
    fate = np.zeros(left.size, np.int8)
    for link in range(left.size):
        one, other = left[link], right[link]
        if kind[other] == centre and kind[one] == free:
            one, other = other, one
        if parent[one] == parent[other]:
            fate[link] = 1
        elif kind[other] != free or kind[one] == member:
            fate[link] = 4
        elif holds[one] & holds[other]:
            fate[link] = 2
        else:
            kind[one], kind[other] = centre, member
            parent[other] = one
            holds[one] |= holds[other]
    return parent, fate
