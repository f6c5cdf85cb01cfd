"""The files that `encode` writes: what is sent, what may be sent, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linkage.agency.clkhash import ClkhashEncoder
    from linkage.agency.encode import Encoded, Encoder
    from linkage.agency.plant import Planter
    from linkage.io.events import EventsWriter

#: Writes a chunk to all files, and takes note of how many rows were left out so far.
Write = Callable[["Encoded", int], None]


@dataclass(frozen=True)
class Targets:
    """Where encodings go, in which form, and for whom they are sealed; and so for events."""

    output: Path
    form: str
    recipients: Sequence[str]
    events: Path | None = None
    events_recipients: Sequence[str] = ()


@contextmanager
def opened_targets(
    targets: Targets, encoder: Encoder | ClkhashEncoder, planter: Planter | None
) -> Iterator[tuple[Write, EventsWriter | None]]:
    """Open all files; yields what writes a chunk to them, and what counts the events."""
    import numpy as np

    from linkage.agency.plant import WithPlanted
    from linkage.io.clks import clks_writer
    from linkage.io.encoded import encodings_writer
    from linkage.io.ids import ids_path, ids_writer
    from linkage.io.plants import PlantsHead, plants_path, plants_writer

    with ExitStack() as files:
        ids = files.enter_context(ids_writer(ids_path(targets.output), planted=planter is not None))
        planted: dict[str, str] = {}
        if planter is not None:
            head = PlantsHead.model_validate(planter.head())
            planted = files.enter_context(plants_writer(plants_path(targets.output), head))
        events = _events_writer(targets, encoder, files)
        if targets.form == "parquet":
            encoded = files.enter_context(encodings_writer(targets.output, targets.recipients))

            def write(chunk: Encoded, rejected: int) -> None:
                encoded.write(chunk.encodings)
                encoded.rejected = rejected
                if events is not None and chunk.events is not None:
                    events.write(chunk.encodings.records, chunk.events.events)
                if isinstance(chunk, WithPlanted):
                    ids.write(chunk.encodings.records, chunk.own_ids, chunk.planted)
                    planted.update(chunk.people())
                else:
                    ids.write(chunk.encodings.records, chunk.own_ids)
        else:
            clks = files.enter_context(clks_writer(targets.output))

            def write(chunk: Encoded, rejected: int) -> None:
                places = np.arange(clks.count, clks.count + len(chunk.own_ids))
                document = chunk.encodings.schema.clkhash or {}
                clks.write(chunk.encodings.bits, document["clkConfig"]["l"])
                ids.write(places.astype(np.bytes_), chunk.own_ids)

        yield write, events


def _events_writer(
    targets: Targets, encoder: Encoder | ClkhashEncoder, files: ExitStack
) -> EventsWriter | None:
    from linkage.io.events import events_writer

    spec = encoder.schema.events
    if targets.events is None or spec is None:
        return None
    recipients = targets.events_recipients or targets.recipients
    digest = encoder.schema.digest()
    opened = events_writer(targets.events, encoder.dataset, digest, spec, recipients)
    return files.enter_context(opened)
