"""Profiles: complete, checked, and refused with the key and the way out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import get_type_hints

import pytest

from linkage.errors import InputError
from linkage.synth.generate import generate
from linkage.synth.listing import list_rates
from linkage.synth.profile import AGENCIES, NAMES, Profile
from linkage.synth.rates import SECTIONS, TABLES


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
        ("[moves]\nspeed = 1\n", ["speed", "moves", "must be one of", "same_area"]),
        ("[moves]\nper_years = 1\n", ["per_years", "moves", "did you mean 'per_year'?"]),
        ("[agencies.police]\nzzz = 1\n", ["zzz", "[agencies], [police]", "--print-profile"]),
        ("[removals]\nper_year = 1\n", ["removals", "moves"]),
        ("[agencies.customs]\npnc = 1\n", ["customs", "police"]),
        ("[agencies.police]\npnc = 1.5\n", ["pnc", "1.5", "from 0 to 1"]),
        ("[agencies.police]\npnc = -0.1\n", ["pnc", "-0.1"]),
        ("[agencies.police]\npnc = 'often'\n", ["pnc", "number"]),
        ("[agencies.police]\npnc = true\n", ["pnc", "number"]),
        ("[agencies.police]\npnc = nan\n", ["pnc", "number"]),
        ("[moves]\nper_year = -1\n", ["per_year", "from 0 to 100"]),
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


def test_from_toml__takes_another_file_as_base(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "ours.toml").write_text('base = "hard"\n[moves]\nper_year = 0.5\n', "utf-8")
    (tmp_path / "far" / "mine.toml").write_text('base = "../ours.toml"\n[moves]\nflats = 1\n')
    profile = Profile.from_toml(tmp_path / "far" / "mine.toml")
    hard = Profile.named("hard")
    assert profile.name == "custom"
    assert (profile.moves.per_year, profile.moves.flats) == (0.5, 1.0)
    assert profile.agencies == hard.agencies


def test_from_toml__refuses_files_that_are_each_others_base(tmp_path: Path) -> None:
    for name, base in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.toml").write_text(f'base = "{base}.toml"\n')
    with pytest.raises(InputError, match=r"circle: a\.toml -> b\.toml -> c\.toml -> a\.toml"):
        Profile.from_toml(tmp_path / "a.toml")


def ends_of_ranges() -> list[tuple[str, str, float]]:
    """Every number that is no share, at either end of its range: section, key, value."""
    found = []
    sections = {name: (kind, name) for name, kind in SECTIONS.items()}
    sections |= {"origin": (TABLES["origins"], "origins.polish")}
    sections |= {"agency": (TABLES["agencies"], "agencies.police")}
    for kind, name in sections.values():
        for key, hint in get_type_hints(kind, include_extras=True).items():
            reach = hint.__metadata__[0]
            if not reach.share:
                found += [(name, key, reach.low), (name, key, reach.high)]
    return found


@pytest.mark.parametrize(("section", "key", "value"), ends_of_ranges())
def test_generate__takes_every_number_at_the_ends_of_its_range(
    section: str, key: str, value: float
) -> None:
    profile = Profile.from_toml(f"[{section}]\n{key} = {value}\n")
    data = generate(60, 1, profile, views=AGENCIES)
    assert data.people["person_id"].size == 60
    assert set(data.truth["person_id"]) == set(data.people["person_id"])


@pytest.mark.parametrize("section", ["households", "overlap", "aliases", "typos", "origins"])
def test_generate__takes_each_share_as_the_whole(section: str) -> None:
    kind = (SECTIONS | TABLES)[section]
    if section == "origins":
        names = [f"{name}]\nshare" for name in Profile.named("default").origins]
    else:
        hints = get_type_hints(kind, include_extras=True)
        names = [key for key, hint in hints.items() if hint.__metadata__[0].share]
    for whole in names:
        if section == "origins":
            text = "".join(f"[origins.{name} = {float(name == whole)}\n" for name in names)
        else:
            text = f"[{section}]\n" + "".join(f"{k} = {float(k == whole)}\n" for k in names)
        data = generate(30, 1, Profile.from_toml(text))
        assert data.people["person_id"].size == 30


def test_list_rates__names_every_key_once() -> None:
    text = list_rates(Profile.named("hard"))
    keys = [line.split(" =")[0] for line in text.splitlines() if " = " in line]
    agency = [field.name for field in fields(TABLES["agencies"])]
    assert [key for key in keys if key in agency] == agency * len(AGENCIES)
    for kind in SECTIONS.values():
        assert all(field.name in keys for field in fields(kind))


def test_list_rates__explains_the_rates_of_agencies() -> None:
    lines = list_rates(Profile.named("default")).splitlines()
    start = lines.index("[agencies.police]")
    first = lines[start + 1 : lines.index("[agencies.court]") - 1]
    told = [line.partition(" =")[0] for line in first if "# " in line]
    plain = {"dob_missing", "sex_missing", "sex_wrong", "postcode_missing", "postcode_unspaced"}
    assert {field.name for field in fields(TABLES["agencies"])} - set(told) == plain


def test_from_toml__refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.toml"):
        Profile.from_toml(tmp_path / "missing.toml")
