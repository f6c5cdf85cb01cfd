"""The agency's data-quality report: what it finds, how much it tells, and its page."""

from __future__ import annotations

import csv
import datetime
import json
import stat
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.agency.cells import reader, script, suspicions
from linkage.agency.profile import Profiler
from linkage.agency.tallies import RepeatFinder, ValueCounter
from linkage.cli.profile import profile as command
from linkage.errors import InputError, UsageError
from linkage.report.page import histogram
from linkage.report.profile import render_profile
from linkage.schema import FieldSpec, LinkageSchema

DAY = datetime.date(2024, 6, 30)
SCHEMA_TEXT = """
version = 1
name = "test"
level = "field"
record_id = ["record_id"]

[[field]]
name = "forename"
type = "name"
columns = ["forename"]

[[field]]
name = "surname"
type = "name"
columns = ["surname", "last_name"]

[[field]]
name = "dob"
type = "date"
columns = ["dob"]

[[field]]
name = "sex"
type = "sex"
columns = ["sex"]
optional = true

[[field]]
name = "postcode"
type = "postcode"
columns = ["postcode"]
optional = true

[[field]]
name = "cro"
type = "identifier"
columns = ["cro"]
optional = true

[[blocking]]
name = "names"
on = ["forename", "surname"]
"""
SCHEMA = LinkageSchema.parse(SCHEMA_TEXT)


def profiled(table, schema=SCHEMA, **settings):
    profiler = Profiler(schema, reference_date=DAY, **settings)
    profiler.add(table)
    return profiler.result()


