"""Random configurations of SeparableConv1D, with wrong values among the right ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

WRONG = 0.003  # the share of wrong values for each argument

ACTIVATIONS = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink
    softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh
    tanh_shrink
""".split()  # noqa: SIM905 - thirty names read better as text
INITIALIZERS = """
    GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal RandomNormal
    RandomUniform TruncatedNormal VarianceScaling Orthogonal Zeros Ones Constant
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Case:
    """One layer's arguments, and the input it is called on."""

    arguments: dict[str, Any]
    shape: tuple[int, ...]
    input_dtype: str
    seed: int

    def inputs(self) -> Any:
        values = np.random.default_rng(self.seed).normal(size=self.shape)
        return (3 * values).astype(self.input_dtype)


def random_case(rng: np.random.Generator) -> Case:
    """Return a case; the same state of `rng` gives the same one."""
    strides, dilation = (int(n) for n in rng.choice([1, 1, 1, 2, 3], 2))
    if rng.random() < 0.8:  # together they are refused, which is soon seen often enough
        strides, dilation = (strides, 1) if rng.random() < 0.5 else (1, dilation)
    data_format = pick(rng, None, "channels_last", "channels_last", "channels_first")
    channels = int(rng.integers(1, 7))
    steps = int(rng.integers(19, 50))  # the widest kernel spans 19
    if rng.random() < 0.1:
        channels, steps = int(rng.integers(0, 3)), int(rng.integers(0, 8))
    batch = int(rng.choice([0, 1, 2, 3, 5]))
    sizes = (channels, steps) if data_format == "channels_first" else (steps, channels)
    arguments = {
        "filters": wrong(rng, int(rng.integers(1, 12)), 0, -1, 2.5, True, None, "4"),
        "kernel_size": size(rng, int(rng.integers(1, 8))),
        "strides": size(rng, strides),
        "padding": wrong(rng, pick(rng, "valid", "same", "SAME", "Valid"), "causal", 2, None),
        "data_format": wrong(rng, data_format, "channels_middle", 1),
        "dilation_rate": size(rng, dilation),
        "depth_multiplier": wrong(rng, int(rng.integers(1, 4)), 0, -2, False),
        "activation": wrong(rng, activation(rng), "ReLU", "nothing"),
        "use_bias": bool(rng.random() < 0.75),
        "depthwise_initializer": initializer(rng),
        "pointwise_initializer": initializer(rng),
        "bias_initializer": initializer(rng),
        "activity_regularizer": regularizer(rng),
        "trainable": wrong(rng, bool(rng.random() < 0.9), 1, "yes"),
        "dtype": wrong(rng, dtype(rng), "float31", "mixed_int8"),
        "name": wrong(rng, pick(rng, "layer", "a b", "sepconv-1"), "a/b", 3),
    }
    for part in ("depthwise", "pointwise", "bias"):
        arguments[f"{part}_regularizer"] = regularizer(rng)
        arguments[f"{part}_constraint"] = constraint(rng)
    if rng.random() < WRONG:
        arguments["groups" if rng.random() < 0.5 else "filter"] = 1
    given = {key: value for key, value in arguments.items() if key in KEPT or rng.random() < 0.7}
    shape = wrong(rng, (batch, *sizes), sizes, (batch, *sizes, 2))
    return Case(given, shape, input_dtype(rng, given.get("dtype")), int(rng.integers(2**31)))


KEPT = ("filters", "kernel_size", "name", "data_format", "strides", "dilation_rate")


def pick(rng: np.random.Generator, *options: Any) -> Any:
    return options[rng.integers(len(options))]


def wrong(rng: np.random.Generator, right: Any, *others: Any) -> Any:
    return pick(rng, *others) if rng.random() < WRONG else right


def size(rng: np.random.Generator, value: int) -> Any:
    given = pick(rng, value, value, (value,), [value])
    return wrong(rng, given, 0, -1, (value, value), "3", 1.5, None, [])


def dtype(rng: np.random.Generator) -> Any:
    name = pick(rng, *["float32"] * 6, *["float64"] * 3, "float16", "bfloat16", "mixed_float16")
    if rng.random() < 0.2:
        return {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": name},
            "registered_name": None,
        }
    return pick(rng, None, name) if name == "float32" else name


def input_dtype(rng: np.random.Generator, policy: Any) -> str:
    """Return the input's dtype; every tenth time not the one that the layer computes in."""
    if isinstance(policy, dict):
        policy = policy["config"]["name"]
    fitting = {"float64": "float64", "float16": "float16", "mixed_float16": "float16"}
    if rng.random() < 0.1:
        return str(pick(rng, "float16", "float32", "float64", "int32"))
    return fitting.get(policy, "float32")


def activation(rng: np.random.Generator) -> Any:
    name = pick(rng, *ACTIVATIONS)
    if rng.random() < 0.1:
        return {"module": "builtins", "class_name": "function", "config": name}
    if rng.random() < 0.05:
        slope = {"negative_slope": round(float(rng.random()), 3)}
        return {"module": "keras.layers", "class_name": "LeakyReLU", "config": slope}
    return pick(rng, None, name, name, name)


def initializer(rng: np.random.Generator) -> Any:
    name = str(pick(rng, *INITIALIZERS))
    config: dict[str, Any] = {}
    if name not in ("Zeros", "Ones", "Constant"):
        config["seed"] = pick(rng, None, int(rng.integers(1000)))
    if name == "VarianceScaling":
        config["scale"] = round(float(rng.random()) + 0.1, 3)
        config["mode"] = pick(rng, "fan_in", "fan_out", "fan_avg")
        config["distribution"] = pick(rng, "normal", "uniform", "untruncated_normal")
    if name == "Constant":
        config["value"] = round(float(rng.normal()), 3)
    full = {
        "module": "keras.initializers",
        "class_name": name,
        "config": config,
        "registered_name": None,
    }
    short = {"class_name": name, "config": config}
    given = pick(rng, None, full, short, "he_normal", "glorot_uniform", "zeros", "ones", "normal")
    return wrong(rng, given, "he_norml", "Glorot")


def regularizer(rng: np.random.Generator) -> Any:
    value = round(float(rng.random()), 3)
    given = pick(
        rng,
        *[None] * 6,
        "l1",
        "L2",
        "l1l2",
        {"class_name": "L1", "config": {"l1": value}},
        {"class_name": "L2", "config": {"l2": value}},
        {
            "module": "keras.regularizers",
            "class_name": "L1L2",
            "config": {"l1": value, "l2": value / 2},
            "registered_name": None,
        },
    )
    return wrong(rng, given, "l3", "orthogonal_regularizer", {"class_name": "L1"})


def constraint(rng: np.random.Generator) -> Any:
    value = round(float(rng.random()) + 0.5, 3)
    given = pick(
        rng,
        *[None] * 6,
        "non_neg",
        "max_norm",
        "UnitNorm",
        {"class_name": "MaxNorm", "config": {"max_value": value, "axis": 0}},
        {
            "class_name": "MinMaxNorm",
            "config": {"min_value": 0.1, "max_value": value, "rate": 0.5, "axis": 1},
        },
    )
    return wrong(rng, given, "max_nrm")
