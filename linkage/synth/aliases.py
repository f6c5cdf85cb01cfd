"""The other names and dates of birth that people give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from linkage.synth.dates import another_day
from linkage.synth.draws import Ints, hits, pick
from linkage.synth.people import Home, People
from linkage.synth.profile import Profile
from linkage.synth.rates import Aliases
from linkage.synth.tables import ERA_START, ERA_YEARS, ERAS, NameTables
from linkage.synth.typos import KINDS as SLIPS
from linkage.synth.typos import spoil
from linkage.synth.vocabulary import Vocabulary

#: In the order of the shares of the profile's [aliases].
KINDS = (
    "nickname", "respelling", "anglicised", "surname_change", "swapped", "false_dob", "borrowed",
    "invented",
)  # fmt: skip
_NICKNAME, _RESPELLING, _ANGLICISED, _CHANGE, _SWAPPED, _FALSE_DOB, _BORROWED, _INVENTED = range(8)
_MOST = 6
#: Shares of the kinds of slip when a name is written as it sounds.
_BY_EAR = [float(kind == "phonetic") for kind in SLIPS]


@dataclass(frozen=True)
class AliasTable:
    """One row an alias, a person's rows side by side: those from starts[p] to starts[p + 1].

    `person`, `kind` (a place in KINDS), `forename`, `surname` and `dob` are int32[a]; `starts`
    is int32[n + 1].
    """

    person: Ints
    kind: Ints
    forename: Ints
    surname: Ints
    dob: Ints
    starts: Ints

    def draw(self, rng: np.random.Generator, person: Ints, rate: float) -> Ints:
        """Which alias each record is made under; -1 for the person's own name."""
        count = self.starts[person + 1] - self.starts[person]
        which = self.starts[person] + (rng.random(person.size) * count).astype(np.int32)
        under = (count > 0) & hits(rng, rate, person.size)
        return np.where(under, which, -1).astype(np.int32)


def make_aliases(
    rng: np.random.Generator,
    people: People,
    episodes: Ints,
    profile: Profile,
    tables: NameTables,
    words: Vocabulary,
) -> AliasTable:
    """Draw aliases; people with long records have more (`episodes` int32[n])."""
    rates = profile.aliases
    mean = rates.per_person * episodes**rates.growth
    counts = np.minimum(rng.poisson(mean), _MOST)
    person = np.repeat(np.arange(len(people), dtype=np.int32), counts)
    kind = pick(rng, [getattr(rates, name) for name in KINDS], person.size)
    kind = _possible(kind, person, people, tables)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    forename, surname, dob = people.forename[person], people.surname[person], people.dob[person]
    for name, number in (("nickname", _NICKNAME), ("anglicised", _ANGLICISED)):
        other = tables.variants[name].draw(rng, people.forename[person])
        forename = np.where(kind == number, other, forename)
    forename, surname = _respelt(rng, person, kind, forename, surname, people, tables, words)
    swap = kind == _SWAPPED
    forename, surname = np.where(swap, surname, forename), np.where(swap, forename, surname)
    dob = np.where(kind == _FALSE_DOB, another_day(rng, dob), dob)
    forename, surname, dob = _others(
        rng, person, kind, forename, surname, dob, people, tables, rates
    )
    return AliasTable(person, kind, forename, surname, dob, starts)


def _possible(kind: Ints, person: Ints, people: People, tables: NameTables) -> Ints:
    """Put a kind that a person can have for one that they cannot."""
    forename = people.forename[person]
    for number, name in ((_NICKNAME, "nickname"), (_ANGLICISED, "anglicised")):
        lacks = (kind == number) & ~tables.variants[name].has(forename)
        kind = np.where(lacks, _RESPELLING, kind)
    # Men seldom change surname, but a child may bear its mother's: half stay as drawn.
    keeps = (kind == _CHANGE) & ~people.woman[person] & (np.arange(person.size) % 2 == 0)
    kind = np.where(keeps, _RESPELLING, kind)
    return np.where((kind == _BORROWED) & (people.size[person] == 1), _INVENTED, kind)


def _respelt(
    rng: np.random.Generator,
    person: Ints,
    kind: Ints,
    forename: Ints,
    surname: Ints,
    people: People,
    tables: NameTables,
    words: Vocabulary,
) -> tuple[Ints, Ints]:
    """Respell the forename, the surname or both; by ear where the tables have no spelling."""
    spellings = tables.variants["respelling"]
    respell = kind == _RESPELLING
    first_surname = people.first_surname[person]
    in_forename = respell & spellings.has(forename)
    in_surname = respell & spellings.has(first_surname)
    one = hits(rng, 0.5, person.size) & in_forename & in_surname
    forename = np.where(in_forename & ~one, spellings.draw(rng, forename), forename)
    respelt = spellings.draw(rng, first_surname)
    only = in_surname & (~in_forename | one | hits(rng, 0.3, person.size))
    surname = np.where(only, respelt, surname)
    by_ear = np.flatnonzero(respell & ~in_forename & ~in_surname)
    words.rewrite(surname, by_ear, partial(spoil, rng, shares=_BY_EAR))
    return forename, surname


def _others(
    rng: np.random.Generator,
    person: Ints,
    kind: Ints,
    forename: Ints,
    surname: Ints,
    dob: Ints,
    people: People,
    tables: NameTables,
    rates: Aliases,
) -> tuple[Ints, Ints, Ints]:
    """Maiden names, names borrowed from somebody of the household, and invented ones."""
    origin, woman = people.origin[person], people.woman[person]
    era = np.clip((people.dob[person] / 365.25 + 1900 - ERA_START) // ERA_YEARS, 0, ERAS - 1)
    drawn = tables.surnames.draw(rng, origin)
    maiden = people.birth_surname[person]
    married = maiden != people.first_surname[person]
    surname = np.where(kind == _CHANGE, np.where(married, maiden, drawn), surname)
    new = tables.forenames.draw(rng, (origin * 2 + woman) * ERAS + era)
    invented = kind == _INVENTED
    forename = np.where(invented, new, forename)
    surname = np.where(invented & hits(rng, rates.invented_surname, person.size), drawn, surname)
    dob = np.where(
        invented & hits(rng, rates.invented_dob, person.size), another_day(rng, dob), dob
    )
    lender = people.lead[person] + (people.position[person] + 1) % people.size[person]
    borrowed = kind == _BORROWED
    # A namesake's name is one's own: what a son borrows from his father is the date of birth.
    forename = np.where(borrowed, people.forename[lender], forename)
    surname = np.where(borrowed, people.surname[lender], surname)
    takes_dob = hits(rng, rates.borrowed_dob, person.size)
    takes_dob |= people.home[person] == Home.NAMESAKES
    return forename, surname, np.where(borrowed & takes_dob, people.dob[lender], dob)
