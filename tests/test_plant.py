"""Planted people: hidden well, the same at all agencies, left out again, and measured right."""

from __future__ import annotations

import csv
import json
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.agency.encode import Encoder
from linkage.agency.keys import ProjectKey
from linkage.agency.plant import MARK, Planter, Seeds, WithPlanted
from linkage.io.encoded import read_encodings
from linkage.io.ids import read_ids, read_planted
from linkage.io.plants import read_plants
from linkage.schema import LinkageSchema
from linkage.synth.planted import Recorded, record_people
from linkage.synth.profile import Profile
from tests.command import (
    AGENCIES,
    BAD_INPUT,
    USAGE,
    did,
    refused,
)

PEOPLE = 80
KEY = ProjectKey(bytes(range(32)))
DEFAULT = Profile.named("default")
LISTS = [f"{name}.plants.parquet" for name in AGENCIES]
ENCODED = [f"{name}.enc.parquet" for name in AGENCIES]
PLANT = ("encode", "police.csv", "--schema", "schema.toml", "--key", "project.key")
OUT = ("-o", "police.enc.parquet")
SCHEMA = """
version = 1
name = "plants"
level = "field"
record_id = ["id"]
[filter]
bits = 128
[[field]]
name = "forename"
type = "name"
columns = [["first", "second"]]
[[field]]
name = "surname"
type = "name"
columns = ["surname", "clan"]
[[field]]
name = "born"
type = "date"
columns = ["born_on"]
date_formats = ["%d %b %Y"]
[[field]]
name = "sex"
type = "sex"
columns = ["sex"]
[[field]]
name = "postcode"
type = "postcode"
columns = ["pc"]
[[field]]
name = "height"
type = "number"
columns = ["height"]
[[field]]
name = "email"
type = "text"
columns = ["email"]
optional = true
[[blocking]]
name = "born"
on = ["born"]
max_share = 0.5
"""


def recorded(agency: str = "police", *, repeats: bool = False, people: int = PEOPLE) -> Recorded:
    return record_people(people, 11, DEFAULT, agency, len(agency), repeats=repeats)


@dataclass(frozen=True)
class Planted:
    """A folder in which three agencies planted, and the linker linked."""

    folder: Path
    said: dict[str, str]


