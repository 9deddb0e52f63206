"""What a device asks of the repository: what is meant for it, and the file.

Rule: a file has a name in `fetched/` only when every byte on disk is what the release's role signed. A delta
is a way to that file, never another file: what comes of it is held to the same digest, and what goes wrong
with it ends in the whole download.

    with open_web(settings, now, cancelled) as client:
        client.refresh()
        assignment = client.read_assignment()
        path = client.fetch(client.find_assigned(assignment), held)
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import TargetFile
from tuf.ngclient.fetcher import FetcherInterface

from contract.durable import make_folder
from ota.assignment import MAX_ASSIGNMENT_BYTES, Assignment, is_news, verify_assignment
from ota.delta import apply_delta, can_apply
from ota.director import Director, parse_director
from ota.errors import (
    CancelledError,
    DownloadError,
    ExpiredError,
    MissingError,
    RepositoryError,
    UntrustedError,
    UpdateError,
)
from ota.fetcher import Progress, Remembered, WebFetcher
from ota.layout import DIRECTOR, bundle_target, family_of, family_role, parse_target
from ota.places import MEMORY, MemoryFetcher
from ota.sources import Carrier, ClientSettings, carry_from_stick, carry_from_web
from ota.trust_store import Knowledge, TrustStore, storage_errors
from ota.trusted import TIMESTAMP_FILE, Addresses, TrustedRepository, is_signed, settle, tuf_errors

_LOG = logging.getLogger(__name__)
FACTS = "industrialguard"
"""Under which key a target says what it is."""
_ANY_VERSION = "0"
"""To have a family's list brought."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a look at the repository was worth."""

    is_online: bool
    """Whether it was reached; else this is what was verified before."""
    is_proven: bool
    """Whether a believed clock says that nothing newer is being held back."""
    expires: datetime
    """Until when that holds."""
    reason: str = ""
    """Why it was not reached."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one family's bundle, as it was signed."""

    family: str
    version: str
    sha256: str
    length: int
    """In bytes."""
    facts: Mapping[str, Any]
    """What else was signed of it."""

    @property
    def path(self) -> str:
        """Of its target."""
        return bundle_target(self.family, self.version)


