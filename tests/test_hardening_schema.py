"""Hardening in the schema: what is refused, what it says of itself, and the transfer of Dice."""

from __future__ import annotations

import math

import numpy as np
import pytest

from linkage.agency.encode import encode
from linkage.errors import InputError
from linkage.hardening import bit_epsilon, epsilon
from linkage.kernels.similarity import pair_similarity
from linkage.linker.levels import levels_of
from linkage.model import expected_slices
from linkage.schema import LinkageSchema
from linkage.transfer import Transfer, deviations_of
from tests.samples import KEY

FIELDS = [
    {"name": "forename", "type": "name", "columns": ["forename"], "bits_per_feature": 128},
    {"name": "surname", "type": "name", "columns": ["surname"], "bits_per_feature": 128},
    {"name": "dob", "type": "date", "columns": ["dob"], "bits_per_feature": 128},
    {"name": "sex", "type": "sex", "columns": ["sex"], "bits_per_feature": 16},
    {"name": "nhs", "type": "identifier", "columns": ["nhs"]},
]


def schema(*steps, level="field", bits=256, fields=FIELDS):
    return LinkageSchema.from_content({
        "version": 1,
        "name": "hardened",
        "level": level,
        "filter": {"bits": bits},
        "hardening": [one if isinstance(one, dict) else {"method": one} for one in steps],
        "field": fields,
        "blocking": [{"name": "key", "on": [fields[-1]["name"]]}],
    })  # fmt: skip


def noise(probability=0.1):
    return {"method": "randomised_response", "probability": probability}


def salt(by="dob:year", **more):
    return {"method": "salting", "by": by, **more}


@pytest.mark.parametrize(
    ("steps", "options", "message"),
    [
        (["whitening"], {}, "hardening.1: .*whitening"),
        ([{"method": "saul", "hashes": 0}], {}, "hardening.1.saul.hashes"),
        ([{"method": "saul", "bits": 100}], {}, "hardening.1.saul.bits: .*multiple of 64"),
        ([{"method": "diffusion", "positions": 1}], {}, "diffusion.positions"),
        ([{"method": "diffusion", "seed": 1}], {}, "diffusion.seed: unknown key"),
        (["randomised_response"], {}, "probability: Field required"),
        ([noise(1.0)], {}, "probability"),
        (["rule_90", "rule_90"], {}, "'rule_90' appears more than once"),
        (["balancing", "xor_folding"], {}, "'xor_folding' must come before 'balancing': bits that"),
        (["balancing", "rule_90"], {}, "'rule_90' must come before 'balancing'"),
        (["balancing", noise()], {"level": "record"}, "'randomised_response' must come before"),
        ([noise(), "diffusion"], {"level": "record"}, "'diffusion' must come before 'randomised"),
        (["permutation", salt()], {}, "'salting' must come before 'permutation': it acts on"),
        (["rule_90", "saul"], {}, "'saul' must come before 'rule_90'"),
        (["permutation", "saul"], {}, "'saul' must come before 'permutation'"),
        (["saul", "diffusion"], {}, "'diffusion' can't follow 'saul'.*more hashes"),
        ([noise()], {}, "needs level 'record'"),
        (["xor_folding"], {"bits": 64}, "needs bits by 128"),
        (["balancing"], {"bits": 16384}, "'balancing' makes 32768 bits; a filter may have 16384"),
        ([{"method": "diffusion", "positions": 40}], {"bits": 64}, "at most half of 64 bits"),
        ([salt("colour")], {}, "salting by 'colour': there is no such field"),
        ([salt("dob:first1")], {}, "a field of type 'date' has exact, month_day, year"),
        ([salt(fields=["nhs"])], {}, "there is no compared field 'nhs'"),
        ([salt("dob", fields=["dob"])], {}, "'dob' by itself would keep equality only"),
        ([salt()], {"fields": [FIELDS[2], FIELDS[4]]}, "no compared field beside"),
    ],
)
def test_schema__refuses(steps, options, message):
    with pytest.raises(InputError, match=message):
        schema(*steps, **options)


