"""`sepconv.onnx.load`: a network from an ONNX file."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from onnx import ModelProto

from sepconv.errors import SepconvError, ValidationError, WeightsError, shown
from sepconv.layers import Input
from sepconv.layers.deferral import values_to_come
from sepconv.layers.symbolic import SymbolicTensor
from sepconv.models import Functional, Network, Sequential
from sepconv.models.inputs import name_of
from sepconv.onnx.incoming import (
    activations,
    convolutions as convolutions,
    dense as dense,
    merging as merging,
    moving as moving,
    normalizing as normalizing,
    over_time as over_time,
    pooling as pooling,
)
from sepconv.onnx.incoming.arithmetic import EVALUATED, evaluated
from sepconv.onnx.incoming.building import Building, RefusedError, Tensor
from sepconv.onnx.incoming.idle import without_idle
from sepconv.onnx.incoming.source import Node, Source, parsed
from sepconv.onnx.incoming.table import FINDERS, Found

MOST_TOLD = 200  # nodes in one error
COPIES = 4  # of what a file holds may be made: constants computed from others, and weights
SLACK = 2**20  # bytes beyond that
Result = TypeVar("Result")


def load(path: str | PathLike[str]) -> Network:
    """Return the network in an ONNX file, with its weights, for inference and further training.

    Convolutions of (batch, channels, time) are channels_first, those behind a transpose of
    (batch, time, channels) channels_last. One input and one output in a row give a Sequential,
    else a Functional network; several outputs come in a dict if the file has names for them that
    are not those of the layers. Nothing in the file is executed, and no other file is opened.

    Raises:
        ValidationError: nodes that no layer stands for; the text lists all, with the reasons.
        WeightsError: the file is damaged, no ONNX, or not complete.
        OSError: it cannot be read.

    >>> import tempfile
    >>> from sepconv import SeparableConv1D, Sequential, export
    >>> path = tempfile.mkdtemp() + "/model.onnx"
    >>> export(Sequential([Input((None, 12)), SeparableConv1D(4, 3, name="front")]), path)
    >>> [layer.name for layer in load(path).layers]
    ['front']
    """
    path = Path(path)
    path.stat()
    if not path.is_file():
        raise WeightsError(f"{path}: not a regular file")
    raw = path.read_bytes()
    try:
        return _network(parsed(raw), len(raw))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except ValidationError as error:
        raise ValidationError(f"{path}: {error}") from None


def from_onnx(model: ModelProto | bytes) -> Network:
    """Return what `load` does, from an ONNX model or a file's bytes."""
    raw = model if isinstance(model, bytes) else model.SerializeToString()
    return _network(parsed(raw), len(raw))


def _network(source: Source, held: int) -> Network:
    refused: dict[int, str] = {}
    room = SLACK + COPIES * held
    dtypes = {name: array.dtype.name for name, array in source.constants.items()}
    dtypes.update((given.name, given.dtype) for given in source.inputs)
    source.replace(*without_idle(source.nodes, dtypes, source.constants, source.readers))
    sizes = _fold(source, room)
    plan = _planned(source, sizes, refused)
    with values_to_come():
        building, inputs = _started(source, room)
        values: dict[str, Any] = {"": None, **inputs}
        for number in sorted(plan):
            _make(building, source.nodes[number], plan[number], values, refused)
        outputs = list(_ended(building, values, refused))
    if refused:
        raise ValidationError(_told(source, refused))
    return _assembled(building, [x.tensor for x in inputs.values()], outputs)


# --- what is constant ----------------------------------------------------------------------------


def _fold(source: Source, room: int) -> set[str]:
    """Compute what depends on constants alone, within so many bytes.

    Returns:
        The names of what depends on constants and on sizes of the inputs, not on their values.
    """
    sizes: set[str] = set()
    for node in source.nodes:
        unknown = {name for name in node.inputs if name and name not in source.constants}
        if node.kind not in EVALUATED:
            continue
        if node.kind == "Shape" or (unknown and unknown <= sizes):
            sizes.update(node.outputs)
        if unknown:
            continue
        try:
            arrays = [source.constants.get(name) for name in node.inputs]
            made = evaluated(node, arrays, room)
        except WeightsError:
            continue  # who reads it tells that it is no constant
        room -= sum(array.nbytes for array in made)
        source.constants.update(zip(node.outputs, made, strict=False))
    return sizes


# --- what the nodes are --------------------------------------------------------------------------


