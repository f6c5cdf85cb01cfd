"""Damaged, edited and ill-matched files: refused with the right exit code, nothing left behind."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.io import read_encodings, write_encodings
from linkage.model import Slice
from tests.command import (
    AGENCIES,
    BAD_INPUT,
    DONE,
    GATE,
    MISMATCH,
    USAGE,
    assert_refusal,
    contents,
    did,
    message_of,
    refused,
    run,
)

TWO = ("link", "police.enc.parquet", "court.enc.parquet", "-o", "out")
IDS = tuple(part for name in AGENCIES for part in ("--ids", f"{name}={name}.ids.parquet"))
EVALUATE = ("evaluate", "results", "--truth", "truth.csv")
RESOLVE = ("resolve", "results/police.parquet", "--ids", "police.ids.parquet", "-o", "mine.csv")


def edit_manifest(file: Path, **changes: Any) -> None:
    """Change the manifest of an encoded file, and nothing else."""
    manifest = json.loads(pq.ParquetFile(file).metadata.metadata[b"linkage"])
    edited = json.dumps(manifest | changes).encode()
    pq.write_table(pq.read_table(file).replace_schema_metadata({b"linkage": edited}), file)


def edit_column(file: Path, name: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change the cells of one column of a Parquet file, and keep its types and metadata."""
    whole, metadata = pq.read_table(file), pq.ParquetFile(file).metadata.metadata or {}
    place = whole.schema.get_field_index(name)
    field = whole.schema.field(place)
    whole = whole.set_column(place, field, pa.array(change(whole[name].to_pylist()), field.type))
    kept = {key: text for key, text in metadata.items() if key == b"linkage"}
    pq.write_table(whole.replace_schema_metadata(kept), file)


def test_edit_manifest__of_nothing_leaves_a_good_file(linker):
    edit_manifest(linker / "police.enc.parquet")
    did("inspect", "police.enc.parquet", cwd=linker)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "probation"},
        {"dataset": "../../police"},
        {"dataset": "links"},
        {"rows": 10**12},
        {"records": 1},
        {"key_fingerprint": "0" * 16},
        {"schema_digest": "0" * 64},
        {"content_digest": "0" * 64},
        {"schema_content": {}},
        {"slices": []},
        {"passes": ["pnc"]},
        {"hardening": ["none"]},
        {"extra": 1},
    ],
    ids=str,
)
def test_linker__refuses_edited_manifest(linker, changes):
    edit_manifest(linker / "police.enc.parquet", **changes)
    says = ("police.enc.parquet",)
    refused("inspect", says[0], cwd=linker, code=BAD_INPUT, says=says)
    refused(*TWO, cwd=linker, code=BAD_INPUT, says=says)


@pytest.mark.parametrize("version", [0, 2, "2", None])
def test_linker__refuses_another_format_version(linker, version):
    edit_manifest(linker / "police.enc.parquet", format_version=version)
    says = ("police.enc.parquet", f"format version {version}", "version 1", "anew")
    refused(*TWO, cwd=linker, code=MISMATCH, says=says)
    refused("inspect", says[0], cwd=linker, code=MISMATCH, says=says)


def other(cell: Any) -> Any:
    """Give another value of a cell's type."""
    if isinstance(cell, bytes):
        return bytes([cell[0] ^ 1]) + cell[1:]
    return f"{cell}0" if isinstance(cell, str) else (cell or 0) + 1


@pytest.mark.parametrize("column", ["popcount.surname", "block.dob", "bits", "record"])
def test_linker__refuses_edited_column(linker, column):
    edit_column(linker / "police.enc.parquet", column, lambda cells: [other(cells[0]), *cells[1:]])
    refused(*TWO, cwd=linker, code=BAD_INPUT, says=("police.enc.parquet",))
    edit_column(linker / "court.enc.parquet", column, lambda cells: [None, *cells[1:]])
    says = ("court.enc.parquet",)
    refused("inspect", says[0], cwd=linker, code=BAD_INPUT, says=says)


def test_linker__refuses_flipped_bytes_or_reads_the_same(linker):
    whole, spoilt = (linker / "prison.enc.parquet").read_bytes(), linker / "spoilt.parquet"
    good = read_encodings(linker / "prison.enc.parquet")
    places = np.random.default_rng(3).integers(0, len(whole), 60).tolist()
    refusals = 0
    for place in [*range(5), *places, *range(len(whole) - 6000, len(whole), 150)]:
        flipped = whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :]
        spoilt.write_bytes(flipped)
        result = run("inspect", "--json", spoilt.name, cwd=linker)
        if result.code == DONE:  # Parquet has bytes that mean nothing
            read = read_encodings(spoilt)
            assert np.array_equal(read.bits, good.bits)
            assert np.array_equal(read.tokens, good.tokens)
            assert np.array_equal(read.records, good.records)
            assert read.dataset == good.dataset
        else:
            code = result.code if result.code == MISMATCH else BAD_INPUT
            assert_refusal(result, code=code, says=("spoilt.parquet",))
            refusals += 1
    assert refusals > 80


