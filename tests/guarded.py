"""Arrays beside memory that nobody may touch."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None, use_errno=True)
PROT_NONE, READ_WRITE = 0, mmap.PROT_READ | mmap.PROT_WRITE


@contextmanager
def guarded(shape: tuple[int, ...], dtype: str, *, at_end: bool) -> Iterator[NDArray[Any]]:
    """An array that touches a page without access, after its end or before its beginning."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    inner = -(-size // PAGE) * PAGE
    memory = mmap.mmap(-1, inner + 2 * PAGE)
    handle = ctypes.c_char.from_buffer(memory)
    base = ctypes.addressof(handle)

    def protect(offset: int, access: int) -> None:
        assert LIBC.mprotect(ctypes.c_void_p(base + offset), ctypes.c_size_t(PAGE), access) == 0

    protect(0, PROT_NONE)
    protect(PAGE + inner, PROT_NONE)
    offset = PAGE + (inner - size if at_end else 0)
    array = np.frombuffer(memory, dtype, int(np.prod(shape)), offset).reshape(shape)
    try:
        yield array
    finally:
        protect(0, READ_WRITE)
        protect(PAGE + inner, READ_WRITE)
