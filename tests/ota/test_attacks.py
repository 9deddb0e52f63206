"""Who controls the server, the link or a stolen key still cannot have a device run what was not released.

Each attack of the TUF paper by its name, with the error that says what was refused; and the way back.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from ota.errors import ExpiredError, MissingError, TooLargeError, TooSlowError, UntrustedError, UpdateError
from ota.web import WebSettings
from tests.ota.devices import ASSIGNMENT, TIMESTAMP, Site, open_site
from tests.ota.fault_server import drip_body, drip_head, endless
from tests.ota.small_repository import FAMILY, NOW, ROLE, new_keys

GOOD = random.Random(1).randbytes(100_000)
BETTER = random.Random(2).randbytes(100_000)
EVIL = random.Random(666).randbytes(100_000)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as site:
        site.release("1", GOOD)
        yield site


def require_healthy(site: Site, data: bytes, version: str) -> None:
    """What came of an attack: nothing false was fetched, and with the true repository all is well."""
    folder = site.settings.folder
    fetched = [path.read_bytes() for path in (folder / "fetched").glob("*")]
    assert EVIL not in fetched
    assert not any(EVIL[:1000] in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert site.fetch(version) == data


def test_rollback_of_the_timestamp_is_refused(site: Site) -> None:
    old = dict(site.server.files)
    site.release("2", BETTER)
    site.refresh()
    new = dict(site.server.files)
    site.server.files.update(old)
    with pytest.raises(UntrustedError, match="version"):
        site.refresh()
    site.server.files.update(new)
    require_healthy(site, BETTER, "2")


def test_rollback_of_the_snapshot_by_a_stolen_timestamp_key_is_refused(site: Site) -> None:
    site.release("2", BETTER)
    site.refresh()
    site.repository.signed["timestamp"].version += 1
    site.repository.signed["snapshot"].version -= 1
    site.repository.sign("timestamp")
    with pytest.raises(UntrustedError, match="snapshot version"):
        site.refresh()


def test_rollback_of_a_family_by_stolen_online_keys_is_refused(site: Site) -> None:
    site.release("2", BETTER)
    site.refresh()
    site.repository.signed[ROLE].version -= 1
    site.repository.publish("snapshot", "timestamp")
    with pytest.raises(UntrustedError, match=ROLE):
        site.refresh()


def test_rollback_of_the_root_is_refused(site: Site) -> None:
    """A device that has seen root 2 goes on from there, even when the server has only root 1 and its keys."""
    before = dict(site.server.files)
    site.repository.replace_key("timestamp")
    site.repository.publish()
    site.refresh()
    site.server.files.clear()
    site.server.files.update(before)
    with pytest.raises(UntrustedError):
        site.refresh()


def test_freeze_is_noticed_when_the_timestamp_ends(site: Site) -> None:
    site.refresh()
    site.now = NOW + timedelta(days=7, seconds=1)
    with pytest.raises(ExpiredError, match="nothing newer"):
        site.refresh()
    site.repository.now = site.now
    site.repository.publish("snapshot", "timestamp")
    require_healthy(site, GOOD, "1")


def test_mix_and_match_of_metadata_is_refused(site: Site) -> None:
    """A family's list of yesterday under the name of today's."""
    yesterday = site.server.files[f"/metadata/{site.repository.signed[ROLE].version}.{ROLE}.json"]
    site.release("2", BETTER)
    today = f"/metadata/{site.repository.signed[ROLE].version}.{ROLE}.json"
    true, site.server.files[today] = site.server.files[today], yesterday
    with pytest.raises(UntrustedError):
        site.fetch("1")
    site.server.files[today] = true
    require_healthy(site, BETTER, "2")


def test_mix_and_match_of_an_assignment_and_a_release_is_refused(site: Site) -> None:
    site.release("2", BETTER)
    site.appoint()
    site.assign(1, GOOD, version="2")
    with site.look() as client:
        assignment = client.read_assignment()
        assert assignment is not None
        with pytest.raises(UntrustedError, match="different bytes"):
            client.find_assigned(assignment)


def test_another_family_cannot_be_signed_by_a_familys_key(site: Site) -> None:
    site.repository.add_bundle("9", EVIL, family="fan")
    site.repository.publish(ROLE, "snapshot", "timestamp")
    with site.look() as client, pytest.raises(MissingError):
        client.find("fan", "9")


@pytest.mark.parametrize("path", [TIMESTAMP, "bundle"])
def test_endless_data_is_refused(site: Site, path: str) -> None:
    path = site.release("2", BETTER) if path == "bundle" else path
    site.server.always[path] = endless
    with pytest.raises(TooLargeError):
        site.fetch("2")
    site.server.always.clear()
    require_healthy(site, GOOD, "1")


@pytest.mark.parametrize("drip", [drip_head, drip_body], ids=["head", "body"])
@pytest.mark.parametrize("path", [TIMESTAMP, "bundle"])
def test_slow_retrieval_is_refused(site: Site, path: str, drip: Any) -> None:
    path = site.release("2", BETTER) if path == "bundle" else path
    site.settings = replace(site.settings, web=WebSettings(head_timeout_s=0.3))
    site.server.always[path] = drip
    with pytest.raises(TooSlowError):
        site.fetch("2")
    site.server.always.clear()
    require_healthy(site, GOOD, "1")


@pytest.mark.parametrize(
    "data", [EVIL, BETTER[:-1], b"", BETTER[:-1] + b"x"], ids=["evil", "cut", "empty", "bit"]
)
def test_wrong_hash_is_refused(site: Site, data: bytes) -> None:
    url = site.release("2", BETTER)
    site.server.files[url] = data
    with pytest.raises(UntrustedError):
        site.fetch("2")
    assert not any((site.settings.folder / "fetched").iterdir())
    site.server.files[url] = BETTER
    require_healthy(site, BETTER, "2")


class TestAssignment:
    @pytest.fixture
    def site(self, site: Site) -> Site:
        site.release("2", BETTER)
        site.appoint()
        site.assign(5, BETTER)
        assert self.read(site).number == 5
        return site

    def read(self, site: Site) -> Any:
        with site.look() as client:
            client.refresh()
            return client.read_assignment()

    def test_replayed_assignment_is_refused(self, site: Site) -> None:
        old = site.server.files[ASSIGNMENT]
        site.assign(6, BETTER)
        assert self.read(site).number == 6
        site.server.files[ASSIGNMENT] = old
        with pytest.raises(UntrustedError, match="replayed"):
            self.read(site)
        site.assign(7, BETTER)
        assert self.read(site).number == 7

    def test_another_assignment_under_the_same_number_is_refused(self, site: Site) -> None:
        site.assign(5, GOOD, version="1")
        with pytest.raises(UntrustedError, match="another one before"):
            self.read(site)

    def test_another_devices_assignment_is_refused(self, site: Site) -> None:
        site.assign(9, BETTER, device="press-2")
        with pytest.raises(UntrustedError, match="press-2"):
            self.read(site)

    def test_an_assignment_of_nobody_is_refused(self, site: Site) -> None:
        site.assign(9, BETTER, by=new_keys())
        with pytest.raises(UntrustedError, match="not signed by the director"):
            self.read(site)

    def test_an_assignment_that_ended_is_refused(self, site: Site) -> None:
        site.assign(9, BETTER, issued=NOW - timedelta(days=9), expires=NOW - timedelta(days=1))
        with pytest.raises(ExpiredError):
            self.read(site)

    @pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff" * 10, b"x" * 20_000], ids=len)
    def test_garbage_is_refused(self, site: Site, data: bytes) -> None:
        site.server.files[ASSIGNMENT] = data
        with pytest.raises((UntrustedError, TooLargeError)):
            self.read(site)

    def test_a_stolen_director_key_can_only_assign_what_was_released(self, site: Site) -> None:
        site.assign(9, EVIL, version="666")
        with site.look() as client:
            assignment = client.read_assignment()
            assert assignment is not None
            with pytest.raises(MissingError):
                client.find_assigned(assignment)

    def test_a_stolen_director_key_is_revoked_and_takes_its_numbers_along(self, site: Site) -> None:
        site.assign(2**60, GOOD, version="1")
        assert self.read(site).number == 2**60
        site.appoint(new_keys())
        with pytest.raises(UntrustedError):
            self.read(site)
        site.assign(6, BETTER)
        assert self.read(site).number == 6


class TestStolenKeys:
    def test_stolen_online_keys_cannot_release(self, site: Site) -> None:
        """With snapshot and timestamp keys a thief signs whatever lists he likes: none is a family's."""
        site.refresh()
        thief = new_keys()[0]
        site.repository.add_bundle("2", EVIL)
        site.repository.sign(ROLE, [thief])
        site.repository.publish("snapshot", "timestamp")
        with pytest.raises(UntrustedError):
            site.fetch("2")

    def test_stolen_online_keys_cannot_make_new_ones(self, site: Site) -> None:
        site.refresh()
        stolen = site.repository.keys["timestamp"]
        site.repository.replace_key("targets")
        site.repository.sign("root", stolen)
        with pytest.raises(UntrustedError):
            site.refresh()

    def test_after_a_rotation_stolen_online_keys_are_worth_nothing(self, site: Site) -> None:
        """Fast forward: the thief's versions are far ahead, and go with his keys."""
        site.refresh()
        for role in ("snapshot", "timestamp"):
            site.repository.signed[role].version = 1_000_000
            site.repository.sign(role)
        site.refresh()
        thief = {role: site.repository.replace_key(role) for role in ("snapshot", "timestamp")}
        for role in thief:
            site.repository.signed[role].version = 50
        site.release("2", BETTER)
        site.repository.publish("root", "snapshot", "timestamp")
        require_healthy(site, BETTER, "2")
        site.repository.sign("timestamp", [thief["timestamp"]])
        with pytest.raises(UntrustedError):
            site.refresh()

    def test_revoked_key_of_a_family_signs_nothing_any_more(self, site: Site) -> None:
        site.refresh()
        old = revoke_family(site)
        site.repository.publish("targets", ROLE, "snapshot", "timestamp")
        assert site.fetch("1") == GOOD
        site.repository.add_bundle("666", EVIL)
        site.repository.sign(ROLE, [old])
        site.repository.publish("snapshot", "timestamp")
        with pytest.raises(UntrustedError):
            site.fetch("666")
        del site.repository.signed[ROLE].targets[f"{FAMILY}/666/model.igb"]
        site.release("2", BETTER)
        require_healthy(site, BETTER, "2")

    def test_one_stolen_root_key_is_not_enough(self, site: Site) -> None:
        site.refresh()
        stolen = site.repository.keys["root"][:1]
        site.repository.root.roles["root"].threshold = 1
        site.repository.sign("root", stolen)
        with pytest.raises(UntrustedError):
            site.refresh()

    def test_a_stolen_root_key_is_replaced_by_the_two_others(self, site: Site) -> None:
        site.refresh()
        keys = site.repository.keys["root"]
        site.repository.root.revoke_key(keys[0].public_key.keyid, "root")
        fresh = new_keys()[0]
        site.repository.root.add_key(fresh.public_key, "root")
        site.repository.keys["root"] = [*keys[1:], fresh]
        site.repository.publish()
        require_healthy(site, GOOD, "1")


