"""Profiles: complete, checked, and refused with the key and the way out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from linkage.errors import InputError
from linkage.synth.profile import NAMES, Profile


@pytest.mark.parametrize("name", NAMES)
def test_named__loads(name: str) -> None:
    profile = Profile.named(name)
    assert profile.name == name
    assert set(profile.agencies) == {"police", "court", "prison", "probation"}


def test_named__is_frozen() -> None:
    profile = Profile.named("default")
    with pytest.raises(FrozenInstanceError):
        profile.name = "mine"  # type: ignore[misc]
    with pytest.raises(TypeError):
        profile.agencies["police"] = profile.agencies["court"]  # type: ignore[index]


def test_named__refuses_an_unknown_name() -> None:
    with pytest.raises(InputError, match=r"'easy'.*default, hard, clean"):
        Profile.named("easy")


def test_from_toml__takes_the_rest_from_its_base() -> None:
    profile = Profile.from_toml('name = "mine"\nbase = "hard"\n[moves]\nper_year = 0.0\n')
    hard = Profile.named("hard")
    assert profile.name == "mine"
    assert profile.moves.per_year == 0
    assert profile.moves.same_area == hard.moves.same_area
    assert profile.agencies == hard.agencies


def test_from_toml__without_a_base_starts_from_the_default(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[population]\nwomen = 0.5\n", "utf-8")
    profile = Profile.from_toml(path)
    assert profile == Profile.from_toml(str(path))
    assert profile.population.women == 0.5
    assert profile.agencies == Profile.named("default").agencies


def test_from_toml__an_empty_text_is_the_default() -> None:
    assert Profile.from_toml("").agencies == Profile.named("default").agencies


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[moves]\nper_decade = 1\n", ["per_decade", "moves", "same_area"]),
        ("[removals]\nper_year = 1\n", ["removals", "moves"]),
        ("[agencies.customs]\npnc = 1\n", ["customs", "police"]),
        ("[agencies.police]\npnc = 1.5\n", ["pnc", "1.5", "from 0 to 1"]),
        ("[agencies.police]\npnc = -0.1\n", ["pnc", "-0.1"]),
        ("[agencies.police]\npnc = 'often'\n", ["pnc", "number"]),
        ("[agencies.police]\npnc = true\n", ["pnc", "number"]),
        ("[agencies.police]\npnc = nan\n", ["pnc", "number"]),
        ("[moves]\nper_year = -1\n", ["per_year", "0 or more"]),
        ("[overlap]\npolice = 0.9\n", ["overlap", "police_court", "add up to 1.6", "1"]),
        ("[households]\nalone = 0.1\n", ["households", "twins", "add up to 0.4"]),
        ("[origins.british]\nshare = 0.1\n", ["origins", "british", "add up to"]),
        ("moves = 3\n", ["moves", "table"]),
        ("[population.women]\nx = 1\n", ["women", "number"]),
        ("base = 'easy'\n", ["base", "default"]),
        ("base = ['hard']\n", ["base", "default"]),
        ("this is = not TOML\n", ["TOML"]),
    ],
)
def test_from_toml__refuses_and_names_the_key(text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Profile.from_toml(text)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message.strip()


def test_from_toml__refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml"):
        Profile.from_toml(tmp_path / "missing.toml")