class UpdateClient:
    """One look at the repository, and what follows from it.

    Args:
        settings: Of the device.
        store: Held by the caller.
        carrier: Who brings files.
        now: By a believed clock; None: there is none.
    """

    def __init__(
        self, settings: ClientSettings, store: TrustStore, carrier: Carrier, now: datetime | None
    ) -> None:
        self._settings = settings
        self._store = store
        self._carrier = carrier
        self._now = now
        self._repository: TrustedRepository | None = None
        self._fetched = settings.folder / "fetched"
        with storage_errors(self._fetched):
            make_folder(self._fetched)
            for torn in self._fetched.glob(".*"):
                torn.unlink()

    def refresh(self) -> Freshness:
        """Look for what is new; without a connection, go by what was verified before.

        Raises:
            DownloadError: no connection, and nothing known.
            ExpiredError: nothing newer than what is too old by a believed clock.
            UntrustedError: not signed by whom it must be, or older than what is known.
            UpdateError: any other kind.
        """
        reason = ""
        try:
            repository = self._look()
        except DownloadError as error:
            repository = self._recall(error)
            reason = str(error)
        self._repository = repository
        return Freshness(not reason, self._now is not None, repository.expires(), reason)

    def read_assignment(self) -> Assignment | None:
        """What this device shall run: the newest that it was told, also while nobody can be reached.

        Returns:
            None: it was never told anything.

        Raises:
            UntrustedError: not signed by the director, older than what was accepted, or another device's.
            ExpiredError: its time was over before it was seen.
            DownloadError: no connection, and nothing accepted.
            UpdateError: any other kind.
        """
        director, known = self._director(), self._store.load()
        accepted = _accepted(known, director)
        try:
            served = self._fetch_assignment(known)
        except (DownloadError, MissingError) as error:
            if accepted is None and isinstance(error, DownloadError):
                raise
            return accepted
        assignment = verify_assignment(served.content, director)
        is_news(assignment, self._settings.device_id, accepted, self._now)
        text = served.content.decode()
        self._store.save(replace(known, assignment=text, assignment_tag=served.tag))
        return assignment

    def find_assigned(self, assignment: Assignment) -> Release:
        """The release that an assignment names; both must mean the same bytes.

        Raises:
            UntrustedError: they do not.
            UpdateError: as `find`.
        """
        release = self.find(assignment.family, assignment.version)
        if (release.sha256, release.length) != (assignment.sha256, assignment.length):
            raise UntrustedError(f"assignment {assignment.number} and {release.path} name different bytes")
        return release

    def find(self, family: str, version: str) -> Release:
        """A version of a family's bundle.

        Raises:
            MissingError: it is not listed, or not any more.
            UntrustedError: what is said of it cannot be right.
            UpdateError: the family's list did not come, or is not to be believed.
        """
        repository = self._known()
        target = repository.find(bundle_target(family, version))
        repository.complete()
        return Release(family, version, _sha256(target), target.length, _facts(target))

    def fetch(self, release: Release, held: Path | None = None) -> Path:
        """Bring a release's bundle, verified on disk; one that is there already costs no transfer.

        Args:
            release: That `find` found.
            held: A bundle that the device has, from which there may be a delta.

        Raises:
            DownloadError: it did not come; what came is kept for the next time.
            CancelledError: it was called off; nothing is kept.
            UntrustedError: what came is not what was signed.
            UpdateError: any other kind.
        """
        target = self._known().find(release.path)
        if _sha256(target) != release.sha256:
            raise UntrustedError(f"{release.path} has changed since it was found")
        path = self._fetched / f"{release.sha256}.igb"
        if not is_signed(target, path) and not (held and self._patch(release, target, held, path)):
            self._download(target, path)
        with storage_errors(self._fetched):
            for other in self._fetched.iterdir():
                if other != path:
                    other.unlink()
        return path

    def forget(self) -> None:
        """Drop every file that was fetched, whole or not.

        Raises:
            StorageError: the disk does not let go.
        """
        with storage_errors(self._settings.folder):
            self._settings.parts.clear()
            for path in self._fetched.iterdir():
                path.unlink()

    def _director(self) -> Director:
        target = self._known().find(DIRECTOR)
        path = self._settings.folder / DIRECTOR
        if not is_signed(target, path):
            self._download(target, path)
        try:
            with storage_errors(path):
                return parse_director(path.read_bytes())
        except RepositoryError as error:
            raise UntrustedError(str(error)) from error

    def _fetch_assignment(self, known: Knowledge) -> Remembered:
        url, fetcher = self._carrier.assignment, self._carrier.fetcher
        if not isinstance(fetcher, WebFetcher):
            with tuf_errors(self._settings.folder):
                return Remembered("", fetcher.download_bytes(url, MAX_ASSIGNMENT_BYTES))
        if known.assignment_tag:
            fetcher.remembered[url] = Remembered(known.assignment_tag, known.assignment.encode())
        with tuf_errors(self._settings.folder):
            content = fetcher.download_bytes(url, MAX_ASSIGNMENT_BYTES)
        return fetcher.remembered.get(url, Remembered("", content))

    def _look(self) -> TrustedRepository:
        known = self._store.load()
        fetcher, url = self._carrier.fetcher, f"{self._carrier.addresses.metadata}{TIMESTAMP_FILE}"
        timestamp = known.metadata.get(TIMESTAMP_FILE)
        if isinstance(fetcher, WebFetcher) and known.tag and timestamp:
            fetcher.remembered[url] = Remembered(known.tag, timestamp)
        repository = self._open(fetcher, self._carrier.addresses)
        repository.refresh()
        for family in _families(known):
            repository.look_up(bundle_target(family, _ANY_VERSION))
        repository.complete()
        known = self._store.load()
        if isinstance(fetcher, WebFetcher) and (served := fetcher.remembered.get(url)):
            is_kept = served.content == known.metadata.get(TIMESTAMP_FILE)
            self._store.save(replace(known, tag=served.tag if is_kept else ""))
        return repository

    def _recall(self, reason: DownloadError) -> TrustedRepository:
        known = self._store.load().complete
        if TIMESTAMP_FILE not in known:
            raise reason
        addresses = Addresses(MEMORY, self._carrier.addresses.targets)
        repository = self._open(MemoryFetcher(known), addresses, is_recalled=True)
        try:
            repository.refresh()
        except ExpiredError as error:
            raise ExpiredError(f"{error}; {reason}") from reason
        except MissingError:
            raise reason from None
        return repository

    def _open(
        self, fetcher: FetcherInterface, addresses: Addresses, *, is_recalled: bool = False
    ) -> TrustedRepository:
        root, now = self._settings.root, self._now
        return TrustedRepository(self._store, fetcher, addresses, root, now, is_recalled=is_recalled)

    def _known(self) -> TrustedRepository:
        if self._repository is None:
            self.refresh()
        if self._repository is None:
            raise UntrustedError("nothing is known of the repository")
        return self._repository

    def _download(self, target: TargetFile, path: Path) -> None:
        parts = self._settings.parts
        is_continued = not parts.is_empty
        try:
            self._known().download(target, path)
        except UntrustedError:
            if not is_continued:
                raise
            _LOG.warning("what was kept of a download is damaged; beginning anew")
            self._known().download(target, path)

    def _patch(self, release: Release, target: TargetFile, held: Path, path: Path) -> bool:
        """Make the bundle out of a held one; False: the whole one must be fetched."""
        difference, aside = self._fetched / f".{release.sha256}.bsdiff", self._fetched / f".{path.name}"
        try:
            with storage_errors(held):
                old = held.read_bytes()
            delta = self._find_delta(release, hashlib.sha256(old).hexdigest())
            if delta is None or delta.length >= target.length:
                return False
            self._download(delta, difference)
            with storage_errors(self._fetched):
                aside.write_bytes(apply_delta(old, difference.read_bytes(), target.length))
            settle(target, aside, path)
        except (CancelledError, DownloadError):
            raise
        except UpdateError as error:
            _LOG.warning("a delta is of no use; fetching the whole bundle", extra={"reason": str(error)})
            return False
        finally:
            with storage_errors(self._fetched):
                difference.unlink(missing_ok=True)
                aside.unlink(missing_ok=True)
        return True

    def _find_delta(self, release: Release, old_sha256: str) -> TargetFile | None:
        if not can_apply():
            return None
        for path, target in self._known().listed(family_role(release.family)).items():
            wanted = {"kind": "delta", "old_sha256": old_sha256, "new_sha256": release.sha256}
            facts = _facts(target)
            if {key: facts.get(key) for key in wanted} == wanted and parse_target(path).delta_from:
                return self._known().find(path)
        return None


