"""Whether `evaluate`'s intervals hold: many populations, each linked and measured by itself.

    python -m benchmarks.intervals [--populations 100] [--people 1500] [--folder FOLDER]

One model is trained on another population and used for all, as intervals know nothing of training.
The truth of a figure is its mean over all populations; an interval of 95 % should hold it in 95 of
100. A column of labels drawn at random makes groups that are linked alike, so that every warning
about them is a false one. Writes `benchmarks/results/intervals.json` and the table in
docs/evaluation.md.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import ROOT, machine, write_results
from linkage.cli.main import run

PAGE = ROOT / "docs" / "evaluation.md"
AGENCIES = ("police", "court", "prison")
#: People and seed of the population that the model is trained on.
TRAINED = (6_000, 100_000)
#: Shares of the random groups: one of most people, and small ones.
SHARES = (0.6, 0.15, 0.1, 0.05, 0.05, 0.03, 0.02)
FIGURES = {
    "pairwise": ("precision", "recall", "f1"),
    "persons": ("precision", "recall", "f1", "exact", "pair_precision", "pair_recall"),
}

Figures = dict[str, Any]


def main() -> None:
    """Measure all populations, and write what they say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--populations", type=int, default=100)
    parser.add_argument("--people", type=int, default=1_500)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        prepare(folder)
        answers = []
        for seed in range(1, options.populations + 1):
            answers.append(measure(folder, options.people, seed))
            print(f"{seed} of {options.populations}", flush=True)
    figures = {
        "populations": options.populations,
        "people": options.people,
        "figures": {f"{part} {one}": coverage(answers, part, one)
                    for part, names in FIGURES.items() for one in names},
        "groups": of_groups(answers),
    }  # fmt: skip
    write_results("intervals", machine() | figures)
    write_page(figures)


def command(*words: object) -> str:
    """Run a command in this process; gives what it says on standard output."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = run([str(word) for word in words])
    if code:
        raise SystemExit(f"linkage {' '.join(map(str, words))}: exit code {code}")
    return said.getvalue()


def prepare(folder: Path) -> None:
    """Train the model."""
    people, seed = TRAINED
    command("keygen", "-o", folder / "project.key", "-q")
    command("synth", "--people", people, "--seed", seed, "-o", folder / "raw", "-q")
    raw = [folder / "raw" / f"{name}.csv" for name in AGENCIES]
    command("schema", "init", *raw, "-o", folder / "schema.toml", "-q")
    command("link", *encode(folder, folder), "-o", folder / "trained", "-q")


def encode(folder: Path, home: Path) -> list[Path]:
    """Encode the raw files of a folder."""
    files = []
    for name in AGENCIES:
        files.append(folder / f"{name}.enc.parquet")
        command("encode", folder / "raw" / f"{name}.csv", "--schema", home / "schema.toml",
                "--key", home / "project.key", "--dataset", name, "--keep-ids",
                "-o", files[-1], "-q")  # fmt: skip
    return files


def measure(home: Path, people: int, seed: int) -> Figures:
    """Make, link and evaluate one population."""
    folder = home / "one"
    folder.mkdir()
    command("synth", "--people", people, "--seed", seed, "-o", folder / "raw", "-q")
    model = home / "trained" / "model.json"
    command("link", *encode(folder, home), "--model", model, "-o", folder / "results", "-q")
    label_at_random(folder / "raw" / "truth.csv", folder / "groups.csv", seed)
    said = command("evaluate", folder / "results", "--truth", folder / "raw" / "truth.csv",
                   "--groups", folder / "groups.csv", "--json", "-q")  # fmt: skip
    shutil.rmtree(folder)
    answer: Figures = json.loads(said)
    return {name: answer[name] for name in ("pairwise", "persons", "intervals", "fairness")}


def label_at_random(truth: Path, groups: Path, seed: int) -> None:
    """Write a table that puts every person into a group by chance."""
    random = np.random.default_rng(seed)
    labels: dict[str, str] = {}
    with open(truth, encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    with open(groups, "w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["dataset", "record_id", "by_chance"])
        for row in rows:
            group = int(random.choice(len(SHARES), p=SHARES))
            label = labels.setdefault(row["person_id"], f"group {group}")
            writer.writerow([row["dataset"], row["record_id"], label])


def coverage(answers: list[Figures], part: str, name: str) -> Figures:
    """Tell how often the interval of a figure holds its mean over populations."""
    values = np.array([one[part][name] for one in answers])
    bounds = [one["intervals"][part][name] for one in answers]
    low, high = (np.array([one[side] for one in bounds]) for side in ("lower", "upper"))
    mean = float(values.mean())
    return {
        "mean": round(mean, 5),
        "spread": round(float(values.std(ddof=1)), 5),
        "held": round(float(((low <= mean) & (mean <= high)).mean()), 3),
        "too_low": round(float((high < mean).mean()), 3),
        "too_high": round(float((low > mean).mean()), 3),
    }


def of_groups(answers: list[Figures]) -> Figures:
    """Tell how often a warning was raised, and how often groups' intervals hold all's recall."""
    recall = float(np.mean([one["pairwise"]["recall"] for one in answers]))
    columns = [one["fairness"]["columns"][0] for one in answers]
    shown = [group for one in columns for group in one["groups"] if not group["withheld"]]
    bounds = [group["recall_interval"] for group in shown]
    ratios = [group["missed_ratio_interval"] for group in shown if group["missed_ratio_interval"]]
    return {
        "false_alarms": round(float(np.mean([bool(one["fairness"]["warnings"])
                                             for one in answers])), 3),
        "groups": len(bounds),
        "recall_held": round(float(np.mean([one["lower"] <= recall <= one["upper"]
                                            for one in bounds])), 3),
        "ratios": len(ratios),
        "ratio_held": round(float(np.mean([one["lower"] <= 1 <= one["upper"]
                                           for one in ratios])), 3),
    }  # fmt: skip


def table(results: Figures) -> str:
    """Write the figures as Markdown."""
    lines = [
        "| figure | mean | spread | held | all above it | all below it |",
        "| --- " * 6 + "|",
    ]
    for name, one in results["figures"].items():
        ends = f"{one['too_high']:.2f} | {one['too_low']:.2f}"
        lines.append(
            f"| {name.replace('_', ' ')} | {one['mean']:.4f} | {one['spread']:.4f} | "
            f"{one['held']:.2f} | {ends} |"
        )
    groups = results["groups"]
    lines += [
        "",
        f"Groups drawn by chance: a warning in {groups['false_alarms']:.0%} of the populations; "
        f"{groups['recall_held']:.0%}",
        f"of {groups['groups']:,} intervals of recall hold everybody's, and "
        f"{groups['ratio_held']:.0%} of {groups['ratios']:,} of the ratio hold 1.",
    ]
    return "\n".join(lines)


def write_page(results: Figures) -> None:
    """Put the table between its marks."""
    page = PAGE.read_text("utf-8")
    marked = re.compile(r"(<!-- intervals -->\n).*?(<!-- /intervals -->)", re.DOTALL)
    text = table(results)
    page, count = marked.subn(lambda found: found[1] + text + "\n" + found[2], page)
    assert count == 1, "the page has lost the marks of the table"
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
