"""Bad input: a short message, the right exit code, and nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import (
    BAD_INPUT,
    DONE,
    FAILED,
    MISMATCH,
    USAGE,
    assert_refusal,
    contents,
    python,
    refused,
    run,
)

HEADER = "record_id,forename,surname,dob,sex,postcode,pnc\n"
KEY_OPTIONS = ("--schema", "schema.toml", "--key", "project.key")
ENCODE = ("encode", "police.csv", *KEY_OPTIONS, "--dataset", "police", "-o", "out.enc.parquet")
TWO = ("link", "police.enc.parquet", "court.enc.parquet")
RESOLVE = ("resolve", "results/police.parquet", "--ids", "police.ids.parquet", "-o", "mine.csv")


def row(own_id: str, surname: str = "Quillfeather") -> str:
    return f"{own_id},Zebedee,{surname},1976-04-22,M,DN18 6GW,\n"


def table(**columns: Any) -> dict[str, Any]:
    """Columns that fit the schema, of two records, some of them replaced."""
    names = HEADER.strip().split(",")
    cells = zip(row("A1").strip().split(","), row("A2").strip().split(","), strict=True)
    return dict(zip(names, map(list, cells), strict=True)) | columns


ONE, THREE = row("A1"), row("A1") + row("A2") + row("A3")
BAD_TABLES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "no column": (
        (HEADER.replace("surname", "clan") + THREE).encode(),
        ("'surname'", "'clan'", "optional"),
    ),
    "two columns for a field": (
        (HEADER.replace("pnc", "last_name") + THREE).encode(),
        ("'surname'", "'last_name'", "leave one"),
    ),
    "column twice": (
        (HEADER.replace("pnc", "dob") + THREE).encode(),
        ("columns 4 and 7", "same name"),
    ),
    "no byte": (b"", ("empty",)),
    "white space": (b" \n\n", ("empty",)),
    "header only": (HEADER.encode(), ("no rows",)),
    "header and blank lines": ((HEADER + "\n\n").encode(), ("no rows",)),
    "latin-1 header": (("née," + HEADER + ONE).encode("latin-1"), ("header", "UTF-8", "save")),
    "latin-1 row": ((HEADER + ONE + row("A2", "Müller")).encode("latin-1"), ("row 2", "save")),
    "surrogate": ((HEADER + ONE).encode() + b"A2,\xed\xa0\x80,,,,,\n", ("row 2", "UTF-8")),
    "UTF-16": ((HEADER + THREE).encode("utf-16"), ("UTF-16", "save")),
    "UTF-16 without mark": ((HEADER + THREE).encode("utf-16-le"), ("UTF-16", "save")),
    "cell too many": ((HEADER + ONE + "A2,,,,,,,\n").encode(), ("row 2", "8 cells", "7")),
    "cells too few": ((HEADER + ONE + "A2,Zebedee\n").encode(), ("row 2", "2 cells", "7")),
    "NUL": ((HEADER + THREE + row("A4", "Qu\0ill")).encode(), ("row 4", "NUL", "export")),
    "open quote": ((HEADER + ONE + row("A2", '"Quill')).encode(), ("row 2",)),
    "open quote in header": (('"' + HEADER + THREE).encode(), ("header", "quote")),
    "id twice": ((HEADER + ONE + row("A2") + ONE).encode(), ("row 3", "'record_id'", "unique")),
    "no id": ((HEADER + ONE + row("")).encode(), ("row 2", "'record_id'", "empty")),
    "blank id": ((HEADER + ONE + row("   ")).encode(), ("row 2", "'record_id'", "empty")),
    "long id": ((HEADER + ONE + row("A" * 129)).encode(), ("row 2", "'record_id'", "128 bytes")),
    "id of two lines": ((HEADER + ONE + row('"A\n2"')).encode(), ("row 2", "printable")),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_encode__refuses_bad_csv(agency, case):
    content, says = BAD_TABLES[case]
    (agency / "police.csv").write_bytes(content)
    refused(*ENCODE, cwd=agency, code=BAD_INPUT, says=("police.csv", *says))


@pytest.mark.parametrize("case", ["no byte", "header only", "latin-1 row", "UTF-16", "NUL"])
def test_schema_init__refuses_bad_csv(agency, case):
    content, says = BAD_TABLES[case]
    (agency / "bad.csv").write_bytes(content)
    command = ("schema", "init", "police.csv", "bad.csv", "-o", "draft.toml")
    refused(*command, cwd=agency, code=BAD_INPUT, says=("bad.csv", *says))


BAD_PARQUET: dict[str, tuple[pa.Table, tuple[str, ...]]] = {
    "no rows": (pa.table(table()).slice(0, 0), ("no rows",)),
    "list column": (pa.table(table(surname=[["a", "c"], ["b"]])), ("'surname'",)),
    "struct column": (pa.table(table(surname=[{"a": 1}, {"a": 2}])), ("'surname'",)),
    "null id": (pa.table(table(record_id=["A1", None])), ("row 2", "'record_id'")),
    "column twice": (
        pa.Table.from_arrays(
            [pa.array(cells) for cells in [*table().values(), ["a", "b"]]],
            names=[*table(), "surname"],
        ),
        ("'surname'",),
    ),
}


@pytest.mark.parametrize("case", BAD_PARQUET)
def test_encode__refuses_bad_parquet(agency, case):
    content, says = BAD_PARQUET[case]
    pq.write_table(content, agency / "police.parquet")
    command = ("encode", "police.parquet", *KEY_OPTIONS, "-o", "out.enc.parquet")
    refused(*command, cwd=agency, code=BAD_INPUT, says=("police.parquet", *says))


def test_encode__refuses_parquet_by_name_only(agency):
    (agency / "police.csv").rename(agency / "police.parquet")
    command = ("encode", "police.parquet", *KEY_OPTIONS, "-o", "out.enc.parquet")
    refused(*command, cwd=agency, code=BAD_INPUT, says=("police.parquet", "Parquet"))


def test_encode__refuses_unknown_id_column(agency):
    says = ("police.csv", "'nope'", "'record_id'")
    refused(*ENCODE, "--id-column", "nope", cwd=agency, code=BAD_INPUT, says=says)


@pytest.mark.parametrize("name", ["../up", "links", "Manifest", "a b", "x" * 65])
def test_encode__refuses_names_that_are_paths_or_taken(agency, name):
    command = ("encode", "police.csv", *KEY_OPTIONS, "-o", "out.enc.parquet", "--dataset", name)
    refused(*command, cwd=agency, code=BAD_INPUT, says=("data set", "--dataset"))


BAD_SCHEMAS = {
    "unknown key": ("[filter]", "colour = 1\n[filter]", ("colour", "unknown key")),
    "unknown key of a field": ('"name"', '"name"\nqgrams = 3', ("field.1.qgrams", "unknown")),
    "no multiple of 64": ("bits = 256", "bits = 100", ("filter.bits", "64")),
    "no bits": ("bits = 256", "bits = 0", ("filter.bits", "64")),
    "endless bits": ("bits = 256", "bits = 1000000000000", ("filter.bits", "16384")),
    "bits in a text": ("bits = 256", 'bits = "256"', ("filter.bits", "integer")),
    "long q-grams": ("bits_per", "qgram = 9\nbits_per", ("field.1.qgram", "4")),
    "no bits for a field": ("feature = 128", "feature = 0", ("field.1.bits_per_feature",)),
    "version as text": ("version = 1", 'version = "1"', ("version",)),
    "version as truth": ("version = 1", "version = true", ("version",)),
    "endless version": ("version = 1", f"version = {'9' * 5000}", ()),
    "no version": ("version = 1", "", ("version",)),
    "no TOML": ("version = 1", "version is 1", ("TOML", "line")),
    "unknown level": ('level = "field"', 'level = "row"', ("level", "'record'")),
    "unknown field in a pass": ('on = ["dob"]', 'on = ["dobb"]', ("pass 'dob'", "'dobb'")),
    "unknown transform": ('on = ["dob"]', 'on = ["dob:soundex"]', ("'dob'", "'soundex'")),
    "pass on nothing": ('on = ["dob"]', "on = []", ("blocking.", ".on", "at least 1")),
    "field twice": ('name = "surname"', 'name = "forename"', ("'forename'", "more than once")),
    "NaN probability": ("probability = 0.5 ", "probability = nan ", ("decision.probability",)),
    "NaN level": ("[0.85, 0.775, 0.7, 0.6, 0.5]", "[0.9, nan]", ("decision",)),
    "rising levels": ("[0.85, 0.775, 0.7, 0.6, 0.5]", "[0.5, 0.8]", ("agreement",)),
    "date format without year": ('"%Y-%m-%d"', '"%d/%m"', ("date_formats",)),
    "date format of a year": ('"%Y-%m-%d"', '"%Y"', ("date_formats",)),
    "date format with two years": ('"%Y-%m-%d"', '"%Y-%m-%d %Y"', ("date_formats",)),
    "key of many lines": ("[filter]", '"a\\nb\\nc\\nd" = 1\n[filter]', ("unknown key",)),
    "endless key": ("[filter]", f"{'k' * 3000} = 1\n[filter]", ("unknown key",)),
}


@pytest.mark.parametrize("case", BAD_SCHEMAS)
def test_schema__refuses_bad_content(agency, case):
    old, new, says = BAD_SCHEMAS[case]
    text = (agency / "schema.toml").read_text()
    assert old in text
    (agency / "schema.toml").write_text(text.replace(old, new, 1))
    says = ("schema.toml", *says)
    refused("schema", "check", "schema.toml", cwd=agency, code=BAD_INPUT, says=says)
    refused(*ENCODE, cwd=agency, code=BAD_INPUT, says=says)


@pytest.mark.parametrize(
    "content", [b"", bytes(range(256)), b'{"version": 1}', b"a=" + b"[" * 9999]
)
def test_schema_check__refuses_what_is_no_schema(tmp_path, content):
    (tmp_path / "s.toml").write_bytes(content)
    refused("schema", "check", "s.toml", cwd=tmp_path, code=BAD_INPUT, says=("s.toml",))


def spoil_key(file: Path, how: str) -> None:
    text = file.read_bytes()
    changed = {"no key": b"hello\n", "empty": b"", "cut short": text[:30], "cut by one": text[:-2]}
    changed |= {"binary": bytes(range(256)), "endless": b"A" * 100_000, "joined": text + text}
    file.write_bytes(changed.get(how, text))
    file.chmod({"for everybody": 0o644, "writable": 0o602}.get(how, 0o600))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no key", "keygen"),
        ("empty", "keygen"),
        ("binary", "keygen"),
        ("endless", "keygen"),
        ("cut short", "copy"),
        ("cut by one", "copy"),
        ("joined", "copy"),
        ("for everybody", "chmod 600 project.key"),
        ("writable", "chmod 600 project.key"),
    ],
)
def test_encode__refuses_bad_key_file(agency, how, says):
    spoil_key(agency / "project.key", how)
    refused(*ENCODE, cwd=agency, code=BAD_INPUT, says=("project.key", says))


def test_encode__refuses_missing_key_file(agency):
    (agency / "project.key").unlink()
    refused(*ENCODE, cwd=agency, code=USAGE, says=("project.key", "does not exist"))


def test_encode__warns_of_a_key_open_to_its_group(agency):
    (agency / "project.key").chmod(0o640)
    warned = run(*ENCODE, cwd=agency)
    assert warned.code == DONE
    assert "warning: project.key" in warned.err
    assert "chmod 600 project.key" in warned.err


NEW = "give the output another name"
BAD_OUTPUTS = {
    "exists": ("taken", NEW),
    "folder": ("full", NEW),
    "empty folder": ("vacant", "vacant"),
    "link to nowhere": ("dangling", NEW),
    "no folder": ("nowhere/out", "make it first"),
    "input": ("INPUT", "is an input"),
}


@pytest.mark.parametrize("case", BAD_OUTPUTS)
@pytest.mark.parametrize("command", ["keygen", "init", "encode", "link", "resolve", "synth"])
def test_commands__refuse_bad_outputs(agency, engineer, command, case):
    words, given = {
        "keygen": (("keygen",), None),
        "init": (("schema", "init", "police.csv"), "police.csv"),
        "encode": (ENCODE[:-2], "police.csv"),
        "link": (TWO, "police.enc.parquet"),
        "resolve": (RESOLVE[:-2], "results/police.parquet"),
        "synth": (("synth", "--people", 3), None),
    }[command]
    if given is None and case == "input":
        return
    if case == "empty folder" and command in ("link", "synth"):
        return  # these make a folder, and may fill an empty one
    (engineer / "taken").write_text("mine")
    (engineer / "full").mkdir()
    (engineer / "full/file").write_text("mine")
    (engineer / "vacant").mkdir()
    (engineer / "dangling").symlink_to("nowhere")
    output, says = BAD_OUTPUTS[case]
    output = output.replace("INPUT", str(given))
    if case in ("exists", "folder", "link to nowhere") and command == "keygen":
        says = "another name"
    refused(*words, "-o", output, cwd=engineer, code=USAGE, says=(output.split("/")[0], says))


@pytest.mark.parametrize("option", ["schema.toml", "project.key"])
def test_encode__refuses_schema_or_key_as_output(agency, option):
    refused(*ENCODE[:-1], option, cwd=agency, code=USAGE, says=(option, "is an input"))


@pytest.mark.parametrize("folder", [False, True])
def test_encode__refuses_where_the_ids_table_can_not_go(agency, folder):
    taken = agency / "out.ids.parquet"
    taken.mkdir() if folder else taken.write_text("mine")
    refused(*ENCODE, cwd=agency, code=USAGE, says=("out.ids.parquet",))


@pytest.mark.parametrize("limit", [2_000, 100_000])
def test_encode__leaves_nothing_when_the_disk_is_full(agency, limit):
    before = contents(agency)
    script = (
        "import resource, sys; from linkage.cli.main import run;"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "sys.exit(run(sys.argv[1:]))"
    )
    failed = python("-B", "-c", script, *ENCODE, cwd=agency, env={"NUMBA_DISABLE_JIT": "1"})
    assert_refusal(failed, code=FAILED, says=("File too large",))
    assert contents(agency) == before


BAD_USAGE = {
    "one file": (("link", "police.enc.parquet"), ("two or more",)),
    "file twice": (("link", *["police.enc.parquet"] * 2), ("'police'", "twice", "--dataset")),
    "no such file": ((*TWO, "nope.parquet"), ("nope.parquet",)),
    "folder for a file": ((*TWO, "results"), ("results",)),
    "threshold at field level": ((*TWO, "--threshold", 0.8), ("threshold", "probability")),
    "threshold above 1": ((*TWO, "--threshold", 1.5), ("--threshold", "1.5")),
    "negative threshold": ((*TWO, "--threshold=-0.1"), ("--threshold", "-0.1")),
    "threshold in words": ((*TWO, "--threshold", "high"), ("--threshold", "high")),
    "NaN probability": ((*TWO, "--probability", "nan"), ("probability", "nan")),
    "probability 0": ((*TWO, "--probability", 0), ("--probability", "0")),
    "probability 1": ((*TWO, "--probability", 1), ("--probability", "1")),
    "several and one": (
        (*TWO, "--deduplicate", "--assignment", "greedy"),
        ("--deduplicate", "--assignment greedy"),
    ),
    "unknown assignment": ((*TWO, "--assignment", "hungry"), ("--assignment", "hungry")),
    "unknown engine": ((*TWO, "--engine", "steam"), ("--engine", "steam")),
    "no thread": ((*TWO, "--threads", 0), ("--threads", "0")),
    "negative seed of link": ((*TWO, "--seed=-1"), ("--seed", "-1")),
    "nobody": (("synth", "--people", 0), ("--people", "0")),
    "fewer than nobody": (("synth", "--people=-1"), ("--people", "-1")),
    "negative seed": (("synth", "--people", 3, "--seed=-1"), ("--seed", "-1")),
    "unknown option": ((*TWO, "--nope"), ("--nope",)),
    "empty output": ((*ENCODE[:-2], "-o", ""), ()),
}


@pytest.mark.parametrize("case", BAD_USAGE)
def test_commands__refuse_bad_usage(agency, linker, case):
    words, says = BAD_USAGE[case]
    output = () if "-o" in words else ("-o", "out")
    refused(*words, *output, cwd=linker, code=USAGE, says=says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--probability", 0.5), ("probability", "threshold")),
        (("--threshold", "nan"), ("threshold", "nan")),
        (("--threshold", "inf"), ("threshold", "inf")),
    ],
)
def test_link__refuses_bad_usage_at_record_level(world, tmp_path, options, says):
    files = [world.record / "police.enc.parquet", world.record / "court.enc.parquet"]
    refused("link", *files, *options, "-o", "out", cwd=tmp_path, code=USAGE, says=says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lnk",), "'lnk'"),
        (("linkx",), "Did you mean 'link'?"),
        (("schema", "zap"), "'zap'"),
        (("demo", "new", "--people", 1), "--people"),
        (("demo", "a/b"), "make it first"),
    ],
)
def test_commands__refuse_unknown_words(tmp_path, words, says):
    refused(*words, cwd=tmp_path, code=USAGE, says=(says,))


@pytest.mark.parametrize(
    "words", ["lnk", "link --nope", "synth --people 0", "keygen", "inspect nope.parquet"]
)
def test_commands__say_in_two_lines_what_is_wrong_with_usage(tmp_path, words):
    said = run(*words.split(), cwd=tmp_path)
    assert said.code == USAGE
    assert 1 <= len(said.err.splitlines()) <= 2, said.err


def test_demo__refuses_a_folder_with_files(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    refused("demo", "mine", cwd=tmp_path, code=USAGE, says=("mine exists",))


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("nope", ("'nope'", "default, hard, clean")),
        ("bad.toml", ("bad.toml", "'colour'")),
        ("huge.toml", ("huge.toml",)),
        ("deep.toml", ("deep.toml",)),
    ],
)
def test_synth__refuses_bad_profile(tmp_path, profile, says):
    (tmp_path / "bad.toml").write_text("colour = 1\n")
    (tmp_path / "huge.toml").write_text(f"a = {'9' * 5000}\n")
    (tmp_path / "deep.toml").write_text(f"a = {'[' * 50_000}\n")
    command = ("synth", "--people", 3, "--profile", profile, "-o", "out")
    refused(*command, cwd=tmp_path, code=BAD_INPUT, says=says)


def test_synth__refuses_a_profile_that_is_not_there(tmp_path):
    command = ("synth", "--people", 3, "--profile", "nope.toml", "-o", "out")
    refused(*command, cwd=tmp_path, code=USAGE, says=("nope.toml",))


def test_schema__of_another_version_is_a_mismatch(agency):
    text = (agency / "schema.toml").read_text()
    (agency / "schema.toml").write_text(text.replace("version = 1", "version = 2", 1))
    says = ("schema.toml", "version 2", "version 1", "update")
    refused("schema", "check", "schema.toml", cwd=agency, code=MISMATCH, says=says)
    refused(*ENCODE, cwd=agency, code=MISMATCH, says=says)


def test_schema_init__refuses_files_without_known_columns(tmp_path):
    (tmp_path / "odd.csv").write_text("colour,weight\nred,1\n")
    command = ("schema", "init", "odd.csv", "-o", "draft.toml")
    refused(*command, cwd=tmp_path, code=BAD_INPUT, says=("odd.csv", "'colour'", "by hand"))
