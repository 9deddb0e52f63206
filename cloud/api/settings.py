"""What the API and the page can be told.

Rule: frozen, typed, built once by whoever starts the process, passed down; nothing is read from a global.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from contract.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the API listens and how it paces what is live.

    Raises:
        ConfigError: a value is outside what makes sense.
    """

    host: str = "127.0.0.1"
    """Address to bind; only this computer reaches it unless told otherwise."""
    port: int = 8080
    """TCP port, 0..65535; 0 lets the system choose."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    """Names by which browsers may call this server; others are refused (DNS rebinding)."""
    poll_s: float = 0.5
    """How often the store is asked whether something changed, in s; once for all clients."""
    heartbeat_s: float = 5.0
    """Longest silence on the live connection, in s; the page warns after three of them."""
    backlog: int = 16
    """Events a live client may fall behind before it is dropped."""
    max_clients: int = 200
    """Live connections at a time."""
    operator: str = ""
    """Name of the site, shown in the page's header."""
    value_report: Path | None = None
    """What `industrialguard bench fleet --json` wrote, for the page that shows it; None: nothing."""
    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Signs access tokens; the same in every process over one store. One of its own: until it ends."""
    is_behind_tls: bool = False
    """A proxy in front speaks TLS: cookies go over that alone."""
    requests_per_s: float = 300.0
    """Requests of one caller, in the long run; twice as many at once."""
    max_body_bytes: int = 8 * 2**20
    """Largest body of a request."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"api: port must lie in 0..65535, not {self.port}")
        if not 0.02 <= self.poll_s <= 60 or not 0.02 <= self.heartbeat_s <= 60:
            raise ConfigError("api: poll_s and heartbeat_s must lie between 0.02 and 60 s")
        if self.requests_per_s <= 0 or self.max_body_bytes < 1:
            raise ConfigError("api: requests_per_s and max_body_bytes must be positive")
        if self.backlog < 1 or self.max_clients < 1:
            raise ConfigError("api: backlog and max_clients start at 1")

    @property
    def hosts(self) -> frozenset[str]:
        """Every host name that is answered, lower case, without port."""
        return frozenset(h.lower() for h in (*self.allowed_hosts, self.host))
