"""The documents' examples run, and promise what comes out."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from linkage.schema import LinkageSchema

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.filterwarnings("ignore")  # the toolkit's own, as in the example
def test_febrl4_example__links_nearly_everybody():
    figures = runpy.run_path(str(DOCS / "examples" / "febrl4.py"))["figures"]
    assert figures["f1"] > 0.99


@pytest.mark.filterwarnings("ignore")
def test_ecm_example__links_most_people_in_the_toolkit():
    figures = runpy.run_path(str(DOCS / "examples" / "ecm.py"))["figures"]
    assert figures["f1"] > 0.96


def test_schema_document__shows_a_valid_schema():
    text = (DOCS / "schema.md").read_text()
    example, *sections = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    schema = LinkageSchema.parse(example)
    for section in sections:
        name = section.splitlines()[0].split("]")[0]
        LinkageSchema.parse(example.split(name)[0] + section)
    assert schema.level == "field"
