"""What blocking kept: pairs completeness, in all and by blocking pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.pairs import plain, ratio
from linkage.evaluate.truth import Truth, matching_records

#: Pairs of rows that are looked at together.
_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Rows:
    """The block keys of the rows of a data set, `uint64[rows, passes]`, by which it was compared.

    0 is missing. `ends` `int64[records + 1]`: the rows of record `i` are `ends[i]` to `ends[i+1]`.
    """

    keys: NDArray[np.uint64]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.uint64], owner: NDArray[np.int64], records: int) -> Rows:
        """Take the keys of rows that stand by record, and the record of each row."""
        counts = np.bincount(owner, minlength=records)
        return cls(keys, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def meeting_passes(
    left: Rows, right: Rows, one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell in which passes some rows of two records have one key, `bool[pairs, passes]`.

    Without passes all pairs were compared: one column, all true.
    """
    passes = left.keys.shape[1]
    if not passes:
        return np.ones((len(one), 1), bool)
    here, there = left.ends[one + 1] - left.ends[one], right.ends[other + 1] - right.ends[other]
    met = np.zeros((len(one), passes), bool)
    ends = np.cumsum(here * there)
    cuts = np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, _AT_ONCE), "right")
    for start, stop in pairwise([*np.unique(cuts).tolist(), len(one)]):
        pair, i, j = _row_pairs(left, right, one[start:stop], other[start:stop])
        first = np.flatnonzero(np.diff(pair, prepend=-1))
        keys = left.keys[i]
        same = (keys == right.keys[j]) & (keys != 0)
        met[start:stop] = np.logical_or.reduceat(same, first, axis=0)
    return met


def _row_pairs(
    left: Rows, right: Rows, one: NDArray[np.int64], other: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """List all pairs of rows of pairs of records: number of the pair, left and right row."""
    here, there = left.ends[one + 1] - left.ends[one], right.ends[other + 1] - right.ends[other]
    size = here * there
    pair = np.repeat(np.arange(len(one)), size)
    inside = np.arange(len(pair)) - np.repeat(np.cumsum(size) - size, size)
    i = left.ends[one][pair] + inside // there[pair]
    j = right.ends[other][pair] + inside % there[pair]
    return pair, i, j


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
    numbered = Truth.of(truth).person
    parts = []
    for (left, right), (one, other) in zip(linked, keys, strict=True):
        pairs = matching_records(numbered[left], numbered[right], within=left == right)
        here, there = (
            Rows.of(key, owners[place], len(numbered[place]))
            for key, place in ((one, left), (other, right))
        )
        parts.append(meeting_passes(here, there, pairs[:, 0], pairs[:, 1]))
    met = np.concatenate(parts)
    return blocking_figures(met, np.ones(len(met)), (), comparisons, all_pairs)


def blocking_figures(
    met: NDArray[np.bool_],
    worth: NDArray[np.float64],
    passes: Sequence[dict[str, Any]],
    comparisons: int,
    all_pairs: int,
) -> dict[str, Any]:
    """Turn the passes in which true matches met, `bool[matches, passes]`, into figures.

    `worth` is what each match counts, `passes` the name and the comparisons of each pass. Of a
    pass, `alone` are the matches that meet in no other.
    """
    total = float(worth.sum())
    several = np.count_nonzero(met, axis=1)
    by_pass = []
    for number, one in enumerate(passes):
        here = met[:, number]
        alone = here & (several == 1)
        matches = float(worth[here].sum())
        by_pass.append(
            {"name": one["name"], "comparisons": one["comparisons"]}
            | {"pairs_completeness": ratio(matches, total), "matches": plain(matches)}
            | {"alone": plain(float(worth[alone].sum()))}
        )
    return {
        "pairs_completeness": ratio(float(worth[several > 0].sum()), total),
        "reduction_ratio": reduction_ratio(comparisons, all_pairs),
        "passes": by_pass,
    }


def reduction_ratio(comparisons: int, all_pairs: int) -> float:
    """Give the share of all pairs that was not compared."""
    return 1 - comparisons / all_pairs if all_pairs else 0.0
