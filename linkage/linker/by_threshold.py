"""The decision at record level: Dice of two CLKs against a threshold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError
from linkage.kernels.join import Rule, Side
from linkage.kernels.similarity import pair_similarity
from linkage.linker.block import BlockKeys, PassPlan
from linkage.linker.certificate import Certificate
from linkage.linker.compare import Scored, agreement_rule, collapse, row_similarity
from linkage.linker.completeness import Completeness
from linkage.linker.decide import Candidates, Settled, strongest_first, with_keys
from linkage.linker.null import find_threshold
from linkage.linker.together import DataPair
from linkage.model import Encodings, Pairs
from linkage.transfer import deviations_of

#: Pairs so far below a threshold that was given are for review.
_REVIEW_GAP = 0.15


@dataclass(frozen=True)
class ThresholdDecision:
    """Links from a Dice `threshold` on, review from `review` up to it.

    Both are Dice of the codes as they are; of plain filters the threshold would be `plain`.
    `precision` is the share of right links that the data itself let expect, NaN where the threshold
    is not from the data; `basis` says where it is from: `given`, `data` or `schema`.
    """

    whole: Rule
    threshold: float
    plain: float
    review: float
    basis: str
    precision: float
    single: tuple[bool, ...]

    @classmethod
    def setup(
        cls,
        encodings: Sequence[Encodings],
        data: Sequence[DataPair],
        threshold: float | None,
        seed: int,
    ) -> ThresholdDecision:
        """Take the threshold given, or find one in the data, or take that of the schema.

        Those given and of the schema are Dice of plain filters. Nothing is let through that noise
        of hardening lets one of all pairs of strangers reach (`sqrt(2 ln N)` deviations).

        Raises `UsageError` for a threshold that is not between 0 and 1.
        """
        decision, transfer = encodings[0].schema.decision, encodings[0].schema.transfer()
        deviations = deviations_of(sum(one.all_pairs for one in data))
        found = find_threshold(data, seed) if threshold is None else None
        basis, precision = "schema" if threshold is None else "given", float("nan")
        if found is not None:
            basis, precision, reached = "data", found.precision, found.threshold
            plain = transfer.plain(reached)
        elif threshold is None or 0.0 <= threshold <= 1.0:
            plain = decision.threshold if threshold is None else threshold
            reached = transfer.bound(plain, deviations)
        else:
            raise UsageError(f"threshold {threshold!r} is not between 0 and 1")
        review = min(decision.review_threshold, max(0.0, plain - _REVIEW_GAP))
        review = min(reached, transfer.bound(review, deviations))
        weights = np.array([[0.0, 0.0, 1.0]])
        rule = agreement_rule(encodings[0], (review,), weights, cutoff=1.0)
        single = tuple(False for _ in encodings)
        return cls(rule, reached, plain, review, basis, precision, single)

    def rule(self, plan: PassPlan, earlier: Collection[str]) -> Rule:
        """Let pairs through from the review threshold on."""
        return self.whole

    def link_rule(self) -> Rule:
        """Let pairs through from the review threshold on."""
        return self.whole

    def sides(self, one: DataPair, keys: BlockKeys) -> tuple[Side, Side]:
        """Give both sides with the keys of a blocking."""
        return with_keys(one, keys)

    def seen(self, sides: tuple[Side, Side], plan: PassPlan) -> tuple[Side, Side]:
        """Give both sides as they are."""
        return sides

    def score(self, rows: Scored, one: DataPair) -> Candidates:
        """Keep the most similar pair of rows for each pair of records."""
        similarity = row_similarity(one.left, one.right, rows.left, rows.right)
        # Two Dice values that differ do so by far more than one part in 2**40.
        weighed = Scored(rows.left, rows.right, np.rint(similarity * (1 << 40)).astype(np.int64))
        kept = collapse(weighed, one.left, one.right, within=one.within)
        i, j = rows.left[kept], rows.right[kept]
        levels = np.empty((len(kept), 0), np.int8)
        return Candidates(one.places, one.left.owner[i], one.right.owner[j], i, j, levels)

    def settle(self, found: Sequence[Candidates], data: Sequence[DataPair]) -> Settled:
        """Give the similarity of all candidates; weight and probability are not known."""
        settled = []
        for these, one in zip(found, data, strict=True):
            rows = these.left_rows, these.right_rows
            similarity = row_similarity(one.left, one.right, *rows)
            nothing = np.full(len(similarity), np.nan)
            pairs = Pairs(*these.places, these.left, these.right, similarity, nothing, nothing)
            settled.append(strongest_first(pairs, similarity))
        return Settled(settled, list(found), float("nan"), self)

    def certificate(
        self,
        links: Sequence[Pairs],
        settled: Settled,
        data: Sequence[DataPair],
        completeness: Completeness,
    ) -> Certificate | None:
        """Tell nothing: a threshold is no model."""
        return None

    def accepted(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs reach the threshold; only decided pairs have a weight."""
        reached = pairs.similarity >= self.threshold
        links: NDArray[np.bool_] = np.where(np.isnan(pairs.weight), reached, pairs.weight > 0)
        return links

    def reviewed(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs reach the review threshold: all that came through."""
        return np.ones(len(pairs), bool)

    def evidence(self, pairs: Pairs) -> NDArray[np.float64]:
        """Give similarities above the threshold."""
        above: NDArray[np.float64] = pairs.similarity - self.threshold
        return above

    @property
    def absent(self) -> float:
        """Give half the evidence of a pair at the review threshold: it may be unmet."""
        return (self.review - self.threshold) / 2

    def twins(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Refuse: a CLK says nothing of single fields."""
        raise UsageError("--twins-apart needs field-level encodings; these are record-level")

    def are_links(
        self, one: DataPair, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which pairs of rows reach the threshold."""
        links: NDArray[np.bool_] = (
            pair_similarity(one.left.bits, one.right.bits, left, right) >= self.threshold
        )
        return links

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Tell of no fields: a CLK has none."""
        return (), ()

    def content(self) -> dict[str, Any] | None:
        """Give nothing: a threshold is no model."""
        return None

    def summary(self) -> dict[str, Any]:
        """Describe the thresholds."""
        known = not np.isnan(self.precision)
        plain = {} if self.plain == self.threshold else {"plain_threshold": self.plain}
        return {
            "method": "threshold",
            "threshold": self.threshold,
            **plain,
            "review_threshold": self.review,
            "threshold_from": self.basis,
            "expected_precision": round(self.precision, 4) if known else None,
        }
