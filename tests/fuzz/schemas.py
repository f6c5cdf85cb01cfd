"""Schemas: any document is a schema that works, or is refused with a message.

The digest is that of the content, whatever the order of keys or the way through TOML or JSON.
"""

from __future__ import annotations

import copy
import json
import math
import random
import tomllib
import warnings
from typing import Any

from hypothesis import strategies as st

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.errors import InputError, MismatchError
from linkage.schema import TRANSFORMS, LinkageSchema
from tests.fuzz import Target, check_message

KEY = ProjectKey(bytes(range(32)))
_CELLS = ["Ann", "o'Neill-Smith", "1980-02-29", "29/02/1980", "SW1A 1AA", "7", "-1.5", "A1234BC",
          "F", "unknown", "", "李小龙", "2001/1234567A", "a;b", "X.1/2", "9e999"]  # fmt: skip


def check_document(document: Any) -> None:
    """Take any document as a schema, and go through with all that it promises if it is one."""
    schema = parsed(document)
    if schema is None:
        return
    digest = schema.digest()
    assert len(digest) == 64
    text = json.dumps(schema.content())
    again = LinkageSchema.from_content(json.loads(text))
    assert again == schema
    assert again.digest() == digest
    for seed in range(3):
        assert (
            LinkageSchema.from_content(shuffled(document, random.Random(seed))).digest() == digest
        )
    encode_something(schema)


def check_mutated(datum: dict[str, Any]) -> None:
    """Change a good schema in some places."""
    document = copy.deepcopy(GOOD[datum["which"]])
    for path, value in datum["changes"]:
        changed(document, path, value)
    check_document(document)
    try:
        text = toml(document)
        tomllib.loads(text)
    except (TypeError, ValueError):
        return  # TOML can't say it
    by_text, direct = parsed(text), parsed(document)
    assert (by_text is None) == (direct is None)
    assert by_text is None or (direct is not None and by_text.digest() == direct.digest())


def check_text(text: str) -> None:
    """Take any text as a schema file."""
    schema = parsed(text)
    if schema is not None:
        encode_something(schema)


def parsed(document: Any) -> LinkageSchema | None:
    """Parse a text or a document; None if it is refused, as it may be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of regular expressions
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            if isinstance(document, str):
                return LinkageSchema.parse(document)
            return LinkageSchema.from_content(document)
        except (InputError, MismatchError) as error:
            check_message(error)
            return None


def encode_something(schema: LinkageSchema) -> None:
    """Encode a small table under the schema."""
    headers = list(dict.fromkeys(header for one in schema.field for header in first_headers(one)))
    table = {
        header: [_CELLS[(row + place) % len(_CELLS)] for row in range(len(_CELLS))]
        for place, header in enumerate(headers)
    }
    ids = next((one for one in schema.record_id if one not in table), None)
    if ids is not None:
        table = {ids: [f"A{row}" for row in range(len(_CELLS))]} | table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = encode(table, schema, KEY)
        except InputError as error:
            check_message(error)
            return
    assert len(found.records) == len(_CELLS)
    assert found.bits.shape[1] == sum(one.words for one in found.slices)


def first_headers(field: Any) -> tuple[str, ...]:
    """Give the headers of the first of a field's columns."""
    first = field.columns[0]
    return (first,) if isinstance(first, str) else first


def shuffled(node: Any, draw: random.Random) -> Any:
    """Give the same document with its keys in another order."""
    if isinstance(node, dict):
        keys = list(node)
        draw.shuffle(keys)
        return {key: shuffled(node[key], draw) for key in keys}
    return [shuffled(one, draw) for one in node] if isinstance(node, list) else node


def changed(node: Any, path: list[float], value: Any) -> None:
    """Put a value at a place; a step is a share of the keys or items there."""
    for depth, share in enumerate(path):
        keys = sorted(node) if isinstance(node, dict) else range(len(node))
        if not keys:
            return
        key = keys[int(share * len(keys))]
        if depth == len(path) - 1 or not isinstance(node[key], dict | list):
            what, content = value
            if what == "set":
                node[key] = copy.deepcopy(content)
            elif what == "drop":
                del node[key]
            elif isinstance(node, list):
                node.append(copy.deepcopy(node[key]))
            else:
                node[content[0]] = copy.deepcopy(content[1])
            return
        node = node[key]


def toml(document: Any) -> str:
    """Write a document as TOML, each top-level key on a line. Raises `TypeError` where it can't."""
    return "".join(f"{_string(key)} = {_inline(value)}\n" for key, value in document.items())


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {"i": "inf", "-": "-inf"}.get(
            repr(value)[0], "nan")  # fmt: skip
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, dict):
        pairs = (f"{_string(key)} = {_inline(one)}" for key, one in value.items())
        return "{" + ", ".join(pairs) + "}"
    raise TypeError


