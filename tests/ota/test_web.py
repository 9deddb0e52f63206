"""Who answers is who was meant: certificates, the device's own, proxies, addresses."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.certificates import Purpose
from cloud.pki.authority import Authority, Subject
from cloud.pki.keys import format_key, make_key
from contract.errors import ConfigError
from contract.identity import IdentityFolder
from ota.errors import DownloadError, WrongServerError
from ota.fetcher import Limits, WebFetcher
from ota.parts import PartFolder
from ota.web import Web, WebSettings, name_of, require_address
from tests.ota.fault_server import FaultServer
from tests.secured_broker import give_identity, make_fleet_authority

NOW = datetime.now(UTC)
FILE = "/metadata/timestamp.json"


class Fleet:
    """An authority, and certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority: Authority = make_fleet_authority(folder)
        self.device, _ = give_identity(self.authority, folder / "device", "press-1")

    def context(self, host: str = "localhost", now: datetime = NOW) -> ssl.SSLContext:
        """For a server that asks everybody for a certificate."""
        key = make_key()
        issued = self.authority.issue(Subject(host, Purpose.SERVER, (host,)), key.public_key(), now)
        pair = self.folder / "server.pem"
        pair.write_bytes(format_key(key) + (issued.pem + self.authority.chain).encode())
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.device.trust))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(str(pair))
        return context


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return Fleet(tmp_path_factory.mktemp("fleet"))


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[PartFolder]:
    yield PartFolder(tmp_path / "parts")


def fetch(parts: PartFolder, settings: WebSettings, url: str, *, is_clock_believed: bool = True) -> bytes:
    web = Web(settings, is_clock_believed=is_clock_believed)
    try:
        fetcher = WebFetcher(web, parts, Limits(attempts=1), threading.Event())
        return fetcher.download_bytes(url, 1000)
    finally:
        web.close()


def test_a_device_shows_its_certificate_and_verifies_the_servers(fleet: Fleet, parts: PartFolder) -> None:
    with FaultServer(fleet.context()) as server:
        server.files[FILE] = b"signed"
        assert fetch(parts, WebSettings(fleet.device), server.url + FILE) == b"signed"
        assert fetch(parts, WebSettings(fleet.device, fleet.device.trust), server.url + FILE) == b"signed"


def test_a_server_that_the_device_does_not_trust_is_refused(fleet: Fleet, parts: PartFolder) -> None:
    with FaultServer(fleet.context()) as server:
        for settings in (WebSettings(), WebSettings(fleet.device, Path(ssl.__file__).parent / "nothing")):
            with pytest.raises((WrongServerError, ConfigError)):
                fetch(parts, settings, server.url + FILE)
        assert server.served == []


def test_a_server_under_another_name_is_refused(fleet: Fleet, parts: PartFolder) -> None:
    with FaultServer(fleet.context("elsewhere")) as server:
        with pytest.raises(WrongServerError, match="other names"):
            fetch(parts, WebSettings(fleet.device), server.url + FILE)
        assert server.served == []


def test_only_a_believed_clock_finds_a_certificate_too_old(fleet: Fleet, parts: PartFolder) -> None:
    with FaultServer(fleet.context(now=NOW - timedelta(days=3000))) as server:
        server.files[FILE] = b"signed"
        with pytest.raises(WrongServerError, match="no longer valid"):
            fetch(parts, WebSettings(fleet.device), server.url + FILE)
        got = fetch(parts, WebSettings(fleet.device), server.url + FILE, is_clock_believed=False)
        assert got == b"signed"


def test_a_server_without_tls_behind_an_https_address(fleet: Fleet, parts: PartFolder) -> None:
    with FaultServer() as server, pytest.raises(DownloadError):
        fetch(parts, WebSettings(fleet.device), server.url.replace("http", "https") + FILE)


def test_an_identity_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="the update server cannot be verified"):
        Web(WebSettings(IdentityFolder(Path("/nowhere"))), is_clock_believed=True)


def test_a_proxy_of_the_environment_is_used_and_its_password_never_shown(
    parts: PartFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with FaultServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//user:secret%21@"))
        proxy.files["http://updates.invalid/x"] = b"through"
        assert fetch(parts, WebSettings(), "http://updates.invalid/x") == b"through"
        assert proxy.served[0].asked["proxy-authorization"] == "Basic dXNlcjpzZWNyZXQh"
        monkeypatch.setenv("no_proxy", "updates.invalid")
        with pytest.raises(DownloadError):
            fetch(parts, WebSettings(), "http://updates.invalid/x")
    monkeypatch.delenv("no_proxy")
    with pytest.raises(DownloadError) as caught:
        fetch(parts, WebSettings(), "http://updates.invalid/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "updates.plant",
        "ftp://updates.plant",
        "https://",
        "https://me:pass@updates.plant",
        "https://u/?a=b",
    ],
)
def test_an_address_that_cannot_be(address: str) -> None:
    with pytest.raises(ConfigError, match="must be https"):
        require_address(address)


def test_names_of_files_hide_what_may_be_secret() -> None:
    assert require_address("https://u/base") == "https://u/base/"
    assert name_of("https://me:pass@u/x.json?signature=1") == "u/x.json"
