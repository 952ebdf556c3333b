"""Layers under threads and forks: one build, no mixed weights, no lock left shut."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from sepconv import SeparableConv1D, Sequential
from sepconv.layers import Layer

THREADS = 8


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


@pytest.mark.parametrize("deep", [False, True], ids=["layer", "network"])
def test_calls_during_set_weights_see_old_or_new_never_a_mix(deep: bool) -> None:
    layers = [SeparableConv1D(4, 2, name=name, padding="same") for name in "ab"]
    model: Layer = Sequential(layers) if deep else layers[0]
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
            for turn in range(400):
                model.set_weights(generations[turn % 2])
            done.set()
        while not done.is_set():
            seen.add(model(x).tobytes())
        return seen

    seen = set().union(*at_once(act, 4))
    assert seen <= allowed


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
import os, threading
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
    worker = threading.Thread(target=layer, args=(np.ones((1, 10, 6)),), daemon=True)
    worker.start()
    worker.join(20)
    os._exit(not layer.built)
finish.set()
thread.join()
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_fork_while_a_lock_is_held_leaves_the_child_free() -> None:
    # In a process of its own: JAX, which other tests import, does not survive a fork.
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60)
