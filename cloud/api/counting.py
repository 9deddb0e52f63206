"""Counts requests.

Rule: an answer counts when it begins, because a live feed does not end; who asked for what is not kept.
"""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.metrics import ApiMetrics


class RequestCounter:
    """ASGI middleware.

    Args:
        app: Whose answers are counted.
        metrics: Where.
    """

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count its answer."""
        began_s = time.perf_counter()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(f"{message['status'] // 100}xx").inc()
                self._metrics.answer_time.observe(time.perf_counter() - began_s)
            await send(message)

        await self._app(scope, receive, send_counted)
