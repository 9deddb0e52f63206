"""The rules as a real Mosquitto understands them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cloud.certificates import SERVICES, IssuedCertificate, Purpose
from cloud.pki.authority import Authority, Passphrases, make_authority, open_authority
from cloud.pki.broker_files import (
    Listeners,
    format_config,
    format_rules,
    revoked_names,
    write_broker_files,
)
from contract.identity import IdentityFolder, client_context
from contract.messages import Kind
from contract.topics import ALL_UP, AckTopic, UpdateTopic, UpTopic, topics_of
from edge_agent.errors import LinkError
from edge_agent.mqtt import MqttLink
from tests.conftest import obtain
from tests.edge_agent.wire import wait_until
from tests.secured_broker import SecuredMosquitto, give_identity, make_fleet_authority, open_link

# After a refused handshake paho leaves its socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
NOW = datetime.now(UTC)
SUMMARY, OTHERS = str(UpTopic("press-1", Kind.SUMMARY)), str(UpTopic("press-2", Kind.SUMMARY))
Identify = Callable[..., tuple[IdentityFolder, IssuedCertificate]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_fleet_authority(tmp_path / "fleet")


@pytest.fixture
def secured(tmp_path: Path, authority: Authority, mosquitto: str) -> Iterator[SecuredMosquitto]:
    with obtain(lambda: SecuredMosquitto(tmp_path / "broker", authority)) as running:
        yield running


@pytest.fixture
def identify(tmp_path: Path, authority: Authority) -> Identify:
    def make(
        name: str, purpose: Purpose = Purpose.DEVICE, now: datetime = NOW
    ) -> tuple[IdentityFolder, IssuedCertificate]:
        return give_identity(authority, tmp_path / "ids" / name, name, purpose, now)

    return make


def read_all(link: MqttLink, last: bytes) -> list[bytes]:
    """Everything that arrives up to a message that is known to come last."""
    arrived: list[bytes] = []

    def has_last() -> bool:
        arrived.extend(payload for _, payload in link.poll(0.05))
        return last in arrived

    wait_until(has_last, "the last message")
    return arrived


def service(secured: SecuredMosquitto, identify: Identify, name: str, *topics: str) -> MqttLink:
    identity, _ = identify(name, Purpose.SERVICE)
    return open_link(secured.services_port, identity, f"industrialguard-{name}", topics)


def test_a_device_writes_as_itself_and_as_nobody_else(secured: SecuredMosquitto, identify: Identify) -> None:
    ingest = service(secured, identify, "cloud.ingest", ALL_UP)
    identity, _ = identify("press-1")
    device = open_link(secured.port, identity, "press-1")
    device.publish(OTHERS, b"a lie")
    with pytest.raises(LinkError, match="refused a message: Not authorized"):
        device.settle(5.0)
    device = open_link(secured.port, identity, "press-1")
    device.publish(SUMMARY, b"true")
    assert device.settle(5.0)

    assert [each for each in read_all(ingest, b"true") if each] == [b"true"]  # but for its will
    device.close()
    ingest.close()


def test_releases_tell_devices_to_look_and_acknowledge_nothing(
    secured: SecuredMosquitto, identify: Identify
) -> None:
    hint, ack = str(UpdateTopic("press-1")), str(AckTopic("press-1"))
    device = open_link(secured.port, identify("press-1")[0], "press-1", (hint, ack))
    releases = service(secured, identify, "cloud.releases")
    releases.publish(hint, b"7")
    assert releases.settle(5.0)
    assert read_all(device, b"7") == [b"7"]
    releases.publish(ack, b"a lie")
    with pytest.raises(LinkError, match="Not authorized"):
        releases.settle(5.0)
    device.close()


def test_a_device_reads_what_is_for_it_and_nothing_else(
    secured: SecuredMosquitto, identify: Identify
) -> None:
    sink = service(secured, identify, "cloud.sink")
    greedy = ("#", "ig/v1/+/down/#", topics_of("press-2"), str(AckTopic("press-2")), ALL_UP)
    device = open_link(secured.port, identify("press-1")[0], "press-1", (str(AckTopic("press-1")), *greedy))
    other = open_link(secured.port, identify("press-2")[0], "press-2")
    other.publish(OTHERS, b"of another", retain=True)
    assert other.settle(5.0)
    sink.publish(str(AckTopic("press-2")), b"for another")
    sink.publish(str(AckTopic("press-1")), b"for us")

    assert set(read_all(device, b"for us")) == {b"for us"}
    for link in (device, other, sink):
        link.close()


def test_a_service_may_do_its_work_and_no_more(secured: SecuredMosquitto, identify: Identify) -> None:
    sink = service(secured, identify, "cloud.sink", ALL_UP, "#")
    ingest = service(secured, identify, "cloud.ingest", ALL_UP)
    device = open_link(secured.port, identify("press-1")[0], "press-1", [str(AckTopic("press-1"))])
    device.publish(SUMMARY, b"1")
    assert read_all(ingest, b"1") == [b"1"]
    sink.publish(str(AckTopic("press-1")), b"2")
    assert read_all(device, b"2") == [b"2"]
    assert sink.poll(0.0) == []
    for link, topic in ((ingest, str(AckTopic("press-1"))), (sink, SUMMARY)):
        link.publish(topic, b"x")
        with pytest.raises(LinkError, match="refused a message: Not authorized"):
            link.settle(5.0)
    device.close()


@pytest.mark.parametrize("which", ["none", "ended", "revoked", "other", "server"])
def test_who_has_no_certificate_in_force_is_not_let_in(
    which: str, secured: SecuredMosquitto, identify: Identify, tmp_path: Path
) -> None:
    match which:
        case "none":
            identity, _ = identify("press-1")
            identity.pair.write_bytes(b"")
        case "ended":
            identity, _ = identify("press-1", now=NOW - timedelta(days=190))
        case "revoked":
            identity, issued = identify("press-1")
            secured.known = [replace(issued, revoked_at=NOW)]
            secured.stop()
            secured.start()
        case "server":
            identity, _ = identify("press-1", Purpose.SERVER)
        case _:
            identity, _ = give_identity(make_fleet_authority(tmp_path / "x"), tmp_path / "y", "press-1")
            identity.trust.write_text(secured.authority.root)
    for port in (secured.port, secured.services_port):
        with pytest.raises(LinkError):
            connect_bare(port, identity) if which == "none" else open_link(port, identity, "press-1")
    other, _ = identify("press-2")
    open_link(secured.port, other, "press-2").close()


def test_a_device_whose_clock_is_decades_behind_is_told_so(tmp_path: Path, mosquitto: str) -> None:
    """The whole authority is of the future, which is what a clock that is behind sees."""
    make_authority(tmp_path / "r", tmp_path / "ca", Passphrases(), NOW + timedelta(days=30 * 365))
    authority = open_authority(tmp_path / "ca", "")
    identity, _ = give_identity(authority, tmp_path / "id", "press-1")
    with (
        obtain(lambda: SecuredMosquitto(tmp_path / "broker", authority)) as running,
        pytest.raises(LinkError, match=r"is not valid yet at this machine's time, 20.* is the clock right\?"),
    ):
        open_link(running.port, identity, "press-1")


def connect_bare(port: int, identity: IdentityFolder) -> None:
    """Trusting the broker, with no certificate to show."""
    context = ssl.create_default_context(cafile=str(identity.trust))
    try:
        with (
            socket.create_connection(("localhost", port)) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x1e\x00\x01a")
            assert tls.recv(16) == b""
    except OSError as error:
        raise LinkError(str(error)) from error
    raise LinkError("hung up")


def test_no_device_ends_the_session_of_another(secured: SecuredMosquitto, identify: Identify) -> None:
    sink = service(secured, identify, "cloud.sink")
    victim = open_link(secured.port, identify("press-1")[0], "press-1", [str(AckTopic("press-1"))])
    thief = open_link(
        secured.port, identify("press-2")[0], "press-1", will_topic=str(UpTopic("press-2", Kind.DEATH))
    )
    sink.publish(str(AckTopic("press-1")), b"still here")

    assert read_all(victim, b"still here") == [b"still here"]
    assert thief.poll(0.0) == []
    for link in (victim, thief, sink):
        link.close()


def test_revoked_devices_lose_an_open_connection_and_get_no_new_one(
    secured: SecuredMosquitto, identify: Identify
) -> None:
    ingest = service(secured, identify, "cloud.ingest", ALL_UP)
    (identity, issued), (steady, other) = identify("press-1"), identify("press-2")
    device, neighbour = (
        open_link(secured.port, one, name) for one, name in ((identity, "press-1"), (steady, "press-2"))
    )
    secured.known = [replace(issued, revoked_at=NOW), other]
    secured.reload()

    def is_refused() -> bool:
        try:
            device.publish(SUMMARY, b"after")
            device.settle(5.0)
        except LinkError as error:
            assert "Not authorized" in str(error)
            return True
        return False

    wait_until(is_refused, "the open connection is worth nothing")
    with pytest.raises(LinkError):
        open_link(secured.port, identity, "press-1")
    neighbour.publish(OTHERS, b"undisturbed")
    assert neighbour.settle(5.0)
    read_all(ingest, b"undisturbed")
    again, newer = give_identity(secured.authority, identity.path / "again", "press-1")
    secured.known.append(newer)
    secured.reload()

    def is_back() -> bool:
        link = open_link(secured.port, again, "press-1")
        link.publish(SUMMARY, b"again")
        try:
            return link.settle(5.0)
        except LinkError:
            return False
        finally:
            link.abandon()

    wait_until(is_back, "a new certificate brings its device back")
    neighbour.close()
    ingest.close()


def test_a_revocation_right_after_another_counts(secured: SecuredMosquitto, identify: Identify) -> None:
    for name in ("press-1", "press-2", "press-3"):  # within one second, and three lists for one broker
        identity, issued = identify(name)
        open_link(secured.port, identity, name).close()
        secured.known = [*secured.known, replace(issued, revoked_at=NOW)]
        secured.reload()

        def is_out(identity: IdentityFolder = identity, name: str = name) -> bool:
            try:
                open_link(secured.port, identity, name).close()
            except LinkError:
                return True
            return False

        wait_until(is_out, f"{name} is out")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_resumed_tls_session_does_not_outlive_a_revocation(
    version: ssl.TLSVersion, secured: SecuredMosquitto, identify: Identify
) -> None:
    identity, issued = identify("press-1")
    context = client_context(identity)
    context.maximum_version = version
    session = shake_hands(context, secured.port, None)
    session = shake_hands(context, secured.port, session)
    assert session is not None
    secured.known = [replace(issued, revoked_at=NOW)]
    secured.reload()

    def is_out() -> bool:
        try:
            shake_hands(context, secured.port, None)
        except OSError:
            return True
        return False

    wait_until(is_out, "a new handshake is refused")
    with pytest.raises(OSError):
        shake_hands(context, secured.port, session)


def shake_hands(context: ssl.SSLContext, port: int, before: ssl.SSLSession | None) -> ssl.SSLSession | None:
    with (
        socket.create_connection(("localhost", port)) as raw,
        context.wrap_socket(raw, server_hostname="localhost", session=before) as tls,
    ):
        tls.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x1e\x00\x01a")
        if not tls.recv(16):
            raise ConnectionResetError
        return tls.session


def test_writing_again_keeps_the_brokers_certificate_until_it_is_old_or_has_other_names(
    tmp_path: Path, authority: Authority
) -> None:
    folder, listeners = tmp_path / "files", Listeners(("localhost", "127.0.0.1"))
    assert write_broker_files(folder, authority, listeners, [], NOW) is not None
    before = (folder / "identity.pem").read_bytes()
    assert write_broker_files(folder, authority, listeners, [], NOW + timedelta(days=200)) is None
    assert (folder / "identity.pem").read_bytes() == before
    assert write_broker_files(folder, authority, listeners, [], NOW + timedelta(days=300)) is not None
    assert write_broker_files(folder, authority, Listeners(("other",)), [], NOW) is not None
    assert (folder / "identity.pem").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_each_list_begins_after_the_one_before_and_never_in_the_future(authority: Authority) -> None:
    lists = [authority.sign_revocations([], b"", NOW)]
    for _ in range(5):
        lists.append(authority.sign_revocations([], lists[-1], NOW))
    begins = [x509.load_pem_x509_crl(each).last_update_utc for each in lists]
    assert begins == sorted(set(begins)) and begins[-1] < NOW


def test_a_device_is_shut_out_for_as_long_as_it_has_nothing_in_force(identify: Identify) -> None:
    _, one = identify("press-1")
    _, old = identify("press-2", now=NOW - timedelta(days=190))
    revoked = replace(one, revoked_at=NOW)
    assert revoked_names([one, old], NOW) == []
    assert revoked_names([revoked, old], NOW) == ["press-1"]
    assert revoked_names([revoked, one], NOW) == []


def test_rules_name_every_service_and_its_topics_alone() -> None:
    text = format_rules(["press-9"])
    assert all(f"\nuser {name}\n" in text for name in SERVICES)
    assert text.count("pattern") == 2 and "topic deny ig/v1/press-9/#" in text
    assert "readwrite" not in text


def test_nobody_gets_in_without_a_certificate_by_any_listener() -> None:
    text = format_config(Path("/x"), Listeners(("b",)))
    assert text.count("\nlistener ") == text.count("require_certificate true") == 2
    assert text.count("use_identity_as_username true") == text.count("crlfile") == 2
    assert "max_queued_messages 100000" in text, "what waits for ingest is bounded by more than a default"
    assert "allow_anonymous false" in text and "listener 8884 127.0.0.1" in text
