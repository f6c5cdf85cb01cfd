"""A certificate without truth: how many links are right, and how many matches were found.

From the model: precision is the mean probability of the links; recall is their sum of
probabilities over the expected number of matches, times the share of links among rows that were
compared with all others that some pass meets. Matches that look like strangers in every field (two
wrong names) are unknown to the model, so its recall is rather an upper bound.

From identifiers: pairs with an equal identifier are matches that nobody had to plant. The share of
them that the other fields and passes would have linked is a recall that needs no model to be right;
links whose identifiers differ tell of precision.

From persons: a link whose records the other links and pairs for review hold to be two people is
wrong more often than its own probability says, so precision falls by such links.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.linker.completeness import Completeness, wilson

Estimate = tuple[float, float, float]


@dataclass(frozen=True)
class Certificate:
    """Estimates of precision and recall: lower end, estimate, upper end of the 95 % interval.

    `basis` is `model`, or `identifiers` where there are enough of them; `pairs` is the number of
    pairs with an equal identifier that it rests on.
    """

    precision: Estimate
    recall: Estimate
    basis: str
    pairs: int = 0

    def less(self, outvoted: float) -> Certificate:
        """Take from precision a share of outvoted links; the upper end allows for them."""
        low, estimate, high = self.precision
        lowered = max(low - outvoted, 0.0), max(estimate - outvoted, 0.0), high
        return replace(self, precision=lowered)

    def summary(self) -> dict[str, Any]:
        """Describe it for the manifest."""
        names = ("lower", "estimate", "upper")
        return {
            "basis": self.basis,
            "pairs": self.pairs,
            "precision": dict(zip(names, map(_short, self.precision), strict=True)),
            "recall": dict(zip(names, map(_short, self.recall), strict=True)),
        }


@dataclass(frozen=True)
class Checked:
    """What identifiers tell of the decision by the other fields.

    Of `equal` pairs with an equal identifier, `linked` would have been linked without it. Of the
    links that the other fields make, `both` have identifiers on both sides, and `agree` agree.
    `known` is the share of the links that have an equal identifier, and so are linked for sure.
    """

    equal: int
    linked: int
    both: int
    agree: int
    known: float

    def __add__(self, other: Checked) -> Checked:
        """Put two pairs of data sets together; `known` is weighed by pairs."""
        equal = self.equal + other.equal
        known = (self.known * self.equal + other.known * other.equal) / max(equal, 1)
        return Checked(
            equal,
            self.linked + other.linked,
            self.both + other.both,
            self.agree + other.agree,
            known,
        )


#: So many pairs with an equal identifier make it worth more than the model's word.
LEAST_CHECKED = 200


def certify(
    links: NDArray[np.float64],
    matches: float,
    completeness: Completeness,
    checked: Checked | None,
) -> Certificate:
    """Estimate from the probabilities of the links, the expected matches, and identifiers.

    `matches` are those among pairs that some pass meets; `completeness` tells of the others.
    """
    right = float(links.sum())
    spread = 1.96 * float(np.sqrt((links * (1 - links)).sum()))
    precision = _about(right, spread, max(len(links), 1))
    if checked is None or checked.equal < LEAST_CHECKED:
        recall = _about(right, spread, max(matches, right, 1e-9))
        if completeness.links:
            low, high = completeness.interval
            recall = recall[0] * low, recall[1] * completeness.share, recall[2] * high
        return Certificate(precision, recall, "model")
    low, high = wilson(checked.linked, checked.equal)
    found = (low, checked.linked / checked.equal, high)
    recall = _three(one + (1 - one) * checked.known for one in found)
    if checked.both:
        precision = _by_agreement(checked)
    return Certificate(precision, recall, "identifiers", checked.equal)


def _by_agreement(checked: Checked) -> Estimate:
    """Give the precision of links by the other fields, of which a share is known to be right.

    Identifiers of one person differ by error now and then: as often as the lower end allows for.
    """
    low, high = wilson(checked.agree, checked.both)
    found = (low, checked.agree / checked.both, high)
    return _three(one + (1 - one) * checked.known for one in found)


def _about(right: float, spread: float, total: float) -> Estimate:
    low, middle, high = (right - spread) / total, right / total, (right + spread) / total
    return max(low, 0.0), middle, min(high, 1.0)


def _three(values: Any) -> Estimate:
    low, middle, high = values
    return float(low), float(middle), float(high)


def _short(value: float) -> float:
    return round(value, 6)
