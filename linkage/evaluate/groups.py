"""Groups of people: which group each record belongs to, by a column of labels.

A record belongs to the group of its true person, so that both ends of a true match are of one group
whatever the agencies wrote of the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError
from linkage.evaluate.truth import UNKNOWN

#: A column with more different labels is binned if they are numbers, and else no column of groups.
MOST_GROUPS = 50
#: Numbers with more different values than this are binned.
_MOST_NUMBERS = 12
_BINS = 5
MISSING = "(missing)"


@dataclass(frozen=True)
class Groups:
    """A column of groups: the `names` of the groups, and the number of each record's.

    `of_record` is `int64[records]` over all data sets, `UNKNOWN` for records that do not count.
    `notes` say what was done to get there.
    """

    column: str
    names: tuple[str, ...]
    of_record: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.names)


def group_people(
    column: str,
    names: Sequence[str],
    codes: NDArray[np.int64],
    person: NDArray[np.int64],
) -> Groups:
    """Group records by the label that most records of their true person have.

    Of labels that are equally frequent, the one that comes first in the file counts. People without
    a label are the group `(missing)`. Numbers are binned where there are many. Raises `InputError`
    for a column of too many labels.

    Parameters
    ----------
    names, codes
        The labels, and which of them each record has, `int64[records]`, `UNKNOWN` for none.
    person
        `int64[records]`, the true person of each record; records of nobody do not count.
    """
    people = int(person.max(initial=UNKNOWN)) + 1
    label, unlike = _label_of_people(codes, person, people)
    notes = []
    if unlike:
        notes.append(
            f"'{column}': {unlike:,} people have records with different labels; what most of a "
            "person's records say counts"
        )
    names, label, binned = _few(column, names, label)
    if binned:
        notes.append(f"'{column}' holds numbers; they are put in {len(names)} bands")
    names, label = _with_missing(names, label)
    of_record = np.where(person == UNKNOWN, UNKNOWN, np.append(label, UNKNOWN)[person])
    return Groups(column, names, of_record, tuple(notes))


def group_records(column: str, names: Sequence[str], codes: NDArray[np.int64]) -> Groups:
    """Group records by their own labels, where nobody knows the true persons."""
    names, label, binned = _few(column, names, codes)
    notes = (f"'{column}' holds numbers; they are put in {len(names)} bands",) if binned else ()
    return Groups(column, *_with_missing(names, label), notes)


def _label_of_people(
    codes: NDArray[np.int64], person: NDArray[np.int64], people: int
) -> tuple[NDArray[np.int64], int]:
    """Give the most frequent label of each person, and how many people have different ones."""
    told = (codes != UNKNOWN) & (person != UNKNOWN)
    who, what = person[told], codes[told]
    label = np.full(people, UNKNOWN, np.int64)
    label[who] = what
    unlike = np.unique(who[label[who] != what])
    if len(unlike):
        here = np.isin(who, unlike)
        base = int(what.max()) + 1
        keys, counts = np.unique(who[here] * base + what[here], return_counts=True)
        who, what = np.divmod(keys, base)
        order = np.lexsort((-what, counts))  # the last one written stays
        label[who[order]] = what[order]
    return label, len(unlike)


def _few(
    column: str, names: Sequence[str], label: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64], bool]:
    """Keep the labels that occur, in their natural order; put many numbers in bands."""
    used, place = np.unique(label[label != UNKNOWN], return_inverse=True)
    kept = [names[one] for one in used.tolist()]
    numbers = _numbers(kept)
    if numbers is not None and len(kept) > _MOST_NUMBERS:
        band_names, band = _bands(numbers, np.bincount(place.ravel()))
        return band_names, _renumbered(label, used, band), True
    if len(kept) > MOST_GROUPS:
        raise InputError(
            f"'{column}' has {len(kept):,} different labels, too many to be groups; put them in at "
            f"most {MOST_GROUPS} bands or kinds"
        )
    keys = kept if numbers is None else numbers.tolist()
    order = sorted(range(len(kept)), key=lambda one: keys[one])
    rank = np.empty(len(kept), np.int64)
    rank[order] = np.arange(len(kept))
    return tuple(kept[one] for one in order), _renumbered(label, used, rank), False


def _numbers(names: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        numbers = np.array([float(one) for one in names])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _bands(
    numbers: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Put numbers in bands of about equally many; gives the bands, and that of each number."""
    order = np.argsort(numbers)
    before = np.cumsum(counts[order]) - counts[order]
    band = np.empty(len(numbers), np.int64)
    band[order] = before * _BINS // counts.sum()
    band = np.unique(band, return_inverse=True)[1].ravel()
    names = []
    for one in range(int(band.max()) + 1):
        low, high = numbers[band == one].min(), numbers[band == one].max()
        names.append(f"{low:g}" if low == high else f"{low:g} to {high:g}")
    return tuple(names), band


def _renumbered(
    label: NDArray[np.int64], used: NDArray[np.int64], number: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give each label the number of its place among those used."""
    known = label != UNKNOWN
    made = np.full(len(label), UNKNOWN, np.int64)
    made[known] = number[np.searchsorted(used, label[known])]
    return made


def _with_missing(
    names: tuple[str, ...], label: NDArray[np.int64]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Make people without a label a group of their own, the last."""
    if not (label == UNKNOWN).any():
        return names, label
    return (*names, MISSING), np.where(label == UNKNOWN, len(names), label)
