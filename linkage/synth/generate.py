"""Make a synthetic population: agencies' files and the truth behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from linkage.errors import InputError
from linkage.synth import identifiers
from linkage.synth.aliases import KINDS, make_aliases
from linkage.synth.capture import (
    CRO_PLACEHOLDER,
    CRO_SHOWN,
    PNC_NONE,
    PNC_SHORT,
    PNC_WRONG,
    Chunk,
    Rows,
    capture,
)
from linkage.synth.dates import FIRST_YEAR, date_text
from linkage.synth.draws import Ints, Longs, Texts, stream
from linkage.synth.geography import load_geography
from linkage.synth.histories import make_episodes, make_homes
from linkage.synth.people import HOME_NAMES, make_people
from linkage.synth.profile import AGENCIES, Profile
from linkage.synth.tables import load_names
from linkage.synth.views import LAYOUTS, text_columns
from linkage.synth.vocabulary import Vocabulary

CHUNK_PEOPLE = 16_384
MOST_PEOPLE = 10_000_000
DEFAULT_VIEWS = ("police", "court", "prison")
#: Years in which a first identifier is given.
_FIRST_ARREST_AGE, _THIS_YEAR = 10, 2023
# Places in the seed's tree of random streams: chunks are (0, n), what spans chunks is (1, ...).
_CHUNKS, _WHOLE = 0, 1

Columns = dict[str, Texts]


@dataclass(frozen=True)
class SyntheticData:
    """Agencies' files and the truth.

    `views` holds a table per data set (column name -> object[rows] of str, '' for an empty
    cell). `truth` has the columns dataset, record_id, person_id, and then group columns, with one
    row for every row of every view. `people` has one row a person and `aliases` one row an alias
    (person_id, kind, forename, surname, dob): nobody's file, but what an aliases file or a table
    of hard negatives is made from. `under_alias` says of every row of a view which kind of alias
    it was made under, '' for none.
    """

    views: dict[str, Columns]
    truth: Columns
    people: Columns
    aliases: Columns
    under_alias: dict[str, Texts]


@dataclass(frozen=True)
class _Drawn:
    """One chunk as the agencies have it; `person` int32[rows] counts within the chunk."""

    text: dict[str, Columns]
    person: dict[str, Ints]
    pnc: dict[str, Ints]
    cro: dict[str, Ints]
    alias: dict[str, Texts]
    year: Ints
    people: Columns
    aliases: Columns
    alias_person: Ints


def generate(
    people: int,
    seed: int,
    profile: Profile,
    *,
    threads: int = 1,
    views: Sequence[str] = DEFAULT_VIEWS,
) -> SyntheticData:
    """Generate a population and its agency views.

    People are drawn in chunks of CHUNK_PEOPLE, each from its own random stream, so that the
    result depends on `people`, `seed`, `profile` and `views` alone.

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
        Which agencies' files to make, of police, court, prison and probation.

    Raises
    ------
    InputError
        A number or a name out of its range.
    """
    _check(people, seed, threads, views)
    sizes = [min(CHUNK_PEOPLE, people - start) for start in range(0, people, CHUNK_PEOPLE)]

    def draw(chunk: int) -> _Drawn:
        return _draw_chunk(seed, chunk, sizes[chunk], profile, views)

    load_geography()
    load_names(tuple(profile.origins))
    with ThreadPoolExecutor(threads) as pool:
        drawn = list(pool.map(draw, range(len(sizes))))
    return _assemble(drawn, sizes, seed, views)


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
        postcodes=Vocabulary(np.concatenate([np.array([""], object), geography.postcodes])),
        profile=profile,
    )
    age = rng.gamma(2.0, 5.0, count).astype(np.int32) + _FIRST_ARREST_AGE
    return chunk, np.minimum(people.dob // 365.25 + FIRST_YEAR + age, _THIS_YEAR).astype(int)


def _draw_chunk(
    seed: int, number: int, count: int, profile: Profile, views: Sequence[str]
) -> _Drawn:
    chunk, year = draw_people(stream(seed, _CHUNKS, number), count, profile)
    names = chunk.names
    # Every agency has a stream of its own, so that asking for probation changes no other file.
    rows = {
        view: capture(stream(seed, _CHUNKS, number, AGENCIES.index(view)), chunk, view)
        for view in views
    }
    kinds = np.array([*KINDS, ""], object)
    return _Drawn(
        text={v: text_columns(r, LAYOUTS[v], names, chunk.postcodes) for v, r in rows.items()},
        person={v: r.person for v, r in rows.items()},
        pnc={v: r.pnc for v, r in rows.items()},
        cro={v: r.cro for v, r in rows.items()},
        alias={v: kinds[_kind_under(chunk, r)] for v, r in rows.items()},
        year=year,
        people=_people_columns(chunk),
        aliases=_alias_columns(chunk),
        alias_person=chunk.aliases.person,
    )


def _kind_under(chunk: Chunk, rows: Rows) -> Ints:
    kind = np.append(chunk.aliases.kind, -1)
    return kind[rows.alias]


def _people_columns(chunk: Chunk) -> Columns:
    """One row a person: names, date of birth, and the groups of the truth file."""
    people, profile = chunk.people, chunk.profile
    year = people.dob // 365.25 + FIRST_YEAR
    bands = np.array(["65+", "50-64", "35-49", "25-34", "under 25"], object)
    yes_no = np.array(["no", "yes"], object)
    lengths = np.array(["1", "2-4", "5+"], object)
    count = chunk.episodes.count
    return {
        "forename": chunk.names.text(people.forename),
        "middle_names": chunk.names.text(people.middle),
        "surname": chunk.names.text(people.surname),
        "dob": date_text(people.dob, "yyyy-mm-dd"),
        "origin": np.array(list(profile.origins), object)[people.origin],
        "sex": np.array(["M", "F"], object)[people.woman.astype(int)],
        "age_band": bands[np.digitize(year, [1959, 1974, 1989, 1999])],
        "homeless": yes_no[people.homeless.astype(int)],
        "born_abroad": yes_no[people.born_abroad.astype(int)],
        "household": np.array(HOME_NAMES, object)[people.home],
        "arrests": lengths[np.digitize(count, [2, 5])],
        "lead": people.lead.astype(object),
    }


def _alias_columns(chunk: Chunk) -> Columns:
    aliases = chunk.aliases
    return {
        "kind": np.array(KINDS, object)[aliases.kind],
        "forename": chunk.names.text(aliases.forename),
        "surname": chunk.names.text(aliases.surname),
        "dob": date_text(aliases.dob, "yyyy-mm-dd"),
    }


_GROUPS = ("origin", "sex", "age_band", "homeless", "born_abroad", "household", "arrests")


def _assemble(
    drawn: Sequence[_Drawn], sizes: Sequence[int], seed: int, views: Sequence[str]
) -> SyntheticData:
    """Put chunks together, number people and records, and shuffle the rows of every view."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    keys = [int(k) for k in stream(seed, _WHOLE).integers(1, 2**62, 6)]
    ids = _person_numbers(np.concatenate([d.year for d in drawn]), keys, views)
    people = {c: np.concatenate([d.people[c] for d in drawn]) for c in drawn[0].people}
    lead = people.pop("lead").astype(np.int64) + np.repeat(starts[:-1], sizes)
    people = {"person_id": ids["person_id"], "household_id": _household_ids(lead), **people}
    tables: dict[str, Columns] = {}
    truth: list[Columns] = []
    under: dict[str, Texts] = {}
    for view in views:
        rng = stream(seed, _WHOLE, AGENCIES.index(view))
        person = np.concatenate(
            [d.person[view] + s for d, s in zip(drawn, starts[:-1], strict=True)]
        )
        tables[view], order = _finish_view(rng, view, drawn, person, ids)
        under[view] = np.concatenate([d.alias[view] for d in drawn])[order]
        truth.append(_truth(view, tables[view]["record_id"], person[order], people))
    owner = np.concatenate([d.alias_person + s for d, s in zip(drawn, starts[:-1], strict=True)])
    aliases = {c: np.concatenate([d.aliases[c] for d in drawn]) for c in drawn[0].aliases}
    return SyntheticData(
        views=tables,
        truth={c: np.concatenate([t[c] for t in truth]) for c in truth[0]},
        people=people,
        aliases={"person_id": ids["person_id"][owner], **aliases},
        under_alias=under,
    )


