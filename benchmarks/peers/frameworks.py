"""JAX, and Keras on JAX and on TensorFlow: what their compilers make of the layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

from benchmarks.peers.form import Form
from benchmarks.workloads import Workload


class Jax:
    """Jitted lax: taps as shifted multiply-adds, which XLA fuses, then a matrix product.

    XLA's own grouped convolution is 10 to 100 times slower on CPUs: see the peer `keras_jax`.
    """

    requires: ClassVar[tuple[str, ...]] = ("jax",)

    def __init__(self, threads: int) -> None:
        os.environ["JAX_PLATFORMS"] = "cpu"
        self._jax = import_module("jax")

    def forms(self, workload: Workload) -> Iterator[Form]:
        x, *weights = map(self._jax.numpy.asarray, workload.operands)
        layer = shifted_sums(self._jax, workload)
        compiled = self._jax.jit(lambda x: layer(x, *weights))
        yield Form("shifted sums", lambda: compiled(x).block_until_ready(), np.asarray)


def shifted_sums(jax: Any, workload: Workload) -> Callable[..., Any]:
    """Return the layer as a function of x and the three weights, to be jitted."""
    jnp = jax.numpy
    reach = (workload.out_steps - 1) * workload.stride + 1

    def layer(x_btc: Any, depthwise_kcm: Any, pointwise_1df: Any, bias_f: Any) -> Any:
        x_btc = jnp.pad(x_btc, ((0, 0), workload.pads, (0, 0)))
        h_bscm: Any = 0.0
        for k in range(workload.K):
            begin = k * workload.dilation
            x_bsc = x_btc[:, begin : begin + reach : workload.stride]
            h_bscm = h_bscm + x_bsc[..., None] * depthwise_kcm[k]
        h_bsd = h_bscm.reshape(workload.B, workload.out_steps, -1)
        return jax.nn.relu(h_bsd @ pointwise_1df[0] + bias_f)

    return layer


class _Keras:
    """Keras's own SeparableConv1D, compiled by its backend."""

    backend: str

    def __init__(self, threads: int) -> None:
        os.environ["KERAS_BACKEND"] = self.backend
        os.environ["JAX_PLATFORMS"] = "cpu"
        self._configure(threads)
        self._keras = import_module("keras")

    def _configure(self, threads: int) -> None:
        """Set the backend's threads, where the confinement to CPUs does not."""

    def _layer(self, workload: Workload) -> Any:
        layer = self._keras.layers.SeparableConv1D(
            workload.F,
            workload.K,
            strides=workload.stride,
            padding=workload.padding,
            data_format="channels_last",
            dilation_rate=workload.dilation,
            depth_multiplier=workload.M,
            activation="relu",
        )
        x_btc, *weights = workload.operands
        layer.build(x_btc.shape)
        layer.set_weights(weights)
        return layer


class KerasJax(_Keras):
    """Keras on JAX, the stateless call jitted."""

    requires: ClassVar[tuple[str, ...]] = ("keras", "jax")
    backend = "jax"

    def forms(self, workload: Workload) -> Iterator[Form]:
        jax = import_module("jax")
        layer = self._layer(workload)
        weights = [v.value for v in layer.trainable_variables]
        compiled = jax.jit(lambda x: layer.stateless_call(weights, [], x)[0])
        x = jax.numpy.asarray(workload.operands.x_btc)
        yield Form("jit", lambda: compiled(x).block_until_ready(), np.asarray)


class KerasTensorflow(_Keras):
    """Keras on TensorFlow, as a graph and through XLA."""

    requires: ClassVar[tuple[str, ...]] = ("keras", "tensorflow")
    backend = "tensorflow"

    def _configure(self, threads: int) -> None:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        threading = import_module("tensorflow").config.threading
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)

    def forms(self, workload: Workload) -> Iterator[Form]:
        tensorflow = import_module("tensorflow")
        layer = self._layer(workload)
        x = tensorflow.constant(workload.operands.x_btc)
        for label, xla in (("graph", False), ("xla", True)):
            compiled = tensorflow.function(layer, jit_compile=xla)
            yield Form(label, partial(compiled, x), lambda y: y.numpy())
