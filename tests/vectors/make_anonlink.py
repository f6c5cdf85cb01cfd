"""Write the frozen candidate pairs: `python tests/vectors/make_anonlink.py`, with anonlink.

Run it in an environment of its own (`benchmarks/requirements-anonlink.txt`): filters are made
here, pairs and files by anonlink itself, and nothing of this project has a part in them. They
never change: version 1 of anonlink's format is what they hold.
"""

from __future__ import annotations

import array
import io
import json
import random
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("anonlink_v1.json")
BITS = 128


def people(count: int, seed: int, twins: int = 0) -> list[int]:
    """Filters with half of their bits set; the last ones are as the first ones."""
    draw = random.Random(seed)
    made = [sum(1 << bit for bit in draw.sample(range(BITS), 60)) for _ in range(count - twins)]
    return made + made[:twins]


def blurred(filters: list[int], seed: int) -> list[int]:
    """The same filters in another order, each with a few bits changed."""
    draw = random.Random(seed)
    changed = [one ^ sum(1 << bit for bit in draw.sample(range(BITS), 5)) for one in filters]
    draw.shuffle(changed)
    return changed


def cases() -> list[dict[str, Any]]:
    base = people(12, seed=1)
    tied = people(6, seed=2, twins=3)
    return [
        {"name": "two data sets", "filters": [base, blurred(base, 3)[:9]], "threshold": 0.6},
        {"name": "boundary", "filters": [base, blurred(base, 4)], "threshold": 0.5},
        {"name": "ties", "filters": [tied, tied[::-1], tied[2:]], "threshold": 0.9},
        {
            "name": "four data sets of different sizes",
            "filters": [base, blurred(base, 5)[:2], [base[7]], blurred(base, 6)],
            "threshold": 0.55,
        },
        {"name": "nothing found", "filters": [base, [1]], "threshold": 0.99},
        {"name": "no records on one side", "filters": [base, []], "threshold": 0.1},
        {"name": "everything", "filters": [tied[:3], [1, *tied[:2]]], "threshold": 0.0},
    ]


def in_hex(filters: list[int]) -> list[str]:
    return [f"{one:0{BITS // 4}x}" for one in filters]


def main() -> None:
    import anonlink
    from bitarray import bitarray

    def pack(one: int) -> bitarray:
        bits = bitarray(endian="little")
        bits.frombytes(one.to_bytes(BITS // 8, "little"))
        return bits

    def dump(pairs: Any) -> str:
        file = io.BytesIO()
        anonlink.serialization.dump_candidate_pairs(pairs, file)
        return file.getvalue().hex()

    made = []
    for one in cases():
        datasets = [[pack(filter_) for filter_ in filters] for filters in one["filters"]]
        pairs = anonlink.candidate_generation.find_candidate_pairs(
            datasets, anonlink.similarities.dice_coefficient, one["threshold"]
        )
        one["filters"] = [in_hex(filters) for filters in one["filters"]]
        one["file"] = dump(pairs)
        made.append(one)
    sizes = []
    for types in ("fBB", "fHH", "dII", "dQQ", "fBQ", "dHB"):
        figure, dataset, record = types
        pairs = (
            array.array(figure, [1.0, 0.75, 0.5]),
            (array.array(dataset, [0, 0, 0]), array.array(dataset, [1, 1, 1])),
            (array.array(record, [3, 0, 2]), array.array(record, [1, 0, 2])),
        )
        sizes.append({"types": types, "file": dump(pairs)})
    content = {"cases": made, "sizes": sizes}
    PATH.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(len(made) + len(sizes), "files")


if __name__ == "__main__":
    main()
