"""Forecasts of remaining useful life, and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from cloud.api.access import READ
from cloud.api.deps import DeviceId, StoreDep
from cloud.api.schemas import Problem, Responses
from cloud.outcomes import MadeForecast, Outcome
from cloud.store import queries
from cloud.store.forecasts import newest_forecasts, past_forecasts
from contract.checks import LATEST

router = APIRouter(prefix="/machines/{device_id}/forecasts", tags=["forecasts"])
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such machine"}}
MadeBefore = Annotated[
    AwareDatetime | None, Query(description="Only forecasts made before, for the next page")
]
Limit = Annotated[int, Query(ge=1, le=5000, description="At most so many")]


class ForecastOut(BaseModel):
    """What is known of a component's remaining useful life."""

    component: str = Field(examples=["bearing"])
    made_at: datetime = Field(description="End of the newest data in it, the device's clock, UTC")
    model_version: str = Field(description="In the model registry", examples=["7-9f86d081884c"])
    time_unit: str = Field(description="Of every number here: h, s or cycle", examples=["h"])
    is_beyond: bool = Field(description="It most likely outlives the horizon; the numbers say only that")
    mean: float = Field(description="Expected remaining life, counted up to the horizon")
    p10: float = Field(description="10 of 100 such components fail sooner")
    p50: float = Field(description="50 of 100 such components fail sooner")
    p90: float = Field(description="90 of 100 such components fail sooner")
    horizon: float = Field(description="As far as the model sees")


class PastForecastOut(ForecastOut):
    """A forecast beside what happened."""

    failed_at: datetime | None = Field(description="When the component failed; null while it has not")
    remaining: float | None = Field(description="True remaining life; null while it is not known")
    is_covered: bool | None = Field(description="Whether that lies between p10 and p90")


class ForecastList(BaseModel):
    """The newest forecast of each component."""

    forecasts: list[ForecastOut]


class ForecastHistory(BaseModel):
    """Forecasts of all components, newest first."""

    forecasts: list[PastForecastOut]


@router.get("", dependencies=READ, responses=_NOT_FOUND)
def list_forecasts(device_id: DeviceId, store: StoreDep) -> ForecastList:
    """The newest forecast of each of a machine's components; empty before the first."""
    with store.session() as session:
        queries.get_machine(session, device_id)
        made = newest_forecasts(session, device_id)
    return ForecastList(forecasts=[ForecastOut.model_validate(_fields(each)) for each in made])


@router.get("/history", dependencies=READ, responses=_NOT_FOUND)
def list_past_forecasts(
    device_id: DeviceId, store: StoreDep, before: MadeBefore = None, limit: Limit = 500
) -> ForecastHistory:
    """A machine's forecasts with what happened, newest first."""
    with store.session() as session:
        queries.get_machine(session, device_id)
        found = past_forecasts(session, device_id, limit, before or LATEST)
    return ForecastHistory(forecasts=[_past(made, outcome) for made, outcome in found])


def _fields(made: MadeForecast) -> dict[str, object]:
    forecast = made.forecast
    numbers = {
        name: getattr(forecast, name) for name in ("mean", "p10", "p50", "p90", "horizon", "is_beyond")
    }
    names = ("component", "made_at", "model_version", "time_unit")
    return numbers | {name: getattr(made, name) for name in names}


def _past(made: MadeForecast, outcome: Outcome | None) -> PastForecastOut:
    happened = {
        "failed_at": outcome.failed_at if outcome else None,
        "remaining": outcome.remaining if outcome else None,
        "is_covered": outcome.is_covered if outcome else None,
    }
    return PastForecastOut.model_validate(_fields(made) | happened)
