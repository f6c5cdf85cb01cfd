"""Explain a pair of records: what each field weighs, and what the rest of the run makes of it.

The weights are those of the run, from its model and the frequencies of its data. They add up to the
pair's own match weight, and with the last step to the weight that the run gave it in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linkage.linker.block import Blocking
from linkage.linker.compare import row_similarity, side
from linkage.linker.levels import SWAPPED, Levels, levels_of
from linkage.linker.mixture import Model
from linkage.linker.rarity import rarity_of, value_rarity
from linkage.linker.saved import level_labels, model_of
from linkage.linker.values import value_numbers
from linkage.model import Encodings, Pairs

Kind = Literal["prior", "field", "moved", "in_common", "rivals"]


@dataclass(frozen=True)
class Step:
    """One part of a match weight, in bits; `rarity` is the part of it that the value adds."""

    kind: Kind
    name: str
    weight: float
    level: str = ""
    rarity: float = 0.0


@dataclass(frozen=True)
class Rows:
    """The rows of two records that agree best: their numbers among `left` and `right` rows."""

    left_row: int
    right_row: int
    left: int
    right: int
    similarity: float


@dataclass(frozen=True)
class Explanation:
    """The parts of a pair's match weight.

    `steps` are the prior, the fields, and what the model's classes add: `moved` what it takes back
    of an address that disagrees, for people move, and `in_common` what it takes away because people
    of a family or by chance have `likeliest` fields in common. `rivals` is what came after: see
    `settled`.
    """

    rows: Rows
    steps: tuple[Step, ...]
    likeliest: tuple[str, ...]

    @property
    def weight(self) -> float:
        """The match weight: the sum of all steps."""
        return float(sum(one.weight for one in self.steps))

    def settled(self, weight: float) -> Explanation:
        """Add what led to the weight that the run gave the pair in the end.

        That is competition with other candidates of the records, and records of other data sets
        that match both.
        """
        last = Step("rivals", "rivals", weight - self.weight)
        return replace(self, steps=(*self.steps, last))


@dataclass(frozen=True)
class Weigher:
    """The model of a run and what it needs to weigh any pair of records of the same data sets.

    `rarity` is what exact agreement weighs more for the rows of each data set.
    """

    encodings: tuple[Encodings, ...]
    levels: Levels
    model: Model
    rarity: tuple[NDArray[np.int32], ...]

    @classmethod
    def of(cls, encodings: Sequence[Encodings], content: object) -> Weigher:
        """Set up from the content of a model file.

        Raises `MismatchError` for a model of another schema, `InputError` for a damaged one.
        """
        levels = levels_of(encodings[0])
        model = model_of(content, levels, encodings[0].schema.digest())
        numbers = [value_numbers(one) for one in encodings]
        return cls(tuple(encodings), levels, model, tuple(value_rarity(numbers, model, levels)))

    def explain(
        self, places: tuple[int, int], records: tuple[int, int], similarity: float | None = None
    ) -> Explanation:
        """Explain a pair of records of two data sets, by their numbers.

        Of the pairs of their rows the heaviest tells. With the `similarity` that a run gave the
        pair, it is one that has it: the run may not have compared them all.
        """
        one, other = (self.encodings[place] for place in places)
        i, j = row_pairs(one, other, records)
        left, right = (side(_rows_of(each, rows)) for each, rows in ((one, i), (other, j)))
        every = np.arange(len(i))
        levels = self.levels.of(left, right, every, every)
        weight = self.model.odds(levels, self.rarity[places[0]], i)
        found = row_similarity(one, other, i, j)
        if similarity is not None and (found == similarity).any():
            weight[found != similarity] = -np.inf
        best = int(np.argmax(weight))
        rare = rarity_of(self.rarity[places[0]], i[[best]], levels[[best]], self.levels.top)[0]
        steps, likeliest = self._steps(levels[best], rare)
        return Explanation(_rows(i, j, best, float(found[best])), steps, likeliest)

    def _steps(
        self, levels: NDArray[np.int8], rare: NDArray[np.float64]
    ) -> tuple[tuple[Step, ...], tuple[str, ...]]:
        model, labels = self.model, level_labels(self.levels)
        by_level = model.weights[np.arange(len(levels)), levels]
        fields = [
            Step("field", name, float(weight + more), labels[level], float(more))
            for name, weight, level, more in zip(
                model.fields, by_level, levels.tolist(), rare, strict=True
            )
        ]
        by_class = model.by_class(levels[None, :], rare[None, :])[0]
        match, others = by_class[: model.own], by_class[model.own :]
        agreement = sum(one.weight for one in fields)
        odds = float(np.logaddexp2.reduce(match) - np.logaddexp2.reduce(others))
        rest = odds - model.prior_weight - agreement
        steps = [Step("prior", "prior", model.prior_weight), *fields]
        if model.own > 1:
            moved = float(np.logaddexp2.reduce(match) - np.log2(model.matches)) - agreement
            steps.append(Step("moved", "may have moved", moved))
            rest -= moved
        kin = model.shares[model.own + int(np.argmax(others))]
        likeliest = tuple(
            name for name, yes in zip(model.fields, kin, strict=True) if yes and name != SWAPPED
        )
        return (*steps, Step("in_common", "in common by family or chance", rest)), likeliest


def most_similar(one: Encodings, other: Encodings, records: tuple[int, int]) -> Rows:
    """Give the rows of two records that are most similar: all that record level can tell."""
    i, j = row_pairs(one, other, records)
    similarity = row_similarity(one, other, i, j)
    best = int(np.argmax(similarity))
    return _rows(i, j, best, float(similarity[best]))


def row_pairs(
    one: Encodings, other: Encodings, records: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give all pairs of rows of two records, `int64[pairs]` each."""
    rows = [
        np.arange(*np.searchsorted(each.owner, [record, record + 1]))
        for each, record in zip((one, other), records, strict=True)
    ]
    return np.repeat(rows[0], len(rows[1])), np.tile(rows[1], len(rows[0]))


