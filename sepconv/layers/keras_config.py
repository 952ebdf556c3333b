"""The user's Keras config file, which is read and never written."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

from sepconv.errors import ValidationError, shown

DATA_FORMATS = ("channels_first", "channels_last")
MAX_BYTES = 1 << 20  # a config file holds four short values


def default_data_format() -> str:
    """Return `image_data_format` of the Keras config file, "channels_last" without one.

    The file is `$KERAS_HOME/keras.json`, else `~/.keras/keras.json`; it is read once a process.

    Raises:
        ValidationError: the file names a data format that does not exist.
    """
    home = os.environ.get("KERAS_HOME")
    return _data_format_in(Path(home) if home else Path.home() / ".keras")


@functools.lru_cache(maxsize=8)
def _data_format_in(folder: Path) -> str:
    path = folder / "keras.json"
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return "channels_last"  # as Keras: no file, or none that can be read
    found = config.get("image_data_format") if isinstance(config, dict) else None
    if found is None:
        return "channels_last"
    if found not in DATA_FORMATS:
        raise ValidationError(
            f"{path}: `image_data_format` must be one of {{'channels_first', 'channels_last'}}. "
            f"Received: {shown(found)}"
        )
    return str(found)
