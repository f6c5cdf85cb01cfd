"""A chunk of people in households: who they are before any agency writes them down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from linkage.synth.dates import FIRST_YEAR, LAST_YEAR, day_number
from linkage.synth.draws import Bools, Floats, Ints, hits, pick
from linkage.synth.profile import Profile
from linkage.synth.tables import ERA_START, ERA_YEARS, ERAS, NameTables
from linkage.synth.vocabulary import Vocabulary

_MAX_HOUSEHOLD = 4
_REDRAWS = 12


class Home(IntEnum):
    """How the people of a household belong together, in the order of the profile's shares."""

    ALONE = 0
    COUPLE = 1
    SIBLINGS = 2
    TWINS = 3
    NAMESAKES = 4
    PARENT_CHILD = 5
    SHARERS = 6


HOME_NAMES = ("alone", "couple", "siblings", "twins", "namesakes", "parent_child", "sharers")
_FAMILY = (Home.SIBLINGS, Home.TWINS, Home.NAMESAKES, Home.PARENT_CHILD)


@dataclass(frozen=True)
class People:
    """One chunk of n people; the people of a household stand side by side.

    All arrays have length n. Names are codes of the chunk's vocabulary; `surname` is what the
    person goes by (two surnames joined where `second` is not 0), `first_surname` its first part,
    `birth_surname` a married woman's own. `dob` counts days from 1900-01-01. `lead` is the index
    of the first person of the household and `size` how many of it there are. `mess` multiplies the
    error rates of a person's records (mean 1), and whose `fingerprinted` (0 to 1) lies below an
    agency's rate has a CRO number there.
    """

    origin: Ints
    woman: Bools
    forename: Ints
    middle: Ints
    surname: Ints
    first_surname: Ints
    birth_surname: Ints
    dob: Ints
    born_abroad: Bools
    homeless: Bools
    home: Ints
    lead: Ints
    position: Ints
    size: Ints
    mess: Floats
    fingerprinted: Floats

    def __len__(self) -> int:
        return self.origin.size


@dataclass(frozen=True)
class _Households:
    home: Ints
    lead: Ints
    position: Ints
    size: Ints

    @property
    def family(self) -> Bools:
        return np.isin(self.home, _FAMILY)


