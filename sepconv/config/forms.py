"""Objects in whichever form they were written: short, long, or mixed; `defaults` filled in."""

from __future__ import annotations

from typing import Any

from sepconv.config import graphs
from sepconv.config.findings import Findings, Note
from sepconv.config.kinds import LAYERS, ONLY_IN_KERAS, article, class_names, object_kind
from sepconv.config.nodes import Entry, Items, Node, Path, Scalar, Table
from sepconv.config.specs import Given, Spec, givens, is_functional, is_sequential, text
from sepconv.registry import Registry, registered

LONG_FORM = frozenset(
    {"class_name", "config", "module", "registered_name", "build_config", "compile_config"}
)
ENVELOPE = frozenset(
    {"format", "defaults", "training", "$schema"}
)  # beside the class at a document's root


def document(root: Node, findings: Findings) -> Spec | None:
    """Return what a document declares, its `defaults` filled in; None if there is nothing."""
    spec = parse(root, (), LAYERS, findings, ENVELOPE)
    defaults = root.get("defaults") if isinstance(root, Table) else None
    if spec is not None and isinstance(defaults, Table):
        _fill(spec, defaults)
    if spec is not None:
        _parse_inner(spec, findings)
    return spec


def training(root: Node, findings: Findings) -> Spec | None:
    """Return what the `training` section of a document declares; None without one."""
    entry = root.entries.get("training") if isinstance(root, Table) else None
    if entry is None or not isinstance(entry.value, Table):
        return None
    from sepconv.config import plan  # which loads all of training

    spec = Spec(plan.registry, "training", entry.key, ("training",), ("training",))
    spec.arguments = givens(entry.value, spec.path)
    _parse_inner(spec, findings)
    return spec


def parse(
    node: Node,
    path: Path,
    registry: Registry[Any],
    findings: Findings,
    envelope: frozenset[str] = frozenset(),
) -> Spec | None:
    """Return the object that `node` declares; None for null and for what the schema refuses.

    Arguments:
        envelope: keys that may stand beside the class.
    """
    if isinstance(node, Scalar):
        is_name = isinstance(node.value, str)
        if not is_name:
            return None
        return Spec(registry, str(node.value), node.span, path, path, is_bare=True)
    if isinstance(node, Items):
        return None
    spec = (
        _long_form(node, path, registry)
        if "class_name" in node.entries
        else _short_form(node, path, registry, findings, envelope)
    )
    if spec is not None and is_functional(spec):
        graphs.read(spec, parse, findings)
    elif spec is not None and is_sequential(spec):
        layers = spec.arguments.get("layers")
        if layers is not None and isinstance(layers.value, Items):
            for index, item in enumerate(layers.value.items):
                layer = parse(item, (*layers.path, index), LAYERS, findings)
                if layer is not None:
                    spec.layers.append(layer)
    return spec


def _long_form(node: Table, path: Path, registry: Registry[Any]) -> Spec | None:
    name, name_key = text(node, "class_name"), "class_name"
    own = text(node, "registered_name")
    config = node.get("config")
    if own is not None and ">" in own:
        name, name_key = own, "registered_name"
    elif name == "function":
        name, name_key = text(node, "config"), "config"
    if name is None:
        return None
    span = node.entries[name_key].value.span
    spec = Spec(registry, name, span, path, (*path, "config"))
    if isinstance(config, Table):
        spec.arguments = givens(config, spec.config_path)
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
    known = [
        key for key in keys if key in class_names(registry) or ">" in key or key in ONLY_IN_KERAS
    ]
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
        spec.arguments = givens(entry.value, spec.config_path)
    return spec


# --- defaults ------------------------------------------------------------------------------------


def _fill(spec: Spec, defaults: Table) -> None:
    """Give each layer the arguments that `defaults` has for its class."""
    for layer in (spec, *spec.layers):
        if layer is not spec and layer.layers:
            _fill(layer, defaults)
        own = defaults.get(layer.name)
        if isinstance(own, Table):
            for key, default in givens(own, ("defaults", layer.name)).items():
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
        if kind is not None and isinstance(given.value, Items):
            spec.listed[name] = _parse_list(given.value, given.path, kind, findings)
        elif kind is not None:
            inner = parse(given.value, given.path, kind, findings)
            if inner is not None:
                spec.inner[name] = inner
                _parse_inner(inner, findings)
    for layer in spec.layers:
        _parse_inner(layer, findings)


def _parse_list(
    node: Items, path: Path, kind: Registry[Any], findings: Findings
) -> list[Spec | list[Any] | None]:
    found: list[Spec | list[Any] | None] = []
    for step, item in enumerate(node.items):
        if isinstance(item, Items):
            found.append(_parse_list(item, (*path, step), kind, findings))
            continue
        inner = parse(item, (*path, step), kind, findings)
        if inner is not None:
            _parse_inner(inner, findings)
        found.append(inner)
    return found
