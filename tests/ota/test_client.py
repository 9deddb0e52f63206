"""A device gets what was signed for it: whole, by a delta, from a stick, and offline from what it knows."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import bsdiff4
import pytest

import ota.shelf
from ota.errors import (
    CancelledError,
    DownloadError,
    ExpiredError,
    MissingError,
    StorageError,
    UntrustedError,
)
from ota.parts import CHUNK_BYTES
from tests.ota.devices import ASSIGNMENT, TIMESTAMP, Site, open_site
from tests.ota.fault_server import cut_after, say
from tests.ota.small_repository import FAMILY, NOW

OLD = random.Random(1).randbytes(3 * CHUNK_BYTES)
NEW = OLD[:1000] + b"fine-tuned" + OLD[1000:]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as site:
        site.release("1", OLD)
        site.release("2", NEW)
        yield site


def url_of(site: Site, data: bytes) -> str:
    return next(url for url, served in site.server.files.items() if served == data)


def add_delta(site: Site, delta: bytes | None = None, old: bytes = OLD, new: bytes = NEW) -> str:
    data = bsdiff4.diff(OLD, NEW) if delta is None else delta
    url = site.repository.add_delta("2", "1", data, sha256(old).hexdigest(), sha256(new).hexdigest())
    site.repository.publish("family-pump", "snapshot", "timestamp")
    return url


def held(site: Site, data: bytes = OLD) -> Path:
    path = site.folder / "held.igb"
    path.write_bytes(data)
    return path


def test_a_release_is_found_and_fetched(site: Site) -> None:
    seen: list[tuple[int, int]] = []
    with site.look(lambda done, total: seen.append((done, total))) as client:
        fresh = client.refresh()
        release = client.find(FAMILY, "2")
        path = client.fetch(release)
    assert (fresh.is_online, fresh.is_proven, fresh.expires) == (True, True, NOW + timedelta(days=7))
    assert (release.length, release.sha256) == (len(NEW), sha256(NEW).hexdigest())
    assert release.facts == {"kind": "bundle"}
    assert path.read_bytes() == NEW and seen[-1] == (len(NEW), len(NEW))


def test_finding_looks_first_when_nobody_has_looked(site: Site) -> None:
    with site.look() as client:
        assert client.find(FAMILY, "1").length == len(OLD)


def test_what_was_fetched_is_not_fetched_again(site: Site) -> None:
    url = url_of(site, NEW)
    assert site.fetch("2") == site.fetch("2") == NEW
    assert site.server.paths().count(url) == 1


def test_one_fetched_bundle_is_kept_and_a_damaged_one_is_fetched_anew(site: Site) -> None:
    site.fetch("1")
    site.fetch("2")
    (kept,) = (site.settings.folder / "fetched").iterdir()
    kept.write_bytes(b"bit rot")
    assert site.fetch("2") == NEW


def test_an_idle_look_costs_few_bytes_and_no_write(site: Site) -> None:
    site.appoint()
    site.assign(1, NEW)
    with site.look() as client:
        client.refresh()
        assert client.read_assignment() is not None
    trust = site.settings.folder / "trust.json"
    before = trust.stat()
    site.server.served.clear()
    with site.look() as client:
        client.refresh()
        assignment = client.read_assignment()
    assert assignment is not None and assignment.number == 1
    assert [each.status for each in site.server.served] == [404, 304, 304]
    assert sum(each.body for each in site.server.served) <= 600
    assert (trust.stat().st_ino, trust.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_idle_look_at_a_server_without_tags_stays_small(site: Site) -> None:
    site.server.gives_tags = False
    site.refresh()
    site.server.served.clear()
    site.refresh()
    assert sum(each.body for each in site.server.served) <= 600


def test_a_version_that_is_not_listed_is_missing(site: Site) -> None:
    with site.look() as client, pytest.raises(MissingError, match="not among the signed releases"):
        client.find(FAMILY, "3")
    with site.look() as client, pytest.raises(MissingError):
        client.find("fan", "1")


def test_a_release_whose_file_is_gone_is_missing(site: Site) -> None:
    del site.server.files[url_of(site, NEW)]
    with pytest.raises(MissingError):
        site.fetch("2")


def test_a_cut_download_goes_on_in_the_next_look(site: Site) -> None:
    url = url_of(site, NEW)
    site.server.faults[url] = [cut_after(2 * CHUNK_BYTES), say(503), say(503), say(503)]
    with pytest.raises(DownloadError):
        site.fetch("2")
    assert site.fetch("2") == NEW
    assert site.server.n_bytes(url) <= len(NEW) + CHUNK_BYTES


def test_a_kept_part_that_was_damaged_is_fetched_anew(site: Site) -> None:
    url = url_of(site, NEW)
    site.server.faults[url] = [cut_after(2 * CHUNK_BYTES + 5), say(503), say(503), say(503)]
    with pytest.raises(DownloadError):
        site.fetch("2")
    (part,) = (site.settings.folder / "parts").glob("*.part")
    part.write_bytes(bytes(part.stat().st_size))
    assert site.fetch("2") == NEW


def test_a_cancel_leaves_nothing_half(site: Site) -> None:
    with site.look(lambda done, total: site.stop.set()) as client, pytest.raises(CancelledError):
        client.fetch(client.find(FAMILY, "2"))
    assert not any((site.settings.folder / "parts").iterdir())
    assert not any((site.settings.folder / "fetched").iterdir())


def test_what_was_fetched_can_be_forgotten(site: Site) -> None:
    site.fetch("2")
    with site.look() as client:
        client.forget()
    assert not any((site.settings.folder / "fetched").iterdir())


class TestDelta:
    def test_a_delta_from_what_is_held_takes_the_place_of_the_whole(self, site: Site) -> None:
        delta = add_delta(site)
        assert site.fetch("2", held(site)) == NEW
        assert delta in site.server.paths() and url_of(site, NEW) not in site.server.paths()
        assert [path.suffix for path in (site.settings.folder / "fetched").iterdir()] == [".igb"]

    @pytest.mark.parametrize(
        "delta",
        [b"", b"BSDIFF40", bsdiff4.diff(OLD, NEW[:-1]), bsdiff4.diff(OLD, bytes(len(NEW))), b"x" * 500],
        ids=["empty", "cut", "short", "other", "garbage"],
    )
    def test_a_delta_that_leads_elsewhere_ends_in_the_whole_download(self, site: Site, delta: bytes) -> None:
        add_delta(site, delta)
        assert site.fetch("2", held(site)) == NEW
        assert url_of(site, NEW) in site.server.paths()

    def test_a_delta_that_is_not_there_ends_in_the_whole_download(self, site: Site) -> None:
        del site.server.files[add_delta(site)]
        assert site.fetch("2", held(site)) == NEW

    def test_a_delta_from_another_bundle_is_not_fetched(self, site: Site) -> None:
        delta = add_delta(site)
        assert site.fetch("2", held(site, b"hand-made")) == NEW
        assert delta not in site.server.paths()

    def test_a_delta_larger_than_the_whole_is_not_fetched(self, site: Site) -> None:
        delta = add_delta(site, bytes(len(NEW)))
        assert site.fetch("2", held(site)) == NEW
        assert delta not in site.server.paths()

    def test_without_bsdiff4_the_whole_bundle_comes(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        delta = add_delta(site)
        monkeypatch.setattr(ota.shelf, "can_apply", lambda: False)
        assert site.fetch("2", held(site)) == NEW
        assert delta not in site.server.paths()

    def test_a_held_bundle_that_cannot_be_read_ends_in_the_whole_download(self, site: Site) -> None:
        add_delta(site)
        assert site.fetch("2", site.folder / "nothing") == NEW

    def test_a_lost_link_is_no_reason_for_the_whole_download(self, site: Site) -> None:
        delta = add_delta(site)
        site.server.always[delta] = say(503)
        with pytest.raises(DownloadError):
            site.fetch("2", held(site))
        assert url_of(site, NEW) not in site.server.paths()


class TestOffline:
    def test_offline_what_was_verified_before_still_holds(self, site: Site) -> None:
        site.fetch("2")
        site.server.always[TIMESTAMP] = say(503)
        with site.look() as client:
            fresh = client.refresh()
            assert not fresh.is_online and "503" in fresh.reason
            assert client.fetch(client.find(FAMILY, "2")).read_bytes() == NEW

    def test_offline_with_nothing_known_there_is_nothing(self, site: Site) -> None:
        site.server.always[TIMESTAMP] = say(503)
        with site.look() as client, pytest.raises(DownloadError):
            client.refresh()

    def test_offline_for_too_long_is_a_freeze_to_a_believed_clock_alone(self, site: Site) -> None:
        site.fetch("2")
        site.server.always[TIMESTAMP] = say(503)
        site.now = NOW + timedelta(days=8)
        with site.look() as client, pytest.raises(ExpiredError, match="503"):
            client.refresh()
        site.now = None
        with site.look() as client:
            assert not client.refresh().is_proven
            assert client.fetch(client.find(FAMILY, "2")).read_bytes() == NEW

    def test_offline_what_was_never_fetched_is_not_called_missing(self, site: Site) -> None:
        site.fetch("1")
        site.server.always[TIMESTAMP] = say(503)
        with site.look() as client:
            client.refresh()
            with pytest.raises(DownloadError, match="no connection"):
                client.fetch(client.find(FAMILY, "2"))

    def test_a_look_that_was_broken_off_takes_nothing_away(self, site: Site) -> None:
        site.fetch("2")
        site.release("3", OLD)
        version = site.repository.signed["family-pump"].version
        site.server.always[f"/metadata/{version}.family-pump.json"] = say(503)
        with site.look() as client:
            assert not client.refresh().is_online
            assert client.fetch(client.find(FAMILY, "2")).read_bytes() == NEW

    def test_offline_the_last_assignment_holds(self, site: Site) -> None:
        site.appoint()
        given = site.assign(1, NEW)
        with site.look() as client:
            assert client.read_assignment() == given
        for path in (TIMESTAMP, ASSIGNMENT):
            site.server.always[path] = say(503)
        with site.look() as client:
            assert client.read_assignment() == given


class TestClock:
    def test_a_device_that_was_off_for_months_takes_what_is_newer(self, site: Site) -> None:
        site.fetch("1")
        site.now = site.repository.now = NOW + timedelta(days=200)
        site.repository.publish("snapshot", "timestamp")
        assert site.fetch("2") == NEW

    def test_a_device_that_was_off_for_years_follows_every_root(self, site: Site) -> None:
        site.fetch("1")
        for years in (1, 2, 3, 4):
            site.repository.now = NOW + timedelta(days=365 * years)
            site.repository.replace_key("timestamp")
            site.repository.publish()
        site.now = site.repository.now
        assert site.fetch("2") == NEW

    def test_without_a_believed_clock_nothing_is_too_old_yet(self, site: Site) -> None:
        site.repository.sign("timestamp", expires=NOW - timedelta(days=400))
        site.now = None
        with site.look() as client:
            assert not client.refresh().is_proven
            assert client.fetch(client.find(FAMILY, "2")).read_bytes() == NEW
        site.now = NOW
        with site.look() as client, pytest.raises(ExpiredError):
            client.refresh()

    def test_without_a_believed_clock_versions_still_only_rise(self, site: Site) -> None:
        site.now = None
        old = site.server.files[TIMESTAMP]
        site.repository.publish("snapshot", "timestamp")
        site.refresh()
        site.server.files[TIMESTAMP] = old
        with site.look() as client, pytest.raises(UntrustedError):
            client.refresh()


class TestStick:
    def test_a_stick_is_as_good_as_the_web(self, site: Site, tmp_path: Path) -> None:
        site.appoint()
        given = site.assign(1, NEW)
        stick = site.write_stick(tmp_path / "stick")
        site.server.served.clear()
        with site.look_at(stick) as client:
            assert client.refresh().is_online
            assert client.read_assignment() == given
            assert client.fetch(client.find_assigned(given)).read_bytes() == NEW
        assert site.server.served == []

    def test_a_delta_on_a_stick(self, site: Site, tmp_path: Path) -> None:
        add_delta(site)
        stick = site.write_stick(tmp_path / "stick")
        (stick / url_of(site, NEW).lstrip("/")).unlink()
        with site.look_at(stick) as client:
            assert client.fetch(client.find(FAMILY, "2"), held(site)).read_bytes() == NEW

    def test_a_forged_file_on_a_stick_is_refused(self, site: Site, tmp_path: Path) -> None:
        stick = site.write_stick(tmp_path / "stick")
        (stick / url_of(site, NEW).lstrip("/")).write_bytes(bytes(len(NEW)))
        with site.look_at(stick) as client, pytest.raises(UntrustedError):
            client.fetch(client.find(FAMILY, "2"))

    def test_an_older_stick_than_what_is_known_is_refused(self, site: Site, tmp_path: Path) -> None:
        stick = site.write_stick(tmp_path / "stick")
        site.repository.publish("snapshot", "timestamp")
        site.refresh()
        with site.look_at(stick) as client, pytest.raises(UntrustedError):
            client.refresh()

    def test_a_stick_that_was_pulled_out(self, site: Site, tmp_path: Path) -> None:
        site.refresh()
        with site.look_at(tmp_path / "nothing") as client:
            fresh = client.refresh()
            assert not fresh.is_online and "plugged in" in fresh.reason
        shutil.rmtree(site.settings.folder)
        with site.look_at(tmp_path / "nothing") as client, pytest.raises(DownloadError):
            client.refresh()

    def test_an_endless_file_on_a_stick_is_not_read(self, site: Site, tmp_path: Path) -> None:
        stick = site.write_stick(tmp_path / "stick")
        path = stick / "metadata" / "timestamp.json"
        path.unlink()
        path.symlink_to("/dev/zero")
        with site.look_at(stick) as client, pytest.raises(MissingError):
            client.refresh()


def test_two_looks_at_once_are_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ota.trust_store._LOCK_WAIT_S", 0.0)
    with site.look(), pytest.raises(StorageError, match="another process"), site.look():
        pass


def test_a_folder_that_cannot_be_written_is_named(site: Site) -> None:
    site.settings = replace(site.settings, folder=Path("/dev/null/x"))
    with pytest.raises(StorageError, match="/dev/null/x"), site.look():
        pass
