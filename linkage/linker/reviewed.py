"""Clerical decisions: which pairs are worth one most, and taking decisions back into a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from linkage.linker.compare import row_similarity
from linkage.model import DECIDED_BITS, Decided, Encodings, Pairs


def apply_decisions(
    pairs: Pairs, decided: Sequence[Decided], encodings: Sequence[Encodings]
) -> Pairs:
    """Give decided pairs the weight of certainty; matches that were no candidates come in."""
    for one in decided:
        if one.places == (pairs.left_dataset, pairs.right_dataset):
            pairs = _apply(pairs, one, encodings)
    return pairs


def apart(decided: Sequence[Decided], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Give the pairs that were decided to be two people, `int64[pairs, 2]` over all data sets."""
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    parts = [np.empty((0, 2), np.int64)]
    for one in decided:
        left = starts[one.places[0]] + one.left[~one.match]
        right = starts[one.places[1]] + one.right[~one.match]
        parts.append(np.column_stack([left, right]))
    return np.concatenate(parts)


def rank_for_review(review: Sequence[Pairs]) -> list[NDArray[np.int64]]:
    """Rank the pairs of all pairs of data sets by what a decision would teach most, from 1 on.

    A pair teaches by its own uncertainty, and for all pairs of its agreement pattern; each further
    pair of a pattern teaches less. The ranks are given as the pairs were.
    """
    if not review:
        return []
    chances = [np.where(np.isnan(p.probability), p.similarity, p.probability) for p in review]
    chance = np.concatenate(chances)
    doubt = chance * (1 - chance)
    codes = np.unique(np.concatenate([p.patterns for p in review]), return_inverse=True)[1]
    total = np.bincount(codes, doubt) if len(codes) else np.empty(0)
    order = np.lexsort((-doubt, codes))
    first = np.flatnonzero(np.diff(codes[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    worth = np.empty(len(order))
    worth[order] = total[codes[order]] / (1 + place) ** 2
    rank = np.empty(len(order), np.int64)
    rank[np.argsort(-worth, kind="stable")] = np.arange(1, len(order) + 1)
    return np.split(rank, np.cumsum([len(one) for one in chances])[:-1])


def _apply(pairs: Pairs, one: Decided, encodings: Sequence[Encodings]) -> Pairs:
    width = len(encodings[pairs.right_dataset].records)
    keys, wanted = pairs.left * width + pairs.right, one.left * width + one.right
    known, order = np.isin(wanted, keys), np.argsort(keys)
    at = order[np.searchsorted(keys, wanted[known], sorter=order)]
    weight, chance = pairs.weight.copy(), pairs.probability.copy()
    weight[at] = np.where(one.match[known], DECIDED_BITS, -DECIDED_BITS)
    chance[at] = one.match[known].astype(float)
    pairs = replace(pairs, weight=weight, probability=chance)
    new = np.flatnonzero(~known & one.match)
    if len(new):
        pairs = _with(pairs, one.left[new], one.right[new], encodings)
    return pairs.take(np.lexsort((-pairs.similarity, -pairs.weight)))


def _with(
    pairs: Pairs, left: NDArray[np.int64], right: NDArray[np.int64], encodings: Sequence[Encodings]
) -> Pairs:
    """Add pairs that are matches by decision."""
    one, other = encodings[pairs.left_dataset], encodings[pairs.right_dataset]
    rows = np.searchsorted(one.owner, left), np.searchsorted(other.owner, right)
    similarity = row_similarity(one, other, *rows)
    levels = np.zeros((len(left), pairs.levels.shape[1]), np.int8)
    return Pairs(
        pairs.left_dataset,
        pairs.right_dataset,
        np.append(pairs.left, left),
        np.append(pairs.right, right),
        np.append(pairs.similarity, similarity),
        np.append(pairs.weight, np.full(len(left), DECIDED_BITS)),
        np.append(pairs.probability, np.ones(len(left))),
        np.concatenate([pairs.levels, levels]) if pairs.levels.shape[1] else pairs.levels,
    )
