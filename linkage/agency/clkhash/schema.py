"""clkhash's linkage schema: the agreement between parties who link with clkhash.

`ClkhashSchema.parse` reads a document of version 1, 2 or 3 as clkhash 0.18.3 reads it
(`clkhash.schema.from_json_dict`): it refuses what clkhash refuses, at once instead of at the first
row, and warns of what clkhash passes over in silence.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import warnings
from dataclasses import asdict, dataclass
from typing import Any

from linkage.agency.clkhash.documents import MAX_HASHED_BITS, Content, upgrade
from linkage.agency.clkhash.features import Feature, Hashing, parse_feature
from linkage.errors import InputError

_DIGEST_BYTES = {"SHA256": 32, "SHA512": 64}
_MAX_BLAKE_KEY = 64


@dataclass(frozen=True)
class KeyDerivation:
    """Parameters of HKDF (RFC 5869)."""

    hash: str
    salt: bytes
    info: bytes
    key_size: int


@dataclass(frozen=True)
class ClkhashSchema:
    """A schema of clkhash, upgraded to version 3 and checked. Make one with `parse`.

    `length` is the number of bits of a filter after `folds` XOR foldings; `version` is that of
    the document.
    """

    version: int
    length: int
    folds: int
    derivation: KeyDerivation
    features: tuple[Feature, ...]

    @classmethod
    def parse(cls, content: dict[str, Any]) -> ClkhashSchema:
        """Check the content of a schema document of version 1, 2 or 3.

        Warns
        -----
        UserWarning
            For what clkhash accepts and does otherwise than its reader would think: `xorFolds`,
            a sentinel that is encoded as text, keys that are ignored, a salt that isn't base64.

        Raises
        ------
        InputError
            For what clkhash refuses, or would fail on at the first row; names the key, and the
            feature by its index from 0.
        """
        document, ignored = upgrade(content)
        config = document["clkConfig"]
        features = tuple(
            parse_feature(feature, f"features[{index}]")
            for index, feature in enumerate(document["features"])
        )
        derivation = _derivation(config["kdf"])
        folds = config.get("xor_folds", 0)
        schema = cls(int(content["version"]), config["l"], folds, derivation, features)
        _check_lengths(schema)
        _warn(content, schema, ignored)
        return schema

    @property
    def columns(self) -> tuple[tuple[str, bool], ...]:
        """Identifier of every column in order, and whether it is ignored."""
        return tuple((feature.identifier, feature.ignored) for feature in self.features)

    def digest(self) -> str:
        """SHA-256 of all that encoding depends on, 64 hexadecimal digits.

        It is the same for a document and its upgrades, and doesn't depend on descriptions.
        """
        content = {key: value for key, value in asdict(self).items() if key != "version"}
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=bytes.hex)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _derivation(content: Content) -> KeyDerivation:
    return KeyDerivation(
        hash=content.get("hash", "SHA256"),
        salt=_bytes(content.get("salt", ""), "clkConfig.kdf.salt"),
        info=_bytes(content.get("info", ""), "clkConfig.kdf.info"),
        key_size=content.get("keySize", 64),
    )


def _bytes(encoded: str, place: str) -> bytes:
    try:
        return base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        raise InputError(f"{place}: not base64") from None


def _check_lengths(schema: ClkhashSchema) -> None:
    """Refuse what clkhash fails on when it encodes the first row."""
    if not schema.features:
        raise InputError("features: there are none")
    size, derivation = schema.derivation.key_size, schema.derivation
    most = 255 * _DIGEST_BYTES[derivation.hash] // (2 * size)
    if len(schema.features) > most:
        raise InputError(
            f"features: {len(schema.features)} columns, ignored ones included, but HKDF with "
            f"{derivation.hash} gives two keys of {size} bytes for {most} columns at most; remove "
            f"columns, or agree on another kdf.hash or keySize, which changes every CLK"
        )
    hashed = schema.length << schema.folds
    if hashed > MAX_HASHED_BITS:
        raise InputError(f"clkConfig: l * 2**xor_folds must be at most {MAX_HASHED_BITS}")
    for index, feature in enumerate(schema.features):
        if feature.hashing is not None:
            _check_hash(feature.hashing, hashed, size, f"features[{index}].hashing.hash")


def _check_hash(hashing: Hashing, hashed: int, key_size: int, place: str) -> None:
    if hashing.prevent_singularity and hashed == 1:
        raise InputError(f"{place}.prevent_singularity: can't be had in a filter of one bit")
    if hashing.hash_type == "doubleHash":
        return
    if hashed & (hashed - 1):
        raise InputError(
            f"{place}: blakeHash needs a filter whose length before folding is a power of two, "
            f"not {hashed} bits"
        )
    if key_size > _MAX_BLAKE_KEY:
        raise InputError(f"{place}: blakeHash takes keys of at most 64 bytes; kdf.keySize is more")


def _warn(content: Content, schema: ClkhashSchema, ignored: list[str]) -> None:
    """Say what clkhash passes over in silence."""
    if "xorFolds" in content["clkConfig"]:
        _say(
            f"clkConfig.xorFolds does nothing: clkhash 0.18.3 reads 'xor_folds', so filters are "
            f"folded {schema.folds} times here as there"
        )
    for name in ("salt", "info"):
        given = content["clkConfig"]["kdf"].get(name, "")
        if base64.b64encode(_bytes(given, name)).decode() != given:
            _say(f"clkConfig.kdf.{name} isn't clean base64: clkhash skips what it can't read")
    for place in ignored:
        _say(f"{place}: clkhash doesn't know this key and ignores it, and so does linkage")
    for index, feature in enumerate(schema.features):
        hashing = feature.hashing
        if hashing and hashing.sentinel and hashing.replacement == hashing.sentinel:
            _say(
                f"features[{index}].hashing.missingValue has no replaceWith: clkhash encodes the "
                f"sentinel like any other text, so two records with a missing value agree on it"
            )


def _say(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=4)
