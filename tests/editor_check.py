"""`make editor`: the real YAML language server, as an editor drives it, over the committed schemas.

It must find nothing in `configs/`, each planted mistake at its line, and offer the names and their
descriptions where they are typed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
MODELINE = f"# yaml-language-server: $schema={ROOT / 'schemas' / 'sepconv.schema.json'}\n"
SETTINGS = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}

# Where | stands, the server is asked; then what must be among its answers.
COMPLETIONS = [
    ("|", {"SeparableConv1D", "Sequential", "Functional", "defaults", "training"}),
    ("SeparableConv1D:\n  |", {"filters", "kernel_size", "depthwise_regularizer"}),
    ("SeparableConv1D:\n  filters: 4\n  padding: |", {"valid", "same"}),
    ("SeparableConv1D:\n  activation: |", {"relu", "softmax"}),
    ("Sequential:\n  layers:\n    - Dense:\n        |", {"units", "kernel_initializer"}),
    ("Functional:\n  layers:\n    a:\n      |", {"from", "Add", "Conv1D"}),
    ("training:\n  |", {"optimizer", "loss", "callbacks"}),
    ("training:\n  loss: |", {"mse", "categorical_crossentropy"}),
    ("training:\n  optimizer:\n    Adam:\n      |", {"learning_rate", "beta_1"}),
]
HOVERS = [
    ("SeparableConv1D:\n  kernel_|size: 3\n", "umber of taps"),
    ("Sequential:\n  layers:\n    - Dense: {uni|ts: 3}\n", "utput"),
    ("SeparableConv1D:\n  depthwise_initializer: {HeNormal: {se|ed: 3}}\n", "eed"),
]
# What is wrong, and what the server must say of that line.
MISTAKES = [
    ("SeparableConv1D:\n  filters: 4\n  kernel_size: 3\n  kernal_size: 3\n", 3, "kernal_size"),
    ("SeparableConv1D:\n  filters: four\n  kernel_size: 3\n", 1, "integer"),
    ("SeparableConv1D:\n  filters: 0\n  kernel_size: 3\n", 1, "minimum"),
    (
        "SeparableConv1D:\n  filters: 4\n  kernel_size: 3\n  padding: smae\n",
        3,
        "must be valid or same",
    ),
    ("Sequential:\n  layers:\n    - Dense: {unit: 3}\n", 2, "unit"),
    ("Sequential:\n  layers:\n    - Desne: {units: 3}\n", 2, "Desne"),
    ("SeparableConv1D:\n  filters: 4\n  kernel_size: 3\n  activation: rellu\n", 3, "relu"),
    ("Dense: {units: 3}\ntraining: {loss: mse, epoch: 3}\n", 1, "epoch"),
]


class Server:
    """A language server, spoken to over its standard input and output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.number, self.found = process, 0, {}  # diagnostics by document
        self.ask("initialize", {"processId": None, "rootUri": ROOT.as_uri(), "capabilities": {}})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": {"yaml": SETTINGS}})

    def open(self, name: str, text: str) -> tuple[str, list[dict[str, Any]]]:
        """Open a document; return its URI and what is found in it."""
        uri = (ROOT / "configs" / name).as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        while uri not in self.found:
            self._take()
        return uri, self.found.pop(uri)

    def ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self.number += 1
        self._send({"id": self.number, "method": method, "params": parameters})
        while (message := self._take()).get("id") != self.number or "method" in message:
            pass
        return message["result"]

    def tell(self, method: str, parameters: dict[str, Any]) -> None:
        self._send({"method": method, "params": parameters})

    def _send(self, message: dict[str, Any]) -> None:
        raw = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(raw), raw))
        self.process.stdin.flush()

    def _take(self) -> dict[str, Any]:
        """Read a message; keep diagnostics, and answer what the server asks of an editor."""
        stream, length = self.process.stdout, 0
        assert stream is not None
        while line := stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise SystemExit("the language server has ended")
        message: dict[str, Any] = json.loads(stream.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.found[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message


@contextmanager
def serving(command: str) -> Iterator[Server]:
    with subprocess.Popen(
        [command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Server(process)
        finally:
            process.terminate()


def asked(server: Server, name: str, marked: str, method: str) -> Any:
    """Return what the server answers at the | in a text."""
    before, _, after = (MODELINE + marked).partition("|")
    uri, _ = server.open(name, before + after)
    line = before.count("\n")
    place = {"line": line, "character": len(before) - before.rfind("\n") - 1}
    return server.ask(method, {"textDocument": {"uri": uri}, "position": place})


def failures(server: Server) -> Iterator[str]:
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        for finding in server.open(path.name, path.read_text())[1]:
            line = finding["range"]["start"]["line"] + 1
            yield f"{path.name}:{line}: {finding['message']}"
    for number, (marked, expected) in enumerate(COMPLETIONS):
        answer = asked(server, f"completion{number}.yaml", marked, "textDocument/completion")
        offered = {item["label"] for item in answer["items"]}
        if not expected <= offered:
            yield f"completion of {marked!r} lacks {sorted(expected - offered)}"
    for number, (marked, expected_text) in enumerate(HOVERS):
        answer = asked(server, f"hover{number}.yaml", marked, "textDocument/hover")
        if expected_text not in json.dumps(answer):
            yield f"hover of {marked!r} says {answer}"
    for number, (text, wrong, said) in enumerate(MISTAKES):
        _, found = server.open(f"mistake{number}.yaml", MODELINE + text)
        told = [(f["range"]["start"]["line"] - 1, f["message"]) for f in found]
        if not any(line == wrong and said in message for line, message in told):
            yield f"{text!r} has {told}"


def main(command: str) -> int:
    with serving(command) as server:
        failed = list(failures(server))
    print("\n".join(failed))
    passed = len(COMPLETIONS) + len(HOVERS) + len(MISTAKES)
    print(f"{len(failed)} failures; {passed} questions and all of configs/")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
