"""Runs of a case: our layer, and Keras's in float64 with its gradients by JAX."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes  # noqa: F401 - the dtype bfloat16
import numpy as np
from keras_oracle import keras
from layer_cases import Case
from numpy.typing import NDArray

from sepconv import layers

jax.config.update("jax_disable_most_optimizations", True)  # halves the time it compiles


def ours(case: Case, **changed: Any) -> Any:
    """Return our layer of a case, built, with weights drawn anew."""
    layer = layers.registry[case.layer](**{**case.config, **changed})
    layer.build(case.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([drawn(rng, weight) for weight in layer.weights])
    return layer


def drawn(rng: np.random.Generator, weight: Any) -> NDArray[Any]:
    """Return float32 values for a weight; positive ones, since it may be a variance."""
    if np.issubdtype(np.dtype(weight.dtype), np.integer):
        return np.asarray(weight.numpy())
    return rng.uniform(0.5, 1.5, weight.shape).astype(np.float32)


def keras_layer(case: Case, **changed: Any) -> Any:
    return getattr(keras.layers, case.layer)(**{**case.config, **changed})


def cast(inputs: Any, dtype: Any) -> Any:
    """Return inputs in another dtype; ints stay ints."""
    if isinstance(inputs, list):
        return [cast(x, dtype) for x in inputs]
    return inputs if inputs.dtype.kind == "i" else inputs.astype(dtype)


@dataclass(frozen=True)
class Run:
    """One call: its outputs, gradients and what became of the weights."""

    outputs: NDArray[Any]
    dy: NDArray[Any]  # the gradient that the following come from
    dx: Any  # None for inputs of ints
    gradients: list[NDArray[Any]]  # by the trainable weights, in their order
    after: list[NDArray[Any]]  # the weights that are not trainable, after the call


def our_run(case: Case, training: bool, dtype: str = "float64") -> Run:
    layer = ours(case, dtype=dtype)
    inputs = cast(case.inputs(), dtype)
    y, pullback = layer.vjp(inputs, training=training)
    dy = gradient_of_outputs(y.shape)
    dx, found = pullback(dy)
    by_weight = [found[weight] for weight in layer.trainable_weights]
    return Run(y, dy, dx, by_weight, [w.numpy() for w in layer.non_trainable_weights])


@functools.cache
def keras_run_of(number: int, training: bool) -> Run:
    from layer_cases import CALLED

    return keras_run(CALLED[number], training)


def keras_run(case: Case, training: bool) -> Run:
    """Return what Keras and JAX make of a case in float64."""
    layer = keras_layer(case, dtype="float64")
    layer.build(case.shape)
    # Unlike set_weights, it also renews what a layer has derived from its weights.
    values = ours(case, dtype="float64").get_weights()
    layer.load_own_variables({str(number): value for number, value in enumerate(values)})
    trainable = [v.value for v in layer.trainable_variables]
    others = [v.value for v in layer.non_trainable_variables]
    inputs = jax.tree.map(jnp.asarray, cast(case.inputs(), "float64"))
    mode = {"training": training} if case.training else {}
    floats = not any(x.dtype.kind == "i" for x in jax.tree.leaves(inputs))

    def run(inputs: Any, trainable: Any) -> Any:
        return layer.stateless_call(trainable, others, inputs, **mode)

    if floats:
        y, pull, after = jax.vjp(run, inputs, trainable, has_aux=True)
    else:
        y, pull, after = jax.vjp(lambda weights: run(inputs, weights), trainable, has_aux=True)
    dy = gradient_of_outputs(y.shape)
    *dx, by_weight = pull(jnp.asarray(dy, y.dtype))
    kept = {v.path for v in layer.weights}
    paths = [v.path for v in layer.non_trainable_variables]
    return Run(
        np.asarray(y),
        dy,
        jax.tree.map(np.asarray, dx[0]) if dx else None,
        [np.asarray(gradient) for gradient in by_weight],
        [np.asarray(a) for a, path in zip(after, paths, strict=True) if path in kept],
    )


def gradient_of_outputs(shape: tuple[int, ...]) -> NDArray[Any]:
    return np.random.default_rng(2).standard_normal(shape).astype(np.float32).astype(np.float64)
