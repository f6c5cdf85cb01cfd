"""Compare our CLKs with those of clkhash itself, bit by bit, on random schemas and rows.

clkhash lives in an environment of its own (`benchmarks/requirements-clkhash.txt`):

    python -m benchmarks.clkhash_differential --python .venv-clkhash/bin/python

Also compares what both refuse: every schema is damaged in one place, and must then be refused by
us if clkhash fails on it. Writes `benchmarks/results/clkhash_differential.json`.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import random
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from linkage import __version__
from linkage.agency.clkhash import ClkhashSchema, encode_clks, read_raw_column
from linkage.errors import InputError
from linkage.io.clks import to_base64

RESULTS = Path(__file__).with_name("results") / "clkhash_differential.json"
SEED = 20_240_611
SCHEMAS, ROWS, DAMAGED_PER_SCHEMA = 300, 50, 4

Case = dict[str, Any]

#: Runs in the interpreter that has clkhash: CLKs of every case, or the error that it ended with.
WORKER = """
import base64, json, sys, warnings
from clkhash.clk import generate_clks
from clkhash.schema import from_json_dict
warnings.simplefilter("ignore")
answers = []
for case in json.load(open(sys.argv[1])):
    try:
        schema = from_json_dict(case["schema"])
        clks = generate_clks(case["rows"], schema, case["secret"], validate=case["validate"],
                             max_workers=1)
        answers.append([base64.b64encode(clk.tobytes()).decode() for clk in clks])
    except Exception as error:
        answers.append(type(error).__name__)
json.dump(answers, open(sys.argv[2], "w"))
"""


def main() -> None:
    """Run both sides and write the results file; fail if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter that has clkhash 0.18.3")
    python = parser.parse_args().python
    rng = random.Random(SEED)
    cases = [random_case(rng) for _ in range(SCHEMAS)]
    damaged = [damage(case, rng) for case in cases for _ in range(DAMAGED_PER_SCHEMA)]
    answers = run_clkhash(python, cases + damaged)
    results = {"python": platform.python_version(), "linkage": __version__, "clkhash": "0.18.3"}
    results |= compare(cases, answers[: len(cases)])
    results["damaged_schemas"] = compare_refusals(damaged, answers[len(cases) :])
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if results["rows_identical"] != results["rows"]:
        raise SystemExit("our CLKs differ from those of clkhash")
    if results["damaged_schemas"]["refused_by_clkhash_only"]:
        raise SystemExit("we accept what clkhash refuses")


