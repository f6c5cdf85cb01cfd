"""Match weights of pairs under a mixture of classes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.compiler import kernel


@kernel
def mixture_odds(
    levels: NDArray[np.int8],
    rarity: NDArray[np.int32],
    rows: NDArray[np.int64],
    weights: NDArray[np.float64],
    shares: NDArray[np.bool_],
    sizes: NDArray[np.float64],
    own: int,
) -> NDArray[np.float64]:
    """Give log2 of the odds of each pair between the first `own` classes and the others.

    `levels` is `int8[pairs, fields]`, `weights` `float64[fields, levels]` in bits, `shares`
    `bool[classes, fields]`, and `sizes` the log2 of the pairs of each class. The rarity
    `int32[n, slices]` of a pair's row, in units of 2**-16 bit, adds to the highest level of the
    first fields; with 0 rows, nothing.
    """
    odds = np.empty(levels.shape[0])
    by_field = np.empty(levels.shape[1])
    by_class = np.empty(shares.shape[0])
    top = weights.shape[1] - 1
    for pair in range(levels.shape[0]):
        for field in range(levels.shape[1]):
            level = levels[pair, field]
            by_field[field] = weights[field, level]
            if level == top and rarity.shape[0] > 0 and field < rarity.shape[1]:
                by_field[field] += rarity[rows[pair], field] / 65536
        for one in range(shares.shape[0]):
            total = sizes[one]
            for field in range(levels.shape[1]):
                if shares[one, field]:
                    total += by_field[field]
            by_class[one] = total
        odds[pair] = _joined(by_class, 0, own) - _joined(by_class, own, by_class.size)
    return odds


@kernel
def _joined(logs: NDArray[np.float64], start: int, stop: int) -> float:
    """Give log2 of the sum of powers of 2."""
    most = logs[start]
    for place in range(start + 1, stop):
        most = max(most, logs[place])
    total = 0.0
    for place in range(start, stop):
        total += 2.0 ** (logs[place] - most)
    return float(most + math.log2(total))
