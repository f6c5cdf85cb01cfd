"""Encodings to choose from: a schema's text with other hardening, all else and comments kept.

The text is edited line by line and read again: it must then say what was meant, or it is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linkage.errors import InputError
from linkage.schema import BlockingPass, LinkageSchema

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*(#.*)?$")
#: Share of bits that a value sets, at the fill of .15 that diffusion wants.
_THIN = 0.163
#: Plain codes of anchored schemas: their size, as `schema init` drafts it.
_ANCHORED_BITS = 64


@dataclass(frozen=True)
class Choice:
    """An encoding: its name, the steps, and what the plain filters before them are like.

    `bits` is the size of filters, the schema's own if not given; a value (at record level a record)
    sets `load` of them, counted with repeats. `anchors` are the passes of anchored codes.
    """

    name: str
    steps: tuple[Mapping[str, Any], ...] = ()
    bits: int | None = None
    load: float | None = None
    anchors: tuple[BlockingPass, ...] = field(default=(), repr=False)


def choices(schema: LinkageSchema) -> Iterator[Choice]:
    """Give the encodings that are tried at the schema's level, anchored codes apart."""
    yield Choice("plain")
    year = next((one.name for one in schema.field if one.type == "date"), None)
    salt = {"method": "salting", "by": f"{year}:year"}
    others = any(one.name != year for one in schema.compared_fields)
    if schema.level == "record":
        yield Choice("saul, 3 hashes, 4096 bits", (_saul(3, 4096),))
        yield Choice("saul, 3 hashes, 1024 bits", (_saul(3, 1024),))
        yield Choice("diffusion, 10 of 4096 bits", (_diffusion(4096),), 4096, _THIN)
        if year and others:
            yield Choice("salting by year", (salt,))
            yield Choice("salting, saul 2, 4096 bits", (salt, _saul(2, 4096)))
        return
    yield Choice("saul, 4 hashes, 512 bits", (_saul(4, 512),))
    yield Choice("diffusion, 10 of 512 bits", (_diffusion(512),), 512, _THIN)
    if year and others:
        yield Choice("salting by year", (salt,))
        yield Choice("salting, saul 2, 512 bits", (salt, _saul(2, 512)))


def _saul(hashes: int, bits: int) -> dict[str, Any]:
    return {"method": "saul", "bits": bits, "hashes": hashes}


def _diffusion(bits: int) -> dict[str, Any]:
    return {"method": "diffusion", "bits": bits, "positions": 10}


def with_choice(text: str, choice: Choice) -> str:
    """Give the text of a schema with another encoding.

    Raises `InputError` where the text is laid out so that it can't be edited line by line.
    """
    content = tomllib.loads(text)
    schema = LinkageSchema.from_content(content)
    wanted = _content(content, schema, choice)
    parts = [one for one in _parts(text) if one.name != "hardening"]
    notes = [line for one in _parts(text) if one.name == "hardening" for line in one.notes()]
    if choice.anchors:
        parts = [one for one in parts if one.name != "blocking"]
        parts[0].set("anchored", "true", after="level")
    bits = wanted.get("filter", {}).get("bits")
    place = next((place for place, one in enumerate(parts) if one.name == "filter"), None)
    if place is None and bits is not None:
        parts.insert(1, _Part("filter", ["[filter]\n", f"bits = {bits}\n", "\n"]))
    elif place is not None and bits is not None:
        parts[place].set("bits", str(bits))
    fields = [one for one in parts if one.name == "field"]
    for part, one in zip(fields, wanted["field"], strict=False):
        if choice.load and "bits_per_feature" in one:
            part.set("bits_per_feature", str(one["bits_per_feature"]))
    lines = [line for one in parts for line in one.lines] + notes
    edited = "".join(lines).rstrip("\n") + "\n" + _tables(choice)
    try:
        same = LinkageSchema.parse(edited) == LinkageSchema.from_content(wanted)
    except InputError:
        same = False
    if not same:
        raise InputError(
            "the schema can't be edited line by line; write [filter], [[field]], [[blocking]] and "
            "[[hardening]] as tables of their own, as `linkage schema init` does"
        )
    return edited


def _content(content: dict[str, Any], schema: LinkageSchema, choice: Choice) -> dict[str, Any]:
    """Give what the text must say."""
    made = {name: value for name, value in content.items() if name != "hardening"}
    if choice.steps:
        made["hardening"] = [dict(one) for one in choice.steps]
    if choice.anchors:
        made["anchored"] = True
        made["blocking"] = [{"name": one.name, "on": list(one.on)} for one in choice.anchors]
    bits = _ANCHORED_BITS if choice.anchors else choice.bits
    if bits is not None:
        made["filter"] = {**content.get("filter", {}), "bits": bits}
    if choice.load and bits is not None:
        known = schema.compared_fields
        whole = sum(one.bits_per_feature for one in known)
        if schema.level == "field":
            whole = max(one.bits_per_feature for one in known)
        scale = choice.load * bits / whole
        made["field"] = [
            {**one, "bits_per_feature": max(1, round(spec.bits_per_feature * scale))}
            if spec.type != "identifier"
            else one
            for one, spec in zip(content["field"], schema.field, strict=True)
        ]
    return made


@dataclass
class _Part:
    """A table of the text: its name, '' for what comes before the first, and its lines."""

    name: str
    lines: list[str]

    def set(self, key: str, value: str, after: str = "") -> None:
        """Set a key, whose line keeps its comment; a new one comes first, or behind another."""
        for place, line in enumerate(self.lines):
            found = re.match(rf"(\s*{key}\s*=\s*)[^#\s]+(.*)", line, re.DOTALL)
            if found:
                self.lines[place] = found[1] + value + found[2]
                return
        places = [n for n, line in enumerate(self.lines) if re.match(rf"\s*{after}\s*=", line)]
        place = places[0] + 1 if after and places else 1
        self.lines.insert(place, f"{key} = {value}\n")

    def notes(self) -> list[str]:
        """Give the lines that are nothing but comments."""
        return [line for line in self.lines if line.lstrip().startswith("#")]


def _parts(text: str) -> list[_Part]:
    parts = [_Part("", [])]
    for line in text.removeprefix("\ufeff").splitlines(keepends=True):
        found = _HEADER.match(line)
        if found:
            parts.append(_Part(found[1], []))
        parts[-1].lines.append(line if line.endswith("\n") else line + "\n")
    return parts


def _tables(choice: Choice) -> str:
    """Write the passes and steps as tables behind all others."""
    text = ""
    for one in choice.anchors:
        text += f'\n[[blocking]]\nname = "{one.name}"\non = {_value(one.on)}\n'
    for step in choice.steps:
        lines = "".join(f"{name} = {_value(value)}\n" for name, value in step.items())
        text += f"\n[[hardening]]\n{lines}"
    return text


def _value(value: str | float | Sequence[str]) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int | float):
        return str(value)
    return "[" + ", ".join(f'"{one}"' for one in value) + "]"
