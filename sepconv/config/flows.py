"""What flows between layers: shapes and dtypes, each with the layer it comes from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

from sepconv.config.checks import is_sound
from sepconv.config.findings import Findings, Note
from sepconv.config.kinds import LAYERS
from sepconv.config.nodes import Span
from sepconv.config.sketching import sketched
from sepconv.config.specs import Spec, is_sequential
from sepconv.config.words import name_of
from sepconv.layers.geometry import span as kernel_span
from sepconv.layers.symbolic import SymbolicTensor

Shape = tuple[int | None, ...]
LARGE = 2**32  # bytes of weights that are probably a slip of the keyboard
MERGES = {  # how many inputs they take, in a list
    **dict.fromkeys(("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply"), (1, None)),
    **dict.fromkeys(("Dot", "Subtract"), (2, 2)),
}


@dataclass(frozen=True)
class Flow:
    """The shape of one output, the batch left out; None where nothing is known."""

    shape: Shape | None = None
    source: str = ""  # what made it
    span: Span | None = None
    dtype: str = "float32"
    is_certain: bool = False  # of its dtype: an input has float32 when it says nothing

    def note(self, size: int | None) -> tuple[Note, ...]:
        what = "it comes" if size is None else f"{size} steps come"
        return (Note(f"{what} from {self.source}", self.span),) if self.source else ()


UNKNOWN = Flow()
Flows: TypeAlias = Flow | list[Flow]  # what reaches a layer: by itself, or in a list


def through(spec: Spec, given: Flows, findings: Findings) -> Flow:
    """Return what leaves a layer, and add a finding when what reaches it does not fit."""
    layer, inputs = spec.made, listed(given)
    if spec.name == "InputLayer":
        return inputs[0] if inputs and inputs[0].shape is not None else of_input(spec)
    if layer is None or not is_sound(spec, findings) or not fits_number(spec, given, findings):
        return UNKNOWN
    known = [flow.shape for flow in inputs if flow.shape is not None]
    if len(known) < len(inputs):
        if len(inputs) > 1 or "kernel_size" not in spec.declared:
            return UNKNOWN
        return _open(spec, layer, (None, None, None), inputs, findings)
    if len(inputs) == 1:
        if spec.name in LAYERS and _window(spec) is not None:
            if not _fits_window(spec, layer, inputs[0], findings):
                return UNKNOWN
            if _lacks_channels(spec, layer, inputs[0], findings):
                return _open(spec, layer, (None, *known[0]), inputs, findings)
        _check_dtype(spec, inputs[0], findings)
    return _called(spec, layer, given, findings)


def listed(given: Flows) -> list[Flow]:
    return given if isinstance(given, list) else [given]


def of_input(spec: Spec) -> Flow:
    """Return what an InputLayer declares."""
    shape = getattr(spec.made, "batch_shape", None)
    if not shape:
        return UNKNOWN
    what = f"the input `{name_of(spec.label)}`" if spec.label else "`InputLayer`"
    return Flow(tuple(shape[1:]), what, spec.span, spec.made.dtype, "dtype" in spec.arguments)


def entering(network: Spec, given: Flow, own: Flow, findings: Findings) -> Flow:
    """Return what enters a network that is given something and declares its own input."""
    if given.shape is None or own.shape is None:
        return own if given.shape is None else given
    is_whole = len(given.shape) == len(own.shape)
    sizes = list(zip(given.shape, own.shape, strict=False))
    if given.span is not None and not (is_whole and all(None in s or s[0] == s[1] for s in sizes)):
        findings.add(
            "SC311",
            f"{network.name} takes {written(own.shape)}, and {written(given.shape)} reaches it",
            network.span,
            network.path,
            notes=(*given.note(None), Note(f"{own.source} is here", own.span)),
        )
        return own
    return given


def fits_number(spec: Spec, given: Flows, findings: Findings) -> bool:
    """Tell whether as many inputs reach a layer or Sequential as it takes, in a list or not."""
    if spec.name not in LAYERS and not is_sequential(spec):
        return True  # the user's own may take any number
    count, is_list = len(listed(given)), isinstance(given, list)
    least, most = MERGES.get(spec.name, (1, 1))
    if is_list and count == 1 and is_sequential(spec):
        return True
    if is_list == (spec.name in MERGES) and least <= count and (most is None or count <= most):
        return True
    takes = "1 input"
    if spec.name in MERGES:
        takes = "a list of inputs" if most is None else f"a list of {least} inputs"
    got = str(count) if count != 1 else "a list of 1" if is_list else "one alone"
    findings.add(
        "SC333",
        f"{spec.name} takes {takes}, and {got} reach{'es' if count == 1 else ''} it",
        spec.span,
        spec.path,
        help="merge them first, with Add or Concatenate" if most == 1 and count > 1 else None,
    )
    return False


def _open(spec: Spec, layer: Any, shape: Shape, inputs: list[Flow], findings: Findings) -> Flow:
    """Return what is known of a convolution's output although its channels are not known."""
    try:
        return _flow(spec, layer.compute_output_shape(shape), layer.compute_dtype)
    except Exception as error:  # such as an odd number of filters before glu
        _report_unfit(spec, error, inputs, findings)
        return UNKNOWN


