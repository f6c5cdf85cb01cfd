"""Competition: candidates of a record rule each other out where a person has one record only.

A pair's own weight says how likely it is in itself. If both data sets have one record a person,
the links are a matching; if one has, a record of the other has at most one link. The number of
matches is estimated alongside: the fewer records are left unmatched, the likelier a weak candidate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.matching import match_odds

_ROUNDS, _TOLERANCE = 300, 1e-4
#: Likelihood ratios beyond this are certain; sums of larger ones would drown others. In bits.
_MOST_BITS = 100.0


def link_odds(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    evidence: NDArray[np.float64],
    records: tuple[int, int],
    single: tuple[bool, bool],
    matches: float,
) -> tuple[NDArray[np.float64], float]:
    """Give the odds of every candidate link, and the expected number of links.

    Parameters
    ----------
    left, right
        `int64[links]`, records of both data sets.
    evidence
        `float64[links]`, log2 of the likelihood ratio of match to non-match, without a prior.
    records, single
        The number of records of both data sets, and whether each has one record a person.
    matches
        The number of matches to start from.
    """
    ratio = np.exp2(np.minimum(evidence, _MOST_BITS))
    matches = max(matches, 1e-6)
    if all(single):
        odds = np.zeros(len(left))
        limits = (_ROUNDS, _TOLERANCE)
        matches = match_odds(left, right, ratio, *records, matches, *limits, odds)
        return odds, float(matches)
    if any(single):
        chooser = (right, records[1], records[0]) if single[0] else (left, records[0], records[1])
        return _choose(*chooser, ratio, matches)
    prior = min(matches / (records[0] * records[1]), 0.5)
    odds = ratio * prior / (1 - prior)
    return odds, float((odds / (1 + odds)).sum())


def _choose(
    chooser: NDArray[np.int64],
    records: int,
    others: int,
    ratio: NDArray[np.float64],
    matches: float,
) -> tuple[NDArray[np.float64], float]:
    """Let each of the records have one partner among the others, or none."""
    odds = np.zeros(len(ratio))
    for _ in range(_ROUNDS):
        alone = ratio * (matches / (others * max(records - matches, 0.5)))
        rivals = np.bincount(chooser, alone, records)[chooser] - alone
        odds = alone / (1 + np.maximum(rivals, 0.0))
        before, matches = matches, max(float((odds / (1 + odds)).sum()), 1e-6)
        if abs(matches - before) < _TOLERANCE * max(before, 1.0):
            break
    return odds, matches
