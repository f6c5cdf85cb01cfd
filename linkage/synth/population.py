"""A whole population as numbers: who people are and what every agency wrote, before it is text.

People are drawn in chunks of CHUNK_PEOPLE, each from a random stream of its own, so that the
result is the same on any number of threads. What is kept of a row takes some fifty bytes; it
becomes text when its file is written (`blocks`), so that memory holds no file as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from linkage.errors import InputError
from linkage.synth import identifiers
from linkage.synth.aliases import AliasTable, make_aliases
from linkage.synth.capture import Chunk, Rows, capture
from linkage.synth.dates import FIRST_YEAR
from linkage.synth.draws import Bytes, Ints, Shorts, Texts, stream
from linkage.synth.events import Events, draw_delays, draw_events
from linkage.synth.geography import load_geography
from linkage.synth.histories import make_episodes, make_homes
from linkage.synth.people import HOME_NAMES, make_people
from linkage.synth.profile import AGENCIES, Profile
from linkage.synth.tables import load_names
from linkage.synth.views import LAYOUTS
from linkage.synth.vocabulary import Vocabulary

CHUNK_PEOPLE = 16_384
MOST_PEOPLE = 10_000_000
#: Years in which a first identifier is given.
_FIRST_ARREST_AGE, _THIS_YEAR = 10, 2023
# Places in the seed's tree of random streams: chunks are (0, n), what spans chunks is (1, ...), and
# events, on which nothing else depends, are (2, n).
_CHUNKS, WHOLE, _EVENTS = 0, 1, 2
#: The group labels of the truth file.
GROUPS = ("origin", "sex", "age_band", "homeless", "born_abroad", "household", "arrests")
_AGE_BANDS = ("65+", "50-64", "35-49", "25-34", "under 25")
_BORN_BY = (1959, 1974, 1989, 1999)
_RECORD_LENGTHS, _EPISODES_FROM = ("1", "2-4", "5+"), (2, 5)

Progress = Callable[[int, int], None]
Table = TypeVar("Table")


@dataclass(frozen=True)
class Register:
    """One row a person: int32[n] codes of names, `dob` in days, and `lead` of the household.

    `year` int16[n] is that of the first arrest; `groups` int8[n, 7] holds places in the labels of
    `group_labels`.
    """

    forename: Ints
    middle: Ints
    surname: Ints
    dob: Ints
    lead: Ints
    year: Shorts
    groups: Bytes


@dataclass(frozen=True)
class Numbers:
    """Serial numbers int32[n] that a person has once, and keys that permute others."""

    pnc: Ints
    cro: Ints
    noms_key: int
    crn_key: int
    person_key: int


@dataclass(frozen=True)
class Population:
    """People and the rows that each agency has of them.

    Persons and aliases count from 0 through all chunks; `episode` of the rows through one.
    """

    seed: int
    profile: Profile
    register: Register
    aliases: AliasTable
    rows: dict[str, Rows]
    events: dict[str, Events]
    numbers: Numbers
    names: Vocabulary
    postcodes: Vocabulary

    def __len__(self) -> int:
        return self.register.dob.size


@dataclass
class _Drawn:
    """One chunk; the tables as dictionaries, whose arrays are let go as they are put together."""

    register: dict[str, Any]
    aliases: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    events: dict[str, dict[str, Any]]
    names: Texts
    postcodes: Texts


def populate(
    people: int,
    seed: int,
    profile: Profile,
    *,
    threads: int = 1,
    views: Sequence[str] = AGENCIES[:3],
    progress: Progress = lambda done, total: None,
) -> Population:
    """Draw a population.

    Parameters
    ----------
    people : int
        How many people are known to at least one of police, court and prison; 1 to 10,000,000.
    seed : int
        Not negative.
    profile : Profile
        Every rate.
    threads : int
        How many chunks are drawn at a time.
    views : sequence of str
        Which agencies record them, of police, court, prison and probation.
    progress
        Told of people done and all people.

    Raises
    ------
    InputError
        A number or a name out of its range.
    """
    _check(people, seed, threads, views)
    sizes = [min(CHUNK_PEOPLE, people - start) for start in range(0, people, CHUNK_PEOPLE)]
    fixed = load_names(tuple(profile.origins)).names, _all_postcodes()

    def draw(chunk: int) -> _Drawn:
        return _draw_chunk(seed, chunk, sizes[chunk], profile, views)

    drawn = []
    starts = np.zeros(4, np.int32)
    for chunk in _in_threads(draw, len(sizes), threads):
        _renumber(chunk, starts, (fixed[0].size, fixed[1].size))
        counts = (chunk.register["dob"], chunk.aliases["dob"], chunk.names, chunk.postcodes)
        starts += np.array([one.size for one in counts], np.int32)
        drawn.append(chunk)
        progress(int(starts[0]), people)
    return _assemble(drawn, seed, profile, views, fixed)


def _in_threads(draw: Callable[[int], _Drawn], count: int, threads: int) -> Iterator[_Drawn]:
    """Draw all chunks and give them in order; who stops listening stops the drawing too."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(draw, range(count))
    finally:
        pool.shutdown(cancel_futures=True)


