"""Which releases there are, as the repository's signatures say.

Rule: what a release is made of is looked up and never typed in; verified by the code that devices run. Only
what the repository answers now counts: what is not listed any more cannot be rolled out.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from cloud.settings import RepositorySettings
from contract.errors import ConfigError
from ota.client import UpdateClient, open_stick, open_web
from ota.errors import DownloadError, MissingError, RolloutError, UntrustedError, UpdateError
from ota.fetcher import Limits
from ota.rollout_plan import Plan, ReleaseRef
from ota.sources import ClientSettings
from ota.web import WebSettings, require_address

_NAME = "cloud"
"""In place of a device's id."""
_WEB = WebSettings(connect_timeout_s=5.0, silence_timeout_s=10.0, head_timeout_s=15.0)
_LIMITS = Limits(attempts=2, longest_wait_s=2.0)
"""Somebody waits for the answer, and can ask again."""
_MOST_SHOWN = 5


class Catalogue:
    """The releases of one repository; several threads may ask.

    Args:
        settings: Where it is.
        folder: For what is known of it.

    Raises:
        ConfigError: the address cannot be one, or the root cannot be read.
    """

    def __init__(self, settings: RepositorySettings, folder: Path) -> None:
        try:
            root = settings.root.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"--repository-root {settings.root} cannot be read: {error.strerror}; it is the repository's "
                "metadata/1.root.json"
            ) from error
        is_web = "://" in settings.address
        address = require_address(settings.address) if is_web else ""
        self._stick = None if is_web else Path(settings.address)
        self._settings = ClientSettings(folder, root, _NAME, address, "", _WEB, _LIMITS)
        self._lock = threading.Lock()

    def find(self, family: str, *versions: str) -> list[ReleaseRef]:
        """Releases of a family, in one look.

        Raises:
            RolloutError: one is not listed, or not any more; says which are.
            DownloadError: the repository cannot be reached.
            UpdateError: what it says is not to be believed.
        """
        try:
            with self._lock, self._look() as client:
                freshness = client.refresh()
                if not freshness.is_online:
                    raise DownloadError(freshness.reason)
                return [_find(client, family, version) for version in versions]
        except DownloadError as error:
            raise DownloadError(f"the repository cannot be reached: {error}") from error
        except UntrustedError as error:
            raise UntrustedError(f"the repository is not to be believed: {error}") from error

    def require_listed(self, plan: Plan) -> None:
        """Refuse a plan of which the repository does not list every byte any more.

        Raises:
            RolloutError: it does not.
            UpdateError: as `find`.
        """
        refs = [plan.release, *([plan.back_to] if plan.back_to else [])]
        found = self.find(plan.release.family, *(ref.version for ref in refs))
        for ref, now in zip(refs, found, strict=True):
            if ref != now:
                raise RolloutError(f"{ref.family} {ref.version} is listed with other bytes now; plan it anew")

    def _look(self) -> AbstractContextManager[UpdateClient]:
        now = datetime.now(UTC)
        if self._stick is not None:
            return open_stick(self._settings, now, self._stick)
        return open_web(self._settings, now, threading.Event())


def _find(client: UpdateClient, family: str, version: str) -> ReleaseRef:
    try:
        found = client.find(family, version)
    except MissingError as error:
        raise RolloutError(_say_unlisted(client, family, version)) from error
    return ReleaseRef(family, version, found.sha256, found.length)


def _say_unlisted(client: UpdateClient, family: str, version: str) -> str:
    try:
        listed = client.versions(family)
    except UpdateError:
        listed = []
    there = f"choose one of {', '.join(listed[-_MOST_SHOWN:])}" if listed else f"it lists nothing of {family}"
    return f"the repository does not list {family} {version}, or not any more; {there}"
