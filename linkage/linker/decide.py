"""Decide which scored pairs are links and which go to review.

Record level: Dice of the two CLKs against a threshold. Field level: the match weight of a
Fellegi-Sunter model against a match probability. Either way the comparison emits pairs from the
review bound on, and the exact integer test at the boundary is the kernel's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError
from linkage.kernels.join import Rule, pair_levels
from linkage.kernels.similarity import pair_similarity
from linkage.linker.block import PassPlan
from linkage.linker.compare import (
    WEIGHT_ONE,
    Scored,
    agreement_rule,
    reorder,
    row_similarity,
    weigh,
)
from linkage.linker.train import DataPair, Model, train
from linkage.model import Encodings, Pairs
from linkage.schema import LinkageSchema

_REVIEW_GAP = 0.15


@dataclass(frozen=True)
class Decider:
    """How pairs are decided in one run: the kernel's rule, and from which weight on a pair links.

    `model` is None at record level, where the rule's weight only tells the two thresholds apart.
    """

    rule: Rule
    link_weight: float
    threshold: float
    model: Model | None
    slices: tuple[str, ...]

    def pairs(self, scored: Scored, one: DataPair, places: tuple[int, int]) -> Pairs:
        """Turn scored rows into pairs of records with similarity, weight and probability."""
        similarity = row_similarity(scored, one.left, one.right)
        nothing = np.full(len(similarity), np.nan)
        weight = nothing
        if self.model is not None:
            weight = scored.weight / WEIGHT_ONE + self.model.prior_weight
        probability = nothing if self.model is None else 1 / (1 + np.exp2(-weight))
        left, right = one.left.owner[scored.left], one.right.owner[scored.right]
        strength = similarity if self.model is None else weight
        # Scored pairs come by left, then right, and sorting keeps that order among equals.
        order = np.lexsort((-similarity, -strength))
        pairs = Pairs(*places, left, right, similarity, weight, probability)
        return pairs.take(order)

    def are_links(
        self, one: DataPair, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which of the given pairs of rows would be links."""
        links: NDArray[np.bool_]
        if self.model is None:
            links = pair_similarity(one.left.bits, one.right.bits, left, right) >= self.threshold
            return links
        levels = pair_levels(one.left_side, one.right_side, left, right, self.rule)
        weight = self.model.weights[np.arange(levels.shape[1]), levels].sum(axis=1)
        links = weight + self.model.prior_weight >= self.link_weight
        return links

    def rules(self, plans: Sequence[PassPlan], schema: LinkageSchema) -> list[Rule]:
        """Give the rule for each pass."""
        conditioned = {one.name: one.fields for one in schema.blocking}
        return [self.rule_for(conditioned.get(plan.name, ())) for plan in plans]

    def rule_for(self, conditioned: Collection[str]) -> Rule:
        """Give the rule for a pass whose keys are made of the given fields.

        The slices that tell strangers apart soonest are looked at first; those that the block has
        in common tell little.
        """
        if self.model is None:
            return self.rule
        expected = (self.model.u * self.model.weights).sum(axis=1)
        known = np.array([name in conditioned for name in self.slices])
        return reorder(self.rule, np.lexsort((expected, known)))

    def accepted(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs are strong enough to be links; the others are for review."""
        if self.model is None:
            return pairs.similarity >= self.threshold
        return pairs.weight >= self.link_weight

    def summary(self) -> dict[str, Any]:
        """Describe the decision for the manifest: thresholds, and m and u by field and level."""
        if self.model is None:
            return {"method": "threshold", "threshold": self.threshold}
        fields = {
            name: {"m": _rounded(self.model.m[k, 1:]), "u": _rounded(self.model.u[k, 1:])}
            for k, name in enumerate(self.slices)
        }
        return {
            "method": "fellegi-sunter",
            "probability": self.threshold,
            "estimated_matches": round(self.model.matches, 1),
            "prior_weight": round(self.model.prior_weight, 4),
            "fields": fields,
        }


def decider(
    data: Sequence[DataPair],
    schema: LinkageSchema,
    *,
    threshold: float | None,
    probability: float | None,
    seed: int,
) -> Decider:
    """Set up the decision for a schema's level; train the model at field level.

    Raises `UsageError` for a threshold at field level, or a probability at record level.
    """
    first = data[0].left
    if schema.level == "record":
        if probability is not None:
            raise UsageError(
                "a probability needs field-level encodings; these are record-level: "
                "use a threshold (a Dice similarity)"
            )
        return _by_threshold(first, schema, threshold)
    if threshold is not None:
        raise UsageError(
            "a threshold (Dice) needs record-level encodings; these are field-level: "
            "use a probability"
        )
    return _by_model(data, schema, probability, seed)


def _by_threshold(first: Encodings, schema: LinkageSchema, threshold: float | None) -> Decider:
    review = schema.decision.review_threshold
    if threshold is None:
        threshold = schema.decision.threshold
    elif not 0.0 <= threshold <= 1.0:
        raise UsageError(f"threshold {threshold!r} is not between 0 and 1")
    else:
        review = min(review, max(0.0, threshold - _REVIEW_GAP))
    rule = agreement_rule(first, (review,), np.array([[0.0, 0.0, 1.0]]), cutoff=1.0)
    return Decider(rule, 1.0, threshold, None, (first.slices[0].name,))


def _by_model(
    data: Sequence[DataPair], schema: LinkageSchema, probability: float | None, seed: int
) -> Decider:
    bounds = (1.0, *schema.decision.agreement)
    shape = (len(data[0].left.slices), len(bounds) + 2)
    levels = agreement_rule(data[0].left, bounds, np.zeros(shape), cutoff=0.0)
    model = train(data, schema, levels, seed)
    review = schema.decision.review_probability
    if probability is None:
        probability = schema.decision.probability
    else:
        review = min(review, probability)
    rule = weigh(levels, model.weights, log_odds(review) - model.prior_weight)
    names = tuple(one.name for one in data[0].left.slices)
    return Decider(rule, log_odds(probability), probability, model, names)


def log_odds(probability: float) -> float:
    """log2 of the odds. Raises `UsageError` for a probability that is not between 0 and 1."""
    if not 0.0 < probability < 1.0:
        raise UsageError(f"probability {probability!r} is not between 0 and 1 (both excluded)")
    return float(np.log2(probability / (1 - probability)))


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]
