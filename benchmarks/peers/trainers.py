"""Training steps: each peer's own layer, gradients and Adam.

A form's call is one step from where the last one left the weights, and returns y. The gradient by y
is given, as the layers above would give it; the gradient by x is computed, for those below.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.form import CONV1D, PLACEMENTS, Form, Peer, Placement, operands_ncw
from benchmarks.peers.frameworks import KerasTensorflow, shifted_sums
from benchmarks.peers.ours import Sepconv
from benchmarks.workloads import Float32s
from benchmarks.workloads.training import LEARNING_RATE, TrainingStep

# Next to nothing: the peers add it in two different places.
EPSILON = 1e-12


def form_of(
    label: str, workload: TrainingStep, step: Callable[[], Any], y_bsf: Callable[[Any], Float32s]
) -> Form:
    """Return the form whose result are the losses before and after the first update."""

    def losses(y: Any) -> NDArray[np.float64]:
        return np.array([workload.loss(y_bsf(y)), workload.loss(y_bsf(step()))])

    return Form(label, step, losses)


class SepconvTrainer(Sepconv):
    """The layer's pullback and our Adam."""

    def forms(self, workload: TrainingStep) -> Iterator[Form]:  # type: ignore[override]
        layer = self.layer(workload)
        x, dy = workload.operands.x_btc, workload.dy_bsf
        optimizer = import_module("sepconv.optimizers").Adam(LEARNING_RATE, epsilon=EPSILON)
        weights = layer.trainable_weights

        def step() -> Any:
            y, pullback = layer.vjp(x, training=True)
            _, gradients = pullback(dy)
            optimizer.apply([gradients[weight] for weight in weights], weights)
            return y

        yield form_of("channels_last", workload, step, np.asarray)


class TorchTrainer:
    """Eager autograd and the fused Adam, on (N, C, T) and on 2-D with channels_last memory."""

    requires: ClassVar[tuple[str, ...]] = ("torch",)

    def __init__(self, threads: int) -> None:
        self._torch = import_module("torch")
        self._torch.set_num_threads(threads)

    def forms(self, workload: TrainingStep) -> Iterator[Form]:
        for placement in PLACEMENTS:
            yield self._form(workload, placement)

    def _form(self, workload: TrainingStep, placement: Placement) -> Form:
        torch, functional = self._torch, self._torch.nn.functional
        convolution = functional.conv1d if placement is CONV1D else functional.conv2d
        layout = torch.contiguous_format if placement is CONV1D else torch.channels_last

        def tensor(array: Float32s) -> Any:
            lifted = torch.tensor(placement.lift(np.ascontiguousarray(array)))
            return lifted.contiguous(memory_format=layout)

        operands = operands_ncw(workload)
        x, dy = tensor(operands.x), tensor(workload.dy_bsf.transpose(0, 2, 1))
        x.requires_grad_()
        depthwise, pointwise = (tensor(a).requires_grad_() for a in operands[1:3])
        bias = torch.tensor(operands.bias, requires_grad=True)
        adam = torch.optim.Adam(
            [depthwise, pointwise, bias], LEARNING_RATE, eps=EPSILON, fused=True
        )
        left, right = workload.pads
        strides, dilation = (placement.sizes(n, 1) for n in (workload.stride, workload.dilation))
        padding = placement.sizes(left if left == right else 0, 0)
        extra = [0, 0, left, right] if placement.extra_axis == -1 else [left, right]

        def step() -> Any:
            x.grad = None
            adam.zero_grad()
            padded = x if left == right else functional.pad(x, extra)
            h = convolution(padded, depthwise, None, strides, padding, dilation, workload.C)
            y = functional.relu(convolution(h, pointwise, bias), inplace=True)
            y.backward(dy)
            adam.step()
            return y.detach()

        return form_of(
            placement.label,
            workload,
            step,
            lambda y: placement.drop(y.numpy()).transpose(0, 2, 1),
        )


class JaxTrainer:
    """One jitted step: taps as shifted sums, gradients and Adam in one program of XLA's."""

    requires: ClassVar[tuple[str, ...]] = ("jax",)

    def __init__(self, threads: int) -> None:
        os.environ["JAX_PLATFORMS"] = "cpu"
        self._jax = import_module("jax")

    def forms(self, workload: TrainingStep) -> Iterator[Form]:
        jax, jnp = self._jax, self._jax.numpy
        x, *weights = map(jnp.asarray, workload.operands)
        dy = jnp.asarray(workload.dy_bsf)
        layer = shifted_sums(jax, workload)

        def adam(w: Any, m: Any, v: Any, g: Any, count: Any) -> Any:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            rate = LEARNING_RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
            return w - rate * m / (jnp.sqrt(v) + EPSILON), m, v

        def train(state: Any, x: Any, dy: Any) -> Any:
            weights, moments, squares, count = state
            y, pullback = jax.vjp(layer, x, *weights)
            dx, *gradients = pullback(dy)
            updated = [
                adam(*each, count + 1)
                for each in zip(weights, moments, squares, gradients, strict=True)
            ]
            return (*map(list, zip(*updated, strict=True)), count + 1), y, dx

        train = jax.jit(train, donate_argnums=0)
        zeros = [[jnp.zeros_like(w) for w in weights] for _ in range(2)]
        state = (weights, *zeros, jnp.float32(0))

        def step() -> Any:
            nonlocal state
            state, y, dx = train(state, x, dy)
            dx.block_until_ready()
            return y.block_until_ready()

        yield form_of("shifted sums", workload, step, np.asarray)


class KerasTensorflowTrainer(KerasTensorflow):
    """Keras's layer and Adam on TensorFlow, one tf.function a step, as a graph and through XLA."""

    def forms(self, workload: TrainingStep) -> Iterator[Form]:  # type: ignore[override]
        for label, xla in (("graph", False), ("xla", True)):
            yield form_of(label, workload, self._step(workload, xla), lambda y: y.numpy())

    def _step(self, workload: TrainingStep, xla: bool) -> Callable[[], Any]:
        tensorflow = import_module("tensorflow")
        layer = self._layer(workload)
        adam = self._keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON)
        adam.build(layer.trainable_variables)
        x = tensorflow.constant(workload.operands.x_btc)
        dy = tensorflow.constant(workload.dy_bsf)
        weights = [variable.value for variable in layer.trainable_variables]

        @tensorflow.function(jit_compile=xla)  # type: ignore[untyped-decorator]
        def train() -> Any:
            with tensorflow.GradientTape() as tape:
                tape.watch(x)
                y = layer(x)
            dx, *gradients = tape.gradient(y, [x, *weights], output_gradients=dy)
            adam.apply(gradients, layer.trainable_variables)
            return y, dx

        return lambda: train()[0]


TRAINERS: dict[str, type[Peer]] = {
    "sepconv": SepconvTrainer,
    "torch": TorchTrainer,
    "jax": JaxTrainer,
    "keras_tensorflow": KerasTensorflowTrainer,
}
