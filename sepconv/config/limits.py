"""How large a config may be."""

from __future__ import annotations

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_NODES = 10_000  # values in a YAML file, an alias counted as often as it is used
MAX_JSON_NODES = 40_000  # which has no aliases; 650 layers in Keras's long form
MAX_FINDINGS = 500  # in a document; who mends that many runs the validator again

TOO_MANY_NODES = (
    f"more than {MAX_NODES:,} values in one file, an alias counted as often as it is used"
)
TOO_MANY_JSON_NODES = f"more than {MAX_JSON_NODES:,} values in one file"
