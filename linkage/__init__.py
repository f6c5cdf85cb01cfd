"""Privacy-preserving record linkage for three roles with one trust boundary between them.

======================  =====================================================================
`linkage.agency`        ROLE 1, holds secrets: keys, normalise, tokens, encode
`linkage.linker`        ROLE 2, never sees a secret: block, compare, decide, assign, persons
`linkage.engine`        schedules the linker's stages
`linkage.evaluate`      precision, recall, F1, pairs completeness, reduction ratio
`linkage.synth`         a synthetic population and its agency views
`linkage.toolkit`       adaptors for the `recordlinkage` toolkit
`linkage.kernels`       numba only: arrays in, arrays out, no policy
`linkage.schema`        the public agreement between parties
`linkage.model`         the nouns that stages exchange
`linkage.io`            the only place that knows file formats
`linkage.report`        results and profiles -> one self-contained HTML page
`linkage.cli`           the commands, by role
======================  =====================================================================

Nothing is imported here: loading the linker must not load agency code.
"""

__version__ = "0.1.0"
