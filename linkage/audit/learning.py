"""Learn from pairs how q-grams become bits, and name all others by what their bits should be.

A ridge regression of each bit on the q-grams of the reference. It needs no key, and forgives
errors in the file, since it is the reference's own clear text that is compared. Rows are placed by
what other rows tell (cross-fitting), so that wrong pairs don't confirm themselves.

Limits: it is linear, so that it learns codes whose bits mix many q-grams badly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from linkage.audit.pairing import Nearest, nearest_of_parts
from linkage.audit.points import unit
from linkage.audit.scene import Floats, Ints, Reference

_RIDGE, _LEAST_VARIANCE = 3.0, 0.02
#: Only so many of the commonest q-grams are learnt, each seen in two pairs at least.
_MOST_GRAMS, _LEAST_SEEN = 3000, 2
_PART, _FOLDS = 20_000, 4
_LEAST_PAIRS = 100
#: A row is named by what other rows tell, so that there must be others.
_LEAST_LEARNT = 2


@dataclass(frozen=True)
class GramTable:
    """Which q-grams the rows of a reference have: `counts` `csr[m, grams]` of zeros and ones."""

    counts: sp.csr_matrix
    grams: tuple[str, ...]

    @classmethod
    def of(cls, reference: Reference) -> GramTable:
        """Break all texts of the reference; q-grams of two fields are never the same."""
        places: dict[str, int] = {}
        tables = []
        for field in reference.method.fields:
            values, codes = np.unique(reference.rows[field], return_inverse=True)
            listed = reference.method.grams(field, values.tolist())
            ends = np.cumsum([0, *(len(set(one)) for one in listed)])
            flat = [
                places.setdefault(f"{field}:{gram}", len(places))
                for one in listed
                for gram in dict.fromkeys(one)
            ]
            tables.append((np.array(flat, np.int64), ends, codes.ravel()))
        whole = [
            sp.csr_matrix(
                (np.ones(len(flat), np.float32), flat, ends), shape=(len(ends) - 1, len(places))
            )[codes]
            for flat, ends, codes in tables
        ]
        return cls(sp.csr_matrix(sum(whole[1:], whole[0])), tuple(places))


@dataclass(frozen=True)
class _Learnt:
    """The bits that rows should have are `counts[:, used] @ effects + start`."""

    used: Ints
    effects: Floats
    start: Floats
    scale: Floats

    def bits(self, table: GramTable, rows: slice) -> Floats:
        return np.asarray(table.counts[rows][:, self.used] @ self.effects + self.start, np.float32)


def _learn(points: Floats, table: GramTable, rows: Ints, pairs: Ints) -> _Learnt:
    """Fit the points of some rows to the q-grams of the reference rows that they pair with."""
    counts = table.counts[pairs]
    seen = np.asarray(counts.sum(axis=0)).ravel()
    order = np.argsort(-seen, kind="stable")[:_MOST_GRAMS]
    used = np.sort(order[seen[order] >= min(_LEAST_SEEN, len(pairs))])
    dense = counts[:, used].toarray()
    means, middle = dense.mean(axis=0), points[rows].mean(axis=0)
    dense -= means
    target = points[rows] - middle
    if len(rows) < len(used):
        gram = dense @ dense.T + _RIDGE * np.eye(len(rows), dtype=np.float32)
        effects = dense.T @ np.linalg.solve(gram, target)
    else:
        gram = dense.T @ dense + _RIDGE * np.eye(len(used), dtype=np.float32)
        effects = np.linalg.solve(gram, dense.T @ target)
    left = ((target - dense @ effects) ** 2).mean(axis=0)
    spread = float((points**2).mean())
    scale = 1 / np.sqrt(left + _LEAST_VARIANCE * spread + 1e-12)
    return _Learnt(used, effects, middle - means @ effects, scale.astype(np.float32))


def name_by_learning(
    points: Floats,
    table: GramTable,
    pairs: tuple[Ints, Ints],
    trust: Sequence[float],
    random: np.random.Generator,
) -> Iterator[tuple[Nearest, float]]:
    """Name all rows from some pairs, then again from the pairs found, a round for each trust.

    Parameters
    ----------
    points
        `float32[n, bits]`, the rows to be named, as `linkage.audit.points.signs` gives them.
    pairs
        Rows of `points`, and the rows of the reference that they are said to be.
    trust
        Share of the mutual pairs that each further round learns from; the last is not used.

    Yields
    ------
    The nearest rows of the reference, and how far they agree with those of the round before;
    nothing if there are fewer than two pairs.
    """
    rows, whose = pairs
    if len(rows) < _LEAST_LEARNT:
        return
    before: Nearest | None = None
    for share in trust:
        found = _cross_fitted(points, table, rows, whose, random)
        agreement = 0.0
        if before is not None and len(found.mutual):
            agreement = float((before.who[found.mutual] == found.who[found.mutual]).mean())
        yield found, agreement
        rows = found.trusted(share, _LEAST_PAIRS)
        whose, before = found.who[rows], found
        if len(rows) < _FOLDS:
            return


def _cross_fitted(
    points: Floats, table: GramTable, rows: Ints, pairs: Ints, random: np.random.Generator
) -> Nearest:
    """Name each row by what was learnt from other rows."""
    fold = random.integers(0, _FOLDS, len(points))
    if len(np.unique(fold[rows])) < 2:
        fold = np.arange(len(points)) % _FOLDS
        fold[rows] = np.arange(len(rows)) % _FOLDS
    parts = []
    for one in range(_FOLDS):
        others = fold[rows] != one
        mine = np.flatnonzero(fold == one)
        if len(mine):
            learnt = _learn(points, table, rows[others], pairs[others])
            parts.append((mine, nearest_learnt(points[mine], table, learnt)))
    return _joined(parts, len(points), table.counts.shape[0])


def nearest_learnt(points: Floats, table: GramTable, learnt: _Learnt) -> Nearest:
    """Find for each point the reference row whose expected bits are most alike."""
    count = table.counts.shape[0]
    starts = range(0, count, _PART)
    middle = learnt.start + _mean(table.counts[:, learnt.used]) @ learnt.effects
    left = unit((points - points.mean(axis=0)) * learnt.scale)
    right = (
        (start, unit((learnt.bits(table, slice(start, start + _PART)) - middle) * learnt.scale))
        for start in starts
    )
    return nearest_of_parts(left, right)


def _joined(parts: list[tuple[Ints, Nearest]], rows: int, others: int) -> Nearest:
    """Put the rows of folds together; a pair is mutual if no fold has a nearer row."""
    who = np.full(rows, -1)
    alike, gap = np.full(rows, -9, np.float32), np.zeros(rows, np.float32)
    mutual = np.zeros(rows, bool)
    for mine, one in parts:
        who[mine], alike[mine], gap[mine] = one.who, one.similarity, one.gap
        mutual[mine[one.mutual]] = True
    held = np.flatnonzero(mutual)
    nearest_of = np.full(others, -9, np.float32)
    np.maximum.at(nearest_of, who[held], alike[held])
    return Nearest(who, alike, gap, held[alike[held] >= nearest_of[who[held]]])


def _mean(counts: sp.csr_matrix) -> Floats:
    return np.asarray(counts.mean(axis=0), np.float32).ravel()
