"""Normalisation of channels by the mean and variance of the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv.declaration import Argument, argument
from sepconv.layers import normalization
from sepconv.layers.folding import Affine, Folding
from sepconv.layers.gradients import Gradients, Pull
from sepconv.layers.input_spec import InputSpec
from sepconv.layers.moments import by_channel, moments
from sepconv.layers.registry import registry
from sepconv.layers.rules import Absent, Shape, Unsupported, standardize_shape
from sepconv.rules import Integer, Number

Array = NDArray[Any]


class Float(Number):
    """A finite number, kept as a float."""

    def normalise(self, value: Any, name: str) -> float:
        return float(super().normalise(value, name))


@registry.register()
class BatchNormalization(normalization.Normalising):
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
    center: Argument[bool, bool] = normalization.center()
    scale: Argument[bool, bool] = normalization.scale()
    beta_initializer: Argument[Any, Any] = normalization.first("beta", "zeros")
    gamma_initializer: Argument[Any, Any] = normalization.first("gamma", "ones")
    moving_mean_initializer: Argument[Any, Any] = normalization.first("the moving mean", "zeros")
    moving_variance_initializer: Argument[Any, Any] = normalization.first(
        "the moving variance", "ones"
    )
    beta_regularizer: Argument[Any, Any] = normalization.penalty("beta")
    gamma_regularizer: Argument[Any, Any] = normalization.penalty("gamma")
    beta_constraint: Argument[Any, Any] = normalization.projection("beta")
    gamma_constraint: Argument[Any, Any] = normalization.projection("gamma")
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

    def folding(self) -> Folding:
        return Affine(self.axis, self.affine)

    def affine(self) -> tuple[Array, Array]:
        """Return scale and shift of each channel in inference, in float64."""
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
