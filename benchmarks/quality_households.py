"""Make files that are hard to link: families under one roof, values missing, many countries.

Two agencies' files of one population, from the tables and rates of `linkage.synth`, but unlike its
own profiles: four in five people live with others, of 17 origins in nearly even shares; both files
have postcode and address, which households share; and one value in ten or so is missing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linkage.synth.aliases import make_aliases
from linkage.synth.capture import Chunk, Rows, capture
from linkage.synth.draws import stream
from linkage.synth.geography import load_geography
from linkage.synth.histories import make_episodes, make_homes
from linkage.synth.people import make_people
from linkage.synth.profile import Profile
from linkage.synth.tables import load_names
from linkage.synth.views import Layout, text_columns
from linkage.synth.vocabulary import Vocabulary

AGENCIES = ("police", "court")
_LAYOUT = Layout(
    prefix="",
    columns=(
        ("forename", "forename"),
        ("surname", "surname"),
        ("dob", "dob"),
        ("sex", "sex"),
        ("postcode", "postcode"),
        ("address", "address"),
    ),
    date_format="yyyy-mm-dd",
    sexes=("M", "F", ""),
)
#: What is missing in each file; other rates are those of the hard profile.
_MISSING = {
    "police": {"dob": 0.06, "sex": 0.05, "postcode": 0.10, "name": 0.005},
    "court": {"dob": 0.12, "sex": 0.20, "postcode": 0.20, "name": 0.010},
}
#: Chances of no address, beside those where the postcode is missing too.
_NO_ADDRESS = {"police": 0.05, "court": 0.15}
_BRITISH = 0.2


def make_households(
    people: int, seed: int, *, repeats: bool
) -> tuple[list[pd.DataFrame], list[NDArray[np.int64]]]:
    """Make two files and the person of each row; with `repeats`, people have several rows."""
    profile = _profile()
    tables, geography = load_names(tuple(profile.origins)), load_geography()
    random, names = stream(seed, 0), Vocabulary(tables.names)
    known = make_people(random, people, profile, tables, names)
    episodes = make_episodes(random, known, profile)
    chunk = Chunk(
        people=known,
        episodes=episodes,
        homes=make_homes(random, known, profile, geography),
        aliases=make_aliases(random, known, episodes.count, profile, tables, names),
        tables=tables,
        geography=geography,
        names=names,
        postcodes=Vocabulary(np.concatenate([np.array([""], object), geography.postcodes])),
        profile=profile,
    )
    files = [_file(stream(seed, 1, place), chunk, place, repeats) for place in range(len(AGENCIES))]
    return [table for table, _ in files], [truth for _, truth in files]


def _file(
    random: np.random.Generator, chunk: Chunk, place: int, repeats: bool
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Make one agency's file, in random order."""
    rows: Rows = capture(random, chunk, AGENCIES[place])
    table = pd.DataFrame(text_columns(rows, _LAYOUT, chunk.names, chunk.postcodes))
    table.loc[random.random(len(table)) < _NO_ADDRESS[AGENCIES[place]], "address"] = ""
    order = random.permutation(len(table))
    if not repeats:
        order = order[np.unique(rows.person[order], return_index=True)[1]]
        order = random.permutation(order)
    return table.iloc[order].reset_index(drop=True), rows.person[order].astype(np.int64)


def _profile() -> Profile:
    hard = Profile.named("hard")
    others = (1 - _BRITISH) / (len(hard.origins) - 1)
    shares = {name: _BRITISH if name == "british" else others for name in hard.origins}
    lines = [
        'base = "hard"',
        "[population]\nwomen = 0.5\nhomeless = 0.02",
        "[households]\nalone = 0.20\ncouple = 0.22\nsiblings = 0.30\ntwins = 0.03",
        "namesakes = 0.04\nparent_child = 0.16\nsharers = 0.05",
        "[aliases]\nper_person = 0.055",
        "[overlap]\npolice = 0.15\ncourt = 0.15\nprison = 0.0\npolice_court = 0.70",
        "police_prison = 0.0\ncourt_prison = 0.0\npolice_court_prison = 0.0",
        "[moves]\nper_year = 0.05",
    ]
    lines += [f"[origins.{name}]\nshare = {share!r}" for name, share in shares.items()]
    for agency, rates in _MISSING.items():
        lines.append(f"[agencies.{agency}]\nmiddle_first = 0.0")
        lines += [f"{what}_missing = {rate}" for what, rate in rates.items()]
    return Profile.from_toml("\n".join(lines))
