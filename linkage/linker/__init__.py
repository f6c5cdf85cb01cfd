"""ROLE 2: the linker. Sees encodings and the public schema, never a key or a raw identifier."""
