"""Lengths: the popcounts of a record's filters tell how long its values are, and which it lacks.

With a filter for each field, a record shows as many lengths as it has fields; the people of the
list with the same lengths are few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.points import popcounts
from linkage.audit.scene import Floats, Scene

_KEYS = 4
#: Told of an attempt on codes of constant weight, whose popcounts say what is missing alone.
MISSING_ALONE = "what is missing alone"


@dataclass(frozen=True)
class Popcounts:
    """Name people by the number of bits that are set in each slice."""

    name: str = "popcounts"
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Take the person of the list whose filters have the nearest popcounts."""
        if scene.empty:
            return
        mine = popcounts(scene.view)
        seeds = range(_KEYS * effort.seed, _KEYS * (effort.seed + 1))
        own = [popcounts(scene.reference.encode(seed)) for seed in seeds]
        listed = np.mean(own, axis=0)
        # Under one key the count of a value is off by chance: by less the more a slice tells.
        chance = np.sqrt(np.mean(np.var(own, axis=0), axis=0) * _KEYS / (_KEYS - 1)) + 0.5
        _, who = cKDTree(listed / chance).query(mine / chance)
        progress(self.name, 1, 1)
        label = MISSING_ALONE if _constant(mine) else "nearest popcounts"
        yield Attempt(np.asarray(who, np.int64), PEOPLE, 0.0, label)


def _constant(counts: Floats) -> bool:
    """Tell whether each slice has one popcount for all rows that have a value there."""
    return all(len(np.unique(column[column > 0])) <= 1 for column in counts.T)
