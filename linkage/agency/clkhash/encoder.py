"""Encode a data set chunk by chunk under a clkhash schema, into our own encodings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from linkage.agency.clkhash.columns import read_raw_column
from linkage.agency.clkhash.encode import encode_clks
from linkage.agency.clkhash.problems import find_problems
from linkage.agency.clkhash.schema import ClkhashSchema
from linkage.agency.columns import Column, column_names
from linkage.agency.encode import Encoded, FieldCount, OnBadRow, new_records, refuse_row
from linkage.agency.ids import IdCheck
from linkage.agency.keys import ClkhashSecret
from linkage.errors import InputError
from linkage.model import Encodings, expected_slices
from linkage.schema import LinkageSchema


class ClkhashEncoder:
    """Encodes a data set chunk by chunk; see `linkage.agency.encode.Encoder`."""

    def __init__(
        self,
        schema: LinkageSchema,
        secret: ClkhashSecret,
        dataset: str,
        *,
        id_column: str | None = None,
        keep_ids: bool = False,
        validate: bool = True,
        on_bad_row: OnBadRow = refuse_row,
    ) -> None:
        """Check the clkhash schema. Raises `InputError`, warns of its traps.

        Without `validate`, values that don't fit the formats of the schema are encoded as they
        are, as clkhash does when told so.
        """
        self._clkhash = ClkhashSchema.parse(schema.clkhash or {})
        self.schema = schema
        self.dataset = dataset
        self.key_fingerprint = secret.fingerprint()
        self._secret = secret
        self._id_column = id_column
        self._keep_ids = keep_ids
        self._validate = validate
        self._on_bad_row = on_bad_row
        self._ids = IdCheck()
        self._rows = 0

    def encode(self, table: Any, rows: NDArray[np.int64] | None = None) -> Encoded:
        """Encode the next chunk; `rows` are the numbers of its rows in the file."""
        columns = self._columns(table)
        count = len(columns[0].codes)
        if rows is None:
            rows = np.arange(self._rows + 1, self._rows + 1 + count)
        own_ids = self._own_ids(table, count)
        self._rows += count
        good = np.ones(count, bool)
        problems = self._ids.check(own_ids, self._id_column or "")
        problems |= {
            one.row - 1: f"column '{one.column}' {one.reason}"
            for one in reversed(find_problems(columns, self._clkhash, validate=self._validate))
        }
        for place, problem in sorted(problems.items()):
            self._on_bad_row(int(rows[place]), problem)
            good[place] = False
        columns = [column.take(good) for column in columns]
        kept = [own_id for own_id, one in zip(own_ids, good.tolist(), strict=True) if one]
        bits = encode_clks(columns, self._clkhash, self._secret.secret, validate=False)
        encodings = Encodings(
            dataset=self.dataset,
            schema=self.schema,
            key_fingerprint=self.key_fingerprint,
            records=new_records(kept, keep=self._keep_ids),
            owner=np.arange(len(kept)),
            bits=bits,
            slices=expected_slices(self.schema),
            tokens=np.zeros((len(kept), 0), np.uint64),
        )
        return Encoded(encodings, kept, self._counts(columns))

    def numbers_rows(self, names: list[str]) -> bool:
        """Tell whether a file with these columns has no record ids, so that rows are numbered."""
        return self._id_column is None

    def _columns(self, table: Any) -> list[Column]:
        """Read a column for each feature, by its identifier."""
        names = column_names(table)
        missing = [name for name, _ in self._clkhash.columns if name not in names]
        if missing:
            raise InputError(
                f"no column '{missing[0]}', which the clkhash schema names; rename a column of the "
                "file"
            )
        return [read_raw_column(table, name) for name, _ in self._clkhash.columns]

    def _own_ids(self, table: Any, count: int) -> list[str]:
        if self._id_column is None:
            return [str(self._rows + row + 1) for row in range(count)]
        if self._id_column not in column_names(table):
            raise InputError(f"no column '{self._id_column}' for the record ids")
        return read_raw_column(table, self._id_column).texts()

    def _counts(self, columns: list[Column]) -> dict[str, FieldCount]:
        counts = {}
        for (name, ignored), column in zip(self._clkhash.columns, columns, strict=True):
            empty = int(np.count_nonzero(column.codes < 0))
            if not ignored:
                counts[name] = FieldCount(empty, 0, len(column.codes) - empty)
        return counts
