"""The sections of a profile: every rate of a synthetic population, and the range of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Range:
    """What a number may be; a share adds up to 1 with the other shares of its section."""

    low: float
    high: float
    share: bool = False


#: A probability.
Rate = Annotated[float, Range(0, 1)]
#: A probability that is one of several.
Share = Annotated[float, Range(0, 1, share=True)]
#: A mean, a number of years or a multiplier.
Amount = Annotated[float, Range(0, 100)]
#: A coefficient of variation or an exponent.
Spread = Annotated[float, Range(0, 5)]
#: A mean year of birth.
Year = Annotated[float, Range(1930, 2000)]

AGENCIES = ("police", "court", "prison", "probation")


@dataclass(frozen=True)
class Population:
    """Who the people are."""

    women: Rate
    homeless: Rate
    birth_year: Year
    birth_spread: Annotated[float, Range(0, 30)]
    second_middle_name: Rate
    first_january_abroad: Rate
    unevenness: Spread


@dataclass(frozen=True)
class Origin:
    """People whose names come from one table.

    `errors` multiplies the rates at which their names are misspelt, `swaps` that at which forename
    and surname are swapped.
    """

    share: Share
    born_abroad: Rate
    middle_name: Rate
    double_surname: Rate
    errors: Amount
    swaps: Amount


@dataclass(frozen=True)
class Households:
    """Shares are of households, not of people.

    `larger` is the chance of a third, and again of a fourth, where siblings, twins or sharers live;
    `mixed` and `sharers_mixed` those of another origin than the first of the household.
    """

    alone: Share
    couple: Share
    siblings: Share
    twins: Share
    namesakes: Share
    parent_child: Share
    sharers: Share
    married_name: Rate
    twins_same_sex: Rate
    twins_alike: Rate
    larger: Rate
    mixed: Rate
    sharers_mixed: Rate


@dataclass(frozen=True)
class Overlap:
    """Shares of people known to exactly these agencies; probation follows from prison."""

    police: Share
    court: Share
    prison: Share
    police_court: Share
    police_prison: Share
    court_prison: Share
    police_court_prison: Share
    probation_after_prison: Rate
    probation_otherwise: Rate


@dataclass(frozen=True)
class Episodes:
    """Arrests beyond the first (means, by how many agencies know the person) over `years`."""

    years: Amount
    extra_one: Annotated[float, Range(0, 40)]
    extra_two: Annotated[float, Range(0, 40)]
    extra_three: Annotated[float, Range(0, 40)]
    dispersion: Spread


@dataclass(frozen=True)
class Events:
    """What brings a record about: mean delays in years, and the rarer type of each agency.

    Courts act `court_delay` after the arrest, prison and probation `prison_delay` after the court.
    `missing` is the share of records whose event is not known.
    """

    court_delay: Amount
    prison_delay: Amount
    missing: Rate
    police_charge: Rate
    court_acquittal: Rate
    prison_remand: Rate
    probation_licence: Rate


@dataclass(frozen=True)
class Aliases:
    """`per_person` is a mean at one episode, growing as episodes to the power `growth`."""

    per_person: Annotated[float, Range(0, 6)]
    growth: Annotated[float, Range(0, 3)]
    nickname: Share
    respelling: Share
    anglicised: Share
    surname_change: Share
    swapped: Share
    false_dob: Share
    borrowed: Share
    invented: Share
    borrowed_dob: Rate
    invented_surname: Rate
    invented_dob: Rate


@dataclass(frozen=True)
class Moves:
    """Moving house."""

    per_year: Amount
    same_outcode: Rate
    same_area: Rate
    flats: Rate


@dataclass(frozen=True)
class Groups:
    """Multipliers on the error rates of a group's records."""

    born_abroad_names: Amount
    born_abroad_dates: Amount
    homeless_names: Amount
    homeless_addresses: Amount
    women_surnames: Amount


@dataclass(frozen=True)
class Typos:
    """What kind of slip a slip of the pen is."""

    keyboard: Share
    ocr: Share
    phonetic: Share
    insertion: Share
    deletion: Share
    transposition: Share
    truncation: Share


@dataclass(frozen=True)
class Agency:
    """How one agency records people; rates are per record unless said otherwise.

    `coverage` is the share of a known person's episodes that have a record, `copied` the share
    of later records copied from the first, `address_lag` the mean age of an address in years, and
    `aliases_listed` the share of a person's other names that its table of aliases lists.
    """

    coverage: Rate
    copied: Rate
    alias: Rate
    aliases_listed: Rate
    name_typo: Rate
    name_respelling: Rate
    name_nickname: Rate
    name_swapped: Rate
    name_missing: Rate
    name_marker: Rate
    name_title: Rate
    name_punctuation: Rate
    name_marks: Rate
    name_marks_lost: Rate
    name_apostrophe: Rate
    second_surname_dropped: Rate
    middle_missing: Rate
    middle_initial: Rate
    middle_merged: Rate
    middle_first: Rate
    dob_missing: Rate
    dob_placeholder: Rate
    dob_placeholder_1900: Rate
    dob_digit: Rate
    dob_day_month: Rate
    dob_wrong: Rate
    sex_missing: Rate
    sex_wrong: Rate
    postcode_missing: Rate
    postcode_placeholder: Rate
    postcode_typo: Rate
    postcode_unspaced: Rate
    no_fixed_abode: Rate
    no_fixed_abode_housed: Rate
    address_lag: Amount
    pnc: Rate
    pnc_short: Rate
    pnc_wrong: Rate
    cro: Rate
    cro_placeholder: Rate


SECTIONS: dict[str, type[Any]] = {
    "population": Population,
    "households": Households,
    "overlap": Overlap,
    "episodes": Episodes,
    "events": Events,
    "aliases": Aliases,
    "moves": Moves,
    "groups": Groups,
    "typos": Typos,
}
#: Sections that hold a table for each of several things.
TABLES: dict[str, type[Any]] = {"origins": Origin, "agencies": Agency}
