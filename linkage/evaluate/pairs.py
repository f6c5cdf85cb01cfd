"""Precision, recall and F1 of pairs, at the decision of the run and at any other cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.judged import Judged, judge
from linkage.evaluate.truth import UNKNOWN, Truth
from linkage.model import Pairs

#: Cut-offs of a curve, for match probabilities and for Dice.
_PROBABILITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99,
                  0.995, 0.998, 0.999, 0.9999)  # fmt: skip
_DICE_STEP = 0.02


@dataclass(frozen=True)
class Quality:
    """Counts of a decision against truth; in a sample, what they stand for."""

    true_positives: float
    false_positives: float
    false_negatives: float

    @property
    def precision(self) -> float:
        """Share of links that are right; 1 where there is no link."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of true matches that are linked; 1 where there is no true match."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        doubled = 2 * self.true_positives
        return ratio(doubled, doubled + self.false_positives + self.false_negatives)

    def summary(self) -> dict[str, Any]:
        """All figures as plain values."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "true_positives": plain(self.true_positives),
            "false_positives": plain(self.false_positives),
            "false_negatives": plain(self.false_negatives),
        }


def evaluate(
    links: Sequence[Pairs], truth: Sequence[NDArray[np.int64]], review: Sequence[Pairs] = ()
) -> dict[str, Any]:
    """Compare links with the truth, pair by pair.

    Parameters
    ----------
    links
        One `Pairs` for each pair of data sets that was linked, empty ones included: they say
        where a true match could have been found.
    truth
        For every data set `int64[records]`, the true person of each record; `UNKNOWN` where the
        truth doesn't name it.
    review
        Pairs below the links' threshold; they extend the search for the best threshold downwards.

    Returns
    -------
    dict
        `pairwise`, `best_threshold` (the same figures at the cut-off with the highest F1),
        `by_data_sets`, and `unknown_records`.
    """
    unknown = int(sum(np.count_nonzero(one == UNKNOWN) for one in truth))
    judged = judge(links, review, Truth.of(truth))
    return evaluate_judged(judged) | {"unknown_records": unknown}


def evaluate_judged(judged: Judged) -> dict[str, Any]:
    """Give `pairwise`, `best_threshold` and `by_data_sets` of pairs that are judged."""
    by_place = [
        {"left": left, "right": right} | _quality(judged, judged.place == number).summary()
        for number, (left, right) in enumerate(judged.places)
    ]
    return {
        "pairwise": _quality(judged, np.ones(len(judged.match), bool)).summary(),
        "best_threshold": _best(Ranked.of(judged)),
        "by_data_sets": by_place,
    }


@dataclass(frozen=True)
class Ranked:
    """What reaches each cut-off, strongest first: `right` and `wrong` pairs, `float64[cut-offs]`.

    `strength` are the different strengths that occur, falling; pairs of one strength stay together.
    `matches` are all true ones.
    """

    strength: NDArray[np.float64]
    right: NDArray[np.float64]
    wrong: NDArray[np.float64]
    matches: float

    @classmethod
    def of(cls, judged: Judged) -> Ranked:
        """Rank links and pairs for review together."""
        matches = judged.total(judged.match)
        found = judged.take(~judged.missing)
        order = np.argsort(-found.strength, kind="stable")
        strength, worth, match = found.strength[order], found.worth[order], found.match[order]
        last = np.append(strength[1:] != strength[:-1], np.ones(min(1, len(strength)), bool))
        right, wrong = np.cumsum(worth * match)[last], np.cumsum(worth * ~match)[last]
        return cls(strength[last], right, wrong, matches)

    def at(self, cutoff: float) -> Quality:
        """Give the counts if all pairs of this strength and above were links."""
        reached = int(np.searchsorted(-self.strength, -cutoff, side="right"))
        right = float(self.right[reached - 1]) if reached else 0.0
        wrong = float(self.wrong[reached - 1]) if reached else 0.0
        return Quality(right, wrong, self.matches - right)


def curve(judged: Judged, threshold: float | None = None) -> list[dict[str, Any]]:
    """Give precision, recall and F1 at cut-offs over links and pairs for review, rising.

    Cut-offs reach down to the weakest pair that the run kept; of what lies below nothing is known.
    That of the run itself and the best one are among them.
    """
    return [
        {"threshold": cutoff} | ranked.at(cutoff).summary()
        for ranked in [Ranked.of(judged)]
        for cutoff in _cutoffs(ranked, judged, threshold)
    ]


def _cutoffs(ranked: Ranked, judged: Judged, threshold: float | None) -> list[float]:
    if not len(ranked.strength):
        return []
    least, most = float(ranked.strength[-1]), float(ranked.strength[0])
    steps = np.round(np.arange(0, 1 + _DICE_STEP / 2, _DICE_STEP), 10)
    grid = steps.tolist() if judged.by_dice else list(_PROBABILITIES)
    lowest = max([one for one in grid if one <= least], default=least)
    wanted = {*grid, lowest, _best(ranked)["threshold"]} | {one for one in [threshold] if one}
    return sorted(one for one in wanted if lowest <= one <= most)


def _best(ranked: Ranked) -> dict[str, Any]:
    """Give the figures at the cut-off with the highest F1; of several, the highest cut-off."""
    if not len(ranked.strength):
        return {"threshold": None} | Quality(0, 0, ranked.matches).summary()
    f1 = 2 * ranked.right / (ranked.right + ranked.wrong + ranked.matches)
    threshold = float(ranked.strength[int(np.argmax(f1))])
    return {"threshold": threshold} | ranked.at(threshold).summary()


def _quality(judged: Judged, here: NDArray[np.bool_]) -> Quality:
    right = judged.total(here & judged.match & judged.linked)
    wrong = judged.total(here & ~judged.match & judged.linked)
    missed = judged.total(here & judged.match & ~judged.linked)
    return Quality(right, wrong, missed)


def ratio(part: float, whole: float) -> float:
    """Give the share of a part, 1 of nothing."""
    return float(part / whole) if whole else 1.0


def plain(count: float) -> float:
    """Give a whole number as one."""
    return int(count) if float(count).is_integer() else float(count)
