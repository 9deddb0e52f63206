"""How the API says no: problem+json (RFC 9457), always with a sentence that a person can act on.

Rule: every refusal of every route has this one shape, whoever raised it: our own code, the router or the validator.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from contract.errors import IndustrialGuardError

PROBLEM_JSON = "application/problem+json"
_LOG = logging.getLogger(__name__)
_SHOWN_INPUT = 60


class ProblemError(IndustrialGuardError):
    """A request that is answered with a refusal.

    Args:
        status: HTTP status, 400..599.
        detail: One sentence: what is wrong and what to do.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def problem_response(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A refusal as RFC 9457 problem details."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM_JSON)


def validation_sentence(errors: Sequence[Any]) -> str:
    """What the validator found, in one sentence per parameter.

    >>> validation_sentence([{"loc": ("query", "limit"), "msg": "Input should be less than 5", "input": 9}])
    'query parameter limit: input should be less than 5, not 9.'
    """
    sentences = []
    for error in errors:
        where, *path = (str(part) for part in error["loc"])
        place = f"{where} parameter" if where in {"query", "path", "header"} else where
        message = str(error["msg"]).removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        given = error.get("input")
        shown = f", not {given!r:.{_SHOWN_INPUT}}" if isinstance(given, str | int | float) else ""
        sentences.append(f"{' '.join([place, *path])}: {message}{shown}.")
    return " ".join(sentences)


def install_problems(app: FastAPI) -> None:
    """Answer every error of this application as a problem."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return problem_response(error.status, error.detail)

    async def not_routed(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = f"{request.method} {request.url.path}: {str(error.detail).lower()}. See /api/v1/openapi.json."
        return problem_response(error.status_code, detail, dict(error.headers or {}))

    async def not_valid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(422, validation_sentence(error.errors()))

    async def unavailable(request: Request, error: Exception) -> Response:
        _LOG.error("request failed", extra={"path": request.url.path, "reason": str(error)})
        return problem_response(503, "The store cannot be read at the moment; try again in a few seconds.", {"Retry-After": "5"})

    app.add_exception_handler(ProblemError, refused)
    app.add_exception_handler(HTTPException, not_routed)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(IndustrialGuardError, unavailable)
