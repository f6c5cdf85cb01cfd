"""Anchored codes: what they are, what they hide, and that records link by them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.agency.encode import Encoder, encode
from linkage.engine.local import link
from linkage.errors import InputError, UsageError
from linkage.io import read_encodings, write_encodings
from linkage.kernels.majority import set_upper_half
from linkage.linker.anchored import Pooled, chance_between, pass_codes
from linkage.linker.block import Blocking
from linkage.linker.compare import Scored, side
from linkage.linker.levels import levels_of
from linkage.linker.sample import draw_equal
from linkage.linker.setup import Choices, set_up
from linkage.linker.together import data_pairs
from linkage.model import code_bounds, expected_slices
from linkage.schema import LinkageSchema
from tests import reference
from tests.command import BAD_INPUT, DONE, USAGE, did, refused, run
from tests.reference_anchored import code, field_keys
from tests.samples import KEY, compared
from tests.vectors.make_anchored import PATH, schema_text, vectors

FROZEN = json.loads(PATH.read_text())
#: The records of the vectors after normalisation, by hand.
NORMALISED = {
    "forename": ["MARY ANN", "JOSE", None, "LI", "WOLFESCHLEGELSTEINHAUSENBERGERDORFF"],
    "surname": ["ONEILL SMITH", "DE LA CRUZ", "NGUYEN", "MCDONALD", "SMITH"],
    "dob": ["19800229", "19751201", None, "19991303", "20010708"],
    "sex": ["F", "M", None, "F", "M"],
}
PASSES = {"dob": ("dob",), "names": ("forename", "surname"), "both": ("forename", "surname")}
PEOPLE = """
version = 1
name = "anchored"
level = "field"
anchored = true
[filter]
bits = 128
[[field]]
name = "forename"
type = "name"
columns = ["forename"]
[[field]]
name = "surname"
type = "name"
columns = ["surname"]
[[field]]
name = "dob"
type = "date"
columns = ["dob"]
[[field]]
name = "postcode"
type = "postcode"
columns = ["postcode"]
[[blocking]]
name = "forename_and_dob"
on = ["forename", "dob"]
[[blocking]]
name = "surname_and_dob"
on = ["surname", "dob"]
[[blocking]]
name = "names"
on = ["forename", "surname"]
[[blocking]]
name = "sounds"
on = ["forename:soundex", "surname:soundex", "dob:year"]
"""


@pytest.mark.parametrize("bits", [64, 192])
def test_library__writes_the_frozen_vectors(bits):
    assert vectors(bits) == FROZEN[str(bits)]


@pytest.mark.parametrize("bits", [64, 192])
def test_bits__are_those_of_an_independent_implementation(bits):
    secret = reference.read_key(FROZEN["key"])
    for row, expected in enumerate(FROZEN[str(bits)]["bits"]):
        whole = start = 0
        for name, words in FROZEN[str(bits)]["slices"].items():
            anchor, field = _anchor(name.split(".")[0], row), name.split(".")[1]
            value = NORMALISED[field][row]
            if anchor is not None and value is not None:
                keys = field_keys(secret, *name.split("."), 64 * words)
                whole |= code(_tokens(field, value), anchor, keys, 64 * words) << start
            start += 64 * words
        assert f"{whole:x}" == expected


def _anchor(name, row):
    """The parts of the block key of a row, sorted as blocks if the pass is unordered."""
    if name == "starts":
        surname, dob = NORMALISED["surname"][row], NORMALISED["dob"][row]
        return None if dob is None else [surname[:2], dob[:4]]
    parts = [NORMALISED[field][row] for field in PASSES[name]]
    if None in parts:
        return None
    return sorted(parts, key=reference.part_block) if name == "names" else parts


def _tokens(field, value):
    if field == "dob":
        return reference.date_tokens(value)
    return [value] if field == "sex" else reference.qgrams(value, 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_codes__have_half_of_their_bits_set(tokens, words, seed):
    random = np.random.default_rng(seed)
    vectors = random.integers(0, 2**64, (tokens, words), np.uint64)
    ties = random.integers(0, 256, (2, 64 * words), np.uint8)
    found = set_upper_half(vectors, np.array([0, tokens, tokens]), ties)
    assert np.bitwise_count(found[0]).sum() == 32 * words
    assert not found[1].any()
    bits = np.unpackbits(vectors.view(np.uint8), axis=1, bitorder="little").astype(int)
    tally = bits.sum(axis=0)
    chosen = np.unpackbits(found[0].view(np.uint8), bitorder="little").astype(bool)
    assert tally[chosen].min() >= tally[~chosen].max()


def _codes(values, anchors, bits=256):
    """Codes of names under anchors, all of one pass."""
    schema = LinkageSchema.parse(
        schema_text(bits).replace('["dob"]\n[[blocking]]', '["dob"]\n[[blocking]]')
    )
    table = {"forename": values, "surname": ["X"] * len(values), "dob": anchors,
             "sex": ["F"] * len(values)}  # fmt: skip
    encodings = encode(table, schema, KEY)
    return encodings.bits[:, : bits // 64]


def test_codes__of_one_anchor_are_as_alike_as_their_values():
    """Agreement follows 1 - acos(c) / pi, where c is the cosine of the values' tokens."""
    names = ["KATHERINE", "CATHERINE", "KATHERINA", "ELIZABETH"]
    days = [f"{year}-{month:02}-11" for year in range(1950, 1990) for month in range(1, 13)]
    found = {}
    for other in names[1:]:
        one = _codes([names[0]] * len(days), days)
        two = _codes([other] * len(days), days)
        found[other] = np.bitwise_count(one & two).sum(axis=1).mean() / 128
    for other, agreement in found.items():
        a, b = (set(reference.qgrams(name, 2)) for name in (names[0], other))
        cosine = len(a & b) / np.sqrt(len(a) * len(b))
        assert agreement == pytest.approx(code_bounds([cosine])[0], abs=0.04)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["ANNA", "LI", "KATHERINE", "MARY ANN JANE"]))
