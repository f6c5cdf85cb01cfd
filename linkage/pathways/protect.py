"""Make counts fit to be published: rounded, small ones hidden, and hidden ones not to be inferred.

1. Counts below `suppress_below`, none among them, are hidden. All others are rounded to a multiple
   of `round_to`.
2. An attacker is played who knows everything that is published, in all tables at once, who knows
   the rules, and who knows of every history whether it occurs; linear programming gives the least
   and the most persons that a hidden count could then be of. The interval must hold as many whole
   numbers as half of `suppress_below`. Where it does not, more counts are hidden, as few and as
   small as linear programming finds (after Fischetti & Salazar 2001, Management Science 47(7)).

The same holds for counts in no table that two tables differ by, such as those who did not return.

Limits: it is about counts, not about what somebody knows already: whoever knows that one of two
persons is in a group learns more. An attacker who uses that persons are whole may narrow the
interval further than linear programming does. That nobody at all is in a hidden group, is not
kept secret. Pages of the same persons over other years are not looked at together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from linkage.pathways.tables import Cell

#: So many distinct histories the attacker may move persons between; of others the number is given
#: away, which makes the attacker stronger.
MOST_HISTORIES = 1500
_TOLERANCE = 1e-6
#: Widening all narrow cells at once is tried again if no more than this share of them is left.
_HELPS = 0.7
_TOTAL_WEIGHT = 1e3

Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """How counts are protected: which are too small, and to what others are rounded."""

    suppress_below: int = 10
    round_to: int = 5

    @property
    def least_width(self) -> int:
        """How many whole numbers a hidden count may be of, at least."""
        return -(-self.suppress_below // 2)

    def rounded(self, counts: Longs) -> Longs:
        """Round to the nearest multiple, halves up."""
        return (counts + self.round_to // 2) // self.round_to * self.round_to

    def reach(self, rounded: Longs) -> tuple[Longs, Longs]:
        """Give the least and the most counts that are rounded so, and are shown at all."""
        low = np.maximum(rounded - self.round_to // 2, self.suppress_below)
        return low, rounded - self.round_to // 2 + self.round_to - 1


@dataclass(frozen=True)
class Protected:
    """What may be published of some cells, in their order.

    `values` is `int64[cells]`, rounded; `hidden` is `bool[cells]`, where there is none to show.
    """

    values: Longs
    hidden: Bools


def protect(cells: Sequence[Cell], rules: Rules) -> Protected:
    """Round the counts of cells and hide what is small, or would give something small away."""
    counts = np.array([len(one.persons) for one in cells], np.int64)
    printed = np.array([one.printed for one in cells], bool)
    small = (counts < rules.suppress_below) & (rules.suppress_below > 1)
    hidden = small | ~printed
    if (small & (counts > 0)).any():
        attacker = _Attacker(cells, counts, printed, small, rules)
        hidden |= attacker.hide_more()
    return Protected(rules.rounded(counts), hidden)


class _Attacker:
    """Bounds hidden counts by what is published, and says what must be hidden too."""

    def __init__(
        self, cells: Sequence[Cell], counts: Longs, printed: Bools, small: Bools, rules: Rules
    ) -> None:
        self._rules, self._counts = rules, counts
        sensitive = small & (counts > 0)
        self._sensitive = np.flatnonzero(sensitive)
        matrix, persons = _histories(cells, sensitive)
        self._matrix = matrix
        self._fixed = counts - matrix @ persons
        low, high = rules.reach(rules.rounded(counts))
        self._low = np.where(small, 0, low) - self._fixed
        self._high = np.where(small, rules.suppress_below - 1, high) - self._fixed
        self._known = printed.copy()  # of which the attacker knows bounds
        self._small = small
        self._weight = np.log2(2.0 + counts)
        self._weight[[one.table == "persons" for one in cells]] *= _TOTAL_WEIGHT
        #: The least and the most that each sensitive count was found to be possible.
        self._least = counts.astype(np.float64)
        self._most = counts.astype(np.float64)

    def hide_more(self) -> Bools:
        """Tell which other cells to hide, `bool[cells]`, so that no sensitive one is narrow."""
        more = np.zeros(len(self._counts), bool)
        self._widen_together()
        for cell in self._narrow().tolist():
            self._widen(np.array([cell]))
            if self._is_narrow(cell):
                chosen = self._to_hide(cell)
                more[chosen] = True
                self._known[chosen] = False
        return more

    def _widen_together(self) -> None:
        """Look at all narrow cells at once for as long as that helps: it is much faster."""
        narrow = self._narrow()
        while len(narrow) > 1:
            self._widen(narrow)
            before, narrow = len(narrow), self._narrow()
            if len(narrow) > _HELPS * before:
                return

    def _widen(self, cells: Longs) -> None:
        for sign in (1, -1):
            self._remember(self._farthest(cells, sign))

    def _narrow(self) -> Longs:
        return self._sensitive[[self._is_narrow(cell) for cell in self._sensitive.tolist()]]

    def _is_narrow(self, cell: int) -> bool:
        span = np.floor(self._most[cell] + _TOLERANCE) - np.ceil(self._least[cell] - _TOLERANCE)
        return bool(span + 1 < self._rules.least_width)

    def _remember(self, persons: Floats) -> None:
        """Take note of what a possible population says of every sensitive count."""
        found = self._matrix @ persons + self._fixed
        np.minimum(self._least, found, out=self._least)
        np.maximum(self._most, found, out=self._most)

    def _farthest(self, cells: Longs, sign: int) -> Floats:
        """Find the population, of those that fit, with most (1) or fewest (-1) in some cells.

        Each counts up to what makes its interval wide enough, so that all get their share.
        """
        matrix, enough = self._matrix[cells], self._rules.least_width
        known = LinearConstraint(
            self._matrix[self._known], self._low[self._known], self._high[self._known]
        )
        own = self._counts[cells] - self._fixed[cells]
        share = LinearConstraint(matrix, own - enough, own + enough)
        done = milp(
            -sign * matrix.sum(axis=0), constraints=[known, share], bounds=Bounds(0, np.inf)
        )
        assert done.x is not None, done.message  # the true population fits
        return np.asarray(done.x)

    def _to_hide(self, cell: int) -> Longs:
        """Find the cells without whose published values a sensitive count could be far off."""
        wanted = self._rules.least_width - 1
        top = np.ceil(self._least[cell] - _TOLERANCE) + wanted
        # Everybody knows that a hidden count is below the limit, so that it can't go up to it.
        up = bool(top < self._rules.suppress_below)
        target = top if up else np.floor(self._most[cell] + _TOLERANCE) - wanted
        known = np.flatnonzero(self._known)
        open_ = known[~self._small[known]]  # what is hidden already can't be hidden again
        matrix, histories, given = self._matrix, self._matrix.shape[1], len(open_)
        slack = csr_array(
            (np.ones(given), (np.searchsorted(known, open_), np.arange(given))),
            shape=(len(known), given),
        )
        goal = hstack([matrix[[cell]], csr_array((1, 2 * given))], format="csr")
        done = milp(
            np.concatenate([np.zeros(histories), self._weight[open_], self._weight[open_]]),
            constraints=[
                LinearConstraint(
                    hstack([matrix[known], slack, -slack], format="csr"),
                    self._low[known],
                    self._high[known],
                ),
                LinearConstraint(
                    goal,
                    target - self._fixed[cell] if up else -np.inf,
                    np.inf if up else target - self._fixed[cell],
                ),
            ],
            bounds=Bounds(0, np.inf),
        )
        assert done.x is not None, done.message
        self._remember(np.asarray(done.x[:histories]))
        moved = done.x[histories : histories + given] + done.x[histories + given :]
        return open_[moved > _TOLERANCE]


def _histories(cells: Sequence[Cell], sensitive: Bools) -> tuple[csr_array, Longs]:
    """Put persons together that stand in the same cells, and choose some of these histories.

    Returns which cells count which history, `float64[cells, histories]`, and how many persons
    have each. All histories of sensitive cells are chosen, then the most frequent ones.
    """
    size = 1 + max((int(one.persons[-1]) for one in cells if len(one.persons)), default=0)
    random = np.random.default_rng(0)  # only has to tell sets of cells apart
    signature = np.zeros(size, np.uint64)
    for one in cells:
        signature[one.persons] += random.integers(1, 1 << 63, dtype=np.uint64)
    _, first, place, persons = np.unique(
        signature, return_index=True, return_inverse=True, return_counts=True
    )
    stands_for_all = np.zeros(size, bool)
    stands_for_all[first] = True
    columns = [place[one.persons[stands_for_all[one.persons]]] for one in cells]
    chosen = _chosen(columns, sensitive, persons)
    number = np.full(len(persons), -1)
    number[chosen] = np.arange(len(chosen))
    kept = [number[one][number[one] >= 0] for one in columns]
    ends = np.concatenate([[0], np.cumsum([len(one) for one in kept])])
    shape = (len(cells), len(chosen))
    matrix = csr_array((np.ones(ends[-1]), np.concatenate(kept), ends), shape=shape)
    return matrix, persons[chosen].astype(np.int64)


def _chosen(columns: Sequence[Longs], sensitive: Bools, persons: Longs) -> Longs:
    """Choose all histories of sensitive cells, and then those of most persons."""
    needed = np.zeros(len(persons), bool)
    for cell in np.flatnonzero(sensitive).tolist():
        needed[columns[cell]] = True
    order = np.lexsort((-persons, ~needed))
    return order[: max(MOST_HISTORIES, int(needed.sum()))]
