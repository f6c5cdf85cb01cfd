"""Write the ready files of 1,000 people a profile, and copies of the profiles and the tables.

Run from the root of the repository: `python data/synthetic/make.py`. How the records agree is
measured by `calibrate.py`.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from linkage.synth.blocks import AgencyFile, Columns, alias_block, register_block
from linkage.synth.draws import Texts
from linkage.synth.listed import AliasFile
from linkage.synth.population import populate
from linkage.synth.profile import NAMES, Profile

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "linkage" / "synth"
PEOPLE, SEED = 1_000, 1


def ready_files(name: str) -> Iterator[tuple[str, Columns]]:
    """Make the tables of one profile's folder, by file name."""
    population = populate(PEOPLE, SEED, Profile.named(name))
    truth: list[Columns] = []
    for view in population.rows:
        file = AgencyFile.of(population, view)
        whole = file.block(0, len(file))
        truth.append(whole.truth)
        yield f"{view}.csv", whole.columns
        yield from ((f"{view}_aliases.csv", one) for one in AliasFile.of(file).blocks())
    yield "people.csv", register_block(population, 0, PEOPLE)
    aliases = alias_block(population, 0, population.aliases.kind.size)
    if aliases["kind"].size:
        yield "people_aliases.csv", aliases
    yield "truth.csv", {name: [v for one in truth for v in one[name]] for name in truth[0]}


def write(path: Path, columns: Mapping[str, Texts]) -> None:
    """Write one table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def main() -> None:
    """Write every file."""
    for name in NAMES:
        shutil.rmtree(HERE / name, ignore_errors=True)
        (HERE / name).mkdir()
        for file, columns in ready_files(name):
            write(HERE / name / file, columns)
            print(f"{name}/{file}: {len(next(iter(columns.values()))):,} rows")
    for folder in ("profiles", "tables"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        shutil.copytree(PACKAGE / folder, HERE / folder)


if __name__ == "__main__":
    main()
