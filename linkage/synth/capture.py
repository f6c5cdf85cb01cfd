"""What one agency wrote down: from who people are to rows with an agency's errors."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np

from linkage.synth import dates
from linkage.synth.aliases import AliasTable
from linkage.synth.draws import Bools, Bytes, Floats, Ints, Texts, hits
from linkage.synth.geography import HOMELESS, NO_TEXT, NOT_ENTERED, Geography, address_codes
from linkage.synth.histories import Episodes, Homes, recorded
from linkage.synth.marks import write_marks
from linkage.synth.people import People
from linkage.synth.profile import AGENCIES, Agency, Profile
from linkage.synth.tables import NameTables
from linkage.synth.typos import KINDS, spoil, spoil_postcode
from linkage.synth.vocabulary import Vocabulary

MARKERS = ("MIG_ERROR_", "NO_SHOW_", "DUPLICATE_")
NOT_A_NAME = ("NOT ENTERED", "UNKNOWN", "N/A")
NO_ABODE = ("NF1 1NF", "NF1 1FA")
_TITLES = (("MR", "DR"), ("MISS", "MRS", "MS", "DR"))
#: A rate times a person's multipliers stops here.
_MOST = 0.9
SEX_MAN, SEX_WOMAN, SEX_MISSING = 0, 1, 2
#: How a row shows its PNC number.
PNC_NONE, PNC_LONG, PNC_SHORT, PNC_WRONG = range(4)
CRO_NONE, CRO_SHOWN, CRO_PLACEHOLDER = range(3)


@dataclass(frozen=True)
class Rows:
    """Rows of one agency for one chunk, a person's rows side by side.

    int32[r] arrays: `person`, the `episode` that the row is about, `alias` (an alias row or -1),
    names and `postcode` as codes of their vocabularies, `dob` in days, `address` as a code of the
    geography. int8[r]: `sex`, and how `pnc` and `cro` show.
    """

    person: Ints
    episode: Ints
    alias: Ints
    forename: Ints
    middle: Ints
    surname: Ints
    dob: Ints
    sex: Bytes
    postcode: Ints
    address: Ints
    pnc: Bytes
    cro: Bytes


@dataclass(frozen=True)
class Chunk:
    """All that is known of one chunk of people before agencies record them."""

    people: People
    episodes: Episodes
    homes: Homes
    aliases: AliasTable
    tables: NameTables
    geography: Geography
    names: Vocabulary
    postcodes: Vocabulary
    profile: Profile


def capture(rng: np.random.Generator, chunk: Chunk, agency: str) -> Rows:
    """Record a chunk of people as one agency does."""
    rates = chunk.profile.agencies[agency]
    number = AGENCIES.index(agency)
    episode = recorded(rng, chunk.episodes, number, rates.coverage)
    person = chunk.episodes.person[episode]
    alias = chunk.aliases.draw(rng, person, rates.alias)
    names, days = _careless(chunk, person)
    names_of = _names(rng, chunk, person, alias, rates, names)
    # A stream of its own: whether marks are kept changes nothing else.
    marking = rng.spawn(1)[0]
    origin = chunk.people.origin[person]
    forename, middle, surname = write_marks(
        marking, names_of, origin, rates, chunk.tables, chunk.names
    )
    dob = np.where(alias >= 0, _of_alias(chunk.aliases.dob, alias), chunk.people.dob[person])
    time = chunk.episodes.time[episode]
    postcode, address = _where(rng, chunk, person, time, rates)
    rows = Rows(
        person=person,
        episode=episode,
        alias=alias,
        forename=forename,
        middle=middle,
        surname=surname,
        dob=_spoil_dates(rng, dob, rates, days),
        sex=_sexes(rng, chunk.people.woman[person], rates),
        postcode=postcode,
        address=address,
        pnc=_pnc(rng, person, rates),
        cro=_cro(rng, chunk.people.fingerprinted[person], rates),
    )
    return _copy_first(rng, rows, rates.copied)


def _of_alias(values: Ints, alias: Ints) -> Ints:
    """Value of each alias; anything at all where there is none."""
    return values[np.maximum(alias, 0)] if values.size else np.zeros_like(alias)


def _careless(chunk: Chunk, person: Ints) -> tuple[Floats, Floats]:
    """Multipliers of the name and date error rates of each row."""
    people, groups = chunk.people, chunk.profile.groups
    origin = np.array([o.errors for o in chunk.profile.origins.values()])
    abroad = people.born_abroad
    names = people.mess * origin[people.origin]
    names *= np.where(abroad, groups.born_abroad_names, 1)
    names *= np.where(people.homeless, groups.homeless_names, 1)
    days = people.mess * np.where(abroad, groups.born_abroad_dates, 1)
    return names[person], days[person]


def _some(rng: np.random.Generator, rate: float, factor: Floats | float, count: int) -> Ints:
    """Rows that are hit with probability rate * factor."""
    return np.flatnonzero(hits(rng, np.minimum(rate * factor, _MOST), count)).astype(np.int32)


def _names(
    rng: np.random.Generator,
    chunk: Chunk,
    person: Ints,
    alias: Ints,
    rates: Agency,
    factor: Floats,
) -> tuple[Ints, Ints, Ints]:
    people, count = chunk.people, person.size
    known = alias >= 0
    forename = np.where(known, _of_alias(chunk.aliases.forename, alias), people.forename[person])
    surname = np.where(known, _of_alias(chunk.aliases.surname, alias), people.surname[person])
    dropped = hits(rng, rates.second_surname_dropped, count) & ~known
    surname = np.where(dropped, people.first_surname[person], surname)
    middle = _middles(rng, chunk, person, rates)
    by_sex = np.where(people.woman[person], chunk.profile.groups.women_surnames, 1)
    forename = _respell(rng, chunk, forename, rates, factor, nicknames=True)
    surname = _respell(rng, chunk, surname, rates, factor, nicknames=False)
    forename = _spoil(rng, chunk, forename, rates.name_typo, factor)
    surname = _spoil(rng, chunk, surname, rates.name_typo, factor * by_sex)
    middle = _spoil(rng, chunk, middle, rates.name_typo, factor)
    called = hits(rng, rates.middle_first, count) & (middle > 0)
    forename, middle = np.where(called, middle, forename), np.where(called, forename, middle)
    # Where the family name comes first, clerks take it for the forename.
    turned = np.array([origin.swaps for origin in chunk.profile.origins.values()])
    swap = hits(rng, np.minimum(rates.name_swapped * turned[people.origin[person]], _MOST), count)
    forename, surname = np.where(swap, surname, forename), np.where(swap, forename, surname)
    surname = _repunctuate(rng, chunk, surname, rates.name_punctuation)
    _merge_middle(rng, chunk, forename, middle, rates)
    _mark(rng, chunk, forename, surname, people.woman[person], rates)
    for column in (forename, surname):
        _lose(rng, chunk, column, rates.name_missing)
    return forename, middle, surname


def _respell(
    rng: np.random.Generator,
    chunk: Chunk,
    codes: Ints,
    rates: Agency,
    factor: Floats,
    *,
    nicknames: bool,
) -> Ints:
    """Write another spelling, and for forenames a nickname, where the name has one."""
    fixed = codes < chunk.tables.names.size
    out = codes.copy()
    kinds = [("respelling", rates.name_respelling)]
    kinds += [("nickname", rates.name_nickname)] if nicknames else []
    for kind, rate in kinds:
        rows = _some(rng, rate, factor, codes.size)
        rows = rows[fixed[rows] & (out[rows] == codes[rows])]
        out[rows] = chunk.tables.variants[kind].draw(rng, codes[rows])
    return out


def _repunctuate(rng: np.random.Generator, chunk: Chunk, codes: Ints, rate: float) -> Ints:
    """Write a surname with other punctuation, which normalisation makes good."""
    rows = _some(rng, rate, 1.0, codes.size)
    out = codes.copy()
    fixed = out[rows] < chunk.tables.names.size
    out[rows[fixed]] = chunk.tables.repunctuated[out[rows[fixed]]]
    chunk.names.rewrite(out, rows[~fixed], partial(_replaced, old="-", new=" "))
    return out


def _spoil(
    rng: np.random.Generator, chunk: Chunk, codes: Ints, rate: float, factor: Floats
) -> Ints:
    rows = _some(rng, rate, factor, codes.size)
    rows = rows[codes[rows] > 0]
    out = codes.copy()
    shares = [getattr(chunk.profile.typos, kind) for kind in KINDS]
    chunk.names.rewrite(out, rows, partial(spoil, rng, shares=shares))
    return out


def _middles(rng: np.random.Generator, chunk: Chunk, person: Ints, rates: Agency) -> Ints:
    """Middle names, some left out and some cut to an initial."""
    middle = chunk.people.middle[person].copy()
    middle[hits(rng, rates.middle_missing, person.size)] = 0
    rows = _some(rng, rates.middle_initial, 1.0, person.size)
    rows = rows[middle[rows] > 0]
    chunk.names.rewrite(middle, rows, lambda text: text.astype("U1").astype(object))
    return middle


def _merge_middle(
    rng: np.random.Generator, chunk: Chunk, forename: Ints, middle: Ints, rates: Agency
) -> None:
    """Write all forenames in one column."""
    rows = _some(rng, rates.middle_merged, 1.0, forename.size)
    rows = rows[(middle[rows] > 0) & (forename[rows] > 0)]
    added = chunk.names.text(middle[rows])
    chunk.names.rewrite(forename, rows, lambda text: np.asarray(text + " " + added))
    middle[rows] = 0


def _mark(
    rng: np.random.Generator,
    chunk: Chunk,
    forename: Ints,
    surname: Ints,
    woman: Bools,
    rates: Agency,
) -> None:
    """Put a title before some forenames and an administrator's marker before some surnames."""
    rows = _some(rng, rates.name_title, 1.0, forename.size)
    men, women = (np.array([f"{t} " for t in titles], object) for titles in _TITLES)
    titles = np.where(
        woman[rows],
        women[rng.integers(0, women.size, rows.size)],
        men[(rng.random(rows.size) < 0.02).astype(int)],
    )
    chunk.names.rewrite(forename, rows, lambda text: np.asarray(titles + text))
    rows = _some(rng, rates.name_marker, 1.0, surname.size)
    markers = _any_of(rng, MARKERS, rows.size)
    chunk.names.rewrite(surname, rows, lambda text: np.asarray(markers + text))


