"""Answers a process's probes over HTTP: /healthz, /readyz and /metrics.

Rule: nothing else is answered, nothing is changed, and nothing secret is told. It has a port of its own, for
whoever runs the process and not for the people who use it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from cloud.metrics import CONTENT_TYPE, expose
from cloud.monitor import OK, Monitor

_LOG = logging.getLogger(__name__)
_JSON = "application/json"
_STOPPING = {"process": "told to stop"}


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(monitor: Monitor, listener: socket.socket, stop: asyncio.Event) -> AsyncIterator[None]:
    """Answer probes inside the block.

    Args:
        monitor: What to tell.
        listener: Bound and listening; closed at the end.
        stop: Once set, the process is alive but not ready.
    """
    app = ProbeApp(monitor, stop)
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()[:2]
    _LOG.info("probes", extra={"address": f"http://{f'[{host}]' if ':' in host else host}:{port}"})
    try:
        yield
    finally:
        server.should_exit = True
        await task


class ProbeApp:
    """The ASGI application.

    Args:
        monitor: What to tell.
        stop: Once set, the process is alive but not ready.
    """

    def __init__(self, monitor: Monitor, stop: asyncio.Event) -> None:
        self._monitor = monitor
        self._stop = stop

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        status, kind, body = await self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

    async def _answer(self, method: str, path: str) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, _JSON, _json({"status": "ask with GET"})
        match path:
            case "/healthz":
                return 200, _JSON, _json({"status": OK})
            case "/readyz":
                parts = _STOPPING if self._stop.is_set() else await self._monitor.judge()
                is_ready = all(answer == OK for answer in parts.values())
                status = {"status": OK if is_ready else "failing", "parts": parts}
                return 200 if is_ready else 503, _JSON, _json(status)
            case "/metrics":
                return 200, CONTENT_TYPE, expose(self._monitor.registry)
            case _:
                return 404, _JSON, _json({"status": "ask for /healthz, /readyz or /metrics"})


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
