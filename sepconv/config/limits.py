"""How large a config may be. A network of 200 layers in Keras's long form keeps within them."""

from __future__ import annotations

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_NODES = 10_000  # values in a file, an alias counted as often as it is used
MAX_FINDINGS = 500  # in a document; who mends that many runs the validator again

TOO_MANY_NODES = (
    f"more than {MAX_NODES:,} values in one file, an alias counted as often as it is used"
)
