"""SAP S/4HANA Plant Maintenance, by OData (`API_MAINTNOTIFICATION`, then `API_MAINTENANCEORDER`).

Rule: what we found is a notification, whose short text begins with our key; what shall be done about it is an
order of its own that names the notification. Both are looked for before they are made, because SAP keeps no
key of ours unique. A change needs a token that goes with a session, and an existing object's ETag. How it
stands is said by the order where there is one, else by the notification. Closing is left to people there: a
notification asks for more than we know.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.eam.contract import Capabilities, Placement
from cloud.eam.http import Answer, Web, require_done
from cloud.eam.settings import EamSettings
from cloud.errors import EamRefusedError, EamUnavailableError
from cloud.triage import Urgency
from cloud.work_orders import KEY_PREFIX, OrderState, Said, find_key

OPTIONS = {"client": "", "notification_type": "M1", "order_type": "", "plant": "", "work_center": ""}
"""Without an order type a planner in SAP makes the order."""
PAGE = 100
_NOTES = "/sap/opu/odata/sap/API_MAINTNOTIFICATION/MaintenanceNotification"
_ORDERS = "/sap/opu/odata/sap/API_MAINTENANCEORDER;v=0002/MaintenanceOrder"
_MAX_TITLE = 40
_PRIORITY = {Urgency.NOW: "1", Urgency.SOON: "2", Urgency.PLAN: "3", Urgency.WATCH: "4"}
_NOTE_STATES = {"3": OrderState.STARTED, "4": OrderState.DONE, "5": OrderState.CANCELLED}
"""By processing phase: 1 outstanding, 2 postponed, 3 in process, 4 completed, 5 marked for deletion."""
_EXECUTION, _AFTER = "07", "08"
"""Phases of an order: from execution on it is worked on, after it it is done."""
_DATE = re.compile(r"/Date\((-?\d+)[+-]?\d*\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CSRF = "x-csrf-token"
_STALE = 412
_CSRF_REQUIRED = 403


class Sap:
    """A maintenance system.

    Args:
        web: The server, with who we are.
        options: See `OPTIONS`.
        page_url: Where a notification is seen, with `{}` for its number.
    """

    def __init__(self, web: Web, options: Mapping[str, str], page_url: str) -> None:
        self._web = web
        self._options = options
        self._page_url = page_url
        self._session: dict[str, str] = {}

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return Capabilities(is_keyed=False, can_close=False)

    def upsert(self, order: Placement) -> Said:
        """See `Eam`."""
        found = self._find(order.key)
        note = found[0] if found else self._create_note(order)
        if note["MaintPriority"] != _PRIORITY[order.urgency]:
            self._raise_priority(note, _PRIORITY[order.urgency])
        if self._options["order_type"] and not self._order_of(note):
            self._create_order(note, order)
        return self._said(note)

    def find(self, key: str) -> Sequence[Said]:
        """See `Eam`."""
        return [self._said(note) for note in self._find(key)]

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """See `Eam`; an order changes without its notification, so both are asked."""
        ours = f"startswith(NotificationText,'{KEY_PREFIX}')"
        if time is None:
            return [self._said(note) for note in self._pages(_NOTES, ours)]
        since = f"LastChangeDateTime ge datetimeoffset'{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
        notes = {note["MaintenanceNotification"]: note for note in self._pages(_NOTES, f"{ours} and {since}")}
        for order in self._pages(_ORDERS, f"{since} and MaintenanceNotification ne ''"):
            number = order["MaintenanceNotification"]
            if find_key(order["MaintenanceOrderDesc"]) and number not in notes:
                notes[number] = _done(self._web.ask("GET", f"{_NOTES}('{number}')")).json()["d"]
        return [self._said(note) for note in notes.values()]

    def close(self, eam_id: str, note: str) -> None:
        """Never asked for; see `capabilities`."""
        raise EamRefusedError(f"notification {eam_id} is completed in SAP, with the finding")

    def _find(self, key: str) -> list[Mapping[str, Any]]:
        notes = self._pages(_NOTES, f"startswith(NotificationText,'{key}')")
        return [note for note in notes if find_key(note["NotificationText"]) == key]

    def _create_note(self, order: Placement) -> Mapping[str, Any]:
        body = {
            "NotificationType": self._options["notification_type"],
            "NotificationText": f"{order.key} {order.title}"[:_MAX_TITLE],
            "MaintNotifLongTextForEdit": order.text,
            "MaintPriority": _PRIORITY[order.urgency],
            "TechnicalObject": order.asset,
            "TechObjIsEquipOrFuncnlLoc": "EAMS_EQUI",
        }
        made: Mapping[str, Any] = self._change("POST", _NOTES, body).json()["d"]
        return made

    def _create_order(self, note: Mapping[str, Any], order: Placement) -> None:
        body = {
            "MaintenanceOrderType": self._options["order_type"],
            "MaintenanceOrderDesc": f"{order.key} {order.title}"[:_MAX_TITLE],
            "MaintenanceNotification": note["MaintenanceNotification"],
            "Equipment": order.asset,
            "MaintenancePlanningPlant": self._options["plant"],
            "MainWorkCenter": self._options["work_center"],
        }
        self._change("POST", _ORDERS, {name: value for name, value in body.items() if value})

    def _raise_priority(self, note: Mapping[str, Any], priority: str) -> None:
        number, tag = note["MaintenanceNotification"], note["__metadata"].get("etag", "*")
        self._change("PATCH", f"{_NOTES}('{number}')", {"MaintPriority": priority}, {"If-Match": tag})

    def _order_of(self, note: Mapping[str, Any]) -> Mapping[str, Any] | None:
        orders = self._pages(_ORDERS, f"MaintenanceNotification eq '{note['MaintenanceNotification']}'")
        return orders[0] if orders else None

    def _said(self, note: Mapping[str, Any]) -> Said:
        order = self._order_of(note)
        times = [_time(each["LastChangeDateTime"]) for each in (note, order) if each is not None]
        number = note["MaintenanceNotification"]
        return Said(
            key=find_key(note["NotificationText"]),
            eam_id=number,
            state=_state(note, order),
            said_at=max(times),
            url=self._page_url.format(number),
        )

    def _pages(self, path: str, where: str) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        while True:
            asked = {"$filter": where, "$top": str(PAGE), "$skip": str(len(rows)), "$format": "json"}
            page = _done(self._web.ask("GET", path, self._with_client(asked))).json()["d"]["results"]
            rows += page
            if len(page) < PAGE:
                return rows

    def _change(
        self, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Change something; a token that is too old is fetched once more."""
        for _ in range(2):
            if not self._session:
                self._session = self._open_session()
            answer = self._web.send_json(method, path, body, {**self._session, **(headers or {})})
            if answer.status != _CSRF_REQUIRED:
                break
            self._session = {}
        if answer.status == _STALE:
            raise EamUnavailableError("somebody changes the same notification in SAP now")
        return _done(answer)

    def _open_session(self) -> dict[str, str]:
        answer = self._web.ask("GET", _NOTES, self._with_client({"$top": "0"}), None, {_CSRF: "Fetch"})
        cookies = "; ".join(each.partition(";")[0] for each in answer.cookies)
        return {_CSRF: answer.headers.get(_CSRF, ""), "Cookie": cookies}

    def _with_client(self, asked: dict[str, str]) -> dict[str, str]:
        return asked | ({"sap-client": self._options["client"]} if self._options["client"] else {})


