"""The registry: names to classes, configs both ways, and the user's own objects."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from keras_oracle import keras

from sepconv import Layer, register, registry
from sepconv.declaration import Argument, Declared, argument
from sepconv.errors import ValidationError
from sepconv.registry import Registry, kinds_of
from sepconv.rules import Integer


class Shape(Declared):
    pass


class Square(Shape):
    side: Argument[int, int] = argument(Integer(), default=1, doc="length of a side")


class Circle(Shape):
    radius: Argument[int, int] = argument(Integer(), doc="half its width")


shapes: Registry[Shape] = Registry("shape", "keras.shapes", Shape)
shapes.register("Square", "square")(Square)
shapes.register()(Circle)


@pytest.fixture(autouse=True)
def _own_names() -> Any:
    """Forget what a test registers."""
    before = dict(registry.registered)
    yield
    registry.registered.clear()
    registry.registered.update(before)


# --- names ---------------------------------------------------------------------------------------


def test_names_are_those_given_or_the_class_name() -> None:
    assert list(shapes) == ["Square", "square", "Circle"]
    assert "square" in shapes
    assert "circle" not in shapes
    assert shapes["square"] is Square


def test_same_name_twice_is_an_error() -> None:
    with pytest.raises(ValidationError, match="shape `Square` is registered already"):
        shapes.register("Square")(Circle)
    assert shapes["Square"] is Square


def test_builtin_is_the_class_itself_not_a_subclass() -> None:
    class Rhombus(Square):
        pass

    assert shapes.is_builtin(Square)
    assert not shapes.is_builtin(Rhombus)


def test_class_is_of_the_kinds_whose_base_it_derives_from() -> None:
    class Both(Square, Layer):
        pass

    assert kinds_of(Square) == [shapes]
    assert {kind.kind for kind in kinds_of(Both)} == {"shape", "layer", "model"}
    assert kinds_of(dict) == []


# --- get -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "side"),
    [
        ("Square", 1),
        ("square", 1),
        (Square, 1),
        (Square(2), 2),
        ({"class_name": "Square"}, 1),
        ({"class_name": "Square", "config": None}, 1),
        ({"class_name": "Square", "config": {"side": 3}}, 3),
        ({"class_name": "square", "config": {"side": 3}, "module": None}, 3),
        (
            {
                "module": "keras.shapes",
                "class_name": "Square",
                "config": {"side": 3},
                "registered_name": None,
            },
            3,
        ),
        ({"class_name": "Square", "config": {"side": 3}, "registered_name": "Square"}, 3),
        ({"class_name": "function", "config": "square", "module": "builtins"}, 1),
    ],
)
def test_get_takes_every_form(identifier: Any, side: int) -> None:
    before = copy.copy(identifier)
    found = shapes.get(identifier)
    assert isinstance(found, Square)
    assert found.side == side
    assert identifier == before or isinstance(identifier, Square)


def test_get_returns_the_object_itself_and_none_for_none() -> None:
    square = Square()
    assert shapes.get(square) is square
    assert shapes.get(None) is None


@pytest.mark.parametrize(
    ("identifier", "told"),
    [
        ("Sqare", "Could not interpret shape identifier: Sqare; did you mean `square`?"),
        ("zzz", "Could not interpret shape identifier: zzz; there are: Circle, Square, square"),
        ("a\x1b", "Could not interpret shape identifier: a\\x1b"),
        (3, "Could not interpret shape identifier: 3; expected a name, a config, a class"),
        (int, "Could not interpret shape identifier: 0"),
        ([], "Could not interpret shape identifier: []"),
        ("Circle", "shape `Circle`: Circle(): missing a required argument: 'radius'"),
        ({}, "a shape config must have a `class_name`, such as"),
        ({"class_name": None}, "a shape config must have a `class_name`"),
        ({"class_name": "Square", "config": "x"}, "`config` of shape `Square` must be a dict"),
        ({"class_name": "Square", "config": {"sid": 1}}, "did you mean `side`?"),
        ({"class_name": "Square", "config": {"side": 1.5}}, "`side` must be an integer"),
        ({"class_name": "Square", "registered_name": "my>Square"}, "identifier: my>Square"),
        ({"class_name": "function"}, "a shape config must have a `class_name`"),
        ({"class_name": "os.system", "config": {}}, "identifier: os.system"),
        ({"class_name": "builtins>eval", "config": {}}, "identifier: builtins>eval"),
    ],
)
def test_bad_identifier_is_refused_with_the_way_out(identifier: Any, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        shapes.get(identifier)
    assert told in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "class_name": json_values | st.sampled_from(["Square", "Circle", "function"]),
            "config": json_values | st.just({"side": 2}),
            "module": json_values,
            "registered_name": json_values,
        },
    )
)
def test_any_config_is_read_or_refused_and_never_changed(config: dict[str, Any]) -> None:
    before = repr(config)
    try:
        found = shapes.get(config)
    except ValidationError as error:
        assert len(str(error)) < 2000
    else:
        assert isinstance(found, Shape)
    assert repr(config) == before


# --- serialize -----------------------------------------------------------------------------------


def test_builtin_is_written_in_keras_form() -> None:
    assert shapes.serialize(Square(2)) == {
        "module": "keras.shapes",
        "class_name": "Square",
        "config": {"side": 2},
        "registered_name": None,
    }
    assert shapes.serialize(None) is None


def test_unregistered_subclass_is_refused_with_the_way_out() -> None:
    class Rhombus(Square):
        pass

    with pytest.raises(ValidationError) as error:
        shapes.serialize(Rhombus())
    assert "register it first with `@sepconv.register(package=...)`" in str(error.value)


# --- the user's own ------------------------------------------------------------------------------


def test_registered_class_round_trips_under_its_full_name() -> None:
    @register(package="mine")
    class Rhombus(Square):
        pass

    config = shapes.serialize(Rhombus(5))
    assert config["registered_name"] == "mine>Rhombus"
    back = shapes.get(json.loads(json.dumps(config)))
    assert isinstance(back, Rhombus)
    assert back.side == 5
    assert isinstance(shapes.get("mine>Rhombus"), Rhombus)


def test_class_without_get_config_is_made_from_no_arguments() -> None:
    @register("mine")
    class Plain:
        pass

    either: Registry[Any] = Registry("thing", "keras.things", object)
    config = either.serialize(Plain())
    assert config["config"] == {}
    assert isinstance(either.get(config), Plain)


@pytest.mark.parametrize(
    ("package", "name", "full"),
    [("mine", None, "mine>function"), ("mine", "other", "mine>other"), (None, None, None)],
)
def test_names_are_those_of_keras(package: Any, name: Any, full: Any) -> None:
    def function(x: Any) -> Any:
        return x

    arguments = {} if package is None else {"package": package, "name": name}
    register(**arguments)(function)
    expected = full or "Custom>function"
    assert registry.registered_name(function) == expected
    keras.saving.register_keras_serializable(**arguments)(function)
    assert keras.saving.get_registered_name(function) == expected


def test_registered_name_twice_is_an_error() -> None:
    @register("mine", "thing")
    class First:
        pass

    with pytest.raises(ValidationError, match="`mine>thing` is registered already"):

        @register("mine", "thing")
        class Second:
            pass

    assert registry.registered["mine>thing"] is First


def test_registered_object_of_another_kind_is_refused() -> None:
    @register("mine")
    class Other:
        pass

    for identifier in ("mine>Other", {"class_name": "Other", "registered_name": "mine>Other"}):
        with pytest.raises(ValidationError, match="Could not interpret shape identifier"):
            shapes.get(identifier)


def test_unregistered_object_has_no_name() -> None:
    assert registry.registered_name(object()) is None
