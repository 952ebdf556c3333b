"""Keras's JSON as Keras 3 writes it today, whichever version wrote it."""

from __future__ import annotations

from dataclasses import replace

from sepconv.config.findings import Note
from sepconv.config.nodes import Entry, Items, Node, Path, Scalar, Table
from sepconv.config.specs import text as text_of

# Beside a model: about training and about the program that wrote it.
LEFT_OUT = ("compile_config", "keras_version", "backend")
HARD_SIGMOID = (
    "`hard_sigmoid` is x/6 + 1/2 since Keras 3, and was x/5 + 1/2 in Keras 2: the outputs differ"
)


def modern(root: Table, notes: list[Note]) -> Table:
    """Return a model without what is no part of a config, its input as Keras 3 writes it.

    What is left out is added to `notes`.
    """
    entries = dict(root.entries)
    for key in LEFT_OUT:
        entry = entries.pop(key, None)
        is_null = entry is not None and isinstance(entry.value, Scalar) and not entry.value.value
        if entry is not None and not is_null:
            notes.append(Note(f"`{key}` is no part of a config and dropped", entry.key))
    network = _with_table(replace(root, entries=entries))
    layers = [
        modern(layer, notes) if isinstance(layer, Table) else layer
        for layer in inner_layers(network)
    ]
    if not layers:
        return _layer(network, notes)
    return (_graph if is_graph(network) else _with_input)(network, layers)


def _with_table(network: Table) -> Table:
    """Return a network whose config is a table; early in Keras 2 a Sequential's was its layers."""
    config = network.entries.get("config")
    if config is None or not isinstance(config.value, Items):
        return network
    span = config.value.span
    return with_value(network, ("config",), Table(span, {"layers": Entry(span, config.value)}))


def _layer(layer: Table, notes: list[Note]) -> Table:
    """Return a layer with the arguments that it has in Keras 3."""
    config, name = layer.get("config"), text_of(layer, "class_name")
    if not isinstance(config, Table) or "module" in layer.entries:  # of Keras 3
        return layer
    activation = config.get("activation")
    if isinstance(activation, Scalar) and activation.value == "hard_sigmoid":
        notes.append(Note(HARD_SIGMOID, activation.span))
    axis = config.get("axis")
    if name == "BatchNormalization" and isinstance(axis, Items) and len(axis.items) == 1:
        return with_value(layer, ("config", "axis"), axis.items[0])
    noise = config.get("noise_shape")
    if name == "SpatialDropout1D" and isinstance(noise, Scalar) and noise.value is None:
        notes.append(Note("`noise_shape` of SpatialDropout1D is dropped", noise.span))
        entries = {key: entry for key, entry in config.entries.items() if key != "noise_shape"}
        return with_value(layer, ("config",), replace(config, entries=entries))
    return layer


def is_graph(network: Table) -> bool:
    return text_of(network, "class_name") in ("Functional", "Model")


def _graph(network: Table, layers: list[Node]) -> Table:
    """Return a Functional network, which Keras 2 also called Model, with Keras 3's inputs."""
    if not layers:
        return network
    for index, layer in enumerate(layers):
        config = layer.get("config") if isinstance(layer, Table) else None
        is_input = isinstance(layer, Table) and text_of(layer, "class_name") == "InputLayer"
        if is_input and isinstance(layer, Table) and isinstance(config, Table):
            layers[index] = with_value(layer, ("config",), _of_keras3(config))
    name = network.entries["class_name"].value
    network = with_value(network, ("class_name",), Scalar(name.span, "Functional"))
    return with_value(network, ("config", "layers"), Items(network.span, layers))


def _with_input(network: Table, layers: list[Node]) -> Table:
    """Return a network whose input is an InputLayer; Keras 2 wrote it into the first layer."""
    first = layers[0] if layers else None
    config = first.get("config") if isinstance(first, Table) else None
    if not isinstance(first, Table) or not isinstance(config, Table):
        return network
    name = first.entries.get("class_name")
    if name is None:
        return network
    shape = config.entries.get("batch_input_shape")
    if isinstance(name.value, Scalar) and name.value.value == "InputLayer":
        layers[0] = with_value(first, ("config",), _of_keras3(config))
    elif shape is not None:
        without = {k: v for k, v in config.entries.items() if k != "batch_input_shape"}
        layers[0] = with_value(first, ("config",), replace(config, entries=without))
        given = Table(config.span, {"batch_shape": shape})
        written = Scalar(name.value.span, "InputLayer")
        entries = {"class_name": Entry(name.key, written), "config": Entry(name.key, given)}
        layers.insert(0, Table(config.span, entries))
    return with_value(network, ("config", "layers"), Items(network.span, layers))


def _of_keras3(config: Table) -> Table:
    """Return an input's arguments by their names in Keras 3."""
    entries = {
        "batch_shape" if key == "batch_input_shape" else key: entry
        for key, entry in config.entries.items()
    }
    return replace(config, entries=entries)


def with_value(table: Table, path: Path, value: Node) -> Table:
    """Return `table` with another value for a key that it has."""
    key, *rest = path
    old = table.entries[str(key)]
    new = (
        with_value(old.value, tuple(rest), value)
        if rest and isinstance(old.value, Table)
        else value
    )
    return replace(table, entries={**table.entries, str(key): Entry(old.key, new)})


def inner_layers(layer: Table) -> list[Node]:
    config = layer.get("config")
    layers = config.get("layers") if isinstance(config, Table) else None
    return layers.items if isinstance(layers, Items) else []
