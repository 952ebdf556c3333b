"""Who is timed: each peer builds the same layer from the same weights, in every form it may like.

A peer is a class constructed with the number of threads; `forms` yields its ways to run a workload.
The worker checks and times them all, so that each peer runs at its own best. Modules are imported
by name, inside the peer's own process: no peer is needed by another.
"""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.peers.form import REWRITTEN, Form, Peer
from benchmarks.peers.frameworks import Jax, KerasJax, KerasTensorflow
from benchmarks.peers.ours import Sepconv, SepconvAvx2, SepconvAvx512, SepconvChannelsFirst
from benchmarks.peers.runtimes import OnnxRuntime, OpenVino, Torch

__all__ = ["OURS", "PEERS", "REWRITTEN", "Form", "Peer", "Sepconv", "unavailable"]

PEERS: dict[str, type[Peer]] = {
    "sepconv": Sepconv,
    "sepconv_channels_first": SepconvChannelsFirst,
    "sepconv_avx512": SepconvAvx512,
    "sepconv_avx2": SepconvAvx2,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "torch": Torch,
    "jax": Jax,
    "keras_jax": KerasJax,
    "keras_tensorflow": KerasTensorflow,
}
OURS = ("sepconv", "sepconv_channels_first", "sepconv_avx512", "sepconv_avx2")


def unavailable(peer: type[Peer]) -> str | None:
    """Why a peer cannot run, or None.

    >>> unavailable(SepconvChannelsFirst) is None or "not installed"
    True
    """
    missing = [module for module in peer.requires if not _found(module)]
    return f"{', '.join(missing)} not installed" if missing else None


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False
