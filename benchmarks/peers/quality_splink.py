"""Splink on DuckDB: link or de-duplicate files of clear text, for quality.py.

    python quality_splink.py FOLDER

FOLDER holds 0.parquet, 1.parquet ..., already cleaned, with the columns that task.json names. The
models follow Splink's documented examples. Forename and surname are compared in one comparison with
a level for swapped names (example of 50,000 persons), or each for itself (febrl3, febrl4); dates by
edits; address and town by Jaro-Winkler, or left out where there is a postcode, with which they hang
together. u is from random pairs, m by expectation maximisation in blocks. The number of matches is
given: the documented estimate of it wants a guess of what deterministic rules find. Writes
pairs.parquet and persons.parquet, and prints versions and seconds as JSON.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SEED = 1
TRAINING_PAIRS = 1e7
#: By name: the comparison of names, blocks of training, and whether address and town are compared.
MODELS = {
    "together": ("together", (("forename", "surname"), ("dob",)), True),
    "apart": ("apart", (("forename", "surname"), ("dob",)), True),
    "apart, without address": ("apart", (("forename", "surname"), ("dob",)), False),
    "apart, wide blocks": ("apart", (("forename",), ("surname",), ("dob",)), True),
}
IDENTIFIERS = ("pnc", "cro", "noms")
PLACES = ("town", "address")
RULES = (
    ("dob",),
    ("surname", "forename"),
    ("substr(forename,1,3)", "substr(surname,1,4)"),
    ("surname", "substr(dob,1,4)"),
    ("forename", "substr(dob,1,4)"),
    ("surname", "substr(dob,6,5)"),
    ("forename", "substr(dob,6,5)"),
    ("postcode", "forename"),
    ("postcode", "surname"),
    ("postcode", "substr(dob,1,4)"),
    ("substr(postcode,1,3)", "forename"),
    ("substr(postcode,1,3)", "surname"),
    ("substr(forename,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
)
#: For small files every pair may be looked at that shares a name or a postcode.
SMALL_ROWS = 20_000
SMALL_RULES = (
    ("surname",),
    ("forename",),
    ("postcode",),
    ("substr(forename,1,2)",),
    ("substr(surname,1,2)",),
    ("substr(dob,1,7)",),
    ("substr(dob,6,5)",),
)
SWAPPED = "l.forename = r.surname and l.surname = r.forename"


def known(rules, columns):
    """Keep the rules whose columns there are."""
    return [rule for rule in rules if all(_column(part) in columns for part in rule)]


def _column(part):
    return part.removeprefix("substr(").split(",")[0]


def comparisons(task):
    """Compare each column as documented."""
    names, _, with_places = MODELS[task["model"]]
    typos = cl.DamerauLevenshteinAtThresholds
    ways = {
        "middle_name": cl.NameComparison,
        "dob": lambda one: typos(one, [1, 2]),
        "sex": cl.ExactMatch,
        "postcode": lambda one: (
            cl.PostcodeComparison(one) if task["uk_postcodes"] else common(typos(one, [1, 2]))
        ),
    } | dict.fromkeys(IDENTIFIERS, cl.ExactMatch)
    if with_places:
        ways |= dict.fromkeys(
            PLACES, lambda one: common(cl.JaroWinklerAtThresholds(one, [0.9, 0.8]))
        )
    compared = [make(one) for one, make in ways.items() if one in task["columns"]]
    if names == "apart":
        return [common(cl.NameComparison(one)) for one in ("forename", "surname")] + compared
    both = cl.ForenameSurnameComparison(
        "forename", "surname", forename_surname_concat_col_name="name"
    )
    return [both, *compared]


def common(comparison):
    """Let exact agreement on a common value weigh less."""
    return comparison.configure(term_frequency_adjustments=True)


def settings(task):
    """Say what is blocked on and compared."""
    columns = task["columns"]
    rules = (*((one,) for one in IDENTIFIERS), *RULES)
    if task["rows"] <= SMALL_ROWS:
        rules += SMALL_RULES
    return SettingsCreator(
        link_type="dedupe_only" if task["files"] == 1 else "link_only",
        unique_id_column_name="row",
        blocking_rules_to_generate_predictions=[
            *(block_on(*rule) for rule in known(rules, columns)),
            SWAPPED,
        ],
        comparisons=comparisons(task),
        probability_two_random_records_match=task["matches"] / task["pairs"],
    )


def train(linker, task):
    """Estimate u and m as documented."""
    training = linker.training
    training.estimate_u_using_random_sampling(max_pairs=TRAINING_PAIRS, seed=SEED)
    for rule in MODELS[task["model"]][1]:
        training.estimate_parameters_using_expectation_maximisation(
            block_on(*rule), estimate_without_term_frequencies=True, max_pairs=TRAINING_PAIRS
        )


def persons(linker, predictions, task):
    """Join links at probability 0.5; at most one record of each file where that is known."""
    clustering = linker.clustering
    if task["single"]:
        return clustering.cluster_using_single_best_links(
            predictions,
            duplicate_free_datasets=[f"file{number}" for number in range(task["files"])],
            threshold_match_probability=0.5,
        )
    return clustering.cluster_pairwise_predictions_at_threshold(
        predictions, threshold_match_probability=0.5
    )


def main():
    """Link and write."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    start = time.perf_counter()
    api = DuckDBAPI(duckdb.connect())
    connection = api.duckdb_con
    sides = []
    for number in range(task["files"]):
        connection.execute(
            f"create table file{number} as select *, forename || ' ' || surname as name "
            f"from read_parquet('{folder / str(number)}.parquet')"
        )
        sides.append(api.register(f"file{number}", dataset_display_name=f"file{number}"))
    linker = Linker(sides, settings(task), log_level="ERROR")
    train(linker, task)
    predictions = linker.inference.predict(threshold_match_probability=task["least"])
    found = persons(linker, predictions, task)
    seconds = round(time.perf_counter() - start, 2)
    places = (
        ", ".join(f"source_dataset_{side}[5:]::int as file_{side}" for side in "lr")
        if task["files"] > 1
        else "0 as file_l, 0 as file_r"
    )
    place = "source_dataset[5:]::int" if task["files"] > 1 else "0"
    for query, name in (
        (
            f"select {places}, row_l, row_r, match_probability as probability "
            f"from {predictions.physical_name}",
            "pairs",
        ),
        (f"select cluster_id, {place} as file, row from {found.physical_name}", "persons"),
    ):
        connection.execute(f"copy ({query}) to '{folder / name}.parquet' (format parquet)")
    versions = {"splink": version("splink"), "duckdb": duckdb.__version__}
    print(json.dumps(versions | {"seconds": seconds}))


main()