def open_sap(settings: EamSettings) -> Sap:
    """As the settings say."""
    pair = base64.b64encode(f"{settings.user}:{settings.secret}".encode()).decode()
    web = Web(settings.address, {"Authorization": f"Basic {pair}"})
    page = "/sap/bc/ui2/flp#MaintenanceNotification-displayFactSheet?MaintenanceNotification={}"
    return Sap(web, {**OPTIONS, **settings.options}, settings.address.url.rstrip("/") + page)


def _state(note: Mapping[str, Any], order: Mapping[str, Any] | None) -> OrderState:
    by_note = _NOTE_STATES.get(note["NotifProcessingPhase"], OrderState.PLACED)
    if order is None or by_note in (OrderState.DONE, OrderState.CANCELLED):
        return by_note
    phase = order.get("MaintOrdProcessPhaseCode", "")
    if phase >= _AFTER:
        return OrderState.DONE
    return OrderState.STARTED if phase == _EXECUTION else OrderState.PLACED


def _time(text: str) -> datetime:
    """OData's `/Date(1700000000000+0000)/`, in milliseconds since the epoch."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise EamUnavailableError("SAP's answer has a time that is none")
    return _EPOCH + timedelta(milliseconds=int(found.group(1)))


def _done(answer: Answer) -> Answer:
    """SAP says why in `error.message.value`."""
    if answer.status < 400:
        return answer
    try:
        message = answer.json()["error"]["message"]["value"]
    except (KeyError, TypeError, EamUnavailableError) as error:
        raise EamRefusedError(f"SAP refuses ({answer.status})") from error
    return require_done(answer, str(message))
