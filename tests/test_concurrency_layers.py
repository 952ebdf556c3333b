"""Layers under threads and forks: one build, no mixed weights, no lock left shut."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from sepconv import SeparableConv1D, Sequential
from sepconv.layers import Layer
from sepconv.layers.module import replace_values
from sepconv.layers.variable import frozen

THREADS = 8


@pytest.fixture(autouse=True)
def threads_switch_all_the_time() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def at_once(function: Any, threads: int = THREADS) -> list[Any]:
    """Return what `function(number)` gives in each of several threads that start together."""
    barrier = threading.Barrier(threads)

    def run(number: int) -> Any:
        barrier.wait()
        return function(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


@pytest.mark.parametrize("attempt", range(10))
def test_first_call_from_many_threads_builds_once(attempt: int) -> None:
    layer = SeparableConv1D(4, 3, activity_regularizer="l2")
    x = np.random.default_rng(attempt).normal(size=(2, 10, 6)).astype("float32")
    outputs = at_once(lambda _: layer(x))
    assert len(layer.weights) == 3
    assert {y.tobytes() for y in outputs} == {layer(x).tobytes()}


def test_first_call_of_a_network_from_many_threads_builds_once() -> None:
    model = Sequential([SeparableConv1D(4, 3), SeparableConv1D(2, 3)])
    x = np.ones((2, 10, 6), "float32")
    outputs = at_once(lambda _: model(x))
    assert len(model.weights) == 6
    assert {y.tobytes() for y in outputs} == {model(x).tobytes()}


class Direct(Layer):
    """Reads its weight's value itself, instead of packing it."""

    def build(self, input_shape: Any) -> None:
        self.shift = self.add_weight((1,), "zeros", name="shift")

    def call(self, inputs: Any) -> Any:
        return inputs * 4 + self.shift.value

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


def packing(name: str) -> Layer:
    return SeparableConv1D(4, 2, name=name, padding="same")


NETWORKS: dict[str, Any] = {
    "layer": lambda: packing("a"),
    "network": lambda: Sequential([packing("a"), packing("b")]),
    "network of layers that do not pack": lambda: Sequential([Direct() for _ in range(6)]),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_calls_during_set_weights_see_old_or_new_never_a_mix(kind: str) -> None:
    model: Layer = NETWORKS[kind]()
    x = np.ones((1, 6, 4), "float32")
    model.build(x.shape)
    # Every weight of a generation has its value, so a mix gives a sum that neither has.
    generations = [[np.full_like(w, value) for w in model.get_weights()] for value in (1.0, 2.0)]
    allowed = set()
    for weights in generations:
        model.set_weights(weights)
        allowed.add(model(x).tobytes())
    assert len(allowed) == 2
    done = threading.Event()

    def act(number: int) -> set[bytes]:
        seen: set[bytes] = set()
        if number == 0:
            for turn in range(2000):
                model.set_weights(generations[turn % 2])
            done.set()
        while not done.is_set():
            seen.add(model(x).tobytes())
        return seen

    seen = set().union(*at_once(act, 4))
    assert seen <= allowed


@pytest.mark.parametrize("kind", NETWORKS)
def test_call_that_meets_half_set_weights_waits_for_the_others(kind: str) -> None:
    model: Layer = NETWORKS[kind]()
    x = np.ones((1, 6, 4), "float32")
    model.build(x.shape)
    model(x)
    outputs: list[Any] = []
    caller = threading.Thread(target=lambda: outputs.append(model(x)))

    def one_by_one() -> Iterator[Any]:
        for number, variable in enumerate(model.weights):
            if number == 1:
                caller.start()
                caller.join(0.2)
                assert outputs == []
            yield frozen(np.ones(variable.shape), variable.dtype)

    replace_values(model, model.weights, one_by_one())
    caller.join()
    assert (outputs[0] == model(x)).all()


def test_weights_set_in_the_middle_of_a_network_are_used_from_its_start() -> None:
    class Paused(Layer):
        """Sets the network's weights, in another thread, the first time it is called."""

        def call(self, inputs: Any) -> Any:
            if weights := pending:
                thread = threading.Thread(target=model.set_weights, args=(weights.pop(),))
                thread.start()
                thread.join()
            return inputs

        def compute_output_shape(self, input_shape: Any) -> Any:
            return tuple(input_shape)

    pending: list[list[Any]] = []
    model = Sequential([SeparableConv1D(4, 2), Paused(), SeparableConv1D(4, 2)])
    x = np.ones((1, 6, 4), "float32")
    model(x)
    new = [np.ones_like(w) for w in model.get_weights()]
    pending.append(new)
    during = model(x)
    assert not pending
    assert (during == model(x)).all()
    assert all((a == b).all() for a, b in zip(model.get_weights(), new, strict=True))


def test_losses_of_calls_at_once_do_not_meet() -> None:
    class Noted(Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(inputs.sum())
            self.add_loss(inputs.sum())
            return inputs

    layer = Noted()

    def act(number: int) -> None:
        for _ in range(300):
            layer(np.full(1, float(number)))

    at_once(act, 4)
    first, second = layer.losses
    assert first == second


FORK = """
import os, signal, threading
import numpy as np
from sepconv import SeparableConv1D

layer = SeparableConv1D(4, 3)
held, finish = threading.Event(), threading.Event()

def hold():
    with layer._lock:
        held.set()
        finish.wait()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)  # which ends a child that waits for the lock
    layer(np.ones((1, 10, 6)))
    os._exit(0)
finish.set()
thread.join()
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_fork_while_a_lock_is_held_leaves_the_child_free() -> None:
    # In a process of its own: JAX, which other tests import, does not survive a fork.
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60)
