"""Hardening of filters: each method a function of packed bits that gives packed bits.

Rows are `uint64[rows, words]`; bit `i` is bit `i % 64` of word `i // 64`. A filter without bits is
a missing value, and stays one without bits under every method, so that the linker knows it:
hardening hides what a value is, not that there is none. What a method makes of Dice is in
`linkage.transfer`.

Limits: the figures below are shares of people named, measured with the key unknown to the attacker,
by spectral embedding and soft matching of similarity graphs, on 5,000 synthetic people a side
("fakename") with all of them or 20 % of them in both files, if not said otherwise; one sample and
one key a cell, the best of 3 to 8 restarts. A low figure means not broken by these attempts. On the
same data plain CLKs fall at 1.00 and 1.00. Nothing here withstands somebody who has the key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from linkage.agency.keys import ProjectKey
from linkage.agency.streams import choices, permutation, stream
from linkage.hardening import (
    Balancing,
    Diffusion,
    Permutation,
    RandomisedResponse,
    Rule90,
    Salting,
    Saul,
    Step,
    Steps,
    XorFolding,
)
from linkage.kernels.harden import flip_bits, xor_bits

Bits = NDArray[np.uint64]

_COIN = 1 << 32


class Hardener:
    """Applies the steps of a schema that work on bits; salting and SAUL come before."""

    def __init__(self, steps: Steps, key: ProjectKey, dataset: str) -> None:
        """Take the steps, the key that theirs are derived from, and the name of the data set."""
        self._steps = [step for step in steps if not isinstance(step, Salting | Saul)]
        self._key = key
        self._noise_key = key.derive("hardening-randomised_response", dataset)
        self._positions: dict[tuple[str, str], NDArray[np.int64]] = {}

    def harden(self, bits: Bits, name: str, ids: Sequence[bytes] | None = None) -> Bits:
        """Harden rows of the slice `name`; `ids` are the agency's own, for noise."""
        made = bits
        for step in self._steps:
            made = self._apply(step, made, name, ids)
        return _kept(bits, made)

    def _apply(self, step: Step, bits: Bits, name: str, ids: Sequence[bytes] | None) -> Bits:
        if isinstance(step, XorFolding):
            return fold(bits)
        if isinstance(step, Rule90):
            return rule_90(bits)
        if isinstance(step, RandomisedResponse):
            assert ids is not None
            return respond(bits, step.probability, self._noise_key, ids)
        positions = self._drawn(step, name, 64 * bits.shape[1])
        if isinstance(step, Diffusion):
            return diffuse(bits, positions)
        return balance(bits, positions) if isinstance(step, Balancing) else permute(bits, positions)

    def _drawn(self, step: Step, name: str, bits: int) -> NDArray[np.int64]:
        """Give the order or the positions that the key chooses for a slice, drawn once."""
        place = (step.method, name)
        if place not in self._positions:
            key = self._key.derive(f"hardening-{step.method}", name)
            if isinstance(step, Diffusion):
                self._positions[place] = choices(key, step.bits, step.positions, bits)
            else:
                assert isinstance(step, Balancing | Permutation)
                twice = 2 if isinstance(step, Balancing) else 1
                self._positions[place] = permutation(key, twice * bits)
        return self._positions[place]


def fold(bits: Bits) -> Bits:
    """XOR the second half of the bits onto the first (Schnell & Borgs, GRLC 2016).

    Limits: named 0.966 with all people in both files and 0.006 with 20 %. Equal values stay equal.
    """
    half = bits.shape[1] // 2
    made: Bits = bits[:, :half] ^ bits[:, half:]
    return made


def rule_90(bits: Bits) -> Bits:
    """Make each bit the XOR of its two neighbours, in a ring (Schnell & Borgs, ICDMW 2018).

    Limits: named 0.964 with all people in both files and 0.008 with 20 %. Equal values stay equal.
    """
    one, last = np.uint64(1), np.uint64(63)
    up: Bits = (bits << one) | (np.roll(bits, 1, axis=1) >> last)
    down: Bits = (bits >> one) | (np.roll(bits, -1, axis=1) << last)
    return up ^ down


