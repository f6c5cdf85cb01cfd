"""A threshold for CLKs without labels: where pairs across data sets outnumber chance.

If a data set has one record a person, pairs within it are no matches, and are as alike as strangers
and relatives are: their similarities are the null distribution for pairs across data sets. The
threshold is the lowest Dice from which on less than half of the pairs across are expected by
chance. Where data sets repeat people, pairs within are as alike as pairs across, and no Dice is
such: then the schema's threshold stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.dice import find_pairs
from linkage.linker.together import DataPair
from linkage.model import Encodings

#: Comparisons of a sample, the similarities looked at, and the width and smoothing of bins.
_COMPARISONS = 50_000_000
_LOWEST, _BIN, _SMOOTH = 0.6, 0.005, 5
#: Of hardened filters, those from so many standard deviations above strangers on.
_DEVIATIONS = 3.0
#: Of the pairs from a threshold on, so many may be expected by chance; fewer pairs say nothing.
_MOST_BY_CHANCE, _LEAST_PAIRS = 0.5, 20


@dataclass(frozen=True)
class FoundThreshold:
    """A Dice threshold, and the estimated share of right links among those from it on."""

    threshold: float
    precision: float


def find_threshold(data: Sequence[DataPair], seed: int) -> FoundThreshold | None:
    """Find a threshold in samples of pairs across and within the data sets; None if there is none.

    The same seed gives the same threshold.
    """
    random = np.random.default_rng(seed)
    across = [one for one in data if not one.within]
    bins = _Bins.of(data)
    sets = {place: side for one in across for place, side in zip(
        one.places, (one.left, one.right), strict=True)}  # fmt: skip
    if not across:
        return None
    share = _COMPARISONS // len(sets)
    null = _rates([_sample(one, one, random, share, bins) for one in sets.values()])
    share = _COMPARISONS // len(across)
    drawn = [_sample(one.left, one.right, random, share, bins) for one in across]
    observed = _rates(drawn)
    smooth = np.ones(_SMOOTH) / _SMOOTH
    flat = [np.convolve(one, smooth, "same") for one in (null, observed)]
    chance = (flat[0] > 0) & (flat[0] >= _MOST_BY_CHANCE * flat[1])
    by_chance = np.flatnonzero(chance)
    first = int(by_chance.max()) + 1 if len(by_chance) else 0
    pairs = sum(float(counts[first:].sum()) for counts, _ in drawn)
    if pairs < _LEAST_PAIRS:
        return None
    precision = 1 - min(1.0, float(null[first:].sum()) / float(observed[first:].sum()))
    return FoundThreshold(round(bins.lowest + first * bins.width, 4), precision)


@dataclass(frozen=True)
class _Bins:
    """The similarities looked at, in equal bins up to 1: what hardening makes of `_LOWEST` on."""

    lowest: float
    width: float

    @classmethod
    def of(cls, data: Sequence[DataPair]) -> _Bins:
        transfer = data[0].left.schema.transfer()
        if not transfer.changes:
            return cls(_LOWEST, _BIN)
        lowest = transfer.bound(_LOWEST, _DEVIATIONS)
        return cls(lowest, (1 - lowest) / (_bins() - 1))

    def numbers(self, similarity: NDArray[np.float64]) -> NDArray[np.int64]:
        """Give the bin of each similarity."""
        numbers = ((similarity - self.lowest) / self.width + 1e-9).astype(np.int64)
        return np.minimum(numbers, _bins() - 1)


def _sample(
    left: Encodings, right: Encodings, random: np.random.Generator, comparisons: int, bins: _Bins
) -> tuple[NDArray[np.float64], float]:
    """Compare some rows of left with all of right: pairs of two records by similarity, and all."""
    rows = len(left.owner)
    size = min(rows, max(1, comparisons // max(1, len(right.owner))))
    chosen = np.sort(random.choice(rows, size, replace=False))
    similarity, i, j = find_pairs(left.bits[chosen], right.bits, bins.lowest)
    pairs = float(size) * len(right.owner)
    if left is right:
        apart = left.owner[chosen[i]] != right.owner[j]
        similarity, pairs = similarity[apart], pairs - size
    counts = np.bincount(bins.numbers(similarity), minlength=_bins())
    return counts.astype(np.float64), pairs


def _rates(samples: Sequence[tuple[NDArray[np.float64], float]]) -> NDArray[np.float64]:
    """Give the share of pairs in each bin of similarity."""
    total = max(1.0, sum(pairs for _, pairs in samples))
    rates: NDArray[np.float64] = np.sum([counts for counts, _ in samples], axis=0) / total
    return rates


def _bins() -> int:
    return round((1 - _LOWEST) / _BIN) + 1
