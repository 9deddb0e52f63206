from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tuf.api.exceptions import ExpiredMetadataError

from ota.draft import Draft
from ota.errors import RepositoryError
from ota.publishing import publish
from ota.rotation import KeyChange, change_keys
from tests.contract.kills import killed_at_each_line
from tests.ota.plant import DAY, ONLINE, Device, Plant, make_plant, make_release, served

WRITERS = ("ota.folder", "contract.archive", "contract.durable")
"""Whoever writes; between two of their lines nothing happens on the disk."""


def files(plant: Plant) -> dict[str, bytes]:
    return {
        str(path.relative_to(plant.path)): path.read_bytes()
        for path in plant.path.rglob("*")
        if path.is_file()
    }


def renewal_of(*roles: str) -> Callable[[Draft], None]:
    """A change that says the same again, for longer."""

    def edit(draft: Draft) -> None:
        for role in roles:
            draft.edit(role)

    return edit


def test_a_plain_client_takes_a_release_from_a_plain_web_server(plant: Plant, tmp_path: Path) -> None:
    release = make_release(1)
    publish(plant.repository(), release)
    with served(plant.path) as url:
        device = Device(tmp_path / "device", plant.take_root(), plant.path, url)
        assert device.fetch(f"pump/{release.version}/model.igb") == release.bundle
        assert device.fetch("director.json")
        assert device.find("pump/9-000000000000/model.igb") is None


def test_a_change_without_changes_writes_nothing(plant: Plant) -> None:
    publish(plant.repository(), make_release(1))
    before = files(plant)
    outcome = plant.repository().change(lambda draft: None)
    assert (outcome.written, outcome.waiting, files(plant)) == ((), (), before)


def test_what_an_edit_raises_leaves_the_repository_as_it_was(plant: Plant) -> None:
    def edit(draft: object) -> None:
        raise RepositoryError("no")

    before = files(plant)
    with pytest.raises(RepositoryError):
        plant.repository().change(edit)
    assert files(plant) == before


def test_before_half_of_its_life_is_left_nothing_is_signed_again(plant: Plant) -> None:
    plant.now += 3 * DAY
    assert plant.repository(*ONLINE).change(lambda draft: None).written == ()
    plant.now += DAY
    assert plant.repository(*ONLINE).change(lambda draft: None).written == ("timestamp",)
    plant.now += 12 * DAY
    assert plant.repository(*ONLINE).change(lambda draft: None).written == ("snapshot", "timestamp")


def test_a_timer_with_the_timestamps_key_alone_goes_on_until_the_snapshot_ends(plant: Plant) -> None:
    for _ in range(7):
        plant.now += 4 * DAY
        assert plant.repository("timestamp").change(lambda draft: None).written == ("timestamp",)
    plant.now += 4 * DAY
    outcome = plant.repository("timestamp").change(lambda draft: None)
    assert outcome.written == ()
    assert outcome.waiting[0].startswith("snapshot ")


def test_asked_for_both_are_signed_again(plant: Plant) -> None:
    assert plant.repository(*ONLINE).change(lambda draft: None, ONLINE).written == ONLINE


def test_without_the_online_keys_a_change_waits_and_is_not_lost(plant: Plant) -> None:
    plant.make("fan")
    outcome = plant.delegate("fan", "targets", "fan")
    assert outcome.written == ()
    assert any(reason.startswith("snapshot ") for reason in outcome.waiting)
    assert "family-fan" in plant.repository(*ONLINE).change(lambda draft: None).written


def test_expired_metadata_is_refused_and_a_refresh_mends_it(tmp_path: Path) -> None:
    plant = make_plant(tmp_path)
    device = Device(tmp_path / "device", plant.take_root(), plant.path)
    device.refresh()
    plant.now += 8 * DAY
    with pytest.raises(ExpiredMetadataError):
        device.refresh(plant.now)
    plant.repository(*ONLINE).change(lambda draft: None)
    device.refresh(plant.now)


def test_a_device_that_was_off_for_years_follows_every_root(tmp_path: Path) -> None:
    plant = make_plant(tmp_path)
    device = Device(tmp_path / "device", plant.take_root(), plant.path)
    device.refresh()
    for _ in range(4):
        plant.now += 300 * DAY
        for role in ("root", "targets", "family-pump"):
            plant.repository().change(renewal_of(role))
    assert device.refresh(plant.now)._trusted_set.root.version == 5