def _planned(source: Source, sizes: set[str], refused: dict[int, str]) -> dict[int, Found]:
    """Return what each node is that the outputs need, by its number; others belong to these."""
    plan: dict[int, Found] = {}
    wanted = list(source.results)
    while wanted:
        name = wanted.pop()
        node = source.makers.get(name)
        if node is None or name in source.constants:
            continue
        if node.number in plan or node.number in refused:
            continue
        found = _guarded(node, refused, functools.partial(_found, source, sizes, node, name))
        if found is not None:
            plan[node.number] = found
        wanted += node.inputs if found is None else found.inputs
    return plan


def _found(source: Source, sizes: set[str], node: Node, name: str) -> Found:
    if name != node.output and node.kind != "Split":
        raise RefusedError(f"its output {shown(name)} is used; the first alone can be")
    if node.output in sizes and node.kind != "Shape":
        return Found(node.inputs, functools.partial(_computed, node))
    act = activations.found(source, node)
    if act is not None:
        inner = None
        if act.before is not None:
            with contextlib.suppress(SepconvError):  # which that node tells of itself
                inner = _of_table(source, act.before)
        if inner is not None and inner.activated is not None:
            return inner.activated(act.function, node)
        return activations.layer(node, act)
    found = _of_table(source, node)
    if found is None:
        raise RefusedError("no layer does this")
    return found


def _of_table(source: Source, node: Node) -> Found | None:
    found = (finder(source, node) for finder in FINDERS.get(node.kind, ()))
    return next((one for one in found if one is not None), None)


def _computed(node: Node, building: Building, *values: Any) -> Any:
    return evaluated(node, values, SLACK)[0]


def _guarded(node: Node, refused: dict[int, str], run: Callable[[], Result]) -> Result | None:
    """Return what a function gives; keep the reason if it refuses the node."""
    try:
        return run()
    except SepconvError as error:
        refused[node.number] = str(error)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        refused[node.number] = f"has attributes or inputs that ONNX does not allow: {error!r}"
    except ValueError as error:  # such as NumPy's, of shapes
        refused[node.number] = f"cannot be computed: {error}"
    return None


# --- the network ---------------------------------------------------------------------------------


def _started(source: Source, room: int) -> tuple[Building, dict[str, Tensor]]:
    building = Building(source, room)
    batches = {given.shape[0] for given in source.inputs}
    building.batch = batches.pop() if len(batches) == 1 else None
    if not source.inputs:
        raise WeightsError("has no inputs")
    inputs = {}
    for given in source.inputs:
        tensor = Input(given.shape[1:], dtype=given.dtype, name=building.name(given.name))
        axes = tuple(range(len(given.shape)))
        inputs[given.name] = Tensor(tensor, axes, given.dtype)
    return building, inputs


def _make(
    building: Building, node: Node, found: Found, values: dict[str, Any], refused: dict[int, str]
) -> None:
    constants = building.source.constants
    if any(name not in values and name not in constants for name in found.inputs):
        return  # something before it was refused
    given = [values[name] if name in values else constants[name] for name in found.inputs]
    made = _guarded(node, refused, functools.partial(found.make, building, *given))
    if isinstance(made, list):
        values.update(zip(node.outputs, made, strict=False))
    elif made is not None:
        values[node.output] = made


def _ended(
    building: Building, values: dict[str, Any], refused: dict[int, str]
) -> Iterator[SymbolicTensor]:
    source = building.source
    for name in source.results:
        if name in source.constants or isinstance(values.get(name), np.ndarray):
            raise ValidationError(f"its output {shown(name)} does not depend on the inputs' values")
        if name not in values:
            continue  # what makes it was refused
        finish = functools.partial(building.finished, values[name])
        node = source.makers.get(name)
        made = finish() if node is None else _guarded(node, refused, finish)
        if made is not None:
            yield made


def _assembled(
    building: Building, inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> Network:
    name = building.name(building.source.name)
    if building.is_chain(inputs, outputs):
        return Sequential([inputs[0], *building.layers], name=name)
    told = building.source.outputs
    joined: Any = outputs[0] if len(outputs) == 1 else outputs
    if len(outputs) > 1 and [name_of(tensor) for tensor in outputs] != told:
        joined = dict(zip(told, outputs, strict=True))
    return Functional(inputs[0] if len(inputs) == 1 else inputs, joined, name=name)


def _told(source: Source, refused: dict[int, str]) -> str:
    numbers: Sequence[int] = sorted(refused)
    lines = [
        f"  {shown(source.nodes[n].name)} ({source.nodes[n].kind}): {refused[n]}"
        for n in numbers[:MOST_TOLD]
    ]
    if len(numbers) > MOST_TOLD:
        lines.append(f"  and {len(numbers) - MOST_TOLD} others")
    return f"{shown(source.name)} cannot be read from ONNX:\n" + "\n".join(lines)
