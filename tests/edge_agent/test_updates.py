"""A device that looks for updates gets what is assigned, says what is true, and leaves everybody in peace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import bsdiff4
import pytest

from contract.bundle import FORMAT
from contract.updates import UpdateState
from edge_agent.slot_rules import Failed
from edge_agent.slot_state import Reason
from ota.assignment import Action
from tests.edge_agent.update_site import (
    DONE,
    FACTORY,
    NEW,
    OTHER,
    PACE,
    Device,
    in_charge,
    release,
)
from tests.ota.fault_server import cut_after
from tests.ota.small_repository import NOW


def test_what_is_assigned_is_brought_handed_over_and_left_alone_after(device: Device) -> None:
    url = release(device)
    device.assign(7, NEW)
    assert device.look() <= PACE.least_s + PACE.first_retry_s
    (offer,) = device.slots.offers
    assert (offer.attempt, offer.rollout, offer.release.version) == (7, "r1", "2")
    assert Path(offer.path).read_bytes() == NEW
    assert device.states == DONE and {each.assignment for each in device.told} == {7}
    assert {each.in_charge for each in device.told} == {"1"}
    device.slots.go_on(3)
    assert device.look() >= 0.9 * PACE.poll_s
    device.slots.go_on()
    said = device.updater.translate(device.slots.report)
    assert (said.assignment, said.rollout, said.state) == (7, "r1", UpdateState.CONFIRMED)
    for _ in range(3):
        assert device.look() >= 0.9 * PACE.poll_s
    assert device.site.server.paths().count(url) == 1 and len(device.slots.offers) == 1
    assert device.states == DONE


def test_a_device_that_was_told_nothing_does_nothing(device: Device) -> None:
    assert device.look() >= 0.9 * PACE.poll_s
    assert device.told == [] and device.slots.offers == []


def test_a_delta_is_taken_where_the_bundle_in_charge_is_lent(device: Device, tmp_path: Path) -> None:
    site, new = device.site, NEW[:500] + b"tuned" + NEW[500:]
    url = release(device, "2", NEW)
    full = site.repository.add_bundle("3", new)
    digests = sha256(NEW).hexdigest(), sha256(new).hexdigest()
    delta = site.repository.add_delta("3", "2", bsdiff4.diff(NEW, new), *digests)
    site.repository.publish("family-pump", "snapshot", "timestamp")
    device.slots.lent = tmp_path / "held.igb"
    device.slots.lent.write_bytes(NEW)
    device.assign(1, new, "3")
    device.look()
    device.slots.go_on()
    assert in_charge(device) == "3"
    paths = site.server.paths()
    assert (paths.count(delta), paths.count(full), paths.count(url)) == (1, 0, 0)


def test_what_is_in_charge_already_is_confirmed_under_the_new_number_without_a_download(
    device: Device,
) -> None:
    url = release(device, "2", FACTORY)
    device.assign(3, FACTORY, "2")
    device.look()
    said = device.updater.translate(device.slots.report)
    assert (said.assignment, said.state, said.in_charge) == (3, UpdateState.CONFIRMED, "2")
    device.boot()
    assert device.look() >= 0.9 * PACE.poll_s
    assert device.site.server.paths().count(url) == 0 and len(device.slots.offers) == 1


def test_a_reboot_repeats_a_look_without_harm(device: Device) -> None:
    url = release(device)
    device.assign(7, NEW)
    for stages in (0, 2, 2, 2):
        device.boot()
        device.look()
        device.slots.go_on(stages)
    assert in_charge(device) == "2" and device.site.server.paths().count(url) == 1


def test_what_was_refused_is_left_until_another_number_asks_for_it(device: Device) -> None:
    release(device)
    device.assign(7, NEW)
    device.look()
    device.slots.go_on(2)
    device.slots.take(Failed(Reason.SLOW, "too slow"))
    device.boot()
    assert device.look() >= 0.9 * PACE.poll_s and len(device.slots.offers) == 1
    device.assign(8, NEW)
    device.look()
    device.slots.go_on()
    assert in_charge(device) == "2" and device.slots.report.attempt == 8


def test_what_the_disk_did_not_take_is_offered_again_ever_more_rarely_and_not_sent_again(
    device: Device,
) -> None:
    url = release(device)
    device.assign(7, NEW)
    waits = []
    for _ in range(6):
        waits.append(device.look())
        device.slots.take(Failed(Reason.DISK, "the disk is full"))
    assert len(device.slots.offers) == 6 and device.site.server.paths().count(url) == 1
    assert waits == sorted(waits) and waits[-1] > 10 * waits[0]
    assert device.states == DONE
    device.look()
    device.slots.go_on()
    assert in_charge(device) == "2"


def test_another_releases_probation_is_waited_for(device: Device) -> None:
    release(device)
    release(device, "3", OTHER)
    device.assign(7, NEW)
    device.look()
    device.slots.go_on(4)
    device.assign(8, OTHER, "3")
    for _ in range(3):
        device.look()
    assert device.slots.report.wanted == "2" and device.slots.report.attempt == 7
    device.slots.go_on(1)
    device.look()
    device.slots.go_on()
    assert in_charge(device) == "3"


def test_the_same_release_under_a_new_number_goes_on_under_that(device: Device) -> None:
    release(device)
    device.assign(7, NEW)
    device.look()
    device.slots.go_on(3)
    device.assign(8, NEW, rollout="r2")
    device.look()
    device.slots.go_on(2)
    report = device.slots.report
    assert (report.state, report.attempt, report.rollout) == ("confirmed", 8, "r2")


# -- dates --------------------


def test_an_assignment_whose_time_is_over_is_not_begun(device: Device) -> None:
    release(device)
    device.assign(7, NEW, expires=NOW + timedelta(hours=1))
    device.site.server.always["/targets/pump/2/" + sha256(NEW).hexdigest() + ".model.igb"] = cut_after(10)
    device.look()
    device.site.server.always.clear()
    device.site.now = NOW + timedelta(hours=2)
    assert device.look() >= 0.9 * PACE.poll_s
    assert device.slots.offers == [] and device.said[-1] == (7, "waiting", "too_late")
    device.site.now = None
    device.look()
    assert len(device.slots.offers) == 1, "a clock that is not believed is held against nothing"


def test_one_that_is_under_way_goes_on_when_its_time_is_over(device: Device) -> None:
    release(device)
    device.assign(7, NEW, expires=NOW + timedelta(hours=1))
    device.look()
    device.site.now = NOW + timedelta(hours=2)
    device.look()
    device.slots.go_on()
    device.look()
    assert in_charge(device) == "2" and device.states == DONE


def test_a_time_to_begin_is_waited_for(device: Device) -> None:
    release(device)
    device.assign(7, NEW, not_before=NOW + timedelta(hours=1))
    device.look()
    device.site.now = None
    device.look()
    assert device.said == [(7, "waiting", "too_early"), (7, "waiting", "no_clock")]
    assert device.slots.offers == []
    device.site.now = NOW + timedelta(hours=1)
    device.look()
    assert len(device.slots.offers) == 1


def test_a_clock_that_went_back_behind_a_signed_time_is_not_believed(device: Device) -> None:
    site = device.site
    site.repository.add_bundle("2", NEW, released=NOW.isoformat())
    site.repository.publish("family-pump", "snapshot", "timestamp")
    device.assign(7, NEW, not_before=NOW - timedelta(days=9))
    device.look()
    device.assign(8, OTHER, not_before=NOW - timedelta(days=8))
    site.now = NOW - timedelta(days=10)
    device.look()
    assert device.said[-1] == (8, "waiting", "no_clock")


# -- what is not begun, or called off --------------------


@pytest.mark.parametrize("stages", [None, 0, 2, 4], ids=["not-begun", "verifying", "testing", "probation"])
def test_what_is_called_off_is_given_up(device: Device, stages: int | None) -> None:
    release(device)
    if stages is not None:
        device.assign(7, NEW)
        device.look()
        device.slots.go_on(stages)
    device.assign(8, NEW, action=Action.CANCEL)
    assert device.look() <= (PACE.least_s + PACE.first_retry_s if stages is not None else 1000.0)
    assert in_charge(device) == "1" and device.slots.state.offer is None
    device.look()
    device.look()
    assert device.said.count((8, "cancelled", "cancelled")) == 1
    assert not list((device.site.settings.folder / "fetched").iterdir())


def test_what_is_confirmed_stays_when_it_is_called_off(device: Device) -> None:
    release(device)
    device.assign(7, NEW)
    device.look()
    device.slots.go_on()
    device.assign(8, NEW, action=Action.CANCEL)
    device.look()
    assert (device.slots.report.state, device.slots.report.attempt) == ("confirmed", 8)
    assert in_charge(device) == "2"


def test_another_kind_of_machines_release_is_refused_before_it_is_fetched(device: Device) -> None:
    url = release(device)
    device.assign(7, NEW)
    factory = device.slots.state.held
    device.slots.state = replace(
        device.slots.state, held={slot: replace(each, family="fan") for slot, each in factory.items()}
    )
    for _ in range(2):
        assert device.look() >= 0.9 * PACE.poll_s
    assert device.said == [(7, "refused", "family")]
    assert device.told[0].reason == "it is for pump, this machine is a fan"
    assert url not in device.site.server.paths()


def test_a_format_that_this_agent_cannot_read_is_refused_before_it_is_fetched(device: Device) -> None:
    site = device.site
    url = site.repository.add_bundle("2", NEW, bundle_format=FORMAT + 1)
    site.repository.publish("family-pump", "snapshot", "timestamp")
    device.assign(7, NEW)
    device.look()
    device.look()
    assert device.said == [(7, "refused", "bundle")] and url not in site.server.paths()
    assert "update the agent" in device.told[0].reason
