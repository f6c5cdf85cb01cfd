"""Descriptions of rows that a rotation leaves as they are: how many others are how similar.

Two populations of one kind have the same distribution of such descriptions, so that columns are
compared as ranks. They tell whom a row may be well enough to begin with; `linkage.audit.align`
goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from linkage.audit.points import Cloud, normal_ranks
from linkage.audit.scene import Floats

_BLOCK = 500
#: Quantiles of a row's similarities: most evenly, and some far up among the nearest.
_EVEN, _NEAREST = 36, 12
_SHARE_NEAREST = 0.015
#: A row's neighbours are the most similar share of all rows.
_NEIGHBOURS = 0.05
_COARSE = (10, 30)
_COUNT_WEIGHT = 3


@dataclass(frozen=True)
class Descriptions:
    """Columns of ranks laid over the normal distribution, `float32[n, columns]` each.

    `whole` describes similarities of all bits, and the row's counts; `around` the same of the
    row's neighbours and of theirs; `coarse` similarities along the first axes.
    """

    whole: Floats
    around: Floats
    coarse: Floats

    def columns(self, *, all_kinds: bool) -> Floats:
        """Give the coarse columns, or those of all three kinds."""
        if not all_kinds:
            return self.coarse
        return np.concatenate([self.whole, self.around, self.coarse], axis=1)


def describe(points: Floats, cloud: Cloud, counts: Floats) -> Descriptions:
    """Describe all rows of `points`, which `cloud` has too.

    `counts` `float32[n, k]` are figures known of each row, such as popcounts.
    """
    found, neighbours = _quantiles_and_neighbours(points)
    known = _COUNT_WEIGHT * normal_ranks(counts)
    whole = np.concatenate([normal_ranks(found), known], axis=1)
    near = neighbours @ whole
    around = np.concatenate([normal_ranks(near), normal_ranks(neighbours @ near)], axis=1)
    coarse = []
    for dimensions in _COARSE:
        placed = cloud.scaled(0.5, dimensions)
        coarse += [_quantiles(placed), np.linalg.norm(placed, axis=1)[:, None]]
    return Descriptions(whole, around, normal_ranks(np.concatenate(coarse, axis=1)))


def _levels(rows: int) -> list[int]:
    """Give the places of the quantiles in a row of that many similarities in rising order."""
    top = 1 - np.geomspace(1 / 5000, _SHARE_NEAREST, _NEAREST)
    levels = np.sort(np.concatenate([np.linspace(0.004, 0.98, _EVEN), top]))
    places: list[int] = (levels * (rows - 1)).round().astype(int).tolist()
    return places


def _quantiles(points: Floats) -> Floats:
    levels = _levels(len(points))
    found = np.empty((len(points), len(levels)), np.float32)
    for start in range(0, len(points), _BLOCK):
        alike = points[start : start + _BLOCK] @ points.T
        alike.sort(axis=1)
        found[start : start + _BLOCK] = alike[:, levels]
    return found


def _quantiles_and_neighbours(points: Floats) -> tuple[Floats, sp.csr_matrix]:
    """Give quantiles of similarities, and what averages columns over each row's neighbours."""
    rows = len(points)
    levels = _levels(rows)
    near = min(rows, max(2, int(_NEIGHBOURS * rows)))
    found = np.empty((rows, len(levels)), np.float32)
    who = np.empty((rows, near), np.int32)
    for start in range(0, rows, _BLOCK):
        alike = points[start : start + _BLOCK] @ points.T
        who[start : start + _BLOCK] = np.argpartition(alike, rows - near, axis=1)[:, rows - near :]
        alike.sort(axis=1)
        found[start : start + _BLOCK] = alike[:, levels]
    shares = np.full(who.size, 1 / near, np.float32)
    ends = np.arange(0, who.size + 1, near)
    return found, sp.csr_matrix((shares, who.ravel(), ends), shape=(rows, rows))
