"""Small runs with a truth, drawn by hypothesis, and plain loops over them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from linkage.model import Pairs

STRENGTHS = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Run:
    """Truths of two data sets as lists, and by pair of data sets pairs with status and strength."""

    truth: list[list[int]]
    found: dict[tuple[int, int], dict[tuple[int, int], tuple[str, float]]]

    def tables(self, status: str) -> list[Pairs]:
        return [
            pairs_of(place, [(*pair, s) for pair, (kind, s) in found.items() if kind == status])
            for place, found in self.found.items()
        ]

    def arrays(self) -> list[np.ndarray]:
        return [np.array(one, np.int64) for one in self.truth]

    def all_pairs(self, place):
        left, right = (range(len(self.truth[one])) for one in place)
        return [
            pair
            for pair in itertools.product(left, right)
            if place[0] != place[1] or pair[0] < pair[1]
        ]

    def people(self, place, pair):
        return self.truth[place[0]][pair[0]], self.truth[place[1]][pair[1]]

    def is_match(self, place, pair):
        one, other = self.people(place, pair)
        return one == other != -1

    def status(self, place, pair):
        return self.found[place].get(pair, ("neither", 0.0))

    def judged(self):
        """Every pair that counts: place, pair, match, status, strength."""
        for place in self.found:
            for pair in self.all_pairs(place):
                status, strength = self.status(place, pair)
                match = self.is_match(place, pair)
                if -1 not in self.people(place, pair) and (match or status != "neither"):
                    yield place, pair, match, status, strength


def pairs_of(place, rows) -> Pairs:
    columns = np.array(rows, float).reshape(-1, 3)
    strength = columns[:, 2]
    return Pairs(
        *place, columns[:, 0].astype(int), columns[:, 1].astype(int), strength, strength, strength
    )


@st.composite
def runs(draw, people: int = 4) -> Run:
    """Two data sets, linked with each other, and perhaps the first within itself."""
    truths = [draw(st.lists(st.integers(-1, people - 1), min_size=1, max_size=6)) for _ in "ab"]
    run = Run(truths, {})
    for place in [(0, 1), (0, 0)][: draw(st.integers(1, 2))]:
        status = st.sampled_from(["neither", "neither", "link", "link", "review"])
        found = {
            pair: (draw(status), draw(st.sampled_from(STRENGTHS))) for pair in run.all_pairs(place)
        }
        run.found[place] = {pair: one for pair, one in found.items() if one[0] != "neither"}
    return run
