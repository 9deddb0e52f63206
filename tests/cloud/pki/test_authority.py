from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cloud.certificates import Purpose
from cloud.pki.authority import (
    LIVES,
    PASSPHRASE,
    ROOT_PASSPHRASE,
    Authority,
    Passphrases,
    Subject,
    make_authority,
    open_authority,
)
from cloud.pki.keys import make_key
from contract.errors import ConfigError
from tests.contract.kills import killed_at_each_line

NOW = datetime.now(UTC)
PHRASES = Passphrases("issuing words", "root words")


def make(folder: Path, passphrases: Passphrases = PHRASES, now: datetime = NOW) -> None:
    make_authority(folder / "root", folder / "ca", passphrases, now)


def issue(authority: Authority, purpose: Purpose, now: datetime = NOW) -> x509.Certificate:
    issued = authority.issue(Subject("press-1", purpose, ("localhost", "::1")), make_key().public_key(), now)
    return x509.load_pem_x509_certificate(issued.pem.encode())


def test_keys_are_encrypted_where_there_is_a_passphrase_and_private_always(tmp_path: Path) -> None:
    make(tmp_path)
    for folder in ("root", "ca"):
        key = tmp_path / folder / "key.pem"
        assert b"ENCRYPTED" in key.read_bytes()
        assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    open_authority(tmp_path / "ca", PHRASES.issuing)
    for wrong in ("", "guess"):
        with pytest.raises(ConfigError, match=f"put its passphrase into {PASSPHRASE}"):
            open_authority(tmp_path / "ca", wrong)
    with pytest.raises(ConfigError, match=ROOT_PASSPHRASE):
        make(tmp_path, Passphrases("issuing words", "guess"))


def test_the_root_is_not_needed_to_issue(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "root").rename(tmp_path / "drawer")
    chain = x509.load_pem_x509_certificate(open_authority(tmp_path / "ca", PHRASES.issuing).chain.encode())
    root = x509.load_pem_x509_certificate((tmp_path / "drawer" / "certificate.pem").read_bytes())
    chain.verify_directly_issued_by(root)


def test_a_certificate_is_for_one_purpose_and_begins_in_the_past(tmp_path: Path) -> None:
    make(tmp_path)
    authority = open_authority(tmp_path / "ca", PHRASES.issuing)
    for purpose, use in (
        (Purpose.DEVICE, ExtendedKeyUsageOID.CLIENT_AUTH),
        (Purpose.SERVICE, ExtendedKeyUsageOID.CLIENT_AUTH),
        (Purpose.SERVER, ExtendedKeyUsageOID.SERVER_AUTH),
    ):
        made = issue(authority, purpose)
        assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [use]
        assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert made.not_valid_before_utc <= NOW - timedelta(minutes=59)
        assert made.not_valid_after_utc - made.not_valid_before_utc == LIVES[purpose]


def test_making_again_renews_the_issuing_certificate_and_what_it_issued_holds(tmp_path: Path) -> None:
    make(tmp_path)
    old = open_authority(tmp_path / "ca", PHRASES.issuing)
    device = issue(old, Purpose.DEVICE)
    make(tmp_path, now=NOW + timedelta(days=3000))
    new = open_authority(tmp_path / "ca", PHRASES.issuing)
    assert new.root == old.root and new.chain != old.chain
    device.verify_directly_issued_by(x509.load_pem_x509_certificate(new.chain.encode()))


def test_nothing_outlives_its_issuer(tmp_path: Path) -> None:
    make(tmp_path)
    authority = open_authority(tmp_path / "ca", PHRASES.issuing)
    end = x509.load_pem_x509_certificate(authority.chain.encode()).not_valid_after_utc
    assert issue(authority, Purpose.DEVICE, end - timedelta(days=1)).not_valid_after_utc == end
    with pytest.raises(ConfigError, match=r"has ended; renew it with `industrialguard cloud make-ca`"):
        issue(authority, Purpose.DEVICE, end)


def test_what_is_no_authority_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no authority"):
        open_authority(tmp_path, "")
    make(tmp_path)
    (tmp_path / "ca" / "certificate.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"industrialguard cloud make-ca"):
        open_authority(tmp_path / "ca", PHRASES.issuing)


def test_a_host_that_is_none_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    authority = open_authority(tmp_path / "ca", PHRASES.issuing)
    with pytest.raises(ConfigError, match="no host's name"):
        authority.issue(Subject("x", Purpose.SERVER, ("bücher.plant",)), make_key().public_key(), NOW)


@pytest.mark.slow
def test_whatever_line_making_an_authority_is_killed_at_making_it_again_finishes(tmp_path: Path) -> None:
    modules = "cloud.pki.authority", "contract.durable", "contract.archive"
    for n in killed_at_each_line(lambda n: make(tmp_path / str(n), Passphrases()), *modules):
        make(tmp_path / str(n), Passphrases())
        assert issue(open_authority(tmp_path / str(n) / "ca", ""), Purpose.DEVICE).serial_number
    assert n > 40
