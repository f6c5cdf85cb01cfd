"""Evaluation against counts made by hand and by plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.evaluate import count_matches, evaluate, evaluate_blocking, evaluate_persons
from linkage.model import Pairs
from tests import reference

truths = st.lists(st.integers(-1, 4), min_size=1, max_size=8).map(np.array)


def make_pairs(rows, left=0, right=1):
    columns = np.array(rows, float).reshape(-1, 3)
    nothing = np.full(len(columns), np.nan)
    return Pairs(
        left, right, columns[:, 0].astype(int), columns[:, 1].astype(int), columns[:, 2],
        nothing, nothing,
    )  # fmt: skip


def true_pairs(one, other, *, within=False):
    return {
        (i, j)
        for i, j in itertools.product(range(len(one)), range(len(other)))
        if one[i] == other[j] != -1 and (not within or i < j)
    }


def test_evaluate__by_hand():
    truth = [np.array([0, 1, 2, 3]), np.array([0, 1, 9, 3, -1])]
    links = make_pairs([(0, 0, 0.9), (1, 1, 0.8), (2, 2, 0.7), (3, 4, 0.7)])
    review = make_pairs([(3, 3, 0.6), (0, 2, 0.5)])
    answer = evaluate([links], truth, [review])
    assert answer["pairwise"] == {
        "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3,
        "true_positives": 2, "false_positives": 1, "false_negatives": 1,
    }  # fmt: skip
    assert answer["best_threshold"]["threshold"] == 0.6
    assert answer["best_threshold"]["true_positives"] == 3
    assert answer["unknown_records"] == 1


def test_evaluate__a_tie_is_not_cut():
    truth = [np.arange(3), np.arange(3)]
    links = make_pairs([(0, 0, 0.9), (1, 1, 0.9), (0, 1, 0.9), (1, 2, 0.9)])
    best = evaluate([links], truth)["best_threshold"]
    assert (best["true_positives"], best["false_positives"]) == (2, 2)


def test_evaluate__without_links():
    answer = evaluate([make_pairs([])], [np.array([1]), np.array([1])])
    assert answer["pairwise"]["recall"] == 0
    assert answer["pairwise"]["f1"] == 0
    assert answer["best_threshold"]["threshold"] is None


@given(truths, truths)
def test_count_matches__equals_a_plain_loop(one, other):
    assert count_matches([one, other], 0, 1) == len(true_pairs(one, other))
    assert count_matches([one], 0, 0) == len(true_pairs(one, one, within=True))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12))
def test_evaluate_persons__equals_reference(rows):
    persons, truth = (list(column) for column in zip(*rows, strict=True))
    cut = len(rows) // 2
    answer = evaluate_persons(
        [np.array(persons[:cut], int), np.array(persons[cut:], int)],
        [np.array(truth[:cut], int), np.array(truth[cut:], int)],
    )
    assert_allclose((answer["precision"], answer["recall"]), reference.b_cubed(persons, truth))
    found = {frozenset(i for i, p in enumerate(persons) if p == q) for q in persons}
    true = {frozenset(i for i, p in enumerate(truth) if p == q) for q in truth}
    assert_allclose(answer["exact"], len(found & true) / len(true))


@given(st.data(), truths, truths, st.booleans())
def test_evaluate_blocking__equals_a_plain_loop(data, one, other, within):
    other = one if within else other
    tokens, owners = [], []
    for truth in (one, other):
        rows = data.draw(st.lists(st.integers(1, 2), min_size=len(truth), max_size=len(truth)))
        owners.append(np.repeat(np.arange(len(truth)), rows))
        shape = st.tuples(st.integers(0, 2), st.integers(0, 2))
        drawn = data.draw(st.lists(shape, min_size=sum(rows), max_size=sum(rows)))
        tokens.append(np.array(drawn, np.uint64))
    if within:
        tokens[1], owners[1] = tokens[0], owners[0]
    place = (0, 0) if within else (0, 1)
    pairs = true_pairs(one, other, within=within)
    met = {
        (i, j)
        for i, j in pairs
        for a in tokens[0][owners[0] == i]
        for b in tokens[1][owners[1] == j]
        if any(s == t != 0 for s, t in zip(a, b, strict=True))
    }
    answer = evaluate_blocking([one, other], [tuple(tokens)], owners, [place], 25, 100)
    assert answer["pairs_completeness"] == (len(met) / len(pairs) if pairs else 1.0)
    assert answer["reduction_ratio"] == 0.75


@pytest.mark.parametrize("unknown", [np.array([-1, -1])])
def test_evaluate_persons__of_nobody(unknown):
    assert evaluate_persons([unknown], [unknown])["persons"] == 0
