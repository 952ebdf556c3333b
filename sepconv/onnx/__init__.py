"""Networks out to ONNX files, which ONNX Runtime and other runtimes execute, and in from them.

It needs the extra `onnx`: `pip install sepconv[onnx]`.
"""

from __future__ import annotations

try:
    from sepconv.onnx.exporting import export, to_onnx
    from sepconv.onnx.incoming.loading import from_onnx, load
except ModuleNotFoundError as error:
    if error.name != "onnx":
        raise
    raise ImportError("ONNX files need the package onnx: pip install 'sepconv[onnx]'") from None

__all__ = ["export", "from_onnx", "load", "to_onnx"]
