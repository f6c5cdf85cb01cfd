"""Colour refinement: name people by equality patterns alone, whatever the filters look like.

Records and the values that they have are a graph, whose edges anybody sees: equal filters of a
field, equal block keys. Weisfeiler & Leman's refinement (1968) gives every record a colour by its
values, every value one by its records, and again; a colour that one record has on either side
names it. It takes seconds, and breaks any deterministic code of fields if the attacker's list is
that of the file; where the lists differ, late rounds don't agree and early ones say little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.scene import BLOCK_KEY, Ints, Scene, Words

ROUNDS = 5
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class ColourRefinement:
    """Name people by equality of fields, of block keys, and of both."""

    name: str = "colour refinement"
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Take the first round in which a colour is unique on both sides, then the last."""
        if scene.empty:
            return
        left = scene.view.attributes()
        right = scene.reference.encode(effort.seed).attributes()
        groups = {
            "fields": [name for name in left if not name.startswith(BLOCK_KEY)],
            "block keys": [name for name in left if name.startswith(BLOCK_KEY)],
        }
        groups["fields and block keys"] = [*left]
        for done, (label, names) in enumerate(groups.items(), 1):
            if not names or (label == "fields and block keys" and not groups["block keys"]):
                continue
            rounds = [
                unique_in_both(one, other)
                for one, other in zip(_colours(left, names), _colours(right, names), strict=True)
            ]
            progress(self.name, done, len(groups))
            yield from answers(rounds, label)


def answers(rounds: list[Ints], label: str) -> Iterator[Attempt]:
    """Answer by the first round in which a colour is unique on both sides, then by the last."""
    for order, kind in ((rounds, "first"), (rounds[::-1], "last")):
        answer = np.full(len(rounds[0]), -1)
        for found in order:
            answer = np.where(answer >= 0, answer, found)
        belief = float(np.mean(answer >= 0)) if kind == "last" else 0.0
        yield Attempt(answer, PEOPLE, belief, f"{label}, {kind} unique colour")


def _colours(attributes: Mapping[str, Ints], names: list[str]) -> Iterator[Words]:
    """Give the colour of each record after each round, as hashes."""
    codes = [attributes[name] for name in names]
    record = combined([np.where(one >= 0, np.uint64(1), np.uint64(0)) for one in codes])
    for _ in range(ROUNDS):
        seen = []
        for one in codes:
            sums = np.zeros(int(one.max(initial=0)) + 1, np.uint64)
            there = one >= 0
            np.add.at(sums, one[there], mixed(record[there]))
            seen.append(np.where(there, mixed(sums)[np.maximum(one, 0)], np.uint64(0)))
        record = combined(seen)
        yield record


def combined(columns: list[Words]) -> Words:
    """Hash the columns of each row to one number; the order of columns counts."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        total = mixed(total * _ODD + column)
    return total


def mixed(numbers: Words) -> Words:
    """Mix the bits of each number (the finaliser of SplitMix64, Steele & al. 2014)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))


def unique_in_both(left: Words, right: Words) -> Ints:
    """Give for each row of the left the row of the right, if their colour is nobody else's."""
    colours, first, counts = np.unique(left, return_index=True, return_counts=True)
    others, place, other_counts = np.unique(right, return_index=True, return_counts=True)
    _, one, other = np.intersect1d(
        colours[counts == 1], others[other_counts == 1], assume_unique=True, return_indices=True
    )
    answer = np.full(len(left), -1)
    answer[first[counts == 1][one]] = place[other_counts == 1][other]
    return answer
