"""A repository, of which nothing is believed but what its signatures say: python-tuf, made to last.

Rule: python-tuf decides what is true, this module what stays true. What was verified is on disk before it is
used, and a file is checked once more where it lies. Without a believed clock versions still only rise, but
nothing is called too old: that waits until the clock is believed. Errors of TUF become ours here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api import exceptions
from tuf.api.metadata import Metadata, TargetFile, Targets, Timestamp
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from contract.durable import sync_folder
from ota.errors import DownloadError, ExpiredError, MissingError, TooLargeError, UntrustedError
from ota.trust_store import TrustStore, storage_errors

TIMESTAMP_FILE = "timestamp.json"
FACTS = "industrialguard"
"""Under which key a target says what it is."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Before everything that expires."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a repository's files are; both end in a slash."""

    metadata: str
    targets: str


class TrustedRepository:
    """What one look at a repository finds; the next look takes a new one.

    Args:
        store: Held by the caller; what is known, and where it is kept.
        fetcher: Brings files.
        addresses: For the fetcher.
        bootstrap: The root that was shipped with the device.
        now: By a believed clock; None: there is none.
        is_recalled: Whether this is no new look, but what the last complete one found.

    Raises:
        UntrustedError: the shipped root is none.
        StorageError: the disk does not take it.
    """

    def __init__(
        self,
        store: TrustStore,
        fetcher: FetcherInterface,
        addresses: Addresses,
        bootstrap: bytes,
        now: datetime | None,
        *,
        is_recalled: bool = False,
    ) -> None:
        self._store = store
        self._is_recalled = is_recalled
        known = store.load()
        store.lay_out(known.complete if is_recalled else known.metadata)
        with tuf_errors(store.work):
            self._updater = Updater(
                str(store.work),
                addresses.metadata,
                target_base_url=addresses.targets,
                fetcher=fetcher,
                bootstrap=bootstrap,
            )
        # python-tuf takes the system's time and has no public way to be told another.
        self._updater._trusted_set.reference_time = now or _NO_TIME

    def refresh(self, paths: Iterable[str] = ()) -> None:
        """Take over what is new.

        Args:
            paths: Targets whose roles' lists shall be brought too.

        Raises:
            UpdateError: something did not come or is not to be believed; what was verified before it is kept.
        """
        with self._kept(), tuf_errors(self._store.work):
            self._updater.refresh()
            for path in paths:
                self._updater.get_targetinfo(path)

    def find(self, path: str) -> TargetFile:
        """A target as its role has signed it.

        Raises:
            MissingError: no role that may sign it has.
            UpdateError: its role's metadata did not come, or is not to be believed.
        """
        with self._kept(), tuf_errors(self._store.work):
            target = self._updater.get_targetinfo(path)
        if target is None:
            raise MissingError(f"{path} is not among the signed releases")
        return target

    def listed(self, role: str) -> Mapping[str, TargetFile]:
        """What a role lists that `find` has gone through, by path.

        Raises:
            UntrustedError: it is not metadata.
        """
        with tuf_errors(self._store.work):
            data = self._store.collect().get(f"{role}.json", b"")
            return Metadata[Targets].from_bytes(data).signed.targets if data else {}

    def expires(self) -> datetime:
        """Until when a believed clock takes this state for the newest.

        Raises:
            UntrustedError: there is no state.
        """
        with tuf_errors(self._store.work):
            data = self._store.collect().get(TIMESTAMP_FILE, b"")
            return Metadata[Timestamp].from_bytes(data).signed.expires

    def download(self, target: TargetFile, path: Path) -> None:
        """Bring a target's file, verified on disk, in place at once.

        Raises:
            UpdateError: it did not come, or is not what was signed; there is no file then.
        """
        aside = path.with_name(f".{path.name}")
        try:
            with tuf_errors(path.parent):
                self._updater.download_target(target, str(aside))
            settle(target, aside, path)
        finally:
            with storage_errors(path.parent):
                aside.unlink(missing_ok=True)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Whatever comes of it, what was verified stays; if all goes well, it belongs together."""
        is_complete = False
        try:
            yield
            is_complete = True
        finally:
            if not self._is_recalled:
                known, metadata = self._store.load(), self._store.collect()
                complete = metadata if is_complete else known.complete
                self._store.save(replace(known, metadata=metadata, complete=complete))


def digest_of(target: TargetFile) -> str:
    """A target's SHA-256.

    Raises:
        UntrustedError: it was signed without one.
    """
    digest = target.hashes.get("sha256", "")
    if not _SHA256.fullmatch(digest):
        raise UntrustedError(f"{target.path} is signed without its SHA-256")
    return digest


def facts_of(target: TargetFile) -> Mapping[str, Any]:
    """What else was signed of a target."""
    facts = (target.custom or {}).get(FACTS, {})
    return facts if isinstance(facts, dict) else {}


def settle(target: TargetFile, aside: Path, path: Path) -> None:
    """Put a file in place when what is on disk is what was signed.

    Raises:
        UntrustedError: it is not.
        StorageError: the disk does not take it.
    """
    with tuf_errors(path.parent):
        with aside.open("r+b") as file:
            os.fsync(file.fileno())
        require_signed(target, aside)
        aside.replace(path)
        sync_folder(path.parent)


def require_signed(target: TargetFile, path: Path) -> None:
    """Refuse a file that is not what was signed.

    Raises:
        UntrustedError: its length or digest differs.
        StorageError: it cannot be read.
    """
    if not path.is_file():
        raise UntrustedError(f"{path} is not there")
    with tuf_errors(path.parent), path.open("rb") as file:
        target.verify_length_and_hashes(file)


def is_signed(target: TargetFile, path: Path) -> bool:
    """Whether a file is there and is what was signed.

    Raises:
        StorageError: it cannot be read.
    """
    try:
        require_signed(target, path)
    except UntrustedError:
        return False
    return True


@contextmanager
def tuf_errors(folder: Path) -> Iterator[None]:
    """Make errors of python-tuf and of the disk ours.

    Raises:
        UpdateError: one of its kinds.
    """
    with storage_errors(folder):
        try:
            yield
        except exceptions.ExpiredMetadataError as error:
            raise ExpiredError(f"nothing newer is to be had: {error}") from error
        except exceptions.RepositoryError as error:
            raise UntrustedError(_in_words(error)) from error
        except exceptions.DownloadLengthMismatchError as error:
            raise TooLargeError(str(error)) from error
        except exceptions.DownloadHTTPError as error:
            raise MissingError(str(error)) from error
        except exceptions.DownloadError as error:
            raise DownloadError(_in_words(error)) from error


def _in_words(error: Exception) -> str:
    """One line, even of bytes that were no metadata at all."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300]
