"""Values: every type of field takes any text, and one form comes of all ways to write it."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from hypothesis import strategies as st

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.agency.normalise import normaliser
from linkage.schema import TRANSFORMS, FieldSpec, LinkageSchema
from tests.fuzz import Target

KEY = ProjectKey(bytes(range(32)))
_APOSTROPHES = "`´‘’ʻʼ"
#: What the rules make of these is a form that they leave alone, or that is missing.
_STABLE = ("text", "postcode", "code", "identifier", "sex")


def check_values(datum: dict[str, Any]) -> None:
    """Normalise and encode texts of one field."""
    settings = {"name": "x", "columns": ["x"]} | datum["field"]
    field = FieldSpec.model_validate(settings)
    normalise = normaliser(field)
    values = [normalise(text) for text in datum["texts"]]
    for text, value in zip(datum["texts"], values, strict=True):
        check_normal(field, text, value)
        if 0 < len(text) <= 200:
            check_placeholder(settings, text)
    check_encoding(field, datum["texts"], values)


def check_normal(field: FieldSpec, text: str, value: str | None) -> None:
    """Check the form of a value, and that the ways to write it don't matter."""
    normalise = normaliser(field)
    if value is not None:
        assert value, "empty instead of missing"
        assert value.isascii()
        assert value.isprintable()
        assert value == " ".join(value.upper().split())
        assert any(map(str.isalnum, value)), "a value of signs alone"
    assert normalise(f" \t{text}\n") == value
    forms = {normalise(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {value}, "the Unicode form matters"
    for sign in _APOSTROPHES:
        assert normalise(text.replace(sign, "'")) == value, "the kind of apostrophe matters"
    if not text.strip():
        assert value is None
    if value is not None and field.type in _STABLE and field.format is None:
        assert normalise(value) in (value, None)


def check_placeholder(settings: dict[str, Any], text: str) -> None:
    """Check that a placeholder of the schema's own is missing, as the empty text is."""
    own = FieldSpec.model_validate(settings | {"placeholders": [text]})
    assert normaliser(own)(text) is None
    assert normaliser(own)("") is None


def check_encoding(field: FieldSpec, texts: list[str], values: list[str | None]) -> None:
    """Encode the texts together and each alone, with every key part that the type has."""
    schema = LinkageSchema.from_content(
        {
            "version": 1,
            "name": "values",
            "level": "field",
            "filter": {"bits": 128},
            "field": [field, FieldSpec(name="y", type="sex", columns=("y",))],
            "blocking": [
                {"name": f"{one}_", "on": [f"x:{one}"]} for one in sorted(TRANSFORMS[field.type])
            ],
        }
    )
    table = {"x": texts, "y": ["F"] * len(texts)}
    together = encode(table, schema, KEY)
    words = 2 if field.type != "identifier" else 0
    for row, value in enumerate(values):
        alone = encode({"x": texts[row : row + 1], "y": ["F"]}, schema, KEY)
        assert np.array_equal(alone.bits[0], together.bits[row])
        assert np.array_equal(alone.tokens[0], together.tokens[row])
        if value is None:
            assert not together.bits[row, :words].any()
            assert not together.tokens[row].any()
        else:
            assert words == 0 or together.bits[row, :words].any()


_DATE_FORMATS = ["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d", "%d %b %Y", "%b.%d.%Y", "(%Y) %m+%d",
                 "%d%b%Y", "%m/%d/%Y", "[%d] %m %Y", "%Y %d%m"]  # fmt: skip
_FIELDS = st.one_of(
    st.sampled_from(
        ["name", "date", "sex", "postcode", "text", "number", "code", "identifier"]
    ).map(lambda kind: {"type": kind}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["name", "text"]), "qgram": st.integers(1, 4),
         "bits_per_feature": st.integers(1, 300)}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("number"),
            "step": st.one_of(
                st.sampled_from([1.0, 0.5, 0.1, 0.01, 3.0, 1e-9, 1e15, 5e-324, 1.7e308]),
                st.floats(min_value=0, exclude_min=True, allow_infinity=False),
            ),
            "neighbours": st.integers(0, 50),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("identifier"), "format": st.sampled_from(["pnc", "cro", "noms"])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("identifier"),
         "pattern": st.sampled_from(["[A-Z]{2}[0-9]{6}[A-Z]", ".*", r"\d+", "", "(?i)x|y", "^a$",
                                     r"\S+ ?\S*"]).filter(bool)}
    ),
    st.fixed_dictionaries(
        {"type": st.just("date"),
         "date_formats": st.lists(st.sampled_from(_DATE_FORMATS), min_size=1, max_size=3)}
    ),
)  # fmt: skip
_DIGITS = st.sampled_from("0123456789٣४５²①൧𝟙Ⅷ½")
_TEMPLATES = st.sampled_from(
    ["####-##-##", "##/##/####", "####-##-##T00:00:00Z", "## Feb ####", "##-sept-####", "########",
     "#e######", "-#.##", "+#_###", "1e#####9", "9e999999", "1e-99999#", "NaN", "sNaN#",
     "-Infinity", "20##/#######A", "##/#######Z", "SF##/####B", "######/##C", "A####BC",
     "SW#A #AA", "ZZ99 #ZZ",
     "A.#.##/#-", "-./", "...", "#" * 30, "0" * 20, "00000000Z", "NFA", "n/a", "NULL", "unknown",
     "MIG_ERROR_", "MIG_ERROR_NO_SHOW_X", "Mc", "Mac Mc X", "Dr", "Mr Dr A", "O`Neill", "O´Neill",
     "d’Arcy", "ʻOkina", "İstanbul", "ß", "ﬁ", "ŉ", "K", "ﷺ", "\u1fef", "\u037e", "\u212a", "Ǆ"]
).flatmap(lambda form: st.lists(_DIGITS, min_size=form.count("#"), max_size=form.count("#")).map(
    lambda digits: form.replace("#", "{}").format(*digits)
))  # fmt: skip
_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
_LETTERS = st.text("AaBz mcMCdrDR'’-_./ éèñüØłşİžÅйЖ李山عأא0193٣\u0301\u0308\u200b\u00a0\x1e\x00",
                   max_size=24)  # fmt: skip
_LONG = st.tuples(st.sampled_from(["a", "1", "é", "A.", "x "]), st.integers(100, 400)).map(
    lambda one: one[0] * one[1]
)
_TEXTS = st.lists(st.one_of(_ANY, _LETTERS, _TEMPLATES, _LONG), min_size=1, max_size=6)

TARGETS = (
    Target("values", check_values, st.fixed_dictionaries({"field": _FIELDS, "texts": _TEXTS})),
)