def _called(spec: Spec, layer: Any, given: Flows, findings: Findings) -> Flow:
    inputs = listed(given)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if spec.name not in LAYERS:  # the user's own: nothing of it is built
                batched: Any = [(None, *(flow.shape or ())) for flow in inputs]
                out = layer.compute_output_shape(batched if isinstance(given, list) else batched[0])
                return _flow(spec, out, layer.compute_dtype)
            tensors: Any = [
                SymbolicTensor((None, *(flow.shape or ())), flow.dtype) for flow in inputs
            ]
            made = sketched(layer)
            output = layer(tensors if isinstance(given, list) else tensors[0])
    except NotImplementedError:
        return UNKNOWN
    except Exception as error:  # a registered class may raise anything
        _report_unfit(spec, error, inputs, findings)
        return UNKNOWN
    _check_size(spec, sum(4 * sketch.size for sketch in made), findings)
    return _flow(spec, output.shape, output.dtype)


def _flow(spec: Spec, shape: Any, dtype: str) -> Flow:
    return Flow(tuple(shape[1:]), f"`{spec.name}`", spec.span, dtype, True)


def _report_unfit(spec: Spec, error: Exception, inputs: list[Flow], findings: Findings) -> None:
    message = name_of(f"{spec.name}: {error}", 400)
    if len(inputs) == 1:
        shape = inputs[0].shape or (None,)
        notes = inputs[0].note(shape[0] if shape else None)
        help = "give the network's input all its sizes" if None in shape else None
        named = [name for name in spec.arguments if f"`{name}`" in message]
        span, path = spec.place(named[0]) if named else (spec.span, spec.path)
        findings.add("SC311", message, span, path, help=help, notes=notes)
        return
    branches = tuple(
        Note(f"{written(flow.shape or ())} comes from {flow.source}", flow.span) for flow in inputs
    )
    findings.add("SC334", message, spec.span, spec.path, notes=branches)


def _check_size(spec: Spec, size: int, findings: Findings) -> None:
    if size > LARGE:
        wide = [name for name in ("filters", "units", "output_dim") if name in spec.arguments]
        span, path = spec.place(wide[0]) if wide else (spec.span, spec.path)
        message = f"the weights of {spec.name} take {size / 2**30:,.0f} GiB in float32"
        findings.add("SC312", message, span, path)


def _check_dtype(spec: Spec, flow: Flow, findings: Findings) -> None:
    if spec.name == "Embedding" and flow.is_certain and "int" not in flow.dtype:
        findings.add(
            "SC314",
            f"Embedding looks up whole numbers, and {flow.dtype} reaches it",
            spec.span,
            spec.path,
            help="give the input `dtype: int32`",
            notes=flow.note(None),
        )


# --- windows over time ---------------------------------------------------------------------------


def _window(spec: Spec) -> str | None:
    """Return the argument that tells how many steps a layer sees at once, if it has one."""
    return next((name for name in ("kernel_size", "pool_size") if name in spec.declared), None)


def _fits_window(spec: Spec, layer: Any, flow: Flow, findings: Findings) -> bool:
    shape = flow.shape or ()
    if len(shape) != 2:
        message = f"{spec.name} takes (time, channels), and {written(shape)} reaches it"
        help = "the batch is left out of shapes" if len(shape) == 3 else None
        findings.add("SC311", message, spec.span, spec.path, help=help, notes=flow.note(None))
        return False
    steps = shape[0 if layer.data_format == "channels_last" else 1]
    return not _is_too_short(spec, layer, steps, flow, findings)


def _lacks_channels(spec: Spec, layer: Any, flow: Flow, findings: Findings) -> bool:
    shape = flow.shape or ()
    channels = shape[1 if layer.data_format == "channels_last" else 0]
    if channels is not None or _window(spec) == "pool_size":
        return False
    findings.add(
        "SC311",
        f"{spec.name} needs to know the number of channels, and {written(shape)} reaches it",
        spec.span,
        spec.path,
        help=f"give {flow.source} a number of channels",
    )
    return True


def _is_too_short(
    spec: Spec, layer: Any, steps: int | None, flow: Flow, findings: Findings
) -> bool:
    if spec.name == "Conv1DTranspose" or layer.padding != "valid" or steps is None:
        return False
    window = _window(spec) or ""
    (taps,), dilation = getattr(layer, window), getattr(layer, "dilation_rate", (1,))[0]
    span = kernel_span(taps, dilation)
    if span <= steps:
        return False
    what = "kernel" if window == "kernel_size" else "window"
    how = f" (=({taps}-1)·{dilation}+1)" if dilation > 1 else ""
    at, path = spec.place(window)
    findings.add(
        "SC310",
        f"{what} spans {span} step{'' if span == 1 else 's'}{how}, input has {steps}, "
        f"padding=valid",
        at,
        path,
        help=f"shorten the {what}, or write `padding: same`",
        notes=flow.note(steps),
    )
    return True


def written(shape: Shape) -> str:
    """Return a shape as a config writes it."""
    return f"[{', '.join('null' if size is None else str(size) for size in shape)}]"
