"""Persons: records of any number of data sets, and within them, that links join."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linkage.errors import UsageError
from linkage.kernels.unions import join_records, join_stars
from linkage.linker.correlate import part_groups
from linkage.linker.order import falling
from linkage.model import Encodings, Pairs, Persons

Clustering = Literal["strong-first", "correlation", "components", "star"]
_MOST_SINGLE = 62
_FATES = ("joined", "together", "one_a_data_set", "said_apart", "weak_tie", "outvoted")
_OUTVOTED = _FATES.index("outvoted")


@dataclass(frozen=True)
class Evidence:
    """How much pairs speak for one person, `of` them, and how much those `absent` do.

    Positive for one person, negative against it.
    """

    of: Callable[[Pairs], NDArray[np.float64]]
    absent: float


def join_persons(
    sizes: Sequence[int],
    links: Sequence[Pairs],
    *,
    single: Sequence[bool] = (),
    method: Clustering = "strong-first",
    weakest_tie: float = 0.0,
    apart: NDArray[np.int64] | None = None,
    against: Sequence[Pairs] = (),
    evidence: Evidence | None = None,
) -> Persons:
    """Join linked records to persons. A record without a link is a person of its own.

    Parameters
    ----------
    sizes
        The numbers of records of the data sets.
    single
        Which data sets have one record a person: no person gets two of theirs.
    method
        `correlation` joins records that all their pairs together speak for
        (`linkage.linker.correlate`), by `strong-first` among these; `strong-first` follows links
        from the strongest to the weakest (after CLIP: Saeedi, Peukert & Rahm 2018), within what
        `single`, `weakest_tie` and `apart` say;
        `components` follows all links and heeds nothing; `star` wants a link with one centre for
        every record of a person.
    weakest_tie
        A link below this probability (Dice at record level) adds a record to a person, but joins no
        two persons of several records.
    apart
        Pairs of records that were said to be two people, `int64[pairs, 2]`, numbered over all data
        sets; kept apart by `strong-first` and `correlation` only.
    against, evidence
        For `correlation`: pairs that are no links, and how much each pair speaks for one person.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    strength = np.concatenate([np.empty(0), *map(_strength, links)])
    ends = [
        np.concatenate([np.empty(0, np.int64), *found])
        for found in (
            [starts[one.left_dataset] + one.left for one in links],
            [starts[one.right_dataset] + one.right for one in links],
        )
    ]
    order = falling(np.concatenate([np.empty(0), *map(_order, links)]), ends)
    left, right = (one[order].astype(np.int64) for one in ends)
    holds = _single_bits(sizes, single if method != "components" else ())
    if method == "star":
        root, fate = join_stars(left, right, holds)
    else:
        strict = method in ("strong-first", "correlation")
        weak = strength[order] < (weakest_tie if strict else 0.0)
        said = apart if apart is not None and strict else np.empty((0, 2), np.int64)
        kept = np.ones(len(left), bool)
        if method == "correlation":
            part = _parts(sizes, links, against, evidence or Evidence(_order, 0.0), holds, said)
            kept = part[left] == part[right]
        fate = np.full(len(left), _OUTVOTED, np.int8)
        root, fate[kept] = join_records(left[kept], right[kept], weak[kept], holds, said)
    own = root == np.arange(len(root))
    person = (np.cumsum(own) - 1)[root]
    count = int(np.count_nonzero(own))
    confidence = np.ones(count)
    joined = fate == 0
    np.minimum.at(confidence, person[left[joined]], strength[order][joined])
    parts = tuple(part.astype(np.int64) for part in np.split(person, starts[1:-1]))
    counts = {name: int(np.count_nonzero(fate == n)) for n, name in enumerate(_FATES)}
    return Persons(parts, count, confidence, counts)


def _parts(
    sizes: Sequence[int],
    links: Sequence[Pairs],
    against: Sequence[Pairs],
    evidence: Evidence,
    holds: NDArray[np.int64],
    said: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Part what links connect by the evidence of all pairs."""
    whole = [(one, evidence.of(one)) for one in (*links, *against)]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    ends = [
        np.column_stack(
            [starts[one.left_dataset] + one.left, starts[one.right_dataset] + one.right]
        )
        for one in links
    ]
    joined = np.concatenate([np.empty((0, 2), np.int64), *ends])
    left, right = np.ascontiguousarray(joined.T)
    none_weak, none_held, none_apart = (
        np.zeros(len(joined), bool),
        np.zeros_like(holds),
        np.empty((0, 2), np.int64),
    )
    root, _ = join_records(left, right, none_weak, none_held, none_apart)
    return part_groups(root, sizes, whole, evidence.absent, holds, said)


def person_ids(persons: Persons, encodings: Sequence[Encodings]) -> NDArray[np.bytes_]:
    """Name every person: 16 hexadecimal digits behind a `P`, the same for the same inputs.

    Returns `S17[persons]`. The names are read off a SHAKE-256 stream that is seeded by the record
    ids of all parties, so that an agency, which knows its own only, can tell nothing from a name:
    not even who else knows the person.
    """
    seed = hashlib.shake_256()
    for one in encodings:
        seed.update(f"{one.dataset}:{len(one.records)}\n".encode() + one.records.tobytes())
    digits = np.frombuffer(seed.digest(8 * persons.count).hex().encode(), np.uint8)
    names = np.full((persons.count, 17), ord("P"), np.uint8)
    names[:, 1:] = digits.reshape(-1, 16)
    return names.view("S17")[:, 0]


def _strength(pairs: Pairs) -> NDArray[np.float64]:
    """Give the probability of links, or their similarity where there is none."""
    return np.where(np.isnan(pairs.probability), pairs.similarity, pairs.probability)


def _order(pairs: Pairs) -> NDArray[np.float64]:
    """Give what links are ordered by: weights, of which probabilities near 1 are too coarse."""
    return np.where(np.isnan(pairs.weight), pairs.similarity, pairs.weight)


def _single_bits(sizes: Sequence[int], single: Sequence[bool]) -> NDArray[np.int64]:
    """Give each record the bit of its data set, if that has one record a person."""
    bits = np.zeros(len(sizes), np.int64)
    places = np.flatnonzero(np.array(single, bool))
    if len(places) > _MOST_SINGLE:
        raise UsageError(f"at most {_MOST_SINGLE} data sets can have one record a person")
    bits[places] = 1 << np.arange(len(places))
    return np.repeat(bits, sizes)
