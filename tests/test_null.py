"""A threshold for CLKs that the data itself gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkage.engine.local import link
from linkage.linker.null import find_threshold
from linkage.linker.together import data_pairs
from tests.samples import people


def across(*sets):
    return data_pairs(sets, deduplicate=False)


def two_files():
    return [people(600, 1, "a", level="record"), people(600, 1, "b", level="record", typos=True)]


def repeated(one):
    """The data set with two records of each person."""
    rows = np.repeat(np.arange(len(one.owner)), 2)
    records = np.array([b"%d" % row for row in range(len(rows))])
    return replace(
        one, records=records, owner=np.arange(len(rows)), bits=one.bits[rows],
        tokens=one.tokens[rows],
    )  # fmt: skip


def test_find_threshold__parts_matches_from_chance():
    found = find_threshold(across(*two_files()), seed=0)
    assert found is not None
    assert 0.6 <= found.threshold < 0.9
    assert 0.95 < found.precision <= 1
    assert find_threshold(across(*two_files()), seed=0) == found


def test_find_threshold__says_nothing_of_data_sets_that_repeat_people():
    both = [repeated(people(600, 1, name, level="record")) for name in "ab"]
    assert find_threshold(across(*both), seed=0) is None


def test_find_threshold__says_nothing_where_nobody_is_in_both():
    apart = [people(600, seed, name, level="record") for seed, name in ((1, "a"), (2, "b"))]
    assert find_threshold(across(*apart), seed=0) is None


def test_link__takes_the_threshold_of_the_data_and_says_so():
    result = link(two_files())
    assert result.decision["threshold_from"] == "data"
    assert result.decision["expected_precision"] > 0.95
    right = result.links[0].left == result.links[0].right
    assert right.mean() == pytest.approx(result.decision["expected_precision"], abs=0.03)
    given = link(two_files(), threshold=0.8)
    assert given.decision["threshold_from"] == "given"
    assert given.decision["expected_precision"] is None
    assert (given.links[0].similarity >= 0.8).all()
    assert not np.isnan(result.decision["threshold"])