def _person_numbers(year: Ints, keys: Sequence[int], views: Sequence[str]) -> dict[str, Texts]:
    """Numbers that a person has once, in the population's order: those that the views show."""
    shown = {what for view in views for _, what in LAYOUTS[view].columns}
    makers: dict[str, Callable[[], Texts]] = {
        "pnc": lambda: identifiers.pnc_numbers(year, keys[0]),
        "cro": lambda: identifiers.cro_numbers(year, keys[1]),
        "noms": lambda: identifiers.noms_numbers(year.size, keys[2]),
        "crn": lambda: identifiers.crn_numbers(year.size, keys[3]),
    }
    ids = {what: make() for what, make in makers.items() if what in shown}
    return {"person_id": identifiers.record_ids("X", year.size, keys[4]), **ids}


def _household_ids(lead: Longs) -> Texts:
    return identifiers.record_ids("H", lead.size, 1)[lead]


def _finish_view(
    rng: np.random.Generator,
    view: str,
    drawn: Sequence[_Drawn],
    person: Longs,
    ids: Mapping[str, Texts],
) -> tuple[Columns, Longs]:
    """Columns of one view in shuffled order, and that order."""
    layout = LAYOUTS[view]
    order = rng.permutation(person.size)
    owner = person[order]
    pnc = np.concatenate([d.pnc[view] for d in drawn])[order]
    cro = np.concatenate([d.cro[view] for d in drawn])[order]
    key = int(rng.integers(1, 2**62))
    columns: Columns = {}
    for header, what in layout.columns:
        if what == "record_id":
            columns[header] = identifiers.record_ids(layout.prefix, order.size, key)
        elif what == "pnc":
            columns[header] = pnc_column(rng, owner, pnc, ids)
        elif what == "cro":
            columns[header] = np.where(cro == CRO_SHOWN, ids["cro"][owner], "").astype(object)
            columns[header][cro == CRO_PLACEHOLDER] = "000000/00Z"
        elif what in ids:
            columns[header] = ids[what][owner]
        else:
            # Each chunk's part is let go as it is used: a large population fits twice at most.
            columns[header] = np.concatenate([d.text[view].pop(header) for d in drawn])[order]
    return columns, order


def pnc_column(
    rng: np.random.Generator, owner: Longs, form: Ints, ids: Mapping[str, Texts]
) -> Texts:
    """Write the PNC number of each row's person in the row's form."""
    column = np.full(owner.size, "", object)
    rows = np.flatnonzero(form != PNC_NONE)
    column[rows] = ids["pnc"][owner[rows]]
    rows = np.flatnonzero(form == PNC_SHORT)
    column[rows] = identifiers.short_pnc(column[rows])
    rows = np.flatnonzero(form == PNC_WRONG)
    column[rows] = identifiers.wrong_digit(rng, column[rows])
    return column


def _truth(view: str, record_id: Texts, person: Longs, people: Columns) -> Columns:
    return {
        "dataset": np.full(person.size, view, object),
        "record_id": record_id,
        "person_id": people["person_id"][person],
        **{group: people[group][person] for group in _GROUPS},
    }
