"""Brings orders to the maintenance system and what becomes of them back.

Rule: effectively once. An attempt is counted and committed before it begins, so whoever finds a counted one
whose end nobody saw looks in the system before making anything. What the system says is kept in the inbox
before it counts, and read again over an overlap, so that nothing falls between two looks. A step that breaks
off anywhere, even by a power cut, is taken up by the next one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cloud.eam.contract import Eam, Placement
from cloud.eam.reconciliation import Reconciliation, compare
from cloud.errors import (
    EamAccessError,
    EamError,
    EamRefusedError,
    OrderError,
    RecordRefusedError,
    StaleError,
)
from cloud.order_desk import OrderDesk
from cloud.store.assets import assets_of_devices
from cloud.store.database import Database
from cloud.store.eam_boxes import (
    Act,
    Errand,
    InboxItem,
    InboxState,
    end_errand,
    forget_taken,
    list_inbox,
    put_off,
    read_connection,
    receive,
    save_connection,
    settle,
    take_errand,
)
from cloud.store.orders import find_orders, orders_known_to, save_order
from cloud.store.queries import Session
from cloud.work_orders import (
    Change,
    Order,
    Place,
    Policy,
    Said,
    note_doubled,
    note_placed,
    note_refused,
    note_status,
)

LEASE = timedelta(minutes=5)
"""How long nobody else tries what was taken; many times as long as a request may take."""
SETTLE = timedelta(minutes=1)
"""Before looking for what may just be made: longer than a request may take, and its transaction there."""
OVERLAP = timedelta(minutes=10)
"""How far back changes are read again: longer than a transaction there takes to be seen."""
KEPT = timedelta(days=90)
"""How long what was taken is kept."""
WAIT_CAP = timedelta(hours=1)
PATIENCE = 3
"""Failures in a row after which the system is left in peace until the next step."""
PORTION_OUT, PORTION_IN = 20, 500
"""Things of a box in one step, so that a worker that is told to stop soon does."""
SUGGEST_EVERY = timedelta(minutes=1)
RECONCILE_HOUR = 2
"""Of the day in UTC, when few people work."""
MAX_URL = 400


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What one worker is told."""

    name: str
    """Of the maintenance system, as orders remember it."""
    policy: Policy = field(default_factory=Policy)
    link: str = ""
    """Where people open our own pages; empty: texts name the case's number only."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step did."""

    suggested: int = 0
    sent: int = 0
    failed: int = 0
    """Will be tried again."""
    refused: int = 0
    received: int = 0
    taken: int = 0
    dead: int = 0
    problem: str = ""
    """Why the system cannot be used now; empty: it can."""

    @property
    def has_more(self) -> bool:
        """Whether something is left to do at once."""
        return self.sent + self.refused + self.failed >= PORTION_OUT or self.taken >= PORTION_IN


