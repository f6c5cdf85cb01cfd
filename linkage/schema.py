"""The linkage schema: the public, versioned agreement between parties on how records are encoded.

A schema is a TOML file made to be read and agreed by people. It holds no secret. Parties whose
`LinkageSchema.digest` differ can't be linked, so the digest is taken over the parsed content:
comments and layout don't matter.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from linkage.errors import InputError, LinkageError, MismatchError, shown
from linkage.events import EventSpec
from linkage.hardening import Salting, Steps, check_salting, check_steps, described, hardened_bits
from linkage.invalid import explain
from linkage.transfer import Transfer

SCHEMA_VERSION = 1
MAX_FIELDS = 32
#: Options of a field that only some types have.
_OPTIONS_OF_TYPES = {
    "date_formats": ("date",),
    "qgram": ("name", "text"),
    "step": ("number",),
    "neighbours": ("number",),
    "format": ("identifier",),
    "pattern": ("identifier",),
    "replace": ("name", "text", "postcode", "code", "identifier"),
}
MAX_FILTER_BITS = 16_384

FieldType = Literal["name", "date", "sex", "postcode", "text", "number", "code", "identifier"]
IdentifierFormat = Literal["pnc", "cro", "noms"]
Level = Literal["record", "field"]

#: What a part of a blocking key may make of a field's normalised value, by type of field.
TRANSFORMS: dict[str, frozenset[str]] = {
    "name": frozenset({"exact", "metaphone", "soundex", "nysiis", "first1", "first2", "first3"}),
    "text": frozenset({"exact", "metaphone", "soundex", "nysiis", "first1", "first2", "first3"}),
    "date": frozenset({"exact", "year", "year_month", "month_day"}),
    "postcode": frozenset({"exact", "outcode"}),
    "sex": frozenset({"exact"}),
    "number": frozenset({"exact"}),
    "code": frozenset({"exact", "first1", "first2", "first3"}),
    "identifier": frozenset({"exact"}),
}

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Joined = Annotated[tuple[Text, ...], Field(min_length=1, max_length=10)]


class _Part(BaseModel):
    """Every part of a schema is frozen and refuses keys that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FieldSpec(_Part):
    """One field: the columns that may hold it, how it is normalised, and its share of the bits.

    `columns` lists the headers under which files carry the field; a file must have exactly one
    of them, or none if `optional`. An entry that is itself a list is several columns whose texts
    are joined, such as three forenames. `bits_per_feature` is the number of bits that a value
    sets (at most), whatever its length: the field's weight at record level.

    `replace` holds rules of one's own: regular expressions, each with what to put in its place,
    applied one after the other to the normalised value. `step` and `neighbours` belong to
    numbers, `format` or `pattern` to identifiers. Fields with the same `several` hold several
    values in a cell, read in step: the first name belongs to the first date, and so on.
    """

    name: Name
    type: FieldType
    columns: Annotated[tuple[Text | Joined, ...], Field(min_length=1, max_length=50)]
    optional: bool = False
    qgram: Annotated[int, Field(ge=1, le=4)] = 2
    bits_per_feature: Annotated[int, Field(ge=1, le=2000)] = 100
    date_formats: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    placeholders: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    replace: Annotated[tuple[tuple[Text, str], ...], Field(max_length=100)] = ()
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    neighbours: Annotated[int, Field(ge=0, le=50)] = 2
    format: IdentifierFormat | None = None
    pattern: Text | None = None
    several: Name | None = None

    @field_validator("columns", "date_formats", "placeholders", "replace", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuple(value)

    @field_validator("pattern")
    @classmethod
    def _is_regex(cls, value: str | None) -> str | None:
        return value if value is None else _checked_regex(value)

    @field_validator("replace")
    @classmethod
    def _are_rules(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for regex, by in value:
            _checked_rule(regex, by)
        return value

    @property
    def headers(self) -> tuple[str, ...]:
        """All headers of the field's columns, joined ones one by one."""
        return tuple(
            header for one in self.columns for header in ((one,) if isinstance(one, str) else one)
        )

    @model_validator(mode="after")
    def _belong_to_the_type(self) -> Self:
        for option, kinds in _OPTIONS_OF_TYPES.items():
            if option in self.model_fields_set and self.type not in kinds:
                known = " or ".join(f"'{kind}'" for kind in kinds)
                raise ValueError(f"{option} belongs to fields of type {known} only")
        if self.format and self.pattern:
            raise ValueError("format and pattern exclude each other")
        return self

    @model_validator(mode="after")
    def _dates_are_whole(self) -> Self:
        for one in self.date_formats:
            if sorted(re.findall("%.?", one.replace("%b", "%m"))) != ["%Y", "%d", "%m"]:
                raise ValueError(
                    f"date_formats: '{shown(one)}' must have %Y, %d, and %m or %b, each once, and "
                    "no other"
                )
        return self


class BlockingPass(_Part):
    """One blocking pass: two records are compared if their keys on all parts are equal.

    A part is `field` or `field:transform` (see `TRANSFORMS`). With `unordered` the parts are
    sorted first, so that swapped names meet. With `max_share` an agency drops the keys that more
    than this share of its records have: they cost most, find least, and show the linker how
    common a value is (P-Sig, Zhang & al. 2017, arXiv 1712.09691).
    """

    name: Name
    on: Annotated[tuple[str, ...], Field(min_length=1, max_length=6)]
    unordered: bool = False
    max_share: Annotated[float, Field(gt=0, le=1)] | None = None

    @field_validator("on", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuple(value)

    @property
    def parts(self) -> tuple[tuple[str, str], ...]:
        """The (field, transform) pairs."""
        return tuple(_split_part(part) for part in self.on)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that the pass conditions on."""
        return frozenset(field for field, _ in self.parts)


class Filter(_Part):
    """Size of the Bloom filters: of the one per record, or of each of the ones per field."""

    bits: Annotated[int, Field(ge=64, le=MAX_FILTER_BITS, multiple_of=64)] = 1024


class Decision(_Part):
    """Defaults of the linker's decision; options of `linkage link` override them.

    `threshold` is a Dice similarity (record level), `probability` a match probability (field
    level). Pairs from `review_*` up to it are written for review and are not links. `agreement`
    holds the lower Dice bounds of a field's agreement levels, below 1, falling.
    """

    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    review_threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.65
    probability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    review_probability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    agreement: Annotated[tuple[float, ...], Field(min_length=1, max_length=6)] = (
        0.85,
        0.775,
        0.7,
        0.6,
        0.5,
    )

    @field_validator("agreement", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuple(value)

    @model_validator(mode="after")
    def _falling(self) -> Self:
        bounds = (1.0, *self.agreement, 0.0)
        if not all(high > low for high, low in pairwise(bounds)):
            raise ValueError("agreement must fall strictly and lie between 0 and 1")
        if self.review_threshold > self.threshold:
            raise ValueError("review_threshold must not be above threshold")
        if self.review_probability > self.probability:
            raise ValueError("review_probability must not be above probability")
        return self


class LinkageSchema(_Part):
    """What all parties agreed on. Load it with `LinkageSchema.load`.

    `list_separator` parts several values in a cell of a CSV file, for fields with `several`.
    `clkhash` is the document of a clkhash schema, accepted as it is; then there are no fields or
    passes of our own, and all pairs are compared. `events` may be passed along beside encodings.
    With `anchored`, each pass has codes of its own that compare within its blocks alone.
    """

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    level: Level
    record_id: Annotated[tuple[Text, ...], Field(max_length=50)] = ()
    list_separator: Annotated[str, Field(min_length=1, max_length=3)] = ";"
    anchored: bool = False
    filter: Filter = Filter()
    hardening: Annotated[Steps, Field(max_length=8)] = ()
    field: Annotated[tuple[FieldSpec, ...], Field(max_length=MAX_FIELDS)] = ()
    blocking: Annotated[tuple[BlockingPass, ...], Field(max_length=32)] = ()
    decision: Decision = Decision()
    events: EventSpec | None = None
    clkhash: dict[str, Any] | None = None

    @field_validator("record_id", "hardening", "field", "blocking", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return _as_tuple(value)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.clkhash is not None:
            if self.field or self.blocking or self.events or self.level != "record":
                raise ValueError("a clkhash schema has no fields, passes or levels of ours")
            if self.hardening:
                raise ValueError("a clkhash schema has no hardening of ours")
            return self
        for part, known in (("field", self.field), ("blocking", self.blocking)):
            if not known:
                raise ValueError(f"{part}: there must be at least one [[{part}]]")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.clkhash is not None:
            return self
        _refuse_repeats("field", [field.name for field in self.field])
        _refuse_repeats("blocking pass", [one.name for one in self.blocking])
        encoded = [header for field in self.field for header in field.headers]
        _refuse_repeats("column", encoded)
        if self.events:
            self.events.refuse((*encoded, *self.record_id))
        types = {field.name: field.type for field in self.field}
        for one in self.blocking:
            for field, transform in one.parts:
                if field not in types:
                    raise ValueError(f"blocking pass '{one.name}': unknown field '{shown(field)}'")
                if transform not in TRANSFORMS[types[field]]:
                    known = ", ".join(sorted(TRANSFORMS[types[field]]))
                    raise ValueError(
                        f"blocking pass '{one.name}': a field of type '{types[field]}' has no "
                        f"transform '{shown(transform)}'; it has {known}"
                    )
        if not self.compared_fields:
            raise ValueError("no field is compared: identifiers serve for blocking only")
        check_steps(self.hardening, self.level, self.filter.bits, MAX_FILTER_BITS)
        for step in self.hardening:
            if isinstance(step, Salting):
                check_salting(step, dict(types), TRANSFORMS)
        if self.anchored:
            _check_anchors(self)
        return self

    @classmethod
    def load(cls, path: str | Path) -> LinkageSchema:
        """Read and check a schema file: ours in TOML, or one of clkhash in JSON.

        Raises `InputError` that names the file and the key, and `MismatchError` for another
        version.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
            return cls.parse_clkhash(text) if text.lstrip().startswith("{") else cls.parse(text)
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a UTF-8 text file, so not a linkage schema") from None
        except LinkageError as error:
            raise type(error)(f"{path}: {error}") from None

    @classmethod
    def parse(cls, text: str) -> LinkageSchema:
        """Check the text of a schema. Raises `InputError` that names the key."""
        try:
            content = tomllib.loads(text)
        except RecursionError:
            raise InputError("not valid TOML: nested too deeply") from None
        except ValueError as error:
            raise InputError(f"not valid TOML: {str(error)[:200]}") from None
        return cls.from_content(content)

    @classmethod
    def parse_clkhash(cls, text: str) -> LinkageSchema:
        """Take the text of a clkhash schema (versions 1 to 3). The agency's encoder checks it."""
        try:
            document = json.loads(text)
            length = document["clkConfig"]["l"]
            version = document["version"]
        except (ValueError, RecursionError):
            raise InputError("not valid JSON") from None
        except (KeyError, TypeError):
            raise InputError("not a clkhash schema: it has no version or no clkConfig.l") from None
        if type(length) is not int or not 1 <= length <= MAX_FILTER_BITS:
            raise InputError(f"clkConfig.l must be a whole number from 1 to {MAX_FILTER_BITS}")
        return cls.from_clkhash(document, f"clkhash-v{re.sub('[^0-9]', '', str(version))[:3]}")

    @classmethod
    def from_clkhash(cls, document: dict[str, Any], name: str) -> LinkageSchema:
        """Wrap the document of a clkhash schema whose `clkConfig.l` is known to be good."""
        words = -(-document["clkConfig"]["l"] // 64)
        return cls(
            version=1, name=name, level="record", filter=Filter(bits=64 * words), clkhash=document
        )

    @classmethod
    def from_content(cls, content: object) -> LinkageSchema:
        """Check parsed content (of a TOML file, or of the manifest of an encoded file)."""
        version = content.get("version") if isinstance(content, dict) else None
        if type(version) is int and version != SCHEMA_VERSION:
            raise MismatchError(
                f"schema version {shown(version, 20)} is not known to this release, which reads "
                f"version {SCHEMA_VERSION}; update linkage, or correct the line"
            )
        if isinstance(version, bool | float):
            raise InputError(f"version: write {SCHEMA_VERSION}, a whole number")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise InputError(explain(error)) from None

    def content(self) -> dict[str, Any]:
        """Give the content as plain JSON values, without what is as by default.

        Defaults never change within a schema version, so that a release that knows more options
        gives the same schema the same digest.
        """
        return self.model_dump(mode="json", exclude_defaults=True) | {"version": self.version}

    def digest(self) -> str:
        """SHA-256 of the content in canonical JSON, 64 hexadecimal digits."""
        canonical = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def compared_fields(self) -> tuple[FieldSpec, ...]:
        """The fields that get bits. Identifiers don't: one wrong digit is another person."""
        return tuple(field for field in self.field if field.type != "identifier")

    @property
    def slice_bits(self) -> int:
        """Bits of each slice of an encoded row, hardening included."""
        return hardened_bits(self.hardening, self.filter.bits)

    @property
    def hardening_texts(self) -> list[str]:
        """What hardening there is, in the words of the manifest of encoded files."""
        shares = [field.bits_per_feature for field in self.compared_fields]
        return described(self.hardening, self.filter.bits, shares)

    def transfer(self, slice_name: str = "") -> Transfer:
        """Give what hardening makes of Dice in a slice: that of a field, or of the record."""
        loads = {field.name: field.bits_per_feature for field in self.compared_fields}
        load = loads[slice_name] if self.level == "field" else sum(loads.values())
        return Transfer(self.hardening, self.filter.bits, load)


def _check_anchors(schema: LinkageSchema) -> None:
    """Refuse anchored codes where the linker could not learn from them."""
    if schema.level != "field":
        raise ValueError('anchored: codes are of fields; write level = "field"')
    if schema.hardening:
        raise ValueError("anchored: the codes are hardened in themselves; leave hardening out")
    compared = {field.name for field in schema.compared_fields}
    exact = [
        one.fields
        for one in schema.blocking
        if not one.unordered
        and one.fields <= compared
        and all(transform == "exact" for _, transform in one.parts)
    ]
    fixed = compared.intersection(*exact) if exact else compared
    if fixed:
        raise ValueError(
            f"anchored: no blocking pass on whole values leaves '{min(fixed)}' free, so that the "
            "linker could learn how often it agrees; add one that does"
        )


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _checked_regex(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        raise ValueError(f"'{shown(text)}' is not a regular expression") from None
    return text


def _checked_rule(regex: str, by: str) -> None:
    _checked_regex(regex)
    try:
        re.compile(regex).sub(by, "")
    except (re.error, IndexError):
        raise ValueError(f"'{shown(by)}' can't replace what '{shown(regex)}' finds") from None


def _split_part(part: str) -> tuple[str, str]:
    field, _, transform = part.partition(":")
    return field, transform or "exact"


def _refuse_repeats(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} '{shown(name)}' appears more than once")
