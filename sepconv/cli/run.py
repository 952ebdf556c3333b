"""`sepconv run`: the outputs of a config for arrays in a file, batch by batch."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sepconv import config, saving
from sepconv.cli import terminal
from sepconv.cli.arrays import read_array
from sepconv.cli.errors import CommandError
from sepconv.layers import Layer

BATCH_BYTES = 2**25  # of inputs and outputs at a time: memory stays small, threads stay busy


def run(arguments: argparse.Namespace) -> int:
    """Compute the outputs and write them to one .npy file, which appears when it is complete."""
    output = Path(arguments.output)
    if output.suffix != ".npy":
        raise CommandError(f"--output {output}: the result is an .npy file")
    if not output.absolute().parent.is_dir():
        raise CommandError(f"--output {output}: no such folder")
    layer = config.load(arguments.file, overrides=arguments.set, verify=arguments.verify)
    x = read_array(Path(arguments.input), arguments.array, layer)
    shape = layer.compute_output_shape(x.shape)
    if not layer.built:
        layer.build((None, *x.shape[1:]))
    if arguments.weights:
        layer.load_weights(arguments.weights)
    started = time.perf_counter()
    with saving.replacing(output) as file:
        for batch in terminal.tracked(_outputs(layer, x), "computing", _batches(x, shape)):
            if not file.tell():
                header = {"descr": npy.dtype_to_descr(batch.dtype), "fortran_order": False}
                npy.write_array_header_1_0(file, {**header, "shape": shape})
            file.write(np.ascontiguousarray(batch).data)
    seconds = time.perf_counter() - started
    if not arguments.weights and not saving.is_model(arguments.file):
        _note("no --weights: the layers have the values of their initializers")
    _note(f"{x.shape} -> {shape} in {seconds:.3g} s: {output}")
    return 0


def _outputs(layer: Layer, x: NDArray[Any]) -> Iterator[NDArray[Any]]:
    size = _batch_size(x)
    for start in range(0, max(len(x), 1), size):  # an empty array gives one empty batch
        y = np.asarray(layer(x[start : start + size]))
        # NumPy's files have no bfloat16.
        yield y.astype(np.float32) if y.dtype.name == "bfloat16" else y


def _batch_size(x: NDArray[Any]) -> int:
    return max(1, BATCH_BYTES // max(1, x[:1].nbytes))


def _batches(x: NDArray[Any], shape: tuple[Any, ...]) -> int:
    return -(-len(x) // _batch_size(x))


def _note(message: str) -> None:
    print(message, file=sys.stderr)
