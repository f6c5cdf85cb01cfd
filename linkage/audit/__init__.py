"""Attacks on encodings, and measures of what they disclose.

An agency attacks what it is about to send. Every attack takes plain values and nothing else, so
that any encoding is attacked through one protocol:

- `scene`: what an attacker sees and holds (`View`, `Reference`, `Scene`), and who is who (`Truth`)
- `attack`: the protocol `Attack`, and the `Attempt` that each try gives
- `finding`: attempts judged by the truth: `Finding`
- `structure`, `frequency`, `lengths`, `uniqueness`: equality, ranks, popcounts, group sizes
- `points`, `describe`, `align`, `pairing`, `matching`: graph matching without the key
- `learning`, `known`: bits learnt from q-grams, with or without known pairs
- `mining`, `dictionary`: co-occurring bits; a weak or leaked key
- `methods`, `samples`: the encoding of a schema, and scenes drawn from an agency's own file
- `trial`: one attack on any bits, from Python
- `plan`, `run`, `words`: which attacks an audit makes, and what its findings say

Limits: an attack that fails proves nothing. "Not broken by N attempts" is all that can be said.
"""