def make_people(
    rng: np.random.Generator, count: int, profile: Profile, tables: NameTables, words: Vocabulary
) -> People:
    """Draw `count` people; `words` gets the names that are put together from two."""
    house = _households(rng, count, profile)
    origin = _origins(rng, house, profile)
    woman = _sexes(rng, house, profile)
    born_abroad = hits(rng, _by_origin(profile, "born_abroad")[origin], count)
    year, dob = _births(rng, house, born_abroad, profile)
    era = np.clip((year - ERA_START) // ERA_YEARS, 0, ERAS - 1)
    forename = _forenames(rng, house, (origin * 2 + woman) * ERAS + era, profile, tables)
    surname, first, birth = _surnames(rng, house, origin, woman, profile, tables, words)
    shape = 1 / max(profile.population.unevenness, 1e-3) ** 2
    return People(
        origin=origin,
        woman=woman,
        forename=forename,
        middle=_middles(rng, origin * 2 + woman, origin, profile, tables, words),
        surname=surname,
        first_surname=first,
        birth_surname=birth,
        dob=dob,
        born_abroad=born_abroad,
        homeless=hits(rng, profile.population.homeless, count),
        home=house.home,
        lead=house.lead,
        position=house.position,
        size=house.size,
        mess=rng.gamma(shape, 1 / shape, count),
        fingerprinted=rng.random(count),
    )


def _by_origin(profile: Profile, rate: str) -> Floats:
    return np.array([getattr(origin, rate) for origin in profile.origins.values()])


def _households(rng: np.random.Generator, count: int, profile: Profile) -> _Households:
    """Draw households until they hold `count` people, and cut the last one there."""
    rates = profile.households
    home = pick(rng, [getattr(rates, name) for name in HOME_NAMES], count)
    size = np.where(home == Home.ALONE, 1, 2)
    grows = np.isin(home, (Home.SIBLINGS, Home.SHARERS, Home.TWINS))
    size += np.where(grows, rng.binomial(_MAX_HOUSEHOLD - 2, rates.larger, count), 0)
    ends = np.cumsum(size)
    number = np.repeat(np.arange(count), size)[:count]
    lead = (ends - size)[number].astype(np.int32)
    size = np.minimum(size[number], count - lead).astype(np.int32)
    position = np.arange(count, dtype=np.int32) - lead
    # Who was left alone by the cut lives alone.
    return _Households(np.where(size > 1, home[number], Home.ALONE), lead, position, size)


def _origins(rng: np.random.Generator, house: _Households, profile: Profile) -> Ints:
    own = pick(rng, [o.share for o in profile.origins.values()], house.lead.size)
    rates = profile.households
    chance = np.where(house.home == Home.SHARERS, rates.sharers_mixed, rates.mixed)
    mixed = hits(rng, chance, house.lead.size)
    alike = house.family | ~mixed
    return np.where(alike, own[house.lead], own)


def _sexes(rng: np.random.Generator, house: _Households, profile: Profile) -> Bools:
    woman = hits(rng, profile.population.women, house.lead.size)
    same = hits(rng, profile.households.twins_same_sex, house.lead.size)
    second = house.position == 1
    woman = np.where((house.home == Home.TWINS) & second & same, woman[house.lead], woman)
    woman = np.where((house.home == Home.COUPLE) & second, ~woman[house.lead], woman)
    return np.where(house.home == Home.NAMESAKES, False, woman)


def _births(
    rng: np.random.Generator, house: _Households, born_abroad: Bools, profile: Profile
) -> tuple[Ints, Ints]:
    """Years and days of birth."""
    count = house.lead.size
    rates = profile.population
    year = rng.normal(rates.birth_year, rates.birth_spread, count)
    lead = year[house.lead]
    apart = rng.uniform(1.2, 4.5, count) * house.position
    apart *= np.where(rng.random(count) < 0.5, 1, -1)
    for home, other in (
        (Home.COUPLE, lead + rng.normal(0, 3.5, count)),
        (Home.SHARERS, lead + rng.normal(0, 7, count)),
        (Home.SIBLINGS, lead + apart),
        (Home.TWINS, lead + np.where(house.position == 1, 0, apart)),
        (Home.NAMESAKES, lead - rng.uniform(18, 38, count)),
        (Home.PARENT_CHILD, lead - rng.uniform(17, 40, count)),
    ):
        year = np.where((house.home == home) & (house.position > 0), other, year)
    # Nobody is too young to have come to notice: who would be is as much older.
    year = np.where(year > LAST_YEAR, 2 * LAST_YEAR - year, year)
    whole = np.clip(year, FIRST_YEAR + 25, LAST_YEAR).astype(np.int32)
    day = rng.integers(1, 366, count)
    day = np.where(born_abroad & hits(rng, rates.first_january_abroad, count), 1, day)
    twin = (house.home == Home.TWINS) & (house.position == 1)
    day = np.where(twin, day[house.lead], day)
    ones = np.ones(count, np.int32)
    return whole, (day_number(whole, ones, ones) + day - 1).astype(np.int32)


def _forenames(
    rng: np.random.Generator, house: _Households, group: Ints, profile: Profile, tables: NameTables
) -> Ints:
    forename = tables.forenames.draw(rng, group)
    son = (house.home == Home.NAMESAKES) & (house.position == 1)
    forename = np.where(son, forename[house.lead], forename)
    alike = (house.home == Home.TWINS) & (house.position == 1)
    alike &= hits(rng, profile.households.twins_alike, house.lead.size)
    siblings = np.isin(house.home, (Home.SIBLINGS, Home.TWINS)) & (house.position > 0)
    for _ in range(_REDRAWS):
        wrong = siblings & _as_an_elder(house, forename)
        wrong |= alike & (tables.initial[forename] != tables.initial[forename[house.lead]])
        again = np.flatnonzero(wrong)
        if not again.size:
            break
        forename[again] = tables.forenames.draw(rng, group[again])
    return forename


def _as_an_elder(house: _Households, forename: Ints) -> Bools:
    """Whether somebody who comes before a person in the household has the same forename."""
    found = np.zeros(forename.size, bool)
    for place in range(_MAX_HOUSEHOLD - 1):
        elder = np.minimum(house.lead + place, forename.size - 1)
        found |= (place < house.position) & (forename[elder] == forename)
    return found


def _surnames(
    rng: np.random.Generator,
    house: _Households,
    origin: Ints,
    woman: Bools,
    profile: Profile,
    tables: NameTables,
    words: Vocabulary,
) -> tuple[Ints, Ints, Ints]:
    """Surname gone by, its first part, and the surname at birth."""
    count = origin.size
    first = tables.surnames.draw(rng, origin)
    second = np.where(
        hits(rng, _by_origin(profile, "double_surname")[origin], count),
        tables.surnames.draw(rng, origin),
        0,
    )
    first = np.where(house.family, first[house.lead], first)
    second = np.where(house.family, second[house.lead], second)
    own = np.where(woman, tables.female[first], first)
    partner = np.where(house.position == 0, house.lead + 1, house.lead)
    partner = np.where(house.home == Home.COUPLE, partner, 0)
    married = (house.home == Home.COUPLE) & woman
    married &= hits(rng, profile.households.married_name, count)
    gone_by = np.where(married, tables.female[first[partner]], own)
    second = np.where(married, second[partner], second)
    return _joined(gone_by, second, origin, profile, words), gone_by, own


def _joined(first: Ints, second: Ints, origin: Ints, profile: Profile, words: Vocabulary) -> Ints:
    """Join two surnames: with a space where the Portuguese do, with a hyphen elsewhere."""
    both = np.flatnonzero((second > 0) & (second != first))
    spaced = np.array([name == "portuguese" for name in profile.origins])
    mark = np.where(spaced[origin[both]], " ", "-").astype(object)
    surname = first.copy()
    ending = mark + words.text(second[both])
    words.rewrite(surname, both, lambda text: np.asarray(text + ending))
    return surname


def _middles(
    rng: np.random.Generator,
    group: Ints,
    origin: Ints,
    profile: Profile,
    tables: NameTables,
    words: Vocabulary,
) -> Ints:
    """Middle names, 0 where there is none; two of them are one text."""
    count = origin.size
    present = hits(rng, _by_origin(profile, "middle_name")[origin], count)
    middle = np.where(present, tables.middle_names.draw(rng, group), 0)
    two = present & hits(rng, profile.population.second_middle_name, count)
    more = tables.middle_names.draw(rng, group)
    rows = np.flatnonzero(two & (more != middle))
    ending = words.text(more[rows])
    words.rewrite(middle, rows, lambda text: np.asarray(text + " " + ending))
    return middle
