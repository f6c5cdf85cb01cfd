"""Write the README's tables from the results files: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.quality import RESULTS

README = Path(__file__).parents[1] / "README.md"


def quality_table() -> str:
    """Build the table of quality, in Markdown."""
    lines = [
        "| data | linked as | assignment | precision | recall | F1 | F1 at best cut-off |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in json.loads(RESULTS.read_text())["rows"]:
        best = "" if one["best_f1"] is None else f"{one['best_f1']:.4f}"
        figures = " | ".join(f"{one[name]:.4f}" for name in ("precision", "recall", "f1"))
        lines.append(
            f"| {one['data']} | {one['method']} | {one['assignment']} | {figures} | {best} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Put the table between its marks."""
    text = README.read_text()
    marks = r"(<!-- quality -->\n).*?(<!-- /quality -->)"
    text, count = re.subn(
        marks, lambda m: m[1] + quality_table() + "\n" + m[2], text, flags=re.DOTALL
    )
    assert count == 1, "the README has lost the marks of the table"
    README.write_text(text)


if __name__ == "__main__":
    main()