def run_clkhash(python: str, cases: list[Case]) -> list[list[str] | str]:
    """Encode cases with clkhash, in its own interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder, "cases.json"), Path(folder, "clks.json")
        given.write_text(json.dumps(cases))
        subprocess.run([python, "-c", WORKER, given, answer], check=True)
        answers: list[list[str] | str] = json.loads(answer.read_text())
        return answers


def encode_case(case: Case) -> list[str] | str:
    """Encode a case with our encoder; give the message of what it refuses."""
    names = [str(place) for place in range(len(case["rows"][0]))]
    table = {name: [row[k] for row in case["rows"]] for k, name in enumerate(names)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            schema = ClkhashSchema.parse(case["schema"])
        columns = [read_raw_column(table, name) for name in names]
        secret = case["secret"].encode()
        bits = encode_clks(columns, schema, secret, validate=case["validate"])
    except InputError as error:
        return str(error)
    return to_base64(bits, schema.length)


def compare(cases: list[Case], answers: list[list[str] | str]) -> dict[str, Any]:
    """Count the rows whose CLKs are the same."""
    rows = same = bits = 0
    for case, theirs in zip(cases, answers, strict=True):
        ours = encode_case(case)
        if isinstance(ours, str) or isinstance(theirs, str):
            raise SystemExit(f"a good case was refused: {ours!r:.200} {theirs!r:.200}\n{case}")
        rows += len(theirs)
        bits += len(theirs) * case["schema"]["clkConfig"]["l"]
        same += sum(a == b for a, b in zip(ours, theirs, strict=True))
    versions = [case["schema"]["version"] for case in cases]
    return {
        "schemas": len(cases),
        "schemas_by_version": {str(v): versions.count(v) for v in (1, 2, 3)},
        "rows": rows,
        "bits": bits,
        "rows_identical": same,
    }


def compare_refusals(cases: list[Case], answers: list[list[str] | str]) -> dict[str, int]:
    """Count what both refuse, one of them, or none; CLKs must agree where both accept."""
    names = ["accepted_by_both", "refused_by_us_only", "refused_by_clkhash_only", "refused_by_both"]
    counts = dict.fromkeys(names, 0)
    for case, theirs in zip(cases, answers, strict=True):
        ours = encode_case(case)
        counts[names[isinstance(ours, str) + 2 * isinstance(theirs, str)]] += 1
        if isinstance(theirs, list) and isinstance(ours, list) and ours != theirs:
            raise SystemExit(f"CLKs of a damaged schema differ: {case['schema']}")
        if isinstance(theirs, str) != isinstance(ours, str):
            print("refused by one:", f"{ours!r:.150}", f"{theirs!r:.60}")
    return counts


WORDS = [
    "", "a", "Jo", " Jo", "Jo ", "ANNA", "Zoë Müller", "O’Brien-Smith", "李小龙", "😀 emoji",
    "Иван", "x" * 90, "\t", "N/A", "van der  Berg", "e\u0301", "\u00e9", "1234", "0", "\x00",
    "a\nb", "ﬁn",
]  # fmt: skip
ASCII_WORDS = [word for word in WORDS if word.isascii()]
NUMBERS = ["0", "-0", "7", " 42 ", "+65", "-3", "007", "1_000", "123456789012345678901", "٣٤"]
DECIMALS = [*NUMBERS, "3.5", "-2.25", "2.675", "1e3", " 7 ", ".5", "-1e-9", "1234567.891", "99.95"]
DATES = {
    "%Y-%m-%d": ["1963-12-13", "1000-01-01", "2000-02-29", "1999-1-9", "9999-12-31"],
    "%d/%m/%Y": ["13/12/1963", "1/2/2003", "29/02/1904", "31/10/1815"],
    "%Y%m%d": ["19631213", "20000229", "2001111"],
    "%d %b %y": ["13 Dec 63", "1 jan 70", "09 AUG 05"],
    "%A, %d %B %Y": ["Monday, 01 March 2021", "friday, 2 june 1905"],
    "%Y-%m-%dT%H:%M": ["1963-12-13T04:05", "2020-02-02T23:59"],
    "%m/%d": ["12/13", "1/1"],
}


def random_case(rng: random.Random) -> Case:
    """Make a schema of any version, a secret and rows that it accepts."""
    version = rng.choice([1, 2, 3, 3, 3])
    blake_only = rng.random() < 0.5
    folds = rng.choice([0, 0, 1, 2, 3])
    length = rng.choice([64, 128, 512, 1024, 1024, 2048])
    if not blake_only and rng.random() < 0.4:
        length = rng.choice([1, 7, 63, 65, 100, 1000, 1001])
    power = length & (length - 1) == 0
    key_size = rng.choice([1, 16, 32, 64] if power else [1, 64, 100])
    config: dict[str, Any] = {"l": length, "kdf": random_kdf(rng, key_size)}
    if folds:
        config["xor_folds"] = folds
    if rng.random() < 0.2:
        config["xorFolds"] = rng.randint(0, 3)
    hashes = [{"type": "blakeHash"}] if blake_only else random_hashes(power, length << folds)
    if version == 1:
        config |= {"k": rng.choice([1, 5, 20, 33]), "hash": rng.choice(hashes)}
    features, columns = [], []
    for place in range(rng.randint(1, 6)):
        feature, cells = random_feature(version, place, hashes, power, rng)
        features.append(feature)
        columns.append([rng.choice(cells) for _ in range(ROWS)])
    return {
        "schema": {"version": version, "clkConfig": config, "features": features},
        "secret": rng.choice(["secret", "pässwörd", "s" * 200, "k"]),
        "rows": [list(row) for row in zip(*columns, strict=True)],
        "validate": rng.random() < 0.7,
    }


def random_kdf(rng: random.Random, key_size: int) -> dict[str, Any]:
    """Choose options of the key derivation."""
    kdf: dict[str, Any] = {"type": "HKDF"}
    options = {
        "hash": rng.choice(["SHA256", "SHA512"]),
        "salt": rng.choice(["", "c2FsdA==", "bGlua2FnZSwgd2l0aCBzb21lIHNhbHQ="]),
        "info": rng.choice(["", "bGlua2FnZQ==", "bGlu a2Fn-ZQ=="]),
        "keySize": key_size,
    }
    chosen = {name: value for name, value in options.items() if rng.random() < 0.6}
    if key_size > 64 or rng.random() < 0.5:
        chosen["keySize"] = key_size
    return kdf | chosen


def random_hashes(power: bool, hashed: int) -> list[dict[str, Any]]:
    """List the hashes that a filter can have."""
    hashes: list[dict[str, Any]] = [
        {"type": "doubleHash"},
        {"type": "doubleHash", "prevent_singularity": False},
    ]
    if hashed > 1:
        hashes.append({"type": "doubleHash", "prevent_singularity": True})
    return [*hashes, {"type": "blakeHash"}] if power else hashes


def random_feature(
    version: int, place: int, hashes: list[dict[str, Any]], power: bool, rng: random.Random
) -> tuple[dict[str, Any], list[str]]:
    """Make a feature and the cells that its rows may hold."""
    names = {"identifier": f"column {place}"}
    if rng.random() < 0.1:
        return names | {"ignored": True}, WORDS
    form, cells, numeric = random_format(rng)
    hashing = random_hashing(version, numeric, hashes, power, rng)
    if rng.random() < 0.3:
        hashing["missingValue"] = {"sentinel": "?"}
        if numeric or rng.random() < 0.5:
            hashing["missingValue"]["replaceWith"] = rng.choice(["", "0", "17"])
        cells = [*cells, "?"]
    return names | {"format": form, "hashing": hashing}, cells


def random_format(rng: random.Random) -> tuple[dict[str, Any], list[str], bool]:
    """Choose a format, cells that it accepts, and whether they can be compared as numbers."""
    kind = rng.choice(["string", "string", "string", "ascii", "pattern", "integer", "date", "enum"])
    if kind == "integer":
        return {"type": "integer", "minimum": -3}, NUMBERS, True
    if kind == "date":
        date_format = rng.choice(list(DATES))
        return {"type": "date", "format": date_format}, DATES[date_format], True
    if kind == "enum":
        return {"type": "enum", "values": ["M", "F", "é"]}, ["M", "F", "é"], False
    if kind == "pattern":
        return {"type": "string", "pattern": r"-?[\d.]*"}, ["", "3.5", "-2", "0", ".5"], True
    if kind == "ascii":
        return {"type": "string", "encoding": "ascii", "maxLength": 90}, ASCII_WORDS, False
    if rng.random() < 0.3:
        return {"type": "string"}, ["", *DECIMALS], True
    encoding = rng.choice(["utf-8", "utf-16", "utf-32"])
    return {"type": "string", "encoding": encoding, "case": "mixed"}, WORDS, False


def random_hashing(
    version: int, numeric: bool, hashes: list[dict[str, Any]], power: bool, rng: random.Random
) -> dict[str, Any]:
    """Choose how a feature sets bits, in the keys of the version."""
    n, positional = rng.choice([1, 2, 2, 3, 4, 6]), rng.random() < 0.5
    if version == 1:
        hashing: dict[str, Any] = {"ngram": n, "positional": positional}
        if rng.random() < 0.5:
            hashing["weight"] = rng.choice([0, 1, 2, 0.5, 2.5])
        return hashing | ({} if hashing.get("weight") != 0.5 else {"weight": 1.5})
    hashing = {}
    if not power or rng.random() < 0.8:
        hashing["hash"] = rng.choice(hashes)
    per_token = rng.random() < 0.5
    bits = rng.choice([1, 5, 20, 33, 70]) if per_token else rng.choice([1, 13, 50, 101, 200, 500])
    if version == 2:
        names = {"k" if per_token else "numBits": rng.choice([bits, float(bits)])}
        return hashing | {"ngram": n, "positional": positional, "strategy": names}
    hashing["strategy"] = {"bitsPerToken" if per_token else "bitsPerFeature": bits}
    kinds: list[dict[str, Any]] = [{"type": "ngram", "n": n, "positional": positional}] * 3
    kinds.append({"type": "exact"})
    if numeric:
        kinds += [random_numeric(rng)] * 4
    return hashing | {"comparison": dict(rng.choice(kinds))}


def random_numeric(rng: random.Random) -> dict[str, Any]:
    """Choose a comparison of numbers."""
    precision = rng.choice([0, 1, 3, 15])
    distance = rng.choice([1, 2, 7, 10, 365] + ([0.5, 3.3] if precision else [1.5]))
    return {
        "type": "numeric",
        "thresholdDistance": distance,
        "resolution": rng.choice([1, 2, 5, 30]),
        "fractional_precision": precision,
    }


def damage(case: Case, rng: random.Random) -> Case:
    """Change one value of a schema, take a key away, or add one."""
    case = copy.deepcopy(case)
    spots = list(_objects(case["schema"]))
    spot = rng.choice(spots)
    key = rng.choice(list(spot))
    action = rng.random()
    if action < 0.25:
        del spot[key]
    elif action < 0.4:
        spot[rng.choice(["extra", "weight", "ignored", "pattern", "hash", "k"])] = _wrong(rng)
    else:
        spot[key] = _wrong(rng)
    case["rows"] = case["rows"][:5]
    return case


def _objects(content: Any) -> Any:
    if isinstance(content, dict):
        if content:
            yield content
        for value in content.values():
            yield from _objects(value)
    elif isinstance(content, list):
        for value in content:
            yield from _objects(value)


def _wrong(rng: random.Random) -> Any:
    return rng.choice([None, True, False, 0, 1, 2, 3, -1, 2.0, 1.5, "", "x", "utf-16", [], {}, 64])


if __name__ == "__main__":
    main()
