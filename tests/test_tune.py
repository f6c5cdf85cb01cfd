"""`linkage schema tune`: encodings measured on a sample, a proposal, and the schema it writes."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from linkage.agency.choices import choices, with_choice
from linkage.agency.second_view import second_view
from linkage.errors import InputError
from linkage.schema import LinkageSchema
from tests.command import BAD_INPUT, contents, did, refused, run

QUICK = ("--records", 150, "--restarts", 1, "--threads", 1)


@pytest.fixture
def folder(world, tmp_path) -> Path:
    shutil.copy(world.raw / "police.csv", tmp_path)
    shutil.copy(world.field / "schema.toml", tmp_path)
    return tmp_path


def test_choices__are_edited_into_the_text_and_keep_comments(world):
    text = (world.field / "schema.toml").read_text()
    for level in ("field", "record"):
        own = text.replace('level = "field" ', f'level = "{level}" ')
        schema = LinkageSchema.parse(own)
        for choice in choices(schema):
            edited = with_choice(own, choice)
            content = tomllib.loads(edited)
            assert content.get("hardening", []) == [dict(one) for one in choice.steps]
            if choice.bits:
                assert content["filter"]["bits"] == choice.bits
            assert edited.count("#") == own.count("#")
            again = with_choice(edited, next(choices(schema)))
            assert not LinkageSchema.parse(again).hardening


def test_choices__refuse_a_text_that_cannot_be_edited(world):
    text = (world.field / "schema.toml").read_text().replace("[filter]\nbits = 256\n", "")
    text = text.replace("version = 1", "version = 1\nfilter = { bits = 256 }")
    choice = next(one for one in choices(LinkageSchema.parse(text)) if one.bits)
    with pytest.raises(InputError, match="line by line"):
        with_choice(text, choice)


def test_second_view__changes_some_values_and_keeps_their_forms(world):
    schema = LinkageSchema.load(world.field / "schema.toml")
    fields = [one for one in schema.field if one.type in ("name", "date", "sex")]
    values = {"name": ["SMITH", "JONES"], "date": ["19800229", "19991231"], "sex": ["M", "F"]}
    rows = {one.name: np.array(values[one.type] * 1000) for one in fields}
    rows[fields[0].name][::10] = ""
    made = second_view(rows, fields, np.random.default_rng(1))
    for one in fields:
        same = np.mean(made[one.name] == rows[one.name])
        assert (0.7 if one.type != "sex" else 0.95) < same < 1
        if one.type == "date":
            assert all(
                len(text) == 8 and text.isdigit() and 1 <= int(text[4:6]) <= 12
                for text in made[one.name].tolist()
            )
    lost = (made[fields[0].name] == "") & (rows[fields[0].name] != "")
    assert 0.05 < np.mean(lost) < 0.15


def test_tune__measures_and_proposes_nothing_that_is_broken(folder):
    before = contents(folder)
    options = ("--only", "saul, 4", "--overlap", 1, "--below", 0.0001, "-o", "tuned.toml", "--json")
    done = did(
        "schema", "tune", "police.csv", "--schema", "schema.toml", *QUICK, *options, cwd=folder
    )
    found = json.loads(done.out)
    plain, hardened = found["encodings"]
    assert plain["encoding"] == "plain"
    assert plain["f1"] > 0.8
    assert plain["named"] > 0.5
    assert hardened["hardening"] == [{"method": "saul", "bits": 512, "hashes": 4}]
    assert hardened["bytes_a_row"] > plain["bytes_a_row"]
    assert found["closest"] in ("plain", "saul, 4 hashes, 512 bits")
    # Equal values stay equal, so a list with everybody names people by structure.
    assert found["proposed"] is None
    assert found["written"] is None
    assert contents(folder) == before


def test_tune__writes_what_it_proposes_and_prints_no_value(folder):
    options = ("--only", "saul, 4", "--overlap", 1, "--below", 0.99999, "-o", "tuned.toml")
    done = run(
        "schema", "tune", "police.csv", "--schema", "schema.toml", *QUICK, *options, cwd=folder
    )
    assert done.code == 0, done
    assert "points of F1" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "safe" not in done.out
    if "Proposed" in done.out:
        LinkageSchema.load(folder / "tuned.toml")
    else:
        assert not (folder / "tuned.toml").exists()
    names = {line.split(",")[1] for line in (folder / "police.csv").read_text().splitlines()[1:]}
    assert not {one for one in names if len(one) > 4 and one in done.out + done.err}


def test_tune__refuses_what_has_nothing_to_tune(folder):
    text = (folder / "schema.toml").read_text()
    lines = (folder / "police.csv").read_text().splitlines()
    (folder / "few.csv").write_text("\n".join(lines[:30]) + "\n")
    refused(
        "schema", "tune", "few.csv", "--schema", "schema.toml",
        cwd=folder, code=BAD_INPUT, says=("people", "too few"),
    )  # fmt: skip
    assert text == (folder / "schema.toml").read_text()
