"""The demo's plant of releases, and a device that trusts nothing but its root."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.bundle import parse_bundle
from contract.errors import BundleError
from simulators.publisher import Shelf, improved_path, publish_both
from simulators.spoil import Spoil
from tests.ota.plant import Device


@pytest.fixture(scope="module", params=[None, Spoil.ALARM, Spoil.ANSWERS], ids=["good", "alarm", "answers"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    shelf = Shelf(tmp_path_factory.mktemp("plant"))
    publish_both(shelf, "pump", request.param)
    return shelf


def test_a_device_fetches_both_versions(shelf: Shelf, tmp_path: Path) -> None:
    device = Device(tmp_path / "device", shelf.root.read_bytes(), shelf.repository)

    for version in shelf.read():
        assert parse_bundle(device.fetch(f"pump/{version}/model.igb")).manifest.version == version


def test_the_director_has_a_key(shelf: Shelf) -> None:
    assert Path(shelf.director_key.removeprefix("file:")).is_file()


def test_what_was_begun_is_begun_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.keys.mkdir()
    (shelf.keys / "root-1.pem").write_text("half a key")

    publish_both(shelf, "pump", None)

    assert len(shelf.read()) == 2


def test_a_family_without_an_improved_model_is_refused(tmp_path: Path) -> None:
    assert not improved_path("turbofan").exists()
    with pytest.raises(BundleError, match="turbofan"):
        publish_both(Shelf(tmp_path), "turbofan", None)
