"""Writes down who changed what.

Rule: every request that may change something and comes from somebody who was recognised, or who tries to sign
in, has one entry, which is stored before the answer begins. What was sent is not kept: it may hold a secret.
A change whose entry the store refuses is reported in the log, because it has happened already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.access.desk import Caller
from cloud.errors import StoreError
from cloud.store.audit import AuditEntry, add_entry
from cloud.store.database import Database

_LOG = logging.getLogger(__name__)
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
SIGN_IN_PATHS = frozenset({"/sign-in", "/setup", "/password", "/enter", "/api/v1/tokens"})
"""Where somebody who is not recognised yet becomes so."""
_LONGEST = 300


class AuditTrail:
    """ASGI middleware.

    Args:
        app: Whose changes are written down.
        database: Where.
        clock: Cloud time.
    """

    def __init__(self, app: ASGIApp, database: Database, clock: Callable[[], datetime]) -> None:
        self._app, self._database, self._clock = app, database, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and write it down when its answer begins."""
        is_reading = scope["type"] != "http" or scope["method"] in _READING
        if is_reading and scope.get("path") != "/enter":
            await self._app(scope, receive, send)
            return

        async def send_written_down(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._write_down(scope, message["status"])
            await send(message)

        await self._app(scope, receive, send_written_down)

    async def _write_down(self, scope: Scope, status: int) -> None:
        state = scope.get("state", {})
        caller: Caller | None = state.get("caller")
        who = caller.principal.name if caller is not None else state.get("signed_in", "")
        if not who and scope["path"] not in SIGN_IN_PATHS:
            return
        what = f"{scope['method']} {scope['path']}"[:_LONGEST]
        address = scope["client"][0][:64] if scope.get("client") else ""
        entry = AuditEntry(self._clock(), who, what, address, status)
        try:
            await run_in_threadpool(self._store, entry)
        except StoreError as error:
            _LOG.error("audit entry lost", extra={"who": who, "what": what, "reason": str(error)})

    def _store(self, entry: AuditEntry) -> None:
        with self._database.transaction() as session:
            add_entry(session, entry)
