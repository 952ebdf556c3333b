"""Objects in whichever form they were written: short, long, or mixed; `defaults` filled in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sepconv.config.findings import Findings, Note
from sepconv.config.kinds import (
    LAYERS,
    NETWORK,
    PLANNED,
    article,
    class_names,
    declared,
    object_kind,
)
from sepconv.config.nodes import Entry, Items, Node, Path, Scalar, Span, Table
from sepconv.declaration import Argument
from sepconv.registry import Registry, registered

LONG_FORM = frozenset(
    {"class_name", "config", "module", "registered_name", "build_config", "compile_config"}
)
ENVELOPE = frozenset({"format", "defaults", "$schema"})  # beside the class at a document's root


@dataclass(frozen=True, slots=True)
class Given:
    """An argument that a config gives: where its key stands, and its value."""

    key: Span
    value: Node
    path: Path


@dataclass(slots=True)
class Spec:
    """An object that a config declares."""

    registry: Registry[Any]
    name: str  # as written: a class, a function, or "package>Name"
    span: Span  # where the name stands
    path: Path  # of the object in its document
    config_path: Path  # of its arguments
    arguments: dict[str, Given] = field(default_factory=dict)
    inner: dict[str, Spec] = field(default_factory=dict)  # arguments that are objects themselves
    layers: list[Spec] = field(default_factory=list)  # of a network

    @property
    def is_known(self) -> bool:
        return self.name in class_names(self.registry) or self.name in registered

    @property
    def declared(self) -> dict[str, Argument[Any, Any]]:
        return declared(self.registry, self.name) or {}

    def place(self, argument: str) -> tuple[Span, Path]:
        """Return where `argument` stands, or the object's name if it was left out."""
        given = self.arguments.get(argument)
        return (given.key, given.path) if given else (self.span, self.path)


def is_network(spec: Spec) -> bool:
    return spec.registry is LAYERS and spec.name == NETWORK


def document(root: Node, findings: Findings) -> Spec | None:
    """Return what a document declares, its `defaults` filled in; None if there is nothing."""
    spec = parse(root, (), LAYERS, findings, ENVELOPE)
    defaults = root.get("defaults") if isinstance(root, Table) else None
    if spec is not None and isinstance(defaults, Table):
        _fill(spec, defaults)
    if spec is not None:
        _parse_inner(spec, findings)
    return spec


def parse(
    node: Node,
    path: Path,
    registry: Registry[Any],
    findings: Findings,
    envelope: frozenset[str] = frozenset(),
) -> Spec | None:
    """Return the object that `node` declares; None for null and for what the schema refuses."""
    if isinstance(node, Scalar):
        is_name = isinstance(node.value, str)
        return Spec(registry, str(node.value), node.span, path, path) if is_name else None
    if isinstance(node, Items):
        return None
    spec = (
        _long_form(node, path, registry)
        if "class_name" in node.entries
        else _short_form(node, path, registry, findings, envelope)
    )
    if spec is not None and is_network(spec):
        layers = spec.arguments.get("layers")
        if layers is not None and isinstance(layers.value, Items):
            for index, item in enumerate(layers.value.items):
                layer = parse(item, (*layers.path, index), LAYERS, findings)
                if layer is not None:
                    spec.layers.append(layer)
    return spec


def _long_form(node: Table, path: Path, registry: Registry[Any]) -> Spec | None:
    name, name_key = _text(node, "class_name"), "class_name"
    own = _text(node, "registered_name")
    config = node.get("config")
    if own is not None and ">" in own:
        name, name_key = own, "registered_name"
    elif name == "function":
        name, name_key = _text(node, "config"), "config"
    if name is None:
        return None
    span = node.entries[name_key].value.span
    spec = Spec(registry, name, span, path, (*path, "config"))
    if isinstance(config, Table):
        spec.arguments = _givens(config, spec.config_path)
    return spec


