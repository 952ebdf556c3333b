"""Config files to objects, and objects to config files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sepconv import models, saving
from sepconv.config import rendering
from sepconv.config.findings import Report
from sepconv.config.keras_form import to_config
from sepconv.config.kinds import LAYERS
from sepconv.config.limits import MAX_BYTES
from sepconv.config.reading import source_lines
from sepconv.config.short_form import shorten
from sepconv.config.validation import Checked, validate
from sepconv.config.writing import yaml_text
from sepconv.errors import ConfigError
from sepconv.layers import Layer

if TYPE_CHECKING:
    from sepconv.config.plan import TrainingPlan


def training_of(path: str | PathLike[str], overrides: Sequence[str] = ()) -> TrainingPlan | None:
    """Return how a config says that its network is trained; None without a `training` section.

    The files that it names are not opened.

    Arguments:
        path: of the config.
        overrides: `path=value` each, above what the file says, as in `training.epochs=3`.

    Raises:
        ConfigError: the file is refused.
        OSError: it cannot be read.

    >>> training_of("configs/keyword_spotting.yaml") is None
    True
    """
    name = fspath(path)
    raw = content(name)
    checked = _accepted(raw, name, overrides)
    plan = checked.plans[0]
    if plan is None:
        return None
    from sepconv.config.plan import registry  # which loads all of training

    return registry.deserialize(to_config(plan))


def content(name: str) -> bytes:
    """Return the bytes of a config file, at most one more than it may have."""
    with Path(name).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def build(raw: bytes, filename: str, overrides: Sequence[str] = ()) -> Layer:
    """Return the layer or network that the bytes of a config declare.

    Raises:
        ConfigError: they are refused.
    """
    (spec, *_) = _accepted(raw, filename, overrides).specs
    assert spec is not None
    return models.deserialize(to_config(spec))


def _accepted(raw: bytes, filename: str, overrides: Sequence[str]) -> Checked:
    """Return a file of one document that has no errors."""
    checked = validate(raw, filename, overrides=overrides)
    if checked.has_errors:
        raise refusal(checked, raw, filename)
    if len(checked.specs) != 1 or checked.specs[0] is None:
        raise ConfigError(f"{filename}: {len(checked.specs)} documents; one can be loaded")
    return checked


def refusal(checked: Checked, raw: bytes, filename: str) -> ConfigError:
    """Return the error that shows every finding."""
    report = Report(checked.findings, 1, {filename: source_lines(raw, filename)})
    return ConfigError(rendering.plain(rendering.full(report)), checked.findings)


def dump(obj: Layer, path: str | PathLike[str]) -> None:
    """Write the config of a layer or network, without its weights.

    The file is written beside its target and then put in its place: a failure leaves what was
    there.

    Arguments:
        obj: a layer or network.
        path: gets Keras's long form when it ends with `.json`, else the short form as YAML.

    Raises:
        ValidationError: an object of the user's own that is not registered.
        OSError: the file cannot be written.

    >>> import tempfile
    >>> from sepconv import SeparableConv1D
    >>> path = Path(tempfile.mkdtemp()) / "layer.yaml"
    >>> dump(SeparableConv1D(4, 3, activation="relu"), path)
    >>> print(path.read_text(), end="")
    SeparableConv1D:
      filters: 4
      kernel_size: 3
      data_format: channels_last
      activation: relu
    """
    name = fspath(path)
    raw = text(obj, as_json=name.lower().endswith(".json")).encode()
    build(raw, name)  # what is written can be read
    with saving.replacing(name) as file:
        file.write(raw)


def text(obj: Any, as_json: bool) -> str:
    """Return the config of a layer or network: Keras's form as JSON, or the short form as YAML."""
    config = models.serialize(obj)
    return json.dumps(config, indent=2) + "\n" if as_json else yaml_text(shorten(config, LAYERS))
