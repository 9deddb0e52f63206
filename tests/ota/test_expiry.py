from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ota.errors import RepositoryError
from ota.expiry import ends_soon, list_roles
from ota.roles import Policy
from tests.ota.plant import DAY, Plant


def test_every_role_is_listed_as_devices_see_it(plant: Plant) -> None:
    found = {state.role: state for state in list_roles(plant.path)}
    assert list(found) == ["root", "targets", "family-pump", "snapshot", "timestamp"]
    assert (found["root"].threshold, len(found["root"].key_ids)) == (2, 3)
    assert (found["targets"].version, found["timestamp"].version) == (2, 2)
    assert found["family-pump"].key_ids == (plant.key("pump").keyid,)


@pytest.mark.parametrize(
    ("days", "ending"),
    [
        (0, []),
        (4, []),
        (5, ["timestamp"]),
        (21, ["snapshot", "timestamp"]),
        (310, ["targets", "family-pump", "snapshot", "timestamp"]),
        (650, ["root", "targets", "family-pump", "snapshot", "timestamp"]),
    ],
)
def test_each_role_is_told_of_in_time(days: int, ending: list[str], plant: Plant) -> None:
    now = plant.now + days * DAY
    found = [state.role for state in list_roles(plant.path) if ends_soon(state, Policy(), now)]
    assert found == ending


def test_whoever_asks_may_say_how_long_before(plant: Plant) -> None:
    span = timedelta(days=40)
    found = [s.role for s in list_roles(plant.path) if ends_soon(s, Policy(), plant.now, span)]
    assert found == ["snapshot", "timestamp"]


def test_nothing_there_is_said_to_be_nothing(plant: Plant, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="industrialguard ota init"):
        list_roles(tmp_path / "nowhere")
    (plant.path / "metadata" / "timestamp.json").unlink()
    with pytest.raises(RepositoryError, match="industrialguard ota refresh"):
        list_roles(plant.path)
