"""Pattern mining: bits that are always set together are one q-gram.

The most frequent set of bits that occur together stands for the most frequent q-gram; the rows
with it, and those without, are searched again for the next q-gram of the people with the first,
and without (Christen, Vidanage, Ranbaduge & Schnell, PAKDD 2018). Bits that were assigned tell
which q-grams a record can have, and so who it can be.

Limits: only single occurrences are searched, greedily, and a row that has half of a pattern's bits
has none of it; the published attack finds more patterns with far more records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.learning import GramTable
from linkage.audit.pairing import nearest_of_parts
from linkage.audit.scene import Bools, Floats, Ints, Reference, Scene, unpack

#: Bits of a pattern: at least and at most.
_LEAST_BITS, _MOST_BITS = 6, 24
#: Bits that a search for patterns begins with.
_SEEDS = 40
#: How much more often than alone a bit must be set where the pattern is (0 as alone, 1 always):
#: rows with two bits by chance hide this of the first bits, so that less is asked of these.
_FIRST_BITS, _FIRST_RISE, _RISE = 4, 0.4, 0.8
#: Frequencies of a pattern and its q-gram may differ by so much (a logarithm), and those of the
#: next q-gram must differ so many times as much; parts of fewer rows tell frequencies badly.
_NEAR, _LEAD, _LEAST_ROWS = 0.2, 2.0, 200
_ALWAYS, _DEPTH = 0.98, 12
_FLOOR = 0.01
_PART = 20_000


@dataclass(frozen=True)
class Pattern:
    """A q-gram, by its place in the table, and the bits that stand for it."""

    gram: int
    bits: Ints


@dataclass(frozen=True)
class PatternMining:
    """Name people, and the values of each slice, by q-grams that patterns of bits stand for."""

    name: str = "pattern mining"
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Mine the patterns of every slice, then name each record by all it can have."""
        if scene.empty:
            return
        table = GramTable.of(scene.reference)
        patterns: list[Pattern] = []
        rows: list[Bools] = []
        for done, (name, words) in enumerate(scene.view.parts(), 1):
            bits = unpack(words).astype(bool)
            grams = _grams_of(name, table, scene.reference)
            listed = table.counts[:, grams].toarray() > 0
            found = list(_mine(bits, listed))
            mine = [Pattern(int(grams[one.gram]), one.bits) for one in found]
            shown = [np.asarray(bits[:, one.bits].all(axis=1)) for one in mine]
            if mine and len(scene.view.slices) > 1:
                yield _attempt(mine, shown, table, name, effort.seed)
            patterns += mine
            rows += shown
            progress(self.name, done, len(scene.view.slices))
        if patterns:
            yield _attempt(patterns, rows, table, PEOPLE, effort.seed)


def _attempt(
    patterns: list[Pattern], rows: list[Bools], table: GramTable, what: str, seed: int
) -> Attempt:
    """Name people, or values of a slice, by the q-grams that patterns stand for."""
    has = table.counts[:, [one.gram for one in patterns]].toarray() > 0
    answer = _likeliest(np.stack(rows, axis=1), has, seed)
    return Attempt(answer, what, 0.0, f"{len(patterns)} patterns")


def _grams_of(part: str, table: GramTable, reference: Reference) -> Ints:
    """Give the places of the q-grams that a slice holds: those of a field, or all."""
    own = [n for n, gram in enumerate(table.grams) if gram.partition(":")[0] == part]
    return np.array(own if part in reference.method.fields else range(len(table.grams)), np.int64)


