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


def comparing_table() -> str:
    """Build the table of the comparison against peers, in Markdown."""
    results = _read("compare_speed")
    cases = [(one["threshold"], one["rows"]) for one in results["find_pairs"]]
    thresholds = sorted({threshold for threshold, _ in cases}, key=[t for t, _ in cases].index)
    cells = {(one["peer"], one["threshold"]): one for one in results["find_pairs"]}
    peers = dict.fromkeys(one["peer"] for one in results["find_pairs"])
    heads = [f"Dice >= {one}" for one in thresholds]
    lines = [
        "| million comparisons a second | " + " | ".join(heads) + " |",
        "| --- " * (len(heads) + 1) + "|",
    ]
    ours = [_million(cells[next(iter(peers)), one]["per_second"]) for one in thresholds]
    lines.append(f"| `find_pairs` | {' | '.join(ours)} |")
    for peer in peers:
        of_peer = [cells[peer, one] for one in thresholds]
        theirs = [f"{_million(one['peer_per_second'])} ({one['ratio']}x)" for one in of_peer]
        lines.append(f"| {PEER_NAMES[peer].format(of_peer[0]['version'])} | {' | '.join(theirs)} |")
    return "\n".join(lines) + "\n\n" + _comparing_notes(results)


def _comparing_notes(results: dict[str, Any]) -> str:
    """Say what the table leaves out: other rows, wrong answers, small blocks, threads."""
    rows = {one["threshold"]: one for one in results["find_pairs"] if one["peer"] == "anonlink"}
    sizes = ", ".join(
        f"{one['rows']:,} rows a side at {threshold} ({one['pairs']:,} pairs found)"
        for threshold, one in rows.items()
    )
    few = next(one["rows"] for one in results["find_pairs"] if one["peer"] == "duckdb")
    lost = {
        peer: sum(one["peer_lacks"] for one in results["boundary"] if one["peer"] == peer)
        for peer in dict.fromkeys(one["peer"] for one in results["boundary"])
    }
    wrong = [f"{peer} loses {count:,}" for peer, count in lost.items() if count]
    pairs = sum(one["pairs"] for one in results["boundary"] if one["peer"] == next(iter(lost)))
    small = "; ".join(
        f"{one['ratio']} times ({one['level']} level, {one['rows']:,} rows)"
        for one in results["small_blocks"]
    )
    threads = results["threads"]
    return (
        f"{sizes}; {few:,} rows for DuckDB. Of {pairs:,} pairs made to stand at thresholds 0.65, "
        f"0.75 and 0.95, {' and '.join(wrong) or 'no peer loses any'}; `find_pairs` has all. A "
        f"comparison in blocks of four rows in the mean costs, against one in a large block, "
        f"{small}. Two threads against one: `find_pairs` {threads['find_pairs']['ratio']} times, "
        f"the comparison of `link` {threads['link_compare']['ratio']} times."
    )


def blocking_table() -> str:
    """Build the table of blocking against P-Sig, in Markdown."""
    lines = [
        "| rows a side | blocks by | seconds | pairs completeness | comparisons |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in _read("blocking_speed")["sizes"]:
        times = f"{one['ratio']:.0f} times as fast"
        for name, figures in (
            (f"blocklib {one['blocklib']['version']}, P-Sig", one["blocklib"]),
            (f"keyed tokens and tasks, {times}", one["linkage"]),
        ):
            seconds = figures["keys_seconds"] + figures["blocks_seconds"]
            lines.append(
                f"| {one['rows']:,} | {name} | {seconds:.2f} | "
                f"{figures['pairs_completeness']:.4f} | {figures['comparisons']:,} |"
            )
    return "\n".join(lines)


def scaling_table() -> str:
    """Build the table of growing files, in Markdown."""
    lines = [
        "| rows a side | encode both | link | a record | peak memory of link | comparisons | "
        "pairs completeness | recall | precision |",
        "| --- " * 9 + "|",
    ]
    for one in _read("scaling")["sizes"].values():
        quality, link = one["quality"], one["link"]
        encoding = sum(side["seconds"] for side in one["encode"].values())
        judged = [f"{quality[n]:.4f}" if n in quality else "" for n in ("recall", "precision")]
        lines.append(
            f"| {one['rows']:,} | {encoding:.1f} s | {link['seconds']:.1f} s | "
            f"{one['microseconds_a_record']['link']:,.0f} us | {link['peak_mib']:,} MiB | "
            f"{one['counts']['comparisons']:,} | {quality['pairs_completeness']:.4f} | "
            f"{' | '.join(judged)} |"
        )
    return "\n".join(lines)


def splink_table() -> str:
    """Build the table against Splink on clear text, in Markdown."""
    lines = [
        "| rows a side | linked by | seconds | peak memory | recall | precision |",
        "| --- " * 6 + "|",
    ]
    for one in _read("splink_clear")["sizes"].values():
        ours = one["link"] | {"peak_mib": max(run["peak_mib"] for run in one["link"]["runs"])}
        rows = [("`linkage link`, encodings", ours)]
        for rules, figures in one["splink"].items():
            if "failed" not in figures:
                name = f"Splink {figures['version']}, clear text, {rules} rules"
                rows.append((f"{name}: {figures['ratio']} times as long", figures))
        for name, figures in rows:
            lines.append(
                f"| {one['rows']:,} | {name} | {figures['seconds']:.1f} | "
                f"{figures['peak_mib']:,} MiB | {figures['recall']:.4f} | "
                f"{figures['precision']:.4f} |"
            )
    return "\n".join(lines)


def _million(rate: float) -> str:
    return f"{rate / 1e6:,.0f}" if rate >= 2e7 else f"{rate / 1e6:,.1f}"


def main() -> None:
    """Put the tables between their marks."""
    text = README.read_text(encoding="utf-8")
    for name, (results, table) in TABLES.items():
        if not all((RESULTS / f"{one}.json").exists() for one in results):
            print(f"not measured yet: {name}")
            continue
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


#: The results files that each table needs, and what builds it.
TABLES: dict[str, tuple[tuple[str, ...], Callable[[], str]]] = {
    "quality": (("quality",), quality_table),
    "encoding": (("clkhash_speed", "clkhash_differential", "encode"), encoding_table),
    "comparing": (("compare_speed",), comparing_table),
    "blocking": (("blocking_speed",), blocking_table),
    "scaling": (("scaling",), scaling_table),
    "splink": (("splink_clear",), splink_table),
}
#: The peers of the comparison, with room for the version.
PEER_NAMES = {
    "anonlink": "anonlink {}, `dice_coefficient_accelerated`",
    "anonlink candidates": "anonlink {}, `find_candidate_pairs`",
    "faiss": "FAISS {}, Hamming radius instead of Dice",
    "numkong": "NumKong {} (USearch's kernels), all Jaccard distances, then NumPy",
    "duckdb": "DuckDB {}, `bit_count` join",
}

if __name__ == "__main__":
    main()
