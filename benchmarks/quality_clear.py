"""Peers on clear text: Splink in its own interpreter, and the `recordlinkage` toolkit's ECM.

Both get the text as our own normalisation leaves it, so what is measured is what encoding and the
decision cost or gain, not who cleans better.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measure import ask
from benchmarks.quality_sets import Files
from linkage.agency.normalise import normaliser
from linkage.model import Pairs
from linkage.schema import FieldSpec, LinkageSchema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the toolkit warns of newer releases of its libraries
    import recordlinkage

SCRIPT = Path(__file__).with_name("peers") / "quality_splink.py"
#: The models of Splink that are tried; see the script. The last two only where they differ.
WIDE = "apart, wide blocks"
MODELS = ("together", "apart", WIDE)
WITHOUT_ADDRESS = "apart, without address"
#: Pairs from this probability on are kept, to search the best cut-off; as our review does.
LEAST = 0.01
_UK_POSTCODE = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})")
_ECM_BLOCKS = ("surname", "dob", "postcode")
_ECM_SIMILARITY = 0.85


class Answer(NamedTuple):
    """What a peer found: pairs by pair of files, persons of all rows if it tells, and notes."""

    pairs: list[Pairs]
    persons: list[NDArray[np.int64]] | None
    notes: dict[str, Any]


def clear_text(files: Files, schema: LinkageSchema) -> tuple[list[pd.DataFrame], list[Any]]:
    """Give the cleaned tables, columns called as in the schema, None where nothing is known.

    The parts of one file are put together. Gives the truth too.
    """
    tables = [_cleaned(table, schema) for table in files.tables]
    if files.deduplicate:
        return [pd.concat(tables, ignore_index=True)], [np.concatenate(files.truth)]
    return tables, list(files.truth)


def _cleaned(table: pd.DataFrame, schema: LinkageSchema) -> pd.DataFrame:
    columns = {}
    for field in schema.field:
        header = next((one for one in field.columns if one in table), None)
        columns[field.name] = (
            pd.Series(None, table.index, object)
            if header is None
            else table[header].map(_cleaner(field, table[header]))
        )
    return pd.DataFrame(columns)


def _cleaner(field: FieldSpec, raw: pd.Series[str]) -> dict[str, str | None]:
    """Map every text of a column to its cleaned form."""
    clean = normaliser(field)
    cleaned = {text: clean(text) for text in raw.unique()}
    if field.type == "date":
        return {a: b and f"{b[:4]}-{b[4:6]}-{b[6:]}" for a, b in cleaned.items()}
    if field.type == "postcode":
        return {a: b and _UK_POSTCODE.sub(r"\1 \2", b) for a, b in cleaned.items()}
    return cleaned


def models(tables: Sequence[pd.DataFrame]) -> list[str]:
    """Name the models of Splink that make sense for the columns."""
    known = _columns(tables)
    less = "postcode" in known and not {"town", "address"}.isdisjoint(known)
    return [*MODELS, WITHOUT_ADDRESS] if less else list(MODELS)


def splink(
    tables: Sequence[pd.DataFrame], python: Path, model: str, *, matches: int, single: bool
) -> Answer:
    """Link with Splink, all files at once; it is told the number of true matches."""
    columns = _columns(tables)
    codes = [one["postcode"].dropna() for one in tables if "postcode" in one]
    sizes = [len(table) for table in tables]
    task = {
        "model": model,
        "files": len(tables),
        "rows": sum(sizes),
        "pairs": sum(a * b for a, b in combinations(sizes, 2)) or sizes[0] * (sizes[0] - 1) // 2,
        "matches": max(matches, 1),
        "columns": columns,
        "single": single and len(tables) > 1,
        "uk_postcodes": any(one.str.fullmatch(r"\w+ \w+").mean() > 0.5 for one in codes),
        "least": LEAST,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, table in enumerate(tables):
            kept = table[columns].reset_index(names="row")
            kept.to_parquet(folder / f"{number}.parquet")
        (folder / "task.json").write_text(json.dumps(task))
        notes = ask([python, SCRIPT, folder])
        pairs = pd.read_parquet(folder / "pairs.parquet")
        persons = pd.read_parquet(folder / "persons.parquet")
    return Answer(_by_files(pairs, len(tables)), _by_rows(persons, tables), notes)


def _columns(tables: Sequence[pd.DataFrame]) -> list[str]:
    return [name for name in tables[0] if any(one[name].notna().any() for one in tables)]


def _by_files(pairs: pd.DataFrame, files: int) -> list[Pairs]:
    """Part pairs by pair of files; either side of a pair may be the first file's."""
    turned = (pairs["file_l"] > pairs["file_r"]).to_numpy()
    columns = {
        what: np.where(
            turned, pairs[[f"{what}_r", f"{what}_l"]].T, pairs[[f"{what}_l", f"{what}_r"]].T
        ).astype(np.int64)
        for what in ("file", "row")
    }
    probability = pairs["probability"].to_numpy(np.float64)
    parts = []
    for place in list(combinations(range(files), 2)) or [(0, 0)]:
        chosen = (columns["file"] == np.array(place)[:, None]).all(axis=0)
        left, right = columns["row"][:, chosen]
        parts.append(_pairs(place, (left, right), probability[chosen]))
    return parts


def _by_rows(persons: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> list[NDArray[np.int64]]:
    persons["person"] = pd.factorize(persons["cluster_id"])[0]
    ordered = persons.sort_values(["file", "row"])["person"].to_numpy(np.int64)
    return np.split(ordered, np.cumsum([len(one) for one in tables])[:-1])


def _pairs(
    places: tuple[int, int],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    probability: NDArray[np.float64],
) -> Pairs:
    return Pairs(*places, *rows, probability, np.zeros(len(probability)), probability)


def ecm(tables: Sequence[pd.DataFrame]) -> Answer:
    """Link with the toolkit: binary Jaro-Winkler agreements, ECM, one pair of files at a time.

    Of the set-ups tried (columns compared exactly, other thresholds, more blocks) this one is the
    best for the toolkit.
    """
    start = time.perf_counter()
    numbers = list(combinations(range(len(tables)), 2)) or [(0, 0)]
    found = [_ecm_of(tables, places) for places in numbers]
    seconds = round(time.perf_counter() - start, 2)
    return Answer(found, None, {"recordlinkage": version("recordlinkage"), "seconds": seconds})


def _ecm_of(tables: Sequence[pd.DataFrame], places: tuple[int, int]) -> Pairs:
    sides = [tables[place] for place in dict.fromkeys(places)]
    columns = [name for name in sides[0] if all(one[name].notna().any() for one in sides)]
    index, compare = recordlinkage.Index(), recordlinkage.Compare()
    for name in columns:
        if name in _ECM_BLOCKS:
            index.block(name)
        if name in ("sex", "pnc", "cro", "noms"):
            compare.exact(name, name, label=name)
        else:
            compare.string(name, name, method="jarowinkler", threshold=_ECM_SIMILARITY, label=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        candidates = index.index(*sides)
        features = compare.compute(candidates, *sides)
        classifier = recordlinkage.ECMClassifier()
        classifier.fit(features)
        probability = classifier.prob(features).to_numpy(np.float64)
    rows = tuple(candidates.get_level_values(side).to_numpy(np.int64) for side in (0, 1))
    kept = probability >= LEAST
    return _pairs(places, (rows[0][kept], rows[1][kept]), probability[kept])
