"""Odds of links where each record has at most one: belief propagation over candidate links."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def match_odds(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    ratio: NDArray[np.float64],
    left_records: int,
    right_records: int,
    matches: float,
    rounds: int,
    tolerance: float,
    odds: NDArray[np.float64],
) -> float:
    """Write the odds of every candidate link; return the expected number of links.

    The links form a matching, whose marginals come from messages of the monomer-dimer model
    (Zdeborova & Mezard 2006). `ratio` `float64[links]` is the likelihood ratio of match to
    non-match; the prior odds `M / ((n - M) (m - M))` follow the expected number of links from
    round to round, from `matches` on. Ends when messages and number change less than `tolerance`,
    or after so many rounds.
    """
    free_left, free_right = np.ones(left.size), np.ones(left.size)
    by_left, by_right = np.zeros(left_records), np.zeros(right_records)
    for _ in range(rounds):
        prior = matches / (max(left_records - matches, 0.5) * max(right_records - matches, 0.5))
        by_left[:] = 0.0
        by_right[:] = 0.0
        for k in range(left.size):
            by_left[left[k]] += ratio[k] * prior * free_right[k]
        for k in range(left.size):
            rest = by_left[left[k]] - ratio[k] * prior * free_right[k]
            free_left[k] = 1 / (1 + max(rest, 0.0))
            by_right[right[k]] += ratio[k] * prior * free_left[k]
        change, total = 0.0, 0.0
        for k in range(left.size):
            rest = by_right[right[k]] - ratio[k] * prior * free_left[k]
            message = 1 / (1 + max(rest, 0.0))
            change = max(change, abs(message - free_right[k]))
            free_right[k] = message
            odds[k] = ratio[k] * prior * free_left[k] * message
            total += odds[k] / (1 + odds[k])
        change = max(change, abs(total - matches) / max(matches, 1.0))
        matches = max(total, 1e-6)
        if change < tolerance:
            break
    return matches
