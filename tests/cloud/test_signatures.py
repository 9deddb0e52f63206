"""Assignments that outlive the key which signed them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.releases import Scheduler
from cloud.releases_process import DirectorSigner
from cloud.signatures import renew_signatures
from cloud.store.database import Database
from cloud.store.rollouts import find_assignment, put_envelopes
from ota.assignment import Assignment, is_news, verify_assignment
from ota.director import Director
from ota.errors import UntrustedError
from ota.keys import make_key
from tests.cloud.release_samples import Plant


class Keys:
    """Director's keys by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._public = {name: make_key(folder / name) for name in ("old", "new")}

    def signer(self, *names: str) -> DirectorSigner:
        return DirectorSigner([f"file:{self._folder / name}" for name in names])

    def director(self, *names: str) -> Director:
        return Director({self._public[name].keyid: self._public[name] for name in names})


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def begin(database: Database, keys: Keys) -> tuple[Plant, str]:
    """A plant, and a device that was told something under the old key."""
    plant = Plant(database)
    plant.scheduler = Scheduler(database, keys.signer("old"), plant.hints, lambda: plant.now)
    plant.begin()
    plant.go()
    return plant, plant.assigned()[0]


def told(plant: Plant, device: str, director: Director) -> Assignment:
    found = plant.assignment(device)
    assert found is not None
    return verify_assignment(found.envelope, director)


def test_a_scheduler_with_a_new_key_signs_again_what_stands(database: Database, keys: Keys) -> None:
    plant, device = begin(database, keys)
    before, tag = told(plant, device, keys.director("old")), plant.assignment(device)
    plant.scheduler = Scheduler(database, keys.signer("new"), plant.hints, lambda: plant.now)
    plant.go()
    after = told(plant, device, keys.director("new"))
    assert after == before and not is_news(after, device, before), "to the device it is the same one"
    assert tag is not None and plant.assignment(device) != tag
    with pytest.raises(UntrustedError):
        told(plant, device, keys.director("old"))


def test_what_is_signed_so_already_costs_nothing(database: Database, keys: Keys) -> None:
    plant, device = begin(database, keys)
    before = plant.assignment(device)
    assert renew_signatures(database, keys.signer("old"), plant.now) == 0
    assert plant.assignment(device) == before
    assert renew_signatures(database, keys.signer("old", "new"), plant.now) == len(plant.assigned())


def test_what_is_over_is_left(database: Database, keys: Keys) -> None:
    plant, _ = begin(database, keys)
    assert renew_signatures(database, keys.signer("new"), plant.now + timedelta(days=400)) == 0


def test_a_damaged_one_holds_up_nobody(database: Database, keys: Keys) -> None:
    plant, device = begin(database, keys)
    record = plant.assignment(device)
    assert record is not None
    with database.transaction() as session:
        put_envelopes(session, [(record, replace(record, envelope=b"torn", tag="torn"))])
    assert renew_signatures(database, keys.signer("new"), plant.now) == len(plant.assigned()) - 1


def test_one_that_has_changed_meanwhile_is_left(database: Database, keys: Keys) -> None:
    plant, device = begin(database, keys)
    record = plant.assignment(device)
    assert record is not None
    with database.transaction() as session:
        put_envelopes(session, [(replace(record, tag="another"), replace(record, envelope=b"late"))])
    with database.session() as session:
        assert find_assignment(session, device) == record