def test_codes__of_equal_values_under_different_anchors_are_unrelated(name):
    """Equal values agree in half of the bits, as random codes of the same weight do."""
    days = [f"{year}-{month:02}-11" for year in range(1950, 1990) for month in range(1, 13)]
    codes = _codes([name] * len(days), days)
    agreement = np.bitwise_count(codes[1:] & codes[:-1]).sum(axis=1) / 128
    # Hypergeometric: the standard deviation of one is about 1 / (2 sqrt(256)) = 0.031.
    assert agreement.mean() == pytest.approx(0.5, abs=5 * 0.032 / np.sqrt(len(days)))
    assert agreement.min() > 0.3
    assert agreement.max() < 0.7


def test_codes__hide_the_length_of_a_value():
    """Each position is set as often for short as for long values."""
    days = [f"{year}-{month:02}-11" for year in range(1930, 1990) for month in range(1, 13)]
    for name in ("LI", "WOLFGANG", "MARIA DE LOS ANGELES"):
        codes = _codes([name] * len(days), days, 64)
        assert set(np.bitwise_count(codes).sum(axis=1).tolist()) == {32}
        often = np.unpackbits(codes.view(np.uint8), axis=1).mean(axis=0)
        assert np.abs(often - 0.5).max() < 5 * 0.5 / np.sqrt(len(days))


def test_slices__leave_out_what_a_key_fixes():
    schema = LinkageSchema.parse(PEOPLE)
    names = [one.name for one in expected_slices(schema)]
    assert "forename_and_dob.forename" not in names
    assert "forename_and_dob.surname" in names
    assert "sounds.forename" in names  # a sound fixes no name
    assert len(names) == 2 + 2 + 2 + 4


def test_encoded_file__survives_a_round_trip_and_shows_edits(tmp_path):
    one = encode(_table(40, 1), LinkageSchema.parse(PEOPLE), KEY, dataset="a")
    write_encodings(one, tmp_path / "a.enc.parquet")
    read = read_encodings(tmp_path / "a.enc.parquet")
    order = np.argsort(one.records)
    assert np.array_equal(read.bits, one.bits[order])
    assert np.array_equal(read.tokens, one.tokens[order])
    assert np.array_equal(read.chance, one.chance)
    with pytest.raises(InputError):
        whole = (tmp_path / "a.enc.parquet").read_bytes()
        (tmp_path / "b.enc.parquet").write_bytes(whole.replace(b'"chance":[[0', b'"chance":[[1'))
        read_encodings(tmp_path / "b.enc.parquet")


def _table(people, seed, errors=0):
    """People with names, dates and postcodes; every `errors`-th has an error in one field."""
    random = np.random.default_rng(seed)
    syllables = [a + b for a in "BCDFGHJKLMNPRSTVWZ" for b in "AEIOU"]
    table = {
        "forename": ["".join(random.choice(syllables, 2)) + "N" for _ in range(people)],
        "surname": ["".join(random.choice(syllables, 3)) + "S" for _ in range(people)],
        "dob": [
            f"{random.integers(1940, 2000)}-{random.integers(1, 13):02}-{random.integers(1, 29):02}"
            for _ in range(people)
        ],
        "postcode": [f"N{random.integers(1, 20)} {random.integers(1, 9)}AB" for _ in range(people)],
    }
    for row in range(0, people, errors) if errors else ():
        field = ["forename", "surname", "postcode"][row % 3]
        table[field][row] = table[field][row][:-2] + "Z"
    return table


