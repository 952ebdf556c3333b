"""The kinds of objects a config can declare, and how to find what is declared of each."""

from __future__ import annotations

from typing import Any

from sepconv import activations, constraints, initializers, layers, regularizers
from sepconv.declaration import Argument, Rule
from sepconv.registry import Registry, kinds_of, registered

LAYERS = layers.registry
OF_LAYERS: tuple[Registry[Any], ...] = (
    initializers.registry,
    activations.registry,
    regularizers.registry,
    constraints.registry,
)

NETWORKS = ("Sequential", "Functional")
NETWORK_ARGUMENTS = {
    "Sequential": ("name", "trainable", "input_shape", "layers"),
    "Functional": ("name", "trainable", "inputs", "layers", "outputs"),
}
OF_EVERY_LAYER = ("name", "trainable", "dtype")
_ACTIVATION_LAYERS = (*activations.LAYERS, "Activation")

# Keras's layers of sequences that are not here: to name one is no slip of the keys.
ONLY_IN_KERAS = frozenset(
    {
        "ActivityRegularization",
        "AdditiveAttention",
        "AlphaDropout",
        "Attention",
        "Bidirectional",
        "Conv1DTranspose",
        "ConvLSTM1D",
        "Dot",
        "EinsumDense",
        "GRU",
        "GaussianDropout",
        "GaussianNoise",
        "GroupNormalization",
        "GroupQueryAttention",
        "Identity",
        "LSTM",
        "Lambda",
        "Masking",
        "MelSpectrogram",
        "MultiHeadAttention",
        "RMSNormalization",
        "RNN",
        "RepeatVector",
        "STFTSpectrogram",
        "SimpleRNN",
        "SpectralNormalization",
        "TimeDistributed",
        "UnitNormalization",
    }
)


def family(registry: Registry[Any]) -> str:
    """Return the plural by which Keras's modules and our schemas call a kind."""
    return registry.module.rpartition(".")[2]


def names(registry: Registry[Any]) -> list[str]:
    """Return the names that stand for an object of a kind, the user's own included."""
    own = [name for name, obj in registered.items() if _may_be(obj, registry)]
    return [*registry, *own]


def class_names(registry: Registry[Any]) -> list[str]:
    """Return the names that can have arguments: Keras's layers that are activations, too."""
    if registry is LAYERS:
        return [*names(registry), *NETWORKS]
    if registry.kind == "optimizer":  # which knows them in any case
        own = [name for name in names(registry) if ">" in name]
        return [*(registry[name].__name__ for name in registry), *registry, *own]
    return [*names(registry), *(_ACTIVATION_LAYERS if registry is activations.registry else ())]


def declared(registry: Registry[Any], name: str) -> dict[str, Argument[Any, Any]] | None:
    """Return the arguments of the class called `name`; None when it declares none itself."""
    if registry is activations.registry and name in _ACTIVATION_LAYERS:
        return _of_activation_layer(name)
    found: Any = registry[name] if name in registry or name in registered else None
    return dict(found.arguments) if getattr(found, "declares_all", False) else None


def _of_activation_layer(name: str) -> dict[str, Argument[Any, Any]]:
    of_every_layer = {key: layers.Layer.arguments[key] for key in OF_EVERY_LAYER}
    if name == "Activation":
        return {"activation": layers.SeparableConv1D.arguments["activation"], **of_every_layer}
    target, defaults = activations.LAYERS[name]
    own: dict[str, Argument[Any, Any]] = {
        key: Argument(a.rule, defaults.get(key, a.default), a.doc, a.kw_only, a.in_config)
        for key, a in (declared(activations.registry, target) or {}).items()
    }
    return {**own, **of_every_layer}


def object_kind(rule: Rule) -> Registry[Any] | None:
    """Return the kind of object that `rule` accepts, or None if it accepts values."""
    inner = getattr(rule, "rule", None)
    found: Registry[Any] | None = getattr(rule, "registry", None)
    return found if found is not None or inner is None else object_kind(inner)


def article(noun: str) -> str:
    return f"an {noun}" if noun[:1] in "aeiou" else f"a {noun}"


def _may_be(obj: Any, registry: Registry[Any]) -> bool:
    """Tell whether a registered object may be of a kind; one without a known base may be any."""
    if not isinstance(obj, type):
        return registry is not LAYERS
    kinds = kinds_of(obj)
    return registry in kinds if kinds else registry is not LAYERS
