"""The linker's stages and the engine, against plain implementations."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.engine.local import data_pairs, link
from linkage.engine.plan import plan
from linkage.errors import InputError, MismatchError, UsageError
from linkage.linker import block
from linkage.linker.assign import assign
from linkage.linker.block import (
    Blocking,
    BlockKeys,
    compared_keys,
    plan_pass,
    split_tasks,
)
from linkage.linker.compare import Scored, agreement_rule, collapse, compare_task, side
from linkage.linker.completeness import wilson
from linkage.linker.decide import decider
from linkage.linker.memory import Size, pairs_budget
from linkage.linker.persons import join_persons, person_ids
from linkage.model import Encodings, Pairs, Slice, check_dataset_name
from linkage.schema import LinkageSchema
from tests import reference

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


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3),
                          st.integers(0, 3)), max_size=10))  # fmt: skip
def test_join_persons__are_connected_components(edges):
    links = [
        Pairs(a, b, np.array([i]), np.array([j]), *([np.zeros(1)] * 3)) for a, b, i, j in edges
    ]
    persons = join_persons([4, 4, 4], links)
    whole = np.concatenate(persons.person)
    found = {frozenset(np.flatnonzero(whole == p).tolist()) for p in range(persons.count)}
    expected = reference.components(12, [(4 * a + i, 4 * b + j) for a, b, i, j in edges])
    assert found == set(expected)


def keys_of(left, right):
    return BlockKeys(("names", "dob"), left.tokens, right.tokens)


def test_split_tasks__cover_each_pair_of_a_block_once(monkeypatch):
    monkeypatch.setattr(block, "TASK_COMPARISONS", 7)
    random = np.random.default_rng(3)
    sides = [make_encodings(random.integers(0, 4, (size, 2))) for size in (20, 15)]
    pairs = []
    plan = plan_pass(keys_of(*sides), 0, within=False)
    for task in split_tasks(plan):
        largest = 0
        for a, b, c, d in task.blocks.tolist():
            pairs += itertools.product(task.left_order[a:b], task.right_order[c:d])
            largest = max(largest, (b - a) * (d - c))
        assert task.comparisons <= 7 + largest
    tokens = [side.tokens[:, 0] for side in sides]
    expected = {(i, j) for i in range(20) for j in range(15) if tokens[0][i] == tokens[1][j] != 0}
    assert len(pairs) == len(expected) == plan.comparisons
    assert set(pairs) == expected


def test_split_tasks__within_cover_each_pair_once(monkeypatch):
    monkeypatch.setattr(block, "TASK_COMPARISONS", 7)
    one = make_encodings(np.random.default_rng(3).integers(0, 4, (20, 2)))
    rule = agreement_rule(one, (0.5,), np.zeros((1, 3)), cutoff=0.0)
    pairs, comparisons = [], 0
    for task in split_tasks(plan_pass(keys_of(one, one), 0, within=True)):
        scored = compare_task(task, side(one), side(one), rule)
        pairs += zip(scored.left.tolist(), scored.right.tolist(), strict=True)
        comparisons += task.comparisons
    token = one.tokens[:, 0]
    expected = {(i, j) for i in range(20) for j in range(i + 1, 20) if token[i] == token[j] != 0}
    assert len(pairs) == comparisons == len(expected)
    assert set(pairs) == expected


def test_plan_pass__leaves_out_blocks_above_the_cap():
    one = make_encodings(np.array([[1, 1], [1, 1], [1, 2], [2, 2], [0, 3]]))
    other = make_encodings(np.array([[1, 1], [2, 1], [2, 2], [2, 3]]))
    keys = keys_of(one, other)
    plans = [plan_pass(keys, 0, within=False, cap=2), plan_pass(keys, 1, within=False)]
    assert plans[0].blocks.tolist() == []
    assert plans[0].count().skipped_comparisons == 3 + 3
    assert plans[1].comparisons == 2 * 2 + 2 * 1 + 1
    compared = compared_keys(keys, plans)
    assert compared.left.tolist() == [[0, 1], [0, 1], [0, 2], [0, 2], [0, 3]]
    assert compared.right.tolist() == [[0, 1], [0, 1], [0, 2], [0, 3]]
    assert keys.left[0, 0] == 1, "the keys that were given stay"


def twice(one):
    rows = np.repeat(np.arange(len(one.owner)), 2)
    return dataclasses.replace(
        one, records=np.array([b"%d" % row for row in range(len(rows))]),
        owner=np.arange(len(rows)), bits=one.bits[rows], tokens=one.tokens[rows],
    )  # fmt: skip


def test_link__caps_lose_what_the_manifest_says():
    data = [twice(people(400, 1, "a")), people(400, 1, "b", typos=True)]
    whole, some, capped = (
        link(data, blocking=Blocking(caps=caps)) for caps in ({}, {"names": 1}, {"": 1})
    )
    assert some.passes[0].skipped_blocks > 0
    assert len(some.links[0]) == len(whole.links[0])
    assert some.passes[0].lost_links == 0, "the other pass finds them"
    assert len(capped.links[0]) == 0
    assert capped.passes[1].lost_links == len(whole.links[0]) > 700
    with pytest.raises(UsageError, match="no blocking pass 'postcode' to cap"):
        link(data, blocking=Blocking(caps={"postcode": 9}))


def test_link__all_pairs_and_lsh_find_what_tokens_find():
    data = [people(150, 1, "a", level="record"), people(150, 1, "b", level="record")]
    found = {}
    for method in ("tokens", "lsh", "all-pairs"):
        links = link(data, blocking=Blocking(method), threshold=0.9).links[0]
        found[method] = set(zip(links.left.tolist(), links.right.tolist(), strict=True))
    assert found["tokens"] <= found["all-pairs"]
    assert found["lsh"] <= found["all-pairs"]
    assert {(one, one) for one in range(150)} <= found["lsh"] & found["tokens"]


@pytest.mark.parametrize("level", ["record", "field"])
def test_link__does_not_depend_on_the_order_of_passes(level):
    data = [people(300, 1, "a", level=level), people(300, 1, "b", level=level, typos=True)]
    turned = [
        dataclasses.replace(one, tokens=np.ascontiguousarray(one.tokens[:, ::-1])) for one in data
    ]
    answers = []
    for sides in (data, turned):
        how = decider(data_pairs(data, False)[0], data[0].schema, threshold=None,
                      probability=None, seed=0)  # fmt: skip
        (one,), _ = data_pairs(sides, False)
        keys = BlockKeys(("x", "y"), sides[0].tokens, sides[1].tokens)
        parts = [
            compare_task(task, one.left_side, one.right_side, how.rule)
            for number in range(2)
            for task in split_tasks(plan_pass(keys, number, within=False))
        ]
        scored = collapse(Scored.joined(parts), *sides, within=False)
        answers.append([scored.left.tolist(), scored.right.tolist(), scored.weight.tolist()])
    assert answers[0] == answers[1]


def test_link__spilling_changes_nothing(tmp_path):
    data = [people(300, 1, "a"), people(300, 1, "b", typos=True)]
    whole = link(data)
    spilled = link(data, pairs_budget=100, spill_folder=tmp_path)
    assert spilled.spilled > 0 == whole.spilled
    assert list(tmp_path.iterdir()) == []
    for a, b in zip(whole.links + whole.review, spilled.links + spilled.review, strict=True):
        for name in ("left", "right", "similarity", "weight", "probability"):
            assert np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)


def test_pairs_budget__says_what_does_not_fit():
    size = Size(rows=10_000_000, words=24, slices=6, passes=10)
    assert 0 < pairs_budget([size], 16 << 30) < 16 << 30
    with pytest.raises(UsageError, match=r"need about \d.*raise --memory-limit"):
        pairs_budget([size], 2 << 30)


@pytest.mark.parametrize("deduplicate", [False, True])
def test_plan__foretells_the_run(deduplicate):
    data = [people(400, 1, "a"), people(400, 1, "b", typos=True)]
    made, run = plan(data, deduplicate=deduplicate), link(data, deduplicate=deduplicate)
    assert [one.comparisons for one in made.passes] == [one.comparisons for one in run.passes]
    assert made.all_pairs == run.all_pairs
    low, high = made.completeness.interval
    assert low <= made.completeness.share <= high
    assert made.completeness.met == made.completeness.links > 350
    assert made.completeness == plan(data, deduplicate=deduplicate).completeness
    assert all(seconds >= 0 for seconds in made.seconds)


def test_plan__sees_what_passes_miss():
    data = [people(400, 1, "a"), people(400, 1, "b", typos=True)]
    only_names = [dataclasses.replace(one, tokens=one.tokens * [1, 0]) for one in data]
    made = plan(
        [dataclasses.replace(one, tokens=one.tokens.astype(np.uint64)) for one in only_names]
    )
    assert made.completeness.share < 0.8


def test_wilson__is_the_score_interval():
    assert_allclose(wilson(9, 10), (0.59585, 0.98212), atol=1e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def make_encodings(tokens):
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
    rows = np.repeat(np.arange(50), 2)
    doubled = Encodings(
        "a", one.schema, one.key_fingerprint, one.records, rows, one.bits[rows], one.slices,
        one.tokens[rows],
    )  # fmt: skip
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
    assert sum(map(len, result.links)) < 6
    assert result.persons.count > 110


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
