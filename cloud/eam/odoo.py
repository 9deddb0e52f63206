"""Odoo's Maintenance app.

Rule: an order is a maintenance request under an external id of ours, which `load` makes or brings up to date.
Odoo keeps external ids unique; of several that make one at the same time all but one are told so and look it
up. Every call is one transaction there. Odoo from 19 on is asked by JSON-2, older ones by XML-RPC, which goes
away in Odoo 22.
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Protocol
from xml.parsers.expat import ExpatError

from cloud.eam.contract import Capabilities, Placement
from cloud.eam.http import Answer, Web, require_done
from cloud.eam.settings import EamSettings
from cloud.errors import EamAccessError, EamRefusedError, EamUnavailableError
from cloud.triage import Urgency
from cloud.work_orders import OrderState, Said

OPTIONS = {"database": "", "api": "xmlrpc"}
"""Name of the database; `xmlrpc`, or `json2` from Odoo 19 on."""
MODULE = "industrialguard"
"""Of our external ids."""
PAGE = 200
_REQUEST, _NAMES = "maintenance.request", "ir.model.data"
_FIELDS = ["name", "stage_id", "archive", "write_date"]
_PRIORITY = {Urgency.WATCH: "0", Urgency.PLAN: "1", Urgency.SOON: "2", Urgency.NOW: "3"}
_TIME = "%Y-%m-%d %H:%M:%S"
_REFUSED_FAULT, _ACCESS_FAULTS = 2, frozenset({3, 4})
_REFUSED_STATUS = frozenset({400, 404, 422})


class Calls(Protocol):
    """How Odoo's methods are called."""

    def call(self, model: str, method: str, ids: Sequence[int] = (), **named: Any) -> Any:
        """Call a method.

        Raises:
            EamError: see the classes.
        """
        ...


class XmlRpc:
    """Up to Odoo 21.

    Args:
        web: The server.
        database: Name of its database.
        user: Who calls.
        secret: Password, or from Odoo 14 on a key.
    """

    def __init__(self, web: Web, database: str, user: str, secret: str) -> None:
        self._web = web
        self._database, self._user, self._secret = database, user, secret
        self._uid = 0

    def call(self, model: str, method: str, ids: Sequence[int] = (), **named: Any) -> Any:
        """See `Calls`."""
        if not self._uid:
            self._uid = self._sign_in()
        places = [list(ids)] if ids else []
        who = (self._database, self._uid, self._secret)
        return self._ask("object", "execute_kw", (*who, model, method, places, named))

    def _sign_in(self) -> int:
        uid = self._ask("common", "authenticate", (self._database, self._user, self._secret, {}))
        if not isinstance(uid, int) or not uid:
            raise EamAccessError("Odoo does not know this user with this secret in this database")
        return uid

    def _ask(self, service: str, method: str, parameters: tuple[Any, ...]) -> Any:
        body = xmlrpc.client.dumps(parameters, method, allow_none=True).encode()
        answer = self._web.ask("POST", f"/xmlrpc/2/{service}", None, body, {"Content-Type": "text/xml"})
        try:
            (value,), _ = xmlrpc.client.loads(answer.body, use_builtin_types=True)
        except xmlrpc.client.Fault as fault:
            raise _fault(fault) from None  # its text holds what was sent
        except (ExpatError, ValueError, xmlrpc.client.Error) as error:
            raise EamUnavailableError(f"Odoo's answer ({answer.status}) is no XML-RPC") from error
        return value


class Json2:
    """From Odoo 19 on.

    Args:
        web: The server; its headers hold key and database.
    """

    def __init__(self, web: Web) -> None:
        self._web = web

    def call(self, model: str, method: str, ids: Sequence[int] = (), **named: Any) -> Any:
        """See `Calls`."""
        body = {"ids": list(ids), **named} if ids else named
        answer = self._web.send_json("POST", f"/json/2/{model}/{method}", body)
        if answer.status in _REFUSED_STATUS:
            require_done(answer, _message(answer))
        return answer.json()


