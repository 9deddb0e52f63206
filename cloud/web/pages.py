"""The pages, and the fragments of them that htmx swaps in when something changed.

Rule: a page and its fragment are the same template part, so what is live is what a reload shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from cloud.access.desk import Caller
from cloud.alerts import AlertKind, AlertStatus
from cloud.api.access import READ, PrincipalDep
from cloud.api.deps import DeviceId, StoreDep
from cloud.api.problems import ProblemError
from cloud.web.life_reading import LifeReader
from cloud.web.reading import AlertChoice, PageReader
from cloud.web.render import Renderer

STATIC_FOLDER = Path(__file__).parent / "static"
_LONGEST_FORM = 16_384

router = APIRouter(include_in_schema=False)


def _reader(request: Request, store: StoreDep) -> PageReader:
    return PageReader(store, request.app.state.sparks)


def _renderer(request: Request, principal: PrincipalDep) -> Renderer:
    renderer: Renderer = request.app.state.renderer
    return renderer.shown_to(principal)


def _lives(store: StoreDep) -> LifeReader:
    return LifeReader(store)


Reader = Annotated[PageReader, Depends(_reader)]
Lives = Annotated[LifeReader, Depends(_lives)]
Render = Annotated[Renderer, Depends(_renderer)]
StatusFilter = Annotated[str, Query(pattern="^(|open|cleared)$")]
KindFilter = Annotated[str, Query(pattern="^(|anomaly|sensor_fault|drift)$")]
DeviceFilter = Annotated[str, Query(max_length=64)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


def _choice(
    status: StatusFilter = "", kind: KindFilter = "", device: DeviceFilter = "", before: Before = None
) -> AlertChoice:
    return AlertChoice(
        AlertStatus(status) if status else None, AlertKind(kind) if kind else None, device.strip(), before
    )


Choice = Annotated[AlertChoice, Depends(_choice)]


@router.get("/machines/{device_id}", dependencies=READ)
def machine_page(device_id: DeviceId, reader: Reader, lives: Lives, render: Render) -> HTMLResponse:
    """One machine."""
    page, life = reader.machine(device_id), lives.life(device_id)
    return render.page("pages/machine", here="machine", page=page, life=life, ingest=reader.ingest())


@router.get("/fragments/machines/{device_id}/life", dependencies=READ)
def machine_life(device_id: DeviceId, lives: Lives, render: Render) -> HTMLResponse:
    """What changes below the charts of its whole life."""
    return render.page("parts/life", life=lives.life(device_id))


@router.get("/fragments/machines/{device_id}", dependencies=READ)
def machine_part(device_id: DeviceId, reader: Reader, render: Render) -> HTMLResponse:
    """What changes on a machine's page, its charts apart."""
    return render.page("parts/machine", page=reader.machine(device_id))


@router.get("/fragments/machines/{device_id}/tail", dependencies=READ)
def machine_tail(device_id: DeviceId, reader: Reader, render: Render) -> HTMLResponse:
    """What changes below the charts of a machine's page."""
    return render.page("parts/machine_tail", page=reader.machine(device_id))


@router.get("/alerts", dependencies=READ)
def alerts_page(reader: Reader, render: Render, choice: Choice) -> HTMLResponse:
    """Alerts, filtered."""
    page = reader.alerts(choice)
    return render.page("pages/alerts", here="alerts", page=page, before=choice.before, ingest=reader.ingest())


@router.get("/fragments/alerts", dependencies=READ)
def alerts_part(reader: Reader, render: Render, choice: Choice) -> HTMLResponse:
    """What changes on the alert page."""
    return render.page("parts/alerts", page=reader.alerts(choice))


@router.get("/fragments/ingest", dependencies=READ)
def ingest_part(reader: Reader, render: Render) -> HTMLResponse:
    """The footer's figures."""
    return render.page("parts/ingest", ingest=reader.ingest())


async def read_who(request: Request) -> str:
    """The name of whoever sends a small urlencoded form.

    Raises:
        ProblemError: 413, the form is too long.
    """
    return (await read_form(request))["who"]


async def read_form(request: Request) -> dict[str, str]:
    """A small urlencoded form, with the name of whoever sends it as `who`; of fields of one name the first.

    Raises:
        ProblemError: 413, too long.
    """
    caller: Caller = request.state.caller
    return await read_open_form(request) | {"who": caller.principal.name}


async def read_open_form(request: Request) -> dict[str, str]:
    """A small urlencoded form from whoever sends it.

    Raises:
        ProblemError: 413, too long.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise ProblemError(413, "That is more than a form can hold; write less.")
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


class _PackageFiles(StaticFiles):
    """Files of the package: vendored ones never change under their name, our own are asked for each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_vendored = path.startswith("vendor/")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if is_vendored else "no-cache"
        )
        return response


def mount_static(app: FastAPI) -> None:
    """Serve the package's own files under /static."""
    app.mount("/static", _PackageFiles(directory=STATIC_FOLDER), name="static")