def _string(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(one):04x}" if one in '"\\' or ord(one) < 32 or ord(one) == 127 else one
        for one in text
    )
    return f'"{escaped}"'


GOOD: list[dict[str, Any]] = [
    {
        "version": 1,
        "name": "small",
        "level": "record",
        "field": [{"name": "surname", "type": "name", "columns": ["surname"]}],
        "blocking": [{"name": "names", "on": ["surname:soundex"]}],
    },
    {
        "version": 1,
        "name": "large",
        "level": "field",
        "record_id": ["id", "record_id"],
        "list_separator": ";",
        "filter": {"bits": 256},
        "field": [
            {"name": "forename", "type": "name", "columns": [["first", "middle"], "forename"],
             "qgram": 2, "bits_per_feature": 60, "placeholders": ["test"], "several": "alias",
             "replace": [["^ST ", "SAINT "], ["(.)-(.)", "\\1\\2"]]},
            {"name": "dob", "type": "date", "columns": ["dob"], "several": "alias",
             "date_formats": ["%d/%m/%Y", "%Y-%m-%d"]},
            {"name": "age", "type": "number", "columns": ["age"], "step": 0.5, "neighbours": 3},
            {"name": "postcode", "type": "postcode", "columns": ["postcode"], "optional": True},
            {"name": "offence", "type": "code", "columns": ["offence"],
             "replace": [["[.]", "/"]]},
            {"name": "sex", "type": "sex", "columns": ["sex"]},
            {"name": "address", "type": "text", "columns": ["address"], "qgram": 3},
            {"name": "pnc", "type": "identifier", "columns": ["pnc"], "format": "pnc"},
            {"name": "other", "type": "identifier", "columns": ["other"],
             "pattern": "[A-Z]\\d{4}[A-Z]{2}"},
        ],
        "blocking": [
            {"name": "names", "on": ["forename:metaphone", "dob:year"], "unordered": True},
            {"name": "pnc", "on": ["pnc"]},
            {"name": "area", "on": ["postcode:outcode", "sex", "age", "offence:first2"]},
        ],
        "decision": {"probability": 0.5, "review_probability": 0.01, "agreement": [0.9, 0.8]},
    },
]  # fmt: skip

_KEYS = ["name", "type", "columns", "optional", "qgram", "bits_per_feature", "date_formats", "step",
         "placeholders", "replace", "neighbours", "format", "pattern", "several", "on", "bits",
         "unordered", "list_separator", "record_id", "threshold", "agreement", "extra"]  # fmt: skip
_REGEXES = ["^A", "[A-Z]+", ".", "", "$", "(A)|B", r"\d", "(?i)a", "(?P<x>A)", "[", "(", "*",
            "a{2}", "(?<=A)N", r"\b", "(?:)", "[[a]", "x" * 201]  # fmt: skip
_BY = ["", "X", " ", "a", "é", "\\1", "\\g<x>", "\\g<0>\\g<0>", "\\", "1980", "0", "-", "\n", "\0",
       "ß", "X" * 500, "A B", "."]  # fmt: skip
