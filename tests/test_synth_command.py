"""`linkage synth` as people run it: every option, every refusal, and the same bytes each time."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

from linkage.synth.profile import NAMES, Profile
from tests.command import BAD_INPUT, USAGE, contents, did, linkage, refused

FOUR = ("police", "court", "prison", "probation")


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def test_synth__gives_the_same_bytes_on_any_number_of_threads(tmp_path):
    made = []
    for threads in (1, 2, 3):
        folder = f"on{threads}"
        options = ("--people", 35_000, "--seed", 4, "--probation", "--aliases", "--register")
        did("synth", *options, "--threads", threads, "-o", folder, cwd=tmp_path)
        made.append(contents(tmp_path / folder))
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 10


def test_synth__writes_three_agencies_and_the_truth(tmp_path):
    said = did("synth", "--people", 40, "-o", "out", cwd=tmp_path)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"police.csv", "court.csv", "prison.csv", "truth.csv"}
    assert said.out == ""
    rows = len(read_csv(tmp_path / "out" / "truth.csv"))
    assert "40 people" in said.err
    assert f"truth.csv {rows}" in said.err


def test_synth__more_files_change_none_of_the_others(tmp_path):
    common = ("synth", "--people", 300, "--seed", 2, "-o")
    did(*common, "few", cwd=tmp_path)
    did(*common, "many", "--probation", "--aliases", "--register", cwd=tmp_path)
    few, many = (contents(tmp_path / one) for one in ("few", "many"))
    for name in ("police.csv", "court.csv", "prison.csv"):
        assert few[name] == many[name]
    start = (tmp_path / "few" / "truth.csv").read_bytes()
    assert (tmp_path / "many" / "truth.csv").read_bytes().startswith(start)


def test_synth__json_counts_the_rows_of_every_file(tmp_path):
    options = ("--people", 500, "--seed", 3, "--probation", "--aliases", "--register", "--json")
    said = json.loads(did("synth", *options, "-o", "out", cwd=tmp_path).out)
    assert (said["people"], said["seed"], said["profile"]) == (500, 3, "default")
    files = {path.name: len(read_csv(path)) for path in (tmp_path / "out").iterdir()}
    assert said["rows"] == files
    assert {f"{name}.csv" for name in FOUR} < set(files)
    assert "court_aliases.csv" not in files, "courts list no aliases"
    assert files["people.csv"] == 500


def test_synth__parquet_holds_what_csv_holds(tmp_path):
    common = ("synth", "--people", 400, "--seed", 5, "--aliases", "--register")
    did(*common, "-o", "csv", cwd=tmp_path)
    did(*common, "--format", "parquet", "-o", "parquet", cwd=tmp_path)
    for path in (tmp_path / "csv").iterdir():
        table = pq.read_table(tmp_path / "parquet" / f"{path.stem}.parquet")
        assert table.to_pylist() == read_csv(path)
        assert table.num_rows


def test_synth__register_tells_hard_negatives(tmp_path):
    did("synth", "--people", 4_000, "--seed", 6, "--register", "-o", "out", cwd=tmp_path)
    people = {one["person_id"]: one for one in read_csv(tmp_path / "out" / "people.csv")}
    truth = read_csv(tmp_path / "out" / "truth.csv")
    assert {one["person_id"] for one in truth} == set(people)
    for one in truth:
        assert {k: v for k, v in one.items() if k in people[one["person_id"]]}.items() <= (
            people[one["person_id"]].items()
        )
    homes = {}
    for one in people.values():
        homes.setdefault(one["household_id"], []).append(one)
    twins = [home for home in homes.values() if home[0]["household"] == "twins"]
    assert len(twins) > 30
    assert all(home[0]["dob"] in {one["dob"] for one in home[1:]} for home in twins)
    kinds = {one["kind"] for one in read_csv(tmp_path / "out" / "people_aliases.csv")}
    assert "borrowed" in kinds


PROFILE = """
base = "hard"
[aliases]
per_person = 1.0
[agencies.police]
aliases_listed = 1.0
alias = 0.6
[agencies.prison]
aliases_listed = 1.0
alias = 0.6
"""


#: Without identifiers, which would find a person under any name.
SCHEMA = """
version = 1
name = "names"
level = "field"
record_id = ["record_id"]
[filter]
bits = 256
[[field]]
name = "forename"
type = "name"
columns = ["forename", "given_name"]
[[field]]
name = "surname"
type = "name"
columns = ["surname", "family_name"]
[[field]]
name = "dob"
type = "date"
columns = ["dob", "birth_date"]
[[field]]
name = "postcode"
type = "postcode"
columns = ["postcode", "post_code"]
[[blocking]]
name = "dob"
on = ["dob"]
[[blocking]]
name = "names"
on = ["forename:first2", "surname:soundex", "dob:year"]
[[blocking]]
name = "postcode"
on = ["postcode", "forename:first1"]
"""


def test_synth__alias_tables_are_taken_by_encode_and_find_more(tmp_path):
    (tmp_path / "mine.toml").write_text(PROFILE, "utf-8")
    common = ("--people", 1_500, "--profile", "mine.toml", "--aliases", "-o", "raw")
    did("synth", *common, cwd=tmp_path)
    did("keygen", "-o", "project.key", cwd=tmp_path)
    (tmp_path / "schema.toml").write_text(SCHEMA, "utf-8")
    recall = {}
    for way in ("without", "with"):
        for name in ("police", "prison"):
            more = ("--aliases", f"raw/{name}_aliases.csv") if way == "with" else ()
            did("encode", f"raw/{name}.csv", "--schema", "schema.toml", "--key", "project.key",
                "--keep-ids", "-o", f"{name}.{way}.enc.parquet", *more, cwd=tmp_path)  # fmt: skip
        files = [f"{name}.{way}.enc.parquet" for name in ("police", "prison")]
        did("link", *files, "-o", way, cwd=tmp_path)
        said = did("evaluate", way, "--truth", "raw/truth.csv", "--json", cwd=tmp_path)
        recall[way] = json.loads(said.out)["pairwise"]["recall"]
    assert recall["with"] > recall["without"] * 1.08, recall


def test_synth__without_any_alias_says_so(tmp_path):
    options = ("--people", 30, "--profile", "clean", "--aliases")
    said = did("synth", *options, "-o", "out", cwd=tmp_path)
    assert "no agency lists an alias" in said.err
    assert not list((tmp_path / "out").glob("*aliases*"))


@pytest.mark.parametrize("name", NAMES)
def test_print_profile__is_a_profile_with_every_key_and_comments(name, tmp_path):
    said = did("synth", "--print-profile", name, cwd=tmp_path)
    assert Profile.from_toml(said.out) == Profile.named(name)
    assert said.out.count("#") > 90
    (tmp_path / "mine.toml").write_text(said.out, "utf-8")
    did("synth", "--people", 50, "--profile", "mine.toml", "-o", "mine", cwd=tmp_path)
    did("synth", "--people", 50, "--profile", name, "-o", "named", cwd=tmp_path)
    assert contents(tmp_path / "mine") == contents(tmp_path / "named")


def test_print_profile__of_a_file_fills_in_what_it_leaves_out(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\n[moves]\nper_year = 0.5\n', "utf-8")
    said = did("synth", "--print-profile", "mine.toml", cwd=tmp_path)
    assert "per_year = 0.5 " in said.out
    assert Profile.from_toml(said.out).name == "mine"


BAD_PROFILES = {
    "unknown key": ("[agencies.police]\nname_tpyo = 0.1\n", ("[police]", "name_tpyo", "name_typo")),
    "unknown section": ("[agency]\nx = 1\n", ("agency", "agencies")),
    "shares": ("[overlap]\npolice = 0.9\n", ("[overlap]", "add up to 1.6", "make 1")),
    "origins": ("[origins.polish]\nshare = 0.5\n", ("[origins.*]", "add up to")),
    "negative": ("[agencies.court]\npnc = -0.1\n", ("[agencies.court]", "pnc is -0.1", "0 to 1")),
    "more than all": ("[agencies.court]\npnc = 1.5\n", ("pnc is 1.5", "0 to 1")),
    "huge": ("[moves]\nper_year = 1" + "0" * 400 + "\n", ("per_year", "0 to 100")),
    "infinite": ("[moves]\nper_year = inf\n", ("per_year is inf", "0 to 100")),
    "not a number": ("[moves]\nper_year = nan\n", ("per_year", "number")),
    "text": ('[moves]\nper_year = "often"\n', ("per_year", "'often'", "number")),
    "yes": ("[moves]\nper_year = true\n", ("per_year", "True", "number")),
    "list": ("[moves]\nper_year = [1, 2]\n", ("per_year", "number")),
    "no table": ("moves = 3\n", ("moves", "table")),
    "date": ("[population]\nbirth_year = 1984-01-01\n", ("birth_year", "number")),
    "name": ("name = 7\n", ("name", "text")),
    "own base": ('base = "mine.toml"\n', ("circle", "mine.toml -> mine.toml")),
    "base of base": ('base = "other.toml"\n', ("circle", "mine.toml -> other.toml -> mine.toml")),
    "no base": ('base = "nope.toml"\n', ("base", "nope.toml")),
    "odd base": ("base = 3\n", ("base", "default, hard, clean")),
    "twice": ("[moves]\nflats = 0.1\nflats = 0.1\n", ("TOML",)),
    "no TOML": ("this is = = not\n", ("TOML", "line 1")),
}


@pytest.mark.parametrize("case", BAD_PROFILES)
def test_synth__refuses_a_bad_profile_and_names_file_and_key(case, tmp_path):
    text, says = BAD_PROFILES[case]
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    (tmp_path / "other.toml").write_text('base = "mine.toml"\n', "utf-8")
    command = ("synth", "--people", 3, "--profile", "mine.toml", "-o", "out")
    refused(*command, cwd=tmp_path, code=BAD_INPUT, says=("mine.toml", *says))


def test_synth__refuses_a_profile_that_is_no_text(tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00women = 1")
    command = ("synth", "--people", 3, "--profile", "mine.toml", "-o", "out")
    refused(*command, cwd=tmp_path, code=BAD_INPUT, says=("mine.toml", "UTF-8"))


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--people", 0), USAGE, ("--people", "0")),
        (("--people", "-5"), USAGE, ("--people",)),
        (("--people", 10_000_001), BAD_INPUT, ("people", "10,000,000")),
        (("--people", "many"), USAGE, ("--people",)),
        (("--people", 3, "--seed", -1), USAGE, ("--seed",)),
        (("--people", 3, "--threads", 0), USAGE, ("--threads",)),
        (("--people", 3, "--format", "xlsx"), USAGE, ("--format", "csv")),
        (
            ("--people", 3, "--profile", "easy"),
            BAD_INPUT,
            ("easy", "default, hard, clean", ".toml"),
        ),
        (("--people", 3, "--profile", "gone.toml"), USAGE, ("gone.toml",)),
        (("--print-profile", "easy"), BAD_INPUT, ("easy", "default, hard, clean")),
    ],
    ids=str,
)
def test_synth__refuses_what_is_out_of_range(options, code, says, tmp_path):
    refused("synth", *options, "-o", "out", cwd=tmp_path, code=code, says=says)


def test_synth__help_fits_and_shows_examples(tmp_path):
    said = linkage("synth", "--help", cwd=tmp_path)
    assert "linkage synth --print-profile hard" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
