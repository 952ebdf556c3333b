"""InputLayer: where a network begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from sepconv import dtypes
from sepconv.arrays import FLOATS, float_dtype, real_array
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.layers.base import Layer
from sepconv.layers.registry import registry
from sepconv.layers.rules import Shape, ShapeOf, Unsupported
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.rules import Choice, Flag, Integer, Nullable

DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
CONFIG = ("batch_shape", "dtype", "sparse", "ragged", "name", "optional")


class InputDType(Choice):
    """The name of a dtype that arrays may come in; None is float32."""

    def __init__(self) -> None:
        super().__init__(*DTYPES)

    def normalise(self, value: Any, name: str) -> str:
        return super().normalise("float32" if value is None else value, name)

    def schema(self) -> dict[str, Any]:
        return {"enum": [*DTYPES, None]}


@registry.register()
class InputLayer(Layer):
    """The shape and dtype of a network's input.

    >>> InputLayer((10, 12)).batch_shape
    (None, 10, 12)
    """

    shape: Argument[Sequence[int | None] | None, Shape | None] = argument(
        Nullable(ShapeOf()),
        default=None,
        in_config=False,
        doc="Shape of one sample, without the batch axis.",
    )
    batch_size: Argument[int | None, int | None] = argument(
        Nullable(Integer(minimum=0)),
        default=None,
        in_config=False,
        doc="Size of the batch axis; null is any.",
    )
    dtype: Argument[str | None, str] = argument(
        InputDType(), default=None, kw_only=True, doc="Dtype of the input."
    )
    sparse: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, kw_only=True, doc="Not supported: false."
    )
    ragged: Argument[bool | None, bool] = argument(
        Unsupported(), default=False, kw_only=True, doc="Not supported: false."
    )
    batch_shape: Argument[Sequence[int | None] | None, Shape] = argument(
        Nullable(ShapeOf()), default=None, kw_only=True, doc="Shape with the batch axis."
    )
    optional: Argument[bool, bool] = argument(
        Flag(), default=False, kw_only=True, doc="Kept for Keras's configs."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.shape is not None:
            self.__dict__["batch_shape"] = (self.batch_size, *self.shape)
        self.built = True

    def check(self) -> None:
        given = self.__dict__
        if given["shape"] is not None and given["batch_shape"] is not None:
            raise ValidationError(
                "You cannot pass both `shape` and `batch_shape` at the same time."
            )
        if given["batch_size"] is not None and given["batch_shape"] is not None:
            raise ValidationError(
                "You cannot pass both `batch_size` and `batch_shape` at the same time."
            )
        if given["shape"] is None and given["batch_shape"] is None:
            raise ValidationError("You must pass a `shape` argument.")

    def _use_policy(self, policy: Any) -> None:
        # `dtype` is here the dtype of arrays that come in, not a policy.
        super()._use_policy(dtypes.get(None))
        self.__dict__["dtype"] = policy
        self._input_dtype = float_dtype(policy) if policy in FLOATS else np.dtype(policy)

    def convert(self, inputs: Any) -> Any:
        """Return `inputs` as an array of the input's dtype, which may be one of ints."""
        if self._input_dtype.kind not in "iub":
            return super().convert(inputs)
        array = np.asarray(inputs)
        if array.dtype.kind not in "iubf":
            real_array(inputs)  # which says what is wrong
        return np.require(array, self._input_dtype, ["C", "A"])

    def call(self, inputs: Any) -> Any:
        """Return `inputs`."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return `batch_shape`."""
        return self.batch_shape

    @property
    def output(self) -> SymbolicTensor:
        """The symbolic tensor that stands for the network's input."""
        if not self._inbound_nodes:
            self._record([], SymbolicTensor(self.batch_shape, self.dtype, self.name))
        found: SymbolicTensor = super().output
        return found

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the layer that `config`, of sepconv, Keras 3 or Keras 2, declares."""
        keras2 = {"batch_input_shape": "batch_shape"}
        return super().from_config({keras2.get(key, key): x for key, x in config.items()})

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, as Keras writes them."""
        return {name: getattr(self, name) for name in CONFIG}


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    *,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> SymbolicTensor:
    """Return a symbolic tensor to call layers on.

    Arguments:
        shape: of one sample; None where a size is open.
        batch_size: size of the batch axis, or None.
        dtype: the dtype's name; None is float32.
        batch_shape: the shape with the batch axis, instead of `shape`.
        name: of the input layer.

    >>> Input((10, 12)).shape
    (None, 10, 12)
    """
    layer = InputLayer(shape, batch_size, dtype=dtype, batch_shape=batch_shape, name=name)
    return layer.output
