"""YAML to nodes: PyYAML's events, composed here under our own rules.

PyYAML's C parser crashes the process on deep nesting, and its constructors resolve YAML 1.1,
keep the last of two equal keys and expand aliases without a bound; none of them is used.
"""

from __future__ import annotations

from collections.abc import Iterator

from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from sepconv.config.findings import Findings, Note
from sepconv.config.limits import MAX_DEPTH, MAX_NODES, TOO_MANY_NODES
from sepconv.config.nodes import UNREAD, Entry, Items, Node, Path, Scalar, Span, Table
from sepconv.config.scalars import Refused, plain_value, text_value
from sepconv.config.yaml_events import Events, between, event_span, report_syntax
from sepconv.errors import shown


class ReadError(Exception):
    """The text cannot be read from here on; it has been reported."""


def documents(text: str, filename: str) -> Iterator[tuple[Node | None, Findings]]:
    """Yield the root node of each document in `text`, with what was found while reading it."""
    events = Events(text)
    index = size = 0
    while True:
        findings = Findings(filename, index)
        root: Node | None = None
        try:
            while events.comes(StreamStartEvent):
                events.next()
            if events.comes(StreamEndEvent):
                return
            composer = _Composer(events, findings, size)
            root = composer.document()
            size = composer.size
        except ReadError:
            pass
        except MarkedYAMLError as error:
            report_syntax(error, text, findings)
        except (ValueError, OverflowError):
            what = "an escape or a version number is out of range"
            findings.add("SC002", f"not YAML: {what}", events.here())
        yield root, findings
        if root is None:
            return
        index += 1


