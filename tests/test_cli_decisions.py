"""`linkage link` with what people know, by commands: models, decisions, labels, persons."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

from linkage.agency.encode import encode as encode_table
from linkage.io import write_encodings
from linkage.schema import LinkageSchema
from tests.command import AGENCIES, BAD_INPUT, MISMATCH, USAGE, did, refused
from tests.conftest import encode
from tests.samples import KEY, SCHEMA, people

FILES = [f"{name}.enc.parquet" for name in AGENCIES]
TWO = FILES[:2]
ENDS = ("left_dataset", "left_record", "right_dataset", "right_record")
FREE = ("--one-record-a-person", "none")


def linked(folder, name, *options, files=FILES):
    """Link the files of a folder; gives the manifest."""
    did("link", *files, "-o", name, *options, cwd=folder)
    return manifest_of(folder, name)


def manifest_of(folder, name="results"):
    return json.loads((folder / name / "manifest.json").read_text())


def model_of(folder, name="results"):
    return json.loads((folder / name / "model.json").read_text())


def numbers(model, which):
    """The m or u of all fields and levels."""
    return np.array([level[which] for one in model["fields"] for level in one["levels"]])


def rows_of(folder, name="results", table="links"):
    """The rows of a table by their ends, in their order."""
    rows = pq.read_table(folder / name / f"{table}.parquet").to_pylist()
    return {tuple(row[end] for end in ENDS): row for row in rows}


def persons_of(folder, name="results"):
    """The person id of each (data set, record)."""
    rows = pq.read_table(folder / name / "persons.parquet").to_pylist()
    return {(row["dataset"], row["record"]): row["person_id"] for row in rows}


def same_person(persons, ends):
    return persons[ends[:2]] == persons[ends[2:]]


def write_pairs(path, pairs, decisions=None):
    """Write a table of pairs, as CSV or Parquet by its name."""
    columns = dict(zip(ENDS, map(list, zip(*pairs, strict=True)), strict=True))
    table = pa.table(columns | ({} if decisions is None else {"decision": decisions}))
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)


@pytest.fixture(scope="module")
def free(world, tmp_path_factory):
    """The linker's folder, with results in which records don't compete; tests only read it."""
    folder = tmp_path_factory.mktemp("free")
    for name in FILES:
        shutil.copy(world.field / name, folder)
    linked(folder, "results", *FREE)
    return folder


@pytest.fixture
def linker(free, tmp_path):
    """A copy of it."""
    shutil.copytree(free, tmp_path, dirs_exist_ok=True)
    return tmp_path


# A model of an earlier run


def test_model__gives_nearly_the_same_links_on_the_same_files(linker):
    linked(linker, "again", *FREE, "--model", "results/model.json")
    one, other = model_of(linker), model_of(linker, "again")
    for which in "mu":
        assert_allclose(numbers(other, which), numbers(one, which), rtol=1e-12)
    assert_allclose(other["all_pairs"], one["all_pairs"])
    before, after = rows_of(linker), rows_of(linker, "again")
    both = before.keys() & after.keys()
    assert len(both) > 0.99 * len(before.keys() | after.keys())
    moved = [after[one]["match_weight"] - before[one]["match_weight"] for one in both]
    assert max(map(abs, moved)) < 3
    linked(linker, "twice", *FREE, "--model", "results/model.json", "--seed", "1")
    assert_allclose(numbers(model_of(linker, "twice"), "m"), numbers(one, "m"), rtol=1e-12)


def test_model__runs_on_the_files_of_another_year(world, free, tmp_path):
    did("synth", "--people", 200, "--seed", 8, "-o", "raw", cwd=tmp_path)
    shutil.copy(world.field / "schema.toml", tmp_path)
    for name in AGENCIES[:2]:
        encode(tmp_path / "raw" / f"{name}.csv", world.key, name, cwd=tmp_path)
    model = free / "results/model.json"
    linked(tmp_path, "results", "--model", model, files=TWO)
    ids = [f"--ids={name}={name}.ids.parquet" for name in AGENCIES[:2]]
    answer = did("evaluate", "results", "--truth", "raw/truth.csv", *ids, "--json", cwd=tmp_path)
    assert json.loads(answer.out)["pairwise"]["f1"] > 0.93
    assert model_of(tmp_path)["all_pairs"] != model_of(free)["all_pairs"]


def without_forename(model):
    """The model in which forenames tell nothing."""
    for level in model["fields"][0]["levels"]:
        level["m"] = level["u"]
    return model


@pytest.mark.parametrize("single", ["none", "court"])
def test_model__honours_edited_numbers(linker, single):
    (linker / "edited.json").write_text(json.dumps(without_forename(model_of(linker))))
    options = ("--one-record-a-person", single, "--model", "edited.json")
    linked(linker, "edited", *options, files=TWO)
    found = model_of(linker, "edited")["fields"][0]["levels"]
    assert_allclose([one["m"] for one in found], [one["u"] for one in found], rtol=1e-9)
    row = next(iter(rows_of(linker, "edited")))
    words = ("--left", ":".join(row[:2]), "--right", ":".join(row[2:]), "--json")
    step = json.loads(did("explain", "edited", *words, cwd=linker).out)["steps"][1]
    assert step["name"] == "forename"
    assert_allclose(step["weight"], step["rarity"], atol=1e-9)


def damaged(**changes):
    return lambda model: json.dumps(model | changes)


def edited(place, **changes):
    """The model with changes in its first field or class."""

    def edit(model):
        model[place][0] |= changes
        return json.dumps(model)

    return edit


BAD_MODELS = {
    "another schema": (damaged(schema_digest="0" * 64), MISMATCH, ["another schema", "train anew"]),
    "another version": (damaged(model_version=2), MISMATCH, ["model version 2 is not known"]),
    "other fields": (edited("fields", field="name"), MISMATCH, ["other fields than forename"]),
    "other levels": (
        edited("fields", levels=[{"level": "equal", "m": 1.0, "u": 1.0}]),
        MISMATCH, ["levels of 'forename' are not differs"],
    ),
    "a field that is none": (
        edited("classes", in_common=["surnme"]), BAD_INPUT, ["no field 'surnme'"],
    ),
    "no pairs": (damaged(all_pairs=0), BAD_INPUT, ["all_pairs"]),
    "hardly a pair": (damaged(all_pairs=1e-300), BAD_INPUT, ["all_pairs"]),
    "a comment": (damaged(comment="x"), BAD_INPUT, ["comment"]),
    "cut short": (lambda model: json.dumps(model)[:-9], BAD_INPUT, ["JSON"]),
    "a list": (lambda model: json.dumps([model]), BAD_INPUT, ["not a model"]),
    "nothing": (lambda model: "", BAD_INPUT, ["JSON"]),
    "deep": (lambda model: "[" * 100_000, BAD_INPUT, ["JSON"]),
    "huge": (lambda model: " " * (5 << 20), BAD_INPUT, ["too large"]),
    "a manifest": (lambda model: '{"results_version": 1}', BAD_INPUT, ["model_version"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MODELS)
def test_model__that_does_not_fit_is_refused(linker, case):
    change, code, says = BAD_MODELS[case]
    (linker / "model.json").write_text(change(model_of(linker)))
    command = ("link", *TWO, "-o", "new", "--model", "model.json")
    refused(*command, cwd=linker, code=code, says=("model.json: ", *says))


def test_model__is_refused_at_record_level(world, free, tmp_path):
    files = [world.record / name for name in TWO]
    command = ("link", *files, "-o", "new", "--model", free / "results/model.json")
    refused(*command, cwd=tmp_path, code=USAGE, says=("field-level", "use a threshold"))


# Reviewed pairs


@pytest.fixture(scope="module")
def truly(world):
    """The true person of each (data set, record)."""
    own = {
        (name, row["record_id"]): row["record"]
        for name in AGENCIES
        for row in pq.read_table(world.field / f"{name}.ids.parquet").to_pylist()
    }
    truth = pyarrow.csv.read_csv(world.raw / "truth.csv").to_pylist()
    return {
        (row["dataset"], own[row["dataset"], str(row["record_id"])]): row["person_id"]
        for row in truth
    }


@pytest.mark.parametrize("name", ["said.csv", "said.parquet"])
def test_decisions__come_back_from_review(linker, truly, name):
    review = pq.read_table(linker / "results/review.parquet")
    pairs = list(rows_of(linker, table="review"))
    words = {True: ["match", " Yes ", ""], False: ["no match", "N", ""]}
    answers = [words[same_person(truly, ends)][n % 3] for n, ends in enumerate(pairs)]
    reviewed = review.append_column("decision", pa.array(answers))
    if name.endswith("csv"):
        pyarrow.csv.write_csv(reviewed, linker / name)
    else:
        pq.write_table(reviewed, linker / name)
    linked(linker, "again", *FREE, "--decisions", name)
    links, unsure = rows_of(linker, "again"), rows_of(linker, "again", "review")
    persons = persons_of(linker, "again")
    for ends, answer in zip(pairs, answers, strict=True):
        if not answer:
            assert ends in unsure
        elif same_person(truly, ends):
            assert links[ends]["match_probability"] == 1
            assert same_person(persons, ends)
        else:
            assert ends not in links
            assert ends not in unsure
            assert not same_person(persons, ends)


def test_decisions__no_match_unlinks_and_parts_persons(linker):
    pairs = list(rows_of(linker))[:40:4]
    write_pairs(linker / "no.csv", pairs, ["no match"] * len(pairs))
    manifest = linked(linker, "again", *FREE, "--decisions", "no.csv")
    links, persons = rows_of(linker, "again"), persons_of(linker, "again")
    for ends in pairs:
        assert ends not in links
        assert not same_person(persons, ends)
    assert links.keys() == rows_of(linker).keys() - set(pairs)
    assert manifest["counts"]["persons"] > manifest_of(linker)["counts"]["persons"]


def test_decisions__match_brings_in_pairs_that_no_pass_compares(linker):
    links = list(rows_of(linker, "results"))
    strangers = (*links[0][:2], *links[-1][2:])
    assert not same_person(persons_of(linker), strangers)
    write_pairs(linker / "yes.parquet", [strangers[2:] + strangers[:2]], ["match"])
    linked(linker, "again", *FREE, "--decisions", "yes.parquet")
    assert strangers in rows_of(linker, "again")
    assert same_person(persons_of(linker, "again"), strangers)


@pytest.mark.parametrize("decisions", [["", "", ""], [None, None, None]])
def test_decisions__that_are_empty_are_passed_over(linker, decisions):
    pairs = list(rows_of(linker))[:3]
    write_pairs(linker / "none.parquet", pairs, pa.array(decisions, pa.string()))
    linked(linker, "again", *FREE, "--decisions", "none.parquet")
    for name in ("links.parquet", "review.parquet", "persons.parquet"):
        assert (linker / "again" / name).read_bytes() == (linker / "results" / name).read_bytes()


def test_decisions__are_kept_in_a_run_without_candidates(tmp_path):
    for name, seed in (("a", 1), ("b", 99)):
        write_encodings(people(60, seed, name), tmp_path / f"{name}.enc.parquet")
    (tmp_path / "said.csv").write_text(
        f"{','.join(ENDS)},decision\n" + "".join(
            f"{one[0]},{one[1]},{one[2]},{one[3]},match\n" for one in first_records(tmp_path, 2)
        )
    )  # fmt: skip
    files = ("a.enc.parquet", "b.enc.parquet")
    manifest = linked(tmp_path, "new", "--decisions", "said.csv", files=files)
    assert manifest["counts"]["links"] == 2
    assert manifest["counts"]["persons"] == 118


def first_records(folder, count):
    """Pairs of the first records of a and b."""
    tables = [pq.read_table(folder / f"{name}.enc.parquet", columns=["record"]) for name in "ab"]
    one, other = (table["record"].to_pylist()[:count] for table in tables)
    return [("a", i, "b", j) for i, j in zip(one, other, strict=True)]


def both_ways(links):
    return [links[0], (*links[0][2:], *links[0][:2])], ["match", "no match"]


def by_a_third(links):
    (a, b), *_ = [
        (one, other)
        for one in links for other in links
        if one[:2] == other[:2] and one[2] == "court" and other[2] == "prison"
    ]  # fmt: skip
    return [a, b, (*a[2:], *b[2:])], ["match", "match", "no match"]


def changed(**changes):
    def change(links):
        row = dict(zip(ENDS, links[0], strict=True)) | changes
        return [links[1], tuple(row[end] for end in ENDS)], ["match", "match"]

    return change


BAD_DECISIONS = {
    "both ways": (both_ways, ["said.csv: row 2", "decided the other way before"]),
    "by a third": (by_a_third, ["said.csv", "by way of a third"]),
    "an unknown data set": (
        changed(left_dataset="navy"), ["row 2: there is no data set 'navy' in this run"],
    ),
    "an unknown record": (
        changed(left_record="X\x1b[1m"), ["row 2: 'police' has no record 'X?[1m'"],
    ),
    "an unknown answer": (
        lambda links: (links[:2], ["match", "perhaps"]), ["row 2: decision 'perhaps' is neither"],
    ),
    "itself": (
        lambda links: ([(*links[0][:2], *links[0][:2])], ["match"]), ["row 1: a record is paired"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_DECISIONS)
def test_decisions__that_can_not_be_are_refused(linker, case):
    make, says = BAD_DECISIONS[case]
    links = list(rows_of(linker))
    write_pairs(linker / "said.csv", *make(links))
    command = ("link", *FILES, "-o", "new", "--decisions", "said.csv")
    refused(*command, cwd=linker, code=BAD_INPUT, says=says)


@pytest.mark.parametrize(
    ("option", "content", "says"),
    [
        ("--decisions", f"{','.join(ENDS)}\na,b,c,d\n", ["no column 'decision'"]),
        ("--decisions", "a,b\n1,2\n", ["no column 'left_dataset'"]),
        ("--labels", "a,b\n1,2\n", ["no column 'left_dataset'"]),
        ("--decisions", f"{','.join(ENDS)},decision\n", ["no rows"]),
        ("--labels", f"{','.join(ENDS)}\n", ["no rows"]),
        ("--decisions", "", ["said.csv"]),
        ("--labels", "PAR1", ["said.csv"]),
    ],
)
def test_decisions__that_are_no_table_of_them_are_refused(linker, option, content, says):
    (linker / "said.csv").write_text(content)
    command = ("link", *TWO, "-o", "new", option, "said.csv")
    refused(*command, cwd=linker, code=BAD_INPUT, says=says)


def test_decisions__of_a_person_beat_competition(linker):
    options = ("--one-record-a-person", "police,court")
    linked(linker, "one", *options, files=TWO)
    (first, second) = list(rows_of(linker, "one"))[:2]
    crossed = (*first[:2], *second[2:])
    write_pairs(linker / "yes.csv", [crossed], ["match"])
    for assignment in ("many-to-many", "best", "greedy"):
        more = ("--decisions", "yes.csv", "--assignment", assignment)
        linked(linker, assignment, *options, *more, files=TWO)
        assert crossed in rows_of(linker, assignment)
        assert same_person(persons_of(linker, assignment), crossed)


def test_decisions__of_a_person_beat_optimal_assignment(linker):
    options = ("--one-record-a-person", "police,court", "--assignment", "optimal")
    linked(linker, "one", *options, files=TWO)
    (first, second) = list(rows_of(linker, "one"))[:2]
    crossed = (*first[:2], *second[2:])
    write_pairs(linker / "yes.csv", [crossed], ["match"])
    linked(linker, "again", *options, "--decisions", "yes.csv", files=TWO)
    assert crossed in rows_of(linker, "again")


def test_decisions__count_at_record_level(world, tmp_path):
    files = [world.record / name for name in TWO]
    no, yes = next(iter(rows_of(world.record))), next(iter(rows_of(world.record, table="review")))
    write_pairs(tmp_path / "said.csv", [no, yes], ["no match", "match"])
    linked(tmp_path, "new", "--decisions", "said.csv", files=files)
    links = rows_of(tmp_path, "new")
    assert no not in links
    assert yes in links


# Known matches


def test_labels__teach_m(linker):
    alike = [ends for ends, row in rows_of(linker).items() if row["similarity"] == 1.0]
    assert len(alike) > 60
    write_pairs(linker / "known.csv", alike)
    linked(linker, "taught", *FREE, "--labels", "known.csv")
    before, after = (
        {one["field"]: {level["level"]: level["m"] for level in one["levels"]}
         for one in model_of(linker, name)["fields"]}
        for name in ("results", "taught")
    )  # fmt: skip
    for name in ("forename", "surname", "dob", "sex"):
        assert 1 >= after[name]["equal"] > max(0.95, before[name]["equal"])
    assert_allclose(
        numbers(model_of(linker, "taught"), "u"), numbers(model_of(linker), "u"), rtol=1e-12
    )


def test_labels__that_are_too_few_are_refused(linker):
    links = [one for one in rows_of(linker) if (one[0], one[2]) == ("police", "court")]
    write_pairs(linker / "few.csv", links[:49])
    command = ("link", *TWO, "-o", "new", "--labels", "few.csv")
    says = ("49 labelled matches", "50 are needed")
    refused(*command, cwd=linker, code=BAD_INPUT, says=says)
    write_pairs(linker / "enough.csv", links[:50])
    linked(linker, "new", "--labels", "enough.csv", files=TWO)


# One record a person, and how links join persons


def test_one_record_a_person__is_found_out_or_chosen(linker):
    assert manifest_of(linker)["decision"]["one_record_a_person"] == []
    assert linked(linker, "auto")["decision"]["one_record_a_person"] == []
    manifest = linked(linker, "two", "--one-record-a-person", "police,court")
    assert manifest["decision"]["one_record_a_person"] == ["police", "court"]
    often = Counter((person, name) for (name, _), person in persons_of(linker, "two").items())
    most = {name: max(n for (_, where), n in often.items() if where == name) for name in AGENCIES}
    assert (most["police"], most["court"]) == (1, 1)
    assert most["prison"] > 1


def test_one_record_a_person__is_found_out_where_it_is_so(tmp_path):
    for name in "ab":
        write_encodings(people(300, 1, name, typos=name == "b"), tmp_path / f"{name}.enc.parquet")
    files = ("a.enc.parquet", "b.enc.parquet")
    result = did("link", *files, "-o", "auto", cwd=tmp_path)
    assert manifest_of(tmp_path, "auto")["decision"]["one_record_a_person"] == ["a", "b"]
    assert "one record a person: a, b" in result.out
    said = linked(tmp_path, "none", *FREE, files=files)["decision"]["one_record_a_person"]
    assert said == []


@pytest.mark.parametrize("names", ["nosuch", "police,nosuch", "police,", ""])
def test_one_record_a_person__of_unknown_data_sets_is_refused(linker, names):
    command = ("link", *TWO, "-o", "new", "--one-record-a-person", names)
    refused(*command, cwd=linker, code=USAGE, says=("there is no data set",))


def test_persons__by_each_method(linker):
    counts = {
        method: linked(linker, method, *FREE, "--persons", method)["counts"]["persons"]
        for method in ("components", "star", "strong-first")
    }
    assert counts["components"] == counts["strong-first"] <= counts["star"]
    links, records = rows_of(linker), persons_of(linker, "star")
    tied = {frozenset((one[:2], one[2:])) for one in links}
    groups: dict[str, list] = {}
    for record, person in records.items():
        groups.setdefault(person, []).append(record)
    for group in groups.values():
        assert any(
            all(one == centre or frozenset((centre, one)) in tied for one in group)
            for centre in group
        )
    persons = persons_of(linker, "components")
    assert all(same_person(persons, one) for one in links)


def test_persons__are_not_joined_by_weak_ties(linker):
    usual = manifest_of(linker)
    careful = linked(linker, "careful", *FREE, "--weakest-tie", "0.999")
    assert usual["ties"]["weak_tie"] == 0
    assert careful["ties"]["weak_tie"] > 0
    assert careful["counts"]["persons"] > usual["counts"]["persons"]
    assert careful["counts"]["links"] == usual["counts"]["links"]
    assert careful["decision"]["weakest_tie"] == 0.999
    said = did("link", *FILES, "-o", "told", *FREE, "--weakest-tie", "0.999", cwd=linker).out
    assert "links join no persons: see ties in the manifest" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--persons", "cliques"], ["'cliques' is not one of"]),
        (["--weakest-tie", "1.5"], ["1.5 is not in the range"]),
        (["--weakest-tie", "nan"], ["nan is not a number"]),
    ],
)
def test_persons__refuses_unknown_ways(linker, options, says):
    refused("link", *TWO, "-o", "new", *options, cwd=linker, code=USAGE, says=says)


# The certificate


def assert_certificate(said, printed):
    for name in ("precision", "recall"):
        one = said[name]
        assert 0 <= one["lower"] <= one["estimate"] <= one["upper"] <= 1
        assert f"{name} {one['estimate']:.4f} ({one['lower']:.4f} to {one['upper']:.4f})" in printed


def test_certificate__by_identifiers_stands_in_the_manifest_and_is_printed(linker):
    out = did("link", *FILES, "-o", "new", cwd=linker).out
    said = manifest_of(linker, "new")["certificate"]
    assert said["basis"] == "identifiers"
    assert said["pairs"] >= 200
    assert_certificate(said, out)
    assert f"by {said['pairs']:,} pairs with an equal identifier" in out
    assert "estimated without truth" not in did("link", *FILES, "-o", "q", "-q", cwd=linker).out


def test_certificate__by_the_model_where_there_are_no_identifiers(tmp_path):
    for name in "ab":
        write_encodings(people(300, 1, name, typos=name == "b"), tmp_path / f"{name}.enc.parquet")
    out = did("link", "a.enc.parquet", "b.enc.parquet", "-o", "new", cwd=tmp_path).out
    said = manifest_of(tmp_path, "new")["certificate"]
    assert (said["basis"], said["pairs"]) == ("model", 0)
    assert_certificate(said, out)
    assert said["precision"]["estimate"] > 0.97
    assert "by the model; its recall is rather an upper bound" in out


# Odd data


def written(folder, name, rows):
    """Encode rows of (forename, surname, dob)."""
    columns = dict(zip(("forename", "surname", "dob"), map(list, zip(*rows, strict=True)),
                       strict=True))  # fmt: skip
    schema = LinkageSchema.parse(SCHEMA.format(level="field"))
    encodings = encode_table(columns, schema, KEY, dataset=name)
    write_encodings(encodings, folder / f"{name}.enc.parquet")
    return f"{name}.enc.parquet"


def test_link__files_with_nothing_in_common(tmp_path):
    for name, seed in (("a", 1), ("b", 99)):
        write_encodings(people(200, seed, name), tmp_path / f"{name}.enc.parquet")
    result = did("link", "a.enc.parquet", "b.enc.parquet", "-o", "new", cwd=tmp_path)
    manifest = manifest_of(tmp_path, "new")
    assert (manifest["counts"]["links"], manifest["counts"]["persons"]) == (0, 400)
    assert "note: no match was found in training" in result.err
    assert manifest["warnings"]
    assert pq.read_table(tmp_path / "new/links.parquet").num_rows == 0


def test_link__records_that_are_all_equal(tmp_path):
    rows = [("ANNA", "BROWNING", "1980-02-03")] * 60
    files = [written(tmp_path, name, rows) for name in "ab"]
    manifest = linked(tmp_path, "new", files=files)
    assert (manifest["counts"]["links"], manifest["counts"]["persons"]) == (0, 120)


@pytest.mark.parametrize(
    "rows",
    [
        [("ANNA", "BROWNING", "1980-02-03")],
        [("", "", "")],
        [("ANNA", "", "")],
    ],
)
def test_link__files_of_one_record(tmp_path, rows):
    files = [written(tmp_path, name, rows) for name in "ab"]
    manifest = linked(tmp_path, "new", files=files)
    assert manifest["counts"]["persons"] in (1, 2)
    write_encodings(people(100, 1, "c"), tmp_path / "c.enc.parquet")
    manifest = linked(tmp_path, "more", files=[files[0], "c.enc.parquet"])
    assert manifest["counts"]["persons"] == 101


def test_link__one_data_set_or_one_twice_is_refused(linker):
    says = ("two or more",)
    refused("link", FILES[0], "-o", "new", cwd=linker, code=USAGE, says=says)
    says = ("'police' is given twice", "--dataset NAME")
    refused("link", FILES[0], FILES[0], "-o", "new", cwd=linker, code=USAGE, says=says)
    shutil.copy(linker / FILES[0], linker / "copy.enc.parquet")
    refused("link", FILES[0], "copy.enc.parquet", "-o", "new", cwd=linker, code=USAGE, says=says)
