"""Requests that may come again: the same `Idempotency-Key` gives the same answer, and does nothing twice.

Rule: a place for the answer is taken before anything is done. A refusal of the request is an answer; a
failure of the server is none, and gives the place back. A process that dies in between leaves the place
taken for a day: whoever asks again is told to look whether it was done, because nobody can know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.access import recognise
from cloud.api.problems import problem_response
from cloud.store.answers import Answer, fill_place, leave_place, take_place
from cloud.store.database import Database

HEADER, REPEATED = "Idempotency-Key", "Idempotency-Replayed"
LONGEST_KEY = 200
_WITH_SECRETS = ("/api/v1/tokens", "/api/v1/keys", "/api/v1/people")
"""Their answers hold secrets, and are never stored."""
_FIRST_FAILURE = 500
_BEFORE_ANYTHING = frozenset({401, 403, 429})
"""Refusals that come before anything is done."""
_OTHER_BODY = "This Idempotency-Key was used for another request; take a new key for a new request."
_NO_ANSWER = (
    "This request is being carried out or was cut short: look whether it was done, else take a new key."
)


@dataclass(slots=True)
class _Heard:
    """An answer, held back until it is stored."""

    start: Message = field(default_factory=dict)
    body: bytes = b""

    async def hear(self, message: Message) -> None:
        """As `send`."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")


class Idempotency:
    """ASGI middleware.

    Args:
        app: What answers.
        database: Where answers are kept.
        clock: Cloud time.
    """

    def __init__(self, app: ASGIApp, database: Database, clock: Callable[[], datetime]) -> None:
        self._app, self._database, self._clock = app, database, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or give the answer that it had."""
        key = _key_of(scope)
        caller = None if key is None else await run_in_threadpool(recognise, Request(scope))
        if key is None or caller is None:
            await self._app(scope, receive, send)
            return
        if not 1 <= len(key) <= LONGEST_KEY:
            refusal = problem_response(400, f"{HEADER} takes 1 to {LONGEST_KEY} characters.")
            await refusal(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        place = _digest(caller.principal.name, scope["path"], key)
        known = await run_in_threadpool(self._take, place, _digest(body))
        if known is None:
            await self._answer(scope, body, place, send)
        else:
            await _repeat(known, _digest(body))(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes, place: bytes, send: Send) -> None:
        """Have it answered, store the answer, then give it."""
        heard = _Heard()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            await self._app(scope, receive, heard.hear)
        except BaseException:
            await run_in_threadpool(self._leave, place)
            raise
        status = heard.start["status"]
        if status >= _FIRST_FAILURE or status in _BEFORE_ANYTHING:
            await run_in_threadpool(self._leave, place)
        else:
            media_type = Headers(raw=heard.start["headers"]).get("content-type", "")
            await run_in_threadpool(self._fill, place, Answer(b"", status, media_type, heard.body))
        await send(heard.start)
        await send({"type": "http.response.body", "body": heard.body})

    def _take(self, place: bytes, body_digest: bytes) -> Answer | None:
        with self._database.transaction() as session:
            return take_place(session, place, body_digest, self._clock())

    def _fill(self, place: bytes, answer: Answer) -> None:
        with self._database.transaction() as session:
            fill_place(session, place, answer)

    def _leave(self, place: bytes) -> None:
        with self._database.transaction() as session:
            leave_place(session, place)


def _key_of(scope: Scope) -> str | None:
    """The key of a request that may come again; None: of any other."""
    is_meant = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/api/")
    if not is_meant or scope["path"].startswith(_WITH_SECRETS):
        return None
    return Headers(scope=scope).get(HEADER)


def _digest(*parts: str | bytes) -> bytes:
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.digest()


def _repeat(known: Answer, body_digest: bytes) -> Response:
    if known.body_digest != body_digest:
        return problem_response(422, _OTHER_BODY)
    if not known.status:
        return problem_response(409, _NO_ANSWER)
    return Response(known.body, known.status, {"Content-Type": known.media_type, REPEATED: "true"})
