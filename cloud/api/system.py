"""Whether the cloud itself is well, and the live feed."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from cloud.api.access import READ
from cloud.api.deps import FeedDep, OpenStoreDep, StoreDep
from cloud.api.problems import ProblemError
from cloud.api.schemas import IngestOut, Problem, Ready
from cloud.store import queries

router = APIRouter()
probes = APIRouter(tags=["probes"])


@router.get("/ingest/health", dependencies=READ, tags=["ingest"])
def ingest_health(store: StoreDep) -> IngestOut:
    """How the road from the broker to the store is doing."""
    with store.session() as session:
        return IngestOut.model_validate(queries.ingest_health(session))


@router.get(
    "/events",
    dependencies=READ,
    tags=["live"],
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "`hello`, then `change` and `heartbeat` events",
        },
        503: {"model": Problem, "description": "Too many live connections"},
    },
)
async def events(feed: FeedDep) -> StreamingResponse:
    """Server-sent events: `change` whenever something was stored, `heartbeat` when nothing was for a while.

    An event carries no data to show; fetch what you need. A client that falls behind is dropped and should
    connect again.
    """
    if feed.is_full:
        raise ProblemError(503, "There are too many live connections; close a page or raise max_clients.")
    return StreamingResponse(
        feed.subscribe(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


@probes.get("/healthz")
def alive() -> Ready:
    """The process answers."""
    return Ready(status="ok")


@probes.get("/readyz", responses={503: {"model": Problem, "description": "The store cannot be read"}})
def ready(store: OpenStoreDep) -> Ready:
    """The process answers and can read the store."""
    with store.session() as session:
        queries.change_marker(session)
    return Ready(status="ok")
