"""Which release a device shall run: a small document of its own, signed by the director.

Rule: pure. An assignment names bytes that the repository vouches for and adds nothing to them: whoever
steals a director's key can send a device to any release that is listed, and to nothing else. Its number rises
with every assignment to a device; the highest seen is in force, an older one is refused.

It travels as a DSSE envelope, so that what was signed is the very bytes that are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SslibError
from securesystemslib.signer import Signer

from contract.checks import MAX_INT63, TEXT_PATTERN
from contract.messages import DEVICE_ID_PATTERN
from ota.director import Director
from ota.errors import ExpiredError, RepositoryError, UntrustedError
from ota.keys import sign
from ota.layout import bundle_target

PAYLOAD_TYPE = "application/vnd.industrialguard.assignment+json"
MAX_ASSIGNMENT_BYTES = 16_384
"""Of the envelope."""
MAX_SIGNATURES = 8
_SHA256 = re.compile("[0-9a-f]{64}")


class Action(StrEnum):
    """What a device shall do."""

    INSTALL = "install"
    """Fetch the release and put it through its trial."""
    CANCEL = "cancel"
    """Give up what is under way and stay with, or go back to, what is confirmed."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one device shall run.

    Raises:
        UntrustedError: values that cannot be right.
    """

    device: str
    number: int
    """Rises with every assignment to this device; from 1."""
    family: str
    version: str
    """As the repository lists it."""
    sha256: str
    """Of the whole bundle, hexadecimal."""
    length: int
    """Of the whole bundle, in bytes."""
    rollout: str
    """Id of the rollout that it belongs to; empty: none."""
    not_before: datetime | None
    """Earliest time to begin, aware UTC; None: now."""
    issued: datetime
    """Aware UTC."""
    expires: datetime
    """Aware UTC; later it is no order any more."""
    action: Action = Action.INSTALL

    def __post_init__(self) -> None:
        _require(_is_text(self.device, DEVICE_ID_PATTERN), "device is no device's id")
        _require(_is_count(self.number), "number must be a whole number from 1 up")
        try:
            bundle_target(self.family, self.version)
        except (RepositoryError, TypeError) as error:
            raise UntrustedError(f"assignment: {error}") from error
        _require(_is_text(self.sha256, _SHA256), "sha256 must be 64 hexadecimal digits")
        _require(_is_count(self.length), "length must be a whole number from 1 up")
        _require(_is_text(self.rollout, TEXT_PATTERN), "rollout must be up to 80 plain characters")
        times = [time for time in (self.issued, self.expires, self.not_before) if time is not None]
        _require(all(time.utcoffset() is not None for time in times), "times must be aware")
        _require(self.issued < self.expires, "expires before it was issued")

    @property
    def target(self) -> str:
        """The whole bundle's path in the repository."""
        return bundle_target(self.family, self.version)


def format_assignment(assignment: Assignment) -> bytes:
    """What is signed: JSON, the same for the same assignment."""
    content = {field.name: getattr(assignment, field.name) for field in fields(Assignment)}
    for name in ("not_before", "issued", "expires"):
        time = content[name]
        content[name] = time.astimezone(UTC).isoformat() if time else None
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def parse_assignment(payload: bytes) -> Assignment:
    """Read what `format_assignment` wrote; fields that a newer writer added are left aside.

    Raises:
        UntrustedError: anything else.
    """
    try:
        content = json.loads(payload)
        values = {field.name: content[field.name] for field in fields(Assignment)}
        for name in ("not_before", "issued", "expires"):
            values[name] = datetime.fromisoformat(values[name]) if values[name] is not None else None
        values["action"] = Action(values["action"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UntrustedError(f"assignment: damaged: {error}") from error
    return Assignment(**values)


def sign_assignment(assignment: Assignment, signers: Sequence[Signer]) -> bytes:
    """The envelope that a device fetches.

    Raises:
        KeyUriError: a key does not sign.
    """
    return _sign(format_assignment(assignment), signers)


def sign_anew(data: bytes, signers: Sequence[Signer]) -> bytes | None:
    """The same assignment, signed by these keys and no others.

    Args:
        data: An envelope, believed because of where it was kept.
        signers: All the keys.

    Returns:
        None: it is signed so already.

    Raises:
        UntrustedError: it is damaged.
        KeyUriError: a key does not sign.
    """
    envelope = _parse_envelope(data)
    if envelope.signatures.keys() == {signer.public_key.keyid for signer in signers}:
        return None
    return _sign(format_assignment(parse_assignment(envelope.payload)), signers)


def verify_assignment(data: bytes, director: Director) -> Assignment:
    """Read an envelope, if the director's keys signed it.

    Args:
        data: As it was fetched.
        director: From the target `director.json` of this repository.

    Raises:
        UntrustedError: it is damaged, or too few of the keys signed it.
    """
    _require(len(data) <= MAX_ASSIGNMENT_BYTES, f"larger than {MAX_ASSIGNMENT_BYTES} bytes")
    envelope = _parse_envelope(data)
    _require(envelope.payload_type == PAYLOAD_TYPE, "signed as something else")
    _require(len(envelope.signatures) <= MAX_SIGNATURES, f"more than {MAX_SIGNATURES} signatures")
    try:
        envelope.verify(list(director.keys.values()), director.threshold)
    except (SslibError, ValueError) as error:
        raise UntrustedError(f"assignment: not signed by the director: {error}") from error
    return parse_assignment(envelope.payload)


def is_news(
    assignment: Assignment, device: str, known: Assignment | None, now: datetime | None = None
) -> bool:
    """Whether a verified assignment is to be acted on.

    Args:
        assignment: What was fetched.
        device: Who asks.
        known: The last one it accepted; None: none yet.
        now: Aware UTC; None: the clock is not believed yet, and dates are not held against it.

    Returns:
        True for one that takes the place of `known`; False for the same one again.

    Raises:
        UntrustedError: another device's, an older one, or another one under the same number.
        ExpiredError: its time is over, and it is not the one that is known already.
    """
    _require(assignment.device == device, f"is for {assignment.device}, not for {device}")
    if known is not None and assignment.number <= known.number:
        _require(
            assignment.number == known.number, f"{assignment.number} comes after {known.number}: replayed"
        )
        _require(assignment == known, f"{assignment.number} was another one before")
        return False
    if now is not None and assignment.expires <= now:
        raise ExpiredError(f"assignment {assignment.number} ended {assignment.expires.isoformat()}")
    return True


def _sign(payload: bytes, signers: Sequence[Signer]) -> bytes:
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    for signer in signers:
        signature = sign(signer, envelope.pae())
        envelope.signatures[signature.keyid] = signature
    return json.dumps(envelope.to_dict(), sort_keys=True, separators=(",", ":")).encode()


def _parse_envelope(data: bytes) -> Envelope:
    try:
        content: Any = json.loads(data)
        return Envelope.from_dict(content)
    except (SslibError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UntrustedError(f"assignment: no signed envelope: {error}") from error


def _is_text(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and bool(pattern.fullmatch(value))


def _is_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_INT63


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UntrustedError(f"assignment: {message}")
