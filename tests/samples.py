"""Small encoded data sets: made of people with names, or of filters drawn from a known model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.engine.work import Plans, Work
from linkage.linker.block import Blocking
from linkage.model import Encodings, Slice
from linkage.schema import LinkageSchema

KEY = ProjectKey(bytes(32))
SCHEMA = """
version = 1
name = "test"
level = "{level}"
[filter]
bits = 256
[[field]]
name = "forename"
type = "name"
columns = ["forename"]
[[field]]
name = "surname"
type = "name"
columns = ["surname"]
[[field]]
name = "dob"
type = "date"
columns = ["dob"]
[[blocking]]
name = "names"
on = ["forename:soundex", "surname:soundex"]
[[blocking]]
name = "dob"
on = ["dob"]
"""


def make_encodings(tokens):
    """Rows whose one filter is the same for all, with the given tokens."""
    rows = len(tokens)
    return Encodings(
        "x", LinkageSchema.parse(SCHEMA.format(level="record")), "0" * 16,
        np.array([str(row).encode() for row in range(rows)]), np.arange(rows),
        np.ones((rows, 1), np.uint64), (Slice(name="clk", words=1),), tokens.astype(np.uint64),
    )  # fmt: skip


def people(count, seed, dataset, *, level="field", key=KEY, schema=SCHEMA, typos=False):
    """A data set of distinct people; with `typos` every third has an error in one field."""
    random = np.random.default_rng(seed)
    syllables = [a + b for a in "BCDFGHJKLMNPRSTVWZ" for b in "AEIOU"]
    table = {
        "forename": ["".join(random.choice(syllables, 2)) + "N" for _ in range(count)],
        "surname": ["".join(random.choice(syllables, 3)) + "S" for _ in range(count)],
        "dob": [
            f"{random.integers(1940, 2000)}-{random.integers(1, 13):02}-{random.integers(1, 29):02}"
            for _ in range(count)
        ],
    }
    if typos:
        for row in range(0, count, 3):
            table["surname"][row] = table["surname"][row][:-2] + "M"
    return encode(table, LinkageSchema.parse(schema.format(level=level)), key, dataset=dataset)


def aliased(one, times=2):
    """The data set with each row several times, as aliases of its record."""
    rows = np.repeat(np.arange(len(one.owner)), times)
    return replace(one, owner=one.owner[rows], bits=one.bits[rows], tokens=one.tokens[rows])


#: Kind of each drawn field, and how many values it has.
DRAWN = {
    "forename": ("name", 300),
    "surname": ("name", 600),
    "dob": ("date", 10_000),
    "postcode": ("postcode", 3_000),
}
_BITS, _SET, _ALIKE = 512, 200, 10
#: Dice of a corrupted filter by agreement level, as its bits that are moved; and the level's m.
_MOVED = {7: 0, 6: 20, 5: 40, 4: 54, 3: 70}
TRUE_M = np.array([0.0, 0.03, 0.0, 0.01, 0.02, 0.04, 0.1, 0.8])


@dataclass(frozen=True)
class Population:
    """People in households of one surname and postcode: `values` `int64[people, fields]`."""

    values: np.ndarray
    filters: list[np.ndarray]
    household: int

    @classmethod
    def drawn(cls, random, people, household=1):
        """Draw people; common names are commoner."""
        home = np.arange(people) // household
        columns = []
        for name, (kind, values) in DRAWN.items():
            common = 1 / (10 + np.arange(values)) if kind == "name" else np.ones(values)
            drawn = random.choice(values, people, p=common / common.sum())
            columns.append(drawn[home] if name in ("surname", "postcode") else drawn)
        filters = [_filters(random, values) for _, values in DRAWN.values()]
        return cls(np.stack(columns, axis=1), filters, household)

    def encoded(self, random, dataset, persons, *, errors):
        """A record of each person; with `errors` each field agrees as `TRUE_M` says.

        Record ids begin with the number of the person.
        """
        fields = []
        for field, filters in enumerate(self.filters):
            bits = filters[self.values[persons, field]]
            if errors:
                level = random.choice(len(TRUE_M), len(persons), p=TRUE_M)
                other = filters[random.integers(0, len(filters), len(persons))]
                bits = np.where((level == 1)[:, None], other, bits)
                for one, moved in _MOVED.items():
                    for row in np.flatnonzero(level == one):
                        bits[row] = _moved(random, bits[row], moved)
            fields.append(np.packbits(bits, axis=1, bitorder="little").view(np.uint64))
        rows = len(persons)
        records = [b"%d-%d" % (one, row) for row, one in enumerate(persons)]
        return Encodings(
            dataset, drawn_schema(), "1" * 16, np.array(records), np.arange(rows),
            np.concatenate(fields, axis=1),
            tuple(Slice(name=name, words=_BITS // 64) for name in DRAWN),
            np.zeros((rows, 1), np.uint64),
        )  # fmt: skip


def drawn_schema():
    fields = "".join(
        f'[[field]]\nname = "{name}"\ntype = "{kind}"\ncolumns = ["{name}"]\n'
        for name, (kind, _) in DRAWN.items()
    )
    return LinkageSchema.parse(
        f'version = 1\nname = "drawn"\nlevel = "field"\n[filter]\nbits = {_BITS}\n{fields}'
        '[[blocking]]\nname = "dob"\non = ["dob"]\n'
    )


def _filters(random, values):
    """Filters of distinct values, `bool[values, bits]`; ten in a row are more or less alike."""
    filters = np.zeros((values, _BITS), bool)
    for value in range(values):
        if value % _ALIKE == 0:
            filters[value, random.choice(_BITS, _SET, replace=False)] = True
        else:
            first = filters[value - value % _ALIKE]
            filters[value] = _moved(random, first, 8 + 4 * (value % _ALIKE))
    return filters


def _moved(random, bits, moved):
    """The filter with so many of its bits elsewhere."""
    bits = bits.copy()
    gone = random.choice(np.flatnonzero(bits), moved, replace=False)
    new = random.choice(np.flatnonzero(~bits), moved, replace=False)
    bits[gone], bits[new] = False, True
    return bits


def compared(encodings, data, how, blocking=None):
    """The candidates of each pair of data sets, compared and scored by the engine."""
    with ThreadPoolExecutor(2) as pool:
        plans = Plans(encodings, blocking or Blocking(), pool)
        work = Work(pool, plans, how, 0, np.inf, None, lambda stage, done, total: None)
        return [work.compare(one).found for one in data]