class Odoo:
    """A maintenance system.

    Args:
        calls: How it is reached.
        page_url: Where a request is seen, with `{}` for its number.
    """

    def __init__(self, calls: Calls, page_url: str) -> None:
        self._calls = calls
        self._page_url = page_url
        self._stages: Mapping[int, OrderState] = {}

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return Capabilities(is_keyed=True)

    def upsert(self, order: Placement) -> Said:
        """See `Eam`."""
        values = {
            "id": f"{MODULE}.{order.key}",
            "name": order.title,
            "equipment_id/.id": self._find_equipment(order.asset),
            "maintenance_type": "preventive",
            "priority": _PRIORITY[order.urgency],
            "description": order.text,
            "schedule_date": f"{order.due.astimezone(UTC):{_TIME}}" if order.due else "",
        }
        made = self._calls.call(_REQUEST, "load", fields=list(values), data=[list(values.values())])
        found = self.find(order.key)
        if found:  # also where another one was faster
            return found[0]
        reasons = "; ".join(str(each.get("message", "")) for each in made.get("messages", []))
        raise EamRefusedError(f"Odoo does not take it: {reasons[:200] or 'no reason was given'}")

    def find(self, key: str) -> Sequence[Said]:
        """See `Eam`; an external id names one record at most."""
        return self._read(self._keys([("name", "=", key)]))

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """See `Eam`."""
        domain = [] if time is None else [("write_date", ">=", f"{time.astimezone(UTC):{_TIME}}")]
        said: list[Said] = []
        last = 0
        while page := self._page([*domain, ("id", ">", last)]):
            ids = [each["id"] for each in page]
            said += self._read(self._keys([("res_id", "in", ids)]))
            last = ids[-1]
        return said

    def close(self, eam_id: str, note: str) -> None:
        """See `Eam`."""
        done = [stage for stage, state in self._read_stages().items() if state is OrderState.DONE]
        if not done:
            raise EamRefusedError("Odoo has no maintenance stage that means done")
        (request,) = self._calls.call(_REQUEST, "read", [int(eam_id)], fields=_FIELDS) or [None]
        if request is None:
            raise EamRefusedError(f"Odoo has no maintenance request {eam_id}")
        if self._state(request) in (OrderState.DONE, OrderState.CANCELLED):
            return
        if note:
            self._calls.call(_REQUEST, "message_post", [int(eam_id)], body=escape(note))
        self._calls.call(_REQUEST, "write", [int(eam_id)], vals={"stage_id": done[0]})

    def _page(self, domain: list[Any]) -> list[dict[str, int]]:
        named = {"domain": domain, "fields": ["id"], "limit": PAGE, "order": "id"}
        rows: list[dict[str, int]] = self._calls.call(_REQUEST, "search_read", (), **named)
        return rows

    def _keys(self, domain: list[Any]) -> dict[int, str]:
        ours = [("module", "=", MODULE), ("model", "=", _REQUEST), *domain]
        rows = self._calls.call(_NAMES, "search_read", domain=ours, fields=["name", "res_id"])
        return {row["res_id"]: row["name"] for row in rows}

    def _read(self, keys: Mapping[int, str]) -> list[Said]:
        if not keys:
            return []
        domain = [("id", "in", list(keys))]
        rows = self._calls.call(_REQUEST, "search_read", domain=domain, fields=_FIELDS, order="id")
        return [
            Said(
                key=keys[row["id"]],
                eam_id=str(row["id"]),
                state=self._state(row),
                said_at=_time(row["write_date"]),
                url=self._page_url.format(row["id"]),
            )
            for row in rows
        ]

    def _state(self, row: Mapping[str, Any]) -> OrderState:
        if row["archive"]:
            return OrderState.CANCELLED
        stage = row["stage_id"][0] if row["stage_id"] else 0
        if stage and stage not in self._stages:
            self._stages = self._read_stages()
        return self._stages.get(stage, OrderState.PLACED)

    def _read_stages(self) -> dict[int, OrderState]:
        """The first one is where requests begin; some mean done; what lies between is work."""
        rows = self._calls.call(
            "maintenance.stage", "search_read", domain=[], fields=["done"], order="sequence, id"
        )
        between = {row["id"]: OrderState.DONE if row["done"] else OrderState.STARTED for row in rows}
        first = rows[0]["id"] if rows else 0
        return between | ({first: OrderState.PLACED} if between.get(first) is OrderState.STARTED else {})

    def _find_equipment(self, asset: str) -> int | str:
        """By its serial number, else by its name; none is no reason to leave the machine alone."""
        for field in ("serial_no", "name"):
            rows = self._calls.call(
                "maintenance.equipment", "search_read", domain=[(field, "=", asset)], fields=["id"], limit=1
            )
            if rows:
                return int(rows[0]["id"])
        return ""


def open_odoo(settings: EamSettings) -> Odoo:
    """As the settings say."""
    options = {**OPTIONS, **settings.options}
    page_url = settings.address.url.rstrip("/")
    if options["api"] == "json2":
        headers = {"Authorization": f"bearer {settings.secret}"}
        if options["database"]:
            headers["X-Odoo-Database"] = options["database"]
        page = f"{page_url}/odoo/action-maintenance.hr_equipment_request_action/{{}}"
        return Odoo(Json2(Web(settings.address, headers)), page)
    page = f"{page_url}/web#id={{}}&model={_REQUEST}&view_type=form"
    web = Web(settings.address, {})
    return Odoo(XmlRpc(web, options["database"], settings.user, settings.secret), page)


def _fault(fault: xmlrpc.client.Fault) -> EamAccessError | EamRefusedError | EamUnavailableError:
    """What went wrong there: its codes are 2 for what a user may read, 3 and 4 for access, 1 for the rest."""
    text = str(fault.faultString).strip().splitlines() or ["no reason was given"]
    if fault.faultCode in _ACCESS_FAULTS:
        return EamAccessError("Odoo does not let this user do it; look at its rights")
    if fault.faultCode == _REFUSED_FAULT:
        return EamRefusedError(f"Odoo refuses: {text[0][:200]}")
    return EamUnavailableError(f"Odoo fails: {text[-1][:200]}")


def _message(answer: Answer) -> str:
    try:
        return str(answer.json().get("message", ""))
    except (AttributeError, EamUnavailableError):
        return ""


def _time(text: Any) -> datetime:
    """Odoo's time, in UTC; some versions add fractions of seconds."""
    if isinstance(text, datetime):
        return text.replace(tzinfo=UTC)
    return datetime.strptime(str(text)[:19].replace("T", " "), _TIME).replace(tzinfo=UTC)
