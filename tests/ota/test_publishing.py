from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from tuf.api.metadata import TargetFile, Targets

from contract.bundle import format_bundle, load_bundle
from ota.delta import apply_delta
from ota.draft import Draft
from ota.errors import GateError, RepositoryError
from ota.layout import bundle_target, delta_target, family_role, parse_target
from ota.metadata import format_metadata
from ota.publishing import FACTS, bundles_of, drop_old, facts_of, publish
from ota.roles import Policy
from ota.rotation import KeyChange
from tests.ota.plant import DAY, ONLINE, PUMP, Device, Plant, good_papers, make_release

FAMILIES, RELEASES = 16, 625
"""10,000 bundles, and the deltas between them."""


def listed(plant: Plant) -> dict[str, TargetFile]:
    return plant.repository().load().family("family-pump").targets


def versions(plant: Plant) -> list[str]:
    return [parse_target(bundle.path).version for bundle in bundles_of(listed(plant))]


def test_a_release_says_what_it_is(plant: Plant) -> None:
    release = make_release(1)
    publish(plant.repository(), release)
    facts = facts_of(listed(plant)[bundle_target("pump", release.version)])
    assert facts == {
        "kind": "bundle",
        "bundle_format": 3,
        "released": plant.now.replace(microsecond=0).isoformat(),
        "lineage": {
            "snapshot": "pump-20261101",
            "span": "3",
            "code_version": "4a1b2c3",
            "model_artifact": "17",
        },
    }


def test_the_same_again_changes_nothing(plant: Plant) -> None:
    publish(plant.repository(), make_release(1))
    before = {path: path.stat().st_mtime_ns for path in plant.path.rglob("*") if path.name != "lock"}
    outcome = publish(plant.repository(), make_release(1))
    assert (outcome.written, outcome.waiting) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in plant.path.rglob("*") if path.name != "lock"} == before


def test_a_versions_bytes_never_change(plant: Plant) -> None:
    first, second = make_release(1), make_release(2)
    publish(plant.repository(), first)
    with pytest.raises(RepositoryError, match="a version never changes"):
        publish(plant.repository(), replace(second, version=first.version))


def test_deltas_lead_from_the_versions_before_and_give_the_signed_bytes(plant: Plant) -> None:
    releases = [make_release(number) for number in range(1, 6)]
    for release in releases:
        publish(plant.repository(), release)
    newest = releases[-1]
    for old in releases[1:4]:
        path = delta_target("pump", newest.version, old.version)
        target = listed(plant)[path]
        delta = plant.repository().folder.read_target(path, target.hashes["sha256"])
        assert apply_delta(old.bundle, delta, len(newest.bundle)) == newest.bundle
        new = listed(plant)[bundle_target("pump", newest.version)].hashes["sha256"]
        start = listed(plant)[bundle_target("pump", old.version)].hashes["sha256"]
        assert facts_of(target) == {"kind": "delta", "old_sha256": start, "new_sha256": new}
        assert target.length < len(newest.bundle) / 2
    assert delta_target("pump", newest.version, releases[0].version) not in listed(plant)


def test_a_delta_that_is_hardly_smaller_is_left_out(plant: Plant) -> None:
    publish(plant.repository(), make_release(1))
    noise = b"TFL3".rjust(8, b"\0") + Random(1).randbytes(60_000)
    bundle = replace(PUMP, model=noise)
    other = replace(make_release(2), bundle=format_bundle(bundle), papers=good_papers(bundle))
    publish(plant.repository(), other)
    assert len(versions(plant)) == len(listed(plant)) == 2


def test_only_the_newest_versions_stay_listed_and_the_rest_goes_when_nobody_can_need_it(
    plant: Plant, tmp_path: Path
) -> None:
    releases = [make_release(number) for number in range(1, 8)]
    for release in releases:
        publish(plant.repository(), release)
    assert versions(plant) == [release.version for release in reversed(releases[2:])]
    first, third = (plant.path / "targets" / "pump" / releases[index].version for index in (0, 2))
    assert any(first.iterdir())  # a device may follow a timestamp under which it was listed
    plant.now += 9 * DAY
    publish(plant.repository(), make_release(8))
    assert not first.exists()
    assert any(third.iterdir())  # listed until now
    plant.now += 9 * DAY
    publish(plant.repository(), make_release(9))
    assert not third.exists()
    device = Device(tmp_path / "device", plant.take_root(), plant.path)
    for version in versions(plant):
        device.fetch(bundle_target("pump", version))


def test_a_clock_that_goes_back_does_not_make_the_newest_the_oldest(plant: Plant) -> None:
    publish(plant.repository(), make_release(1))
    plant.now -= DAY
    publish(plant.repository(), make_release(2))
    assert versions(plant) == [make_release(number).version for number in (2, 1)]


def test_a_policy_says_how_many(plant: Plant) -> None:
    (plant.path / "policy.toml").write_text("keep_versions = 2\ndeltas_from = 0\n")
    for number in range(1, 5):
        publish(plant.repository(), make_release(number))
    assert len(listed(plant)) == 2


