"""Penalties on weights and outputs: they add to the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import real_array
from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError, shown
from sepconv.registry import FunctionRegistry
from sepconv.rules import Choice, Number

Penalty = Callable[[Any], Any]  # array -> number


class Regularizer(Declared):
    """Maps an array to its penalty. A subclass writes `__call__`, and `gradient` for training.

    `rank` is the one number of axes it works on, or None for any.
    """

    rank: ClassVar[int | None] = None

    def __call__(self, x: Any) -> float:
        """Return the penalty of `x`, an array of any shape and float dtype."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x)")

    def gradient(self, x: Any) -> NDArray[Any]:
        """Return the gradient of the penalty by `x`, of its shape and dtype."""
        raise NotImplementedError(
            f"{type(self).__name__} has no gradient: define `gradient(self, x)`, which returns an "
            f"array of the shape of x"
        )


registry = FunctionRegistry[Penalty]("regularizer", "keras.regularizers", Regularizer)
get = registry.get
serialize = registry.serialize
deserialize = registry.deserialize


class Factor(Number):
    """A finite number ≥ 0, kept as a float; None stands for the default, as in Keras."""

    def __init__(self, if_none: float) -> None:
        super().__init__(minimum=0)
        self.if_none = if_none

    def normalise(self, value: Any, name: str) -> float:
        return float(super().normalise(self.if_none if value is None else value, name))

    def schema(self) -> dict[str, Any]:
        return {**super().schema(), "type": ["number", "null"]}


@registry.register("L1", "l1")
class L1(Regularizer):
    """Penalty l1 · Σ|x|, as `keras.regularizers.L1`.

    >>> L1(0.5)([1.0, -3.0])
    2.0
    """

    l1: Argument[float | None, float] = argument(Factor(0.01), default=0.01, doc="factor of Σ|x|")

    def __call__(self, x: Any) -> float:
        return self.l1 * _sum_abs(x)

    def gradient(self, x: Any) -> NDArray[Any]:
        return _narrowed(self.l1 * np.sign(_wide(x)), x)


@registry.register("L2", "l2")
class L2(Regularizer):
    """Penalty l2 · Σx², as `keras.regularizers.L2`.

    >>> L2(0.5)([1.0, -3.0])
    5.0
    """

    l2: Argument[float | None, float] = argument(Factor(0.01), default=0.01, doc="factor of Σx²")

    def __call__(self, x: Any) -> float:
        return self.l2 * _sum_squares(x)

    def gradient(self, x: Any) -> NDArray[Any]:
        return _narrowed(2 * self.l2 * _wide(x), x)


@registry.register("L1L2", "l1l2")
class L1L2(Regularizer):
    """Penalty l1 · Σ|x| + l2 · Σx², as `keras.regularizers.L1L2`. A factor of 0 drops its term.

    >>> L1L2(l1=0.5, l2=0.25)([1.0, -3.0])
    4.5
    """

    l1: Argument[float | None, float] = argument(Factor(0.0), default=0.0, doc="factor of Σ|x|")
    l2: Argument[float | None, float] = argument(Factor(0.0), default=0.0, doc="factor of Σx²")

    def __call__(self, x: Any) -> float:
        first = self.l1 * _sum_abs(x) if self.l1 else 0.0
        return first + (self.l2 * _sum_squares(x) if self.l2 else 0.0)

    def gradient(self, x: Any) -> NDArray[Any]:
        wide = _wide(x)
        first = self.l1 * np.sign(wide) if self.l1 else np.zeros(wide.shape)
        return _narrowed(first + 2 * self.l2 * wide if self.l2 else first, x)


