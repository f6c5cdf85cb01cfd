"""A plain implementation of clkhash's encoding, by its description: obviously right, and slow.

Filters are Python lists of 0 and 1. Nothing here imports `linkage` or clkhash, so that the fast
code is checked by something that doesn't share its mistakes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime


def encode(schema: dict, secret: bytes, rows: list[list[str]]) -> list[str]:
    """CLKs of all rows in text form; raises `ValueError` for a value that can't be encoded."""
    schema = to_version_3(schema)
    config = schema["clkConfig"]
    keys = derive_keys(secret, config["kdf"], len(schema["features"]))
    return [
        to_text(fold(one_filter(row, schema, keys), config.get("xor_folds", 0))) for row in rows
    ]


def to_version_3(schema: dict) -> dict:
    if schema["version"] == 1:
        config = schema["clkConfig"]
        features = [weighted(one, config["k"], config["hash"]) for one in schema["features"]]
        schema = schema | {"version": 2, "features": features}
    if schema["version"] == 2:
        schema = schema | {"version": 3, "features": [compared(f) for f in schema["features"]]}
    return schema


def weighted(feature: dict, k: int, hash_: dict) -> dict:
    if feature.get("ignored"):
        return feature
    weight = feature["hashing"].get("weight", 1.0)
    if weight == 0:
        return {"identifier": feature["identifier"], "ignored": True}
    hashing = feature["hashing"] | {"strategy": {"k": round(weight * k)}, "hash": hash_}
    return feature | {"hashing": hashing}


def compared(feature: dict) -> dict:
    if feature.get("ignored"):
        return feature
    hashing = feature["hashing"]
    comparison = {
        "type": "ngram",
        "n": hashing["ngram"],
        "positional": hashing.get("positional", False),
    }
    strategy = hashing["strategy"]
    if "k" in strategy:
        strategy = {"bitsPerToken": strategy["k"]}
    else:
        strategy = {"bitsPerFeature": strategy["numBits"]}
    return feature | {"hashing": hashing | {"comparison": comparison, "strategy": strategy}}


def derive_keys(secret: bytes, kdf: dict, features: int) -> list[tuple[bytes, bytes]]:
    """HKDF by RFC 5869: extract, expand, and cut into two keys per feature."""
    name = kdf.get("hash", "SHA256").lower()
    size = kdf.get("keySize", 64)
    salt = base64.b64decode(kdf.get("salt", "")) or bytes(hashlib.new(name).digest_size)
    info = base64.b64decode(kdf.get("info", ""))
    extracted = hmac.new(salt, secret, name).digest()
    stream = block = b""
    counter = 1
    while len(stream) < 2 * features * size:
        block = hmac.new(extracted, block + info + bytes([counter]), name).digest()
        stream += block
        counter += 1
    keys = [stream[j * size : (j + 1) * size] for j in range(2 * features)]
    return [(keys[2 * f], keys[2 * f + 1]) for f in range(features)]


def one_filter(row: list[str], schema: dict, keys: list[tuple[bytes, bytes]]) -> list[int]:
    config = schema["clkConfig"]
    length = config["l"] * 2 ** config.get("xor_folds", 0)
    bits = [0] * length
    for value, feature, pair in zip(row, schema["features"], keys, strict=True):
        if feature.get("ignored"):
            continue
        hashing = feature["hashing"]
        tokens = tokenise(form(value, feature), hashing["comparison"])
        encoding = feature["format"].get("encoding", "utf-8")
        for token, count in zip(tokens, shares(hashing["strategy"], len(tokens)), strict=True):
            message = token.encode(encoding)
            hash_ = hashing.get("hash", {"type": "blakeHash"})
            if hash_["type"] == "blakeHash":
                positions = blake(message, count, pair[0], length)
            else:
                prevent = hash_.get("prevent_singularity", False)
                positions = double(message, count, pair, length, prevent)
            for position in positions:
                bits[position] = 1
    return bits


def form(value: str, feature: dict) -> str:
    missing = feature["hashing"].get("missingValue")
    if missing and value == missing["sentinel"]:
        return missing.get("replaceWith", value)
    kind = feature["format"]["type"]
    if kind == "integer":
        return str(int(value, 10))
    if kind == "date":
        date = datetime.strptime(value, feature["format"]["format"])
        if date.year < 1000:
            raise ValueError("depends on the machine")
        return date.strftime("%Y%m%d")
    return value


def tokenise(value: str, comparison: dict) -> list[str]:
    if not value:
        return []
    if comparison["type"] == "exact":
        return [value]
    if comparison["type"] == "numeric":
        return neighbours(value, comparison)
    n = comparison["n"]
    padded = " " * (n - 1) + value + " " * (n - 1)
    windows = [padded[i : i + n] for i in range(len(padded) - n + 1)]
    if comparison.get("positional", False):
        return [f"{i + 1} {window}" for i, window in enumerate(windows)]
    return windows


def neighbours(value: str, comparison: dict) -> list[str]:
    precision = comparison.get("fractional_precision", 0)
    distance = round(comparison["thresholdDistance"] * 10**precision)
    try:
        number = int(value, 10) * 10**precision
    except ValueError:
        real = float(value)
        number = round(real * 10**precision) if precision > 0 else int(real)
    number *= 2 * comparison["resolution"]
    residue = number % distance
    if residue != 0:
        number += -residue if residue < distance / 2 else distance - residue
    reach = comparison["resolution"]
    return [str(number + i * distance) for i in range(-reach, reach + 1)]


def shares(strategy: dict, count: int) -> list[int]:
    if "bitsPerToken" in strategy:
        return [int(strategy["bitsPerToken"])] * count
    bits = int(strategy["bitsPerFeature"])
    return [bits // count + (place < bits % count) for place in range(count)]


def blake(message: bytes, count: int, key: bytes, length: int) -> list[int]:
    numbers: list[int] = []
    while len(numbers) < count:
        salt = str(len(numbers) // 32).encode()
        digest = hashlib.blake2b(message, digest_size=64, key=key, salt=salt).digest()
        numbers += [digest[2 * i] + 256 * digest[2 * i + 1] for i in range(32)]
    return [number % length for number in numbers[:count]]


def double(
    message: bytes, count: int, keys: tuple[bytes, bytes], length: int, prevent: bool
) -> list[int]:
    first = int(hmac.new(keys[0], message, "sha1").hexdigest(), 16) % length
    step = int(hmac.new(keys[1], message, "md5").hexdigest(), 16) % length
    extra = 0
    while prevent and step == 0:
        longer = message + chr(extra).encode()
        step = int(hmac.new(keys[1], longer, "md5").hexdigest(), 16) % length
        extra += 1
    return [(first + i * step) % length for i in range(count)]


def fold(bits: list[int], folds: int) -> list[int]:
    for _ in range(folds):
        half = len(bits) // 2
        bits = [a ^ b for a, b in zip(bits[:half], bits[half:], strict=True)]
    return bits


def to_text(bits: list[int]) -> str:
    bits = bits + [0] * (-len(bits) % 8)
    content = bytes(
        sum(bit << (7 - place) for place, bit in enumerate(bits[start : start + 8]))
        for start in range(0, len(bits), 8)
    )
    return base64.b64encode(content).decode()