class EamWorker:
    """One worker; several may run at once.

    Args:
        database: The store.
        eam: The maintenance system.
        settings: What it is told.
        clock: Cloud time.
    """

    def __init__(
        self, database: Database, eam: Eam, settings: WorkerSettings, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._eam = eam
        self._can = eam.capabilities()
        self._settings = settings
        self._clock = clock
        self._desk = OrderDesk(database, clock)
        self._suggested_at: datetime | None = None

    def step(self) -> Outcome:
        """Everything that there is to do now.

        Raises:
            StoreError: the store failed.
        """
        outcome = replace(self._send(), suggested=self._suggest())
        if not outcome.problem:
            outcome = self._poll(outcome)
        taken, dead = self._take()
        outcome = replace(outcome, taken=taken, dead=dead)
        if not outcome.problem and self._is_reconciliation_due():
            outcome = self._attempt(outcome, lambda: self.reconcile().caught_up)
        self._remember(outcome.problem)
        return outcome

    def reconcile(self) -> Reconciliation:
        """Compare both sides, and catch up with what was missed.

        Raises:
            EamError: the system does not answer.
            StoreError: the store failed.
        """
        theirs = self._eam.changes_since(None) if self._can.can_list else ()
        with self._database.session() as session:
            due = {each.order.key for each in orders_known_to(session, self._settings.name)}
            known = find_orders(session, {each.key for each in theirs})
        if not self._can.can_list:
            theirs = self._find_each(due)
        ours = dict.fromkeys(known, False) | dict.fromkeys(due, True)
        report = compare(ours, theirs)
        caught_up = self._receive([each for each in theirs if each.key in ours])
        report = replace(report, caught_up=caught_up)
        now = self._clock()
        with self._database.transaction() as session:
            connection = read_connection(session, self._settings.name)
            save_connection(session, replace(connection, reconciled_at=now, report=report.dump()))
            forget_taken(session, now - KEPT)
        return report

    # -- out --------------------

    def _suggest(self) -> int:
        now = self._clock()
        if self._suggested_at is not None and now - self._suggested_at < SUGGEST_EVERY:
            return 0
        self._suggested_at = now
        return self._desk.suggest_what_is_urgent(self._settings.policy)

    def _send(self) -> Outcome:
        outcome, in_a_row = Outcome(), 0
        for _ in range(PORTION_OUT):
            errand = self._take_errand() if in_a_row < PATIENCE else None
            if errand is None:
                break
            try:
                self._carry_out(errand)
            except EamRefusedError as error:
                self._give_up(errand, str(error))
                outcome = replace(outcome, refused=outcome.refused + 1)
            except EamError as error:
                in_a_row = PATIENCE if isinstance(error, EamAccessError) else in_a_row + 1
                self._put_off(errand, str(error))
                problem = str(error) if in_a_row >= PATIENCE else ""
                outcome = replace(outcome, failed=outcome.failed + 1, problem=problem)
            else:
                in_a_row = 0
                outcome = replace(outcome, sent=outcome.sent + 1)
        return outcome

    def _take_errand(self) -> Errand | None:
        now = self._clock()
        with self._database.transaction() as session:
            return take_errand(session, now, now + LEASE)

    def _carry_out(self, errand: Errand) -> None:
        with self._database.session() as session:
            stored = find_orders(session, [errand.key]).get(errand.key)
            order = None if stored is None else stored.order
            sent = None if order is None else self._placement(session, order)
        if order is None or sent is None:
            raise EamRefusedError(f"there is no order {errand.key} any more")
        if errand.act is Act.CLOSE:
            self._eam.close(order.eam_id, errand.note)
            self._end(errand, ())
            return
        found = self._eam.find(errand.key) if errand.attempts and self._can.can_find else ()
        self._end(errand, found or [self._eam.upsert(sent)])

    def _placement(self, session: Session, order: Order) -> Placement:
        asset = assets_of_devices(session, [order.device_id]).get(order.device_id)
        name = order.device_id if asset is None else asset.eam_ref or asset.tag
        link = f"\n{self._settings.link}/cases/{order.case_id}" if self._settings.link else ""
        return Placement(order.key, order.title, f"{order.text}{link}", name, order.urgency, order.due)

    def _end(self, errand: Errand, found: Sequence[Said]) -> None:
        now = self._clock()
        with self._database.transaction() as session:
            end_errand(session, errand)
            if not found:
                return
            stored = find_orders(session, [errand.key])[errand.key]
            if not stored.order.eam_id:
                stored = save_order(session, stored, note_placed(stored.order, self._place(found[0]), now))
            others = [each.eam_id for each in found if each.eam_id != stored.order.eam_id]
            if others:
                save_order(session, stored, note_doubled(stored.order, others, now))
            receive(session, self._settings.name, found[:1], now)

    def _give_up(self, errand: Errand, why: str) -> None:
        with self._database.transaction() as session:
            put_off(session, errand, why, None)
            stored = find_orders(session, [errand.key]).get(errand.key)
            if stored is not None and errand.act is Act.PLACE:
                save_order(session, stored, note_refused(stored.order, why, self._clock()))

    def _put_off(self, errand: Errand, why: str) -> None:
        """With full jitter; what may be under way there is left alone until it must have ended."""
        bound = min(WAIT_CAP, SETTLE * 2.0 ** min(errand.attempts, 10))
        wait = SETTLE + bound * random.random()
        with self._database.transaction() as session:
            put_off(session, errand, why, self._clock() + wait)

    # -- in --------------------

    def _poll(self, outcome: Outcome) -> Outcome:
        if not self._can.can_list:
            return outcome
        with self._database.session() as session:
            read_until = read_connection(session, self._settings.name).read_until

        def poll() -> int:
            said = self._eam.changes_since(None if read_until is None else read_until - OVERLAP)
            return self._receive(said)

        return self._attempt(outcome, poll)

    def _attempt(self, outcome: Outcome, read: Callable[[], int]) -> Outcome:
        try:
            return replace(outcome, received=outcome.received + read())
        except EamError as error:
            return replace(outcome, problem=str(error))

    def _receive(self, said: Sequence[Said]) -> int:
        """Keep what was said, with how far it was read; what is of nobody here is left to reconciliation."""
        if not said:
            return 0
        name = self._settings.name
        with self._database.transaction() as session:
            known = find_orders(session, {each.key for each in said})
            new = receive(session, name, [each for each in said if each.key in known], self._clock())
            connection = read_connection(session, name)
            newest = max(each.said_at for each in said)
            if connection.read_until is None or newest > connection.read_until:
                save_connection(session, replace(connection, read_until=newest))
        return new

    def _take(self) -> tuple[int, int]:
        with self._database.session() as session:
            items = list_inbox(session, InboxState.NEW, PORTION_IN)
        taken = sum(self._take_one(item) for item in items)
        return taken, len(items) - taken

    def _take_one(self, item: InboxItem) -> bool:
        """Whether it could be taken; what could not stays, with the reason."""
        now = self._clock()
        try:
            with self._database.transaction() as session:
                stored = find_orders(session, [item.said.key]).get(item.said.key)
                if stored is None:
                    raise OrderError(f"there is no order {item.said.key} here")
                placed = note_placed(stored.order, self._place(item.said, item.eam), now)
                told = note_status(placed.order, item.said.state, item.said.said_at, now)
                save_order(session, stored, Change(told.order, placed.entries + told.entries))
                settle(session, item, InboxState.TAKEN)
        except (OrderError, RecordRefusedError) as error:
            with self._database.transaction() as session:
                settle(session, item, InboxState.DEAD, str(error))
            return False
        except StaleError:
            return True  # somebody was faster; it is still there for the next step
        return True

    def _place(self, said: Said, eam: str = "") -> Place:
        url = said.url if said.url.startswith(("https://", "http://")) else ""
        return Place(eam or self._settings.name, said.eam_id, url if len(url) <= MAX_URL else "")

    # -- beside --------------------

    def _find_each(self, keys: set[str]) -> tuple[Said, ...]:
        if not self._can.can_find:
            return ()
        return tuple(said for key in sorted(keys) for said in self._eam.find(key))

    def _is_reconciliation_due(self) -> bool:
        if not (self._can.can_list or self._can.can_find):
            return False
        now = self._clock()
        tonight = now.replace(hour=RECONCILE_HOUR, minute=0, second=0, microsecond=0)
        due = tonight if now >= tonight else tonight - timedelta(days=1)
        with self._database.session() as session:
            at = read_connection(session, self._settings.name).reconciled_at
        return at is None or at < due

    def _remember(self, problem: str) -> None:
        with self._database.transaction() as session:
            connection = read_connection(session, self._settings.name)
            answered_at = connection.answered_at if problem else self._clock()
            save_connection(session, replace(connection, answered_at=answered_at, problem=problem))
