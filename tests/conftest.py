"""What all tests stand on: Keras's backend and home; no test changes what another sees."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from sepconv.registry import registered

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
# Keras writes its defaults to its home; a user's own file must not decide what the tests see.
_home = tempfile.TemporaryDirectory(prefix="sepconv-keras-")
os.environ["KERAS_HOME"] = _home.name

# How long an example takes says more about the machine and its other work than about the code.
settings.register_profile("sepconv", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sepconv")


@pytest.fixture(autouse=True)
def _registrations_end_with_their_test() -> Iterator[None]:
    before = dict(registered)
    yield
    registered.clear()
    registered.update(before)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """A shell's background jobs, such as a CI's, start with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def threads_restored() -> Iterator[None]:
    from sepconv import _core

    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)
