"""Fictional people to be hidden among an agency's own: the same for every agency of a project.

Who they are comes from one seed, and what an agency wrote of them from a seed of its own, so that
two agencies disagree about a person as they do about real ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from linkage.synth import identifiers
from linkage.synth.blocks import shown_pnc
from linkage.synth.capture import PNC_WRONG, Chunk, Rows, capture
from linkage.synth.dates import date_text
from linkage.synth.draws import Ints, Texts, stream
from linkage.synth.geography import address_text
from linkage.synth.population import draw_people
from linkage.synth.profile import AGENCIES, Overlap, Profile

#: Every agency knows everybody; who it has no record of is for the agency to say.
_KNOWN_TO_ALL = Overlap(
    police=0.0,
    court=0.0,
    prison=0.0,
    police_court=0.0,
    police_prison=0.0,
    court_prison=0.0,
    police_court_prison=1.0,
    probation_after_prison=1.0,
    probation_otherwise=1.0,
)
#: Rates of an agency at which cells are there and hold a value.
_COMPLETE = {
    "name_missing": 0.0,
    "middle_missing": 0.0,
    "dob_missing": 0.0,
    "dob_placeholder": 0.0,
    "sex_missing": 0.0,
    "postcode_missing": 0.0,
    "postcode_placeholder": 0.0,
    "no_fixed_abode": 0.0,
    "pnc": 1.0,
    "cro": 1.0,
    "cro_placeholder": 0.0,
}
_PEOPLE, _NUMBERS, _ONE_A_PERSON = range(3)


@dataclass(frozen=True)
class Recorded:
    """What an agency wrote of fictional people: a row a record, a person's rows side by side.

    `person` is int32[rows], below `people`. `columns` hold texts by what they are: forename,
    middle_name, surname, dob (ISO), sex (M or F), postcode, address, town, pnc, cro, noms.
    `digest` is SHA-256 over who the people are; it is the same for all agencies.
    """

    people: int
    person: Ints
    columns: dict[str, Texts]
    digest: bytes


def record_people(
    people: int, seed: int, profile: Profile, agency: str, records_seed: int, *, repeats: bool
) -> Recorded:
    """Make fictional people, and the records that one agency has of them.

    No cell is empty because the agency failed to ask: what is missing differs by file, and is
    left to who plants. Without `repeats` there is one record a person.

    Parameters
    ----------
    seed, records_seed
        Make the people, and the agency's records of them; not negative, of any size.
    agency
        Whose errors they are, one of `AGENCIES`; the police's for any other name.
    """
    agency = agency if agency in AGENCIES else AGENCIES[0]
    rates = replace(profile.agencies[agency], **_COMPLETE)
    whole = replace(profile, overlap=_KNOWN_TO_ALL, agencies={**profile.agencies, agency: rates})
    chunk, year = draw_people(stream(seed, _PEOPLE), people, whole)
    digest = _digest(chunk)
    rng = stream(records_seed)
    rows = capture(rng, chunk, agency)
    numbers = _numbers(stream(seed, _NUMBERS), year)
    off = identifiers.digits_off(rng, int(np.count_nonzero(rows.pnc == PNC_WRONG)))
    columns = _columns(chunk, rows) | {
        "pnc": shown_pnc(numbers["pnc"][rows.person], rows.pnc, off),
        "cro": numbers["cro"][rows.person],
        "noms": numbers["noms"][rows.person],
    }
    if repeats:
        return Recorded(people, rows.person, columns, digest)
    order = stream(records_seed, _ONE_A_PERSON).permutation(rows.person.size)
    _, first = np.unique(rows.person[order], return_index=True)
    one = order[first]
    return Recorded(people, rows.person[one], {w: c[one] for w, c in columns.items()}, digest)


def _columns(chunk: Chunk, rows: Rows) -> dict[str, Texts]:
    lines = np.array(
        [line.rpartition(", ") for line in address_text(chunk.geography, rows.address)], object
    ).reshape(-1, 3)
    return {
        "forename": chunk.names.text(rows.forename),
        "middle_name": chunk.names.text(rows.middle),
        "surname": chunk.names.text(rows.surname),
        "dob": date_text(rows.dob, "yyyy-mm-dd"),
        "sex": np.array(["M", "F", ""], object)[rows.sex],
        "postcode": chunk.postcodes.text(rows.postcode),
        "address": lines[:, 0],
        "town": lines[:, 2],
    }


def _numbers(rng: np.random.Generator, year: Ints) -> dict[str, Texts]:
    keys = [int(key) for key in rng.integers(1, 2**62, 3)]
    return {
        "pnc": identifiers.pnc_numbers(year, keys[0]),
        "cro": identifiers.cro_numbers(year, keys[1]),
        "noms": identifiers.noms_numbers(np.arange(year.size), keys[2]),
    }


def _digest(chunk: Chunk) -> bytes:
    """Digest who the people are: what one agency writes of them has no part in it."""
    people, state = chunk.people, hashlib.sha256()
    for codes in (people.forename, people.middle, people.surname, chunk.aliases.forename):
        state.update("\n".join(chunk.names.text(codes)).encode())
    for numbers in (people.dob, chunk.aliases.dob, chunk.homes.unit, chunk.homes.house):
        state.update(np.ascontiguousarray(numbers, "<i4").tobytes())
    return state.digest()
