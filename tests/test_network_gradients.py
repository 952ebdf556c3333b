"""Gradients of networks: those of JAX through Keras's network, and of central differences."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from network_cases import GRAPHS, KERAS, SEPCONV, SHAPE, Build, Given, inputs_for
from numpy.typing import NDArray

from sepconv import Add, Input, Model, SeparableConv1D, Sequential
from sepconv.errors import ValidationError
from sepconv.layers import Layer
from sepconv.layers.structure import flat

every_graph = pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)


def network(build: Build) -> Any:
    made = build(Given(SEPCONV, dtype="float64"))
    rng = np.random.default_rng(0)
    made.set_weights([rng.uniform(0.2, 1, w.shape) for w in made.weights])
    return made


def doubles(structure: Any) -> Any:
    return jax.tree.map(lambda x: x.astype(np.float64), structure)


def random_like(outputs: Any) -> Any:
    rng = np.random.default_rng(3)
    return jax.tree.map(lambda y: rng.normal(size=y.shape), outputs)


@every_graph
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_jax(build: Build, training: bool) -> None:
    ours, theirs = network(build), build(Given(KERAS, dtype="float64"))
    theirs.set_weights(ours.get_weights())
    x = doubles(inputs_for(ours))
    y, pullback = ours.vjp(x, training=training)
    dy = random_like(y)
    dx, found = pullback(dy)

    others = [v.value for v in theirs.non_trainable_variables]

    def run(x: Any, trainable: Any) -> Any:
        return theirs.stateless_call(trainable, others, x, training=training)

    trainable = [v.value for v in theirs.trainable_variables]
    expected, pull, _ = jax.vjp(run, jax.tree.map(jnp.asarray, x), trainable, has_aux=True)
    dx_jax, by_weight = pull(jax.tree.map(jnp.asarray, dy))
    # Keras computes the statistics of BatchNormalization in float32, whatever its dtype.
    unit = 2.0**-24 if any("norm" in layer.name for layer in ours.layers) else 2.0**-53
    close(y, expected, unit)
    close(dx, dx_jax, unit)
    close([found[weight] for weight in ours.trainable_weights], by_weight, unit)


def close(ours: Any, theirs: Any, unit: float) -> None:
    """Check that values are some hundred roundings of the largest apart, no more.

    A path through these networks has at most 3 layers with sums of 60 terms each.
    """
    for a, b in zip(flat(ours), flat(jax.tree.map(np.asarray, theirs)), strict=True):
        assert a.shape == b.shape
        assert np.abs(a - b).max(initial=0) <= 200 * unit * max(1, np.abs(b).max(initial=0))


@every_graph
def test_gradients_are_those_of_central_differences(build: Build) -> None:
    ours = network(build)
    x = doubles(inputs_for(ours))
    y, pullback = ours.vjp(x)
    dy = random_like(y)
    dx, found = pullback(dy)
    rng = np.random.default_rng(4)
    along_x = jax.tree.map(lambda v: rng.normal(size=v.shape), x)
    weights = {w: (w.numpy(), rng.normal(size=w.shape)) for w in ours.trainable_weights}

    def loss(step: float) -> float:
        for weight, (value, direction) in weights.items():
            weight.assign(value + step * direction)
        moved = jax.tree.map(lambda v, d: v + step * d, x, along_x)
        return inner(dy, ours.vjp(moved)[0])

    step = 1e-6
    slope = (loss(step) - loss(-step)) / (2 * step)
    told = inner(dx, along_x) + sum(np.vdot(found[w], d) for w, (_, d) in weights.items())
    # The error of a central difference: step² · a third derivative, and rounding of loss / step.
    assert abs(slope - told) <= 1e-6 * max(1, abs(told))


def inner(a: Any, b: Any) -> float:
    return float(sum(np.vdot(p, q) for p, q in zip(flat(a), flat(b), strict=True)))


# --- what is not computed ------------------------------------------------------------------------


class Noted(Layer):
    """Doubles its inputs and notes whether their gradient was wanted."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((), initializer="ones", name="factor")
        self.wanted: list[bool] = []

    def call(self, inputs: Any) -> Any:
        return 2 * inputs * self.factor.value

    def call_vjp(self, inputs: Any, training: bool) -> Any:
        def pull(dy: NDArray[Any], input_gradient: bool) -> Any:
            self.wanted.append(input_gradient)
            return (2 * dy if input_gradient else None), {self.factor: (2 * inputs * dy).sum()}

        return self.call(inputs), pull

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


