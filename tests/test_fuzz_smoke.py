"""A short, always equal run of every fuzz target; `make fuzz` is the long one.

What the fuzzers found stands in test_fuzz_found.py, case by case.
"""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command import REPOSITORY, python
from tests.fuzz import EDITS, Target, at_most, edited, targets
from tests.fuzz.run import Outcome, Search, kind_of, report


@pytest.mark.parametrize("name", sorted(targets()))
def test_target(name):
    target = targets()[name]

    @settings(max_examples=100, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(target.data)
    def search(datum):
        target.try_(datum)

    search()


def test_at_most__stops_what_hangs():
    with pytest.raises(AssertionError, match="not done after"), at_most(0.01):
        while True:
            pass


@pytest.mark.parametrize("what", EDITS)
def test_edited__damages_any_file(what):
    for content in (b"", b"a", b"abc" * 100):
        for share in (0.0, 0.5, 0.999):
            assert len(edited(content, [(what, share, 77)])) <= len(content) + 64
    assert edited(b"abc" * 100, [(what, 0.5, 77)]) != b"abc" * 100


def test_kind_of__tells_failures_apart():
    def kind(error):
        try:
            raise error
        except Exception as caught:
            return kind_of(caught)

    assert kind(AssertionError("one")) != kind(AssertionError("other"))
    assert kind(ValueError("one")) == kind(ValueError("other"))


def test_search__makes_each_kind_of_failure_small_and_goes_on(tmp_path, monkeypatch, capsys):
    def check(number):
        assert number < 1000, "large"
        if number < -50:
            raise ValueError

    monkeypatch.chdir(tmp_path)
    done = Search(Target("numbers", check, st.integers()), time.monotonic() + 1.5)
    done.fuzz(1)
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {kind.split()[0]: case for kind, (_, case, _) in last["found"].items()}
    assert int(found["AssertionError"]) >= 1000
    assert int(found["ValueError"]) < -50
    assert last["tried"] >= sum(count for count, _, _ in last["found"].values()) > 2
    report("numbers", Outcome(last["tried"], last["found"]))
    said = capsys.readouterr().out
    assert "2 findings" in said
    assert "--replay .hypothesis/fuzz/numbers/finding-1.txt" in said
    assert (tmp_path / ".hypothesis/fuzz/numbers/finding-1.txt").read_text() == found[
        "AssertionError"
    ]


def test_run__counts_cases_and_ends_with_0_where_nothing_was_found(tmp_path):
    said = python("-m", "tests.fuzz.run", "--seconds", 1, "--target", "schema-text", "--seed", 1,
                  cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)})  # fmt: skip
    assert said.code == 0, said
    assert said.out.startswith("seed 1\nschema-text: ")
    assert said.out.endswith("cases tried, 0 findings\n")
    assert "schema-text: " in said.err