def _lose(rng: np.random.Generator, chunk: Chunk, codes: Ints, rate: float) -> None:
    """Leave the name out, or write that it is not known."""
    rows = _some(rng, rate, 1.0, codes.size)
    codes[rows] = chunk.names.add(_any_of(rng, ("", *NOT_A_NAME), rows.size))


def _spoil_dates(rng: np.random.Generator, dob: Ints, rates: Agency, factor: Floats) -> Ints:
    out = dob.astype(np.int32)
    rows = _some(rng, rates.dob_wrong, factor, dob.size)
    out[rows] = dates.another_day(rng, out[rows])
    rows = _some(rng, rates.dob_digit, factor, dob.size)
    out[rows] = dates.one_digit_off(rng, out[rows])
    # Half the days cannot be swapped: draw more, so that the rate is that of swapped dates.
    rows = _some(rng, rates.dob_day_month, factor * 2.6, dob.size)
    out[rows] = dates.day_month_swapped(out[rows])
    rows = _some(rng, rates.dob_placeholder, factor, dob.size)
    placeholders = dates.day_number(np.array([1970, 1900]), np.ones(2, int), np.ones(2, int))
    out[rows] = placeholders[(rng.random(rows.size) < rates.dob_placeholder_1900).astype(int)]
    out[_some(rng, rates.dob_missing, factor, dob.size)] = dates.MISSING
    return out


