"""Write the frozen vectors of the clkhash encoder: `python -m tests.vectors.make_clkhash PYTHON`.

Schemas and rows are made here; the expected CLKs come from clkhash 0.18.3 itself, run by the
interpreter PYTHON in an environment of its own (`benchmarks/requirements-clkhash.txt`). Nothing
of this project has a part in them. They never change: clkhash's last release is what they hold.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("clkhash_v1.json")

NAMES = ["", "Zoë", " Ada  Byron ", "李小龙", "a", "NGUYỄN THỊ", "😀", "\x00\t", "aaaa", "O’Hara"]
ASCII = ["", "smith", " Jo", "A-B c", "0042", "zzzz", "x" * 70, "?"]
INTEGERS = ["0", "-0", " 7", "+65", "1_000", "007", "٤٢", "-123456789012345678901"]
DECIMALS = ["", "3.5", "-2.25", "1e3", "2.675", " 7 ", "10", "-.5", "99999999999.995"]
ISO = ["2001-02-03", "1900-12-31", "1000-01-01", "2000-02-29", "1987-6-5"]

BIGRAMS = {"type": "ngram", "n": 2}
BLAKE = {"type": "blakeHash"}
DOUBLE = {"type": "doubleHash"}
SAFE = {"type": "doubleHash", "prevent_singularity": True}
STRING = {"type": "string"}

Case = dict[str, Any]


def feature(form: dict, comparison: dict, strategy: dict, hash_: dict | None = None, **more: Any):
    hashing = {"comparison": comparison, "strategy": strategy} | more
    return {"format": form, "hashing": hashing | ({"hash": hash_} if hash_ else {})}


def case(name: str, features: list[dict], columns: list[list[str]], **config: Any) -> Case:
    """A case of version 3; columns are repeated to the length of the longest."""
    rows = max(map(len, columns))
    named = [{"identifier": f"c{k}"} | one for k, one in enumerate(features)]
    secret = config.pop("secret", "a shared sécret")
    config = {"l": 256, "kdf": {"type": "HKDF"}} | config
    return {
        "name": name,
        "schema": {"version": 3, "clkConfig": config, "features": named},
        "secret": secret,
        "rows": [[column[k % len(column)] for column in columns] for k in range(rows)],
    }


def per_token(bits: int) -> dict:
    return {"bitsPerToken": bits}


def per_feature(bits: int) -> dict:
    return {"bitsPerFeature": bits}


def comparisons() -> list[Case]:
    made = []
    for n in (1, 2, 3, 5):
        for positional in (False, True):
            one = {"type": "ngram", "n": n, "positional": positional}
            made.append(
                case(
                    f"{n}-grams, positional {positional}",
                    [feature(STRING, one, per_feature(40))],
                    [NAMES],
                )
            )
    made += [
        case(f"hash {hash_}, {strategy}", [feature(STRING, BIGRAMS, strategy, hash_)], [NAMES])
        for hash_ in (None, BLAKE, DOUBLE, SAFE)
        for strategy in (per_token(3), per_token(40), per_feature(7), per_feature(150))
    ]
    made += [
        case(f"exact, {strategy}", [feature(STRING, {"type": "exact"}, strategy)], [NAMES])
        for strategy in (per_token(12), per_feature(65))
    ]
    return made


def numbers() -> list[Case]:
    made = []
    for distance, resolution, precision in [
        (1, 1, 0), (7, 3, 0), (10, 20, 0), (0.5, 2, 1), (2.5, 5, 0), (3, 4, 2), (1e-3, 2, 6),
        (365, 10, 15), (1, 1, 22),
    ]:  # fmt: skip
        one = {"type": "numeric", "thresholdDistance": distance, "resolution": resolution}
        if precision:
            one["fractional_precision"] = precision
        made.append(
            case(
                f"numeric {distance} {resolution} {precision}",
                [
                    feature(STRING, one, per_feature(60)),
                    feature({"type": "integer"}, one, per_token(2), DOUBLE),
                ],
                [DECIMALS, INTEGERS],
            )
        )
    return made


def formats() -> list[Case]:
    made = [
        case(
            f"encoding {encoding}",
            [feature(STRING | {"encoding": encoding}, BIGRAMS, per_feature(50), hash_)],
            [cells],
        )
        for encoding, cells in [
            ("ascii", ASCII),
            ("utf-8", NAMES),
            ("utf-16", NAMES),
            ("utf-32", NAMES),
        ]
        for hash_ in (BLAKE, DOUBLE)
    ]
    made.append(
        case(
            "integers",
            [
                feature(
                    {"type": "integer", "minimum": -(10**22)},
                    {"type": "ngram", "n": 1, "positional": True},
                    per_feature(44),
                )
            ],
            [INTEGERS],
        )
    )
    for date_format, cells in [
        ("%Y-%m-%d", ISO),
        ("%d/%m/%Y", ["01/02/2003", "1/2/2003", "29/02/1904", "31/12/9999"]),
        ("%Y%m%d", ["20010203", "2001111", "1999123"]),
        ("%d %b %y", ["3 Feb 01", "31 dec 68", "01 JAN 69"]),
        ("%m/%d", ["2/28", "12/31"]),
        ("%Y-%m-%d %H:%M:%S", ["2001-02-03 04:05:06"]),
        ("%d.%m.%Y", ["01.02.2003", "1.2.2003"]),
    ]:
        one = {"type": "date", "format": date_format}
        made.append(
            case(
                f"dates {date_format}",
                [feature(one, BIGRAMS | {"positional": True}, per_feature(30))],
                [cells],
            )
        )
    made.append(
        case(
            "enum",
            [feature({"type": "enum", "values": ["M", "F", "ñ"]}, {"type": "exact"}, per_token(9))],
            [["M", "F", "ñ"]],
        )
    )
    return made


def missing() -> list[Case]:
    forms = [
        (STRING, BIGRAMS, ["?", "Ada", ""], {"sentinel": "?", "replaceWith": ""}),
        (STRING, BIGRAMS, ["?", "Ada", ""], {"sentinel": "", "replaceWith": "none"}),
        (STRING, BIGRAMS, ["?", "Ada", ""], {"sentinel": "?"}),
        ({"type": "integer"}, BIGRAMS, ["n/a", "07"], {"sentinel": "n/a"}),
        ({"type": "integer"}, BIGRAMS, ["n/a", "07"], {"sentinel": "n/a", "replaceWith": "007"}),
        ({"type": "date", "format": "%Y-%m-%d"}, BIGRAMS, ["", *ISO], {"sentinel": ""}),
    ]
    return [
        case(
            f"missing values {k}",
            [feature(form, comparison, per_feature(25), missingValue=one)],
            [cells],
        )
        for k, (form, comparison, cells, one) in enumerate(forms)
    ]


def lengths_and_keys() -> list[Case]:
    name = feature(STRING, BIGRAMS, per_feature(50))
    double = feature(STRING, BIGRAMS, per_token(8), DOUBLE)
    ignored = {"ignored": True}
    wide = [NAMES, ASCII]
    made = [
        case(f"length {length}, folds {folds}", [double, double], wide, l=length, xor_folds=folds)
        for length, folds in [(1, 0), (7, 2), (63, 1), (65, 3), (100, 0), (1000, 1), (1001, 0)]
    ]
    made += [
        case(
            f"blake, length {length}, folds {folds}",
            [name, double],
            wide,
            l=length,
            xor_folds=folds,
        )
        for length, folds in [(8, 0), (64, 1), (512, 2), (16, 4), (4096, 0), (32, 12)]
    ]
    made.append(case("a long filter", [name, double], [NAMES[1:3], ASCII[1:3]], l=1 << 17))
    made.append(case("xorFolds is ignored", [name], [NAMES], xorFolds=2))
    for kdf in [
        {"hash": "SHA512"}, {"salt": "c2FsdA=="}, {"info": "aW5mbw==", "hash": "SHA256"},
        {"salt": "", "info": ""}, {"salt": "c2Fs dA-==", "keySize": 1}, {"keySize": 33},
    ]:  # fmt: skip
        made.append(case(f"keys {kdf}", [name, double], wide, kdf={"type": "HKDF"} | kdf))
    made.append(case("long keys", [double, double], wide, kdf={"type": "HKDF", "keySize": 200}))
    made.append(case("ignored first", [ignored, name], wide))
    made.append(case("ignored last", [name, ignored], wide))
    made.append(case("all ignored", [ignored], [NAMES]))
    made.append(case("ignored with hashing", [name | ignored, double], wide))
    made.append(case("63 columns", [name] * 63, [ASCII] * 63))
    made.append(case("a long secret", [name], [NAMES], secret="s" * 300))
    return made


def older_versions() -> list[Case]:
    def old(version: int, config: dict, hashings: list[dict]) -> Case:
        features = [
            {"identifier": f"c{k}", "format": STRING, "hashing": one}
            for k, one in enumerate(hashings)
        ]
        config = {"l": 256, "kdf": {"type": "HKDF"}} | config
        rows = [list(row) for row in zip(*[NAMES[k:] for k in range(len(hashings))], strict=False)]
        return {
            "name": f"version {version}, {config}",
            "schema": {"version": version, "clkConfig": config, "features": features},
            "secret": "a shared sécret",
            "rows": rows,
        }

    weights = [{"ngram": 2, "weight": one} for one in (1, 0, 2, 0.5, 1.5, 0.25)]
    both = [{"ngram": 2, "positional": True}, {"ngram": 1}]
    shares = [{"numBits": 60}, {"k": 4}, {"k": 5.0}, {"numBits": 3}]
    return [
        old(1, {"k": 10, "hash": DOUBLE}, weights),
        old(1, {"k": 5, "hash": BLAKE}, weights),
        old(1, {"k": 5, "hash": SAFE, "xor_folds": 1}, both),
        old(1, {"k": 5, "hash": DOUBLE, "xorFolds": 1}, both),
        old(2, {}, [{"ngram": 3, "strategy": one} for one in shares]),
        old(2, {"xor_folds": 2}, [{"ngram": 3, "strategy": one, "hash": SAFE} for one in shares]),
    ]


def cases() -> list[Case]:
    return [
        *comparisons(),
        *numbers(),
        *formats(),
        *missing(),
        *lengths_and_keys(),
        *older_versions(),
    ]


def main() -> None:
    from benchmarks.clkhash_differential import run_clkhash

    made = [one | {"validate": True} for one in cases()]
    for one, clks in zip(made, run_clkhash(sys.argv[1], made), strict=True):
        if isinstance(clks, str):
            raise SystemExit(f"clkhash refuses {one['name']}: {clks}")
        one["clks"] = clks
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in made)
    PATH.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(len(made), "cases")


if __name__ == "__main__":
    main()
