"""The page of the frontier shows what was measured, and the benchmark tells encodings apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import frontier, frontier_page

DOCS = Path(__file__).parents[1] / "docs"


def test_page__and_picture_show_the_measured_figures():
    results = frontier_page.read()
    page = (DOCS / "frontier.md").read_text("utf-8")
    for name, content in frontier_page.blocks(results).items():
        assert f"<!-- {name} -->\n{content}\n<!-- /{name} -->" in page
    assert "pictures/frontier.svg" in page
    picture = DOCS / "pictures" / "frontier.svg"
    assert picture.read_text("utf-8") == frontier_page.draw(results)


def test_table__takes_the_mean_of_f1_and_the_worst_of_the_keys():
    part = frontier.part_name(frontier.ATTACKERS[1], 0.2)
    keys = {
        "0": {"f1": {"f1": 0.9}, part: {"named": 0.25, "attempts": 3}},
        "1": {"f1": {"f1": 1.0}, part: {"named": 0.5, "attempts": 4}},
    }
    cells = {"febrl4": {"record: plain": keys}, "synthetic": {}}
    found = frontier_page.table({"cells": cells}, "febrl4")
    assert found.splitlines()[2] == "| 1 | record: plain | .9500 | - | - | .500 (7) | - | - | - |"
    assert "| 1 | record: plain | - |" in frontier_page.table({"cells": cells}, "synthetic")


def test_chosen__are_all_known_to_the_benchmark():
    assert set(frontier.CHOSEN) <= {frontier.title(one) for one in frontier.encodings()}


@pytest.mark.parametrize("level", ["record: plain", "anchored: 0.1 neighbours"])
def test_results__keep_cells_and_drop_those_of_other_sizes(tmp_path, monkeypatch, level):
    monkeypatch.setattr(frontier, "RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.measure.RESULTS", tmp_path)
    results = frontier.Results("frontier", 100)
    assert not results.has("febrl4", level, "0", "f1")
    results.put("febrl4", level, "0", "f1", {"f1": 0.5})
    frontier.Results("frontier", 100).put("febrl4", level, "1", "f1", {"f1": 0.25})
    assert results.cells()["febrl4"][level] == {"0": {"f1": {"f1": 0.5}}, "1": {"f1": {"f1": 0.25}}}
    assert not frontier.Results("frontier", 200).has("febrl4", level, "0", "f1")
