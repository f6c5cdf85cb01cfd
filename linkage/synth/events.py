"""What brought each record about, and in which year: an arrest, a conviction, a reception.

Events are drawn from random streams of their own, so that nothing else about a population depends
on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from linkage.synth.capture import Chunk, Rows
from linkage.synth.dates import parts
from linkage.synth.draws import Bytes, Floats, Ints, Shorts, Texts, hits
from linkage.synth.profile import AGENCIES

#: The first year after the window in which people come to notice.
END_YEAR = 2024
#: Nobody comes to notice before they are criminally responsible.
LEAST_AGE = 10
#: The two types of event that an agency records, the rarer one first.
TYPES = MappingProxyType(
    {
        "police": ("charge", "arrest"),
        "court": ("acquittal", "conviction"),
        "prison": ("remand", "sentence"),
        "probation": ("licence", "community_order"),
    }
)


@dataclass(frozen=True)
class Events:
    """Events of an agency's rows: `year` int16[r] and `kind` int8[r], a place in its TYPES.

    Both are -1 where the event is not known.
    """

    year: Shorts
    kind: Bytes


def draw_delays(rng: np.random.Generator, chunk: Chunk) -> Floats:
    """Draw how long after the arrest each agency acts, `float64[episodes, AGENCIES]` in years.

    Courts follow the police, and prisons and probation the courts. Nothing happens after the
    window: the longer a delay, the less of it remains near the end.
    """
    rates, time = chunk.profile.events, chunk.episodes.time
    court = rng.exponential(1.0, time.size) * rates.court_delay
    prison = court + rng.exponential(1.0, time.size) * rates.prison_delay
    left = np.maximum(chunk.profile.episodes.years - time, 1e-9)
    delays = np.column_stack([np.zeros(time.size), court, prison, prison])
    return np.asarray(left[:, None] * -np.expm1(-delays / left[:, None]))


def draw_events(
    rng: np.random.Generator, chunk: Chunk, rows: Rows, delays: Floats, agency: str
) -> Events:
    """Draw the year and the type of the event of each row of an agency; some are not known."""
    rates, count = chunk.profile.events, rows.person.size
    year = _years(chunk, rows, delays[rows.episode, AGENCIES.index(agency)])
    rarer, _ = TYPES[agency]
    kind = np.where(hits(rng, getattr(rates, f"{agency}_{rarer}"), count), 0, 1)
    known = ~hits(rng, rates.missing, count)
    return Events(
        np.where(known, year, -1).astype(np.int16), np.where(known, kind, -1).astype(np.int8)
    )


def event_text(events: Events, agency: str) -> dict[str, Texts]:
    """Write events of an agency's rows under the headers of its file."""
    years = np.array([*map(str, range(END_YEAR)), ""], object)
    kinds = np.array([*TYPES[agency], ""], object)
    return {"event_year": years[events.year], "event_type": kinds[events.kind]}


def _years(chunk: Chunk, rows: Rows, delay: Floats) -> Ints:
    """Give the calendar year of each row's event, within the window and at no child's age."""
    time = chunk.episodes.time[rows.episode] + delay
    start = END_YEAR - int(np.ceil(chunk.profile.episodes.years))
    year = np.minimum(start + np.floor(time).astype(np.int32), END_YEAR - 1)
    born, _, _ = parts(chunk.people.dob[rows.person])
    return np.minimum(np.maximum(year, born + LEAST_AGE), END_YEAR - 1).astype(np.int32)
