"""What operators do to arrays: of constants, of sizes, and of points at which formulas are tried.

An array of sizes may hold a `Size`, and is then one of objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.errors import WeightsError
from sepconv.onnx.incoming.source import DTYPES, Node

Array = NDArray[Any]
Evaluate = Callable[..., Any]


def _erf(x: Array) -> Array:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


def _softplus(x: Array) -> Array:
    return np.logaddexp(x, 0)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _selu(x: Array, alpha: float = 1.6732632, gamma: float = 1.0507010) -> Array:
    return gamma * np.where(x > 0, x, alpha * np.expm1(x))


def _gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return np.asarray(x * (np.tanh(inner) + 1) / 2)
    return np.asarray(x * (_erf(x * math.sqrt(0.5)) + 1) / 2)


def _clip(x: Array, least: Any = None, most: Any = None, **bounds: float) -> Array:
    least, most = bounds.get("min", least), bounds.get("max", most)
    x = x if least is None else np.maximum(x, least)
    return x if most is None else np.minimum(x, most)


def _shrink(x: Array, bias: float = 0.0, lambd: float = 0.5) -> Array:
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))


def _elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(x))


def _hard_sigmoid(x: Array, alpha: float = 0.2, beta: float = 0.5) -> Array:
    return np.clip(alpha * x + beta, 0, 1)


# By the operator: a function of arrays, and of its attributes by their names.
ELEMENTWISE: dict[str, Evaluate] = {
    "Abs": np.abs,
    "Add": np.add,
    "And": np.logical_and,
    "Celu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
    "Clip": _clip,
    "Elu": _elu,
    "Equal": np.equal,
    "Erf": _erf,
    "Exp": np.exp,
    "Gelu": _gelu,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "LeakyRelu": lambda x, alpha=0.01: np.where(x > 0, x, alpha * x),
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Log": np.log,
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Or": np.logical_or,
    "Pow": np.power,
    "Reciprocal": lambda x: 1 / x,
    "Relu": lambda x: np.maximum(x, 0),
    "Selu": _selu,
    "Shrink": _shrink,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Swish": lambda x, alpha=1.0: x * _sigmoid(alpha * x),
    "Tanh": np.tanh,
    "ThresholdedRelu": lambda x, alpha=1.0: np.where(x > alpha, x, 0),
    "Where": np.where,
}


def _div(a: Array, b: Array) -> Array:
    return np.floor_divide(a, b) if a.dtype.kind in "iuO" else np.divide(a, b)


def _greatest(*arrays: Array) -> Array:
    one, *others = arrays
    for other in others:
        if object in (one.dtype, other.dtype):
            one = np.frompyfunc(lambda a, b: a.max(b) if hasattr(a, "max") else b.max(a), 2, 1)(
                one, other
            )
        else:
            one = np.maximum(one, other)
    return one


def _least(*arrays: Array) -> Array:
    one, *others = arrays
    for other in others:
        one = np.minimum(one, other)
    return one


ELEMENTWISE |= {"Div": _div, "Max": _greatest, "Min": _least}


def _mod(a: Array, b: Array, fmod: int = 0) -> Array:
    return np.fmod(a, b) if fmod else np.mod(a, b)


def _cast(x: Array, to: int, **_: Any) -> Array:
    if x.dtype == object and DTYPES.get(to, "").startswith("int"):
        return x
    if x.dtype == np.float64 and DTYPES.get(to) in ("float16", "bfloat16", "float32"):
        return x  # the points at which formulas are tried stay exact
    return x.astype(DTYPES[to])


ELEMENTWISE |= {"Mod": _mod, "Cast": _cast, "Identity": lambda x: x}


# --- other places, and sums ----------------------------------------------------------------------


def _ints(axes: Any) -> tuple[int, ...]:
    return tuple(int(axis) for axis in np.ravel(axes))


def _shape(x: Array, start: int = 0, end: int | None = None) -> Array:
    return np.array(x.shape[start:end], np.int64)


def _slice(
    x: Array, starts: Any, ends: Any, axes: Any = None, steps: Any = None, **_: Any
) -> Array:
    starts, ends = _ints(starts), _ints(ends)
    places = range(len(starts)) if axes is None else _ints(axes)
    strides = [1] * len(starts) if steps is None else _ints(steps)
    cut = [slice(None)] * x.ndim
    for axis, start, end, step in zip(places, starts, ends, strides, strict=True):
        cut[axis] = slice(start, None if step < 0 and end < -x.shape[axis] else end, step)
    return x[tuple(cut)]


def _unsqueeze(x: Array, axes: Any) -> Array:
    return np.expand_dims(x, _ints(axes))


def _squeeze(x: Array, axes: Any = None) -> Array:
    return np.squeeze(x, None if axes is None else _ints(axes))


def _reshape(x: Array, shape: Any, allowzero: int = 0) -> Array:
    sizes = _ints(shape)
    return x.reshape(
        [x.shape[n] if size == 0 and not allowzero else size for n, size in enumerate(sizes)]
    )


def _expand(x: Array, shape: Any) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, _ints(shape)))


def _filled(shape: Any, value: Any = None) -> Array:
    one = np.zeros(1, np.float32) if value is None else np.asarray(value)
    return np.broadcast_to(one, _ints(shape))


def _reduce(function: Callable[..., Any]) -> Evaluate:
    def reduced(x: Array, axes: Any = None, keepdims: int = 1, **_: Any) -> Array:
        over = None if axes is None else _ints(axes)
        return np.asarray(function(x, axis=over, keepdims=bool(keepdims)))

    return reduced


def _softmax(x: Array, axis: int = -1) -> Array:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def _split(x: Array, sizes: Any = None, axis: int = 0, num_outputs: int = 2, **_: Any) -> Any:
    return np.split(x, num_outputs if sizes is None else np.cumsum(_ints(sizes))[:-1], axis)


def _falling(x: Array, k: Any, axis: int = -1, **_: Any) -> Array:
    (count,) = _ints(k)
    return -np.sort(-x, axis=axis).take(range(min(count, x.shape[axis])), axis)


ELSEWHERE: dict[str, Evaluate] = {
    "Concat": lambda *arrays, axis: np.concatenate(arrays, axis),
    "Constant": lambda **told: _constant(**told),
    "ConstantOfShape": _filled,
    "CumSum": lambda x, axis, **_: np.cumsum(x, _ints(axis)[0]),
    "Expand": _expand,
    "Gather": lambda x, indices, axis=0: np.take(x, indices.astype(np.int64), axis),
    "LogSoftmax": lambda x, axis=-1: np.log(_softmax(x, axis)),
    "ReduceL2": _reduce(lambda x, **over: np.sqrt(np.sum(x * x, **over))),
    "ReduceMax": _reduce(np.max),
    "ReduceMean": _reduce(np.mean),
    "ReduceSum": _reduce(np.sum),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
    "TopK": _falling,
    "Transpose": lambda x, perm=None: np.transpose(x, perm),
    "Unsqueeze": _unsqueeze,
}
EVALUATED = ELEMENTWISE | ELSEWHERE


def _constant(**told: Any) -> Array:
    ((name, value),) = told.items()
    if name == "value":
        return np.asarray(value)
    return np.array(value, np.float32 if "float" in name else np.int64)


def evaluated(node: Node, arrays: Sequence[Any], room: float = math.inf) -> list[Array]:
    """Return what an operator makes of arrays; None among them was left out.

    Arguments:
        room: bytes that the result may take.

    Raises:
        WeightsError: it takes more, or the operator does not suit the arrays.
    """
    try:
        if _size(node, arrays) > room:
            raise WeightsError("what it computes is larger than the file")
        with np.errstate(all="ignore"):
            result = EVALUATED[node.kind](*arrays, **node.attributes)
    except WeightsError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"cannot be computed: {error}") from None
    return [np.asarray(part) for part in (result if node.kind == "Split" else [result])]


def _size(node: Node, arrays: Sequence[Any]) -> int:
    """Return more bytes than a result takes, and than are read for it."""
    shapes: list[Any] = [np.shape(array) for array in arrays if array is not None]
    count: int = sum(map(math.prod, shapes))
    if node.kind in ELEMENTWISE and shapes:
        count = math.prod(np.broadcast_shapes(*shapes))
    elif node.kind == "ConstantOfShape":
        count = math.prod(_ints(arrays[0]))
    elif node.kind == "Expand":
        count = math.prod(np.broadcast_shapes(shapes[0], _ints(arrays[1])))
    elif node.kind == "Gather":
        data, indices = shapes
        axis: int = node.attributes.get("axis") or 0
        count = math.prod(data) // max(data[axis], 1) * math.prod(indices)
    return 8 * count
