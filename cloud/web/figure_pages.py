"""Pages that look back: figures, data quality, models.

Rule: as in `cloud.web.pages`; they only show, and whoever belongs to some sites sees what is of these.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response

from cloud.api.access import need
from cloud.api.deps import StoreDep, utc_now
from cloud.people import Permission, Principal
from cloud.web.data_reading import DataReader
from cloud.web.kpi_reading import DAYS, HEAD, KpiChoice, KpiReader, kpi_csv
from cloud.web.model_reading import ModelReader
from cloud.web.pages import Reader, Render

router = APIRouter(include_in_schema=False)
Me = Annotated[Principal, Depends(need(Permission.READ))]
Name = Annotated[str, Query(max_length=64)]


def _choice(
    days: Annotated[Literal["30", "90", "365"], Query()] = "90", site: Name = "", machine_type: Name = ""
) -> KpiChoice:
    return KpiChoice(int(days), site, machine_type)


def _kpis(store: StoreDep) -> KpiReader:
    return KpiReader(store, utc_now)


def _data(store: StoreDep) -> DataReader:
    return DataReader(store, utc_now)


def _models(request: Request, store: StoreDep) -> ModelReader:
    return ModelReader(store, request.app.state.registry, utc_now)


Choice = Annotated[KpiChoice, Depends(_choice)]
Kpis = Annotated[KpiReader, Depends(_kpis)]
Data = Annotated[DataReader, Depends(_data)]
Models = Annotated[ModelReader, Depends(_models)]


@router.get("/kpis")
def kpis_page(me: Me, kpis: Kpis, reader: Reader, render: Render, choice: Choice) -> HTMLResponse:
    """How well the alarms do, and how the machines do."""
    page = kpis.kpis(choice, me.sites)
    return render.page("pages/kpis", here="kpis", page=page, head=HEAD, days=DAYS, ingest=reader.ingest())


@router.get("/kpis.csv")
def kpis_csv(me: Me, kpis: Kpis, choice: Choice) -> Response:
    """The same for a spreadsheet."""
    disposition = {"Content-Disposition": 'attachment; filename="kpis.csv"'}
    return Response(kpi_csv(kpis.kpis(choice, me.sites)), media_type="text/csv", headers=disposition)


@router.get("/data")
def data_page(me: Me, data: Data, reader: Reader, render: Render) -> HTMLResponse:
    """What is wrong with the data."""
    return render.page("pages/data", here="data", page=data.data(me.sites), ingest=reader.ingest())


@router.get("/fragments/data")
def data_part(me: Me, data: Data, render: Render) -> HTMLResponse:
    """What changes there."""
    return render.page("parts/data", page=data.data(me.sites))


@router.get("/models")
def models_page(me: Me, models: Models, reader: Reader, render: Render) -> HTMLResponse:
    """Which models run where, and how they do."""
    return render.page("pages/models", here="models", page=models.models(me.sites), ingest=reader.ingest())
