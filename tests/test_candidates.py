"""Pairs in the forms of other programs: as anonlink and Splink write them, and as hostile files."""

from __future__ import annotations

import json
import struct
from itertools import combinations, combinations_with_replacement
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linkage.errors import InputError, LinkageError, MismatchError, UsageError
from linkage.io.candidates import (
    read_candidates,
    read_pair_table,
    write_candidates,
    write_pair_table,
)
from linkage.io.results import read_results
from linkage.kernels.dice import find_pairs
from linkage.model import Pairs
from tests.command import AGENCIES, BAD_INPUT, USAGE, did, refused

VECTORS = Path(__file__).parent / "vectors"
ANONLINK = json.loads((VECTORS / "anonlink_v1.json").read_text())
CASES = {one["name"]: one for one in ANONLINK["cases"]}
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)

shares = st.sampled_from([0.0, 0.5, 0.65, 2 / 3, 1.0])


def make_pairs(left_dataset, right_dataset, rows):
    """Pairs of rows (left, right, similarity, weight, probability), ordered as `Pairs` are."""
    rows = sorted(rows, key=lambda one: (-one[3], -one[2], one[0], one[1]))
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    left, right = columns[:2].astype(np.int64)
    return Pairs(left_dataset, right_dataset, left, right, *columns[2:])


