"""Engines schedule the linker's stages; they hold no logic of linkage."""
