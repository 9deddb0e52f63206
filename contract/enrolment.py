"""What a device and the cloud say to each other until the device has a certificate.

Rule: plain JSON over HTTPS, checked completely on both sides. A claim token names the device, a secret that
is good once, and the root to trust, so that a device needs nothing else and believes nobody else. A secret
never shows in a `repr`, a log or an error.

>>> token = ClaimToken("press-7", "0123456789abcdef0123456789abcdef", "ab" * 32)
>>> ClaimToken.parse(str(token)) == token, "0123" in repr(token)
(True, False)
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import re
import ssl
from dataclasses import dataclass, field
from typing import TypeVar

from contract.errors import EnrolmentError
from contract.messages import DEVICE_ID_PATTERN

TRUST_PATH, CLAIM_PATH, RENEWAL_PATH = "/v1/trust", "/v1/claim", "/v1/renewal"
MAX_BODY_BYTES = 32 * 1024
"""Of a request or an answer; a chain of certificates takes 2 kB."""
_MARK = "ig1"
_SECRET = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PROOF = b"industrialguard renewal 1\0"
_Body = TypeVar("_Body", "ClaimRequest", "RenewalRequest", "Credentials")


@dataclass(frozen=True, slots=True)
class ClaimToken:
    """What a person carries to a device.

    Raises:
        EnrolmentError: it is none.
    """

    device_id: str
    secret: str = field(repr=False)
    """128 random bits."""
    root: str
    """SHA-256 of the root's certificate."""

    def __post_init__(self) -> None:
        is_right = _SECRET.fullmatch(self.secret) and _DIGEST.fullmatch(self.root)
        if not is_right or not DEVICE_ID_PATTERN.fullmatch(self.device_id):
            raise EnrolmentError(
                "not a claim token; make one with `industrialguard cloud claim-token DEVICE`"
            )

    def __str__(self) -> str:
        return ".".join((_MARK, self.device_id, self.secret, self.root))

    @classmethod
    def parse(cls, text: str) -> ClaimToken:
        """Read back what `str` wrote.

        Raises:
            EnrolmentError: anything else; the message does not repeat it.
        """
        mark, *parts = text.strip().split(".")
        return cls(*parts) if mark == _MARK and len(parts) == 3 else cls("", "", "")

    @property
    def digest(self) -> str:
        """What is kept of it: the secret cannot be told from it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The first certificate, for a claim token's secret."""

    device_id: str
    secret: str = field(repr=False)
    request: str
    """PKCS #10, PEM: signed by the device's new key, which never leaves it."""


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """The next certificate, for the one before."""

    certificate: str
    """The one before, PEM."""
    request: str
    """As in a claim, of a new key."""
    proof: str
    """The old key's signature over `proof_bytes` of the request, base64."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is answered to both."""

    certificate: str
    """The device's and the issuing authority's, PEM, in this order."""
    roots: str
    """Whom to trust, PEM."""


def encode(body: ClaimRequest | RenewalRequest | Credentials) -> bytes:
    """Write a body as JSON."""
    return json.dumps(dataclasses.asdict(body)).encode()


def decode(kind: type[_Body], data: bytes) -> _Body:
    """Read back what `encode` wrote.

    Raises:
        EnrolmentError: anything else.
    """
    names = {each.name for each in dataclasses.fields(kind)}
    try:
        body = json.loads(data) if len(data) <= MAX_BODY_BYTES else None
    except (ValueError, RecursionError):
        body = None
    texts = body if isinstance(body, dict) else {}
    if texts.keys() != names or not all(isinstance(text, str) for text in texts.values()):
        raise EnrolmentError(f"not a {kind.__name__}: a JSON object of the texts {', '.join(sorted(names))}")
    return kind(**texts)


def proof_bytes(request: bytes) -> bytes:
    """What the old key signs of a request (DER): a signature made for anything else is no proof."""
    return _PROOF + request


def read_base64(text: str) -> bytes:
    """Bytes of base64.

    Raises:
        EnrolmentError: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnrolmentError("the proof is no base64") from error


def fingerprint(certificate: str) -> str:
    """SHA-256 of a certificate in PEM.

    Raises:
        EnrolmentError: it is none, or there is something beside it: a second one would be trusted unseen.
    """
    try:
        der = ssl.PEM_cert_to_DER_cert(certificate)
    except ValueError as error:
        raise EnrolmentError("not one certificate in PEM") from error
    if ssl.DER_cert_to_PEM_cert(der) != certificate:
        raise EnrolmentError("not one certificate in PEM and nothing else")
    return hashlib.sha256(der).hexdigest()
