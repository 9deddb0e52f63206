"""Turns templates into responses.

Rule: everything is escaped unless a template's own macro wrote it; nothing is inline that the
Content-Security-Policy would refuse.
"""

from __future__ import annotations

import copy
from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from cloud import words
from cloud.health import Health
from cloud.people import Permission, Principal
from cloud.web import plots
from cloud.web.planning_views import CATCHES


class Renderer:
    """The templates of this package, ready to use.

    Args:
        operator: Name of the site for the header; may be empty.
    """

    def __init__(self, operator: str = "") -> None:
        self._principal: Principal | None = None
        self._environment = Environment(
            loader=PackageLoader("cloud.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["utc"] = words.utc_words
        self._environment.globals.update(
            operator=operator,
            plots=plots,
            states=words.STATES,
            kinds=words.KINDS,
            defects=words.DEFECTS,
            Health=Health,
            Permission=Permission,
            catches=CATCHES,
        )

    def shown_to(self, principal: Principal) -> Renderer:
        """The same templates for somebody who is signed in, named at the top of each page."""
        shown = copy.copy(self)
        shown._principal = principal
        return shown

    def page(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A template as a response.

        Args:
            template: Path below `templates/`, without `.html`.
            status: HTTP status.
            context: What the template shows.
        """
        text = self._environment.get_template(f"{template}.html").render(me=self._principal, **context)
        return HTMLResponse(text, status_code=status)

    def error_page(self, status: int, detail: str) -> HTMLResponse:
        """A refusal for a person."""
        return self.page(
            "pages/error", status, here="", code=status, title=HTTPStatus(status).phrase, detail=detail
        )
