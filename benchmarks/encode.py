"""Time `linkage encode` on one core: rows a second, and memory.

    python -m benchmarks.encode [--rows 1000000] [--large]

Police records of a synthetic population are encoded under the schema that `schema init` drafts for
them, at field level, with and without the address. Runs are whole processes, pinned to one core,
with kernels compiled before. Rates are of user time, which does not hang on the disk or on what
else the machine does; start-up is the time for ten rows. `--large` also encodes ten million rows
once, for its memory. Writes `benchmarks/results/encode.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from linkage import __version__

RESULTS = Path(__file__).with_name("results") / "encode.json"
ROWS, LARGE, RUNS, PEOPLE_PER_ROW = 1_000_000, 10_000_000, 3, 0.65
COMMAND = (sys.executable, "-m", "linkage")

#: Runs a command and reports its processor time and memory, apart from those of all others.
WORKER = """
import json, os, resource, subprocess, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"seconds": seconds, "user_seconds": used.ru_utime,
                  "system_seconds": used.ru_stime, "peak_mib": used.ru_maxrss / 1024}))
"""


def main() -> None:
    """Measure, and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--large", action="store_true", help=f"also encode {LARGE:,} rows")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "python": platform.python_version(),
        "linkage": __version__,
        "machine": f"{platform.machine()}, one of {os.cpu_count()} cores",
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_records(folder, options.rows)
        schemas = make_schemas(folder, source)
        results["schemas"] = {
            label: measure(folder, source, schema, options.rows)
            for label, schema in schemas.items()
        }
        if options.large:
            repeated = repeat_records(source, folder / "large.csv", LARGE)
            results["large"] = {"rows": LARGE} | {
                label: encode(folder, repeated, schema) for label, schema in schemas.items()
            }
        elif RESULTS.exists():  # those of the last time stay
            results["large"] = json.loads(RESULTS.read_text())["large"]
    print(json.dumps(results, indent=1))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def make_records(folder: Path, rows: int) -> Path:
    """Make a CSV file of police records."""
    people = str(int(rows * PEOPLE_PER_ROW) + 100)
    command = [*COMMAND, "synth", "-q", "--people", people, "--threads", str(os.cpu_count())]
    subprocess.run([*command, "-o", folder / "d"], check=True)
    source = folder / "police.csv"
    with open(folder / "d" / "police.csv") as made, open(source, "w") as cut:
        cut.writelines(line for line, _ in zip(made, range(rows + 1), strict=False))
    for one in (folder / "d").iterdir():
        one.unlink()
    return source


def repeat_records(source: Path, target: Path, rows: int) -> Path:
    """Write the records over and over, each with a record id of its own."""
    with open(source) as given, open(target, "w") as repeated:
        repeated.write(next(given))
        tails = [line.partition(",")[2] for line in given]
        for start in range(0, rows, len(tails)):
            part = tails[: rows - start]
            repeated.writelines(f"R{n:08d},{tail}" for n, tail in enumerate(part, start))
    return target


def make_schemas(folder: Path, source: Path) -> dict[str, Path]:
    """Draft the schema, and make one of it without the address; a key too."""
    full, short = folder / "full.toml", folder / "short.toml"
    subprocess.run([*COMMAND, "schema", "init", "-q", source, "-o", full], check=True)
    subprocess.run([*COMMAND, "keygen", "-q", "-o", folder / "project.key"], check=True)
    head, *fields = full.read_text().split("[[field]]")
    kept = [one for one in fields if 'name = "address"' not in one]
    assert len(kept) == len(fields) - 1
    short.write_text("[[field]]".join([head, *kept]))
    return {"with address": full, "without address": short}


def measure(folder: Path, source: Path, schema: Path, rows: int) -> dict[str, Any]:
    """Encode a file several times; give the median rates and the highest memory."""
    few = repeat_records(source, folder / "few.csv", 10)
    encode(folder, few, schema)
    starts = statistics.median(encode(folder, few, schema)["user_seconds"] for _ in range(RUNS))
    runs = [encode(folder, source, schema) for _ in range(RUNS)]
    user = statistics.median(one["user_seconds"] for one in runs)
    return {
        "rows": rows,
        "start_up_seconds": round(starts, 2),
        "rows_per_second": round(rows / (user - starts)),
        "rows_per_second_with_start_up": round(rows / user),
        "peak_mib": max(one["peak_mib"] for one in runs),
        "runs": runs,
    }


def encode(folder: Path, source: Path, schema: Path) -> dict[str, float]:
    """Encode a file once, in a process on one core."""
    output = folder / "x.enc.parquet"
    command = [*COMMAND, "encode", "-q", source, "--schema", schema]
    command += ["--key", folder / "project.key", "-o", output]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *command], check=True, capture_output=True, text=True
    )
    output.unlink()
    (folder / "x.ids.parquet").unlink()
    return {name: round(value, 2) for name, value in json.loads(done.stdout).items()}


if __name__ == "__main__":
    main()
