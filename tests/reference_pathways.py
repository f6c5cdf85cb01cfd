"""Pathways as they are defined, counted one person at a time; obviously right, and slow.

It also plays an attacker who knows the published numbers, all definitions, and linear programming.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def places_of(events, years, within, datasets, types):
    """Every (table, row, column) of `flat` that counts a person with these events.

    Events are (year, data set, type), numbers from 0 for the last two.
    """
    places = {("persons", "all", "persons")}
    by_dataset = {(year, datasets[one]) for year, one, _ in events}
    by_type = {(year, types[one]) for year, _, one in events}
    first = {name: min(y for y, n in by_dataset if n == name) for _, name in by_dataset}
    known = [name for name in datasets if name in first]
    places.add(("sets", " + ".join(known), "persons"))
    order = [
        " + ".join(name for name in known if first[name] == year)
        for year in sorted(set(first.values()))
    ]
    label = " → ".join(order)
    if len(known) > 1:
        places.add(("orders", label, "persons"))
        last = max(first.values())
        earlier = [name for name in known if first[name] < last]
        if any(year > last and name in earlier for year, name in by_dataset):
            places.add(("orders", label, "back"))
    for table, seen, names in (("moves", by_dataset, datasets), ("type_moves", by_type, types)):
        own = sorted({year for year, _ in seen})
        at = {year: [n for n in names if (year, n) in seen] for year in own}
        for one, other in pairwise(own):
            places |= {(f"{table}_later", a, b) for a in at[one] for b in at[other]}
        for year in own:
            places |= {(f"{table}_same_year", a, b) for a, b in combinations(at[year], 2)}
    for a in known:
        for ahead in range(1, within + 1):
            if first[a] + ahead <= years[-1]:
                places |= {("followed", f"{a} → {b}", str(ahead)) for b in datasets}
                places |= {
                    ("returns", f"{a} → {b}", str(ahead))
                    for year, b in by_dataset
                    if first[a] < year <= first[a] + ahead
                }
    for year in {year for year, _ in by_dataset}:
        places.add(("by_year", str(year), "persons"))
        places.add(("by_year", str(year), str(sum(one <= year for one in first.values()))))
    return places


def bounds(histories, published, target, without=None, *, most=None, whole=False):
    """Give the least and the most persons that may be in a place, by linear programming.

    `histories` are sets of places, of all persons that there may be; `published` has the least and
    the most of every place that is known. Persons who are `without` some other place count only;
    `most` is what is known of the number beforehand. With `whole` persons are no fractions.
    """
    names = sorted(published)
    matrix = np.array([[place in one for one in histories] for place in names], float)
    low, high = np.array([published[place] for place in names], float).T
    aim = np.array([target in one and without not in one for one in histories], float)
    known = [LinearConstraint(matrix, low, high)]
    known += [] if most is None else [LinearConstraint(aim[None], 0, most)]
    found = []
    for sign in (1, -1):
        done = milp(
            sign * aim,
            constraints=known,
            integrality=np.full(len(aim), int(whole)),
            bounds=Bounds(0, np.inf),
        )
        assert done.status == 0, done.message
        found.append(sign * done.fun)
    return found[0], found[1]
