"""Build the name and place tables that `linkage synth` draws from.

Run from the root of the repository with Faker installed (any release since 30):

    python data/synthetic/build_tables.py

Heads (the frequent names) and variants come from the TOML files beside this script; tails come
from Faker's person providers. Everything is written to linkage/synth/tables/ in upper-case ASCII,
and beside it how the names with marks are really written.
"""

from __future__ import annotations

import importlib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).parent
TABLES = HERE.parents[1] / "linkage" / "synth" / "tables"

#: Origin -> (locales whose surnames follow the head, share of people who bear one of them).
SURNAME_TAILS: dict[str, tuple[tuple[str, ...], float]] = {
    "british": (("en_GB",), 0.0),  # Faker's en_GB weights are percentages already
    "irish": (("en_IE",), 0.62),
    "pakistani": (("en_PK",), 0.06),
    "punjabi": ((), 0.0),
    "indian": (("en_IN",), 0.30),
    "bangladeshi": ((), 0.0),
    "polish": (("pl_PL",), 0.80),
    "romanian": (("ro_RO",), 0.08),
    "arabic": (("fr_DZ",), 0.25),
    "west_african": (("yo_NG", "ig_NG", "ha_NG", "tw_GH"), 0.55),
    "east_african": (("en_KE",), 0.25),
    "caribbean": (("en_GB",), 0.45),
    "chinese": (("zh_CN",), 0.06),
    "vietnamese": ((), 0.0),
    "turkish": (("tr_TR",), 0.20),
    "portuguese": (("pt_PT", "pt_BR"), 0.20),
    "albanian": ((), 0.0),
}
#: Origin -> (locales whose forenames follow the head, share of people who bear one of them).
FORENAME_TAILS: dict[str, tuple[tuple[str, ...], float]] = {
    "british": (("en_GB", "en_NZ"), 0.06),
    "irish": (("en_IE",), 0.25),
    "pakistani": (("en_PK",), 0.05),
    "punjabi": ((), 0.0),
    "indian": (("en_IN",), 0.25),
    "bangladeshi": ((), 0.0),
    "polish": (("pl_PL",), 0.08),
    "romanian": (("ro_RO",), 0.12),
    "arabic": (("fr_DZ",), 0.15),
    "west_african": (("yo_NG", "ig_NG", "ha_NG", "tw_GH"), 0.35),
    "east_african": (("en_KE",), 0.20),
    "caribbean": (("en_GB",), 0.25),
    "chinese": ((), 0.0),
    "vietnamese": ((), 0.0),
    "turkish": (("tr_TR",), 0.15),
    "portuguese": (("pt_PT", "pt_BR"), 0.18),
    "albanian": ((), 0.0),
}
LONGEST_TAIL = 1500
_LETTERS = str.maketrans(
    {"Ł": "L", "ł": "l", "ı": "i", "Ø": "O", "ɔ": "o", "ε": "e", "’": "'", "Đ": "D", "đ": "d"}
)
#: Faker writes Greek letters for those of Twi; the apostrophe is no letter.
_SIGNS = str.maketrans({"ε": "ɛ", "’": "'"})
#: Locales with marks that serve no tail, and origins whose Faker names are not romanised.
MARKED_ONLY = {"vietnamese": ("vi_VN",), "irish": ("ga_IE",)}
NOT_ROMAN = ("chinese",)
_ATTRIBUTES = (
    "first_names", "first_names_male", "first_names_female", "last_names", "male_last_names",
    "female_last_names", "unisex_last_names",
)  # fmt: skip
_NAME = re.compile(r"[A-Z][A-Z' -]*[A-Z]")

Entry = tuple[str, float, str]


def ascii_name(text: str) -> str | None:
    """Upper-case ASCII form of a name, or None where it has none."""
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    plain = "".join(c for c in folded if not unicodedata.combining(c)).upper().strip()
    return plain if _NAME.fullmatch(plain) else None


