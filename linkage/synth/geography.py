"""Postcodes, streets and towns of an invented country with the postcode areas of a real one.

The country is the same for every seed: an outcode has UNITS postcode units, a unit lies in one
street of one town, and people crowd into few outcodes and few units, as arrests do.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from linkage.synth.draws import Choice, Ints, Texts, stream
from linkage.synth.tables import read_table

UNITS = 60
#: Houses past the last are flats.
HOUSES, FLATS = 140, 40
_HOUSE_CODES = HOUSES + 1 + FLATS
#: What stands for an address: code -3 is the first of them.
NO_ADDRESSES = ("NO FIXED ABODE", "NOT ENTERED", "")
HOMELESS, NOT_ENTERED, NO_TEXT = -3, -2, -1
#: Unit 0 of every outcode is a hostel: people without a home of their own are lodged there.
HOSTEL = 0
_COUNTRY = 20_240_101
_INCODE_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_INCODES = 9 * len(_INCODE_LETTERS) ** 2
_DISTRICT_DECAY, _UNIT_DECAY = 1.15, 1.05


@dataclass(frozen=True)
class Geography:
    """Outcodes and units; unit u lies in outcode u // UNITS.

    `postcodes` and `places` object[outcodes * UNITS] hold "LS6 2AB" and "HIGH STREET, LEEDS";
    `area` int32[outcodes] numbers the postcode area. `anywhere` chooses an outcode, `in_area` one
    of an area, `units` a unit of any outcode.
    """

    postcodes: Texts
    places: Texts
    area: Ints
    anywhere: Choice
    in_area: Choice
    units: Choice

    def unit_in(self, rng: np.random.Generator, outcode: Ints) -> Ints:
        """Draw a postcode unit in each outcode."""
        return outcode * UNITS + self.units.draw_one(rng, outcode.shape[0])


@functools.cache
def load_geography() -> Geography:
    """Build the country; it takes a tenth of a second and is kept."""
    rng = stream(_COUNTRY, 0)
    rows = read_table("areas.csv")
    districts = np.array([int(row[2]) for row in rows])
    area = np.repeat(np.arange(len(rows), dtype=np.int32), districts)
    weights = np.concatenate([float(r[3]) * _decay(rng, int(r[2]), _DISTRICT_DECAY) for r in rows])
    outcodes = [f"{row[0]}{number + 1}" for row in rows for number in range(int(row[2]))]
    towns = np.repeat(np.array([row[1] for row in rows], object), districts)
    bounds = np.concatenate([[0], np.cumsum(districts)])
    spans = [np.arange(a, b) for a, b in pairwise(bounds)]
    return Geography(
        postcodes=_postcodes(np.array(outcodes, object)),
        places=_streets(rng, towns.size * UNITS) + ", " + np.repeat(towns, UNITS),
        area=area,
        anywhere=Choice.of([(np.arange(area.size), weights)]),
        in_area=Choice.of([(span, weights[span]) for span in spans]),
        units=Choice.of([(np.arange(UNITS), 1 / (np.arange(UNITS) + 2.0) ** _UNIT_DECAY)]),
    )


def _decay(rng: np.random.Generator, count: int, power: float) -> np.ndarray:
    """Zipf weights that add up to 1, in an order drawn at random."""
    weights = 1 / (rng.permutation(count) + 1.0) ** power
    return np.asarray(weights / weights.sum())


def _postcodes(outcodes: Texts) -> Texts:
    """Every unit's postcode; the step is coprime to _INCODES, so none comes twice."""
    outcode, unit = np.divmod(np.arange(outcodes.size * UNITS), UNITS)
    index = (unit * 1_337 + outcode * 71) % _INCODES
    letters = np.array(list(_INCODE_LETTERS), object)
    number, pair = np.divmod(index, len(_INCODE_LETTERS) ** 2)
    first, second = np.divmod(pair, len(_INCODE_LETTERS))
    digits = np.array([str(d) for d in range(1, 10)], object)
    joined = outcodes[outcode] + " " + digits[number] + letters[first] + letters[second]
    return np.asarray(joined, object)


def _streets(rng: np.random.Generator, count: int) -> Texts:
    parts: dict[str, tuple[list[str], list[float]]] = {"stem": ([], []), "suffix": ([], [])}
    for place, part, weight in read_table("streets.csv"):
        parts[place][0].append(part)
        parts[place][1].append(float(weight))
    drawn = []
    for words, weights in parts.values():
        choice = Choice.of([(np.arange(len(words)), weights)])
        drawn.append(np.array(words, object)[choice.draw_one(rng, count)])
    return np.asarray(drawn[0] + " " + drawn[1], object)


def address_codes(unit: Ints, house: Ints) -> Ints:
    """One number for each address, which `address_text` turns into a line."""
    return unit * _HOUSE_CODES + house


def address_text(geography: Geography, codes: Ints) -> Texts:
    """Lines such as "12 HIGH STREET, LEEDS"; codes below 0 count NO_ADDRESSES from its end."""
    numbers = np.array(
        [f"{n} " for n in range(HOUSES + 1)] + [f"FLAT {n}, {n + 4} " for n in range(1, FLATS + 1)],
        object,
    )
    unit, house = np.divmod(np.maximum(codes, 0), _HOUSE_CODES)
    lines = np.asarray(numbers[house] + geography.places[unit], object)
    none = np.flatnonzero(codes < 0)
    lines[none] = np.array(NO_ADDRESSES, object)[codes[none]]
    return lines
