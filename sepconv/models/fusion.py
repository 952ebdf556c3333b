"""Fusion: in inference, what follows a convolution or Dense becomes part of it.

A normalisation with fixed statistics is y * scale + shift, channel by channel, so it goes into
the kernel and the bias; an elementwise activation goes into the core's epilogue. What is computed
so differs from layer after layer by the rounding of the new kernel, once for each product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from sepconv.layers.base import Layer
from sepconv.layers.deferral import values_to_come
from sepconv.layers.folding import Affine, Elementwise, Kernels
from sepconv.layers.locks import LayerLock
from sepconv.layers.registry import registry
from sepconv.layers.structure import flat
from sepconv.layers.variable import Packed
from sepconv.models.steps import Step

# Narrower ones round each layer's output, and a folded kernel, to 3 digits.
POLICIES = ("float32", "float64")
OF_WEIGHTS = ("_initializer", "_regularizer", "_constraint")  # arguments that a twin goes without


def fused(steps: Sequence[Step], outputs: Sequence[int]) -> list[Step]:
    """Return the steps of inference with each convolution and what can be folded into it as one.

    The layers must be built. A tensor that anybody else reads is still computed.
    """
    readers = Counter(slot for step in steps for slot in flat(step.source))
    alone = {step.source: step for step in steps if _is_slot(step.source)}
    hidden = {slot for slot, count in readers.items() if count == 1} - set(outputs)
    found: list[Step] = []
    folded: set[int] = set()
    for step in steps:
        if _is_slot(step.target) and step.target in folded:
            continue
        chain = _chain(step, {slot: alone[slot] for slot in hidden & alone.keys()})
        if len(chain) > 1:
            folded.update(part.target for part in chain[1:])
            freed = tuple(slot for part in chain for slot in part.freed)
            run = Folded([part.layer for part in chain])
            step = step._replace(run=run, kwargs={}, target=chain[-1].target, freed=freed)
        found.append(step)
    return found


def _chain(step: Step, readers: dict[int, Step]) -> list[Step]:
    """Return the step and those behind it that can be folded into it."""
    chain = [step]
    if not _can_take(step):
        return chain
    for suits in (_is_normalisation, _is_activation):
        behind = readers.get(chain[-1].target)
        if behind is not None and _is_plain(behind, step.layer) and suits(behind.layer, step.layer):
            chain.append(behind)
    return chain


def _can_take(step: Step) -> bool:
    layer = step.layer
    takes = isinstance(layer.folding(), Kernels)
    return takes and _is_slot(step.target) and _is_plain(step, layer)


def _is_plain(step: Step, first: Layer) -> bool:
    return is_plain(step.layer, step.kwargs, first)


def is_plain(layer: Layer, kwargs: Mapping[str, Any], first: Layer) -> bool:
    """Tell whether a call does what its class does in inference, and no more, as `first` does."""
    return (
        registry.is_builtin(type(layer))
        and layer._activity_regularizer is None
        and layer.dtype_policy.name == first.dtype_policy.name
        and layer.dtype_policy.name in POLICIES
        and not any(kwargs.values())
    )


def _is_normalisation(layer: Layer, first: Layer) -> bool:
    """Tell whether a layer scales and moves the channels of what `first` returns."""
    folding = layer.folding()
    if not isinstance(folding, Affine) or layer.input_spec is None:
        return False
    ndim = layer.input_spec.ndim
    return ndim is not None and folding.axis % ndim == getattr(first, "_channel_axis", -1) % ndim


def _is_activation(layer: Layer, first: Layer) -> bool:
    return isinstance(layer.folding(), Elementwise)


def _is_slot(slots: Any) -> bool:
    return type(slots) is int


class Folded:
    """A convolution, perhaps a normalisation, perhaps an activation: as one call.

    It is a layer of the convolution's class with other weights, made anew whenever one of the
    weights behind it is set.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        self.first, *behind = layers
        foldings = [layer.folding() for layer in behind]
        self.normalisations = [one for one in foldings if isinstance(one, Affine)]
        functions = [one.function for one in foldings if isinstance(one, Elementwise)]
        self.activation = functions[0] if functions else "linear"
        self._lock = LayerLock()
        self._held: Packed | None = None

    def __call__(self, x: Any) -> Any:
        twin = self._current()
        if twin is not None:
            return twin(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def core_operations(self) -> Sequence[Any] | None:
        """Return what the core does for the call, or None: see Layer.core_operations."""
        twin = self._current()
        return None if twin is None else twin.core_operations()

    def _current(self) -> Layer | None:
        held = self._held
        if held is None or not held.is_current():
            held = self._fold()
        twin: Layer | None = held.result
        return twin

    def _fold(self) -> Packed:
        with self._lock, ExitStack() as stack:
            for layer in self.layers:  # so no `set_weights` is half done
                stack.enter_context(layer._lock)
            variables = [v for layer in self.layers for v in layer._tracked.variables]
            sources = tuple((variable, variable.value) for variable in variables)
            self._held = Packed(sources, self._twin())
            return self._held

    def _twin(self) -> Layer | None:
        """Return the convolution with the others folded in; None where that is not finite."""
        kernels = [v.value for v in self.first._tracked.variables if v.name != "bias"]
        bias = [v.value for v in self.first._tracked.variables if v.name == "bias"]
        taking = self.first.folding()
        assert isinstance(taking, Kernels)
        for normalisation in self.normalisations:
            scale, shift = normalisation.factors()
            last = kernels[-1]
            by_channel = scale.reshape(last.shape[-taking.channel_axes :])
            with np.errstate(over="ignore", invalid="ignore"):
                kernels[-1] = (last * by_channel).astype(last.dtype)
                bias = [((bias[0] if bias else 0) * scale + shift).astype(last.dtype)]
        weights = [*kernels, *bias]
        if self.normalisations and not all(np.isfinite(w).all() for w in (kernels[-1], *bias)):
            return None
        layer = self.first
        arguments = {
            name: layer.__dict__[name] for name in layer.arguments if not name.endswith(OF_WEIGHTS)
        }
        arguments |= {"dtype": layer.dtype_policy, "activation": self.activation}
        twin = type(layer)(**arguments | {"use_bias": bool(bias)})
        with values_to_come():
            twin.build(layer._build_shape)
        twin.set_weights(weights)
        return twin