def read_head(text: str) -> list[Entry]:
    """Entries (name, percent, extra) of one list of name_heads.toml."""
    entries: list[Entry] = []
    for token in " ".join(text.split()).split(","):
        name, _, rest = token.strip().partition(":")
        percent, _, extra = rest.partition(":")
        weight = float(percent) if percent else entries[-1][1] * len(entries) / (len(entries) + 1)
        entries.append((name, weight, extra))
    return list({name: (name, weight, extra) for name, weight, extra in entries}.values())


def faker_names(locale: str, attributes: Iterable[str]) -> dict[str, float | None]:
    """Names of a Faker locale in ASCII; the weight is None where Faker has none."""
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    found: dict[str, float | None] = {}
    for attribute in attributes:
        names = getattr(provider, attribute, None) or ()
        weights = names if isinstance(names, Mapping) else {}
        for name in names:
            plain = ascii_name(name)
            if plain:
                found.setdefault(plain, weights.get(name))
    return found


def with_tail(head: list[Entry], tail: list[str], share: float) -> list[Entry]:
    """Head and tail in per cent of people: the tail bears `share`, falling as 1 / rank."""
    known = {name for name, _, _ in head}
    tail = [name for name in tail if name not in known][:LONGEST_TAIL]
    share = share if tail else 0.0
    scale = (1 - share) * 100 / sum(weight for _, weight, _ in head)
    entries = [(name, weight * scale, extra) for name, weight, extra in head]
    ranks = [1 / (len(head) + i) for i in range(1, len(tail) + 1)]
    unit = share * 100 / sum(ranks) if ranks else 0.0
    return entries + [(name, unit * rank, "") for name, rank in zip(tail, ranks, strict=True)]


def feminine(name: str) -> str:
    """Return the form that a Polish daughter bears, or '' where it is the same."""
    return re.sub(r"(S|C|DZ)KI$", r"\1KA", name) if re.search(r"(S|C|DZ)KI$", name) else ""