def table_of(rows=40, **changes):
    """A table without a fault: nothing in it is worth a finding. Changes replace first cells."""
    table = {
        "record_id": [f"R{row}" for row in range(rows)],
        "forename": [f"{chr(65 + row % 26)}NNA{chr(65 + row // 26)}" for row in range(rows)],
        "surname": [f"SMITH{chr(65 + row % 26)}{chr(65 + row // 26)}" for row in range(rows)],
        "dob": [f"19{50 + row % 50}-{2 + row % 11:02d}-{2 + row % 26:02d}" for row in range(rows)],
        "sex": ["M", "F"] * (rows // 2),
        "postcode": [f"LS{1 + row % 26} {row % 10}AB" for row in range(rows)],
        "cro": [f"{100 + row}/90" for row in range(rows)],
    }
    for name, cells in changes.items():
        table[name] = [*cells, *table[name][len(cells) :]]
    return table


def field_of(profile, name):
    return next(one for one in profile.fields if one.name == name)


def finding_of(profile, field, words):
    found = [one for one in profile.findings if one.field == field and words in one.message]
    assert len(found) == 1, [(one.field, one.message) for one in profile.findings]
    return found[0]


def test_clean_data_gives_no_finding():
    profile = profiled(table_of())
    assert profile.findings == ()
    assert profile.rows == 40
    assert profile.filled == (0, 0, 0, 0, 0, 40)
    assert profile.repeats.rows == 0


@pytest.mark.parametrize(
    ("kind", "raw", "outcome"),
    [
        ("date", "1970-01-01", "placeholder"),
        ("date", "01/01/1970", "placeholder"),
        ("date", "1900-01-01", "placeholder"),
        ("date", "1 Jan 1900", "placeholder"),
        ("date", "0000-00-00", "placeholder"),
        ("date", "99/99/9999", "placeholder"),
        ("date", "NOT ENTERED", "placeholder"),
        ("date", "1985", "unreadable"),
        ("date", "12-31-85", "unreadable"),
        ("date", "1985-03-04", "value"),
        ("identifier", "000000/00Z", "placeholder"),
        ("identifier", "N/A", "placeholder"),
        ("postcode", "NF1 1NF", "placeholder"),
        ("postcode", "nf11fa", "placeholder"),
        ("postcode", "ZZ99 3VZ", "placeholder"),
        ("postcode", "UNKNOWN", "placeholder"),
        ("postcode", "LS1 4AB", "value"),
        ("name", "MIG_ERROR_", "placeholder"),
        ("name", "NOT ENTERED", "placeholder"),
        ("name", "unknown", "placeholder"),
        ("name", "N/A", "placeholder"),
        ("name", "-", "placeholder"),
        ("name", "12345", "unreadable"),
        ("name", "MIG_ERROR_Smith", "value"),
        ("name", "NO_SHOW_Smith", "value"),
        ("name", "DUPLICATE_Smith", "value"),
        ("name", "Null", "value"),
        ("sex", "U", "unreadable"),
        ("sex", "99", "placeholder"),
    ],
)
def test_cells_are_told_apart(kind, raw, outcome):
    assert reader(FieldSpec(name="x", type=kind, columns=("x",)))(raw).outcome == outcome


def test_placeholders_of_the_schema_count_as_such():
    read = reader(FieldSpec(name="x", type="date", columns=("x",), placeholders=("1950-06-15",)))
    assert read("1950-06-15").outcome == "placeholder"


def test_dirty_data_golden():
    profile = profiled(
        table_of(
            forename=["MIG_ERROR_ANNA", "NO_SHOW_BEN", "DUPLICATE_CARL", "N/A", "UNKNOWN"],
            surname=["NOT ENTERED", "", "TEST", "SM1TH", "J"],
            dob=["1970-01-01", "1900-01-01", "2031-02-03", "1880-05-06", "1990-02-31", "soon"],
            sex=["U"],
            postcode=["NF1 1NF", "NF1 1FA", "LS1"],
            cro=["000000/00Z"],
        )
    )
    assert [(one.severity, one.field, one.message) for one in profile.findings] == [
        (
            "warning",
            "surname",
            "A word that looks like a placeholder unknown to the schema: 1 cell (2.5 %).",
        ),
        ("warning", "surname", "Digits in a name: 1 cell (2.5 %)."),
        ("warning", "dob", "1 cell (2.5 %) can't be read as a date: missing when encoded."),
        ("warning", "dob", "1 date (2.8 %) in the future."),
        ("warning", "dob", "1 date (2.8 %) before 1900."),
        ("warning", "dob", "A day that no calendar has: 1 cell (2.5 %)."),
        ("warning", "sex", "1 cell (2.5 %) can't be read as a sex: missing when encoded."),
        (
            "note",
            "forename",
            "A mark before the name, such as MIG_ERROR_, NO_SHOW_ or DUPLICATE_: 3 cells (7.5 %).",
        ),
        ("note", "forename", "2 cells (5.0 %) hold a placeholder."),
        ("note", "dob", "2 cells (5.0 %) hold a placeholder."),
        ("note", "postcode", "2 cells (5.0 %) hold a placeholder."),
        ("note", None, "1 row (2.5 %) with a readable value in one compared field only."),
        ("note", "surname", "1 cell (2.5 %) holds a placeholder."),
        ("note", "surname", "An initial only: 1 cell (2.5 %)."),
        ("note", "postcode", "The rare form UK outcode alone: 1 cell (2.5 %)."),
        ("note", "cro", "1 cell (2.5 %) holds a placeholder."),
    ]
    dob = field_of(profile, "dob")
    assert (dob.rows, dob.empty, dob.placeholder, dob.unreadable, dob.readable) == (40, 0, 2, 1, 37)
    assert [one.text for one in dob.placeholders] == ["1900-01-01", "1970-01-01"]
    assert dob.unreadable_cells.first_rows == (6,)
    assert "date_formats" in finding_of(profile, "dob", "can't be read").advice
    assert "placeholders" in finding_of(profile, "surname", "looks like").advice
    surname = field_of(profile, "surname")
    assert (surname.empty, surname.placeholder) == (1, 1)


def test_first_of_january_is_suspicious():
    dates = [f"{1971 + row}-01-01" for row in range(23)]
    profile = profiled(table_of(rows=100, dob=dates))
    finding = finding_of(profile, "dob", "1 January")
    assert finding.message.startswith("23 % of the dates are 1 January")
    assert finding.severity == "warning"
    assert finding.first_rows == tuple(range(1, 11))
    assert "`placeholders` of the field 'dob'" in finding.advice


def test_first_of_month_and_a_heaped_day_are_suspicious():
    profile = profiled(table_of(rows=100, dob=["1980-05-01"] * 30))
    assert finding_of(profile, "dob", "first of another month").rows == 30
    assert finding_of(profile, "dob", "One value is in").examples == ("19800501 (30)",)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("20240630", ["under_10"]),
        ("20240701", ["future", "first_of_month"]),
        ("20140701", ["under_10", "first_of_month"]),
        ("20140630", []),
        ("19140630", []),
        ("19140629", ["over_110"]),
        ("18991231", ["before_1900"]),
        ("19800101", ["first_of_january"]),
        ("19800231", []),
        ("19801301", []),
    ],
)
def test_suspicions_at_the_reference_date(value, found):
    assert suspicions(value, DAY) == found


