"""The clkhash encoder: equal to clkhash's own output, to a plain reference, and strict."""

from __future__ import annotations

import copy
import json
import os
import random
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.clkhash_differential import random_case
from linkage.agency.clkhash import (
    ClkhashSchema,
    Problem,
    encode,
    encode_clks,
    find_problems,
    read_raw_column,
    tokens,
)
from linkage.agency.clkhash.dates import read_dates
from linkage.agency.columns import Column
from linkage.errors import InputError
from linkage.io.clks import from_base64, to_base64
from tests import reference_clkhash
from tests.vectors.make_clkhash import PATH, cases

FROZEN = json.loads(PATH.read_text(encoding="utf-8"))
SECRET = b"secret"


def parse(content: dict) -> ClkhashSchema:
    """Parse without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return ClkhashSchema.parse(content)


def columns_of(rows: list[list[str]]) -> list[Column]:
    table = {str(k): [row[k] for row in rows] for k in range(len(rows[0]))}
    return [read_raw_column(table, name) for name in table]


def clks(content: dict, rows: list[list[str]], secret: bytes = SECRET, **options) -> list[str]:
    schema = parse(content)
    return to_base64(encode_clks(columns_of(rows), schema, secret, **options), schema.length)


def schema_of(*features: dict, **config) -> dict:
    """A schema of version 3; features get names and a usual way of hashing."""
    usual = [
        {
            "identifier": f"c{k}",
            "format": {"type": "string"},
            "hashing": {
                "comparison": {"type": "ngram", "n": 2},
                "strategy": {"bitsPerFeature": 50},
            },
        }
        for k in range(len(features))
    ]
    return {
        "version": 3,
        "clkConfig": {"l": 256, "kdf": {"type": "HKDF"}} | config,
        "features": [a | b for a, b in zip(usual, features, strict=True)],
    }


def changed(content: dict, path: str, value: object) -> dict:
    """A copy with one value set, or taken away if it is `...`."""
    content = copy.deepcopy(content)
    spot = content
    keys = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in keys[:-1]:
        spot = spot[key]
    if value is ...:
        del spot[keys[-1]]
    else:
        spot[keys[-1]] = value
    return content


# --- the same bits


@pytest.mark.parametrize("case", FROZEN, ids=[case["name"] for case in FROZEN])
def test_clks__are_those_of_clkhash(case):
    found = clks(case["schema"], case["rows"], case["secret"].encode())
    assert found == case["clks"]


def test_frozen_vectors__are_of_the_cases_in_the_generator():
    frozen = [{k: v for k, v in one.items() if k not in ("clks", "validate")} for one in FROZEN]
    assert frozen == json.loads(json.dumps(cases()))
    assert len(FROZEN) >= 60


@pytest.mark.parametrize("case", FROZEN[::5], ids=[case["name"] for case in FROZEN[::5]])
def test_reference__makes_the_frozen_vectors(case):
    found = reference_clkhash.encode(case["schema"], case["secret"].encode(), case["rows"])
    assert found == case["clks"]


def test_clks__are_those_of_shared_golden_cases():
    folder = os.environ.get("LINKAGE_SHARED")
    path = Path(folder or ".", "data", "clkhash_golden.json")
    if not folder or not path.exists():
        pytest.skip("LINKAGE_SHARED names no folder with data/clkhash_golden.json")
    golden = json.loads(path.read_text(encoding="utf-8"))
    same = [
        clks(one["schema"], one["rows"], one["secret"].encode(), validate=False) == one["clks"]
        for one in golden
    ]
    assert len(same) == 66
    assert all(same)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_clks__are_those_of_the_reference_for_any_schema(seed):
    case = random_case(random.Random(seed))
    rows, secret = case["rows"][:4], case["secret"].encode()
    expected = reference_clkhash.encode(case["schema"], secret, rows)
    assert clks(case["schema"], rows, secret, validate=case["validate"]) == expected


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=8),
    st.sampled_from(["utf-8", "utf-16", "utf-32"]),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from([{"bitsPerToken": 3}, {"bitsPerFeature": 9}, {"bitsPerFeature": 90}]),
)
def test_clks__are_those_of_the_reference_for_any_text(texts, encoding, n, positional, strategy):
    comparison = {"type": "ngram", "n": n, "positional": positional}
    content = schema_of(
        {
            "format": {"type": "string", "encoding": encoding},
            "hashing": {"comparison": comparison, "strategy": strategy},
        }
    )
    rows = [[one] for one in texts]
    assert clks(content, rows) == reference_clkhash.encode(content, SECRET, rows)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.integers().map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(str),
        st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    ),
    st.one_of(st.integers(1, 10**6), st.floats(0.01, 1e6)),
    st.integers(1, 4),
    st.integers(0, 20),
)
def test_numbers__are_those_of_the_reference(text, distance, resolution, precision):
    numeric = {
        "type": "numeric",
        "thresholdDistance": distance,
        "resolution": resolution,
        "fractional_precision": max(precision, 2),
    }
    content = schema_of({"hashing": {"comparison": numeric, "strategy": {"bitsPerToken": 3}}})
    rows = [[text]]
    try:
        expected = reference_clkhash.encode(content, SECRET, rows)
    except (ValueError, OverflowError):
        with pytest.raises(InputError, match="not a number"):
            clks(content, rows)
    else:
        assert clks(content, rows) == expected


DATE_TEXT = st.one_of(
    st.dates().map(str),
    st.from_regex(r"[0-9]{3,5}[-/][0-9]{1,2}[-/][0-9 ]{1,2}", fullmatch=True),
    st.from_regex(r"[0-9]{8}", fullmatch=True),
    st.text(max_size=12),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(DATE_TEXT, max_size=6), st.sampled_from(["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"]))
def test_dates__are_read_as_strptime_does(texts, date_format):
    found, bad = read_dates(texts, date_format)
    feature = {"format": {"type": "date", "format": date_format}, "hashing": {}}
    for place, one in enumerate(texts):
        try:
            assert found[place] == reference_clkhash.form(one, feature)
            assert place not in bad
        except ValueError:
            assert place in bad


def test_clks__do_not_depend_on_blocks_of_rows(monkeypatch):
    case = next(one for one in FROZEN if one["name"] == "blake, length 512, folds 2")
    monkeypatch.setattr(encode, "_BLOCK_BYTES", 4000)
    assert clks(case["schema"], case["rows"], case["secret"].encode()) == case["clks"]


def test_clks__do_not_depend_on_the_way_to_number_tokens(monkeypatch):
    monkeypatch.setattr(tokens, "_MAX_CELLS", 0)
    for case in FROZEN[:8]:
        assert clks(case["schema"], case["rows"], case["secret"].encode()) == case["clks"]


def test_singular_tokens__set_one_bit_unless_prevented():
    counts = []
    for prevent in (False, True):
        hash_ = {"type": "doubleHash", "prevent_singularity": prevent}
        hashing = {"comparison": {"type": "exact"}, "strategy": {"bitsPerToken": 4}, "hash": hash_}
        content = schema_of({"hashing": hashing}, l=7)
        rows = [[str(number)] for number in range(200)]
        schema = parse(content)
        bits = encode_clks(columns_of(rows), schema, SECRET)
        counts.append(np.bitwise_count(bits).min())
        assert to_base64(bits, 7) == reference_clkhash.encode(content, SECRET, rows)
    assert counts == [1, 4]


def test_padding_bits__are_zero():
    hashing = {
        "comparison": {"type": "exact"},
        "strategy": {"bitsPerToken": 2000},
        "hash": {"type": "doubleHash"},
    }
    schema = parse(schema_of({"hashing": hashing}, l=67))
    bits = encode_clks(columns_of([["a"], ["b"]]), schema, SECRET)
    assert bits.shape == (2, 2)
    assert bits.tolist() == [[2**64 - 1, 7]] * 2


# --- raw columns


def test_raw_columns__keep_spaces_and_take_any_table():
    cells = [" a ", "", "b", " a ", "a"]
    tables = [
        {"x": cells},
        pa.table({"x": pa.chunked_array([cells[:2], cells[2:]])}),
        pa.table({"x": pa.array(cells).dictionary_encode()}),
        pl.DataFrame({"x": cells}),
    ]
    for table in tables:
        column = read_raw_column(table, "x")
        assert column.texts() == cells
        assert column.codes.tolist().count(-1) == 1
        assert "" not in column.values
        assert len(set(column.values)) == 3


def test_raw_columns__give_other_types_as_csv_files_hold_them():
    table = pa.table({"n": [1, None, 3], "f": [1.0, 2.5, None]})
    assert read_raw_column(table, "n").texts() == ["1", "", "3"]
    assert read_raw_column(table, "f").texts() == ["1", "2.5", ""]
    with pytest.raises(InputError, match="lists"):
        read_raw_column(pa.table({"x": [[1], [2]]}), "x")


# --- text form


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 6), st.randoms(use_true_random=False))
def test_text_form__is_read_as_it_was_written(size, rows, rng):
    filters = [[rng.randint(0, 1) for _ in range(8 * size)] for _ in range(rows)]
    texts = [reference_clkhash.to_text(one) for one in filters]
    bits, length = from_base64(texts)
    assert (length, len(bits)) == (8 * size if rows else 0, rows)
    for row, one in zip(bits, filters, strict=True):
        expected = sum(bit << place for place, bit in enumerate(one))
        assert sum(int(word) << (64 * k) for k, word in enumerate(row)) == expected
    assert to_base64(bits, length) == texts


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["AAAA", "AAAAAAAA"], "CLK 2 has another length"),
        (["AAAA", "AA!A"], "CLK 2 isn't base64"),
        (["AAA=", "AAAA"], "CLK"),
        (["AAAA", "A\u00e9AA"], "CLK 2"),
        (["AAA"], "CLK 1"),
        (["A==="], "CLK 1"),
        (["AA=A"], "CLK 1"),
        (["AB=="], "CLK 1"),
    ],
)
def test_text_form__is_refused_if_wrong(texts, message):
    with pytest.raises(InputError, match=message):
        from_base64(texts)


# --- schemas


GOOD = schema_of({}, {})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", 4, "version: must be 1, 2 or 3"),
        ("version", True, "version"),
        ("version", [], "version"),
        ("clkConfig", ..., "clkConfig: is missing"),
        ("clkConfig.l", ..., r"clkConfig\.l: is missing"),
        ("clkConfig.l", 0, "at least 1"),
        ("clkConfig.l", "1024", "whole number"),
        ("clkConfig.l", True, "whole number"),
        ("clkConfig.l", 1000, "power of two"),
        ("clkConfig.l", 1 << 21, "at most"),
        ("clkConfig.xor_folds", -1, "at least 0"),
        ("clkConfig.xor_folds", 20, r"l \* 2\*\*xor_folds"),
        ("clkConfig.kdf.type", "legacy", "must be HKDF"),
        ("clkConfig.kdf.hash", "MD5", "SHA256 or SHA512"),
        ("clkConfig.kdf.salt", "a", r"kdf\.salt: not base64"),
        ("clkConfig.kdf.info", "é", r"kdf\.info: not base64"),
        ("clkConfig.kdf.keySize", 65, "at most 64 bytes"),
        ("features", {}, "features: must be a list"),
        ("features", [], "there are none"),
        ("features", [3], r"features\[0\]: must be an object"),
        ("features.1.identifier", ..., r"features\[1\]\.identifier: is missing"),
        ("features.1.identifier", 5, r"features\[1\]\.identifier: must be a text"),
        ("features.1.format.type", "float", r"features\[1\]\.format\.type"),
        ("features.1.format.minimum", 5, r"features\[1\]\.format\.minimum: unknown key"),
        ("features.1.format.case", "Upper", r"features\[1\]\.format\.case"),
        ("features.1.format", {"type": "string", "pattern": "("}, "not a regular expression"),
        ("features.1.format", {"type": "string", "pattern": "a", "case": "upper"}, "unknown key"),
        ("features.1.format", {"type": "date", "format": "%Q"}, "not a format of dates"),
        ("features.1.format", {"type": "date", "format": "%Y%"}, "not a format of dates"),
        ("features.1.format", {"type": "date", "format": "%d %d"}, "appears twice"),
        ("features.1.format", {"type": "enum", "values": [1]}, "list of texts"),
        ("features.1.hashing.ngram", 2, r"features\[1\]\.hashing\.ngram: unknown key"),
        ("features.1.hashing.comparison.n", 0, r"comparison\.n: must be at least 1"),
        ("features.1.hashing.comparison.n", 2.0, r"comparison\.n: must be a whole number"),
        ("features.1.hashing.comparison.positional", 1, "true or false"),
        ("features.1.hashing.comparison.type", "jaro", "ngram or exact or numeric"),
        ("features.1.hashing.strategy.bitsPerToken", 5, "must have one of the keys"),
        ("features.1.hashing.strategy", {"k": 5}, "must have one of the keys"),
        ("features.1.hashing.strategy", {"bitsPerToken": 5, "x": 1}, "unknown key"),
        ("features.1.hashing.hash", {"type": "sha1"}, "doubleHash or blakeHash"),
        (
            "features.1.hashing.hash",
            {"type": "blakeHash", "prevent_singularity": False},
            r"features\[1\].*with 'doubleHash' only",
        ),
        ("features.1.hashing.missingValue", {"replaceWith": ""}, "sentinel: is missing"),
        ("features.1.hashing.missingValue", {"sentinel": "", "replaceWith": None}, "a text"),
        ("features.1", {"identifier": "x", "ignored": True, "format": {}}, "unknown key"),
        ("features.1", {"identifier": "x", "ignored": False}, "format: is missing"),
    ],
)
def test_schema__is_refused_with_its_place(path, value, message):
    with pytest.raises(InputError, match=message):
        parse(changed(GOOD, path, value))


@pytest.mark.parametrize(
    ("numeric", "message"),
    [
        ({"thresholdDistance": 0}, "number above 0"),
        ({"thresholdDistance": float("inf")}, "number above 0"),
        ({"thresholdDistance": 0.4}, "too few decimal places"),
        ({"resolution": 0}, "at least 1"),
        ({"fractional_precision": 2.0}, "whole number"),
        ({"thresholdDistance": 1e10, "fractional_precision": 300}, "too large"),
    ],
)
def test_numeric_comparison__is_refused(numeric, message):
    comparison = {"type": "numeric", "thresholdDistance": 1, "resolution": 1} | numeric
    with pytest.raises(InputError, match=message):
        parse(changed(GOOD, "features.0.hashing.comparison", comparison))


def test_schema__of_64_columns_is_refused_and_says_why():
    ignored = {"ignored": True}
    parse(schema_of(*[{}] * 62, ignored))
    with pytest.raises(InputError, match=r"64 columns.*SHA256.*63 columns at most"):
        parse(schema_of(*[{}] * 63, ignored))
    sha512 = {"type": "HKDF", "hash": "SHA512"}
    parse(schema_of(*[{}] * 127, kdf=sha512))
    with pytest.raises(InputError, match="127 columns at most"):
        parse(schema_of(*[{}] * 128, kdf=sha512))


def test_old_versions__are_refused_with_the_place_after_the_upgrade():
    hashing = {"ngram": 0}
    feature = {"identifier": "a", "format": {"type": "string"}, "hashing": hashing}
    config = {"l": 64, "k": 5, "kdf": {"type": "HKDF"}, "hash": {"type": "doubleHash"}}
    version_1 = {"version": 1, "clkConfig": config, "features": [feature]}
    with pytest.raises(InputError, match=r"features\[0\].*comparison\.n.*after the upgrade"):
        parse(version_1)
    with pytest.raises(InputError, match="hash: is missing"):
        parse(changed(version_1, "clkConfig.hash", ...))
    tiny = changed(version_1, "features.0.hashing", {"ngram": 2, "weight": 0.01})
    with pytest.raises(InputError, match=r"bitsPerToken: must be at least 1"):
        parse(tiny)
    with pytest.raises(InputError, match="refuses it beside"):
        parse(changed(tiny, "features.0.ignored", True))


def test_schema__gives_length_and_columns():
    schema = parse(schema_of({}, {"ignored": True}, xor_folds=2))
    assert schema.length == 256
    assert schema.columns == (("c0", False), ("c1", True))
    assert schema.version == 3


def test_digest__is_that_of_what_is_encoded():
    version_2 = {
        "version": 2,
        "clkConfig": {"l": 256, "kdf": {"type": "HKDF"}},
        "features": [
            {
                "identifier": "c0",
                "description": "a name",
                "format": {"type": "string"},
                "hashing": {"ngram": 2, "strategy": {"numBits": 50}},
            }
        ],
    }
    assert parse(version_2).digest() == parse(schema_of({})).digest()
    assert parse(schema_of({})).digest() != parse(schema_of({}, l=512)).digest()


# --- warnings


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("clkConfig.xorFolds", 1, "xorFolds does nothing.*folded 0 times"),
        ("clkConfig.hash", {}, r"clkConfig\.hash.*ignores it"),
        ("clkConfig.kdf.salt", "c2Fs dA==", r"kdf\.salt isn't clean base64"),
        ("features.0.hashing.comparison.N", 3, r"features\[0\]\.hashing\.comparison\.N"),
        ("features.1.hashing.missingValue", {"sentinel": "?"}, r"features\[1\].*agree on it"),
    ],
)
def test_traps__are_warned_of(path, value, message):
    with pytest.warns(UserWarning, match=message) as caught:
        ClkhashSchema.parse(changed(GOOD, path, value))
    assert caught[0].filename == __file__


def test_xor_folds_trap__leaves_filters_unfolded():
    rows = [["Ada", "Byron"]]
    plain = clks(GOOD, rows)
    assert clks(changed(GOOD, "clkConfig.xorFolds", 1), rows) == plain
    assert clks(changed(GOOD, "clkConfig.xor_folds", 1), rows) != plain


def test_missing_values__agree_without_a_replacement():
    content = changed(GOOD, "features.0.hashing.missingValue", {"sentinel": "?"})
    replaced = changed(content, "features.0.hashing.missingValue.replaceWith", "")
    assert clks(content, [["?", ""]]) == clks(GOOD, [["?", ""]])
    assert set(clks(replaced, [["?", ""]])[0]) <= {"A", "="}


# --- values


SECRETIVE = "Hopkins-\ud800"


@pytest.mark.parametrize(
    ("form", "good", "bad", "reason"),
    [
        ({"type": "string", "minLength": 3}, "Ada", "", "shorter than 3"),
        ({"type": "string", "maxLength": 3}, "Ada", "Hopkins", "longer than 3"),
        ({"type": "string", "case": "upper"}, "ADA", "Hopkins", "not in upper case"),
        ({"type": "string", "case": "lower"}, "ada", "Hopkins", "not in lower case"),
        ({"type": "string", "pattern": "A.*"}, "Ada", "Hopkins", "pattern"),
        ({"type": "string", "encoding": "ascii"}, "Ada", "Höpkins", "ascii can't write"),
        ({"type": "string"}, "Ada", SECRETIVE, "utf-8 can't write"),
        ({"type": "enum", "values": ["M"]}, "M", "Hopkins", "not one of the values"),
        ({"type": "integer"}, " +7", "Hopkins", "not a whole number"),
        ({"type": "integer"}, "7", "", "not a whole number"),
        ({"type": "integer", "minimum": 5}, "5", "4", "below the minimum of 5"),
        ({"type": "integer", "maximum": 5}, "5", "6", "above the maximum of 5"),
        ({"type": "date", "format": "%d/%m/%Y"}, "29/2/2000", "29/02/1900", "not a date"),
        ({"type": "date", "format": "%d/%m/%Y"}, "01/01/1000", "31/12/0999", "before 1000"),
    ],
)
def test_bad_value__is_refused_with_row_and_column_and_not_shown(form, good, bad, reason):
    content = schema_of({}, {"format": form})
    with pytest.raises(InputError, match=rf"^row 12, column 'c1': .*{reason}") as caught:
        clks(content, [["", good], ["", good], ["", bad], ["", bad]], first_row=10)
    assert not bad or bad not in str(caught.value).replace(reason, "")
    assert "1 more cells" in str(caught.value)


@pytest.mark.parametrize(
    ("form", "bad", "refused"),
    [
        ({"type": "string", "minLength": 3}, "", False),
        ({"type": "string", "case": "upper"}, "Hopkins", False),
        ({"type": "enum", "values": ["M"]}, "Hopkins", False),
        ({"type": "integer", "minimum": 5}, "4", False),
        ({"type": "integer"}, "Hopkins", True),
        ({"type": "date", "format": "%Y"}, "Hopkins", True),
        ({"type": "date", "format": "%Y"}, "0999", True),
        ({"type": "string", "encoding": "ascii"}, "Höpkins", True),
    ],
)
def test_without_validation__only_what_has_no_encoding_is_refused(form, bad, refused):
    content = schema_of({"format": form})
    if refused:
        with pytest.raises(InputError, match="row 1, column 'c0'"):
            clks(content, [[bad]], validate=False)
    else:
        assert clks(content, [[bad]], validate=False)


@pytest.mark.parametrize("text", ["one", "nan", "inf", "9" * 5000, "1e400", "1,5"])
def test_number__that_is_none_is_refused(text):
    numeric = {"type": "numeric", "thresholdDistance": 1, "resolution": 1}
    content = schema_of({"hashing": {"comparison": numeric, "strategy": {"bitsPerToken": 3}}})
    with pytest.raises(InputError, match="row 2, column 'c0': not a number"):
        clks(content, [["1"], [text]])


def test_sentinel__is_not_validated():
    integer = {
        "format": {"type": "integer"},
        "hashing": GOOD["features"][0]["hashing"] | {"missingValue": {"sentinel": "none"}},
    }
    assert clks(schema_of(integer), [["none"], ["7"]])
    replaced = changed(schema_of(integer), "features.0.hashing.missingValue.replaceWith", "\ud800")
    with pytest.raises(InputError, match=r"row 2.*utf-8 can't write"):
        clks(replaced, [["7"], ["none"]])


def test_problems__are_listed_row_by_row():
    content = schema_of({"format": {"type": "integer"}}, {"format": {"type": "enum", "values": []}})
    schema = parse(content)
    columns = columns_of([["x", "7"], ["1", "8"], ["", ""]])
    assert find_problems(columns, schema, first_row=5) == [
        Problem(5, "c0", "not a whole number"),
        Problem(5, "c1", "not one of the values that the schema lists"),
        Problem(6, "c1", "not one of the values that the schema lists"),
        Problem(7, "c0", "not a whole number"),
        Problem(7, "c1", "not one of the values that the schema lists"),
    ]
    without = find_problems(columns, schema, validate=False)
    assert [(one.row, one.column) for one in without] == [(1, "c0"), (3, "c0")]


def test_columns__must_fit_the_schema():
    schema = parse(GOOD)
    one, two = columns_of([["a", "b"]])
    with pytest.raises(InputError, match="3 columns given, but the schema has 2"):
        encode_clks([one, two, two], schema, SECRET)
    longer = columns_of([["a"], ["b"]])[0]
    with pytest.raises(InputError, match="differ in their number of rows"):
        encode_clks([one, longer], schema, SECRET)
    with pytest.raises(InputError, match="secret is empty"):
        encode_clks([one, two], schema, b"")


def test_no_rows__give_no_clks():
    empty = Column(np.zeros(0, np.int64), [])
    assert encode_clks([empty, empty], parse(GOOD), SECRET).shape == (0, 4)
