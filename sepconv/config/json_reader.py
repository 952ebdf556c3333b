"""JSON (RFC 8259) to nodes with places; stricter than Python's `json` on keys and numbers."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from sepconv.config.findings import Findings, Note
from sepconv.config.limits import MAX_DEPTH, MAX_JSON_NODES, TOO_MANY_JSON_NODES
from sepconv.config.nodes import UNREAD, Entry, Items, Node, Path, Scalar, Span, Table
from sepconv.config.scalars import Refused, not_finite, number, text_value
from sepconv.errors import shown

_SPACE = re.compile(r"[ \t\r\n]*")
# Possessive: backtracking would keep a state for each escape, 80 MB of them in a string of 1 MB.
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![0-9.eE+\w])")
_WORD = re.compile(r"-?[A-Za-z0-9_.+-]+")
_WORDS = {"true": True, "false": False, "null": None}


class ReadError(Exception):
    """The text cannot be read from `at` on."""

    def __init__(self, message: str, at: int, help: str | None = None, code: str = "SC002") -> None:
        super().__init__(f"not JSON: {message}" if code == "SC002" else message)
        self.at = at
        self.help = help
        self.code = code


def document(text: str, filename: str) -> tuple[Node | None, Findings]:
    """Return the root node of the JSON `text`, with what was found while reading it."""
    findings = Findings(filename)
    reader = _Reader(text, findings)
    try:
        root = reader.value((), 1)
        reader.space()
        if reader.at < len(text):
            raise ReadError("something follows the end of the document", reader.at)
    except ReadError as error:
        findings.add(error.code, str(error), reader.span(error.at, error.at), help=error.help)
        return None, findings
    return root, findings


class _Reader:
    def __init__(self, text: str, findings: Findings) -> None:
        self.text = text
        self.findings = findings
        self.at = 0
        self.size = 0
        self.lines = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]

    def span(self, start: int, end: int) -> Span:
        first, last = bisect_right(self.lines, start), bisect_right(self.lines, end)
        return Span(first, start - self.lines[first - 1] + 1, last, end - self.lines[last - 1] + 1)

    def space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def next(self) -> str:
        """Return the next character that is no white space; "" at the end."""
        self.space()
        return self.text[self.at : self.at + 1]

    def value(self, path: Path, depth: int) -> Node:
        head = self.next()
        start = self.at
        if depth > MAX_DEPTH:
            raise ReadError(f"nested deeper than {MAX_DEPTH} levels", start, code="SC009")
        self.size += 1
        if self.size > MAX_JSON_NODES:
            raise ReadError(TOO_MANY_JSON_NODES, start, code="SC011")
        if head == "{":
            return self.table(path, depth)
        if head == "[":
            return self.items(path, depth)
        if head == '"':
            text, span = self.string(path)
            return Scalar(span, UNREAD if text is None else text)
        word = _WORD.match(self.text, start)
        if not word:
            what = f"unexpected {shown(head)}" if head else "the text ends too early"
            raise ReadError(what, start)
        return self.scalar(word.group(), start, path)

    def scalar(self, word: str, start: int, path: Path) -> Scalar:
        value: bool | int | float | Refused | None
        self.at = start + len(word)
        span = self.span(start, self.at)
        if word in _WORDS:
            return Scalar(span, _WORDS[word], word)
        if _NUMBER.fullmatch(word):
            value = number(word)
        elif word in ("NaN", "Infinity", "-Infinity"):
            value = not_finite(word)
        else:
            raise ReadError(f"{shown(word, 80)[1:-1]} is no JSON value", start, "text needs quotes")
        if isinstance(value, Refused):
            self.findings.add(value.code, value.message, span, path, help=value.help)
            return Scalar(span, UNREAD)
        return Scalar(span, value, word)

    def string(self, path: Path) -> tuple[str | None, Span]:
        match = _STRING.match(self.text, self.at)
        if not match:
            raise ReadError("a string without its end, or with an unknown escape", self.at)
        start, self.at = self.at, match.end()
        span = self.span(start, self.at)
        value = text_value(json.loads(match.group()))
        if isinstance(value, Refused):
            self.findings.add(value.code, value.message, span, path)
            return None, span
        return value, span

    def items(self, path: Path, depth: int) -> Items:
        start = self.at
        self.at += 1
        result: list[Node] = []
        if self.next() != "]":
            while True:
                result.append(self.value((*path, len(result)), depth + 1))
                if not self.another("]"):
                    break
        self.at += 1
        return Items(self.span(start, self.at), result)

    def table(self, path: Path, depth: int) -> Table:
        start = self.at
        self.at += 1
        entries: dict[str, Entry] = {}
        if self.next() != "}":
            while True:
                self.member(entries, path, depth)
                if not self.another("}"):
                    break
        self.at += 1
        return Table(self.span(start, self.at), entries)

    def member(self, entries: dict[str, Entry], path: Path, depth: int) -> None:
        if self.next() != '"':
            raise ReadError("a key must be a string in double quotes", self.at)
        key, span = self.string(path)
        if self.next() != ":":
            raise ReadError("a key without its `:`", self.at)
        self.at += 1
        value = self.value((*path, key or ""), depth + 1)
        if key is None:
            return
        if key in entries:
            self.findings.add(
                "SC003",
                f"duplicate key `{shown(key)[1:-1]}`",
                span,
                (*path, key),
                help="keep one of the two",
                notes=(Note("the first one is here", entries[key].key),),
            )
            return
        entries[key] = Entry(span, value)

    def another(self, end: str) -> bool:
        """Pass a comma and tell whether a value follows; False when `end` comes."""
        head = self.next()
        if head == end:
            return False
        if head != ",":
            raise ReadError(f"`,` or `{end}` must stand here", self.at)
        self.at += 1
        if self.next() == end:
            raise ReadError("JSON has no comma before a closing bracket", self.at - 1)
        return True
