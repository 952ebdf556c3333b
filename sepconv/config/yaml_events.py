"""PyYAML's pure-Python events: faster here, and with its errors in our words."""

from __future__ import annotations

import re
from typing import Any

from yaml.error import MarkedYAMLError
from yaml.events import Event, MappingStartEvent, SequenceStartEvent
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from sepconv.config.findings import Findings, Note
from sepconv.config.nodes import Span

_BLANK_LINES = re.compile(r"(?: *+(?:#[^\r\n]*+)?(?:\r\n|\n|\r))++")
_EMPTY_LINES = re.compile(r"\n+(?=\n)")
_REWORDED = {
    "mapping values are not allowed here": "a `key: value` cannot stand here",
    "could not find expected ':'": "a key without its `:`",
    "found unexpected end of stream": "the text ends inside a quoted string",
}


class Events(Reader, Scanner, Parser):
    """PyYAML's reader, scanner and parser without its resolver and constructor."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        self.buffer = text + "\0" * 4  # so looking ahead never leaves the text

    def next(self) -> Event:
        event: Event = self.get_event()  # type: ignore[no-untyped-call]
        return event

    def peek_next(self) -> Event:
        event: Event = self.peek_event()  # type: ignore[no-untyped-call]
        return event

    def comes(self, *kinds: type[Event]) -> bool:
        return bool(self.check_event(*kinds))

    def here(self) -> Span:
        """Return the place that has been read up to."""
        return between(self.get_mark(), self.get_mark())

    def forward(self, length: int = 1) -> None:
        """Advance, as PyYAML does but not character by character; it is half of all its time."""
        start = self.pointer
        end = self.pointer = start + length
        self.index += length
        passed = self.buffer[start:end]
        if "\n" in passed or "\r" in passed:
            # "\r\n" is one line break, also when only its first half has been passed.
            breaks = passed.count("\n") + passed.count("\r") - passed.count("\r\n")
            if passed[-1] == "\r" and self.buffer[end : end + 1] == "\n":
                breaks -= 1
            self.line += breaks
            last = max(passed.rfind("\n"), passed.rfind("\r"))
            self.column = length - last - 1
        else:
            self.column += length

    def scan_to_next_token(self) -> None:
        """Pass blank lines and comments at once, then what PyYAML passes."""
        blank = _BLANK_LINES.match(self.buffer, self.pointer)
        if blank:
            self.forward(blank.end() - self.pointer)
            if not self.flow_level:
                self.allow_simple_key = True
        super().scan_to_next_token()

    def scan_block_scalar_indentation(self) -> Any:
        """Pass empty lines at once; PyYAML makes a mark for each of a million."""
        passed = self._empty_lines()
        chunks, indent, end = super().scan_block_scalar_indentation()
        return passed + chunks, indent, end

    def scan_block_scalar_breaks(self, indent: int) -> Any:
        """Pass empty lines at once, as above."""
        passed = self._empty_lines()
        chunks, end = super().scan_block_scalar_breaks(indent)
        return passed + chunks, end

    def _empty_lines(self) -> list[str]:
        """Pass all but the last of the line feeds that come next."""
        match = _EMPTY_LINES.match(self.buffer, self.pointer)
        if match is None:
            return []
        self.forward(match.end() - self.pointer)
        return ["\n"] * len(match.group())


def event_span(event: Event) -> Span:
    """Return where an event stands; a block's end is not known when it starts."""
    is_block = isinstance(event, (MappingStartEvent, SequenceStartEvent))
    return between(event.start_mark, event.start_mark if is_block else event.end_mark)


def between(start: Any, end: Any) -> Span:
    """Return the span between two marks of PyYAML, whose lines and columns count from 0."""
    return Span(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def report_syntax(error: MarkedYAMLError, text: str, findings: Findings) -> None:
    """Add what PyYAML's scanner or parser stumbled over."""
    mark = error.problem_mark or error.context_mark
    span = between(mark, mark)
    problem = error.problem or error.context or "unreadable"
    lines = text.splitlines()
    before = lines[span.line - 1][: span.column] if span.line <= len(lines) else ""
    help: str | None = None
    if "\t" in before and not before[:-1].strip():
        problem, help = "a tab indents this line", "YAML is indented with spaces alone"
    elif problem.startswith("mapping values"):
        help = "check the indentation, and quote a text that holds `: `"
    notes: tuple[Note, ...] = ()
    if error.context and error.context_mark:
        start = between(error.context_mark, error.context_mark)
        notes = (Note(error.context, start),) if start != span else ()
    problem = _REWORDED.get(problem, problem)
    findings.add("SC002", f"not YAML: {problem}", span, help=help, notes=notes)
