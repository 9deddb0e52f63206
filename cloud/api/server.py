"""Runs the application under uvicorn.

Rule: this and `cloud.pki.server` alone import uvicorn. Live streams end before uvicorn waits for open
connections, so stopping takes no longer than the slowest ordinary request.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from cloud.api.live import LiveFeed
from cloud.api.settings import ApiSettings
from contract.errors import ConfigError

GRACE_S = 5
"""Longest wait for requests under way when stopping, in s."""


class ApiServer(uvicorn.Server):
    """A uvicorn server that ends its live streams first.

    Args:
        app: From `cloud.api.app.create_app`.
        settings: Where to listen.
        takes_signals: Whether SIGINT and SIGTERM stop it; False when something else in the process owns them.
    """

    def __init__(self, app: FastAPI, settings: ApiSettings, takes_signals: bool = True) -> None:
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        super().__init__(config)
        self._feed: LiveFeed = app.state.feed
        self._takes_signals = takes_signals

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM while serving, or leave them to the process."""
        if not self._takes_signals:
            yield
            return
        with super().capture_signals():
            yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live streams, then stop as uvicorn does."""
        self._feed.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """Ask the server to stop; returns at once. Safe from any thread."""
        self.should_exit = True

    @property
    def bound_port(self) -> int:
        """The port it listens on; 0 before it has started."""
        sockets = [s for server in getattr(self, "servers", []) for s in server.sockets]
        return int(sockets[0].getsockname()[1]) if sockets else 0


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a taken port is one clear line.

    Raises:
        ConfigError: it cannot be bound.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --http"
        ) from error
