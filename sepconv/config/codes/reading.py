"""SC0: what the readers refuse, before anything is declared."""

from __future__ import annotations

from sepconv.config.codes.rule import LAYER, Rule, layer

RULES: dict[str, Rule] = {
    "SC001": Rule(
        "not UTF-8 text",
        "A config is UTF-8 without control characters. Other encodings and invisible characters "
        "are read differently by different programs.",
        "name: \x07\n",
        LAYER,
    ),
    "SC002": Rule(
        "syntax error",
        "The text is no YAML 1.2 (or no JSON, in a `.json` file) from this place on. Indent with "
        "spaces, and quote a text that holds `: ` or ` #`.",
        "SeparableConv1D:\n\tfilters: 4\n",
        LAYER,
    ),
    "SC003": Rule(
        "duplicate key",
        "Other readers silently keep the last of two equal keys; one of the two values would "
        "never have an effect.",
        "SeparableConv1D:\n  filters: 4\n  kernel_size: 3\n  filters: 8\n",
        LAYER,
    ),
    "SC004": Rule(
        "key that is no string",
        "Every key is a name. YAML also allows numbers, nulls, lists and mappings as keys.",
        "SeparableConv1D: {filters: 4, kernel_size: 3}\n1: x\n",
        LAYER,
    ),
    "SC005": Rule(
        "ambiguous value",
        "YAML 1.1 and YAML 1.2 read this text as different values: 012 is 10 or 12, 1:30 is 90 or "
        "text. Quote it if it is text, else write a plain decimal number.",
        layer("strides: 012"),
        layer("strides: 12"),
    ),
    "SC006": Rule(
        "explicit tag",
        "Tags such as `!!python/object` make readers build objects. A config is plain data, so "
        "every tag is refused.",
        layer("name: !!str conv"),
        layer("name: conv"),
    ),
    "SC007": Rule(
        "number that is not finite",
        "NaN and infinities, and numbers too large for a float64 such as 1e400, are no values "
        "of any argument.",
        layer("depthwise_regularizer: {L2: {l2: 1e400}}"),
        layer("depthwise_regularizer: {L2: {l2: 1e-4}}"),
    ),
    "SC008": Rule(
        "integer out of range",
        "Integers keep within ±2**53, where every reader of JSON and YAML is exact.",
        "SeparableConv1D: {filters: 99999999999999999999, kernel_size: 3}\n",
        LAYER,
    ),
    "SC009": Rule(
        "nested too deeply",
        "A config has at most 32 levels.",
        "x-deep: " + "[" * 40 + "]" * 40 + "\n",
        LAYER,
    ),
    "SC010": Rule(
        "empty or too large file",
        "A config file holds a layer or a network, in at most 1 MiB.",
        "# nothing but a comment\n",
        LAYER,
    ),
    "SC011": Rule(
        "too many values",
        "A YAML file has at most 10,000 values, an alias counted as often as it is used, a JSON "
        "file 40,000. A few hundred bytes of nested aliases can stand for billions of values.",
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
        layer("activation: *act"),
        "x-act: &act relu\n" + layer("activation: *act"),
    ),
    "SC013": Rule(
        "half a surrogate pair",
        "The escapes \\ud800 to \\udfff make a character only in pairs.",
        layer('name: "\\ud800"'),
        layer('name: "conv"'),
    ),
    "SC014": Rule(
        "too many findings",
        "A document lists its first 500 findings. Mend them, then validate again.",
        f"SeparableConv1D: {{{', '.join(f'argument_{n}: 1' for n in range(500))}}}\n",
        LAYER,
    ),
}
