"""`sepconv.export`: a network as an ONNX file."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import Any

import onnx
from onnx import ModelProto, ValueInfoProto, helper, shape_inference

from sepconv import __version__
from sepconv.errors import ValidationError, shown
from sepconv.layers import Embedding, Layer, Reshape
from sepconv.layers.module import check_built
from sepconv.layers.structure import flat, mapped
from sepconv.models import Functional, Network
from sepconv.models.inputs import name_of
from sepconv.models.program import Program
from sepconv.models.steps import Step
from sepconv.onnx import (
    activations,
    convolutions as convolutions,
    moving as moving,
    normalizing as normalizing,
)
from sepconv.onnx.converters import CONVERTERS
from sepconv.onnx.graph import TYPES, Graph, Shape, Value
from sepconv.weights.atomic import replacing

OPSET, IR_VERSION = 18, 8  # which ONNX Runtime reads from 1.14 on
LARGEST = 2**31 - 2**20  # bytes: Protocol Buffers hold less than 2 GiB


def export(
    model: Layer, path: str | PathLike[str], input_shape: Sequence[int | None] | None = None
) -> None:
    """Write what a network computes in inference, with its weights, as an ONNX file.

    The batch is open in the file, and so are other open sizes of the Inputs. Inputs and outputs
    have the names of their layers, or their keys in a dict.

    Arguments:
        model: a built network or layer.
        path: ends with .onnx.
        input_shape: of one sample, for a network of one input that leaves sizes open.

    Raises:
        ValidationError: another suffix, a network that is not built, or layers, activations and
            calls that have no ONNX form; all are told.
        OSError: the file cannot be written; one that was there before is unharmed.

    >>> import tempfile
    >>> from sepconv import Input, SeparableConv1D, Sequential
    >>> model = Sequential([Input((None, 12)), SeparableConv1D(4, 3, activation="relu")])
    >>> export(model, tempfile.mkdtemp() + "/model.onnx")
    """
    if not fspath(path).endswith(".onnx"):
        raise ValidationError(f"an ONNX file ends with .onnx, got {shown(fspath(path))}")
    made = to_onnx(model, input_shape).SerializeToString()
    with replacing(path) as file:
        file.write(made)


def to_onnx(model: Layer, input_shape: Sequence[int | None] | None = None) -> ModelProto:
    """Return what `export` writes, checked by ONNX's own checker."""
    check_built(model, "export")
    program, inputs, output_names = _ends(model, input_shape)
    reasons = list(_refused(program, model.name if isinstance(model, Network) else ""))
    if reasons:
        raise ValidationError(
            f"'{model.name}' cannot be written as ONNX:\n" + "\n".join(f"  {r}" for r in reasons)
        )
    size = sum(weight.value.nbytes for weight in model.weights)
    if size > LARGEST:
        raise ValidationError(f"weights of {size:,} bytes are more than an ONNX file holds: 2 GiB")
    graph = Graph()
    given = [Value(graph.fresh(name), shape, dtype) for name, shape, dtype in inputs]
    with model._lock:  # so that all weights are of one time
        outputs = _through(graph, program, given, "")
    return _model(model.name, graph, given, outputs, output_names)


# --- what goes in and comes out ------------------------------------------------------------------


def _ends(
    model: Layer, input_shape: Sequence[int | None] | None
) -> tuple[Program, list[tuple[str, Shape, str]], list[str]]:
    """Return the calls, the name, shape and dtype of each input, and the names of the outputs."""
    if isinstance(model, Network):
        program, names = model._program(), _names(model.input)
        shapes, dtypes = [t.shape for t in model.inputs], [t.dtype for t in model.inputs]
        output_names = _names(model.output)
    else:
        several = isinstance(model._build_shape[0], (list, tuple))
        shapes = list(model._build_shape) if several else [model._build_shape]
        names = [f"input_{number}" for number in range(len(shapes))] if several else ["input"]
        source = list(range(len(shapes))) if several else 0
        program = Program([(model, source, len(shapes), {})], flat(source), [len(shapes)])
        dtypes = [_taken_dtype(model)] * len(shapes)
        output_names = [model.name]
    if input_shape is not None:
        shapes = [_narrowed(shapes, tuple(input_shape))]
    opened = [(None, *shape[1:]) for shape in shapes]
    return program, list(zip(names, opened, dtypes, strict=True)), output_names


def _names(structure: Any) -> list[str]:
    if isinstance(structure, dict) and not any(
        isinstance(p, (list, dict)) for p in structure.values()
    ):
        return sorted(structure)
    return [name_of(tensor) for tensor in flat(structure)]


