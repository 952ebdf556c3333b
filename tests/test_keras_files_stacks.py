"""Files of real Keras, of SeparableConv1D with every argument: here and back."""

from __future__ import annotations

import pytest
from keras_files import (  # noqa: F401 - the tests of each network, collected here
    test_legacy_model_gives_its_values,
    test_model_goes_here_and_back,
    test_weights_go_here_and_back,
)
from keras_networks import STACKS

pytestmark = pytest.mark.parametrize("name", STACKS)