def test_linker__refuses_files_cut_short_anywhere(linker):
    file = linker / "police.enc.parquet"
    whole = file.read_bytes()
    for length in [*range(12), *range(12, len(whole), len(whole) // 20), len(whole) - 1]:
        file.write_bytes(whole[:length])
        refused("inspect", file.name, cwd=linker, code=BAD_INPUT, says=(file.name,))
    refused(*TWO, cwd=linker, code=BAD_INPUT, says=(file.name,))


@pytest.mark.parametrize("name", ["truth.csv", "police.ids.parquet", "results/links.parquet"])
def test_linker__refuses_what_is_no_encoded_file(engineer, name):
    refused("inspect", name, cwd=engineer, code=BAD_INPUT, says=(name, "Parquet"))
    command = ("link", "police.enc.parquet", name, "-o", "out")
    refused(*command, cwd=engineer, code=BAD_INPUT, says=(name,))


def test_linker__refuses_slices_that_do_not_fit_the_schema(linker):
    good = read_encodings(linker / "police.enc.parquet")
    words = sum(one.words for one in good.slices)
    forged = dataclasses.replace(good, dataset="forged", slices=(Slice(name="all", words=words),))
    write_encodings(forged, linker / "forged.enc.parquet")
    refused("inspect", "forged.enc.parquet", cwd=linker, code=BAD_INPUT, says=("forged",))


@pytest.mark.parametrize("output", ["results", "police.enc.parquet", "results/manifest.json"])
def test_link__refuses_outputs_that_hold_something(linker, output):
    command = ("link", "police.enc.parquet", "court.enc.parquet", "-o", output)
    refused(*command, cwd=linker, code=USAGE, says=(output, "another name"))


def test_link__refuses_another_schema(world, linker):
    shutil.copy(world.record / "court.enc.parquet", linker)
    digests = [read_encodings(linker / f"{one}.enc.parquet").schema.digest() for one in AGENCIES]
    says = ("'police'", "'court'", "schemas", digests[0][:12], digests[1][:12], "anew")
    refused(*TWO, cwd=linker, code=MISMATCH, says=says)


def test_link__refuses_another_key(world, linker):
    did("keygen", "-o", "other.key", cwd=linker)
    (linker / "court.enc.parquet").unlink()
    common = ("--schema", world.field / "schema.toml", "--key", "other.key", "--dataset", "court")
    did("encode", world.raw / "court.csv", *common, "-o", "court.enc.parquet", cwd=linker)
    prints = [
        read_encodings(linker / f"{one}.enc.parquet").key_fingerprint for one in ("police", "court")
    ]
    assert prints[0] != prints[1]
    says = ("'police'", "'court'", "keys", *prints, "anew")
    refused(*TWO, cwd=linker, code=MISMATCH, says=says)


def test_resolve__refuses_ids_of_another_run(world, engineer):
    ids, file = engineer / "police.ids.parquet", engineer / "again.enc.parquet"
    common = ("--schema", world.field / "schema.toml", "--key", world.key)
    did("encode", world.raw / "police.csv", *common, "-o", file, cwd=engineer)
    (engineer / "again.ids.parquet").replace(ids)
    says = ("results/police.parquet", "police.ids.parquet", "encode run", "Use the ids table")
    refused(*RESOLVE, cwd=engineer, code=MISMATCH, says=says)
    says = ("'police'", "ids table", "encode run")
    refused(*EVALUATE, *IDS, cwd=engineer, code=MISMATCH, says=says)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("police.ids.parquet", "truth.csv"),
        ("police.ids.parquet", "results/police.parquet"),
        ("results/police.parquet", "results/links.parquet"),
        ("results/police.parquet", "police.ids.parquet"),
    ],
)
def test_resolve__refuses_other_files_in_their_place(engineer, file, name):
    shutil.copy(engineer / name, engineer / file)
    refused(*RESOLVE, cwd=engineer, code=BAD_INPUT, says=(file,))


@pytest.mark.parametrize("file", ["police.ids.parquet", "results/police.parquet"])
@pytest.mark.parametrize("damage", ["empty cell", "row twice", "cut short"])
def test_resolve__refuses_damaged_tables(engineer, file, damage):
    path = engineer / file
    if damage == "empty cell":
        column = "record_id" if "ids" in file else "person_id"
        edit_column(path, column, lambda cells: [None, *cells[1:]])
    elif damage == "row twice":
        whole = pq.read_table(path)
        pq.write_table(pa.concat_tables([whole, whole.slice(0, 1)]), path)
    else:
        path.write_bytes(path.read_bytes()[:-50])
    refused(*RESOLVE, cwd=engineer, code=BAD_INPUT, says=(file,))


BAD_TRUTH = {
    "no column": ("dataset,record_id\npolice,x\n", ("'person_id'", "dataset, record_id")),
    "header only": ("dataset,record_id,person_id\n", ("no rows",)),
    "empty": ("", ("empty",)),
    "nobody": ("dataset,record_id,person_id\npolice,x,y\n", ("none of the records", "--ids")),
    "two persons": (
        "dataset,record_id,person_id\npolice,OWN,1\npolice,x,1\npolice,OWN,2\n",
        ("row 3", "'police'", "second person"),
    ),
}


