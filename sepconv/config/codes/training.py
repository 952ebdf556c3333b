"""SC4: the training section."""

from __future__ import annotations

from sepconv.config.codes.rule import Rule, trained

RULES: dict[str, Rule] = {
    "SC401": Rule(
        "loss that takes the output for something else",
        "A crossentropy takes probabilities, which softmax or sigmoid make, or with "
        "`from_logits: true` the values before them. With the wrong one, training goes on and "
        "learns badly.",
        trained("loss: {SparseCategoricalCrossentropy: {from_logits: true}}"),
        trained("loss: sparse_categorical_crossentropy"),
        "warning",
    ),
    "SC402": Rule(
        "classes in an output of size 1",
        "Among one class, that class has the probability 1 whatever the weights are: the loss "
        "is constant and nothing is learnt.",
        trained("loss: sparse_categorical_crossentropy", filters=1),
        trained("loss: binary_crossentropy", filters=1, activation="sigmoid"),
        "warning",
    ),
    "SC403": Rule(
        "another number of losses or metrics than outputs",
        "A list has an item for each output of the network, in their order.",
        trained("loss: [mse, mse]"),
        trained("loss: mse"),
    ),
    "SC404": Rule(
        "two ways to validate",
        "With a file to validate with, no samples are held back, so `validation_split` has no "
        "effect.",
        trained("data: {train: a.npz, validation: b.npz}", "loss: mse", "validation_split: 0.1"),
        trained("data: {train: a.npz, validation: b.npz}", "loss: mse"),
        "warning",
    ),
    "SC405": Rule(
        "metric of other targets than the loss",
        "Sparse losses and metrics take the classes' numbers, the others one-hot targets. One "
        "file of targets cannot be both.",
        trained("loss: sparse_categorical_crossentropy", "metrics: [categorical_accuracy]"),
        trained("loss: sparse_categorical_crossentropy", "metrics: [accuracy]"),
        "warning",
    ),
    "SC406": Rule(
        "callback that watches nothing",
        "A callback watches `loss`, a metric, or with something to validate with `val_loss` and "
        "`val_` before a metric. Without its value it does nothing.",
        trained("loss: mse", "callbacks: [{EarlyStopping: {patience: 5}}]"),
        trained(
            "loss: mse", "validation_split: 0.1", "callbacks: [{EarlyStopping: {patience: 5}}]"
        ),
        "warning",
    ),
}