def test_month_first_dates_name_the_format():
    profile = profiled(table_of(dob=["12/25/1980", "11/30/1975"]))
    finding = finding_of(profile, "dob", "month above 12")
    assert finding.severity == "warning"
    assert "'%m/%d/%Y'" in finding.advice
    assert "date_formats" in finding.advice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Smith", "Latin"),
        ("Siân", "Latin"),
        ("محمد", "Arabic"),
        ("Иван", "Cyrillic"),
        ("王伟", "Han"),
        ("Ｊｏｈｎ", "Latin"),
        ("Iвan", "several scripts"),
        ("123", ""),
    ],
)
def test_script(text, expected):
    assert script(text) == expected


def test_scripts_of_names_are_counted():
    profile = profiled(table_of(forename=["Иван", "محمد", "Iвan"]))
    scripts = {one.text: one.rows for one in field_of(profile, "forename").scripts}
    assert scripts == {"Latin": 37, "Arabic": 1, "Cyrillic": 1, "several scripts": 1}
    assert "Arabic 1, Cyrillic 1" in finding_of(profile, "forename", "not in Latin").message


def test_duplicate_records_and_ids():
    table = table_of()
    for name in table:
        table[name][10] = table[name][3]
        table[name][20] = table[name][3]
    table["record_id"][30] = ""
    profile = profiled(table)
    assert profile.repeats.rows == 2
    assert profile.repeats.first_groups == ((4, 11, 21),)
    assert profile.ids.repeats.rows == 2
    assert profile.ids.empty.first_rows == (31,)
    errors = [one.message for one in profile.findings if one.severity == "error"]
    assert errors[0].startswith("2 rows with the record id of an earlier row")
    assert errors[1].startswith("1 row without a record id")


def test_identifiers_do_not_count_for_duplicate_records():
    table = table_of()
    for name in ("forename", "surname", "dob", "sex", "postcode"):
        table[name][1] = table[name][0]
    assert profiled(table).repeats.first_groups == ((1, 2),)


def test_chunks_give_the_same_as_one_table():
    table = table_of(rows=100, dob=["1970-01-01", "soon"], surname=["TEST"])
    for name in table:
        table[name][99] = table[name][0]
    profiler = Profiler(SCHEMA, reference_date=DAY)
    for start in range(0, 100, 7):
        profiler.add({name: cells[start : start + 7] for name, cells in table.items()})
    assert profiler.result().content() == profiled(table).content()


@pytest.mark.parametrize("make", [pa.table, pd.DataFrame, pl.DataFrame])
def test_every_kind_of_table(make):
    table = table_of()
    assert profiled(make(table)).content() == profiled(table).content()


def test_missing_columns_stop_encoding():
    table = table_of()
    table["family"] = table.pop("surname")
    del table["sex"]
    profile = profiled(table)
    assert finding_of(profile, "surname", "no column 'surname' or 'last_name'").severity == "error"
    assert finding_of(profile, "sex", "the field is optional").severity == "note"
    assert [(one.name, one.looks_like) for one in profile.unused] == [("family", "surname")]
    assert finding_of(profile, None, "does not use 'family'").severity == "note"


def test_two_columns_for_a_field_stop_encoding():
    table = table_of()
    table["last_name"] = table["surname"]
    assert finding_of(profiled(table), "surname", "More than one column").severity == "error"


def test_unknown_id_column_is_refused():
    with pytest.raises(InputError, match="no column 'nr'"):
        profiled(table_of(), id_column="nr")


def test_joined_columns_and_several_values():
    text = SCHEMA_TEXT.replace('columns = ["forename"]', 'columns = [["first", "second"]]')
    text = text.replace('columns = ["dob"]', 'columns = ["dob"]\nseveral = "alias"')
    schema = LinkageSchema.parse(text)
    table = {
        "first": ["ANN", "BEN"],
        "second": ["MARY", ""],
        "surname": ["SMITH", "JONES"],
        "dob": ["1980-02-03;1981-02-03", "soon;1990-01-01"],
    }
    profile = profiled(table, schema)
    forename, dob = field_of(profile, "forename"), field_of(profile, "dob")
    assert forename.column == "first + second"
    assert [one.text for one in forename.most_frequent] == ["ANN MARY", "BEN"]
    assert (dob.readable, dob.distinct) == (2, 3)