def test_an_expired_root_is_refused(tmp_path: Path) -> None:
    plant = make_plant(tmp_path)
    device = Device(tmp_path / "device", plant.take_root(), plant.path)
    plant.now += 731 * DAY
    plant.repository(*ONLINE, "targets", "pump").change(lambda draft: None, ONLINE)
    with pytest.raises(ExpiredMetadataError, match="root"):
        device.refresh(plant.now)
    plant.repository().change(renewal_of("root", "targets"))
    device.refresh(plant.now)


def test_a_folder_that_somebody_broke_is_said_to_be_damaged(plant: Plant) -> None:
    for path in (plant.path / "metadata").glob("*.targets.json"):
        path.unlink()
    with pytest.raises(RepositoryError, match="is damaged"):
        plant.repository().change(lambda draft: None)
    (plant.path / "metadata" / "2.targets.json").write_text("{")
    with pytest.raises(RepositoryError, match=r"2\.targets\.json is damaged"):
        plant.repository().change(lambda draft: None)


def test_where_there_is_no_repository_nothing_is_published(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    with pytest.raises(RepositoryError, match="industrialguard ota init"):
        publish(plant.repository(), make_release(1))


def test_a_full_disk_is_one_sentence(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ota.folder.write_atomically", refuse)
    with pytest.raises(RepositoryError, match=r"cannot be written: .*No space left"):
        publish(plant.repository(), make_release(1))


@pytest.fixture
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process loses nothing that it wrote; only a power cut does (tests of `contract.durable`)."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.mark.slow
@pytest.mark.long
def test_whatever_line_a_publisher_is_killed_at_devices_go_on_and_the_next_one_finishes(
    tmp_path: Path, no_fsync: None
) -> None:
    plant = make_plant(tmp_path)
    publish(plant.repository(), make_release(1))
    old, new = (f"pump/{make_release(number).version}/model.igb" for number in (1, 2))
    root = plant.take_root()

    def work(n: int) -> None:
        copy = tmp_path / str(n)
        shutil.copytree(plant.path, copy)
        publish(plant.repository("pump", *ONLINE, path=copy), make_release(2))

    for n in killed_at_each_line(work, *WRITERS):
        copy = tmp_path / str(n)
        device = Device(tmp_path / "device" / str(n), root, copy)
        assert device.fetch(old) == make_release(1).bundle
        if device.find(new) is not None:
            assert device.fetch(new) == make_release(2).bundle
        publish(plant.repository("pump", *ONLINE, path=copy), make_release(2))
        assert device.fetch(new) == make_release(2).bundle
        assert [path for path in copy.rglob(".*") if path.is_file()] == []
        assert not any((copy / "proposed").iterdir())
        shutil.rmtree(copy)
    assert n > 200


@pytest.mark.slow
@pytest.mark.long
def test_whatever_line_a_rotation_is_killed_at_devices_go_on_and_the_next_run_finishes(
    tmp_path: Path, no_fsync: None
) -> None:
    plant = make_plant(tmp_path)
    release = make_release(1)
    publish(plant.repository(), release)
    target, root = f"pump/{release.version}/model.igb", plant.take_root()
    old = {role: plant.keys[role] for role in ONLINE}
    plant.make(*ONLINE)
    plant.keys |= {f"old {role}": signer for role, signer in old.items()}

    def rotate(path: Path) -> None:
        repository = plant.repository(path=path)

        def edit(draft: Draft) -> None:
            for role in ONLINE:
                key_id = old[role].public_key.keyid
                if key_id in draft.root.roles[role].keyids:
                    change_keys(draft, repository.folder, role, KeyChange((plant.key(role),), (key_id,)))

        repository.change(edit)

    def work(n: int) -> None:
        shutil.copytree(plant.path, tmp_path / str(n))
        rotate(tmp_path / str(n))

    for n in killed_at_each_line(work, *WRITERS):
        copy = tmp_path / str(n)
        device = Device(tmp_path / "device" / str(n), root, copy)
        assert device.fetch(target) == release.bundle
        rotate(copy)
        assert device.fetch(target) == release.bundle
        roles = plant.repository(path=copy).load().in_force["root"].signed.roles
        assert [roles[role].keyids for role in ONLINE] == [[plant.key(role).keyid] for role in ONLINE]
        shutil.rmtree(copy)
    assert n > 200
