"""The main job, through the installed command: three agencies' files in, linked persons out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command import AGENCIES, DONE, USAGE, contents, did, linkage, python, run

LINKS = [
    ("left_dataset", pa.string()),
    ("left_record", pa.string()),
    ("right_dataset", pa.string()),
    ("right_record", pa.string()),
    ("similarity", pa.float64()),
    ("match_weight", pa.float64()),
    ("match_probability", pa.float64()),
]
FIGURES = {"precision", "recall", "f1", "true_positives", "false_positives", "false_negatives"}
COMMANDS = (
    ("keygen",),
    ("schema",),
    ("schema", "init"),
    ("schema", "check"),
    ("encode",),
    ("resolve",),
    ("inspect",),
    ("link",),
    ("export",),
    ("certify",),
    ("explain",),
    ("evaluate",),
    ("synth",),
    ("demo",),
)
ENCODED = [f"{name}.enc.parquet" for name in AGENCIES]
IDS = [part for name in AGENCIES for part in ("--ids", f"{name}={name}.ids.parquet")]


def read_csv(file: Path) -> list[dict[str, str]]:
    with open(file, encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_installed_command__does_the_main_job(world, tmp_path):
    def step(*args: object) -> str:
        result = linkage(*args, cwd=tmp_path)
        assert result.code == DONE, result
        assert "warning" not in result.err
        return result.out

    raw = [world.raw / f"{name}.csv" for name in AGENCIES]
    step("keygen", "-o", "project.key")
    step("schema", "init", *raw, "-o", "schema.toml")
    assert "good" in did("schema", "check", "schema.toml", cwd=tmp_path).out
    for name, file in zip(AGENCIES, raw, strict=True):
        common = ("--schema", "schema.toml", "--key", "project.key", "--dataset", name)
        command = ("encode", file, *common, "-o", f"{name}.enc.parquet")
        said = step(*command) if name == "police" else did(*command, cwd=tmp_path).out
        assert f"send  {name}.enc.parquet" in said
        assert f"keep  {name}.ids.parquet" in said
    assert "undamaged" in step("inspect", "police.enc.parquet")
    assert "results in results" in step("link", *ENCODED, "-o", "results/")
    step("resolve", "results/police.parquet", "--ids", "police.ids.parquet", "-o", "mine.csv")
    answer = json.loads(
        step("evaluate", "results/", "--truth", world.raw / "truth.csv", *IDS, "--json")
    )
    assert answer["pairwise"]["f1"] > 0.9
    assert answer["blocking"]["pairs_completeness"] > 0.98
    mine = read_csv(tmp_path / "mine.csv")
    assert list(mine[0]) == ["record_id", "person_id"]
    assert sorted(one["record_id"] for one in mine) == sorted(
        one["record_id"] for one in read_csv(raw[0])
    )
    made = {"project.key", "schema.toml", "results", "mine.csv", *ENCODED}
    made |= {f"{name}.ids.parquet" for name in AGENCIES}
    assert {one.name for one in tmp_path.iterdir()} == made


def test_demo__tells_the_whole_story(tmp_path):
    told = linkage("demo", "first", "--people", 300, cwd=tmp_path)
    assert told.code == DONE, told
    for command in ("synth", "schema init", "keygen", "encode", "inspect", "link", "resolve"):
        assert f"$ linkage {command}" in told.out
    assert "$ linkage evaluate" in told.out
    assert "precision" in told.out
    assert "Traceback" not in told.out + told.err
    for name in ("results/links.parquet", "police_persons.csv", "police.enc.parquet"):
        assert (tmp_path / "first" / name).is_file()
    assert not [one for one in contents(tmp_path) if one.endswith(".part")]


@pytest.mark.parametrize("level", ["field", "record"])
def test_results__have_the_contract_columns(world, level):
    results = world.folder / level / "results"
    expected = {"links.parquet", "review.parquet", "persons.parquet", "manifest.json"}
    assert {one.name for one in results.iterdir()} >= expected | {f"{n}.parquet" for n in AGENCIES}
    more = [("pattern", pa.string()), ("rank", pa.int64())]
    for name, columns in (("links", LINKS), ("review", LINKS + more)):
        schema = pq.read_schema(results / f"{name}.parquet")
        assert [(one.name, one.type) for one in schema] == columns
    links = pq.read_table(results / "links.parquet")
    assert links.num_rows > 100
    assert links["similarity"].null_count == 0
    for name in ("match_weight", "match_probability"):
        assert links[name].null_count == (0 if level == "field" else links.num_rows)
    persons = pq.read_table(results / "persons.parquet")
    assert persons.column_names == ["person_id", "dataset", "record"]
    assert set(persons["dataset"].to_pylist()) == set(AGENCIES)
    manifest = json.loads((results / "manifest.json").read_text())
    assert {"inputs", "counts", "decision", "seconds", "software", "schema_digest"} <= set(manifest)
    assert manifest["counts"]["links"] == links.num_rows
    assert manifest["counts"]["persons"] == len(set(persons["person_id"].to_pylist()))
    for one in manifest["inputs"]:
        assert {"dataset", "sha256", "rows", "records"} <= set(one)


@pytest.mark.parametrize("level", ["field", "record"])
def test_shares__hold_the_own_records_only(world, level):
    results = world.folder / level / "results"
    persons = pq.read_table(results / "persons.parquet").to_pylist()
    for name in AGENCIES:
        share = pq.read_table(results / f"{name}.parquet")
        own = pq.read_table(world.folder / level / f"{name}.ids.parquet")["record"].to_pylist()
        assert set(share.column_names) == {"record", "person_id"}
        assert sorted(share["record"].to_pylist()) == sorted(own)
        expected = {(p["record"], p["person_id"]) for p in persons if p["dataset"] == name}
        assert set(zip(*share.to_pydict().values(), strict=True)) == expected


@pytest.mark.parametrize("level", ["field", "record"])
def test_links__join_persons_and_reach_the_threshold(world, level):
    results = world.folder / level / "results"
    rows = pq.read_table(results / "persons.parquet").to_pylist()
    person = {(one["dataset"], one["record"]): one["person_id"] for one in rows}
    links = pq.read_table(results / "links.parquet").to_pylist()
    apart = 0
    for one in links:
        left = person[one["left_dataset"], one["left_record"]]
        apart += left != person[one["right_dataset"], one["right_record"]]
        assert one["left_dataset"] != one["right_dataset"]
    manifest = json.loads((results / "manifest.json").read_text())
    joined = manifest["ties"]["joined"] + manifest["ties"]["together"]
    assert len(links) == joined + apart
    assert apart < len(links) / 50
    decision = manifest["decision"]
    strength = "similarity" if level == "record" else "match_probability"
    bound = decision["threshold" if level == "record" else "probability"]
    assert min(one[strength] for one in links) >= bound
    for one in pq.read_table(results / "review.parquet").to_pylist():
        assert one[strength] < bound


@pytest.mark.parametrize("level", ["field", "record"])
def test_link__gives_the_same_whatever_the_threads(world, tmp_path, level):
    files = [world.folder / level / name for name in ENCODED]
    for threads in (1, 2):
        did("link", *files, "--threads", threads, "-o", f"results{threads}", cwd=tmp_path)
    for file in (tmp_path / "results1").glob("*.parquet"):
        assert file.read_bytes() == (tmp_path / "results2" / file.name).read_bytes(), file.name


def test_link__writes_into_an_empty_folder(linker):
    (linker / "vacant").mkdir()
    did("link", *ENCODED[:2], "-o", "vacant", cwd=linker)
    assert (linker / "vacant/links.parquet").is_file()


def test_link__ends_well_where_nothing_links(agency):
    header = "record_id,forename,surname,dob,sex,postcode,pnc\n"
    (agency / "a.csv").write_text(header + "1,Ada,Lovelace,1815-12-10,F,W1J 5AA,\n")
    (agency / "b.csv").write_text(header + "1,Bob,Hopper,1906-12-09,M,N1 9GU,\n2,,,,,,\n")
    for name in ("a", "b"):
        common = ("--schema", "schema.toml", "--key", "project.key")
        did("encode", f"{name}.csv", *common, "-o", f"{name}.enc.parquet", cwd=agency)
    for number, options in enumerate([(), ("--deduplicate",), ("--assignment", "optimal")]):
        files = ("a.enc.parquet", "b.enc.parquet")
        said = did("link", *files, *options, "--json", "-o", f"results{number}", cwd=agency)
        counts = json.loads(said.out)["counts"]
        assert (counts["links"], counts["persons"]) == (0, 3)


@pytest.mark.parametrize("assignment", ["best", "greedy", "optimal"])
def test_link__one_to_one_uses_no_record_twice(world, tmp_path, assignment):
    files = [world.field / name for name in ENCODED[:2]]
    did("link", *files, "--assignment", assignment, "-o", "results", cwd=tmp_path)
    links = pq.read_table(tmp_path / "results/links.parquet")
    assert links.num_rows > 50
    if assignment != "best":
        for side in ("left_record", "right_record"):
            assert len(set(links[side].to_pylist())) == links.num_rows


def test_json__holds_the_keys_of_the_contract(world, engineer):
    said = did("evaluate", "results", "--truth", "truth.csv", *IDS, "--json", cwd=engineer)
    answer = json.loads(said.out)
    assert answer["pairwise"].keys() == FIGURES
    assert answer["best_threshold"].keys() >= FIGURES
    assert {"pairs_completeness", "reduction_ratio"} <= answer["blocking"].keys()
    assert 0 <= answer["blocking"]["reduction_ratio"] <= 1
    assert answer["unknown_records"] == answer["unused_truth_rows"] == 0
    facts = json.loads(did("inspect", "police.enc.parquet", "--json", cwd=engineer).out)
    assert {"dataset", "schema_digest", "key_fingerprint", "rows", "records"} <= facts.keys()
    assert facts["dataset"] == "police"
    checked = did("schema", "check", world.field / "schema.toml", "--json", cwd=engineer).out
    assert json.loads(checked)["digest"] == facts["schema_digest"]
    common = ("--schema", world.field / "schema.toml", "--key", world.key, "--dataset", "again")
    encode = ("encode", world.raw / "police.csv", *common, "-o", "again.enc.parquet", "--json")
    encoded = json.loads(did(*encode, cwd=engineer).out)
    assert encoded["key_fingerprint"] == facts["key_fingerprint"]
    assert encoded["records"] == facts["records"]
    linked = json.loads(did("link", *ENCODED, "-o", "out", "--json", cwd=engineer).out)
    assert linked == json.loads((engineer / "out/manifest.json").read_text())


def test_log_format_json__makes_every_message_json(world, tmp_path):
    said = did("keygen", "-o", "a.key", "--log-format", "json", cwd=tmp_path)
    message = json.loads(said.err)
    assert {"time", "message"} <= message.keys()
    failed = run("keygen", "-o", "a.key", "--log-format", "json", cwd=tmp_path)
    assert failed.code == USAGE
    assert "exists" in json.loads(failed.err)["message"]


QUIET = {
    "keygen": ("keygen", "-o", "new.key"),
    "schema init": ("schema", "init", "police.csv", "-o", "new.toml"),
    "encode": (
        "encode", "police.csv", "--schema", "schema.toml", "--key", "project.key",
        "-o", "new.enc.parquet",
    ),
    "link": ("link", *ENCODED, "-o", "new"),
    "resolve": ("resolve", "results/police.parquet", "--ids", "police.ids.parquet", "-o", "new"),
    "synth": ("synth", "--people", 5, "-o", "new"),
    "demo": ("demo", "new", "--people", 20),
}  # fmt: skip


@pytest.mark.parametrize("command", QUIET)
def test_quiet__says_nothing(agency, engineer, command):
    said = did(*QUIET[command], "--quiet", cwd=engineer)
    assert (said.out, said.err) == ("", "")


def test_quiet__still_says_errors(tmp_path):
    (tmp_path / "taken.key").write_text("mine")
    failed = run("keygen", "-o", "taken.key", "--quiet", cwd=tmp_path)
    assert failed.code == USAGE
    assert "taken.key exists" in failed.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help__has_an_example_of_every_command(tmp_path, command):
    said = did(*command, "--help", cwd=tmp_path)
    assert f"Example: linkage {' '.join(command)}" in said.out
    assert said.err == ""
    assert did(*command, "-h", cwd=tmp_path).out == said.out


def test_help__loads_nothing_heavy(tmp_path):
    script = (
        "import json, sys; from linkage.cli.main import run;"
        "codes = [run([*command, '--help']) for command in json.loads(sys.argv[1])];"
        "heavy = {'numba', 'pandas', 'pyarrow', 'numpy', 'scipy', 'linkage.agency'};"
        "sys.exit(f'{codes} {heavy & set(sys.modules)}')"
    )
    said = python("-c", script, json.dumps([*COMMANDS, []]), cwd=tmp_path)
    assert said.err.strip() == f"{[0] * (len(COMMANDS) + 1)} set()"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_schema_check__speaks_on_any_terminal(agency, encoding):
    text = (agency / "schema.toml").read_text(encoding="utf-8")
    text = text.replace('"forename", ', '"имя", "prénom", ', 1)
    (agency / "schema.toml").write_text(text, encoding="utf-8")
    env = {"PYTHONIOENCODING": encoding}
    said = linkage("schema", "check", "schema.toml", cwd=agency, env=env)
    assert said.code == DONE, said


def test_version__is_that_of_the_package(tmp_path):
    from linkage import __version__

    assert linkage("--version", cwd=tmp_path).out.strip().endswith(__version__)


def test_without_command__shows_help(tmp_path):
    said = run(cwd=tmp_path)
    assert said.code == USAGE
    assert "keygen" in said.out


HEADER = "record_id,forename,surname,dob,sex,postcode,pnc\n"
ROWS = "".join(f"A{n},Ada,Lovelace,1815-12-{n},F,W1J 5AA,\n" for n in range(10, 20))
DIALECTS = {
    "semicolons": (HEADER + ROWS).replace(",", ";").encode(),
    "tabs": (HEADER + ROWS).replace(",", "\t").encode(),
    "byte-order mark": (HEADER + ROWS).encode("utf-8-sig"),
    "Windows line ends": (HEADER + ROWS).replace("\n", "\r\n").encode(),
    "no last line end": (HEADER + ROWS).rstrip().encode(),
    "blank line first": ("\n" + HEADER + ROWS).encode(),
    "blank lines within": (HEADER + ROWS.replace("\n", "\n\n")).encode(),
    "quotes": (HEADER + ROWS.replace("Lovelace", '"Lovelace"')).encode(),
    "two lines in a header": (
        HEADER.replace(",", ',"how\nfound",', 1) + ROWS.replace(",Ada", ",seen,Ada")
    ).encode(),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_encode__reads_every_row_of_every_csv_dialect(agency, dialect):
    (agency / "plain.csv").write_text(HEADER + ROWS)
    (agency / "odd.csv").write_bytes(DIALECTS[dialect])
    tables = []
    for name in ("plain", "odd"):
        common = ("--schema", "schema.toml", "--key", "project.key", "--keep-ids")
        did("encode", f"{name}.csv", *common, "-o", f"{name}.enc.parquet", cwd=agency)
        tables.append(pq.read_table(agency / f"{name}.enc.parquet"))
    assert tables[0].equals(tables[1])


def test_encode__reads_parquet_as_csv(agency, world):
    rows = read_csv(world.raw / "police.csv")
    pq.write_table(pa.Table.from_pylist(rows), agency / "police.parquet")
    tables = []
    for name in ("police.csv", "police.parquet"):
        common = ("--schema", "schema.toml", "--key", "project.key", "--keep-ids")
        did("encode", name, *common, "-o", f"{name}.enc.parquet", cwd=agency)
        tables.append(pq.read_table(agency / f"{name}.enc.parquet"))
    assert tables[0].equals(tables[1])


def test_verbose__says_what_every_pass_did(world, tmp_path):
    files = [world.field / f"{name}.enc.parquet" for name in AGENCIES[:2]]
    said = did("link", *files, "-o", "results", "--verbose", cwd=tmp_path)
    assert "pass names: " in said.err
    assert "comparisons" in said.err
    assert "train: " in said.err
    assert "pass names: " not in did("link", *files, "-o", "again", cwd=tmp_path).err
