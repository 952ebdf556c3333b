"""SC1: what breaks the schema."""

from __future__ import annotations

from sepconv.config.codes.rule import LAYER, Rule, layer

RULES: dict[str, Rule] = {
    "SC101": Rule(
        "unknown class or function",
        "Names are looked up among the built-in layers, initializers, activations, regularizers "
        "and constraints. They are case-sensitive.",
        layer("activation: rellu"),
        layer("activation: relu"),
    ),
    "SC102": Rule(
        "unknown argument",
        "The class has no argument of this name; a misspelt argument would have no effect.",
        "SeparableConv1D: {filters: 4, kernal_size: 3}\n",
        LAYER,
    ),
    "SC103": Rule(
        "missing argument",
        "The argument has no default, so the layer, or `defaults`, must give it.",
        "SeparableConv1D: {filters: 4}\n",
        LAYER,
    ),
    "SC104": Rule(
        "value of the wrong type",
        'Types are not converted: 3.0 is no integer, "3" is no number, and YAML 1.2 reads '
        "`yes`, `no`, `on` and `off` as text.",
        layer("use_bias: no"),
        layer("use_bias: false"),
    ),
    "SC105": Rule(
        "value that is not allowed",
        "The value has the right type, and is out of range or none of the choices.",
        layer("padding: sane"),
        layer("padding: same"),
    ),
    "SC106": Rule(
        "no layer or network",
        "A document declares one layer or one network: a class name as a key, with its "
        "arguments as the value.",
        "x-note: nothing else\n",
        LAYER,
    ),
    "SC107": Rule(
        "several classes in one place",
        "One place holds one object: `{Class: {...}}` has exactly one class.",
        "SeparableConv1D: {filters: 4, kernel_size: 3}\nSequential: {layers: []}\n",
        LAYER,
    ),
    "SC108": Rule(
        "unknown format version",
        "`format` names the version of the config format. This version reads `sepconv/1`.",
        "format: sepconv/2\n" + LAYER,
        "format: sepconv/1\n" + LAYER,
    ),
    "SC109": Rule(
        "newer format version",
        "The file was written for a newer minor version of the format; what that version added "
        "is not checked.",
        "format: sepconv/1.7\n" + LAYER,
        "format: sepconv/1\n" + LAYER,
        "warning",
    ),
    "SC110": Rule(
        "layer of Keras alone",
        "Keras has this layer; sepconv does not.",
        "Sequential: {layers: [{LSTM: {units: 4}}]}\n",
        "Sequential: {layers: [{SeparableConv1D: {filters: 4, kernel_size: 3}}]}\n",
    ),
    "SC111": Rule(
        "argument of Keras 2",
        "Keras 2 wrote this argument; it is dropped, or renamed.",
        "class_name: SeparableConv1D\nconfig: {filters: 4, kernel_size: 3, groups: 1}\n",
        "class_name: SeparableConv1D\nconfig: {filters: 4, kernel_size: 3}\n",
        "warning",
    ),
}
