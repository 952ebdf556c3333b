"""Network: what is done with Sequential and Functional as a whole."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from os import PathLike
from typing import Any

import numpy as np

from sepconv.errors import ValidationError
from sepconv.layers.structure import flat, mapped
from sepconv.models.composite import Composite
from sepconv.rules import Count
from sepconv.training.trainer import Trainer


class Network(Trainer, Composite):
    """A composite that is trained, predicts, and is saved, told and drawn."""

    def predict(
        self,
        x: Any,
        batch_size: int = 32,
        progress: Callable[[int, int], object] | None = None,
    ) -> Any:
        """Return the outputs for `x`, computed `batch_size` samples at a time.

        Beside the outputs it takes memory for one batch; `x` may be memory-mapped.

        Arguments:
            x: array of (samples, ...); a list or dict of them for several inputs.
            batch_size: samples at a time.
            progress: called with (samples done, samples in all) after each batch.

        Raises:
            ValidationError: the inputs have different numbers of samples.
        """
        batch_size = Count().normalise(batch_size, "batch_size")
        given = mapped(_array, self._arranged(x))
        samples = _samples(flat(given))
        if not samples:
            return mapped(np.asarray, self(given, training=False))
        outputs: Any = None
        for start in range(0, samples, batch_size):
            part = slice(start, start + batch_size)
            batch = self(mapped(itemgetter(part), given), training=False)
            if outputs is None:
                outputs = mapped(lambda y: np.empty((samples, *y.shape[1:]), y.dtype), batch)
            for whole, piece in zip(flat(outputs), flat(batch), strict=True):
                whole[part] = piece
            if progress is not None:
                progress(min(start + batch_size, samples), samples)
        return outputs

    def save(self, path: str | PathLike[str], example: Any = None) -> None:
        """Write the network with its weights to one file, in one step.

        Arguments:
            path: ends with .keras, which Keras reads, or .safetensors.
            example: inputs to store with the outputs that the network has for them;
                `sepconv.load(path, verify=True)` compares.

        Raises:
            ValidationError: the network is not built, another suffix, or an object of the user's
                own that is not registered.
            OSError: the file cannot be written; one that was there before is unharmed.
        """
        from sepconv.models.saving import save

        save(self, path, example)

    def summary(self, print_fn: Callable[[str], object] = print, line_length: int = 88) -> None:
        """Print a table of the layers: output shapes, parameters, MACs and receptive fields.

        Arguments:
            print_fn: called with the table as text.
            line_length: columns at most.
        """
        from sepconv.models.summary import rendered

        print_fn(rendered(self, line_length))

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw the graph of the layers into an SVG file, whose name ends in .svg."""
        from sepconv.models.plotting import plot

        plot(self, path)


def _array(x: Any) -> Any:
    return x if isinstance(x, np.ndarray) else np.asarray(x)


def _samples(arrays: list[Any]) -> int:
    """Return the number of samples, which all arrays must have."""
    counts = [len(array) if array.ndim else 0 for array in arrays]
    if len(set(counts)) > 1:
        raise ValidationError(
            f"all inputs must have the same number of samples, got {', '.join(map(str, counts))}"
        )
    return counts[0]
