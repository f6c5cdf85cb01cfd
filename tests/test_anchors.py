"""The rule that chooses anchors: what passes show of a file's own records, and what they find."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.agency.anchors import Anchor, as_passes, choose_anchors
from linkage.agency.neighbours import Counted, Neighbours, read_rows, shown_by
from linkage.errors import InputError
from linkage.schema import LinkageSchema
from tests.test_anchored import PEOPLE

SCHEMA = LinkageSchema.parse(PEOPLE)
SURNAME_AND_POSTCODE = (("surname", "exact"), ("postcode", "exact"))


def file(people, seed=1, family=3):
    """Families of one surname and postcode; forenames and dates are each one's own."""
    random = np.random.default_rng(seed)
    syllables = [a + b for a in "BCDFGHJKLMNPRSTVWZ" for b in "AEIOU"]
    home = np.arange(people) // family
    surnames = ["".join(random.choice(syllables, 3)) + "S" for _ in range(people)]
    postcodes = [f"N{random.integers(1, 99)} {random.integers(1, 9)}AB" for _ in range(people)]
    return {
        "forename": ["".join(random.choice(syllables, 2)) + "N" for _ in range(people)],
        "surname": [surnames[one] for one in home],
        "dob": [
            f"{random.integers(1940, 2000)}-{random.integers(1, 13):02}-{random.integers(1, 29):02}"
            for _ in range(people)
        ],
        "postcode": [postcodes[one] for one in home],
    }


def rows_of(table):
    count = len(table["surname"])
    return read_rows([(table, np.arange(1, count + 1))], SCHEMA, count)


def test_neighbours__are_the_other_people_of_a_block():
    table = file(300, family=2)
    seen = Neighbours([Counted(rows_of(table), SCHEMA)], records=300)
    keys = list(zip(table["surname"], table["postcode"], strict=True))
    pairs = sum(keys[i] == keys[j] for i in range(300) for j in range(i))
    # One pair more is expected than was seen.
    assert seen.of(SURNAME_AND_POSTCODE) == pytest.approx(2 * (pairs + 1) / 300)


def test_neighbours__grow_with_the_data():
    counted = Counted(rows_of(file(300)), SCHEMA)
    once, often = (Neighbours([counted], records=n) for n in (300, 3000))
    assert often.of(SURNAME_AND_POSTCODE) == pytest.approx(10 * once.of(SURNAME_AND_POSTCODE))


def test_neighbours__of_one_person_dont_count():
    table = file(300)
    twice = {name: column + column for name, column in table.items()}
    twice["surname"][300:] = [name + "H" for name in table["surname"]]  # it sounds the same
    counted = [Counted(rows_of(one), SCHEMA) for one in (table, twice)]
    assert counted[0].size == counted[1].size == 300


def test_neighbours__that_are_known_are_counted_once():
    seen = Neighbours([Counted(rows_of(file(300)), SCHEMA)], records=300)
    key = (("surname", "soundex"), ("postcode", "exact"))
    before = seen.more(key)
    seen.take(SURNAME_AND_POSTCODE)
    assert seen.more(key) < before / 10
    seen.forget()
    assert seen.more(key) == before


@pytest.mark.parametrize("bound", [0.02, 0.1, 0.5])
def test_choice__stays_under_its_bound(bound):
    rows = rows_of(file(3000))
    chosen = choose_anchors(SCHEMA, [rows], records=3000, neighbours=bound)
    assert chosen.neighbours <= bound
    assert chosen.neighbours == pytest.approx(sum(one.neighbours for one in chosen.anchors))
    assert chosen.completeness == pytest.approx(sum(one.gain for one in chosen.anchors))
    assert chosen.completeness > 0.9
    # The linker can learn of every field: the schema that is made of them says so.
    passes = as_passes(chosen.anchors)
    content = SCHEMA.content() | {"blocking": [one.model_dump(mode="json") for one in passes]}
    made = LinkageSchema.from_content(content)
    shown = shown_by(made, [rows], 3000)
    assert sum(adds for _, _, adds in shown) == pytest.approx(chosen.neighbours)


def test_choice__takes_longer_keys_as_the_data_grow():
    rows = rows_of(file(3000))
    few, many = (choose_anchors(SCHEMA, [rows], records=n, neighbours=0.2) for n in (3000, 90_000))
    parts = [np.mean([len(one.key) for one in chosen.anchors]) for chosen in (few, many)]
    assert parts[0] < parts[1]
    assert few.completeness > many.completeness


def test_choice__says_when_a_file_is_too_small():
    with pytest.raises(InputError, match="too small"):
        choose_anchors(SCHEMA, [rows_of(file(60))], records=1_000_000)


def test_passes__have_names_of_their_own():
    keys = [(("a" * 30, "exact"), ("b" * 30, one)) for one in ("exact", "soundex", "first2")]
    names = [one.name for one in as_passes([Anchor(key, 0.1, 0.0) for key in keys])]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 40
