"""What browsers are told and asked, on every response.

Rule: a page may load, run and contact nothing but this server; a request that changes something must come
from a page of this server.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.problems import ProblemError, problem_response

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOREIGN = "Changes are accepted from this server's own pages only; open the page here and try again."
_OWN_SITES = frozenset({"same-origin", "none"})


class SecurityHeaders:
    """ASGI middleware: the headers above on every response, and no answer under a name that is not ours."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with the headers added to its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        host = Headers(scope=scope).get("host", "")
        if host_name(host) not in self._hosts:
            refusal = problem_response(
                400, f"This server is not called {host[:80]!r}; add that name to allowed_hosts."
            )
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def host_name(host: str) -> str:
    """A Host header without its port, lower case.

    >>> host_name("[::1]:8080"), host_name("Plant7:80"), host_name("localhost")
    ('[::1]', 'plant7', 'localhost')
    """
    end = host.find("]") + 1
    return (host[:end] + host[end:].partition(":")[0]).lower()


def require_own_page(request: Request) -> None:
    """Refuse a change by a browser that does not say that a page of this server asks for it.

    Raises:
        ProblemError: 403, it comes from elsewhere, or says nothing; every browser of today says it.
    """
    require_same_origin(request)
    if request.headers.get("sec-fetch-site") is None and request.headers.get("origin") is None:
        raise ProblemError(403, _FOREIGN)


def require_same_origin(request: Request) -> None:
    """Refuse a change that another site's page asks for.

    Browsers send Sec-Fetch-Site or Origin with every POST; a program that sends neither acts for itself.

    Raises:
        ProblemError: 403, the request comes from another origin.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    foreign_site = site is not None and site not in _OWN_SITES
    foreign_origin = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign_site or foreign_origin:
        raise ProblemError(403, _FOREIGN)
