"""Write the ready files of 1,000 people a profile, and print how their records agree.

Run from the root of the repository:

    python data/synthetic/make.py             the ready files
    python data/synthetic/make.py --agreement the table of the README, measured on 50,000 people
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from linkage.synth.agreement import measure
from linkage.synth.generate import generate
from linkage.synth.profile import NAMES, Profile

HERE = Path(__file__).parent
PEOPLE, SEED = 1_000, 1
MEASURED_PEOPLE, MEASURED_SEEDS = 50_000, (1, 2)
#: Level of agreement -> published value; none where nothing is published.
PUBLISHED = {
    "everything": "0.64",
    "name_exact": "0.881",
    "name_close": "0.073",
    "name_reversed": "0.0020",
    "name_alias": "0.0206",
    "name_other": "0.0234",
    "dob_exact": "0.948",
    "dob_alias": "0.017",
    "dob_one_edit": "0.017",
    "dob_other": "0.018",
    "postcode_exact": "0.708",
    "postcode_outcode": "0.092",
    "postcode_neither": "0.199",
    "middle_exact": "0.931",
    "sex_exact": "",
    "u_name": "6.4e-06",
    "u_dob": "6.3e-05",
    "u_postcode": "1.3e-04",
    "u_outcode": "2.5e-03",
    "u_middle": "0.0123",
}


def write(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Write one table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def make_files() -> None:
    """Write police.csv, court.csv, prison.csv and truth.csv for every profile."""
    for name in NAMES:
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        data = generate(PEOPLE, SEED, Profile.named(name))
        for view, columns in {**data.views, "truth": data.truth}.items():
            write(folder / f"{view}.csv", columns)
        rows = ", ".join(f"{view} {t['record_id'].size:,}" for view, t in data.views.items())
        print(f"{name}: {rows}")


def print_agreement() -> None:
    """Print the table of how records agree, as Markdown."""
    measured = {}
    for name in ("default", "hard"):
        runs = [measure(generate(MEASURED_PEOPLE, s, Profile.named(name))) for s in MEASURED_SEEDS]
        measured[name] = {level: np.mean([run[level] for run in runs]) for level in PUBLISHED}
    print("| level | published | default | hard |\n| --- | --- | --- | --- |")
    for level, published in PUBLISHED.items():
        cells = [f"{measured[name][level]:.3g}" for name in measured]
        print(f"| {level} | {published} | {' | '.join(cells)} |")


if __name__ == "__main__":
    print_agreement() if "--agreement" in sys.argv else make_files()
