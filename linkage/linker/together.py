"""Check that encoded data sets can be linked with each other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from linkage.errors import InputError, MismatchError, UsageError
from linkage.model import UNKNOWN, Encodings


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
