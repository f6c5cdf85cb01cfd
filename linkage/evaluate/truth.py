"""The truth: which record is which true person, for all records or for those of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.errors import InputError

#: In place of a person, where the truth does not name a record.
UNKNOWN = -1


@dataclass(frozen=True)
class Truth:
    """The true person of every record of every data set.

    Attributes
    ----------
    person
        For every data set `int64[records]`, people numbered from 0 on; `UNKNOWN` where the truth
        does not name the record.
    weight
        `float64[people]`, how many people each one stands for.
    whole
        Whether the truth names *all* records of each of its people, as it does for a sample of
        people: then a link of theirs to a record that it does not name is false.
    """

    person: tuple[NDArray[np.int64], ...]
    weight: NDArray[np.float64]
    whole: bool = False

    @classmethod
    def of(
        cls,
        person: Sequence[NDArray[np.int64]],
        weight: Sequence[NDArray[np.float64]] | None = None,
        *,
        whole: bool = False,
    ) -> Truth:
        """Take true persons, and number them anew; `weight` is that of each record.

        Raises `InputError` for a weight that is no positive number, or not the same for all records
        of a person.
        """
        every = np.concatenate([np.empty(0, np.int64), *person])
        known = every != UNKNOWN
        people, number = np.unique(every[known], return_inverse=True)
        numbered = np.full(len(every), UNKNOWN, np.int64)
        numbered[known] = number.ravel()
        weights = np.ones(len(people))
        if weight is not None:
            given = np.concatenate(list(weight))[known]
            if not (np.isfinite(given) & (given > 0)).all():
                raise InputError("a sampling weight is missing, or is no number above 0")
            weights[number.ravel()] = given
            if (weights[number.ravel()] != given).any():
                raise InputError("the records of a person have different sampling weights")
        ends = np.cumsum([len(one) for one in person])[:-1]
        return cls(tuple(np.split(numbered, ends)), weights, whole)

    @property
    def people(self) -> int:
        """Number of people that the truth names."""
        return len(self.weight)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the records of each data set start, numbered over all of them."""
        return np.cumsum([0, *map(len, self.person)]).astype(np.int64)

    @property
    def everyone(self) -> NDArray[np.int64]:
        """The true person of every record, numbered over all data sets."""
        return np.concatenate([np.empty(0, np.int64), *self.person])


def sum_by(place: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Add up the values of each place, `float64[size]`."""
    return np.bincount(place, values, size).astype(np.float64, copy=False)


def count_matches(truth: Sequence[NDArray[np.int64]], left: int, right: int) -> int:
    """Count the pairs of records of two data sets that are one person."""
    people, counts = np.unique(truth[left][truth[left] != UNKNOWN], return_counts=True)
    if left == right:
        return int((counts * (counts - 1) // 2).sum())
    others, other_counts = np.unique(truth[right][truth[right] != UNKNOWN], return_counts=True)
    _, one, other = np.intersect1d(people, others, assume_unique=True, return_indices=True)
    return int(counts[one] @ other_counts[other])


def matching_records(
    left: NDArray[np.int64], right: NDArray[np.int64], *, within: bool
) -> NDArray[np.int64]:
    """List the pairs of records that are one person, `int64[matches, 2]`, by left, then right."""
    order = np.argsort(right, kind="stable")
    start = np.searchsorted(right[order], left, side="left")
    stop = np.searchsorted(right[order], left, side="right")
    size = np.where(left == UNKNOWN, 0, stop - start)
    one = np.repeat(np.arange(len(left)), size)
    inside = np.arange(len(one)) - np.repeat(np.cumsum(size) - size, size)
    pairs = np.column_stack([one, order[np.repeat(start, size) + inside]])
    return pairs[pairs[:, 0] < pairs[:, 1]] if within else pairs
