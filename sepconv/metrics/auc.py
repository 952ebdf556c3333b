"""The area under the ROC curve, exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sepconv.arrays import real_array
from sepconv.declaration import Argument, argument
from sepconv.errors import ValidationError
from sepconv.losses.reduction import same_rank
from sepconv.metrics import arguments
from sepconv.metrics.base import Array, Metric, registry
from sepconv.rules import Flag, Integer, Only


@registry.register("AUC", "auc")
class AUC(Metric):
    """The area under the ROC curve, exactly: how often a positive is scored above a negative.

    A tie counts half. Keras sums over `num_thresholds` thresholds instead, and can be off by some
    percent; scikit-learn's `roc_auc_score` is this area. All scores are kept until the reset. NaN
    while there are samples of one class alone. Fawcett, 2006, "An introduction to ROC analysis".

    >>> AUC()([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """

    num_thresholds: Argument[int, int] = argument(
        Integer(2), default=200, doc="Accepted as Keras does; the area is exact."
    )
    curve: Argument[str, str] = argument(Only("ROC"), default="ROC", doc="The ROC curve alone.")
    summation_method: Argument[str, str] = argument(
        Only("interpolation"), default="interpolation", doc="Accepted as Keras does."
    )
    name: Argument[str | None, str] = arguments.name(None)
    dtype: Argument[str | None, str] = arguments.dtype()
    thresholds: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    multi_label: Argument[bool, bool] = argument(Only(False), default=False, doc="Not used.")
    num_labels: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    label_weights: Argument[None, None] = argument(Only(None), default=None, doc="Not used.")
    from_logits: Argument[bool, bool] = argument(
        Flag(), default=False, doc="Accepted as Keras does; logits have the order of scores."
    )

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        scores = np.asarray(real_array(y_pred), np.float64)
        labels, scores = same_rank(np.asarray(y_true), scores)
        if labels.shape != scores.shape:
            raise ValidationError(
                f"AUC takes one label for each score: got labels of shape {labels.shape} and "
                f"scores of shape {scores.shape}"
            )
        if np.isnan(scores).any():
            raise ValidationError("AUC takes scores that are numbers, got NaN")
        weights = np.ones_like(scores)
        if sample_weight is not None:
            given = np.asarray(sample_weight, np.float64)
            given = given.reshape(given.shape[:1] + (1,) * (scores.ndim - 1))
            weights = np.broadcast_to(given, scores.shape)
        self._batches.append((labels.ravel() > 0.5, scores.ravel(), weights.ravel()))

    def result(self) -> float:
        if not self._batches:
            return float("nan")
        positive, scores, weights = (
            np.concatenate(arrays) for arrays in zip(*self._batches, strict=True)
        )
        # Of each group of equal scores: the weight of its positives and of its negatives.
        _, group = np.unique(scores, return_inverse=True)
        above = np.bincount(group, weights * positive)
        below = np.bincount(group, weights * ~positive)
        pairs = above.sum() * below.sum()
        wins = float(np.sum(above * (np.cumsum(below) - 0.5 * below)))
        return wins / float(pairs) if pairs else float("nan")

    def reset_state(self) -> None:
        self._batches: list[tuple[Array, Array, Array]] = []