def _check(people: int, seed: int, threads: int, views: Sequence[str]) -> None:
    if not 1 <= people <= MOST_PEOPLE:
        raise InputError(f"people must be from 1 to {MOST_PEOPLE:,}, not {people}")
    if seed < 0:
        raise InputError(f"seed must be 0 or more, not {seed}")
    if threads < 1:
        raise InputError(f"threads must be 1 or more, not {threads}")
    unknown = [view for view in views if view not in LAYOUTS]
    if unknown or not views:
        raise InputError(f"views must be some of {', '.join(LAYOUTS)}, not {unknown or 'none'}")


def group_labels(profile: Profile) -> dict[str, Texts]:
    """Give the labels of each of GROUPS, in the order of their numbers."""
    labels = {
        "origin": tuple(profile.origins),
        "sex": ("M", "F"),
        "age_band": _AGE_BANDS,
        "homeless": ("no", "yes"),
        "born_abroad": ("no", "yes"),
        "household": HOME_NAMES,
        "arrests": _RECORD_LENGTHS,
    }
    return {group: np.array(labels[group], object) for group in GROUPS}


def _all_postcodes() -> Texts:
    return np.concatenate([np.array([""], object), load_geography().postcodes])


def draw_people(rng: np.random.Generator, count: int, profile: Profile) -> tuple[Chunk, Ints]:
    """Draw people in households, all that agencies may know of them, and years of first arrest."""
    tables, geography = load_names(tuple(profile.origins)), load_geography()
    names = Vocabulary(tables.names)
    people = make_people(rng, count, profile, tables, names)
    episodes = make_episodes(rng, people, profile)
    chunk = Chunk(
        people=people,
        episodes=episodes,
        homes=make_homes(rng, people, profile, geography),
        aliases=make_aliases(rng, people, episodes.count, profile, tables, names),
        tables=tables,
        geography=geography,
        names=names,
        postcodes=Vocabulary(_all_postcodes()),
        profile=profile,
    )
    age = rng.gamma(2.0, 5.0, count).astype(np.int32) + _FIRST_ARREST_AGE
    return chunk, np.minimum(people.dob // 365.25 + FIRST_YEAR + age, _THIS_YEAR).astype(int)


def _draw_chunk(
    seed: int, number: int, count: int, profile: Profile, views: Sequence[str]
) -> _Drawn:
    chunk, year = draw_people(stream(seed, _CHUNKS, number), count, profile)
    # Every agency has a stream of its own, so that asking for probation changes no other file.
    captured = {
        view: capture(stream(seed, _CHUNKS, number, AGENCIES.index(view)), chunk, view)
        for view in views
    }
    delays = draw_delays(stream(seed, _EVENTS, number), chunk)
    rows, events = {}, {}
    for view, one in captured.items():
        rng = stream(seed, _EVENTS, number, AGENCIES.index(view))
        rows[view] = dict(vars(one))
        events[view] = dict(vars(draw_events(rng, chunk, one, delays, view)))
    people = chunk.people
    register = {
        "forename": people.forename,
        "middle": people.middle,
        "surname": people.surname,
        "dob": people.dob,
        "lead": people.lead,
        "year": year.astype(np.int16),
        "groups": _groups(chunk),
    }
    aliases = dict(vars(chunk.aliases))
    named = [register, aliases, *rows.values()]
    return _Drawn(
        register=register,
        aliases=aliases,
        rows=rows,
        events=events,
        names=_pack(chunk.names, named, ("forename", "middle", "surname")),
        postcodes=_pack(chunk.postcodes, list(rows.values()), ("postcode",)),
    )


def _groups(chunk: Chunk) -> Bytes:
    people = chunk.people
    columns = {
        "origin": people.origin,
        "sex": people.woman,
        "age_band": np.digitize(people.dob // 365.25 + FIRST_YEAR, _BORN_BY),
        "homeless": people.homeless,
        "born_abroad": people.born_abroad,
        "household": people.home,
        "arrests": np.digitize(chunk.episodes.count, _EPISODES_FROM),
    }
    return np.stack([columns[group].astype(np.int8) for group in GROUPS], axis=1)


def _pack(words: Vocabulary, tables: Sequence[dict[str, Any]], names: Sequence[str]) -> Texts:
    """Renumber columns such that only spellings in use are kept; gives those."""
    places = [(table, name) for table in tables for name in names if name in table]
    columns, kept = words.packed([table[name] for table, name in places])
    for (table, name), column in zip(places, columns, strict=True):
        table[name] = column
    return kept


def _renumber(chunk: _Drawn, starts: Ints, fixed: tuple[int, int]) -> None:
    """Let a chunk's persons, aliases and new spellings count on from those of chunks before."""
    person, alias, names, postcodes = starts
    chunk.register["lead"] = chunk.register["lead"] + person
    chunk.aliases["person"] = chunk.aliases["person"] + person
    chunk.aliases["starts"] = chunk.aliases["starts"][:-1] + alias
    for rows in chunk.rows.values():
        rows["person"] = rows["person"] + person
        rows["alias"] = np.where(rows["alias"] >= 0, rows["alias"] + alias, rows["alias"])
        rows["postcode"] = rows["postcode"] + postcodes * (rows["postcode"] >= fixed[1])
    for table in (chunk.register, chunk.aliases, *chunk.rows.values()):
        for name in ("forename", "middle", "surname"):
            if name in table:
                table[name] = table[name] + names * (table[name] >= fixed[0])


def _assemble(
    drawn: Sequence[_Drawn],
    seed: int,
    profile: Profile,
    views: Sequence[str],
    fixed: tuple[Texts, Texts],
) -> Population:
    keys = [int(k) for k in stream(seed, WHOLE).integers(1, 2**62, 6)]
    register = _joined(Register, [one.register for one in drawn])
    total = sum(one.aliases["dob"].size for one in drawn)
    drawn[-1].aliases["starts"] = np.append(drawn[-1].aliases["starts"], np.int32(total))
    return Population(
        seed=seed,
        profile=profile,
        register=register,
        aliases=_joined(AliasTable, [one.aliases for one in drawn]),
        rows={view: _joined(Rows, [one.rows[view] for one in drawn]) for view in views},
        events={view: _joined(Events, [one.events[view] for one in drawn]) for view in views},
        numbers=Numbers(
            pnc=identifiers.pnc_serials(register.year, keys[0]),
            cro=identifiers.cro_serials(register.year, keys[1]),
            noms_key=keys[2],
            crn_key=keys[3],
            person_key=keys[4],
        ),
        names=Vocabulary(np.concatenate([fixed[0], *(one.names for one in drawn)])),
        postcodes=Vocabulary(np.concatenate([fixed[1], *(one.postcodes for one in drawn)])),
    )


def _joined(kind: type[Table], parts: Sequence[dict[str, Any]]) -> Table:
    """Put tables of one kind end to end, column by column, and let the parts go."""
    names = [one.name for one in fields(kind)]  # type: ignore[arg-type]  # all are dataclasses
    return kind(**{name: np.concatenate([part.pop(name) for part in parts]) for name in names})