def diffuse(bits: Bits, positions: NDArray[np.int64]) -> Bits:
    """Make output bit `k` the XOR of the input bits `positions[k]` (BAD).

    Armknecht, Heng & Schnell 2023, PoPETs 2023-0054.

    Limits: linear, so the XOR of a few codes has few bits where their values are alike (H-GMA,
    PoPETs 2026, published for up to 0.916 of 1,000 people). Measured at record level: from filters
    half full, 2 positions 0.964 and 0.015, 3 positions 0.005 and 0.002, 5 positions 0.001 with
    all people (others published 0.992 for 3 positions on larger data); from filters 0.15 full with
    4,096 bits, 5 positions 1.00 and 0.996, 10 positions 0.080 and 0.005. At field level, 0.15 full,
    10 positions, 1,024 bits: 0.789 and 0.005. Equal values stay equal, and colour refinement on
    equality alone named 0.80 of 10,000 people with all of them in both files.
    """
    return xor_bits(np.ascontiguousarray(bits), positions, len(positions))


def permute(bits: Bits, order: NDArray[np.int64]) -> Bits:
    """Put the bits in another order: output bit `k` is input bit `order[k]`.

    Limits: it changes no similarity and no popcount, so that every attack on plain filters that
    does not know the key works as before: named 1.00 and 1.00. Positions are keyed already; it
    only keeps apart encodings that one key made for two purposes.
    """
    return xor_bits(np.ascontiguousarray(bits), order[:, None], len(order))


def balance(bits: Bits, order: NDArray[np.int64]) -> Bits:
    """Put the negated bits behind the bits, and all in another order (Schnell & Borgs, ICDMW 2016).

    Output bit `k` is bit `order[k]` of both halves. Every filter has as many bits as zeros, so the
    popcount tells no length, and Dice is the share of bits that agree.

    Limits: inner products stay what they were: named 1.00 with all people in both files.
    """
    words = bits.shape[1]
    both = np.concatenate([bits, ~bits], axis=1)
    assert len(order) == 128 * words
    return xor_bits(both, order[:, None], len(order))


def respond(bits: Bits, probability: float, key: bytes, ids: Sequence[bytes]) -> Bits:
    """Replace each bit by a fair coin with a probability (Schnell & Borgs, ICDMW 2016, "BLIP").

    The coins of a row are AES-256-CTR under a key made of `key`, the row's id and its bits. So the
    linker can't tell them from random ones, each record has its own, and to encode the same file
    again gives the same noise, which nobody can average out. Each bit is flipped if its 32-bit
    number of the stream is below `probability / 2` of all.

    Limits: ln((2 - p) / p) is the epsilon of one bit. A q-gram sets many, so its epsilon is so many
    times larger; `schema check` prints it, and for usual parameters it promises nothing. A record
    that is delivered again with a changed value, under another id, data-set name or key, or in
    other rows where rows are the ids, is a second look with fresh noise, and epsilons add up; one
    that is delivered unchanged is recognised by its bits. Who holds the key and guesses id and
    values can take the noise off. Named 1.00 for p = 0.1 and 0.2 with all people in both files,
    and 0.989 for p = 0.2 with 20 %.
    """
    made = np.ascontiguousarray(bits).copy()
    width = 64 * bits.shape[1]
    below = round(probability / 2 * _COIN)
    for row, own_id in enumerate(ids):
        content = len(own_id).to_bytes(4, "little") + own_id + made[row].astype("<u8").tobytes()
        own = hashlib.blake2b(content, key=key, digest_size=32).digest()
        flip_bits(made[row], np.frombuffer(stream(own, 4 * width), "<u4"), below)
    return made


def _kept(bits: Bits, made: Bits) -> Bits:
    """Keep what is missing missing, and give a value whose bits all cancelled one bit."""
    some = np.asarray(bits.any(axis=1))
    kept: Bits = made * some[:, None]
    kept[some & ~np.asarray(kept.any(axis=1)), 0] = 1
    return kept
