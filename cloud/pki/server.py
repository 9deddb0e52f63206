"""The process behind `industrialguard cloud enrol`: HTTPS with a certificate of the fleet's own authority.

Rule: its certificate is made anew at each start and its key is on disk for no longer than reading it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from cloud.api.server import GRACE_S, listen
from cloud.certificates import Purpose
from cloud.monitor import Monitor
from cloud.pki.app import create_enrolment_app
from cloud.pki.authority import Authority, Subject
from cloud.pki.desk import EnrolmentDesk
from cloud.pki.keys import format_key, make_key
from cloud.settings import CloudSettings
from cloud.store.database import open_database

_LOG = logging.getLogger(__name__)
_IDLE_S = 15
"""A connection without a request is closed after so many s."""
_MAX_REQUESTS = 64
"""At once; more are told to come again."""


@dataclass(frozen=True, slots=True)
class EnrolmentSettings:
    """Where devices find the desk."""

    hosts: tuple[str, ...]
    """Names and addresses by which devices call it."""
    host: str = "127.0.0.1"
    port: int = 8443


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are the process's own."""
        yield


async def run_enrol(
    enrolment: EnrolmentSettings,
    authority: Authority,
    settings: CloudSettings,
    monitor: Monitor,
    stop: asyncio.Event,
) -> None:
    """Give certificates until told to stop.

    Raises:
        CloudError: the store failed for good.
        ConfigError: the address cannot be used.
    """
    listener = listen(enrolment.host, enrolment.port)
    database = open_database(settings.prepare_store())
    monitor.watch_store(database)
    try:
        server = _Server(_build_config(EnrolmentDesk(authority, database), authority, enrolment.hosts))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        host, port = listener.getsockname()[:2]
        _LOG.info("ready", extra={"address": f"https://{f'[{host}]' if ':' in host else host}:{port}"})
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.should_exit = True
        await serving
    finally:
        listener.close()
        database.close()


def _build_config(desk: EnrolmentDesk, authority: Authority, hosts: tuple[str, ...]) -> uvicorn.Config:
    key = make_key()
    subject = Subject("enrolment.desk", Purpose.SERVER, hosts)
    issued = authority.issue(subject, key.public_key(), datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:  # only we may open it
        pair = Path(folder) / "pair.pem"
        pair.write_bytes(format_key(key) + (issued.pem + authority.chain).encode())
        config = uvicorn.Config(
            create_enrolment_app(desk),
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=pair,
            ssl_keyfile=str(pair),
            timeout_keep_alive=_IDLE_S,
            limit_concurrency=_MAX_REQUESTS,
            timeout_graceful_shutdown=GRACE_S,
        )
        config.load()
    return config