def _short_form(
    node: Table,
    path: Path,
    registry: Registry[Any],
    findings: Findings,
    envelope: frozenset[str],
) -> Spec | None:
    reserved = envelope | LONG_FORM
    keys = [key for key in node.entries if not key.startswith("x-") and key not in reserved]
    known = [key for key in keys if key in class_names(registry) or ">" in key or key in PLANNED]
    if not keys or (not known and len(keys) > 1):
        if not keys:
            findings.add(
                "SC106",
                f"no {registry.kind} is declared here",
                node.span,
                path,
                help=f"write {{Name: {{arguments}}}}, with the name of {article(registry.kind)}",
            )
        return None
    if len(known) > 1:
        first, second = node.entries[known[0]], node.entries[known[1]]
        findings.add(
            "SC107",
            f"`{known[0]}` and `{known[1]}` in one place, which holds one {registry.kind}",
            second.key,
            (*path, known[1]),
            help="put several layers into `Sequential: {layers: [...]}`"
            if registry is LAYERS
            else "keep one of the two",
            notes=(Note(f"`{known[0]}` is here", first.key),),
        )
    name = (known or keys)[0]
    for key in LONG_FORM & set(node.entries):
        findings.add(
            "SC102",
            f"unknown key `{key}` beside `{name}`",
            node.entries[key].key,
            (*path, key),
            help="it belongs to the long form, which starts with `class_name`",
        )
    entry = node.entries[name]
    spec = Spec(registry, name, entry.key, path, (*path, name))
    if isinstance(entry.value, Table):
        spec.arguments = _givens(entry.value, spec.config_path)
    return spec


def _givens(table: Table, path: Path) -> dict[str, Given]:
    return {
        key: Given(entry.key, entry.value, (*path, key))
        for key, entry in table.entries.items()
        if not key.startswith("x-")
    }


def _text(table: Table, key: str) -> str | None:
    node = table.get(key)
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None


# --- defaults ------------------------------------------------------------------------------------


def _fill(spec: Spec, defaults: Table) -> None:
    """Give each layer the arguments that `defaults` has for its class."""
    for layer in (spec, *spec.layers):
        if layer is not spec and layer.layers:
            _fill(layer, defaults)
        own = defaults.get(layer.name)
        if isinstance(own, Table):
            for key, default in _givens(own, ("defaults", layer.name)).items():
                given = layer.arguments.get(key)
                rule = layer.declared[key].rule if key in layer.declared else None
                kind = object_kind(rule) if rule else None
                if given is None:
                    layer.arguments[key] = default
                elif kind is not None:
                    layer.arguments[key] = _merged(given, default, kind)


def _merged(given: Given, default: Given, kind: Registry[Any]) -> Given:
    """Return `given` with what `default` adds, if both are objects of the same class."""
    quiet = Findings("")
    new = parse(given.value, given.path, kind, quiet)
    old = parse(default.value, default.path, kind, quiet)
    if new is None or old is None or not (new.is_known and old.is_known):
        return given
    if not same_class(kind, new.name, old.name):
        return given
    merged = Table(given.value.span)
    for source in (old, new):
        for key, argument in source.arguments.items():
            merged.entries[key] = _entry(argument)
    outer = Table(given.value.span)
    outer.entries[new.name] = _entry(Given(new.span, merged, given.path))
    return Given(given.key, outer, given.path)


def same_class(kind: Registry[Any], one: str, other: str) -> bool:
    """Tell whether two names stand for the same class or function."""
    found = [kind[name] if name in kind or name in registered else name for name in (one, other)]
    return found[0] is found[1] or one == other


def _entry(given: Given) -> Entry:
    return Entry(given.key, given.value)


def _parse_inner(spec: Spec, findings: Findings) -> None:
    """Parse the arguments that are objects: initializers, activations and so on."""
    for name, given in spec.arguments.items():
        argument = spec.declared.get(name)
        kind = object_kind(argument.rule) if argument else None
        if kind is not None:
            inner = parse(given.value, given.path, kind, findings)
            if inner is not None:
                spec.inner[name] = inner
                _parse_inner(inner, findings)
    for layer in spec.layers:
        _parse_inner(layer, findings)