@pytest.fixture(scope="module")
def planted(world, tmp_path_factory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(world.field / "schema.toml", folder)
    shutil.copy(world.key, folder)
    said = {}
    for name in AGENCIES:
        shutil.copy(world.raw / f"{name}.csv", folder)
        command = ("encode", f"{name}.csv", "--schema", "schema.toml", "--key", "project.key")
        done = did(*command, "-o", f"{name}.enc.parquet", "--plant", PEOPLE, cwd=folder)
        said[name] = done.out + done.err
    did("link", *ENCODED, "-o", "results", cwd=folder)
    return Planted(folder, said)


def rows_of(file: Path) -> list[dict[str, str]]:
    with open(file, encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# The people


def test_record_people__are_the_same_for_all_agencies_whose_records_differ():
    police, court = recorded(), recorded("court")
    assert police.digest == court.digest
    assert police.person.tolist() == court.person.tolist() == list(range(PEOPLE))
    same = {what: np.mean(police.columns[what] == court.columns[what]) for what in police.columns}
    assert same["noms"] == same["cro"] == 1
    assert 0.7 < same["surname"] < 1
    assert 0.8 < same["dob"] < 1


def test_record_people__are_others_for_another_seed_or_number():
    digests = {
        record_people(people, seed, DEFAULT, "court", 1, repeats=False).digest
        for people, seed in ((PEOPLE, 11), (PEOPLE, 12), (PEOPLE + 1, 11))
    }
    assert len(digests) == 3


def test_record_people__have_full_records_and_repeat_where_asked():
    one, several = recorded(), recorded(repeats=True)
    for what in one.columns.keys() - {"middle_name", "town"}:
        assert np.mean(one.columns[what] == "") < 0.05, what
    assert set(several.person.tolist()) == set(range(PEOPLE))
    assert len(several.person) > 1.2 * PEOPLE


def test_record_people__of_an_agency_without_a_profile_are_those_of_the_police():
    other = record_people(5, 11, DEFAULT, "customs", 6, repeats=False)
    police = record_people(5, 11, DEFAULT, "police", 6, repeats=False)
    assert all(np.array_equal(other.columns[one], police.columns[one]) for one in police.columns)


# Hiding them


def planter(*, share: float = 1.0, columns: str = "id first second surname born_on sex pc height",
            schema: str = SCHEMA, people: int = PEOPLE) -> tuple[Encoder, Planter]:  # fmt: skip
    encoder = Encoder(LinkageSchema.parse(schema), KEY, "police")
    seeds = Seeds.derive(KEY, "police", "1")
    fictional = recorded(people=people)
    return encoder, Planter(encoder, KEY, columns.split(), fictional, seeds, share=share)


def real_rows(count: int, start: int = 0, *, without_postcode: int = 0) -> pa.RecordBatch:
    numbers = range(start, start + count)
    return pa.record_batch({
        "id": [f"A{n}" for n in numbers],
        "first": ["Zebedee"] * count,
        "second": [""] * count,
        "surname": [f"Quill{'abcdefghij'[n % 10]}" for n in numbers],
        "born_on": [f"{n % 28 + 1:02d} May {1950 + n % 40}" for n in numbers],
        "sex": ["M"] * count,
        "pc": ["" if n < without_postcode else "DN18 6GW" for n in range(count)],
        "height": ["180"] * count,
    })  # fmt: skip


def hidden(
    count: int, planter: Planter, encoder: Encoder, share: float, **options: Any
) -> WithPlanted:
    table = real_rows(count, **options)
    encoder.count_keys(table)
    planter.count_keys()
    return planter.hide(encoder.encode(table), table, share)


def test_planter__fills_what_it_knows_and_tells_what_it_does_not():
    encoder, plants = planter()
    assert plants.unfilled == ["height"]
    chunk = hidden(300, plants, encoder, 1.0)
    bits = chunk.encodings.bits[chunk.planted[chunk.encodings.owner]]
    filled = [float(np.mean(part.any(axis=1))) for part in np.split(bits, 7, axis=1)]
    assert filled == [1, 1, 1, 1, 1, 0, 0]
    assert np.count_nonzero(chunk.encodings.tokens[chunk.planted]) == PEOPLE


def test_planter__writes_dates_and_names_so_that_they_are_read_right():
    encoder, plants = planter()
    table = real_rows(20)
    encoder.count_keys(table)
    plants.count_keys()
    chunk = plants.hide(encoder.encode(table), table, 1.0)
    people = recorded()
    seeds = Seeds.derive(KEY, "police", "1")
    place = {seeds.number(people.digest, person): person for person in range(PEOPLE)}
    wanted = [place[number] for number in chunk.numbers[chunk.planted].tolist()]
    given = people.columns["forename"] + " " + people.columns["middle_name"]
    columns = {"first": given, "surname": people.columns["surname"]}
    plain = {name: column[wanted].tolist() for name, column in columns.items()}
    nothing = [""] * PEOPLE
    plain |= dict.fromkeys(("second", "sex", "pc", "height"), nothing)
    # The same dates in another form, read by a schema that differs in nothing else.
    schema = LinkageSchema.parse(SCHEMA.replace("%d %b %Y", "%Y-%m-%d"))
    plain |= {
        "id": [f"B{n}" for n in range(PEOPLE)],
        "born_on": people.columns["dob"][wanted].tolist(),
    }
    again = Encoder(schema, KEY, "police")
    again.count_keys(plain)
    clear = again.encode(plain).encodings.bits
    planted_bits = chunk.encodings.bits[chunk.planted]
    assert np.array_equal(planted_bits[:, :6], clear[:, :6])


@pytest.mark.parametrize("missing", [0, 150, 300])
def test_planter__leaves_out_what_the_file_leaves_out(missing):
    encoder, plants = planter(people=400)
    chunk = hidden(300, plants, encoder, 1.0, without_postcode=missing)
    postcode = chunk.encodings.bits[chunk.planted][:, 8:10].any(axis=1)
    assert abs(1 - postcode.mean() - missing / 300) < 0.12


def test_planter__spreads_people_over_chunks_and_forgets_none():
    encoder, plants = planter(people=400)
    counts, numbers = [], []
    tables = [real_rows(200, start) for start in (0, 200, 400, 600)]
    for table in tables:
        encoder.count_keys(table)
    plants.count_keys()
    for table, share in zip(tables, (1 / 4, 1 / 3, 1 / 2, 1.0), strict=True):
        chunk = plants.hide(encoder.encode(table), table, share)
        counts.append(int(chunk.planted.sum()))
        numbers += list(chunk.people().values())
        assert len(chunk.encodings.records) == len(chunk.own_ids) == 200 + counts[-1]
    assert sum(counts) == len(set(numbers)) == 400
    assert all(60 < one < 145 for one in counts)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.5, PEOPLE // 2), (1.0, PEOPLE)])
def test_planter__has_the_share_of_people_that_was_asked_for(share, count):
    encoder, plants = planter(share=share)
    assert plants.facts()["people"] == count
    assert int(hidden(30, plants, encoder, 1.0).planted.sum()) == count


def test_planter__two_rounds_have_other_people_and_numbers():
    digest = recorded().digest
    one, other = (Seeds.derive(KEY, "police", name) for name in ("1", "2"))
    court = Seeds.derive(KEY, "court", "1")
    assert one.people != other.people
    assert (one.people, one.numbers) == (court.people, court.numbers)
    assert one.records != court.records
    numbers = {seeds.number(digest, person) for seeds in (one, other) for person in range(50)}
    assert len(numbers) == 100
    assert str(one.people) not in repr(one)


# The command


def test_encode__says_how_many_are_planted_and_counts_real_rows(planted, world):
    for name in AGENCIES:
        rows = len(rows_of(world.raw / f"{name}.csv"))
        assert f"{rows:,} records encoded" in planted.said[name]
        assert f"{PEOPLE} records of {PEOPLE} planted people" in planted.said[name]
        assert len(read_encodings(planted.folder / f"{name}.enc.parquet").records) == rows + PEOPLE
    prints = {re.search(r"\(fingerprint (\w{16})\)", one)[1] for one in planted.said.values()}
    assert len(prints) == 1


def test_encode__keeps_the_lists_to_their_owner(planted):
    for name in AGENCIES:
        for kind in ("ids", "plants"):
            mode = (planted.folder / f"{name}.{kind}.parquet").stat().st_mode
            assert stat.S_IMODE(mode) == 0o600


def test_encode__marks_planted_records_in_the_ids_table_only(planted, world):
    for name in AGENCIES:
        ids = planted.folder / f"{name}.ids.parquet"
        own, marked = read_ids(ids), read_planted(ids)
        assert marked == read_plants(planted.folder / f"{name}.plants.parquet").person.keys()
        assert {one for one, own_id in own.items() if own_id.startswith(MARK)} == marked
        assert len(own) == len(set(own.values()))
        assert read_planted(world.field / f"{name}.ids.parquet") == frozenset()


def test_linker_files__have_no_mark_of_planted_records(planted, world):
    files = [planted.folder / name for name in ENCODED]
    files += sorted((planted.folder / "results").iterdir())
    names = set().union(*(recorded_names(planted, agency) for agency in AGENCIES))
    assert len(names) > PEOPLE
    for file in files:
        text = file.read_bytes().decode("latin-1")
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            text += "".join(str(table[one].to_pylist()) for one in table.column_names)
            text += str(pq.read_metadata(file).metadata)
        assert "plant" not in text.lower(), file
        assert not [one for one in names if re.search(rf"\b{one}\b", text, re.I)], file
    for name in ENCODED:
        one, other = (pq.read_schema(at / name) for at in (planted.folder, world.field))
        assert one.remove_metadata() == other.remove_metadata()
        assert one.metadata.keys() == other.metadata.keys()
        heads = [json.loads(each.metadata[b"linkage"]) for each in (one, other)]
        assert heads[0].keys() == heads[1].keys()


def recorded_names(planted: Planted, agency: str) -> set[str]:
    key = ProjectKey.load(planted.folder / "project.key")
    seeds = Seeds.derive(key, agency, "1")
    made = record_people(PEOPLE, seeds.people, DEFAULT, agency, seeds.records, repeats=False)
    names = {*made.columns["surname"].tolist(), *made.columns["forename"].tolist()}
    return {re.escape(one) for one in names if len(one) > 5 and one.isalpha()}


def test_encoded_file__has_planted_records_at_random_places(planted):
    for name in AGENCIES:
        records = read_encodings(planted.folder / f"{name}.enc.parquet").records
        known = read_plants(planted.folder / f"{name}.plants.parquet").person
        places = np.array([one.decode() in known for one in records]).nonzero()[0] / len(records)
        assert abs(places.mean() - 0.5) < 0.15
        assert np.ptp(places) > 0.8
        assert {len(one) for one in records} == {20}


def test_lists__hold_numbers_that_tell_nothing_and_no_key(planted):
    lists = [read_plants(planted.folder / name).person for name in LISTS]
    people = [set(one.values()) for one in lists]
    assert people[0] == people[1] == people[2]
    assert not set().union(*(one.keys() for one in lists)) & people[0]
    key = ProjectKey.load(planted.folder / "project.key")
    seeds = Seeds.derive(key, "police", "1")
    for name in LISTS:
        text = (planted.folder / name).read_bytes()
        for secret in (seeds.numbers, seeds.people.to_bytes(32), seeds.records.to_bytes(32)):
            assert secret not in text
            assert secret.hex().encode() not in text
        order = pq.read_table(planted.folder / name)["record"].to_pylist()
        assert order == sorted(order)


def test_encode__plants_the_same_again_under_the_same_key_only(planted, world, tmp_path):
    shutil.copy(planted.folder / "schema.toml", tmp_path)
    shutil.copy(world.raw / "police.csv", tmp_path)
    shutil.copy(world.key, tmp_path)
    did("keygen", "-o", "other.key", cwd=tmp_path)
    for name, key in (("same", "project.key"), ("other", "other.key")):
        command = (
            "encode",
            "police.csv",
            "--schema",
            "schema.toml",
            "--key",
            key,
            "--plant",
            PEOPLE,
        )
        did(*command, "-o", f"{name}.enc.parquet", cwd=tmp_path)
    first = read_plants(planted.folder / "police.plants.parquet")
    same, other = (read_plants(tmp_path / f"{n}.plants.parquet") for n in ("same", "other"))
    assert set(first.person.values()) == set(same.person.values())
    assert not first.person.keys() & same.person.keys()
    assert not set(first.person.values()) & set(other.person.values())


def test_encode__with_common_keys_dropped_and_rows_left_out(agency):
    schema = (agency / "schema.toml").read_text()
    (agency / "schema.toml").write_text(
        schema.replace('on = ["dob"]', 'on = ["dob"]\nmax_share = 0.9')
    )
    lines = (agency / "police.csv").read_text().splitlines()
    (agency / "police.csv").write_text("\n".join([*lines, lines[-1]]) + "\n")
    options = ("--plant", "30", "--on-error", "skip", "--json")
    said = json.loads(did(*PLANT, *OUT, *options, cwd=agency).out)
    assert (said["records"], said["rejected"]) == (len(lines) - 1, 1)
    assert said["planted"]["records"] == 30
    assert said["plants"] == "police.plants.parquet"
    assert said["rejects"] == "police.rejects.csv"


def test_encode__with_a_share_repeats_a_profile_and_a_round(agency):
    options = ("--plant", "200", "--plant-share", "0.5", "--plant-repeats", "--plant-round", "b")
    said = json.loads(
        did(*PLANT, *OUT, *options, "--plant-profile", "hard", "--json", cwd=agency).out
    )["planted"]
    assert said["people"] == 100
    assert said["records"] > 110


def test_resolve__leaves_planted_people_out(planted, world, tmp_path):
    for name in AGENCIES:
        share = planted.folder / "results" / f"{name}.parquet"
        ids = planted.folder / f"{name}.ids.parquet"
        said = did("resolve", share, "--ids", ids, "-o", f"{name}.csv", cwd=tmp_path)
        own = sorted(row["record_id"] for row in rows_of(world.raw / f"{name}.csv"))
        found = rows_of(tmp_path / f"{name}.csv")
        assert sorted(row["record_id"] for row in found) == own
        persons = len({row["person_id"] for row in found})
        assert f"{len(own):,} records of yours, {persons:,} persons" in said.err
        assert f"{PEOPLE} planted records left out" in said.err


def test_evaluate__heeds_no_planted_records(planted, world):
    ids = [part for name in AGENCIES for part in ("--ids", f"{name}={name}.ids.parquet")]
    truth = ("--truth", world.raw / "truth.csv")
    said = json.loads(did("evaluate", "results", *truth, *ids, "--json", cwd=planted.folder).out)
    assert said["unknown_records"] == 3 * PEOPLE
    assert said["pairwise"]["recall"] > 0.8


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--plant", "10", "--keep-ids"), ("--keep-ids", "leave one of them out")),
        (("--plant", "0"), ("0 is not in the range",)),
        (("--plant-share", "0.5"), ("say how many people with --plant",)),
        (("--plant-repeats",), ("say how many people with --plant",)),
        (("--plant", "10", "--plant-share", "nan"), ("nan",)),
        (("--plant", "10", "--plant-round", "a/b"), ("letters and digits",)),
    ],
)
def test_encode__refuses_options_that_can_not_be(agency, options, says):
    refused(*PLANT, *OUT, *options, cwd=agency, code=USAGE, says=says)