_RULES = st.lists(st.tuples(st.sampled_from(_REGEXES), st.sampled_from(_BY)).map(list), max_size=2)
_LEAVES = st.one_of(
    st.sampled_from(
        [None, True, False, 0, 1, -1, 2, 3, 4, 5, 31, 50, 51, 64, 65, 2000, 2001, 16_384, 2**63,
         10**400, 0.0, 0.5, 1.0, 1e-300, 5e-324, 1.7e308, float("nan"), float("inf"),
         "name", "date", "sex", "postcode", "text", "number", "code", "identifier", "record",
         "field", "pnc", "cro", "noms", "alias", "surname", "dob", "forename", "id", "",
         "surname:exact", "dob:year", "dob:month_day", "forename:nysiis", "sex:first1", "pnc:exact",
         "%Y%m%d", "%d.%m.%Y", "%b %d %Y", "%Y-%m", "%%Y-%m-%d", "[%Y](%m*%d", "%Y%m%d\\",
         [], {}, [[]], ["a", "b"], [["a", "b"]], "x" * 200, "x" * 201, "a\n", "A", "é", "\x1e",
         "1.0", "\n", ";;", "\ud800"]
    ),
    st.sampled_from(_REGEXES),
    _RULES,
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.lists(st.text(max_size=4), max_size=3),
)  # fmt: skip
_PLACES = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
_CHANGES = st.one_of(
    st.tuples(st.just("set"), _LEAVES),
    st.tuples(st.just("drop"), st.none()),
    st.tuples(st.just("add"), st.tuples(st.sampled_from(_KEYS), _LEAVES)),
    st.tuples(st.just("add"), st.tuples(st.just("replace"), _RULES)),
)
_MUTATED = st.fixed_dictionaries(
    {
        "which": st.sampled_from([0, 1]),
        "changes": st.lists(
            st.tuples(st.lists(_PLACES, min_size=1, max_size=5), _CHANGES), max_size=4
        ),
    }
)
_DOCUMENTS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*_KEYS, "version", "level", "field", "blocking"]), inner,
                        max_size=6),
    ),
    max_leaves=12,
).flatmap(lambda one: st.just({"version": 1} | one if isinstance(one, dict) else one))  # fmt: skip
_LINES = st.lists(
    st.sampled_from(
        ["version = 1", "version = 2", 'name = "x"', 'level = "field"', "[[field]]", "[[blocking]]",
         'name = "surname"', 'type = "name"', 'columns = ["surname"]', 'on = ["surname"]',
         "[filter]", "bits = 64", "\ufeff", "[", "]]", '"', "'''", "a.b.c = 1", "[a.b]", "x = nan",
         "x = 1979-05-27T07:32:00Z", "x = 0x10", "# é", "\0", "x = " + "[" * 3000, "a = {" * 2000,
         "x = 1" + "0" * 5000, "\r", "\x0b", "x = 1e400", "version = true", "x=07:32:00"]
    ),
    max_size=14,
).map("\n".join)  # fmt: skip

_OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "replace": st.lists(st.tuples(st.sampled_from(_REGEXES), st.sampled_from(_BY)).map(list),
                        min_size=1, max_size=2),
    "placeholders": st.lists(st.sampled_from(["test", "é", " ", "  a  b ", "\0", "'", "7"]),
                             max_size=2),
    "columns": st.sampled_from([["x"], [["x", "y"]], [["x", "x"]], ["x", "z"], [" x"], ["\0"],
                                ["\n"], ["é"], [["x"]]]),
    "bits_per_feature": st.integers(1, 2000),
    "optional": st.booleans(),
    "several": st.sampled_from(["alias", "other"]),
    "date_formats": st.lists(
        st.sampled_from(["%Y%m%d", "%d %b %Y", "[%Y](%m*%d", "%Y%m%d\\", "%Y\n%m %d", "%Y%d%m"]),
        min_size=1, max_size=2,
    ),
    "qgram": st.integers(1, 4),
    "step": st.sampled_from([1, 0.5, 5e-324, 1.7e308, 3.3]),
    "neighbours": st.integers(0, 50),
    "format": st.sampled_from(["pnc", "cro", "noms"]),
    "pattern": st.sampled_from(_REGEXES),
}  # fmt: skip
_OF_TYPES = {"name": ["qgram"], "text": ["qgram"], "date": ["date_formats"],
             "number": ["step", "neighbours"], "identifier": ["format", "pattern"],
             "sex": [], "postcode": [], "code": []}  # fmt: skip
_OF_ALL = ["replace", "placeholders", "columns", "bits_per_feature", "optional", "several"]


@st.composite
def _optioned(draw: Any) -> dict[str, Any]:
    """Draw a schema with one field that has options of its type, and every key part of it."""
    kind = draw(st.sampled_from(sorted(_OF_TYPES)))
    field: dict[str, Any] = {"name": "x", "type": kind, "columns": ["x"]}
    for option in draw(st.lists(st.sampled_from([*_OF_ALL, *_OF_TYPES[kind]]), unique=True)):
        field[option] = draw(_OPTIONS[option])
    passes = [f"x:{one}" for one in sorted(TRANSFORMS[kind])]
    return {
        "version": 1,
        "name": "options",
        "level": draw(st.sampled_from(["record", "field"])),
        "list_separator": draw(st.sampled_from([";", "a", " ", "\x1e", "-", "\0", "é", "1"])),
        "filter": {"bits": draw(st.sampled_from([64, 128, 1024, 16_384]))},
        "field": [field, {"name": "y", "type": "sex", "columns": ["w"]}],
        "blocking": [
            *({"name": f"p{n}", "on": [one]} for n, one in enumerate(passes)),
            {"name": "all", "on": passes[:6], "unordered": draw(st.booleans())},
        ],
    }


TARGETS = (
    Target("schema-options", check_document, _optioned()),
    Target("schema-documents", check_document, _DOCUMENTS),
    Target("schema-mutations", check_mutated, _MUTATED),
    Target("schema-text", check_text, st.one_of(_LINES, st.text(max_size=30))),
)