@contextmanager
def open_web(
    settings: ClientSettings,
    now: datetime | None,
    cancelled: threading.Event,
    progress: Progress | None = None,
) -> Iterator[UpdateClient]:
    """A look at the repository on its web server.

    Args:
        settings: Of the device.
        now: By a believed clock; None: there is none.
        cancelled: Set by another thread, it calls off what is under way.
        progress: Told how far a file is.

    Raises:
        ConfigError: the address, the identity or the authorities cannot be right.
        StorageError: another process is at it, or the disk does not take it.
    """
    store = TrustStore(settings.folder)
    with (
        carry_from_web(
            settings, is_clock_believed=now is not None, cancelled=cancelled, progress=progress
        ) as carrier,
        store.held(),
    ):
        yield UpdateClient(settings, store, carrier, now)


@contextmanager
def open_stick(settings: ClientSettings, now: datetime | None, stick: Path) -> Iterator[UpdateClient]:
    """A look at a copy of the repository in a folder; verified as on the web.

    Args:
        settings: Of the device.
        now: By a believed clock; None: there is none.
        stick: The folder with `metadata`, `targets` and, for some, `assignments`.

    Raises:
        StorageError: another process is at it, or the disk does not take it.
    """
    store = TrustStore(settings.folder)
    with store.held():
        yield UpdateClient(settings, store, carry_from_stick(settings, stick), now)


def _families(known: Knowledge) -> list[str]:
    """Whose releases this device has looked for before."""
    families = (family_of(name.removesuffix(".json")) for name in known.metadata)
    return [family for family in families if family]


def _accepted(known: Knowledge, director: Director) -> Assignment | None:
    """What was accepted before, as long as its signers are directors: a thief's number goes with his key."""
    if not known.assignment:
        return None
    try:
        return verify_assignment(known.assignment.encode(), director)
    except UntrustedError:
        return None


def _facts(target: TargetFile) -> Mapping[str, Any]:
    facts = (target.custom or {}).get(FACTS, {})
    return facts if isinstance(facts, dict) else {}


def _sha256(target: TargetFile) -> str:
    digest = target.hashes.get("sha256", "")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise UntrustedError(f"{target.path} is signed without its SHA-256")
    return digest
