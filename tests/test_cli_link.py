"""`linkage link`: plans, blocking methods, caps and the memory limit, by the installed command."""

from __future__ import annotations

import json

import pytest

from tests.command import USAGE, assert_refusal, contents, did, linkage, python, refused, run

FILES = ("police.enc.parquet", "court.enc.parquet")


def planned(linker, *options):
    return json.loads(did("link", *FILES, "--plan", "--json", *options, cwd=linker).out)


def linked(linker, name, *options):
    did("link", *FILES, "-o", name, "--json", *options, cwd=linker)
    return json.loads((linker / name / "manifest.json").read_text())


def test_plan__foretells_the_run_and_writes_nothing(linker):
    before = contents(linker)
    plan = planned(linker)
    assert contents(linker) == before
    manifest = linked(linker, "new")
    assert plan["comparisons"] == manifest["counts"]["comparisons"]
    assert plan["all_pairs"] == manifest["counts"]["all_pairs"]
    assert [one["name"] for one in plan["passes"]] == [one["name"] for one in manifest["passes"]]
    completeness = plan["pairs_completeness"]
    low, high = completeness["interval"]
    assert 0.9 < low <= completeness["estimate"] <= high <= 1
    assert completeness["sampled_links"] > 100
    assert plan["memory_bytes"] > 1 << 20


def test_plan__shows_passes_cost_and_completeness(linker):
    out = did("link", *FILES, "--plan", "--largest-block", "dob=3", cwd=linker).out
    assert "comparisons, " in out
    assert "pairs completeness: about 0.9" in out or "pairs completeness: about 1.0" in out
    assert "skipped  lost links" in out
    assert max(map(len, out.splitlines())) <= 110


def test_link__discloses_person_ids_only(linker):
    whole, least = linked(linker, "whole"), linked(linker, "least", "--disclose", "minimal")
    assert (whole["disclose"], least["disclose"]) == ("full", "minimal")
    assert {one.name for one in (linker / "least").iterdir()} == {
        "persons.parquet", "police.parquet", "court.parquet", "manifest.json"
    }  # fmt: skip
    for name in ("persons", "police", "court"):
        assert (linker / f"least/{name}.parquet").read_bytes() == (
            linker / f"whole/{name}.parquet"
        ).read_bytes()
    refused("export", "least", "--format", "splink", "-o", "p.csv", cwd=linker, code=USAGE,
            says=("person ids only", "--disclose minimal"))  # fmt: skip


def test_link__compares_all_pairs(linker):
    manifest = linked(linker, "new", "--blocking", "all-pairs")
    assert manifest["passes"][-1]["name"] == "all_pairs"
    assert manifest["passes"][-1]["comparisons"] == manifest["counts"]["all_pairs"]
    assert manifest["blocking"] == {"method": "all-pairs", "lsh": None, "largest_block": {}}


def test_evaluate__knows_how_candidates_were_found(engineer):
    ids = [f"--ids={name}={name}.ids.parquet" for name in ("police", "court")]
    found = []
    for number, options in enumerate(
        [
            (),
            ("--blocking", "all-pairs"),
            ("--blocking", "lsh", "--lsh-bits", "40", "--lsh-distance", "0.05"),
            ("--largest-block", "1"),
        ]
    ):
        linked(engineer, f"new{number}", *options)
        answer = did(
            "evaluate", f"new{number}", "--truth", "truth.csv", *ids, "--json", cwd=engineer
        )
        found.append(json.loads(answer.out)["blocking"]["pairs_completeness"])
    tokens, everything, lsh, capped = found
    assert everything == 1.0
    assert 0 <= capped < tokens <= 1.0
    assert 0 < lsh < 1


def test_link__says_what_caps_cost(linker):
    result = run("link", *FILES, "-o", "new", "--largest-block", "1", cwd=linker)
    assert result.code == 0
    assert "above --largest-block were left out" in result.err
    assert "that lost about" in result.err


def test_link__keeps_to_the_memory_limit(linker):
    whole = linked(linker, "whole")
    limited = linkage("link", *FILES, "-o", "limited", "--memory-limit", "2G", cwd=linker)
    assert limited.code == 0, limited
    assert whole["counts"] == json.loads((linker / "limited/manifest.json").read_text())["counts"]
    for name in ("links.parquet", "persons.parquet", "police.parquet"):
        assert (linker / "whole" / name).read_bytes() == (linker / "limited" / name).read_bytes()


def test_link__out_of_memory_is_an_error_of_one_line(linker):
    script = (
        "import resource, sys\n"
        "from linkage.cli import main\n"
        "import linkage.engine.local, linkage.io.results\n"
        "def take(*_, **__): return bytearray(1 << 40)\n"
        "linkage.engine.local.join_persons = take\n"
        "sys.exit(main.run(sys.argv[1:]))\n"
    )
    result = python("-c", script, "link", *FILES, "-o", "new", cwd=linker)
    assert_refusal(result, code=1, says=("out of memory", "--memory-limit"))
    assert not (linker / "new").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--memory-limit", "100M"], ["need about", "limit is 0.10 GiB", "raise --memory-limit"]),
        (["--memory-limit", "much"], ["'much' is no amount of memory"]),
        (["--memory-limit", "0G"], ["no amount of memory"]),
        (["--largest-block", "dob=none"], ["write ROWS or PASS=ROWS"]),
        (["--largest-block", "0"], ["write ROWS or PASS=ROWS"]),
        (["--largest-block", "street=9"], ["no blocking pass 'street' to cap", "dob"]),
        (["--lsh-bits", "20"], ["need --blocking lsh"]),
        (["--blocking", "lsh", "--lsh-bits", "63"], ["63 is not in the range"]),
        (["--blocking", "lsh", "--lsh-distance", "nan"], ["nan is not a number"]),
        (
            ["--blocking", "lsh", "--lsh-distance", "0.5", "--lsh-bits", "40"],
            ["more than 1024 tables", "fewer bits"],
        ),
        (["--blocking", "sorted"], ["'sorted' is not one of"]),
    ],
)  # fmt: skip
def test_link__refuses_what_can_not_be(linker, options, says):
    refused("link", *FILES, "-o", "new", *options, cwd=linker, code=USAGE, says=says)


def test_link__wants_a_folder(linker):
    refused("link", *FILES, cwd=linker, code=USAGE, says=("-o FOLDER", "--plan"))
