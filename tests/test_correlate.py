"""Correlation clustering, beside a plain implementation and beside the best parting there is."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.linker.persons import Evidence, join_persons
from linkage.model import Pairs
from tests.command import did

SIZES = (3, 3, 2)
ABSENT = -1.5
STARTS = np.concatenate([[0], np.cumsum(SIZES)])
SETS = np.repeat(np.arange(3), SIZES)
#: All pairs of records of two different data sets.
ALL_PAIRS = [(i, j) for i, j in itertools.combinations(range(8), 2) if SETS[i] != SETS[j]]
evidences = st.dictionaries(st.sampled_from(ALL_PAIRS), st.integers(-8, 8), max_size=18).map(
    # Distinct amounts, so that which pair is joined first is never a matter of chance.
    lambda found: {pair: n + 0.25 + 0.001 * ALL_PAIRS.index(pair) for pair, n in found.items()}
)
singles = st.tuples(*[st.booleans()] * 3)


def pairs_of(evidence, sign):
    """Links (positive evidence) or other pairs, by data sets; the weight is the evidence."""
    by_sets = {sets: [] for sets in itertools.combinations(range(3), 2)}
    for (i, j), amount in evidence.items():
        if amount * sign > 0:
            by_sets[int(SETS[i]), int(SETS[j])].append((i, j, amount))
    return [
        Pairs(
            a, b,
            np.array([i - STARTS[a] for i, _, _ in found], np.int64),
            np.array([j - STARTS[b] for _, j, _ in found], np.int64),
            np.ones(len(found)),
            np.array([amount for *_, amount in found], float),
            1 / (1 + np.exp2([-amount for *_, amount in found])),
        )
        for (a, b), found in by_sets.items()
    ]  # fmt: skip


def joined(evidence, single=(False,) * 3, apart=()):
    persons = join_persons(
        SIZES, pairs_of(evidence, 1), single=single, method="correlation",
        apart=np.array(apart, np.int64).reshape(-1, 2), against=pairs_of(evidence, -1),
        evidence=Evidence(lambda pairs: pairs.weight, ABSENT),
    )  # fmt: skip
    whole = np.concatenate(persons.person)
    return {frozenset(np.flatnonzero(whole == p).tolist()) for p in range(persons.count)}, persons


def between(i, j, evidence, single, apart):
    if {i, j} in map(set, apart) or (SETS[i] == SETS[j] and single[SETS[i]]):
        return -1e15
    return evidence.get((i, j), 0.0 if SETS[i] == SETS[j] else ABSENT)


def connected(evidence):
    """Groups that links connect."""
    groups = [{one} for one in range(8)]
    for (i, j), amount in evidence.items():
        if amount > 0:
            one, other = (next(g for g in groups if x in g) for x in (i, j))
            if one is not other:
                groups.remove(other)
                one |= other
    return groups


def plain(evidence, single, apart):
    """Join the two parts with the most evidence for each other until none has any."""
    parts = [frozenset([one]) for one in range(8)]

    def weight(one, other):
        return sum(between(*sorted((i, j)), evidence, single, apart) for i in one for j in other)

    groups = connected(evidence)
    while True:
        best = max(
            (
                (weight(one, other), one, other)
                for one, other in itertools.combinations(parts, 2)
                if any(one | other <= group for group in groups)
            ),
            default=(0, None, None),
            key=lambda found: found[0],
        )
        if best[0] <= 0:
            return set(parts)
        parts = [p for p in parts if p not in best[1:]] + [best[1] | best[2]]


@given(evidences, singles, st.lists(st.sampled_from(ALL_PAIRS), max_size=2))
def test_correlation__equals_a_plain_implementation(evidence, single, apart):
    found, persons = joined(evidence, single, apart)
    assert found == plain(evidence, single, apart)
    links = sum(map(len, pairs_of(evidence, 1)))
    assert sum(persons.ties.values()) == links


def test_correlation__lets_many_weak_pairs_outvote_a_strong_one():
    # A chain a-b-c whose ends were compared and are strangers: the weaker link gives way.
    chain = {(0, 3): 5.0, (3, 6): 4.0, (0, 6): -6.0}
    found, persons = joined(chain)
    assert {0, 3} in found
    assert {6} in found
    assert persons.ties["outvoted"] == 1
    # Strong links first would have joined all three.
    first = join_persons(SIZES, pairs_of(chain, 1), method="strong-first")
    assert first.person[0][0] == first.person[1][0] == first.person[2][0]


def test_correlation__cuts_groups_that_are_too_large_at_their_weak_links(monkeypatch):
    # A chain of pairs of one person each, tied to the next by weak links.
    chain = {(0, 3): 9.0, (1, 3): 1.5, (1, 4): 9.0, (2, 4): 1.5, (2, 5): 9.0}
    whole, _ = joined(chain)
    monkeypatch.setattr("linkage.linker.correlate._MOST_RECORDS", 3)
    cut, persons = joined(chain)
    assert {0, 3} in cut
    assert {1, 4} in cut
    assert {2, 5} in cut
    assert persons.ties["outvoted"] == 2
    monkeypatch.setattr("linkage.linker.correlate._MOST_RECORDS", 10)
    assert joined(chain)[0] == whole


def test_correlation__says_nothing_against_pairs_that_were_never_compared():
    # Two records of one data set, linked with one record of another: nobody compared the two.
    found, _ = joined({(0, 3): 2.0, (1, 3): 2.0})
    assert {0, 1, 3} in found


def test_correlation__through_the_command(tmp_path):
    did("demo", "demo", "-q", cwd=tmp_path)
    files = [f"demo/{name}.enc.parquet" for name in ("police", "court", "prison")]
    did("link", *files, "--persons", "correlation", "-o", "results", "-q", cwd=tmp_path)
    manifest = json.loads((tmp_path / "results" / "manifest.json").read_text())
    more = ("--twins-apart", "-o", "apart", "-q")
    did("link", *files, *more, cwd=tmp_path)
    apart = json.loads((tmp_path / "apart" / "manifest.json").read_text())
    assert manifest["decision"]["twins_apart"] is False
    assert apart["decision"]["twins_apart"] is True
    assert apart["counts"]["persons"] >= manifest["counts"]["persons"]
    assert manifest["decision"]["clustering"] == "correlation"
    ties = manifest["ties"]
    assert ties["joined"] > 0
    assert sum(ties.values()) == manifest["counts"]["links"]


def test_certificate__takes_from_precision_what_persons_outvote(tmp_path):
    did("demo", "demo", "-q", cwd=tmp_path)
    files = [f"demo/{name}.enc.parquet" for name in ("police", "court", "prison")]
    said = {}
    for persons in ("components", "correlation"):
        did("link", *files, "--persons", persons, "-o", persons, "-q", cwd=tmp_path)
        manifest = json.loads((tmp_path / persons / "manifest.json").read_text())
        said[persons] = manifest["certificate"]["precision"]
    assert manifest["ties"]["outvoted"] > 0
    found = pq.read_table(tmp_path / "correlation" / "persons.parquet").to_pylist()
    person = {(one["dataset"], one["record"]): one["person_id"] for one in found}
    links = pq.read_table(tmp_path / "correlation" / "links.parquet").to_pylist()
    outvoted = sum(
        one["match_probability"]
        for one in links
        if person[one["left_dataset"], one["left_record"]]
        != person[one["right_dataset"], one["right_record"]]
    )
    for end, less in (("lower", 1), ("estimate", 1), ("upper", 0)):
        wanted = said["components"][end] - less * outvoted / len(links)
        assert said["correlation"][end] == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("method", ["strong-first", "correlation"])
def test_join_persons__without_links(method):
    assert join_persons([2, 0, 1], [], method=method).count == 3


def test_results__tables_are_put_together_from_chunks(tmp_path, monkeypatch):
    did("demo", "demo", "-q", cwd=tmp_path)
    files = [f"demo/{name}.enc.parquet" for name in ("police", "court")]
    did("link", *files, "-o", "whole", "-q", cwd=tmp_path)
    monkeypatch.setattr("linkage.io.results._CHUNK_ROWS", 7)
    did("link", *files, "-o", "chunks", "-q", cwd=tmp_path)
    for name in ("links", "review", "persons", "police", "court", "confidence"):
        one, other = (
            pq.read_table(tmp_path / folder / f"{name}.parquet") for folder in ("whole", "chunks")
        )
        assert one.equals(other), name
