"""The shapes of schema documents of versions 1, 2 and 3, and the upgrades between them.

The first step of clkhash 0.18.3 (`clkhash.schema`): a document is checked under the published
JSON schema of its own version, upgraded step by step to version 3, and checked again.
"""

from __future__ import annotations

from typing import Any

from linkage.agency.clkhash.shapes import (
    Check,
    Shape,
    anything,
    boolean,
    choice,
    integer,
    positive,
    text,
    texts,
    weight,
)
from linkage.errors import InputError

#: Bounds of this library: clkhash has none, and takes hours or all memory beyond them.
MAX_HASHED_BITS = 1 << 20
MAX_BITS = 1 << 16
MAX_NGRAM = 1_000
MAX_RESOLUTION = 10_000
MAX_PRECISION = 300

Content = dict[str, Any]


def upgrade(content: Any) -> tuple[Content, list[str]]:
    """Check a document of any version; give it as version 3, and the places of ignored keys.

    Raises `InputError` that names the first place that is wrong.
    """
    if not isinstance(content, dict):
        raise InputError("a clkhash schema is an object with the key 'version'")
    version = content.get("version")
    if isinstance(version, bool) or version not in (1, 2, 3):
        raise InputError(f"version: must be 1, 2 or 3, not {version!r}")
    ignored: list[str] = []
    _DOCUMENTS[int(version)](content, "", ignored)
    if version == 3:
        return content, ignored
    upgraded = _from_version_2(_from_version_1(content) if version == 1 else content)
    try:
        _DOCUMENTS[3](upgraded, "", [])
    except InputError as error:
        raise InputError(f"{error} (after the upgrade to version 3)") from None
    return upgraded, ignored


def _from_version_1(content: Content) -> Content:
    config = content["clkConfig"]
    return {
        "clkConfig": {
            "l": config["l"],
            "xor_folds": config.get("xor_folds", 0),
            "kdf": config["kdf"],
        },
        "features": [_with_strategy(feature, config) for feature in content["features"]],
    }


def _with_strategy(feature: Content, config: Content) -> Content:
    """Turn a weight into bits per token: `round(weight * k)`, halves to even; 0 is ignored."""
    if feature.get("ignored", False):
        return feature
    hashing = dict(feature["hashing"])
    share = hashing.pop("weight", 1.0)
    if share == 0:
        return {"identifier": feature["identifier"], "ignored": True}
    hashing |= {"strategy": {"k": round(share * config["k"])}, "hash": config["hash"]}
    return feature | {"hashing": hashing}


def _from_version_2(content: Content) -> Content:
    return content | {
        "version": 3,
        "features": [_with_comparison(feature) for feature in content["features"]],
    }


def _with_comparison(feature: Content) -> Content:
    if feature.get("ignored", False):
        return feature
    hashing = dict(feature["hashing"])
    hashing["comparison"] = {
        "type": "ngram",
        "n": hashing.pop("ngram"),
        "positional": hashing.pop("positional", False),
    }
    names = {"k": "bitsPerToken", "numBits": "bitsPerFeature"}
    strategy = {names.get(key, key): value for key, value in hashing["strategy"].items()}
    return feature | {"hashing": hashing | {"strategy": strategy}}


def _by_type(shapes: dict[str, Shape]) -> Check:
    """Check an object by the shape that its key `type` names."""

    def check(value: Any, place: str, ignored: list[str]) -> None:
        if not isinstance(value, dict) or "type" not in value:
            raise InputError(f"{place}: must be an object with the key 'type'")
        kind = value["type"]
        if not isinstance(kind, str) or kind not in shapes:
            raise InputError(f"{place}.type: must be {' or '.join(shapes)}")
        shapes[kind](value, place, ignored)

    return check


_KDF = Shape(
    {
        "type": choice("HKDF"),
        "hash": choice("SHA256", "SHA512"),
        "salt": text,
        "info": text,
        "keySize": integer(1),
    },
    ("type",),
    closed=False,
)
_HASH = _by_type(
    {
        "doubleHash": Shape({"type": text, "prevent_singularity": boolean}, ("type",), False),
        "blakeHash": Shape({"type": text, "prevent_singularity": anything}, ("type",), False),
    }
)
_MISSING = Shape({"sentinel": text, "replaceWith": text}, ("sentinel",), closed=False)
_CONFIG: dict[str, Check] = {
    "l": integer(1, MAX_HASHED_BITS),
    "kdf": _KDF,
    "xorFolds": integer(0, whole_floats=True),
    "xor_folds": integer(0, MAX_HASHED_BITS.bit_length() - 1),
}


