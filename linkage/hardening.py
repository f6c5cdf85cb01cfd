"""Hardening: what a schema may do to filters so that they tell an attacker less.

A schema lists steps, `[[hardening]]`, which are applied one after the other. This module says which
steps there are, which may follow which, and how many bits come out. What they do is in
`linkage.agency.harden`; what they make of Dice is in `linkage.transfer`.

Limits: no step makes encodings safe. Each was broken by some measured attack, or was not broken by
the attempts that were made; `docs/hardening.md` says which, and on what data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from linkage.errors import shown

_Bits = Annotated[int, Field(ge=64, le=16_384, multiple_of=64)]


class _Step(BaseModel):
    """Every step is frozen and refuses keys that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Salting(_Step):
    """Tokens are hashed together with a stable attribute: `by` is a field or `field:transform`.

    `fields` are the salted ones; without them all compared fields but that of `by` are. A value
    whose record lacks the attribute is missing.
    """

    method: Literal["salting"]
    by: Annotated[str, Field(min_length=1, max_length=60)]
    fields: Annotated[tuple[str, ...], Field(max_length=32)] = ()

    @field_validator("fields", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class Saul(_Step):
    """Majority of SimHash: codes of `bits` bits, each the XOR of `hashes` majorities."""

    method: Literal["saul"]
    bits: _Bits = 1024
    hashes: Annotated[int, Field(ge=1, le=16)] = 4


class XorFolding(_Step):
    """The second half of the bits is XORed onto the first."""

    method: Literal["xor_folding"]


class Rule90(_Step):
    """Each bit becomes the XOR of its two neighbours, in a ring."""

    method: Literal["rule_90"]


class Diffusion(_Step):
    """Each of `bits` output bits is the XOR of `positions` bits that the key chooses (BAD)."""

    method: Literal["diffusion"]
    bits: _Bits = 1024
    positions: Annotated[int, Field(ge=2, le=64)] = 10


class RandomisedResponse(_Step):
    """Each bit is replaced by a fair coin with this probability (BLIP)."""

    method: Literal["randomised_response"]
    probability: Annotated[float, Field(gt=0, lt=1)]


class Balancing(_Step):
    """The negated bits are put behind the bits, and all are permuted: popcounts are equal."""

    method: Literal["balancing"]


class Permutation(_Step):
    """The bits are put in an order that the key chooses."""

    method: Literal["permutation"]


Step = Annotated[
    Salting | Saul | XorFolding | Rule90 | Diffusion | RandomisedResponse | Balancing | Permutation,
    Field(discriminator="method"),
]
Steps = tuple[Step, ...]

#: Q-grams of a usual value, such as a name of seven letters: what an epsilon a q-gram is told for.
Q_GRAMS = 8
#: Steps come in this order; those of one place in any order, permutation anywhere behind salting.
_PLACE = {
    "salting": 0,
    "saul": 1,
    "permutation": 1.5,
    "xor_folding": 2,
    "rule_90": 2,
    "diffusion": 2,
    "randomised_response": 3,
    "balancing": 4,
}
_WHY = {
    "salting": "it acts on tokens, before there are bits",
    "saul": "it makes the code of tokens; there is no filter before it",
    "xor_folding": "bits that were balanced or made noisy do not survive it",
    "rule_90": "bits that were balanced or made noisy do not survive it",
    "diffusion": "bits that were balanced or made noisy do not survive it",
    "randomised_response": "behind balancing it would show each bit twice",
}


def check_steps(steps: Steps, level: str, bits: int, most: int) -> None:
    """Check that the steps can follow each other, for plain filters of `bits` bits.

    Raises `ValueError` for a step that comes twice or too late, one that the level can't have, or
    more than `most` bits.
    """
    before: list[str] = []
    for step in steps:
        name = step.method
        if name in before:
            raise ValueError(f"'{name}' appears more than once; each step may come once")
        for other in before:
            if _PLACE[other] > _PLACE[name] and name != "permutation":
                raise ValueError(f"'{name}' must come before '{other}': {_WHY[name]}")
        if _PLACE[name] == 2 and "saul" in before:
            raise ValueError(
                f"'{name}' can't follow 'saul', which XORs its hashes already: give it more hashes"
            )
        if name == "randomised_response" and level == "field":
            raise ValueError(
                "'randomised_response' needs level 'record': with noise no two filters of a value "
                "are equal, and the model of field level learns from equal ones"
            )
        if name == "xor_folding" and bits % 128:
            raise ValueError(f"'xor_folding' needs bits by 128, so that half of {bits} are words")
        if isinstance(step, Diffusion) and 2 * step.positions > bits:
            raise ValueError(
                f"'diffusion' can XOR at most half of {bits} bits; take fewer positions"
            )
        bits = step_bits(step, bits)
        if bits > most:
            raise ValueError(f"'{name}' makes {bits} bits; a filter may have {most} at most")
        before.append(name)


def check_salting(step: Salting, types: dict[str, str], transforms: dict[str, Any]) -> None:
    """Check what a step salts by and what it salts; `types` are those of all fields.

    Raises `ValueError` for fields or transforms that there aren't, and fields that have no bits.
    """
    field, transform = salt_part(step)
    if field not in types:
        raise ValueError(f"salting by '{shown(step.by)}': there is no such field")
    if transform not in transforms[types[field]]:
        known = ", ".join(sorted(transforms[types[field]]))
        raise ValueError(
            f"salting by '{shown(step.by)}': a field of type '{types[field]}' has {known}"
        )
    for one in step.fields:
        if types.get(one, "identifier") == "identifier":
            raise ValueError(f"salting: there is no compared field '{shown(one)}'")
        if one == field and transform == "exact":
            raise ValueError(f"salting: '{shown(one)}' by itself would keep equality only")
    if not step.fields and all(k == "identifier" or n == field for n, k in types.items()):
        raise ValueError("salting: there is no compared field beside the one to salt by")


def salt_part(step: Salting) -> tuple[str, str]:
    """Give field and transform of what a step salts by."""
    field, _, transform = step.by.partition(":")
    return field, transform or "exact"


def is_salted(step: Salting, field: str) -> bool:
    """Tell whether a compared field is salted."""
    return field in step.fields if step.fields else field != salt_part(step)[0]


def step_bits(step: Step, bits: int) -> int:
    """Give the number of bits behind a step that gets `bits`."""
    if isinstance(step, Saul | Diffusion):
        return step.bits
    if isinstance(step, XorFolding):
        return bits // 2
    return 2 * bits if isinstance(step, Balancing) else bits


def hardened_bits(steps: Steps, bits: int) -> int:
    """Give the number of bits behind all steps, for plain filters of `bits` bits."""
    for step in steps:
        bits = step_bits(step, bits)
    return bits


def described(steps: Steps, bits: int, shares: Sequence[int]) -> list[str]:
    """Describe each step in words that stand in the manifest of encoded files.

    The figures are parameters as they apply, defaults included; noise comes with its epsilon, for
    plain filters of `bits` bits in which values set `shares` bits, by field.
    """
    texts = []
    for step in steps:
        figures = [
            f"{name} {' '.join(value) if isinstance(value, tuple) else value}"
            for name, value in step.model_dump(exclude={"method"}).items()
            if value != ()
        ]
        if isinstance(step, RandomisedResponse):
            figures += _epsilons(step, steps, bits, shares)
        texts.append(f"{step.method}: {', '.join(figures)}" if figures else step.method)
    return texts


def bit_epsilon(step: RandomisedResponse) -> float:
    """Give the epsilon of local differential privacy of one bit: ln((2 - p) / p)."""
    return math.log((2 - step.probability) / step.probability)


def epsilon(steps: Steps, bits: int, changed: float) -> float | None:
    """Give the epsilon of a change of so many bits of a plain filter; None without noise.

    Each changed bit counts with the epsilon of a bit, times the bits at the noise that it changes
    in the mean; under SAUL any token may change the whole code.
    """
    step = next((step for step in steps if isinstance(step, RandomisedResponse)), None)
    if step is None:
        return None
    for other in steps[: steps.index(step)]:
        if isinstance(other, Saul):
            changed = other.bits
        elif isinstance(other, Rule90):
            changed *= 2
        elif isinstance(other, Diffusion):
            changed *= other.positions * other.bits / bits
        bits = step_bits(other, bits)
    return min(changed, bits) * bit_epsilon(step)


def _epsilons(
    step: RandomisedResponse, steps: Steps, bits: int, shares: Sequence[int]
) -> list[str]:
    """Say what noise promises for a bit, and for a q-gram of the fields with least and most."""
    grams = [epsilon(steps, bits, share / Q_GRAMS) or 0.0 for share in shares]
    low, high = (f"{one:.1f}" for one in (min(grams), max(grams)))
    span = low if low == high else f"{low} to {high}"
    return [f"epsilon {bit_epsilon(step):.2f} a bit and {span} a q-gram"]
