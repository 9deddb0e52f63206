"""The plant's repository, as devices see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ota.client import open_stick
from ota.delta import can_apply
from ota.errors import ExpiredError
from ota.roles import DIRECTOR_ROLE, SNAPSHOT, TIMESTAMP
from ota.sources import ClientSettings
from simulators.ota.models import FAMILY, make_release
from simulators.ota.publisher import Publisher

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Plant:
    """A publisher, and one device that reads its folder."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.publisher = Publisher(folder, lambda: self.now)
        self.settings = ClientSettings(
            folder / "d", self.publisher.first_root, "pump-1", "https://x.example/"
        )

    def fetch(self, version: str, held: Path | None = None) -> bytes:
        with open_stick(self.settings, self.now, self.publisher.path) as client:
            client.refresh()
            return client.fetch(client.find(FAMILY, version), held).read_bytes()


def test_what_is_published_is_fetched_before_and_after_new_keys(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    first, second = (make_release(number, training=2) for number in (1, 2))
    ref = plant.publisher.publish(first)
    assert plant.fetch(ref.version) == first.bundle
    director = plant.publisher.director
    for role in (DIRECTOR_ROLE, SNAPSHOT, TIMESTAMP):
        generation = plant.publisher.generation
        plant.publisher.rotate(role)
        assert plant.publisher.generation == generation + 1
    assert plant.publisher.director != director
    ref = plant.publisher.publish(second)
    assert plant.fetch(ref.version) == second.bundle


def test_it_is_kept_fresh(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    ref = plant.publisher.publish(make_release(1))
    plant.now += timedelta(days=5)
    plant.publisher.refresh()
    plant.now += timedelta(days=5)
    assert plant.fetch(ref.version)
    plant.now += timedelta(days=5)
    with pytest.raises(ExpiredError):
        plant.fetch(ref.version)


@pytest.mark.skipif(not can_apply(), reason="needs bsdiff4")
def test_a_fine_tuned_model_has_a_small_delta_and_another_training_none(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    for number, training in ((1, 1), (2, 2), (3, 2)):
        plant.publisher.publish(make_release(number, training))
    targets = plant.publisher.path / "targets" / FAMILY
    deltas = {path.parent.name[0]: path.stat().st_size for path in targets.rglob("*from*")}
    whole = len(make_release(3, 2).bundle)
    assert deltas.keys() == {"3"} and 0 < deltas["3"] < 0.1 * whole