def test_odd_cells_never_raise():
    odd = [None, "\x00", "\ud800", "a" * 100_000, "\u202eevil", "😀", "é́́́", "٣", "<b>", "_", ";"]
    rows = len(odd)
    table = dict.fromkeys(("record_id", "forename", "surname", "dob", "sex", "cro"), odd)
    table["postcode"] = [{"a": 1}, [1, [2]], b"\xff", 1.5, float("nan"), True, 10**5000] + [()] * 4
    profile = profiled(table)
    assert profile.rows == rows
    for field in profile.fields:
        assert field.empty + field.placeholder + field.unreadable + field.readable == rows
    json.dumps(profile.content(raw_values=True)).encode()
    page(profile).encode()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=6))
def test_any_text_can_be_profiled(texts):
    names = ("record_id", "forename", "surname", "dob", "sex", "postcode", "cro")
    profile = profiled(dict.fromkeys(names, texts))
    BeautifulSoup(page(profile), "html.parser")


def test_no_rows_and_nested_parquet_columns():
    empty = profiled({name: [] for name in table_of()})
    assert (empty.rows, empty.findings) == (0, ())
    nested = pa.table({"forename": [["A", "B"], None], "surname": [{"a": 1}, None], "dob": [1, 2]})
    assert profiled(nested).rows == 2


def test_distinct_values_are_estimated_beyond_the_bound():
    counter = ValueCounter(limit=1000)
    for start in range(0, 50_000, 500):
        counter.add([f"v{one}" for one in range(start, start + 500)], [1] * 500)
        counter.add(["often"], [50])
    assert not counter.exact
    assert counter.distinct() == pytest.approx(50_001, rel=0.04)
    top = counter.most_frequent(1)[0]
    assert (top.text, top.rows) == ("often", 5000)
    assert len(counter._counts) <= 1000


def test_repeats_beyond_the_bound_are_not_looked_for():
    finder = RepeatFinder(limit=3)
    finder.add(np.array([7, 0, 7, 7], np.uint64), np.array([1, 2, 3, 4]))
    finder.add(np.array([7], np.uint64), np.array([5]))
    assert finder.result().first_groups == ((1, 3),)
    assert finder.result().looked_at == 3


def test_row_numbers_follow_the_file():
    profiler = Profiler(SCHEMA, reference_date=DAY)
    table = table_of(rows=4, dob=["soon"])
    for name in table:
        table[name][3] = table[name][1]
    profiler.reject(1, "has 2 cells")
    profiler.add(table, np.array([2, 3, 5, 9]))
    profile = profiler.result()
    assert field_of(profile, "dob").unreadable_cells.first_rows == (2,)
    assert profile.repeats.first_groups == ((3, 9),)
    assert finding_of(profile, None, "row 1 has 2 cells").severity == "error"


def test_content_leaves_raw_values_out():
    profile = profiled(table_of(dob=["soon"], surname=["SM1TH"], forename=["N/A"]))
    text = json.dumps(profile.content())
    for value in ("soon", "SM1TH", "BNNA", "LS2"):
        assert value not in text
    assert "N/A" in text
    assert "SM1TH" in json.dumps(profile.content(raw_values=True))


def page(profile):
    return render_profile(
        profile.content(raw_values=True),
        file="police.csv",
        schema_file="schema.toml",
        next_command="linkage encode police.csv",
    )


HOSTILE = "<script>alert(1)</script>"


def test_page_is_whole_and_escaped():
    table = table_of(
        forename=[HOSTILE, "Иван"], dob=[f"{HOSTILE}", "1980-01-01"], cro=['"><img src=//x>']
    )
    table[f"<b>{HOSTILE}"] = [""] * 40
    text = page(profiled(table))
    soup = BeautifulSoup(text, "html.parser")
    assert HOSTILE not in text
    assert HOSTILE in soup.get_text()
    assert not soup.find_all(["script", "img", "iframe", "object", "form", "b"])
    assert not soup.find_all(lambda tag: any(name.startswith("on") for name in tag.attrs))
    assert soup.html["lang"] == "en"
    assert "police.csv" in soup.title.string
    assert "must stay with the agency" in soup.header.get_text()
    assert "linkage encode police.csv" in soup.pre.get_text()


