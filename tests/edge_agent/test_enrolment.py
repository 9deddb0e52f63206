"""A device gets its certificate, and the next one, whatever line the power goes at."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.certificates import Purpose
from cloud.pki.authority import Authority, Passphrases, Subject, make_authority, open_authority
from cloud.pki.keys import format_key, make_key
from contract.enrolment import TRUST_PATH, ClaimToken, Credentials, encode, fingerprint
from contract.errors import ConfigError, EnrolmentError, EnrolmentUnavailableError
from contract.identity import IdentityFolder
from edge_agent.desk import Desk
from edge_agent.enrolment import CLAIM_KEY, NOTES_FILE, RENEWAL_KEY, claim, read_identity, renew
from edge_agent.errors import StateFolderError
from tests.contract.kills import killed_at_each_line
from tests.enrolment_desk import RunningDesk
from tests.secured_broker import give_identity, make_fleet_authority
from tools.servers.process import free_port

NOW = datetime.now(UTC)
SURE_OF_FILES = ("edge_agent.enrolment", "contract.archive", "contract.durable")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    folder = tmp_path_factory.mktemp("desk")
    with RunningDesk(folder, make_fleet_authority(folder)) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> IdentityFolder:
    return IdentityFolder(tmp_path / "identity")


def provisioned(
    desk: RunningDesk, folder: IdentityFolder, name: str, age: timedelta = timedelta(days=100)
) -> None:
    """A device that was provisioned long ago."""
    _, issued = give_identity(desk.authority, folder.path, name, now=NOW - age)
    desk.add(issued)
    (folder.path / NOTES_FILE).write_text(f'{{"url": "{desk.url}", "token": "{"0" * 64}"}}')


def test_a_device_gets_a_key_that_nobody_else_knows(desk: RunningDesk, folder: IdentityFolder) -> None:
    held = claim(folder, desk.url, desk.token("press-1"))

    assert (held.name, held.not_before < NOW < held.not_after) == ("press-1", True)
    assert {path.name for path in folder.path.iterdir()} == {"ca.pem", "identity.pem", NOTES_FILE, ".lock"}
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.pair.stat().st_mode & 0o777 == 0o600
    secret = held.key.splitlines()[1]
    stored = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    assert secret in folder.pair.read_bytes() and secret not in stored


def test_running_it_again_changes_nothing_and_asks_nobody(desk: RunningDesk, folder: IdentityFolder) -> None:
    token = desk.token("press-2")
    held = claim(folder, desk.url, token)
    assert claim(folder, "https://nowhere.invalid", token) == held


def test_a_token_is_good_once(desk: RunningDesk, folder: IdentityFolder, tmp_path: Path) -> None:
    token = desk.token("press-3")
    claim(folder, desk.url, token)
    with pytest.raises(EnrolmentError, match=r"(?i)this claim token was used already; ask for a new"):
        claim(IdentityFolder(tmp_path / "second"), desk.url, token)


def test_a_token_ends_and_is_for_one_device(desk: RunningDesk, folder: IdentityFolder) -> None:
    with pytest.raises(EnrolmentError, match="has expired"):
        claim(folder, desk.url, desk.token("press-4", timedelta(0)))
    token = desk.token("press-4")
    with pytest.raises(EnrolmentError, match="no such claim token for this device"):
        claim(folder, desk.url, ClaimToken("press-5", token.secret, token.root))
    with pytest.raises(EnrolmentError, match="no such claim token"):
        claim(folder, desk.url, ClaimToken("press-4", "0" * 32, token.root))
    assert claim(folder, desk.url, token).name == "press-4"


def test_a_desk_of_another_fleet_is_not_told_the_secret(desk: RunningDesk, folder: IdentityFolder) -> None:
    token = desk.token("press-6")
    with pytest.raises(EnrolmentError, match="it has another root"):
        claim(folder, desk.url, ClaimToken("press-6", token.secret, "0" * 64))
    with pytest.raises(EnrolmentUnavailableError, match="its certificate has other names"):
        claim(folder, desk.url.replace("localhost", "127.0.0.1"), token)
    assert claim(folder, desk.url, token).name == "press-6"


def test_a_desk_that_is_away_may_come_back(folder: IdentityFolder, desk: RunningDesk) -> None:
    with pytest.raises(EnrolmentUnavailableError) as caught:
        claim(folder, f"https://localhost:{free_port()}", desk.token("press-7"))
    assert caught.value.retriable
    with pytest.raises(ConfigError, match="must be https"):
        claim(folder, "http://localhost", desk.token("press-7"))


def test_a_folder_that_cannot_be_written_is_named(desk: RunningDesk) -> None:
    with pytest.raises(StateFolderError, match="/dev/null/x"):
        claim(IdentityFolder(Path("/dev/null/x")), desk.url, desk.token("press-8"))


@pytest.mark.slow
def test_whatever_line_a_claim_is_killed_at_running_it_again_finishes(
    desk: RunningDesk, tmp_path: Path
) -> None:
    tokens = [desk.token(f"claim-{n}") for n in range(150)]

    def folder(n: int) -> IdentityFolder:
        return IdentityFolder(tmp_path / f"f{n}")

    for n in killed_at_each_line(lambda n: void(claim(folder(n), desk.url, tokens[n])), *SURE_OF_FILES):
        if folder(n).pair.exists():
            assert read_identity(folder(n)).name == f"claim-{n}"
        assert claim(folder(n), desk.url, tokens[n]).name == f"claim-{n}"
        assert not (folder(n).path / CLAIM_KEY).exists()
        assert len(desk.certificates(f"claim-{n}")) == 1
    assert n > 60


@pytest.mark.slow
def test_whatever_line_a_renewal_is_killed_at_there_is_a_whole_identity_and_renewing_again_finishes(
    desk: RunningDesk, tmp_path: Path
) -> None:
    def folder(n: int) -> IdentityFolder:
        return IdentityFolder(tmp_path / f"f{n}")

    before = []
    for n in range(150):
        provisioned(desk, folder(n), f"renew-{n}")
        before.append(folder(n).pair.read_bytes())
    for n in killed_at_each_line(lambda n: void(renew(folder(n))), *SURE_OF_FILES):
        assert read_identity(folder(n)).name == f"renew-{n}"
        if folder(n).pair.read_bytes() == before[n] or (folder(n).path / RENEWAL_KEY).exists():
            renew(folder(n))
        assert folder(n).pair.read_bytes() != before[n]
        assert not (folder(n).path / RENEWAL_KEY).exists()
        assert len(desk.certificates(f"renew-{n}")) == 2
    assert n > 40


def test_a_renewal_brings_a_new_key(desk: RunningDesk, folder: IdentityFolder) -> None:
    provisioned(desk, folder, "old-1")
    before = read_identity(folder)
    held = renew(folder)

    assert held.name == "old-1" and held.key != before.key and held.not_after > before.not_after
    assert read_identity(folder) == held
    with pytest.raises(EnrolmentError, match="too young; it may be renewed from"):
        renew(folder)


def test_who_was_off_past_the_end_still_comes_back_for_a_while(
    desk: RunningDesk, folder: IdentityFolder
) -> None:
    provisioned(desk, folder, "old-2", timedelta(days=300))
    assert read_identity(folder).not_after < NOW
    assert renew(folder).not_after > NOW


def test_who_was_off_for_too_long_claims_again(desk: RunningDesk, folder: IdentityFolder) -> None:
    provisioned(desk, folder, "old-3", timedelta(days=400))
    with pytest.raises(
        EnrolmentError, match=r"ended on .* ask for a new claim token and run `industrialguard"
    ):
        renew(folder)
    assert claim(folder, desk.url, desk.token("old-3")).not_after > NOW


def test_who_was_revoked_gets_nothing_but_by_a_new_token(desk: RunningDesk, folder: IdentityFolder) -> None:
    provisioned(desk, folder, "old-4")
    desk.revoke("old-4")
    with pytest.raises(EnrolmentError, match="was revoked"):
        renew(folder)
    assert claim(folder, desk.url, desk.token("old-4")).name == "old-4"


def test_an_older_copy_of_a_device_cannot_renew(
    desk: RunningDesk, folder: IdentityFolder, tmp_path: Path
) -> None:
    provisioned(desk, folder, "old-5")
    shutil.copytree(folder.path, tmp_path / "stolen")
    renew(folder)
    with pytest.raises(EnrolmentError, match="has a newer certificate"):
        renew(IdentityFolder(tmp_path / "stolen"))


def test_a_claim_forgets_a_renewal_that_was_broken_off(desk: RunningDesk, folder: IdentityFolder) -> None:
    provisioned(desk, folder, "old-6", timedelta(days=400))
    with pytest.raises(EnrolmentError):
        renew(folder)
    assert (folder.path / RENEWAL_KEY).exists()
    claim(folder, desk.url, desk.token("old-6"))
    assert not (folder.path / RENEWAL_KEY).exists()


def test_an_identity_of_somebody_elses_making_is_not_renewed(
    desk: RunningDesk, folder: IdentityFolder
) -> None:
    give_identity(desk.authority, folder.path, "old-7")
    with pytest.raises(EnrolmentError, match="was not made by"):
        renew(folder)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_damaged_identity_says_what_to_do(folder: IdentityFolder, damage: bytes) -> None:
    folder.path.mkdir()
    folder.trust.write_bytes(b"")
    folder.pair.write_bytes(damage)
    with pytest.raises(EnrolmentError, match="damaged; ask for a claim token"):
        read_identity(folder)


def test_a_clock_decades_behind_does_not_keep_a_device_from_its_identity(tmp_path: Path) -> None:
    """The whole authority is of the future, which is what a clock that is behind sees."""
    future = NOW + timedelta(days=30 * 365)
    make_authority(tmp_path / "root", tmp_path / "d" / "ca", Passphrases(), future)
    with RunningDesk(tmp_path / "d", open_authority(tmp_path / "d" / "ca", "")) as desk:
        assert claim(IdentityFolder(tmp_path / "id"), desk.url, desk.token("press-1")).name == "press-1"


@pytest.mark.parametrize("years", [-3, 3])
def test_the_desk_is_believed_for_its_root_whatever_the_time(tmp_path: Path, years: int) -> None:
    authority = make_fleet_authority(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_once, args=(server, authority, tmp_path, years))
        thread.start()
        with Desk(f"https://localhost:{server.getsockname()[1]}", authority.root) as desk:
            assert fingerprint(desk.ask(TRUST_PATH).roots) == fingerprint(authority.root)
        thread.join()


def answer_once(server: socket.socket, authority: Authority, folder: Path, years: int) -> None:
    key = make_key()
    subject = Subject("desk", Purpose.SERVER, ("localhost",))
    issued = authority.issue(subject, key.public_key(), NOW + timedelta(days=365 * years))
    pair = folder / "pair.pem"
    pair.write_bytes(format_key(key) + (issued.pem + authority.chain).encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pair))
    peer, _ = server.accept()
    body = encode(Credentials("", authority.root))
    with context.wrap_socket(peer, server_side=True) as tls:
        tls.recv(4096)
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def void(_: object) -> None:
    """Say that a result is of no interest."""
