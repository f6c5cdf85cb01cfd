"""Measure a linkage against truth: pairs, persons, blocking, causes, groups.

A pair counts over the pairs of data sets that the run linked; within a data set only if the run
linked there. Records that the truth doesn't name are left out, and counted.

`judged`      every pair that can be judged, once; `reviewed` makes it of a reviewed sample
`pairs`       precision, recall, F1; the best cut-off and the curve over all
`persons`     B-cubed, exact and closest persons
`blocking`    pairs completeness by blocking pass
`causes`      where misses and false links come from
`resample`    bootstrap; `intervals` of pairs and persons
`fairness`    groups of people: `groups`, `tallies`, `gaps`, `withhold`
"""

from linkage.evaluate.blocking import evaluate_blocking
from linkage.evaluate.pairs import evaluate
from linkage.evaluate.persons import evaluate_persons
from linkage.evaluate.truth import UNKNOWN, Truth, count_matches

__all__ = [
    "UNKNOWN",
    "Truth",
    "count_matches",
    "evaluate",
    "evaluate_blocking",
    "evaluate_persons",
]
