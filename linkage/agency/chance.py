"""How often two people's values agree by chance: what anchored codes keep the linker from counting.

The linker needs to know how telling an agreement is, and can't compare strangers. So the agency
counts on its own records, and sends shares only: for each field, of all pairs of a sample of other
people's records, how many agree exactly, and how many at each level below.

Limits: the shares are facts about the whole file, rounded to three digits; they name nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from linkage.agency.anchored import FieldTokens, lane_keys
from linkage.agency.blocking import PartBlocks, block_tokens
from linkage.agency.columns import Column
from linkage.agency.keys import ProjectKey
from linkage.agency.one_person import first_rows, signs_of_one_person
from linkage.model import code_bounds, code_words
from linkage.schema import BlockingPass, LinkageSchema

#: Rows that are kept, as codes under keys of their own, and pairs that are drawn of them.
_SAMPLE, _PAIRS = 20_000, 1_000_000
_DIGITS = 3
#: Rows with a value of a field, from which on its shares are worth something.
_LEAST = 2


class ChanceAgreement:
    """Counts agreement levels among the records of a data set, chunk by chunk."""

    def __init__(self, schema: LinkageSchema, key: ProjectKey) -> None:
        """Derive keys of its own, by name; its codes never leave."""
        self._schema = schema
        self._keys = {
            one.name: lane_keys(key, "chance", one.name, code_words(schema, one))
            for one in schema.compared_fields
        }
        self._random = np.random.default_rng(0)
        self._codes = {
            one.name: np.empty((0, code_words(schema, one)), np.uint64)
            for one in schema.compared_fields
        }
        self._signs = [
            BlockingPass(name="sign", on=tuple(f"{field}:{part}" for field, part in key))
            for key in signs_of_one_person(schema)
        ]
        self._sign_key = key.derive("chance-signs")
        self._numbers = np.empty((0, len(self._signs)), np.uint64)
        self._kept = np.empty(0)

    def add(self, values: Mapping[str, Column], rows: int) -> None:
        """Take a chunk's rows into the sample: those with the highest random numbers stay."""
        rank = np.concatenate([self._kept, self._random.random(rows)])
        chosen = np.sort(np.argsort(-rank, kind="stable")[:_SAMPLE])
        new = chosen[chosen >= len(self._kept)] - len(self._kept)
        old = chosen[chosen < len(self._kept)]
        for one in self._schema.compared_fields:
            made = self._made(values, one.name, new)
            self._codes[one.name] = np.concatenate([self._codes[one.name][old], made])
        parts = PartBlocks(values)
        signs = [block_tokens(parts, one, self._sign_key)[new] for one in self._signs]
        made = np.array(signs, np.uint64).reshape(len(self._signs), len(new)).T
        self._numbers = np.concatenate([self._numbers[old], made])
        self._kept = rank[chosen]

    def _made(
        self, values: Mapping[str, Column], name: str, rows: NDArray[np.int64]
    ) -> NDArray[np.uint64]:
        field = next(one for one in self._schema.field if one.name == name)
        nowhere = np.zeros((len(rows), 1, 2), np.uint64)
        tokens = FieldTokens.of(field, values[name])
        return tokens.codes(nowhere, rows, self._keys[name], code_words(self._schema, field))

    def share(self) -> NDArray[np.float64]:
        """Give the share of pairs at each level, `float64[fields, levels]`, missing left out.

        Rows that look like one person count once: see `linkage.agency.one_person`.
        """
        people = np.flatnonzero(first_rows(self._numbers))
        size = len(people)
        left, right = self._random.integers(0, max(size, 1), (2, _PAIRS if size else 0))
        left, right = left[left != right], right[left != right]
        bounds = code_bounds(sorted(self._schema.decision.agreement))
        return np.array([
            _levels(self._codes[one.name][people], left, right, bounds)
            for one in self._schema.compared_fields
        ])  # fmt: skip


def _levels(
    codes: NDArray[np.uint64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    bounds: tuple[float, ...],
) -> NDArray[np.float64]:
    """Give the share of pairs at each level: missing (0), below all bounds, at each, and equal.

    Where hardly anybody has a value all shares are 0: nothing is known.
    """
    found = np.zeros(len(bounds) + 3)
    present: NDArray[np.bool_] = np.asarray(codes.any(axis=1))
    if present.sum() < _LEAST:
        return found
    counts = np.unique(codes[present], axis=0, return_counts=True)[1].astype(float)
    rows = counts.sum()
    both = max(rows * (rows - 1), 1.0)
    equal = ((counts * (counts - 1)).sum() + 1) / (both + 2)
    use = present[left] & present[right]
    one, other = codes[left[use]], codes[right[use]]
    common = np.bitwise_count(one & other).sum(axis=1) / (32 * codes.shape[1])
    below = common[common < 1]
    seen = np.bincount(np.searchsorted(bounds, below, side="right"), minlength=len(bounds) + 1)
    found[1:-1] = (seen + 0.5) / (seen + 0.5).sum() * (1 - equal)
    found[-1] = equal
    return np.array([float(f"{share:.{_DIGITS}g}") for share in found])