def meeting_passes(
    blocking: Blocking, one: Encodings, other: Encodings, records: tuple[int, int]
) -> tuple[str, ...]:
    """Give the names of the passes that compare some rows of two records, in their order."""
    i, j = row_pairs(one, other, records)
    names, left, right = blocking.names(one), blocking.keys(one), blocking.keys(other)
    met = []
    for number, name in enumerate(names):
        keys = left[i, number]
        cap = blocking.caps.get(name, blocking.caps.get(""))
        if any(
            cap is None
            or max(np.count_nonzero(rows[:, number] == key) for rows in (left, right)) <= cap
            for key in np.unique(keys[(keys == right[j, number]) & (keys != 0)])
        ):
            met.append(name)
    return tuple(met)


def place_of(pairs: Pairs, records: tuple[int, int]) -> int | None:
    """Give the place of a pair of records, either way round if it is within a data set."""
    here = (pairs.left == records[0]) & (pairs.right == records[1])
    if pairs.left_dataset == pairs.right_dataset:
        here |= (pairs.left == records[1]) & (pairs.right == records[0])
    found = np.flatnonzero(here)
    return int(found[0]) if len(found) else None


def rivals_of(pairs: Pairs, records: tuple[int, int]) -> Pairs:
    """Give the other pairs of either record of a pair, strongest first."""
    one, other = records
    if pairs.left_dataset == pairs.right_dataset:
        here = np.isin(pairs.left, records) | np.isin(pairs.right, records)
    else:
        here = (pairs.left == one) | (pairs.right == other)
    own = place_of(pairs, records)
    if own is not None:
        here[own] = False
    return pairs.take(np.flatnonzero(here))


def _rows_of(one: Encodings, rows: NDArray[np.int64]) -> Encodings:
    return replace(one, owner=one.owner[rows], bits=one.bits[rows], tokens=one.tokens[rows])


def _rows(i: NDArray[np.int64], j: NDArray[np.int64], best: int, similarity: float) -> Rows:
    """Give a pair of rows by their numbers within their records, from 1 on."""
    places = int(i[best] - i[0]) + 1, int(j[best] - j[0]) + 1
    return Rows(*places, int(i[-1] - i[0]) + 1, int(j[-1] - j[0]) + 1, similarity)
