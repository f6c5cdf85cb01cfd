"""Who is known to which agency, when they came to its notice, and where they lived then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.synth.draws import Bools, Floats, Ints, hits, pick
from linkage.synth.geography import FLATS, HOSTEL, HOUSES, UNITS, Geography
from linkage.synth.people import Home, People
from linkage.synth.profile import AGENCIES, Profile

#: Shares of the profile's [overlap], in order, and which of police, court, prison each means.
_PATTERNS = (
    "police", "court", "prison", "police_court", "police_prison", "court_prison",
    "police_court_prison",
)  # fmt: skip
_KNOWN = np.array([[agency in p.split("_") for agency in AGENCIES[:3]] for p in _PATTERNS])
#: Addresses kept for a person: the first home and the moves after it.
ADDRESSES = 5
_MAX_EXTRA = 40


@dataclass(frozen=True)
class Episodes:
    """Every time a person came to notice: `person` int32[e], rising; `time` float64[e] in years.

    `count` int32[n] is the number of episodes of each person and `known` bool[n, 4] which of
    AGENCIES hold a record of them at all.
    """

    person: Ints
    time: Floats
    count: Ints
    known: Bools


@dataclass(frozen=True)
class Homes:
    """Addresses of n people: `unit` and `house` int32[n, ADDRESSES], moved into at `since`.

    `since` float64[n, ADDRESSES - 1] holds when the second and later ones began, in years.
    """

    unit: Ints
    house: Ints
    since: Floats

    def at(self, person: Ints, time: Floats) -> tuple[Ints, Ints]:
        """Postcode unit and house where each person lived at that time."""
        which = (self.since[person] <= time[:, None]).sum(axis=1)
        return self.unit[person, which], self.house[person, which]


def make_episodes(rng: np.random.Generator, people: People, profile: Profile) -> Episodes:
    """Draw what brought each person to notice."""
    count = len(people)
    overlap = profile.overlap
    pattern = pick(rng, [getattr(overlap, name) for name in _PATTERNS], count)
    known = _KNOWN[pattern]
    in_prison = known[:, 2]
    chance = np.where(in_prison, overlap.probation_after_prison, overlap.probation_otherwise)
    rates = profile.episodes
    means = np.array([rates.extra_one, rates.extra_two, rates.extra_three])
    shape = 1 / max(rates.dispersion, 1e-3) ** 2
    mean = means[known.sum(axis=1) - 1] * rng.gamma(shape, 1 / shape, count)
    episodes = 1 + np.minimum(rng.poisson(mean), _MAX_EXTRA).astype(np.int32)
    person = np.repeat(np.arange(count, dtype=np.int32), episodes)
    return Episodes(
        person=person,
        time=rng.random(person.size) * rates.years,
        count=episodes,
        known=np.column_stack([known, hits(rng, chance, count)]),
    )


def recorded(rng: np.random.Generator, episodes: Episodes, agency: int, coverage: float) -> Ints:
    """Choose the episodes of which an agency holds a record: one or more a known person."""
    known = episodes.known[:, agency]
    kept = known[episodes.person] & hits(rng, coverage, episodes.person.size)
    first = np.cumsum(episodes.count) - episodes.count
    lacking = known & (np.bincount(episodes.person[kept], minlength=known.size) == 0)
    kept[first[lacking]] = True
    return np.flatnonzero(kept).astype(np.int32)


def make_homes(
    rng: np.random.Generator, people: People, profile: Profile, geography: Geography
) -> Homes:
    """Draw where people lived: a household shares its first home; then everyone moves alone."""
    count = len(people)
    rates = profile.moves
    shape = (count, ADDRESSES)
    outcode = np.empty(shape, np.int32)
    unit, house = np.empty(shape, np.int32), np.empty(shape, np.int32)
    outcode[:, 0] = geography.anywhere.draw_one(rng, count)
    unit[:, 0] = geography.unit_in(rng, outcode[:, 0])
    house[:, 0] = _houses(rng, count, rates.flats)
    together = people.home != Home.ALONE
    for array in (outcode, unit, house):
        array[:, 0] = np.where(together, array[people.lead, 0], array[:, 0])
    for k in range(1, ADDRESSES):
        outcode[:, k] = _next_outcode(rng, outcode[:, k - 1], profile, geography)
        unit[:, k] = geography.unit_in(rng, outcode[:, k])
        house[:, k] = _houses(rng, count, rates.flats)
    unit = np.where(people.homeless[:, None], outcode * UNITS + HOSTEL, unit)
    house = np.where(people.homeless[:, None], 1, house)
    mobility = rng.gamma(0.8, 1 / 0.8, count) * rates.per_year
    mobility *= np.where(people.homeless, profile.groups.homeless_addresses, 1.0)
    gaps = rng.exponential(1.0, (count, ADDRESSES - 1)) / np.maximum(mobility, 1e-9)[:, None]
    return Homes(unit, house, np.cumsum(gaps, axis=1))


def _houses(rng: np.random.Generator, count: int, flats: float) -> Ints:
    """House numbers, low ones more often; some are flats."""
    number = 1 + (rng.beta(1.1, 2.2, count) * HOUSES).astype(np.int32)
    flat = HOUSES + 1 + rng.integers(0, FLATS, count)
    return np.where(rng.random(count) < flats, flat, np.minimum(number, HOUSES)).astype(np.int32)


def _next_outcode(
    rng: np.random.Generator, outcode: Ints, profile: Profile, geography: Geography
) -> Ints:
    rates = profile.moves
    count = outcode.size
    near = geography.in_area.draw(rng, geography.area[outcode])
    far = geography.anywhere.draw_one(rng, count)
    moved = np.where(hits(rng, rates.same_area, count), near, far)
    return np.where(hits(rng, rates.same_outcode, count), outcode, moved)