def _sexes(rng: np.random.Generator, woman: Bools, rates: Agency) -> Bytes:
    wrong = hits(rng, rates.sex_wrong, woman.size)
    sex = np.where(woman ^ wrong, SEX_WOMAN, SEX_MAN)
    return np.where(hits(rng, rates.sex_missing, woman.size), SEX_MISSING, sex).astype(np.int8)


def _where(
    rng: np.random.Generator, chunk: Chunk, person: Ints, time: Floats, rates: Agency
) -> tuple[Ints, Ints]:
    """Codes of postcodes and addresses; an agency's address is some time old."""
    count = person.size
    known_at = time - rng.exponential(1.0, count) * rates.address_lag
    unit, house = chunk.homes.at(person, known_at)
    address = address_codes(unit, house)
    postcode = unit + 1  # code 0 is the missing postcode
    rows = _some(rng, rates.postcode_typo, chunk.people.mess[person], count)
    chunk.postcodes.rewrite(postcode, rows, partial(spoil_postcode, rng))
    rows = _some(rng, rates.postcode_unspaced, 1.0, count)
    chunk.postcodes.rewrite(postcode, rows, partial(_replaced, old=" ", new=""))
    homeless = chunk.people.homeless[person]
    rows = _some(
        rng, 1.0, np.where(homeless, rates.no_fixed_abode, rates.no_fixed_abode_housed), count
    )
    postcode[rows] = chunk.postcodes.add(_any_of(rng, NO_ABODE, rows.size))
    address[rows] = HOMELESS
    rows = _some(rng, rates.postcode_placeholder, 1.0, count)
    postcode[rows] = chunk.postcodes.add(_any_of(rng, NOT_A_NAME, rows.size))
    address[rows] = NOT_ENTERED
    rows = _some(rng, rates.postcode_missing, 1.0, count)
    postcode[rows] = 0
    address[rows[rng.random(rows.size) < 0.5]] = NO_TEXT
    return postcode, address


