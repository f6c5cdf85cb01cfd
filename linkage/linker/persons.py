"""Persons: records of any number of data sets that links join, directly or through others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from linkage.model import Encodings, Pairs, Persons


def join_persons(sizes: Sequence[int], links: Sequence[Pairs]) -> Persons:
    """Join linked records to persons: the connected components over all data sets.

    `sizes` are the numbers of records of the data sets. A record without a link is a person of
    its own.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    left = [starts[one.left_dataset] + one.left for one in links]
    right = [starts[one.right_dataset] + one.right for one in links]
    rows = np.concatenate(left or [np.empty(0, np.int64)])
    columns = np.concatenate(right or [np.empty(0, np.int64)])
    total = int(starts[-1])
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(total, total))
    count, person = connected_components(graph, directed=False)
    parts = tuple(part.astype(np.int64) for part in np.split(person, starts[1:-1]))
    return Persons(parts, int(count))


def person_ids(persons: Persons, encodings: Sequence[Encodings]) -> NDArray[np.bytes_]:
    """Name every person: 16 hexadecimal digits behind a `P`, the same for the same inputs.

    Returns `S17[persons]`. The names are read off a SHAKE-256 stream that is seeded by the record
    ids of all parties, so that an agency, which knows its own only, can tell nothing from a name:
    not even who else knows the person.
    """
    seed = hashlib.shake_256()
    for one in encodings:
        seed.update(f"{one.dataset}:{len(one.records)}\n".encode() + one.records.tobytes())
    digits = np.frombuffer(seed.digest(8 * persons.count).hex().encode(), np.uint8)
    names = np.full((persons.count, 17), ord("P"), np.uint8)
    names[:, 1:] = digits.reshape(-1, 16)
    return names.view("S17")[:, 0]
