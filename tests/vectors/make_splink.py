"""Write the frozen tables of pairs: `python tests/vectors/make_splink.py`, with Splink.

Run it in an environment of its own (`benchmarks/requirements-splink.txt`, pandas). The tables are
what Splink's `predict` gives and Splink writes; nothing of this project has a part in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

LINKED = Path(__file__).with_name("splink_v5_linked.parquet")
DEDUPED = Path(__file__).with_name("splink_v5_deduped.csv")

PEOPLE = {
    "police": [("p1", "ann", "1980"), ("p2", "bob", "1981"), ("p3", "cid", "1982")],
    "court": [("c1", "ann", "1980"), ("c2", "rob", "1981"), ("c3", "eve", "1990")],
    "prison": [("p1", "ann", "1980"), ("x2", "cid", "1982")],
}
ALONE = [(7, "ann", "1980"), (8, "bob", "1981"), (10, "ann", "1981"), (9, "ann", "1980")]


def predict(link_type: str, tables: dict[str, list[tuple[Any, ...]]]) -> Any:
    import pandas as pd
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI
    from splink.comparison_library import ExactMatch

    comparisons = [
        ExactMatch(name).configure(m_probabilities=[0.9, 0.1], u_probabilities=[0.1, 0.9])
        for name in ("name", "born")
    ]
    settings = SettingsCreator(
        link_type=link_type,
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=[block_on("born"), block_on("name")],
        probability_two_random_records_match=0.25,
    )
    database = DuckDBAPI()
    frames = [
        database.register(
            pd.DataFrame(rows, columns=["unique_id", "name", "born"]), dataset_display_name=name
        )
        for name, rows in tables.items()
    ]
    return Linker(frames if len(frames) > 1 else frames[0], settings).inference.predict()


def main() -> None:
    predict("link_only", PEOPLE).to_parquet(str(LINKED), overwrite=True)
    predict("dedupe_only", {"people": ALONE}).to_csv(str(DEDUPED), overwrite=True)


if __name__ == "__main__":
    main()
