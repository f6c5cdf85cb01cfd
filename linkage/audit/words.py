"""One plain sentence for each finding, and one for what would lower it.

The wording is "not broken by N attempts", never "safe".
"""

from __future__ import annotations

from linkage.audit import plan
from linkage.audit.attack import PEOPLE
from linkage.audit.finding import Finding, Setting
from linkage.audit.lengths import MISSING_ALONE
from linkage.audit.scene import BLOCK_KEY

#: An attack that names fewer than this has not broken the encoding.
BROKEN = 0.01

_METHODS = {
    plan.PLAIN: "looking at who is similar to whom",
    plan.TOLERANT: "looking at who is similar to whom, errors allowed for",
    plan.VALUES: "looking at which values are similar",
    "colour refinement": "looking at which values are equal",
    "frequency rank": "looking at which values are most common",
    "similarity in blocks": "looking at how similar the records of each block are",
    "popcounts": "counting the bits that are set",
    "pattern mining": "looking at which bits are set together",
    "known pairs": "learning from the records that are known",
    "weak keys": "guessing keys",
    "dictionary": "encoding the list under it",
}
_KEEP_LESS = (
    "Similarity is what makes linkage work and what is read here: compare fewer fields, or use an "
    "encoding that keeps less of it, and measure what that costs in recall."
)
_ADVICE = {
    plan.PLAIN: _KEEP_LESS,
    plan.TOLERANT: _KEEP_LESS,
    plan.VALUES: 'Encode the field together with others (level = "record"), so that equal values '
    "of people don't have equal filters.",
    "similarity in blocks": "Allow fewer visible neighbours (`schema init --anchored "
    "--neighbours`), and look at what that costs in recall.",
    "popcounts": "Encode at record level, or with filters whose number of set bits is the same for "
    "every value.",
    "pattern mining": "Set fewer bits for each q-gram in longer filters that are fuller, or use an "
    "encoding whose bits mix several q-grams.",
    "known pairs": "Whoever can add records to a file learns the encoding: agree who contributes, "
    "and use a new key for every project.",
    "weak keys": "Make the key with `linkage keygen`, and nothing else.",
    "dictionary": "Nothing in the schema lowers this: the key must never reach the linker. Hold it "
    "at the agencies, make a new one for every project, destroy it afterwards.",
    "group sizes": "",
}


def sentence(finding: Finding) -> str:
    """Say what was named, by whom, under which assumptions."""
    if not finding.attempts:
        return _group_sentence(finding)
    key = "Without the key" if finding.without_key else "With the project's key"
    text = (
        f"{key}, somebody who has the schema and a list that {_list(finding.setting)} would name "
        f"{_percent(finding.named)} of {_things(finding)} (95 % interval {_percent(finding.low)} "
        f"to {_percent(finding.high)}; by chance {_percent(finding.by_chance)}), by "
        f"{_METHODS.get(finding.attack, finding.attack)}"
    )
    many = f"{finding.attempts} attempt{'' if finding.attempts == 1 else 's'}"
    if finding.named < BROKEN:
        return f"Not broken by {many}: {text[0].lower()}{text[1:]}."
    return f"{text}; the best of {many}."


def advice(finding: Finding) -> str:
    """Say which setting would lower it, or nothing where there is nothing to lower."""
    if finding.named < BROKEN or not finding.attempts:
        return ""
    if finding.attack in ("colour refinement", "frequency rank"):
        if finding.what.startswith(BLOCK_KEY) or "block keys" in finding.label:
            return (
                "Use fewer blocking passes, or passes on several fields each, and drop common "
                "keys (max_share)."
            )
        return (
            'Equal values have equal filters: encode at record level (level = "record"), or '
            "leave out the fields that repeat most."
        )
    if finding.label == MISSING_ALONE:
        return (
            "Only what is missing is read here, and no encoding of this engine hides it at field "
            "level: leave out fields that many records lack."
        )
    return _ADVICE.get(finding.attack, "")


def situation(setting: Setting) -> str:
    """Give a setting in a few words, for tables."""
    words = [f"list x{setting.times:g}" if setting.times != 1 else f"list {setting.overlap:.0%}"]
    if setting.errors:
        words.append(f"{setting.errors:.0%} errors")
    if setting.known:
        words.append(f"{setting.known} known")
    return ", ".join(words)


def _list(setting: Setting) -> str:
    shared = "everybody" if setting.overlap == 1 else f"{_percent(setting.overlap)} of the people"
    words = f"has {shared} in the file"
    if setting.times != 1:
        words += f" and is {setting.times:g} times as long"
    if setting.errors:
        words += f", with {_percent(setting.errors)} of all characters different,"
    if setting.known:
        words += f", and knows who {setting.known:,} of them are,"
    return words


def _things(finding: Finding) -> str:
    if finding.what == PEOPLE:
        return f"the {finding.records:,} records of people in both"
    if finding.what.startswith(BLOCK_KEY):
        return f"the {finding.records:,} records' keys of the blocking pass {finding.what[10:]}"
    return f"the values of {finding.what} of {finding.records:,} records"


def _group_sentence(finding: Finding) -> str:
    if "mean_neighbours" in finding.facts:
        return (
            f"{_percent(finding.named)} of {finding.records:,} records share a visible value with "
            f"another one, {finding.facts['mean_neighbours']:,.1f} others in the mean; the largest "
            f"connected group has {_percent(finding.facts['largest_component'])} of all."
        )
    return (
        f"By {finding.what.replace(BLOCK_KEY, 'the block key ')}, {_percent(finding.named)} of "
        f"{finding.records:,} records are alone, and "
        f"{_percent(finding.facts['in_small_groups'])} in groups below five."
    )


def _percent(share: float) -> str:
    if 0 < share < 0.0001:
        return "below 0.01 %"
    if 0 < share < 0.01:
        return f"{100 * share:.2f} %"
    return f"{100 * share:.0f} %" if round(1000 * share) % 10 == 0 else f"{100 * share:.1f} %"
