"""Whether groups differ by more than chance, corrected for how many are compared.

A group's matches hang together by people, so they are taken for fewer that are independent: as many
as would spread like the resampled ones (the design effect, Rao & Scott 1992). Of a small group
that spread is itself uncertain, and never taken for less than that of all groups together.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.resample import Interval, Resampling
from linkage.evaluate.tallies import FOUND, LOST, UNSURE, Tallies

MATCHES = [FOUND, UNSURE, LOST]


def independent(tallies: Tallies, hits: int, trials: list[int]) -> NDArray[np.float64]:
    """Give how many independent trials those of each group are worth, `float64[groups]`.

    `hits` and `trials` are columns of the counts. Where all or none are hits, samples tell nothing,
    and the pairs of a person count as one.
    """
    counts, samples = tallies.counts, tallies.samples
    own = _effect(counts, samples, hits, trials)
    pooled = _effect(counts.sum(axis=0)[None], samples.sum(axis=1)[:, None], hits, trials)
    effect = np.fmax(np.where(np.isnan(own), tallies.spread, own), pooled)
    worth: NDArray[np.float64] = counts[:, trials].sum(axis=1) / np.fmax(1.0, effect)
    return worth


def _effect(
    counts: NDArray[np.float64], samples: NDArray[np.float64], hits: int, trials: list[int]
) -> NDArray[np.float64]:
    """Give by how much shares vary more than those of independent trials; NaN where none vary."""
    drawn, seen = samples[:, :, trials].sum(axis=2), counts[:, trials].sum(axis=1)
    known = drawn > 0
    share = np.divide(samples[:, :, hits], drawn, out=np.zeros(drawn.shape), where=known)
    count = np.maximum(known.sum(axis=0), 1)
    away = np.where(known, share - share.sum(axis=0) / count, 0.0)
    variance = (away**2).sum(axis=0) / count
    own = np.divide(counts[:, hits], seen, out=np.zeros(len(seen)), where=seen > 0)
    simple = np.divide(own * (1 - own), seen, out=np.zeros(len(seen)), where=seen > 0)
    effect: NDArray[np.float64] = np.full(len(seen), np.nan)
    np.divide(variance, simple, out=effect, where=(simple > 0) & (variance > 0))
    return effect


@dataclass(frozen=True)
class Recalls:
    """The recall of each group, of so many independent matches, `float64[groups]`."""

    recall: NDArray[np.float64]
    worth: NDArray[np.float64]

    @classmethod
    def of(cls, tallies: Tallies) -> Recalls:
        """Take the recalls of tallies; NaN where a group has no true match."""
        found, matches = tallies.counts[:, FOUND], tallies.counts[:, MATCHES].sum(axis=1)
        recall: NDArray[np.float64] = np.full(len(found), np.nan)
        np.divide(found, matches, out=recall, where=matches > 0)
        return cls(recall, independent(tallies, FOUND, MATCHES))

    @property
    def centre(self) -> NDArray[np.float64]:
        """The recall with a right and a wrong match added (Agresti & Caffo 2000).

        Differences of these hold up where a group has no miss at all.
        """
        centre: NDArray[np.float64] = (self.recall * self.worth + 1) / (self.worth + 2)
        return centre

    @property
    def variance(self) -> NDArray[np.float64]:
        """The variance of the centre."""
        variance: NDArray[np.float64] = self.centre * (1 - self.centre) / (self.worth + 2)
        return variance

    def p_value(self, one: int, other: int) -> float:
        """Give the chance of so large a difference between two groups that have none."""
        difference = float(self.centre[one] - self.centre[other])
        error = float(np.sqrt(self.variance[one] + self.variance[other]))
        return 2 * NormalDist().cdf(-abs(difference) / error)

    def ratio_interval(self, one: int, other: int, how: Resampling) -> Interval:
        """Give the interval of how many times as many matches one group misses as another.

        It is that of the logarithm, with half a miss added (Pettigrew, Gart & Thomas 1986).
        """
        logs, variance = 0.0, 0.0
        for group, sign in ((one, 1), (other, -1)):
            missed = (1 - self.recall[group]) * self.worth[group] + 0.5
            matches = self.worth[group] + 0.5
            logs += sign * float(np.log(missed / matches))
            variance += float(1 / missed - 1 / matches)
        half = NormalDist().inv_cdf(1 - how.tail) * float(np.sqrt(max(0.0, variance)))
        ratio = float((1 - self.recall[one]) / (1 - self.recall[other]))
        return {
            "lower": min(ratio, float(np.exp(logs - half))),
            "upper": max(ratio, float(np.exp(logs + half))),
        }

    def gap(self, shown: NDArray[np.int64], pairs: int, how: Resampling) -> Gap:
        """Give the largest recall less the smallest, of two groups or more.

        `pairs` are all pairs of groups that are compared, here and elsewhere. The intervals of all
        their differences hold together (Bonferroni), so the gap is at least the largest of their
        lower bounds, and at most the largest of their upper bounds.
        """
        recall = self.recall[shown]
        best, worst = int(shown[np.argmax(recall)]), int(shown[np.argmin(recall)])
        half = NormalDist().inv_cdf(1 - how.tail / max(1, pairs))
        centre, variance = self.centre[shown], self.variance[shown]
        difference = centre[:, None] - centre[None, :]
        error = half * np.sqrt(variance[:, None] + variance[None, :])
        np.fill_diagonal(difference, -np.inf)
        surest = int(np.argmax(difference - error))
        more, less = divmod(surest, len(shown))
        return Gap(
            best,
            worst,
            max(0.0, float((difference - error).flat[surest])),
            min(1.0, float((difference + error).max())),
            (int(shown[more]), int(shown[less])),
        )


@dataclass(frozen=True)
class Gap:
    """The groups of the highest and of the lowest recall, and bounds of how far these are apart.

    `surest` are the two groups, of the higher recall first, whose difference is surest.
    """

    highest: int
    lowest: int
    lower: float
    upper: float
    surest: tuple[int, int]


def holm(p_values: list[float]) -> list[float]:
    """Adjust p-values for how many there are (Holm 1979), in their order."""
    order = sorted(range(len(p_values)), key=lambda one: p_values[one])
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def pairs_of(groups: int) -> int:
    """Count the pairs of so many groups."""
    return groups * (groups - 1) // 2
