"""Known pairs: learn the encoding from records whose people the attacker knows, then name others.

Whoever contributes records, or may have some added, knows such pairs (Christen & al. 2018; the
neural attacks of Schaefer & al. learn the same from more). Here it is a ridge regression of every
bit on the q-grams, which names others, trusts the surest of these names, and learns again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.learning import GramTable, name_by_learning
from linkage.audit.points import signs
from linkage.audit.scene import Scene

_TRUST = (0.1, 0.15, 0.2, 0.3, 0.3)
_LEAST = 2


@dataclass(frozen=True)
class KnownPairs:
    """Name people from pairs that are known."""

    name: str = "known pairs"
    needs: str = "the schema, a list of people, and who some records are"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Learn from the known pairs alone, then from the surest of the names found, too."""
        if scene.empty or len(scene.known) < _LEAST:
            return
        table = GramTable.of(scene.reference)
        points = signs(scene.view)
        random = np.random.default_rng([effort.seed, 6])
        rounds = name_by_learning(
            points, table, (scene.known[:, 0], scene.known[:, 1]), _TRUST, random
        )
        for number, (found, agreement) in enumerate(rounds):
            progress(self.name, number + 1, len(_TRUST))
            label = "from the known pairs" if number == 0 else f"and {number} rounds of own names"
            yield Attempt(found.who, PEOPLE, agreement, label)
