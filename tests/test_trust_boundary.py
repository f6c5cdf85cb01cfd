"""The linker's commands run where agency code is not even installed, and load no secret code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import linkage as package
from tests.command import (
    AGENCIES,
    DONE,
    FAILED,
    REPOSITORY,
    Result,
    assert_refusal,
    contents,
    linkage,
    python,
)

ENCODED = [f"{name}.enc.parquet" for name in AGENCIES]


@pytest.fixture(scope="module")
def without_agency(tmp_path_factory) -> dict[str, str]:
    """An environment in which the package has no `linkage.agency`."""
    site = tmp_path_factory.mktemp("site")
    source = Path(package.__file__).parent

    def ignored(folder: str, names: list[str]) -> list[str]:
        return ["agency"] if Path(folder) == source else []

    shutil.copytree(source, site / "linkage", ignore=ignored)
    assert not (site / "linkage/agency").exists()
    env = {"PYTHONPATH": str(site)}
    where = python("-c", "import linkage; print(linkage.__file__)", cwd=site.parent, env=env)
    assert where.out.strip() == str(site / "linkage/__init__.py")
    gone = python("-c", "import linkage.agency", cwd=site.parent, env=env)
    assert "No module named 'linkage.agency'" in gone.err
    return env


def at_linker(*args: object, cwd: Path, env: dict[str, str]) -> Result:
    result = linkage(*args, cwd=cwd, env=env)
    assert "Traceback" not in result.err
    return result


def test_inspect__works_without_agency_code(without_agency, linker):
    shown = at_linker("inspect", "police.enc.parquet", "--json", cwd=linker, env=without_agency)
    assert shown.code == DONE, shown
    assert json.loads(shown.out)["dataset"] == "police"


def test_link__works_without_agency_code(without_agency, linker):
    linked = at_linker("link", *ENCODED, "-o", "again", cwd=linker, env=without_agency)
    assert linked.code == DONE, linked
    for name in ("links", "persons", *AGENCIES):
        one, other = (pq.read_table(linker / at / f"{name}.parquet") for at in ("again", "results"))
        assert one.equals(other), name


def test_help__works_without_agency_code(without_agency, tmp_path):
    shown = at_linker("--help", cwd=tmp_path, env=without_agency)
    assert shown.code == DONE
    assert "inspect" in shown.out


@pytest.mark.parametrize("command", ["encode", "keygen"])
def test_agency_commands__say_so_without_agency_code(without_agency, agency, command):
    words = {
        "encode": (
            "encode", "police.csv", "--schema", "schema.toml", "--key", "project.key",
            "-o", "out.enc.parquet",
        ),
        "keygen": ("keygen", "-o", "new.key"),
    }[command]  # fmt: skip
    before = contents(agency)
    failed = at_linker(*words, cwd=agency, env=without_agency)
    assert_refusal(failed, code=FAILED, says=("linkage.agency", "at an agency"))
    assert contents(agency) == before


def test_linker__loads_no_agency_code_and_no_cryptography(linker):
    script = (
        "import sys; from linkage.cli.main import run;"
        "codes = run(['inspect', '-q', sys.argv[1]]), run(['link', '-q', *sys.argv[1:]]);"
        "secret = [one for one in sys.modules if 'linkage.agency' in one or 'cryptography' in one];"
        "print(codes, secret, file=sys.stderr)"
    )
    said = python("-c", script, *ENCODED, "-o", "again", cwd=linker)
    assert said.err.strip() == "(0, 0) []"


def test_lint_imports__passes():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert f"Contracts: {text.count('[[tool.importlinter.contracts]]')} kept" in done.stdout