def test_encode__refuses_an_unknown_profile(agency):
    options = ("--plant", "10", "--plant-profile", "rosy")
    refused(*PLANT, *OUT, *options, cwd=agency, code=BAD_INPUT, says=("rosy", "default, hard"))


def test_encode__refuses_to_plant_under_a_clkhash_schema(agency):
    document = {"version": 3, "clkConfig": {"l": 1024, "kdf": {}}, "features": []}
    (agency / "schema.toml").unlink()
    (agency / "schema.toml").write_text(json.dumps(document))
    refused(*PLANT, *OUT, "--plant", "9", cwd=agency, code=USAGE, says=("a schema of ours",))


def test_encode__refuses_own_ids_that_look_planted(agency):
    text = (agency / "police.csv").read_text().splitlines()
    first = f"{MARK}1" + text[1][text[1].index(",") :]
    (agency / "police.csv").write_text("\n".join([text[0], first, *text[2:]]) + "\n")
    refused(*PLANT, *OUT, "--plant", "9", cwd=agency, code=BAD_INPUT, says=(MARK, "--plant"))
    did(*PLANT, *OUT, cwd=agency)


def test_encode__never_overwrites_a_list(agency):
    (agency / "police.plants.parquet").write_text("mine")
    refused(*PLANT, *OUT, "--plant", "9", cwd=agency, code=USAGE, says=("police.plants", "exists"))


def test_encode__leaves_nothing_behind_where_a_row_is_bad(agency):
    with open(agency / "police.csv", "a", encoding="utf-8") as file:
        file.write((agency / "police.csv").read_text().splitlines()[-1] + "\n")
    refused(*PLANT, *OUT, "--plant", "9", cwd=agency, code=BAD_INPUT, says=("earlier row",))
