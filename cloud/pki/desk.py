"""The enrolment desk: who gets a certificate.

Rule: no network here. The same question gets the same answer, so that a device whose power went away before
it heard the answer asks again. A new certificate is for the name of its token, or of the certificate before;
what a request says of a name counts for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509

from cloud.certificates import IssuedCertificate, Purpose
from cloud.errors import EnrolmentRefusedError
from cloud.pki.authority import Authority, Subject
from cloud.pki.keys import SigningRequest, digest_key, read_request, require_signature
from cloud.store import certificates as registry
from cloud.store.database import Database
from contract.enrolment import ClaimRequest, ClaimToken, Credentials, RenewalRequest, proof_bytes, read_base64
from contract.errors import EnrolmentError

_LOG = logging.getLogger(__name__)
EARLIEST = 0.25
"""Share of its life from which a certificate may be renewed; a device with a fast clock would not stop."""
GRACE = timedelta(days=180)
"""How long after its end a certificate may still be renewed: a device that was off comes back by itself."""
_AGAIN = "ask for a new claim token and run `industrialguard provision` with it"


def utc_now() -> datetime:
    """The cloud's clock."""
    return datetime.now(UTC)


class EnrolmentDesk:
    """Gives certificates to those who may have them.

    Args:
        authority: Signs them.
        database: Remembers them.
        now: The cloud's clock.
    """

    def __init__(
        self, authority: Authority, database: Database, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._authority = authority
        self._database = database
        self._now = now

    @property
    def roots(self) -> str:
        """Whom to trust; PEM."""
        return self._authority.root

    def claim(self, body: ClaimRequest) -> Credentials:
        """A device's first certificate.

        Raises:
            EnrolmentError: the request is malformed.
            EnrolmentRefusedError: the token is not this device's, has expired, or was used by another key.
            StoreError: the store failed.
        """
        token = ClaimToken(body.device_id, body.secret, "0" * 64)
        request = read_request(body.request)
        digest, now = digest_key(request.public_key), self._now()
        with self._database.transaction() as session:
            known = registry.use_token(session, token.digest, digest, now)
            if known is None or known.device_id != token.device_id:  # rolled back: it stays unused
                raise EnrolmentRefusedError(f"there is no such claim token for this device; {_AGAIN}")
            newest = registry.newest_certificate(session, token.device_id)
            if known.key_digest == digest and newest is not None and newest.answers(digest, now):
                return self._credentials(newest)
            if known.key_digest != digest or known.used_at != now:
                how = "was used already" if known.used_at else "has expired"
                raise EnrolmentRefusedError(f"this claim token {how}; {_AGAIN}")
            issued = self._issue(Subject(token.device_id, Purpose.DEVICE), request)
            registry.add_certificate(session, issued)
        return self._credentials(issued)

    def renew(self, body: RenewalRequest) -> Credentials:
        """The next certificate of whoever holds the key of the newest.

        Raises:
            EnrolmentError: the request is malformed, or its proof is wrong.
            EnrolmentRefusedError: the old certificate is not ours, revoked, superseded, too young or too old.
            StoreError: the store failed.
        """
        old, request = _read_old(body.certificate), read_request(body.request)
        require_signature(old, read_base64(body.proof), proof_bytes(request.der))
        digest = digest_key(request.public_key)
        with self._database.transaction() as session:
            known = registry.find_certificate(session, f"{old.serial_number:x}")
            if known is None or x509.load_pem_x509_certificate(known.pem.encode()) != old:
                raise EnrolmentRefusedError(f"this certificate is not of this fleet's authority; {_AGAIN}")
            _require_not_revoked(known)
            newest = registry.newest_certificate(session, known.name)
            if newest is not None and newest.answers(digest, self._now()):
                return self._credentials(newest)
            if newest is None or newest.serial != known.serial:
                raise EnrolmentRefusedError(f"{known.name} has a newer certificate than this one; {_AGAIN}")
            self._require_time(known)
            issued = self._issue(Subject(known.name, known.purpose), request)
            registry.add_certificate(session, issued)
        return self._credentials(issued)

    def _issue(self, subject: Subject, request: SigningRequest) -> IssuedCertificate:
        issued = self._authority.issue(subject, request.public_key, self._now())
        _LOG.info("certificate issued", extra={"device": issued.name, "serial": issued.serial})
        return issued

    def _credentials(self, issued: IssuedCertificate) -> Credentials:
        return Credentials(issued.pem + self._authority.chain, self._authority.root)

    def _require_time(self, old: IssuedCertificate) -> None:
        now, life = self._now(), old.not_after - old.not_before
        if now < (earliest := old.not_before + EARLIEST * life):
            raise EnrolmentRefusedError(
                f"this certificate is too young; it may be renewed from {earliest:%Y-%m-%d %H:%M} UTC"
            )
        if now > old.not_after + GRACE:
            raise EnrolmentRefusedError(f"this certificate ended on {old.not_after:%Y-%m-%d}; {_AGAIN}")


def _read_old(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise EnrolmentError("not a certificate in PEM") from error


def _require_not_revoked(certificate: IssuedCertificate) -> None:
    if certificate.revoked_at is not None:
        raise EnrolmentRefusedError(f"the certificate of {certificate.name} was revoked; {_AGAIN}")
