"""Every rate that shapes a synthetic population, read from TOML and checked once."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_type_hints

from linkage.errors import InputError

#: A probability from 0 to 1.
Rate = Annotated[float, "rate"]
#: A probability that adds up to 1 with the other shares of its section.
Share = Annotated[float, "share"]
#: A number that may not be negative: a mean, a multiplier or a number of years.
Amount = Annotated[float, "amount"]

NAMES = ("default", "hard", "clean")
AGENCIES = ("police", "court", "prison", "probation")
_SUM_TOLERANCE = 1e-6
_Section = TypeVar("_Section")


@dataclass(frozen=True)
class Population:
    """Who the people are."""

    women: Rate
    homeless: Rate
    birth_year: Amount
    birth_spread: Amount
    second_middle_name: Rate
    first_january_abroad: Rate
    unevenness: Amount


@dataclass(frozen=True)
class Origin:
    """People whose names come from one table; `errors` multiplies their spelling error rates."""

    share: Share
    born_abroad: Rate
    middle_name: Rate
    double_surname: Rate
    errors: Amount


@dataclass(frozen=True)
class Households:
    """Shares are of households, not of people."""

    alone: Share
    couple: Share
    siblings: Share
    twins: Share
    namesakes: Share
    parent_child: Share
    sharers: Share
    married_name: Rate
    twins_same_sex: Rate
    twins_alike: Rate


@dataclass(frozen=True)
class Overlap:
    """Shares of people known to exactly these agencies; probation follows from prison."""

    police: Share
    court: Share
    prison: Share
    police_court: Share
    police_prison: Share
    court_prison: Share
    police_court_prison: Share
    probation_after_prison: Rate
    probation_otherwise: Rate


@dataclass(frozen=True)
class Episodes:
    """Arrests beyond the first (means, by how many agencies know the person) over `years`."""

    years: Amount
    extra_one: Amount
    extra_two: Amount
    extra_three: Amount
    dispersion: Amount


@dataclass(frozen=True)
class Aliases:
    """`per_person` is a mean at one episode, growing as episodes to the power `growth`."""

    per_person: Amount
    growth: Amount
    nickname: Share
    respelling: Share
    anglicised: Share
    surname_change: Share
    swapped: Share
    false_dob: Share
    borrowed: Share
    invented: Share


@dataclass(frozen=True)
class Moves:
    """Moving house."""

    per_year: Amount
    same_outcode: Rate
    same_area: Rate


@dataclass(frozen=True)
class Groups:
    """Multipliers on the error rates of a group's records."""

    born_abroad_names: Amount
    born_abroad_dates: Amount
    homeless_names: Amount
    homeless_addresses: Amount
    women_surnames: Amount


@dataclass(frozen=True)
class Typos:
    """What kind of slip a slip of the pen is."""

    keyboard: Share
    ocr: Share
    phonetic: Share
    insertion: Share
    deletion: Share
    transposition: Share
    truncation: Share


@dataclass(frozen=True)
class Agency:
    """How one agency records people; rates are per record unless said otherwise.

    `coverage` is the share of a known person's episodes that have a record, `copied` the share
    of later records copied from the first, `address_lag` the mean age of an address in years.
    """

    coverage: Rate
    copied: Rate
    alias: Rate
    name_typo: Rate
    name_respelling: Rate
    name_nickname: Rate
    name_swapped: Rate
    name_missing: Rate
    name_marker: Rate
    name_title: Rate
    name_punctuation: Rate
    second_surname_dropped: Rate
    middle_missing: Rate
    middle_initial: Rate
    middle_merged: Rate
    middle_first: Rate
    dob_missing: Rate
    dob_placeholder: Rate
    dob_digit: Rate
    dob_day_month: Rate
    dob_wrong: Rate
    sex_missing: Rate
    sex_wrong: Rate
    postcode_missing: Rate
    postcode_placeholder: Rate
    postcode_typo: Rate
    postcode_unspaced: Rate
    no_fixed_abode: Rate
    address_lag: Amount
    pnc: Rate
    pnc_short: Rate
    pnc_wrong: Rate
    cro: Rate
    cro_placeholder: Rate


_SECTIONS: dict[str, type[Any]] = {
    "population": Population,
    "households": Households,
    "overlap": Overlap,
    "episodes": Episodes,
    "aliases": Aliases,
    "moves": Moves,
    "groups": Groups,
    "typos": Typos,
}
_TABLES: dict[str, type[Any]] = {"origins": Origin, "agencies": Agency}


