"""Figures for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return three digits and a unit.

    >>> duration(0.0123), duration(4.56e-6)
    ('12.3 ms', '4.56 µs')
    """
    unit, scale = next(
        (u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= s or u == "µs"
    )
    return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"


def rate(flops: int | None, seconds: float) -> str:
    """Return GFLOP/s, or nothing where nothing is multiplied.

    >>> rate(3_000_000, 1e-4), rate(None, 1.0)
    ('30.0', '')
    """
    return f"{flops / seconds / 1e9:.1f}" if flops else ""


def threads(count: int) -> str:
    """Return the count with its noun.

    >>> threads(1), threads(2)
    ('1 thread', '2 threads')
    """
    return f"{count} thread{'s' * (count > 1)}"
