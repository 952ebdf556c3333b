"""What Keras reads when it is imported: its backend, float64, and an empty home."""

from __future__ import annotations

import os
import tempfile

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
# Keras writes its defaults to its home; a user's own file must not decide what the tests see.
_home = tempfile.TemporaryDirectory(prefix="sepconv-keras-")
os.environ["KERAS_HOME"] = _home.name
