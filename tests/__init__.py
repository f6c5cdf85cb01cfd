"""Tests. Hypothesis has no deadline here: the first example of a kernel compiles it."""

from hypothesis import settings

settings.register_profile("linkage", deadline=None, derandomize=True)
settings.load_profile("linkage")
