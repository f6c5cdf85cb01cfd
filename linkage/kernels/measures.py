"""Similarity measures of two filters, and their thresholds as counts of common bits.

With popcounts `a` and `b`, and `c` common bits of filters of `l` bits: Dice `2c / (a + b)` (Dice
1945; for Bloom filters Schnell, Bachteler & Reiher 2009), Jaccard `c / (a + b - c)`, cosine
`c / sqrt(ab)`, Hamming `1 - (a + b - 2c) / l`. Given `a` and `b`, each rises with `c`; so a
threshold is a least number of common bits, found once in whole numbers, and no comparison rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError

Measure = Literal["dice", "jaccard", "cosine", "hamming"]

#: Numbers of the measures in kernels.
DICE, JACCARD, COSINE, HAMMING = range(4)
#: One in the fixed-point numbers that `fixed_threshold` gives.
FIXED_ONE = 1 << 32


def measure_number(measure: str) -> int:
    """Give the number of a measure. Raises `InputError` for an unknown one."""
    known = get_args(Measure)
    if measure not in known:
        raise InputError(f"measure {measure!r} is not one of {', '.join(known)}")
    return known.index(measure)


def exact_threshold(threshold: float) -> Fraction:
    """Take a threshold as the decimal fraction that it prints as, so that 0.65 means 13/20.

    Raises `InputError` for one that is not between 0 and 1.
    """
    if not 0.0 <= threshold <= 1.0:
        raise InputError(f"threshold {threshold!r} is not a number between 0 and 1")
    return Fraction(repr(float(threshold)))


def least_common_bits(threshold: float, bits: int) -> NDArray[np.int64]:
    """For every sum of two popcounts, the least number of common bits with Dice >= threshold.

    Returns `int64[2 * bits + 1]`. A sum of 0 (two empty filters) has no Dice: it passes only a
    threshold of 0. Raises `InputError` for a threshold that is not between 0 and 1.
    """
    exact = exact_threshold(threshold)
    sums = range(2 * bits + 1)
    return np.array([_least_dice(exact, s) for s in sums], np.int64)


def least_common(
    measure: int, threshold: float, left: NDArray[np.int64], right: NDArray[np.int64], bits: int
) -> NDArray[np.int64]:
    """For all popcounts of left and of right, the least number of common bits that passes.

    `left` and `right` are distinct popcounts; returns `int64[left, right]`. An empty filter has
    no Dice, Jaccard or cosine, and passes only a threshold of 0. Raises `InputError` for a
    threshold that is not between 0 and 1.
    """
    exact = exact_threshold(threshold)
    if measure == COSINE:
        products = np.multiply.outer(left, right)
        return _looked_up(products, lambda one: _least_cosine(exact, one))
    sums = np.add.outer(left, right)
    if measure == HAMMING:
        return _looked_up(sums, lambda one: max(0, math.ceil((one - bits * (1 - exact)) / 2)))
    if measure == JACCARD:
        exact = 2 * exact / (1 + exact)
    return _looked_up(sums, lambda one: _least_dice(exact, one))


def _looked_up(numbers: NDArray[np.int64], give: Callable[[int], int]) -> NDArray[np.int64]:
    """Give for each number what a function gives for it, asked once for each distinct one."""
    distinct, place = np.unique(numbers, return_inverse=True)
    answers = np.array([give(one) for one in distinct.tolist()], np.int64)
    return answers[place].reshape(numbers.shape)


def fixed_threshold(least: NDArray[np.int64]) -> int:
    """Give the number `h` with `c * FIXED_ONE >= h * (a + b)` just where `c >= least[a + b]`.

    `least` comes from `least_common_bits`; sums of 0 are not looked at. There is such a number,
    for two distinct values of Dice differ by more than it rounds.
    """
    sums = np.arange(1, len(least), dtype=np.int64)
    fixed = int(np.min(least[1:] * FIXED_ONE // sums))
    assert np.all((least[1:] - 1) * FIXED_ONE < fixed * sums)
    return fixed


def _least_dice(exact: Fraction, total: int) -> int:
    if total == 0:
        return int(exact > 0)
    return -((-exact.numerator * total) // (2 * exact.denominator))


def _least_cosine(exact: Fraction, product: int) -> int:
    if product == 0:
        return int(exact > 0)
    square = exact * exact * product
    root = math.isqrt(square.numerator // square.denominator)
    return root + (root * root < square)
