"""`linkage explain`: the parts of a match weight add up to what the run wrote."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from linkage.io import write_encodings
from linkage.io.encoded import encodings_writer, read_encodings
from linkage.io.results import read_results
from linkage.io.sealed import new_identity
from linkage.linker.block import Blocking
from linkage.linker.explain import Weigher, meeting_passes, most_similar, place_of, rivals_of
from linkage.linker.levels import levels_of
from linkage.linker.mixture import Model
from linkage.linker.saved import level_labels, model_content
from linkage.model import DECIDED_BITS, Pairs
from tests import reference
from tests.command import AGENCIES, BAD_INPUT, DONE, MISMATCH, USAGE, did, python, refused
from tests.samples import aliased, people

FILES = [f"{name}.enc.parquet" for name in AGENCIES]


def rows_of(folder, table="links"):
    """The rows of a table of pairs, as dictionaries."""
    return pq.read_table(folder / f"{table}.parquet").to_pylist()


def ends(row):
    left, right = (
        f"{row[f'{side}_dataset']}:{row[f'{side}_record']}" for side in ("left", "right")
    )
    return "--left", left, "--right", right


def answered(folder, row, *options, results="results"):
    return json.loads(did("explain", results, *ends(row), "--json", *options, cwd=folder).out)


@pytest.fixture(scope="module", params=["none", "police,court,prison", "court"])
def run(world, request, tmp_path_factory):
    """A run in which nothing, everything, or one data set has one record a person."""
    folder = tmp_path_factory.mktemp("run")
    files = [world.field / name for name in FILES]
    did("link", *files, "-o", "results", "--one-record-a-person", request.param, cwd=folder)
    found = read_results(folder / "results")
    encodings = [read_encodings(file) for file in files]
    content = json.loads((folder / "results/model.json").read_text())
    return request.param, found, Weigher.of(encodings, content)


def test_explain__adds_up_to_what_the_run_wrote(run):
    single, found, weigher = run
    own = [{one: n for n, one in enumerate(each.records.tolist())} for each in weigher.encodings]
    explained = changed = 0
    for pairs in found.links + found.review:
        places = pairs.left_dataset, pairs.right_dataset
        columns = pairs.left, pairs.right, pairs.similarity, pairs.weight
        for i, j, similarity, weight in zip(*(one.tolist() for one in columns), strict=True):
            left, right = (
                str(found.records[p][n]).encode() for p, n in zip(places, (i, j), strict=True)
            )
            records = own[places[0]][left], own[places[1]][right]
            alone = weigher.explain(places, records, similarity)
            assert alone.rows.similarity == similarity
            assert [one.kind for one in alone.steps[:1]] == ["prior"]
            whole = alone.settled(weight)
            assert whole.steps[-1].kind == "rivals"
            assert_allclose(sum(one.weight for one in whole.steps), weight, atol=1e-9)
            odds = own_odds(weigher, places[0], alone, records[0])
            assert_allclose(alone.weight, odds, atol=1e-9)
            if single == "none":
                assert_allclose(whole.steps[-1].weight, 0, atol=1e-6)
            changed += abs(whole.steps[-1].weight) > 0.01
            explained += 1
    assert explained > 500
    assert (changed == 0) == (single == "none")


def own_odds(weigher, place, explained, record):
    """The pair's own odds as the decision model gives them, from the levels that were explained."""
    row = np.searchsorted(weigher.encodings[place].owner, [record]) + explained.rows.left_row - 1
    labels = level_labels(weigher.levels)
    levels = [labels.index(one.level) for one in explained.steps if one.kind == "field"]
    return weigher.model.odds(np.array([levels], np.int8), weigher.rarity[place], row)[0]


seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(seeds, st.integers(1, 2), st.integers(0, 3))
def test_weigher__steps_are_those_of_the_reference(random, own, more):
    data = [people(12, 1, "a"), people(12, 1, "b", typos=True)]
    levels = levels_of(data[0])
    possible = levels.possible
    m, u = (np.where(possible, random.random(possible.shape) ** 3 + 1e-6, 0.0) for _ in "mu")
    m, u = (one / one.sum(axis=1, keepdims=True) for one in (m, u))
    shares = random.random((own + 1 + more, len(m))) < 0.5
    shares[0], shares[own] = True, False
    sizes = 10 ** random.uniform(-1, 4, len(shares))
    sizes[own] = 1e6
    model = Model(levels.fields, m, u, shares, sizes, own, float(sizes.sum()))
    weigher = Weigher.of(data, model_content(model, levels, data[0].schema.digest()))
    i, j = random.integers(0, 12, 2).tolist()
    explained = weigher.explain((0, 1), (i, j))
    steps = {one.name: one for one in explained.steps}
    labels = level_labels(levels)
    found = [labels.index(steps[name].level) for name in levels.fields]
    rare = [steps[name].rarity for name in levels.fields]
    classes = [(set(np.flatnonzero(a).tolist()), b) for a, b in zip(shares, sizes, strict=True)]
    expected = reference.match_weight(found, m.tolist(), u.tolist(), classes, own, rare)
    assert_allclose(explained.weight, expected, atol=1e-9)
    for name, level, row, other, extra in zip(levels.fields, found, m, u, rare, strict=True):
        alone = np.log2(row[level] / other[level]) if level else 0.0
        assert_allclose(steps[name].weight, alone + extra, atol=1e-9)
        assert extra == 0 or (level == levels.top and name != "dob")
    assert_allclose(steps["prior"].weight, model.prior_weight)
    assert ("may have moved" in steps) == (own == 2)
    if own == 1 and not more:
        assert_allclose(steps["in common by family or chance"].weight, 0, atol=1e-6)
        assert explained.likeliest == ()


def test_weigher__takes_the_best_pair_of_rows():
    one, other = people(30, 1, "a"), people(30, 1, "b")
    levels = levels_of(one)
    good = np.where(levels.possible, 0.5 ** np.arange(levels.top, -1, -1.0), 0.0)
    good /= good.sum(axis=1, keepdims=True)
    shares = np.array([[True] * len(good), [False] * len(good)])
    model = Model(levels.fields, good, good[:, ::-1].copy(), shares, np.array([30.0, 870]), 1, 900)
    model = replace(model, u=np.where(levels.possible, 1 / levels.possible.sum(axis=1)[:, None], 0))
    content = model_content(model, levels, one.schema.digest())
    strangers = replace(aliased(one, 3), bits=np.repeat(one.bits, 3, axis=0))
    strangers.bits[0::3] = other.bits[[29]]
    strangers.bits[1::3] = other.bits[[28]]
    weigher = Weigher.of([strangers, aliased(other, 2)], content)
    explained = weigher.explain((0, 1), (4, 4))
    assert (explained.rows.left_row, explained.rows.left, explained.rows.right) == (3, 3, 2)
    assert explained.rows.similarity == 1.0
    assert {step.level for step in explained.steps if step.kind == "field"} == {"equal"}
    worst = weigher.explain((0, 1), (4, 28), similarity=1.0)
    assert (worst.rows.left_row, worst.rows.similarity) == (2, 1.0)
    assert most_similar(strangers, other, (4, 28)) == replace(worst.rows, right=1)
    rivals = explained.settled(5.0)
    assert (rivals.steps[-1].weight, rivals.weight) == (5.0 - explained.weight, 5.0)


def test_place_of__and_rivals():
    nothing = np.full(4, np.nan)
    left, right = np.array([0, 0, 1, 2]), np.array([1, 2, 1, 3])
    pairs = Pairs(0, 1, left, right, np.arange(4.0), nothing, nothing)
    assert place_of(pairs, (0, 2)) == 1
    assert place_of(pairs, (2, 0)) is None
    assert rivals_of(pairs, (0, 1)).similarity.tolist() == [1, 2]
    assert rivals_of(pairs, (3, 3)).similarity.tolist() == [3]
    within = replace(pairs, right_dataset=0)
    assert place_of(within, (2, 0)) == 1
    assert rivals_of(within, (2, 0)).similarity.tolist() == [0, 3]