def _format(*, whole_floats: bool) -> Check:
    length = integer(0, whole_floats=whole_floats)
    bound = integer(None, whole_floats=whole_floats)
    common: dict[str, Check] = {"type": text, "description": text}
    coded = common | {"encoding": choice("ascii", "utf-8", "utf-16", "utf-32")}
    pattern = Shape(coded | {"pattern": text}, ("type", "pattern"))
    plain = Shape(
        coded
        | {
            "case": choice("upper", "lower", "mixed"),
            "minLength": length,
            "maxLength": integer(1, whole_floats=whole_floats),
        },
        ("type",),
    )
    others = {
        "integer": Shape(common | {"minimum": bound, "maximum": bound}, ("type",)),
        "date": Shape(common | {"format": text}, ("type", "format")),
        "enum": Shape(common | {"values": texts}, ("type", "values")),
    }

    def check(value: Any, place: str, ignored: list[str]) -> None:
        is_pattern = isinstance(value, dict) and "pattern" in value
        string = pattern if is_pattern else plain
        _by_type({"string": string, **others})(value, place, ignored)

    return check


def _strategy(keys: dict[str, Check]) -> Check:
    """Check that exactly one of two ways to share out bits is given."""

    def check(value: Any, place: str, ignored: list[str]) -> None:
        if not isinstance(value, dict) or len(keys.keys() & value) != 1:
            raise InputError(f"{place}: must have one of the keys {' and '.join(keys)}")
        Shape(keys, ())(value, place, ignored)

    return check


_BITS = integer(1, MAX_BITS, whole_floats=True)
_COMPARISON = _by_type(
    {
        "ngram": Shape(
            {"type": text, "n": integer(1, MAX_NGRAM), "positional": boolean},
            ("type", "n"),
            closed=False,
        ),
        "exact": Shape({"type": text}, ("type",), closed=False),
        "numeric": Shape(
            {
                "type": text,
                "thresholdDistance": positive,
                "resolution": integer(1, MAX_RESOLUTION),
                "fractional_precision": integer(0, MAX_PRECISION),
            },
            ("type", "thresholdDistance", "resolution"),
            closed=False,
        ),
    }
)
_HASHING = {
    1: Shape(
        {"ngram": integer(0), "positional": boolean, "weight": weight, "missingValue": _MISSING},
        ("ngram",),
        closed=False,
    ),
    2: Shape(
        {
            "ngram": integer(1, MAX_NGRAM),
            "positional": boolean,
            "strategy": _strategy({"k": anything, "numBits": anything}),
            "hash": _HASH,
            "missingValue": _MISSING,
        },
        ("ngram", "strategy"),
    ),
    3: Shape(
        {
            "comparison": _COMPARISON,
            "strategy": _strategy({"bitsPerToken": _BITS, "bitsPerFeature": _BITS}),
            "hash": _HASH,
            "missingValue": _MISSING,
        },
        ("comparison", "strategy"),
    ),
}


def _feature(version: int) -> Check:
    """Check a feature, or a column to ignore.

    Up to version 2 a feature that is both is refused; in version 3 an ignored column has no
    other key than `identifier` and `description`, or all that a feature has.
    """
    names: dict[str, Check] = {"identifier": text, "description": text, "ignored": boolean}
    column = Shape(names, ("identifier", "ignored"), closed=version == 3)
    feature = Shape(
        names | {"format": _format(whole_floats=version > 1), "hashing": _HASHING[version]},
        ("identifier", "format", "hashing"),
        closed=False,
    )

    def check(value: Any, place: str, ignored: list[str]) -> None:
        whole = isinstance(value, dict) and {"format", "hashing"} <= value.keys()
        if not isinstance(value, dict) or value.get("ignored") is not True or whole:
            feature(value, place, ignored)
        else:
            column(value, place, ignored)
        if whole and version < 3 and value.get("ignored") is True:
            raise InputError(f"{place}.ignored: clkhash refuses it beside 'format' and 'hashing'")

    return check


def _features(version: int) -> Check:
    one = _feature(version)

    def check(value: Any, place: str, ignored: list[str]) -> None:
        if not isinstance(value, list):
            raise InputError(f"{place}: must be a list")
        for index, feature in enumerate(value):
            one(feature, f"{place}[{index}]", ignored)

    return check


def _document(version: int) -> Shape:
    config = _CONFIG
    required: tuple[str, ...] = ("l", "kdf")
    if version == 1:
        config = config | {"k": integer(1, MAX_BITS), "hash": _HASH}
        required += ("k", "hash")
    return Shape(
        {
            "version": anything,
            "clkConfig": Shape(config, required, closed=False),
            "features": _features(version),
        },
        ("version", "clkConfig", "features"),
        closed=False,
    )


_DOCUMENTS = {version: _document(version) for version in (1, 2, 3)}
