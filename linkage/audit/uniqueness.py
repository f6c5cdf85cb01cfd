"""Group sizes: how many records stand out by an equality pattern, a popcount, or what they lack.

Nobody is named here. A group of one is the least that an attacker with some other knowledge needs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from linkage.audit.finding import Finding, Setting
from linkage.audit.points import popcounts
from linkage.audit.scene import BLOCK_KEY, Ints, View, number_rows
from linkage.linker.completeness import wilson

#: A group of fewer is small.
SMALL_GROUP = 5
_NEEDS = "the encoded file alone"


def measure_groups(view: View) -> Iterator[Finding]:
    """Measure the groups that records are in by what anybody sees of them."""
    attributes = view.attributes()
    if view.slices:
        yield _groups("whole encodings", number_rows(view.bits)[0])
        counts = popcounts(view)
        yield _groups("popcounts", number_rows(counts.astype(np.int64))[0])
    lacking = np.stack([codes < 0 for codes in attributes.values()], axis=1)
    yield _groups("what is missing", number_rows(lacking.astype(np.int64))[0])
    for name, codes in attributes.items():
        # One slice is the whole encoding, which is measured already.
        if (name.startswith(BLOCK_KEY) or len(view.slices) > 1) and (codes >= 0).any():
            yield _groups(name, codes)
    yield _neighbours(attributes)


def _groups(what: str, codes: Ints) -> Finding:
    """Count the rows in groups of one, and below `SMALL_GROUP`; -1 is in no group."""
    known = codes[codes >= 0]
    sizes = np.bincount(known)[known]
    alone = int(np.count_nonzero(sizes == 1))
    facts = {
        "in_small_groups": float(np.mean(sizes < SMALL_GROUP)),
        "groups": float(len(np.unique(known))),
        "largest_group": float(sizes.max()),
        "median_group": float(np.median(sizes)),
    }
    return _measured(what, alone, len(known), facts)


def _neighbours(attributes: dict[str, Ints]) -> Finding:
    """Measure the graph of records that share a value: what an attack on structure works on."""
    columns = np.stack(list(attributes.values()), axis=1)
    sizes = np.zeros(columns.shape, np.int64)
    for place in range(columns.shape[1]):
        there = columns[:, place] >= 0
        sizes[there, place] = np.bincount(columns[there, place])[columns[there, place]] - 1
    with_any = np.asarray(sizes.any(axis=1))
    component = np.unique(_components(columns), return_counts=True)[1]
    facts = {
        "mean_neighbours": float(sizes.sum(axis=1).mean()),
        "largest_component": float(component.max() / len(columns)),
    }
    return _measured("any visible neighbour", int(with_any.sum()), len(columns), facts)


def _components(columns: Ints) -> Ints:
    """Find the connected components of rows that share values: the number of each row's."""
    rows = len(columns)
    edges, start = [], rows
    for codes in columns.T:
        there = np.flatnonzero(codes >= 0)
        edges.append(np.stack([there, start + codes[there]]))
        start += int(codes.max(initial=-1)) + 1
    left, right = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.ones(len(left), bool), (left, right)), shape=(start, start))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels[:rows], np.int64)


def _measured(what: str, hits: int, records: int, facts: dict[str, float]) -> Finding:
    low, high = wilson(hits, records)
    share = hits / max(records, 1)
    return Finding(
        attack="group sizes",
        what=what,
        setting=Setting(),
        named=share,
        low=low,
        high=high,
        records=records,
        by_chance=0.0,
        attempts=0,
        spread=(),
        believed=share,
        label="",
        needs=_NEEDS,
        facts=facts,
    )
