"""Request Tracker 5, by REST 2.0.

Rule: an order is a ticket whose subject begins with our key in brackets. RT keeps no key unique: whoever is
in doubt looks for it before making it. Its times are whole seconds in UTC.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cloud.eam.contract import Capabilities, Placement
from cloud.eam.http import Answer, Web, require_done
from cloud.eam.settings import EamSettings
from cloud.errors import EamRefusedError, EamUnavailableError
from cloud.triage import Urgency
from cloud.work_orders import KEY_PREFIX, OrderState, Said, find_key

OPTIONS = {"queue": "General"}
PAGE = 100
_PRIORITY = {Urgency.WATCH: 20, Urgency.PLAN: 40, Urgency.SOON: 70, Urgency.NOW: 90}
_STATES = {
    "new": OrderState.PLACED,
    "open": OrderState.STARTED,
    "stalled": OrderState.STARTED,
    "resolved": OrderState.DONE,
    "rejected": OrderState.CANCELLED,
    "deleted": OrderState.CANCELLED,
}
_OVER = frozenset({"resolved", "rejected", "deleted"})
_FIELDS = "Subject,Status,LastUpdated"
_TIME = "%Y-%m-%d %H:%M:%S"


class RequestTracker:
    """A maintenance system.

    Args:
        web: The server, with who we are.
        queue: Where tickets go.
        page_url: Where a ticket is seen, with `{}` for its number.
    """

    def __init__(self, web: Web, queue: str, page_url: str) -> None:
        self._web = web
        self._queue = queue
        self._page_url = page_url

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return Capabilities(is_keyed=False)

    def upsert(self, order: Placement) -> Said:
        """See `Eam`; one that is there stays as it is."""
        found = self.find(order.key)
        return found[0] if found else self._create(order)

    def find(self, key: str) -> Sequence[Said]:
        """See `Eam`."""
        return [each for each in self._search(f"Subject LIKE '[{key}]'") if each.key == key]

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """See `Eam`."""
        query = f"Subject LIKE '[{KEY_PREFIX}'"
        if time is not None:
            query += f" AND LastUpdated >= '{time.astimezone(UTC):{_TIME}}'"
        return self._search(query)

    def close(self, eam_id: str, note: str) -> None:
        """See `Eam`."""
        ticket = _done(self._web.ask("GET", f"/REST/2.0/ticket/{int(eam_id)}")).json()
        if ticket["Status"] in _OVER:
            return
        if note:
            self._send("POST", f"/REST/2.0/ticket/{int(eam_id)}/comment", _text("Content", note))
        self._send("PUT", f"/REST/2.0/ticket/{int(eam_id)}", {"Status": "resolved"})

    def _create(self, order: Placement) -> Said:
        body = {
            "Queue": self._queue,
            "Subject": f"[{order.key}] {order.title}",
            "Priority": _PRIORITY[order.urgency],
            **_text("Content", f"{order.text}\n\nMachine: {order.asset}"),
        }
        if order.due:
            body["Due"] = f"{order.due.astimezone(UTC):{_TIME}}"
        number = int(self._send("POST", "/REST/2.0/ticket", body).json()["id"])
        ticket = _done(self._web.ask("GET", f"/REST/2.0/ticket/{number}")).json()
        return self._said({**ticket, "id": number})

    def _search(self, query: str) -> list[Said]:
        said: list[Said] = []
        number, pages = 1, 1
        while number <= pages:
            asked = {
                **{"query": query, "fields": _FIELDS, "orderby": "id", "order": "ASC"},
                **{"per_page": str(PAGE), "page": str(number)},
            }
            found = _done(self._web.ask("GET", "/REST/2.0/tickets", asked)).json()
            said += [self._said(item) for item in found["items"] if find_key(item["Subject"])]
            pages = int(found.get("pages") or 0)
            number += 1
        return said

    def _said(self, item: Mapping[str, Any]) -> Said:
        number = int(item["id"])
        return Said(
            key=find_key(item["Subject"]),
            eam_id=str(number),
            state=_STATES.get(item["Status"], OrderState.STARTED),
            said_at=datetime.fromisoformat(item["LastUpdated"]).astimezone(UTC),
            url=self._page_url.format(number),
        )

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        return _done(self._web.send_json(method, path, body))


def open_rt(settings: EamSettings) -> RequestTracker:
    """As the settings say: with a user the secret is a password, without one a token."""
    if settings.user:
        pair = base64.b64encode(f"{settings.user}:{settings.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
    else:
        headers = {"Authorization": f"token {settings.secret}"}
    page_url = f"{settings.address.url.rstrip('/')}/Ticket/Display.html?id={{}}"
    queue = {**OPTIONS, **settings.options}["queue"]
    return RequestTracker(Web(settings.address, headers), queue, page_url)


def _text(name: str, text: str) -> dict[str, str]:
    return {name: text, "ContentType": "text/plain"}


def _done(answer: Answer) -> Answer:
    """RT says 400 to what it does not take, with a message."""
    if answer.status < 400:
        return answer
    try:
        message = answer.json().get("message", "")
    except (AttributeError, EamUnavailableError) as error:
        raise EamRefusedError(f"Request Tracker refuses ({answer.status})") from error
    return require_done(answer, str(message))
