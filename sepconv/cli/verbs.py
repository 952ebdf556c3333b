"""The verbs by name. Each is a small module with `arguments` and `run`, imported when it runs."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Verb:
    """One verb of the command."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    module: str

    def run(self, arguments: argparse.Namespace) -> int:
        for path in getattr(arguments, "register", ()):
            importlib.import_module("sepconv.cli.objects").register(path)
        run: Callable[[argparse.Namespace], int] = importlib.import_module(self.module).run
        return run(arguments)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a YAML or JSON config")
    _set(parser)
    _register(parser)


def _set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        help="set an argument above what the file says, such as layers.0.filters=8. "
        "May be repeated",
    )


def _register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--register",
        metavar="PATH.py",
        action="append",
        default=[],
        help="run this Python file first: it registers custom objects. May be repeated",
    )


def _input_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input-shape",
        metavar="SHAPE",
        help="shape of one example, such as 49,40 or null,40; the batch is left out",
    )


def _validate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="files, folders, globs, or - for standard input"
    )
    parser.add_argument(
        "--format", choices=("full", "concise", "json", "github", "sarif"), default="full"
    )
    parser.add_argument("--output", metavar="FILE", help="write the report there")
    mending = parser.add_mutually_exclusive_group()
    mending.add_argument(
        "--fix", action="store_true", help="make every certain fix in the files, report the rest"
    )
    mending.add_argument(
        "--diff", action="store_true", help="print what --fix would change; write no file"
    )
    parser.add_argument("--select", metavar="CODES", help="only these, such as SC1,SC310")
    parser.add_argument("--ignore", metavar="CODES", help="all but these")
    parser.add_argument("--warnings-as-errors", action="store_true")
    parser.add_argument("--stdin-filename", metavar="NAME", help="what to call standard input")
    _set(parser)
    _input_shape(parser)
    _register(parser)


def _show(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    _input_shape(parser)


def _run(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    parser.add_argument("--input", metavar="X", required=True, help=".npy, .npz or .csv")
    parser.add_argument("--output", metavar="Y.npy", required=True, help="where the result goes")
    _weights(parser)
    _verify(parser)
    parser.add_argument("--array", metavar="NAME", help="which array of an .npz with several")


def _train(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    parser.add_argument(
        "--output", metavar="FOLDER", help="where the results go; FILE.trained without it"
    )
    parser.add_argument(
        "--restart", action="store_true", help="begin anew where a training was interrupted"
    )


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="such as initializers; else all")
    parser.add_argument("--write", metavar="FOLDER", help="write every schema as a file there")
    parser.add_argument(
        "--markdown", action="store_true", help="print all names and arguments as a Markdown page"
    )
    _register(parser)


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.json", help="what Keras 3 or 2 wrote, or -")
    parser.add_argument("--output", metavar="FILE.yaml", help="write the YAML there")
    _register(parser)


def _convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="IN",
        help=".keras, .safetensors, Keras 2's .h5, .onnx, or a YAML or JSON config",
    )
    parser.add_argument(
        "target",
        metavar="OUT",
        help=".keras, .safetensors, .onnx; a .yaml or .json config; .npz, .weights.h5 of weights",
    )
    _weights(parser)
    parser.add_argument("--save-weights", metavar="W", help="write the weights there, too")
    parser.add_argument("--example", metavar="X", help="store these inputs and their outputs")
    _verify(parser)
    _set(parser)
    _input_shape(parser)
    _register(parser)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="MODEL", help="a model, or a YAML or JSON config")
    parser.add_argument("target", metavar="OUT.onnx", help="the file to write")
    _weights(parser)
    _set(parser)
    _input_shape(parser)
    _register(parser)


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="a YAML or JSON config. Without it, thirteen layers of published networks are timed "
        "in both data formats, on all threads and on one; `make bench` in a checkout of sepconv "
        "times the same layers beside other libraries",
    )
    _set(parser)
    _register(parser)
    _input_shape(parser)
    parser.add_argument("--batch", metavar="N", type=_count, help="samples in a call; else 1")
    parser.add_argument("--threads", metavar="N", type=_count, help="else as many as CPUs")
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=_seconds,
        help="how long to time: the whole of FILE, and its layers (else 1); without FILE, each "
        "figure (else 0.25)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is no whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds from 0 to 3600")
    return seconds


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("one", metavar="A", help="a model, a config, or a file of weights")
    parser.add_argument("other", metavar="B", help="likewise")
    _register(parser)


def _weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights", metavar="W", help=".npz, .safetensors, .weights.h5, .keras or .h5"
    )


def _verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verify", action="store_true", help="run the self-test that the model was saved with"
    )


def _rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as SC310; else a list of all")
    parser.add_argument("--markdown", action="store_true", help="print all as a Markdown page")


VERBS = (
    Verb("validate", "find every mistake in configs", _validate, "sepconv.cli.validate"),
    Verb("show", "print the layers of a config, their shapes and costs", _show, "sepconv.cli.show"),
    Verb("run", "compute a config's outputs for arrays", _run, "sepconv.cli.run"),
    Verb("train", "train a config's network on its data", _train, "sepconv.cli.train"),
    Verb("expand", "print a config in Keras's long form", _config, "sepconv.cli.expand"),
    Verb("import", "turn Keras's JSON into the short YAML form", _import, "sepconv.cli.import_"),
    Verb("convert", "write a model in another file format", _convert, "sepconv.cli.convert"),
    Verb("export", "write a model as an ONNX file", _export, "sepconv.cli.export"),
    Verb("bench", "time a network, or known layers, on this machine", _bench, "sepconv.cli.bench"),
    Verb("diff", "print what differs between two models", _diff, "sepconv.cli.diff"),
    Verb("schema", "print the JSON Schema of configs", _schema, "sepconv.cli.schema"),
    Verb("rule", "explain a code of `validate`", _rule, "sepconv.cli.rule"),
)
