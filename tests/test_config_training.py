"""The `training` section: what it declares, what is refused, and that it opens nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sepconv import callbacks, config, losses, metrics, optimizers
from sepconv.config.loading import build
from sepconv.errors import ConfigError
from sepconv.optimizers import schedules

NETWORK = """\
Sequential:
  input_shape: [9, 4]
  layers:
    - SeparableConv1D: {filters: 3, kernel_size: 9, activation: softmax}
    - Flatten
training:
"""


def plan(tmp_path: Path, *lines: str, network: str = NETWORK, overrides: Any = ()) -> Any:
    path = tmp_path / "net.yaml"
    path.write_text(network + "".join(f"  {line}\n" for line in lines))
    return config.training_of(path, overrides)


def found(*lines: str, network: str = NETWORK) -> list[tuple[str, int]]:
    text = network + "".join(f"  {line}\n" for line in lines)
    first = network.count("\n")
    findings = config.validate(text.encode(), "net.yaml").findings
    return [(finding.code, finding.span.line - first) for finding in findings]


def test_plan_holds_what_the_section_says(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        "data: {train: {x: x.npy, y: y.npy}, validation: v.npz}",
        "optimizer: {SGD: {learning_rate: {CosineDecay: {initial_learning_rate: 0.1, "
        "decay_steps: 9}}, momentum: 0.9}}",
        "loss: {SparseCategoricalCrossentropy: {ignore_class: -1}}",
        "metrics: [accuracy, {SparseTopKCategoricalAccuracy: {k: 2}}]",
        "epochs: 20",
        "seed: 7",
        "callbacks: [{EarlyStopping: {patience: 5}}, TerminateOnNaN]",
        "class_weight: [1, 2.5, 1]",
    )
    assert made.data == {"train": {"x": "x.npy", "y": "y.npy"}, "validation": "v.npz"}
    assert isinstance(made.optimizer, optimizers.SGD)
    assert isinstance(made.optimizer.learning_rate, schedules.CosineDecay)
    assert isinstance(made.loss, losses.SparseCategoricalCrossentropy)
    assert made.metrics[0] == "accuracy"  # which fits itself to the targets
    assert isinstance(made.metrics[1], metrics.SparseTopKCategoricalAccuracy)
    assert (made.epochs, made.batch_size, made.seed, made.shuffle) == (20, 32, 7, True)
    assert [type(one) for one in made.callbacks] == [
        callbacks.EarlyStopping,
        callbacks.TerminateOnNaN,
    ]
    assert made.class_weight == [1, 2.5, 1]


def test_long_form_is_the_same(tmp_path: Path) -> None:
    short = plan(tmp_path, "loss: mse", "optimizer: {Adam: {learning_rate: 0.01}}")
    long = plan(
        tmp_path,
        "loss: {class_name: MeanSquaredError, config: {}}",
        "optimizer: {module: keras.optimizers, class_name: Adam, config: {learning_rate: 0.01}}",
    )
    assert short.get_config()["optimizer"] == long.get_config()["optimizer"]
    assert isinstance(long.loss, losses.MeanSquaredError)


def test_config_without_a_section_has_no_plan() -> None:
    assert config.training_of("configs/keyword_spotting.yaml") is None


def test_section_has_no_part_in_the_network(tmp_path: Path) -> None:
    plan(tmp_path, "loss: mse")
    text = (tmp_path / "net.yaml").read_text().partition("training:")[0]
    assert (
        config.load(tmp_path / "net.yaml").get_config()
        == build(text.encode(), "net.yaml").get_config()
    )


def test_files_are_names(tmp_path: Path) -> None:
    made = plan(tmp_path, "data: {train: /no/such/file.npz}", "loss: mse")
    assert made.data == {"train": "/no/such/file.npz"}


def test_set_reaches_the_section(tmp_path: Path) -> None:
    given = ("training.epochs=3", "training.optimizer.learning_rate=0.5")
    made = plan(tmp_path, "loss: mse", "optimizer: {SGD: {momentum: 0.9}}", overrides=given)
    assert made.epochs == 3
    assert (made.optimizer.learning_rate, made.optimizer.momentum) == (0.5, 0.9)


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        (["loss: mse", "epoch: 3"], "SC102", 2),
        (["loss: mse", "epochs: 0"], "SC105", 2),
        (["loss: mse", "epochs: 2.5"], "SC104", 2),
        (["epochs: 3"], "SC103", 0),
        (["loss: msee"], "SC101", 1),
        (["loss: mse", "optimizer: adm"], "SC101", 2),
        (["loss: mse", "optimizer: {Adam: {lr: 1}}"], "SC102", 2),
        (["loss: mse", "optimizer: {Adam: {learning_rate: -1}}"], "SC105", 2),
        (["loss: mse", "optimizer: {Adam: {learning_rate: {CosineDecai: {}}}}"], "SC101", 2),
        (
            ["loss: mse", "optimizer: {Adam: {learning_rate: {CosineDecay: {decay_steps: 1}}}}"],
            "SC103",
            2,
        ),
        (["loss: mse", "metrics: accuracy"], "SC104", 2),
        (["loss: mse", "metrics: [acuracy]"], "SC101", 2),
        (["loss: mse", "callbacks: [EarlyStoping]"], "SC101", 2),
        (["loss: mse", "callbacks: [my>Callback]"], "SC201", 2),
        (["loss: mse", "data: train.npz"], "SC104", 2),
        (["loss: mse", "data: {training: train.npz}"], "SC102", 2),
        (["loss: mse", "data: {train: {x: x.npy, labels: y.npy}}"], "SC102", 2),
        (["loss: mse", "validation_split: 2"], "SC105", 2),
        (["loss: mse", "class_weight: [a]"], "SC104", 2),
        (["loss: [mse, mse]"], "SC403", 1),
        (["loss: mse", "loss_weights: [1, 2]"], "SC403", 2),
        (["loss: mse", "metrics: [[mae], [mae]]"], "SC403", 2),
        (["loss: {CategoricalCrossentropy: {from_logits: true}}"], "SC401", 1),
        (
            ["loss: sparse_categorical_crossentropy", "metrics: [CategoricalAccuracy]"],
            "SC405",
            2,
        ),
        (["loss: mse", "callbacks: [EarlyStopping]"], "SC406", 2),
        (
            [
                "loss: mse",
                "validation_split: 0.1",
                "callbacks: [{EarlyStopping: {monitor: val_acuracy}}]",
            ],
            "SC406",
            3,
        ),
    ],
)
def test_mistake_is_found_at_its_line(lines: list[str], code: str, line: int) -> None:
    assert found(*lines) == [(code, line)]


@pytest.mark.parametrize(
    ("activation", "loss", "codes"),
    [
        ("softmax", "sparse_categorical_crossentropy", []),
        ("softmax", "categorical_crossentropy", []),
        ("linear", "{SparseCategoricalCrossentropy: {from_logits: true}}", []),
        ("sigmoid", "binary_crossentropy", []),
        ("relu", "mse", []),
        ("linear", "sparse_categorical_crossentropy", ["SC401"]),
        ("linear", "binary_crossentropy", ["SC401"]),
        ("sigmoid", "{BinaryCrossentropy: {from_logits: true}}", ["SC401"]),
    ],
)
def test_loss_is_compared_with_the_last_activation(
    activation: str, loss: str, codes: list[str]
) -> None:
    network = (
        "Functional:\n"
        "  inputs: {x: {shape: [9, 4]}}\n"
        "  layers:\n"
        "    a: {SeparableConv1D: {filters: 3, kernel_size: 3}}\n"
        f"    b: {{SeparableConv1D: {{filters: 3, kernel_size: 7, activation: {activation}}}}}\n"
        "  outputs: b\n"
        "training:\n"
    )
    assert [code for code, _ in found(f"loss: {loss}", network=network)] == codes


def test_lists_have_an_item_for_each_output() -> None:
    network = (
        "Functional:\n"
        "  inputs: {x: {shape: [9, 4]}}\n"
        "  layers:\n"
        "    a: {SeparableConv1D: {filters: 3, kernel_size: 3}, from: x}\n"
        "    b: {SeparableConv1D: {filters: 3, kernel_size: 3, activation: softmax}, from: x}\n"
        "  outputs: [a, b]\n"
        "training:\n"
    )
    lines = ["loss: [mse, categorical_crossentropy]", "loss_weights: [1, 0.5]"]
    assert found(*lines, "metrics: [[mae], [categorical_accuracy]]", network=network) == []
    assert found("loss: [categorical_crossentropy, mse]", network=network) == [("SC401", 1)]
    assert found("loss: [mse, mse, mse]", network=network) == [("SC403", 1)]


def test_refused_section_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SC105"):
        plan(tmp_path, "loss: mse", "epochs: 0")
