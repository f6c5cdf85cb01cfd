"""Events: what a schema may name, what is read of a file, and what the events file holds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.agency.drafted_events import draft_events, event_columns
from linkage.agency.encode import Encoder
from linkage.agency.events import EventReader
from linkage.errors import InputError, MismatchError, UsageError
from linkage.events import Events, EventSpec
from linkage.io.events import events_path, events_writer, is_events_file, read_events
from linkage.io.sealed import new_identity
from linkage.schema import LinkageSchema
from tests.samples import KEY, SCHEMA

PLAIN = SCHEMA.format(level="field")
SECTION = """
[events]
types = ["arrest", "conviction", "community_order"]
year = ["event_year"]
type = ["event_type"]
at_least = 1
[events.words]
arrest = ["ARR", "Taken in"]
"""
BY_TYPE = """
[events]
types = ["reception", "release"]
years = [2000, 2025]
[events.columns]
reception = ["received_on"]
release = ["released_on", "release_year"]
"""


def spec(section=SECTION):
    return LinkageSchema.parse(PLAIN + section).events


def read(columns, section=SECTION, chosen=None):
    rows = len(next(iter(columns.values())))
    good = np.ones(rows, bool) if chosen is None else np.array(chosen)
    return EventReader(spec(section), list(columns), ";").read(columns, good)


def listed(events, types):
    rows = zip(events.owner.tolist(), events.year.tolist(), events.type.tolist(), strict=True)
    return [(owner, year, types[place]) for owner, year, place in rows]


# The schema


def test_schema__without_events_has_the_same_content_and_digest_as_before():
    plain, other = LinkageSchema.parse(PLAIN), LinkageSchema.parse(PLAIN + SECTION)
    assert "events" not in plain.content()
    assert plain.digest() == "dd83d13d1bf37a534c16a1b4f64b237bfff4d77766a58490b0befde4408af622"
    assert other.digest() != plain.digest()


def test_schema__with_events_survives_the_way_through_a_manifest():
    schema = LinkageSchema.parse(PLAIN + BY_TYPE)
    again = LinkageSchema.from_content(json.loads(json.dumps(schema.content())))
    assert again == schema
    assert again.digest() == schema.digest()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("types = []\nyear = ['y']\ntype = ['t']", "events.types"),
        ("types = ['Arrest']\nyear = ['y']\ntype = ['t']", "events.types.1"),
        ("types = ['a', 'a']\nyear = ['y']\ntype = ['t']", "'a' appears more than once"),
        ("types = ['a']", "name the columns"),
        ("types = ['a']\nyear = ['y']", "go together"),
        ("types = ['a']\nyear = ['y']\ntype = ['y']", "'y' appears more than once"),
        ("types = ['a']\nyear = ['dob']\ntype = ['t']", "'dob' identifies people"),
        ("types = ['a']\nyear = ['y']\ntype = ['surname']", "'surname' identifies people"),
        ("types = ['a']\n[events.columns]\na = ['own_id']", "'own_id' identifies people"),
        ("types = ['a']\n[events.columns]\nb = ['y']", "'b' is none of the types"),
        ("types = ['a', 'b']\nyear = ['y']\ntype = ['t']\n[events.words]\na = ['B']", "word 'b'"),
        ("types = ['a']\nyear = ['y']\ntype = ['t']\nyears = [2020, 2010]", "years must rise"),
        ("types = ['a']\nyear = ['y']\ntype = ['t']\nyears = [1, 2]", "years must rise"),
        ("types = ['a']\nyear = ['y']\ntype = ['t']\nat_least = 0", "events.at_least"),
        ("types = ['a']\nyear = ['y']\ntype = ['t']\nnotes = ['free_text']", "unknown key"),
    ],
)
def test_schema__refuses(section, says):
    text = PLAIN.replace('level = "field"', 'level = "field"\nrecord_id = ["own_id"]')
    with pytest.raises(InputError, match=r".*") as caught:
        LinkageSchema.parse(f"{text}\n[events]\n{section}")
    assert says in str(caught.value)


# Reading an agency's file


@pytest.mark.parametrize(
    ("cell", "year"),
    [
        ("2019", 2019), ("2019-03-07", 2019), ("07/03/2019", 2019), ("7-Mar-2019", 2019),
        ("2019-03-07 14:22:01", 2019), ("2019-03-07T14:22:01+0000", 2019), ("20190307", 2019),
        ("07032019", 2019), ("2019/2020", None), ("07/03/19", None), ("19", None), ("", None),
        ("1970-01-01", None), ("01/01/1900", None), ("1899", None), ("2101", None),
        ("12019", None), ("99999999", None), ("two thousand", None),
    ],
)  # fmt: skip
def test_read__keeps_the_year_and_nothing_finer(cell, year):
    found = read({"event_year": [cell], "event_type": ["arrest"]})
    assert found.events.year.tolist() == ([] if year is None else [year])
    assert found.count.discarded == (year is None)


def test_read__knows_only_the_words_of_the_schema():
    words = ["arrest", "ARREST", " arr ", "taken-in", "Community order", "murder of Ann Lee", ""]
    found = read({"event_year": ["2020"] * 7, "event_type": words})
    assert [kind for *_, kind in listed(found.events, spec().types)] == (
        ["arrest"] * 4 + ["community_order"]
    )
    assert (found.count.empty, found.count.discarded, found.count.passed) == (0, 2, 5)


def test_read__takes_several_events_in_step():
    found = read({
        "event_year": ["2018;2020;2018", "2019; 2021", "2019", "2018;2019;2020", ";"],
        "event_type": ["arrest;conviction;arrest", "arrest", "ARR;conviction", "arrest;arrest", ""],
    })  # fmt: skip
    assert listed(found.events, spec().types) == [
        (0, 2018, "arrest"), (0, 2020, "conviction"), (1, 2019, "arrest"), (1, 2021, "arrest"),
        (2, 2019, "arrest"), (2, 2019, "conviction"),
    ]  # fmt: skip
    assert found.count.discarded == 1


def test_read__takes_lists_and_dates_of_any_table():
    columns = {
        "event_year": [[2018, 2020], [], None],
        "event_type": [["arrest", "arrest"], [], None],
    }
    whole = Events.of(np.array([0, 0]), np.array([2018, 2020]), np.array([0, 0]))
    for table in (pa.table(columns), columns):
        found = EventReader(spec(), list(columns), ";").read(table, np.ones(3, bool))
        assert found.events.year.tolist() == whole.year.tolist()
        assert found.count.empty == 2
    days = pd.to_datetime(["2017-05-01", None])
    dates = pa.table({"event_year": days, "event_type": ["ARR"] * 2})
    found = EventReader(spec(), dates.column_names, ";").read(dates, np.ones(2, bool))
    assert found.events.year.tolist() == [2017]


def test_read__takes_a_column_for_each_type_and_years_of_the_schema():
    found = read(
        {"received_on": ["3 May 2010", "1999-01-02", ""], "release_year": ["2012", "2001", ""]},
        BY_TYPE,
    )
    assert listed(found.events, spec(BY_TYPE).types) == [
        (0, 2010, "reception"), (0, 2012, "release"), (1, 2001, "release"),
    ]  # fmt: skip
    assert (found.count.empty, found.count.discarded) == (1, 1)


def test_read__numbers_records_over_the_chosen_rows():
    columns = {"event_year": ["2018", "2019", "2020"], "event_type": ["arrest"] * 3}
    found = read(columns, chosen=[True, False, True])
    assert listed(found.events, spec().types) == [(0, 2018, "arrest"), (1, 2020, "arrest")]
    assert found.count.passed == 2


def test_reader__refuses_columns_that_do_not_go_together():
    with pytest.raises(InputError, match="no column 'event_type' for the type of events"):
        EventReader(spec(), ["event_year"], ";")
    with pytest.raises(InputError, match="no column 'event_year' for the year of events"):
        EventReader(spec(), ["event_type"], ";")
    with pytest.raises(InputError, match="more than one column of the file: 'event_year' and 'y2'"):
        wide = SECTION.replace('["event_year"]', '["event_year", "y2"]')
        EventReader(spec(wide), ["event_year", "y2", "event_type"], ";")
    assert not EventReader(spec(), ["surname"], ";").found


def test_encoder__never_passes_record_ids_along():
    encoder = Encoder(LinkageSchema.parse(PLAIN + SECTION), KEY, "x", id_column="event_type")
    with pytest.raises(InputError, match="holds the record ids"):
        encoder.event_reader(["event_year", "event_type"])


def test_encoder__gives_the_events_of_good_records_and_the_same_bits():
    table = {
        "id": ["a", "b", "b", "c"], "forename": ["ANN"] * 4, "surname": ["LEE"] * 4,
        "dob": ["1990-02-03"] * 4, "event_year": ["2018", "2019", "2020", "2021"],
        "event_type": ["arrest"] * 4,
    }  # fmt: skip
    bad = []
    made = [
        Encoder(
            LinkageSchema.parse(PLAIN + section), KEY, "x", id_column="id", keep_ids=True,
            on_bad_row=lambda row, problem: bad.append(row),
        ).encode(table)
        for section in (SECTION, "")
    ]  # fmt: skip
    assert bad == [3, 3]
    assert made[0].events.events.year.tolist() == [2018, 2019, 2021]
    assert made[1].events is None
    for name in ("records", "owner", "bits", "tokens"):
        one, other = (getattr(which.encodings, name) for which in made)
        assert np.array_equal(one, other)


# The file


def write(path, chunks, *, at_least=1, recipients=(), section=SECTION):
    events = spec(section).model_copy(update={"at_least": at_least})
    with events_writer(path, "police", "0" * 64, events, recipients) as writer:
        for records, found in chunks:
            writer.write(np.array(records, np.bytes_), found)
    return writer


def some(*rows):
    owner, year, type_ = np.array(rows, np.int64).reshape(-1, 3).T
    return Events.of(owner, year, type_)


CHUNKS = [
    (["c", "a", "b"], some((0, 2018, 0), (0, 2019, 1), (2, 2018, 0))),
    (["e", "d"], some((0, 2018, 0), (1, 2020, 2))),
]


def test_file__gives_back_what_was_written_by_record(tmp_path):
    path = tmp_path / "police.events.parquet"
    writer = write(path, CHUNKS)
    found = read_events(path)
    assert found.records.tolist() == [b"b", b"c", b"d", b"e"]
    assert listed(found.events, found.head.types) == [
        (0, 2018, "arrest"), (1, 2018, "arrest"), (1, 2019, "conviction"),
        (2, 2020, "community_order"), (3, 2018, "arrest"),
    ]  # fmt: skip
    assert (writer.passed, writer.records, writer.held_back) == (5, 4, 0)
    assert [str(kind) for kind in pq.read_schema(path).types] == ["string", "int16", "uint8"]
    assert is_events_file(path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_file__holds_back_what_few_records_have(tmp_path):
    path = tmp_path / "police.events.parquet"
    writer = write(path, CHUNKS, at_least=3)
    found = read_events(path)
    assert set(found.events.year.tolist()) == {2018}
    assert found.records.tolist() == [b"b", b"c", b"e"]
    assert (writer.passed, writer.records, writer.held_back) == (3, 3, 2)
    assert b"conviction" not in path.read_bytes().replace(b'"conviction"', b"")


def test_file__may_hold_nothing(tmp_path):
    path = tmp_path / "police.events.parquet"
    write(path, CHUNKS, at_least=10)
    found = read_events(path)
    assert len(found.events) == len(found.records) == 0


def test_file__is_the_same_however_it_is_cut_into_chunks(tmp_path):
    rows = [(n, 2010 + n % 7, n % 3) for n in range(2000)]
    ids = [f"{n:05d}" for n in range(2000)]
    write(tmp_path / "one", [(ids, some(*rows))])
    halves = [
        (
            ids[start : start + 500],
            some(*((n - start, y, t) for n, y, t in rows[start : start + 500])),
        )
        for start in range(0, 2000, 500)
    ]  # fmt: skip
    write(tmp_path / "four", halves)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "four").read_bytes()


def test_file__is_sealed_for_its_recipients(tmp_path):
    text, recipient = new_identity()
    other_text, _ = new_identity()
    for name, content in (("mine", text), ("other", other_text)):
        (tmp_path / name).write_text(content)
    path = tmp_path / "police.events.parquet.age"
    write(path, CHUNKS, recipients=[recipient])
    assert path.read_bytes().startswith(b"age-encryption")
    assert len(read_events(path, tmp_path / "mine").events) == 5
    with pytest.raises(UsageError, match="is sealed"):
        read_events(path)
    with pytest.raises(MismatchError, match="sealed for somebody else"):
        read_events(path, tmp_path / "other")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mine", "other", path.name]


def test_file__leaves_nothing_behind_when_writing_fails(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        events_writer(tmp_path / "x", "police", "0" * 64, spec()) as writer,
    ):
        writer.write(np.array([b"a"]), some((0, 2018, 0)))
        _ = 1 / 0
    assert not list(tmp_path.iterdir())


def test_events_path__stands_beside_the_encoded_file(tmp_path):
    for encoded, events in (
        ("police.enc.parquet", "police.events.parquet"),
        ("police.enc.parquet.age", "police.events.parquet.age"),
        ("p", "p.events.parquet"),
    ):
        assert events_path(tmp_path / encoded) == tmp_path / events


# Files that lie


def forge(path, change=None, head=None, **settings):
    """Write an events file anew, with other rows or another head, and a digest that fits."""
    import linkage.io.events as module

    table = pq.read_table(path)
    content = json.loads(pq.ParquetFile(path).metadata.metadata[b"linkage-events"])
    table = table.replace_schema_metadata(None)
    table = change(table) if change else table
    content |= {"rows": table.num_rows} | (head or {})
    if table.schema.names == ["record", "year", "type"] and not table["record"].null_count:
        digest = module._Digest()
        ids = np.array([one.encode() for one in table["record"].to_pylist()], np.bytes_)
        digest.update(ids, *(table[one].to_numpy() for one in ("year", "type")))
        content["content_digest"] = digest.close(content)
    text = json.dumps(content).encode()
    pq.write_table(table.replace_schema_metadata({b"linkage-events": text}), path, **settings)


def replaced(name, values):
    def change(table):
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        return table.set_column(place, field, pa.array(values, field.type))

    return change


def test_forge__of_nothing_leaves_a_good_file(tmp_path):
    write(tmp_path / "x", CHUNKS)
    forge(tmp_path / "x")
    assert len(read_events(tmp_path / "x").events) == 5


@pytest.mark.parametrize(
    ("change", "head", "says"),
    [
        (replaced("year", [2018, 2018, 2019, 2020, 1899]), None, "row 5: the year 1899"),
        (replaced("year", [-1, 2018, 2019, 2020, 2018]), None, "row 1: the year -1"),
        (replaced("type", [0, 0, 3, 0, 0]), None, "row 3: the type 3 is none from 0 to 2"),
        (replaced("type", [0, 0, 255, 0, 0]), None, "row 3: the type 255"),
        (replaced("year", [2018, None, 2019, 2020, 2018]), None, "without record, year or type"),
        (replaced("record", ["b", "c", "b", "d", "e"]), None, "not side by side"),
        (replaced("record", ["b", "", "c", "d", "e"]), None, "empty or longer"),
        (replaced("record", ["b", "c", "c", "d", "e" * 200]), None, "empty or longer"),
        (lambda table: table.append_column("note", pa.array(["x"] * 5)), None, "other columns"),
        (lambda table: table.rename_columns(["record", "year", "kind"]), None, "other columns"),
        (None, {"years": [2019, 2020]}, "row 1: the year 2018 is none from 2019 to 2020"),
        (None, {"years": [0, 9999]}, "no schema can"),
        (None, {"types": ["a", "a", "b"]}, "no schema can"),
        (None, {"types": ["free text, any"]}, "head was edited"),
        (None, {"types": []}, "head was edited"),
        (None, {"dataset": "../x"}, "head was edited"),
        (None, {"note": "x"}, "head was edited"),
        (None, {"years": 5}, "head was edited"),
    ],
    ids=str,
)
def test_read_events__refuses_what_no_agency_could_write(tmp_path, change, head, says):
    write(tmp_path / "x", CHUNKS)
    forge(tmp_path / "x", change, head)
    with pytest.raises(InputError) as caught:
        read_events(tmp_path / "x")
    assert says in str(caught.value)


def test_read_events__refuses_edits_without_a_new_digest(tmp_path):
    write(tmp_path / "x", CHUNKS)
    table = pq.read_table(tmp_path / "x")
    metadata = pq.ParquetFile(tmp_path / "x").metadata.metadata
    edited = replaced("year", [2017, 2018, 2019, 2020, 2018])(table)
    pq.write_table(edited.replace_schema_metadata(metadata), tmp_path / "x")
    with pytest.raises(InputError, match="does not fit its digest"):
        read_events(tmp_path / "x")


def test_read_events__refuses_a_row_count_beyond_the_size_of_the_file(tmp_path):
    write(tmp_path / "x", CHUNKS)
    many = pa.table({
        "record": pa.array(["a"] * 1_000_000),
        "year": pa.array(np.full(1_000_000, 2018, np.int16)),
        "type": pa.array(np.zeros(1_000_000, np.uint8)),
    })  # fmt: skip
    forge(tmp_path / "x", lambda table: many, compression="zstd")
    with pytest.raises(InputError, match="cut short"):
        read_events(tmp_path / "x")


def test_read_events__refuses_another_version_and_other_files(tmp_path):
    path = tmp_path / "x"
    write(path, CHUNKS)
    whole = path.read_bytes()
    forge(path, head={"events_version": 2})
    with pytest.raises(MismatchError, match="version 2"):
        read_events(path)
    for content in (b"", b"PAR1", whole[:-1], whole[: len(whole) // 2], b"record,year\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"damaged|not an events file"):
            read_events(path)
    for place in range(4, len(whole) - 4, 7):  # no change of a byte may crash, nor be believed
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert len(read_events(path).events) == 5
        except (InputError, MismatchError):
            continue


# Drafting the section


def test_draft_events__is_switched_off_and_holds_no_text_of_a_file():
    columns = {"Event Year": ["2019"], "event_type": ["arrest of Ann Lee"], "dob": ["1990"]}
    text = draft_events(event_columns([columns]), wanted=False)
    assert "Ann Lee" not in text
    assert all(line.startswith("#") for line in text.splitlines())
    assert LinkageSchema.parse(PLAIN + text).digest() == LinkageSchema.parse(PLAIN).digest()
    uncommented = text.replace("\n# ", "\n").partition("[events]")
    assert LinkageSchema.parse(PLAIN + "".join(uncommented[1:])).events.year == ("Event Year",)


def test_draft_events__names_the_types_of_all_files_where_it_is_wanted():
    files = [
        {"event_year": ["2019"], "event_type": ["Arrest", "charge"]},
        {"event_date": ["2019-01-02"], "event_type": ["Community Order"]},
        {"event_year": ["2019"]},
    ]
    drafted = LinkageSchema.parse(PLAIN + draft_events(event_columns(files), wanted=True)).events
    assert drafted.types == ("arrest", "charge", "community_order")
    assert drafted.year == ("event_year", "event_date")
    assert drafted.at_least == 10


def test_draft_events__refuses_free_text_and_files_without_events():
    many = {"event_year": ["2019"], "event_type": [f"case {n}" for n in range(100)]}
    odd = {"event_year": ["2019"], "event_type": ["arrest: A. Lee"]}
    for columns, says in ((many, "100 texts"), (odd, "name no type"), ({"dob": []}, "no file has")):
        with pytest.raises(InputError, match=says):
            draft_events(event_columns([columns]), wanted=True)
    assert draft_events(None, wanted=False) == ""


def test_event_columns__are_found_only_where_they_are_called_plainly():
    for headers in (["year", "type"], ["arrest_year", "arrest_type"], ["event", "year"]):
        assert event_columns([{one: ["2019"] for one in headers}]) is None


def test_spec__vocabulary_is_in_small_letters():
    made = EventSpec(types=("a_b",), year=("y",), type=("t",), words={"a_b": ("A-B", "Ab")})
    assert made.vocabulary == (("a b", 0), ("ab", 0))
