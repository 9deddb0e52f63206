"""Signing in and out, for programs that act for a person."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from cloud.access.desk import Tokens
from cloud.api.access import READ, CallerDep, DeskDep, PrincipalDep, address_of
from cloud.api.access_schemas import PrincipalOut, Refresh, SignIn, TokensOut
from cloud.api.schemas import Problem, Responses
from cloud.api.security import require_same_origin

router = APIRouter(tags=["access"])
_REFUSED: Responses = {
    401: {"model": Problem, "description": "Name or password is not right, or the token does not count"}
}
_OPEN = [Depends(require_same_origin)]


@router.post("/tokens", dependencies=_OPEN, responses=_REFUSED)
def sign_in(body: SignIn, desk: DeskDep, request: Request) -> TokensOut:
    """Sign in with name and password."""
    tokens = desk.issue(body.name.strip(), body.password.get_secret_value(), address_of(request))
    request.state.signed_in = body.name.strip()
    return _out(tokens)


@router.post("/tokens/refresh", dependencies=_OPEN, responses=_REFUSED)
def refresh(body: Refresh, desk: DeskDep) -> TokensOut:
    """New tokens; the old refresh token counts no more, and if it comes again nor do the new ones."""
    return _out(desk.refresh(body.refresh_token.get_secret_value()))


@router.delete("/tokens", status_code=204, dependencies=READ)
def sign_out(caller: CallerDep, desk: DeskDep) -> None:
    """Sign out: the access token that asks, and what it could be renewed with, count no more."""
    desk.sign_out(caller.sign_in)


@router.get("/me", dependencies=READ)
def get_me(principal: PrincipalDep) -> PrincipalOut:
    """Who calls, and what they may do."""
    sites = None if principal.sites is None else sorted(principal.sites)
    return PrincipalOut(name=principal.name, role=principal.role, sites=sites)


def _out(tokens: Tokens) -> TokensOut:
    return TokensOut(access_token=tokens.access, expires_in=tokens.expires_s, refresh_token=tokens.refresh)
