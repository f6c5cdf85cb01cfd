"""Time `linkage link` on encodings against Splink on the clear text of the same files.

    python -m benchmarks.splink_clear [--rows 100000 1000000] [--environments FOLDER]

Police and court files of a synthetic population: names, date of birth, sex and postcode, without
identifiers. Splink (`peers/link_splink.py`) reads, cleans, trains and predicts, by the rules of its
documented example and by narrower ones; `linkage link` reads encoded files, trains, compares and
writes results, with kernels compiled before. Whole processes are timed, in turn, on all cores.
Precision and recall are of pairs at probability 0.5, without labels; to be compared, times need
recall that is no worse. Writes `benchmarks/results/splink_clear.json` after each size.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv

from benchmarks.measure import RESULTS, ROOT, machine, peer_python, watch, write_results
from benchmarks.people import COMMAND, SIDES, make_files, read_file

SCRIPT = Path(__file__).with_name("peers") / "link_splink.py"
RULES = ("narrow", "documented")
IDENTIFIERS = ("pnc", "cro", "address")
SIZES = (100_000, 1_000_000)
WARM_ROWS = 2_000

Figures = dict[str, Any]


def main() -> None:
    """Measure each size, from the smallest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--environments", type=Path, default=ROOT)
    options = parser.parse_args()
    python = peer_python(options.environments, "splink")
    path = RESULTS / "splink_clear.json"
    known = json.loads(path.read_text())["sizes"] if path.exists() else {}
    results: Figures = machine() | {"threads": os.cpu_count(), "sizes": known}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        prepare(Path(name) / "warm", WARM_ROWS)
        link(Path(name) / "warm")
        for rows in sorted(options.rows):
            folder = Path(name) / str(rows)
            known[str(rows)] = {"linkage": results["linkage"]} | measure(
                folder, rows, python, options.runs
            )
            shutil.rmtree(folder)
            print(json.dumps(known[str(rows)], indent=1))
            write_results("splink_clear", results)


def prepare(folder: Path, rows: int) -> list[Figures]:
    """Make the files, draft the schema and encode both; gives what encoding took."""
    make_files(folder, rows)
    for side in SIDES:
        table = read_file(folder / f"{side}.csv")
        left_out = [name for name in table.column_names if name in IDENTIFIERS]
        pacsv.write_csv(table.drop_columns(left_out), folder / f"{side}.csv")
    files, schema, key = (
        [folder / f"{side}.csv" for side in SIDES],
        folder / "schema.toml",
        folder / "project.key",
    )
    watch([*COMMAND, "schema", "init", "-q", *files, "-o", schema])
    watch([*COMMAND, "keygen", "-q", "-o", key])
    options = ("--schema", schema, "--key", key, "--keep-ids")
    return [
        watch([*COMMAND, "encode", "-q", one, *options, "-o", one.with_suffix(".enc.parquet")])
        for one in files
    ]


def measure(folder: Path, rows: int, python: Path, runs: int) -> Figures:
    """Link the same files by both in turn."""
    encoded = prepare(folder, rows)
    ours: list[Figures] = []
    theirs: dict[str, list[Figures]] = {rules: [] for rules in RULES}
    for _ in range(runs):
        ours.append(link(folder))
        for rules in RULES:
            theirs[rules].append(splink(folder, rules, python))
    seconds = statistics.median(one["seconds"] for one in ours)
    return {
        "rows": rows,
        "encode_seconds": [one["seconds"] for one in encoded],
        "link": {"seconds": seconds, "runs": ours} | evaluate(folder),
        "splink": {rules: against(runs, seconds) for rules, runs in theirs.items()},
    }


def link(folder: Path) -> Figures:
    """Link the encoded files; gives what it took, by stages too."""
    results = folder / "results"
    shutil.rmtree(results, ignore_errors=True)
    files = [folder / f"{side}.enc.parquet" for side in SIDES]
    taken: Figures = watch([*COMMAND, "link", "-q", *files, "-o", results])
    return taken | {"stages": json.loads((results / "manifest.json").read_text())["seconds"]}


def evaluate(folder: Path) -> Figures:
    """Ask `linkage evaluate` for precision, recall and pairs completeness."""
    answer, truth = folder / "evaluated.json", folder / "truth.csv"
    watch([*COMMAND, "evaluate", "-q", folder / "results", "--truth", truth, "--json"], answer)
    found = json.loads(answer.read_text())
    figures = found["pairwise"] | found["blocking"]
    names = ("pairs_completeness", "reduction_ratio", "precision", "recall")
    return {name: round(figures[name], 4) for name in names}


def splink(folder: Path, rules: str, python: Path) -> Figures:
    """Link the clear text with Splink; it may fail for want of memory.

    The time in which its links are judged is not counted.
    """
    answer = folder / "splink.json"
    try:
        taken = watch([python, SCRIPT, folder, rules], answer)
    except subprocess.CalledProcessError as error:
        return {"failed": error.returncode}
    found = taken | json.loads(answer.read_text().splitlines()[-1])
    return found | {"seconds": round(found["seconds"] - found.pop("judge_seconds"), 2)}


def against(runs: list[Figures], seconds: float) -> Figures:
    """Put Splink's runs together, and its time against ours."""
    if failed := [one for one in runs if "failed" in one]:
        return failed[0]
    middle = statistics.median(one["seconds"] for one in runs)
    kept = ("version", "duckdb", "links")
    return {
        "seconds": middle,
        "precision": round(runs[0]["precision"], 4),
        "recall": round(runs[0]["recall"], 4),
        "peak_mib": max(one["peak_mib"] for one in runs),
        "ratio": round(middle / seconds, 2),
        "runs": [
            {name: value for name, value in one.items() if name.endswith("seconds")} for one in runs
        ],
    } | {name: runs[0][name] for name in kept}


if __name__ == "__main__":
    main()
