"""Values that the command line sets: `--set path=value`, above all that a file says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sepconv.config import yaml_reader
from sepconv.config.findings import Finding, Findings, Note
from sepconv.config.forms import ENVELOPE, parse, training
from sepconv.config.keras_form import unique_name
from sepconv.config.kinds import LAYERS, NETWORK_ARGUMENTS, object_kind
from sepconv.config.nodes import Entry, Items, Node, Path, Scalar, Span, Table, children, pointer
from sepconv.config.reading import decoded
from sepconv.config.specs import Spec, is_functional, is_network
from sepconv.errors import ValidationError, nearest, shown
from sepconv.layers.operation import snake_case


def apply(root: Node, texts: Iterable[str], findings: Findings) -> Node:
    """Return the document with each `path=value` set; `root` itself stays as it is.

    A path names arguments and the layers between them: `filters`, `Sequential.layers.0.filters`,
    or `conv_1.filters` with a layer's name. Classes may be left out of it.

    Raises:
        ValidationError: no `=`, or a path that leads nowhere.
    """
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise ValidationError(f"--set {shown(text)[1:-1]}: write path=value, as in filters=8")
        spec = parse(root, (), LAYERS, Findings(""), ENVELOPE)
        if spec is None:
            continue  # what is wrong with the file will be told
        steps = path.strip().split(".")
        plan = training(root, Findings("")) if steps[0] == "training" else None
        if plan is not None and len(steps) > 1:
            spec, steps = plan, steps[1:]
        start = len("--set ") + len(path) + 1
        key = Span(1, len("--set ") + 1, 1, start, f"--set {text}")
        place = _place(spec, root, steps, text, findings.file)
        node = _value(value, key, place, findings)
        if node is not None:
            root = _put(root, place, key, node)
    return root


def _value(text: str, key: Span, place: Path, findings: Findings) -> Node | None:
    """Return what our YAML reader makes of a value; None when it has been refused."""
    start = key.end_column  # behind the `=`: columns are those of the whole option
    found = Findings(findings.file, findings.document)
    padded = decoded((" " * start + text).encode("utf-8", "surrogateescape"), found)
    read = [] if padded is None else list(yaml_reader.documents(padded, findings.file))
    if len(read) > 1:
        raise ValidationError(f"{shown(key.origin)[1:-1]}: a value is one YAML document")
    nothing = Scalar(Span(1, start + 1, 1, start + 1), None)
    node, found = read[0] if read else (None if padded is None else nothing, found)
    for finding in found.found:
        findings.take(_moved(finding, key.origin, place))
    findings.refused.update((*place, *path) for path in found.refused)
    findings.spoiled.update((*place, *path) for path in found.spoiled)
    if node is not None:
        _mark(node, key.origin)
    return node


def _moved(finding: Finding, origin: str, place: Path) -> Finding:
    notes = tuple(
        Note(note.message, note.span and note.span._replace(origin=origin))
        for note in finding.notes
    )
    span = finding.span._replace(origin=origin)
    return replace(finding, span=span, notes=notes, pointer=pointer(place) + finding.pointer)


def _mark(node: Node, origin: str) -> None:
    """Note in each span of a value that it stands on the command line."""
    node.span = node.span._replace(origin=origin)
    if isinstance(node, Table):
        for entry in node.entries.values():
            entry.key = entry.key._replace(origin=origin)
    for _, child in children(node):
        _mark(child, origin)


# --- where a path leads --------------------------------------------------------------------------


def _place(spec: Spec, root: Node, steps: list[str], text: str, file: str) -> Path:
    """Return the path in the document of what `steps` name, seen from an object."""
    step, *rest = steps
    known = _known(spec)
    layers = dict(zip(_layer_names(spec), spec.layers, strict=True))
    if is_network(spec) and step in ("layers", "inputs") and rest:
        numbered = {str(index): layer for index, layer in enumerate(spec.layers)}
        inside = layers if is_functional(spec) else numbered
        if rest[0] not in inside:
            raise _unknown(rest[0], inside, text, file)
        return _inside(inside[rest[0]], root, rest[1:], text, file)
    if step == "from" and spec.label and not rest and not spec.is_bare:
        return (*spec.path, step)
    takes_any = not spec.declared and not is_network(spec)
    if step in known or (takes_any and step not in (spec.name, "config")):
        return _argument(spec, root, step, rest, text, file)
    if step in layers:
        return _inside(layers[step], root, rest, text, file)
    if step in (spec.name, "config") and rest:
        return _place(spec, root, rest, text, file)
    raise _unknown(step, [*known, *layers, spec.name], text, file)


def _inside(spec: Spec, root: Node, rest: list[str], text: str, file: str) -> Path:
    return _place(spec, root, rest, text, file) if rest else spec.path


def _argument(spec: Spec, root: Node, name: str, rest: list[str], text: str, file: str) -> Path:
    """Return the path of an argument, of an object's argument in it, or of a list's item."""
    argument, given = spec.declared.get(name), spec.arguments.get(name)
    # A name alone, as in `- SeparableConv1D`, becomes a mapping when it gets an argument.
    path = (*spec.config_path, spec.name, name) if spec.is_bare else (*spec.config_path, name)
    if not rest:
        return path
    kind = object_kind(argument.rule) if argument else None
    if given is not None and kind is not None:
        inner = parse(given.value, given.path, kind, Findings(""))
        if inner is not None:
            return _place(inner, root, rest, text, file)
    if given is not None and isinstance(given.value, Items) and len(rest) == 1:
        numbers = [str(index) for index in range(len(given.value.items))]
        if rest[0] in numbers:
            return (*path, int(rest[0]))
        raise _unknown(rest[0], numbers, text, file)
    raise ValidationError(
        f"--set {shown(text)[1:-1]}: `{name}` in {file} holds nothing called `{rest[0]}`; "
        f"set `{name}` as a whole"
    )


def _known(spec: Spec) -> list[str]:
    if is_network(spec):
        return list(NETWORK_ARGUMENTS[spec.name])
    return list(spec.declared)


def _layer_names(spec: Spec) -> list[str]:
    """Return the names of a network's layers, those that they get by themselves included."""
    if is_functional(spec):
        return [layer.label for layer in spec.layers]
    names: list[str] = []
    for layer in spec.layers:
        given = layer.arguments.get("name")
        own = given.value.data() if given else None
        base = snake_case(layer.name.rpartition(">")[2])
        names.append(own if isinstance(own, str) else unique_name(base, names))
    return names if len(set(names)) == len(names) else [str(n) for n in range(len(names))]


