"""Files of models, weights and arrays, which somebody gave where a config is expected."""

from __future__ import annotations

import re

_MODEL = "`sepconv show FILE{0}` prints its layers; `sepconv convert FILE{0} FILE.yaml` its config"
_WEIGHTS = "`sepconv convert FILE.yaml OUT.keras --weights FILE{0}` joins them and their config"
_EITHER = "`sepconv show FILE{0}` prints a model's layers; weights stand beside a config: --weights"
_ARRAY = "`sepconv run FILE.yaml --input FILE{0} --output Y.npy` computes outputs for it"

# suffix -> what such a file holds, and what to do with it; the longest suffix first
KINDS = {
    ".weights.h5": ("weights", _WEIGHTS),
    ".keras": ("a Keras model", _MODEL),
    ".h5": ("HDF5 data, such as a model of Keras 2", _MODEL),
    ".safetensors": ("a model or weights", _EITHER),
    ".onnx": ("an ONNX model", _MODEL),
    ".npz": ("weights or arrays", _WEIGHTS),
    ".npy": ("an array", _ARRAY),
}
# first bytes -> what a file of another name holds, and the suffix it should have
SIGNATURES = {
    b"PK\x03\x04": ("a zip archive, such as a Keras model", ".keras"),
    b"\x89HDF\r\n\x1a\n": (KINDS[".h5"][0], ".h5"),
    b"\x93NUMPY": (KINDS[".npy"][0], ".npy"),
}
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def binary(raw: bytes, filename: str) -> tuple[str, str] | None:
    """Return what a file is that is no text, and what to do with it; None for others.

    >>> binary(b"PK\\x03\\x04", "model.keras")[0]
    'a Keras model'
    """
    if not _NO_TEXT.search(raw):
        return None
    for suffix, (what, help) in KINDS.items():
        if filename.lower().endswith(suffix):
            return what, help.format(suffix)
    for signature, (what, suffix) in SIGNATURES.items():
        if raw.startswith(signature):
            return what, f"name it FILE{suffix}; then {KINDS[suffix][1].format(suffix)}"
    return None
