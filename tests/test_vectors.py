"""The frozen vectors: what the library writes, and what an independent implementation makes."""

from __future__ import annotations

import json

import pytest

from tests import reference
from tests.vectors.make import PATH, vectors

FROZEN = json.loads(PATH.read_text())

#: The records of the vectors after normalisation, by hand.
NORMALISED = {
    "forename": ["MARY ANN", "JOSE", None, "LI"],
    "surname": ["ONEILL SMITH", "DE LA CRUZ", "NGUYEN", "MCDONALD"],
    "dob": ["19800229", "19751201", None, "19991303"],
    "sex": ["F", "M", None, "F"],
    "postcode": ["SW1A1AA", "N11AA", None, "2600"],
    "town": ["ST ALBANS", None, "LEEDS 2", None],
    "height": ["91", None, "-2", "90"],
    "offence": ["12.3/1", "12.4", None, "5301"],
}
OFFENCE_TOKENS = {
    "12.3/1": ["12", "12.3", "12.3/1"],
    "12.4": ["12", "12.4"],
    "5301": ["5", "53", "530", "5301"],
}
POSTCODE_TOKENS = {
    "SW1A1AA": ["0:S", "1:W", "2:1", "3:A", "i0:1", "i1:A", "i2:A"],
    "N11AA": ["0:N", "1:1", "i0:1", "i1:A", "i2:A"],
    "2600": ["0:2", "1:6", "2:0", "3:0"],
}
OUTCODES = ["SW1A", "N1", None, "26"]


@pytest.mark.parametrize("level", ["record", "field"])
def test_library__writes_the_frozen_vectors(level):
    assert vectors(level) == FROZEN[level]


@pytest.mark.parametrize("level", ["record", "field"])
def test_bits__are_those_of_an_independent_implementation(level):
    secret = reference.read_key(FROZEN["key"])
    bits = 448 if level == "field" else 960
    for row, expected in enumerate(FROZEN[level]["bits"]):
        whole = 0
        for place, (field, values) in enumerate(NORMALISED.items()):
            if values[row] is not None:
                key = reference.derive(secret, "field", field)
                tokens = field_tokens(field, values[row])
                one = reference.value_filter(tokens, key, 90 + 7 * place, bits)
                whole |= one << (bits * place if level == "field" else 0)
        assert f"{whole:x}" == expected


def field_tokens(field, value):
    if field == "dob":
        return reference.date_tokens(value)
    if field == "postcode":
        return POSTCODE_TOKENS[value]
    if field == "offence":
        return OFFENCE_TOKENS[value]
    if field == "height":
        return [str(int(value) + d) for d in (-3, -2, -1, 0, 1, 2, 3)]
    if field == "town":
        return reference.qgrams(value, 3)
    return [value] if field == "sex" else reference.qgrams(value, 2)


@pytest.mark.parametrize("level", ["record", "field"])
def test_tokens__are_those_of_an_independent_implementation(level):
    secret = reference.read_key(FROZEN["key"])
    for row, expected in enumerate(FROZEN[level]["tokens"]):
        forename, surname, dob = (NORMALISED[f][row] for f in ("forename", "surname", "dob"))
        parts = {
            "surname_start": [surname[:2], dob and dob[:4]],
            "names": [forename, surname],
            "area": [OUTCODES[row]],
        }
        for (name, values), token in zip(parts.items(), expected, strict=True):
            key = reference.derive(secret, "pass", name)
            unordered = name == "names"
            known = reference.blocking_token(values, key, unordered=unordered) if all(values) else 0
            assert int(token, 16) == known
