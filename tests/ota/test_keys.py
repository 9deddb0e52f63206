from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ota.errors import KeyUriError
from ota.keys import (
    PASSPHRASE,
    PIN,
    SERVICES,
    KeyRing,
    format_public,
    make_key,
    open_key,
    open_ring,
    parse_public,
    read_public,
    sign,
    translate_pkcs11,
)
from tests.conftest import require
from tools.servers.programs import find_program

SOFTHSM = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so")
WORDS = "correct horse"
MAKERS: dict[str, Callable[[], object]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def pem_of(private: object) -> bytes:
    pem: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return pem


def test_a_made_key_signs_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    made = make_key(tmp_path / "pump.pem")
    assert (tmp_path / "pump.pem").stat().st_mode & 0o777 == 0o600
    signer = open_key(f"file:{tmp_path / 'pump.pem'}", {})
    made.verify_signature(sign(signer, b"bytes"), b"bytes")
    assert read_public(str(tmp_path / "pump.pem.pub")) == made == signer.public_key


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    made = make_key(tmp_path / "pump.pem")
    with pytest.raises(KeyUriError, match="never written over"):
        make_key(tmp_path / "pump.pem")
    assert read_public(f"file:{tmp_path / 'pump.pem'}", {}) == made


def test_a_key_with_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "root.pem"
    made = make_key(path, WORDS)
    assert b"ENCRYPTED" in path.read_bytes()
    assert open_key(f"file:{path}", {PASSPHRASE: WORDS}).public_key == made
    assert open_key(f"file:{path}?passphrase=OF_ROOT", {"OF_ROOT": WORDS}).public_key == made
    for environment in ({}, {PASSPHRASE: "guess"}):
        with pytest.raises(KeyUriError, match=f"its passphrase is not in {PASSPHRASE}"):
            open_key(f"file:{path}", environment)
    with pytest.raises(KeyUriError, match="no environment variable OF_ROOT"):
        open_key(f"file:{path}?passphrase=OF_ROOT", {PASSPHRASE: WORDS})


def test_a_passphrase_for_others_does_not_keep_an_open_key_shut(tmp_path: Path) -> None:
    made = make_key(tmp_path / "pump.pem")
    assert open_key(f"file:{tmp_path / 'pump.pem'}", {PASSPHRASE: WORDS}).public_key == made


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_keys_of_others_come_from_the_environment(kind: str) -> None:
    signer = open_key("env:KEY", {"KEY": pem_of(MAKERS[kind]()).decode()})
    signer.public_key.verify_signature(sign(signer, b"bytes"), b"bytes")


def test_a_public_key_is_known_by_what_it_is(tmp_path: Path) -> None:
    made = make_key(tmp_path / "a.pem")
    again = parse_public(format_public(made), "a")
    assert again == made
    assert len(made.keyid) == 64
    assert b"keyid" not in format_public(made)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("pump.pem", "begins with one of file, env, pkcs11"),
        ("ftp:pump.pem", "begins with one of"),
        ("file:/no/such/key", "cannot be read: No such file"),
        ("env:NO_SUCH_KEY", "there is no environment variable NO_SUCH_KEY"),
        ("env:NONSENSE", "no key that signs"),
        ("env:EXCHANGE", "no key that signs"),
        ("env:GOOD?colour=red", r"after \? only passphrase=NAME"),
        ("pkcs11:token=Root", "must name a private key by `id`"),
        ("pkcs11:id=%02;pin-value=1234", "PYKCS11LIB"),
    ],
)
def test_what_is_no_key_is_said_in_a_sentence(uri: str, message: str) -> None:
    environment = {
        "NONSENSE": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "EXCHANGE": pem_of(x25519.X25519PrivateKey.generate()).decode(),
        "GOOD": pem_of(MAKERS["ed25519"]()).decode(),
    }
    with pytest.raises(KeyUriError, match=message):
        open_key(uri, environment)


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '{"keytype": "ed25519"}', "{" * 5000])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(KeyUriError, match="industrialguard ota public-key"):
        parse_public(text.encode(), "x.pub")