def test_page_asks_nothing_of_anybody():
    text = page(profiled(table_of(dob=["soon"])))
    soup = BeautifulSoup(text, "html.parser")
    for tag in soup.find_all(True):
        for name in ("href", "src", "action", "data", "xlink:href", "srcset"):
            assert tag.get(name, "#").startswith("#") or tag["href"] == "data:,"
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_page_is_accessible():
    soup = BeautifulSoup(page(profiled(table_of(dob=["soon", "1980-01-01"]))), "html.parser")
    tables = soup.find_all("table")
    assert len(tables) > 8
    for table in tables:
        assert table.caption.get_text(strip=True)
        assert all(cell.get("scope") for cell in table.find_all("th"))
    levels = [int(tag.name[1]) for tag in soup.find_all(["h1", "h2", "h3", "h4"])]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for drawing in soup.find_all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for link in soup.find_all("a"):
        assert link["href"].removeprefix("#") in ids


def test_histogram_has_few_bars():
    bars = histogram([(1, 10), (5, 20), (1000, 5)])
    assert len(bars) <= 32
    assert sum(one.rows for one in bars) == 35
    assert max(one.height for one in bars) == 100
    assert [one.label for one in histogram([(1950, 1), (1970, 2)], step=10)] == [
        "1950 to 1959",
        "1960 to 1969",
        "1970 to 1979",
    ]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schema.toml").write_text(SCHEMA_TEXT)
    write_csv(tmp_path / "police.csv", table_of(dob=["soon", "1970-01-01"], surname=["SM1TH"]))
    return tmp_path


def write_csv(path, table):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))


def ran(*args):
    return CliRunner().invoke(command, [*args, "--reference-date", "2024-06-30"])


def test_command_prints_findings_and_the_next_step(files):
    result = ran("police.csv", "--schema", "schema.toml")
    assert result.exit_code == 0, result.exception
    assert "look into  dob: 1 cell (2.5 %) can't be read as a date" in result.stdout
    following = (
        "next  linkage encode police.csv --schema schema.toml --key project.key "
        "--dataset police -o police.enc.parquet"
    )
    lines = result.stdout.splitlines()
    assert following in lines
    assert "linkage keygen -o project.key" in lines[-1]
    assert all(len(line) <= 80 for line in lines if line != following)
    for value in ("soon", "SM1TH"):
        assert value not in result.output
    assert sorted(one.name for one in files.iterdir()) == ["police.csv", "schema.toml"]


def test_command_writes_a_page_for_its_owner_alone(files):
    result = ran("police.csv", "--schema", "schema.toml", "--html", "police.html")
    assert result.exit_code == 0, result.exception
    assert "keep  police.html" in result.stdout
    written = files / "police.html"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert "SM1TH" in written.read_text(encoding="utf-8")
    again = ran("police.csv", "--schema", "schema.toml", "--html", "police.html")
    assert isinstance(again.exception, UsageError)
    assert again.stdout == ""


def test_command_answers_in_json(files):
    result = ran("police.csv", "--schema", "schema.toml", "--json")
    answer = json.loads(result.stdout)
    assert answer["rows"] == 40
    assert answer["next"].startswith("linkage encode police.csv")
    assert answer["fields"][2]["placeholders"] == [{"text": "1970-01-01", "rows": 1}]
    assert "soon" not in result.output


def test_command_is_quiet_and_reads_parquet(files):
    pq.write_table(pa.table(table_of()), files / "court.parquet")
    assert ran("court.parquet", "--schema", "schema.toml", "--quiet").output == ""
    result = ran("court.parquet", "--schema", "schema.toml")
    assert "--dataset court -o court.enc.parquet" in result.stdout


def test_command_lists_rows_that_cannot_be_read(files):
    with (files / "police.csv").open("a") as file:
        file.write("R99,A,B\n")
    result = ran("police.csv", "--schema", "schema.toml")
    assert result.exit_code == 0, result.exception
    assert "1 row of the file can't be read" in result.stdout
    assert "row 41" in result.stdout
    assert "--on-error skip" in result.stdout
    assert "mend  what stops encoding" in result.stdout


def test_command_refuses_what_is_no_table(files):
    (files / "empty.csv").write_text("")
    result = ran("empty.csv", "--schema", "schema.toml", "--html", "out.html")
    assert isinstance(result.exception, InputError)
    assert not (files / "out.html").exists()


def test_command_shows_an_example_in_its_help():
    assert "Example: linkage profile police.csv" in CliRunner().invoke(command, ["--help"]).output