def test_meeting_passes__are_those_of_the_plan():
    data = [people(60, 1, "a"), people(60, 1, "b", typos=True)]
    for blocking in (Blocking(), Blocking(caps={"dob": 1}), Blocking("all-pairs")):
        for pair in [(0, 0), (1, 1), (5, 9)]:
            i, j = pair
            a, b = (blocking.keys(one) for one in data)
            met = [
                name
                for number, name in enumerate(blocking.names(data[0]))
                if a[i, number] == b[j, number] != 0
                and max((a[:, number] == a[i, number]).sum(), (b[:, number] == a[i, number]).sum())
                <= blocking.caps.get(name, 60)
            ]
            assert meeting_passes(blocking, *data, pair) == tuple(met)


def test_explain__shows_a_link_in_80_columns(linker):
    row = rows_of(linker / "results")[0]
    result = did("explain", "results", *ends(row), cwd=linker)
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in result.out
    assert result.err == ""
    assert lines[0].startswith(f"left   {row['left_dataset']}:{row['left_record']}")
    assert f"a link, match weight {row['match_weight']:.2f}" in result.out
    steps = [line for line in lines if re.match(r"  \w.* {2,}[+-]?\d+\.\d\d(  |$)", line)]
    figures = [float(re.findall(r"[+-]?\d+\.\d\d(?=  [ |+=-]|$)", one)[-1]) for one in steps]
    assert [one.split()[0] for one in steps][:2] == ["prior", "forename"]
    assert_allclose(figures[-1], row["match_weight"], atol=0.006)
    assert_allclose(sum(figures[:-1]), figures[-1], atol=0.005 * len(figures))


def test_explain__answers_in_json_whichever_way_round(linker):
    for table in ("links", "review"):
        row = rows_of(linker / "results", table)[-1]
        answer = answered(linker, row)
        _, left, _, right = ends(row)
        swapped = did(
            "explain", "results", "--left", right, "--right", left, "--json", cwd=linker
        ).out
        assert json.loads(swapped) == answer
        assert answer["left"]["record"] == row["left_record"]
        assert answer["status"] == {"links": "link", "review": "review"}[table]
        for name in ("similarity", "match_weight", "match_probability"):
            assert_allclose(answer[name], row[name], atol=1e-9)
        total = sum(one["weight"] for one in answer["steps"])
        assert_allclose([total, answer["steps"][-1]["total"]], row["match_weight"], atol=1e-6)
        assert answer["passes"]
        assert answer["why_not"] is None
    pattern = dict(one.split("=") for one in row["pattern"].split())
    assert pattern == {s["name"]: s["level"] for s in answer["steps"] if s["kind"] == "field"}


def test_explain__of_pairs_that_are_not_in_the_results(linker):
    first, *_, last = rows_of(linker / "results")
    row = first | {side: last[side] for side in ("right_dataset", "right_record")}
    answer = answered(linker, row)
    assert answer["status"] == "none"
    assert answer["match_weight"] == answer["own_weight"] < -20
    assert "no blocking pass" in answer["why_not"]
    assert answer["rivals"][0]["status"] == "link"
    police = [one for one in rows_of(linker / "results") if one["left_dataset"] == "police"]
    within = police[0] | {
        f"right_{name}": police[-1][f"left_{name}"] for name in ("dataset", "record")
    }
    assert "did not link the records within 'police'" in answered(linker, within)["why_not"]
    out = did("explain", "results", *ends(row), cwd=linker).out
    assert "not in the results, match weight of its own -" in out
    assert "no blocking pass compares these records" in out


def test_explain__tells_what_rivals_won(world, tmp_path):
    files = [world.field / name for name in FILES[:2]]
    single = ("--one-record-a-person", "police,court")
    for name, options in (("all", ("--one-record-a-person", "none")), ("one", single)):
        did("link", *files, "-o", name, *options, cwd=tmp_path)
    linked = {
        ends(row) for table in ("links", "review") for row in rows_of(tmp_path / "one", table)
    }
    lost = [row for row in rows_of(tmp_path / "all") if ends(row) not in linked]
    assert lost
    answer = answered(tmp_path, lost[0], results="one")
    assert answer["status"] == "none"
    assert "other candidates of these records won" in answer["why_not"]
    assert answer["rivals"]


