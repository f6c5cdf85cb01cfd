"""The decision at field level: match probabilities of a trained model, and competition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.join import Rule, Side
from linkage.linker.block import BlockKeys, PassPlan
from linkage.linker.compare import WEIGHT_ONE, Scored, collapse, row_similarity, weigh
from linkage.linker.compete import link_odds
from linkage.linker.decide import Candidates, log_odds, strongest_first, with_keys
from linkage.linker.levels import DIFFERS, MISSING, Levels
from linkage.linker.mixture import TINY, Model, rising, share_levels
from linkage.linker.rarity import rarity_of
from linkage.linker.together import DataPair
from linkage.model import Pairs
from linkage.schema import LinkageSchema

#: How often m is estimated anew from the links, where competition makes these sure.
_REFITS = 3
_LEAST_LINKS = 5
#: Where records compete, a candidate far below even odds may win; in bits. Fewer of large files.
_COMPETING_BITS, _COMPETING_BITS_LARGE, _LARGE = -14.5, -9.0, 300_000


@dataclass(frozen=True)
class ModelDecision:
    """Links from a match probability on, review from another up to it.

    `rarity` is what exact agreement weighs more for the rows of each data set, `single` which data
    sets have one record a person. Weights are log2.
    """

    schema: LinkageSchema
    levels: Levels
    model: Model
    rarity: tuple[NDArray[np.int32], ...]
    single: tuple[bool, ...]
    probability: float
    review: float

    def rule(self, plan: PassPlan) -> Rule:
        """Give the rule of a pass: an upper bound of the weight, in the most telling order.

        Identifiers and swapped names are no slices, so whatever they may add is taken off the
        cutoff, in the passes that can meet pairs with equal ones: pairs that an earlier pass met
        are left out anyway.
        """
        names = [one.name for one in self.schema.blocking]
        number = names.index(plan.name) if plan.name in names else -1
        most, constant = self.model.most()
        slices = self.levels.slices
        weights = most[:slices].copy()
        if self.levels.identifiers:
            may_be_equal = max(self.levels.identifiers) >= number
            constant += max(0.0, most[slices, self.levels.top if may_be_equal else DIFFERS])
        if self.levels.names is not None:
            forename, surname, token = self.levels.names
            constant += max(0.0, most[-1, 1])
            if token >= number:
                low = weights[[forename, surname], 1 : self.levels.first_at(1.0)]
                swapped = max(0.0, most[-1, self.levels.top]) / 2
                weights[[forename, surname], 1 : self.levels.first_at(1.0)] = np.maximum(
                    low, swapped
                )
        conditioned = self.schema.blocking[number].fields if number >= 0 else frozenset()
        expected = (self.model.u * self.model.weights).sum(axis=1)[:slices]
        known = np.array([name in conditioned for name in self.levels.fields[:slices]])
        rule = self.levels.rule._replace(order=np.lexsort((expected, known)))
        return weigh(rule, weights, self._let_through(plan) - constant)

    def _let_through(self, plan: PassPlan) -> float:
        bits = log_odds(self.review)
        if any(self.single):
            rows = min(len(plan.left_order), len(plan.right_order))
            bits = min(bits, _COMPETING_BITS if rows < _LARGE else _COMPETING_BITS_LARGE)
        return bits

    def sides(self, one: DataPair, keys: BlockKeys) -> tuple[Side, Side]:
        """Give both sides with the keys of a blocking, and the rarity of the left values."""
        left, right = with_keys(one, keys)
        return left._replace(rarity=self.rarity[one.places[0]]), right

    def score(self, rows: Scored, one: DataPair) -> Candidates:
        """Weigh pairs of rows in full; the heaviest stays for each pair of records."""
        levels = self.levels.of(one.left_side, one.right_side, rows.left, rows.right)
        weight = self._odds(one.places[0], rows.left, levels)
        let = log_odds(self.review)
        if any(self.single[place] for place in one.places):
            let = min(let, _COMPETING_BITS)
        heavy = np.flatnonzero(weight >= let)
        rows = Scored(rows.left[heavy], rows.right[heavy], _whole(weight[heavy]))
        kept = collapse(rows, one.left, one.right, within=one.within)
        i, j = rows.left[kept], rows.right[kept]
        records = one.left.owner[i], one.right.owner[j]
        return Candidates(one.places, *records, i, j, levels[heavy[kept]])

    def settle(self, found: Sequence[Candidates], data: Sequence[DataPair]) -> list[Pairs]:
        """Give match weights and probabilities, with competition where records have one partner.

        There the links teach m once more, from all fields, and competition is settled anew.
        """
        decision = self
        odds, expected = decision._compete(found, data)
        for _ in range(_REFITS if any(self.single) and sum(expected) >= _LEAST_LINKS else 0):
            decision = decision._learned(found, odds, sum(expected), data)
            odds, expected = decision._compete(found, data)
        settled = []
        for these, one, ratio in zip(found, data, odds, strict=True):
            similarity = row_similarity(one.left, one.right, these.left_rows, these.right_rows)
            weight = np.log2(np.maximum(ratio, 1e-300))
            chance = ratio / (1 + ratio)
            records = these.left, these.right
            pairs = Pairs(*these.places, *records, similarity, weight, chance, these.levels)
            settled.append(strongest_first(pairs, weight))
        return settled

    def accepted(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs reach the probability."""
        links: NDArray[np.bool_] = pairs.weight >= log_odds(self.probability)
        return links

    def reviewed(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs reach the review probability."""
        strong: NDArray[np.bool_] = pairs.weight >= log_odds(self.review)
        return strong

    def are_links(
        self, one: DataPair, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs of rows would be links, if nothing competed with them."""
        levels = self.levels.of(one.left_side, one.right_side, left, right)
        links: NDArray[np.bool_] = self._odds(one.places[0], left, levels) >= log_odds(
            self.probability
        )
        return links

    def summary(self) -> dict[str, Any]:
        """Describe the model: m and u by field and level, and the classes of pairs."""
        model, bounds = self.model, ("differs", *map(str, self.levels.bounds))
        possible = self.levels.possible
        fields = {
            name: {
                label: {"m": _short(model.m[f, level]), "u": _short(model.u[f, level])}
                for level, label in enumerate(bounds, start=1)
                if possible[f, level]
            }
            for f, name in enumerate(model.fields)
        }
        return {
            "method": "fellegi-sunter",
            "probability": self.probability,
            "review_probability": self.review,
            "prior_weight": round(model.prior_weight, 4),
            "fields": fields,
        }

    def _odds(
        self, place: int, rows: NDArray[np.int64], levels: NDArray[np.int8]
    ) -> NDArray[np.float64]:
        return self.model.odds(levels, rarity_of(self.rarity[place], rows, levels, self.levels.top))

    def _compete(
        self, found: Sequence[Candidates], data: Sequence[DataPair]
    ) -> tuple[list[NDArray[np.float64]], list[float]]:
        """Give the odds of all candidates, and the expected links of each pair of data sets."""
        odds, expected = [], []
        share = self.model.matches / self.model.pairs
        for these, one in zip(found, data, strict=True):
            weight = self._odds(these.places[0], these.left_rows, these.levels)
            if one.within or not any(self.single[place] for place in these.places):
                odds.append(np.exp2(np.minimum(weight, 300)))
                expected.append(float((odds[-1] / (1 + odds[-1])).sum()))
                continue
            ratio, matches = link_odds(
                these.left,
                these.right,
                weight - self.model.prior_weight,
                (len(one.left.records), len(one.right.records)),
                (self.single[these.places[0]], self.single[these.places[1]]),
                share * one.all_pairs,
            )
            odds.append(ratio)
            expected.append(matches)
        return odds, expected

    def _learned(
        self,
        found: Sequence[Candidates],
        odds: Sequence[NDArray[np.float64]],
        matches: float,
        data: Sequence[DataPair],
    ) -> ModelDecision:
        """Estimate m, and the number of matches, from the chances of links."""
        model, own = self.model, self.model.own
        m = np.zeros_like(model.m)
        by_class = np.zeros(own)
        for these, ratio in zip(found, odds, strict=True):
            rare = rarity_of(
                self.rarity[these.places[0]], these.left_rows, these.levels, self.levels.top
            )
            classes = model.by_class(these.levels, rare)[:, :own]
            classes = np.exp2(classes - np.logaddexp2.reduce(classes, axis=1)[:, None])
            classes *= (ratio / (1 + ratio))[:, None]
            by_class += classes.sum(axis=0)
            for field in range(len(m)):
                weight = classes @ model.shares[:own, field]
                m[field] += np.bincount(these.levels[:, field], weight, m.shape[1])
        m[:, MISSING] = 0.0
        learned = np.array([
            share_levels(np.arange(m.shape[1], dtype=np.int8), row, u)
            for row, u in zip(m, model.u, strict=True)
        ])  # fmt: skip
        pairs = sum(one.all_pairs for one in data)
        sizes = model.sizes.copy()
        sizes[:own] = by_class / max(by_class.sum(), TINY) * matches * model.pairs / max(pairs, 1)
        sizes[:own] = np.maximum(sizes[:own], TINY)
        return replace(self, model=replace(model, m=rising(learned, model.u), sizes=sizes))


def _whole(weight: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(weight * WEIGHT_ONE).astype(np.int64)


def _short(value: float) -> float:
    return float(f"{value:.6g}")
