"""Small scenes for attacks: synthetic people under plain and other encodings, who is who known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.agency.keys import ProjectKey
from linkage.audit.finding import Setting
from linkage.audit.methods import SchemaMethod
from linkage.audit.samples import Held, Project, draw, number_people
from linkage.audit.scene import View
from linkage.schema import LinkageSchema

SCHEMA = """
version = 1
name = "attacked"
level = "{level}"
[filter]
bits = {bits}
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
name = "surname"
on = ["surname"]
[[blocking]]
name = "names"
on = ["forename:soundex", "surname:soundex"]
"""
KEY = ProjectKey(bytes(range(32)))


def texts_of_people(count, seed=1):
    """Normalised texts of people with names as unequally common as names are."""
    random = np.random.default_rng(seed)
    starts, ends = (
        (
            "BRAN",
            "COL",
            "DEN",
            "EVER",
            "FITZ",
            "GRAN",
            "HOL",
            "KIN",
            "LANG",
            "MER",
            "NOR",
            "OAK",
            "PEN",
            "QUIN",
            "ROTH",
            "STAN",
            "THORN",
            "WAL",
            "YARD",
            "ASH",
        ),
        ("FORD", "TON", "LEY", "WOOD", "SON", "HAM", "BY", "WELL", "MAN", "RIDGE", "FIELD", "DALE"),
    )
    surnames = np.array([a + b for a in starts for b in ends])
    first = ("JA", "MA", "TO", "LI", "SA", "RO", "KA", "BE", "DA", "EL", "AN", "CHA", "JO", "VI")
    last = ("MES", "RY", "M", "SA", "RAH", "BERT", "TE", "N", "VID", "LEN", "NA", "RLES", "HN")
    forenames = np.array([a + b for a in first for b in last])
    random.shuffle(surnames)
    random.shuffle(forenames)

    def drawn(values):
        shares = 1 / (4 + np.arange(len(values)))
        return random.choice(values, count, p=shares / shares.sum())

    years, days = random.integers(1940, 2005, count), random.integers(1, 29, count)
    months = random.integers(1, 13, count)
    dates = [f"{y:04}{m:02}{d:02}" for y, m, d in zip(years, months, days, strict=True)]
    return {"forename": drawn(forenames), "surname": drawn(surnames), "dob": np.array(dates)}


@dataclass(frozen=True)
class RandomBits:
    """An encoding that tells nothing: every row has random bits and block keys, whatever it is."""

    method: SchemaMethod

    @property
    def fields(self):
        return self.method.fields

    def grams(self, field, values):
        return self.method.grams(field, values)

    def encode(self, rows, seed):
        view = self.method.encode(rows, seed)
        random = np.random.default_rng([seed, 99, len(view)])
        bits = random.integers(0, 1 << 63, view.bits.shape).astype(np.uint64)
        tokens = random.integers(1, 1 << 63, view.tokens.shape).astype(np.uint64)
        return View(bits, view.slices, tokens, view.passes, view.owner)


def schema(level="record", bits=1024):
    return LinkageSchema.parse(SCHEMA.format(level=level, bits=bits))


def project(level="record", bits=1024, *, nothing=False):
    """The method with the project's own key; with `nothing`, one that encodes nothing at all."""
    method = SchemaMethod(schema(level, bits))
    if nothing:
        empty = RandomBits(method)
        return Project(empty, lambda rows: empty.encode(rows, 424_242))
    return Project(method, lambda rows: method.encode_under(rows, KEY))


def held(rows):
    """Records that an agency holds, a row each."""
    owner = np.arange(len(rows["dob"]))
    return Held(rows, owner, number_people(rows, owner))


def scene(count, setting=None, *, level="record", bits=1024, seed=1, nothing=False):
    """A scene of so many people in all."""
    people = held(texts_of_people(count, seed))
    return draw(people, project(level, bits, nothing=nothing), setting or Setting(), seed, count)
