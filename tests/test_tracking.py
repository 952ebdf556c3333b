"""What a layer owns: names that nobody gave are unique, and each layer more costs as much."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest
from keras_oracle import keras

from sepconv import Functional, Input, ReLU, Sequential
from sepconv.errors import ValidationError
from sepconv.layers import Layer


class InAttribute(Layer):
    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.blocks = list(layers)


class OfWeights(Layer):
    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        for _ in layers:
            self.add_weight((), initializer="zeros")


def functional(layers: Sequence[Layer]) -> Functional:
    x = y = Input((3,))
    for layer in layers:
        y = layer(y)
    return Functional(x, y)


def with_input(layers: Sequence[Layer]) -> Sequential:
    return Sequential([Input((3,)), *layers])


OWNERS: list[Callable[[Sequence[Layer]], Layer]] = [
    Sequential, with_input, functional, InAttribute, OfWeights,
]  # fmt: skip


def relus(count: int) -> list[Layer]:
    return [ReLU() for _ in range(count)]


def instructions(action: Callable[[], Any]) -> int:
    """Return how many of Python's instructions `action` runs: the same on any machine."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("owner", OWNERS)
def test_twice_the_layers_cost_twice_as_much(owner: Callable[[Sequence[Layer]], Layer]) -> None:
    few, many = relus(200), relus(400)
    owner(relus(1))  # what is done once
    once, twice = (instructions(lambda layers=layers: owner(layers)) for layers in (few, many))
    assert twice < 2.02 * once


@pytest.mark.parametrize("owner", [Sequential, functional, InAttribute])
def test_names_have_the_first_free_number(owner: Callable[[Sequence[Layer]], Layer]) -> None:
    layers = [*relus(2), ReLU(name="re_lu_3"), *relus(3)]
    owner(layers)
    assert [layer.name for layer in layers] == [
        "re_lu", "re_lu_1", "re_lu_3", "re_lu_2", "re_lu_4", "re_lu_5"
    ]  # fmt: skip


def test_name_is_free_again_after_pop() -> None:
    model = Sequential(relus(4))
    model.pop()
    model.pop()
    model.add(ReLU())
    assert [layer.name for layer in model.layers] == ["re_lu", "re_lu_1", "re_lu_2"]


def test_name_of_a_layer_that_stands_twice_is_taken_until_both_are_gone() -> None:
    twice = ReLU(name="twice")
    model = Sequential([twice])
    model.add(twice)
    model.pop()
    with pytest.raises(ValidationError, match="Name 'twice' is already the name of a layer"):
        model.add(ReLU(name="twice"))
    model.pop()
    model.add(ReLU(name="twice"))
    assert model.layers[0] is not twice


def test_names_of_a_build_that_fails_are_free_again() -> None:
    class Fails(Layer):
        def build(self, input_shape: Any) -> None:
            self.inner = ReLU(name="inner")
            if input_shape[-1] == 2:
                raise ValidationError("not 2")

    layer = Fails()
    with pytest.raises(ValidationError, match="not 2"):
        layer.build((None, 2))
    layer.build((None, 3))
    assert [inner.name for inner in layer._flatten()] == ["fails", "inner"]


class TooLate(Layer):
    def __init__(self) -> None:
        self.inner = ReLU()
        super().__init__()


class Never(Layer):
    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("make", "name"), [(TooLate, "TooLate"), (lambda: InAttribute([Never()]), "Never")]
)
def test_layer_that_was_not_initialised_is_refused_in_keras_words(
    make: Callable[[], Layer], name: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        make()
    with pytest.raises(RuntimeError) as theirs:
        type(name, (keras.layers.Layer,), {"__init__": lambda self: None})()([[1.0]])
    assert str(refused.value) == str(theirs.value)


def test_copy_has_names_of_its_own() -> None:
    model = Sequential(relus(2))
    twin = copy.deepcopy(model)
    for network in (twin, model):
        network.add(ReLU())
        assert [layer.name for layer in network.layers] == ["re_lu", "re_lu_1", "re_lu_2"]
