"""ROLE 1: the agency. Holds the key and raw records; nothing that the linker runs imports it."""
