"""The audit of hardened and of anchored encodings: attacks run, and say what is true of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from linkage.agency.keys import ProjectKey
from linkage.audit.attack import PEOPLE, Effort, silent
from linkage.audit.dictionary import Dictionary
from linkage.audit.finding import Judge, Setting
from linkage.audit.in_blocks import BlockSimilarity, _same_key
from linkage.audit.lengths import MISSING_ALONE, Popcounts
from linkage.audit.methods import SchemaMethod
from linkage.audit.plan import QUICK, steps
from linkage.audit.samples import Project, draw
from linkage.audit.structure import ColourRefinement
from linkage.audit.uniqueness import measure_groups
from linkage.schema import LinkageSchema
from tests.attacked import KEY, SCHEMA, held, scene, texts_of_people
from tests.command import did

STEPS = {
    "salting": 'method = "salting"\nby = "dob:year"',
    "saul": 'method = "saul"\nbits = 256\nhashes = 2',
    "xor_folding": 'method = "xor_folding"',
    "rule_90": 'method = "rule_90"',
    "diffusion": 'method = "diffusion"\nbits = 512\npositions = 3',
    "balancing": 'method = "balancing"',
    "permutation": 'method = "permutation"',
}
NOISE = 'method = "randomised_response"\nprobability = 0.1'
EFFORT = Effort(seed=3, restarts=1, threads=1)


def of_schema(text, count=120, setting=None):
    """A scene under the schema of a text, and what encodes under the project's key."""
    method = SchemaMethod(LinkageSchema.parse(text))
    project = Project(method, lambda rows: method.encode_under(rows, KEY))
    people = held(texts_of_people(count))
    return draw(people, project, setting or Setting(), 1, count), project


def hardened(level, step):
    text = SCHEMA.format(level=level, bits=1024 if level == "record" else 256)
    return f"{text}\n[[hardening]]\n{step}\n"


def anchored():
    """A schema whose passes show similarity of the other fields."""
    text = SCHEMA.format(level="field", bits=64).replace("[filter]", "anchored = true\n[filter]")
    return text + '[[blocking]]\nname = "day"\non = ["dob"]\n'


def named(attack, drawn):
    """The share of people that the best attempt names, and the attempts' labels."""
    one, truth = drawn
    judge = Judge(one.view, truth, one.known)
    tried = list(attack.attempts(one, EFFORT, silent))
    return max(judge.judge(each).share for each in tried), [each.label for each in tried]


def with_key(project, *, sure):
    return Dictionary({"the key": project.encode}, sure=sure)


@pytest.mark.parametrize("level", ["record", "field"])
@pytest.mark.parametrize("step", STEPS)
def test_hardened__every_attack_runs_and_the_key_opens_all(level, step):
    (one, truth), project = of_schema(hardened(level, STEPS[step]), setting=Setting(known=10))
    slices = [name for name, _ in one.view.slices]
    keys = {"the project key": project.encode}
    planned = list(steps(QUICK, project.method.fields, slices, keys, {}))
    judge = Judge(one.view, truth, one.known)
    for each in {each.attack.name: each.attack for each in planned}.values():
        for attempt in each.attempts(one, EFFORT, silent):
            assert attempt.answer.shape == (len(one.view),)
            if each.name == "dictionary":
                assert judge.judge(attempt).share == 1
    assert all(0 <= each.named <= 1 for each in measure_groups(one.view))


def test_noise__does_not_help_against_whoever_has_the_key():
    drawn, project = of_schema(hardened("record", NOISE))
    assert named(with_key(project, sure=True), drawn)[0] > 0.95


def test_noise__does_not_help_against_a_key_that_is_guessed():
    drawn, project = of_schema(hardened("record", NOISE))
    wrong = ProjectKey(bytes([7] * 32))
    method = project.method
    guesses = {
        "wrong": lambda rows: method.encode_under(rows, wrong),
        "right": project.encode,
    }
    one, truth = drawn
    judge = Judge(one.view, truth, one.known)
    tried = {each.label: each for each in Dictionary(guesses).attempts(one, EFFORT, silent)}
    assert judge.judge(tried["right"]).share > 0.95
    assert not (tried["wrong"].answer >= 0).any()


def test_anchored__plan_attacks_similarity_in_blocks():
    (one, _), project = of_schema(anchored())
    slices = [name for name, _ in one.view.slices]
    assert "day.surname" in slices
    planned = {each.attack.name for each in steps(QUICK, project.method.fields, slices, {}, {})}
    assert {"similarity in blocks", "colour refinement", "graph matching"} <= planned
    plain = {each.attack.name for each in steps(QUICK, ["surname"], ["surname", "dob"], {}, {})}
    assert "similarity in blocks" not in plain


def test_block_similarity__names_people_in_large_blocks():
    drawn, _ = of_schema(anchored(), 400)
    share, labels = named(BlockSimilarity(), drawn)
    assert share > 0.1
    assert len(labels) == 7


def test_block_similarity__has_nothing_to_do_without_slices_of_passes():
    one, _ = scene(60, level="field", bits=256)
    assert not list(BlockSimilarity().attempts(one, EFFORT, silent))


def test_block_similarity__finds_nobody_on_a_list_of_strangers():
    drawn, _ = of_schema(anchored(), 400, Setting(overlap=0.0))
    one, truth = drawn
    for attempt in BlockSimilarity().attempts(one, EFFORT, silent):
        assert Judge(one.view, truth, one.known).judge(attempt).right == 0


def test_anchored__structure_runs_on_equality_too():
    drawn, _ = of_schema(anchored(), 1000)
    share, labels = named(ColourRefinement(), drawn)
    assert share > 0.03
    assert any(label.startswith("block keys") for label in labels)


def test_same_key__lists_each_pair_of_a_block_once():
    tokens = np.array([5, 0, 7, 5, 5, 0, 7, 9], np.uint64)
    found = {tuple(sorted(pair)) for pair in np.transpose(_same_key(tokens)).tolist()}
    assert found == {(0, 3), (0, 4), (3, 4), (2, 6)}
    assert len(_same_key(tokens)[0]) == 4


@pytest.mark.parametrize("text", [anchored(), hardened("field", STEPS["balancing"])])
def test_popcounts__of_constant_codes_tell_only_what_is_missing(text):
    (one, _), _ = of_schema(text)
    (attempt,) = Popcounts().attempts(one, EFFORT, silent)
    assert attempt.label == MISSING_ALONE
    assert attempt.what == PEOPLE


def test_popcounts__of_plain_filters_tell_lengths():
    one, _ = scene(60, level="field", bits=256)
    (attempt,) = Popcounts().attempts(one, EFFORT, silent)
    assert attempt.label == "nearest popcounts"


def test_command__audits_an_anchored_schema(world, tmp_path):
    for name in ("police.csv", "court.csv"):
        shutil.copy(world.raw / name, tmp_path)
    draft = ("--anchored", "-o", "schema.toml")
    did("schema", "init", "police.csv", "court.csv", *draft, cwd=tmp_path)
    effort = ("--quick", "--people", 120, "--restarts", 1, "--overlap", "100%", "-o", "audit")
    common = ("--schema", "schema.toml", "--key", world.key)
    done = did("audit", "police.csv", *common, *effort, cwd=tmp_path)
    assert "similarity in blocks" in done.out
    assert "more, by which fewer are alone" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    content = json.loads((tmp_path / "audit/audit.json").read_text())
    found = {(one["attack"], one["what"]) for one in content["findings"]}
    assert ("similarity in blocks", "people") in found
    assert ("group sizes", "any visible neighbour") in found
