"""The table of codes: what each finding means, with a config that has it and one that has not."""

from sepconv.config.codes import meaning, reading, schema, training
from sepconv.config.codes.rule import Rule

__all__ = ["RULES", "Rule"]

RULES: dict[str, Rule] = {**reading.RULES, **schema.RULES, **meaning.RULES, **training.RULES}