def surname_rows(heads: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Rows `origin,name,weight,female`."""
    attributes = ("last_names", "male_last_names", "unisex_last_names", "last_romanized_names")
    for origin, (locales, share) in SURNAME_TAILS.items():
        head = read_head(heads[origin]["surnames"])
        names = {n: w for place in locales for n, w in faker_names(place, attributes).items()}
        if origin == "british":
            # The rest, up to 100 per cent, is composed from surname_parts.csv when drawn.
            known = {name for name, _, _ in head}
            entries = head + [(n, float(w or 0), "") for n, w in names.items() if n not in known]
        else:
            tail = sorted(names, key=lambda n: -(names[n] or 0.0))
            entries = with_tail(head, tail, share)
        for name, weight, female in entries:
            extra = female or (feminine(name) if origin == "polish" else "")
            yield f"{origin},{name},{weight:.5f},{extra}"


def forename_rows(heads: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Rows `origin,sex,name,weight,peak`."""
    for origin, (locales, share) in FORENAME_TAILS.items():
        for sex, word in (("M", "male"), ("F", "female")):
            head = read_head(heads[origin][word])
            # Pakistani given names come from Faker without a sex; they serve men.
            attribute = (
                "first_names" if origin == "pakistani" and sex == "M" else f"first_names_{word}"
            )
            tail = [
                n for place in locales for n in faker_names(place, (attribute,)) if " " not in n
            ]
            for name, weight, peak in with_tail(head, list(dict.fromkeys(tail)), share):
                yield f"{origin},{sex},{name},{weight:.5f},{peak}"


def middle_rows(heads: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Rows `origin,sex,name,weight`; weights are per cent of the middle names of that origin."""
    for origin, lists in heads.items():
        for sex, word in (("M", "middle_male"), ("F", "middle_female")):
            for name, weight, _ in read_head(lists[word]) if word in lists else ():
                yield f"{origin},{sex},{name},{weight:.5f}"


def variant_rows(variants: Mapping[str, list[str]]) -> Iterable[str]:
    """Rows `kind,name,variant`, every one directed."""
    seen: set[tuple[str, str, str]] = set()
    for kind, lines in variants.items():
        for line in lines:
            names = [word.replace("_", " ") for word in line.split()]
            both = kind == "respelling"
            pairs = ((a, b) for a in (names if both else names[:1]) for b in names if a != b)
            seen.update((kind, a, b) for a, b in pairs)
    return (",".join(row) for row in sorted(seen))


def spelling_rows(by_hand: Mapping[str, str], *tables: Iterable[str]) -> Iterable[str]:
    """Rows `origin,name,spelling` of the names with marks that one of the tables holds."""
    cells = [row.split(",") for table in tables for row in table]
    listed = {(row[0], cell) for row in cells for cell in row[1:]}
    for origin in SURNAME_TAILS:
        found: dict[str, str] = {}
        for spelling in (*by_hand.get(origin, "").split(), *_faker_spellings(origin)):
            name = ascii_name(spelling)
            upper = unicodedata.normalize("NFC", spelling.translate(_SIGNS)).upper()
            if name and (origin, name) in listed and not upper.isascii():
                found.setdefault(name, upper)
                found.setdefault(feminine(name), feminine(upper))
        found.pop("", None)
        kept = sorted(name for name in found if (origin, name) in listed)
        yield from (f"{origin},{name},{found[name]}" for name in kept)


def _faker_spellings(origin: str) -> Iterable[str]:
    locales = (*SURNAME_TAILS[origin][0], *FORENAME_TAILS[origin][0], *MARKED_ONLY.get(origin, ()))
    for locale in dict.fromkeys(() if origin in NOT_ROMAN else locales):
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute in _ATTRIBUTES:
            yield from getattr(provider, attribute, None) or ()


def part_rows(places: Mapping[str, str]) -> Iterable[str]:
    """Rows `family,place,part,weight` from which rare British surnames are composed."""
    for family in ("surname", "gaelic", "patronymic"):
        for place in ("first", "last"):
            words = places[f"{family}_{place}_parts"].split()
            for rank, word in enumerate(dict.fromkeys(words), 1):
                part, _, weight = word.partition(":")
                yield f"{family},{place},{part},{weight or round(100 / (rank % 97 + 12), 3)}"


def street_rows(places: Mapping[str, str]) -> Iterable[str]:
    """Rows `place,part,weight`: the words of a street name."""
    for rank, stem in enumerate(dict.fromkeys(places["street_stems"].split())):
        yield f"stem,{stem.replace('-', ' ')},{100 / (rank + 20):.3f}"
    for word in places["street_suffixes"].split():
        yield "suffix," + word.replace(":", ",")


def area_rows(places: Mapping[str, str]) -> Iterable[str]:
    """Rows `area,town,districts,weight`."""
    for entry in places["areas"].split(";"):
        code, town, districts, weight = entry.split()
        yield f"{code},{town.replace('-', ' ')},{districts},{weight}"


def write(name: str, header: str, rows: Iterable[str]) -> None:
    """Write one table."""
    lines = [header, *rows]
    (TABLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{name}: {len(lines) - 1} rows")


def main() -> None:
    """Write every table."""
    load = {
        p: tomllib.loads((HERE / f"{p}.toml").read_text("utf-8"))
        for p in ("name_heads", "variants", "places", "spellings")
    }
    heads, places = load["name_heads"], load["places"]
    surnames, forenames = list(surname_rows(heads)), list(forename_rows(heads))
    middles = list(middle_rows(heads))
    write("surnames.csv", "origin,name,weight,female", surnames)
    write("forenames.csv", "origin,sex,name,weight,peak", forenames)
    write("middle_names.csv", "origin,sex,name,weight", middles)
    write("variants.csv", "kind,name,variant", variant_rows(load["variants"]))
    spellings = spelling_rows(load["spellings"], surnames, forenames, middles)
    write("spellings.csv", "origin,name,spelling", spellings)
    write("surname_parts.csv", "family,place,part,weight", part_rows(places))
    write("streets.csv", "place,part,weight", street_rows(places))
    write("areas.csv", "area,town,districts,weight", area_rows(places))


if __name__ == "__main__":
    main()
