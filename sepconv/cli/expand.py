"""`sepconv expand`: a config with every default filled in, in Keras's long form."""

from __future__ import annotations

import argparse
import json

from sepconv import config, models


def run(arguments: argparse.Namespace) -> int:
    """Print the config as JSON that Keras reads."""
    print(
        json.dumps(models.serialize(config.load(arguments.file, overrides=arguments.set)), indent=2)
    )
    return 0
