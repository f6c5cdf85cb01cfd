"""Measure how the default profile compares with what is published and with its own tables.

Run from the root of the repository; it takes about two minutes:

    python data/synthetic/calibrate.py           measures, and writes all of the below
    python data/synthetic/calibrate.py --draw    from calibration.json, as it is

It writes calibration.json, the table in docs/synthetic.md and docs/pictures/calibration.svg.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from picture import draw

from linkage.synth.agreement import (
    HARD_EVERYTHING,
    NOT_CALIBRATED,
    PUBLISHED,
    measure,
    measure_strangers,
)
from linkage.synth.collisions import (
    TOP,
    FullNames,
    count_full_names,
    share_with,
    top_surnames,
)
from linkage.synth.generate import generate
from linkage.synth.population import populate
from linkage.synth.profile import Profile
from linkage.synth.tables import load_names

HERE = Path(__file__).parent
RESULTS = HERE / "calibration.json"
DOCS = HERE.parents[1] / "docs"
PAGE, PICTURE = DOCS / "synthetic.md", DOCS / "pictures" / "calibration.svg"
PEOPLE, SEEDS = 50_000, (1, 2)
STRANGERS = 600_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: Sizes at which only the tables' own figure is worked out, for the line.
FINE_SIZES = tuple(int(10 ** (3 + step / 6)) for step in range(19))
#: People of each origin whose surnames are counted.
BY_ORIGIN = 200_000


def agreement() -> dict[str, Any]:
    """Measure how records of one person agree, and those of strangers."""
    found: dict[str, Any] = {}
    for name in ("default", "hard"):
        runs = [generate(PEOPLE, seed, Profile.named(name)) for seed in SEEDS]
        levels = [measure(one) | measure_strangers(one, STRANGERS, 1) for one in runs]
        for level in (*PUBLISHED, *NOT_CALIBRATED):
            value = float(np.mean([one[level] for one in levels]))
            found.setdefault(level, {})[name] = _short(value)
    for level, anchor in PUBLISHED.items():
        found[level] |= {"published": anchor.published}
        found[level]["accepted"] = [_short(anchor.low), _short(anchor.high)]
    for level, published in NOT_CALIBRATED.items():
        found[level] |= {"published": published, "accepted": None}
    found["everything"]["published_hard"] = HARD_EVERYTHING.published
    return found


def collisions() -> dict[str, Any]:
    """Compare names in populations with the tables' own figures."""
    profile = Profile.named("default")
    chances = FullNames.of(profile)
    counts = []
    for size in SIZES:
        whole = populate(size, SEEDS[0], profile, threads=2, views=("police",))
        people = {
            "forename": whole.names.text(whole.register.forename),
            "surname": whole.names.text(whole.register.surname),
        }
        counts.append(count_full_names(people))
    names = load_names(tuple(profile.origins)).names
    everyone = chances.share @ chances.surname
    top = np.argsort(-everyone)[:TOP]
    return {
        "sizes": list(SIZES),
        "line_sizes": list(FINE_SIZES),
        "people_per_name": {
            "tables": [_short(one) for one in chances.people_per_name(SIZES)],
            "line": [_short(one) for one in chances.people_per_name(FINE_SIZES)],
            "measured": [_short(per_name) for per_name, _ in counts],
        },
        "same_name": {"tables": _short(chances.same_name()), "measured": _short(counts[-1][1])},
        "top_ten": {
            "names": names[top].tolist(),
            "tables": _short(float(everyone[top].sum())),
            "measured": _short(float(np.isin(people["surname"], names[top]).mean())),
        },
        "top_ten_by_origin": _by_origin(profile),
    }


def _by_origin(profile: Profile) -> dict[str, Any]:
    whole = populate(BY_ORIGIN, SEEDS[0], profile, threads=2, views=("police",))
    surname = whole.names.text(whole.register.surname)
    origin = whole.register.groups[:, 0]
    found = {}
    for place, (name, (top, share)) in enumerate(top_surnames(profile).items()):
        measured = share_with(surname[origin == place], top, profile)
        found[name] = {
            "people": int((origin == place).sum()),
            "tables": _short(share),
            "measured": _short(measured),
        }
    return found


def _short(number: float) -> float:
    return float(f"{number:.4g}")


def table(results: dict[str, Any]) -> str:
    """Write the levels of agreement as Markdown."""
    lines = ["| level | published | accepted | default | hard |", "| --- " * 5 + "|"]
    for level, one in results["agreement"].items():
        reach = one["accepted"]
        accepted = f"{reach[0]:.3g} to {reach[1]:.3g}" if reach else "not calibrated"
        figures = f"{one['default']:.3g} | {one['hard']:.3g}"
        lines.append(f"| `{level}` | {one['published']:.3g} | {accepted} | {figures} |")
    return "\n".join(lines)


def write_docs(results: dict[str, Any]) -> None:
    """Put the table into the page, and draw the picture."""
    page = PAGE.read_text("utf-8")
    marked = re.compile(r"(<!-- calibration -->\n).*?(<!-- /calibration -->)", re.DOTALL)
    page = marked.sub(lambda found: found[1] + table(results) + "\n" + found[2], page)
    PAGE.write_text(page, "utf-8")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(results), "utf-8")


def main() -> None:
    """Measure unless told to draw only."""
    if "--draw" not in sys.argv:
        results = {
            "people": PEOPLE,
            "seeds": list(SEEDS),
            "agreement": agreement(),
            "collisions": collisions(),
        }
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    write_docs(json.loads(RESULTS.read_text("utf-8")))


if __name__ == "__main__":
    main()
