"""Compare persons with true people: by records, by whole persons, and by pairs within them.

B-cubed is that of Bagga & Baldwin (1998), closest person that of Menestrina, Whang &
Garcia-Molina (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate.pairs import Quality, ratio
from linkage.evaluate.truth import UNKNOWN, Truth, count_matches, sum_by


@dataclass(frozen=True)
class Cells:
    """Where persons and true people meet: `shared` records of person `found` and of `true`.

    `found_size` and `true_size` are the records of each person and of each true one.
    """

    found: NDArray[np.int64]
    true: NDArray[np.int64]
    shared: NDArray[np.int64]
    found_size: NDArray[np.int64]
    true_size: NDArray[np.int64]

    @classmethod
    def of(cls, persons: Sequence[NDArray[np.int64]], truth: Truth) -> Cells:
        """Count them over records that the truth names.

        If it names all records of its people, other records count in the size of a person.
        """
        found, true = np.concatenate(list(persons)), truth.everyone
        known = true != UNKNOWN
        counted = np.ones(len(found), bool) if truth.whole else known
        _, number = np.unique(found[counted], return_inverse=True)
        found = np.zeros(len(found), np.int64)
        found[counted] = number.ravel()
        size = np.bincount(found[counted])
        keys, shared = np.unique(found[known] * truth.people + true[known], return_counts=True)
        cell_found, cell_true = np.divmod(keys, max(truth.people, 1))
        true_size = np.bincount(true[known], minlength=truth.people)
        return cls(cell_found, cell_true, shared, size, true_size)

    def of_each(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add up values of cells by true person."""
        return sum_by(self.true, values, len(self.true_size))


#: Columns of `tallies`: sums over true people, each of them a numerator or a denominator.
RECORDS, PRECISE, RECALLED, PEOPLE, EXACT, RIGHT, WRONG, MISSED = range(8)


def evaluate_persons(
    persons: Sequence[NDArray[np.int64]], truth: Sequence[NDArray[np.int64]] | Truth
) -> dict[str, Any]:
    """Compare persons with the true ones: B-cubed, exact ones, closest ones, pairs within them.

    B-cubed precision is the mean over records of the share of the record's person that is truly
    the same one, recall the mean share of the true person's records that are in it.
    `exact` is the share of true persons whose records are one person, with no other's among them;
    `pair_` figures are those of all pairs of records within persons. `closest_` figures are means
    over persons, and over true ones, of how like they are to the one most like them; a sample of
    people has none, for it does not tell of all persons.
    """
    if not isinstance(truth, Truth):
        truth = Truth.of(truth)
    cells = Cells.of(persons, truth)
    made = figures(tallies(cells, truth).sum(axis=0)) | {"persons": truth.people}
    return (
        made if truth.whole else made | {"found_persons": len(cells.found_size)} | _closest(cells)
    )


def tallies(cells: Cells, truth: Truth) -> NDArray[np.float64]:
    """Give what each true person adds to the figures, `float64[people, 8]`.

    A false pair within a person counts half for either of its two true ones.
    """
    of_found = cells.shared / cells.found_size[cells.found]
    of_true = cells.shared / cells.true_size[cells.true]
    whole = (of_found == 1) & (of_true == 1)
    made = np.empty((truth.people, 8))
    made[:, RECORDS] = cells.true_size
    made[:, PRECISE] = cells.of_each(cells.shared * of_found)
    made[:, RECALLED] = cells.of_each(cells.shared * of_true)
    made[:, PEOPLE] = 1
    made[:, EXACT] = cells.of_each(whole.astype(np.float64))
    made[:, RIGHT] = cells.of_each(cells.shared * (cells.shared - 1) / 2)
    others = cells.found_size[cells.found] - cells.shared
    made[:, WRONG] = cells.of_each(cells.shared * others / 2)
    made[:, MISSED] = cells.true_size * (cells.true_size - 1) / 2 - made[:, RIGHT]
    return made * truth.weight[:, None]


def figures(sums: NDArray[np.float64]) -> dict[str, Any]:
    """Turn sums of tallies into figures."""
    pairs = Quality(*map(float, sums[[RIGHT, WRONG, MISSED]]))
    precision = ratio(sums[PRECISE], sums[RECORDS])
    recall = ratio(sums[RECALLED], sums[RECORDS])
    return {
        "precision": precision,
        "recall": recall,
        "f1": ratio(2 * precision * recall, precision + recall),
        "exact": ratio(sums[EXACT], sums[PEOPLE]),
        "pair_precision": pairs.precision,
        "pair_recall": pairs.recall,
        "pair_f1": pairs.f1,
    }


def pairs_between(
    persons: Sequence[NDArray[np.int64]], truth: Truth, places: Sequence[tuple[int, int]]
) -> list[dict[str, Any]]:
    """Judge the pairs of records of two data sets that persons hold together, by data sets.

    Only records that the truth names count.
    """
    known = [one != UNKNOWN for one in truth.person]
    found = [np.where(yes, one, UNKNOWN) for yes, one in zip(known, persons, strict=True)]
    both = [
        np.where(yes, one * truth.people + true, UNKNOWN)
        for yes, one, true in zip(known, persons, truth.person, strict=True)
    ]
    made = []
    for place in places:
        right, held, matches = (count_matches(one, *place) for one in (both, found, truth.person))
        made.append(Quality(right, held - right, matches - right).summary())
    return made


def _closest(cells: Cells) -> dict[str, float]:
    """Give how like each person is to the true one most like it, and the other way round.

    Likeness is that of Jaccard; means are over persons and over true ones.
    """
    union = cells.found_size[cells.found] + cells.true_size[cells.true] - cells.shared
    like = cells.shared / union
    sides = []
    for owner, size in ((cells.found, cells.found_size), (cells.true, cells.true_size)):
        best = np.zeros(len(size))
        np.maximum.at(best, owner, like)
        sides.append(ratio(float(best.sum()), len(best)))
    precision, recall = sides
    f1 = ratio(2 * precision * recall, precision + recall)
    return {"closest_precision": precision, "closest_recall": recall, "closest_f1": f1}
