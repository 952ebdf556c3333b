"""`sepconv export`: a model as an ONNX file."""

from __future__ import annotations

import argparse
import sys

from sepconv import saving
from sepconv.cli import files
from sepconv.cli.errors import CommandError
from sepconv.config import opening
from sepconv.errors import ValidationError


def run(arguments: argparse.Namespace) -> int:
    """Write the network in inference, with its weights."""
    source, target = arguments.file, arguments.target
    if not target.endswith(".onnx"):
        raise CommandError(f"{target}: an ONNX file ends with .onnx")
    shape = files.shape(arguments.input_shape) if arguments.input_shape else None
    model, _ = opening.opened(source, arguments.weights, arguments.set, input_shape=shape)
    if not model.built:
        raise CommandError(f"{source}: tells no input shape, so no weights: --input-shape")
    if arguments.weights is None and not saving.is_model(source):
        print("no --weights: the layers have the values of their initializers", file=sys.stderr)
    from sepconv.onnx import export

    try:
        export(model, target, shape)
    except ValidationError as error:
        raise CommandError(f"{source}: {error}") from error
    print(f"{source} -> {target}: {model.count_params():,} parameters", file=sys.stderr)
    return 0
