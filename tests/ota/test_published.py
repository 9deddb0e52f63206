"""What `industrialguard ota` publishes, a device takes: real bundles, real deltas, the real director."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ota.assignment import Action, Assignment, sign_assignment
from ota.client import open_stick, open_web
from ota.publishing import publish
from ota.sources import ClientSettings
from tests.ota.devices import DEVICE, QUICK, WEB
from tests.ota.fault_server import FaultServer
from tests.ota.plant import Plant, make_release

FAMILY = "pump"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def serve(server: FaultServer, plant: Plant) -> None:
    server.files = {
        f"/{path.relative_to(plant.path)}": path.read_bytes()
        for path in plant.path.rglob("*")
        if path.is_file()
    }


def assign(plant: Plant, number: int, version: str, data: bytes) -> None:
    """A director's document, beside what is published."""
    content = (DEVICE, number, FAMILY, version, sha256(data).hexdigest(), len(data), "r1", None)
    given = Assignment(*content, plant.now, plant.now + timedelta(days=9), Action.INSTALL)
    folder = plant.path / "assignments"
    folder.mkdir(exist_ok=True)
    (folder / f"{DEVICE}.json").write_bytes(sign_assignment(given, [plant.keys["director"]]))


def test_a_device_follows_what_is_published_and_assigned(
    plant: Plant, server: FaultServer, tmp_path: Path
) -> None:
    settings = ClientSettings(
        tmp_path / "device", plant.take_root(), DEVICE, server.url, web=WEB, limits=QUICK
    )
    held: Path | None = None
    for number in (1, 2):
        release = make_release(number)
        publish(plant.repository(), release)
        assign(plant, number, release.version, release.bundle)
        serve(server, plant)
        server.served.clear()
        with open_web(settings, plant.now, threading.Event()) as client:
            assert client.refresh().is_proven
            assignment = client.read_assignment()
            assert assignment is not None and assignment.number == number
            path = client.fetch(client.find_assigned(assignment), held)
            assert path.read_bytes() == release.bundle
        held = tmp_path / "held.igb"
        held.write_bytes(release.bundle)
    fetched = [name for name in server.paths() if name.startswith("/targets/pump/")]
    assert [name.rsplit(".", 1)[-1] for name in fetched] == ["bsdiff"]

    server.served.clear()
    with open_web(settings, plant.now, threading.Event()) as client:
        client.refresh()
        client.read_assignment()
    assert sum(each.body for each in server.served) <= 600


def test_the_published_folder_on_a_stick_is_enough(plant: Plant, tmp_path: Path) -> None:
    release = make_release(1)
    publish(plant.repository(), release)
    assign(plant, 1, release.version, release.bundle)
    settings = ClientSettings(tmp_path / "device", plant.take_root(), DEVICE, "https://nowhere.invalid")
    with open_stick(settings, None, plant.path) as client:
        assert client.refresh().is_online
        assignment = client.read_assignment()
        assert assignment is not None
        assert client.fetch(client.find_assigned(assignment)).read_bytes() == release.bundle
