"""What a device asks for about its updates, and what people say of where it stands."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from cloud.api.access import PLAN, READ
from cloud.api.deps import DeviceId, OpenStoreDep, StoreDep
from cloud.api.problems import ProblemError, sentence
from cloud.api.rollout_schemas import PlaceIn, ReportList, ReportOut, place_out
from cloud.api.schemas import Problem, Responses
from cloud.store.rollout_facts import find_place, put_place
from cloud.store.rollouts import find_assignment
from cloud.store.scope import require_seen
from cloud.store.update_reports import list_reports
from ota.errors import UpdateError

router = APIRouter(prefix="/devices/{device_id}", tags=["devices"])
_ENVELOPE: Responses = {
    200: {
        "content": {"application/vnd.dsse.envelope.v1+json": {}},
        "description": "The device's newest assignment in its signed envelope",
    },
    304: {"description": "The one that `If-None-Match` names is the newest"},
    404: {"model": Problem, "description": "The device has no assignment"},
}


@router.get("/assignment", response_class=Response, responses=_ENVELOPE)
def get_assignment(
    device_id: DeviceId,
    store: OpenStoreDep,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """What the device shall run. It is signed, so that it may be fetched by whoever asks."""
    with store.session() as session:
        found = find_assignment(session, device_id)
    if found is None:
        raise ProblemError(404, f"{device_id} has no assignment.")
    tag = f'"{found.tag}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    return Response(found.envelope, media_type="application/vnd.dsse.envelope.v1+json", headers=headers)


@router.get("/updates", dependencies=READ)
def list_updates(
    device_id: DeviceId,
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many")] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only ids below this one")] = None,
) -> ReportList:
    """What the device has said of its updates, newest first; empty where it has said nothing."""
    with store.session() as session:
        require_seen(session, device_id)
        rows = list_reports(session, device_id, limit, before)
    return ReportList(reports=[ReportOut.model_validate(row) for row in rows])


@router.get("/place", dependencies=READ)
def get_place(device_id: DeviceId, store: StoreDep) -> PlaceIn:
    """Where it stands, and when it may be updated; empty where nobody has said."""
    with store.session() as session:
        require_seen(session, device_id)
        return place_out(find_place(session, device_id))


@router.put("/place", dependencies=PLAN)
def set_place(device_id: DeviceId, body: PlaceIn, store: StoreDep) -> PlaceIn:
    """Say where it stands, in place of what was said before; rollouts choose devices by its labels."""
    try:
        place = body.build()
    except UpdateError as error:
        raise ProblemError(422, sentence(error)) from error
    with store.transaction() as session:
        require_seen(session, device_id)
        put_place(session, device_id, place)
    return place_out(place)
