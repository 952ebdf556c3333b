"""`sepconv convert`: a model from one file format to another, with its weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from sepconv import config, saving
from sepconv.cli import files
from sepconv.cli.arrays import read_array
from sepconv.cli.errors import CommandError
from sepconv.config import opening, rendering
from sepconv.layers import Layer
from sepconv.weights import OF_MODELS, OF_WEIGHTS

CONFIGS = (".yaml", ".yml", ".json")


def run(arguments: argparse.Namespace) -> int:
    """Read the model, write it in the format that the new name ends with, and read it again."""
    source, target = arguments.source, arguments.target
    if not target.endswith((*CONFIGS, *OF_MODELS, *OF_WEIGHTS, saving.ONNX)):
        raise CommandError(
            f"{target}: a model ends with {', '.join(OF_MODELS)} or {saving.ONNX}, a config with "
            f"{', '.join(CONFIGS)}, weights with {', '.join(OF_WEIGHTS)}"
        )
    shape = files.shape(arguments.input_shape) if arguments.input_shape else None
    layer, notes = opening.opened(source, arguments.weights, arguments.set, arguments.verify, shape)
    for note in notes:
        print(rendering.clean(f"{source}: note: {note.message}"), file=sys.stderr)
    has_weights = saving.is_model(source) or arguments.weights is not None
    if not target.endswith(CONFIGS) or arguments.save_weights:
        _check(layer, source, has_weights)
    _write(layer, source, target, arguments.example)
    if arguments.save_weights:
        layer.save_weights(arguments.save_weights)
    elif target.endswith(CONFIGS) and has_weights:
        _note(f"{target} holds no weights; --save-weights FILE writes them")
    _note(f"{source} -> {target}: {_size(layer)}")
    return 0


def _check(layer: Layer, source: str, has_weights: bool) -> None:
    if not layer.built:
        raise CommandError(f"{source}: tells no input shape, so no weights: --input-shape")
    if not has_weights:
        _note("no --weights: the layers have the values of their initializers")


def _write(layer: Layer, source: str, target: str, example: str | None) -> None:
    if target.endswith(CONFIGS):
        config.dump(layer, target)
    elif target.endswith(saving.ONNX):
        from sepconv.onnx import export

        export(layer, target)
    elif target.endswith(OF_MODELS):
        x = [read_array(Path(example), None, layer)] if example else saving.example_in(source)
        saving.save(layer, target, x[0] if len(x) == 1 else x or None)
        _compare(layer, opening.load(target, verify=bool(x)), target)
    else:
        layer.save_weights(target)


def _compare(layer: Layer, again: Layer, target: str) -> None:
    for weight, like in zip(again.get_weights(), layer.get_weights(), strict=True):
        if not np.array_equal(weight, like, equal_nan=True):
            raise CommandError(f"{target}: reads back other weights than were written")


def _size(layer: Layer) -> str:
    return f"{layer.count_params():,} parameters" if layer.built else "not built"


def _note(message: str) -> None:
    print(message, file=sys.stderr)
