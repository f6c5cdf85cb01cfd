"""Bootstrap intervals: units are drawn again with replacement, each with all its pairs.

The pairs of one person depend on each other, so people are drawn and not pairs (Field & Welsh
2007). Most people are like many others: as many right, missed and false pairs. To draw how often
each *kind* of person comes up is the same as to draw people, and a million of them are some
hundreds of kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

_MIX, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
#: Counts that are drawn at a time.
_DRAWN = 4_000_000

#: `lower` and `upper`.
Interval = dict[str, float]


@dataclass(frozen=True)
class Resampling:
    """How often units are drawn again (0: never), from which seed, for intervals of what share."""

    samples: int = 1000
    seed: int = 0
    confidence: float = 0.95

    @property
    def on(self) -> bool:
        """Tell whether there is any resampling."""
        return self.samples > 0

    @property
    def tail(self) -> float:
        """The share on either side of an interval."""
        return (1 - self.confidence) / 2

    def summary(self) -> dict[str, Any]:
        """Describe it."""
        return {"samples": self.samples, "seed": self.seed, "confidence": self.confidence}


@dataclass(frozen=True)
class Kinds:
    """Rows that differ, `float64[kinds, columns]`, and how many units have each."""

    rows: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.float64]) -> Kinds:
        """Find the kinds among the rows of units."""
        number = _mixed(rows)
        _, first, place = np.unique(number, return_index=True, return_inverse=True)
        if (rows[first][place.ravel()] != rows).any():  # two rows of one number: one in 2**64
            found, counts = np.unique(rows, axis=0, return_counts=True)
            return cls(found, counts.astype(np.int64))
        return cls(rows[first], np.bincount(place.ravel(), minlength=len(first)))

    @classmethod
    def joined(cls, parts: Sequence[Kinds]) -> Kinds:
        """Put the kinds of different units together; a kind may stand there twice."""
        rows = np.concatenate([one.rows for one in parts])
        return cls(rows, np.concatenate([one.counts for one in parts]))

    def sums(self, how: Resampling, stream: int = 0) -> NDArray[np.float64]:
        """Draw as many units as there are, again and again: sums, `float64[samples, columns]`.

        Measures of different `stream` are drawn apart under one seed.
        """
        units = int(self.counts.sum())
        if not units:
            return np.zeros((how.samples, self.rows.shape[1]))
        random = np.random.default_rng([how.seed, stream])
        chances = self.counts / units
        parts = [
            random.multinomial(units, chances, size=size) @ self.rows
            for size in _sizes(how.samples, len(chances))
        ]
        return np.concatenate(parts)


def _sizes(samples: int, kinds: int) -> Iterator[int]:
    step = max(1, _DRAWN // max(1, kinds))
    for start in range(0, samples, step):
        yield min(step, samples - start)


def _mixed(rows: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Give equal rows equal numbers, and others hardly ever, `uint64[units]`."""
    number = np.zeros(len(rows), np.uint64)
    for column in rows.T:
        number = (number ^ (column + 0.0).view(np.uint64)) * _MIX
        number ^= number >> _SHIFT
    return number


def interval(values: NDArray[np.float64], estimate: float, how: Resampling) -> Interval | None:
    """Give the percentile interval of resampled values, with the estimate in it.

    Values that are NaN (a sample with nothing to measure) are left out; None if all are.
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known) or np.isnan(estimate):
        return None
    last = len(known) - 1
    low = min(float(known[round(how.tail * last)]), estimate)
    high = max(float(known[round((1 - how.tail) * last)]), estimate)
    return {"lower": low, "upper": high}


def share_interval(
    sums: NDArray[np.float64],
    tallied: NDArray[np.float64],
    hits: list[int],
    trials: list[int],
    how: Resampling,
) -> Interval | None:
    """Give the interval of a share of sums: columns `hits` over columns `trials`.

    It is Wilson's (1927) for as many independent trials as would spread like the samples: near 0
    and 1 it holds much better than percentiles of the samples do. Where all or none of the trials
    are hits, samples are alike and tell nothing; then units count. `tallied` are the units that
    were seen, `float64[units, columns]`: where few of them make most of the spread, the spread is
    itself uncertain, and the interval is as much wider as Student's distribution says.
    """
    own_hits, own_trials = tallied[:, hits].sum(axis=1), tallied[:, trials].sum(axis=1)
    whole = float(own_trials.sum())
    if not whole:
        return None
    share = float(own_hits.sum()) / whole
    drawn = shares(sums[:, hits].sum(axis=1), sums[:, trials].sum(axis=1))
    known = drawn[~np.isnan(drawn)]
    spread = float(known.var()) if len(known) else 0.0
    if not (spread > 0 and 0 < share < 1):
        return wilson(share, float(len(tallied)), how)
    freedom = _freedom(own_hits - share * own_trials)
    return wilson(share, share * (1 - share) / spread, how, freedom)


def _freedom(parts: NDArray[np.float64]) -> float:
    """Give the degrees of freedom of the spread of a sum of parts; infinite if they are alike.

    After Satterthwaite (1946, Biometrics Bulletin 2(6)): the fewer parts make most of the sum of
    squares, the fewer. What as many equal parts would have is taken off, as Wilson's interval knows
    of that. They are halved, because a sample shows less of a long tail than there is of it.
    """
    squares = parts**2
    total, fourth = float(squares.sum()), float((squares**2).sum())
    alike = min(np.count_nonzero(parts > 0), np.count_nonzero(parts < 0))
    if not alike or fourth * alike <= total**2:
        return np.inf
    return max(1.0, 1 / (fourth / total**2 - 1 / alike))


def wilson(share: float, trials: float, how: Resampling, freedom: float = np.inf) -> Interval:
    """Give the score interval of a share of independent trials (Wilson 1927).

    With `freedom` its normal quantile is Student's of so many degrees of freedom.
    """
    z = float(stdtrit(freedom, 1 - how.tail))
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * float(np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2))
    lower, upper = max(0.0, centre - half), min(1.0, centre + half)
    return {"lower": min(share, lower), "upper": max(share, upper)}


def shares(hits: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, NaN by nothing."""
    divided: NDArray[np.float64] = np.full(len(hits), np.nan)
    np.divide(hits, trials, out=divided, where=trials > 0)
    return divided
