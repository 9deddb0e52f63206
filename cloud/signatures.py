"""Assignments outlive the key that signed them.

Rule: whoever holds the director's keys of now signs again, once, what others have signed: a device believes
no former key, and may ask for its assignment months later. The assignment itself stays what it was, number
and all.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from cloud.store.database import Database
from cloud.store.rollouts import assignments_after, put_envelopes
from cloud.store.rows import AssignmentRecord
from ota.assignment import Assignment
from ota.errors import UntrustedError

_LOG = logging.getLogger(__name__)
_PAGE = 500
"""Assignments in one transaction."""


class AssignmentSigner(Protocol):
    """Whoever holds the director's keys."""

    def sign(self, assignment: Assignment) -> bytes:
        """The envelope that the device fetches.

        Raises:
            UpdateError: a key does not sign.
        """
        ...

    def sign_anew(self, envelope: bytes) -> bytes | None:
        """The same assignment under these keys and no others; None: it is signed so already.

        Raises:
            UntrustedError: it is damaged.
            UpdateError: a key does not sign.
        """
        ...


def renew_signatures(database: Database, signer: AssignmentSigner, now: datetime) -> int:
    """Sign again every assignment that is still valid and bears other signatures.

    Returns:
        How many.

    Raises:
        StoreError: the store cannot be read or written; what was done so far is stored.
        UpdateError: a key does not sign.
    """
    last, n_signed = "", 0
    while True:
        with database.session() as session:
            page = assignments_after(session, last, _PAGE)
        if not page:
            break
        last = page[-1].device_id
        signed = [(each, anew) for each in page if each.expires > now and (anew := _renewed(each, signer))]
        if signed:
            with database.transaction() as session:
                put_envelopes(session, signed)
        n_signed += len(signed)
    if n_signed:
        _LOG.info("assignments are signed by the present keys", extra={"assignments": n_signed})
    return n_signed


def tag_of(number: int, envelope: bytes) -> str:
    """By which devices know an envelope."""
    return f"{number}-{hashlib.sha256(envelope).hexdigest()[:16]}"


def _renewed(record: AssignmentRecord, signer: AssignmentSigner) -> AssignmentRecord | None:
    try:
        envelope = signer.sign_anew(record.envelope)
    except UntrustedError as error:
        _LOG.error("an assignment is damaged", extra={"device": record.device_id, "reason": str(error)})
        return None
    if envelope is None:
        return None
    return replace(record, envelope=envelope, tag=tag_of(record.number, envelope))
