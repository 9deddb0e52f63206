"""Passwords, kept as Argon2id hashes (RFC 9106).

Rule: only this file imports argon2. A name that nobody has costs as long to refuse as a wrong password, and
only so many hashes are made at once, because each takes 64 MiB.
"""

from __future__ import annotations

import threading

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from contract.errors import DataError

SHORTEST, LONGEST = 12, 128
"""Characters in a password; length is the only rule (NIST SP 800-63B, 3.1.1)."""
AT_ONCE = 2
"""Hashes made at the same time; the others wait."""
_HASHER = argon2.PasswordHasher()
_NOBODY = _HASHER.hash("nobody has this password")
_SEATS = threading.BoundedSemaphore(AT_ONCE)


def check_password(text: str) -> None:
    """Refuse what cannot be a new password.

    Raises:
        DataError: it is too short or too long.
    """
    if not SHORTEST <= len(text) <= LONGEST:
        raise DataError(f"a password has {SHORTEST} to {LONGEST} characters; several words make a good one")


def hash_password(text: str) -> str:
    """What is stored in place of a password."""
    with _SEATS:
        return _HASHER.hash(text)


def is_password(text: str, stored: str) -> bool:
    """Whether a password is the one that was hashed; an empty hash is nobody's, and takes as long.

    >>> is_password("", "")
    False
    """
    try:
        with _SEATS:
            _HASHER.verify(stored or _NOBODY, text[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored)
