"""List every rate of a profile as TOML, with the comments of the default profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from linkage.synth.profile import Profile, read_named

_SECTION = re.compile(r"\[([a-z_.]+)\]")
_RATE = re.compile(r"([a-z_0-9]+)( *= *)([-+.0-9e]+)")
_HEAD = """# Every rate of the profile {name!r}. Change what you like, delete what stays as it is:
# what a file leaves out is taken from the profile that its key `base` names. Then
#   linkage synth --people 1000 --profile FILE.toml -o DIR

name = "{name}"
base = "default"
"""


def list_rates(profile: Profile) -> str:
    """Write a profile as TOML that `Profile.from_toml` reads back; it has every key."""
    section: list[str] = []
    lines = []
    text = read_named("default")
    for line in text[text.index("\n[") :].splitlines():
        found = _SECTION.match(line)
        if found:
            section = found[1].split(".")
        code, sign, comment = line.partition("#")
        rates = _with_rates(code, profile, section)
        lines.append((rates.rstrip().ljust(len(code)) if sign else rates) + sign + comment)
    return _HEAD.format(name=profile.name) + "\n".join(lines) + "\n"


def _with_rates(code: str, profile: Profile, section: list[str]) -> str:
    """Put the profile's numbers into the part of a line that is no comment."""
    name, _, inline = code.partition("=")
    if "{" in inline:
        return name + "=" + _RATE.sub(_putting(profile, [*section, name.strip()]), inline)
    return _RATE.sub(_putting(profile, section), code)


def _putting(profile: Profile, section: list[str]) -> Callable[[re.Match[str]], str]:
    """Give what writes the profile's number over the one of a key."""
    rates: Any = profile
    for name in section:
        rates = rates[name] if isinstance(rates, Mapping) else getattr(rates, name)

    def put(key: re.Match[str]) -> str:
        number = repr(getattr(rates, key[1]))
        return key[1] + key[2] + (number if "." in key[3] else number.removesuffix(".0"))

    return put
