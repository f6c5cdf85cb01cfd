"""Assignment, persons, and the engine from encodings to links."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.agency.keys import ProjectKey
from linkage.engine.local import link
from linkage.errors import InputError, MismatchError, UsageError
from linkage.linker.assign import assign
from linkage.linker.persons import join_persons, person_ids
from linkage.model import Pairs, check_dataset_name
from tests import reference
from tests.samples import SCHEMA, aliased, people


def make_pairs(rows):
    """Pairs of (left, right, similarity), ordered as the engine orders them."""
    rows = sorted(rows, key=lambda one: (-one[2], one[0], one[1]))
    left, right, similarity = (np.array(column) for column in zip(*rows, strict=True))
    nothing = np.full(len(rows), np.nan)
    return Pairs(0, 1, left, right, similarity.astype(float), nothing, nothing)


pair_lists = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 20).map(lambda n: n / 20)),
    min_size=1, max_size=12, unique_by=lambda one: one[:2],
)  # fmt: skip


def one_to_one(pairs):
    return len(set(pairs.left.tolist())) == len(pairs) == len(set(pairs.right.tolist()))


@given(pair_lists)
def test_assign__one_to_one_methods_use_a_record_once(rows):
    pairs = make_pairs(rows)
    kept = {method: pairs.take(assign(pairs, method)) for method in ("best", "greedy", "optimal")}
    assert all(map(one_to_one, kept.values()))
    assert assign(pairs, "many-to-many").all()
    best, greedy = ({*zip(k.left, k.right, strict=True)} for k in (kept["best"], kept["greedy"]))
    assert best <= greedy
    assert kept["optimal"].similarity.sum() >= kept["greedy"].similarity.sum() - 1e-9


@given(pair_lists)
def test_assign__optimal_equals_brute_force(rows):
    pairs = make_pairs(rows)
    most = 0.0
    for size in range(1, len(rows) + 1):
        for chosen in itertools.combinations(rows, size):
            left, right = ({one[side] for one in chosen} for side in (0, 1))
            if len(left) == len(right) == size:
                most = max(most, sum(one[2] for one in chosen))
        if size == 5:
            break
    assert_allclose(pairs.take(assign(pairs, "optimal")).similarity.sum(), most)


def test_assign__greedy_can_be_worse_than_optimal():
    pairs = make_pairs([(0, 0, 0.9), (0, 1, 0.8), (1, 0, 0.85)])
    assert pairs.take(assign(pairs, "greedy")).similarity.tolist() == [0.9]
    assert pairs.take(assign(pairs, "optimal")).similarity.tolist() == [0.85, 0.8]
    assert pairs.take(assign(pairs, "best")).similarity.tolist() == [0.9]


ties = st.lists(
    st.tuples(*[st.integers(0, 2)] * 2, *[st.integers(0, 3)] * 2, st.integers(10, 19)), max_size=10
)


def ties_of(rows):
    """Links of three data sets of four records: as pairs, and as edges with their probability."""
    links = [
        Pairs(a, b, np.array([i]), np.array([j]), np.ones(1), np.log2([p / (20 - p)]),
              np.array([p / 20]))
        for a, b, i, j, p in rows
    ]  # fmt: skip
    return links, [(4 * a + i, 4 * b + j, p / 20) for a, b, i, j, p in rows]


def groups_of(persons):
    whole = np.concatenate(persons.person)
    return [frozenset(np.flatnonzero(whole == p).tolist()) for p in range(persons.count)]


@pytest.mark.parametrize("method", ["components", "strong-first"])
@given(rows=ties)
def test_join_persons__are_connected_components(method, rows):
    links, edges = ties_of(rows)
    persons = join_persons([4, 4, 4], links, method=method)
    found = groups_of(persons)
    assert set(found) == set(reference.components(12, [one[:2] for one in edges]))
    assert sum(persons.ties.values()) == len(rows)
    for group, confidence in zip(found, persons.confidence.tolist(), strict=True):
        strong, stronger = (
            reference.components(12, [one[:2] for one in edges if keep(one[2], confidence)])
            for keep in (float.__ge__, float.__gt__)
        )
        assert group in strong
        assert confidence == 1.0 if len(group) == 1 else group not in stronger


@given(ties)
def test_join_persons__give_no_person_two_records_of_a_single_data_set(rows):
    links, _ = ties_of(rows)
    persons = join_persons([4, 4, 4], links, single=[True, False, True])
    for group in groups_of(persons):
        assert sum(one < 4 for one in group) <= 1
        assert sum(one >= 8 for one in group) <= 1
    within = join_persons([4, 4, 4], links, weakest_tie=0.7, apart=np.array([[0, 4], [4, 8]]))
    assert not any({0, 4} <= group or {4, 8} <= group for group in groups_of(within))


@given(ties)
def test_join_persons__stars_have_a_link_with_one_centre(rows):
    links, edges = ties_of(rows)
    tied = {frozenset(one[:2]) for one in edges}
    for group in groups_of(join_persons([4, 4, 4], links, method="star")):
        others = [[frozenset([centre, one]) for one in group - {centre}] for centre in group]
        assert any(tied.issuperset(one) for one in others)


@pytest.mark.parametrize("level", ["record", "field"])
def test_link__finds_people_without_labels(level):
    result = link([people(400, 1, "a", level=level), people(400, 1, "b", level=level, typos=True)])
    right = sum(int((one.left == one.right).sum()) for one in result.links)
    links = sum(map(len, result.links))
    assert right / links > 0.97
    assert right / 400 > 0.97


@pytest.mark.parametrize("level", ["record", "field"])
@pytest.mark.parametrize("assignment", ["many-to-many", "best", "greedy", "optimal"])
def test_link__does_not_depend_on_threads(level, assignment):
    data = [people(200, 1, "a", level=level), people(150, 1, "b", level=level, typos=True)]
    one, two = (link(data, assignment=assignment, threads=threads) for threads in (1, 2))
    for a, b in zip(one.links + one.review, two.links + two.review, strict=True):
        for name in ("left", "right", "similarity", "weight", "probability"):
            assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)


def test_link__emits_what_the_threshold_says():
    data = [people(100, 1, "a", level="record"), people(100, 1, "b", level="record", typos=True)]
    result = link(data, threshold=0.7)
    filters = [[reference.to_int(row) for row in one.bits] for one in data]
    expected = {
        (i, j)
        for i, a in enumerate(filters[0])
        for j, b in enumerate(filters[1])
        if reference.dice(a, b) >= reference.Fraction("0.7")
        and any(s == t != 0 for s, t in zip(data[0].tokens[i], data[1].tokens[j], strict=True))
    }
    links = result.links[0]
    assert set(zip(links.left.tolist(), links.right.tolist(), strict=True)) == expected
    assert (result.review[0].similarity < 0.7).all()


def test_link__three_parties_and_within():
    data = [people(100, 1, name) for name in "abc"]
    assert len(link(data).links) == 3
    result = link(data, deduplicate=True)
    assert len(result.links) == 6
    within = next(one for one in result.links if one.left_dataset == one.right_dataset)
    assert (within.left < within.right).all()
    assert [len(one) for one in result.persons.person] == [100, 100, 100]


def test_link__alias_rows_count_as_one_record():
    one, other = people(50, 1, "a"), people(50, 1, "b")
    doubled = aliased(one)
    result = link([doubled, other])
    links = result.links[0]
    assert len(links) == len(set(zip(links.left.tolist(), links.right.tolist(), strict=True)))
    assert set(links.left[links.left == links.right].tolist()) == set(range(50))
    apart = link([doubled, other], deduplicate=True)
    assert all((one.left != one.right).all() for one in apart.links if
               one.left_dataset == one.right_dataset)  # fmt: skip


def test_link__nothing_in_common_gives_no_links():
    data = [people(60, 1, "a"), people(60, 99, "b")]
    result = link(data)
    assert sum(map(len, result.links)) == 0
    assert result.persons.count == 120


def test_link__leaves_one_link_where_data_sets_have_one_record_a_person():
    one, other = people(200, 1, "a"), people(200, 1, "b", typos=True)
    twins = replace(
        other, records=np.array([b"%d" % row for row in range(400)]), owner=np.arange(400),
        bits=np.repeat(other.bits, 2, axis=0), tokens=np.repeat(other.tokens, 2, axis=0),
    )  # fmt: skip
    free, bound = (
        link([one, twins], single=single, probability=0.6).links[0] for single in (("a",), ("b",))
    )
    assert len(free) > 390
    assert len(bound) == 0, "neither of two equal records is likelier than the other"
    assert len(link([one, twins]).links[0]) == len(free), "b is seen to repeat people"
    both = link([one, other]).links[0]
    assert one_to_one(both)
    assert len(both) > 190


def test_link__refuses_what_does_not_fit():
    one, other = people(5, 1, "a"), people(5, 1, "b")
    with pytest.raises(UsageError, match="two or more"):
        link([one])
    with pytest.raises(UsageError, match="'a' is given twice"):
        link([one, one])
    with pytest.raises(MismatchError, match="different keys"):
        link([one, people(5, 1, "b", key=ProjectKey(bytes(range(32))))])
    with pytest.raises(MismatchError, match="different schemas"):
        link([one, people(5, 1, "b", schema=SCHEMA.replace('"test"', '"best"'))])
    with pytest.raises(UsageError, match="use a probability"):
        link([one, other], threshold=0.8)
    with pytest.raises(UsageError, match="not between 0 and 1"):
        link([one, other], probability=1.5)
    with pytest.raises(UsageError, match="no data set 'c' to have one record a person"):
        link([one, other], single=("a", "c"))
    with pytest.raises(UsageError, match="deduplicate"):
        link([one, other], assignment="greedy", deduplicate=True)
    records = [people(5, 1, name, level="record") for name in "ab"]
    with pytest.raises(UsageError, match="use a threshold"):
        link(records, probability=0.5)
    with pytest.raises(UsageError, match="not between 0 and 1"):
        link(records, threshold=float("nan"))


def test_person_ids__are_distinct_and_tell_nothing_of_order():
    data = [people(50, 1, "a"), people(50, 1, "b")]
    result = link(data)
    ids = person_ids(result.persons, data)
    assert len(set(ids.tolist())) == result.persons.count
    assert sorted(ids.tolist()) != ids.tolist()
    assert ids.tolist() == person_ids(result.persons, data).tolist()
    assert ids.tolist() != person_ids(result.persons, [people(50, 1, "a"), data[1]]).tolist()


@pytest.mark.parametrize("name", ["links", "Persons", "../x", "", "a b", "x" * 65, "a/b", ".a"])
def test_check_dataset_name__refuses(name):
    with pytest.raises(InputError, match="can't name a data set"):
        check_dataset_name(name)