@st.composite
def linked(draw):
    """Sizes of two to four data sets, and pairs between and within them."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    found = []
    for a, b in combinations_with_replacement(range(len(sizes)), 2):
        places = [(i, j) for i in range(sizes[a]) for j in range(sizes[b]) if a != b or i < j]
        chosen = draw(st.lists(st.sampled_from(places), unique=True)) if places else []
        rows = [(*one, draw(shares), float(draw(st.integers(-9, 9))), 0.25) for one in chosen]
        if a != b or rows:
            found.append(make_pairs(a, b, rows))
    return sizes, found


def assert_same(found, expected, *figures):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.left_dataset, one.right_dataset) == (other.left_dataset, other.right_dataset)
        for name in ("left", "right", *figures):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def fresh(tmp_path, name):
    path = tmp_path / name
    path.unlink(missing_ok=True)
    return path


@pytest.mark.parametrize("name", CASES)
def test_write_candidates__writes_what_anonlink_writes(name, tmp_path):
    sides = [
        np.array([[int(one[16:], 16), int(one[:16], 16)] for one in filters], np.uint64)
        for filters in CASES[name]["filters"]
    ]
    found = []
    for a, b in combinations(range(len(sides)), 2):
        left, right = (side.reshape(-1, 2) for side in (sides[a], sides[b]))
        similarity, i, j = find_pairs(left, right, CASES[name]["threshold"])
        unknown = np.full(len(i), np.nan)
        found.append(Pairs(a, b, i, j, similarity, unknown, unknown))
    write_candidates(tmp_path / "pairs.bin", found)
    content = (tmp_path / "pairs.bin").read_bytes()
    assert content.hex() == CASES[name]["file"]
    read = read_candidates(tmp_path / "pairs.bin", [len(side) for side in sides])
    assert_same(read, found, "similarity", "weight", "probability")


@pytest.mark.parametrize("one", ANONLINK["sizes"], ids=lambda one: one["types"])
def test_read_candidates__takes_numbers_of_any_size(one, tmp_path):
    (tmp_path / "pairs.bin").write_bytes(bytes.fromhex(one["file"]))
    (pairs,) = read_candidates(tmp_path / "pairs.bin", [4, 3])
    assert pairs.similarity.tolist() == [1.0, 0.75, 0.5]
    assert (pairs.left.tolist(), pairs.right.tolist()) == ([3, 0, 2], [1, 0, 2])


def test_read_candidates__takes_halves_and_any_order(tmp_path):
    entries = [(0.5, 1, 0, 2, 0), (0.25, 1, 1, 2, 0), (1.0, 0, 1, 1, 0)]
    content = b"\1\2\1\4" + b"".join(struct.pack("<e2B2L", *one) for one in entries)
    (tmp_path / "pairs.bin").write_bytes(content)
    between, within = read_candidates(tmp_path / "pairs.bin", [2, 3])
    assert (between.left.tolist(), between.right.tolist()) == ([1, 0], [0, 2])
    assert (within.left.tolist(), within.right.tolist()) == ([0], [2])


@SHARED
@given(linked())
def test_candidates__come_back(tmp_path, case):
    sizes, pairs = case
    path = fresh(tmp_path, "pairs.bin")
    write_candidates(path, pairs)
    bare = [make_pairs(one.left_dataset, one.right_dataset, [
        (*row, 0.0, 0.0) for row in zip(one.left, one.right, one.similarity, strict=True)
    ]) for one in pairs]  # fmt: skip
    assert_same(read_candidates(path, sizes), bare, "similarity")


HEADER = b"\1\x08\4\4"


def entry(similarity=0.5, left_dataset=0, right_dataset=1, left=0, right=0):
    return struct.pack("<d4L", similarity, left_dataset, right_dataset, left, right)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "0 bytes"),
        (b"\1\x08\4", "3 bytes"),
        (b"\1\x08\4\3" + entry(), "8, 4 and 3 bytes"),
        (b"\1\1\4\4", "1, 4 and 4 bytes"),
        (b"\1\xff\xff\xff", "255, 255 and 255"),
        (HEADER + entry() + entry(left=1)[:-1], "cut short: 23 bytes of 24"),
        (HEADER + b"x", "cut short: 1 bytes of 24"),
        (HEADER + entry() + entry(float("nan"), left=1), "pair 2 has a similarity"),
        (HEADER + struct.pack("<Q", 0x7FF0000000000001) + entry()[8:], "pair 1 has a similarity"),
        (HEADER + entry(float("inf")), "pair 1 has a similarity"),
        (HEADER + entry(-1e-300), "pair 1 has a similarity"),
        (HEADER + entry(1.0000001), "pair 1 has a similarity"),
        (HEADER + entry(right_dataset=2), "pair 1 names a data set that is not there"),
        (HEADER + entry(left_dataset=2**32 - 1), "pair 1 names a data set that is not there"),
        (HEADER + entry(left=3), "pair 1 names a record"),
        (HEADER + entry(right=2), "pair 1 names a record"),
        (b"\1\4\1\x08" + struct.pack("<f2B2Q", 1, 0, 1, 0, 2**64 - 1), "pair 1 names a record"),
        (HEADER + entry() + entry(0.25), "pair 2 is a pair that was there before"),
        (HEADER + entry(left=1) + entry(0.25, 1, 0, 0, 1), "pair 2 is a pair that was there"),
        (HEADER + entry(right_dataset=0), "pair 1 pairs a record with itself"),
    ],
)
def test_read_candidates__refuses_hostile_files(content, says, tmp_path):
    (tmp_path / "pairs.bin").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_candidates(tmp_path / "pairs.bin", [3, 2])
    assert says in str(caught.value)
    assert "pairs.bin" in str(caught.value)


@pytest.mark.parametrize("version", [0, 2, 0x50])
def test_read_candidates__refuses_other_versions(version, tmp_path):
    (tmp_path / "pairs.bin").write_bytes(bytes([version]) + HEADER[1:] + entry())
    with pytest.raises(MismatchError, match=f"version {version} "):
        read_candidates(tmp_path / "pairs.bin", [3, 2])


@SHARED
@given(st.binary(max_size=60), st.sampled_from([b"", b"\1", HEADER, b"\1\2\1\1"]))
def test_read_candidates__never_breaks(tmp_path, content, start):
    path = tmp_path / "pairs.bin"
    path.write_bytes(start + content)
    try:
        read_candidates(path, [200, 200, 3])
    except LinkageError:
        return
    assert path.stat().st_size >= 4


@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv"])
@SHARED
@given(linked())
def test_pair_tables__come_back(tmp_path, name, case):
    sizes, pairs = case
    ids = [np.array([f"{d}é,{k}" for k in range(size)]) for d, size in enumerate(sizes)]
    path = fresh(tmp_path, name)
    write_pair_table(path, pairs, "abcd"[: len(sizes)], ids)
    if not sum(map(len, pairs)):
        with pytest.raises(InputError, match="no rows"):
            read_pair_table(path)
        return
    found = read_pair_table(path)
    assert named(found.links, found.datasets, found.records) == named(pairs, "abcd", ids)


def named(pairs, datasets, records):
    """The pairs with names instead of numbers, whichever stands left."""
    return {
        frozenset([
            (datasets[one.left_dataset], str(records[one.left_dataset][i])),
            (datasets[one.right_dataset], str(records[one.right_dataset][j])),
        ]): tuple(figures)
        for one in pairs
        for i, j, *figures in zip(
            one.left, one.right, one.similarity, one.weight, one.probability, strict=True
        )
    }  # fmt: skip


def test_pair_tables__come_back_in_many_batches(tmp_path):
    size = 400
    pairs = Pairs(0, 1, *np.indices((size, size)).reshape(2, -1), *np.full((3, size**2), 0.5))
    ids = [np.array([f"{side}{k:04}" for k in range(size)]) for side in "ab"]
    write_pair_table(tmp_path / "pairs.parquet", [pairs], "ab", ids)
    found = read_pair_table(tmp_path / "pairs.parquet")
    assert_same(found.links, [pairs], "similarity", "weight", "probability")
    assert [one.tolist() for one in found.records] == [one.tolist() for one in ids]


def test_read_pair_table__takes_what_splink_writes():
    linked = read_pair_table(VECTORS / "splink_v5_linked.parquet")
    assert linked.datasets == ("police", "court", "prison")
    assert [one.tolist() for one in linked.records] == [["p1", "p2", "p3"], ["c1", "c2"],
                                                        ["p1", "x2"]]  # fmt: skip
    assert [(one.left_dataset, one.right_dataset, len(one)) for one in linked.links] == [
        (0, 1, 2), (0, 2, 2), (1, 2, 1),
    ]  # fmt: skip
    first = linked.links[0]
    np.testing.assert_allclose(first.weight, np.log2([27, 1 / 3]))
    np.testing.assert_allclose(first.probability, [27 / 28, 0.25])
    assert np.isnan(first.similarity).all()
    deduped = read_pair_table(VECTORS / "splink_v5_deduped.csv")
    assert deduped.datasets == ("splink_v5_deduped",)
    assert deduped.records[0].tolist() == ["10", "7", "8", "9"]
    (within,) = deduped.links
    assert (within.left[0], within.right[0]) == (1, 3)


ROW = {
    "match_weight": 1.0, "match_probability": 2 / 3, "source_dataset_l": "a",
    "source_dataset_r": "b", "unique_id_l": "1", "unique_id_r": "2",
}  # fmt: skip


def write_rows(tmp_path, name, *rows, **types):
    columns = {column: [row.get(column) for row in rows] for column in rows[0]}
    arrays = {column: pa.array(cells, types.get(column)) for column, cells in columns.items()}
    path = tmp_path / name
    write = pq.write_table if name.endswith("parquet") else pa_csv.write_csv
    write(pa.table(arrays), path)
    return path


@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"unique_id_l": ""}, "row 2 has an id or data set that is missing"),
        ({"unique_id_r": None}, "row 2 has an id or data set that is missing"),
        ({"source_dataset_r": None}, "row 2 has an id or data set that is missing"),
        ({"unique_id_l": "x" * 129}, "row 2 has an id or data set that is missing, longer"),
        ({"source_dataset_l": "a\x1b[2J"}, "control characters"),
        ({"match_weight": None}, "row 2 has only one of"),
        ({"match_probability": float("nan")}, "row 2 has only one of"),
        ({"match_probability": None, "match_weight": None}, "row 2 has neither"),
        ({"match_probability": 1.01}, "row 2 has a match_probability that is not between"),
        ({"match_probability": float("-inf")}, "row 2 has a match_probability that is not"),
        ({"similarity": -0.5}, "row 2 has a similarity that is not between 0 and 1"),
        ({"unique_id_l": "1"}, "row 2 is a pair that was there before"),
        ({"unique_id_l": "2", "unique_id_r": "1", "source_dataset_l": "b",
          "source_dataset_r": "a"}, "row 2 is a pair that was there before"),
        ({"source_dataset_r": "a", "unique_id_r": "3"}, "row 2 pairs a record with itself"),
    ],
)  # fmt: skip
def test_read_pair_table__refuses_bad_rows(name, change, says, tmp_path):
    rows = [ROW | {"similarity": 0.5}, ROW | {"similarity": None, "unique_id_l": "3"} | change]
    path = write_rows(tmp_path, name, *rows)
    with pytest.raises(InputError) as caught:
        read_pair_table(path)
    assert says in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize("missing", list(ROW))
def test_read_pair_table__refuses_a_missing_column(missing, tmp_path):
    row = {name: cell for name, cell in ROW.items() if name != missing}
    with pytest.raises(InputError, match=f"no column '{missing}'"):
        read_pair_table(write_rows(tmp_path, "pairs.csv", row))


def test_read_pair_table__refuses_what_is_no_number_or_id(tmp_path):
    text = ROW | {"unique_id_l": "9", "match_weight": "lots"}
    path = write_rows(tmp_path, "texts.csv", ROW | {"match_weight": "1e-1"}, text)
    with pytest.raises(InputError, match="row 2: 'match_weight' is not a number"):
        read_pair_table(path)
    path = write_rows(tmp_path, "floats.parquet", ROW | {"unique_id_r": 1.5})
    with pytest.raises(InputError, match="'unique_id_r' of type double"):
        read_pair_table(path)
    broken = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    table = pa.table({name: pa.array([cell]) for name, cell in ROW.items()})
    pq.write_table(table.set_column(4, "unique_id_l", broken), tmp_path / "broken.parquet")
    with pytest.raises(InputError, match=r"broken.parquet: .*'unique_id_l'"):
        read_pair_table(tmp_path / "broken.parquet")
    nul = write_rows(tmp_path, "nul.parquet", ROW | {"unique_id_l": "a\0"})
    with pytest.raises(InputError, match="row 1 has an id or data set"):
        read_pair_table(nul)


def test_read_pair_table__takes_categories_and_whole_numbers(tmp_path):
    kinds = {"source_dataset_l": pa.dictionary(pa.int8(), pa.string()), "unique_id_r": pa.int16(),
             "unique_id_l": pa.large_string(), "match_weight": pa.float32()}  # fmt: skip
    path = write_rows(tmp_path, "pairs.parquet", ROW | {"unique_id_r": 2}, **kinds)
    found = read_pair_table(path)
    assert found.datasets == ("a", "b")
    assert [one.tolist() for one in found.records] == [["1"], ["2"]]


def test_read_pair_table__refuses_too_many_data_sets(tmp_path):
    rows = [ROW | {"source_dataset_l": f"d{k}"} for k in range(1001)]
    with pytest.raises(InputError, match="more than 1000 data sets"):
        read_pair_table(write_rows(tmp_path, "pairs.csv", *rows))


def test_export__writes_tables_that_say_what_the_results_say(linker):
    results = read_results(linker / "results")
    for name, options, pairs in (
        ("links.parquet", (), results.links),
        ("links.csv", ("--format", "splink"), results.links),
        ("all.csv", ("--with-review",), results.links + results.review),
    ):
        said = did("export", "results", "-o", name, *options, "--json", cwd=linker)
        summary = json.loads(said.out)
        assert summary["format"] == "splink"
        assert summary["links"] == sum(map(len, results.links))
        assert summary["links"] + summary["review"] == sum(map(len, pairs))
        assert [one["dataset"] for one in summary["datasets"]] == list(results.datasets)
        found = read_pair_table(linker / name)
        assert named(found.links, found.datasets, found.records) == named(
            pairs, results.datasets, results.records
        )


def test_export__writes_candidates_that_point_into_the_agencies_files(linker):
    did("export", "results", "-o", "pairs.any", "--format", "anonlink", cwd=linker)
    manifest = json.loads((linker / "results/manifest.json").read_text())
    names = [one["dataset"] for one in manifest["inputs"]]
    assert names == list(AGENCIES)
    records = [
        pq.read_table(linker / f"results/{name}.parquet")["record"].to_pylist() for name in names
    ]
    found = read_candidates(linker / "pairs.any", [len(one) for one in records])
    links = pq.read_table(linker / "results/links.parquet").to_pylist()
    expected = {
        ((one["left_dataset"], one["left_record"]), (one["right_dataset"], one["right_record"])):
        one["similarity"] for one in links
    }  # fmt: skip
    assert expected == {
        ((names[one.left_dataset], records[one.left_dataset][i]),
         (names[one.right_dataset], records[one.right_dataset][j])): similarity
        for one in found
        for i, j, similarity in zip(one.left, one.right, one.similarity, strict=True)
    }  # fmt: skip


def test_export__refuses_what_it_cannot_write(linker):
    (linker / "there.csv").write_text("")
    cases = [
        ("links.txt", (), USAGE, "links.txt"),
        ("links.bin", ("--format", "splink"), USAGE, ".parquet or .csv"),
        ("links.csv", ("--format", "anonlink"), USAGE, ".bin"),
        ("there.csv", (), USAGE, "there.csv exists"),
        ("nowhere/links.csv", (), USAGE, "nowhere"),
    ]
    for name, options, code, says in cases:
        refused("export", "results", "-o", name, *options, cwd=linker, code=code, says=(says,))
    (linker / "results/links.parquet").write_bytes(b"PAR1")
    for name in ("links.csv", "links.bin"):
        refused("export", "results", "-o", name, cwd=linker, code=BAD_INPUT, says=("damaged",))
    refused("export", "raw.csv", "-o", "links.csv", cwd=linker, code=USAGE, says=("raw.csv",))


def test_writers__refuse_to_overwrite(tmp_path):
    (tmp_path / "pairs.bin").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        write_candidates(tmp_path / "pairs.bin", [])
    with pytest.raises(UsageError, match="exists"):
        write_pair_table(tmp_path / "pairs.bin", [], ["a"], [np.array(["1"])])
    assert [one.name for one in tmp_path.iterdir()] == ["pairs.bin"]


def test_evaluate__takes_a_table_for_a_results_folder(engineer):
    ids = [text for name in AGENCIES for text in ("--ids", f"{name}={name}.ids.parquet")]
    told = ("--truth", "truth.csv", *ids, "--json")
    did("export", "results", "-o", "links.parquet", cwd=engineer)
    of_table = json.loads(did("evaluate", "links.parquet", *told, cwd=engineer).out)
    of_folder = json.loads(did("evaluate", "results", *told, cwd=engineer).out)
    assert of_table["pairwise"] == of_folder["pairwise"]
    assert of_table["by_data_sets"] == of_folder["by_data_sets"]
    # A table has no pairs for review, which speak in a run: persons may differ a little.
    assert of_table["persons"]["f1"] == pytest.approx(of_folder["persons"]["f1"], abs=0.02)
    assert of_table["blocking"] == {"pairs_completeness": None, "reduction_ratio": None}
    shown = did("evaluate", "links.parquet", *told[:-1], cwd=engineer).out
    assert "persons (B-cubed)" in shown


def test_evaluate__counts_by_hand_what_splink_found(tmp_path):
    rows = ["dataset,record_id,person_id", "police,p1,A", "police,p2,B", "police,p3,C",
            "court,c1,A", "court,c2,B", "court,c3,C", "prison,p1,A", "prison,x2,D",
            "hospital,h1,A"]  # fmt: skip
    (tmp_path / "truth.csv").write_text("\n".join(rows) + "\n")
    table = VECTORS / "splink_v5_linked.parquet"
    said = did("evaluate", table, "--truth", "truth.csv", "--json", cwd=tmp_path)
    answer = json.loads(said.out)
    # Four of five pairs are right (police p3 is not prison x2); police p3 - court c3 is missed.
    counts = {"true_positives": 4, "false_positives": 1, "false_negatives": 1}
    assert answer["pairwise"].items() >= counts.items()
    assert answer["unused_truth_rows"] == 1
    assert answer["persons"]["persons"] == 4


def test_evaluate__refuses_a_table_that_the_truth_does_not_know(engineer):
    did("export", "results", "-o", "links.csv", cwd=engineer)
    told = ("links.csv", "--truth", "truth.csv")
    refused("evaluate", *told, cwd=engineer, code=BAD_INPUT, says=("--ids",))
    encoded = ("--encoded", "police.enc.parquet")
    refused("evaluate", *told, *encoded, cwd=engineer, code=USAGE, says=("results folder",))
    refused("evaluate", "truth.csv", "--truth", "truth.csv", cwd=engineer, code=BAD_INPUT,
            says=("truth.csv", "unique_id_l"))  # fmt: skip
