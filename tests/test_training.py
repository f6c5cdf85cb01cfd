"""Training without labels: frequencies of encoded values, samples, and what EM finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.agency.encode import encode
from linkage.engine.local import link
from linkage.linker import setup
from linkage.linker.block import Blocking
from linkage.linker.compare import side
from linkage.linker.duplicates import MOST_DUPLICATES, duplicates_per_record
from linkage.linker.levels import levels_of
from linkage.linker.mixture import rising, share_levels
from linkage.linker.sample import draw_equal
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import data_pairs
from linkage.linker.train import Place, count_patterns, train
from linkage.linker.values import count_equal, joint_numbers, row_frequency, value_numbers
from linkage.schema import LinkageSchema
from tests import reference
from tests.samples import DRAWN, KEY, TRUE_M, Population, make_encodings, people

few = st.lists(st.integers(0, 4), max_size=8)


def numbers(values):
    return np.array(values, np.uint64)


@given(few, few, st.booleans())
def test_count_equal__equals_reference(left, right, within):
    right = left if within else right
    equal, both = count_equal(numbers(left), numbers(right), within=within)
    ones, others = ([1 if one else 0 for one in side] for side in (left, right))
    assert equal == len(reference.equal_pairs(left, right, within=within))
    assert both == len(reference.equal_pairs(ones, others, within=within))


@given(few, few, st.booleans())
def test_draw_equal__lists_all_pairs_if_they_are_few(left, right, within):
    right = left if within else right
    i, j, scale = draw_equal(
        numbers(left), numbers(right), 1000, np.random.default_rng(0), within=within
    )
    pairs = list(zip(i.tolist(), j.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == reference.equal_pairs(left, right, within=within)
    assert scale == 1.0


@pytest.mark.parametrize("within", [False, True])
def test_draw_equal__draws_some_of_many(within):
    random = np.random.default_rng(3)
    left, right = (random.integers(0, 30, 2000) for _ in range(2))
    right = left if within else right
    i, j, scale = draw_equal(numbers(left), numbers(right), 5000, random, within=within)
    assert (left[i] == right[j]).all()
    assert (left[i] != 0).all()
    assert not within or (i < j).all()
    total = len(reference.equal_pairs(left.tolist(), right.tolist(), within=within))
    assert_allclose(len(i) * scale, total, rtol=0.05)
    by_value = np.bincount(left[i], minlength=30) * scale
    sizes = np.bincount(left, minlength=30) * np.bincount(right, minlength=30) / (1 + within)
    assert_allclose(by_value[1:], sizes[1:], rtol=0.35)


@given(st.lists(few, min_size=1, max_size=3))
def test_row_frequency__equals_counter(columns):
    counts = Counter(value for one in columns for value in one)
    found = row_frequency([numbers(one) for one in columns])
    for column, often in zip(columns, found, strict=True):
        expected = [float(counts[value]) if value else np.nan for value in column]
        assert_allclose(often, expected, equal_nan=True)


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 4), max_size=12))
def test_value_numbers__tell_filters_apart(rows):
    one = make_encodings(np.zeros((len(rows), 1)))
    bits = numbers(rows).reshape(-1, 4)
    slices = tuple(one.slices[0].model_copy(update={"name": name, "words": 2}) for name in "ab")
    found = value_numbers(replace(one, bits=bits, slices=slices))
    for place in range(2):
        values = [row[2 * place : 2 * place + 2] for row in rows]
        assert_same_partition(values, found[:, place].tolist())
        assert [not any(value) for value in values] == (found[:, place] == 0).tolist()


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), max_size=12))
def test_joint_numbers__tell_combinations_apart(rows):
    found = joint_numbers(numbers(rows).reshape(-1, 3), (0, 2)).tolist()
    whole = [one for one, row in zip(found, rows, strict=True) if row[0] and row[2]]
    assert_same_partition([(row[0], row[2]) for row in rows if row[0] and row[2]], whole)
    assert [one == 0 for one in found] == [not (row[0] and row[2]) for row in rows]


def assert_same_partition(values, found):
    assert len(set(zip(values, found, strict=True))) == len(set(values)) == len(set(found))


shares = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=7
).filter(lambda rows: any(u for _, u in rows[1:]))  # fmt: skip


@given(shares)
def test_rising__is_isotonic_regression(rows):
    rows = [(m if u else 0, u) for m, u in rows]
    m, u = (np.array([column], float) for column in zip(*rows, strict=True))
    m[:, 0] = u[:, 0] = 0.0
    found = rising(m, u)
    assert_allclose(found[0], reference.rising(m[0].tolist(), u[0].tolist()), atol=1e-9)
    assert_allclose(found.sum(), m.sum())
    ratios = found[u > 0] / u[u > 0]
    assert (np.diff(ratios) >= -1e-9).all()
    assert_allclose(rising(found, u), found, atol=1e-9)


def test_share_levels__add_two_pairs_worth_of_chance():
    levels, weight = np.array([0, 1, 2, 2], np.int8), np.array([9.0, 1.0, 2.0, 3.0])
    u = np.array([0.0, 0.5, 0.25, 0.25])
    assert_allclose(share_levels(levels, weight, u), [0, 2 / 8, 5.5 / 8, 0.5 / 8])
    assert_allclose(share_levels(levels[:0], weight[:0], u), u)


def trained(data, *, seed=0):
    """Train on all pairs of data sets."""
    return train(places_of(data), levels_of(data[0]), np.random.default_rng(seed))


def places_of(data):
    whole = [(side(one), value_numbers(one)) for one in data]
    return [
        Place(whole[a][0], whole[b][0], whole[a][1], whole[b][1], within=False)
        for a, b in (one.places for one in data_pairs(data, False))
    ]


def drawn_data(*, household=1, shared=1000, alone=500, seed=1):
    """Two data sets from one population: of b, each field agrees as `TRUE_M` says."""
    random = np.random.default_rng(seed)
    population = Population.drawn(random, shared + 2 * alone, household)
    order = np.arange(shared + 2 * alone)
    persons = order[: shared + alone], np.concatenate([order[:shared], order[shared + alone :]])
    data = [
        population.encoded(random, name, random.permutation(one), errors=name == "b")
        for name, one in zip("ab", persons, strict=True)
    ]
    return data, population


@pytest.fixture(scope="module", params=[1, 3], ids=["strangers", "households"])
def drawn(request):
    return drawn_data(household=request.param)


def family_pairs(population):
    """Pairs of a record of a and one of b that are two people of one household."""
    home = np.arange(2000) // population.household
    in_a, in_b = np.arange(1500), np.r_[:1000, 1500:2000]
    return int(np.bincount(home[in_a], minlength=2000) @ np.bincount(home[in_b], minlength=2000)
               ) - 1000  # fmt: skip


def test_train__finds_the_model_that_data_were_drawn_from(drawn):
    data, population = drawn
    model = trained(data).model
    assert model.pairs == 1500 * 1500
    assert_allclose(model.matches, 1000, rtol=0.015)
    assert_allclose(model.m, np.tile(TRUE_M, (4, 1)), atol=0.03)
    assert_allclose(model.m.sum(axis=1), 1)
    assert_allclose(model.u.sum(axis=1), 1)
    for field, (left, right) in enumerate(
        zip(*(value_numbers(one).T for one in data), strict=True)
    ):
        equal, both = count_equal(left, right, within=False)
        sharing = 1000 + (family_pairs(population) if field in (1, 3) else 0)
        assert_allclose(model.u[field, 7], (equal - sharing * TRUE_M[7]) / both, rtol=0.2)


def test_train__sees_households(drawn):
    data, population = drawn
    model = trained(data).model
    family = (model.shares == [False, True, False, True]).all(axis=1)
    assert_allclose(model.sizes[family].sum(), family_pairs(population), rtol=0.03, atol=20)
    assert_allclose(model.sizes[1], model.pairs, rtol=0.01)


def test_train__counts_the_matches_that_blocks_miss_for_want_of_values(drawn):
    data, _ = drawn
    random = np.random.default_rng(0)
    bits = data[0].bits.copy()
    for field in range(4):
        bits[random.random(1500) < 0.25, 8 * field : 8 * field + 8] = 0
    model = trained([replace(data[0], bits=bits), data[1]]).model
    assert_allclose(model.matches, 1000, rtol=0.03)
    assert_allclose(model.m, np.tile(TRUE_M, (4, 1)), atol=0.035)


def test_train__matches_agree_often_enough_even_where_there_are_none():
    data, _ = drawn_data(household=3, shared=0, alone=1200)
    model = trained(data).model
    good = model.m[:, 4:].sum(axis=1)
    assert (good[:3] >= 0.5 - 1e-9).all(), "names and dates at a Dice of 0.7"
    assert good[3] >= 0.15 - 1e-9


def test_count_patterns__keeps_patterns_of_many_fields_apart():
    fields = [f"f{number}" for number in range(32)]
    text = 'version = 1\nname = "wide"\nlevel = "field"\n[filter]\nbits = 64\n' + "".join(
        f'[[field]]\nname = "{name}"\ntype = "text"\ncolumns = ["{name}"]\n' for name in fields
    )
    schema = LinkageSchema.parse(text + '[[blocking]]\nname = "f0"\non = ["f0"]\n')
    table = dict.fromkeys(fields, ["SAME"] * 3)
    other = table | {"f31": ["SAME", "NOT THE SAME", "SAME"]}
    data = [encode(one, schema, KEY, dataset=name) for name, one in (("a", table), ("b", other))]
    (place,) = places_of(data)
    patterns, counts = count_patterns([place], levels_of(data[0]), [(0,)], np.random.default_rng(0))
    assert len(patterns) == 2
    assert sorted(counts[:, 0].tolist()) == [3.0, 6.0]
    assert (patterns[:, :31] == 7).all()


def test_train__is_deterministic_under_a_seed(drawn):
    one, other = (trained(drawn[0], seed=3) for _ in range(2))
    assert one.blocks == other.blocks
    assert one.model.sizes.tolist() == other.model.sizes.tolist()
    assert one.model.m.tolist() == other.model.m.tolist()
    assert one.model.u.tolist() == other.model.u.tolist()


def shuffled(one, seed):
    order = np.random.default_rng(seed).permutation(len(one.owner))
    return replace(one, bits=one.bits[order], tokens=one.tokens[order])


def test_train__hardly_depends_on_the_order_of_rows_and_data_sets(drawn):
    data, _ = drawn
    first = trained(data)
    for other in (trained([shuffled(one, 1) for one in data]), trained(data[::-1])):
        assert other.blocks == first.blocks
        assert_allclose(other.model.matches, first.model.matches, rtol=1e-3)
        assert_allclose(other.model.m, first.model.m, atol=2e-3)
        assert_allclose(other.model.u, first.model.u, rtol=0.05, atol=2e-4)


def test_set_up__a_sample_of_rows_gives_nearly_the_same_model(drawn, monkeypatch):
    data, _ = drawn
    pairs = data_pairs(data, False)
    whole, _ = set_up(data, pairs, Choices(), 0)
    monkeypatch.setattr(setup, "TRAINING_ROWS", 1000)
    some, training = set_up(data, pairs, Choices(), 0)
    assert training.model.pairs == 1000 * 1000
    assert_allclose(some.model.prior_weight, whole.model.prior_weight, atol=0.2)
    assert_allclose(some.model.m, whole.model.m, atol=0.05)
    assert some.single == whole.single == (True, True)
    links = [link(data, blocking=Blocking("all-pairs")).links[0]]
    monkeypatch.undo()
    links.append(link(data, blocking=Blocking("all-pairs")).links[0])
    found = [set(zip(one.left.tolist(), one.right.tolist(), strict=True)) for one in links]
    assert len(found[0] & found[1]) > 0.98 * max(map(len, found))


def repeats(*, household, again, size=1000):
    """A data set of people, some of whom come again with errors, and one with half of them."""
    random = np.random.default_rng(2)
    population = Population.drawn(random, 3 * size // 2, household)
    persons = np.concatenate([np.arange(size), random.choice(size, again)])
    others = np.arange(size // 2, 3 * size // 2)
    return [
        population.encoded(random, name, one, errors=True)
        for name, one in (("a", persons), ("b", others))
    ]


@pytest.mark.parametrize(
    ("household", "again", "most"),
    [(1, 0, MOST_DUPLICATES), (3, 0, MOST_DUPLICATES), (1, 300, 0.4), (3, 300, 0.4)],
)
def test_duplicates_per_record__sees_repeated_people_but_no_households(household, again, most):
    data = repeats(household=household, again=again)
    training, levels = trained(data), levels_of(data[0])
    whole, values = side(data[0]), value_numbers(data[0])
    place = Place(whole, whole, values, values, within=True)
    found = duplicates_per_record(place, training, levels, np.random.default_rng(0))
    assert found < most
    if again:
        assert found > 0.15
    assert set_up(data, data_pairs(data, False), Choices(), 0)[0].single == (not again, True)


def test_set_up__sees_repeated_people_in_a_sample_of_rows(monkeypatch):
    data = repeats(household=1, again=400, size=4000)
    monkeypatch.setattr(setup, "TRAINING_ROWS", 660)
    assert set_up(data, data_pairs(data, False), Choices(), 0)[0].single == (False, True)


def links_of(data, **options):
    result = link(data, blocking=Blocking("all-pairs"), **options)
    return [set(zip(one.left.tolist(), one.right.tolist(), strict=True)) for one in result.links]


@pytest.mark.parametrize("household", [1, 3])
def test_link__finds_nothing_where_nobody_is_in_both(household):
    data, _ = drawn_data(household=household, shared=0, alone=1200)
    assert trained(data).model.matches < 5
    assert links_of(data) == [set()]


def edited(one, **values):
    """The data set with the filters of some fields replaced."""
    ends = dict(zip([slot.name for slot in one.slices], one.slice_ends.tolist(), strict=False))
    bits = one.bits.copy()
    for name, value in values.items():
        bits[:, ends[name] : ends[name] + 8] = value
    return replace(one, bits=bits)


def test_link__all_rows_equal_gives_no_links():
    data = [people(1, 1, name) for name in "ab"]
    many = [
        replace(
            one, records=np.array([b"%d" % row for row in range(300)]), owner=np.arange(300),
            bits=np.repeat(one.bits, 300, axis=0), tokens=np.repeat(one.tokens, 300, axis=0),
        )
        for one in data
    ]  # fmt: skip
    assert links_of(many) == [set()]
    assert links_of(many, deduplicate=True) == [set()] * 3


@pytest.mark.parametrize("field", list(DRAWN))
@pytest.mark.parametrize("sides", ["a", "ab"])
def test_link__does_without_a_field_that_is_missing(field, sides):
    data, _ = drawn_data()
    data = [edited(one, **{field: 0}) if one.dataset in sides else one for one in data]
    persons = [[one.split(b"-")[0] for one in side.records.tolist()] for side in data]
    (found,) = links_of(data)
    right = sum(persons[0][i] == persons[1][j] for i, j in found)
    assert right > 0.95 * len(found)
    assert right > 940


def test_link__files_of_one_row():
    one = [people(1, 1, name) for name in "ab"]
    whole = people(50, 1, "b")
    for data in (one, [one[0], whole], [one[0], people(1, 2, "b")]):
        for deduplicate in (False, True):
            assert all(len(found) <= 1 for found in links_of(data, deduplicate=deduplicate))


def test_link__nothing_but_missing_values():
    data = [edited(one, **dict.fromkeys(DRAWN, 0)) for one in drawn_data()[0]]
    assert links_of(data) == [set()]


NAMES_ONLY = """
version = 1
name = "names"
level = "field"
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
[[blocking]]
name = "surname"
on = ["surname"]
"""


def test_link__a_schema_without_a_date():
    data = [people(300, 1, name, schema=NAMES_ONLY) for name in "ab"]
    (found,) = links_of(data)
    assert {(one, one) for one in range(300)} <= found
    assert len(found) < 310


def test_link__a_schema_of_one_field():
    schema = LinkageSchema.parse(NAMES_ONLY.replace("forename", "given", 1).split("[[field]]")[0]
                                 + "[[field]]" + NAMES_ONLY.split("[[field]]")[2])  # fmt: skip
    names = [chr(65 + n % 26) * 2 + chr(65 + n // 26) * 3 + "SON" for n in range(400)]
    data = [encode({"surname": names}, schema, KEY, dataset=name) for name in "ab"]
    assert links_of(data) == [{(one, one) for one in range(400)}]