def revoke_family(site: Site) -> CryptoSigner:
    """Give the family a new key; the old one."""
    (old,) = site.repository.keys[ROLE]
    targets = site.repository.signed["targets"]
    targets.revoke_key(old.public_key.keyid, ROLE)
    site.repository.keys[ROLE] = new_keys()
    targets.add_key(site.repository.keys[ROLE][0].public_key, ROLE)
    return old


def test_expired_root_is_refused_until_there_is_a_newer_one(site: Site) -> None:
    site.repository.sign("root", expires=NOW - timedelta(seconds=1))
    with pytest.raises(ExpiredError, match="root"):
        site.refresh()
    site.repository.publish()
    require_healthy(site, GOOD, "1")


def test_an_expired_root_on_the_way_to_a_newer_one_strands_nobody(site: Site) -> None:
    site.repository.sign("root", expires=NOW - timedelta(days=300))
    site.repository.publish()
    require_healthy(site, GOOD, "1")


def test_a_root_of_another_repository_is_refused(site: Site, tmp_path: Path) -> None:
    site.refresh()
    with open_site(tmp_path / "evil") as evil:
        evil.release("1", EVIL)
        evil.repository.publish()
        site.server.files.clear()
        site.server.files.update(evil.server.files)
        with pytest.raises(UntrustedError):
            site.fetch("1")


