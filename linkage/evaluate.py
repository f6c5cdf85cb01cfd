"""Measure a linkage against truth: pairs, persons, blocking.

A pair counts over the pairs of data sets that the run linked; within a data set only if the run
linked there. Records that the truth doesn't name are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.model import Pairs

UNKNOWN = -1


@dataclass(frozen=True)
class Quality:
    """Counts of a decision against truth."""

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float:
        """Share of links that are right; 1 where there is no link."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of true matches that are linked; 1 where there is no true match."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        doubled = 2 * self.true_positives
        return _ratio(doubled, doubled + self.false_positives + self.false_negatives)

    def summary(self) -> dict[str, Any]:
        """All figures as plain values."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "false_negatives": self.false_negatives,
        }


def evaluate(
    links: Sequence[Pairs], truth: Sequence[NDArray[np.int64]], review: Sequence[Pairs] = ()
) -> dict[str, Any]:
    """Compare links with the truth, pair by pair.

    Parameters
    ----------
    links
        One `Pairs` for each pair of data sets that was linked, empty ones included: they say
        where a true match could have been found.
    truth
        For every data set `int64[records]`, the true person of each record; `UNKNOWN` where the
        truth doesn't name it.
    review
        Pairs below the links' threshold; they extend the search for the best threshold downwards.

    Returns
    -------
    dict
        `pairwise`, `best_threshold` (the same figures at the cut-off with the highest F1),
        `by_data_sets`, and `unknown_records`.
    """
    by_pair = []
    judged = []
    true_matches = 0
    for one in links:
        right, strength = _judge(one, truth)
        matches = count_matches(truth, one.left_dataset, one.right_dataset)
        found = int(np.count_nonzero(right))
        by_pair.append(
            {"left": one.left_dataset, "right": one.right_dataset}
            | Quality(found, len(right) - found, matches - found).summary()
        )
        true_matches += matches
        judged.append((right, strength))
    all_right, _ = _together(judged)
    found = int(np.count_nonzero(all_right))
    more = _together(judged + [_judge(one, truth) for one in review])
    return {
        "pairwise": Quality(found, len(all_right) - found, true_matches - found).summary(),
        "best_threshold": _best(*more, true_matches),
        "by_data_sets": by_pair,
        "unknown_records": int(sum(np.count_nonzero(one == UNKNOWN) for one in truth)),
    }


def evaluate_persons(
    persons: Sequence[NDArray[np.int64]], truth: Sequence[NDArray[np.int64]]
) -> dict[str, Any]:
    """Compare persons with the true ones: B-cubed (Bagga & Baldwin 1998), and exact ones.

    B-cubed precision is the mean over records of the share of the record's person that is truly
    the same one, recall the mean share of the true person's records that are in it.
    `exact` is the share of true persons whose records are one person, with no other's among them.
    """
    found, true = np.concatenate(list(persons)), np.concatenate(list(truth))
    known = true != UNKNOWN
    if not known.any():
        return {"precision": 1.0, "recall": 1.0, "f1": 1.0, "exact": 1.0, "persons": 0}
    _, found = np.unique(found[known], return_inverse=True)
    _, true = np.unique(true[known], return_inverse=True)
    found_size, true_size = np.bincount(found), np.bincount(true)
    cells, shared = np.unique(np.column_stack([found, true]), axis=0, return_counts=True)
    of_found, of_true = shared / found_size[cells[:, 0]], shared / true_size[cells[:, 1]]
    precision = float(shared @ of_found / len(true))
    recall = float(shared @ of_true / len(true))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "exact": float(np.count_nonzero((of_found == 1) & (of_true == 1)) / len(true_size)),
        "persons": len(true_size),
    }


def evaluate_blocking(
    truth: Sequence[NDArray[np.int64]],
    keys: Sequence[tuple[NDArray[np.uint64], NDArray[np.uint64]]],
    owners: Sequence[NDArray[np.int64]],
    linked: Sequence[tuple[int, int]],
    comparisons: int,
    all_pairs: int,
) -> dict[str, Any]:
    """Measure what blocking kept.

    Pairs completeness is the share of true matches whose records share a block key in some pass;
    the reduction ratio is 1 - comparisons / all pairs, a pair compared in two passes counting
    twice.

    Parameters
    ----------
    linked, keys
        The pairs of data sets that were linked, and the block keys of both by which they were,
        `uint64[rows, passes]`. Without passes all pairs were compared.
    owners
        For every data set the record of each row, `int64[rows]`.
    """
    met = total = 0
    for (left, right), (one, other) in zip(linked, keys, strict=True):
        pairs = _matching_records(truth[left], truth[right], within=left == right)
        total += len(pairs)
        met += int(np.count_nonzero(_share_a_key(pairs, one, other, owners[left], owners[right])))
    return {
        "pairs_completeness": _ratio(met, total),
        "reduction_ratio": 1 - comparisons / all_pairs if all_pairs else 0.0,
    }


def count_matches(truth: Sequence[NDArray[np.int64]], left: int, right: int) -> int:
    """Count the pairs of records of two data sets that are one person."""
    people, counts = np.unique(truth[left][truth[left] != UNKNOWN], return_counts=True)
    if left == right:
        return int((counts * (counts - 1) // 2).sum())
    others, other_counts = np.unique(truth[right][truth[right] != UNKNOWN], return_counts=True)
    _, one, other = np.intersect1d(people, others, assume_unique=True, return_indices=True)
    return int(counts[one] @ other_counts[other])


def _judge(
    pairs: Pairs, truth: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Tell for every pair whether it is right, and how strong it is; drop what can't be judged."""
    left, right = truth[pairs.left_dataset][pairs.left], truth[pairs.right_dataset][pairs.right]
    known = (left != UNKNOWN) & (right != UNKNOWN)
    strength = np.where(np.isnan(pairs.weight), pairs.similarity, pairs.probability)
    return (left == right)[known], strength[known]


