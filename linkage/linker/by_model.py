"""The decision at field level: match probabilities of a trained model, and competition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.join import Rule, Side
from linkage.linker.anchored import pass_rule, pass_side
from linkage.linker.block import BlockKeys, PassPlan
from linkage.linker.certificate import Certificate, Checked, certify
from linkage.linker.closure import Chances, close_over_thirds
from linkage.linker.compare import WEIGHT_ONE, Scored, collapse, row_similarity, weigh
from linkage.linker.compete import link_odds
from linkage.linker.completeness import Completeness, meetings
from linkage.linker.decide import Candidates, Settled, log_odds, strongest_first, with_keys
from linkage.linker.levels import DIFFERS, MISSING, Levels
from linkage.linker.mixture import TINY, Model, rising, share_levels
from linkage.linker.rarity import RARITY_ONE, rarity_of
from linkage.linker.sample import draw_equal
from linkage.linker.saved import level_labels, model_content
from linkage.linker.together import DataPair
from linkage.model import Pairs
from linkage.schema import LinkageSchema

#: How often m is estimated anew from the links, where competition makes these sure.
_REFITS = 3
_LEAST_LINKS = 5
#: Pairs with an equal identifier that the certificate looks at, by identifier and data sets.
_CHECKED_PAIRS = 50_000
#: Where records compete, a candidate far below even odds may win; in bits. Fewer of large files.
_COMPETING_BITS, _COMPETING_BITS_LARGE, _LARGE = -14.5, -9.0, 300_000


@dataclass(frozen=True)
class ModelDecision:
    """Links from a match probability on, review from another up to it.

    `rarity` is what exact agreement weighs more for the rows of each data set, `single` which data
    sets have one record a person. Weights are log2. With `fixed`, m stays as it was given.
    """

    schema: LinkageSchema
    levels: Levels
    model: Model
    rarity: tuple[NDArray[np.int32], ...]
    single: tuple[bool, ...]
    probability: float
    review: float
    fixed: bool = False

    def rule(self, plan: PassPlan, earlier: Collection[str]) -> Rule:
        """Give the rule of a pass: an upper bound of the weight, in the most telling order.

        Identifiers and swapped names are no slices, so whatever they may add is taken off the
        cutoff or put on low levels of the names, unless an earlier pass met all such pairs.
        """
        passes = {one.name: one for one in self.schema.blocking}
        met = {number for number, name in enumerate(passes) if name in earlier}
        most, constant = self.model.most()
        slices = self.levels.slices
        weights = most[:slices].copy()
        if self.levels.identifiers:
            equal = not met >= set(self.levels.identifiers)
            constant += max(0.0, most[slices, self.levels.top if equal else DIFFERS])
        if self.levels.names is not None:
            constant += max(0.0, most[-1, DIFFERS])
            if self.levels.names[2] not in met:
                low = np.s_[list(self.levels.names[:2]), 1 : self.levels.first_at(1.0)]
                weights[low] = np.maximum(weights[low], max(0.0, most[-1, self.levels.top]) / 2)
        conditioned = passes[plan.name].fields if plan.name in passes else frozenset()
        rule = self.levels.rule._replace(order=self._order(conditioned))
        rule = weigh(rule, weights, self._let_through(plan) - constant)
        return pass_rule(self.levels.passes[plan.number], rule) if self.levels.passes else rule

    def link_rule(self) -> Rule:
        """Give the rule that lets through what would be a link by its bits alone."""
        most, constant = self.model.most()
        rule = self.levels.rule._replace(order=self._order(frozenset()))
        cutoff = log_odds(self.probability) - constant
        return weigh(rule, most[: self.levels.slices], cutoff)

    def _order(self, conditioned: Collection[str]) -> NDArray[np.int64]:
        """Put slices that tell strangers apart soonest first, and those of the block last."""
        slices = self.levels.slices
        expected = (self.model.u * self.model.weights).sum(axis=1)[:slices]
        known = np.array([name in conditioned for name in self.levels.fields[:slices]])
        return np.lexsort((expected, known))

    def _let_through(self, plan: PassPlan) -> float:
        bits = log_odds(self.review)
        if any(self.single):
            rows = min(len(plan.left_order), len(plan.right_order))
            bits = min(bits, _COMPETING_BITS if rows < _LARGE else _COMPETING_BITS_LARGE)
        return bits

    def sides(self, one: DataPair, keys: BlockKeys) -> tuple[Side, Side]:
        """Give both sides with the keys of a blocking, and the rarity of the left values."""
        left, right = with_keys(one, keys)
        rarity = self.rarity[one.places[0]]
        moved = np.flatnonzero(~self.model.shares[: self.model.own].all(axis=0))
        moved = moved[moved < self.levels.slices]
        if len(moved):
            # Where a match may have moved, a field never counts against it, common as it may be.
            top = np.maximum(self.model.weights[moved, self.levels.top], 0)
            rarity = rarity.copy()
            rarity[:, moved] = np.maximum(rarity[:, moved], -np.floor(top * RARITY_ONE))
        return left._replace(rarity=rarity), right

    def seen(self, sides: tuple[Side, Side], plan: PassPlan) -> tuple[Side, Side]:
        """Give both sides as a pass sees them: of anchored codes, its own."""
        if not self.levels.passes:
            return sides
        codes = self.levels.passes[plan.number]
        return pass_side(codes, sides[0]), pass_side(codes, sides[1])

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

    def settle(self, found: Sequence[Candidates], data: Sequence[DataPair]) -> Settled:
        """Give match weights and probabilities, with competition where records have one partner.

        There the links teach m once more, from all fields, and competition is settled anew. Where
        three or more data sets all have one record a person, thirds join in.
        """
        decision = self
        odds, expected = decision._compete(found, data)
        learns = any(self.single) and not self.fixed and sum(expected) >= _LEAST_LINKS
        for _ in range(_REFITS if learns else 0):
            decision = decision._learned(found, odds, sum(expected), data)
            odds, expected = decision._compete(found, data)
        matches = sum(expected)
        if len(self.single) > 2 and all(self.single) and not any(one.within for one in data):
            found, odds = decision._closed(found, odds, data)
            matches = sum(float((ratio / (1 + ratio)).sum()) for ratio in odds)
        settled = []
        for these, one, ratio in zip(found, data, odds, strict=True):
            similarity = row_similarity(one.left, one.right, these.left_rows, these.right_rows)
            weight = np.log2(np.maximum(ratio, 1e-300))
            chance = ratio / (1 + ratio)
            records = these.left, these.right
            pairs = Pairs(*these.places, *records, similarity, weight, chance, these.levels)
            settled.append(strongest_first(pairs, weight))
        return Settled(settled, list(found), matches, decision)

    def certificate(
        self,
        links: Sequence[Pairs],
        settled: Settled,
        data: Sequence[DataPair],
        completeness: Completeness,
    ) -> Certificate | None:
        """Estimate precision and recall from the model, and from identifiers if there are any."""
        chances = np.concatenate([np.empty(0), *(one.probability for one in links)])
        matches = settled.matches
        if (
            self.levels.passes
        ):  # no sample can be compared in full, but the model counts all matches
            share = self.model.matches / self.model.pairs
            matches = max(matches, share * sum(one.all_pairs for one in data))
        checked = None
        if self.levels.identifiers:
            parts = [self._checked(*both) for both in zip(settled.found, data, links, strict=True)]
            checked = sum(parts[1:], parts[0])
        return certify(chances, matches, completeness, checked)

    def accepted(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs reach the probability."""
        links: NDArray[np.bool_] = pairs.weight >= log_odds(self.probability)
        return links

    def reviewed(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs reach the review probability."""
        strong: NDArray[np.bool_] = pairs.weight >= log_odds(self.review)
        return strong

    def evidence(self, pairs: Pairs) -> NDArray[np.float64]:
        """Give match weights above that of the probability, in bits."""
        above: NDArray[np.float64] = pairs.weight - log_odds(self.probability)
        return above

    @property
    def absent(self) -> float:
        """Give half the evidence of a pair at the review probability, in bits: it may be unmet."""
        return (log_odds(self.review) - log_odds(self.probability)) / 2

    def twins(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs agree on surname and date of birth, not on forename or an identifier."""
        return self.levels.twins(pairs.levels)

    def are_links(
        self, one: DataPair, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs of rows would be links, if nothing competed with them."""
        levels = self.levels.of(one.left_side, one.right_side, left, right)
        links: NDArray[np.bool_] = self._odds(one.places[0], left, levels) >= log_odds(
            self.probability
        )
        return links

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give the names of the model's fields, and of their levels."""
        return self.levels.fields, tuple(level_labels(self.levels))

    def content(self) -> dict[str, Any]:
        """Give the model as plain values for a file."""
        return model_content(self.model, self.levels, self.schema.digest())

    def summary(self) -> dict[str, Any]:
        """Describe the decision; the model has a file of its own."""
        return {
            "method": "fellegi-sunter",
            "probability": self.probability,
            "review_probability": self.review,
            "prior_weight": round(self.model.prior_weight, 4),
        }

    def _closed(
        self,
        found: Sequence[Candidates],
        odds: Sequence[NDArray[np.float64]],
        data: Sequence[DataPair],
    ) -> tuple[list[Candidates], list[NDArray[np.float64]]]:
        """Let two records that match a third match each other; pairs may come in by that."""
        sizes = {one.places[0]: len(one.left.records) for one in data}
        sizes |= {one.places[1]: len(one.right.records) for one in data}
        given = [
            Chances(these.places, these.left, these.right, ratio / (1 + ratio))
            for these, ratio in zip(found, odds, strict=True)
        ]
        closed = close_over_thirds([sizes[n] for n in sorted(sizes)], given, self.review)
        every, chances = [], []
        for these, one, now, ratio in zip(found, data, closed, odds, strict=True):
            keys = these.left * len(one.right.records) + these.right
            wanted = now.left * len(one.right.records) + now.right
            place = np.searchsorted(wanted, keys)
            i, j = (
                np.searchsorted(one.left.owner, now.left),
                np.searchsorted(one.right.owner, now.right),
            )
            i[place], j[place] = these.left_rows, these.right_rows
            levels = self.levels.of(one.left_side, one.right_side, i, j)
            every.append(Candidates(these.places, now.left, now.right, i, j, levels))
            chance = np.minimum(now.chance, 1 - 1e-15)
            closed_odds = chance / (1 - chance)
            # Chances near 1 are coarse; a pair that thirds say nothing of keeps its odds.
            same = np.isclose(now.chance[place], ratio / (1 + ratio), rtol=0, atol=1e-12)
            closed_odds[place[same]] = ratio[same]
            chances.append(closed_odds)
        return every, chances

    def _checked(self, these: Candidates, one: DataPair, links: Pairs) -> Checked:
        """Tell what identifiers say of the decision by the other fields.

        Pairs with an equal identifier count as found only if another pass meets them too.
        """
        place = self.levels.slices
        random = np.random.default_rng(0)
        equal = linked = 0
        others = [
            n for n in range(one.left_side.tokens.shape[1]) if n not in self.levels.identifiers
        ]
        for number in self.levels.identifiers:
            tokens = one.left_side.tokens[:, number], one.right_side.tokens[:, number]
            i, j, _ = draw_equal(*tokens, _CHECKED_PAIRS, random, within=one.within)
            apart = one.left.owner[i] != one.right.owner[j] if one.within else np.ones(len(i), bool)
            i, j = i[apart], j[apart]
            keys = BlockKeys(
                tuple(map(str, others)),
                one.left_side.tokens[i][:, others],
                one.right_side.tokens[j][:, others],
            )
            met = meetings(keys, np.arange(len(i)), np.arange(len(i))).any(axis=1)
            equal += len(i)
            levels = self.levels.of(one.left_side, one.right_side, i, j)
            made = self._by_other_fields(these.places[0], i, levels)
            linked += int(np.count_nonzero(met & made))
        made = self._by_other_fields(these.places[0], these.left_rows, these.levels)
        level = these.levels[:, place]
        known = float((links.levels[:, place] == self.levels.top).mean()) if len(links) else 0.0
        both = made & (level != MISSING)
        agree = both & (level == self.levels.top)
        return Checked(equal, linked, int(both.sum()), int(agree.sum()), known)

    def _by_other_fields(
        self, place: int, rows: NDArray[np.int64], levels: NDArray[np.int8]
    ) -> NDArray[np.bool_]:
        """Tell which pairs would be links without identifiers; `rows` are their left rows."""
        levels = levels.copy()
        levels[:, self.levels.slices] = MISSING
        made: NDArray[np.bool_] = self._odds(place, rows, levels) >= log_odds(self.probability)
        return made

    def _odds(
        self, place: int, rows: NDArray[np.int64], levels: NDArray[np.int8]
    ) -> NDArray[np.float64]:
        return self.model.odds(levels, self.rarity[place], rows)

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
