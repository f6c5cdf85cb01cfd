"""What is known of persons by year: which data sets, or types of event, in which order.

Of an event only its year is known, so that two events of one year are neither before nor after
each other. Everything here keeps to that: `later` always means in a later year.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
#: Where a person was never known.
NEVER = 0


@dataclass(frozen=True)
class Histories:
    """Events of persons at stages, each (person, year, stage) once, in this order.

    `person`, `year` and `stage` are `int64[events]`; persons are below `persons` and stages below
    `stages`. A stage is a data set, or a type of event.
    """

    person: Longs
    year: Longs
    stage: Longs
    persons: int
    stages: int

    @classmethod
    def of(
        cls, person: Longs, year: Longs, stage: Longs, *, persons: int, stages: int
    ) -> Histories:
        """Put events in order, and drop repeats. Years are from 1 to 65535, stages below 256."""
        whole = np.unique(person.astype(np.int64) << 24 | year.astype(np.int64) << 8 | stage)
        return cls(whole >> 24, whole >> 8 & 0xFFFF, whole & 0xFF, persons, stages)

    @cached_property
    def first(self) -> Longs:
        """The first year of each person at each stage, `int64[persons, stages]`, or `NEVER`."""
        first = np.full((self.persons, self.stages), np.iinfo(np.int64).max)
        np.minimum.at(first, (self.person, self.stage), self.year)
        return np.where(first == np.iinfo(np.int64).max, NEVER, first)

    @cached_property
    def rank(self) -> Longs:
        """The place of each stage in the order of first years, `int64[persons, stages]`.

        It counts from 1, stages of one year have the same, and 0 is for those never reached.
        """
        rank = np.zeros_like(self.first)
        for other in range(self.stages):
            # Of stages that begin in one year only the first counts, so that ranks have no gaps.
            tied = (self.first[:, :other] == self.first[:, [other]]).any(axis=1)
            counts = self.known[:, other] & ~tied
            rank += counts[:, None] & (self.first[:, [other]] <= self.first)
        return np.where(self.known, rank, 0)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which persons are known at which stage, `bool[persons, stages]`."""
        known: NDArray[np.bool_] = self.first != NEVER
        return known

    def came_back(self) -> Longs:
        """List the persons with an event, later than all first ones, at other than the last stage.

        Who has reached all of their stages, and then is seen again at one of the earlier ones.
        """
        last_rank, last_year = self.rank.max(axis=1), self.first.max(axis=1)
        earlier_stage = self.rank[self.person, self.stage] < last_rank[self.person]
        again = self.year > last_year[self.person]
        return np.unique(self.person[earlier_stage & again])

    def steps(self) -> tuple[dict[tuple[int, int], Longs], dict[tuple[int, int], Longs]]:
        """List the persons that go from one stage to another, and those at two in one year.

        A person goes from every stage of a year to every stage of their next year with an event.
        """
        new = np.ones(len(self.person), bool)
        new[1:] = (np.diff(self.person) != 0) | (np.diff(self.year) != 0)
        group = np.cumsum(new) - 1
        at = np.zeros((int(new.sum()), self.stages), bool)
        at[group, self.stage] = True
        person = self.person[new]
        next_one = np.append(person[1:] == person[:-1], False)
        after = np.zeros_like(at)
        after[:-1] = at[1:]
        after[~next_one] = False
        places = [(a, b) for a in range(self.stages) for b in range(self.stages)]
        moves = {(a, b): np.unique(person[at[:, a] & after[:, b]]) for a, b in places}
        together = {(a, b): np.unique(person[at[:, a] & at[:, b]]) for a, b in places if a < b}
        return moves, together

    def gaps(self, start: int, target: int) -> Longs:
        """Give the years from a person's first event at one stage to the next later one at another.

        `int64[persons]`, 0 where there is none.
        """
        begun = self.first[:, start]
        gap = self.year - begun[self.person]
        counts = (self.stage == target) & (begun[self.person] != NEVER) & (gap > 0)
        least = np.full(self.persons, np.iinfo(np.int64).max)
        np.minimum.at(least, self.person[counts], gap[counts])
        return np.where(least == np.iinfo(np.int64).max, 0, least)

    def known_by_year(self, years: range) -> Longs:
        """Count the stages that a person with an event in a year has reached by then.

        `int64[persons, years]`, 0 in years without an event.
        """
        known = np.zeros((self.persons, len(years)), np.int64)
        inside = (self.year >= years.start) & (self.year < years.stop)
        known[self.person[inside], self.year[inside] - years.start] = 1
        for place, year in enumerate(years):
            known[:, place] *= (self.known & (self.first <= year)).sum(axis=1)
        return known
