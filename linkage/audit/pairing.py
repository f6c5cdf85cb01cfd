"""Nearest neighbours between two sides, and which of them to trust."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from linkage.audit.scene import Floats, Ints

_BLOCK = 2000
_NONE = np.float32(-9)


@dataclass(frozen=True)
class Nearest:
    """For each row of the left its most similar row of the right, `-1` if there is none.

    `similarity` is that of the two, `gap` by how much the second one is less similar. `mutual` are
    the rows of the left that are the nearest of their nearest.
    """

    who: Ints
    similarity: Floats
    gap: Floats
    mutual: Ints

    def trusted(self, share: float, least: int) -> Ints:
        """Give the mutual rows with the widest gaps: a share of them, and at least so many."""
        count = min(len(self.mutual), max(int(share * len(self.mutual)), least))
        return self.mutual[np.argsort(-self.gap[self.mutual], kind="stable")[:count]]


def nearest(left: Floats, right: Floats) -> Nearest:
    """Find nearest neighbours by inner product of points."""
    return nearest_of_parts(left, [(0, right)])


def nearest_of_parts(left: Floats, parts: Iterable[tuple[int, Floats]]) -> Nearest:
    """Find nearest neighbours; the right comes in parts, each with the number of its first row."""
    rows = len(left)
    who = np.full(rows, -1)
    best, second = np.full(rows, _NONE), np.full(rows, _NONE)
    back: list[Ints] = []
    for first, right in parts:
        backward, top = np.zeros(len(right), np.int64), np.full(len(right), _NONE)
        for start in range(0, rows if len(right) else 0, _BLOCK):
            alike = left[start : start + _BLOCK] @ right.T
            _take_columns(alike, start, backward, top)
            place = np.arange(len(alike))
            near = alike.argmax(axis=1)
            value = alike[place, near]
            alike[place, near] = _NONE
            after = alike.max(axis=1)
            part = slice(start, start + len(alike))
            second[part] = np.maximum(
                np.minimum(best[part], value), np.maximum(second[part], after)
            )
            better = value > best[part]
            who[part] = np.where(better, near + first, who[part])
            best[part] = np.maximum(best[part], value)
        back.append(backward)
    gap = np.where(second > _NONE, best - second, 0).astype(np.float32)
    whose = np.concatenate(back) if back else np.empty(0, np.int64)
    mutual = np.flatnonzero(who >= 0)
    return Nearest(who, best, gap, mutual[whose[who[mutual]] == mutual])


def _take_columns(alike: Floats, start: int, back: Ints, top: Floats) -> None:
    """Note for each column the row that is nearest so far."""
    near = alike.argmax(axis=0)
    value = alike[near, np.arange(alike.shape[1])]
    better = value > top
    back[better] = near[better] + start
    top[better] = value[better]
