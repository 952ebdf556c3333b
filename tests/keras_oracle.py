"""Real Keras as the oracle: on JAX in this process, on NumPy or on JAX in float64 in its own.

Keras reads its backend when it is imported, so a process has one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ["KERAS_BACKEND"] = "jax"

import keras

__all__ = ["keras", "on_float64", "on_numpy"]

_SCRIPT = """
import json, random, sys
import keras, ml_dtypes, numpy as np
results = {}
for i, request in enumerate(json.load(sys.stdin)):
    if "random_state" in request:
        random.seed(request["random_state"])
    if request["of"] == "initializer":
        made = getattr(keras.initializers, request["name"])(**request["config"])
        y = made(tuple(request["shape"]), dtype=request["dtype"])
    else:
        x = np.array(request["x"], request["dtype"])
        y = getattr(keras.activations, request["name"])(x, **request["config"])
    results[str(i)] = np.asarray(y, "float32" if y.dtype.name == "bfloat16" else None)
np.savez(sys.argv[1], **results)
"""


def on_numpy(requests: list[dict[str, Any]]) -> list[NDArray[Any]]:
    """Return what Keras's NumPy backend makes of each request; bfloat16 comes back as float32."""
    return _asked(requests, {"KERAS_BACKEND": "numpy"})


def on_float64(requests: list[dict[str, Any]]) -> list[NDArray[Any]]:
    """Return what Keras makes of each request in float64, which its NumPy backend rounds."""
    return _asked(requests, {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"})


def _asked(requests: list[dict[str, Any]], settings: dict[str, str]) -> list[NDArray[Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.npz"
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _SCRIPT, str(path)],
            input=json.dumps(requests),
            text=True,
            check=True,
            env={**os.environ, **settings},
        )
        with np.load(path) as held:
            return [held[str(i)] for i in range(len(requests))]
