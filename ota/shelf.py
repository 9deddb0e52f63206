"""The bundle that was fetched last.

Rule: a file has a name here only when every byte on disk is what the release's role signed. A delta is a way
to that file, never another file: what comes of it is held to the same digest, and what goes wrong with it
ends in the whole download.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from tuf.api.metadata import TargetFile

from contract.durable import make_folder
from ota.delta import apply_delta, can_apply
from ota.errors import CancelledError, DownloadError, UntrustedError, UpdateError
from ota.layout import family_role, parse_target
from ota.parts import PartFolder
from ota.trust_store import storage_errors
from ota.trusted import TrustedRepository, digest_of, facts_of, is_signed, settle

_LOG = logging.getLogger(__name__)


class Shelf:
    """A folder for one bundle.

    Args:
        folder: Of its own.
        parts: Where an unfinished download lies.

    Raises:
        StorageError: it cannot be written.
    """

    def __init__(self, folder: Path, parts: PartFolder) -> None:
        self._folder = folder
        self._parts = parts
        with storage_errors(folder):
            make_folder(folder)
            for torn in folder.glob(".*"):
                torn.unlink()

    def bring(self, repository: TrustedRepository, target: TargetFile, held: Path | None) -> Path:
        """Have a bundle here; one that is here already costs no transfer, and takes the place of any other.

        Args:
            repository: That lists it.
            target: Of the whole bundle.
            held: A bundle that the device has; None: none.

        Raises:
            UpdateError: it did not come, or is not what was signed.
        """
        path = self._folder / f"{digest_of(target)}.igb"
        if not is_signed(target, path) and not (held and self._patch(repository, target, held, path)):
            self._download(repository, target, path)
        with storage_errors(self._folder):
            for other in self._folder.iterdir():
                if other != path:
                    other.unlink()
        return path

    def clear(self) -> None:
        """Drop every file, whole or not.

        Raises:
            StorageError: the disk does not let go.
        """
        with storage_errors(self._folder):
            self._parts.clear()
            for path in self._folder.iterdir():
                path.unlink()

    def _download(self, repository: TrustedRepository, target: TargetFile, path: Path) -> None:
        is_continued = not self._parts.is_empty
        try:
            repository.download(target, path)
        except UntrustedError:
            if not is_continued:
                raise
            _LOG.warning("what was kept of a download is damaged; beginning anew")
            repository.download(target, path)

    def _patch(self, repository: TrustedRepository, target: TargetFile, held: Path, path: Path) -> bool:
        """Make a bundle out of a held one; False: the whole one must be fetched."""
        difference, aside = path.with_name(".delta"), path.with_name(f".{path.name}")
        try:
            with storage_errors(held):
                old = held.read_bytes()
            delta = _find_delta(repository, target, hashlib.sha256(old).hexdigest())
            if delta is None or delta.length >= target.length:
                return False
            self._download(repository, delta, difference)
            with storage_errors(self._folder):
                aside.write_bytes(apply_delta(old, difference.read_bytes(), target.length))
            settle(target, aside, path)
        except (CancelledError, DownloadError):
            raise
        except UpdateError as error:
            _LOG.warning("a delta is of no use; fetching the whole bundle", extra={"reason": str(error)})
            return False
        finally:
            with storage_errors(self._folder):
                difference.unlink(missing_ok=True)
                aside.unlink(missing_ok=True)
        return True


def _find_delta(repository: TrustedRepository, target: TargetFile, old_sha256: str) -> TargetFile | None:
    """What turns a held bundle into this one; None: nothing that is listed."""
    if not can_apply():
        return None
    wanted = {"kind": "delta", "old_sha256": old_sha256, "new_sha256": digest_of(target)}
    for path, listed in repository.listed(family_role(parse_target(target.path).family)).items():
        facts = facts_of(listed)
        if {key: facts.get(key) for key in wanted} == wanted and parse_target(path).delta_from:
            return repository.find(path)
    return None
