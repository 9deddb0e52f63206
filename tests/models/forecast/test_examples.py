"""Examples in the docstrings of what needs no TensorFlow are run: a wrong one is a wrong document."""

import doctest
from types import ModuleType

import pytest

from models.forecast import conformal, metrics, prognostics


@pytest.mark.parametrize("module", [conformal, metrics, prognostics], ids=lambda module: module.__name__)
def test_examples_give_what_they_say(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
