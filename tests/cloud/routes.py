"""The routes of an app, as tests go through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from cloud.api.access import need
from cloud.people import Permission

NEEDS = {need(each, is_wide): (each, is_wide) for each in Permission for is_wide in (False, True)}


@dataclass(frozen=True, slots=True)
class Known:
    """A route, and what it asks of whoever calls."""

    method: str
    path: str
    needs: tuple[tuple[Permission, bool], ...]
    """Permissions, each with whether it is only for whoever sees all sites."""

    @property
    def name(self) -> str:
        """As a table writes it."""
        return f"{self.method} {self.path}"


def known_routes(app: FastAPI) -> list[Known]:
    """All that answer to a path, in order of their names."""
    found = []
    for route in iter_route_contexts(app.routes):
        if route.path is None or route.methods is None:
            continue  # files
        dependant = getattr(route, "dependant", None)
        needs = tuple(_needs(dependant)) if dependant else ()
        found += [Known(method, route.path, needs) for method in route.methods - {"HEAD"}]
    return sorted(found, key=lambda each: (each.path, each.method))


def _needs(dependant: Dependant) -> Iterator[tuple[Permission, bool]]:
    for each in dependant.dependencies:
        if each.call in NEEDS:
            yield NEEDS[each.call]
        yield from _needs(each)
