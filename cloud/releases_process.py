"""The process that carries rollouts out: store in, signed assignments and hints out.

Rule: the one place where it is built from settings; nothing else of the cloud opens the director's keys.
Several may run at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import closing

from cloud.metrics import ReleaseMetrics, count_of
from cloud.monitor import Monitor
from cloud.mqtt import MqttLink
from cloud.processes import supervise
from cloud.releases import Scheduler
from cloud.settings import CloudSettings
from cloud.store.database import Database, open_database
from contract.errors import ConfigError
from ota.assignment import Assignment, sign_anew, sign_assignment
from ota.keys import open_ring

_LOG = logging.getLogger(__name__)


class DirectorSigner:
    """Signs with the director's keys.

    Args:
        uris: Of the keys; all of them sign.

    Raises:
        KeyUriError: one cannot be opened; says which and why.
    """

    def __init__(self, uris: Sequence[str]) -> None:
        self._ring = open_ring(uris)

    def sign(self, assignment: Assignment) -> bytes:
        """The envelope that the device fetches.

        Raises:
            KeyUriError: a key does not sign.
        """
        return sign_assignment(assignment, self._ring.signers)

    def sign_anew(self, envelope: bytes) -> bytes | None:
        """The same assignment under these keys and no others; None: it is signed so already.

        Raises:
            UntrustedError: it is damaged.
            KeyUriError: a key does not sign.
        """
        return sign_anew(envelope, self._ring.signers)


async def run_releases(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Rollouts to assignments, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder cannot be used, or no key was named.
        KeyUriError: a key cannot be opened.
    """
    if not settings.director_keys:
        raise ConfigError("releases needs --director-key URI, the key that `ota init` made for the director")
    with closing(open_database(settings.prepare_store())) as database:
        monitor.watch_store(database)
        await carry_out(settings, database, monitor, stop)


async def carry_out(
    settings: CloudSettings, database: Database, monitor: Monitor, stop: asyncio.Event
) -> None:
    """Rollouts to assignments, over a store that somebody else closes, until told to stop.

    Raises:
        CloudError: a part failed for good.
        KeyUriError: a key cannot be opened.
    """
    signer = DirectorSigner(settings.director_keys)
    link = MqttLink(settings.mqtt, f"releases-{settings.member or secrets.token_hex(4)}")
    metrics = ReleaseMetrics(monitor.registry)
    scheduler = Scheduler(database, signer, link, metrics=metrics)
    monitor.watch_link("releases", link)
    try:
        _LOG.info("ready", extra={"address": link.address})
        await supervise([scheduler.run(stop)], [link.run()], stop)
    finally:
        await link.close()
        _LOG.info("releases stopped", extra={"assignments": count_of(metrics.assignments)})
