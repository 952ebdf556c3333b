"""The compiled core, loaded such that its idle threads soon sleep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Turns that a thread of GCC's OpenMP spins before it sleeps, about 100 µs: long enough for the
# next layer of a network. Its own default spins for some 6 ms, and so does a caller that waits
# for a worker which was woken on the caller's CPU: after 10 ms of sleep, a call of 0.09 ms on one
# thread took 5.7 ms on two, and takes 0.3 ms so (2 CPUs of a virtual machine, GCC 12, 2026-11-22).
SPIN_TURNS = "10000"
USERS_CHOICE = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


@contextmanager
def _short_spins() -> Iterator[None]:
    """Set GOMP_SPINCOUNT while the OpenMP library is loaded, which reads it then and only then."""
    if any(name in os.environ for name in USERS_CHOICE):
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = SPIN_TURNS
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


with _short_spins():
    from sepconv._core import (
        Chain,
        ConvolutionPlan,
        DepthwisePlan,
        Gradient,
        Operation,
        Plan,
        TilePlan,
        activate,
        activate_gradient,
        channel_affine,
        channel_sums,
        elementwise,
        flatten,
        get_num_threads,
        kernel_info,
        look_up,
        pooling,
        set_num_threads,
        softmax,
        updated_weights,
    )

__all__ = [
    "Chain",
    "ConvolutionPlan",
    "DepthwisePlan",
    "Gradient",
    "Operation",
    "Plan",
    "TilePlan",
    "activate",
    "activate_gradient",
    "channel_affine",
    "channel_sums",
    "elementwise",
    "flatten",
    "get_num_threads",
    "kernel_info",
    "look_up",
    "pooling",
    "set_num_threads",
    "softmax",
    "updated_weights",
]