def _narrowed(shapes: Sequence[Any], given: Shape) -> Shape:
    if len(shapes) > 1:
        raise ValidationError(f"`input_shape` is for networks of one input, not of {len(shapes)}")
    own = shapes[0][1:]
    fits = len(own) == len(given) and all(a in (None, b) for a, b in zip(own, given, strict=True))
    if not fits:
        raise ValidationError(f"`input_shape={given}` is none of the input's shape {own}")
    return (None, *given)


def _model(
    name: str, graph: Graph, given: list[Value], outputs: list[Value], output_names: list[str]
) -> ModelProto:
    plain = [graph.read(value, False) for value in outputs]
    ends = [graph.fresh(name) for name in output_names]
    _rename(graph, plain, ends, {value.names[False] for value in given})
    # But for what is concatenated along it, the batch of outputs is that of inputs.
    concatenated = any(node.op_type == "Concat" and not node.attribute[0].i for node in graph.nodes)
    batch = None if concatenated else "batch"
    made = helper.make_graph(
        graph.nodes,
        name,
        [_info(value.names[False], value, "batch", is_input=True) for value in given],
        [_info(end, value, batch) for end, value in zip(ends, outputs, strict=True)],
        graph.initializers,
    )
    model = helper.make_model(
        made,
        producer_name="sepconv",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    model = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def _rename(graph: Graph, names: list[str], ends: list[str], fixed: set[str]) -> None:
    """Give the outputs their names, by a node of their own where a tensor has another already."""
    graph.scope = "outputs"
    renamed: dict[str, str] = {}
    for name, end in zip(names, ends, strict=True):
        if name in fixed or name in renamed:
            graph.nodes.append(helper.make_node("Identity", [name], [end], end))
        else:
            renamed[name] = end
    for node in graph.nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]


def _info(name: str, value: Value, batch: str | None, is_input: bool = False) -> ValueInfoProto:
    shape: list[int | str | None] = list(value.shape)
    if is_input:
        shape = [f"{name}_{axis}" if size is None else size for axis, size in enumerate(shape)]
    return helper.make_tensor_value_info(name, TYPES[value.dtype], [batch, *shape[1:]])


# --- the calls -----------------------------------------------------------------------------------


def _through(graph: Graph, program: Program, inputs: Sequence[Value], path: str) -> list[Value]:
    """Return the outputs of calls; `path` is what stands before their layers' names."""
    return program.through(
        inputs, program.steps[False], lambda step, x: _called(graph, step, x, path)
    )


def _called(graph: Graph, step: Step, x: Any, path: str) -> Any:
    layer = step.layer
    graph.scope = path + layer.name
    if isinstance(layer, Network):
        given = flat(layer._arranged(x)) if isinstance(layer, Functional) else [x]
        dtypes = [tensor.dtype for tensor in layer.inputs]
        taken = [graph.cast(value, dtype) for value, dtype in zip(given, dtypes, strict=True)]
        return layer._joined(_through(graph, layer._program(), taken, f"{path}{layer.name}/"))
    # Embedding takes ints as they are; other layers compute 16-bit floats in float32.
    working = layer.dtype_policy.working_dtype
    dtypes = [_taken_dtype(layer)] + [working] * (not isinstance(layer, Embedding))
    taken = mapped(lambda value: functools.reduce(graph.cast, dtypes, value), x)
    name, swapped = CONVERTERS[type(layer)](graph, layer, taken)
    shape = layer.compute_output_shape(mapped(lambda value: value.shape, x))
    return graph.cast(Value(name, shape, working, swapped), layer.compute_dtype)


def _taken_dtype(layer: Layer) -> str:
    """Return the dtype to which a layer converts its inputs."""
    return "int64" if isinstance(layer, Embedding) else layer.compute_dtype


def _refused(program: Program, path: str) -> Iterator[str]:
    """Yield where a layer stands that has no ONNX form, and why it has none."""
    for step in program.steps[False]:
        where = f"{path}/{step.layer.name}" if path else step.layer.name
        if isinstance(step.layer, Network):
            yield from _refused(step.layer._program(), where)
        elif reason := _reason(step):
            yield f"{where} ({type(step.layer).__name__}): {reason}"


def _reason(step: Step) -> str | None:
    layer = step.layer
    others = [name for name in step.kwargs if name != "training"]
    if others:
        return f"it is called with `{others[0]}=`"
    if type(layer) not in CONVERTERS:
        return "layers of this class have no ONNX form"
    activation = getattr(layer, "activation", None)
    if activation is not None and not activations.is_known(activation):
        return f"its activation {shown(activation)} has no ONNX form"
    if isinstance(layer, Reshape) and 0 in layer.target_shape:
        return "a size of 0 has no ONNX form"
    return None
