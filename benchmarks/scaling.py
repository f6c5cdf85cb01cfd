"""How time and memory grow: the installed command line from 10,000 to 10,000,000 rows a side.

    python -m benchmarks.scaling [--rows 10000 ...] [--folder FOLDER]

Police and court files of a synthetic population are drafted a schema for, encoded at field level
and linked, each command in a fresh process on all cores, with kernels compiled before. Memory is
that of all processes of a command. Pairs completeness, precision and recall are those of `linkage
evaluate`; above two million rows, only pairs completeness is counted, here. Files lie in a new
folder within FOLDER, and go with it. The results file `benchmarks/results/scaling.json` is written
after each size, and keeps the sizes of earlier runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.measure import RESULTS, machine, watch, write_results
from benchmarks.people import COMMAND, SIDES, make_files, matching_rows

SIZES = (10_000, 100_000, 1_000_000)
WARM_ROWS = 2_000
#: Above this many rows a side, `linkage evaluate` would need more memory than `linkage link`.
EVALUATED = 2_000_000
#: What a million rows a side may take, to refuse before a machine runs out.
MEMORY_GIB, DISK_GIB = 1.6, 2.5

ALL_TEXT = pacsv.ConvertOptions(
    column_types=dict.fromkeys(("dataset", "record_id", "person_id"), pa.string())
)

Figures = dict[str, Any]


def main() -> None:
    """Measure each size, from the smallest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=SIZES)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    sizes = sorted(options.rows)
    check_room(options.folder, sizes[-1])
    path = RESULTS / "scaling.json"
    known = json.loads(path.read_text())["sizes"] if path.exists() else {}
    results: Figures = machine() | {"threads": os.cpu_count(), "sizes": known}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        run(Path(name) / "warm", WARM_ROWS)
        for rows in sizes:
            folder = Path(name) / str(rows)
            figures = {"linkage": results["linkage"]} | run(folder, rows)
            shutil.rmtree(folder)
            print(json.dumps(figures, indent=1))
            known[str(rows)] = figures
            results["sizes"] = dict(sorted(known.items(), key=lambda one: int(one[0])))
            write_results("scaling", results)
    print_costs(results["sizes"])


def check_room(folder: Path, rows: int) -> None:
    """Refuse to begin what the machine has no memory or disk for."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 2**20
    if free < MEMORY_GIB * rows / 1e6:
        raise SystemExit(
            f"{rows:,} rows may need {MEMORY_GIB * rows / 1e6:.0f} GiB; {free:.0f} free"
        )
    disk = shutil.disk_usage(folder).free / 2**30
    if disk < DISK_GIB * rows / 1e6:
        raise SystemExit(f"{rows:,} rows may need {DISK_GIB * rows / 1e6:.0f} GiB of disk")


def run(folder: Path, rows: int) -> Figures:
    """Go through all commands with so many rows a side."""
    make_files(folder, rows)
    files = [folder / f"{side}.csv" for side in SIDES]
    schema, key, results = folder / "schema.toml", folder / "project.key", folder / "results"
    drafted = command("schema", "init", "-q", *files, "-o", schema)
    made = command("keygen", "-q", "-o", key)
    encoded = [
        command("encode", "-q", one, "--schema", schema, "--key", key, "--keep-ids", "-o", target)
        for one, target in zip(files, encoded_files(folder), strict=True)
    ]
    link = ("link", "-q", *encoded_files(folder), "--threads", os.cpu_count())
    linked = command(*link, "-o", results)
    manifest = json.loads((results / "manifest.json").read_text())
    records = 2 * rows
    return {
        "rows": rows,
        "schema_init": drafted,
        "keygen": made,
        "encode": dict(zip(SIDES, encoded, strict=True)),
        "link": linked,
        "stages": manifest["seconds"],
        "outside_stages": round(linked["seconds"] - sum(manifest["seconds"].values()), 2),
        "counts": manifest["counts"],
        "quality": quality(folder, rows, manifest),
        "microseconds_a_record": {
            "encode": round(1e6 * sum(one["seconds"] for one in encoded) / records, 2),
            "link": round(1e6 * linked["seconds"] / records, 2),
        },
    }


def command(*words: object) -> dict[str, float]:
    """Run one command of the command line."""
    return watch([*COMMAND, *words])


def quality(folder: Path, rows: int, manifest: Figures) -> Figures:
    """Ask `linkage evaluate` how good the links are; for many rows, count the blocking's part."""
    if rows > EVALUATED:
        return blocking_quality(folder, manifest["counts"])
    answer, truth = folder / "evaluated.json", folder / "truth.csv"
    watch([*COMMAND, "evaluate", "-q", folder / "results", "--truth", truth, "--json"], answer)
    found = json.loads(answer.read_text())
    figures = found["pairwise"] | found["blocking"]
    names = ("pairs_completeness", "reduction_ratio", "precision", "recall", "f1")
    return {name: round(figures[name], 6) for name in names}


def blocking_quality(folder: Path, counts: Figures) -> Figures:
    """Count the matches that share a block, from the tokens of the encoded files alone."""
    truth = pacsv.read_csv(folder / "truth.csv", convert_options=ALL_TEXT)
    truth = truth.set_column(2, "person", truth["person_id"].combine_chunks().dictionary_encode())
    persons, tokens = [], []
    for side, path in zip(SIDES, encoded_files(folder), strict=True):
        of_side = truth.filter(pc.equal(truth["dataset"], side))
        names = [name for name in pq.read_schema(path).names if name.startswith("block.")]
        encoded = pq.read_table(path, columns=["record", *names])
        place = pc.index_in(encoded["record"], of_side["record_id"]).to_numpy()
        persons.append(codes(of_side["person"])[place])
        columns = [pc.fill_null(encoded[name], 0).to_numpy() for name in names]
        tokens.append(np.column_stack(columns))
    matches = matching_rows(persons)
    met = np.zeros(len(matches), bool)
    for left, right in zip(*(one.T for one in tokens), strict=True):
        found = left[matches[:, 0]]
        met |= (found == right[matches[:, 1]]) & (found != 0)
    return {
        "pairs_completeness": round(float(met.mean()), 6),
        "reduction_ratio": round(1 - counts["comparisons"] / counts["all_pairs"], 6),
    }


def codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Give the number of each value of a column that is encoded as a dictionary."""
    return np.asarray(column.combine_chunks().indices.to_numpy(), np.int64)


def encoded_files(folder: Path) -> list[Path]:
    """Say where the encoded files lie."""
    return [folder / f"{side}.enc.parquet" for side in SIDES]


def print_costs(sizes: dict[str, Figures]) -> None:
    """Print what a record costs at each size, and at the largest against 100,000."""
    for figures in sizes.values():
        cost, link = figures["microseconds_a_record"], figures["link"]
        print(
            f"{figures['rows']:>10,} rows a side: encode {cost['encode']:,.1f} us a record, "
            f"link {cost['link']:,.1f}; {link['seconds']:,.1f} s and {link['peak_mib']:,} MiB, "
            f"pairs completeness {figures['quality']['pairs_completeness']:.4f}"
        )
    if (first := sizes.get("100000")) and (last := sizes.get("10000000")):
        costs = [one["microseconds_a_record"]["link"] for one in (first, last)]
        print(f"a record of 10,000,000 costs {costs[1] / costs[0]:.2f} times one of 100,000")


if __name__ == "__main__":
    main()
