"""Signed calls between machines: HMAC-SHA256 over time and body.

Rule: a signature counts for a few minutes by the receiver's clock, and whoever receives keeps the id of what
it has taken at least as long, so that nothing that was overheard works again. Comparing takes the same time
whatever differs.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

from cloud.errors import EamRefusedError

HEADER = "X-IndustrialGuard-Signature"
"""`t=SECONDS,v1=HEX`."""
LIFETIME = timedelta(minutes=5)


def sign(secret: str, body: bytes, now: datetime) -> str:
    """The header of a call.

    >>> sign("secret", b"{}", datetime.fromtimestamp(1700000000, UTC))[:24]
    't=1700000000,v1=b8569b78'
    """
    seconds = int(now.timestamp())
    return f"t={seconds},v1={_digest(secret, body, seconds)}"


def require_signed(secret: str, header: str, body: bytes, now: datetime) -> None:
    """Return where a call is signed, and freshly.

    Raises:
        EamRefusedError: it is not; says nothing of what was expected.
    """
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    seconds = parts.get("t", "")
    if not seconds.isascii() or not seconds.isdecimal() or len(seconds) > 12:
        raise EamRefusedError(f"{HEADER} is t=SECONDS,v1=HEX")
    if not hmac.compare_digest(parts.get("v1", "").encode(), _digest(secret, body, int(seconds)).encode()):
        raise EamRefusedError("the signature is not that of this body; is the secret the same on both sides?")
    if abs(now - datetime.fromtimestamp(int(seconds), UTC)) > LIFETIME:
        raise EamRefusedError("the signature is too old or of the future; look at both clocks")


def _digest(secret: str, body: bytes, seconds: int) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
