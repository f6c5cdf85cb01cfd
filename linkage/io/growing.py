"""Write a table of texts block by block, so that no file is ever in memory as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray


class GrowingTable:
    """A CSV or Parquet file that takes blocks of columns of text; it begins with the first block.

    Where no block comes, no file is made. `rows` counts what was written.
    """

    def __init__(self, path: Path, *, parquet: bool) -> None:
        self._path, self._parquet = path, parquet
        self._file: pa_csv.CSVWriter | pq.ParquetWriter | None = None
        self.rows = 0

    def write(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Append a block; all have the same columns."""
        arrays = [pa.array(column, pa.string()) for column in columns.values()]
        table = pa.table(dict(zip(columns, arrays, strict=True)))
        if self._file is None:
            self._file = self._open(table.schema)
        self._file.write_table(table)
        self.rows += len(table)

    def _open(self, schema: pa.Schema) -> pa_csv.CSVWriter | pq.ParquetWriter:
        if self._parquet:
            return pq.ParquetWriter(self._path, schema)
        options = pa_csv.WriteOptions(quoting_style="needed")
        return pa_csv.CSVWriter(self._path, schema, write_options=options)

    def __enter__(self) -> GrowingTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
