"""The schema: what it refuses, and what its digest covers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.headers import recognise
from linkage.errors import InputError, MismatchError
from linkage.schema import LinkageSchema

GOOD = """
version = 1
name = "test"
level = "field"

[[field]]
name = "surname"
type = "name"
columns = ["surname"]

[[field]]
name = "dob"
type = "date"
columns = ["dob"]

[[blocking]]
name = "first"
on = ["surname:soundex", "dob:year"]
"""


def test_parse__fills_in_defaults():
    schema = LinkageSchema.parse(GOOD)
    assert schema.filter.bits == 1024
    assert schema.blocking[0].parts == (("surname", "soundex"), ("dob", "year"))
    assert schema.blocking[0].fields == {"surname", "dob"}


def test_digest__ignores_comments_and_layout_and_sees_everything_else():
    digest = LinkageSchema.parse(GOOD).digest()
    assert LinkageSchema.parse("# a comment\n" + GOOD.replace("\n\n", "\n")).digest() == digest
    assert LinkageSchema.parse(GOOD + "[filter]\nbits = 1024\n").digest() == digest
    for old, new in (("soundex", "nysiis"), ('"test"', '"best"'), ('"dob"]', '"dob", "born"]')):
        assert LinkageSchema.parse(GOOD.replace(old, new, 1)).digest() != digest


def test_content__round_trips():
    schema = LinkageSchema.parse(GOOD)
    assert LinkageSchema.from_content(schema.content()) == schema


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1", "version = true", "version: write 1"),
        ("version = 1", "version = 1.0", "version: write 1"),
        ("version = 1", f"version = {'9' * 5000}", "not valid TOML"),
        ('type = "date"', 'type = "date"\ndate_formats = ["%d/%m"]', "must have %Y, %d, and %m"),
        ('type = "date"', 'type = "date"\ndate_formats = ["%Y%m%d%Q"]', "must have %Y, %d, and"),
        ("[[blocking]]", "[decision]\nagreement = [0.9, nan]\n[[blocking]]", "fall strictly"),
        ("version = 1", "", "version: Field required"),
        ('level = "field"', 'level = "both"', "level: "),
        ('level = "field"', 'level = "field"\ncolour = 1', "colour: unknown key"),
        ('type = "date"', 'type = "date"\nqgrams = 2', "field.2.qgrams: unknown key"),
        ('type = "date"', 'type = "when"', "field.2.type: "),
        ('type = "name"', 'type = "name"\nqgram = 0', "field.1.qgram: "),
        ('type = "name"', 'type = "name"\nbits_per_feature = 99999', "field.1.bits_per_feature"),
        ('type = "name"', 'type = "name"\ndate_formats = ["%Y"]', "fields of type 'date' only"),
        ('name = "dob"', 'name = "surname"', "field 'surname' appears more than once"),
        ('columns = ["dob"]', 'columns = ["surname"]', "column 'surname' appears more than once"),
        ('columns = ["dob"]', "columns = []", "field.2.columns: "),
        ("surname:soundex", "forename", "blocking pass 'first': unknown field 'forename'"),
        ("surname:soundex", "surname:year", "has no transform 'year'; it has exact, first1"),
        ("[[blocking]]", "[filter]\nbits = 100\n[[blocking]]", "filter.bits: .*multiple of 64"),
        ("[[blocking]]", "[filter]\nbits = 1048576\n[[blocking]]", "filter.bits: "),
        ("[[blocking]]", "[decision]\nthreshold = 0.5\n[[blocking]]", "review_threshold must not"),
        ("[[blocking]]", "[decision]\nagreement = [0.5, 0.9]\n[[blocking]]", "fall strictly"),
        ("version = 1", "version = ", "not valid TOML"),
    ],
)
def test_parse__refuses(old, new, message):
    with pytest.raises(InputError, match=message):
        LinkageSchema.parse(GOOD.replace(old, new, 1))


def test_parse__another_version_is_a_mismatch():
    with pytest.raises(MismatchError, match="schema version 2 is not known"):
        LinkageSchema.parse(GOOD.replace("version = 1", "version = 2"))


def test_parse__names_several_problems_at_once():
    text = GOOD.replace('"date"', '"when"').replace("version = 1", "version = 1\ncolour = 2")
    with pytest.raises(InputError, match=r"(?s)field\.2\.type.*colour|colour.*field\.2\.type"):
        LinkageSchema.parse(text)


def test_identifiers__are_not_compared():
    text = GOOD.replace('type = "date"', 'type = "identifier"').replace("dob:year", "dob")
    assert [one.name for one in LinkageSchema.parse(text).compared_fields] == ["surname"]


SAMPLE = {
    "Surname": ["Smith"], "First Name": ["Ann"], "D.O.B.": ["29/02/1980"], "Gender": ["F"],
    "Post Code": ["N1 1AA"], "PNC_ID": ["2001/1234567A"], "Notes": ["x"], "Record ID": ["1"],
}  # fmt: skip


@pytest.mark.parametrize("level", ["record", "field"])
def test_draft__works_unedited(level):
    schema = LinkageSchema.parse(draft_schema([FileSample("a.csv", 1, SAMPLE)], level))
    assert schema.level == level
    kinds = {one.name: (one.type, *one.columns) for one in schema.field}
    assert kinds == {
        "surname": ("name", "Surname"),
        "forename": ("name", "First Name"),
        "dob": ("date", "D.O.B."),
        "sex": ("sex", "Gender"),
        "postcode": ("postcode", "Post Code"),
        "pnc": ("identifier", "PNC_ID"),
    }
    assert schema.record_id == ("Record ID",)
    assert next(one for one in schema.field if one.name == "dob").date_formats == ("%d/%m/%Y",)


def test_draft__takes_different_headers_in_different_files():
    other = {"family_name": ["Khan"], "given_name": ["Al"], "birth_date": ["1980-02-29"]}
    text = draft_schema([FileSample("a.csv", 1, SAMPLE), FileSample("b.csv", 1, other)], "field")
    schema = LinkageSchema.parse(text)
    columns = {one.name: one.columns for one in schema.field}
    assert columns == {
        "forename": ("First Name", "given_name"),
        "surname": ("Surname", "family_name"),
        "dob": ("D.O.B.", "birth_date"),
    }
    assert set(schema.field[2].date_formats) == {"%d/%m/%Y", "%Y-%m-%d"}
    assert '"Post Code"' in text.split("version")[0]


def test_draft__field_of_some_files_is_optional():
    files = [FileSample(name, 1, SAMPLE) for name in ("a.csv", "b.csv")]
    files.append(FileSample("c.csv", 1, {k: v for k, v in SAMPLE.items() if k != "Post Code"}))
    schema = LinkageSchema.parse(draft_schema(files, "field"))
    assert [one.name for one in schema.field if one.optional] == ["postcode"]


def test_draft__leaves_broad_passes_out_of_large_files():
    small, large = (
        LinkageSchema.parse(draft_schema([FileSample("a.csv", rows, SAMPLE)], "field"))
        for rows in (1000, 1_000_000)
    )
    assert {one.name for one in small.blocking} > {one.name for one in large.blocking}


def test_draft__refuses_files_without_anything_to_compare():
    with pytest.raises(InputError, match=r"a\.csv: no column was recognised.*'colour'"):
        draft_schema([FileSample("a.csv", 1, {"colour": ["red"]})], "field")


def test_draft__an_id_that_repeats_is_no_record_id():
    samples = {"id": ["1", "2"], "surname": ["X", "Y"], "dob": ["1980-01-02", "1981-01-02"]}
    text = draft_schema([FileSample("a.csv", 3, samples)], "field")
    assert LinkageSchema.parse(text).record_id == ()
    assert LinkageSchema.parse(
        draft_schema([FileSample("a.csv", 2, samples)], "field")
    ).record_id == ("id",)


def test_draft__american_dates():
    texts = {"surname": ["X"], "dob": ["02/29/1980", "12/31/1999", "01/02/2000"]}
    schema = LinkageSchema.parse(draft_schema([FileSample("a.csv", 3, texts)], "field"))
    assert schema.field[1].date_formats == ("%m/%d/%Y",)


@given(st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=6))
def test_draft__survives_any_header(headers):
    sample = {"surname": ["X"], "dob": ["1980-01-02"]} | {one: ["x"] for one in headers}
    LinkageSchema.parse(draft_schema([FileSample("a.csv", 1, sample)], "record"))


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("given_name", "forename"), ("FirstName", "forename"), ("forenames", "forename"),
        ("LAST NAME", "surname"), ("family-name", "surname"), ("sname", "surname"),
        ("date_of_birth", "dob"), ("DOB", "dob"), ("birth_date", "dob"), ("gender", "sex"),
        ("zip", "postcode"), ("postal_code", "postcode"), ("address_1", "address"),
        ("suburb", "town"), ("soc_sec_id", "ssn"), ("NOMS Number", "noms"), ("cro", "cro"),
        ("rec_id", "record_id"), ("id", "record_id"), ("income", None), ("person_id", None),
    ],
)  # fmt: skip
def test_recognise(header, kind):
    found = recognise([header])[header]
    assert (found.name if found else None) == kind


def test_recognise__prefers_parts_of_a_name_to_the_whole():
    found = recognise(["name", "surname"])
    assert found["name"] is None
    assert found["surname"].name == "surname"
