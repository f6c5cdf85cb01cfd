"""Blocking: tasks and plans cover each pair once; caps, methods, memory and the plan of a run."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from linkage.engine.local import link
from linkage.engine.plan import plan
from linkage.errors import UsageError
from linkage.linker import block
from linkage.linker.block import Blocking, BlockKeys, compared_keys, plan_pass, split_tasks
from linkage.linker.compare import agreement_rule, compare_task, side
from linkage.linker.completeness import wilson
from linkage.linker.levels import levels_of
from linkage.linker.memory import Size, pairs_budget
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import data_pairs
from tests.samples import compared, make_encodings, people


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
    passes = data[0].schema.blocking[::-1]
    turned = [
        dataclasses.replace(
            one, schema=one.schema.model_copy(update={"blocking": passes}),
            tokens=np.ascontiguousarray(one.tokens[:, ::-1]),
        )
        for one in data
    ]  # fmt: skip
    how, _ = set_up(data, data_pairs(data, False), Choices(), 0)
    other = how
    if level == "field":
        levels = levels_of(turned[0])
        other = dataclasses.replace(how, schema=turned[0].schema, levels=levels)
    answers = []
    for sides, decision in ((data, how), (turned, other)):
        (found,) = compared(sides, data_pairs(sides, False), decision)
        names = ("left", "right", "left_rows", "right_rows", "levels")
        answers.append([getattr(found, name).tolist() for name in names])
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
