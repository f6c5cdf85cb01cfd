"""The command `evaluate`: what it says of a run, by a truth, by groups, or by a reviewed sample."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from linkage.io.encoded import read_encodings
from linkage.io.results import read_model
from linkage.linker.block import Blocking
from linkage.linker.explain import Weigher, meeting_passes
from tests.command import AGENCIES, BAD_INPUT, DONE, USAGE, did, linkage, refused, run

IDS = tuple(f"--ids={name}={name}.ids.parquet" for name in AGENCIES)
TRUTH = ("evaluate", "results", "--truth", "truth.csv", *IDS)
FILES = tuple(f"{name}.enc.parquet" for name in AGENCIES)


def evaluated(folder: Path, *options: object) -> dict[str, Any]:
    return json.loads(did(*TRUTH, *options, "--json", cwd=folder).out)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def people_of(folder: Path) -> dict[tuple[str, str], str]:
    """The true person of each pseudonym."""
    own = {}
    for name in AGENCIES:
        table = pq.read_table(folder / f"{name}.ids.parquet")
        for record, one in zip(
            *(table[c].to_pylist() for c in ("record", "record_id")), strict=True
        ):
            own[name, one] = (name, record)
    return {
        own[row["dataset"], row["record_id"]]: row["person_id"]
        for row in rows_of(folder / "truth.csv")
    }


def pairs_in(folder: Path, *tables: str) -> set[frozenset[tuple[str, str]]]:
    """The pairs of records of tables of a results folder."""
    names = [f"{side}_{what}" for side in ("left", "right") for what in ("dataset", "record")]
    found = set()
    for table in tables:
        columns = pq.read_table(folder / f"{table}.parquet", columns=names)
        for a, b, c, d in zip(*(columns[name].to_pylist() for name in names), strict=True):
            found.add(frozenset([(a, b), (c, d)]))
    return found


def matches(pairs: set[frozenset[tuple[str, str]]], people: dict[tuple[str, str], str]) -> set:
    return {pair for pair in pairs if len({people[one] for one in pair}) == 1}


def fates(answer: dict[str, Any]) -> dict[str, int]:
    return {one["fate"]: one["pairs"] for one in answer["causes"]["by_fate"]}


def test_evaluate__answers_alike_for_people_and_machines(engineer):
    answer = evaluated(engineer)
    shown = linkage(*TRUTH, cwd=engineer)
    assert shown.code == DONE
    tables = [line for line in shown.out.splitlines() if line.startswith("  ")]
    assert max(map(len, tables)) <= 80
    for figure in (answer["pairwise"]["recall"], answer["persons"]["pair_f1"]):
        assert f"{figure:.4f}" in shown.out
    for one in answer["blocking"]["passes"]:
        assert one["name"] in shown.out
    assert "never in one block" in shown.out
    assert "groups by" in shown.out


def test_evaluate__tells_what_became_of_every_match(engineer):
    answer = evaluated(engineer)
    people = people_of(engineer)
    found = fates(answer)
    results = engineer / "results"
    assert found["linked"] == len(matches(pairs_in(results, "links"), people))
    assert found["in_review"] == len(matches(pairs_in(results, "review"), people))
    assert found["assigned_elsewhere"] == 0
    assert sum(found.values()) == answer["causes"]["true_matches"]
    completeness = answer["blocking"]["pairs_completeness"]
    assert found["never_blocked"] == round((1 - completeness) * answer["causes"]["true_matches"])
    persons = pq.read_table(results / "persons.parquet").to_pylist()
    person = {(one["dataset"], one["record"]): one["person_id"] for one in persons}
    apart = [pair for pair in matches(pairs_in(results, "links"), people)
             if len({person[one] for one in pair}) > 1]  # fmt: skip
    assert answer["causes"]["clustered_apart"] == len(apart)
    repeats = {one["data_set"]: one["pairs"] for one in answer["causes"]["unlinked_repeats"]}
    for name in AGENCIES:
        counts = Counter(who for (dataset, _), who in people.items() if dataset == name)
        assert repeats.get(name, 0) == sum(n * (n - 1) // 2 for n in counts.values())


@pytest.mark.parametrize("level", ["field", "record"])
@pytest.mark.parametrize("assignment", ["greedy", "optimal"])
def test_evaluate__knows_matches_whose_place_was_taken(world, engineer, level, assignment):
    """What a one-to-one assignment leaves out is what the same run without it would have kept."""
    folder = world.field if level == "field" else world.record
    files = [folder / name for name in FILES]
    common = ["--probability", 0.5] if level == "field" else ["--threshold", 0.75]
    did("link", *files, *common, "-o", "free", cwd=engineer)
    did("link", *files, *common, "--assignment", assignment, "-o", "single", cwd=engineer)
    ids = [f"--ids={name}={folder / name}.ids.parquet" for name in AGENCIES]
    told = did("evaluate", "single", "--truth", "truth.csv", *ids, "--json", cwd=engineer)
    found = fates(json.loads(told.out))
    people = _people_by(ids, engineer / "truth.csv")
    kept = matches(pairs_in(engineer / "free", "links", "review"), people)
    left = matches(pairs_in(engineer / "single", "links", "review"), people)
    assert found["assigned_elsewhere"] == len(kept - left) > 0
    assert found["linked"] + found["in_review"] == len(left)


def _people_by(ids: list[str], truth: Path) -> dict[tuple[str, str], str]:
    own = {}
    for option in ids:
        name, path = option.removeprefix("--ids=").split("=")
        table = pq.read_table(path)
        for record, one in zip(
            *(table[c].to_pylist() for c in ("record", "record_id")), strict=True
        ):
            own[name, one] = (name, record)
    return {own[r["dataset"], r["record_id"]]: r["person_id"] for r in rows_of(truth)}


def test_evaluate__knows_matches_that_lost_to_rivals(engineer):
    """Where records compete, own weights tell: those that `explain` adds up, without rivals."""
    did("link", *FILES, "--one-record-a-person", ",".join(AGENCIES), "-o", "single", cwd=engineer)
    told = did("evaluate", "single", "--truth", "truth.csv", *IDS, "--json", cwd=engineer)
    people = people_of(engineer)
    kept = pairs_in(engineer / "single", "links", "review")
    encodings = [read_encodings(engineer / name) for name in FILES]
    weigher = Weigher.of(encodings, read_model(engineer / "single" / "model.json"))
    numbers = [{one.decode(): n for n, one in enumerate(e.records)} for e in encodings]
    expected = Counter()
    for (a, one), (b, other) in itertools.permutations(people, 2):
        places = AGENCIES.index(a), AGENCIES.index(b)
        match = people[a, one] == people[b, other] and places[0] < places[1]
        if match and frozenset([(a, one), (b, other)]) not in kept:
            records = numbers[places[0]][one], numbers[places[1]][other]
            met = meeting_passes(Blocking(), *(encodings[place] for place in places), records)
            strong = weigher.explain(places, records).weight >= LEAST_BITS
            expected["never_blocked" if not met else FATE[strong]] += 1
    found = fates(json.loads(told.out))
    assert {fate: found[fate] for fate in expected} == dict(expected)
    assert expected["assigned_elsewhere"] > 10


#: log2 of the odds of the review probability, 0.01.
LEAST_BITS = math.log2(0.01 / 0.99)
FATE = {True: "assigned_elsewhere", False: "scored_low"}


def test_evaluate__says_what_it_can_not_tell_without_encoded_files(engineer):
    (engineer / "court.enc.parquet").unlink()
    result = did(*TRUTH, "--json", cwd=engineer)
    answer = json.loads(result.out)
    assert "court.enc.parquet" in result.err
    assert fates(answer)["not_told"] > 0
    assert fates(answer)["never_blocked"] == 0
    assert answer["causes"]["agreement"] is None
    assert answer["fairness"]["columns"][0]["groups"][-1].get("fill") is None


def test_evaluate__writes_a_curve(engineer):
    answer = evaluated(engineer, "--curve", "curve.csv")
    rows = rows_of(engineer / "curve.csv")
    assert [float(row["threshold"]) for row in rows] == [
        one["threshold"] for one in answer["curve"]
    ]
    best = answer["best_threshold"]
    row = next(row for row in rows if float(row["threshold"]) == best["threshold"])
    assert int(row["true_positives"]) == best["true_positives"]
    refused(*TRUTH, "--curve", "curve.csv", cwd=engineer, code=USAGE, says=("curve.csv", "exists"))


def test_evaluate__draws_the_same_for_the_same_seed(engineer):
    first, again = (evaluated(engineer, "--seed", 4) for _ in "ab")
    assert first == again
    other = evaluated(engineer, "--seed", 5)
    assert other["intervals"]["pairwise"] != first["intervals"]["pairwise"]
    assert other["pairwise"] == first["pairwise"]
    bounds = first["intervals"]["pairwise"]["recall"]
    assert bounds["lower"] < first["pairwise"]["recall"] < bounds["upper"]
    assert evaluated(engineer, "--bootstrap", 0)["intervals"] is None
    refused(*TRUTH, "--bootstrap", 5, cwd=engineer, code=USAGE, says=("--bootstrap", "100"))


# A truth of some people.


def test_evaluate__of_a_sample_of_people_counts_links_that_leave_it(engineer):
    whole = evaluated(engineer)
    rows = rows_of(engineer / "truth.csv")
    chosen = sorted({row["person_id"] for row in rows})[::3]
    write(engineer / "truth.csv", [row for row in rows if row["person_id"] in chosen])
    named = evaluated(engineer)
    assert named["unknown_records"] > 0
    assert any("--people-sample" in note for note in named["notes"])
    sample = evaluated(engineer, "--people-sample")
    assert sample["pairwise"]["recall"] == named["pairwise"]["recall"]
    assert sample["pairwise"]["precision"] <= named["pairwise"]["precision"]
    assert sample["persons"]["precision"] <= named["persons"]["precision"]
    assert abs(sample["pairwise"]["precision"] - whole["pairwise"]["precision"]) < 0.05


def test_evaluate__takes_sampling_weights(engineer):
    """A sample of every person of one group and every second of the others."""
    rows = rows_of(engineer / "truth.csv")
    others = sorted({row["person_id"] for row in rows if row["sex"] != "F"})[::2]
    sampled = [
        row | {"stands_for": 1 if row["sex"] == "F" else 2}
        for row in rows
        if row["sex"] == "F" or row["person_id"] in others
    ]
    write(engineer / "truth.csv", sampled)
    answer = evaluated(engineer, "--sample-weight", "stands_for")
    records = Counter((row["person_id"], row["dataset"]) for row in sampled)
    matches = sum(
        row["stands_for"] * (records[row["person_id"], other] if row["dataset"] < other else 0)
        for row in sampled
        for other in AGENCIES
    )
    assert answer["causes"]["true_matches"] == matches
    by_sex = {one["column"]: one for one in answer["fairness"]["columns"]}["sex"]["groups"]
    assert sum(one["true_matches"] for one in by_sex) == matches
    assert "stands_for" not in {one["column"] for one in answer["fairness"]["columns"]}
    refused(
        *TRUTH, "--sample-weight", "age", cwd=engineer, code=USAGE, says=("age", "no such column")
    )
    refused(
        *TRUTH, "--sample-weight", "sex", cwd=engineer, code=BAD_INPUT, says=("'sex'", "weight")
    )
    write(engineer / "truth.csv", [sampled[0] | {"stands_for": 0}, *sampled[1:]])
    refused(*TRUTH, "--sample-weight", "stands_for", cwd=engineer, code=BAD_INPUT, says=("weight",))


def test_evaluate__takes_a_row_without_person_for_nothing_said(engineer):
    rows = rows_of(engineer / "truth.csv")
    write(engineer / "truth.csv", [row | {"person_id": ""} for row in rows[:3]] + rows[3:])
    answer = evaluated(engineer)
    assert answer["unknown_records"] == 3
    assert any("3 rows of the truth have no person id" in note for note in answer["notes"])


def test_evaluate__reads_a_truth_in_parquet_with_numbers(engineer):
    table = pa_csv.read_csv(engineer / "truth.csv")
    codes = table["person_id"].combine_chunks().dictionary_encode().indices
    table = table.set_column(table.column_names.index("person_id"), "person_id", codes)
    pq.write_table(table, engineer / "truth.parquet")
    told = did("evaluate", "results", "--truth", "truth.parquet", *IDS, "--json", cwd=engineer)
    assert json.loads(told.out)["pairwise"] == evaluated(engineer)["pairwise"]


# A reviewed sample.


@pytest.fixture
def reviewer(engineer) -> Path:
    """A folder with all links and pairs for review, truly decided, in reviewed.csv."""
    people = people_of(engineer)
    rows = []
    for table in ("links", "review"):
        columns = pq.read_table(engineer / "results" / f"{table}.parquet")
        for one in columns.select(list(ENDS)).to_pylist():
            left, right = ((one[f"{s}_dataset"], one[f"{s}_record"]) for s in ("left", "right"))
            rows.append(
                one | {"decision": "match" if people[left] == people[right] else "no match"}
            )
    write(engineer / "reviewed.csv", rows)
    return engineer


ENDS = ("left_dataset", "left_record", "right_dataset", "right_record")
REVIEWED = ("evaluate", "results", "--reviewed", "reviewed.csv", *IDS)


def test_reviewed__of_all_links_gives_the_precision_of_the_truth(reviewer):
    answer = json.loads(did(*REVIEWED, "--json", cwd=reviewer).out)
    truth = evaluated(reviewer)
    assert answer["pairwise"]["precision"] == pytest.approx(truth["pairwise"]["precision"])
    found = fates(truth)
    kept = found["linked"] + found["in_review"]
    assert answer["pairwise"]["recall"] == pytest.approx(found["linked"] / kept)
    assert answer["persons"] is None
    assert answer["blocking"]["pairs_completeness"] is None
    assert any("matches that the run did not keep are not in it" in n for n in answer["notes"])
    assert "reviewed pairs" in did(*REVIEWED, cwd=reviewer).out


def test_reviewed__sample_stands_for_all(reviewer):
    rows = rows_of(reviewer / "reviewed.csv")
    whole = json.loads(did(*REVIEWED, "--json", cwd=reviewer).out)
    links = json.loads((reviewer / "results/manifest.json").read_text())["counts"]["links"]
    write(reviewer / "reviewed.csv", rows[:links:3] + rows[links:])
    sample = json.loads(did(*REVIEWED, "--json", cwd=reviewer).out)
    assert sample["pairwise"]["recall"] == pytest.approx(whole["pairwise"]["recall"], abs=0.02)
    weighted = [row | {"weight": 3 if n < links else 1} for n, row in enumerate(rows)]
    write(reviewer / "reviewed.csv", weighted[:links:3] + weighted[links:])
    answer = json.loads(did(*REVIEWED, "--json", cwd=reviewer).out)
    assert answer["pairwise"]["recall"] == pytest.approx(whole["pairwise"]["recall"], abs=0.02)


def test_reviewed__measures_groups(reviewer):
    rows = rows_of(reviewer / "truth.csv")
    write(
        reviewer / "groups.csv", [{k: r[k] for k in ("dataset", "record_id", "sex")} for r in rows]
    )
    answer = json.loads(did(*REVIEWED, "--groups", "groups.csv", "--json", cwd=reviewer).out)
    figures = {one["group"]: one for one in answer["fairness"]["columns"][0]["groups"]}
    assert {"F", "M"} <= figures.keys()
    assert 0.5 < figures["M"]["recall"] <= 1
    assert figures["M"]["fill"] > 0


BAD_REVIEWS = {
    "no column": (("decision", None), ("'decision'",)),
    "unknown record": (("left_record", "x"), ("row 1", "no record 'x'")),
    "unknown data set": (("right_dataset", "x"), ("row 1", "no data set 'x'")),
    "unknown decision": (("decision", "perhaps"), ("row 1", "'perhaps'")),
    "bad weight": (("weight", "-1"), ("row 1", "'-1'")),
    "weight of text": (("weight", "much"), ("row 1", "'much'")),
}


@pytest.mark.parametrize("case", BAD_REVIEWS)
def test_reviewed__refuses_bad_tables(reviewer, case):
    (column, value), says = BAD_REVIEWS[case]
    rows = rows_of(reviewer / "reviewed.csv")[:5]
    if value is None:
        rows = [{k: v for k, v in row.items() if k != column} for row in rows]
    else:
        rows = [row | {column: row.get(column, "1")} for row in rows]
        rows[0][column] = value
    write(reviewer / "reviewed.csv", rows)
    refused(*REVIEWED, cwd=reviewer, code=BAD_INPUT, says=("reviewed.csv", *says))


def test_reviewed__refuses_what_makes_no_sense(reviewer):
    rows = rows_of(reviewer / "reviewed.csv")
    refused("evaluate", "results", cwd=reviewer, code=USAGE, says=("--truth", "--reviewed"))
    refused(*REVIEWED, "--truth", "truth.csv", cwd=reviewer, code=USAGE, says=("either",))
    refused(*REVIEWED, "--people-sample", cwd=reviewer, code=USAGE, says=("--people-sample",))
    refused(*REVIEWED, "--group", "sex", cwd=reviewer, code=USAGE, says=("--groups",))
    write(reviewer / "reviewed.csv", [rows[0], rows[0]])
    refused(*REVIEWED, cwd=reviewer, code=BAD_INPUT, says=("row 2", "before"))
    write(reviewer / "reviewed.csv", [rows[0] | {"decision": ""}])
    refused(*REVIEWED, cwd=reviewer, code=BAD_INPUT, says=("nothing is decided",))
    within = rows[0] | {
        "right_dataset": rows[0]["left_dataset"],
        "right_record": rows[1]["left_record"],
    }
    write(reviewer / "reviewed.csv", [within])
    refused(*REVIEWED, cwd=reviewer, code=BAD_INPUT, says=("row 1", "not linked with each other"))


# Groups.


def test_groups__come_from_the_truth_or_from_a_table(engineer):
    rows = rows_of(engineer / "truth.csv")
    write(
        engineer / "groups.csv", [{k: r[k] for k in ("dataset", "record_id", "sex")} for r in rows]
    )
    by_truth = evaluated(engineer, "--group", "sex")["fairness"]
    by_table = evaluated(engineer, "--groups", "groups.csv")["fairness"]
    assert by_truth == by_table
    names = {one["column"] for one in evaluated(engineer)["fairness"]["columns"]}
    assert names == rows[0].keys() - {"dataset", "record_id", "person_id"}
    shown = did(*TRUTH, "--group", "sex", cwd=engineer).out
    assert "missed, times" in shown
    assert max(len(line) for line in shown.splitlines() if line.startswith("  ")) <= 80


def test_groups__are_measured_by_true_person(engineer):
    people, answer = people_of(engineer), evaluated(engineer, "--suppress-below", 0)
    sex = {row["person_id"]: row["sex"] for row in rows_of(engineer / "truth.csv")}
    linked = pairs_in(engineer / "results", "links")
    by_sex = next(one for one in answer["fairness"]["columns"] if one["column"] == "sex")
    for one in by_sex["groups"]:
        right = [p for p in matches(linked, people) if sex[people[min(p)]] == one["group"]]
        ends = [sex[people[end]] for pair in linked - matches(linked, people) for end in pair]
        assert one["found"] == len(right)
        assert one["false_links"] == ends.count(one["group"]) / 2
        assert one["precision"] == pytest.approx(len(right) / (len(right) + one["false_links"]))
    total = answer["causes"]["true_matches"]
    assert sum(one["true_matches"] for one in by_sex["groups"]) == total


def test_groups__small_ones_are_withheld_in_every_output(engineer):
    rows = rows_of(engineer / "truth.csv")
    known = [one for one, n in Counter(r["person_id"] for r in rows).items() if n > 3]
    few = {one: f"few{n % 2}" for n, one in enumerate(known[:6])}
    rows = [row | {"kin": few.get(row["person_id"], "most")} for row in rows]
    write(engineer / "truth.csv", rows)
    options = ("--group", "kin", "--suppress-below", 10)
    kin = evaluated(engineer, *options)["fairness"]["columns"][0]
    assert [one["group"] for one in kin["groups"] if not one["withheld"]] == []
    assert kin["gap"] is None
    shown = did(*TRUTH, *options, cwd=engineer).out
    assert shown.count("withheld") >= 3
    open_ = evaluated(engineer, "--group", "kin", "--suppress-below", 0)["fairness"]["columns"][0]
    assert [one["people"] for one in open_["groups"]][:2] == [3, 3]


def test_groups__of_one_person_are_noted(engineer):
    rows = rows_of(engineer / "truth.csv")
    known = next(one for one, n in Counter(r["person_id"] for r in rows).items() if n > 5)
    kin = [row | {"kin": "one" if row["person_id"] == known else "most"} for row in rows]
    write(engineer / "truth.csv", kin)
    shown = did(*TRUTH, "--group", "kin", "--suppress-below", 0, cwd=engineer).out
    assert "one is one person" in shown


def test_groups__with_many_labels_need_bands(engineer):
    rows = rows_of(engineer / "truth.csv")
    write(engineer / "truth.csv",
          [row | {"street": f"s{row['person_id']}", "age": len(row["record_id"]) * n % 77}
           for n, row in enumerate(rows)])  # fmt: skip
    answer = evaluated(engineer)
    columns = {one["column"]: one for one in answer["fairness"]["columns"]}
    assert "street" not in columns
    assert any("'street'" in note and "too many" in note for note in answer["notes"])
    assert "street" in answer["causes"]["false_links"]["same_group"]
    assert len(columns["age"]["groups"]) == 5
    assert any("bands" in note for note in columns["age"]["notes"])
    refused(*TRUTH, "--group", "street", cwd=engineer, code=BAD_INPUT, says=("'street'", "bands"))


BAD_GROUPS = {
    "no key": ("dataset,sex\npolice,F\n", BAD_INPUT, ("'record_id'",)),
    "no groups": ("dataset,record_id\npolice,x\n", BAD_INPUT, ("no column of groups",)),
    "nobody": ("dataset,record_id,sex\npolice,x,F\n", BAD_INPUT, ("none of the records",)),
    "two labels": (
        "dataset,record_id,sex\npolice,OWN,F\npolice,x,F\npolice,OWN,M\n",
        BAD_INPUT,
        ("row 3", "second 'sex'"),
    ),
}


@pytest.mark.parametrize("case", BAD_GROUPS)
def test_groups__refuses_bad_tables(engineer, case):
    text, code, says = BAD_GROUPS[case]
    own = pq.read_table(engineer / "police.ids.parquet")["record_id"][0].as_py()
    (engineer / "groups.csv").write_text(text.replace("OWN", own))
    told = (*TRUTH, "--groups", "groups.csv")
    refused(*told, cwd=engineer, code=code, says=("groups.csv", *says))


def test_groups__says_what_a_table_has_too_much_or_too_little(engineer):
    rows = rows_of(engineer / "truth.csv")
    groups = [{k: row[k] for k in ("dataset", "record_id", "sex")} for row in rows[10:]]
    probation = {"dataset": "probation", "record_id": "1", "sex": "F"}
    nobody = {"dataset": "police", "record_id": "nobody", "sex": "F"}
    write(engineer / "groups.csv", [*groups, groups[0], probation, nobody])
    answer = evaluated(engineer, "--groups", "groups.csv")
    notes = " ".join(answer["notes"])
    assert "1 rows of the groups are of probation" in notes
    assert "1 rows of the groups name no record" in notes
    assert "1 rows of the groups repeat a record" in notes
    refused(*TRUTH, "--groups", "groups.csv", "--group", "age", cwd=engineer, code=USAGE,
            says=("--group age", "groups.csv", "sex"))  # fmt: skip
    refused(*TRUTH, "--group", "age", cwd=engineer, code=USAGE, says=("truth.csv", "origin"))


def test_groups__have_the_mean_fill_of_their_records(engineer):
    answer = evaluated(engineer, "--group", "sex", "--suppress-below", 0)
    people = people_of(engineer)
    sex = {row["person_id"]: row["sex"] for row in rows_of(engineer / "truth.csv")}
    fills: dict[tuple[str, str], dict[tuple[str, str], list[float]]] = {}
    for name in AGENCIES:
        table = pq.read_table(engineer / f"{name}.enc.parquet")
        counted = [one for one in table.column_names if one.startswith("popcount.")]
        bits = 8 * table["bits"].type.byte_width / len(counted)
        for column in counted:
            field = column.removeprefix("popcount.")
            for record, count in zip(
                table["record"].to_pylist(), table[column].to_pylist(), strict=True
            ):
                group = sex[people[name, record]]
                rows = fills.setdefault((group, field), {}).setdefault((name, record), [])
                rows.append(count / bits)
    for one in answer["fairness"]["columns"][0]["groups"]:
        for field, fill in one["fill_by_field"].items():
            by_record = [sum(rows) / len(rows) for rows in fills[one["group"], field].values()]
            assert fill == pytest.approx(sum(by_record) / len(by_record), rel=1e-5)
        mean = sum(one["fill_by_field"].values()) / len(one["fill_by_field"])
        assert one["fill"] == pytest.approx(mean)


def test_groups__say_nothing_to_a_terminal(engineer):
    """Labels are a file's: signs that move the cursor, break lines or turn the writing go."""
    evil = ("\x1b[31mred", "two\nlines", "\u202eleft")
    rows = rows_of(engineer / "truth.csv")
    write(
        engineer / "truth.csv",
        [row | {"evil": evil[ord(row["person_id"][-1]) % len(evil)]} for row in rows],
    )
    asked = ("--group", "evil", "--suppress-below", 0)
    shown = did(*TRUTH, *asked, cwd=engineer).out
    for text in ("?[31mred ", "two?lines ", "?left "):
        assert sum(line.startswith(f"  {text}") for line in shown.splitlines()) == 1
    assert all(one.isprintable() for one in shown.splitlines())
    (column,) = evaluated(engineer, *asked)["fairness"]["columns"]
    assert {one["group"] for one in column["groups"]} == set(evil)


