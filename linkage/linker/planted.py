"""Measure links and persons by planted people: fictional ones that agencies hid among their own.

Which records are planted is known only after linking, so nothing here has a part in it. See
`docs/quality.md` for what such figures can tell, and what not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

from linkage.linker.completeness import wilson
from linkage.model import Pairs

#: The number in place of a planted person's, of a real record.
REAL = -1
_OUTER = 0.025

#: For every data set the planted person of each record, or None where its list is not known.
Planted = Sequence[NDArray[np.int64] | None]


def measure_planted(
    links: Sequence[Pairs],
    review: Sequence[Pairs],
    persons: Sequence[NDArray[Any]],
    planted: Planted,
) -> dict[str, Any]:
    """Measure recall, false links and persons of planted people.

    Data sets without a list are left out, with all links to them. Intervals are of 95 %; records
    of one person are taken for as alike as they are found to be.

    Parameters
    ----------
    links, review
        One `Pairs` for each pair of data sets that was linked.
    persons
        The person of every record of every data set, numbers or names.

    Returns
    -------
    dict
        `recall` (of planted pairs), `false_links` (the share of planted records that are linked
        with another person's), `precision` (of links of real records, if they have as many false
        links a record as planted ones), `persons` (planted people whose records are all one
        person, and those who share it with nobody), `by_data_sets`.
    """
    people = 1 + max((int(one.max(initial=REAL)) for one in planted if one is not None), default=-1)
    pairs, found, in_review = np.zeros(people), np.zeros(people), 0
    wrong = np.zeros(people)
    mistaken = [np.zeros(0 if one is None else len(one), np.bool_) for one in planted]
    links_of_real, heaviest = 0, 0.0
    by_data_sets = []
    for one, unsure in zip(links, review, strict=True):
        ends = planted[one.left_dataset], planted[one.right_dataset]
        left, right = ends
        if left is None or right is None:
            continue
        judged = _Judged(one, left, right)
        total = _matches(left, right, people, within=one.left_dataset == one.right_dataset)
        here = np.bincount(left[one.left[judged.true]], minlength=people)
        pairs, found = pairs + total, found + here
        in_review += int(np.count_nonzero(_Judged(unsure, left, right).true))
        links_of_real += judged.real
        for side, place in ((0, one.left_dataset), (1, one.right_dataset)):
            records = judged.mistaken[side]
            numbers = left if side == 0 else right
            mistaken[place][records] = True
            # A false link has two ends, and each stands for as many real records.
            weight = np.count_nonzero(numbers == REAL) / np.count_nonzero(numbers != REAL) / 2
            wrong += weight * np.bincount(numbers[records], minlength=people)
            heaviest = max(heaviest, weight)
        by_data_sets.append(
            {
                "left": one.left_dataset,
                "right": one.right_dataset,
                "pairs": int(total.sum()),
                "found": int(here.sum()),
                "recall": share_of(here, total),
                "false_links": judged.false,
            }
        )
    records = [one[one != REAL] for one in planted if one is not None]
    mixed_up = [m[one != REAL] for m, one in zip(mistaken, planted, strict=True) if one is not None]
    return {
        "recall": share_of(found, pairs)
        | {"pairs": int(pairs.sum()), "found": int(found.sum()), "in_review": in_review},
        "false_links": _records(np.concatenate(records), np.concatenate(mixed_up), people),
        "precision": _precision(wrong, heaviest, links_of_real),
        "persons": _persons(persons, planted, people),
        "by_data_sets": by_data_sets,
    }


def share_of(hits: NDArray[Any], trials: NDArray[Any]) -> dict[str, float]:
    """Estimate a share from clusters, of which each has some trials and some hits.

    The interval is Wilson's (1927) for as many trials as are worth it: what comes in clusters tells
    less, by the design effect (Rao & Scott 1992). Where all or none are hits, that can't be seen,
    and clusters count as wholes.
    """
    count, share = trials.sum(), hits.sum() / max(trials.sum(), 1)
    clusters = np.count_nonzero(trials)
    if 0 < share < 1 and clusters > 1:
        spread = clusters / (clusters - 1) * ((hits - share * trials) ** 2).sum()
        effect = max(1.0, spread / (count * share * (1 - share)))
    else:
        effect = max(1.0, (trials**2).sum() / max(count, 1))
    low, high = wilson(hits.sum() / effect, count / effect)
    return {"lower": low, "estimate": float(share), "upper": high}


class _Judged:
    """Links with a planted record: the true ones, and the ends of false ones by side."""

    def __init__(self, links: Pairs, left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
        one, other = left[links.left], right[links.right]
        self.true = (one == other) & (one != REAL)
        self.real = int(np.count_nonzero((one == REAL) & (other == REAL)))
        self.false = len(links) - self.real - int(np.count_nonzero(self.true))
        self.mistaken = (
            links.left[(one != other) & (one != REAL)],
            links.right[(one != other) & (other != REAL)],
        )


def _matches(
    left: NDArray[np.int64], right: NDArray[np.int64], people: int, *, within: bool
) -> NDArray[np.int64]:
    """Count the pairs of records of each planted person."""
    one = np.bincount(left[left != REAL], minlength=people)
    other = np.bincount(right[right != REAL], minlength=people)
    return one * (one - 1) // 2 if within else one * other


def _records(
    person: NDArray[np.int64], mistaken: NDArray[np.bool_], people: int
) -> dict[str, float]:
    hits = np.bincount(person[mistaken], minlength=people)
    trials = np.bincount(person, minlength=people)
    counts = {"records": len(person), "mistaken": int(hits.sum())}
    return share_of(hits, trials) | counts


def _precision(wrong: NDArray[np.float64], heaviest: float, links: int) -> dict[str, float] | None:
    """Estimate the precision of links of real records, of which about `wrong.sum()` are false.

    The sum's interval is that of weighted counts (Fay & Feuer 1997), a planted person's together.
    """
    if not links:
        return None
    total, variance = float(wrong.sum()), float((wrong**2).sum())
    more = max(heaviest, float(wrong.max(initial=0)))
    high = _gamma(1 - _OUTER, total + more, variance + more**2)
    low = _gamma(_OUTER, total, variance) if total else 0.0
    lower, estimate, upper = (max(0.0, 1 - one / links) for one in (high, total, low))
    return {"lower": lower, "estimate": estimate, "upper": upper}


def _gamma(share: float, mean: float, variance: float) -> float:
    return float(gamma.ppf(share, mean**2 / variance, scale=variance / mean))


def _persons(persons: Sequence[NDArray[Any]], planted: Planted, people: int) -> dict[str, Any]:
    """Count the planted people with several records that are one person, and that one alone."""
    known = [(p, one) for p, one in zip(persons, planted, strict=True) if one is not None]
    _, person = np.unique(np.concatenate([p for p, _ in known]), return_inverse=True)
    number = np.concatenate([one for _, one in known])
    cells = np.unique(np.column_stack([person.ravel(), number]), axis=0)
    parts = np.bincount(cells[cells[:, 1] != REAL, 1], minlength=people)
    company = np.bincount(cells[:, 0])[cells[:, 0]] > 1
    mixed = np.zeros(people, np.bool_)
    mixed[cells[company & (cells[:, 1] != REAL), 1]] = True
    several = np.bincount(number[number != REAL], minlength=people) > 1
    trials = several.astype(np.int64)
    whole = several & (parts == 1)
    return {
        "people": int(trials.sum()),
        "whole": share_of(whole.astype(np.int64), trials),
        "whole_and_alone": share_of((whole & ~mixed).astype(np.int64), trials),
    }
