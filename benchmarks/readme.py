"""Write the README's tables from the results files: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
RESULTS = Path(__file__).with_name("results")


def quality_table() -> str:
    """Build the table of quality, in Markdown."""
    lines = [
        "| data | linked as | assignment | precision | recall | F1 | F1 at best cut-off |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in _read("quality")["rows"]:
        best = "" if one["best_f1"] is None else f"{one['best_f1']:.4f}"
        figures = " | ".join(f"{one[name]:.4f}" for name in ("precision", "recall", "f1"))
        lines.append(
            f"| {one['data']} | {one['method']} | {one['assignment']} | {figures} | {best} |"
        )
    return "\n".join(lines)


def encoding_table() -> str:
    """Build the table of encoding, in Markdown."""
    speed, same, ours = _read("clkhash_speed"), _read("clkhash_differential"), _read("encode")
    lines = [
        "| encoding on one core | rows a second | peak memory |",
        "| --- | --- | --- |",
        f"| clkhash 0.18.3 itself, 4 fields | {speed['clkhash_rows_per_second']:,} | |",
        f"| the same CLKs by us, {speed['ratio']:.0f} times as fast | "
        f"{speed['linkage_rows_per_second']:,} | |",
    ]
    for name, one in ours["schemas"].items():
        peak = f"{one['peak_mib']:,.0f} MiB"
        if "large" in ours:
            peak += f"; {ours['large'][name]['peak_mib']:,.0f} for {ours['large']['rows']:,} rows"
        lines.append(
            f"| our field-level schema, police file of {one['rows']:,} rows, {name} | "
            f"{one['rows_per_second']:,} | {peak} |"
        )
    return "\n".join(lines) + (
        f"\n\nUnder {same['schemas']} random clkhash schemas and {same['rows']:,} random rows, "
        f"{same['rows_identical']:,} CLKs were identical to those of clkhash, bit for bit."
    )


def main() -> None:
    """Put the tables between their marks."""
    text = README.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        marks = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        content = table() + "\n"
        text, count = re.subn(
            marks, lambda m, content=content: m[1] + content + m[2], text, flags=re.DOTALL
        )
        assert count == 1, f"the README has lost the marks of the table {name}"
    README.write_text(text, encoding="utf-8")


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


TABLES: dict[str, Callable[[], str]] = {"quality": quality_table, "encoding": encoding_table}

if __name__ == "__main__":
    main()
