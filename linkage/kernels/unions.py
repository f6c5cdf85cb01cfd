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
    that were said to be two people. A `weak` link joins a record to a group, but
    not two groups of several records each.

    What became of a link: 0 it joined, 1 its records were together before, 2 kept apart by a data
    set of one record a person, 3 kept apart as said, 4 too weak to join two groups.
    """
    parent = np.arange(holds.size)
    size = np.ones(holds.size, np.int64)
    fate = np.zeros(left.size, np.int8)
    starts, others = _others(apart, holds.size)
    said = starts[1:] > starts[:-1]
    # The records of a group as a ring: each names the next.
    following = np.arange(holds.size)
    for link in range(left.size):
        one, other = find_root(parent, left[link]), find_root(parent, right[link])
        if one == other:
            fate[link] = 1
        elif holds[one] & holds[other]:
            fate[link] = 2
        elif said[one] and said[other]:
            few, many = (one, other) if size[one] < size[other] else (other, one)
            if _said_apart(parent, following, starts, others, few, many):
                fate[link] = 3
        if fate[link] > 0:
            continue
        if weak[link] and size[one] > 1 and size[other] > 1:
            fate[link] = 4
        else:
            root, child = min(one, other), max(one, other)
            parent[child] = root
            following[root], following[child] = following[child], following[root]
            size[root] += size[child]
            holds[root] |= holds[child]
            said[root] = said[root] or said[child]
    for one in range(parent.size):
        parent[one] = find_root(parent, one)
    return parent, fate


@kernel
def _others(apart: NDArray[np.int64], records: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List for each record those that it was said to be apart from: where they start, and all."""
    starts = np.zeros(records + 1, np.int64)
    for pair in range(apart.shape[0]):
        starts[apart[pair, 0] + 1] += 1
        starts[apart[pair, 1] + 1] += 1
    starts = np.cumsum(starts)
    places, others = starts.copy(), np.empty(2 * apart.shape[0], np.int64)
    for pair in range(apart.shape[0]):
        one, other = apart[pair, 0], apart[pair, 1]
        others[places[one]], others[places[other]] = other, one
        places[one] += 1
        places[other] += 1
    return starts, others


@kernel
def _said_apart(
    parent: NDArray[np.int64],
    following: NDArray[np.int64],
    starts: NDArray[np.int64],
    others: NDArray[np.int64],
    few: int,
    many: int,
) -> bool:
    """Tell whether a record of the group of `few` was said to be apart from one of `many`."""
    record = few
    while True:
        for place in range(starts[record], starts[record + 1]):
            if find_root(parent, others[place]) == many:
                return True
        record = following[record]
        if record == few:
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
