from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from contract.errors import RegistryError
from contract.registry import ModelKind, ModelLine, Note, Registry
from ota.errors import GateError, RepositoryError
from ota.publishing import publish
from ota.releases import from_files, from_registry
from tests.ota.plant import PUMP, Plant, good_papers, make_release

LINE, NOTE = ModelLine("pump", ModelKind.EDGE), Note("me", "why not")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def test_the_champion_is_published_under_the_registrys_version(
    registry: Registry, plant: Plant, tmp_path: Path
) -> None:
    version = registry.publish(LINE, make_release(1).bundle, good_papers(PUMP), NOTE)
    with pytest.raises(RepositoryError, match="no model in charge of pump; name a --version"):
        from_registry(tmp_path / "registry", "pump")
    registry.promote(LINE, version, NOTE)
    release = from_registry(tmp_path / "registry", "pump")
    assert (release.version, release.bundle) == (version, make_release(1).bundle)
    assert "family-pump" in publish(plant.repository(), release).written


def test_a_version_that_is_not_in_charge_may_be_published_but_not_an_unblessed_one(
    registry: Registry, plant: Plant, tmp_path: Path
) -> None:
    registry.publish(LINE, make_release(1).bundle, good_papers(), NOTE)
    bad = registry.publish(LINE, make_release(2).bundle, replace(good_papers(), is_blessed=False), NOTE)
    with pytest.raises(GateError, match="did not bless it"):
        publish(plant.repository(), from_registry(tmp_path / "registry", "pump", bad))
    with pytest.raises(RegistryError, match="has no version"):
        from_registry(tmp_path / "registry", "pump", "9-nothing")


def test_a_copied_folder_of_the_registry_will_do(registry: Registry, tmp_path: Path) -> None:
    version = registry.publish(LINE, make_release(1).bundle, good_papers(), NOTE)
    folder = registry.version(LINE, version).folder
    files = folder / "model.igb", folder / "record.json"
    assert from_files("pump", version, *files).bundle == make_release(1).bundle
    (tmp_path / "other.igb").write_bytes(make_release(2).bundle)
    with pytest.raises(RepositoryError, match="about another bundle"):
        from_files("pump", version, tmp_path / "other.igb", files[1])
    with pytest.raises(RepositoryError, match="cannot be read"):
        from_files("pump", version, tmp_path / "none.igb", files[1])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sha256": 1, "is_blessed": true}', '{"blessing": 1}'])
def test_what_is_no_record_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "model.igb").write_bytes(make_release(1).bundle)
    (tmp_path / "record.json").write_text(content)
    with pytest.raises(RepositoryError, match="is no record of the registry"):
        from_files("pump", "1", tmp_path / "model.igb", tmp_path / "record.json")


def test_only_a_plain_yes_is_a_blessing(tmp_path: Path) -> None:
    release = make_release(1)
    (tmp_path / "model.igb").write_bytes(release.bundle)
    record = {
        "sha256": sha256(release.bundle).hexdigest(),
        "is_blessed": "no",
        "blessing": {},
        "lineage": {},
    }
    (tmp_path / "record.json").write_text(json.dumps(record))
    found = from_files("pump", "1", tmp_path / "model.igb", tmp_path / "record.json")
    assert found.papers.is_blessed is False
