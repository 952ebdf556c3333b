"""The network while it is made from a graph: its layers, and what stands for the file's tensors.

Convolutions of ONNX take (batch, channels, time), those of a network either order. A tensor of the
file is therefore a view of one of the network: its axes may stand in another order, and axes of
size 1 may be there that the network has not. A layer is added only where somebody needs the file's
order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sepconv import layers
from sepconv.activations import Linear
from sepconv.arrays import FLOATS
from sepconv.errors import ValidationError
from sepconv.layers import Layer
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.onnx.incoming.sizes import BATCH, Size
from sepconv.onnx.incoming.source import DTYPES, Node, Source

Array = NDArray[Any]
Axes = tuple[int | None, ...]
NARROW = ("float16", "bfloat16")


class RefusedError(ValidationError):
    """A node that no layer stands for; the text says why."""


@dataclass(frozen=True)
class Padding:
    """Steps before and behind an axis, which the layer that reads them may pad itself."""

    axis: int | None  # of the network's tensor
    left: Any  # an int, or a Size
    right: Any
    value: float = 0.0


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Arguments:
        tensor: what the network has.
        axes: for each of the file's axes that of the network's; None has size 1, in the file alone.
        dtype: the file's.
        rounded: the 16-bit dtype that its values went through, if any.
    """

    tensor: SymbolicTensor
    axes: Axes
    dtype: str
    rounded: str | None = None
    pad: Padding | None = None

    @property
    def rank(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The file's shape, as far as it is known."""
        return tuple(1 if axis is None else self.tensor.shape[axis] for axis in self.axes)

    @property
    def real(self) -> tuple[int, ...]:
        """The network's axes, in the file's order."""
        return tuple(axis for axis in self.axes if axis is not None)

    def transposed(self, perm: Sequence[int]) -> Tensor:
        """Return the tensor with the file's axes in another order."""
        if sorted(perm) != list(range(self.rank)):
            raise RefusedError(f"has perm={perm} for a tensor of rank {self.rank}")
        return replace(self, axes=tuple(self.axes[axis] for axis in perm))

    def sizes(self) -> Array:
        """Return the file's shape as an array: of a Size where one is open."""
        told = [
            Size(BATCH) if axis == 0 else Size(id(self.tensor), axis) if size is None else size
            for axis, size in zip(self.axes, self.shape, strict=True)
        ]
        made = np.empty(len(told), object)
        made[:] = told
        return made

    def place(self, axis: int) -> int:
        """Return one of the file's axes as a number from 0 on."""
        if not -self.rank <= axis < self.rank:
            raise RefusedError(f"axis {axis} of a tensor of rank {self.rank}")
        return axis % self.rank


class Building:
    """Layers that are called one after the other on symbolic tensors."""

    def __init__(self, source: Source, room: int) -> None:
        self.source = source
        self._room = room  # bytes that weights may still take
        self.batch: int | None = None  # the number of samples that the file is made for
        self.layers: dict[Layer, None] = {}  # in the order of their first calls
        self._calls: list[tuple[SymbolicTensor, SymbolicTensor]] = []  # inputs and outputs
        self._taken: Counter[str] = Counter()
        self._shared: dict[Any, Layer] = {}
        self._moved: dict[Any, SymbolicTensor] = {}

    # --- layers ----------------------------------------------------------------------------------

    def name(self, wanted: str) -> str | None:
        """Return a name that no other layer has, like the one that is wanted."""
        plain = re.sub(r"[^\w.:+-]+", "_", wanted.strip("/"))[:64].strip("._")
        if not plain:
            return None
        self._taken[plain] += 1
        count = self._taken[plain]
        return plain if count == 1 else self.name(f"{plain}_{count - 1}")

    def add(self, layer: Layer, inputs: Any) -> SymbolicTensor:
        """Return what a layer makes of symbolic tensors."""
        made = layer(inputs)
        assert isinstance(made, SymbolicTensor)
        self.layers[layer] = None
        self._calls.append((inputs, made))
        return made

    def called(
        self,
        cls: type[Layer],
        node: Node,
        x: Tensor,
        weights: Sequence[tuple[str, Array]] = (),
        **arguments: Any,
    ) -> Tensor:
        """Return what a layer of one input makes of `x`, in whose order of axes it is.

        Arguments:
            node: the last that the layer stands for, after which it is called.
            weights: for each the name of the file's constant, and the values. A layer with the
                same ones is called again.
        """
        dtype = self.policy(node, [x])
        given = self._taken_as(x, x.tensor, dtype)
        # Equal constants may be stored once: layers that have learnt nothing are told by scope.
        told = node.scope if weights and not np.ptp(weights[0][1]) else ""
        names = tuple(name for name, _ in weights)
        key = (cls, names, repr(sorted(arguments.items())), dtype, told)
        layer = self._shared.get(key) if weights else None
        if layer is None:
            self._room -= sum(values.nbytes for _, values in weights)
            if self._room < 0:
                raise RefusedError("its weights take several times what the file holds")
            named = {"dtype": dtype} if dtype != "float32" else {}
            layer = cls(**arguments, **named, name=self.name(node.scope))
            layer.build(given.shape)
            layer.set_weights([values for _, values in weights])
            if weights:
                self._shared[key] = layer
        made = self.add(layer, given)
        return self.result(x, made, dtype)

    def merged(
        self, cls: type[Layer], node: Node, inputs: Sequence[Tensor], like: Tensor, **arguments: Any
    ) -> Tensor:
        """Return what a layer of several inputs makes of them, a tensor with the axes of `like`."""
        dtype = self.policy(node, inputs)
        given = [self._taken_as(x, x.tensor, dtype) for x in inputs]
        named = {"dtype": dtype} if dtype != "float32" else {}
        layer = cls(**arguments, **named, name=self.name(node.scope))
        return self.result(like, self.add(layer, given), dtype)

    def finished(self, x: Tensor) -> SymbolicTensor:
        """Return an output: the very tensor of the file, in its dtype."""
        x = self.plain(x)
        tensor = self._taken_as(x, x.tensor, "")
        if x.dtype in FLOATS and tensor.dtype != x.dtype:
            tensor = self.add(layers.Activation(Linear(), dtype=x.dtype), tensor)
        return tensor

    def is_chain(self, inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]) -> bool:
        """Tell whether the layers stand in one row from the one input to the one output."""
        ends = [made for _, made in self._calls]
        starts = [given for given, _ in self._calls]
        is_row = all(a is b for a, b in zip(starts, [*inputs, *ends], strict=False))
        ends_so = len(outputs) == 1 and bool(ends) and outputs[0] is ends[-1]
        return len(inputs) == 1 and is_row and ends_so and len(ends) == len(self.layers)

    def policy(self, node: Node, inputs: Sequence[Tensor]) -> str:
        """Return the dtype of a layer: 16 bits where values are so before it and after it."""
        dtypes = {x.dtype for x in inputs}
        if len(dtypes) > 1:
            raise RefusedError(f"reads tensors of dtypes {' and '.join(sorted(dtypes))}")
        (dtype,) = dtypes
        rounded = {x.rounded for x in inputs}
        (taken,) = rounded if len(rounded) == 1 else (None,)
        return taken if taken is not None and taken == self._rounded_after(node) else dtype

    def _rounded_after(self, node: Node) -> str | None:
        reader = self.source.reader(node.output)
        if reader is None or reader.kind != "Cast":
            return None
        return DTYPES.get(reader.attributes.get("to") or 0)

    def result(self, like: Tensor, made: SymbolicTensor, dtype: str) -> Tensor:
        """Return a layer's output as a tensor with the axes of `like`."""
        return replace(like, tensor=made, rounded=dtype if dtype in NARROW else None, pad=None)

    def _taken_as(self, x: Tensor, tensor: SymbolicTensor, dtype: str) -> SymbolicTensor:
        """Return the tensor with the 16-bit rounding that `x` had, unless a layer rounds it."""
        if x.rounded in (None, dtype) or tensor.dtype == x.rounded:
            return tensor
        return self.add(layers.Activation(Linear(), dtype=x.rounded), tensor)

    # --- views -----------------------------------------------------------------------------------

    def whole(self, x: Tensor) -> Tensor:
        """Return a tensor with its padding done."""
        pad = x.pad
        if pad is None:
            return x
        if not isinstance(pad.left, int) or not isinstance(pad.right, int):
            raise RefusedError(
                "its padding follows from the length in another way than that of 'same'"
            )
        if pad.value:
            raise RefusedError(f"pads with {pad.value}; with 0 can be done")
        if len(x.tensor.shape) != 3:
            raise RefusedError("pads a tensor that is not (batch, time, channels)")
        key = (x.tensor, pad)
        if key not in self._moved:
            layer = layers.ZeroPadding1D(
                (pad.left, pad.right),
                data_format="channels_last" if pad.axis == 1 else "channels_first",
            )
            self._moved[key] = self.add(layer, x.tensor)
        return replace(x, tensor=self._moved[key], pad=None)

    def ordered(self, x: Tensor) -> SymbolicTensor:
        """Return the network's tensor with its axes in the file's order."""
        x = self.whole(x)
        return self._permuted(x.tensor, x.real)

    def plain(self, x: Tensor) -> Tensor:
        """Return the very tensor that the file has."""
        x = self.whole(x)
        return self.arranged(x, tuple(range(x.rank)))

    def arranged(self, x: Tensor, axes: Axes) -> Tensor:
        """Return a tensor such that the network has each of the file's axes where `axes` says."""
        x = self.whole(x)
        if x.axes == axes:
            return x
        order = [x.axes[axes.index(number)] for number in range(len(axes))]
        tensor = self._permuted(x.tensor, tuple(axis for axis in order if axis is not None))
        if None in order:
            shape = [1 if axis is None else x.tensor.shape[axis] for axis in order]
            tensor = self._reshaped(tensor, shape)
        return replace(x, tensor=tensor, axes=axes)

    def squeezed(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Return a tensor without some of the file's axes, all of size 1, in the network.

        They stay in the file, which may have them anywhere.
        """
        x = self.whole(x)
        gone = [own for axis in axes if (own := x.axes[axis]) is not None]
        if any(x.tensor.shape[own] != 1 for own in gone):
            raise RefusedError(f"takes axes of shape {x.shape} for ones of size 1")
        if not gone:
            return x
        kept = [own for own in range(len(x.tensor.shape)) if own not in gone]
        tensor = self._reshaped(x.tensor, [x.tensor.shape[own] for own in kept])
        left = tuple(kept.index(own) if own in kept else None for own in x.axes)
        return replace(x, tensor=tensor, axes=left)

    def _permuted(self, tensor: SymbolicTensor, axes: tuple[int, ...]) -> SymbolicTensor:
        if axes == tuple(range(len(axes))):
            return tensor
        if axes[0] != 0:
            raise RefusedError("moves the axis of the batch")
        if (tensor, axes) not in self._moved:
            self._moved[tensor, axes] = self.add(layers.Permute(axes[1:]), tensor)
        return self._moved[tensor, axes]

    def _reshaped(self, tensor: SymbolicTensor, shape: Sequence[int | None]) -> SymbolicTensor:
        if list(shape[1:]).count(None) > 1:
            raise RefusedError("adds an axis to a tensor of several open sizes")
        target = tuple(-1 if size is None else size for size in shape[1:])
        if (tensor, target, "reshaped") not in self._moved:
            self._moved[tensor, target, "reshaped"] = self.add(layers.Reshape(target), tensor)
        return self._moved[tensor, target, "reshaped"]
