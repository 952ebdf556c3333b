"""Normalisation by the batch's or each sample's own mean and variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import constraints, initializers, regularizers
from sepconv.arrays import float_dtype
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError, shown
from sepconv.layers.base import Layer
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.moments import blocks, by_channel, moments
from sepconv.layers.registry import registry
from sepconv.layers.rules import Absent, ObjectOrElse, Shape, Unsupported, standardize_shape
from sepconv.rules import Flag, Integer, ListOf, Number, ObjectOf

Array = NDArray[Any]


class Float(Number):
    """A finite number, kept as a float."""

    def normalise(self, value: Any, name: str) -> float:
        return float(super().normalise(value, name))


def _first(weight: str, default: str) -> Any:
    doc = f"First values of {weight}."
    return argument(ObjectOrElse(initializers.registry, default), default=default, doc=doc)


def _penalty(weight: str) -> Any:
    return argument(ObjectOf(regularizers.registry), default=None, doc=f"Penalty on {weight}.")


def _projection(weight: str) -> Any:
    doc = f"Projection of {weight} after an optimizer's update."
    return argument(ObjectOf(constraints.registry), default=None, doc=doc)


class _Normalising(Layer):
    """What the layers of this file share: an offset `beta` and a factor `gamma`."""

    center: Argument[bool, bool]
    scale: Argument[bool, bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._working_dtype = float_dtype(self.dtype_policy.working_dtype)
        self.gamma: Any = None
        self.beta: Any = None

    def _weigh(self, shape: tuple[int, ...]) -> None:
        """Make gamma and beta, where they are wanted."""
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                weight = self.add_weight(
                    shape,
                    name=name,
                    initializer=getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                )
                setattr(self, name, weight)

    def pack(self, *arrays: Array) -> dict[str, Array]:
        """Return the weights by name, in the dtype of the arithmetic."""
        names = (weight.name for weight in self.weights)
        return {
            name: array.astype(self._working_dtype, copy=False)
            for name, array in zip(names, arrays, strict=True)
        }

    def _by_weight(self, **gradients: Array) -> Gradients:
        """Return the gradients by gamma and beta, where they are weights."""
        return {
            getattr(self, name): gradient.astype(self._working_dtype).reshape(
                getattr(self, name).shape
            )
            for name, gradient in gradients.items()
            if getattr(self, name) is not None
        }

    def _sizes(self, shape: Shape, axes: Sequence[int]) -> tuple[int, ...]:
        """Return the sizes of `axes`, which must be there and be known."""
        self.compute_output_shape(shape)
        found = [shape[axis] for axis in axes]
        sizes = tuple(size for size in found if size is not None)
        if len(sizes) < len(found):
            raise ValidationError(
                f"The sizes of axis {list(axes)} of layer '{self.name}' must be known to build it, "
                f"got input shape {shape}"
            )
        return sizes

    def _checked_axes(self, input_shape: Any, axes: Sequence[int], axis: Any) -> Shape:
        """Return `input_shape` as a tuple, if it has these axes."""
        shape = self._suitable(input_shape)
        for one in axes:
            if not -len(shape) <= one < len(shape):
                raise ValidationError(
                    f"Axis {one} is out of bounds for input shape {shape}. Received: axis={axis}"
                )
        return shape


@registry.register()
class BatchNormalization(_Normalising):
    """Each channel brought to mean 0 and variance 1, then scaled by gamma and moved by beta.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

    In training, mean and (biased) variance are those of the batch, over all axes but one, and the
    moving statistics go towards them: moving = momentum * moving + (1 - momentum) * batch's. In
    inference, and in a layer with `trainable=False`, they are the moving statistics. An empty batch
    moves nothing. 16-bit layers compute in float32. (S. Ioffe, C. Szegedy, arXiv:1502.03167.)

    Input and output: of one shape, of any rank.

    Raises:
        ValidationError: an argument that breaks its rule; `axis` out of bounds.

    >>> layer = BatchNormalization()
    >>> layer([[1.0], [3.0]], training=True).round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> layer.moving_mean.numpy().round(3)
    array([0.02], dtype=float32)
    """

    axis: Argument[int, int] = argument(
        Integer(), default=-1, doc="Axis of the channels; 1 with channels_first."
    )
    momentum: Argument[float, float] = argument(
        Float(minimum=0, maximum=1),
        default=0.99,
        doc="What the moving statistics keep of their value at each step.",
    )
    epsilon: Argument[float, float] = argument(
        Float(minimum=0), default=1e-3, doc="Added to the variance, so that none is 0."
    )
    center: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether the weight beta is added."
    )
    scale: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether the result is multiplied by the weight gamma."
    )
    beta_initializer: Argument[Any, Any] = _first("beta", "zeros")
    gamma_initializer: Argument[Any, Any] = _first("gamma", "ones")
    moving_mean_initializer: Argument[Any, Any] = _first("the moving mean", "zeros")
    moving_variance_initializer: Argument[Any, Any] = _first("the moving variance", "ones")
    beta_regularizer: Argument[Any, Any] = _penalty("beta")
    gamma_regularizer: Argument[Any, Any] = _penalty("gamma")
    beta_constraint: Argument[Any, Any] = _projection("beta")
    gamma_constraint: Argument[Any, Any] = _projection("gamma")
    renorm: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, doc="Not supported: false."
    )
    renorm_clipping: Argument[None, None] = argument(
        Absent(), default=None, doc="Not supported: null."
    )
    renorm_momentum: Argument[float, float] = argument(
        Number(), default=0.99, doc="Kept for Keras's configs, without effect."
    )
    synchronized: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, doc="Not supported: false."
    )

    def build(self, input_shape: Any) -> None:
        """Make the weights, of the size of the channels' axis, which must be known."""
        shape = standardize_shape(input_shape)
        size = self._sizes(shape, [self.axis])
        self._weigh(size)
        self.moving_mean = self.add_weight(
            size, self.moving_mean_initializer, trainable=False, name="moving_mean"
        )
        self.moving_variance = self.add_weight(
            size, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )
        self.input_spec = InputSpec(ndim=len(shape), axes={self.axis: size[0]})

    @property
    def affine_axis(self) -> int:
        return self.axis

    def affine(self) -> tuple[Array, Array]:
        values = {name: array.astype(np.float64) for name, array in self.packed().items()}
        scale = values.get("gamma", 1) / np.sqrt(values["moving_variance"] + self.epsilon)
        return scale, values.get("beta", 0) - values["moving_mean"] * scale

    @property
    def window(self) -> tuple[int, int]:
        return (1, 1)

    def call(self, inputs: Array, training: bool = False) -> Array:
        """Return the normalised inputs; in training, move the moving statistics."""
        return self.call_vjp(inputs, training)[0]

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        from sepconv.core import channel_affine, channel_sums

        dtype = self._working_dtype
        x_oci = by_channel(np.ascontiguousarray(inputs, dtype), self.axis)
        of_batch = bool(training and self.trainable and inputs.size)
        values = self.packed()
        if of_batch:
            mean, variance = moments(x_oci)
            self._move(mean, variance)
        else:
            mean, variance = (values[f"moving_{kind}"] for kind in ("mean", "variance"))
        inverse = 1 / np.sqrt(np.add(variance, self.epsilon, dtype=np.float64))
        scale = inverse * values.get("gamma", 1)
        y_oci = channel_affine(x_oci, mean, scale, values.get("beta", np.zeros_like(mean)))
        outputs = y_oci.reshape(inputs.shape).astype(self._input_dtype, copy=False)

        def pull(dy: Array, input_gradient: bool) -> tuple[Array | None, Gradients]:
            dy_oci = by_channel(np.ascontiguousarray(dy, dtype), self.axis)
            total, products = channel_sums(x_oci, mean, dy_oci)
            along = inverse * products
            by_weight = self._by_weight(gamma=along, beta=total)
            if not input_gradient:
                return None, by_weight
            if of_batch:  # mean and variance are functions of x, too
                count = x_oci.shape[0] * x_oci.shape[2]
                level, slope = -scale * total / count, -scale * inverse * along / count
                dx_oci = channel_affine(x_oci, mean, slope, level, dy_oci, scale)
            else:
                nothing = np.zeros_like(scale)
                dx_oci = channel_affine(dy_oci, nothing, scale, nothing)
            return dx_oci.reshape(dy.shape).astype(dy.dtype, copy=False), by_weight

        return outputs, pull

    def _move(self, mean: Array, variance: Array) -> None:
        with self._lock:  # so nobody packs one statistic of this step and one of another
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                kept = moving.value.astype(np.float64) * self.momentum
                moving.assign(kept + now * (1 - self.momentum))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape."""
        return self._checked_axes(input_shape, [self.axis], self.axis)


@registry.register()
class LayerNormalization(_Normalising):
    """Each sample brought to mean 0 and variance 1 over `axis`, then scaled and moved.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta

    Mean and variance are over `axis` alone, the same in training and inference. 16-bit layers
    compute in float32. (J. Ba, J. Kiros, G. Hinton, arXiv:1607.06450.)

    Input and output: of one shape, of any rank.

    Raises:
        ValidationError: an argument that breaks its rule; `axis` out of bounds.

    >>> LayerNormalization()([[1.0, 3.0]]).round(2)
    array([[-1.,  1.]], dtype=float32)
    """

    axis: Argument[int | Sequence[int], Any] = argument(
        ListOf(Integer()), default=-1, doc="Axis, or list of axes, to normalise over."
    )
    epsilon: Argument[float, float] = argument(
        Number(minimum=0), default=1e-3, doc="Added to the variance, so that none is 0."
    )
    center: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether the weight beta is added."
    )
    scale: Argument[bool, bool] = argument(
        Flag(), default=True, doc="Whether the result is multiplied by the weight gamma."
    )
    beta_initializer: Argument[Any, Any] = _first("beta", "zeros")
    gamma_initializer: Argument[Any, Any] = _first("gamma", "ones")
    beta_regularizer: Argument[Any, Any] = _penalty("beta")
    gamma_regularizer: Argument[Any, Any] = _penalty("gamma")
    beta_constraint: Argument[Any, Any] = _projection("beta")
    gamma_constraint: Argument[Any, Any] = _projection("gamma")
    rms_scaling: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, kw_only=True, doc="Deprecated in Keras: false."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._axes = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]

    def build(self, input_shape: Any) -> None:
        """Make the weights, of the sizes of the axes, which must be known."""
        self._weigh(self._sizes(standardize_shape(input_shape), self._axes))

    def call(self, inputs: Array) -> Array:
        """Return the normalised inputs."""
        return self.call_vjp(inputs, False)[0]

    def call_vjp(self, inputs: Array, training: bool) -> tuple[Array, Pull]:
        self.compute_output_shape(inputs.shape)
        dtype, values = self._working_dtype, self.packed()
        gamma, beta = (
            values[name].reshape(-1) if name in values else None for name in ("gamma", "beta")
        )
        x_nk = self._rows(inputs)
        y_nk = np.empty(x_nk.shape, self._input_dtype)
        mean_n, inverse_n = np.empty((2, len(x_nk), 1), dtype)
        for rows in blocks(x_nk):
            x = x_nk[rows].astype(dtype, copy=False)
            mean_n[rows] = _mean(x)
            y = x - mean_n[rows]
            inverse_n[rows] = 1 / np.sqrt(_mean(y * y) + dtype.type(self.epsilon))
            y *= inverse_n[rows]
            y_nk[rows] = _scaled(y, gamma, beta)

        def pull(dy: Array, input_gradient: bool) -> tuple[Array | None, Gradients]:
            dy_nk = self._rows(dy)
            dx_nk = np.empty_like(dy_nk)
            along, total = np.zeros((2, x_nk.shape[1]))
            for rows in blocks(dy_nk):
                y = (x_nk[rows].astype(dtype, copy=False) - mean_n[rows]) * inverse_n[rows]
                along += np.add.reduce(dy_nk[rows] * y, axis=0)
                total += np.add.reduce(dy_nk[rows], axis=0)
                if input_gradient:
                    g = _scaled(dy_nk[rows], gamma, None)
                    dx_nk[rows] = inverse_n[rows] * (g - _mean(g) - y * _mean(g * y))
            dx = self._unrows(dx_nk, inputs.shape) if input_gradient else None
            return dx, self._by_weight(gamma=along, beta=total)

        return self._unrows(y_nk, inputs.shape), pull

    def _rows(self, x: Array) -> Array:
        """Return (N, K): the axes to normalise over behind the others, each group as one."""
        axes = sorted(axis % x.ndim for axis in self._axes)
        size = math.prod(x.shape[axis] for axis in axes)
        moved = np.moveaxis(x, axes, range(-len(axes), 0))
        count = math.prod(moved.shape[: x.ndim - len(axes)])
        return np.ascontiguousarray(moved).reshape(count, size)

    def _unrows(self, y_nk: Array, shape: tuple[int, ...]) -> Array:
        axes = sorted(axis % len(shape) for axis in self._axes)
        rest = [axis for axis in range(len(shape)) if axis not in axes]
        moved = y_nk.reshape([shape[axis] for axis in (*rest, *axes)])
        return np.ascontiguousarray(np.moveaxis(moved, range(-len(axes), 0), axes))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the input's shape."""
        shape = self._checked_axes(input_shape, self._axes, self.axis)
        if len({axis % len(shape) for axis in self._axes}) < len(self._axes):
            raise ValidationError(f"`axis` must name each axis once, got {shown(self.axis)}")
        return shape


def _mean(x_nk: Array) -> Array:
    """Return the mean of each row, of (N, 1)."""
    return np.asarray(np.add.reduce(x_nk, axis=1, keepdims=True) / x_nk.dtype.type(x_nk.shape[1]))


def _scaled(x_nk: Array, gamma_k: Array | None, beta_k: Array | None) -> Array:
    """Return x * gamma + beta."""
    y = x_nk if gamma_k is None else x_nk * gamma_k
    return y if beta_k is None else y + beta_k
