"""`sepconv.load`: a config, or a whole model with its weights, from one file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath

from sepconv import saving
from sepconv.config import importing
from sepconv.config.findings import Note
from sepconv.config.loading import build, content
from sepconv.errors import ValidationError
from sepconv.layers import Layer
from sepconv.layers.deferral import values_to_come


def load(
    path: str | PathLike[str],
    weights: str | PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    verify: bool = False,
    input_shape: Sequence[int | None] | None = None,
) -> Layer:
    """Return the layer or network in a file.

    Nothing in the file is executed, imported or opened; names resolve through the registries.

    Arguments:
        path: a config, JSON when it ends with `.json`, else YAML; or a whole model with weights:
            `.keras`, `.safetensors`, an `.h5` of Keras 2, or an `.onnx`.
        weights: of a file to set the weights from, whatever `path` holds of them: `.npz`,
            `.safetensors`, `.weights.h5`, `.keras` or `.h5`.
        overrides: `path=value` each, above what the file says, as in `layers.0.filters=8`.
        verify: run the self-test that the model was saved with.
        input_shape: of one sample, `(time, channels)`, when `path` tells none.

    Raises:
        ValidationError: there are weights, and nothing tells the input shape.
        ConfigError: the config is refused; the text and `findings` hold every reason.
        ValidationError: an `.onnx` has operators that no layer stands for, or is to be changed
            by `overrides` or run in a self-test.
        WeightsError: the weights are refused, or the self-test gives other values.
        ImportError: an `.onnx` without the package `onnx`.
        OSError: a file cannot be read.

    >>> load("configs/keyword_spotting.yaml", overrides=["name=kws"]).name
    'kws'
    """
    return opened(path, weights, overrides, verify, input_shape)[0]


def opened(
    path: str | PathLike[str],
    weights: str | PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    verify: bool = False,
    input_shape: Sequence[int | None] | None = None,
) -> tuple[Layer, tuple[Note, ...]]:
    """Return what `load` does, and notes on what the file holds and the network has not."""
    name = fspath(path)
    if name.endswith(saving.ONNX):
        return _of_onnx(name, weights, overrides, verify), ()
    if not saving.is_model(name) and weights is None:
        layer, notes = _declared(name, overrides, input_shape)
    else:
        with values_to_come():
            layer, notes = _declared(name, overrides, input_shape)
        if not layer.built:
            raise ValidationError(
                f"{name}: tells no input shape, so its layers have no weights: give `input_shape`, "
                f"--input-shape on the command line"
            )
        saving.load_weights(layer, name if weights is None else weights)
    if verify:
        saving.verify(layer, name)
    return layer, notes


def _of_onnx(
    name: str, weights: str | PathLike[str] | None, overrides: Sequence[str], verify: bool
) -> Layer:
    if overrides or verify:
        raise ValidationError(
            f"{name}: an ONNX file holds no {'config to change' if overrides else 'self-test'}; "
            f"first `sepconv convert` it to .keras or .safetensors"
        )
    from sepconv.onnx import load as load_onnx

    layer = load_onnx(name)
    if weights is not None:
        saving.load_weights(layer, weights)
    return layer


def _declared(
    name: str, overrides: Sequence[str], input_shape: Sequence[int | None] | None
) -> tuple[Layer, tuple[Note, ...]]:
    layer, notes = _read(name, overrides)
    if input_shape is not None and not layer.built:
        layer.build((None, *input_shape))
    return layer, notes


def _read(name: str, overrides: Sequence[str]) -> tuple[Layer, tuple[Note, ...]]:
    if saving.is_model(name):
        return importing.network(saving.config(name).encode(), f"{name}/config.json", overrides)
    raw = content(name)
    if name.lower().endswith(".json") and importing.is_of_keras(raw):
        return importing.network(raw, name, overrides)
    return build(raw, name, overrides), ()
