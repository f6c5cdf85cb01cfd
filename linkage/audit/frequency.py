"""Frequency: the most common filter is the most common name.

Filters of a field, and block keys, are ranked by how many records have them, and the values of the
attacker's list by how many people have them; equal ranks are said to be equal values (Kuzu & al.
2011; Niedermeyer & al. 2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.audit.attack import Attempt, Effort, Progress
from linkage.audit.scene import Ints, Scene

#: Ranks that are guessed, and how many records the first must have at least.
_RANKS, _LEAST = 100, 3


@dataclass(frozen=True)
class FrequencyRank:
    """Name the values of each slice and each pass by their rank."""

    name: str = "frequency rank"
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Rank the values of every slice and pass that repeat at all."""
        if scene.empty:
            return
        left = scene.view.attributes()
        right = scene.reference.encode(effort.seed).attributes()
        random = np.random.default_rng([effort.seed, 5])
        for done, name in enumerate(left, 1):
            values, rows = _ranked(left[name], random), _ranked(right[name], random)
            progress(self.name, done, len(left))
            if not len(values) or np.count_nonzero(left[name] == values[0]) < _LEAST:
                continue
            first = _first_rows(right[name])
            answer = np.full(len(scene.view), -1)
            for value, other in zip(values[:_RANKS].tolist(), rows[:_RANKS].tolist(), strict=False):
                answer[left[name] == value] = first[other]
            yield Attempt(answer, name, 0.0, f"the {min(_RANKS, len(values))} most common")


def _ranked(codes: Ints, random: np.random.Generator) -> Ints:
    """Give values by falling frequency, ties in random order."""
    values, counts = np.unique(codes[codes >= 0], return_counts=True)
    return np.asarray(values[np.lexsort((random.random(len(values)), -counts))])


def _first_rows(codes: Ints) -> Ints:
    """Give the first row of each value."""
    values, rows = np.unique(codes, return_index=True)
    first = np.full(int(codes.max(initial=0)) + 1, -1)
    first[values[values >= 0]] = rows[values >= 0]
    return first
