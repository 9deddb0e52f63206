"""The plant's machines, and which device watches which."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from cloud.api.access import ADMINISTER, READ, PrincipalDep
from cloud.api.asset_schemas import AssetIn, AssetOut, AssetPage, DeviceIn, ImportOut, MappingOut
from cloud.api.csv_body import CSV_BODY, CsvText
from cloud.api.deps import StoreDep
from cloud.api.problems import ProblemError, sentence
from cloud.api.schemas import Problem, Responses
from cloud.api.sites import require_site
from cloud.asset_desk import import_assets
from cloud.assets import TAG_PATTERN
from cloud.errors import RecordRefusedError
from cloud.store.assets import (
    count_mapping,
    find_assets,
    list_assets,
    map_device,
    read_asset,
    remove_asset,
    save_assets,
    unmapped_devices,
)
from contract.errors import DataError

router = APIRouter(prefix="/assets", tags=["assets"])
Tag = Annotated[
    str,
    Path(
        description="Name of the machine in the plant",
        examples=["P-101"],
        max_length=64,
        pattern=f"^{TAG_PATTERN.pattern}$",
    ),
]
Limit = Annotated[int, Query(ge=1, le=5000, description="At most so many")]
After = Annotated[str, Query(max_length=64, description="Only those behind it: `next_after`")]
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such asset"}}
_REFUSALS: Responses = {
    403: {"model": Problem, "description": "Your role or your sites do not allow it"},
    409: {"model": Problem, "description": "The device watches another asset"},
    422: {"model": Problem, "description": "A value cannot be right; the detail says which"},
}


@router.get("", dependencies=READ)
def list_all(
    store: StoreDep,
    principal: PrincipalDep,
    site: Annotated[str | None, Query(max_length=40, description="Only of this site")] = None,
    limit: Limit = 1000,
    after: After = "",
) -> AssetPage:
    """Assets by tag."""
    sites = principal.sites
    if site is not None:
        require_site(principal, site)
        sites = frozenset({site})
    with store.session() as session:
        found = list_assets(session, sites, limit, after)
    next_after = found[-1].tag if len(found) == limit else None
    return AssetPage(assets=[AssetOut.of(each) for each in found], next_after=next_after)


@router.get("/mapping", dependencies=READ)
def get_mapping(
    store: StoreDep, principal: PrincipalDep, limit: Limit = 1000, after: After = ""
) -> MappingOut:
    """Devices that watch nothing, and how many assets nothing watches."""
    with store.session() as session:
        counts = count_mapping(session, principal.sites)
        devices = unmapped_devices(session, limit, after) if principal.sees("") else []
    return MappingOut(
        assets=counts.assets,
        unwatched=counts.unwatched,
        unmapped=counts.unmapped,
        unmapped_devices=devices,
        next_after=devices[-1] if len(devices) == limit else None,
    )


@router.post(
    "/import",
    dependencies=ADMINISTER,
    openapi_extra=CSV_BODY,
    responses={**_REFUSALS, 413: {"model": Problem, "description": "The list is too long; split it"}},
)
def post_import(
    text: CsvText,
    store: StoreDep,
    principal: PrincipalDep,
    dry_run: Annotated[bool, Query(description="Change nothing, and say what would change")] = False,
) -> ImportOut:
    """Take a list over, whole or not at all; 200 also where it has faults, which the answer names."""
    return ImportOut.of(import_assets(store, text, dry_run, principal.sites), dry_run)


@router.get("/{tag}", dependencies=READ, responses=_NOT_FOUND)
def get_asset(tag: Tag, store: StoreDep, principal: PrincipalDep) -> AssetOut:
    """One asset."""
    with store.session() as session:
        return AssetOut.of(read_asset(session, tag, principal.sites))


@router.put("/{tag}", dependencies=ADMINISTER, responses=_REFUSALS)
def put_asset(tag: Tag, body: AssetIn, store: StoreDep, principal: PrincipalDep) -> AssetOut:
    """Add an asset, or put this in its place; the same again changes nothing."""
    try:
        asset = body.build_asset(tag)
        require_site(principal, asset.place.site)
        with store.transaction() as session:
            for before in find_assets(session, [tag]).values():
                require_site(principal, before.place.site)
            save_assets(session, [asset])
    except DataError as error:
        raise ProblemError(422, sentence(error)) from error
    except RecordRefusedError as error:
        detail = f"{asset.device_id} is not known, or watches another asset; look at /api/v1/assets/mapping."
        raise ProblemError(409, detail) from error
    return AssetOut.of(asset)


@router.put("/{tag}/device", dependencies=ADMINISTER, responses={**_NOT_FOUND, **_REFUSALS})
def put_device(tag: Tag, body: DeviceIn, store: StoreDep, principal: PrincipalDep) -> AssetOut:
    """Say which device watches it."""
    with store.transaction() as session:
        require_site(principal, read_asset(session, tag).place.site)
        return AssetOut.of(map_device(session, tag, body.device_id))


@router.delete("/{tag}", dependencies=ADMINISTER, responses=_NOT_FOUND, status_code=204)
def delete_asset(tag: Tag, store: StoreDep, principal: PrincipalDep) -> Response:
    """Take it out of the plant; what its device has seen stays."""
    with store.transaction() as session:
        read_asset(session, tag, principal.sites)
        remove_asset(session, tag)
    return Response(status_code=204)