@registry.register("OrthogonalRegularizer", "orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """Penalty that drives the rows or columns of a matrix apart, as in Keras.

    factor · Σ|cos(u, v)| / pairs, over the pairs of different rows (or columns) u, v. One row has
    no pair and costs 0. Rank 2 alone: a separable layer's kernels have rank 3 and refuse it.

    >>> OrthogonalRegularizer(factor=0.5)([[1.0, 0.0], [3.0, 0.0]])
    0.5
    """

    rank = 2
    factor: Argument[float, float] = argument(
        Factor(0.01), default=0.01, doc="factor of the mean of |cos| over all pairs"
    )
    mode: Argument[str, str] = argument(
        Choice("rows", "columns"), default="rows", doc="which vectors of the matrix are compared"
    )

    def __call__(self, x: Any) -> float:
        units, _ = self._units(x)
        size = len(units)
        if size < 2:
            return 0.0
        return float(self.factor * np.sum(np.abs(_cosines(units))) / (size * (size - 1)))

    def gradient(self, x: Any) -> NDArray[Any]:
        units, norms = self._units(x)
        size = len(units)
        if size < 2:
            return np.zeros_like(real_array(x))
        signs = np.sign(_cosines(units))
        by_units = np.einsum("ij,jk->ik", signs, units) * (2 * self.factor / (size * (size - 1)))
        # A unit vector turns and does not stretch; a norm below EPSILON is a constant.
        along = units * np.sum(by_units * units, axis=1, keepdims=True)
        by_rows = (by_units - np.where(norms > EPSILON, along, 0)) / np.maximum(norms, EPSILON)
        return _narrowed(by_rows if self.mode == "rows" else by_rows.T, x)

    def _units(self, x: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rows (or columns) of `x` divided by their norms, and the norms."""
        matrix = _wide(x)
        if matrix.ndim != self.rank:
            raise ValidationError(
                "Inputs to OrthogonalRegularizer must have rank 2. Received: "
                f"inputs.shape={matrix.shape}"
            )
        rows = matrix if self.mode == "rows" else matrix.T
        norms = np.sqrt(np.sum(np.square(rows), axis=1, keepdims=True))
        return rows / np.maximum(norms, EPSILON), norms


EPSILON = 1e-7  # Keras's: the least norm that a row is divided by


def gradient(penalty: Penalty, x: NDArray[Any]) -> NDArray[Any]:
    """Return the gradient by `x` of what a regularizer, or a callable in its place, adds.

    Raises:
        NotImplementedError: the penalty has none.
        ValidationError: it has another shape than `x`.

    >>> gradient(L2(0.5), np.array([1.0, -3.0]))
    array([ 1., -3.])
    """
    own = getattr(penalty, "gradient", None)
    if own is None:
        raise NotImplementedError(
            f"the regularizer {shown(penalty)} has no gradient: make it a subclass of "
            f"`sepconv.regularizers.Regularizer` that defines `__call__(self, x)` and "
            f"`gradient(self, x)`, or take one of the built-in regularizers"
        )
    found = np.asarray(own(x))
    if found.shape != x.shape:
        raise ValidationError(
            f"`gradient` of the regularizer {shown(penalty)} must return an array of the shape "
            f"of `x`, {x.shape}; got {found.shape}"
        )
    return found


def _cosines(units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the products of all pairs of different rows; 0 for a row and itself."""
    # einsum adds in one order; BLAS has another one for each number of threads.
    cosines = np.asarray(np.einsum("ik,jk->ij", units, units))
    np.fill_diagonal(cosines, 0.0)
    return cosines


def _sum_abs(x: Any) -> float:
    return float(np.sum(np.abs(_wide(x))))


def _sum_squares(x: Any) -> float:
    return float(np.sum(np.square(_wide(x))))


def _wide(x: Any) -> NDArray[np.float64]:
    # float64 keeps the sum of 1e7 squares exact to the last float32 digit, and 1e30² finite.
    return real_array(x).astype(np.float64, copy=False)


def _narrowed(gradient: NDArray[Any], x: Any) -> NDArray[Any]:
    return np.asarray(gradient, real_array(x).dtype)
