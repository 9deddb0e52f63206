"""HTTP to servers of other people, for adapters.

Rule: a name is resolved once, every address it has is judged, and the connection goes to one that was judged.
Nothing follows a redirection, no answer is longer than a bound, and no request outlives its time. What is
raised names the server and its status, never what was sent.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cloud.errors import EamAccessError, EamRefusedError, EamUnavailableError
from contract.errors import ConfigError

ANSWER_S = 30.0
"""How long a request may take until its answer is whole, in s; far less than a row of the outbox is lent."""
MAX_ANSWER_BYTES = 16 * 2**20
_CHUNK = 65_536
_NAT64 = ip_network("64:ff9b::/96")
_DENIED = frozenset({401, 403})
_NOT_NOW = frozenset({408, 425, 429})
_FIRST_REFUSAL, _FIRST_FAILURE = 400, 500
_MOVED = range(300, 400)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, and what may be reached to get there.

    Raises:
        ConfigError: it is no address, or a password would cross a public network readable.
    """

    url: str
    """`https://HOST[:PORT][/PATH]`; `http://` in a private network only."""
    is_private: bool = False
    """Whether it may be in a private network, or on this machine."""
    authority: Path | None = None
    """Certificates to trust instead of the system's."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        try:
            is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole or parts.username or parts.query or parts.fragment:
            raise ConfigError("url: write https://HOST, https://HOST:PORT or https://HOST/PATH, nothing more")
        if parts.scheme == "http" and not self.is_private:
            raise ConfigError("url: passwords go over https; http needs private = true")

    @property
    def host(self) -> str:
        """Its name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def path(self) -> str:
        """What every path begins with."""
        return urlsplit(self.url).path.rstrip("/")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By name, in lower case."""
    body: bytes = field(repr=False)
    cookies: tuple[str, ...] = field(default=(), repr=False)
    """As it set them."""

    def json(self) -> Any:
        """Its body.

        Raises:
            EamUnavailableError: it is no JSON; a proxy's error page, for instance.
        """
        try:
            return json.loads(self.body or b"null")
        except ValueError as error:
            raise EamUnavailableError(
                f"its answer ({self.status}) is no JSON; is that its address?"
            ) from error


class Web:
    """Requests to one server.

    Args:
        address: Where it is.
        headers: With every request; they may hold a secret.
        answer_s: How long a request may take, in s.
    """

    def __init__(self, address: Address, headers: Mapping[str, str], answer_s: float = ANSWER_S) -> None:
        self._address = address
        self._headers = {"Accept": "application/json", "User-Agent": "industrialguard", **headers}
        self._answer_s = answer_s
        self._tls = _make_tls(address) if address.url.startswith("https") else None

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; returns whatever is neither a failure of the server nor of access.

        Raises:
            EamUnavailableError: there is no answer, or one that says "later"; it may have been done.
            EamAccessError: it does not let us in, or is elsewhere.
        """
        place = f"{self._address.path}{path}" + (f"?{urlencode(query)}" if query else "")
        connection = self._connect()
        try:
            connection.request(method, place, body, {**self._headers, **(headers or {})})
            answer = self._read(connection)
        except (OSError, http.client.HTTPException) as error:
            raise EamUnavailableError(f"{self._address.host} does not answer: {_reason(error)}") from error
        finally:
            connection.close()
        return self._judge(answer)

    def send_json(
        self, method: str, path: str, body: Any, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a JSON body.

        Raises:
            As `ask`.
        """
        content = {"Content-Type": "application/json", **(headers or {})}
        return self.ask(method, path, None, json.dumps(body).encode(), content)

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        pinned = resolve(host, port, is_private=self._address.is_private)
        connection = http.client.HTTPConnection(host, port, timeout=self._answer_s)
        try:
            sock = socket.create_connection((pinned, port), self._answer_s)
            connection.sock = self._tls.wrap_socket(sock, server_hostname=host) if self._tls else sock
        except OSError as error:
            raise EamUnavailableError(f"{host} cannot be reached: {_reason(error)}") from error
        return connection

    def _read(self, connection: http.client.HTTPConnection) -> Answer:
        ends_at = time.monotonic() + self._answer_s
        response = connection.getresponse()
        body = b""
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise http.client.HTTPException(f"an answer longer than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > ends_at:
                raise TimeoutError(f"its answer takes longer than {self._answer_s:g} s")
        if response.length:
            raise http.client.HTTPException("its answer broke off")
        headers = {name.lower(): value for name, value in response.getheaders()}
        cookies = tuple(response.headers.get_all("set-cookie", []))
        return Answer(response.status, headers, body, cookies)

    def _judge(self, answer: Answer) -> Answer:
        host, status = self._address.host, answer.status
        if status in _MOVED:
            raise EamAccessError(
                f"{host} sends us elsewhere ({status}); write its own address into the settings"
            )
        if status in _DENIED and answer.headers.get("x-csrf-token", "").lower() != "required":
            raise EamAccessError(f"{host} does not let us in ({status}); look at the user and the secret")
        if status >= _FIRST_FAILURE or status in _NOT_NOW:
            raise EamUnavailableError(f"{host} fails ({status})")
        return answer


def require_done(answer: Answer, problem: str) -> Answer:
    """An answer that is no refusal.

    Raises:
        EamRefusedError: it is one; says the problem.
    """
    if answer.status >= _FIRST_REFUSAL:
        raise EamRefusedError(f"refused ({answer.status}): {problem[:200] or 'no reason was given'}")
    return answer


def resolve(host: str, port: int, *, is_private: bool) -> str:
    """An address of a name; every one that it has must be allowed.

    Raises:
        EamUnavailableError: the name has none now.
        EamAccessError: one of them may not be reached.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise EamUnavailableError(f"the name {host} has no address: {_reason(error)}") from error
    addresses = list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
    for text in addresses:
        problem = forbids(text, is_private=is_private)
        if problem:
            raise EamAccessError(f"{host} is {text}, {problem}")
    return addresses[0]


def forbids(text: str, *, is_private: bool) -> str:
    """Why an address may not be reached; empty: it may.

    >>> forbids("192.0.2.1", is_private=True), forbids("1.1.1.1", is_private=False)
    ('', '')
    >>> forbids("169.254.169.254", is_private=True)
    'which is never a maintenance system'
    """
    address = _bare(ip_address(text))
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "which is never a maintenance system"
    if not address.is_global and not is_private:
        return "in a private network; set private = true if that is meant"
    return ""


def _bare(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def _make_tls(address: Address) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(address.authority) if address.authority else None)
    except OSError as error:
        raise ConfigError(f"authority: {address.authority} cannot be read: {error}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)[:120] or type(error).__name__
