"""Sizes that are open, and what a graph computes from them."""

from __future__ import annotations

from typing import Any

from sepconv.errors import ValidationError

BATCH = "batch"
LONGEST = 256  # operators in a formula, so that two can be compared


class Size:
    """A whole number that only the inputs tell, as the formula that gives it.

    Two are equal if their formulas are the same.

    >>> n = Size("steps")
    >>> (n - 1) % 2 == (Size("steps") - 1) % 2, n == n + 1
    (True, False)
    """

    def __init__(self, *formula: Any) -> None:
        self.formula = formula
        self.length: int = 1 + sum(part.length for part in formula if isinstance(part, Size))
        if self.length > LONGEST:
            raise ValidationError(f"sizes are computed in more than {LONGEST} steps")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.formula == other.formula

    def __hash__(self) -> int:
        return hash(self.formula)

    def __repr__(self) -> str:
        return f"Size{self.formula}"

    def __add__(self, other: Any) -> Size:
        return Size("+", self, other)

    def __radd__(self, other: Any) -> Size:
        return Size("+", other, self)

    def __sub__(self, other: Any) -> Size:
        return Size("-", self, other)

    def __rsub__(self, other: Any) -> Size:
        return Size("-", other, self)

    def __mul__(self, other: Any) -> Size:
        return Size("*", self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Size:
        return Size("//", self, other)

    def __mod__(self, other: Any) -> Size:
        return Size("%", self, other)

    def __int__(self) -> int:
        raise TypeError("it follows from a size that is open")

    def max(self, other: Any) -> Size:
        """Return the larger of this and another."""
        return Size("max", self, other)
