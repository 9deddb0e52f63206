"""IBM Maximo, by its JSON API (`mxapiwodetail`).

Rule: an order is a work order with our key as its external reference. A `transactionid` keeps two of one
away for five minutes only, so whoever is in doubt looks for the key first. Statuses are asked for by their
internal values, because a company names its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cloud.eam.contract import Capabilities, Placement
from cloud.eam.http import Answer, Web, require_done
from cloud.eam.settings import EamSettings
from cloud.errors import EamRefusedError, EamUnavailableError
from cloud.triage import Urgency
from cloud.work_orders import KEY_PREFIX, OrderState, Said

OPTIONS = {"site": "", "worktype": "CM"}
PAGE = 100
_PATH = "/api/os/mxapiwodetail"
_SELECT = "wonum,siteid,status,changedate,externalrefid,href"
_PRIORITY = {Urgency.WATCH: 1, Urgency.PLAN: 2, Urgency.SOON: 3, Urgency.NOW: 4}
_STATES = {
    "INPRG": OrderState.STARTED,
    "COMP": OrderState.DONE,
    "CLOSE": OrderState.DONE,
    "CAN": OrderState.CANCELLED,
}
"""Every other internal value is one of waiting."""
_MAX_TITLE = 100
_DUPLICATE = 409


class Maximo:
    """A maintenance system.

    Args:
        web: The server, with our key; its path ends with `/maximo`.
        site: Of the orders, in Maximo's words.
        worktype: Of the orders.
    """

    def __init__(self, web: Web, site: str, worktype: str) -> None:
        self._web = web
        self._site = site
        self._worktype = worktype

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return Capabilities(is_keyed=False)

    def upsert(self, order: Placement) -> Said:
        """See `Eam`; one that is there stays as it is."""
        found = self.find(order.key)
        if found:
            return found[0]
        body: dict[str, Any] = {
            "description": order.title[:_MAX_TITLE],
            "description_longdescription": order.text,
            "siteid": self._site,
            "worktype": self._worktype,
            "wopriority": _PRIORITY[order.urgency],
            "assetnum": order.asset,
            "externalrefid": order.key,
        }
        if order.due:
            body["targcompdate"] = order.due.astimezone(UTC).isoformat(timespec="seconds")
        answer = self._web.send_json("POST", f"{_PATH}?lean=1", body, {"transactionid": order.key})
        if answer.status != _DUPLICATE:
            _done(answer)
        found = self.find(order.key)
        if not found:
            raise EamUnavailableError("Maximo is still at work on this order")
        return found[0]

    def find(self, key: str) -> Sequence[Said]:
        """See `Eam`."""
        return self._search(f'externalrefid="{key}"')

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """See `Eam`."""
        where = f'externalrefid="{KEY_PREFIX}%"'
        if time is not None:
            where += f' and changedate>="{time.astimezone(UTC).isoformat(timespec="seconds")}"'
        return self._search(where)

    def close(self, eam_id: str, note: str) -> None:
        """See `Eam`."""
        site = f' and siteid="{self._site}"' if self._site else ""
        members = self._pages(f'wonum="{_number(eam_id)}"{site}')
        if not members:
            raise EamRefusedError(f"Maximo has no work order {eam_id}")
        if _state(members[0]) in (OrderState.DONE, OrderState.CANCELLED):
            return
        number = urlsplit(members[0]["href"]).path.rpartition("/")[2]
        action = f"{_PATH}/{number}?lean=1&action=wsmethod%3AchangeStatus"
        _done(self._web.send_json("POST", action, {"status": "COMP", "memo": note[:50]}))

    def _search(self, where: str) -> list[Said]:
        return [
            Said(
                key=member["externalrefid"],
                eam_id=str(member["wonum"]),
                state=_state(member),
                said_at=datetime.fromisoformat(member["changedate"]).astimezone(UTC),
            )
            for member in self._pages(where)
        ]

    def _pages(self, where: str) -> list[Mapping[str, Any]]:
        members: list[Mapping[str, Any]] = []
        number = 1
        while True:
            asked = {
                **{"lean": "1", "internalvalues": "1", "oslc.select": _SELECT, "oslc.where": where},
                **{"oslc.orderBy": "+workorderid", "oslc.pageSize": str(PAGE), "pageno": str(number)},
            }
            found = _done(self._web.ask("GET", _PATH, asked)).json()
            members += found.get("member", [])
            if "nextPage" not in found.get("responseInfo", {}):
                return members
            number += 1


def open_maximo(settings: EamSettings) -> Maximo:
    """As the settings say."""
    options = {**OPTIONS, **settings.options}
    web = Web(settings.address, {"apikey": settings.secret})
    return Maximo(web, options["site"], options["worktype"])


def _state(member: Mapping[str, Any]) -> OrderState:
    return _STATES.get(member["status"], OrderState.PLACED)


def _number(eam_id: str) -> str:
    if not eam_id.replace("-", "").isalnum():
        raise EamRefusedError("that is no number of a work order")
    return eam_id


def _done(answer: Answer) -> Answer:
    """Maximo says why in `Error.message`."""
    if answer.status < 400:
        return answer
    try:
        error = answer.json().get("Error", {})
    except (AttributeError, EamUnavailableError) as reason:
        raise EamRefusedError(f"Maximo refuses ({answer.status})") from reason
    return require_done(answer, f"{error.get('reasonCode', '')} {error.get('message', '')}".strip())