def _unknown(step: str, known: Iterable[str], text: str, file: str) -> ValidationError:
    known = list(known)
    guess = nearest(step, known)
    way_out = f"did you mean `{guess}`?" if guess else f"there are {', '.join(known[:24])}"
    return ValidationError(
        f"--set {shown(text)[1:-1]}: no `{shown(step)[1:-1]}` in {file}; {way_out}"
    )


# --- a tree with one value changed ---------------------------------------------------------------


def _put(node: Node, path: Path, key: Span, value: Node) -> Node:
    """Return a copy of `node` with `value` at `path`; what an alias shares is not changed."""
    if not path:
        return _merged(node, value)
    step, *rest = path
    if isinstance(node, Items):
        items = list(node.items)
        items[int(step)] = _put(items[int(step)], tuple(rest), key, value)
        return replace(node, items=items)
    entries: dict[str, Entry] = dict(node.entries) if isinstance(node, Table) else {}
    old = entries.get(str(step))
    if old is None:
        bare = Scalar(node.span, None)
        entries[str(step)] = Entry(
            key if not rest else node.span, _put(bare, tuple(rest), key, value)
        )
    else:
        entries[str(step)] = Entry(
            old.key if rest else key, _put(old.value, tuple(rest), key, value)
        )
    return replace(node, entries=entries) if isinstance(node, Table) else Table(node.span, entries)


def _merged(old: Node, new: Node) -> Node:
    """Return `new`, with what the same class had before; lists and other classes are replaced."""
    if not isinstance(old, Table) or not isinstance(new, Table) or len(new.entries) != 1:
        return new
    ((name, entry),) = new.entries.items()
    before: Any = old.get(name)
    if not isinstance(before, Table) or not isinstance(entry.value, Table):
        return new
    both = Table(entry.value.span, {**before.entries, **entry.value.entries})
    return Table(new.span, {name: Entry(entry.key, both)})
