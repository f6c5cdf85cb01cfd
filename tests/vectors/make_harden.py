"""Write the frozen vectors of hardening: `python -m tests.vectors.make_harden`.

They may only change together with the schema version: encodings of different releases must fit.
"""

from __future__ import annotations

import json
from pathlib import Path

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.schema import LinkageSchema
from tests import reference

PATH = Path(__file__).with_name("harden_v1.json")
KEY = "LINKAGE-KEY-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BITS, SHARE = 256, 60
RECORDS = {
    "record_id": ["A1", "A2", "A3", "A4"],
    "surname": ["SMITH", "SMYTH", "", "LI"],
    "dob": ["1980-02-29", "1980-02-28", "1975-12-01", ""],
}
#: By name, the level and the steps.
HARDENINGS: dict[str, tuple[str, list[dict[str, object]]]] = {
    "salting": ("field", [{"method": "salting", "by": "dob:year"}]),
    "saul": ("field", [{"method": "saul", "bits": 128, "hashes": 3}]),
    "saul, record": ("record", [{"method": "saul", "bits": 128, "hashes": 2}]),
    "xor_folding": ("field", [{"method": "xor_folding"}]),
    "rule_90": ("field", [{"method": "rule_90"}]),
    "diffusion": ("field", [{"method": "diffusion", "bits": 192, "positions": 5}]),
    "balancing": ("field", [{"method": "balancing"}]),
    "permutation": ("field", [{"method": "permutation"}]),
    "randomised_response": ("record", [{"method": "randomised_response", "probability": 0.1}]),
    "all": (
        "record",
        [
            {"method": "salting", "by": "dob:year", "fields": ["surname"]},
            {"method": "permutation"},
            {"method": "xor_folding"},
            {"method": "rule_90"},
            {"method": "diffusion", "bits": 192, "positions": 3},
            {"method": "randomised_response", "probability": 0.05},
            {"method": "balancing"},
        ],
    ),
}


def schema(name: str) -> LinkageSchema:
    """Give the schema of a hardening."""
    level, steps = HARDENINGS[name]
    return LinkageSchema.from_content({
        "version": 1,
        "name": "harden",
        "level": level,
        "record_id": ["record_id"],
        "filter": {"bits": BITS},
        "hardening": steps,
        "field": [
            {"name": "surname", "type": "name", "columns": ["surname"], "bits_per_feature": SHARE},
            {"name": "dob", "type": "date", "columns": ["dob"], "bits_per_feature": SHARE},
        ],
        "blocking": [{"name": "dob", "on": ["dob"]}],
    })  # fmt: skip


def vectors(name: str) -> dict[str, object]:
    """What the library makes of the records, as hexadecimal numbers."""
    key = ProjectKey(reference.read_key(KEY))
    encodings = encode(RECORDS, schema(name), key, dataset="police", keep_ids=True)
    return {
        "schema_digest": schema(name).digest(),
        "slices": [one.words for one in encodings.slices],
        "bits": [f"{reference.to_int(row):x}" for row in encodings.bits],
    }


if __name__ == "__main__":
    found = {name: vectors(name) for name in HARDENINGS}
    PATH.write_text(json.dumps({"key": KEY, "records": RECORDS} | found, indent=1) + "\n")
