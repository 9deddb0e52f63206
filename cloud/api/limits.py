"""How large a request may be.

Rule: refused by its announced length, or as soon as more has come, and as a problem like every other refusal;
what the framework offers answers in plain text, before any header of ours.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.problems import problem_response


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
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._max_bytes:
            await self._refuse(scope, receive, send)
        elif "transfer-encoding" in headers:
            await self._pass_whole(scope, receive, send)
        else:
            await self._app(scope, receive, send)  # the server takes no more than was announced

    async def _pass_whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on whose length nobody announced, once all of it is there."""
        messages = [await receive()]
        n_bytes = len(messages[0].get("body", b""))
        while messages[-1].get("more_body", False) and n_bytes <= self._max_bytes:
            messages.append(await receive())
            n_bytes += len(messages[-1].get("body", b""))
        if n_bytes > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        messages.reverse()

        async def receive_again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, receive_again, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        sentence = f"A request holds at most {self._max_bytes // 1024} KiB; send less at once."
        await problem_response(413, sentence)(scope, receive, send)
