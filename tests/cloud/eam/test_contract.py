"""What every adapter must do: two against real servers, the others against what their makers document."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.eam import odoo as odoo_adapter
from cloud.eam.adapters import open_eam
from cloud.eam.contract import Eam, Placement
from cloud.eam.http import Address
from cloud.eam.settings import EamSettings
from cloud.errors import EamAccessError, EamRefusedError, EamUnavailableError
from cloud.triage import Urgency
from cloud.work_orders import OrderState, Said
from tests.cloud.eam import small_servers
from tests.cloud.eam.small_servers import SECRET, SmallServer, serving
from tools.servers import odoo as odoo_server
from tools.servers import request_tracker

SECOND = timedelta(seconds=1)
OPTIONS = {
    "maximo": {"site": "BEDFORD"},
    "sap": {"order_type": "YA01", "plant": "1010"},
    "odoo19": {"api": "json2", "database": "plant"},
    "webhook": {},
}
SMALL = {
    "maximo": small_servers.Maximo,
    "sap": small_servers.Sap,
    "odoo19": small_servers.Odoo19,
    "webhook": small_servers.Receiver,
}
REAL = [pytest.param(each, marks=[pytest.mark.slow, pytest.mark.long]) for each in ("odoo", "rt")]


@dataclass(frozen=True)
class Bench:
    """An adapter, and what it talks to."""

    settings: EamSettings
    eam: Eam
    small: SmallServer | None = None

    def say(self, said: Said, word: str) -> None:
        """Somebody there sets a status."""
        if self.small is not None:
            self.small.say(said.eam_id, word)
        elif isinstance(self.eam, odoo_adapter.Odoo):
            calls = self.eam._calls
            stages = calls.call(
                "maintenance.stage", "search_read", domain=[], fields=["id"], order="sequence"
            )
            values = {
                "started": {"stage_id": stages[1]["id"]},
                "done": {"stage_id": stages[2]["id"]},
                "cancelled": {"archive": True},
            }
            calls.call("maintenance.request", "write", [int(said.eam_id)], vals=values[word])
        else:
            status = {"started": "open", "done": "resolved", "cancelled": "rejected"}[word]
            web = self.eam._web  # type: ignore[attr-defined]
            web.send_json("PUT", f"/REST/2.0/ticket/{said.eam_id}", {"Status": status})


@pytest.fixture(params=[*SMALL, *REAL])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    name: str = request.param
    with ExitStack() as stack:
        if name in SMALL:
            small = SMALL[name]()
            url = stack.enter_context(serving(small))
            kind = "odoo" if name == "odoo19" else name
            settings = EamSettings(kind, kind, Address(url, True), "guard", SECRET, OPTIONS[name])
            yield Bench(settings, open_eam(settings), small)
        else:
            yield real_bench(name, request.getfixturevalue("odoo" if name == "odoo" else "request_tracker"))


def real_bench(name: str, url: str) -> Bench:
    server = {"odoo": odoo_server, "rt": request_tracker}[name]
    options = {"database": odoo_server.DATABASE} if name == "odoo" else {}
    settings = EamSettings(name, name, Address(url, True), server.USER, server.SECRET, options)
    return Bench(settings, open_eam(settings))


def order(number: int = 1, **other: object) -> Placement:
    due = datetime(2027, 3, 9, 6, tzinfo=UTC)
    made = Placement(
        f"ig-{secrets.randbelow(10**9)}-{number}", "Press 1: ü < & 'x'", "a\nb", "press-1", Urgency.NOW, due
    )
    return replace(made, **other)  # type: ignore[arg-type]


def can(bench: Bench, what: str) -> bool:
    return bool(getattr(bench.eam.capabilities(), what))


def test_asking_again_makes_no_other(bench: Bench) -> None:
    sent = order()
    first = bench.eam.upsert(sent)
    assert (first.key, first.state, bool(first.eam_id)) == (sent.key, OrderState.PLACED, True)
    assert first.said_at.tzinfo is UTC
    assert bench.eam.upsert(sent).eam_id == first.eam_id
    assert bench.eam.upsert(order()).eam_id != first.eam_id


def test_it_is_found_by_its_key_and_only_by_that(bench: Bench) -> None:
    if not can(bench, "can_find"):
        assert list(bench.eam.find("ig-1-1")) == []
        return
    sent = order(1)
    placed = bench.eam.upsert(sent)
    longer = bench.eam.upsert(replace(sent, key=f"{sent.key}1"))
    assert [each.eam_id for each in bench.eam.find(sent.key)] == [placed.eam_id]
    assert [each.eam_id for each in bench.eam.find(f"{sent.key}1")] == [longer.eam_id]
    assert list(bench.eam.find("ig-0-0")) == []


@pytest.mark.parametrize("word", ["started", "done", "cancelled"])
def test_its_status_comes_back(bench: Bench, word: str) -> None:
    if not can(bench, "can_list"):
        return
    placed = bench.eam.upsert(order())
    bench.say(placed, word)
    (changed,) = [each for each in bench.eam.changes_since(placed.said_at) if each.key == placed.key]
    assert (changed.eam_id, changed.state) == (placed.eam_id, OrderState(word))
    assert changed.said_at >= placed.said_at
    later = changed.said_at + 60 * SECOND
    assert placed.key not in {each.key for each in bench.eam.changes_since(later)}
    assert placed.key in {each.key for each in bench.eam.changes_since(None)}


def test_it_is_closed_once(bench: Bench) -> None:
    placed = bench.eam.upsert(order())
    if not can(bench, "can_close"):
        with pytest.raises(EamRefusedError):
            bench.eam.close(placed.eam_id, "greased")
        return
    bench.eam.close(placed.eam_id, "greased <b>")
    bench.eam.close(placed.eam_id, "greased <b>")
    if can(bench, "can_find"):
        assert [each.state for each in bench.eam.find(placed.key)] == [OrderState.DONE]


def test_many_pages_are_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can(bench, "can_list"):
        return
    for module in ("odoo", "rt", "maximo", "sap"):
        monkeypatch.setattr(f"cloud.eam.{module}.PAGE", 2)
    made = {bench.eam.upsert(order()).key for _ in range(5)}
    assert made <= {each.key for each in bench.eam.changes_since(None)}


def test_with_a_wrong_secret_it_says_so_and_does_not_tell_it(bench: Bench) -> None:
    if bench.settings.kind in {"webhook", "sap"}:
        return  # the receiver's test is its own; the small SAP lets everybody in who says something
    eam = open_eam(replace(bench.settings, secret="wrong-7f3a"))
    with pytest.raises(EamAccessError) as caught:
        eam.upsert(order())
    assert "wrong-7f3a" not in str(caught.value)


def test_what_broke_off_was_done_all_the_same(bench: Bench) -> None:
    if bench.small is None:
        return
    sent = order()
    bench.eam.upsert(order())
    bench.small.breaks_off = True
    with pytest.raises(EamUnavailableError):
        bench.eam.upsert(sent)
    again = bench.eam.upsert(sent)
    assert len(bench.small.rows) == 2 and again.key == sent.key


def test_several_at_once_make_one_where_the_system_sees_to_that(bench: Bench) -> None:
    if not can(bench, "is_keyed"):
        return
    sent = order()
    adapters = [open_eam(bench.settings) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda eam: _try(eam.upsert, sent), adapters))
    assert len({each.eam_id for each in made if each is not None}) == 1
    if can(bench, "can_find"):
        assert len(bench.eam.find(sent.key)) == 1


def _try(ask: Callable[[Placement], Said], sent: Placement) -> Said | None:
    try:
        return ask(sent)
    except EamUnavailableError:  # it was busy with the others; asked again it finds theirs
        return None


def test_a_server_that_is_not_there_may_be_tried_again(bench: Bench) -> None:
    gone = replace(bench.settings, address=Address("http://127.0.0.1:9", True))
    with pytest.raises(EamUnavailableError) as caught:
        open_eam(gone).upsert(order())
    assert caught.value.retriable
