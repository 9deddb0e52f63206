"""A device whose updates go wrong says so once, tries ever more rarely, and runs only what was signed."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.updates import UpdateState
from edge_agent.settings import UpdatePace
from edge_agent.slot_rules import Failed
from edge_agent.slot_state import Reason
from edge_agent.updates import Updater
from ota.assignment import Action
from ota.client import open_stick
from tests.edge_agent.update_site import (
    DONE,
    FACTORY,
    NEW,
    OTHER,
    PACE,
    Device,
    in_charge,
    open_device,
    release,
)
from tests.edge_agent.wire import wait_until
from tests.ota.devices import ASSIGNMENT, TIMESTAMP
from tests.ota.fault_server import cut_after, drip_body, say
from tests.ota.small_repository import NOW

# -- what goes wrong --------------------


def test_a_release_that_is_not_there_is_asked_for_once_a_look_and_told_once(device: Device) -> None:
    url = release(device)
    data = device.site.server.files.pop(url)
    device.assign(7, NEW)
    waits = [device.look() for _ in range(4)]
    assert device.site.server.paths().count(url) == 4, "a 404 is not asked again in the look"
    assert device.said == [(7, "downloading", ""), (7, "waiting", "missing")]
    assert waits == sorted(waits) and waits[-1] > waits[0]
    device.site.server.files[url] = data
    device.look()
    assert len(device.slots.offers) == 1


def test_other_bytes_than_were_assigned_are_not_fetched(device: Device) -> None:
    url = release(device)
    device.assign(7, OTHER)
    device.look()
    assert device.said == [(7, "waiting", "untrusted")] and "different bytes" in device.told[0].reason
    assert url not in device.site.server.paths() and device.slots.offers == []


def test_a_withdrawn_file_is_waited_for(device: Device) -> None:
    url = release(device)
    device.site.server.faults[url] = [say(410)]
    device.assign(7, NEW)
    device.look()
    assert device.said[-1] == (7, "waiting", "cancelled")
    device.look()
    assert len(device.slots.offers) == 1


def test_a_server_that_asks_for_time_gets_it(device: Device) -> None:
    url = release(device)
    device.site.server.always[url] = say(503, Retry_After="7200")
    device.assign(7, NEW)
    assert device.look() >= 7200
    assert device.said[-1] == (7, "waiting", "busy")


def test_an_outage_is_no_news_of_a_device_that_is_up_to_date(device: Device) -> None:
    release(device)
    device.assign(7, NEW)
    device.look()
    device.slots.go_on()
    device.look()
    device.site.server.always |= {TIMESTAMP: say(200, b"{}"), ASSIGNMENT: say(500)}
    device.look()
    assert device.states == DONE


def test_when_what_was_in_the_way_is_over_it_says_how_it_is(device: Device) -> None:
    device.site.server.always[TIMESTAMP] = say(200, b"{}")
    device.look()
    device.look()
    assert device.said == [(0, "waiting", "untrusted")]
    device.site.server.always.clear()
    device.look()
    device.look()
    assert device.said[1:] == [(0, "confirmed", "")] and device.told[1].in_charge == "1"


def test_a_full_disk_is_waited_for(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    release(device)
    device.assign(7, NEW)
    folder = device.site.settings.folder
    folder.mkdir(exist_ok=True)
    (folder / "fetched").write_text("a file where a folder shall be")
    device.look()
    assert device.said == [(0, "waiting", "storage")]
    (folder / "fetched").unlink()
    device.look()
    assert len(device.slots.offers) == 1


def test_a_stick_is_looked_at_first_and_verified_the_same_way(device: Device, tmp_path: Path) -> None:
    site = device.site
    url = release(device)
    device.assign(7, NEW)
    stick = tmp_path / "stick"
    device.updater.stick = (stick, lambda now, _: open_stick(site.settings, now, stick))
    site.write_stick(stick)
    held_back = dict(site.server.files)
    site.server.files.clear()
    shutil.move(stick, tmp_path / "pocket")
    device.look()
    assert device.slots.offers == [], "nothing is there but a dead server"
    shutil.move(tmp_path / "pocket", stick)
    device.look()
    device.slots.go_on()
    assert in_charge(device) == "2" and url not in site.server.paths()
    site.server.files |= held_back
    next(path for path in stick.rglob("timestamp.json")).write_bytes(b"{}")
    told = len(device.told)
    device.look()
    assert len(device.told) == told, "a bad stick is no news for the cloud"


# -- the thread, and hints --------------------


@contextmanager
def running(updater: Updater) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=updater.run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        updater.wake()
        thread.join(20)
        assert not thread.is_alive()


QUICK = UpdatePace(first_s=0.0, least_s=0.05, hint_spread_s=0.0, first_retry_s=0.1, last_retry_s=0.2)


def with_pace(device: Device, pace: UpdatePace) -> Device:
    device.pace = pace
    device.boot()
    return device


def test_a_newer_assignment_ends_the_download_of_an_older_one(device: Device) -> None:
    slow, url = release(device), release(device, "3", OTHER)
    device.site.server.always[slow] = drip_body
    device.assign(7, NEW)
    with running(with_pace(device, QUICK).updater):
        wait_until(lambda: slow in device.site.server.paths(), "the download begins")
        device.updater.wake(b"7")
        device.updater.wake(b"6")
        device.assign(8, OTHER, "3")
        device.updater.wake(b"8")
        wait_until(lambda: bool(device.slots.offers), "the newer one is brought")
    assert device.slots.offers[0].attempt == 8 and url in device.site.server.paths()
    assert device.site.server.paths().count(slow) == 1


def test_an_agent_that_ends_does_not_wait_for_a_download(device: Device) -> None:
    slow = release(device)
    device.site.server.always[slow] = drip_body
    device.assign(7, NEW)
    with running(with_pace(device, QUICK).updater):
        wait_until(lambda: slow in device.site.server.paths(), "the download begins")
    assert device.slots.offers == [] and UpdateState.WAITING not in device.states


def test_a_hint_brings_a_look_and_a_flood_of_them_does_not_bring_a_flood(device: Device) -> None:
    looks: list[float] = []
    pace = replace(QUICK, least_s=0.4)
    updater = with_pace(device, pace).updater

    def look(_: threading.Event) -> float:
        looks.append(time.monotonic())
        return 600.0

    updater.look = look  # type: ignore[method-assign, assignment]
    with running(updater):
        wait_until(lambda: bool(looks), "the first look")
        for _ in range(400):
            for hint in (b"", b"9", b"no number", b"9" * 40, bytes(200)):
                updater.wake(hint)
            time.sleep(0.003)
        wait_until(lambda: len(looks) > 1, "a look")
    assert min(later - earlier for earlier, later in pairwise(looks)) >= pace.least_s


def test_forged_hints_end_a_download_once_in_a_while(device: Device) -> None:
    slow = release(device)
    device.site.server.always[slow] = say(404)
    device.assign(7, NEW)
    updater = device.updater
    device.look()
    for known in (b"7", b"6"):
        updater.wake(known)
        assert not updater._woken.is_set(), "what is known is no news"
    updater.wake(b"100")
    assert updater._cancelled.is_set()
    updater._cancelled.clear()
    for number in range(101, 200):
        updater.wake(b"%d" % number)
    assert not updater._cancelled.is_set()


# -- whatever happens --------------------

OPS = st.lists(
    st.sampled_from(
        [
            *(*["look"] * 3, *["go", "heal"] * 2, "boot", "fail", "disk", "clock", "shelf"),
            *("assign", "other", "bad", "cancel", "cut", "404", "500", "untrusted"),
        ]
    ),
    max_size=25,
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(OPS)
def test_whatever_happens_nothing_unverified_runs_and_nothing_spins(happened: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_device(Path(folder)) as device:
        urls = [release(device), release(device, "3", OTHER)]
        world = Whatever(device, urls)
        for what in happened:
            world.do(what)
        verified = {sha256(data).hexdigest() for data in (FACTORY, NEW, OTHER)}
        assert device.slots.ran <= verified
        world.do("heal")
        world.do("assign")
        for _ in range(6):
            device.look()
            device.slots.go_on()
        assert device.slots.report.state == "confirmed" and in_charge(device) == "2"
        assert device.slots.report.attempt == world.number


class Whatever:
    """What may happen to a device."""

    def __init__(self, device: Device, urls: list[str]) -> None:
        self.device, self.urls, self.number = device, urls, 0

    def do(self, what: str) -> None:
        device, server = self.device, self.device.site.server
        faults: dict[str, Any] = {"cut": cut_after(5000), "404": say(404), "500": say(500)}
        if what == "look":
            served = len(server.served)
            assert device.look() >= PACE.least_s
            assert len(server.served) - served < 40
        elif what in faults:
            server.always |= dict.fromkeys([*self.urls, ASSIGNMENT], faults[what])
        elif what == "untrusted":
            server.always[TIMESTAMP] = say(200, b'{"signed": {}}')
        elif what == "heal":
            server.always.clear()
            device.site.now = NOW
        elif what == "clock":
            device.site.now = None if device.site.now else NOW
        elif what == "shelf":
            for path in (device.site.settings.folder / "fetched").glob("*.igb"):
                path.write_bytes(b"torn")
        elif what in ("assign", "other", "bad", "cancel"):
            self.assign(what)
        else:
            self.trial(what)

    def trial(self, what: str) -> None:
        if what == "boot":
            self.device.boot()
        elif what == "go":
            self.device.slots.go_on(2)
        elif what == "fail":
            self.device.slots.take(Failed(Reason.DISAGREES, "why"))
        elif what == "disk":
            self.device.slots.take(Failed(Reason.DISK, "why"))

    def assign(self, what: str) -> None:
        self.number += 1
        data, version = (OTHER, "3") if what == "other" else (NEW, "2")
        action = Action.CANCEL if what == "cancel" else Action.INSTALL
        self.device.assign(self.number, b"never released" if what == "bad" else data, version, action=action)
