"""What a device asks of the repository: what is new, what is meant for it, and the file.

Rule: an assignment chooses among what was released and adds nothing to it; a device goes by the highest
number that it has seen, for as long as who signed it is a director. Without a connection it goes by the last
state that was complete.

    with open_web(settings, now, cancelled) as client:
        client.refresh()
        assignment = client.read_assignment()
        path = client.fetch(client.find_assigned(assignment), held)
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.ngclient.fetcher import FetcherInterface

from ota.assignment import MAX_ASSIGNMENT_BYTES, Assignment, is_news, verify_assignment
from ota.director import Director, parse_director
from ota.errors import (
    DownloadError,
    ExpiredError,
    MissingError,
    RepositoryError,
    UntrustedError,
)
from ota.fetcher import Progress, Remembered, WebFetcher
from ota.layout import DIRECTOR, bundle_target, family_of, family_role, parse_target
from ota.places import MEMORY, MemoryFetcher
from ota.shelf import Shelf
from ota.sources import Carrier, ClientSettings, carry_from_stick, carry_from_web
from ota.trust_store import Knowledge, TrustStore, storage_errors
from ota.trusted import (
    TIMESTAMP_FILE,
    Addresses,
    TrustedRepository,
    digest_of,
    facts_of,
    is_signed,
    tuf_errors,
)

_LOG = logging.getLogger(__name__)
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
class SignedRelease:
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
        self._shelf = Shelf(settings.folder / "fetched", settings.parts)

    def refresh(self) -> Freshness:
        """Look for what is new; without a connection, go by what was verified before.

        Raises:
            DownloadError: no connection, and nothing known.
            ExpiredError: nothing newer than what is too old by a believed clock.
            UntrustedError: not signed by whom it must be, or older than what is known.
            UpdateError: any other kind.
        """
        try:
            repository, reason = self._look(), ""
        except DownloadError as error:
            repository, reason = self._recall(error), str(error)
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

    def find_assigned(self, assignment: Assignment) -> SignedRelease:
        """The release that an assignment names; both must mean the same bytes.

        Raises:
            UntrustedError: they do not.
            UpdateError: as `find`.
        """
        release = self.find(assignment.family, assignment.version)
        if (release.sha256, release.length) != (assignment.sha256, assignment.length):
            raise UntrustedError(f"assignment {assignment.number} and {release.path} name different bytes")
        return release

    def find(self, family: str, version: str) -> SignedRelease:
        """A version of a family's bundle.

        Raises:
            MissingError: it is not listed, or not any more.
            UntrustedError: what is said of it cannot be right.
            UpdateError: the family's list did not come, or is not to be believed.
        """
        target = self._known().find(bundle_target(family, version))
        return SignedRelease(family, version, digest_of(target), target.length, facts_of(target))

    def versions(self, family: str) -> list[str]:
        """The versions of a family's bundle that are listed, the newest last.

        Raises:
            RepositoryError: not a family's name.
            UpdateError: the family's list did not come, or is not to be believed.
        """
        repository = self._known()
        with suppress(MissingError):
            repository.find(bundle_target(family, _ANY_VERSION))
        listed = (parse_target(path) for path in repository.listed(family_role(family)))
        versions = {each.version for each in listed if not each.delta_from}
        return sorted(versions, key=_release_order)

    def fetch(self, release: SignedRelease, held: Path | None = None) -> Path:
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
        repository = self._known()
        target = repository.find(release.path)
        if digest_of(target) != release.sha256:
            raise UntrustedError(f"{release.path} has changed since it was found")
        return self._shelf.bring(repository, target, held)

    def forget(self) -> None:
        """Drop every file that was fetched, whole or not.

        Raises:
            StorageError: the disk does not let go.
        """
        self._shelf.clear()

    def _director(self) -> Director:
        repository, path = self._known(), self._settings.folder / DIRECTOR
        target = repository.find(DIRECTOR)
        if not is_signed(target, path):
            repository.download(target, path)
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
        repository.refresh(bundle_target(family, _ANY_VERSION) for family in _families(known))
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
        except DownloadError:
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
        assert self._repository is not None  # noqa: S101  (refresh has raised otherwise)
        return self._repository


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


def _release_order(version: str) -> tuple[int, str]:
    """As the registry numbers them: what stands before the first dash rises."""
    number = version.partition("-")[0]
    return (int(number) if number.isdecimal() else 0), version


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
