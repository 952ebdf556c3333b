"""What an activation is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sepconv.arrays import compute_dtype, real_array
from sepconv.declaration import Declared
from sepconv.errors import ValidationError, shown
from sepconv.registry import Registry, is_function, unpack

# the gradient by the outputs -> that by the inputs
Pull = Callable[[Any], NDArray[Any]]

# Keras's layers that are an activation with parameters: the activation's name, and the defaults
# of the layer where they are not the function's.
LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ELU": ("elu", {}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": 0.3}),
    "ReLU": ("relu", {}),
    "Softmax": ("softmax", {}),
}
# What a layer's config holds besides.
OF_EVERY_LAYER = ("name", "trainable", "dtype")


class Activation(Declared):
    """A function of the outputs. A subclass writes `__call__`, `vjp` to be trained with, and
    `output_shape` if it changes the shape.

    A built-in has a `name`, the one in configs.
    """

    name: ClassVar[str] = ""

    @property
    def elementwise(self) -> bool:
        """Whether the compiled core computes it, as `core_name` with the floats `parameters`."""
        return False

    @property
    def core_name(self) -> str:
        """The name in the compiled core; empty for one that it does not compute."""
        return ""

    @property
    def parameters(self) -> tuple[float, ...]:
        """The parameters in the core's order."""
        return ()

    @property
    def keras_layer(self) -> str | None:
        """The layer in which Keras keeps these parameters, or None."""
        return None

    def core_operations(self) -> Sequence[Any] | None:
        """Return the core's operations that compute it, one after the other, or None."""
        if not self.elementwise:
            return None
        from sepconv.core import elementwise

        linear = self.core_name == "linear"
        return [] if linear else [elementwise(self.core_name, self.parameters)]

    def output_shape(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output for an input of `shape`; None stays None."""
        return tuple(shape)

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        """Return the activation of `x`; further arguments are other parameters for this call."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, x)")

    def vjp(self, x: Any) -> tuple[NDArray[Any], Pull]:
        """Return the activation y of `x`, and the function from the gradient by y to that by x.

        The gradient by x has the dtype of `x`; that of 16-bit floats is float32.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no gradient: define `vjp(self, x)`, which returns the "
            f"outputs and a function from the gradient by them to that by x"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Activation):
            return NotImplemented
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self), repr(self.get_config())))


class Builtin(Activation):
    """An activation of Keras."""

    @property
    def is_own(self) -> bool:
        """Whether calls compute what is defined here; a subclass of the user's may not."""
        return type(self).__call__ is Builtin.__call__

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        if args or kwargs:
            return type(self)(**{**self.get_config(), **self._bind(args, kwargs)})(x)
        array, wide = _computed(x)
        with np.errstate(over="ignore"):  # eˣ from 12 on is infinite in float16
            return np.asarray(self.compute(wide)).astype(array.dtype, copy=False)

    def compute(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the activation of `x`, C-contiguous, of float32 or float64."""
        raise NotImplementedError

    def vjp(self, x: Any) -> tuple[NDArray[Any], Pull]:
        if not self.is_own:
            return Activation.vjp(self, x)
        array, wide = _computed(x)
        y = self.compute(wide)

        def pull(dy: Any) -> NDArray[Any]:
            slopes = np.ascontiguousarray(dy, wide.dtype).reshape(np.shape(dy))
            return self.gradient(wide, y, slopes)

        with np.errstate(over="ignore"):
            return y.astype(array.dtype, copy=False), pull

    def gradient(self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient by `x` of sum(dy * y), y = compute(x); all of one dtype."""
        raise NotImplementedError


class Elementwise(Builtin):
    """An activation of each value alone, computed by the compiled core."""

    @property
    def is_own(self) -> bool:
        return super().is_own and type(self).compute is Elementwise.compute

    @property
    def elementwise(self) -> bool:
        return self.is_own

    @property
    def core_name(self) -> str:
        return self.name

    @property
    def parameters(self) -> tuple[float, ...]:
        return tuple(float(getattr(self, name)) for name in self.arguments)

    def compute(self, x: NDArray[Any]) -> NDArray[Any]:
        from sepconv import core

        return np.asarray(core.activate(x, self.core_name, self.parameters))

    def gradient(self, x: NDArray[Any], y: NDArray[Any], dy: NDArray[Any]) -> NDArray[Any]:
        from sepconv import core

        return np.asarray(core.activate_gradient(x, dy, self.core_name, self.parameters))


class Function(Activation):
    """A callable of the user's own as an activation. It is taken to keep the shape."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> NDArray[Any]:
        return np.asarray(self.function(x, *args, **kwargs))

    def vjp(self, x: Any) -> tuple[NDArray[Any], Pull]:
        raise NotImplementedError(
            f"the activation {shown(self.function)} has no gradient: make it a subclass of "
            f"`sepconv.activations.Activation` that defines `__call__(self, x)` and "
            f"`vjp(self, x)`, or take one of the built-in activations"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and self.function == other.function

    def __hash__(self) -> int:
        return hash(self.function)

    def __repr__(self) -> str:
        return f"Function({shown(self.function)})"


def _computed(x: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return `x` as an array, and as it is computed with: C-contiguous, in 32 or 64 bits."""
    array = real_array(x)
    wide = np.ascontiguousarray(array, compute_dtype(array.dtype)).reshape(array.shape)
    return array, wide


class ActivationRegistry(Registry[Activation]):
    """The registry of activations: None is linear, and Keras's layers are read and written too."""

    def accept(self, obj: Any) -> Activation:
        return Function(obj) if is_function(obj) else super().accept(obj)

    def get(self, identifier: Any) -> Activation:
        found = super().get("linear" if identifier is None else identifier)
        assert found is not None  # only None gives None
        return found

    def refusal(self, identifier: Any) -> ValidationError:
        told = str(super().refusal(identifier))
        return ValidationError(told.replace(self.kind, "activation function", 1))

    def deserialize(self, config: Mapping[str, Any]) -> Activation:
        """Return the activation that a config declares.

        Read are Keras's function form, its layers ReLU, LeakyReLU, ELU, Softmax and Activation,
        and `{"class_name": "celu", "config": {"alpha": 2.0}}`. Keras drops the parameters of the
        last; here they count.
        """
        class_name = config.get("class_name")
        if class_name == "Activation":
            return self.get(unpack(config, self.kind)[1].get("activation"))
        if not isinstance(class_name, str) or class_name not in LAYERS:
            return super().deserialize(config)
        given = unpack(config, self.kind)[1]
        if class_name == "LeakyReLU":
            given = with_negative_slope(given)
        name, defaults = LAYERS[class_name]
        own = {key: value for key, value in given.items() if key not in OF_EVERY_LAYER}
        return super().deserialize({"class_name": name, "config": {**defaults, **own}})

    def serialize(self, obj: Any) -> Any:
        """Return the config of an activation.

        A built-in with its default parameters is its name. With others it is the Keras layer that
        keeps them (ReLU, LeakyReLU, ELU, Softmax), or, where Keras has no such layer, a dict such
        as `{"module": "keras.activations", "class_name": "celu", "config": {"alpha": 2.0}, ...}`:
        sepconv reads it back whole, Keras reads the function with its default parameters.
        """
        if isinstance(obj, Function):
            return super().serialize(obj.function)
        if not self.is_builtin(type(obj)):
            return super().serialize(obj)
        config = obj.get_config()
        if config == {name: declared.default for name, declared in obj.arguments.items()}:
            return obj.name
        layer = obj.keras_layer
        return {
            "module": self.module if layer is None else "keras.layers",
            "class_name": layer or obj.name,
            "config": config,
            "registered_name": None,
        }


def with_negative_slope(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return LeakyReLU's arguments with `alpha`, its name until Keras 3, as `negative_slope`.

    Raises:
        ValidationError: both are given; Keras lets `alpha` win without a word.
    """
    if {"alpha", "negative_slope"} <= set(config):
        raise ValidationError(
            f"`alpha` is what Keras 2 called `negative_slope`: pass one of the two, got "
            f"alpha={shown(config['alpha'])}, negative_slope={shown(config['negative_slope'])}"
        )
    return {"negative_slope" if key == "alpha" else key: config[key] for key in config}


registry = ActivationRegistry("activation", "keras.activations", Activation)
