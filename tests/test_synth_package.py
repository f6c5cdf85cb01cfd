"""An installed package generates too: profiles and tables travel with it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.command import REPOSITORY, contents, did, python

PROGRAM = """
import linkage, sys
from linkage.cli.main import run
assert linkage.__file__.startswith({folder!r}), linkage.__file__
sys.exit(run(["synth", "--people", "200", "--seed", "4", "--probation", "-o", {out!r}]))
"""


def test_package__what_a_wheel_holds_generates(tmp_path):
    """The files that the wheel's settings choose, unpacked elsewhere, make the same bytes."""
    folder = tmp_path / "unpacked"
    for path in files_of_the_wheel():
        target = folder / path.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert_generates(folder, tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not here")
def test_package__a_built_wheel_generates(tmp_path):
    build = "import sys, hatchling.build; print(hatchling.build.build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        held = {name for name in wheel.namelist() if name.startswith("linkage/")}
        wheel.extractall(tmp_path / "unpacked")
    assert held == {path.relative_to(REPOSITORY).as_posix() for path in files_of_the_wheel()}
    assert_generates(tmp_path / "unpacked", tmp_path)


def files_of_the_wheel() -> list[Path]:
    """List what hatchling takes: the packages, without what .gitignore names."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    packages = settings["build"]["targets"]["wheel"]["packages"]
    ignored = (REPOSITORY / ".gitignore").read_text("utf-8").split()
    found = [path for one in packages for path in (REPOSITORY / one).rglob("*") if path.is_file()]
    return [path for path in found if not is_ignored(path.relative_to(REPOSITORY), ignored)]


def is_ignored(path: Path, patterns: list[str]) -> bool:
    names = [pattern.rstrip("/") for pattern in patterns if not pattern.startswith("/")]
    return any(fnmatch(part, name) for part in path.parts for name in names)


def assert_generates(folder: Path, tmp_path: Path) -> None:
    names = {path.relative_to(folder / "linkage" / "synth").as_posix()
             for path in (folder / "linkage" / "synth").rglob("*.*")}  # fmt: skip
    assert {"profiles/default.toml", "tables/surnames.csv", "tables/SOURCES.md"} <= names
    code = PROGRAM.format(folder=str(folder), out=str(tmp_path / "there"))
    said = python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(folder)})
    assert said.code == 0, said
    options = ("--people", 200, "--seed", 4, "--probation")
    did("synth", *options, "-o", "here", cwd=tmp_path)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
