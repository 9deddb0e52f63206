"""A device's key and certificate; the only module that imports `cryptography`.

Rule: bytes in, bytes out. An answer is believed when it leads to a root that is known and is for this very
key; this machine's clock, which may be years off, is not asked.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from contract.enrolment import Credentials, proof_bytes
from contract.errors import EnrolmentError

_DAMAGED = "the identity is damaged; ask for a claim token and run `industrialguard provision` with it"


@dataclass(frozen=True, slots=True)
class Holding:
    """What an identity file holds."""

    key: bytes
    """PEM."""
    certificate: str
    """The device's own, PEM."""
    name: str
    not_before: datetime
    not_after: datetime


def make_key() -> bytes:
    """A new private key on P-256, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_request(key: bytes, name: str) -> str:
    """Ask for a certificate of a key, PEM.

    Raises:
        EnrolmentError: it is no key.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder(subject).sign(_load_key(key), hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def prove(key: bytes, request: str) -> str:
    """A key's signature over a request of another one, base64.

    Raises:
        EnrolmentError: it is no key.
    """
    der = x509.load_pem_x509_csr(request.encode()).public_bytes(Encoding.DER)
    signature = _load_key(key).sign(proof_bytes(der), ec.ECDSA(hashes.SHA256()))
    return base64.b64encode(signature).decode()


def read_holding(pair: bytes) -> Holding:
    """Read an identity file.

    Raises:
        EnrolmentError: it is damaged.
    """
    try:
        own = x509.load_pem_x509_certificates(pair)[0]
        key = pair[: pair.index(b"-----BEGIN CERTIFICATE")]
        name = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    except (ValueError, IndexError) as error:
        raise EnrolmentError(_DAMAGED) from error
    if _load_key(key).public_key() != own.public_key():
        raise EnrolmentError(_DAMAGED)
    text = own.public_bytes(Encoding.PEM).decode()
    return Holding(key, text, str(name), own.not_valid_before_utc, own.not_valid_after_utc)


def join_answer(key: bytes, name: str, answer: Credentials) -> bytes:
    """The identity file of an answer that may be believed.

    Args:
        key: That was asked for.
        name: That was asked for.
        answer: Its roots are trusted already.

    Raises:
        EnrolmentError: it is for another key or name, or does not lead to its roots.
    """
    try:
        chain = x509.load_pem_x509_certificates(answer.certificate.encode())
        roots = x509.load_pem_x509_certificates(answer.roots.encode())
        for child, parent in pairwise(chain):
            child.verify_directly_issued_by(parent)
        issuers = [root for root in roots if root.subject == chain[-1].issuer]
        chain[-1].verify_directly_issued_by(issuers[0])
    except (ValueError, TypeError, IndexError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise EnrolmentError("the answer's certificate does not lead to the root that we trust") from error
    pair = key + answer.certificate.encode()
    if read_holding(pair).name != name:
        raise EnrolmentError("the answer's certificate is for another device")
    return pair


def is_same_key(one: bytes, other: bytes) -> bool:
    """Whether two files hold the same key.

    Raises:
        EnrolmentError: one holds none.
    """
    return _load_key(one).public_key() == _load_key(other).public_key()


def _load_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EnrolmentError(_DAMAGED) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise EnrolmentError(_DAMAGED)
    return key
