"""Where an MQTT broker is and as whom to speak to it.

Rule: device and cloud read a broker's URL alike. A password never shows in a `repr`, a log or an error.

>>> address = parse_broker_url("mqtts://press:s3cret@broker.plant")
>>> str(address), "s3cret" in repr(address)
('mqtts://broker.plant:8883', False)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from contract.errors import ConfigError

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker and the credentials for it.

    Raises:
        ConfigError: a value no broker could be reached with.
    """

    host: str
    port: int = DEFAULT_PORTS["mqtt"]
    username: str = ""
    password: str = field(default="", repr=False)
    is_tls: bool = False

    def __post_init__(self) -> None:
        _require(bool(self.host) and not any(c.isspace() for c in self.host), "mqtt: host must not be empty")
        _require(0 < self.port < 65_536, f"mqtt: port must lie between 1 and 65535, not {self.port}")
        _require(not self.password or bool(self.username), "mqtt: a password needs a username")

    def __str__(self) -> str:
        """Its URL without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.is_tls else 'mqtt'}://{host}:{self.port}"


def parse_broker_url(url: str, password: str = "") -> BrokerAddress:
    """Read `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`, or `mqtts://` for TLS; credentials may be percent-encoded.

    Args:
        url: The broker's URL.
        password: Used when the URL names a user but no password, so that it need not stand on a command line.

    Raises:
        ConfigError: not such a URL; the message does not repeat it, because it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError("not an MQTT address; write mqtt://USER:PASSWORD@HOST:PORT") from error
    is_plain = not parts.path.strip("/") and not parts.query and not parts.fragment
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or not is_plain:
        raise ConfigError("not an MQTT address; write mqtt://HOST:PORT or mqtts://USER:PASSWORD@HOST:PORT")
    return BrokerAddress(
        host=parts.hostname,
        port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or "") or (password if parts.username else ""),
        is_tls=parts.scheme == "mqtts",
    )
