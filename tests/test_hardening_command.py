"""Hardening through the installed command: checked, encoded, inspected, linked and evaluated."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

from tests.command import BAD_INPUT, MISMATCH, did, refused

#: By level, the hardening and the least F1 of 300 people at the model's or the mapped threshold.
METHODS = {
    "balancing": ("record", '[[hardening]]\nmethod = "balancing"\n', 0.85),
    "xor_folding": ("field", '[[hardening]]\nmethod = "xor_folding"\n', 0.95),
    "permutation and rule_90": (
        "field", '[[hardening]]\nmethod = "permutation"\n[[hardening]]\nmethod = "rule_90"\n', 0.95,
    ),
    "randomised_response": (
        "record", '[[hardening]]\nmethod = "randomised_response"\nprobability = 0.05\n', 0.85,
    ),
    "salting": ("field", '[[hardening]]\nmethod = "salting"\nby = "dob:year"\n', 0.85),
    "diffusion": (
        "field", '[[hardening]]\nmethod = "diffusion"\nbits = 512\npositions = 3\n', 0.93,
    ),
    "saul": ("field", '[[hardening]]\nmethod = "saul"\nbits = 512\nhashes = 3\n', 0.93),
}  # fmt: skip


def encoded(world, folder, level, hardening, names=("police", "court")):
    """Encode agencies' files under the drafted schema with a hardening."""
    text = (getattr(world, level) / "schema.toml").read_text()
    (folder / "schema.toml").write_text(text + hardening)
    for name in names:
        did("encode", world.raw / f"{name}.csv", "--schema", "schema.toml", "--key", world.key,
            "--dataset", name, "-o", f"{name}.enc.parquet", cwd=folder)  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_link__hardened_files(world, tmp_path, name):
    level, hardening, least = METHODS[name]
    encoded(world, tmp_path, level, hardening)
    files = ["police.enc.parquet", "court.enc.parquet"]
    did("link", *files, "-o", "results", cwd=tmp_path)
    ids = [f"{one}={tmp_path / one}.ids.parquet" for one in ("police", "court")]
    found = json.loads(
        did(
            "evaluate",
            "results",
            "--truth",
            world.raw / "truth.csv",
            "--ids",
            ids[0],
            "--ids",
            ids[1],
            "--json",
            cwd=tmp_path,
        ).out
    )
    assert found["pairwise"]["f1"] > least
    manifest = json.loads(
        pq.read_schema(tmp_path / "police.enc.parquet").metadata[b"linkage"].decode()
    )
    methods = [line.split('"')[1] for line in hardening.splitlines() if "method" in line]
    assert [one.split(":")[0] for one in manifest["hardening"]] == methods


def test_check_and_inspect__say_what_hardening_does(world, tmp_path):
    noise = '[[hardening]]\nmethod = "rule_90"\n' + METHODS["randomised_response"][1]
    encoded(world, tmp_path, "record", noise, names=["police"])
    checked = did("schema", "check", "schema.toml", cwd=tmp_path).out
    for text in ("rule_90", "epsilon 3.66 a bit", "plain Dice", "0.75", "promises little"):
        assert text in checked
    assert all(len(line) <= 80 for line in checked[checked.index("hardening,") :].splitlines())
    facts = json.loads(did("schema", "check", "schema.toml", "--json", cwd=tmp_path).out)
    assert facts["slice_bits"] == 1024
    assert 0.6 < facts["similarity"]["clk"]["dice"]["0.75"] < 0.7
    assert facts["epsilon"]["dob"]["value"] == 8 * facts["epsilon"]["dob"]["q_gram"] > 1000
    inspected = did("inspect", "police.enc.parquet", cwd=tmp_path).out
    assert "rule_90" in inspected
    assert "randomised_response: probability 0.05, epsilon 3.66 a bit" in inspected


def test_link__tells_the_threshold_that_was_mapped(world, tmp_path):
    encoded(world, tmp_path, "record", METHODS["balancing"][1])
    files = ["police.enc.parquet", "court.enc.parquet"]
    said = did("link", *files, "-o", "results", "--threshold", 0.8, cwd=tmp_path).out
    assert "(0.8 of plain filters), as given" in said
    decision = json.loads((tmp_path / "results" / "manifest.json").read_text())["decision"]
    assert decision["plain_threshold"] == 0.8
    assert 0.81 < decision["threshold"] < 0.83
    links = pq.read_table(tmp_path / "results" / "links.parquet")["similarity"].to_numpy()
    assert links.min() >= decision["threshold"]


def test_link__refuses_files_of_another_hardening(world, tmp_path):
    encoded(world, tmp_path, "field", METHODS["xor_folding"][1], names=["police"])
    shutil.copy(world.field / "court.enc.parquet", tmp_path)
    refused("link", "police.enc.parquet", "court.enc.parquet", "-o", "results", cwd=tmp_path,
           code=MISMATCH, says=("schema",))  # fmt: skip


@pytest.mark.parametrize(
    ("level", "hardening", "says"),
    [
        ("field", METHODS["randomised_response"][1], ("randomised_response", "level 'record'")),
        ("record", METHODS["balancing"][1] + METHODS["xor_folding"][1], ("must come before",)),
        ("record", '[[hardening]]\nmethod = "magic"\n', ("hardening.1", "magic")),
    ],
)
def test_check__refuses_what_makes_no_sense(world, tmp_path, level, hardening, says):
    text = (getattr(world, level) / "schema.toml").read_text()
    (tmp_path / "schema.toml").write_text(text + hardening)
    refused("schema", "check", "schema.toml", cwd=tmp_path, code=BAD_INPUT, says=says)