def _together(
    judged: Sequence[tuple[NDArray[np.bool_], NDArray[np.float64]]],
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return (
        np.concatenate([right for right, _ in judged] or [np.empty(0, bool)]),
        np.concatenate([strength for _, strength in judged] or [np.empty(0)]),
    )


def _best(
    right: NDArray[np.bool_], strength: NDArray[np.float64], true_matches: int
) -> dict[str, Any]:
    """Give the figures at the cut-off with the highest F1; pairs of one strength stay together."""
    if not len(right):
        return {"threshold": None} | Quality(0, 0, true_matches).summary()
    order = np.argsort(-strength, kind="stable")
    found, ordered = np.cumsum(right[order]), strength[order]
    last = np.append(ordered[1:] != ordered[:-1], True)
    f1 = 2 * found / (np.arange(1, len(found) + 1) + true_matches)
    best = int(np.argmax(np.where(last, f1, -1)))
    taken = int(found[best])
    quality = Quality(taken, best + 1 - taken, true_matches - taken)
    return {"threshold": float(ordered[best])} | quality.summary()


def _matching_records(
    left: NDArray[np.int64], right: NDArray[np.int64], *, within: bool
) -> NDArray[np.int64]:
    """List the pairs of records that are one person, `int64[matches, 2]`."""
    order = np.argsort(right, kind="stable")
    start = np.searchsorted(right[order], left, side="left")
    stop = np.searchsorted(right[order], left, side="right")
    size = np.where(left == UNKNOWN, 0, stop - start)
    one = np.repeat(np.arange(len(left)), size)
    inside = np.arange(len(one)) - np.repeat(np.cumsum(size) - size, size)
    pairs = np.column_stack([one, order[np.repeat(start, size) + inside]])
    return pairs[pairs[:, 0] < pairs[:, 1]] if within else pairs


def _share_a_key(
    pairs: NDArray[np.int64],
    left_keys: NDArray[np.uint64],
    right_keys: NDArray[np.uint64],
    left_owner: NDArray[np.int64],
    right_owner: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Tell for every pair of records whether any of their rows meet in any pass."""
    if left_keys.shape[1] == 0:
        return np.ones(len(pairs), bool)
    met = np.zeros(len(pairs), bool)
    for place in range(left_keys.shape[1]):
        one = _rows_of(left_owner, left_keys[:, place], pairs[:, 0])
        other = _rows_of(right_owner, right_keys[:, place], pairs[:, 1])
        for a in one:
            for b in other:
                met |= (a == b) & (a != 0)
    return met


def _rows_of(
    owner: NDArray[np.int64], tokens: NDArray[np.uint64], records: NDArray[np.int64]
) -> list[NDArray[np.uint64]]:
    """Give the records' tokens, one array for the first row of each, one for the second ..."""
    first = np.searchsorted(owner, records, side="left")
    stop = np.searchsorted(owner, records, side="right")
    most = int((stop - first).max(initial=0))
    return [tokens[np.minimum(first + step, stop - 1)] for step in range(most)]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 1.0
