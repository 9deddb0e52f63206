"""Secrets that people and programs carry: random ones, of which the store knows the SHA-256, and signed ones.

Rule: only this file imports jwt. A signed token says whose sign-in it belongs to and nothing of what that
person may do: that is read from the store, so that a change of role counts at once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import jwt

ACCESS_SPAN = timedelta(minutes=15)
_ALGORITHM = "HS256"
_ISSUER = "industrialguard"
_NEEDED = ["exp", "iat", "iss", "sub"]
KEY_MARK = "ig"
"""An API key begins so, for tools that look for keys where they do not belong."""


def new_secret() -> str:
    """256 random bits, as text that a URL can hold."""
    return secrets.token_urlsafe(32)


def new_short_secret() -> str:
    """128 random bits, for a link that fits on a line and works once."""
    return secrets.token_urlsafe(16)


def new_id() -> str:
    """96 random bits, to name something by that is not secret."""
    return secrets.token_hex(12)


def digest_of(secret: str) -> bytes:
    """What the store knows of a random secret; that has nothing to guess, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


def format_key(key_id: str, secret: str) -> str:
    """An API key as its owner keeps it."""
    return f"{KEY_MARK}_{key_id}_{secret}"


def parse_key(text: str) -> tuple[str, str] | None:
    """Id and secret of an API key; None: it is none.

    >>> parse_key("ig_0a1b_x_y")
    ('0a1b', 'x_y')
    """
    mark, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return (key_id, secret) if mark == KEY_MARK and key_id and secret else None


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs access tokens, and believes its own only."""

    key: bytes = field(repr=False)
    """At least 256 bits; the same in every process that shares a store."""

    def sign(self, sign_in: str, now: datetime) -> str:
        """A token that says which sign-in it belongs to, for the next quarter of an hour."""
        claims = {"iss": _ISSUER, "sub": sign_in, "iat": now, "exp": now + ACCESS_SPAN}
        return jwt.encode(claims, self.key, _ALGORITHM)

    def read(self, token: str, now: datetime) -> str | None:
        """The sign-in that a token belongs to; None: it is over, not ours, or no token at all."""
        try:
            claims = jwt.decode(
                token,
                self.key,
                [_ALGORITHM],
                issuer=_ISSUER,
                options={"require": _NEEDED, "verify_exp": False, "verify_iat": False},
            )
            is_over = now.timestamp() >= float(claims["exp"])
        except (jwt.InvalidTokenError, TypeError, ValueError):
            return None
        return None if is_over else claims["sub"]
