"""What a pair weighs: its agreement levels, the model's odds, and what may be left out early."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.agency.encode import encode
from linkage.errors import UsageError
from linkage.linker.block import Blocking
from linkage.linker.by_model import ModelDecision
from linkage.linker.decide import log_odds
from linkage.linker.levels import levels_of
from linkage.linker.mixture import Model, rising
from linkage.linker.rarity import RARITY_ONE, rarity_of, value_rarity
from linkage.linker.together import data_pairs
from linkage.linker.values import value_numbers
from linkage.schema import LinkageSchema
from tests import reference
from tests.samples import KEY, compared, people

FIELDS = {
    "forename": "name",
    "surname": "name",
    "dob": "date",
    "sex": "sex",
    "postcode": "postcode",
    "town": "text",
    "pnc": "identifier",
    "nhs": "identifier",
}
PASSES = {
    "pnc": ["pnc"],
    "names": ["forename", "surname"],
    "dob": ["dob"],
    "nhs": ["nhs"],
    "town": ["town"],
}
ANNA = ["ANNA", "BROWNING", "1980-02-03", "F", "N1 1AA", "LONDON", "AB1234", "CD5678"]
TOP = 7


def schema(passes=tuple(PASSES)):
    """A schema of all kinds of fields; its identifiers are two letters and four digits."""
    text = 'version = 1\nname = "all"\nlevel = "field"\n[filter]\nbits = 256\n'
    for name, kind in FIELDS.items():
        text += f'[[field]]\nname = "{name}"\ntype = "{kind}"\ncolumns = ["{name}"]\n'
        text += 'pattern = "[A-Z]{2}[0-9]{4}"\n' if kind == "identifier" else ""
    for name in passes:
        text += f'[[blocking]]\nname = "{name}"\non = {json.dumps(PASSES[name])}\n'
        text += "unordered = true\n" if name == "names" else ""
    return LinkageSchema.parse(text)


def encoded(rows, dataset="a", passes=tuple(PASSES)):
    columns = dict(zip(FIELDS, map(list, zip(*rows, strict=True)), strict=True))
    return encode(columns, schema(passes), KEY, dataset=dataset)


def levels_between(one, other):
    """The levels of two people, by field."""
    data = [encoded([one], "a"), encoded([other], "b")]
    levels, (pair,) = levels_of(data[0]), data_pairs(data, False)
    found = levels.of(pair.left_side, pair.right_side, np.array([0]), np.array([0]))
    return dict(zip(levels.fields, found[0].tolist(), strict=True))


def changed(**values):
    return [values.get(name, value) for name, value in zip(FIELDS, ANNA, strict=True)]


SAME = dict.fromkeys(["forename", "surname", "dob", "sex", "postcode", "town", "identifiers"], TOP)


@pytest.mark.parametrize(
    ("other", "levels"),
    [
        ({}, {"swapped": 1}),
        ({"sex": "M"}, {"sex": 1, "swapped": 1}),
        ({"sex": "", "town": ""}, {"sex": 0, "town": 0, "swapped": 1}),
        ({"pnc": "XY9999"}, {"swapped": 1}),
        ({"pnc": "XY9999", "nhs": ""}, {"identifiers": 1, "swapped": 1}),
        ({"pnc": "XY9999", "nhs": "XY9999"}, {"identifiers": 1, "swapped": 1}),
        ({"pnc": "", "nhs": ""}, {"identifiers": 0, "swapped": 1}),
        ({"forename": "BROWNING", "surname": "ANNA"}, {"forename": 0, "surname": 0, "swapped": 7}),
        ({"forename": "ZOE", "surname": "KHAN"}, {"forename": 1, "surname": 1, "swapped": 1}),
        ({"forename": "BROWNING", "surname": ""}, {"forename": 1, "surname": 0, "swapped": 0}),
        ({"forename": ""}, {"forename": 0, "swapped": 0}),
    ],
)
def test_levels__of_two_people(other, levels):
    assert levels_between(ANNA, changed(**other)) == SAME | levels


def test_levels__of_a_near_value_lie_between():
    found = levels_between(ANNA, changed(surname="BROWNINGS", dob="1980-02-08"))
    assert 1 < found["surname"] < TOP
    assert 1 < found["dob"] < TOP


def test_levels__names_that_are_much_alike_are_not_swapped():
    one, other = changed(forename="ANNA", surname="HANNA"), changed(forename="HANNA",
                                                                   surname="ANNA")  # fmt: skip
    found = levels_between(one, other)
    assert found["swapped"] == 1
    assert 1 < found["forename"] == found["surname"] < TOP


@pytest.mark.parametrize(
    ("other", "twins"),
    [
        ({"forename": "ZOE", "pnc": "", "nhs": ""}, True),
        ({"forename": "ZOE", "pnc": "XY9999", "nhs": "XY9999"}, True),
        ({"forename": "ZOE"}, False),  # an identifier in common
        ({"forename": "ANN", "pnc": "", "nhs": ""}, False),  # nearly the same forename
        ({"forename": "", "pnc": "", "nhs": ""}, False),
        ({"forename": "ZOE", "dob": "1961-11-30", "pnc": "", "nhs": ""}, False),
    ],
)
def test_levels__tell_twins(other, twins):
    data = [encoded([ANNA], "a"), encoded([changed(**other)], "b")]
    levels, (pair,) = levels_of(data[0]), data_pairs(data, False)
    found = levels.of(pair.left_side, pair.right_side, np.array([0]), np.array([0]))
    assert levels.twins(found).tolist() == [twins]


def test_levels__without_names_in_any_order_tell_no_twins():
    data = encoded([ANNA], "a", passes=("dob",))
    with pytest.raises(UsageError, match="--twins-apart needs a date and an unordered"):
        levels_of(data).twins(np.zeros((1, 7), np.int8))


def test_levels__of_slices_equal_reference():
    data = [people(30, 1, "a"), people(30, 1, "b", typos=True)]
    levels, (pair,) = levels_of(data[0]), data_pairs(data, False)
    i, j = (axis.ravel() for axis in np.indices((30, 30)))
    found = levels.of(pair.left_side, pair.right_side, i, j)
    filters = [[reference.to_int(row) for row in one.bits] for one in data]
    expected = [
        [
            reference.level(x, y, levels.bounds)
            for x, y in zip(*(reference.slices_of(one, [0, 4, 8, 12]) for one in two),
                            strict=True)
        ]
        for two in itertools.product(*filters)
    ]  # fmt: skip
    assert found.tolist() == expected


def test_levels__passes_of_several_parts_are_no_identifiers():
    passes = ("names", "dob", "nhs", "town")
    levels = levels_of(encoded([ANNA], passes=passes))
    assert levels.identifiers == (2,)
    assert levels.names == (0, 1, 0)
    bare = levels_of(encoded([ANNA], passes=("dob",)))
    assert (bare.identifiers, bare.names) == ((), None)
    assert bare.fields == tuple(FIELDS)[:6]


def random_model(random, fields, possible, own, classes):
    """A model of any m, u and classes; `possible` tells the levels that each field can have."""
    m, u = (np.where(possible, random.random(possible.shape) ** 3 + 1e-6, 0.0) for _ in "mu")
    shares = random.random((classes, len(fields))) < 0.5
    shares[0], shares[own] = True, False
    sizes = 10 ** random.uniform(-1, 6, classes)
    m, u = (one / one.sum(axis=1, keepdims=True) for one in (m, u))
    return Model(fields, m, u, shares, sizes, own, float(sizes.sum()))


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
POSSIBLE = np.array([[False, True, True, True], [False, True, False, True], [False] + [True] * 3])
PATTERNS = np.array(list(itertools.product(range(4), (0, 1, 3), range(4))), np.int8)


@given(seeds, st.integers(1, 2), st.integers(0, 3))
def test_model__odds_equal_reference(random, own, more):
    model = random_model(random, ("a", "b", "c"), POSSIBLE, own, own + 1 + more)
    rarity = random.integers(-3 * RARITY_ONE, 3 * RARITY_ONE, (5, 2)).astype(np.int32)
    rows = random.integers(0, 5, len(PATTERNS))
    by_field = rarity_of(rarity, rows, PATTERNS, 3)
    assert (by_field[PATTERNS < 3] == 0).all()
    classes = [
        (set(np.flatnonzero(shares).tolist()), size)
        for shares, size in zip(model.shares, model.sizes.tolist(), strict=True)
    ]
    for rare, odds in (
        (by_field, model.odds(PATTERNS, rarity, rows)),
        (np.zeros(PATTERNS.shape), model.odds(PATTERNS)),
    ):
        expected = [
            reference.match_weight(levels, model.m.tolist(), model.u.tolist(), classes, own, extra)
            for levels, extra in zip(PATTERNS.tolist(), rare.tolist(), strict=True)
        ]
        assert_allclose(odds, expected, rtol=1e-9, atol=1e-9)
    chance = model.posterior(PATTERNS)[:, :own].sum(axis=1)
    assert_allclose(chance, 1 / (1 + np.exp2(-model.odds(PATTERNS))), atol=1e-9)


@given(seeds, st.integers(1, 2), st.integers(0, 3))
def test_model__most_bounds_the_odds_of_all_patterns(random, own, more):
    model = random_model(random, ("a", "b", "c"), POSSIBLE, own, own + 1 + more)
    weights, constant = model.most()
    bound = weights[np.arange(3), PATTERNS].sum(axis=1) + constant
    odds = model.odds(PATTERNS)
    assert (odds <= bound + 1e-9).all()
    if own == 1 and not more:
        assert_allclose(odds, bound, atol=1e-9)


def mixed_people(random, count):
    """People who share few values, some missing, and some of them twice with changes."""
    values = [
        ["ANNA", "ZOE", "MUHAMMAD", "ANNE", ""],
        ["BROWNING", "KHAN", "KHANN", "ZOE", "ANNA"],
        ["1980-02-03", "1980-02-08", "1991-11-30", ""],
        ["F", "M", ""],
        ["N1 1AA", "SW1 2XY", "N1 1AB", ""],
        ["LONDON", "LONDON", "LONDON", "LONDON", "LEEDS", ""],
        ["AB1234", "XY9999", "", ""],
        ["CD5678", "XY9999", "", ""],
    ]
    return [[column[random.integers(len(column))] for column in values] for _ in range(count)]


def random_decision(random, data, own):
    """A decision by any model, whose review wants any probability."""
    levels = levels_of(data[0])
    numbers = [value_numbers(one) for one in data]
    model = random_model(random, levels.fields, levels.possible, own, own + 3)
    model = replace(model, m=rising(model.m, model.u))
    # A match agrees on a value more often than people have it, common as it may be.
    least = np.round(-model.weights[: levels.slices, TOP] * RARITY_ONE).astype(np.int32)
    rarity = tuple(np.maximum(one, least) for one in value_rarity(numbers, model, levels))
    chance = random.uniform(1e-4, 0.9)
    single = tuple((random.random(2) < 0.3).tolist())
    return ModelDecision(data[0].schema, levels, model, rarity, single, chance, chance)


@settings(max_examples=60)
@given(seeds, st.permutations(list(PASSES)), st.integers(1, 2), st.booleans())
def test_model_decision__lets_through_all_that_reaches_the_cutoff(random, passes, own, within):
    data = [encoded(mixed_people(random, 40), name, passes) for name in "ab"]
    pair = data_pairs(data, within)[0]
    how = random_decision(random, data, own)
    (found,) = compared(data, [pair], how)
    i, j = (axis.ravel() for axis in np.indices((40, 40)))
    met = (pair.left.tokens[i] == pair.right.tokens[j]) & (pair.left.tokens[i] != 0)
    levels = how.levels.of(pair.left_side, pair.right_side, i, j)
    odds = how.model.odds(levels, how.rarity[0], i)
    single = [how.single[place] for place in pair.places]
    least = min(log_odds(how.review), -14.5 if any(single) else np.inf)
    wanted = met.any(axis=1) & (odds >= least) & ((i < j) | (not within))
    assert [found.left.tolist(), found.right.tolist()] == [i[wanted].tolist(), j[wanted].tolist()]
    assert found.levels.tolist() == levels[wanted].tolist()


def test_value_rarity__is_what_a_value_weighs_beyond_the_average():
    rows = [changed(surname=name) for name in ["KHAN"] * 6 + ["BROWNING"] * 3 + ["SMITH"]]
    data = [encoded(rows, "a"), encoded(rows[:5], "b")]
    levels, numbers = levels_of(data[0]), [value_numbers(one) for one in data]
    model = random_model(np.random.default_rng(0), levels.fields, levels.possible, 1, 2)
    rarity = value_rarity(numbers, model, levels)
    surname = rarity[0][:, 1] / RARITY_ONE
    average = np.log2(model.u[1, TOP])
    assert_allclose(surname[0], average - np.log2(10 / 15), atol=1e-4)
    assert_allclose(surname[6], average - np.log2(2 / 15), atol=1e-4)
    assert_allclose(surname[9], average - np.log2(0.5 / 15), atol=1e-4)
    assert (rarity[1] == rarity[0][:5]).all()
    assert (rarity[0][:, [2, 3]] == 0).all(), "dates and sexes are about equally frequent"


def test_rule__knows_that_a_capped_pass_did_not_meet_all():
    same = {"dob": "", "sex": "", "nhs": "", "surname": "KHAN"}
    rows = [
        changed(**same, postcode="N1 1AA", forename="ANNA", town="LEEDS"),
        changed(**same, postcode="E9 9ZZ", forename="ZOE", town="LEEDS"),
    ]
    data = [encoded([row] * 2, name) for row, name in zip(rows, "ab", strict=True)]
    levels = levels_of(data[0])
    u = np.where(levels.possible, 1.0, 0)
    u /= u.sum(axis=1, keepdims=True)
    m, place = u.copy(), levels.fields.index("identifiers")
    m[place], u[place] = 0, 0
    m[place, [1, levels.top]], u[place, [1, levels.top]] = (0.01, 0.99), (0.999999, 0.000001)
    shares = np.array([[True] * len(levels.fields), [False] * len(levels.fields)])
    model = Model(levels.fields, m, u, shares, np.array([100.0, 1e6]), 1, 1e6)
    rarity = tuple(np.zeros((2, levels.slices), np.int32) for _ in data)
    how = ModelDecision(data[0].schema, levels, model, rarity, (False, False), 0.5, 0.5)
    for caps in ({}, {"pnc": 1}):
        (found,) = compared(data, data_pairs(data, False), how, Blocking(caps=caps))
        assert len(found.left) == 4, caps
