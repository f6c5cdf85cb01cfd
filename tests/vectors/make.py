"""Write the frozen vectors of encoding version 1: `python -m tests.vectors.make`.

They may only change together with the schema version: encodings of different releases must fit.
"""

from __future__ import annotations

import json
from pathlib import Path

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.schema import LinkageSchema
from tests import reference

PATH = Path(__file__).with_name("encode_v1.json")
KEY = "LINKAGE-KEY-1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
RECORDS = {
    "forename": ["Mary Ann", "JOSÉ", "", "li"],
    "surname": ["O'Neill-Smith", "de la Cruz", "Nguyễn", "Mc Donald"],
    "dob": ["1980-02-29", "01/12/1975", "1970-01-01", "19991303"],
    "sex": ["F", "male", "unknown", "2"],
    "postcode": ["SW1A 1AA", "n1 1aa", "NF1 1NF", "2600"],
    "town": ["St. Albans", "", "Leeds 2", "N/A"],
    "height": ["181.4", "x", "-3", "180"],
    "offence": ["12.3/1", "12.4", "", "5301"],
}


def schema_text(level: str) -> str:
    """A schema that uses every type of field that has bits."""
    types = {"forename": "name", "surname": "name", "dob": "date", "sex": "sex",
             "postcode": "postcode", "town": "text", "height": "number",
             "offence": "code"}  # fmt: skip
    options = {"town": "qgram = 3\n", "height": "step = 2.0\nneighbours = 3\n"}
    fields = "".join(
        f'[[field]]\nname = "{name}"\ntype = "{kind}"\ncolumns = ["{name}"]\n'
        f"bits_per_feature = {90 + 7 * place}\n{options.get(name, '')}"
        for place, (name, kind) in enumerate(types.items())
    )
    return f"""
version = 1
name = "vectors-{level}"
level = "{level}"
[filter]
bits = {448 if level == "field" else 960}
{fields}
[[blocking]]
name = "surname_start"
on = ["surname:first2", "dob:year"]
[[blocking]]
name = "names"
on = ["forename", "surname"]
unordered = true
[[blocking]]
name = "area"
on = ["postcode:outcode"]
"""


def vectors(level: str) -> dict[str, object]:
    """What the library makes of the records, as hexadecimal numbers."""
    schema = LinkageSchema.parse(schema_text(level))
    encodings = encode(RECORDS, schema, ProjectKey(reference.read_key(KEY)))
    return {
        "schema": schema_text(level),
        "schema_digest": schema.digest(),
        "key_fingerprint": encodings.key_fingerprint,
        "bits": [f"{reference.to_int(row):x}" for row in encodings.bits],
        "tokens": [[f"{token:016x}" for token in row.tolist()] for row in encodings.tokens],
    }


if __name__ == "__main__":
    content = {level: vectors(level) for level in ("record", "field")}
    PATH.write_text(json.dumps({"key": KEY, "records": RECORDS} | content, indent=1) + "\n")
