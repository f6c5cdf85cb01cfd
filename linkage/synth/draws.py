"""Vectorised draws: weighted choice, chance, and permutations that a key decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Shorts = npt.NDArray[np.int16]
Bytes = npt.NDArray[np.int8]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

#: Keeps group + u below group + 1 after rounding.
_BELOW_ONE = 1 - 1e-9


def stream(seed: int, *place: int) -> np.random.Generator:
    """Open a generator that depends on the seed and the place in the work, and on nothing else."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=place)))


def hits(rng: np.random.Generator, rate: float | Floats, count: int) -> Bools:
    """Boolean array of length `count`, True with probability `rate` (one number or one a row)."""
    return rng.random(count) < rate


@dataclass(frozen=True)
class Choice:
    """Weighted choice by inverse cumulative weight, apart for each of several groups.

    `codes` int32[k] holds the values of all groups end to end; `cumulative` float64[k] rises
    from g to g + 1 within group g, so that one binary search serves every group at once.
    """

    codes: Ints
    cumulative: Floats

    @classmethod
    def of(cls, groups: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]) -> Choice:
        """Build from one (codes, weights) pair a group; no group may be empty."""
        codes = [np.asarray(c, np.int32) for c, _ in groups]
        sums = []
        for group, (_, weights) in enumerate(groups):
            running = np.cumsum(np.asarray(weights, np.float64))
            sums.append(group + running / running[-1])
        return cls(np.concatenate(codes), np.concatenate(sums))

    def chances(self, group: int, size: int) -> Floats:
        """Chance float64[size] of every code below `size` within a group."""
        first, last = np.searchsorted(self.cumulative, [group, group + 1], side="right")
        parts = np.diff(self.cumulative[first:last], prepend=group)
        found = np.zeros(size)
        np.add.at(found, self.codes[first:last], parts)
        return found

    def draw(self, rng: np.random.Generator, group: npt.NDArray[Any]) -> Ints:
        """One code for each element of `group`."""
        point = group + rng.random(group.shape[0]) * _BELOW_ONE
        return self.codes[np.searchsorted(self.cumulative, point, side="right")]

    def draw_one(self, rng: np.random.Generator, count: int) -> Ints:
        """`count` codes from the first group."""
        return self.draw(rng, np.zeros(count))


def pick(rng: np.random.Generator, shares: Sequence[float], count: int) -> Ints:
    """`count` indices into `shares`, which add up to 1."""
    return Choice.of([(np.arange(len(shares)), shares)]).draw_one(rng, count)


def permute(values: Longs, size: int, key: int) -> Longs:
    """Keyed permutation of range(size), so that numbers given in order tell nothing of it.

    A Feistel network on the smallest even number of bits that holds `size`, walked again for
    values that fall outside (Black and Rogaway, Ciphers with arbitrary finite domains, 2002).

    Limits
    ------
    It shuffles synthetic numbers; it is no cipher.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    out = _feistel(values.astype(np.uint64), half, key)
    outside = np.flatnonzero(out >= size)
    while outside.size:
        out[outside] = _feistel(out[outside], half, key)
        outside = outside[out[outside] >= size]
    return out.astype(np.int64)


def _feistel(values: npt.NDArray[np.uint64], half: int, key: int) -> npt.NDArray[np.uint64]:
    mask = np.uint64((1 << half) - 1)
    shift = np.uint64(half)
    left, right = values >> shift, values & mask
    for turn in range(4):
        mixed = right + np.uint64((key * 0x9E3779B97F4A7C15 + turn * 0xBF58476D1CE4E5B9) % 2**64)
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(29)
        left, right = right, left ^ (mixed & mask)
    return (left << shift) | right
