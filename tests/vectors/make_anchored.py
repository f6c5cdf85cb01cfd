"""Write the frozen vectors of anchored codes: `python -m tests.vectors.make_anchored`.

They may only change together with the schema version: encodings of different releases must fit.
"""

from __future__ import annotations

import json
from pathlib import Path

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.schema import LinkageSchema
from tests import reference
from tests.vectors.make import KEY

PATH = Path(__file__).with_name("anchored_v1.json")
RECORDS = {
    "forename": ["Mary Ann", "JOSÉ", "", "li", "Wolfeschlegelsteinhausenbergerdorff"],
    "surname": ["O'Neill-Smith", "de la Cruz", "Nguyễn", "Mc Donald", "Smith"],
    "dob": ["1980-02-29", "01/12/1975", "1970-01-01", "19991303", "2001-07-08"],
    "sex": ["F", "male", "unknown", "2", "M"],
}


def schema_text(bits: int) -> str:
    """A schema with passes on whole values, on parts of values, and in any order."""
    types = {"forename": "name", "surname": "name", "dob": "date", "sex": "sex"}
    fields = "".join(
        f'[[field]]\nname = "{name}"\ntype = "{kind}"\ncolumns = ["{name}"]\n'
        for name, kind in types.items()
    )
    passes = {
        "dob": '["dob"]',
        "names": '["forename", "surname"]\nunordered = true',
        "starts": '["surname:first2", "dob:year"]',
        "both": '["forename", "surname"]',
    }
    blocks = "".join(f'[[blocking]]\nname = "{name}"\non = {on}\n' for name, on in passes.items())
    return (
        'version = 1\nname = "vectors"\nlevel = "field"\nanchored = true\n'
        f"[filter]\nbits = {bits}\n" + fields + blocks
    )


def vectors(bits: int) -> dict[str, object]:
    """What the library makes of the records, as hexadecimal numbers."""
    schema = LinkageSchema.parse(schema_text(bits))
    encodings = encode(RECORDS, schema, ProjectKey(reference.read_key(KEY)))
    return {
        "schema": schema_text(bits),
        "schema_digest": schema.digest(),
        "slices": {one.name: one.words for one in encodings.slices},
        "bits": [f"{reference.to_int(row):x}" for row in encodings.bits],
    }


if __name__ == "__main__":
    content = {str(bits): vectors(bits) for bits in (64, 192)}
    PATH.write_text(json.dumps({"key": KEY, "records": RECORDS} | content, indent=1) + "\n")
