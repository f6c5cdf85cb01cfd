"""Write the ready files of 1,000 people a profile, and copies of the profiles and the tables.

Run from the root of the repository: `python data/synthetic/make.py`. How the records agree is
measured by `calibrate.py`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from linkage.cli.main import run
from linkage.synth.profile import NAMES

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "linkage" / "synth"


def command(name: str) -> list[str]:
    """Give the words after `linkage` that write a profile's folder, but for `-o`."""
    options = ["--people", "1000", "--seed", "1", "--profile", name]
    return ["synth", *options, "--aliases", "--register"]


def main() -> None:
    """Write every file."""
    for name in NAMES:
        shutil.rmtree(HERE / name, ignore_errors=True)
        code = run([*command(name), "-o", str(HERE / name)])
        if code:
            sys.exit(code)
    for folder in ("profiles", "tables"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
        shutil.copytree(PACKAGE / folder, HERE / folder)


if __name__ == "__main__":
    main()
