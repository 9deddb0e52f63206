"""The enrolment desk on the web: three routes for devices, none for people.

Rule: a process of its own beside the page, because devices must reach it from everywhere and nobody signs in.
It answers with certificates and refusals, and shows nothing of the fleet.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from cloud.api.problems import problem_response, sentence
from cloud.errors import EnrolmentRefusedError
from cloud.pki.desk import EnrolmentDesk
from contract.enrolment import (
    CLAIM_PATH,
    MAX_BODY_BYTES,
    RENEWAL_PATH,
    TRUST_PATH,
    ClaimRequest,
    Credentials,
    RenewalRequest,
    decode,
    encode,
)
from contract.errors import EnrolmentError, IndustrialGuardError

_LOG = logging.getLogger(__name__)
_JSON = "application/json"
_BUSY = "No certificates can be given at the moment; try again in a minute."
_Body = TypeVar("_Body", ClaimRequest, RenewalRequest)


def create_enrolment_app(desk: EnrolmentDesk) -> FastAPI:
    """The application."""
    app = FastAPI(title="IndustrialGuard enrolment", openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/healthz")
    def health() -> Response:
        return Response("ok", media_type="text/plain")

    @app.get(TRUST_PATH)
    def trust() -> Response:
        return Response(encode(Credentials("", desk.roots)), media_type=_JSON)

    app.post(CLAIM_PATH)(_answering(ClaimRequest, desk.claim))
    app.post(RENEWAL_PATH)(_answering(RenewalRequest, desk.renew))
    app.add_exception_handler(IndustrialGuardError, _refuse)
    return app


def _answering(
    kind: type[_Body], answer: Callable[[_Body], Credentials]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = decode(kind, await _read_body(request))
        given = await run_in_threadpool(answer, body)
        return Response(encode(given), media_type=_JSON)

    return endpoint


async def _read_body(request: Request) -> bytes:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > MAX_BODY_BYTES:
            raise EnrolmentError(f"a request has {MAX_BODY_BYTES} bytes at most")
    return data


async def _refuse(request: Request, error: Exception) -> Response:
    facts = {"path": request.url.path, "reason": str(error)}
    if isinstance(error, EnrolmentRefusedError):
        _LOG.warning("certificate refused", extra=facts)
        return problem_response(403, sentence(error))
    if isinstance(error, EnrolmentError):
        return problem_response(400, sentence(error))
    _LOG.error("request failed", extra=facts)
    return problem_response(503, _BUSY, {"Retry-After": "60"})
