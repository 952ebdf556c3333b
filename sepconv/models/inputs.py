"""What a network is called on: in which structure, and of which shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sepconv.errors import ValidationError
from sepconv.layers.structure import flat, mapped, packed, paths
from sepconv.layers.symbolic import SymbolicTensor


def arranged(inputs: Any, form: Any, network: str) -> Any:
    """Return `inputs` in the structure of `form`, with Keras's freedoms.

    Arguments:
        inputs: one value, a list, or a dict by the names of the Inputs.
        form: structure of symbolic tensors.
        network: its name, for errors.

    Raises:
        ValidationError: a value is missing, or one too many.
    """
    if type(inputs) is np.ndarray and type(form) is SymbolicTensor:
        return inputs
    if isinstance(inputs, dict):
        return _from_dict(inputs, form, network)
    if isinstance(form, SymbolicTensor):
        one = isinstance(inputs, (list, tuple)) and len(inputs) == 1 and hasattr(inputs[0], "shape")
        given = inputs[0] if one else inputs
        if isinstance(given, (list, tuple)) and any(isinstance(x, SymbolicTensor) for x in given):
            raise not_one_tensor(given, network)
        return _value(given)
    values = flat(inputs)
    names = _names(form)
    if len(values) != len(names):
        example = ", ".join(f"'{name}': ..." for name in names)
        raise ValidationError(
            f'Layer "{network}" expects {len(names)} named input(s) with keys {names}, but it '
            f"received {len(values)} input tensors. Pass inputs as a dict, e.g. "
            f"`layer({{{example}}})`."
        )
    if isinstance(form, dict) and list(form) != sorted(form):
        raise ValidationError(
            f"The structure of `inputs` doesn't match the expected structure.\n"
            f"Expected: {mapped(name_of, form)}\nReceived: inputs={mapped(_told, inputs)}"
        )
    return packed(form, values)


def not_one_tensor(inputs: Any, network: str) -> ValidationError:
    """Return the refusal of a structure of symbolic tensors by a network of one input."""
    return ValidationError(
        f'Layer "{network}" expects 1 input(s), but it received a {type(inputs).__name__} of '
        f"{len(inputs)} input tensors."
    )


def name_of(tensor: SymbolicTensor) -> str:
    """Return the name of the layer that a tensor comes from."""
    return tensor.node.operation.name if tensor.node is not None else tensor.name


def fitting_rank(array: Any, tensor: SymbolicTensor, form: Any) -> Any:
    """Return `array` with its last axis of size 1 added or taken off, as the tensor's rank asks.

    Raises:
        ValidationError: that does not give it the rank.
    """
    missing = tensor.ndim - array.ndim
    if missing == 0:
        return array
    if missing == 1 and tensor.shape[-1] == 1:
        return array[..., np.newaxis]
    if missing == -1 and array.shape[-1] == 1:
        return array[..., 0]
    path = next(path for path, one in paths(form) if one is tensor)
    raise ValidationError(
        f"Invalid input shape for input with name '{name_of(tensor)}' and path '{path}'. Expected "
        f"shape {tensor.shape}, but input has incompatible shape {array.shape}"
    )


def check_shapes(inputs: list[Any], tensors: list[SymbolicTensor], network: str) -> None:
    """Raise ValidationError when an input has another shape than its tensor; batches may differ."""
    for number, (given, tensor) in enumerate(zip(inputs, tensors, strict=True)):
        shape, expected = given.shape, tensor.shape
        fits = len(shape) == len(expected)
        for size, wanted in zip(shape[1:], expected[1:], strict=False):
            fits = fits and (size == wanted or size is None or wanted is None)
        if not fits:
            raise ValidationError(
                f"Input {number} with name '{name_of(tensor)}' of layer '{network}' is "
                f"incompatible with the layer: expected shape={(None, *expected[1:])}, "
                f"found shape={shape}"
            )


def _from_dict(inputs: dict[str, Any], form: Any, network: str) -> Any:
    names = list(form) if isinstance(form, dict) else _names(form)
    for name in names:
        if name not in inputs:
            raise ValidationError(
                f'Missing data for input "{name}". You passed a data dictionary with keys '
                f"{list(inputs)}. Expected the following keys: {sorted(names)}"
            )
    if isinstance(form, dict):
        return {name: arranged(inputs[name], part, network) for name, part in form.items()}
    return packed(form, [_value(inputs[name]) for name in names])


def _names(form: Any) -> list[str]:
    """Return the names of the inputs: the keys of a dict, or their layers' names."""
    if isinstance(form, dict) and all(isinstance(p, SymbolicTensor) for p in form.values()):
        return sorted(form)
    return [name_of(tensor) for tensor in flat(form)]


def _told(value: Any) -> str:
    return f"Tensor(shape={np.shape(value)})"


def _value(given: Any) -> Any:
    """Return what has a shape; lists of numbers become arrays, which no structure takes apart."""
    return given if given is None or hasattr(given, "shape") else np.asarray(given)
