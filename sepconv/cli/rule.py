"""`sepconv rule`: what a code means, with a wrong and a right example."""

from __future__ import annotations

import argparse

from sepconv.cli.errors import CommandError
from sepconv.config.codes import RULES
from sepconv.errors import nearest


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation of one code, or the titles of all."""
    if arguments.markdown:
        print(page(), end="")
        return 0
    if arguments.code is None:
        for code, rule in RULES.items():
            print(f"{code}  {rule.severity:8} {rule.title}")
        return 0
    code = arguments.code.upper()
    if code not in RULES:
        guess = nearest(code, RULES)
        raise CommandError(
            f"unknown code {arguments.code}; `sepconv rule` lists all"
            + (f"; did you mean {guess}?" if guess else "")
        )
    print(explained(code), end="")
    return 0


def explained(code: str) -> str:
    """Return the explanation of a code as text."""
    rule = RULES[code]
    return (
        f"{code} ({rule.severity}): {rule.title}\n\n{rule.why}\n\n"
        f"wrong:\n{_indented(rule.wrong)}\nright:\n{_indented(rule.right)}"
    )


def page() -> str:
    """Return all codes as a page of Markdown, docs/rules.md."""
    head = "# What `sepconv validate` finds\n\n`sepconv rule CODE` prints one of these.\n"
    parts = (
        f"\n## {code}: {rule.title}\n\n{rule.severity.capitalize()}. {rule.why}\n\n"
        f"Wrong:\n\n{_indented(rule.wrong)}\nRight:\n\n{_indented(rule.right)}"
        for code, rule in RULES.items()
    )
    return head + "".join(parts)


def _indented(text: str) -> str:
    lines = (line.replace("\x07", "\\x07").expandtabs(4) for line in text.splitlines())
    return "".join(f"    {line if len(line) <= 100 else line[:99] + '…'}\n" for line in lines)