def _replaced(text: Texts, old: str, new: str) -> Texts:
    return np.char.replace(text.astype("U"), old, new).astype(object)


def _any_of(rng: np.random.Generator, values: tuple[str, ...], count: int) -> Texts:
    return np.array(values, object)[rng.integers(0, len(values), count)]


def _pnc(rng: np.random.Generator, person: Ints, rates: Agency) -> Bytes:
    count = person.size
    form = np.where(hits(rng, rates.pnc_short, count), PNC_SHORT, PNC_LONG)
    form = np.where(hits(rng, rates.pnc_wrong, count), PNC_WRONG, form)
    return np.where(hits(rng, rates.pnc, count), form, PNC_NONE).astype(np.int8)


def _cro(rng: np.random.Generator, fingerprinted: Floats, rates: Agency) -> Bytes:
    """Show a CRO number for those who have one, which is a matter of the person, not the row."""
    shown = np.where(fingerprinted < rates.cro, CRO_SHOWN, CRO_NONE)
    placeholder = hits(rng, rates.cro_placeholder, shown.size)
    return np.where(placeholder, CRO_PLACEHOLDER, shown).astype(np.int8)


def _copy_first(rng: np.random.Generator, rows: Rows, rate: float) -> Rows:
    """Copy who the person is from their first row to some later ones, as agencies do."""
    start = np.concatenate([[True], rows.person[1:] != rows.person[:-1]])[: rows.person.size]
    index = np.arange(rows.person.size)
    first = np.maximum.accumulate(np.where(start, index, 0))
    source = np.where(hits(rng, rate, index.size), first, index)
    copied = ("alias", "forename", "middle", "surname", "dob", "sex")
    return replace(
        rows, **{f.name: getattr(rows, f.name)[source] for f in fields(rows) if f.name in copied}
    )
