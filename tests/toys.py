"""Small layers with gradients of their own, for tests of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from sepconv import initializers, regularizers
from sepconv.layers import Layer


class Linear(Layer):
    """x · kernel + bias over the last axis; NumPy's product, which is small enough here."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        self._made = {
            key: kwargs.pop(key, None)
            for key in ("kernel_regularizer", "kernel_constraint", "bias_constraint")
        }
        self.activity = kwargs.pop("activity_regularizer", None)
        super().__init__(**kwargs)
        self._activity_regularizer = regularizers.get(self.activity)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=initializers.GlorotUniform(seed=self.units),
            regularizer=self._made["kernel_regularizer"],
            constraint=self._made["kernel_constraint"],
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,),
            initializer="zeros",
            constraint=self._made["bias_constraint"],
            name="bias",
        )

    def call(self, inputs: Any) -> Any:
        return inputs @ self.kernel.value + self.bias.value

    def call_vjp(self, inputs: Any, training: bool) -> Any:
        kernel, bias = self.kernel, self.bias
        w = kernel.value

        def pull(dy: Any, input_gradient: bool) -> Any:
            rows = dy.reshape(-1, dy.shape[-1])
            found = {kernel: inputs.reshape(-1, inputs.shape[-1]).T @ rows, bias: rows.sum(0)}
            return (dy @ w.T if input_gradient else None), found

        return self.call(inputs), pull

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)


def spirals(samples: int = 120, seed: int = 1) -> tuple[Any, Any]:
    """Return points of three noisy arms, as sequences of 4 steps, and which arm each is of."""
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 3, samples)
    turn = rng.uniform(0.2, 1.0, samples)
    angle = 4 * turn + arm * 2 * np.pi / 3
    points = np.stack([turn * np.cos(angle), turn * np.sin(angle), turn], axis=-1)
    steps = points[:, None, :] + rng.normal(scale=0.05, size=(samples, 4, 3))
    return steps.astype(np.float32), arm