def test_evaluate__says_so_of_a_truth_without_matches(engineer):
    rows = [row for row in rows_of(engineer / "truth.csv") if row["dataset"] == AGENCIES[0]]
    write(engineer / "truth.csv", rows)
    said = did(*TRUTH, cwd=engineer).out
    assert "no true match between data sets that the run linked" in said
    assert "on what missed matches agree" not in said


def test_evaluate__names_data_sets_of_the_truth_that_are_not_there(engineer):
    rows = rows_of(engineer / "truth.csv")
    strange = [row | {"dataset": "polcie"} for row in rows if row["dataset"] == AGENCIES[0]]
    others = [row for row in rows if row["dataset"] != AGENCIES[0]]
    write(engineer / "truth.csv", [*strange, *others, others[0] | {"record_id": "gone"}])
    notes = evaluated(engineer)["notes"]
    names = "data sets that these results do not have"
    assert f"{len(strange):,} rows of the truth are of polcie, {names}" in notes
    assert "1 rows of the truth name no record here" in notes


def test_evaluate__needs_no_groups(engineer):
    rows = rows_of(engineer / "truth.csv")
    wanted = ("dataset", "record_id", "person_id")
    write(engineer / "truth.csv", [{k: row[k] for k in wanted} for row in rows])
    assert evaluated(engineer)["fairness"] is None
    assert run(*TRUTH, cwd=engineer).code == DONE
