"""Declared arguments: one declaration checks, configures, documents and fixes them."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from sepconv.declaration import REQUIRED, Argument, Declared, argument
from sepconv.errors import ValidationError
from sepconv.initializers import Initializer
from sepconv.rules import Choice, Count, Number, Size1D


class Base(Declared):
    label: Argument[str, str] = argument(
        Choice("a", "b"), default="a", doc="which", kw_only=True, in_config=False
    )


class Kernel(Base):
    size: Argument[int | tuple[int], tuple[int]] = argument(Size1D(), doc="taps")
    scale: Argument[float, float] = argument(Number(minimum=0), default=1.0, doc="factor")

    def check(self) -> None:
        if self.scale > self.size[0]:
            raise ValidationError("`scale` must not be above `size`")


def test_values_are_normalised_once() -> None:
    kernel = Kernel(3)
    assert (kernel.size, kernel.scale, kernel.label) == ((3,), 1.0, "a")
    assert Kernel([3], scale=2).size == (3,)


def test_signature_keeps_the_order_and_puts_keywords_last() -> None:
    assert list(Kernel.arguments) == ["label", "size", "scale"]
    assert str(inspect.signature(Kernel)) == "(size, scale=1.0, *, label='a')"
    assert Kernel.arguments["size"].default is REQUIRED


def test_class_shows_its_declarations() -> None:
    assert Kernel.size.doc == "taps"
    assert inspect.getdoc(Kernel.size) == "taps"
    assert isinstance(Kernel.size.rule, Size1D)


def test_config_makes_an_equal_object() -> None:
    kernel = Kernel(3, 2.5, label="b")
    assert kernel.get_config() == {"size": (3,), "scale": 2.5}
    assert Kernel.from_config(kernel.get_config()).get_config() == kernel.get_config()


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda k: pickle.loads(pickle.dumps(k))]
)
def test_copies_keep_every_value(copied: Any) -> None:
    kernel = copied(Kernel(3, 2.5, label="b"))
    assert (kernel.size, kernel.scale, kernel.label) == ((3,), 2.5, "b")


def test_value_is_fixed_at_construction() -> None:
    kernel = Kernel(3)
    with pytest.raises(AttributeError, match="`scale` of Kernel is fixed at construction"):
        kernel.scale = 2.0
    assert kernel.scale == 1.0


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "told"),
    [
        ((), {}, TypeError, "Kernel(): missing a required argument: 'size'; it takes (size, scale"),
        ((1, 2, 3), {}, TypeError, "too many positional arguments"),
        ((1,), {"size": 1}, TypeError, "multiple values for argument 'size'"),
        (
            (1,),
            {"scal": 1},
            ValidationError,
            "Kernel: {'scal': 1}; did you mean `scale`?",
        ),
        ((1,), {"zzz": 1}, ValidationError, "Unrecognized keyword arguments passed to Kernel"),
        ((0,), {}, ValidationError, "The `size` argument must be a tuple of 1 integers"),
        ((1,), {"scale": -1}, ValidationError, "`scale` must be at least 0, got -1"),
        ((1,), {"scale": 2}, ValidationError, "`scale` must not be above `size`"),
        ((1,), {"label": "c"}, ValidationError, '`label` must be "a" or "b"'),
    ],
)
def test_bad_arguments_are_refused(args: Any, kwargs: Any, error: Any, told: str) -> None:
    with pytest.raises(error) as raised:
        Kernel(*args, **kwargs)
    assert told in str(raised.value)


def test_default_is_checked_like_any_value() -> None:
    class Wrong(Declared):
        n: Argument[int, int] = argument(Count(), default=0, doc="a count")

    with pytest.raises(ValidationError, match="`n`"):
        Wrong()


def test_own_constructor_needs_no_declarations() -> None:
    class Own(Declared):
        def __init__(self, fill: int) -> None:
            self.fill = fill

    assert Own(3).fill == 3
    assert Own(3).get_config() == {}
    assert repr(Own(3)) == "Own()"


def test_own_constructor_below_a_declared_class_keeps_its_arguments() -> None:
    class Wide(Kernel):
        def __init__(self, size: int) -> None:
            super().__init__(size, scale=0.5)

    assert Wide(9).get_config() == {"size": (9,), "scale": 0.5}


def test_repr_shows_what_is_no_default() -> None:
    assert repr(Kernel(3)) == "Kernel(size=(3,))"
    assert repr(Kernel(3, 2.0, label="b")) == "Kernel(label='b', size=(3,), scale=2.0)"


def test_users_constructor_keeps_its_own_signature() -> None:
    class Ramp(Initializer):
        def __init__(self, width: float, *, rise: float = 1.0) -> None:
            super().__init__()
            self.width, self.rise = width, rise

    class Steep(Ramp):
        pass

    for cls in (Ramp, Steep):
        assert str(inspect.signature(cls)) == "(width: 'float', *, rise: 'float' = 1.0) -> 'None'"
        assert not cls.declares_all
        assert cls(2.0).width == 2.0
