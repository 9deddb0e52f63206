from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from ota.draft import Draft
from ota.errors import RepositoryError
from ota.publishing import publish
from ota.rotation import KeyChange, find_director
from tests.ota.plant import DAY, OFFLINE, ONLINE, Device, Plant, make_release


@pytest.fixture
def device(plant: Plant, tmp_path: Path) -> Device:
    """Knows the plant's first release, and its root from birth."""
    publish(plant.repository(), make_release(1))
    device = Device(tmp_path / "device", plant.take_root(), plant.path)
    device.fetch(target(1))
    return device


def target(number: int) -> str:
    return f"pump/{make_release(number).version}/model.igb"


def exchange(plant: Plant, name: str) -> KeyChange:
    """A new key in place of the one of this name; the old one is kept as `old NAME`."""
    old = plant.keys[name]
    plant.make(name)
    plant.keys[f"old {name}"] = old
    return KeyChange((plant.key(name),), (old.public_key.keyid,))


def test_a_lost_root_key_is_replaced_by_the_other_two(plant: Plant, device: Device) -> None:
    change = exchange(plant, "root-3")
    outcome = plant.rotate("root", change, "root-1", "root-2", *ONLINE)
    assert outcome.written == ("root",)
    assert device.refresh()._trusted_set.root.version == 2
    change = exchange(plant, "root-2")  # the new one counts from now on
    assert plant.rotate("root", change, "root-1", "root-3", *ONLINE).written == ("root",)
    device.fetch(target(1))


def test_one_root_key_alone_changes_nothing(plant: Plant, device: Device) -> None:
    change = exchange(plant, "root-3")
    outcome = plant.rotate("root", change, "root-1", "root-3", *ONLINE)
    assert outcome.written == ()  # of the old root's keys there is one, of the new root's two
    assert outcome.waiting[0].startswith("root 2 needs 1 more of the keys")
    assert device.refresh()._trusted_set.root.version == 1


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp", "pump"])
def test_a_revoked_key_is_refused_whatever_role_it_had(role: str, plant: Plant, device: Device) -> None:
    plant.rotate(role, exchange(plant, role))
    assert device.fetch(target(1)) == make_release(1).bundle
    revoked = plant.keys.pop(f"old {role}")
    publish(plant.repository(), make_release(2))
    plant.repository().change(edit_of("targets"))
    for path in (plant.path / "metadata").glob(f"*{'family-pump' if role == 'pump' else role}.json"):
        metadata = Metadata.from_bytes(path.read_bytes())
        metadata.sign(revoked)
        path.write_bytes(metadata.to_bytes())
    with pytest.raises(UnsignedMetadataError):
        device.fetch(target(2))


def edit_of(role: str) -> Callable[[Draft], None]:
    """A change that says the same again."""

    def edit(draft: Draft) -> None:
        draft.edit(role)

    return edit


def test_stolen_online_keys_can_hold_back_but_not_forge_and_new_ones_end_it(
    plant: Plant, device: Device
) -> None:
    thief = {role: plant.keys[role] for role in ONLINE}
    known = {f"{role}.json": MetaFile(90) for role in ("targets", "family-pump")}
    snapshot = Metadata(Snapshot(80, expires=plant.now + 300 * DAY, meta=known))
    timestamp = Metadata(Timestamp(70, expires=plant.now + 300 * DAY, snapshot_meta=MetaFile(80)))
    snapshot.sign(thief["snapshot"])
    timestamp.sign(thief["timestamp"])
    honest = (plant.path / "metadata" / "timestamp.json").read_bytes()
    (plant.path / "metadata" / "80.snapshot.json").write_bytes(snapshot.to_bytes())
    (plant.path / "metadata" / "timestamp.json").write_bytes(timestamp.to_bytes())
    with pytest.raises(Exception, match=r"90\.targets\.json is not there"):
        device.refresh()  # fast-forwarded: no later honest snapshot would be taken under the old keys
    (plant.path / "metadata" / "timestamp.json").write_bytes(honest)
    with pytest.raises(Exception, match="timestamp version"):
        device.refresh()

    for role in ONLINE:
        change = exchange(plant, role)
        plant.rotate(role, change, *OFFLINE[:2], *ONLINE)
    assert device.fetch(target(1)) == make_release(1).bundle
    publish(plant.repository("pump", *ONLINE), make_release(2))
    assert device.fetch(target(2)) == make_release(2).bundle
    (plant.path / "metadata" / "timestamp.json").write_bytes(timestamp.to_bytes())
    with pytest.raises(UnsignedMetadataError):
        device.refresh()