class _Composer:
    """Composes one document from events."""

    def __init__(self, events: Events, findings: Findings, size: int) -> None:
        self.events = events
        self.findings = findings
        self.anchors: dict[str, Node | None] = {}  # None while the node is being composed
        self.size = size  # values in the file so far

    def document(self) -> Node:
        start = self.events.next()
        if isinstance(start, DocumentStartEvent) and start.version not in (None, (1, 2)):
            self.findings.add(
                "SC002", "only YAML 1.2 is read; take the `%YAML` line out", event_span(start)
            )
        root = self.node((), 1)
        self.events.next()  # the document's end
        return root

    def node(self, path: Path, depth: int) -> Node:
        event = self.events.next()
        if depth > MAX_DEPTH:
            self.findings.add(
                "SC009", f"nested deeper than {MAX_DEPTH} levels", event_span(event), path
            )
            raise ReadError
        if isinstance(event, AliasEvent):
            return self.alias(event, path, depth)
        assert isinstance(event, NodeEvent)
        self.count(1, event_span(event))
        if event.anchor is not None:
            if event.anchor in self.anchors:
                self.findings.add(
                    "SC012",
                    f"anchor `&{event.anchor[:80]}` is defined twice",
                    event_span(event),
                    path,
                )
            self.anchors[event.anchor] = None
        if isinstance(event, ScalarEvent):
            node: Node = self.scalar(event, path)
        elif isinstance(event, SequenceStartEvent):
            node = self.items(event, path, depth)
        else:
            assert isinstance(event, MappingStartEvent)
            node = self.table(event, path, depth)
        if event.tag is not None:
            self.findings.add(
                "SC006",
                f"explicit tag {shown(event.tag)}: a config is plain data",
                event_span(event),
                path,
                help="take the tag out",
            )
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def count(self, nodes: int, span: Span) -> None:
        self.size += nodes
        if self.size > MAX_NODES:
            self.findings.add("SC011", TOO_MANY_NODES, span)
            raise ReadError

    def alias(self, event: AliasEvent, path: Path, depth: int) -> Node:
        name = str(event.anchor)
        node = self.anchors.get(name)
        if node is None:
            why = "is used inside itself" if name in self.anchors else "has no anchor above it"
            self.findings.add("SC012", f"alias `*{name[:80]}` {why}", event_span(event), path)
            return Scalar(event_span(event), UNREAD)
        self.count(node.size, event_span(event))
        if depth + node.height - 1 > MAX_DEPTH:
            self.findings.add(
                "SC009",
                f"nested deeper than {MAX_DEPTH} levels through alias `*{name[:80]}`",
                event_span(event),
                path,
            )
            raise ReadError
        return node

    def scalar(self, event: ScalarEvent, path: Path) -> Scalar:
        is_plain = event.style is None
        value = plain_value(event.value) if is_plain else text_value(event.value)
        span = event_span(event)
        if isinstance(value, Refused):
            if event.tag is None:  # a tag is reported itself
                self.findings.add(value.code, value.message, span, path, help=value.help)
            return Scalar(span, UNREAD)
        return Scalar(
            span, value if event.tag is None else UNREAD, event.value if is_plain else None
        )

    def items(self, start: Event, path: Path, depth: int) -> Items:
        result = Items(event_span(start))
        while not self.events.comes(CollectionEndEvent):
            item = self.node((*path, len(result.items)), depth + 1)
            result.items.append(item)
        self.close(result, start, result.items)
        return result

    def table(self, start: Event, path: Path, depth: int) -> Table:
        result = Table(event_span(start))
        merged: list[Table] = []
        while not self.events.comes(CollectionEndEvent):
            key, key_span, is_merge = self.key(path, depth)
            value = self.node((*path, key if key is not None else "?"), depth + 1)
            if is_merge:
                merged += self.merged_tables(value, key_span, path)
            elif key is not None:
                self.put(result, key, Entry(key_span, value), path)
        for source in merged:  # the table's own keys win, then the earlier source
            for name, entry in source.entries.items():
                if name not in result.entries:
                    self.count(entry.value.size, result.span)
                    result.entries[name] = entry
        self.close(result, start, [entry.value for entry in result.entries.values()])
        return result

    def close(self, node: Items | Table, start: Event, inner: list[Node]) -> None:
        end = self.events.next()
        assert isinstance(start, (SequenceStartEvent, MappingStartEvent))
        if start.flow_style:
            node.span = between(start.start_mark, end.end_mark)
        elif inner:  # a block ends where its last value ends, not at the next token
            last = inner[-1].span
            if last[:2] >= node.span[:2]:
                node.span = Span(node.span.line, node.span.column, last.end_line, last.end_column)
        node.size = 1 + sum(child.size for child in inner)
        node.height = 1 + max((child.height for child in inner), default=0)

    def key(self, path: Path, depth: int) -> tuple[str | None, Span, bool]:
        """Return the key, where it stands, and whether it is YAML's merge key `<<`."""
        event = self.events.peek_next()
        span = event_span(event)
        node = self.node(path, depth + 1)
        self.size -= node.size  # values are counted, keys are not
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value, span, node.plain == "<<"
        refused = isinstance(node, Scalar) and node.value is UNREAD
        if not refused:
            text = node.plain if isinstance(node, Scalar) and node.plain is not None else None
            self.findings.add(
                "SC004",
                f"key {text[:80]} is no string" if text else "a key must be a string",
                span,
                path,
                help=f'quote it: "{text[:80]}"' if text else None,
            )
        return None, span, False

    def put(self, table: Table, key: str, entry: Entry, path: Path) -> None:
        first = table.entries.get(key)
        if first is None:
            table.entries[key] = entry
            return
        self.findings.add(
            "SC003",
            f"duplicate key `{shown(key)[1:-1]}`",
            entry.key,
            (*path, key),
            help="keep one of the two",
            notes=(Note("the first one is here", first.key),),
        )

    def merged_tables(self, value: Node, span: Span, path: Path) -> list[Table]:
        sources = value.items if isinstance(value, Items) else [value]
        tables = [source for source in sources if isinstance(source, Table)]
        if len(tables) != len(sources):
            self.findings.add(
                "SC012",
                "`<<` merges a mapping, or a list of mappings, and nothing else",
                span,
                (*path, "<<"),
            )
        return tables