def chain(frozen: int) -> tuple[Model, list[Noted]]:
    x = h = Input((3,))
    layers = [Noted(name=f"n{number}") for number in range(4)]
    for layer in layers:
        h = layer(h)
    for layer in layers[:frozen]:
        layer.trainable = False
    return Model(x, h), layers


@pytest.mark.parametrize("frozen", range(5))
@pytest.mark.parametrize("sequential", [False, True])
def test_nothing_is_pulled_below_the_lowest_trainable_weight(frozen: int, sequential: bool) -> None:
    model, layers = chain(frozen)
    network = Sequential([Input((3,)), *layers]) if sequential else model
    y, pullback = network.vjp(np.ones((2, 3)))
    dx, found = pullback(np.ones_like(y), input_gradient=False)
    assert dx is None
    assert set(found) == set(network.trainable_weights)
    assert [layer.wanted for layer in layers] == [
        [] if number < frozen else [number > frozen] for number in range(4)
    ]


def test_gradient_by_the_input_goes_through_frozen_layers() -> None:
    model, layers = chain(frozen=2)
    y, pullback = model.vjp(np.ones((2, 3)))
    dx, found = pullback(np.ones_like(y))
    assert (dx == 16).all()
    assert len(found) == 2
    assert [layer.wanted for layer in layers] == [[True]] * 4


def test_input_nobody_reads_has_gradient_zero() -> None:
    a, b = Input((3,)), Input((4,))
    y, pullback = Model([a, b], Noted()(a)).vjp([np.ones((2, 3)), np.ones((2, 4))])
    dx, _ = pullback(np.ones_like(y))
    assert (dx[0] == 2).all()
    assert dx[1].shape == (2, 4)
    assert not dx[1].any()


def test_ints_have_no_gradient() -> None:
    a, b = Input((3,), dtype="int32"), Input((3,))
    y, pullback = Model([a, b], Noted()(b)).vjp([np.ones((2, 3)), np.ones((2, 3))])
    assert pullback(np.ones_like(y))[0][0] is None


# --- as a value ----------------------------------------------------------------------------------


def test_output_without_a_gradient_counts_as_zeros() -> None:
    model = GRAPHS[2](SEPCONV)
    y, pullback = model.vjp(inputs_for(model))
    dx, found = pullback([None, np.ones_like(y[1]), None])
    again, _ = pullback([np.zeros_like(y[0]), np.ones_like(y[1]), np.zeros_like(y[2])])
    assert (dx == again).all()
    assert "head2" in {weight.path.split("/")[0] for weight in found}


def test_pullback_can_be_called_again_and_weights_set_later_do_not_change_it() -> None:
    model = GRAPHS[12](SEPCONV)
    y, pullback = model.vjp(inputs_for(model))
    first, found = pullback(np.ones_like(y))
    model.set_weights([w * 3 for w in model.get_weights()])
    second, again = pullback(np.ones_like(y))
    assert first.tobytes() == second.tobytes()
    assert all(found[w].tobytes() == again[w].tobytes() for w in found)


def test_wrong_number_of_gradients_is_refused() -> None:
    model = GRAPHS[2](SEPCONV)
    y, pullback = model.vjp(inputs_for(model))
    with pytest.raises(ValidationError, match="3 gradients, one for each output, got 2"):
        pullback(y[:2])
    with pytest.raises(ValidationError, match="gradient of the outputs' shape"):
        pullback([y[1], y[0], y[2]])


def test_activity_penalties_count_for_each_call() -> None:
    x = Input(SHAPE)
    layer = SeparableConv1D(6, 3, padding="same", activity_regularizer="l2")
    h = layer(x)
    model = Model(x, Add()([layer(h), h]))
    values = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    y, pullback = model.vjp(values)
    penalty = float(sum(model.losses))
    dx, _ = pullback(np.zeros_like(y))
    step = 1e-2
    direction = np.random.default_rng(1).normal(size=values.shape).astype(np.float32)
    sides = []
    for sign in (1, -1):
        model.vjp(values + sign * step * direction)
        sides.append(float(sum(model.losses)))
    slope = (sides[0] - sides[1]) / (2 * step)  # exact but for rounding: the penalty is quadratic
    assert abs(slope - np.vdot(dx, direction)) <= 1e-3 * max(penalty, abs(slope))


def test_call_with_other_arguments_has_no_gradients() -> None:
    class Powered(Noted):
        def call(self, inputs: Any, power: int = 1) -> Any:
            return inputs**power

    x = Input((3,))
    model = Model(x, Powered()(x, power=2))
    assert (model(np.full((1, 3), 3.0)) == 9).all()
    with pytest.raises(ValidationError, match="called with `power=`: such a call has no gradients"):
        model.vjp(np.ones((1, 3)))
