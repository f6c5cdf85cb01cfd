"""Put encoded data sets together: which are linked with which, and whether they can be."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from linkage.errors import InputError, MismatchError, UsageError
from linkage.kernels.join import Side
from linkage.linker.compare import side
from linkage.model import UNKNOWN, Encodings


@dataclass(frozen=True)
class DataPair:
    """Two data sets that are linked with each other, or one with itself.

    `places` are their numbers among all data sets of the run.
    """

    left: Encodings
    right: Encodings
    left_side: Side
    right_side: Side
    places: tuple[int, int]

    @property
    def within(self) -> bool:
        """Tell whether it is one data set."""
        return self.places[0] == self.places[1]

    @property
    def all_pairs(self) -> int:
        """Number of pairs of rows without blocking."""
        left, right = len(self.left.owner), len(self.right.owner)
        return left * (left - 1) // 2 if self.within else left * right


def data_pairs(encodings: Sequence[Encodings], deduplicate: bool) -> list[DataPair]:
    """Give the pairs of data sets that are linked with each other."""
    sides = [side(one) for one in encodings]
    places = list(combinations(range(len(encodings)), 2))
    if deduplicate:
        places = sorted(places + [(one, one) for one in range(len(encodings))])
    return [DataPair(encodings[a], encodings[b], sides[a], sides[b], (a, b)) for a, b in places]


def check_together(encodings: Sequence[Encodings]) -> None:
    """Refuse data sets that can't be linked: fewer than two, one given twice, or ill-matched."""
    if len(encodings) < 2:
        raise UsageError("linking needs two or more encoded files")
    names = [one.dataset for one in encodings]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"the data set '{name}' is given twice; encode one of them under another name "
                "(linkage encode --dataset NAME)"
            )
    first = encodings[0]
    for other in encodings[1:]:
        if UNKNOWN in (first.key_fingerprint, other.key_fingerprint):
            _check_lengths(first, other)
            continue
        if other.schema.digest() != first.schema.digest():
            raise MismatchError(
                f"'{first.dataset}' and '{other.dataset}' were encoded with different schemas "
                f"({first.schema.name} {first.schema.digest()[:12]} and {other.schema.name} "
                f"{other.schema.digest()[:12]}); agree on one and encode anew"
            )
        if other.key_fingerprint != first.key_fingerprint:
            raise MismatchError(
                f"'{first.dataset}' and '{other.dataset}' were encoded with different keys "
                f"(fingerprints {first.key_fingerprint} and {other.key_fingerprint}); the "
                "agencies must use one key, compare fingerprints, and encode anew"
            )
        if other.slices != first.slices or other.tokens.shape[1] != first.tokens.shape[1]:
            raise InputError(
                f"'{other.dataset}' has other slices or blocking passes than '{first.dataset}'"
            )


def _check_lengths(first: Encodings, other: Encodings) -> None:
    """Check what can be checked of CLKs that say nothing of their schema and key."""
    if other.bits.shape[1] != first.bits.shape[1] or other.tokens.shape[1] or first.tokens.shape[1]:
        raise MismatchError(
            f"'{first.dataset}' and '{other.dataset}' hold filters of different kinds or lengths; "
            "encode anew with one schema"
        )
    warnings.warn(
        f"'{first.dataset}' or '{other.dataset}' says nothing of its schema and key: if they "
        "differ from the other's, no link is right",
        stacklevel=4,
    )