def test_explain__knows_decided_pairs(linker):
    row = rows_of(linker / "results", "review")[0]
    columns = ["left_dataset", "left_record", "right_dataset", "right_record"]
    cells = ",".join(row[one] for one in columns)
    (linker / "said.csv").write_text(f"{','.join(columns)},decision\n{cells},match\n")
    did("link", *FILES, "-o", "again", "--decisions", "said.csv", cwd=linker)
    answer = answered(linker, row, results="again")
    assert answer["decided"]
    assert answer["steps"][-1]["kind"] == "in_common"
    assert answer["match_weight"] == DECIDED_BITS
    assert answer["own_weight"] == answer["steps"][-1]["total"] < 10
    said = did("explain", "again", *ends(row), "--html", "pair.html", cwd=linker).out
    assert "a link, decided by a person, Dice" in said
    assert "decided counts as certain" in (linker / "pair.html").read_text(encoding="utf-8")


def test_explain__of_aliases_and_within_a_data_set(tmp_path):
    random = np.random.default_rng(3)
    for name, errors in (("a", False), ("b", True)):
        one = aliased(people(150, 1, name, typos=errors))
        other = people(150, 1, name, typos=not errors)
        for aliases in (one.bits, one.tokens):
            aliases[1::2] = (other.bits if aliases is one.bits else other.tokens)[::-1]
        twice = np.append(np.arange(300), random.integers(0, 300, 40))
        owner = np.append(one.owner, 150 + np.arange(40))
        records = np.array([b"%d" % record for record in range(190)])
        write_encodings(
            replace(one, records=records, owner=owner, bits=one.bits[twice],
                    tokens=one.tokens[twice]),
            tmp_path / f"{name}.enc.parquet",
        )  # fmt: skip
    did("link", "a.enc.parquet", "b.enc.parquet", "-o", "results", "--deduplicate", cwd=tmp_path)
    seen = set()
    rows = rows_of(tmp_path / "results") + rows_of(tmp_path / "results", "review")
    for row in rows[:: max(1, len(rows) // 40)]:
        answer = answered(tmp_path, row)
        assert answer["similarity"] == row["similarity"]
        assert_allclose(answer["own_weight"], row["match_weight"], atol=1e-6)
        assert_allclose(answer["steps"][-1]["weight"], 0, atol=1e-6)
        seen.add((row["left_dataset"] == row["right_dataset"], answer["left"]["row"]))
    assert seen >= {(True, 1), (True, 2), (False, 1), (False, 2)}
    said = did("explain", "results", *ends(rows[0]), cwd=tmp_path).out
    assert re.search(r"a:\d+, row [12] of 2", said)


def test_explain__writes_a_page(linker):
    row = rows_of(linker / "results", "review")[0]
    answer = answered(linker, row, "--html", "pair.html")
    assert answer["html"] == "pair.html"
    text = (linker / "pair.html").read_text(encoding="utf-8")
    page = BeautifulSoup(text, "html.parser")
    chart = page.find("svg", class_="chart")
    assert chart["role"] == "img"
    labelled = [page.find(id=one) for one in chart["aria-labelledby"].split()]
    assert [one.name for one in labelled] == ["title", "desc"]
    assert f"forename {answer['steps'][1]['weight']:+.2f}" in labelled[1].text
    bars = chart.find_all("rect")
    assert len(bars) == len(answer["steps"]) + 1
    for bar in bars:
        x, width = float(bar["x"]), float(bar["width"])
        assert 244 - 0.1 <= x <= x + width <= 640 + 2
    rows = page.find("tbody").find_all("tr")
    assert [one.find("th").text for one in rows] == [one["name"] for one in answer["steps"]]
    assert row["left_record"] in page.text
    for outside in ("http", "<script", "src=", "url(", "@import"):
        assert outside not in re.sub(r"http-equiv", "", text)
    refused(
        "explain", "results", *ends(row), "--html", "pair.html",
        cwd=linker, code=USAGE, says=("pair.html exists",),
    )  # fmt: skip


def test_explain__at_record_level_shows_dice_only(world, tmp_path):
    row = rows_of(world.record / "results")[0]
    answer = answered(world.record, row)
    assert (answer["match_weight"], answer["steps"]) == (None, [])
    assert answer["similarity"] == row["similarity"]
    folder = str(world.record / "results")
    out = did("explain", folder, *ends(row), "--html", "pair.html", cwd=tmp_path).out
    assert f"a link, Dice {row['similarity']:.4f}" in out
    assert "record-level: Dice of the whole is all there is" in out
    page = BeautifulSoup((tmp_path / "pair.html").read_text(encoding="utf-8"), "html.parser")
    assert page.find("svg", class_="chart") is None
    assert "record-level" in page.text


def test_explain__finds_files_that_were_moved(linker, tmp_path_factory):
    row = rows_of(linker / "results")[0]
    before = answered(linker, row)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in FILES[1:]:
        shutil.move(linker / name, elsewhere / name)
    refused(
        "explain", "results", *ends(row), cwd=linker, code=BAD_INPUT,
        says=("court.enc.parquet", "is not there or has changed", "--encoded"),
    )  # fmt: skip
    moved = [part for name in FILES[1:] for part in ("--encoded", elsewhere / name)]
    assert answered(linker, row, *moved) == before


def test_explain__reads_sealed_files(tmp_path):
    text, recipient = new_identity()
    (tmp_path / "linker.identity").write_text(text)
    for name in "ab":
        with encodings_writer(tmp_path / f"{name}.enc.parquet", [recipient]) as writer:
            writer.write(people(60, 1, name))
    identity = ("--identity", "linker.identity")
    did("link", "a.enc.parquet", "b.enc.parquet", "-o", "results", *identity, cwd=tmp_path)
    row = rows_of(tmp_path / "results")[0]
    assert answered(tmp_path, row, *identity)["status"] == "link"
    refused(
        "explain", "results", *ends(row),
        cwd=tmp_path, code=USAGE, says=("a.enc.parquet is sealed", "--identity"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right", "code", "says"),
    [
        ("police:X", None, USAGE, ["--left: 'police' has no record 'X'", "results/police.parquet"]),
        ("navy:X", None, USAGE, ["--left: there is no data set 'navy'", "police, court, prison"]),
        ("police", None, USAGE, ["write DATASET:RECORD"]),
        (":X", None, USAGE, ["write DATASET:RECORD"]),
        ("police:\x1b[31m", None, USAGE, ["has no record '?[31m'"]),
        (None, "same", USAGE, ["the same record"]),
    ],
)
def test_explain__refuses_what_is_not_there(linker, left, right, code, says):
    _, first, _, second = ends(rows_of(linker / "results")[0])
    words = ("--left", left or first, "--right", second if right is None else first)
    refused("explain", "results", *words, cwd=linker, code=code, says=says)


def other_schema(content):
    return content | {"schema_digest": "0" * 64}


def other_version(content):
    return content | {"model_version": 9}


def half(content):
    return {name: content[name] for name in ("model_version", "schema_digest")}


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        (None, BAD_INPUT, ["results/model.json is missing"]),
        (other_schema, MISMATCH, ["results/model.json", "another schema"]),
        (other_version, MISMATCH, ["results/model.json", "version 9"]),
        (half, BAD_INPUT, ["results/model.json", "not a model"]),
    ],
)
def test_explain__refuses_a_model_that_does_not_fit(linker, damage, code, says):
    path = linker / "results/model.json"
    content = json.loads(path.read_text())
    path.unlink()
    if damage is not None:
        path.write_text(json.dumps(damage(content)))
    row = rows_of(linker / "results")[0]
    refused("explain", "results", *ends(row), cwd=linker, code=code, says=says)


@pytest.mark.parametrize("blocking", [None, {}, [], {"method": "tokens", "lsh": 3}])
def test_explain__refuses_a_damaged_manifest(linker, blocking):
    path = linker / "results/manifest.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"blocking": blocking}))
    row = rows_of(linker / "results")[0]
    says = ("results", "damaged; link again")
    refused("explain", "results", *ends(row), cwd=linker, code=BAD_INPUT, says=says)


def test_explain__loads_no_agency_code_and_no_cryptography(linker):
    script = (
        "import sys; from linkage.cli.main import run;"
        "code = run(['explain', '-q', *sys.argv[1:]]);"
        "secret = [one for one in sys.modules if 'linkage.agency' in one or 'cryptography' in one];"
        "print(code, secret, file=sys.stderr)"
    )
    said = python("-c", script, "results", *ends(rows_of(linker / "results")[0]), cwd=linker)
    assert (said.code, said.err.strip(), said.out) == (DONE, "0 []", "")
