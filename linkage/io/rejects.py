"""The reject file: which rows were left out, and why. It holds no value of any row."""

from __future__ import annotations

from pathlib import Path

from linkage.errors import InputError
from linkage.io.ids import stem_of
from linkage.io.outputs import new_file
from linkage.io.tables import write_table


class Rejects:
    """Collects bad rows up to a number, beyond which the whole file is refused."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: int, problem: str) -> None:
        """Take note of a bad row. Raises `InputError` if there are too many."""
        self.rows.append((row, problem))
        if len(self.rows) > self.most:
            raise InputError(
                f"more than {self.most} bad rows, the last one: row {row}: {problem}. Mend the "
                "file, or allow more with --max-bad-rows"
            )

    def write(self, path: Path) -> None:
        """Write the reject file, whole or not at all."""
        rows = sorted(self.rows)
        with new_file(path) as draft:
            numbers, reasons = [row for row, _ in rows], [reason for _, reason in rows]
            write_table(draft, {"row": numbers, "reason": reasons}, parquet=False)


def rejects_path(encoded: Path) -> Path:
    """Name the reject file beside an encoded file: `police.rejects.csv`."""
    stem = stem_of(encoded)
    return encoded.with_name(f"{stem}.rejects.csv")
