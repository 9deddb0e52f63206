"""The maintenance system: how it stands, and where it calls in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from cloud.api.access import PLAN, READ
from cloud.api.deps import OpenStoreDep, StoreDep, utc_now
from cloud.api.order_schemas import EamOut, Received, StatusIn, eam_out
from cloud.api.problems import ProblemError, sentence, validation_sentence
from cloud.api.schemas import Problem, Responses
from cloud.eam.settings import EamSettings
from cloud.eam.signing import HEADER, require_signed
from cloud.errors import EamRefusedError, NotFoundError
from cloud.store.database import Database
from cloud.store.eam_boxes import InboxState, list_connections, list_errands, list_inbox, receive, revive
from cloud.work_orders import OrderState, Said

router = APIRouter(prefix="/eam", tags=["work orders"])
MAX_CALL_BYTES = 16_384
SHOWN = 500
_INBOX: Responses = {
    401: {"model": Problem, "description": "It is not signed, or not freshly"},
    404: {"model": Problem, "description": "Nobody calls in here: no inbox_secret is set"},
    413: {"model": Problem, "description": "It is too long"},
}
_SHAPE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": StatusIn.model_json_schema()}},
    }
}


@router.get("", dependencies=READ)
def get_eam(store: StoreDep) -> EamOut:
    """What waits for the maintenance system, what it said and nobody could take, and whether it answers."""
    with store.session() as session:
        return eam_out(
            list_connections(session),
            list_errands(session, SHOWN),
            list_inbox(session, InboxState.DEAD, SHOWN),
        )


@router.post(
    "/letters/{letter_id}/retry",
    status_code=204,
    dependencies=PLAN,
    responses={404: {"model": Problem, "description": "No such dead letter"}},
)
def post_retry(letter_id: Annotated[int, Path(ge=1, le=2**63 - 1)], store: StoreDep) -> None:
    """Take something again that could not be taken."""
    with store.transaction() as session:
        if not revive(session, letter_id):
            raise NotFoundError(f"there is no dead letter {letter_id}")


@router.post("/inbox", status_code=202, responses=_INBOX, openapi_extra=_SHAPE)
async def post_inbox(
    request: Request,
    store: OpenStoreDep,
    signature: Annotated[str, Header(alias=HEADER, max_length=200, description="`t=SECONDS,v1=HEX`")] = "",
) -> Received:
    """Where the maintenance system says what became of an order; signed with the shared secret."""
    settings: EamSettings | None = request.app.state.eam
    if settings is None or not settings.inbox_secret:
        raise ProblemError(
            404, "Nobody calls in here: set inbox_secret in the file of the maintenance system."
        )
    body = await _read(request)
    try:
        require_signed(settings.inbox_secret, signature, body, utc_now())
    except EamRefusedError as error:
        raise ProblemError(401, sentence(error)) from error
    try:
        said = StatusIn.model_validate_json(body)
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise ProblemError(422, validation_sentence(found)) from error
    return Received(is_new=await run_in_threadpool(_keep, store, settings.name, said))


def _keep(store: Database, eam: str, said: StatusIn) -> bool:
    call = Said(
        said.key, said.order_id, OrderState(said.status), said.said_at, said.url, message_id=f"call:{said.id}"
    )
    with store.transaction() as session:
        return bool(receive(session, eam, [call], utc_now()))


async def _read(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_CALL_BYTES:
            raise ProblemError(413, f"A call has at most {MAX_CALL_BYTES} bytes.")
    return body