def test_a_broken_old_bundle_costs_the_delta_not_the_release(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    publish(plant.repository(), make_release(1))
    (file,) = (plant.path / "targets" / "pump").rglob("*.igb")
    file.write_bytes(b"spoiled")
    with caplog.at_level(logging.WARNING):
        publish(plant.repository(), make_release(2))
    assert "was changed after it was published" in caplog.text
    assert len(listed(plant)) == 2


def test_a_family_without_a_role_is_told_how_to_get_one(plant: Plant) -> None:
    bundle = load_bundle("turbofan")
    release = make_release(1, "turbofan", bundle=format_bundle(bundle), papers=good_papers(bundle))
    with pytest.raises(RepositoryError, match="industrialguard ota delegate"):
        publish(plant.repository(), release)


def test_what_is_no_bundle_of_the_family_is_refused(plant: Plant) -> None:
    with pytest.raises(GateError, match="not whole"):
        publish(plant.repository(), make_release(1, bundle=b"PK"))
    with pytest.raises(GateError, match="is for pump, not fan"):
        publish(plant.repository(), make_release(1, "fan"))
    with pytest.raises(GateError, match="off the golden outputs"):
        publish(plant.repository(), make_release(1, papers=good_papers(largest_difference=9)))
    assert not (plant.path / "targets" / "pump").exists()


def test_a_family_with_two_key_holders_waits_for_both(plant: Plant) -> None:
    plant.make("second")
    plant.rotate("pump", KeyChange((plant.key("second"),), threshold=2))
    outcome = publish(plant.repository("pump", *ONLINE), make_release(1))
    assert outcome.waiting[0].startswith("family-pump 3 needs 1 more of the keys")
    assert versions(plant) == [make_release(1).version]  # proposed, and its file is there

    def sign(draft: Draft) -> None:
        draft.to_sign |= {"family-pump"}

    assert "family-pump" in plant.repository("second", *ONLINE).change(sign).written


def test_ten_thousand_releases_cost_a_device_no_more_than_a_few(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    plant.found()
    names = [f"kind-of-machine-{number:02d}" for number in range(FAMILIES)]
    for name in names:
        plant.make(name)
        plant.delegate(name)
    roles = [family_role(name) for name in names]

    def publish_all(draft: Draft) -> None:
        for role, name in zip(roles, names, strict=True):
            _publish_all(draft.edit(role), name)

    plant.repository().change(publish_all)
    device = Device(tmp_path / "device", plant.take_root(), plant.path)
    newest = bundle_target(names[3], f"{RELEASES}-0a1b2c3d4e5f")
    assert device.find(newest) is not None
    first_fetch = sum(device.fetched.values())

    plant.repository().change(lambda draft: _publish_one(draft.edit(roles[3]), names[3], RELEASES + 1))
    assert device.find(bundle_target(names[3], f"{RELEASES + 1}-0a1b2c3d4e5f")) is not None
    change = device.fetched
    assert len(change) == 3  # timestamp, snapshot, and the one family
    assert sum(change.values()) <= 20_000
    assert first_fetch <= 20_000
    assert device.find(newest) is not None
    assert sum(device.fetched.values()) <= 600  # an idle poll


def _publish_all(signed: Targets, family: str) -> None:
    for number in range(1, RELEASES + 1):
        _publish_one(signed, family, number)


def _publish_one(signed: Targets, family: str, number: int) -> None:
    """What a release lists, at its longest, without the work of making its files."""
    policy, data = Policy(), str(number).encode()
    before = [parse_target(bundle.path).version for bundle in bundles_of(signed.targets)]
    version = f"{number}-0a1b2c3d4e5f"
    lineage = dict.fromkeys(("snapshot", "span", "code_version", "model_artifact"), "x" * 40)
    released = datetime.fromtimestamp(1_700_000_000 + number, UTC).isoformat()
    facts = {"kind": "bundle", "bundle_format": 3, "released": released, "lineage": lineage}
    bundle = TargetFile.from_data(bundle_target(family, version), data, ["sha256"])
    bundle.unrecognized_fields["custom"] = {FACTS: facts}
    signed.targets[bundle.path] = bundle
    for old in before[: policy.deltas_from]:
        delta = TargetFile.from_data(delta_target(family, version, old), data, ["sha256"])
        digests = {"old_sha256": "0" * 64, "new_sha256": "0" * 64}
        delta.unrecognized_fields["custom"] = {FACTS: {"kind": "delta", **digests}}
        signed.targets[delta.path] = delta
    drop_old(signed, policy.keep_versions)
    assert len(signed.targets) <= policy.keep_versions * (1 + policy.deltas_from)


def test_a_familys_metadata_stops_growing(plant: Plant) -> None:
    sizes = []
    for number in range(1, 12):
        publish(plant.repository(), make_release(number))
        sizes.append(len(format_metadata(plant.repository().load().in_force["family-pump"])))
    assert max(sizes[8:]) - min(sizes[8:]) < 50
    assert max(sizes) < 10_000
