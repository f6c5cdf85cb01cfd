"""Shared fixtures: three agencies' synthetic data, encoded and linked once for all tests."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import AGENCIES, did


@dataclass(frozen=True)
class World:
    """A folder with all that the three roles hold. Tests read it, and change copies only.

    `raw/` has the agencies' CSV files and the truth. `field/` and `record/` hold, for either
    level, schema.toml, the encoded files, the ids tables and results/. One key, project.key.
    """

    folder: Path

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    @property
    def key(self) -> Path:
        return self.folder / "project.key"

    @property
    def field(self) -> Path:
        return self.folder / "field"

    @property
    def record(self) -> Path:
        return self.folder / "record"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    did("synth", "--people", 300, "--seed", 7, "-o", "raw", cwd=made.folder)
    did("keygen", "-o", made.key, cwd=made.folder)
    raw = [made.raw / f"{name}.csv" for name in AGENCIES]
    for level in ("field", "record"):
        folder = made.folder / level
        folder.mkdir()
        did("schema", "init", *raw, "--level", level, "-o", "schema.toml", cwd=folder)
        for name, file in zip(AGENCIES, raw, strict=True):
            encode(file, made.key, name, cwd=folder)
        encoded = [f"{name}.enc.parquet" for name in AGENCIES]
        did("link", *encoded, "-o", "results", cwd=folder)
    return made


def encode(file: Path, key: Path, name: str, *options: str, cwd: Path) -> None:
    """Encode a file under the schema.toml of a folder to NAME.enc.parquet there."""
    common = ("--schema", "schema.toml", "--key", key, "--dataset", name)
    did("encode", file, *common, "-o", f"{name}.enc.parquet", *options, cwd=cwd)


@pytest.fixture
def agency(world: World, tmp_path: Path) -> Path:
    """A folder as the police have it: police.csv, schema.toml, project.key; change it freely."""
    shutil.copy(world.raw / "police.csv", tmp_path)
    shutil.copy(world.field / "schema.toml", tmp_path)
    shutil.copy(world.key, tmp_path)
    return tmp_path


@pytest.fixture
def engineer(world: World, linker: Path) -> Path:
    """The linker's folder, and with it the truth and the ids tables of synthetic data."""
    shutil.copy(world.raw / "truth.csv", linker)
    for name in AGENCIES:
        shutil.copy(world.field / f"{name}.ids.parquet", linker)
    return linker


@pytest.fixture
def linker(world: World, tmp_path: Path) -> Path:
    """A folder as the linker has it, at field level: three encoded files and the results."""
    for name in AGENCIES:
        shutil.copy(world.field / f"{name}.enc.parquet", tmp_path)
    shutil.copytree(world.field / "results", tmp_path / "results")
    return tmp_path
