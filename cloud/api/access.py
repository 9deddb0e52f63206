"""Who calls, and what an endpoint asks of whoever does.

Rule: every route says its permission with `need`, or is on the short list of those that are open; nowhere
else is it decided who may. A browser is known by its cookie, and its changes must say that they come from a
page of this server; a program by an access token or a key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.responses import Response
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer

from cloud.access.desk import SESSION_SPAN, AccessDesk, Caller
from cloud.access.throttle import Throttle
from cloud.api.problems import ProblemError
from cloud.api.security import require_own_page, require_same_origin
from cloud.people import Permission, Principal

COOKIE = "industrialguard"
KEY_HEADER = "X-API-Key"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = HTTPBearer(auto_error=False, description="An access token, from `POST /api/v1/tokens`")
_KEY = APIKeyHeader(name=KEY_HEADER, auto_error=False, description="A program's key")
_COOKIE = APIKeyCookie(name=COOKIE, auto_error=False, description="A browser's session")
_NOBODY = "Sign in first: a page at /sign-in, a program with an access token or a key (docs/operations.md)."


def _desk(request: Request) -> AccessDesk:
    desk: AccessDesk = request.app.state.access
    return desk


DeskDep = Annotated[AccessDesk, Depends(_desk)]


def recognise(request: Request) -> Caller | None:
    """Whoever calls, by what the request brings, a token or a key before a cookie; None: nobody known."""
    desk = _desk(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return desk.by_token(token.strip())
    key, cookie = request.headers.get(KEY_HEADER), request.cookies.get(COOKIE)
    if key is not None:
        return desk.by_key(key)
    return desk.by_session(cookie) if cookie else None


def read_caller(request: Request) -> Caller:
    """Whoever calls.

    Raises:
        ProblemError: 401, nobody is recognised; 403, another site's page asks for a change; 429, too often.
    """
    caller = recognise(request)
    if caller is None:
        raise ProblemError(401, _NOBODY, {"WWW-Authenticate": "Bearer"})
    request.state.caller = caller
    if request.method not in _READING:
        (require_own_page if caller.is_browser else require_same_origin)(request)
    throttle: Throttle = request.app.state.requests
    if not throttle.take(caller.principal.name, time.monotonic()):
        raise ProblemError(429, "That is more than one caller may ask; wait a second.", {"Retry-After": "1"})
    return caller


CallerDep = Annotated[Caller, Depends(read_caller)]


def read_principal(
    caller: CallerDep,
    token: Annotated[object, Security(_BEARER)] = None,
    key: Annotated[object, Security(_KEY)] = None,
    cookie: Annotated[object, Security(_COOKIE)] = None,
) -> Principal:
    """Whoever calls, as rules and trails know them; what it may bring is said here for OpenAPI."""
    return caller.principal


PrincipalDep = Annotated[Principal, Depends(read_principal)]


def need(permission: Permission, is_fleet_wide: bool = False) -> Callable[[Principal], Principal]:
    """A dependency that lets a caller pass who holds a permission.

    Args:
        permission: Which.
        is_fleet_wide: What is done touches machines of all sites, so whoever sees only some may not.

    Raises:
        ProblemError: 403, on a call by somebody who does not hold it.
    """
    return _need(permission, is_fleet_wide)


@cache
def _need(permission: Permission, is_fleet_wide: bool) -> Callable[[Principal], Principal]:
    """One for each, so that a test can tell what a route asks for."""

    def check(principal: PrincipalDep) -> Principal:
        if not principal.may(permission):
            raise ProblemError(403, f"Your role is {principal.role}; ask an administrator for more.")
        if is_fleet_wide and principal.sites is not None:
            raise ProblemError(403, "This touches machines of all sites; ask somebody who sees all of them.")
        return principal

    return check


READ, WORK, PLAN, ADMINISTER = ([Depends(need(each))] for each in Permission)
"""What a route depends on: `@router.get("", dependencies=READ)`."""
PLAN_FLEET_WIDE = [Depends(need(Permission.PLAN, is_fleet_wide=True))]


def address_of(request: Request) -> str:
    """Where a request comes from, as the audit trail writes it."""
    return request.client.host[:64] if request.client else ""


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Have the browser keep its session; another one's, which it may have been given, is gone with that."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_SPAN.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https" or request.app.state.settings.is_behind_tls,
    )


def drop_cookie(response: Response) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
