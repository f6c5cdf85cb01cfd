"""Write the README's tables from the results files: `python -m benchmarks.readme`."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
RESULTS = Path(__file__).with_name("results")


def quality_table() -> str:
    """Build the table of quality, in Markdown; figures of several seeds are means."""
    lines = [
        "| data | Splink (best) | ECM (best) | **ours** (best) | precision / recall | persons: "
        "Splink | persons: ours | CLK | certificate off by |",
        "| --- " * 9 + "|",
    ]
    results = _read("quality")["sets"]
    for name, one in results.items():
        runs = list(one["runs"].values())
        title = f"{name}, {runs[0]['people']:,} people" if one["people"] else name
        if not runs[0]["field"]["matches"]:
            cells = [_links(runs, method) for method in (_splink, _ecm, _ours)]
            lines.append(f"| {title} | {' | '.join(cells)} | | | | {_links(runs, _clk)} | |")
            continue
        shares = f"{_mean(runs, _ours, 'precision')} / {_mean(runs, _ours, 'recall')}"
        cells = [
            f"{_mean(runs, _splink, 'f1')} ({_mean(runs, _splink, 'best_f1')})",
            f"{_mean(runs, _ecm, 'f1')} ({_mean(runs, _ecm, 'best_f1')})",
            f"**{_mean(runs, _ours, 'f1')}** ({_mean(runs, _ours, 'best_f1')})",
            shares,
            _mean(runs, _splink_persons, "f1"),
            _mean(runs, lambda run: run["field"]["persons"], "f1"),
            _mean(runs, _clk, "f1"),
            _certificate(runs),
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _ours(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = run["field"]
    return found


def _clk(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = run["record"]
    return found


def _ecm(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = run["ecm"]
    return found


def _splink(run: dict[str, Any]) -> dict[str, Any]:
    """Give Splink's model with the highest F1."""
    found: dict[str, Any] = max(run["splink"].values(), key=lambda one: one["f1"])
    return found


def _splink_persons(run: dict[str, Any]) -> dict[str, Any]:
    """Give the persons of the model that joins them best."""
    told: list[dict[str, Any]] = [one["persons"] for one in run["splink"].values()]
    return max(told, key=lambda one: one["f1"])


def _mean(runs: list[dict[str, Any]], method: Callable[..., dict[str, Any]], what: str) -> str:
    """Give the mean over runs, a dash where a method was not run."""
    try:
        return f"{statistics.mean(method(run)[what] for run in runs):.4f}"
    except KeyError:
        return "-"


def _links(runs: list[dict[str, Any]], method: Callable[..., dict[str, Any]]) -> str:
    try:
        return f"{method(runs[0])['links']:,} links"
    except KeyError:
        return "-"


def _certificate(runs: list[dict[str, Any]]) -> str:
    """Say by how much the run's own estimates differ from the truth: the worst of the runs."""
    told = [run["field"]["certificate"] for run in runs if "certificate" in run["field"]]
    worst = [
        max((one[what]["error"] for one in told), key=abs, default=None)
        for what in ("precision", "recall")
    ]
    return " / ".join("" if one is None else f"{one:+.3f}" for one in worst)


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


def six_table() -> str:
    """Build the table of six agencies in one run, in Markdown."""
    one = _read("six_agencies")
    encoding = sum(agency["seconds"] for agency in one["encode"].values())
    links, persons = (one["quality"][name] for name in ("links", "persons"))
    return "\n".join([
        f"{one['agencies']} agencies in one run, each pair of them (`make bench-six`):\n",
        "| agencies | encode all | link | a record | peak memory of link | comparisons | links: "
        "recall, precision | persons: recall, precision |",
        "| --- " * 8 + "|",
        f"| {one['agencies']} of {one['rows_each']:,} rows | {encoding:.0f} s | "
        f"{one['link']['seconds']:.0f} s | {one['microseconds_a_record']:,.0f} us | "
        f"{one['link']['peak_mib']:,} MiB | {one['counts']['comparisons']:,} | "
        f"{links['recall']:.4f}, {links['precision']:.4f} | "
        f"{persons['recall']:.4f}, {persons['precision']:.4f} |",
    ])  # fmt: skip


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
    "six": (("six_agencies",), six_table),
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
