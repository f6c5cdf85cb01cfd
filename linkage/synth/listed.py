"""An agency's table of aliases: the other names that it has on file for each of its records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from linkage.synth.blocks import BLOCK_ROWS, AgencyFile, Columns
from linkage.synth.draws import Bools, Ints, Longs, hits, stream
from linkage.synth.population import WHOLE
from linkage.synth.profile import AGENCIES
from linkage.synth.views import LAYOUTS, alias_columns

#: Place below an agency's in the seed's tree of random streams.
_LISTED = 1


@dataclass(frozen=True)
class AliasFile:
    """The table of aliases that belongs to a file, as `linkage encode --aliases` takes it.

    `known` bool[aliases] says which aliases the agency has on file, `own_known` bool[people] of
    whom it has their own name where a record was made under an alias.
    """

    file: AgencyFile
    known: Bools
    own_known: Bools

    @classmethod
    def of(cls, file: AgencyFile) -> AliasFile:
        """Draw what the agency knows."""
        whole, place = file.population, AGENCIES.index(file.view)
        rate = whole.profile.agencies[file.view].aliases_listed
        rng = stream(whole.seed, WHOLE, place, _LISTED)
        known = hits(rng, rate, whole.aliases.kind.size)
        return cls(file, known, hits(rng, rate, len(whole)))

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[Columns]:
        """Make the table, by so many rows of the file at a time; no block is empty."""
        for start in range(0, len(self.file), rows):
            block = self.block(start, min(start + rows, len(self.file)))
            if block["record_id"].size:
                yield block

    def block(self, start: int, stop: int) -> Columns:
        """List the other names of the records from `start` up to `stop`, in their order.

        A row an alias: record_id, and forename, surname and date of birth under the headers of the
        file. What was written down is not listed again.
        """
        whole, view = self.file.population, self.file.view
        rows = self.file.rows(start, stop)
        record, alias = _aliases_of(whole.aliases.starts, rows.person)
        kept = self.known[alias] & (alias != rows.alias[record])
        record, alias = record[kept], alias[kept]
        own = np.flatnonzero((rows.alias >= 0) & self.own_known[rows.person])
        person = rows.person[own]
        columns = [
            np.concatenate(
                [getattr(whole.aliases, name)[alias], getattr(whole.register, name)[person]]
            )
            for name in ("forename", "surname", "dob")
        ]
        # In the order of the records, and a name that somebody has twice only once.
        keys = np.column_stack([np.concatenate([record, own]), *columns])
        keys = np.unique(keys, axis=0)
        forename, surname, dob = (keys[:, place].astype(np.int32) for place in (1, 2, 3))
        text = alias_columns(forename, surname, dob, LAYOUTS[view], whole.names)
        return {"record_id": self.file.record_ids(start, stop)[keys[:, 0]], **text}


def _aliases_of(starts: Ints, person: Ints) -> tuple[Longs, Longs]:
    """Give every alias of each row's person: places in `person`, and alias rows."""
    first = starts[person].astype(np.int64)
    count = starts[person + 1] - first
    row = np.repeat(np.arange(person.size), count)
    within = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    return row, first[row] + within
