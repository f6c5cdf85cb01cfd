"""A profile: every rate that shapes a synthetic population, read from TOML and checked once."""

from __future__ import annotations

import difflib
import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from linkage.errors import InputError, shown
from linkage.synth.rates import (
    AGENCIES,
    SECTIONS,
    TABLES,
    Agency,
    Aliases,
    Episodes,
    Events,
    Groups,
    Households,
    Moves,
    Origin,
    Overlap,
    Population,
    Range,
    Typos,
)

__all__ = ["AGENCIES", "NAMES", "Agency", "Overlap", "Profile", "read_named"]

NAMES = ("default", "hard", "clean")
_SUM_TOLERANCE = 1e-6
#: A section with more keys than these is not listed in a message.
_FEW = 12
_Section = TypeVar("_Section")


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
    events: Events
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
            raise InputError(
                f"no profile called {shown(name)!r}: choose one of {', '.join(NAMES)}, or a file "
                "whose name ends in .toml"
            )
        return _named(name)

    @classmethod
    def from_toml(cls, source: str | Path) -> Profile:
        """Read a profile from TOML text or from a file.

        What the TOML leaves out is taken from what its key `base` names, one of NAMES or another
        file ("default" if it names none), so a file need only hold what differs.

        Raises
        ------
        InputError
            Not TOML, an unknown key, a number out of its range, shares that don't add up to 1, or
            files that are each other's base.
        """
        text, label = _read(source)
        path = None if label == _TEXT else Path(source)
        return _build(_merged(text, label, path, ()), label)


_TEXT = "profile"


def _read(source: str | Path) -> tuple[str, str]:
    """Text of a profile and what to call it in messages; text has a line break or an '='."""
    if isinstance(source, str) and ("\n" in source or "=" in source or not source.strip()):
        return source, _TEXT
    try:
        return Path(source).read_text("utf-8"), str(source)
    except UnicodeDecodeError:
        raise InputError(f"{source}: not a text file in UTF-8, so no profile") from None
    except OSError as error:
        raise InputError(f"cannot read the profile {source}: {error.strerror}") from None


def _merged(text: str, label: str, path: Path | None, parents: tuple[Path, ...]) -> dict[str, Any]:
    """Parse a profile and lay it over its base; `parents` are the files whose base it is."""
    try:
        given = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{label} is not valid TOML: {shown(error, 120)}") from None
    name = given.pop("name", "custom")
    if not isinstance(name, str):
        raise InputError(f"{label}: name must be a text, not {shown(name)}")
    base = given.pop("base", "default")
    if base in NAMES if isinstance(base, str) else False:
        under = _as_dict(Profile.named(base))
    elif isinstance(base, str) and base.endswith(".toml"):
        under = _merged_file(base, label, path, parents)
    else:
        raise InputError(
            f"{label}: base must be one of {', '.join(NAMES)} or a .toml file, not "
            f"{shown(repr(base))}"
        )
    return _overlay(under | {"name": name}, given, label)


def _merged_file(
    base: str, label: str, path: Path | None, parents: tuple[Path, ...]
) -> dict[str, Any]:
    """Read the file that another names as its base; a relative path starts at that other."""
    file = (path.parent if path else Path()) / base
    chain = (*parents, *([path.resolve()] if path else []))
    if file.resolve() in chain:
        names = " -> ".join(one.name for one in (*chain, file))
        raise InputError(f"{label}: base goes in a circle: {names}")
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{label}: base: can't read {file}") from None
    return _merged(text, str(file), file, chain)


@functools.cache
def _named(name: str) -> Profile:
    if name == "default":
        return _build({"name": name, **tomllib.loads(read_named(name))}, "default.toml")
    return Profile.from_toml(f'name = "{name}"\n{read_named(name)}')


def read_named(name: str) -> str:
    """Read the text of one of NAMES."""
    folder = resources.files("linkage.synth").joinpath("profiles")
    return folder.joinpath(f"{name}.toml").read_text("utf-8")


def _as_dict(profile: Profile) -> dict[str, Any]:
    """Every number of a profile as nested dictionaries."""
    plain: dict[str, Any] = {"name": profile.name}
    plain |= {key: asdict(getattr(profile, key)) for key in SECTIONS}
    for key in TABLES:
        plain[key] = {name: asdict(row) for name, row in getattr(profile, key).items()}
    return plain


def _overlay(base: dict[str, Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Put the numbers of `given` over those of `base`; a key that `base` lacks is unknown."""
    for key, value in given.items():
        if key not in base:
            raise InputError(f"unknown key {shown(key)!r} in {where}{_hint(key, base)}")
        if isinstance(base[key], dict) != isinstance(value, Mapping):
            kind = "a table" if isinstance(base[key], dict) else "a number"
            raise InputError(f"{where}: {key!r} must be {kind}, not {shown(repr(value))}")
        if isinstance(value, Mapping):
            base[key] = _overlay(dict(base[key]), value, f"{where}, [{key}]")
        else:
            base[key] = value
    return base


def _hint(key: str, base: Mapping[str, Any]) -> str:
    known = sorted(set(base) - {"name"})
    close = difflib.get_close_matches(key, known, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    if len(known) <= _FEW:
        return f": it must be one of {', '.join(known)}"
    return "; `linkage synth --print-profile default` lists all"


def _build(plain: Mapping[str, Any], label: str) -> Profile:
    """Check every number and freeze it."""
    parts: dict[str, Any] = {
        key: _section(kind, plain[key], f"{label}, [{key}]") for key, kind in SECTIONS.items()
    }
    for key, kind in TABLES.items():
        rows = {n: _section(kind, row, f"{label}, [{key}.{n}]") for n, row in plain[key].items()}
        parts[key] = MappingProxyType(rows)
    _check_sum({n: o.share for n, o in parts["origins"].items()}, f"{label}, share in [origins.*]")
    return Profile(name=str(plain["name"]), **parts)


def _section(kind: type[_Section], values: Mapping[str, Any], where: str) -> _Section:
    hints = get_type_hints(kind, include_extras=True)
    # Every section is a dataclass, which the bound of a type variable can't say.
    ranges: dict[str, Range] = {
        f.name: hints[f.name].__metadata__[0]
        for f in fields(kind)  # type: ignore[arg-type]
    }
    for key, reach in ranges.items():
        _check_number(key, values[key], reach, where)
    shares = {key: float(values[key]) for key, reach in ranges.items() if reach.share}
    if kind is not Origin and shares:
        _check_sum(shares, where)
    return kind(**{key: float(values[key]) for key in ranges})


def _check_number(key: str, value: object, reach: Range, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InputError(f"{where}: {key} must be a number, not {shown(repr(value))}")
    if not reach.low <= value <= reach.high:
        raise InputError(
            f"{where}: {key} is {shown(value)}; it must be from {reach.low} to {reach.high}"
        )


def _check_sum(shares: Mapping[str, float], where: str) -> None:
    total = math.fsum(shares.values())
    if abs(total - 1) > _SUM_TOLERANCE:
        keys = ", ".join(shares)
        raise InputError(f"{where}: {keys} add up to {total:g}; change them so that they make 1")
