"""From links to persons, decisions and models, beside plain implementations of the same rules."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from linkage.errors import InputError, MismatchError, UsageError
from linkage.linker.certificate import LEAST_CHECKED, Checked, certify
from linkage.linker.closure import Chances, close_over_thirds
from linkage.linker.completeness import Completeness, wilson
from linkage.linker.levels import levels_of
from linkage.linker.mixture import Model
from linkage.linker.persons import join_persons
from linkage.linker.reviewed import apart, apply_decisions, rank_for_review
from linkage.linker.saved import level_labels, model_content, model_of
from linkage.model import DECIDED_BITS, Decided, Pairs
from tests.samples import people

SIZES = (4, 5, 3)
ENDS = [sum(SIZES[:place]) for place in range(len(SIZES))]
FATES = ("joined", "together", "one_a_data_set", "said_apart", "weak_tie", "outvoted")
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def places_of(record):
    """The data set of a record that is numbered over all of them."""
    return max(place for place, start in enumerate(ENDS) if record >= start)


records = st.integers(0, sum(SIZES) - 1)
tied = st.tuples(records, records, st.integers(1, 19)).filter(lambda one: one[0] != one[1])
links_of_records = st.lists(tied.map(lambda one: (*sorted(one[:2]), one[2] / 20)), max_size=25)
apart_pairs = st.lists(st.tuples(records, records).filter(lambda one: one[0] != one[1]), max_size=4)
singles = st.tuples(*[st.booleans()] * len(SIZES))


def as_pairs(links):
    """Links of records that are numbered over all data sets, by pair of data sets."""
    by_places = {}
    for i, j, chance in links:
        by_places.setdefault((places_of(i), places_of(j)), []).append((i, j, chance))
    return [
        Pairs(
            a, b,
            np.array([i - ENDS[a] for i, _, _ in found]),
            np.array([j - ENDS[b] for _, j, _ in found]),
            np.ones(len(found)),
            np.log2([p / (1 - p) for _, _, p in found]),
            np.array([p for _, _, p in found]),
        )
        for (a, b), found in by_places.items()
    ]  # fmt: skip


def plain_strong_first(links, single, weakest_tie, said):
    """Persons as sets of records with a confidence each, and what became of the links."""
    group = {record: frozenset([record]) for record in range(sum(SIZES))}
    confidence = dict.fromkeys(group.values(), 1.0)
    fates = dict.fromkeys(FATES, 0)
    for i, j, chance in sorted(links, key=lambda one: (-one[2], one[0], one[1])):
        one, other = group[i], group[j]
        both = {places_of(a) for a in one} & {places_of(b) for b in other}
        if one == other:
            fates["together"] += 1
        elif any(single[place] for place in both):
            fates["one_a_data_set"] += 1
        elif any({a, b} in map(set, said) for a in one for b in other):
            fates["said_apart"] += 1
        elif chance < weakest_tie and len(one) > 1 and len(other) > 1:
            fates["weak_tie"] += 1
        else:
            fates["joined"] += 1
            whole = one | other
            confidence[whole] = min(confidence.pop(one), confidence.pop(other), chance)
            group.update(dict.fromkeys(whole, whole))
    return confidence, fates


def plain_stars(links, single):
    """Persons as a centre with its members, and what became of the links."""
    members = {}
    fates = dict.fromkeys(FATES, 0)
    for i, j, _ in sorted(links, key=lambda one: (-one[2], one[0], one[1])):
        centre_of = {one: centre for centre, all_of in members.items() for one in all_of}
        if centre_of.get(i, i) == centre_of.get(j, j):
            fates["together"] += 1
            continue
        centre, free = (j, i) if j in members and i not in centre_of else (i, j)
        if free in centre_of or centre_of.get(centre, centre) != centre:
            fates["weak_tie"] += 1
        elif any(
            single[places_of(one)] and places_of(one) == places_of(free)
            for one in members.get(centre, [centre])
        ):
            fates["one_a_data_set"] += 1
        else:
            fates["joined"] += 1
            members.setdefault(centre, [centre]).append(free)
    inside = {one for all_of in members.values() for one in all_of}
    alone = [frozenset([one]) for one in range(sum(SIZES)) if one not in inside]
    return [frozenset(all_of) for all_of in members.values()] + alone, fates


def found_groups(persons):
    """The sets of records of the persons, in their order."""
    whole = np.concatenate(persons.person)
    assert [len(one) for one in persons.person] == list(SIZES)
    return [frozenset(np.flatnonzero(whole == p).tolist()) for p in range(persons.count)]


@given(links_of_records, singles, st.integers(0, 20).map(lambda n: n / 20), apart_pairs)
def test_join_persons__strong_first_equals_a_plain_implementation(links, single, weakest, said):
    persons = join_persons(
        SIZES, as_pairs(links), single=single, method="strong-first", weakest_tie=weakest,
        apart=np.array(said, np.int64).reshape(-1, 2),
    )  # fmt: skip
    expected, fates = plain_strong_first(links, single, weakest, said)
    found = dict(zip(found_groups(persons), persons.confidence.tolist(), strict=True))
    assert found == expected
    assert persons.ties == fates
    assert [min(one) for one in found_groups(persons)] == sorted(min(one) for one in expected)


@given(links_of_records, singles)
def test_join_persons__stars_equal_a_plain_implementation(links, single):
    persons = join_persons(SIZES, as_pairs(links), single=single, method="star")
    expected, fates = plain_stars(links, single)
    assert set(found_groups(persons)) == set(expected)
    assert persons.ties == fates


@given(links_of_records, singles, apart_pairs)
def test_join_persons__components_follow_all_links(links, single, said):
    persons = join_persons(
        SIZES, as_pairs(links), single=single, method="components", weakest_tie=1.0,
        apart=np.array(said, np.int64).reshape(-1, 2),
    )  # fmt: skip
    expected, _ = plain_strong_first(links, (False,) * 3, 0.0, [])
    assert set(found_groups(persons)) == set(expected)


@given(links_of_records, st.sampled_from(["strong-first", "correlation"]))
def test_join_persons__does_not_depend_on_the_order_of_links(links, method):
    one, other = (
        join_persons(
            SIZES, as_pairs(order), single=(True, False, True), method=method, weakest_tie=0.5
        )
        for order in (links, links[::-1])
    )
    assert found_groups(one) == found_groups(other)
    assert (one.confidence == other.confidence).all()
    assert one.ties == other.ties


def test_join_persons__orders_by_weight_where_probabilities_are_too_coarse():
    weak, strong = (
        Pairs(0, 1, np.array([i]), np.array([0]), np.ones(1), np.array([weight]), np.ones(1))
        for i, weight in ((0, 60.0), (1, 70.0))
    )
    persons = join_persons([2, 1], [weak, strong], single=(True, True))
    assert persons.person[0][1] == persons.person[1][0] != persons.person[0][0]


def test_join_persons__without_links_or_with_too_many_single_data_sets():
    alone = join_persons([2, 0, 1], [])
    assert (alone.count, alone.confidence.tolist()) == (3, [1, 1, 1])
    with pytest.raises(UsageError, match="at most 62"):
        join_persons([1] * 63, [], single=[True] * 63)
    assert join_persons([1] * 62, [], single=[True] * 62).count == 62


def plain_closure(chances, least):
    """Chances of all pairs of records after thirds, by pair of data sets: `{(i, j): chance}`."""
    direct = {}
    for (a, b), pairs in chances.items():
        for (i, j), chance in pairs.items():
            direct[(a, i), (b, j)] = direct[(b, j), (a, i)] = chance
    closed = {}
    for a, b in chances:
        found = {}
        for i, j in itertools.product(range(SIZES[a]), range(SIZES[b])):
            paths = [
                p * direct.get((third, (b, j)), 0)
                for (one, third), p in direct.items()
                if one == (a, i) and min(p, direct.get((third, (b, j)), 0)) > 1e-3
            ]
            through = min(sum(paths), 1.0)
            known = direct.get(((a, i), (b, j)))
            if known is not None or through >= least:
                found[i, j] = 1 - (1 - (known or 0)) * (1 - through)
        closed[a, b] = {
            (i, j): min([chance] + [1 - best for best in rivals(found, i, j)])
            for (i, j), chance in found.items()
        }
    return closed


def rivals(found, i, j):
    """The strongest pair of either record, where it is another one; ties go to the earlier."""
    for side, record in ((0, i), (1, j)):
        best = min(
            (pair for pair in found if pair[side] == record), key=lambda one: (-found[one], one)
        )
        if best != (i, j):
            yield found[best]


@given(seeds, st.sampled_from([0.01, 0.3, 0.9]))
def test_close_over_thirds__equals_a_plain_loop(random, least):
    chances = {}
    for a, b in itertools.combinations(range(3), 2):
        every = list(itertools.product(range(SIZES[a]), range(SIZES[b])))
        kept = [pair for pair in every if random.random() < 0.3]
        values = random.choice([0.0, 0.0005, 0.02, 0.4, 0.97, 1.0], len(kept)).tolist()
        chances[a, b] = dict(zip(kept, values, strict=True))
    given_ = [
        Chances(
            places,
            np.array([i for i, _ in pairs], np.int64),
            np.array([j for _, j in pairs], np.int64),
            np.array(list(pairs.values()), float),
        )
        for places, pairs in chances.items()
    ]
    expected = plain_closure(chances, least)
    for one in close_over_thirds(SIZES, given_, least):
        found = dict(
            zip(zip(one.left.tolist(), one.right.tolist(), strict=True), one.chance, strict=True)
        )
        assert set(found) == set(expected[one.places])
        for pair, chance in found.items():
            assert_allclose(chance, expected[one.places][pair], atol=1e-12)


@given(st.integers(0, 40), st.integers(0, 40))
def test_wilson__equals_scipy(hits, misses):
    low, high = wilson(hits, hits + misses)
    if not hits + misses:
        assert (low, high) == (0, 1)
        return
    expected = binomtest(hits, hits + misses).proportion_ci(0.95, "wilson")
    assert_allclose((low, high), (expected.low, expected.high), atol=1e-12)
    assert low <= hits / (hits + misses) <= high


def pairs_with(random, count, fields=3, levels=3):
    """Pairs of any weights, some at record level without, of few agreement patterns."""
    every = np.array(list(itertools.product(range(SIZES[0]), range(SIZES[1]))))
    chosen = every[np.sort(random.choice(len(every), count, replace=False))]
    weight = random.normal(0, 4, count)
    pairs = Pairs(
        0, 1, chosen[:, 0], chosen[:, 1], random.random(count), weight, 1 / (1 + 2.0**-weight),
        random.integers(0, levels, (count, fields)).astype(np.int8),
    )  # fmt: skip
    return pairs.take(np.lexsort((-pairs.similarity, -pairs.weight)))


@given(seeds, st.integers(0, 20), st.booleans())
def test_rank_for_review__puts_first_what_teaches_most(random, count, record_level):
    pairs = pairs_with(random, count, levels=2)
    if record_level:
        nothing = np.full(count, np.nan)
        pairs = Pairs(0, 1, pairs.left, pairs.right, pairs.similarity, nothing, nothing)
    cut = random.integers(count + 1)  # pairs of two pairs of data sets are ranked as one list
    parts = [pairs.take(np.arange(count) < cut), pairs.take(np.arange(count) >= cut)]
    rank = np.concatenate(rank_for_review(parts))
    assert sorted(rank.tolist()) == list(range(1, count + 1))
    chance = pairs.similarity if record_level else pairs.probability
    doubt = (chance * (1 - chance)).tolist()
    patterns = [tuple(one) for one in pairs.levels.tolist()] or [()] * count
    worth = {}
    for pattern in set(patterns):
        members = [n for n in range(count) if patterns[n] == pattern]
        members.sort(key=lambda n: -doubt[n])
        for place, one in enumerate(members):
            worth[one] = sum(doubt[n] for n in members) / (1 + place) ** 2
    ranked = [worth[one] for one in np.argsort(rank).tolist()]
    assert_allclose(ranked, sorted(worth.values(), reverse=True), atol=1e-12)


@given(seeds, st.integers(0, 20), st.integers(0, 8))
def test_apply_decisions__overrules_weights_and_lets_matches_in(random, count, decisions):
    pairs = pairs_with(random, count)
    every = np.array(list(itertools.product(range(SIZES[0]), range(SIZES[1]))))
    said = every[random.choice(len(every), decisions, replace=False)]
    match = random.random(decisions) < 0.5
    encodings = [people(size, 1, name) for name, size in zip("abc", SIZES, strict=True)]
    decided = [
        Decided((0, 1), said[:, 0], said[:, 1], match),
        Decided((0, 2), np.array([0]), np.array([0]), np.array([True])),
    ]
    found = apply_decisions(pairs, decided, encodings)
    before = {(i, j): n for n, (i, j) in enumerate(zip(pairs.left, pairs.right, strict=True))}
    answers = dict(zip(map(tuple, said.tolist()), match.tolist(), strict=True))
    assert {*zip(found.left.tolist(), found.right.tolist(), strict=True)} == set(before) | {
        pair for pair, yes in answers.items() if yes
    }
    assert len(found) == len(found.levels)
    for n, pair in enumerate(zip(found.left.tolist(), found.right.tolist(), strict=True)):
        if pair in answers:
            assert found.weight[n] == (DECIDED_BITS if answers[pair] else -DECIDED_BITS)
            assert found.probability[n] == float(answers[pair])
        else:
            assert found.weight[n] == pairs.weight[before[pair]]
        if pair in before:
            assert found.similarity[n] == pairs.similarity[before[pair]]
            assert (found.levels[n] == pairs.levels[before[pair]]).all()
    order = list(zip(-found.weight, -found.similarity, strict=True))
    assert order == sorted(order)


def test_apply_decisions__keeps_levels_where_there_was_no_pair():
    nothing, none = np.empty(0), np.empty(0, np.int64)
    pairs = Pairs(0, 1, none, none, nothing, nothing, nothing, np.empty((0, 3), np.int8))
    decided = [Decided((0, 1), np.array([1]), np.array([2]), np.array([True]))]
    found = apply_decisions(pairs, decided, [people(4, 1, "a"), people(5, 1, "b")])
    assert (found.left.tolist(), found.weight.tolist()) == ([1], [DECIDED_BITS])
    assert found.levels.tolist() == [[0, 0, 0]]


def test_apart__numbers_records_over_all_data_sets():
    decided = [
        Decided((0, 1), np.array([1, 2]), np.array([3, 4]), np.array([True, False])),
        Decided((1, 2), np.array([0]), np.array([1]), np.array([False])),
    ]
    assert apart(decided, SIZES).tolist() == [[2, 8], [4, 10]]
    assert apart([], SIZES).shape == (0, 2)


def random_model(random, levels, own, more):
    m, u = (
        np.where(levels.possible, random.random(levels.possible.shape) ** 4 + 1e-9, 0.0)
        for _ in "mu"
    )
    m, u = (one / one.sum(axis=1, keepdims=True) for one in (m, u))
    shares = random.random((own + 1 + more, len(m))) < 0.5
    shares[own] = False
    sizes = 10 ** random.uniform(-6, 12, len(shares))
    return Model(levels.fields, m, u, shares, sizes, own, float(10 ** random.uniform(0, 13)))


@given(seeds, st.integers(1, 3), st.integers(0, 5))
def test_model__survives_json(random, own, more):
    levels = levels_of(people(2, 1, "a"))
    model = random_model(random, levels, own, more)
    text = json.dumps(model_content(model, levels, "0" * 64))
    again = model_of(json.loads(text), levels, "0" * 64)
    assert (again.fields, again.own, again.pairs) == (model.fields, own, model.pairs)
    assert (again.shares == model.shares).all()
    assert (again.sizes == model.sizes).all()
    assert_allclose(again.m, model.m, rtol=1e-15)
    assert_allclose(again.u, model.u, rtol=1e-15)
    patterns = random.integers(0, levels.top + 1, (50, len(levels.fields))).astype(np.int8)
    assert_allclose(again.odds(patterns), model.odds(patterns), atol=1e-9)
    written = json.loads(text)["fields"]
    assert [one["field"] for one in written] == list(levels.fields)
    assert [one["level"] for one in written[0]["levels"]] == level_labels(levels)[1:]


@given(seeds, st.floats(0.01, 1.0))
def test_model__edited_numbers_need_not_add_up(random, factor):
    levels = levels_of(people(2, 1, "a"))
    model = random_model(random, levels, 1, 2)
    content = model_content(model, levels, "0" * 64)
    for one in content["fields"][0]["levels"]:
        one["m"] *= factor
    assert_allclose(model_of(content, levels, "0" * 64).m, model.m, rtol=1e-12)


DAMAGED = {
    "no object": (lambda c: [c], InputError, "not a model"),
    "nothing": (lambda c: None, InputError, "not a model"),
    "no version": (lambda c: c | {"model_version": None}, InputError, "model_version"),
    "another version": (lambda c: c | {"model_version": 2}, MismatchError, "version 2"),
    "another schema": (lambda c: c | {"schema_digest": "1" * 64}, MismatchError, "another schema"),
    "more": (lambda c: c | {"comment": "x"}, InputError, "comment"),
    "no pairs": (lambda c: c | {"all_pairs": 0}, InputError, "all_pairs"),
    "hardly a pair": (lambda c: c | {"all_pairs": 1e-300}, InputError, "all_pairs"),
    "fields turned": (lambda c: c | {"fields": c["fields"][::-1]}, MismatchError, "other fields"),
    "a field less": (lambda c: c | {"fields": c["fields"][1:]}, MismatchError, "other fields"),
    "no strangers": (lambda c: c | {"classes": c["classes"][:1] * 2}, InputError, "both kinds"),
    "no matches": (lambda c: c | {"classes": c["classes"][1:]}, InputError, "matches come first"),
    "classes turned": (
        lambda c: c | {"classes": c["classes"][::-1]}, InputError, "matches come first",
    ),
    "strangers with something": (
        lambda c: c | {"classes": [c["classes"][0], c["classes"][1] | {"in_common": ["dob"]},
                                   c["classes"][2]]},
        InputError, "has nothing in common",
    ),
    "a field that is none": (
        lambda c: c | {"classes": [c["classes"][0] | {"in_common": ["surnme"]}, *c["classes"][1:]]},
        InputError, "no field 'surnme'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_model__refuses_what_does_not_fit(case):
    change, error, says = DAMAGED[case]
    levels = levels_of(people(2, 1, "a"))
    model = random_model(np.random.default_rng(1), levels, 1, 1)
    content = model_content(model, levels, "0" * 64)
    model_of(content, levels, "0" * 64)
    with pytest.raises(error, match=says):
        model_of(change(content), levels, "0" * 64)


@pytest.mark.parametrize(
    ("number", "value", "error", "says"),
    [
        ("m", 1.5, InputError, "fields.0.levels.0.m"),
        ("m", -0.1, InputError, "fields.0.levels.0.m"),
        ("m", float("nan"), InputError, "finite"),
        ("m", "0.5", InputError, "fields.0.levels.0.m"),
        ("u", 0.0, InputError, "'forename' are all 0, or a u is 0"),
        ("level", "0.55", MismatchError, "levels of 'forename' are not differs, 0.5"),
    ],
)
def test_model__refuses_wrong_numbers(number, value, error, says):
    levels = levels_of(people(2, 1, "a"))
    content = model_content(random_model(np.random.default_rng(1), levels, 1, 1), levels, "0" * 64)
    content["fields"][0]["levels"][0][number] = value
    with pytest.raises(error, match=says):
        model_of(content, levels, "0" * 64)


FULL = Completeness(links=100, met=98, by_pass=(98,), alone=(98,))


@given(seeds, st.integers(0, 300), st.floats(0, 500))
def test_certify__by_the_model_is_the_mean_chance_of_links(random, count, missed):
    chances = random.random(count)
    found = certify(chances, chances.sum() + missed, FULL, None)
    assert found.basis == "model"
    for low, middle, high in (found.precision, found.recall):
        assert 0 <= low <= middle <= high <= 1
    if count:
        assert_allclose(found.precision[1], chances.mean())
        assert_allclose(found.recall[1], chances.sum() / (chances.sum() + missed) * 0.98)


def test_certify__by_identifiers_needs_enough_of_them():
    chances = np.full(1000, 0.99)
    enough = Checked(equal=LEAST_CHECKED, linked=180, both=100, agree=98, known=0.0)
    found = certify(chances, 1000, FULL, enough)
    assert (found.basis, found.pairs) == ("identifiers", LEAST_CHECKED)
    assert_allclose([found.recall[1], found.precision[1]], [0.9, 0.98])
    assert_allclose(found.recall[::2], wilson(180, 200))
    few = Checked(equal=LEAST_CHECKED - 1, linked=180, both=100, agree=98, known=0.0)
    assert certify(chances, 1000, FULL, few).basis == "model"
    assert certify(chances, 1000, FULL, few + few).basis == "identifiers"
    known = Checked(equal=LEAST_CHECKED, linked=180, both=0, agree=0, known=0.5)
    assert_allclose(certify(chances, 1000, FULL, known).recall[1], 0.95)
