"""Hardening: the frozen vectors, an independent implementation, and what each method preserves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.agency.encode import Encoder, encode
from linkage.agency.harden import Hardener, balance, diffuse, fold, permute, respond, rule_90
from linkage.agency.keys import ProjectKey
from linkage.agency.streams import choices, permutation, stream
from linkage.hardening import Saul
from linkage.kernels.bits import popcounts
from linkage.schema import LinkageSchema
from tests import reference
from tests.samples import KEY as SAMPLE_KEY
from tests.vectors.make_harden import BITS, HARDENINGS, KEY, PATH, RECORDS, SHARE, schema, vectors

FROZEN = json.loads(PATH.read_text())
SECRET = reference.read_key(KEY)
DATES = ["19800229", "19800228", "19751201", None]
NAMES = ["SMITH", "SMYTH", None, "LI"]
filters = st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4)
matrices = st.lists(filters, min_size=1, max_size=70).map(lambda rows: np.array(rows, np.uint64))


@pytest.mark.parametrize("name", HARDENINGS)
def test_library__writes_the_frozen_vectors(name):
    assert vectors(name) == FROZEN[name]


@pytest.mark.parametrize("name", HARDENINGS)
def test_bits__are_those_of_an_independent_implementation(name):
    level, steps = HARDENINGS[name]
    for row, expected in enumerate(FROZEN[name]["bits"]):
        fields = {
            field: (tokens, steps_key(steps, field), SHARE)
            for field, tokens in row_tokens(row, steps).items()
        }
        if level == "record":
            whole = hardened([*fields.values()], steps, "clk", row)
        else:
            width = 64 * FROZEN[name]["slices"][0]
            parts = [
                hardened([fields[field]], steps, field, row) if field in fields else 0
                for field in ("surname", "dob")
            ]
            whole = parts[0] | parts[1] << width
        assert f"{whole:x}" == expected


def row_tokens(row, steps):
    """The tokens of each field that a row has, salted or not."""
    found = {}
    if NAMES[row]:
        found["surname"] = reference.qgrams(NAMES[row], 2)
    if DATES[row]:
        found["dob"] = reference.date_tokens(DATES[row])
    if steps[0]["method"] == "salting" and "surname" in found:
        if DATES[row] is None:
            del found["surname"]
        else:
            found["surname"] = reference.salted_tokens(found["surname"], DATES[row][:4])
    return found


def steps_key(steps, field):
    """The key under which the tokens of a field are hashed."""
    method = steps[0]["method"]
    if method == "saul" or (method == "salting" and field == "surname"):
        return reference.derive(SECRET, f"hardening-{method}", field)
    return reference.derive(SECRET, "field", field)


def hardened(fields, steps, name, row):
    """Harden the fields of one slice by the plain functions."""
    bits, made = BITS, 0
    if not fields:
        return 0
    if steps[0]["method"] == "saul":
        tie_key = reference.derive(SECRET, "hardening-saul-ties", "")
        bits = steps[0]["bits"]
        return reference.saul_code(fields, bits, steps[0]["hashes"], tie_key)
    for tokens, key, share in fields:
        made |= reference.value_filter(tokens, key, share, BITS)
    for step in steps:
        method = step["method"]
        key = reference.derive(SECRET, f"hardening-{method}", name)
        if method == "xor_folding":
            made, bits = reference.fold(made, bits), bits // 2
        elif method == "rule_90":
            made = reference.rule_90(made, bits)
        elif method == "diffusion":
            positions = reference.keyed_choices(key, step["bits"], step["positions"], bits)
            made, bits = reference.diffuse(made, positions), step["bits"]
        elif method == "permutation":
            made = reference.permute(made, reference.keyed_order(key, bits))
        elif method == "balancing":
            made = reference.balance(made, bits, reference.keyed_order(key, 2 * bits))
            bits *= 2
        elif method == "randomised_response":
            own = reference.derive(SECRET, f"hardening-{method}", "police")
            row_id = RECORDS["record_id"][row].encode()
            made = reference.respond(made, bits, step["probability"], own, row_id)
    return made


@given(rows=matrices)
@settings(max_examples=30, deadline=None)
def test_permutation__keeps_all_similarities(rows):
    made = permute(rows, permutation(bytes(32), 256))
    assert np.array_equal(common(made, made), common(rows, rows))


@given(rows=matrices)
@settings(max_examples=30, deadline=None)
def test_balancing__makes_popcounts_equal_and_keeps_differences(rows):
    made = balance(rows, permutation(bytes(32), 512))
    ends = np.array([0, made.shape[1]])
    assert (popcounts(made, ends) == 256).all()
    assert np.array_equal(differing(made), 2 * differing(rows))


@given(rows=matrices)
@settings(max_examples=30, deadline=None)
def test_folding_rule_90_and_diffusion__are_linear_and_keep_equality(rows):
    positions = choices(bytes(32), 128, 3, 256)
    for harden in (fold, rule_90, lambda one: diffuse(one, positions)):
        made = harden(rows)
        mixed = harden(rows ^ np.roll(rows, 1, axis=0))
        assert np.array_equal(mixed, made ^ np.roll(made, 1, axis=0))
        for row in range(len(rows)):
            same = (rows == rows[row]).all(axis=1)
            assert (made[same] == made[row]).all()


@given(rows=matrices)
@settings(max_examples=20, deadline=None)
def test_methods__agree_with_the_plain_functions(rows):
    whole = [reference.to_int(row) for row in rows]
    order, chosen = permutation(bytes(32), 512), choices(bytes(32), 128, 5, 256)
    assert [reference.to_int(one) for one in fold(rows)] == [
        reference.fold(one, 256) for one in whole
    ]
    assert [reference.to_int(one) for one in rule_90(rows)] == [
        reference.rule_90(one, 256) for one in whole
    ]
    assert [reference.to_int(one) for one in diffuse(rows, chosen)] == [
        reference.diffuse(one, chosen.tolist()) for one in whole
    ]
    assert [reference.to_int(one) for one in balance(rows, order)] == [
        reference.balance(one, 256, order.tolist()) for one in whole
    ]


def test_streams__are_aes_in_counter_mode_and_need_all_of_the_key():
    key = bytes(range(32))
    assert stream(key, 100) == reference.key_stream(key, 100)
    assert permutation(key, 300).tolist() == reference.keyed_order(key, 300)
    assert choices(key, 64, 7, 100).tolist() == reference.keyed_choices(key, 64, 7, 100)
    for byte in range(32):
        other = bytearray(key)
        other[byte] ^= 1
        assert stream(bytes(other), 32) != stream(key, 32)
    assert sorted(permutation(key, 1000).tolist()) == list(range(1000))
    assert all(len(set(one)) == 32 for one in choices(key, 64, 32, 64).tolist())


def test_methods__are_keyed_by_method_and_field():
    steps = LinkageSchema.from_content(schema("balancing").content()).hardening
    rows = np.arange(1, 5, dtype=np.uint64).reshape(1, 4)
    made = {
        (key, name): Hardener(steps, ProjectKey(key * 32), "x").harden(rows, name).tobytes()
        for key in (b"a", b"b")
        for name in ("surname", "dob")
    }
    assert len(set(made.values())) == 4


def test_noise__flips_half_the_probability_and_is_the_same_in_a_second_run():
    random = np.random.default_rng(0)
    rows = random.integers(0, 2**64, (500, 16), np.uint64)
    ids = [b"%d" % row for row in range(500)]
    made = respond(rows, 0.2, bytes(32), ids)
    assert flipped(rows, made) == pytest.approx(0.1, abs=0.003)
    assert np.array_equal(respond(rows, 0.2, bytes(32), ids), made)
    for others in (respond(rows, 0.2, b"k" * 32, ids), respond(rows, 0.2, bytes(32), ids[::-1])):
        assert flipped(made, others) == pytest.approx(2 * 0.1 * 0.9, abs=0.003)


def test_noise__belongs_to_the_record_not_to_the_value():
    records = {"record_id": ["1", "2"], "surname": ["SMITH"] * 2, "dob": ["1980-02-29"] * 2}
    bits = encode(records, schema("randomised_response"), SAMPLE_KEY).bits
    assert (bits[0] != bits[1]).any()
    again = encode(records, schema("randomised_response"), SAMPLE_KEY).bits
    assert np.array_equal(again, bits)
    elsewhere = encode(records, schema("randomised_response"), SAMPLE_KEY, dataset="other").bits
    assert (elsewhere != bits).any(axis=1).all()


def test_noise__does_not_depend_on_chunks():
    whole = encode(RECORDS, schema("all"), SAMPLE_KEY).bits
    encoder = Encoder(schema("all"), SAMPLE_KEY, "data")
    for row in range(4):
        part = {name: column[row : row + 1] for name, column in RECORDS.items()}
        assert np.array_equal(encoder.encode(part).encodings.bits, whole[row : row + 1])


@pytest.mark.parametrize("name", HARDENINGS)
def test_missing__stays_without_bits_and_nothing_else_does(name):
    records = {
        "record_id": ["1", "2"], "surname": ["", "SMITH"], "dob": ["", "1980-02-29"],
    }  # fmt: skip
    made = encode(records, schema(name), SAMPLE_KEY)
    assert not made.bits[0].any()
    for start, stop in zip(made.slice_ends[:-1], made.slice_ends[1:], strict=True):
        assert made.bits[1, start:stop].any()


def test_cancelled_bits__still_show_a_value():
    rows = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 2, 0, 0]], np.uint64)
    made = Hardener(schema("xor_folding").hardening, SAMPLE_KEY, "x").harden(rows, "surname")
    assert made.tolist() == [[1, 0], [0, 0], [1, 2]]


def test_salting__compares_within_a_salt_only_and_drops_what_has_none():
    records = {
        "record_id": list("1234"),
        "surname": ["SMITH"] * 4,
        "dob": ["1980-02-29", "1980-07-01", "1981-02-28", ""],
    }
    made = encode(records, schema("salting"), SAMPLE_KEY)
    surname = [reference.to_int(row[:4]) for row in made.bits]
    assert surname[0] == surname[1] != surname[2]
    assert reference.dice(surname[0], surname[2]) < 0.5
    assert surname[3] == 0
    plain = schema("salting").content() | {"hardening": []}
    unsalted = encode(records, LinkageSchema.from_content(plain), SAMPLE_KEY)
    assert np.array_equal(made.bits[:, 4:], unsalted.bits[:, 4:])  # the date is as without salt


def test_saul__hides_length():
    records = {
        "record_id": ["1", "2"],
        "surname": ["LI", "FEATHERSTONEHAUGH-CHOLMONDELEY"],
        "dob": ["1980-02-29"] * 2,
    }
    content = schema("saul").content()
    content["hardening"] = [{"method": "saul", "bits": 4096, "hashes": 3}]
    made = encode(records, LinkageSchema.from_content(content), SAMPLE_KEY)
    counts = popcounts(made.bits, made.slice_ends)[:, 0]
    assert (abs(counts.astype(int) - 2048) < 4 * 32).all()
    assert isinstance(LinkageSchema.from_content(content).hardening[0], Saul)


def common(left, right):
    """Common bits of all pairs of rows."""
    return np.bitwise_count(left[:, None] & right[None]).sum(axis=2)


def differing(rows):
    """Differing bits of all pairs of rows."""
    return np.bitwise_count(rows[:, None] ^ rows[None]).sum(axis=2)


def flipped(rows, made):
    """The share of bits that differ."""
    return np.bitwise_count(rows ^ made).sum() / (rows.size * 64)
