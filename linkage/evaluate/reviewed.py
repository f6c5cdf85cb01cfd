"""Judge the pairs of a run by a sample of pairs that people reviewed, where no truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from linkage.evaluate.judged import LINK, NEITHER, REVIEW, Judged
from linkage.model import Pairs


@dataclass(frozen=True)
class Reviewed:
    """Pairs of records that people decided on.

    `places` `int64[pairs, 2]` are the data sets, the first one first, `left` and `right`
    `int64[pairs]` the records, `match` `bool[pairs]` what was decided. `weight` `float64[pairs]` is
    how many pairs each stands for; None if it was not said.
    """

    places: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    match: NDArray[np.bool_]
    weight: NDArray[np.float64] | None


def judge_reviewed(
    links: Sequence[Pairs], review: Sequence[Pairs], reviewed: Reviewed, sizes: Sequence[int]
) -> Judged:
    """Judge the reviewed pairs; each stands for others like it.

    Without weights, links and pairs for review of each two data sets count as samples drawn at
    random: each reviewed one stands for as many as there are, by those reviewed. Reviewed pairs
    that are neither count once. Units of resampling are pairs that hang together by their records.
    """
    starts = np.cumsum([0, *sizes]).astype(np.int64)
    places = tuple(dict.fromkeys((one.left_dataset, one.right_dataset) for one in links))
    numbers = {place: number for number, place in enumerate(places)}
    place = np.array([numbers[one, other] for one, other in reviewed.places.tolist()], np.int64)
    left = starts[reviewed.places[:, 0]] + reviewed.left
    right = starts[reviewed.places[:, 1]] + reviewed.right
    status = np.full(len(left), NEITHER, np.int8)
    strength = np.full(len(left), np.nan)
    weight = np.ones(len(left)) if reviewed.weight is None else reviewed.weight.copy()
    for tables, kind in ((links, LINK), (review, REVIEW)):
        for one in tables:
            here = np.flatnonzero(place == numbers[one.left_dataset, one.right_dataset])
            at = _places_in(one, reviewed.left[here], reviewed.right[here], sizes)
            here, at = here[at >= 0], at[at >= 0]
            status[here] = kind
            told = np.where(np.isnan(one.weight), one.similarity, one.probability)
            strength[here] = told[at]
            if reviewed.weight is None and len(here):
                weight[here] = len(one) / len(here)
    useful = reviewed.match | (status != NEITHER)
    unit, units = _hanging_together(left[useful], right[useful])
    return Judged(
        places=places,
        starts=starts,
        place=place[useful],
        left=left[useful],
        right=right[useful],
        match=reviewed.match[useful],
        status=status[useful],
        strength=strength[useful],
        ends=np.column_stack([weight, weight])[useful] / 2,
        unit=unit,
        units=units,
        by_dice=any(bool(np.isnan(one.weight).any()) for one in links),
    )


def _places_in(
    pairs: Pairs, left: NDArray[np.int64], right: NDArray[np.int64], sizes: Sequence[int]
) -> NDArray[np.int64]:
    """Find pairs of records, either way round within a data set; -1 where they are not there."""
    width = np.int64(sizes[pairs.right_dataset])
    own, wanted = (pairs.left, pairs.right), (left, right)
    if pairs.left_dataset == pairs.right_dataset:
        own, wanted = (
            (np.minimum(*both), np.maximum(*both)) for both in ((pairs.left, pairs.right), wanted)
        )
    keys, looked = (one * width + other for one, other in (own, wanted))
    if not len(keys):
        return np.full(len(left), -1, np.int64)
    order = np.argsort(keys, kind="stable")
    at = order[np.minimum(np.searchsorted(keys, looked, sorter=order), len(keys) - 1)]
    return np.where(keys[at] == looked, at, -1)


def _hanging_together(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Give each pair the number of the pairs that records hold together with it."""
    known, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    one, other = place.ravel()[: len(left)], place.ravel()[len(left) :]
    graph = coo_array((np.ones(len(left)), (one, other)), shape=(len(known), len(known)))
    count, group = connected_components(graph, directed=False)
    return group[one].astype(np.int64), int(count)