@pytest.mark.parametrize("case", BAD_TRUTH)
def test_evaluate__refuses_bad_truth(engineer, case):
    text, says = BAD_TRUTH[case]
    own = pq.read_table(engineer / "police.ids.parquet")["record_id"][0].as_py()
    (engineer / "truth.csv").write_text(text.replace("OWN", own))
    refused(*EVALUATE, *IDS, cwd=engineer, code=BAD_INPUT, says=("truth.csv", *says))


def test_evaluate__asks_for_ids_tables_where_truth_has_own_ids(engineer):
    refused(*EVALUATE, cwd=engineer, code=BAD_INPUT, says=("truth.csv", "--ids DATASET=FILE"))


@pytest.mark.parametrize(
    "given", ["police.ids.parquet", "probation=police.ids.parquet", "police=nope", "police="]
)
def test_evaluate__refuses_ids_written_wrongly(engineer, given):
    refused(*EVALUATE, "--ids", given, cwd=engineer, code=USAGE, says=(f"--ids {given}",))


def drop(*keys: str) -> Callable[[Path], None]:
    def damage(results: Path) -> None:
        file = results / "manifest.json"
        whole = part = json.loads(file.read_text())
        for key in keys[:-1]:
            part = part[0][key] if isinstance(part, list) else part[key]
        del (part[0] if isinstance(part, list) else part)[keys[-1]]
        file.write_text(json.dumps(whole))

    return damage


def cells(name: str, column: str, change: Callable[[list[Any]], list[Any]]) -> Any:
    return lambda results: edit_column(results / f"{name}.parquet", column, change)


def rows(name: str, change: Callable[[pa.Table], pa.Table]) -> Any:
    def damage(results: Path) -> None:
        file = results / f"{name}.parquet"
        pq.write_table(change(pq.read_table(file)), file)

    return damage


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no manifest": lambda results: (results / "manifest.json").unlink(),
    "manifest cut short": lambda results: (results / "manifest.json").write_text('{"a": '),
    "manifest is a list": lambda results: (results / "manifest.json").write_text("[1]"),
    "manifest without counts": drop("counts"),
    "manifest without a count": drop("counts", "comparisons"),
    "manifest without inputs": drop("inputs"),
    "manifest without a digest": drop("inputs", "sha256"),
    "manifest without version": drop("results_version"),
    "no links": lambda results: (results / "links.parquet").unlink(),
    "no review": lambda results: (results / "review.parquet").unlink(),
    "no persons": lambda results: (results / "persons.parquet").unlink(),
    "links cut short": lambda results: (results / "links.parquet").write_bytes(b"PAR1"),
    "links without a column": rows("links", lambda one: one.drop_columns(["similarity"])),
    "link of an unknown record": cells("links", "left_record", lambda c: ["0" * 20, *c[1:]]),
    "link of a late record": cells("links", "right_record", lambda c: ["z" * 20, *c[1:]]),
    "link of an unknown data set": cells("links", "left_dataset", lambda c: ["x", *c[1:]]),
    "link of no record": cells("links", "left_record", lambda c: [None, *c[1:]]),
    "persons of half of the records": rows("persons", lambda one: one.slice(0, 500)),
    "person of a record twice": rows("persons", lambda one: pa.concat_tables([one, one])),
    "record of no person": cells("persons", "person_id", lambda c: [None, *c[1:]]),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_evaluate__refuses_damaged_results(engineer, case):
    DAMAGE[case](engineer / "results")
    refused(*EVALUATE, *IDS, cwd=engineer, code=BAD_INPUT, says=("results",))


def test_evaluate__refuses_an_empty_folder(engineer):
    (engineer / "vacant").mkdir()
    command = ("evaluate", "vacant", "--truth", "truth.csv")
    refused(*command, cwd=engineer, code=BAD_INPUT, says=("vacant", "not a results folder"))


@pytest.mark.parametrize("floor", [1, 0.9999])
def test_evaluate__ends_with_the_gate_code_below_min_f1(engineer, floor):
    missed = run(*EVALUATE, *IDS, "--json", "--min-f1", floor, cwd=engineer)
    assert missed.code == GATE
    assert json.loads(missed.out)["pairwise"]["f1"] < floor
    assert len(message_of(missed.err)) == 1
    assert "--min-f1" in missed.err
    did(*EVALUATE, *IDS, "--min-f1", 0.5, cwd=engineer)


def test_evaluate__refuses_a_gate_that_nothing_can_miss(engineer):
    refused(*EVALUATE, *IDS, "--min-f1", "nan", cwd=engineer, code=USAGE, says=("nan",))


def test_evaluate__says_so_where_encoded_files_have_gone(engineer):
    (engineer / "police.enc.parquet").unlink()
    before = contents(engineer)
    result = did(*EVALUATE, *IDS, "--json", cwd=engineer)
    assert "police.enc.parquet" in result.err
    assert "--encoded" in result.err
    assert json.loads(result.out)["blocking"]["pairs_completeness"] is None
    assert contents(engineer) == before
