"""Encoding: any table, missing values, keys, record ids."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.agency.encode import Encoder, encode
from linkage.agency.filters import bit_positions
from linkage.agency.keys import ProjectKey
from linkage.errors import InputError
from linkage.kernels.similarity import pair_similarity
from linkage.schema import LinkageSchema
from tests import reference

KEY = ProjectKey(bytes(range(32)))
OTHER_KEY = ProjectKey(bytes(range(1, 33)))


def make_schema(level="field", record_id="", blocking='["surname"]', optional="false"):
    return LinkageSchema.parse(f"""
version = 1
name = "test"
level = "{level}"
record_id = [{record_id}]
[filter]
bits = 256
[[field]]
name = "surname"
type = "name"
columns = ["surname", "last name"]
[[field]]
name = "dob"
type = "date"
columns = ["dob"]
optional = {optional}
[[blocking]]
name = "first"
on = {blocking}
[[blocking]]
name = "birthday"
on = ["dob"]
""")


TABLE = {"surname": ["Smith", "Khan", "", "smith"], "dob": ["1980-05-01", "", "", "01/05/1980"]}


@pytest.mark.parametrize(
    "make",
    [
        dict,
        pa.table,
        lambda table: pa.table(table).to_batches()[0],
        pd.DataFrame,
        pl.DataFrame,
        lambda table: pa.table(table).slice(0, 2).to_batches() and pa.concat_tables(
            [pa.table(table).slice(0, 2), pa.table(table).slice(2)]
        ),
    ],
    ids=["dict", "arrow", "batch", "pandas", "polars", "chunked"],
)  # fmt: skip
def test_encode__takes_any_table(make):
    expected = encode(TABLE, make_schema(), KEY)
    found = encode(make(TABLE), make_schema(), KEY)
    assert np.array_equal(found.bits, expected.bits)
    assert np.array_equal(found.tokens, expected.tokens)


def test_encode__takes_dates_and_missing_values_of_every_library():
    day = datetime.date(1980, 5, 1)
    expected = encode({"surname": ["A B", ""], "dob": ["1980-05-01", ""]}, make_schema(), KEY)
    for table in (
        pa.table({"surname": ["A B", None], "dob": [day, None]}),
        pd.DataFrame({"surname": ["A B", None], "dob": pd.to_datetime([day, None])}),
        pd.DataFrame({"surname": ["A B", pd.NA], "dob": [19800501.0, float("nan")]}),
        pl.DataFrame({"surname": ["A B", None], "dob": [day, None]}),
        {"surname": ["A B", None], "dob": [day, pd.NaT]},
    ):
        assert np.array_equal(encode(table, make_schema(), KEY).bits, expected.bits)


def test_encode__same_value_gives_same_bits_and_key():
    found = encode(TABLE, make_schema(), KEY)
    assert np.array_equal(found.bits[0], found.bits[3])
    assert np.array_equal(found.tokens[0], found.tokens[3])
    assert len(set(found.records.tolist())) == 4


def test_encode__missing_has_no_bits_and_no_key():
    found = encode(TABLE, make_schema(), KEY)
    assert not found.bits[2].any()
    assert not found.tokens[2].any()
    assert not found.bits[1, 4:].any()
    assert found.tokens[1].tolist()[1] == 0


def test_encode__another_key_shares_nothing():
    one, other = (encode(TABLE, make_schema(), key) for key in (KEY, OTHER_KEY))
    assert one.key_fingerprint != other.key_fingerprint
    assert not (one.tokens[one.tokens != 0] == other.tokens[one.tokens != 0]).any()
    chance = pair_similarity(one.bits, other.bits, np.array([0, 1]), np.array([0, 1]))
    assert (chance < 0.6).all()


def test_encode__passes_have_keys_of_their_own():
    schema = make_schema(blocking='["dob"]')
    found = encode(TABLE, schema, KEY)
    assert found.tokens[0, 0] != found.tokens[0, 1]


def test_encode__record_level_is_one_slice_with_all_fields():
    field, record = (encode(TABLE, make_schema(level), KEY) for level in ("field", "record"))
    assert [one.name for one in field.slices] == ["surname", "dob"]
    assert [one.name for one in record.slices] == ["clk"]
    assert np.array_equal(record.bits, field.bits[:, :4] | field.bits[:, 4:])


def test_encode__optional_column_may_be_absent():
    found = encode({"last name": ["Smith"]}, make_schema(optional="true"), KEY)
    assert not found.bits[0, 4:].any()
    with pytest.raises(InputError, match=r"no column 'dob' for the field 'dob'.*'last name'"):
        encode({"last name": ["Smith"]}, make_schema(), KEY)


def test_encode__two_fitting_columns_are_refused():
    with pytest.raises(InputError, match="'surname' and 'last name'"):
        encode({"surname": ["a"], "last name": ["b"], "dob": [""]}, make_schema(), KEY)


def test_encode__ids():
    table = TABLE | {"id": ["a", "b", "c", "d"]}
    schema = make_schema(record_id='"nr", "id"')
    assert encode(table, schema, KEY, keep_ids=True).records.tolist() == [b"a", b"b", b"c", b"d"]
    assert encode(TABLE, schema, KEY, keep_ids=True).records.tolist() == [b"1", b"2", b"3", b"4"]
    assert b"a" not in encode(table, schema, KEY).records.tolist()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b", "a", "c"], "row 3: .*earlier row"),
        (["a", "", "b", "c"], "row 2: .*is empty"),
        (["a", "b", "c", "x" * 129], "row 4: .*longer"),
        (["a", "b\x01", "c", "d"], "row 2: .*not printable"),
    ],
)
def test_encode__refuses_bad_ids(ids, message):
    with pytest.raises(InputError, match=message):
        encode(TABLE | {"nr": ids}, make_schema(), KEY, id_column="nr")


def test_encoder__counts_rows_over_chunks():
    encoder = Encoder(make_schema(), KEY, "x", id_column="nr")
    encoder.encode(TABLE | {"nr": list("abcd")})
    with pytest.raises(InputError, match=r"row 6: .*earlier row"):
        encoder.encode(TABLE | {"nr": list("eafg")})


def test_encoder__counts_what_became_of_cells():
    table = {"surname": ["Smith", "", "UNKNOWN"], "dob": ["1970-01-01", "31/31/xx", "1980-01-02"]}
    counts = Encoder(make_schema(), KEY, "x").encode(table).counts
    assert vars(counts["surname"]) == {"empty": 1, "discarded": 1, "encoded": 1}
    assert vars(counts["dob"]) == {"empty": 0, "discarded": 2, "encoded": 1}


def test_encode__refuses_what_is_no_table():
    with pytest.raises(InputError, match="not a table"):
        encode(42, make_schema(), KEY)
    with pytest.raises(InputError, match="no record"):
        encode({"surname": [], "dob": []}, make_schema(), KEY)


@settings(max_examples=30)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=8))
def test_encode__any_text_is_encoded_alone_as_among_others(names):
    table = {"surname": names, "dob": [""] * len(names)}
    whole = encode(table, make_schema(), KEY)
    for row, name in enumerate(names):
        alone = encode({"surname": [name], "dob": [""]}, make_schema(), KEY)
        assert np.array_equal(whole.bits[row], alone.bits[0])
        assert np.array_equal(whole.tokens[row], alone.tokens[0])


def test_bit_positions__are_spread_evenly():
    tokens = [f"{number}" for number in range(500)]
    positions = bit_positions(tokens, bytes(32), 20, 192)
    counts = np.bincount(positions.ravel(), minlength=192)
    expected = positions.size / 192
    assert ((counts - expected) ** 2 / expected).sum() < 280  # chi-squared, p about 1e-5


def test_key__says_nothing_of_itself():
    secret = bytes(range(32))
    shown = f"{KEY!r} {KEY} {KEY!s}"
    assert KEY.fingerprint() in shown
    assert secret.hex() not in shown
    assert "AAECAw" not in shown


def test_tokens__cannot_be_rebuilt_from_a_guess_without_the_key():
    schema = make_schema()
    token = int(encode(TABLE, schema, KEY).tokens[0, 0])
    secret = bytes(range(32))
    right = reference.derive(secret, "pass", "first")
    assert reference.blocking_token(["SMITH"], right) == token
    public = [bytes(32), schema.digest().encode()[:32], KEY.fingerprint().encode() * 2]
    for wrong in (*public, secret, reference.derive(secret, "pass", "birthday"),
                  reference.derive(secret, "field", "surname")):  # fmt: skip
        assert reference.blocking_token(["SMITH"], wrong) != token
