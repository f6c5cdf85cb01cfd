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

from linkage.audit.attack import PEOPLE, Attempt, Effort, Progress
from linkage.audit.learning import GramTable
from linkage.audit.pairing import nearest_of_parts
from linkage.audit.scene import Bools, Ints, Reference, Scene, unpack

#: Bits of a pattern, and by how much its frequency may fall with one more bit.
_LEAST_BITS, _MOST_BITS, _STAY = 3, 24, 0.9
#: A q-gram is assigned if it is so much more frequent than the next, in this many rows at least.
_LEAD, _LEAST_ROWS = 0.01, 300
#: The frequency of a pattern may differ so much from that of its q-gram.
_NEAR = 1.3
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
    """Name people by the q-grams that frequent patterns of bits stand for."""

    name: str = "pattern mining"
    needs: str = "the schema and a list of people"

    def attempts(self, scene: Scene, effort: Effort, progress: Progress) -> Iterator[Attempt]:
        """Mine the patterns of every slice, then name each record by all it can have."""
        table = GramTable.of(scene.reference)
        patterns, rows = [], []
        for done, (name, words) in enumerate(scene.view.parts(), 1):
            bits = unpack(words).astype(bool)
            grams = _grams_of(name, table, scene.reference)
            listed = table.counts[:, grams].toarray() > 0
            found = list(_mine(bits, listed))
            patterns += [Pattern(int(grams[one.gram]), one.bits) for one in found]
            rows += [bits[:, one.bits].all(axis=1) for one in found]
            progress(self.name, done, len(scene.view.slices))
        if patterns:
            can = np.stack(rows, axis=1)
            has = table.counts[:, [one.gram for one in patterns]].toarray() > 0
            answer = _likeliest(can, has, effort.seed)
            yield Attempt(answer, PEOPLE, 0.0, f"{len(patterns)} patterns")


def _grams_of(part: str, table: GramTable, reference: Reference) -> Ints:
    """Give the places of the q-grams that a slice holds: those of a field, or all."""
    own = [n for n, gram in enumerate(table.grams) if gram.partition(":")[0] == part]
    return np.array(own if part in reference.method.fields else range(len(table.grams)), np.int64)


def _mine(bits: Bools, listed: Bools) -> Iterator[Pattern]:
    """Assign q-grams to patterns of bits, from the rows of the file and of the list.

    `bits` is `bool[n, l]`, `listed` is `bool[m, grams]`.
    """
    if not len(bits) or not len(listed):
        return
    given = np.zeros(listed.shape[1], bool)
    open_parts = [(np.arange(len(bits)), np.arange(len(listed)), 0)]
    while open_parts:
        rows, people, depth = open_parts.pop(0)
        if min(len(rows), len(people)) < _LEAST_ROWS or depth > _DEPTH:
            continue
        shares = listed[people].mean(axis=0)
        shares[given | (shares > _ALWAYS)] = 0
        first, second = np.argsort(-shares, kind="stable")[:2] if len(shares) > 1 else (0, 0)
        if first == second or shares[first] - shares[second] < _LEAD:
            continue
        pattern = _frequent_bits(bits[rows])
        if len(pattern) < _LEAST_BITS:
            continue
        holds = bits[rows][:, pattern].all(axis=1)
        ratio = holds.mean() / shares[first]
        if not 1 / _NEAR <= ratio <= _NEAR:
            continue
        given[first] = True
        yield Pattern(int(first), pattern)
        has = listed[people, first]
        open_parts.append((rows[holds], people[has], depth + 1))
        open_parts.append((rows[~holds], people[~has], depth + 1))


def _frequent_bits(bits: Bools) -> Ints:
    """Find the bits most often set together: the best pair, and whatever hardly lowers it."""
    alone = bits.mean(axis=0)
    some = np.flatnonzero((alone < _ALWAYS) & (alone > 0))
    if len(some) < _LEAST_BITS:
        return some[:0]
    part = bits[:, some].astype(np.float32)
    together = part.T @ part
    # Bits of one q-gram occur together more often than two bits that are as frequent would.
    expected = np.outer(part.sum(axis=0), part.sum(axis=0)) / len(part)
    np.fill_diagonal(together, 0)
    rise = np.where(expected > 0, together - expected, 0)
    first, second = np.unravel_index(int(rise.argmax()), rise.shape)
    chosen = [int(first), int(second)]
    holds = part[:, first] * part[:, second]
    while len(chosen) < _MOST_BITS:
        counts = holds @ part
        counts[chosen] = 0
        best = int(counts.argmax())
        if counts[best] < _STAY * holds.sum():
            break
        chosen.append(best)
        holds = holds * part[:, best]
    return np.asarray(some[np.sort(chosen)], np.int64)


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
