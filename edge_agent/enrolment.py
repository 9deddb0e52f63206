"""A device's way to its certificate, and to the next one.

Rule: the power may go at any line. A new key is on disk before anyone hears of it, and the identity appears,
or changes, by one rename; a second try goes on with the same key, for which the desk gives the same
certificate.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract.archive import write_atomically
from contract.durable import exclusive, make_folder, sync_folder
from contract.enrolment import (
    CLAIM_PATH,
    RENEWAL_PATH,
    ClaimRequest,
    ClaimToken,
    Credentials,
    RenewalRequest,
    encode,
    fingerprint,
)
from contract.errors import EnrolmentError
from contract.identity import PRIVATE, IdentityFolder
from edge_agent.credentials import (
    Holding,
    is_same_key,
    join_answer,
    make_key,
    make_request,
    prove,
    read_holding,
)
from edge_agent.desk import Desk
from edge_agent.errors import StateFolderError

_LOG = logging.getLogger(__name__)
CLAIM_KEY, RENEWAL_KEY, NOTES_FILE = "claim.key", "renewal.key", "enrolment.json"
LOCK_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Notes:
    """What a device remembers of its enrolment."""

    url: str
    """Of the desk."""
    token: str
    """Digest of the claim token that brought the identity."""


def claim(folder: IdentityFolder, url: str, token: ClaimToken) -> Holding:
    """Get a device's first certificate, or one in place of what it has.

    With the token that brought the identity there is nothing left to do.

    Raises:
        EnrolmentError: refused, or the answer cannot be believed.
        EnrolmentUnavailableError: the desk cannot be reached.
        StateFolderError: the folder cannot be written.
    """
    with _changing(folder):
        pending = folder.path / CLAIM_KEY
        if not pending.exists() and (held := _claimed(folder, token)):
            return held
        (folder.path / RENEWAL_KEY).unlink(missing_ok=True)
        key = _pending_key(pending)
        with Desk.trusting(url, token.root) as desk:
            body = ClaimRequest(token.device_id, token.secret, make_request(key, token.device_id))
            answer = desk.ask(CLAIM_PATH, encode(body))
        if fingerprint(answer.roots) != token.root:
            raise EnrolmentError("the answer names another root than the claim token")
        pair = join_answer(key, token.device_id, answer)
        write_atomically(folder.trust, answer.roots.encode())
        notes = json.dumps({"url": url, "token": token.digest}).encode()
        write_atomically(folder.path / NOTES_FILE, notes, PRIVATE)
        return _install(folder, pair, pending)


def renew(folder: IdentityFolder) -> Holding:
    """Get the next certificate with the one before.

    Raises:
        EnrolmentError: refused, or the answer cannot be believed.
        EnrolmentUnavailableError: the desk cannot be reached.
        StateFolderError: the folder cannot be written.
    """
    with _changing(folder):
        held, pending = read_identity(folder), folder.path / RENEWAL_KEY
        if pending.exists() and is_same_key(pending.read_bytes(), held.key):
            _remove(pending)  # the power went between the rename and this
            return held
        key, roots = _pending_key(pending), folder.trust.read_text("utf-8")
        request = make_request(key, held.name)
        body = RenewalRequest(held.certificate, request, prove(held.key, request))
        with Desk(read_notes(folder).url, roots) as desk:
            answer = desk.ask(RENEWAL_PATH, encode(body))
        pair = join_answer(key, held.name, Credentials(answer.certificate, roots))
        return _install(folder, pair, pending)


def read_identity(folder: IdentityFolder) -> Holding:
    """What a folder holds.

    Raises:
        ConfigError: there is no whole identity.
        EnrolmentError: it is damaged.
    """
    folder.require_whole()
    return read_holding(folder.pair.read_bytes())


def read_notes(folder: IdentityFolder) -> Notes:
    """What the device remembers of its enrolment.

    Raises:
        EnrolmentError: nothing: somebody else made this identity, and renews it.
    """
    try:
        notes = json.loads((folder.path / NOTES_FILE).read_bytes())
        return Notes(str(notes["url"]), str(notes["token"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnrolmentError(f"{folder.path} was not made by `industrialguard provision`") from error


def is_ours(folder: IdentityFolder) -> bool:
    """Whether the identity was made, and can be renewed, by this code."""
    return (folder.path / NOTES_FILE).is_file()


@contextmanager
def _changing(folder: IdentityFolder) -> Iterator[None]:
    """Be the only one who changes an identity; the folder is made for its owner alone."""
    try:
        make_folder(folder.path)
        folder.path.chmod(0o700)
        with exclusive(folder.path / ".lock", LOCK_WAIT_S):
            yield
    except OSError as error:
        raise StateFolderError(f"the identity folder {folder.path} cannot be used: {error}") from error


def _claimed(folder: IdentityFolder, token: ClaimToken) -> Holding | None:
    """The identity that this very token has brought."""
    if not folder.pair.is_file() or not is_ours(folder) or read_notes(folder).token != token.digest:
        return None
    return read_identity(folder)


def _pending_key(path: Path) -> bytes:
    """The key of a try that was interrupted, else a new one."""
    if not path.exists():
        write_atomically(path, make_key(), PRIVATE)
    return path.read_bytes()


def _install(folder: IdentityFolder, pair: bytes, pending: Path) -> Holding:
    """Put a new identity in place; from here on it is the device's."""
    write_atomically(folder.pair, pair, PRIVATE)
    _remove(pending)
    held = read_holding(pair)
    _LOG.info("identity in place", extra={"device": held.name, "until": held.not_after.isoformat()})
    return held


def _remove(path: Path) -> None:
    path.unlink()
    sync_folder(path.parent)
