"""Private keys of the cloud, and what others' keys have signed.

Rule: ECDSA on P-256, everywhere. A key is encrypted where there is a passphrase.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from contract.errors import ConfigError, EnrolmentError

PublicKey = ec.EllipticCurvePublicKey
PrivateKey = ec.EllipticCurvePrivateKey
SIGNATURE = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A PKCS #10 request whose sender has its key."""

    public_key: PublicKey
    der: bytes


def make_key() -> PrivateKey:
    """A new key."""
    return ec.generate_private_key(ec.SECP256R1())


def format_key(key: PrivateKey, passphrase: str = "") -> bytes:
    """A key as PKCS #8, PEM; encrypted where there is a passphrase."""
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def read_key(path: Path, passphrase: str, variable: str) -> PrivateKey:
    """Read back what `format_key` wrote.

    Args:
        path: Its file.
        passphrase: Empty: it has none.
        variable: The environment variable that the passphrase comes from, for the message.

    Raises:
        ConfigError: it cannot be read, is no key of ours, or has another passphrase.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase.encode() or None)
    except OSError as error:
        raise ConfigError(f"the key {path} cannot be read: {error.strerror}") from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"the key {path} does not open; put its passphrase into {variable}") from error
    if not isinstance(key, PrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(f"the key {path} is not on P-256")
    return key


def digest_key(key: PublicKey) -> str:
    """SHA-256 of a public key, hexadecimal."""
    whole = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(whole).hexdigest()


def read_request(pem: str) -> SigningRequest:
    """Read a request; of all that it says, only its key counts.

    Raises:
        EnrolmentError: it is none, not on P-256, or not signed by its own key.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key, is_signed = request.public_key(), request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise EnrolmentError("not a certificate request in PEM") from error
    if not isinstance(key, PublicKey) or not isinstance(key.curve, ec.SECP256R1) or not is_signed:
        raise EnrolmentError("a certificate request must be signed by its own key on P-256")
    return SigningRequest(key, request.public_bytes(Encoding.DER))


def require_signature(certificate: x509.Certificate, signature: bytes, data: bytes) -> None:
    """Refuse what a certificate's key has not signed.

    Raises:
        EnrolmentError: it has not.
    """
    key = certificate.public_key()
    try:
        if not isinstance(key, PublicKey):
            raise EnrolmentError("not a certificate of ours")
        key.verify(signature, data, SIGNATURE)
    except InvalidSignature as error:
        raise EnrolmentError("the proof is not the old key's signature") from error
