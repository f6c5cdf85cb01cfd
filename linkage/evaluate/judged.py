"""Judge pairs by the truth: every link, every pair for review, and every match that is neither.

All measures of pairs are sums over this one table, and all intervals resample its units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.truth import UNKNOWN, Truth, matching_records
from linkage.model import Pairs

#: What the run made of a pair.
LINK, REVIEW, NEITHER = 0, 1, 2


@dataclass(frozen=True)
class Judged:
    """Pairs of records that can be judged, each once.

    Attributes
    ----------
    places
        The pairs of data sets that were linked; `place` `int64[pairs]` is which of them.
    left, right
        `int64[pairs]`, records, numbered over all data sets; those of data set `d` start at
        `starts[d]`.
    match
        `bool[pairs]`, whether the two are truly one person.
    status
        `int8[pairs]`: `LINK`, `REVIEW` or `NEITHER`; of the last there are true matches only.
    strength
        `float64[pairs]`, match probability, or Dice at record level; NaN where `NEITHER`.
    ends
        `float64[pairs, 2]`, what the left and the right end count. A pair counts their sum: 1, but
        in a sample as many as it stands for.
    unit, units
        `int64[pairs]`, to which of how many units a pair belongs when they are drawn again.
    by_dice
        Whether strengths are Dice, not match probabilities.
    """

    places: tuple[tuple[int, int], ...]
    starts: NDArray[np.int64]
    place: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    match: NDArray[np.bool_]
    status: NDArray[np.int8]
    strength: NDArray[np.float64]
    ends: NDArray[np.float64]
    unit: NDArray[np.int64]
    units: int
    by_dice: bool

    @property
    def worth(self) -> NDArray[np.float64]:
        """What each pair counts."""
        worth: NDArray[np.float64] = self.ends.sum(axis=1)
        return worth

    @property
    def linked(self) -> NDArray[np.bool_]:
        """Which pairs are links."""
        linked: NDArray[np.bool_] = self.status == LINK
        return linked

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which pairs are true matches that are neither link nor for review."""
        missing: NDArray[np.bool_] = self.status == NEITHER
        return missing

    def total(self, chosen: NDArray[np.bool_]) -> float:
        """Add up what the chosen pairs count."""
        return float(self.ends[chosen].sum())

    def take(self, chosen: NDArray[np.bool_]) -> Judged:
        """Give the chosen pairs."""
        columns = ("place", "left", "right", "match", "status", "strength", "ends", "unit")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})


def judge(links: Sequence[Pairs], review: Sequence[Pairs], truth: Truth) -> Judged:
    """Judge the pairs of a run by the truth.

    `links` has one `Pairs` for each pair of data sets that was linked, empty ones included: they
    say where a match could have been found. A pair with a record that the truth does not name is
    left out, but where the truth names all records of its people it is a false one of theirs, and
    counts half.

    Pairs of one person are drawn together in resampling. A false pair belongs to two people; it
    goes with the one of more false links, so that many false links of one record stay together.
    """
    places = tuple(dict.fromkeys((one.left_dataset, one.right_dataset) for one in links))
    parts = [
        _Part.of(one, status, places.index((one.left_dataset, one.right_dataset)), truth)
        for tables, status in ((links, LINK), (review, REVIEW))
        for one in tables
    ]
    parts += [_missing(parts, number, place, truth) for number, place in enumerate(places)]
    place = _joined(np.int64, [np.full(len(one.left), one.place) for one in parts])
    left = _joined(np.int64, [one.left for one in parts])
    right = _joined(np.int64, [one.right for one in parts])
    status = _joined(np.int8, [np.full(len(one.left), one.status) for one in parts])
    person = truth.everyone
    people = person[left], person[right]
    match = (people[0] == people[1]) & (people[0] != UNKNOWN)
    return Judged(
        places=places,
        starts=truth.starts,
        place=place,
        left=left,
        right=right,
        match=match,
        status=status,
        strength=_joined(np.float64, [one.strength for one in parts]),
        ends=np.column_stack([_half_weight(one, truth) for one in people]),
        unit=_charged(*people, ~match & (status == LINK), truth.people),
        units=truth.people,
        by_dice=any(bool(np.isnan(one.weight).any()) for one in links),
    )


@dataclass(frozen=True)
class _Part:
    """Pairs of one pair of data sets and one status."""

    place: int
    status: int
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    strength: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: Pairs, status: int, place: int, truth: Truth) -> _Part:
        """Take the pairs that can be judged."""
        one = truth.person[pairs.left_dataset][pairs.left] != UNKNOWN
        other = truth.person[pairs.right_dataset][pairs.right] != UNKNOWN
        known = one | other if truth.whole else one & other
        starts = truth.starts
        strength = np.where(np.isnan(pairs.weight), pairs.similarity, pairs.probability)
        left = starts[pairs.left_dataset] + pairs.left
        right = starts[pairs.right_dataset] + pairs.right
        return cls(place, status, left[known], right[known], strength[known])


def _missing(parts: Sequence[_Part], number: int, place: tuple[int, int], truth: Truth) -> _Part:
    """List the true matches of two data sets that are no pair of the run."""
    one, other = place
    left, right = matching_records(truth.person[one], truth.person[other], within=one == other).T
    left, right = left + truth.starts[one], right + truth.starts[other]
    records = np.int64(truth.starts[-1])
    found = [_key(part.left, part.right, records) for part in parts if part.place == number]
    keys = np.concatenate([np.empty(0, np.int64), *found])
    # Each key stands there once, so neither side need be made unique first.
    gone = ~np.isin(_key(left, right, records), keys, assume_unique=True, kind="sort")
    nothing = np.full(np.count_nonzero(gone), np.nan)
    return _Part(number, NEITHER, left[gone], right[gone], nothing)


def _key(left: NDArray[np.int64], right: NDArray[np.int64], records: np.int64) -> NDArray[np.int64]:
    """Give a pair of records a number, the same either way round."""
    return np.minimum(left, right) * records + np.maximum(left, right)


def _half_weight(people: NDArray[np.int64], truth: Truth) -> NDArray[np.float64]:
    """Give what an end of a pair counts: half of what its person does, nothing if unknown."""
    weight = np.append(truth.weight, 0.0)
    half: NDArray[np.float64] = weight[people] / 2
    return half


def _charged(
    one: NDArray[np.int64], other: NDArray[np.int64], false: NDArray[np.bool_], people: int
) -> NDArray[np.int64]:
    """Give the person that each pair goes with: of two, the one of more false links."""
    ends = np.concatenate([one[false], other[false]])
    busy = np.bincount(ends[ends != UNKNOWN], minlength=people + 1)
    busy[UNKNOWN] = -1
    less = (busy[one] < busy[other]) | ((busy[one] == busy[other]) & (one > other))
    return np.where(less, other, one)


def _joined(kind: type, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *(part.astype(kind) for part in parts)])
