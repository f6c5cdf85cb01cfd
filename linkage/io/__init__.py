"""Files to and from the model: the only place that knows file formats.

`tables` reads what people have (CSV, Parquet), `encoded` the encoded file, `results` the results
folder, `outputs` makes every output appear whole or not at all.
"""

from linkage.io.encoded import read_encodings, write_encodings

__all__ = ["read_encodings", "write_encodings"]