def _chance_pairs(links, people):
    return sum(int((one.left == one.right).sum()) for one in links), sum(map(len, links)), people


def test_link__finds_people_with_errors_by_anchored_codes():
    schema = LinkageSchema.parse(PEOPLE)
    data = [
        encode(_table(1500, 1, errors), schema, KEY, dataset=name)
        for name, errors in (("a", 0), ("b", 4))
    ]
    result = link(data, threads=1)
    right, links, people = _chance_pairs(result.links, 1500)
    assert right > 0.97 * people
    assert right > 0.98 * links
    assert result.certificate is not None
    assert result.certificate.recall[1] > 0.9
    assert sum(one.comparisons for one in result.passes) < 10_000


def test_compare__lets_through_every_pair_of_a_block_that_would_be_a_link():
    schema = LinkageSchema.parse(PEOPLE)
    data = [
        encode(_table(1200, 1, errors), schema, KEY, dataset=name)
        for name, errors in (("a", 0), ("b", 2))
    ]
    (pair,) = pairs = data_pairs(data, False)
    how, _ = set_up(data, pairs, Choices(single=()), 0)
    (found,) = compared(data, pairs, how)
    met = [
        draw_equal(one, other, 1 << 40, np.random.default_rng(0), within=False)[:2]
        for one, other in zip(data[0].tokens.T, data[1].tokens.T, strict=True)
    ]
    rows = np.unique(np.concatenate([np.column_stack(one) for one in met]), axis=0)
    i, j = rows.T.copy()
    every = how.score(Scored(i, j, np.zeros(len(i), np.int64)), pair)
    links = how.are_links(pair, every.left_rows, every.right_rows)
    assert np.count_nonzero(links) > 1100
    wanted = set(zip(every.left[links].tolist(), every.right[links].tolist(), strict=True))
    assert wanted <= set(zip(found.left.tolist(), found.right.tolist(), strict=True))


def test_chance__that_one_side_does_not_know_is_that_of_the_other():
    known, unknown = np.array([[0.0, 0.75, 0.25]]), np.zeros((1, 3))
    assert chance_between(known, unknown).tolist() == known.tolist()
    assert chance_between(unknown, unknown).tolist() == [[0.0, 0.5, 0.5]]


def test_levels__say_nothing_of_pairs_that_share_no_block():
    schema = LinkageSchema.parse(PEOPLE)
    table = {
        "forename": ["ANNA", "ANNA"], "surname": ["SMITH", "SMITHE"],
        "dob": ["1980-01-01", "1990-05-06"], "postcode": ["N1 1AA", "N1 1AA"],
    }  # fmt: skip
    one = encode(table, schema, KEY)
    levels, whole = levels_of(one), side(one)
    found = levels.of(whole, whole, np.array([0, 0]), np.array([1, 0]))
    assert found[0].tolist() == [0, 0, 0, 0]
    assert found[1].tolist() == [levels.top] * 4


def test_pooled__adds_up_what_the_passes_of_a_pair_say():
    schema = LinkageSchema.parse(PEOPLE)
    table = {
        "forename": ["ANNA", "ANNA"], "surname": ["SMITH", "SMYTH"],
        "dob": ["1980-01-01", "1980-01-01"], "postcode": ["N1 1AA", "N1 1AB"],
    }  # fmt: skip
    one = encode(table, schema, KEY)
    pair = Pooled.of(pass_codes(schema), one, one, np.array([0]), np.array([1]))
    # They meet by forename and date, and by sounds and year: one code of each, or two.
    assert pair.half[0].tolist() == [64, 128, 64, 128]
    assert pair.fixed[0].tolist() == [True, False, True, False]
    surname = [place for place, s in enumerate(one.slices) if s.name in (
        "forename_and_dob.surname", "sounds.surname")]  # fmt: skip
    ends = one.slice_ends
    common = sum(
        reference.to_int(one.bits[0, ends[s] : ends[s + 1]] & one.bits[1, ends[s] : ends[s + 1]])
        .bit_count()
        for s in surname
    )  # fmt: skip
    assert pair.common[0, 1] == common


