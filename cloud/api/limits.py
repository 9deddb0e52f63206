"""How large a request may be.

Rule: what is too large is refused by its announced length, or as soon as more has come.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.problems import ProblemError, problem_response


class BodyLimit:
    """ASGI middleware.

    Args:
        app: Whose requests are measured.
        max_bytes: Of a body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on that is not too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._max_bytes:
            await problem_response(413, self._sentence)(scope, receive, send)
            return
        n_bytes = 0

        async def receive_measured() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            if n_bytes > self._max_bytes:
                raise ProblemError(413, self._sentence)
            return message

        await self._app(scope, receive_measured, send)

    @property
    def _sentence(self) -> str:
        return f"A request holds at most {self._max_bytes // 1024} KiB; send less at once."
