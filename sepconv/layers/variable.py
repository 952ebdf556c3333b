"""A weight: a named array that is replaced, never written to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sepconv.arrays import compute_dtype, weight_dtype
from sepconv.errors import InputTypeError, ValidationError, shown


class Variable:
    """A weight of a layer.

    `value` is a read-only, C-contiguous array. `assign` puts another array in its place, so
    whoever holds the old one keeps consistent numbers, and `is` tells whether it was set.

    Arguments:
        value: the first value.
        dtype: the dtype's name, such as `"float32"` or `"bfloat16"`.
        path: the layer's name and the weight's own, `"separable_conv1d/bias"`.
        trainable: whether an optimizer updates it.
        regularizer: its penalty, or None.
        constraint: what an optimizer applies after an update, or None.

    >>> bias = Variable([0.0, 1.0], "float32", "separable_conv1d/bias")
    >>> bias.assign([2.0, 3.0])
    >>> bias.numpy()
    array([2., 3.], dtype=float32)
    """

    def __init__(
        self,
        value: ArrayLike,
        dtype: str,
        path: str,
        *,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self.dtype = dtype
        self.path = path
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint
        self._value = frozen(value, dtype)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def value(self) -> NDArray[Any]:
        """The array itself, read-only."""
        return self._value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def ndim(self) -> int:
        return self._value.ndim

    def numpy(self) -> NDArray[Any]:
        """Return a copy of the value."""
        return self._value.copy()

    def assign(self, value: ArrayLike) -> None:
        """Replace the value by one of the same shape, cast to this dtype.

        Raises:
            ValidationError: another shape.
            InputTypeError: complex, text or object data.
        """
        array = frozen(value, self.dtype)
        if array.shape != self.shape:
            raise ValidationError(
                f"The shape of the target variable and the shape of the target value in "
                f"`variable.assign(value)` must match. variable.shape={self.shape}, "
                f"Received: value.shape={array.shape}. Target variable: {self.path}"
            )
        self._value = array

    def penalty(self) -> Any:
        """Return the regularizer's value, computed in at least float32; None without one."""
        if self.regularizer is None:
            return None
        return self.regularizer(widened(self._value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if dtype is not None and np.dtype(dtype) != self._value.dtype:
            return self._value.astype(dtype)
        return self._value.copy() if copy else self._value

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._value.flags.writeable = False  # a copied or unpickled array starts writeable

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


class Packed(NamedTuple):
    """What a layer derived from its weights, and the very arrays it was derived from."""

    sources: tuple[tuple[Variable, NDArray[Any]], ...]
    result: Any

    def is_current(self) -> bool:
        """Tell whether the arrays still are the weights' values: nobody has set one."""
        for variable, array in self.sources:  # noqa: SIM110 - `all` takes twice as long
            if variable._value is not array:
                return False
        return True


def frozen(value: Any, dtype: str) -> NDArray[Any]:
    """Return `value` as a new read-only, C-contiguous array of the dtype called `dtype`.

    Raises:
        InputTypeError: complex, text or object data.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise InputTypeError(
            f"weights must be real numbers, got an array of dtype {array.dtype}: {shown(value, 60)}"
        )
    # A fresh owner: no view that the caller holds can write to it.
    array = np.array(array, dtype=weight_dtype(dtype), order="C", copy=True, subok=False)
    array.flags.writeable = False
    return array


def widened(array: NDArray[Any]) -> NDArray[Any]:
    """Return 16-bit floats as float32, other arrays as they are."""
    return array if array.itemsize >= 4 else array.astype(compute_dtype(array.dtype))