def test_chance__is_the_same_for_chunks_and_counts_a_person_once():
    schema = LinkageSchema.parse(PEOPLE)
    table = _table(600, 4)
    twice = {name: column + column for name, column in table.items()}
    assert np.array_equal(
        encode(twice, schema, KEY, dataset="a").chance[:, -1],
        encode(table, schema, KEY, dataset="a").chance[:, -1],
    )
    encoder = Encoder(schema, KEY, "a")
    for start in (0, 300):
        part = {name: column[start : start + 300] for name, column in table.items()}
        last = encoder.encode(part).encodings
    assert np.allclose(
        last.chance[:, -1], encode(table, schema, KEY, dataset="a").chance[:, -1], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('level = "field"', 'level = "record"', "codes are of fields"),
        ('on = ["forename", "surname"]', 'on = ["forename", "dob:year"]', "leaves 'dob' free"),
    ],
)
def test_schema__refuses_anchors_that_teach_nothing(old, new, says):
    with pytest.raises(InputError, match=says):
        LinkageSchema.parse(PEOPLE.replace(old, new))


@pytest.mark.parametrize("method", ["lsh", "all-pairs"])
def test_link__refuses_to_compare_across_blocks(method):
    schema = LinkageSchema.parse(PEOPLE)
    data = [encode(_table(50, 1), schema, KEY, dataset=name) for name in ("a", "b")]
    with pytest.raises(UsageError, match="anchored"):
        link(data, blocking=Blocking(method=method))


def _write(path, table, ids):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["record_id", *table])
        writer.writerows(zip(ids, *table.values(), strict=True))


def test_command__drafts_encodes_links_and_explains(tmp_path):
    people = 800
    for name, errors in (("a", 0), ("b", 5)):
        ids = [f"{name}{row}" for row in range(people)]
        _write(tmp_path / f"{name}.csv", _table(people, 7, errors), ids)
    did("keygen", "-o", "project.key", cwd=tmp_path)
    drafted = did("schema", "init", "a.csv", "b.csv", "--anchored", "-o", "s.toml", cwd=tmp_path)
    assert "of the matches meet in a pass" in drafted.out
    schema = LinkageSchema.load(tmp_path / "s.toml")
    assert schema.anchored
    for name in ("a", "b"):
        did("encode", f"{name}.csv", "--schema", "s.toml", "--key", "project.key", "--keep-ids",
            "-o", f"{name}.enc.parquet", cwd=tmp_path)  # fmt: skip
    files = ("a.enc.parquet", "b.enc.parquet")
    shown = json.loads(did("schema", "anchors", "b.csv", "--schema", "s.toml", "--records", "1600",
                           "--json", cwd=tmp_path).out)  # fmt: skip
    assert 0 < shown["neighbours"] < 0.2
    assert len(shown["passes"]) == len(schema.blocking)
    assert (
        "other people" in did("schema", "anchors", "b.csv", "--schema", "s.toml", cwd=tmp_path).out
    )
    did("inspect", "a.enc.parquet", cwd=tmp_path)
    did("link", *files, "--plan", cwd=tmp_path)
    linked = did("link", *files, "-o", "results", cwd=tmp_path)
    assert "meet in no pass" in linked.err
    with open(tmp_path / "truth.csv", "w", encoding="utf-8") as file:
        file.write("dataset,record_id,person_id\n")
        file.writelines(f"{n},{n}{row},{row}\n" for n in "ab" for row in range(people))
    told = did("evaluate", "results", "--truth", "truth.csv", "--json", cwd=tmp_path)
    assert json.loads(told.out)["pairwise"]["f1"] > 0.97
    pair = did("explain", "results", "--left", "a:a1", "--right", "b:b1", cwd=tmp_path)
    assert "match weight" in pair.out
    refused("link", *files, "-o", "other", "--blocking", "lsh", cwd=tmp_path,
            code=USAGE, says=("anchored",))  # fmt: skip


def test_command__refuses_anchors_for_files_too_small(tmp_path):
    _write(tmp_path / "a.csv", _table(30, 7), [str(row) for row in range(30)])
    refused("schema", "init", "a.csv", "--anchored", "--records", "1000000", "-o", "s.toml",
            cwd=tmp_path, code=BAD_INPUT, says=("too small", "--records"))  # fmt: skip
    refused("schema", "init", "a.csv", "--anchored", "--level", "record", "-o", "s.toml",
            cwd=tmp_path, code=USAGE, says=("--level field",))  # fmt: skip
    assert run("schema", "init", "a.csv", "-o", "s.toml", cwd=tmp_path).code == DONE
