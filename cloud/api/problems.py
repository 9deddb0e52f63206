"""How the API says no: problem+json (RFC 9457), always with a sentence that a person can act on.

Rule: every refusal of every route has this one shape, whoever raised it: our code, the router, the validator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from cloud.errors import (
    AccessError,
    AssetError,
    CaseError,
    NotFoundError,
    OrderError,
    SignInRefusedError,
    StaleError,
    TooManyTriesError,
)
from contract.errors import IndustrialGuardError
from ota.errors import RolloutError, UpdateError

PROBLEM_JSON = "application/problem+json"
_E = TypeVar("_E", bound=Exception)
_LOG = logging.getLogger(__name__)
_SHOWN_INPUT = 60
_UNAVAILABLE = "The store cannot be read at the moment; try again in a few seconds."
_STATUS: Mapping[type[Exception], int] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    SignInRefusedError: HTTPStatus.UNAUTHORIZED,
    TooManyTriesError: HTTPStatus.TOO_MANY_REQUESTS,
    AccessError: HTTPStatus.CONFLICT,
    AssetError: HTTPStatus.CONFLICT,
    CaseError: HTTPStatus.CONFLICT,
    OrderError: HTTPStatus.CONFLICT,
    RolloutError: HTTPStatus.CONFLICT,
    StaleError: HTTPStatus.CONFLICT,
}
"""Of what the rules refuse; anything else is a failure."""

ErrorPage = Callable[[int, str], Response]
"""Renders a refusal for a person: (status, detail) to a page."""


class ProblemError(IndustrialGuardError):
    """A request that is answered with a refusal.

    Args:
        status: HTTP status, 400..599.
        detail: One sentence: what is wrong and what to do.
        headers: Of the answer.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


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


def install_problems(app: FastAPI, error_page: ErrorPage) -> None:
    """Answer every error of this application as a problem, or as a page where a browser asked for a page.

    Args:
        app: The application.
        error_page: Used outside /api for whoever accepts text/html.
    """

    def refuse(request: Request, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
        is_page = request.method == "GET" and not request.url.path.startswith("/api/")
        if status == HTTPStatus.UNAUTHORIZED and not request.url.path.startswith("/api/"):
            headers = (headers or {}) | {"HX-Redirect": sign_in_path(_page_of(request))}
        if is_page and "text/html" in request.headers.get("accept", ""):
            if status == HTTPStatus.UNAUTHORIZED:
                return RedirectResponse(sign_in_path(_page_of(request)), status_code=303)
            return error_page(status, detail)
        return problem_response(status, detail, headers)

    async def refused(request: Request, error: Exception) -> Response:
        problem = _expect(ProblemError, error)
        return refuse(request, problem.status, problem.detail, problem.headers)

    async def not_routed(request: Request, error: Exception) -> Response:
        known = _expect(HTTPException, error)
        asked = f"{request.method} {request.url.path}"
        detail = f"{asked}: {str(known.detail).lower()}; /api/v1/openapi.json lists what there is."
        return refuse(request, known.status_code, detail, dict(known.headers or {}))

    async def not_valid(request: Request, error: Exception) -> Response:
        return refuse(request, 422, validation_sentence(_expect(RequestValidationError, error).errors()))

    async def failed(request: Request, error: Exception) -> Response:
        status = _status_of(error)
        if status != HTTPStatus.SERVICE_UNAVAILABLE or isinstance(error, UpdateError):
            return refuse(request, status, sentence(error))
        _LOG.error("request failed", extra={"path": request.url.path, "reason": str(error)})
        return refuse(request, status, _UNAVAILABLE, {"Retry-After": "5"})

    app.add_exception_handler(ProblemError, refused)
    app.add_exception_handler(HTTPException, not_routed)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(IndustrialGuardError, failed)


def sign_in_path(page: str) -> str:
    """Where a person signs in to see a page of this server.

    >>> sign_in_path("/alerts?status=open")
    '/sign-in?next=%2Falerts%3Fstatus%3Dopen'
    """
    return "/sign-in" if page == "/" else f"/sign-in?next={quote(page, safe='')}"


def _page_of(request: Request) -> str:
    """The page that a person looks at: what was asked for, or what htmx says asked for it."""
    url = urlsplit(request.headers.get("hx-current-url") or str(request.url))
    return f"{url.path}?{url.query}" if url.query else url.path


def _expect(kind: type[_E], error: Exception) -> _E:
    """The error as the class it was registered for; anything else is a defect and is raised."""
    if not isinstance(error, kind):
        raise error
    return error


def sentence(error: Exception) -> str:
    """An error's message as a sentence.

    >>> sentence(ValueError("no machine pump-9"))
    'No machine pump-9.'
    """
    text = str(error).strip() or type(error).__name__
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _status_of(error: Exception) -> int:
    known = (status for kind, status in _STATUS.items() if isinstance(error, kind))
    return next(known, HTTPStatus.SERVICE_UNAVAILABLE)
