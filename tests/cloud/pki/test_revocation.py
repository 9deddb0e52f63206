"""What a revocation does at a real broker: no way in, no session, no words on what was open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.certificates import IssuedCertificate, Purpose
from cloud.errors import LinkError
from cloud.mqtt import push_out
from cloud.pki import revocation
from cloud.pki.revocation import BrokerSide, tell_broker
from cloud.settings import MqttSettings
from contract.broker_address import parse_broker_url
from contract.identity import IdentityFolder
from edge_agent.errors import LinkError as EdgeLinkError
from edge_agent.mqtt import MqttLink
from tests.conftest import obtain
from tests.secured_broker import SecuredMosquitto, give_identity, make_fleet_authority, open_link

NOW = datetime.now(UTC)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[SecuredMosquitto]:
    authority = make_fleet_authority(tmp_path / "pki")
    with obtain(lambda: SecuredMosquitto(tmp_path / "secured", authority)) as running:
        yield running


@pytest.fixture
def device(secured: SecuredMosquitto, tmp_path: Path) -> tuple[IdentityFolder, IssuedCertificate]:
    return give_identity(secured.authority, tmp_path / "press-1", "press-1")


@pytest.fixture
def side(secured: SecuredMosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BrokerSide:
    monkeypatch.setattr(revocation, "HOLD_S", 1.0)
    identity, _ = give_identity(secured.authority, tmp_path / "sink", "cloud.sink", Purpose.SERVICE)
    mqtt = MqttSettings(parse_broker_url(secured.services_url), identity)
    return BrokerSide(secured.folder / "files", f"kill -HUP {secured.pid}", mqtt)


def tell(side: BrokerSide, secured: SecuredMosquitto, issued: IssuedCertificate) -> list[str]:
    known = [replace(issued, revoked_at=NOW)]
    return list(tell_broker(side, issued.name, lambda: secured.authority, known, NOW))


def test_a_session_is_ended_and_no_other_one_opened(
    secured: SecuredMosquitto,
    side: BrokerSide,
    device: tuple[IdentityFolder, IssuedCertificate],
    tmp_path: Path,
) -> None:
    identity, issued = device
    steady, _ = give_identity(secured.authority, tmp_path / "press-2", "press-2")
    link, neighbour = open_link(secured.port, identity, "press-1"), open_link(secured.port, steady, "press-2")
    for _ in range(2):  # again does no harm
        files, told, session = tell(side, secured, issued)
        assert "revocations are written" in files and "was told" in told
        assert session == "press-1 has no session at the broker any more"
    with pytest.raises(EdgeLinkError):
        link.publish("ig/v1/press-1/up/summary", b"after")
        link.settle(5.0)
    with pytest.raises(EdgeLinkError):
        open_link(secured.port, identity, "press-1")
    neighbour.publish("ig/v1/press-2/up/summary", b"undisturbed")
    assert neighbour.settle(5.0)
    neighbour.close()
    link.abandon()


def test_a_device_that_comes_back_is_told_of(
    secured: SecuredMosquitto,
    side: BrokerSide,
    device: tuple[IdentityFolder, IssuedCertificate],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the broker has not read its files yet."""
    identity, issued = device
    came: list[MqttLink] = []

    def push_out_and_let_back(mqtt: MqttSettings, name: str, hold_s: float) -> bool:
        came.append(open_link(secured.port, identity, name))
        return False

    monkeypatch.setattr(revocation, "push_out", push_out_and_let_back)
    (_, _, said) = tell(replace(side, reload="true"), secured, issued)
    assert said.startswith("left to do: press-1 keeps coming back")
    assert len(came) == revocation.ATTEMPTS
    assert side.mqtt is not None
    assert push_out(side.mqtt, "press-1", 0.2)
    for link in came:
        link.abandon()


def test_a_broker_that_is_away_is_an_error_that_says_what_stays(
    secured: SecuredMosquitto, side: BrokerSide, device: tuple[IdentityFolder, IssuedCertificate]
) -> None:
    secured.stop()
    with pytest.raises(LinkError, match="press-1 keeps its session"):
        tell(replace(side, reload=""), secured, device[1])


def test_what_nobody_was_told_how_to_do_is_left(secured: SecuredMosquitto) -> None:
    issued = give_identity(secured.authority, secured.folder / "press-1", "press-1")[1]
    files, told, session = tell(BrokerSide(), secured, issued)
    assert "broker-files" in files and "reload the broker" in told and "starting the broker again" in session
