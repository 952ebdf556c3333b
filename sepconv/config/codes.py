"""The table of codes: what each finding means, with a config that has it and one that has not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """What `sepconv rule CODE` prints."""

    title: str
    why: str
    wrong: str
    right: str
    severity: Literal["error", "warning"] = "error"


_LAYER = "SeparableConv1D: {filters: 4, kernel_size: 3}\n"


def _layer(*lines: str) -> str:
    body = "".join(f"  {line}\n" for line in ("filters: 4", "kernel_size: 3", *lines))
    return f"SeparableConv1D:\n{body}"


def _graph(*layers: str, outputs: str = "a") -> str:
    body = "".join(f"    {line}\n" for line in layers)
    return (
        f"Functional:\n  inputs: {{x: {{shape: [49, 8]}}}}\n  layers:\n{body}  outputs: {outputs}\n"
    )


def _trained(*lines: str, filters: int = 4, activation: str = "softmax") -> str:
    body = "".join(f"  {line}\n" for line in lines)
    layer = f"{{filters: {filters}, kernel_size: 3, activation: {activation}}}"
    return (
        f"Sequential: {{input_shape: [9, 4], layers: [{{SeparableConv1D: {layer}}}]}}\n"
        f"training:\n{body}"
    )


RULES: dict[str, Rule] = {
    "SC001": Rule(
        "not UTF-8 text",
        "A config is UTF-8 without control characters. Other encodings and invisible characters "
        "are read differently by different programs.",
        "name: \x07\n",
        _LAYER,
    ),
    "SC002": Rule(
        "syntax error",
        "The text is no YAML 1.2 (or no JSON, in a `.json` file) from this place on. Indent with "
        "spaces, and quote a text that holds `: ` or ` #`.",
        "SeparableConv1D:\n\tfilters: 4\n",
        _LAYER,
    ),
    "SC003": Rule(
        "duplicate key",
        "Other readers silently keep the last of two equal keys; one of the two values would "
        "never have an effect.",
        "SeparableConv1D:\n  filters: 4\n  kernel_size: 3\n  filters: 8\n",
        _LAYER,
    ),
    "SC004": Rule(
        "key that is no string",
        "Every key is a name. YAML also allows numbers, nulls, lists and mappings as keys.",
        "SeparableConv1D: {filters: 4, kernel_size: 3}\n1: x\n",
        _LAYER,
    ),
    "SC005": Rule(
        "ambiguous value",
        "YAML 1.1 and YAML 1.2 read this text as different values: 012 is 10 or 12, 1:30 is 90 or "
        "text. Quote it if it is text, else write a plain decimal number.",
        _layer("strides: 012"),
        _layer("strides: 12"),
    ),
    "SC006": Rule(
        "explicit tag",
        "Tags such as `!!python/object` make readers build objects. A config is plain data, so "
        "every tag is refused.",
        _layer("name: !!str conv"),
        _layer("name: conv"),
    ),
    "SC007": Rule(
        "number that is not finite",
        "NaN and infinities, and numbers too large for a float64 such as 1e400, are no values "
        "of any argument.",
        _layer("depthwise_regularizer: {L2: {l2: 1e400}}"),
        _layer("depthwise_regularizer: {L2: {l2: 1e-4}}"),
    ),
    "SC008": Rule(
        "integer out of range",
        "Integers keep within ±2**53, where every reader of JSON and YAML is exact.",
        "SeparableConv1D: {filters: 99999999999999999999, kernel_size: 3}\n",
        _LAYER,
    ),
    "SC009": Rule(
        "nested too deeply",
        "A config has at most 32 levels.",
        "x-deep: " + "[" * 40 + "]" * 40 + "\n",
        _LAYER,
    ),
    "SC010": Rule(
        "empty or too large file",
        "A config file holds a layer or a network, in at most 1 MiB.",
        "# nothing but a comment\n",
        _LAYER,
    ),
    "SC011": Rule(
        "too many values",
        "A file has at most 10,000 values, an alias counted as often as it is used. A few "
        "hundred bytes of nested aliases can stand for billions of values.",
        "x-a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        "x-b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
        "x-c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
        "x-d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n",
        "x-a: &a {padding: same}\nSeparableConv1D: {<<: *a, filters: 4, kernel_size: 3}\n",
    ),
    "SC012": Rule(
        "anchor or alias that cannot be used",
        "An alias `*name` stands for the value with the anchor `&name` above it; it cannot stand "
        "inside that value, an anchor is set once, and `<<` merges mappings alone.",
        _layer("activation: *act"),
        "x-act: &act relu\n" + _layer("activation: *act"),
    ),
    "SC013": Rule(
        "half a surrogate pair",
        "The escapes \\ud800 to \\udfff make a character only in pairs.",
        _layer('name: "\\ud800"'),
        _layer('name: "conv"'),
    ),
    "SC014": Rule(
        "too many findings",
        "A document lists its first 500 findings. Mend them, then validate again.",
        f"SeparableConv1D: {{{', '.join(f'argument_{n}: 1' for n in range(500))}}}\n",
        _LAYER,
    ),
    "SC101": Rule(
        "unknown class or function",
        "Names are looked up among the built-in layers, initializers, activations, regularizers "
        "and constraints. They are case-sensitive.",
        _layer("activation: rellu"),
        _layer("activation: relu"),
    ),
    "SC102": Rule(
        "unknown argument",
        "The class has no argument of this name; a misspelt argument would have no effect.",
        "SeparableConv1D: {filters: 4, kernal_size: 3}\n",
        _LAYER,
    ),
    "SC103": Rule(
        "missing argument",
        "The argument has no default, so the layer, or `defaults`, must give it.",
        "SeparableConv1D: {filters: 4}\n",
        _LAYER,
    ),
    "SC104": Rule(
        "value of the wrong type",
        'Types are not converted: 3.0 is no integer, "3" is no number, and YAML 1.2 reads '
        "`yes`, `no`, `on` and `off` as text.",
        _layer("use_bias: no"),
        _layer("use_bias: false"),
    ),
    "SC105": Rule(
        "value that is not allowed",
        "The value has the right type, and is out of range or none of the choices.",
        _layer("padding: sane"),
        _layer("padding: same"),
    ),
    "SC106": Rule(
        "no layer or network",
        "A document declares one layer or one network: a class name as a key, with its "
        "arguments as the value.",
        "x-note: nothing else\n",
        _LAYER,
    ),
    "SC107": Rule(
        "several classes in one place",
        "One place holds one object: `{Class: {...}}` has exactly one class.",
        "SeparableConv1D: {filters: 4, kernel_size: 3}\nSequential: {layers: []}\n",
        _LAYER,
    ),
    "SC108": Rule(
        "unknown format version",
        "`format` names the version of the config format. This version reads `sepconv/1`.",
        "format: sepconv/2\n" + _LAYER,
        "format: sepconv/1\n" + _LAYER,
    ),
    "SC109": Rule(
        "newer format version",
        "The file was written for a newer minor version of the format; what that version added "
        "is not checked.",
        "format: sepconv/1.7\n" + _LAYER,
        "format: sepconv/1\n" + _LAYER,
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
    "SC201": Rule(
        "custom object that is not registered",
        "`package>Name` is an object of your own program. A config never says where code comes "
        "from: register the object in Python, or name its file on the command line with "
        "`--register my_objects.py`.",
        _layer("depthwise_initializer: my>Ramp"),
        _layer("depthwise_initializer: he_normal"),
    ),
    "SC301": Rule(
        "strides with dilation",
        "`strides > 1` and `dilation_rate > 1` exclude each other, as the layer's documentation "
        "says.",
        _layer("strides: 2", "dilation_rate: 2"),
        _layer("dilation_rate: 2"),
    ),
    "SC302": Rule(
        "regularizer that does not fit the kernel",
        "OrthogonalRegularizer takes matrices; the kernels of this layer have three axes.",
        _layer("depthwise_regularizer: orthogonal_regularizer"),
        _layer("depthwise_regularizer: l2"),
    ),
    "SC303": Rule(
        "constraint over an axis of length 1",
        "The pointwise kernel has the shape (1, channels, filters), so a norm over axis 0 is the "
        "norm of single weights. That is what Keras does; axis 1 is usually meant.",
        _layer("pointwise_constraint: {MaxNorm: {max_value: 2}}"),
        _layer("pointwise_constraint: {MaxNorm: {max_value: 2, axis: 1}}"),
        "warning",
    ),
    "SC304": Rule(
        "constraint axis that does not exist",
        "Kernels have the axes 0 to 2, a bias has axis 0.",
        _layer("depthwise_constraint: {UnitNorm: {axis: 3}}"),
        _layer("depthwise_constraint: {UnitNorm: {axis: 2}}"),
    ),
    "SC305": Rule(
        "activation that normalises over time",
        "softmax, log_softmax, sparsemax and glu work along the last axis, which is time with "
        "`data_format: channels_first`. That is what Keras does; channels are usually meant.",
        _layer("data_format: channels_first", "activation: softmax"),
        _layer("data_format: channels_last", "activation: softmax"),
        "warning",
    ),
    "SC306": Rule(
        "initializer that cannot make the weight",
        "Identity makes matrices and Orthogonal needs two axes at least; kernels have three axes "
        "and a bias has one.",
        _layer("bias_initializer: orthogonal"),
        _layer("bias_initializer: zeros"),
    ),
    "SC310": Rule(
        "kernel longer than the input",
        "With `padding: valid` the kernel spans (kernel_size - 1)·dilation_rate + 1 steps, and "
        "the input must have as many. Shorten the kernel, or take `padding: same`.",
        "Sequential:\n  input_shape: [8, 12]\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 9}\n",
        "Sequential:\n  input_shape: [9, 12]\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 9}\n",
    ),
    "SC311": Rule(
        "input that the layer cannot take",
        "The shape that reaches this layer does not fit it.",
        "Sequential:\n  input_shape: [49, null]\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 9}\n",
        "Sequential:\n  input_shape: [49, 12]\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 9}\n",
    ),
    "SC312": Rule(
        "very large weights",
        "The weights of one layer would take more than 4 GiB, which is probably a mistyped number.",
        "Sequential:\n  input_shape: [49, 12]\n  layers:\n"
        "    - SeparableConv1D: {filters: 400000000, kernel_size: 9}\n",
        "Sequential:\n  input_shape: [49, 12]\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 9}\n",
        "warning",
    ),
    "SC314": Rule(
        "indices that are no whole numbers",
        "Embedding looks up rows by number, and refuses numbers that are not whole. An input of "
        "indices has `dtype: int32`.",
        "Functional:\n  inputs: {x: {shape: [49], dtype: float32}}\n  layers:\n"
        "    a: {Embedding: {input_dim: 100, output_dim: 8}}\n  outputs: a\n",
        "Functional:\n  inputs: {x: {shape: [49], dtype: int32}}\n  layers:\n"
        "    a: {Embedding: {input_dim: 100, output_dim: 8}}\n  outputs: a\n",
        "warning",
    ),
    "SC320": Rule(
        "duplicate layer name",
        "Weights are stored by the layers' names, so each name of a network is used once.",
        "Sequential:\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 3, name: a}\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 3, name: a}\n",
        "Sequential:\n  layers:\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 3, name: a}\n"
        "    - SeparableConv1D: {filters: 4, kernel_size: 3, name: b}\n",
    ),
    "SC321": Rule(
        "network without layers",
        "A network without layers returns its input.",
        "Sequential: {layers: []}\n",
        "Sequential: {layers: [{SeparableConv1D: {filters: 4, kernel_size: 3}}]}\n",
        "warning",
    ),
    "SC330": Rule(
        "unknown name in a graph",
        "`from` and `outputs` name the layers and inputs of the same Functional network.",
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: y}"),
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
    ),
    "SC331": Rule(
        "cycle",
        "Each of these layers waits for the output of another one. A layer gets what was computed "
        "before it; a layer that is to be used again is called twice: `from: [[x], [b]]`.",
        _graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: b}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: a}",
            outputs="b",
        ),
        _graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: a}",
            outputs="b",
        ),
    ),
    "SC332": Rule(
        "layer or input that is not used",
        "No output depends on it, so it is computed by nobody and left out of the network.",
        _graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
        ),
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
        "warning",
    ),
    "SC333": Rule(
        "wrong number of inputs",
        "Most layers take one input. Add, Concatenate and their like take a list of them, which "
        "has two names or more in a `from`; Subtract and Dot take a list of two.",
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: [x, x]}"),
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
    ),
    "SC334": Rule(
        "shapes that cannot be merged",
        "The shapes that reach a merging layer do not fit together. Add and its like want equal "
        "ones (1 fits any), Concatenate wants all axes equal but its own.",
        _graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 5, kernel_size: 3}, from: x}",
            "sum: {Add: {}, from: [a, b]}",
            outputs="sum",
        ),
        _graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "sum: {Add: {}, from: [a, b]}",
            outputs="sum",
        ),
    ),
    "SC335": Rule(
        "call or output that does not exist, or one of several",
        "`a` stands for the output of the layer `a`. If `a` is called several times, `a/0` is what "
        "its first call returns; if a network has several outputs, `a/0/1` is the second one.",
        _graph(
            "a: {SeparableConv1D: {filters: 8, kernel_size: 3}, from: [[x], [a/0]]}",
        ),
        _graph(
            "a: {SeparableConv1D: {filters: 8, kernel_size: 3}, from: [[x], [a/0]]}",
            outputs="a/1",
        ),
    ),
    "SC336": Rule(
        "layer with two names",
        "In a Functional network a layer's key is its name.",
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3, name: b}, from: x}"),
        _graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
    ),
    "SC399": Rule(
        "refused by the class itself",
        "The class refused its arguments when it was built; the message is its own.",
        _layer("depthwise_constraint: {MinMaxNorm: {min_value: 2, max_value: 1}}"),
        _layer("depthwise_constraint: {MinMaxNorm: {min_value: 1, max_value: 2}}"),
    ),
    "SC401": Rule(
        "loss that takes the output for something else",
        "A crossentropy takes probabilities, which softmax or sigmoid make, or with "
        "`from_logits: true` the values before them. With the wrong one, training goes on and "
        "learns badly.",
        _trained("loss: {SparseCategoricalCrossentropy: {from_logits: true}}"),
        _trained("loss: sparse_categorical_crossentropy"),
        "warning",
    ),
    "SC402": Rule(
        "classes in an output of size 1",
        "Among one class, that class has the probability 1 whatever the weights are: the loss "
        "is constant and nothing is learnt.",
        _trained("loss: sparse_categorical_crossentropy", filters=1),
        _trained("loss: binary_crossentropy", filters=1, activation="sigmoid"),
        "warning",
    ),
    "SC403": Rule(
        "another number of losses or metrics than outputs",
        "A list has an item for each output of the network, in their order.",
        _trained("loss: [mse, mse]"),
        _trained("loss: mse"),
    ),
    "SC404": Rule(
        "two ways to validate",
        "With a file to validate with, no samples are held back, so `validation_split` has no "
        "effect.",
        _trained("data: {train: a.npz, validation: b.npz}", "loss: mse", "validation_split: 0.1"),
        _trained("data: {train: a.npz, validation: b.npz}", "loss: mse"),
        "warning",
    ),
    "SC405": Rule(
        "metric of other targets than the loss",
        "Sparse losses and metrics take the classes' numbers, the others one-hot targets. One "
        "file of targets cannot be both.",
        _trained("loss: sparse_categorical_crossentropy", "metrics: [categorical_accuracy]"),
        _trained("loss: sparse_categorical_crossentropy", "metrics: [accuracy]"),
        "warning",
    ),
    "SC406": Rule(
        "callback that watches nothing",
        "A callback watches `loss`, a metric, or with something to validate with `val_loss` and "
        "`val_` before a metric. Without its value it does nothing.",
        _trained("loss: mse", "callbacks: [{EarlyStopping: {patience: 5}}]"),
        _trained(
            "loss: mse", "validation_split: 0.1", "callbacks: [{EarlyStopping: {patience: 5}}]"
        ),
        "warning",
    ),
}