@pytest.mark.parametrize(
    ("steps", "level", "bits"),
    [
        ([], "field", 256),
        (["xor_folding", "rule_90", "balancing"], "field", 256),
        (["permutation", "rule_90"], "field", 256),
        ([salt(), {"method": "saul", "bits": 512}, "balancing"], "field", 1024),
        ([{"method": "diffusion", "bits": 192}, noise(), "permutation"], "record", 192),
    ],
)
def test_schema__composes_steps(steps, level, bits):
    made = schema(*steps, level=level)
    assert made.slice_bits == bits
    assert {one.words for one in expected_slices(made)} == {bits // 64}
    assert LinkageSchema.from_content(made.content()) == made


def test_digest__sees_every_step_and_parameter_and_none_changes_old_schemas():
    digests = [
        schema(*steps).digest()
        for steps in ([], ["rule_90"], ["xor_folding"], ["xor_folding", "rule_90"],
                      ["rule_90", "xor_folding"], ["saul"], [{"method": "saul", "hashes": 3}])
    ]  # fmt: skip
    assert len(set(digests)) == len(digests)
    assert schema({"method": "saul", "hashes": 4}).digest() == schema("saul").digest()
    assert "hardening" not in schema().content()


def test_epsilon__is_told_for_a_bit_a_qgram_and_what_spreads_it():
    one = schema(noise(0.1), level="record")
    bit = math.log(1.9 / 0.1)
    assert bit_epsilon(one.hardening[0]) == pytest.approx(bit)
    assert epsilon(one.hardening, 256, 16) == pytest.approx(16 * bit)
    spread = schema("rule_90", noise(0.1), level="record").hardening
    assert epsilon(spread, 256, 16) == pytest.approx(32 * bit)
    diffused = schema({"method": "diffusion", "bits": 512, "positions": 4}, noise(0.1),
                      level="record").hardening  # fmt: skip
    assert epsilon(diffused, 256, 16) == pytest.approx(128 * bit)
    saul = schema({"method": "saul", "bits": 128}, noise(0.1), level="record").hardening
    assert epsilon(saul, 256, 16) == pytest.approx(128 * bit)
    assert epsilon(schema("saul").hardening, 256, 16) is None
    assert one.hardening_texts == [
        "randomised_response: probability 0.1, epsilon 2.94 a bit and 5.9 to 47.1 a q-gram"
    ]


def test_transfer__changes_nothing_without_steps_or_by_permutation_and_salt():
    for steps in ([], ["permutation"], [salt()]):
        transfer = schema(*steps).transfer("surname")
        assert not transfer.changes
        assert transfer.floor(3.0) == 0.0
        for dice in (0.0, 0.5, 0.85, 1.0):
            assert transfer.dice(dice) == transfer.bound(dice, 3.0) == transfer.plain(dice) == dice


@pytest.mark.parametrize(
    "step",
    ["xor_folding", "rule_90", "balancing", "saul", "diffusion", noise(0.2)],
    ids=lambda one: one if isinstance(one, str) else one["method"],
)
def test_transfer__rises_and_can_be_turned_round(step):
    level = "record" if isinstance(step, dict) else "field"
    transfer = schema(step, level=level, bits=1024).transfer("surname")
    grid = np.linspace(transfer.fill, 1, 40)
    mapped = [transfer.dice(one) for one in grid]
    assert mapped == sorted(mapped)
    assert transfer.dice(1.0) == (1.0 if level == "field" else pytest.approx(0.77, abs=0.05))
    strong = transfer.dice(0.95)
    assert transfer.plain(strong) == pytest.approx(0.95, abs=1e-3)
    low, high = transfer.floor(1.0), transfer.floor(3.0)
    assert low <= high <= 1
    assert transfer.bound(0.0, 3.0) >= high


#: Steps with the plain Dice and the tolerance of the mean at 4,096 bits.
MEASURED = {
    "xor_folding": ["xor_folding"],
    "rule_90": ["rule_90"],
    "balancing": ["balancing"],
    "diffusion": [{"method": "diffusion", "bits": 4096, "positions": 4}],
    "folded, diffused, balanced": [
        "xor_folding", {"method": "diffusion", "bits": 2048, "positions": 2}, "balancing",
    ],
    "randomised_response": [noise(0.2)],
    "diffusion, noise, balancing": [
        {"method": "diffusion", "bits": 4096, "positions": 2}, noise(0.1), "balancing",
    ],
    "saul": [{"method": "saul", "bits": 4096, "hashes": 2}],
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_transfer__is_what_is_measured(name):
    """Numbers with 41 neighbours, fewer in common the farther they lie: Dice mapped is Dice."""
    field = {"name": "height", "type": "number", "columns": ["height"], "neighbours": 20}
    fields = [field | {"bits_per_feature": 1600}, FIELDS[-1]]
    table = {"height": [str(100 + n) for n in (0, 1, 3, 5, 8, 12, 16, 20, 30, 41)]}
    table["nhs"] = [""] * 10
    plain = encode(table, schema(level="record", bits=4096, fields=fields), KEY)
    hard = encode(table, schema(*MEASURED[name], level="record", bits=4096, fields=fields), KEY)
    transfer = hard.schema.transfer()
    zero, others = np.zeros(9, np.int64), np.arange(1, 10)
    for one, other in zip(
        pair_similarity(plain.bits, plain.bits, zero, others),
        pair_similarity(hard.bits, hard.bits, zero, others),
        strict=True,
    ):
        assert transfer.dice(one) == pytest.approx(other, abs=0.035)


def test_floor__is_what_strangers_reach():
    transfer = Transfer(schema("saul").hardening, 1024, 600)
    assert transfer.floor(deviations_of(1.4e7)) == pytest.approx(0.59, abs=0.005)
    four = schema({"method": "saul", "bits": 4096}).hardening
    assert Transfer(four, 1024, 600).floor(deviations_of(1e14)) == pytest.approx(0.56, abs=0.005)


def test_levels__that_noise_covers_become_one():
    table = {"forename": ["ANNA"], "surname": ["LEE"], "dob": ["1980-01-01"], "sex": ["F"]}
    table["nhs"] = [""]
    levels = levels_of(encode(table, schema({"method": "saul", "bits": 512}), KEY))
    possible = dict(zip(levels.fields, levels.possible.tolist(), strict=True))
    assert possible["surname"] == [False, True, False, False, False, True, True, True]
    assert possible["sex"] == [False, True, False, False, False, False, False, True]
    plain = levels_of(encode(table, schema(), KEY))
    assert plain.possible[1].tolist() == [False] + 7 * [True]
