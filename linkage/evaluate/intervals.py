"""Intervals of the figures of pairs and of persons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate import persons as of_persons
from linkage.evaluate.judged import Judged
from linkage.evaluate.resample import Kinds, Resampling, interval, share_interval, shares
from linkage.evaluate.truth import sum_by

#: Columns of a pair of data sets.
_RIGHT, _WRONG, _MISSED = range(3)
_PAIRS, _PERSONS = range(2)


def pair_intervals(judged: Judged, how: Resampling) -> dict[str, Any]:
    """Give intervals of precision, recall and F1, in all and `by_data_sets`.

    A unit comes with all its pairs of all data sets.
    """
    places = len(judged.places)
    column = np.where(judged.match, np.where(judged.linked, _RIGHT, _MISSED), _WRONG)
    counted = judged.match | judged.linked
    cell = ((judged.unit * places + judged.place) * 3 + column)[counted]
    size = judged.units * places * 3
    tallied = sum_by(cell, judged.worth[counted], size).reshape(judged.units, places * 3)
    tallied = tallied[tallied.any(axis=1)]
    sums = Kinds.of(tallied).sums(how, _PAIRS)
    by_place = [
        _figures(sums, tallied, [3 * number + one for one in range(3)], how)
        for number in range(places)
    ]
    pooled, whole = (one.reshape(-1, places, 3).sum(axis=1) for one in (sums, tallied))
    return {
        "pairwise": _figures(pooled, whole, [_RIGHT, _WRONG, _MISSED], how),
        "by_data_sets": by_place,
    }


def person_intervals(tallied: NDArray[np.float64], how: Resampling) -> dict[str, Any]:
    """Give intervals of the figures of persons, from `persons.tallies`."""
    sums = Kinds.of(tallied).sums(how, _PERSONS)

    def of(hits: int, trials: int) -> Any:
        return share_interval(sums, tallied, [hits], [trials], how)

    records = of_persons.RECORDS
    precise = shares(sums[:, of_persons.PRECISE], sums[:, records])
    recalled = shares(sums[:, of_persons.RECALLED], sums[:, records])
    whole = of_persons.figures(tallied.sum(axis=0))
    columns = [of_persons.RIGHT, of_persons.WRONG, of_persons.MISSED]
    pairs = _figures(sums, tallied, columns, how)
    return {
        "precision": of(of_persons.PRECISE, records),
        "recall": of(of_persons.RECALLED, records),
        "f1": interval(2 * precise * recalled / (precise + recalled), whole["f1"], how),
        "exact": of(of_persons.EXACT, of_persons.PEOPLE),
    } | {f"pair_{name}": bounds for name, bounds in pairs.items()}


def _figures(
    sums: NDArray[np.float64], tallied: NDArray[np.float64], columns: Sequence[int], how: Resampling
) -> dict[str, Any]:
    """Give the intervals of precision, recall and F1 from the columns of right, wrong, missed."""
    right, wrong, missed = columns
    twice, seen_twice = _doubled(sums, columns), _doubled(tallied, columns)
    return {
        "precision": share_interval(sums, tallied, [right], [right, wrong], how),
        "recall": share_interval(sums, tallied, [right], [right, missed], how),
        "f1": share_interval(twice, seen_twice, [0], [0, 1], how),
    }


def _doubled(counts: NDArray[np.float64], columns: Sequence[int]) -> NDArray[np.float64]:
    """Give the hits and the other trials that F1 is a share of."""
    right, wrong, missed = columns
    return np.column_stack([2 * counts[:, right], counts[:, wrong] + counts[:, missed]])
