"""The public names: Keras's modules and classes are where its users look for them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
from keras_oracle import keras

import sepconv
from sepconv import training
from sepconv.layers import registry as layers

MODULES = [
    "activations", "callbacks", "constraints", "initializers", "layers", "losses", "metrics",
    "models", "ops", "optimizers", "regularizers", "saving",
]  # fmt: skip
KINDS = ["activations", "constraints", "initializers", "losses", "metrics", "optimizers"]


@pytest.mark.parametrize("name", MODULES)
def test_module_of_keras_is_there(name: str) -> None:
    assert hasattr(keras, name)
    assert getattr(sepconv, name) is importlib.import_module(f"sepconv.{name}")
    assert name in dir(sepconv)


@pytest.mark.parametrize(
    "statement",
    [
        "import {}.losses",
        "import {}.optimizers.schedules",
        "from {}.callbacks import EarlyStopping, ModelCheckpoint",
        "from {}.layers import Dense",
        "from {}.losses import MeanSquaredError",
        "from {}.metrics import AUC",
        "from {}.models import Sequential",
        "from {}.optimizers import Adam",
        "from {}.optimizers.schedules import CosineDecay",
        "from {}.regularizers import L2",
    ],
)
def test_import_from_keras_carries_over(statement: str) -> None:
    for package in ("keras", "sepconv"):
        exec(statement.format(package), {})


def test_training_names_what_it_is_made_of() -> None:
    for name in ("callbacks", "losses", "metrics", "optimizers"):
        assert getattr(training, name) is getattr(sepconv, name)
    assert training.optimizers.Adam is sepconv.optimizers.Adam
    assert training.schedules.CosineDecay is sepconv.optimizers.schedules.CosineDecay


@pytest.mark.parametrize("name", [*layers])
def test_every_layer_is_at_the_top_and_among_the_layers(name: str) -> None:
    assert getattr(sepconv, name) is getattr(sepconv.layers, name) is layers[name]
    assert name in sepconv.__all__
    assert name in sepconv.layers.__all__


@pytest.mark.parametrize("kind", [*KINDS, "callbacks", "regularizers"])
def test_every_class_of_a_kind_is_in_its_module(kind: str) -> None:
    module: Any = getattr(sepconv, kind)
    for name in module.registry:
        made = module.registry[name]
        assert getattr(module, made.__name__) is made
        assert hasattr(getattr(keras, kind), made.__name__) or kind == "activations"


@pytest.mark.parametrize("name", ["get", "serialize", "deserialize"])
@pytest.mark.parametrize("kind", KINDS)
def test_kind_has_the_functions_of_keras(kind: str, name: str) -> None:
    assert callable(getattr(getattr(keras, kind), name))
    assert callable(getattr(getattr(sepconv, kind), name))


def test_all_names_can_be_imported() -> None:
    for name in sepconv.__all__:
        assert getattr(sepconv, name) is not None
    assert set(sepconv.__all__) <= set(dir(sepconv))


def test_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'sepconv' has no attribute 'optimiser'"):
        sepconv.optimiser  # noqa: B018


def test_modules_are_loaded_when_they_are_used() -> None:
    code = (
        "import sys, sepconv; before = 'sepconv.training' in sys.modules; "
        "sepconv.losses.MeanSquaredError; print(before, 'sepconv.losses' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
