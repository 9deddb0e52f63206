"""The authority: a root that can be locked away, and the issuing key that works for it.

Rule: what it signed is for others to remember. Certificates begin an hour before they are made, because a
broker's clock may lag; a device's own clock is never asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.certificates import IssuedCertificate, Purpose
from cloud.pki.keys import PrivateKey, PublicKey, digest_key, format_key, make_key, read_key
from contract.archive import write_atomically
from contract.durable import make_folder, place_folder
from contract.errors import ConfigError

KEY_FILE, CERTIFICATE_FILE, ROOT_FILE = "key.pem", "certificate.pem", "root.pem"
PASSPHRASE, ROOT_PASSPHRASE = "INDUSTRIALGUARD_CA_PASSPHRASE", "INDUSTRIALGUARD_ROOT_PASSPHRASE"
BACKDATE = timedelta(hours=1)
ROOT_LIFE, ISSUING_LIFE = timedelta(days=20 * 365), timedelta(days=10 * 365)
LIVES = {
    Purpose.DEVICE: timedelta(days=180),
    Purpose.SERVICE: timedelta(days=365),
    Purpose.SERVER: timedelta(days=365),
}
_USES = {
    Purpose.DEVICE: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.SERVICE: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate is for."""

    name: str
    purpose: Purpose
    hosts: tuple[str, ...] = ()
    """Names and addresses under which a server is found."""


@dataclass(frozen=True, slots=True)
class Passphrases:
    """Of both keys; empty: the file's mode is all that protects it."""

    issuing: str = ""
    root: str = ""


