from __future__ import annotations

from pathlib import Path

import pytest

from tests.ota.plant import Plant, make_plant


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """A repository whose pumps have a role, and all its keys."""
    return make_plant(tmp_path)
