"""Decide which compared pairs are links and which go to review.

Record level: Dice of the two CLKs against a threshold. Field level: the match probability of the
model against a probability. Both do the same steps: give the kernel a rule that lets through
whatever may matter, score what came through, settle all scores together, and accept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError
from linkage.kernels.join import Rule, Side
from linkage.linker.block import BlockKeys, PassPlan
from linkage.linker.certificate import Certificate
from linkage.linker.compare import Scored
from linkage.linker.completeness import Completeness
from linkage.linker.order import falling
from linkage.linker.together import DataPair
from linkage.model import Pairs


@dataclass(frozen=True)
class Candidates:
    """Pairs of records of two data sets that came through, each once, by left, then right record.

    `left` and `right` are records, `left_rows` and `right_rows` the rows of theirs that agree best,
    `levels` the agreement levels of these, `int8[pairs, fields]` (no fields at record level).
    """

    places: tuple[int, int]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    left_rows: NDArray[np.int64]
    right_rows: NDArray[np.int64]
    levels: NDArray[np.int8]

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Put parts together, in their order."""
        names = ("left", "right", "left_rows", "right_rows", "levels")
        columns = [np.concatenate([getattr(one, name) for one in parts]) for name in names]
        return cls(parts[0].places, *columns)


@dataclass(frozen=True)
class Settled:
    """All candidates with similarity, weight and probability, strongest first, by data sets.

    `matches` is the expected number of matching pairs of records, NaN where no model tells, and
    `decision` the one that settled them: competition may have taught it.
    """

    pairs: list[Pairs]
    found: list[Candidates]
    matches: float
    decision: Decision


class Decision(Protocol):
    """What every decision model does; one suite of tests covers them all."""

    @property
    def single(self) -> tuple[bool, ...]:
        """Tell which data sets are taken to have one record a person."""

    def rule(self, plan: PassPlan, earlier: Collection[str]) -> Rule:
        """Give the rule by which a pass compares: it lets through whatever may matter.

        `earlier` are the names of the passes before it that meet all pairs of equal keys.
        """

    def link_rule(self) -> Rule:
        """Give the rule that lets through what would be a link by its bits alone."""

    def sides(self, one: DataPair, keys: BlockKeys) -> tuple[Side, Side]:
        """Give both sides as the rule wants them, with the keys of a blocking."""

    def seen(self, sides: tuple[Side, Side], plan: PassPlan) -> tuple[Side, Side]:
        """Give both sides as a pass sees them."""

    def score(self, rows: Scored, one: DataPair) -> Candidates:
        """Score pairs of rows that came through; one pair of rows stays for each of records."""

    def settle(self, found: Sequence[Candidates], data: Sequence[DataPair]) -> Settled:
        """Give similarity, weight and probability of all candidates."""

    def certificate(
        self,
        links: Sequence[Pairs],
        settled: Settled,
        data: Sequence[DataPair],
        completeness: Completeness,
    ) -> Certificate | None:
        """Estimate precision and recall of the links without truth, if the model can."""

    def accepted(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs are strong enough to be links; the others are for review."""

    def reviewed(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs are strong enough for review."""

    def evidence(self, pairs: Pairs) -> NDArray[np.float64]:
        """Give how far pairs are above what makes a link; negative below."""

    @property
    def absent(self) -> float:
        """Give the evidence of a pair that is neither link nor for review, or met in no pass."""

    def twins(self, pairs: Pairs) -> NDArray[np.bool_]:
        """Tell which pairs look like twins; raises `UsageError` where that can't be told."""

    def are_links(
        self, one: DataPair, left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell which of given pairs of rows would be links, in themselves."""

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give the names of the model's fields, and of their levels."""

    def content(self) -> dict[str, Any] | None:
        """Give the model as plain values for a file, if there is one."""

    def summary(self) -> dict[str, Any]:
        """Describe the decision for the manifest."""


def with_keys(one: DataPair, keys: BlockKeys) -> tuple[Side, Side]:
    """Give both sides with the keys of a blocking in place of the tokens of their files."""
    return (
        one.left_side._replace(tokens=np.ascontiguousarray(keys.left)),
        one.right_side._replace(tokens=np.ascontiguousarray(keys.right)),
    )


def log_odds(probability: float) -> float:
    """log2 of the odds. Raises `UsageError` for a probability that is not between 0 and 1."""
    if not 0.0 < probability < 1.0:
        raise UsageError(f"probability {probability!r} is not between 0 and 1 (both excluded)")
    return float(np.log2(probability / (1 - probability)))


def strongest_first(pairs: Pairs, strength: NDArray[np.float64]) -> Pairs:
    """Order pairs by strength falling, then similarity falling, then as they come."""
    return pairs.take(falling(strength, [-pairs.similarity]))