def test_no_secret_reaches_a_message_or_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pem = pem_of(MAKERS["ed25519"]()).decode()
    secret = pem.splitlines()[1]
    with pytest.raises(KeyUriError) as caught:
        open_key(
            "env:KEY", {"KEY": pem.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE"), PASSPHRASE: WORDS}
        )
    ring = open_ring(["env:KEY"], {"KEY": pem})
    for text in (str(caught.value), caplog.text, repr(ring), str(vars(ring.signers[0].public_key))):
        assert secret not in text
        assert WORDS not in text


def test_a_ring_opens_each_key_once_and_finds_it_by_id(tmp_path: Path) -> None:
    one, two = make_key(tmp_path / "1.pem"), make_key(tmp_path / "2.pem")
    uris = [f"file:{tmp_path / name}.pem" for name in ("1", "2", "1")]
    ring = open_ring(uris, {})
    assert len(ring.signers) == 2
    assert [signer.public_key for signer in ring.of({two.keyid, "other"})] == [two]
    assert KeyRing().of({one.keyid}) == []


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("pkcs11:id=%02", "hsm:2?"),
        ("pkcs11:token=A%20B;id=%01%00;type=private", "hsm:256?label=A+B"),
        ("pkcs11:serial=77;id=%09;manufacturer=Yubico", "hsm:9?serialNumber=77&manufacturerID=Yubico"),
    ],
)
def test_pkcs11_uris_are_translated(uri: str, expected: str) -> None:
    assert translate_pkcs11(uri) == expected


@given(st.text(max_size=60))
def test_any_uri_is_a_key_or_a_sentence(text: str) -> None:
    for uri in (f"pkcs11:{text}", f"env:{text}", text.removeprefix("file")):
        with pytest.raises(KeyUriError):
            open_key(uri, {}) if not uri.startswith("pkcs11") else _refuse(translate_pkcs11(uri))


def _refuse(translated: str) -> None:
    assert translated.startswith("hsm:")
    raise KeyUriError


@pytest.mark.parametrize("scheme", sorted(SERVICES.keys() - {"hsm"}))
def test_a_service_that_cannot_be_asked_is_a_sentence(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(KeyUriError, match=rf"{scheme}:.* (needs more: pip install|cannot be opened)"):
        open_key(f"{scheme}:nobody/knows/this", {})


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SoftHSM token with a P-256 key of id 2 on it; gives its label."""
    program = find_program("softhsm2-util")
    library = next((path for path in SOFTHSM if Path(path).exists()), None)
    require(program is not None and library is not None, "SoftHSM is not installed: apt-get install softhsm2")
    assert program is not None
    assert library is not None
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.setenv("PYKCS11LIB", library)
        line = [program, "--init-token", "--free", "--label", "root one", "--pin", "1234", "--so-pin", "5678"]
        subprocess.run(line, check=True, capture_output=True, env=os.environ)
        (folder / "key.pem").write_bytes(pem_of(MAKERS["p-256"]()))
        line = [program, "--import", str(folder / "key.pem"), "--token", "root one", "--label", "signing"]
        line += ["--id", "02", "--pin", "1234"]
        subprocess.run(line, check=True, capture_output=True, env=os.environ)
        yield "root one"


def test_a_key_on_a_token_signs_and_never_leaves_it(token: str) -> None:
    require(importlib.util.find_spec("PyKCS11") is not None, "PyKCS11 is not installed: pip install PyKCS11")
    for uri in ("hsm:2?label=root+one", "pkcs11:token=root%20one;id=%02"):
        signer = open_key(uri, {PIN: "1234"})
        signer.public_key.verify_signature(sign(signer, b"bytes"), b"bytes")
    with pytest.raises(KeyUriError, match=f"must be in {PIN}"):
        sign(open_key("hsm:2?label=root+one", {}), b"bytes")
    with pytest.raises(KeyUriError, match="does not sign"):
        sign(open_key("hsm:2?label=root+one", {PIN: "0000"}), b"bytes")
    with pytest.raises(KeyUriError, match="cannot be opened: could not find"):
        open_key("hsm:9?label=root+one", {PIN: "1234"})