@dataclass(frozen=True)
class Profile:
    """Every rate of a synthetic population.

    Build one with `Profile.named` or `Profile.from_toml`; both check every number.
    """

    name: str
    population: Population
    origins: Mapping[str, Origin]
    households: Households
    overlap: Overlap
    episodes: Episodes
    aliases: Aliases
    moves: Moves
    groups: Groups
    typos: Typos
    agencies: Mapping[str, Agency]

    @classmethod
    def named(cls, name: str) -> Profile:
        """Load one of the profiles that travel with the package.

        Raises
        ------
        InputError
            There is no profile of that name.
        """
        if name not in NAMES:
            raise InputError(f"no profile called {name!r}: choose one of {', '.join(NAMES)}")
        return _named(name)

    @classmethod
    def from_toml(cls, source: str | Path) -> Profile:
        """Read a profile from TOML text or from a file.

        What the TOML leaves out is taken from the profile that its key `base` names
        ("default" if it names none), so a file need only hold what differs.

        Raises
        ------
        InputError
            Not TOML, an unknown key, a rate outside 0 to 1, or shares that don't add up to 1.
        """
        text, label = _read(source)
        try:
            given = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{label} is not valid TOML: {error}") from None
        base = given.pop("base", "default")
        if not isinstance(base, str) or base not in NAMES:
            raise InputError(f"{label}: base must be one of {', '.join(NAMES)}, not {base!r}")
        merged = _as_dict(cls.named(base))
        merged["name"] = given.pop("name", "custom")
        return _build(_overlay(merged, given, label), label)


def _read(source: str | Path) -> tuple[str, str]:
    """Text of a profile and what to call it in messages; text has a line break or an '='."""
    if isinstance(source, str) and ("\n" in source or "=" in source or not source.strip()):
        return source, "profile"
    try:
        return Path(source).read_text("utf-8"), str(source)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the profile {source}: {error}") from None


@functools.cache
def _named(name: str) -> Profile:
    folder = resources.files("linkage.synth").joinpath("profiles")
    text = folder.joinpath(f"{name}.toml").read_text("utf-8")
    if name == "default":
        return _build({"name": name, **tomllib.loads(text)}, "default.toml")
    return Profile.from_toml(f'name = "{name}"\n{text}')


def _as_dict(profile: Profile) -> dict[str, Any]:
    """Every number of a profile as nested dictionaries."""
    plain: dict[str, Any] = {"name": profile.name}
    plain |= {key: asdict(getattr(profile, key)) for key in _SECTIONS}
    for key in _TABLES:
        plain[key] = {name: asdict(row) for name, row in getattr(profile, key).items()}
    return plain


def _overlay(base: dict[str, Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Put the numbers of `given` over those of `base`; a key that `base` lacks is unknown."""
    for key, value in given.items():
        if key not in base:
            known = ", ".join(sorted(set(base) - {"name"}))
            raise InputError(f"unknown key {key!r} in {where}: it must be one of {known}")
        if isinstance(base[key], dict) != isinstance(value, Mapping):
            kind = "a table" if isinstance(base[key], dict) else "a number"
            raise InputError(f"{where}: {key!r} must be {kind}, not {value!r}")
        if isinstance(value, Mapping):
            base[key] = _overlay(dict(base[key]), value, f"{where}, [{key}]")
        else:
            base[key] = value
    return base


def _build(plain: Mapping[str, Any], label: str) -> Profile:
    """Check every number and freeze it."""
    parts: dict[str, Any] = {
        key: _section(kind, plain[key], f"{label}, [{key}]") for key, kind in _SECTIONS.items()
    }
    for key, kind in _TABLES.items():
        rows = {n: _section(kind, row, f"{label}, [{key}.{n}]") for n, row in plain[key].items()}
        parts[key] = MappingProxyType(rows)
    _check_sum({n: o.share for n, o in parts["origins"].items()}, f"{label}, share in [origins.*]")
    return Profile(name=str(plain["name"]), **parts)


def _section(kind: type[_Section], values: Mapping[str, Any], where: str) -> _Section:
    hints = get_type_hints(kind, include_extras=True)
    # Every section is a dataclass, which the bound of a type variable can't say.
    units = {f.name: hints[f.name].__metadata__[0] for f in fields(kind)}  # type: ignore[arg-type]
    for key, unit in units.items():
        _check_number(key, values[key], unit, where)
    shares = {key: float(values[key]) for key, unit in units.items() if unit == "share"}
    if kind is not Origin and shares:
        _check_sum(shares, where)
    return kind(**{key: float(values[key]) for key in units})


def _check_number(key: str, value: object, unit: str, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: {key} must be a number, not {value!r}")
    if value < 0 or (unit != "amount" and value > 1):
        reach = "0 or more" if unit == "amount" else "from 0 to 1"
        raise InputError(f"{where}: {key} is {value}; it must be {reach}")


def _check_sum(shares: Mapping[str, float], where: str) -> None:
    total = math.fsum(shares.values())
    if abs(total - 1) > _SUM_TOLERANCE:
        keys = ", ".join(shares)
        raise InputError(f"{where}: {keys} add up to {total:g}; change them so that they make 1")
