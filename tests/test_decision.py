"""Both decisions keep one protocol, and candidates compete where a person has one record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.agency.encode import encode
from linkage.engine.local import link
from linkage.linker.block import BlockKeys
from linkage.linker.compare import compare_task
from linkage.linker.compete import link_odds
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import data_pairs
from linkage.model import Task
from linkage.schema import LinkageSchema
from tests import reference
from tests.samples import KEY, SCHEMA, aliased, compared, people

few_links = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(-6, 20)),
    min_size=1, max_size=8, unique_by=lambda one: one[:2],
)  # fmt: skip


@given(few_links, st.sampled_from([(False, False), (True, False), (False, True)]))
def test_link_odds__equal_enumeration(rows, single):
    left, right, bits = (np.array(column) for column in zip(*rows, strict=True))
    records = (6, 9)
    odds, matches = link_odds(left, right, bits.astype(float), records, single, 1.0)
    # If the left side is single, each right record has one partner there, or none.
    chooser, others = records[::-1] if single[0] else records
    prior = matches / (others * max(chooser - matches, 0.5)) if any(single) else 1 / 53
    weights = (prior * 2.0**bits).tolist()
    expected = reference.link_odds([one[:2] for one in rows], weights, single[::-1])
    chance, wanted = (one / (1 + one) for one in (odds, np.array(expected)))
    assert_allclose(chance, wanted, atol=2e-4)
    assert_allclose(matches, chance.sum(), atol=2e-4)


def test_link_odds__of_two_single_sides_are_those_of_matchings():
    rows = [(0, 0, 12.0), (0, 1, 9.0), (1, 0, 11.0), (2, 2, -3.0)]
    left, right, bits = (np.array(column) for column in zip(*rows, strict=True))
    odds, matches = link_odds(left, right, bits, (20, 20), (True, True), 3.0)
    weights = (matches / (20 - matches) ** 2 * 2**bits).tolist()
    expected = reference.link_odds([one[:2] for one in rows], weights, (True, True))
    assert_allclose(odds, expected, rtol=0.01)
    nothing = np.empty(0, np.int64)
    assert link_odds(nothing, nothing, bits[:0], (20, 20), (True, True), 3.0)[1] < 1e-3


def muddled(level):
    """Two data sets of 300 people with few names, 200 in both; three of four have a field wrong."""
    random = np.random.default_rng(5)
    names = ["ANNA", "BERTHA", "CLARA", "DORA", "EMMA", "FREDA", "GRETA", "HANNA", "IDA", "JANE"]
    surnames = [a + b for a in ("BROWN", "SMITH", "KHAN", "JONES") for b in ("", "SON", "BY", "ER")]

    def drawn():
        return {
            "forename": random.choice(names, 300),
            "surname": random.choice(surnames, 300),
            "dob": [f"19{year}-0{month}-1{day}" for year, month, day in
                    random.integers([40, 1, 0], [99, 10, 10], (300, 3))],
        }  # fmt: skip

    table, other = drawn(), drawn()
    for place, name in enumerate(table):
        for row in range(200):
            if row % 4 != place:
                other[name][row] = table[name][row]
    parsed = LinkageSchema.parse(SCHEMA.format(level=level))
    return [encode(one, parsed, KEY, dataset=name) for one, name in ((table, "a"), (other, "b"))]


@pytest.fixture(scope="module", params=["threshold", "model", "free", "aliases"])
def settled(request):
    """A decision, its data, and what it settled: of either kind, and of all that matter."""
    data = muddled("record" if request.param == "threshold" else "field")
    if request.param == "aliases":
        data[0] = aliased(data[0])
    choices = Choices(single=() if request.param == "free" else None)
    pairs = data_pairs(data, False)
    how, _ = set_up(data, pairs, choices, 0)
    found = compared(data, pairs, how)
    return data, how, pairs, found, how.settle(found, pairs)


def test_decision__candidates_come_once_and_in_order(settled):
    _, _, _, (found,), _ = settled
    keys = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert keys == sorted(set(keys))


def test_decision__settles_every_candidate_strongest_first(settled):
    data, _, _, (found,), result = settled
    (pairs,) = result.pairs
    assert sorted(zip(pairs.left, pairs.right, strict=True)) == list(
        zip(found.left, found.right, strict=True)
    )
    strength = pairs.similarity if data[0].schema.level == "record" else pairs.weight
    keys = list(zip(-strength, -pairs.similarity, pairs.left, pairs.right, strict=True))
    assert keys == sorted(keys)
    assert ((pairs.similarity >= 0) & (pairs.similarity <= 1)).all()


def test_decision__accepts_only_what_it_would_review(settled):
    _, how, _, _, result = settled
    (pairs,) = result.pairs
    accepted, reviewed = how.accepted(pairs), how.reviewed(pairs)
    assert 50 < accepted.sum() < reviewed.sum() <= len(pairs)
    assert not (accepted & ~reviewed).any()
    assert (np.diff(accepted.astype(int)) <= 0).all(), "the strongest are accepted"


def test_decision__is_the_same_each_time(settled):
    data, how, pairs, _, result = settled
    names = tuple(name for name, yes in zip("ab", how.single, strict=True) if yes)
    again, _ = set_up(data, pairs, Choices(single=names), 0)
    assert again.summary() == how.summary()
    assert again.content() == how.content()
    other = again.settle(compared(data, pairs, again), pairs)
    for one, two in zip(result.pairs, other.pairs, strict=True):
        for name in ("left", "right", "similarity", "weight", "probability", "levels"):
            assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True)
    assert other.decision.summary() == result.decision.summary()


def test_decision__are_links_tells_what_is_accepted_without_rivals(settled):
    _, how, (pair,), (found,), result = settled
    links = how.are_links(pair, found.left_rows, found.right_rows)
    (pairs,) = result.pairs
    accepted = how.accepted(pairs)[np.lexsort((pairs.right, pairs.left))]
    if any(how.single):
        assert (accepted & ~links).sum() < 0.03 * accepted.sum()
    else:
        assert links.tolist() == accepted.tolist()


def test_decision__link_rule_lets_through_all_links(settled):
    data, how, (pair,), _, _ = settled
    order = [np.arange(len(one.owner), dtype=np.int32) for one in data]
    blocks = np.array([[0, len(order[0]), 0, len(order[1])]])
    keys = BlockKeys((), *(one.tokens[:, :0] for one in data))
    rows = compare_task(Task(0, *order, blocks, False), *how.sides(pair, keys), how.link_rule())
    i, j = (axis.ravel() for axis in np.indices([len(one) for one in order]))
    links = how.are_links(pair, i, j)
    found = set(zip(rows.left.tolist(), rows.right.tolist(), strict=True))
    assert found >= set(zip(i[links].tolist(), j[links].tolist(), strict=True))


def test_decision__describes_itself_in_plain_values(settled):
    _, how, _, _, result = settled
    for one in (how, result.decision):
        assert json.loads(json.dumps(one.summary())) == one.summary()
        assert json.loads(json.dumps(one.content())) == one.content()
    fields, levels = how.labels
    assert len(fields) == result.pairs[0].levels.shape[1]
    assert len(levels) > result.pairs[0].levels.max(initial=-1)


def test_model_decision__competition_leaves_a_record_no_more_than_one_expected_link():
    data = [people(200, 1, "a"), people(200, 1, "b", typos=True)]
    pairs = data_pairs(data, False)
    for single in (("a", "b"), ("a",), ("b",)):
        how, _ = set_up(data, pairs, Choices(single=single), 0)
        (links,) = how.settle(compared(data, pairs, how), pairs).pairs
        if "a" in single:
            assert np.bincount(links.right, links.probability).max() <= 1 + 1e-3
        if "b" in single:
            assert np.bincount(links.left, links.probability).max() <= 1 + 1e-3


def test_model_decision__competition_drops_wrong_links_and_keeps_the_right_ones():
    data = muddled("field")
    pairs, right, wrong = data_pairs(data, False), [], []
    for single in ((), ("a", "b")):
        how, _ = set_up(data, pairs, Choices(single=single), 0)
        (found,) = how.settle(compared(data, pairs, how), pairs).pairs
        links = found.take(how.accepted(found))
        right.append(int((links.left == links.right).sum()))
        wrong.append(len(links) - right[-1])
    assert right[1] >= right[0] > 140
    assert wrong[1] < wrong[0] / 3


@pytest.mark.parametrize("single", [None, (), ("a",)])
def test_link__does_not_depend_on_the_order_of_data_sets(single):
    data = muddled("field")
    one, other = (link(sides, single=single).links[0] for sides in (data, data[::-1]))
    assert len(one) > 140
    assert set(zip(one.left.tolist(), one.right.tolist(), strict=True)) == set(
        zip(other.right.tolist(), other.left.tolist(), strict=True)
    )
