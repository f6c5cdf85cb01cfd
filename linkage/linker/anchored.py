"""Anchored codes as the linker sees them: pairs that share a block key, and no others.

Each blocking pass has codes of its own, which compare within its blocks. A pair that several
passes meet is kept once, and its levels come from the codes of all of them together: what one pass
fixes agrees exactly, and the common bits of the others add up. Pairs that meet nowhere say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from linkage.kernels.join import Rule, Side
from linkage.kernels.measures import fixed_threshold, least_common_bits
from linkage.model import Encodings, code_bounds, code_words, fixed_fields
from linkage.schema import LinkageSchema

if TYPE_CHECKING:
    from linkage.linker.train import Place


@dataclass(frozen=True)
class PassCodes:
    """Where the codes of one pass lie: words of the bit matrix by field, and what the key fixes.

    `starts` and `stops` are `int64[fields]`, equal for a field without a code; `fixed` is
    `bool[fields]`. With `exact` the key is whole values of compared fields, in order.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    fixed: NDArray[np.bool_]
    exact: bool

    @property
    def ends(self) -> NDArray[np.int64]:
        """`int64[fields + 1]`, the ends of the fields in the pass's own words."""
        return np.concatenate([[0], np.cumsum(self.stops - self.starts)]).astype(np.int64)

    @property
    def words(self) -> slice:
        """The words of the pass in the bit matrix."""
        return slice(int(self.starts[0]), int(self.stops[-1]))


def pass_codes(schema: LinkageSchema) -> tuple[PassCodes, ...]:
    """Find the codes of each pass, for the compared fields in their order."""
    found, start = [], 0
    for one in schema.blocking:
        fixed = np.array([field.name in fixed_fields(one) for field in schema.compared_fields])
        sizes = np.array([code_words(schema, field) for field in schema.compared_fields])
        sizes[fixed] = 0
        stops = start + np.cumsum(sizes)
        exact = int(fixed.sum()) == len(one.parts)
        found.append(PassCodes(stops - sizes, stops, fixed, exact))
        start = int(stops[-1])
    return tuple(found)


def anchored_rule(schema: LinkageSchema, weights: NDArray[np.float64]) -> Rule:
    """Give the rule that the rules of passes are made of; see `pass_rule`."""
    bounds = (*code_bounds(sorted(schema.decision.agreement)), 1.0)
    thresholds = np.array([
        [
            fixed_threshold(least_common_bits(bound, 64 * code_words(schema, field)))
            for bound in bounds
        ]
        for field in schema.compared_fields
    ], np.int64)  # fmt: skip
    fields = len(thresholds)
    whole = np.zeros(weights.shape, np.int64)
    return Rule(np.zeros(fields + 1, np.int64), thresholds, whole, np.arange(fields), 0)


def field_presence(encodings: Encodings) -> NDArray[np.uint64]:
    """Tell which fields each row has in some pass: 1 or 0, `uint64[rows, fields]`."""
    found = np.zeros((len(encodings.owner), len(encodings.schema.compared_fields)), np.uint64)
    for place, codes in enumerate(pass_codes(encodings.schema)):
        keyed = encodings.tokens[:, place] != 0
        for field in range(found.shape[1]):
            own = encodings.bits[:, codes.starts[field] : codes.stops[field]]
            found[:, field] |= keyed if codes.fixed[field] else own.any(axis=1)
    return found


@dataclass(frozen=True)
class Pooled:
    """What all passes that meet pairs say of them, `int64[pairs, fields]`.

    `common` are the common bits of the codes, `half` the bits that one code has set; `fixed`
    `bool[pairs, fields]` are fields that a key fixes. A field that a row misses has no half.
    """

    common: NDArray[np.int64]
    half: NDArray[np.int64]
    fixed: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        passes: Sequence[PassCodes],
        left: Side | Encodings,
        right: Side | Encodings,
        i: NDArray[np.int64],
        j: NDArray[np.int64],
    ) -> Pooled:
        """Pool over the passes in which the rows of each pair have one key."""
        shape = (len(i), len(passes[0].fixed))
        common, half = np.zeros((2, *shape), np.int64)
        fixed = np.zeros(shape, bool)
        for place, codes in enumerate(passes):
            keys = left.tokens[i, place]
            met = np.flatnonzero((keys == right.tokens[j, place]) & (keys != 0))
            fixed[met] |= codes.fixed
            one, other = left.bits[i[met], codes.words], right.bits[j[met], codes.words]
            for field in np.flatnonzero(codes.stops > codes.starts).tolist():
                own = slice(*(codes.ends[field : field + 2].tolist()))
                shared = np.bitwise_count(one[:, own] & other[:, own]).sum(axis=1, dtype=np.int64)
                both = one[:, own].any(axis=1) & other[:, own].any(axis=1)
                common[met, field] += shared
                half[met, field] += np.where(both, 32 * (own.stop - own.start), 0)
        return cls(common, half, fixed)

    def levels(self, thresholds: NDArray[np.float64]) -> NDArray[np.int8]:
        """Give the levels, `int8[pairs, fields]`; thresholds `float64[fields, bounds]`, rising."""
        top = thresholds.shape[1] + 1
        found = np.zeros(self.common.shape, np.int8)
        for field, bounds in enumerate(thresholds):
            share = self.common[:, field] / np.maximum(self.half[:, field], 1)
            level = 1 + np.searchsorted(bounds, share, side="right")
            level = np.where(self.half[:, field] > 0, level, 0)
            found[:, field] = np.where(self.fixed[:, field], top, level)
        return found

    def similarity(self) -> NDArray[np.float64]:
        """Give the share of common bits over all fields; what a key fixes counts as a code."""
        mean = np.where(self.half.any(axis=1), self.half.max(axis=1, initial=0), 1)[:, None]
        common = self.common.sum(axis=1) + (self.fixed * mean).sum(axis=1)
        half = self.half.sum(axis=1) + (self.fixed * mean).sum(axis=1)
        share: NDArray[np.float64] = common / np.maximum(half, 1)
        return share


def pass_side(codes: PassCodes, one: Side) -> Side:
    """Give a data set as a pass sees it: the bits of its own codes alone.

    A field that the key fixes has no bits; see `pass_rule`.
    """
    bits = np.ascontiguousarray(one.bits[:, codes.words])
    ends = codes.ends
    counts = np.zeros((len(bits), len(codes.fixed)), np.uint16)
    for field in np.flatnonzero(np.diff(ends)).tolist():
        present = bits[:, ends[field] : ends[field + 1]].any(axis=1)
        counts[:, field] = np.where(present, 32 * (ends[field + 1] - ends[field]), 0)
    return one._replace(bits=bits, counts=counts)


def pass_rule(codes: PassCodes, rule: Rule) -> Rule:
    """Give the rule of a pass: what the key fixes has its highest level in every pair.

    The kernel adds nothing for a field without bits, so that weight is taken off the cutoff.
    """
    sure = int(rule.weights[codes.fixed, -1].sum())
    weights = rule.weights.copy()
    weights[codes.fixed] = 0
    return rule._replace(ends=codes.ends, weights=weights, cutoff=rule.cutoff - sure)


def block_tokens(place: Place, number: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Give the keys of a pass on both sides."""
    return place.left.tokens[:, number], place.right.tokens[:, number]


def chance_between(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the shares of levels among strangers of two data sets: the mean of what is known.

    A row of zeros is not known; where neither side knows, all levels are as likely.
    """
    both = left + right
    both[:, 1:] += np.where(both.any(axis=1), 0.0, 1.0)[:, None]
    mean: NDArray[np.float64] = both / both.sum(axis=1, keepdims=True)
    return mean