class Authority:
    """The issuing key at work.

    Args:
        key: Of the issuing authority.
        certificate: Its own.
        root: Who signed that.
        lives: How long what it issues holds.
    """

    def __init__(
        self,
        key: PrivateKey,
        certificate: x509.Certificate,
        root: x509.Certificate,
        lives: dict[Purpose, timedelta] = LIVES,
    ) -> None:
        self._key = key
        self._certificate = certificate
        self._root = root
        self._lives = lives

    @property
    def chain(self) -> str:
        """The issuing authority's certificate, which travels with each that it issued; PEM."""
        return _pem(self._certificate)

    @property
    def root(self) -> str:
        """Whom devices and brokers trust; PEM."""
        return _pem(self._root)

    def issue(self, subject: Subject, key: PublicKey, now: datetime) -> IssuedCertificate:
        """Sign a certificate.

        Raises:
            ConfigError: the issuing certificate itself has come to its end.
        """
        if now >= self._certificate.not_valid_after_utc:
            raise ConfigError(
                "the issuing certificate has ended; renew it with `industrialguard cloud make-ca`"
            )
        not_before = (now - BACKDATE).replace(microsecond=0)
        not_after = min(not_before + self._lives[subject.purpose], self._certificate.not_valid_after_utc)
        builder = _builder(subject.name, key, not_before, not_after)
        builder = builder.issuer_name(self._certificate.subject)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(is_authority=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([_USES[subject.purpose]]), critical=False)
        builder = builder.add_extension(_issued_by(self._certificate), critical=False)
        if subject.hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in subject.hosts])
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        serial, pem = f"{signed.serial_number:x}", _pem(signed)
        digest = digest_key(key)
        return IssuedCertificate(serial, subject.name, subject.purpose, digest, pem, not_before, not_after)

    def sign_revocations(self, revoked: Sequence[IssuedCertificate], before: bytes, now: datetime) -> bytes:
        """The list of revoked certificates; PEM.

        It holds as long as the issuing certificate: a list that ended of itself would lock out the fleet. Of
        two lists a broker believes the one that begins later, to the second, so each begins after the last.

        Args:
            revoked: What stands in it.
            before: The list that it takes the place of; empty: none.
            now: The time.
        """
        begins = (now - BACKDATE).replace(microsecond=0)
        if before:
            last = x509.load_pem_x509_crl(before).last_update_utc
            begins = max(begins, last + timedelta(seconds=1))
        builder = x509.CertificateRevocationListBuilder()
        builder = builder.issuer_name(self._certificate.subject).last_update(begins)
        builder = builder.next_update(self._certificate.not_valid_after_utc)
        builder = builder.add_extension(x509.CRLNumber(int(begins.timestamp())), critical=False)
        builder = builder.add_extension(_issued_by(self._certificate), critical=False)
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(int(each.serial, 16))
            builder = builder.add_revoked_certificate(entry.revocation_date(each.revoked_at or now).build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def open_authority(folder: Path, passphrase: str) -> Authority:
    """The issuing authority of a folder.

    Raises:
        ConfigError: there is none, or its key does not open.
    """
    if not (folder / KEY_FILE).exists():
        raise ConfigError(
            f"there is no authority in {folder}; make one with `industrialguard cloud make-ca`, or say with "
            "--ca where it lies"
        )
    key = read_key(folder / KEY_FILE, passphrase, PASSPHRASE)
    return Authority(key, read_certificate(folder / CERTIFICATE_FILE), read_certificate(folder / ROOT_FILE))


def make_authority(root_folder: Path, folder: Path, passphrases: Passphrases, now: datetime) -> None:
    """Make a root and an issuing authority below it; what is there already is used.

    The issuing certificate is made anew each time, for the same key: so it is renewed.

    Raises:
        ConfigError: a folder cannot be written, or a key does not open.
    """
    try:
        if not root_folder.exists():
            _make_root(root_folder, passphrases.root, now)
        root_key = read_key(root_folder / KEY_FILE, passphrases.root, ROOT_PASSPHRASE)
        root = read_certificate(root_folder / CERTIFICATE_FILE)
        if not folder.exists():
            make_folder(folder.parent)
            place_folder(folder, {KEY_FILE: format_key(make_key(), passphrases.issuing)}, 0o700)
        key = read_key(folder / KEY_FILE, passphrases.issuing, PASSPHRASE)
        end = min(now + ISSUING_LIFE, root.not_valid_after_utc)
        builder = _builder("IndustrialGuard issuing authority", key.public_key(), now - BACKDATE, end)
        builder = _authority(builder, path_length=0).issuer_name(root.subject)
        builder = builder.add_extension(_issued_by(root), critical=False)
        write_atomically(folder / ROOT_FILE, _pem(root).encode())
        signed = builder.sign(root_key, hashes.SHA256())
        write_atomically(folder / CERTIFICATE_FILE, _pem(signed).encode())
    except OSError as error:
        raise ConfigError(f"the authority cannot be made: {error}") from error


def read_certificate(path: Path) -> x509.Certificate:
    """A certificate of ours.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} is no certificate; make an authority with `industrialguard cloud make-ca`"
        ) from error


def _make_root(folder: Path, passphrase: str, now: datetime) -> None:
    key = make_key()
    builder = _builder("IndustrialGuard root", key.public_key(), now - BACKDATE, now + ROOT_LIFE)
    signed = _authority(builder, path_length=1).issuer_name(_name("IndustrialGuard root"))
    root = signed.sign(key, hashes.SHA256())
    make_folder(folder.parent)
    place_folder(
        folder, {KEY_FILE: format_key(key, passphrase), CERTIFICATE_FILE: _pem(root).encode()}, 0o700
    )


def _builder(name: str, key: PublicKey, not_before: datetime, not_after: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(subject_name=_name(name), public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(not_before).not_valid_after(not_after)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    constraint = x509.BasicConstraints(ca=True, path_length=path_length)
    builder = builder.add_extension(constraint, critical=True)
    return builder.add_extension(_key_usage(is_authority=True), critical=True)


def _key_usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _issued_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError as error:
        raise ConfigError(f"{host[:80]!r} is no host's name or address") from error


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
