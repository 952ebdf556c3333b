"""The functional form: any array in, one call into the core.

Axes: x is (B, T, C) or (B, C, T), y (B, S, F) or (B, F, S); taps K, depth multiplier M.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sepconv import activations
from sepconv.arrays import compute_dtype, float_dtype, real_array
from sepconv.core import Plan
from sepconv.errors import ValidationError
from sepconv.rules import Choice, Size1D, check_steps

_SIZE = Size1D()
_PADDING = Choice("valid", "same", any_case=True)
_DATA_FORMAT = Choice("channels_last", "channels_first")


def as_input(x: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
    """Return `x` as the core takes it: of `dtype`, C-contiguous, aligned, native, a plain ndarray.

    Any real array is taken, of any layout; it is copied only where it has to be.

    Raises:
        InputTypeError: complex, object or text data.

    >>> as_input([[1, 2], [3, 4]], "float32").flags.c_contiguous
    True
    """
    if type(x) is np.ndarray and x.dtype is dtype and x.flags.carray:
        return x  # the usual case, in a tenth of the time
    return np.require(real_array(x), float_dtype(dtype), ["C", "A"])


def separable_conv1d(
    x: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    strides: int = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int = 1,
    activation: Any = None,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return the separable convolution of `x` in the dtype of x; ints and bools count as float32.

    16-bit floats are computed in float32 and returned narrow. The weights are packed at every
    call: for more than a few calls, `sepconv.SeparableConv1D` packs them once.

    Arguments:
        x: (B, T, C), or (B, C, T) with channels_first.
        depthwise_kernel: (K, C, M); depthwise channel c*M + m reads channel c.
        pointwise_kernel: (1, C*M, F) or (C*M, F).
        bias: (F,) or None.
        strides, dilation_rate: positive ints; one of them is 1.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        activation: a name, an object of `sepconv.activations`, or a callable; None is linear.
        out: where to put y: of its shape and dtype, C-contiguous, apart from x.

    Returns:
        y: (B, S, F), or (B, F, S) with channels_first.

    Raises:
        InputTypeError: complex, object or text data.
        ValidationError: an argument that breaks its rule.
        ValueError: shapes that do not fit, or an x too short for the kernel.

    >>> x = np.ones((1, 4, 2), dtype=np.float32)
    >>> separable_conv1d(x, np.ones((3, 2, 1)), np.ones((1, 2, 3)), padding="same")[0, :, 0]
    array([4., 6., 6., 4.], dtype=float32)
    """
    stride = _SIZE.normalise(strides, "strides")
    dilation = _SIZE.normalise(dilation_rate, "dilation_rate")
    check_steps(stride, dilation)
    function = activations.get(activation)
    array = real_array(x)
    working = compute_dtype(array.dtype)
    plan = Plan(
        as_input(depthwise_kernel, working),
        as_input(pointwise_kernel, working),
        None if bias is None else as_input(bias, working),
        strides=stride[0],
        padding=_PADDING.normalise(padding, "padding"),
        dilation_rate=dilation[0],
        channels_first=_DATA_FORMAT.normalise(data_format, "data_format") == "channels_first",
        activation=function.core_name if function.elementwise else "linear",
        parameters=function.parameters if function.elementwise else (),
        dtype=array.dtype if function.elementwise else working,
    )
    if function.elementwise:
        direct: NDArray[Any] = plan(as_input(array, plan.dtype), out)
        return direct
    y = function(plan(as_input(array, working)))
    if out is None:
        return y.astype(array.dtype, copy=False)
    return copied_to(out, y, array.dtype)


def copied_to(out: NDArray[Any], y: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `out`, filled with `y` and rounded to `dtype`.

    Raises:
        ValidationError: `out` has another shape or dtype.
    """
    if not isinstance(out, np.ndarray) or out.shape != y.shape or out.dtype != dtype:
        told = (
            f"{out.dtype} of shape {out.shape}"
            if isinstance(out, np.ndarray)
            else type(out).__name__
        )
        raise ValidationError(f"`out` must be {dtype} of shape {y.shape}, got {told}")
    np.copyto(out, y, casting="same_kind")
    return out
