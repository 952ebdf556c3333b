# cython: language_level=3
"""The convolution core: checks, packing, and the one parallel loop over jobs.

Axes: x is B T C (or B C T), y is B S F; taps K, depth multiplier M.
"""
import os
from math import gcd

import numpy as np

cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdlib cimport free
from libc.stdint cimport int32_t, int64_t, uintptr_t
from libcpp.vector cimport vector

from sepconv.threads import MAX_THREADS, default_threads

cnp.import_array()

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t, size_t)

ACTIVATIONS = {
    activation_name(i).decode(): activation_parameters(i) for i in range(activation_count())
}
_ACTIVATION_INDEX = {name: i for i, name in enumerate(ACTIVATIONS)}


def _choose_isa():
    names = [isa_name(i).decode() for i in range(isa_count())]
    usable = [name for i, name in enumerate(names) if isa_supported(i)]
    chosen = os.environ.get("SEPCONV_ISA", "") or usable[-1]
    if chosen not in usable:
        why = "this CPU lacks it" if chosen in names else "this build has no such kernels"
        raise ImportError(f"SEPCONV_ISA must be one of {usable}, got {chosen[:200]!r}: {why}")
    return names.index(chosen), usable


_isa, _available = _choose_isa()
cdef Kernels kernels = kernels_for(_isa)
cdef int threads = default_threads()


def set_num_threads(n):
    """Use up to `n` threads (an integer in 1..1024) from the next call on."""
    global threads
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
        raise TypeError(f"n must be an integer, got {n!r:.200} ({type(n).__name__})")
    if not 1 <= n <= MAX_THREADS:
        raise ValueError(f"n must be in 1..{MAX_THREADS}, got {n!r:.200}")
    threads = n


def get_num_threads():
    """Return the number of threads that a large call uses."""
    return threads


def kernel_info():
    """Return what was built and chosen: a dict for bug reports and benchmarks.

    `tile` is (output steps, filters) of the register tile of the matrix product.
    """
    tile = {
        dtype: {
            layout: (kernels.tile[i][j].steps, kernels.tile[i][j].filters)
            for j, layout in enumerate(("channels_last", "channels_first"))
        }
        for i, dtype in enumerate(("float32", "float64"))
    }
    return {
        "isa": isa_name(_isa).decode(),
        "available": list(_available),
        "vector_bytes": kernels.vector_bytes,
        "tile": tile,
        "openmp": has_openmp(),
        "threads": threads,
        "compiler": compiler().decode(),
    }


def _before_fork():
    global _child_threads
    _child_threads = None if pause_openmp() else 1


def _in_child():
    # Without its parent's workers, and without a way to end them first, a child that starts a
    # parallel region waits for ever.
    if _child_threads is not None:
        set_num_threads(_child_threads)


_child_threads = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)


include "_arguments.pxi"
include "_tile_plan.pxi"
include "_plan.pxi"
include "_convolution.pxi"
include "_elementwise.pxi"
include "_gradient.pxi"
include "_weight_gradient.pxi"
include "_by_channel.pxi"
include "_update.pxi"
include "_chain.pxi"
