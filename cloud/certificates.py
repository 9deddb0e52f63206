"""What the cloud knows of certificates and claim tokens.

Rule: frozen facts. Whether something is in force depends on the time that the asker names.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from contract.topics import ALL_ACKS, ALL_UP, ALL_UPDATES


class Purpose(StrEnum):
    """Who a certificate is for."""

    DEVICE = "device"
    SERVICE = "service"
    """A process of the cloud, as a client of the broker."""
    SERVER = "server"
    """The broker, or the enrolment desk."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a service may do at the broker, beyond nothing."""

    reads: tuple[str, ...] = ()
    """Topic filters."""
    writes: tuple[str, ...] = ()


SERVICES = {
    "cloud.ingest": Rights(reads=(ALL_UP,)),
    "cloud.sink": Rights(writes=(ALL_ACKS,)),
    "cloud.releases": Rights(writes=(ALL_UPDATES,)),
    "cloud.all": Rights(reads=(ALL_UP,), writes=(ALL_ACKS, ALL_UPDATES)),
}
"""By name; the dot keeps every device from being called so."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """One certificate of the fleet's authority."""

    serial: str
    """Hexadecimal."""
    name: str
    purpose: Purpose
    key_digest: str
    """SHA-256 of the public key, hexadecimal."""
    pem: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    why: str = ""
    """It was revoked."""

    def is_in_force(self, now: datetime) -> bool:
        """Whether a broker would believe it."""
        return self.revoked_at is None and now < self.not_after

    def answers(self, key_digest: str, now: datetime) -> bool:
        """Whether it is what a key that asks again was given the first time."""
        return self.key_digest == key_digest and self.is_in_force(now)


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A claim token, without its secret."""

    digest: str
    device_id: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    key_digest: str = ""
    """Of the key that used it."""
