"""What hardening makes of Dice: the similarity that two hardened codes have.

Thresholds and agreement bounds of a schema are Dice of plain filters. Every step maps the fill of
a filter and the share of bits in which two filters differ to those of its output; so the Dice that
means the same closeness follows for any sequence of steps.

Two filters of fill f and Dice s differ in d = 2 (1 - s) f of their bits. With d' and f' behind a
step, and Dice' = 1 - d' / (2 f'):

=====================  =======================================================================
XOR of t bits          d' = (1 - (1 - 2d)^t) / 2, f' = (1 - (1 - 2f)^t) / 2
XOR-folding, Rule 90   the same with t = 2
diffusion              the same with t positions
randomised response p  1 - 2d' = (1 - p)^2 (1 - 2d), 1 - 2f' = (1 - p) (1 - 2f)
balancing              d' = d, f' = 1/2
permutation, salting   nothing changes; values with different salts are strangers
SAUL with k hashes     d' = (1 - (1 - 2 acos(c) / pi)^k) / 2, f' = 1/2, for token sets of cosine c
=====================  =======================================================================

Assumed are bits that are set independently, filters of one fill on both sides, that of a field
whose value sets all its `bits_per_feature` (at record level: of a record with all fields), and for
SAUL sets of one size, whose cosine is their Dice. A plain filter's Dice is above that of its token
sets, for tokens share bits by chance: (1 - f)^(2 - c) = 1 - 2f + s f.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from linkage.hardening import (
    Balancing,
    Diffusion,
    Permutation,
    RandomisedResponse,
    Rule90,
    Salting,
    Saul,
    Steps,
    XorFolding,
    step_bits,
)

#: Mapped similarities are rounded to so many digits: far finer than they are known.
_DIGITS = 6
#: An agreement level of a field counts from so many standard deviations above strangers on: the
#: model knows how often strangers reach a level, so that some may.
LEVEL_DEVIATIONS = 2.0
_HALVINGS = 60
#: A filter that is full says nothing, and its logarithms are none.
_FULLEST = 1 - 1e-9


def deviations_of(pairs: float) -> float:
    """Give how many standard deviations hardly any of so many pairs exceeds: sqrt(2 ln N)."""
    return math.sqrt(2 * math.log(max(2.0, pairs)))


@dataclass(frozen=True)
class Transfer:
    """The transfer function of steps, for plain filters of `bits` bits of which `load` are set.

    `load` counts bits that are set twice twice.
    """

    steps: Steps
    bits: int
    load: int

    @property
    def fill(self) -> float:
        """The expected share of set bits of a plain filter."""
        return min(float(1 - (1 - 1 / self.bits) ** self.load), _FULLEST)

    @property
    def changes(self) -> bool:
        """Tell whether Dice changes at all."""
        return any(not isinstance(step, Salting | Permutation) for step in self.steps)

    def dice(self, plain: float) -> float:
        """Give the expected Dice of hardened codes whose plain filters have this Dice."""
        if not self.changes:
            return plain
        fill, distance, _ = self._behind(plain)
        return round(max(0.0, 1 - distance / (2 * fill)), _DIGITS)

    def plain(self, dice: float) -> float:
        """Give the Dice of plain filters whose hardened codes have this Dice, from 0 to 1."""
        if not self.changes:
            return dice
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.dice(middle) < dice else (low, middle)
        return round(high, _DIGITS)

    def floor(self, deviations: float) -> float:
        """Give the Dice that codes of strangers exceed by so many standard deviations.

        Strangers are filters that share bits by chance alone; below this, similarity is noise.
        0 where no step adds noise, so that nothing is known that plain filters don't show.
        """
        noisy = (Saul, XorFolding, Rule90, Diffusion, RandomisedResponse)
        if not any(isinstance(step, noisy) for step in self.steps):
            return 0.0
        fill, distance, independent = self._behind(self.fill)
        deviation = math.sqrt(distance * (1 - distance) / independent)
        return round(min(1.0, 1 - (distance - deviations * deviation) / (2 * fill)), _DIGITS)

    def bound(self, plain: float, deviations: float) -> float:
        """Map a Dice, but to nothing that strangers reach by noise. Equality is 1 without noise."""
        return max(self.dice(plain), self.floor(deviations)) if self.changes else plain

    def _behind(self, plain: float) -> tuple[float, float, int]:
        """Give fill, distance, and the number of bits that are independent, behind all steps."""
        fill = self.fill
        distance = min(2 * (1 - plain) * fill, 0.5)
        independent = self.bits
        for step in self.steps:
            if isinstance(step, Balancing):
                fill = 0.5
            elif isinstance(step, Saul):
                fill, distance = 0.5, _saul(self._cosine(plain), step.hashes)
            elif isinstance(step, RandomisedResponse):
                kept = 1 - step.probability
                fill = (1 - kept * (1 - 2 * fill)) / 2
                distance = (1 - kept**2 * (1 - 2 * distance)) / 2
            elif isinstance(step, XorFolding | Rule90 | Diffusion):
                mixed = step.positions if isinstance(step, Diffusion) else 2
                fill, distance = _xor(fill, mixed), _xor(distance, mixed)
            if not isinstance(step, Balancing):  # whose second half the first one tells
                independent = step_bits(step, independent)
        return fill, distance, independent

    def _cosine(self, plain: float) -> float:
        """Give the cosine of token sets whose plain filters have this Dice."""
        fill = self.fill
        neither = max(plain * fill + 1 - 2 * fill, (1 - fill) ** 2)
        return min(1.0, max(0.0, 2 - math.log(neither) / math.log(1 - fill)))


def _xor(share: float, bits: int) -> float:
    """Give the share of ones among XORs of independent bits with this share of ones."""
    return float((1 - (1 - 2 * share) ** bits) / 2)


def _saul(cosine: float, hashes: int) -> float:
    """Give the share of bits in which two codes differ."""
    return float((1 - (1 - 2 * math.acos(min(1.0, cosine)) / math.pi) ** hashes) / 2)
