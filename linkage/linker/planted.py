"""Measure links and persons by planted people: fictional ones that agencies hid among their own.

Which records are planted is known only after linking, so nothing here has a part in it. See
`docs/quality.md` for what such figures can tell, and what not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

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
    lists = [one for one in planted if one is not None]
    people = 1 + max((int(one.max(initial=REAL)) for one in lists), default=REAL)
    judged = [
        _Judged(one, unsure, left, right, people)
        for one, unsure in zip(links, review, strict=True)
        if (left := planted[one.left_dataset]) is not None
        and (right := planted[one.right_dataset]) is not None
    ]
    nobody = np.zeros(people)
    pairs = sum((one.pairs for one in judged), nobody)
    found = sum((one.found for one in judged), nobody)
    return {
        "recall": share_of(found, pairs)
        | {"pairs": int(pairs.sum()), "found": int(found.sum())}
        | {"in_review": sum(one.in_review for one in judged)},
        "false_links": _records(judged, planted, people),
        "precision": _precision(judged, nobody),
        "persons": _persons(persons, planted, people),
        "by_data_sets": [one.summary() for one in judged],
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
    """The links of two data sets, or within one, that have a planted record.

    By planted person: `pairs` to be found and those `found`, and `wrong`, how many false links of
    real records the person's false links stand for. `mistaken` are the records of either data set
    with a false link, of which there are `false`.
    """

    def __init__(
        self,
        links: Pairs,
        review: Pairs,
        left: NDArray[np.int64],
        right: NDArray[np.int64],
        people: int,
    ) -> None:
        one, other = left[links.left], right[links.right]
        true = (one == other) & (one != REAL)
        real = (one == REAL) & (other == REAL)
        unsure = left[review.left]
        self.places = links.left_dataset, links.right_dataset
        within = self.places[0] == self.places[1]
        self.pairs = _matches(left, right, people, within=within)
        self.found = np.bincount(one[true], minlength=people)
        self.in_review = int(np.count_nonzero((unsure == right[review.right]) & (unsure != REAL)))
        self.false = int(np.count_nonzero(~true & ~real))
        self.real = int(np.count_nonzero(real))
        self.mistaken = links.left[~true & (one != REAL)], links.right[~true & (other != REAL)]
        self.wrong, self.heaviest = np.zeros(people), 0.0
        for records, own, others, numbers in (
            (links.left, one, other, left),
            (links.right, other, one, right),
        ):
            known = 1.0 if within else _known(records[real], numbers)
            self._add_wrong(own[~true], others[~true], numbers, known)

    def _add_wrong(
        self,
        own: NDArray[np.int64],
        others: NDArray[np.int64],
        side: NDArray[np.int64],
        known: float,
    ) -> None:
        """Count the ends of false links on one side; each end is half a link.

        Nearly all false links of planted people among themselves are those of families, whom all
        data sets know. Real families are known to the other one as often as real people are.
        """
        weight = int(np.count_nonzero(side == REAL)) / int(np.count_nonzero(side != REAL)) / 2
        share = np.where(others == REAL, 1.0, known)[own != REAL]
        self.wrong += weight * np.bincount(own[own != REAL], share, minlength=len(self.wrong))
        self.heaviest = max(self.heaviest, weight)

    def summary(self) -> dict[str, Any]:
        """Describe what was found in these data sets."""
        return {
            "left": self.places[0],
            "right": self.places[1],
            "pairs": int(self.pairs.sum()),
            "found": int(self.found.sum()),
            "recall": share_of(self.found, self.pairs),
            "false_links": self.false,
        }


def _known(linked: NDArray[np.int64], side: NDArray[np.int64]) -> float:
    """Give the share of the real records of a data set that are linked with real ones."""
    return len(np.unique(linked)) / max(1, int(np.count_nonzero(side == REAL)))


def _matches(
    left: NDArray[np.int64], right: NDArray[np.int64], people: int, *, within: bool
) -> NDArray[np.int64]:
    """Count the pairs of records of each planted person."""
    one = np.bincount(left[left != REAL], minlength=people)
    other = np.bincount(right[right != REAL], minlength=people)
    return one * (one - 1) // 2 if within else one * other


def _records(judged: Sequence[_Judged], planted: Planted, people: int) -> dict[str, float]:
    """Give the share of planted records with a false link."""
    hits, trials = np.zeros(people), np.zeros(people)
    for place, numbers in enumerate(planted):
        if numbers is not None:
            sides = [zip(one.places, one.mistaken, strict=True) for one in judged]
            here = [records for side in sides for at, records in side if at == place]
            mistaken = np.unique(np.concatenate([np.empty(0, np.int64), *here]))
            hits += np.bincount(numbers[mistaken], minlength=people)
            trials += np.bincount(numbers[numbers != REAL], minlength=people)
    counts = {"records": int(trials.sum()), "mistaken": int(hits.sum())}
    return share_of(hits, trials) | counts


def _precision(judged: Sequence[_Judged], nobody: NDArray[np.float64]) -> dict[str, float] | None:
    """Estimate the precision of links of real records by the false links of planted ones.

    The interval is that of a sum of weighted counts (Fay & Feuer 1997), a person's together.
    """
    links = sum(one.real for one in judged)
    if not links:
        return None
    wrong = sum((one.wrong for one in judged), nobody)
    total, variance = float(wrong.sum()), float((wrong**2).sum())
    more = max(float(wrong.max(initial=0)), *(one.heaviest for one in judged))
    high = _gamma(1 - _OUTER, total + more, variance + more**2)
    low = _gamma(_OUTER, total, variance) if total else 0.0
    lower, estimate, upper = (max(0.0, 1 - one / links) for one in (high, total, low))
    return {"lower": lower, "estimate": estimate, "upper": upper}


def _gamma(share: float, mean: float, variance: float) -> float:
    return float(gammaincinv(mean**2 / variance, share) * variance / mean)


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
