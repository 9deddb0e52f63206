"""Small HTTP servers that answer as the documents of their makers say, with what is odd about them.

Rule: of each only what an adapter can rely on. Maximo: 409 for a `transactionid` that it has seen within five
minutes, which it then forgets; statuses by internal value only where asked for. SAP: two objects, a token
that goes with a cookie and gets too old, ETags, short texts of 40 characters. Odoo 19: a key, one object a
call, errors with a name and a message. What is signed is checked.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from cloud.eam.signing import HEADER, require_signed

SECRET = "a secret of the tests"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RefusalError(Exception):
    """Another answer than 200."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


class SmallServer:
    """What it has, and how it answers."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.now = datetime(2026, 3, 2, 8, tzinfo=UTC)
        self.breaks_off = False
        """Whether the connection breaks after the next change was made."""
        self.headers: dict[str, str] = {}

    def tick(self) -> datetime:
        """A later time."""
        self.now += timedelta(seconds=1)
        return self.now

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The body of an answer, and its headers where there are any."""
        raise NotImplementedError

    def say(self, eam_id: str, word: str) -> None:
        """Somebody there sets a status: `started`, `done` or `cancelled`."""
        raise NotImplementedError


@contextmanager
def serving(server: SmallServer) -> Iterator[str]:
    """Its address, as long as the block runs."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            status, headers = 200, {}
            with lock:
                server.headers = {name.lower(): value for name, value in self.headers.items()}
                server.headers["raw"] = raw.decode()
                try:
                    found = server.answer(
                        self.command, parts.path, dict(parse_qsl(parts.query)), json.loads(raw or b"null")
                    )
                except RefusalError as refusal:
                    status, found, headers = refusal.status, refusal.body, refusal.headers
                if isinstance(found, tuple):
                    found, headers = found
                if server.breaks_off and self.command != "GET":
                    server.breaks_off = False
                    self.close_connection = True
                    return
            content = json.dumps(found).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


class Maximo(SmallServer):
    """IBM Maximo Manage, `mxapiwodetail` with `lean=1`."""

    OWN: ClassVar = {"WAPPR": "WAITAPP", "INPRG": "IN_WORK", "COMP": "COMPLETE", "CAN": "CANCELLED"}
    """What this company calls them."""
    WORDS: ClassVar = {"started": "INPRG", "done": "COMP", "cancelled": "CAN"}

    def __init__(self) -> None:
        super().__init__()
        self.transactions: dict[str, datetime] = {}

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """See `SmallServer`."""
        if self.headers.get("apikey") != SECRET:
            raise RefusalError(401, {"Error": {"reasonCode": "BMXAA7901E", "message": "no"}})
        if method == "GET":
            return self._search(query)
        if "action" in query:
            row = self.rows[int(path.rpartition("/")[2].removeprefix("_"))]
            row |= {"status": body["status"], "changedate": self.tick().isoformat(), "memo": body["memo"]}
            return {}
        if len(body["description"]) > 100:
            raise RefusalError(
                400, {"Error": {"reasonCode": "BMXAA4049E", "message": "The value is too long"}}
            )
        seen = self.transactions.get(self.headers["transactionid"])
        if seen is not None and self.now - seen < timedelta(minutes=5):
            raise RefusalError(409, {"Error": {"reasonCode": "BMXAA8229W", "message": "in process"}})
        self.transactions[self.headers["transactionid"]] = self.now
        number = len(self.rows)
        self.rows.append(
            body
            | {"wonum": str(1001 + number), "status": "WAPPR", "changedate": self.tick().isoformat()}
            | {"href": f"http://maximo/maximo/api/os/mxapiwodetail/{number}"}
        )
        return {}

    def say(self, eam_id: str, word: str) -> None:
        """See `SmallServer`."""
        self.rows[int(eam_id) - 1001] |= {"status": self.WORDS[word], "changedate": self.tick().isoformat()}

    def _search(self, query: dict[str, str]) -> Any:
        found = [row for row in self.rows if self._matches(row, query["oslc.where"])]
        if query.get("internalvalues") != "1":
            found = [row | {"status": self.OWN[row["status"]]} for row in found]
        size, number = int(query["oslc.pageSize"]), int(query["pageno"])
        page: dict[str, Any] = {"member": found[(number - 1) * size : number * size], "responseInfo": {}}
        if number * size < len(found):
            page["responseInfo"] = {"nextPage": {"href": "http://elsewhere/"}}
        return page

    @staticmethod
    def _matches(row: dict[str, Any], where: str) -> bool:
        for name, operator, value in re.findall(r'(\w+)(>=|=)"([^"]*)"', where):
            held = str(row.get(name, ""))
            if operator == ">=":
                if datetime.fromisoformat(held) < datetime.fromisoformat(value):
                    return False
            elif not re.fullmatch(re.escape(value).replace("%", ".*"), held):
                return False
        return True


class Sap(SmallServer):
    """SAP S/4HANA, OData 2: notifications, and orders that name them."""

    TOKEN, COOKIE = "token-", "SAP_SESSIONID=1"

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[dict[str, Any]] = []
        self.sessions = 0

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """See `SmallServer`."""
        if not self.headers.get("authorization", "").startswith("Basic "):
            raise RefusalError(401, {})
        rows = self.orders if "API_MAINTENANCEORDER;v=0002" in path else self.rows
        if method == "GET":
            return self._read(rows, path, query)
        self._require_token()
        if method == "PATCH":
            (row,) = [row for row in self.rows if path.endswith(f"('{row['MaintenanceNotification']}')")]
            if self.headers.get("if-match") != row["__metadata"]["etag"]:
                raise RefusalError(412, {"error": {"message": {"value": "precondition failed"}}})
            self._touch(row, body)
            return {}
        text = body.get("NotificationText", body.get("MaintenanceOrderDesc", ""))
        if len(text) > 40:
            raise RefusalError(400, {"error": {"message": {"value": "Property has an invalid length"}}})
        number = str(10000001 + len(rows))
        first = {"MaintenanceOrder": number, "MaintOrdProcessPhaseCode": "03"}
        if rows is self.rows:
            first = {"MaintenanceNotification": number, "NotifProcessingPhase": "1"}
        row = {**body, **first}
        rows.append(row)
        self._touch(row, {})
        return {"d": row}

    def say(self, eam_id: str, word: str) -> None:
        """See `SmallServer`; work begins in the order, a cancelled notification is marked for deletion."""
        (note,) = [row for row in self.rows if row["MaintenanceNotification"] == eam_id]
        (order,) = [row for row in self.orders if row["MaintenanceNotification"] == eam_id]
        if word == "cancelled":
            self._touch(note, {"NotifProcessingPhase": "5"})
        else:
            self._touch(order, {"MaintOrdProcessPhaseCode": {"started": "07", "done": "08"}[word]})

    def _read(self, rows: list[dict[str, Any]], path: str, query: dict[str, str]) -> Any:
        if self.headers.get("x-csrf-token") == "Fetch":
            self.sessions += 1
            headers = {"x-csrf-token": f"{self.TOKEN}{self.sessions}", "Set-Cookie": f"{self.COOKIE}; path=/"}
            return {"d": {"results": []}}, headers
        if one := re.search(r"\('(\w+)'\)$", path):
            return {"d": next(row for row in rows if one[1] == row["MaintenanceNotification"])}
        found = [row for row in rows if self._matches(row, query["$filter"])]
        skip, top = int(query["$skip"]), int(query["$top"])
        return {"d": {"results": found[skip : skip + top]}}

    def _require_token(self) -> None:
        if self.headers.get("x-csrf-token") != f"{self.TOKEN}{self.sessions}":
            raise RefusalError(403, {}, {"x-csrf-token": "Required"})
        assert self.headers["cookie"] == self.COOKIE

    def _touch(self, row: dict[str, Any], change: dict[str, Any]) -> None:
        millis = (self.tick() - EPOCH) // timedelta(milliseconds=1)
        row |= change | {
            "LastChangeDateTime": f"/Date({millis}+0000)/",
            "__metadata": {"etag": f'W/"{millis}"'},
        }

    @staticmethod
    def _matches(row: dict[str, Any], where: str) -> bool:
        for name, value in re.findall(r"startswith\((\w+),'([^']*)'\)", where):
            if not row[name].startswith(value):
                return False
        for name, value in re.findall(r"(\w+) eq '([^']*)'", where):
            if row.get(name) != value:
                return False
        for value in re.findall(r"LastChangeDateTime ge datetimeoffset'([^']*)'", where):
            millis = int(re.findall(r"\d+", row["LastChangeDateTime"])[0])
            if EPOCH + timedelta(milliseconds=millis) < datetime.fromisoformat(value):
                return False
        return True


class Odoo19(SmallServer):
    """Odoo 19's JSON-2, over a maintenance app with its four stages."""

    STAGES: ClassVar = [{"id": n, "done": n > 2} for n in (1, 2, 3, 4)]

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, int] = {}

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """See `SmallServer`."""
        if self.headers.get("authorization") != f"bearer {SECRET}":
            raise RefusalError(401, {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"})
        if self.headers.get("x-odoo-database") != "plant":
            raise RefusalError(404, {"name": "werkzeug.exceptions.NotFound", "message": "no such database"})
        model, _, call = path.removeprefix("/json/2/").rpartition("/")
        if call == "search_read":
            return self._search(model, body)
        if call == "load":
            return self._load(dict(zip(body["fields"], body["data"][0], strict=True)))
        if call == "read":
            return [row for row in self.rows if row["id"] in body["ids"]]
        for row in self.rows:
            if row["id"] in body["ids"] and call == "write":
                row |= {"stage_id": [body["vals"]["stage_id"], ""], "write_date": self._stamp()}
        return True

    def say(self, eam_id: str, word: str) -> None:
        """See `SmallServer`."""
        row = self.rows[int(eam_id) - 1]
        stage = {"started": 2, "done": 3, "cancelled": 1}[word]
        row |= {"stage_id": [stage, ""], "archive": word == "cancelled", "write_date": self._stamp()}

    def _search(self, model: str, body: Any) -> Any:
        tables: dict[str, list[dict[str, Any]]] = {
            "maintenance.stage": self.STAGES,
            "maintenance.equipment": [{"id": 1, "serial_no": "press-1", "name": "Press 1"}],
            "maintenance.request": self.rows,
            "ir.model.data": [
                {"name": name, "res_id": row, "module": "industrialguard", "model": "maintenance.request"}
                for name, row in self.names.items()
            ],
        }
        tests: dict[str, Callable[[Any, Any], bool]] = {
            "=": lambda held, value: held == value,
            "in": lambda held, value: held in value,
            ">": lambda held, value: held > value,
            ">=": lambda held, value: held >= value,
        }
        found = [
            row
            for row in tables[model]
            if all(tests[operator](row[name], value) for name, operator, value in body["domain"])
        ]
        return found[: body.get("limit")]

    def _load(self, values: dict[str, Any]) -> Any:
        if not values["name"]:
            return {"ids": False, "messages": [{"type": "error", "message": "Missing required value"}]}
        key = values["id"].partition(".")[2]
        if key not in self.names:
            first = {"id": len(self.rows) + 1, "stage_id": [1, "New Request"], "archive": False}
            self.rows.append(values | first)
            self.names[key] = first["id"]  # type: ignore[assignment]
        self.rows[self.names[key] - 1]["write_date"] = self._stamp()
        return {"ids": [self.names[key]], "messages": []}

    def _stamp(self) -> str:
        return f"{self.tick():%Y-%m-%d %H:%M:%S}"


class Receiver(SmallServer):
    """A receiver of signed orders that keeps a key once."""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """See `SmallServer`."""
        require_signed(SECRET, self.headers[HEADER.lower()], self.headers["raw"].encode(), datetime.now(UTC))
        if body["event"] == "close":
            return {}
        assert self.headers["idempotency-key"] == body["key"]
        if not body["title"]:
            raise RefusalError(422, {"detail": "a title is needed"})
        keys = [row["key"] for row in self.rows]
        if body["key"] not in keys:
            self.rows.append(body)
            keys.append(body["key"])
        number = keys.index(body["key"]) + 1
        return {"id": f"R-{number}", "url": f"https://orders.example/{number}"}