def test_when_the_new_keys_of_targets_are_elsewhere_root_waits_for_them(plant: Plant, device: Device) -> None:
    change = exchange(plant, "targets")
    outcome = plant.rotate("targets", change, "root-1", "root-2", *ONLINE)
    assert outcome.written == ()
    assert any(reason.startswith("targets 3 needs 1 more") for reason in outcome.waiting)
    device.fetch(target(1))
    publish(plant.repository("pump", *ONLINE), make_release(2))  # meanwhile work goes on
    device.fetch(target(2))

    def sign(draft: Draft) -> None:
        draft.to_sign |= {"targets"}

    assert set(plant.repository("targets", *ONLINE).change(sign).written) >= {"root", "targets"}
    device.fetch(target(2))


def test_a_family_has_its_own_key_and_no_say_over_others(plant: Plant, device: Device) -> None:
    plant.make("fan")
    plant.delegate("fan", "targets", "fan", *ONLINE)

    def smuggle(draft: Draft) -> None:
        pump = draft.family("family-pump").targets[target(1)]
        draft.edit("family-fan").targets["pump/9-000000000000/model.igb"] = pump

    plant.repository("fan", *ONLINE).change(smuggle)
    assert device.find("pump/9-000000000000/model.igb") is None
    assert plant.delegate("fan").written == (), "the same again changes nothing"
    plant.make("fan")
    with pytest.raises(RepositoryError, match="is delegated already"):
        plant.delegate("fan")


def test_a_new_family_may_wait_for_its_key(plant: Plant, device: Device) -> None:
    plant.make("fan")
    outcome = plant.delegate("fan", "targets", *ONLINE)
    assert "targets" in outcome.written
    assert outcome.waiting[0].startswith("family-fan 1 needs 1 more")
    device.fetch(target(1))


def test_directors_come_and_go_by_the_targets_key(plant: Plant) -> None:
    repository = plant.repository("targets", *ONLINE)
    change = exchange(plant, "director")
    plant.rotate("director", change, "targets", *ONLINE)
    director = find_director(repository.load(), repository.folder)
    assert director is not None
    assert list(director.keys) == [plant.key("director").keyid]


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        ("root", KeyChange(threshold=1), "root needs 3 keys or more, and 2 or more of them"),
        ("root", KeyChange(threshold=9), "9 of 3 keys cannot sign"),
        ("timestamp", KeyChange(revoke=("zz",)), "timestamp has no single key 'zz'; its keys are "),
        ("timestamp", KeyChange(revoke=("",)), "has no single key"),
        ("director", KeyChange(threshold=2), "2 of 1 keys cannot sign assignments"),
        ("fan", KeyChange(threshold=1), "fan has no role of its own"),
        ("No Family", KeyChange(threshold=1), "machine family 'No Family'"),
    ],
)
def test_keys_that_cannot_do_are_refused(role: str, change: KeyChange, message: str, plant: Plant) -> None:
    with pytest.raises(RepositoryError, match=message):
        plant.rotate(role, change)
    assert plant.repository().change(lambda draft: None).written == ()


def test_the_last_key_of_a_role_cannot_be_revoked(plant: Plant) -> None:
    with pytest.raises(RepositoryError, match="1 of 0 keys cannot sign"):
        plant.rotate("pump", KeyChange(revoke=(plant.key("pump").keyid[:8],)))


@pytest.mark.parametrize("role", [*ONLINE, "pump"])
def test_a_key_is_locked_away_or_at_work_not_both(role: str, plant: Plant) -> None:
    with pytest.raises(RepositoryError, match="both locked away and at work"):
        plant.rotate(role, KeyChange((plant.key("root-1"),)))


def test_two_of_three_root_holders_on_machines_of_their_own_lay_down_a_repository(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    outcome = plant.found("root-1", "targets", *ONLINE)
    assert outcome.written == ()
    assert not (plant.path / "metadata" / "1.root.json").exists()

    def sign(draft: Draft) -> None:
        draft.to_sign |= {"root"}

    assert plant.repository("root-2", *ONLINE).change(sign).written == (
        "root",
        "targets",
        *ONLINE,
    )
    Device(tmp_path / "device", plant.take_root(), plant.path).fetch("director.json")
