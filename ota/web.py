"""One request to a web server; the only module that imports `urllib3`.

Rule: whoever answers is held to its name, to this server and to a time: TLS is verified, a redirect leads to
the same server or nowhere, and an answer's head comes within a deadline however slowly its bytes drip. A
certificate's dates are asked of a clock that is believed, and of no other.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import urllib.request
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from contract.errors import ConfigError
from contract.identity import IdentityFolder, client_context, explain_tls
from ota.errors import DownloadError, TooSlowError, WrongServerError

_AGENT = "industrialguard"
_MAX_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_SMALL_BYTES = 8192
"""What is read of an answer that nobody wants, to keep its connection."""
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """As whom to connect, whom to believe, and how long to wait."""

    identity: IdentityFolder | None = None
    """The device's certificate, and whom it trusts; None: as nobody, and the system's authorities."""
    ca_file: Path | None = None
    """Whom to trust instead, PEM: a public store with a device's own certificate, or the other way round."""
    connect_timeout_s: float = 15.0
    silence_timeout_s: float = 30.0
    """Longest time without a single byte, in s."""
    head_timeout_s: float = 60.0
    """Longest time until all of an answer's head is there, in s."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says, its body still to be read."""

    status: int
    headers: Mapping[str, str]
    """Asked by any spelling of a name."""
    read: Callable[[int], bytes]
    """The next bytes, at most so many, as soon as there are any; nothing: the end.

    Raises:
        DownloadError: it broke off.
    """


class Asks(Protocol):
    """Whoever can be asked for a file."""

    def get(self, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        """See `Web.get`."""
        ...


class Web:
    """Requests, one after the other, over connections that are kept; proxies come from the environment.

    Args:
        settings: Of all of them.
        is_clock_believed: Whether certificates are held to their dates.

    Raises:
        ConfigError: the identity or the authorities cannot be read.
    """

    def __init__(self, settings: WebSettings, *, is_clock_believed: bool) -> None:
        self._settings = settings
        self._context = _tls(settings)
        if not is_clock_believed:
            self._context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Ask for a file.

        Raises:
            DownloadError: the server cannot be reached.
            TooSlowError: it takes too long to answer.
            WrongServerError: another one answers, or is pointed to.
        """
        response = self._follow(url, headers)
        try:
            yield Answer(response.status, response.headers, lambda size: self._read(response, url, size))
        finally:
            self._finish(response)

    def close(self) -> None:
        """End all connections."""
        for manager in self._managers.values():
            manager.clear()

    def _follow(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        asked = url
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._ask(url, headers)
            if response.status not in _REDIRECTS:
                return response
            url = urljoin(url, response.headers.get("Location", ""))
            self._finish(response)
            if _server(url) != _server(asked):
                raise WrongServerError(
                    f"{name_of(asked)}: this server sends us to {urlsplit(url).hostname!r}; either that is "
                    "the address to give, or there is a login page in between"
                )
        raise WrongServerError(f"{name_of(asked)}: sent round in circles")

    def _ask(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        settings = self._settings
        times = urllib3.Timeout(connect=settings.connect_timeout_s, read=settings.silence_timeout_s)
        with self._deadline(url), _network_errors(url):
            return self._manager(url).request(
                "GET",
                url,
                headers={"User-Agent": _AGENT, "Accept-Encoding": "identity", **headers},
                timeout=times,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )

    def _read(self, response: urllib3.BaseHTTPResponse, url: str, size: int) -> bytes:
        with _network_errors(url):
            return response.read1(size)

    def _finish(self, response: urllib3.BaseHTTPResponse) -> None:
        """Keep the connection when there is little left to read on it; end it otherwise."""
        left = response.length_remaining
        if not response.closed and left is not None and left <= _SMALL_BYTES:
            with suppress(DownloadError), self._deadline(""), _network_errors(""):
                while response.read1(_SMALL_BYTES):
                    pass
        if not response.closed:
            response.close()
        response.release_conn()

    def _manager(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxies = {} if urllib.request.proxy_bypass(parts.hostname or "") else urllib.request.getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
        if proxy not in self._managers:
            self._managers[proxy] = self._make_manager(proxy)
        return self._managers[proxy]

    def _make_manager(self, proxy: str) -> urllib3.PoolManager:
        if not proxy:
            manager = urllib3.PoolManager(maxsize=1, ssl_context=self._context)
        else:
            user = urlsplit(proxy).username
            password = urlsplit(proxy).password or ""
            secret = f"{unquote(user)}:{unquote(password)}" if user else None
            proxy_headers = urllib3.make_headers(proxy_basic_auth=secret) if secret else None
            manager = urllib3.ProxyManager(
                proxy, proxy_headers=proxy_headers, maxsize=1, ssl_context=self._context
            )
        _watch(manager, self._sockets.add)
        return manager

    @contextmanager
    def _deadline(self, url: str) -> Iterator[None]:
        """Cut the connection of what takes too long; a socket's own timeout starts anew with each byte."""
        is_over = threading.Event()
        timer = threading.Timer(self._settings.head_timeout_s, self._cut, [is_over])
        timer.daemon = True
        timer.start()
        cause: DownloadError | None = None
        try:
            yield
        except DownloadError as error:
            cause = error
        finally:
            timer.cancel()
            timer.join()
        if is_over.is_set():  # a head that is cut off may look whole
            raise TooSlowError(f"{name_of(url)}: the server does not come to the point") from cause
        if cause is not None:
            raise cause

    def _cut(self, is_over: threading.Event) -> None:
        is_over.set()
        for connection in list(self._sockets):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def require_address(url: str) -> str:
    """A server's address as it may be used.

    Raises:
        ConfigError: it cannot be.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ConfigError("an update server's address must be https://HOST[:PORT][/PATH], without a password")
    return url.rstrip("/") + "/"


def name_of(url: str) -> str:
    """A file as messages call it: without what may be secret."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{parts.path}"[:200]


def _tls(settings: WebSettings) -> ssl.SSLContext:
    try:
        if settings.ca_file is None:
            context = client_context(settings.identity)
        else:
            context = ssl.create_default_context(cafile=str(settings.ca_file))
            if settings.identity is not None:
                context.load_cert_chain(str(settings.identity.pair))
    except OSError as error:
        raise ConfigError(f"the update server cannot be verified: {error}") from error
    return context


def _server(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _watch(manager: urllib3.PoolManager, seen: Callable[[socket.socket], None]) -> None:
    """Have every new connection's socket told."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            seen(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            seen(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Make errors of the network ours.

    Raises:
        DownloadError: or one of its kinds.
    """
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        raise WrongServerError(f"{name_of(url)}: {explain_tls(_first_cause(error))}") from error
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        raise DownloadError(f"{name_of(url)}: {_in_words(error)}") from error


def _first_cause(error: Exception) -> Exception:
    """The error of the TLS library inside an error of urllib3."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, Exception) else error


def _in_words(error: Exception) -> str:
    """Without addresses of objects, which urllib3 puts before its sentences."""
    if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError):
        return "the server cannot be reached"
    if isinstance(error, urllib3.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return "the server is silent"
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return "the connection broke off"
    return f"no usable answer ({type(error).__name__})"