@pytest.mark.parametrize("name", [TIMESTAMP, "snapshot", "targets", ROLE, "root"])
def test_any_damage_to_metadata_ends_in_an_error_of_ours(site: Site, name: str) -> None:
    """Bits, lengths, types and depth; python-tuf's own errors never come through."""
    luck = random.Random(name)
    site.repository.publish()
    version = 2 if name == "root" else getattr(site.repository.signed.get(name), "version", 0)
    path = name if name == TIMESTAMP else f"/metadata/{version}.{name}.json"
    true, n_refused = site.server.files[path], 0
    for n, damaged in enumerate(damages(true, luck)):
        site.settings = replace(site.settings, folder=site.folder / f"device-{n}")
        site.server.files[path] = damaged
        try:
            assert site.fetch("1") == GOOD  # a letter of a digest in the other case says the same
        except UpdateError:
            n_refused += 1
    assert n_refused >= n - 5
    site.server.files[path] = true
    require_healthy(site, GOOD, "1")


def damages(true: bytes, luck: random.Random) -> Iterator[bytes]:
    """Ways in which a file is not what was signed."""
    yield from (b"", b"null", b"[]", b"{}", b"\xff\xfe", true[:-1], true[: len(true) // 2])
    yield b"[" * 10_000
    for field in ("_type", "spec_version", "version", "expires"):
        content = json.loads(true)
        content["signed"][field] = luck.choice([None, -1, [], {}, "\ud800", 1e999])
        yield json.dumps(content).encode()
    signatures: tuple[Any, ...] = (None, [], [{}], [{"keyid": 1, "sig": 2}])
    for value in signatures:
        content = json.loads(true)
        content["signatures"] = value
        yield json.dumps(content).encode()
    for _ in range(10):
        at = luck.randrange(len(true))
        yield true[:at] + bytes([true[at] ^ 1 << luck.randrange(7)]) + true[at + 1 :]
