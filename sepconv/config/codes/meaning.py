"""SC2 and SC3: custom objects, and what a schema cannot say of layers and networks."""

from __future__ import annotations

from sepconv.config.codes.rule import Rule, graph, layer

RULES: dict[str, Rule] = {
    "SC201": Rule(
        "custom object that is not registered",
        "`package>Name` is an object of your own program. A config never says where code comes "
        "from: register the object in Python, or name its file on the command line with "
        "`--register my_objects.py`.",
        layer("depthwise_initializer: my>Ramp"),
        layer("depthwise_initializer: he_normal"),
    ),
    "SC301": Rule(
        "strides with dilation",
        "`strides > 1` and `dilation_rate > 1` exclude each other, as the layer's documentation "
        "says.",
        layer("strides: 2", "dilation_rate: 2"),
        layer("dilation_rate: 2"),
    ),
    "SC302": Rule(
        "regularizer that does not fit the kernel",
        "OrthogonalRegularizer takes matrices; the kernels of this layer have three axes.",
        layer("depthwise_regularizer: orthogonal_regularizer"),
        layer("depthwise_regularizer: l2"),
    ),
    "SC303": Rule(
        "constraint over an axis of length 1",
        "The pointwise kernel has the shape (1, channels, filters), so a norm over axis 0 is the "
        "norm of single weights. That is what Keras does; axis 1 is usually meant.",
        layer("pointwise_constraint: {MaxNorm: {max_value: 2}}"),
        layer("pointwise_constraint: {MaxNorm: {max_value: 2, axis: 1}}"),
        "warning",
    ),
    "SC304": Rule(
        "constraint axis that does not exist",
        "Kernels have the axes 0 to 2, a bias has axis 0.",
        layer("depthwise_constraint: {UnitNorm: {axis: 3}}"),
        layer("depthwise_constraint: {UnitNorm: {axis: 2}}"),
    ),
    "SC305": Rule(
        "activation that normalises over time",
        "softmax, log_softmax, sparsemax and glu work along the last axis, which is time with "
        "`data_format: channels_first`. That is what Keras does; channels are usually meant.",
        layer("data_format: channels_first", "activation: softmax"),
        layer("data_format: channels_last", "activation: softmax"),
        "warning",
    ),
    "SC306": Rule(
        "initializer that cannot make the weight",
        "Identity makes matrices and Orthogonal needs two axes at least; kernels have three axes "
        "and a bias has one.",
        layer("bias_initializer: orthogonal"),
        layer("bias_initializer: zeros"),
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
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: y}"),
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
    ),
    "SC331": Rule(
        "cycle",
        "Each of these layers waits for the output of another one. A layer gets what was computed "
        "before it; a layer that is to be used again is called twice: `from: [[x], [b]]`.",
        graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: b}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: a}",
            outputs="b",
        ),
        graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: a}",
            outputs="b",
        ),
    ),
    "SC332": Rule(
        "layer or input that is not used",
        "No output depends on it, so it is computed by nobody and left out of the network.",
        graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
        ),
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
        "warning",
    ),
    "SC333": Rule(
        "wrong number of inputs",
        "Most layers take one input. Add, Concatenate and their like take a list of them, which "
        "has two names or more in a `from`; Subtract and Dot take a list of two.",
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: [x, x]}"),
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
    ),
    "SC334": Rule(
        "shapes that cannot be merged",
        "The shapes that reach a merging layer do not fit together. Add and its like want equal "
        "ones (1 fits any), Concatenate wants all axes equal but its own.",
        graph(
            "a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}",
            "b: {SeparableConv1D: {filters: 5, kernel_size: 3}, from: x}",
            "sum: {Add: {}, from: [a, b]}",
            outputs="sum",
        ),
        graph(
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
        graph(
            "a: {SeparableConv1D: {filters: 8, kernel_size: 3}, from: [[x], [a/0]]}",
        ),
        graph(
            "a: {SeparableConv1D: {filters: 8, kernel_size: 3}, from: [[x], [a/0]]}",
            outputs="a/1",
        ),
    ),
    "SC336": Rule(
        "layer with two names",
        "In a Functional network a layer's key is its name.",
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3, name: b}, from: x}"),
        graph("a: {SeparableConv1D: {filters: 4, kernel_size: 3}, from: x}"),
    ),
    "SC399": Rule(
        "refused by the class itself",
        "The class refused its arguments when it was built; the message is its own.",
        layer("depthwise_constraint: {MinMaxNorm: {min_value: 2, max_value: 1}}"),
        layer("depthwise_constraint: {MinMaxNorm: {min_value: 1, max_value: 2}}"),
    ),
}
