"""Keras's JSON, of version 3 or 2, as the short YAML form, with notes of what was dropped."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sepconv import models
from sepconv.config.findings import Findings, Note
from sepconv.config.keras2_form import inner_layers, is_graph, modern, with_value
from sepconv.config.keras_form import to_config
from sepconv.config.kinds import LAYERS, class_names
from sepconv.config.loading import build, refusal, text
from sepconv.config.nodes import Entry, Items, Node, Scalar, Table
from sepconv.config.reading import read
from sepconv.config.specs import Spec
from sepconv.config.validation import Checked, check
from sepconv.config.words import name_of
from sepconv.errors import ConfigError
from sepconv.layers import Layer
from sepconv.registry import registered

_SHARED = "shared_object_id"
_COUNTED = re.compile(r"input(_layer)?(_\d+)?")  # the names that Keras gives inputs by itself

Notes: TypeAlias = tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """A config in the short YAML form, and what of the original is not in it."""

    yaml: str
    notes: Notes


def from_keras(raw: bytes, filename: str) -> Imported:
    """Return the short form of what Keras's `to_json` or `serialize_keras_object` wrote.

    Arguments:
        raw: the file's bytes.
        filename: for the findings; it ends with `.json`.

    Raises:
        ConfigError: the file is refused, or has layers that this version cannot build; the text
            lists all of them.

    >>> layer = b'{"class_name": "SeparableConv1D", "config": {"filters": 4, "kernel_size": [3]}}'
    >>> print(from_keras(layer, "layer.json").yaml, end="")
    SeparableConv1D:
      filters: 4
      kernel_size: 3
      data_format: channels_last
    """
    root, findings, notes = _read(raw, filename)
    spec = _check(_without_counted_name(root), findings, raw, filename)
    dropped = tuple(Note(f.message, f.span) for f in findings if f.code == "SC111")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # keys of Keras 2 are in the notes
        yaml = text(models.deserialize(to_config(spec)), as_json=False)
    build(yaml.encode(), f"{filename}.yaml")  # what is written can be read
    return Imported(yaml, (*notes, *dropped))


def is_of_keras(raw: bytes) -> bool:
    """Tell whether JSON has Keras's form, with what Keras 2 and 3 write beside a config."""
    (document,) = read(raw, "model.json")
    return isinstance(document.root, Table) and "class_name" in document.root.entries


def network(raw: bytes, filename: str, overrides: Sequence[str] = ()) -> tuple[Layer, Notes]:
    """Return the layer or network that Keras's JSON declares, and what of the JSON is not in it.

    The layers' own checks are all that a good config meets; one that they refuse is looked at by
    the validator, which tells more.

    Raises:
        ConfigError: as of `from_keras`.
    """
    root, findings, notes = _read(raw, filename)
    if overrides:
        from sepconv.config.overrides import apply as override  # which loads PyYAML

        changed = override(root, overrides, findings)
        assert isinstance(changed, Table)
        root = changed
        if any(finding.severity == "error" for finding in findings):
            _check(root, findings, raw, filename)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            layer = models.deserialize(root.data())
        except Exception:  # whatever a config of others makes of the layers' checks
            told.clear()
            spec = _check(root, findings, raw, filename)
            layer = _of_spec(spec, filename)  # it may hold our short form, too
    return layer, (*notes, *(Note(str(warning.message)) for warning in told))


def _of_spec(spec: Spec, filename: str) -> Layer:
    try:
        return models.deserialize(to_config(spec))
    except Exception as error:
        raise ConfigError(f"{filename}: {error}") from error


def _read(raw: bytes, filename: str) -> tuple[Table, Findings, Notes]:
    """Return a model's config as Keras 3 writes it."""
    ((root, findings),) = ((document.root, document.findings) for document in read(raw, filename))
    if not isinstance(root, Table) or any(finding.severity == "error" for finding in findings):
        if root is not None:
            _check(root, findings, raw, filename)
        raise refusal(Checked((None,), tuple(findings)), raw, filename)
    _refuse_missing(root, filename)
    notes: list[Note] = []
    written_now = _unshared(modern(root, notes))
    assert isinstance(written_now, Table)
    return written_now, findings, tuple(notes)


def _check(root: Node, findings: Findings, raw: bytes, filename: str) -> Spec:
    """Return what the validator makes of a config, or raise what it finds."""
    spec = check(root, findings)
    checked = Checked((spec,), tuple(findings))
    if checked.has_errors or spec is None:
        raise refusal(checked, raw, filename)
    return spec


def _unshared(node: Node) -> Node:
    """Return a config without Keras's marks on objects that several layers hold.

    They are dtype policies, initializers and the like; a layer that stands twice goes by its name.
    A policy has the name that Keras 3 gave its class.
    """
    if isinstance(node, Items):
        return replace(node, items=[_unshared(item) for item in node.items])
    if not isinstance(node, Table):
        return node
    marked = {_SHARED} if "class_name" in node.entries else set()
    entries = {
        key: Entry(entry.key, _unshared(entry.value))
        for key, entry in node.entries.items()
        if key not in marked
    }
    name = node.get("class_name")
    if isinstance(name, Scalar) and name.value == "Policy":
        policy = Scalar(name.span, "DTypePolicy")
        entries["class_name"] = Entry(entries["class_name"].key, policy)
    return replace(node, entries=entries)


def _refuse_missing(root: Table, filename: str) -> None:
    """Raise one error for all layers that do not exist here."""
    known = {*class_names(LAYERS), *registered, "Model"}
    missing = [
        f"`{name_of(str(name.value))}` at {filename}:{name.span.line}:{name.span.column}"
        f"{f' ({place})' if place else ''}"
        for place, name in _layer_classes(root, "")
        if name.value not in known and not (isinstance(name.value, str) and ">" in name.value)
    ]
    if missing:
        count = "a layer" if len(missing) == 1 else f"{len(missing)} layers"
        raise ConfigError(
            f"{filename} has {count} that this version of sepconv cannot build: "
            f"{', '.join(missing)}; it builds {', '.join(class_names(LAYERS))}"
        )


def _layer_classes(layer: Table, place: str) -> Iterator[tuple[str, Scalar]]:
    """Yield the class names of a layer and of all layers in it, with their places in the config."""
    own = layer.get("registered_name")
    name = own if isinstance(own, Scalar) and own.value in registered else layer.get("class_name")
    if isinstance(name, Scalar) and isinstance(name.value, str):
        yield place, name
    for number, inner in enumerate(inner_layers(layer)):
        if isinstance(inner, Table):
            before = f"{place}." if place else ""
            yield from _layer_classes(inner, f"{before}config.layers[{number}]")


def _without_counted_name(network: Table) -> Table:
    """Return a stack of layers, and those within, whose inputs have no names that Keras counted."""
    layers = [
        _without_counted_name(layer) if isinstance(layer, Table) else layer
        for layer in inner_layers(network)
    ]
    if not layers:
        return network
    if is_graph(network):  # its layers name their inputs
        return with_value(network, ("config", "layers"), Items(network.span, layers))
    first = layers[0]
    config = first.get("config") if isinstance(first, Table) else None
    name = config.get("name") if isinstance(config, Table) else None
    is_counted = isinstance(name, Scalar) and _COUNTED.fullmatch(str(name.value))
    if isinstance(first, Table) and isinstance(config, Table) and is_counted:
        entries = {key: entry for key, entry in config.entries.items() if key != "name"}
        layers[0] = with_value(first, ("config",), replace(config, entries=entries))
    return with_value(network, ("config", "layers"), Items(network.span, layers))
