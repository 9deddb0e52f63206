"""Examples in docstrings are run: a wrong one is a wrong document."""

import doctest
import importlib

import pytest

from tests.architecture.source_tree import source_files
from tests.conftest import PROJECT_ROOT

# Those of models load TensorFlow and are left to their own tests.
FOLDERS = ("contract", "ota", "edge_agent", "cloud", "simulators", "industrialguard", "tests/docs")


def modules_with_examples() -> list[str]:
    """List the dotted names of modules whose text has a doctest prompt."""
    return [
        source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for source in source_files(*FOLDERS)
        if ">>> " in (PROJECT_ROOT / source.path).read_text() and "/test_" not in source.path
    ]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_give_what_they_say(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0, "the examples stand where doctest does not find them"
    assert result.failed == 0