def _mine(bits: Bools, listed: Bools) -> Iterator[Pattern]:
    """Assign q-grams to patterns of bits, from the rows of the file and of the list.

    `bits` is `bool[n, l]`, `listed` is `bool[m, grams]`.
    """
    given, free = np.zeros(listed.shape[1], bool), np.ones(bits.shape[1], bool)
    open_parts = [(np.arange(len(bits)), np.arange(len(listed)), 0)]
    while open_parts:
        rows, people, depth = open_parts.pop(0)
        if min(len(rows), len(people)) < _LEAST_ROWS or depth > _DEPTH:
            continue
        pattern = np.flatnonzero(free)[_frequent_bits(bits[np.ix_(rows, free)])]
        if not len(pattern):
            continue
        holds = bits[rows][:, pattern].all(axis=1)
        first = _gram_as_frequent(float(holds.mean()), listed[people].mean(axis=0), given)
        if first < 0:
            continue
        given[first], free[pattern] = True, False
        yield Pattern(first, pattern)
        has = listed[people, first]
        open_parts.append((rows[holds], people[has], depth + 1))
        open_parts.append((rows[~holds], people[~has], depth + 1))


def _gram_as_frequent(share: float, shares: NDArray[np.float64], given: Bools) -> int:
    """Give the q-gram that is as frequent as a pattern, -1 if none is, or more than one."""
    distance = np.where(given, np.inf, np.abs(np.log(np.maximum(shares, 1e-9) / max(share, 1e-9))))
    nearest = int(distance.argmin())
    rivals = (distance < _LEAD * distance[nearest]) & (shares != shares[nearest])
    return nearest if distance[nearest] <= _NEAR and not rivals.any() else -1


def _frequent_bits(bits: Bools) -> Ints:
    """Find the bits most often set together: of several patterns the one that most rows have."""
    alone = bits.mean(axis=0)
    some = np.flatnonzero((alone < _ALWAYS) & (alone > 0))
    if len(some) < _LEAST_BITS:
        return some[:0]
    part = bits[:, some].astype(np.float32)
    # Bits of one q-gram occur together more often than two bits that are as frequent would.
    rise = part.T @ part - np.outer(part.sum(axis=0), part.sum(axis=0)) / len(part)
    np.fill_diagonal(rise, 0)
    partner = rise.argmax(axis=1)
    grown: list[tuple[int, list[int]]] = []
    for first in np.argsort(-rise.max(axis=1), kind="stable")[:_SEEDS].tolist():
        if not any(first in one for _, one in grown):
            grown.append(_grown(part, alone[some], [first, int(partner[first])]))
    long_enough = [one for one in grown if len(one[1]) >= _LEAST_BITS]
    _, best = max(long_enough, key=lambda one: one[0], default=(0, []))
    return np.asarray(some[sorted(best)], np.int64)


def _grown(part: Floats, alone: Floats, chosen: list[int]) -> tuple[int, list[int]]:
    """Add to two bits all that come with them; give the number of rows that have them, and them."""
    holds = part[:, chosen].prod(axis=1)
    while len(chosen) < _MOST_BITS and holds.any():
        rises = (holds @ part / holds.sum() - alone) / (1 - alone)
        rises[chosen] = -1
        best = int(rises.argmax())
        if rises[best] < (_FIRST_RISE if len(chosen) < _FIRST_BITS else _RISE):
            break
        chosen = [*chosen, best]
        holds = holds * part[:, best]
    return int(holds.sum()), chosen


def _likeliest(can: Bools, has: Bools, seed: int) -> Ints:
    """Name each row by the person of the list whose q-grams explain best what it can have.

    A q-gram that a person has shows in the record, but for errors; one that he has not may show
    by chance, as often as records show it beyond the people that have it.
    """
    shown, share = can.mean(axis=0), has.mean(axis=0)
    by_chance = np.clip((shown - share) / np.maximum(1 - share, _FLOOR), _FLOOR, 1 - _FLOOR)
    if_shown = np.log((1 - _FLOOR) / by_chance).astype(np.float32)
    if_not = np.log(_FLOOR / (1 - by_chance)).astype(np.float32)
    left = np.where(can, if_shown, if_not).astype(np.float32)
    # Ties are many; chance decides between them.
    tie = np.random.default_rng([seed, 7]).random(len(has)).astype(np.float32) * 1e-3
    left = np.column_stack([left, np.ones(len(left), np.float32)])
    parts = (
        (start, np.column_stack([has[start : start + _PART], tie[start : start + _PART]]))
        for start in range(0, len(has), _PART)
    )
    return nearest_of_parts(left, ((n, part.astype(np.float32)) for n, part in parts)).who
