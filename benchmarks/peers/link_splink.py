"""Splink on DuckDB: link police and court rows in clear text.

    python link_splink.py FOLDER RULES

Follows Splink's documented example of linking persons by name, date of birth and postcode: its
comparisons for these, probability that two random records match from deterministic rules, u from
random pairs, m by expectation maximisation in two blocks. RULES is `documented`, the blocking
rules of that example, or `narrow`, fewer and stricter ones. Prints seconds by step, and precision
and recall at probability 0.5, as JSON.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SEED = 1
TRAINING_PAIRS = 1e7
STEPS = ("read", "train", "predict", "judge")
RULES = {
    "documented": [
        ("substr(forename,1,3)", "substr(surname,1,4)"),
        ("surname", "dob"),
        ("forename", "dob"),
        ("postcode", "forename"),
        ("postcode", "surname"),
        ("substr(postcode,1,3)", "dob"),
        ("substr(postcode,1,3)", "forename"),
        ("substr(postcode,1,3)", "surname"),
        ("substr(forename,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
    ],
    "narrow": [
        ("surname", "dob"),
        ("forename", "dob"),
        ("postcode", "forename"),
        ("postcode", "surname"),
        ("forename", "surname", "substr(dob,1,4)"),
    ],
}
READ = """
    create table {side} as select *, forename || ' ' || surname as name from (select record_id,
      nullif(upper(trim({forename})), '') as forename,
      nullif(upper(trim({middle})), '') as middle_name,
      nullif(upper(trim({surname})), '') as surname,
      strftime(try_strptime({dob}, '{format}'), '%Y-%m-%d') as dob,
      nullif(upper(left(trim(sex), 1)), 'U') as sex,
      nullif(upper(trim(postcode)), '') as postcode
    from read_csv('{path}', all_varchar = true))"""
COLUMNS = {
    "police": {
        "forename": "forename",
        "middle": "middle_names",
        "surname": "surname",
        "dob": "dob",
        "format": "%Y-%m-%d",
    },
    "court": {
        "forename": "first_name",
        "middle": "middle_name",
        "surname": "last_name",
        "dob": "date_of_birth",
        "format": "%d/%m/%Y",
    },
}
#: Either side of a predicted pair may be police.
LINKS = """
    create table links as select
      if(source_dataset_l = 'police', record_id_l, record_id_r) as police,
      if(source_dataset_l = 'police', record_id_r, record_id_l) as court
    from {predictions}"""
MATCHES = """
    create table matches as select l.record_id as police, r.record_id as court
    from truth l join truth r using (person_id)
    where l.dataset = 'police' and r.dataset = 'court'"""


def read(api, folder):
    """Read and clean both files; give them registered."""
    sides = []
    for side, columns in COLUMNS.items():
        query = READ.format(side=side, path=folder / f"{side}.csv", **columns)
        api.duckdb_con.execute(query)
        sides.append(api.register(side, dataset_display_name=side))
    return sides


def settings(rules):
    """Say what is blocked on and compared."""
    return SettingsCreator(
        link_type="link_only",
        unique_id_column_name="record_id",
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
        comparisons=[
            cl.ForenameSurnameComparison(
                "forename", "surname", forename_surname_concat_col_name="name"
            ),
            cl.NameComparison("middle_name"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode"),
            cl.ExactMatch("sex"),
        ],
    )


def train(linker):
    """Estimate the model as documented."""
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("forename", "surname", "dob"), block_on("dob", "postcode")], recall=0.7
    )
    training.estimate_u_using_random_sampling(max_pairs=TRAINING_PAIRS, seed=SEED)
    for rule in (block_on("forename", "surname"), block_on("dob")):
        training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True, max_pairs=TRAINING_PAIRS
        )


def judge(connection, folder, predictions):
    """Count right and wrong links against the truth."""
    path = folder / "truth.csv"
    connection.execute(f"create table truth as from read_csv('{path}', all_varchar = true)")
    connection.execute(MATCHES)
    connection.execute(LINKS.format(predictions=predictions))
    links, matches, right = (
        connection.execute(f"select count(*) from {table}").fetchone()[0]
        for table in ("links", "matches", "(from links intersect from matches)")
    )
    return {"links": links, "precision": right / links, "recall": right / matches}


def main():
    """Link and print."""
    warnings.simplefilter("ignore")
    folder, rules = Path(sys.argv[1]), sys.argv[2]
    laps = [time.perf_counter()]
    api = DuckDBAPI(duckdb.connect())
    linker = Linker(read(api, folder), settings(RULES[rules]), log_level="ERROR")
    laps.append(time.perf_counter())
    train(linker)
    laps.append(time.perf_counter())
    predictions = linker.inference.predict(threshold_match_probability=0.5)
    laps.append(time.perf_counter())
    found = judge(api.duckdb_con, folder, predictions.physical_name)
    laps.append(time.perf_counter())
    answer = {"version": version("splink"), "duckdb": duckdb.__version__, "rules": rules}
    for step, (start, stop) in zip(STEPS, pairwise(laps), strict=True):
        answer[f"{step}_seconds"] = round(stop - start, 2)
    print(json.dumps(answer | found))


main()
