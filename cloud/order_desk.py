"""What people and the policy do to work orders, over the store.

Rule: as at the desk of cases: each act is one transaction with its entry in the audit trail. What the
maintenance system has to be told is written in the transaction that decides it, so that neither exists
without the other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from cloud import work_orders
from cloud.case_desk import ATTEMPTS, utc_now
from cloud.cases import Case, CaseState
from cloud.errors import OrderError, StaleError
from cloud.order_text import Evidence, order_text, order_title
from cloud.store import queries
from cloud.store.assessments import assess_cases
from cloud.store.assets import assets_of_devices
from cloud.store.cases import list_cases, read_case
from cloud.store.database import Database
from cloud.store.eam_boxes import Act, add_errand
from cloud.store.forecasts import newest_forecasts
from cloud.store.machine_rows import lock_machines
from cloud.store.orders import (
    StoredOrder,
    cases_with_orders,
    count_orders,
    insert_order,
    open_order_of,
    orders_approved_since,
    read_order,
    save_order,
)
from cloud.store.queries import Session
from cloud.triage import Urgency
from cloud.work_orders import SYSTEM, Change, Order, OrderState, Policy, order_key

SUGGEST_FROM = Urgency.SOON
"""Urgency of a case from which an order is suggested without anybody asking."""
CASES_READ, ALERTS_READ = 500, 50
Decision = Callable[[Order, datetime], Change]
"""What is done to an order, at a time."""


class OrderDesk:
    """Where orders are suggested and decided.

    Args:
        database: The store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    def suggest(self, case_id: int, who: str) -> StoredOrder:
        """Suggest an order for a case; where one is not over yet, it is that one.

        Raises:
            NotFoundError: there is no such case.
            OrderError: the case is closed.
        """
        with self._database.transaction() as session:
            case = read_case(session, case_id).case
            lock_machines(session, [case.device_id])
            case = read_case(session, case_id).case
            return open_order_of(session, case_id) or self._suggest(session, case, who)

    def approve(self, order_id: int, who: str, seen: int | None = None) -> StoredOrder:
        """Have it ordered; one that was refused is tried again.

        Raises:
            As `_act`.
        """
        return self._act(order_id, lambda order, now: work_orders.approve(order, who, now), seen)

    def decline(self, order_id: int, who: str, why: str, seen: int | None = None) -> StoredOrder:
        """Do not order it.

        Raises:
            As `_act`.
        """
        return self._act(order_id, lambda order, now: work_orders.decline(order, who, why, now), seen)

    def close(self, order_id: int, who: str, why: str, seen: int | None = None) -> StoredOrder:
        """Have the maintenance system close it.

        Raises:
            As `_act`.
        """
        act = partial(self._close, who=who, why=why)
        return self._repeat(lambda: self._once(order_id, act, seen), seen)

    def suggest_what_is_urgent(self, policy: Policy) -> int:
        """Suggest an order for every open case that is urgent and has had none; order what the policy allows.

        Returns:
            How many were suggested.
        """
        now = self._clock()
        with self._database.session() as session:
            states = (CaseState.NEW, CaseState.ACKNOWLEDGED, CaseState.ASSIGNED)
            cases = [each.case for each in list_cases(session, states, limit=CASES_READ)]
            had = cases_with_orders(session, [case.id for case in cases])
            new = [case for case in cases if case.id not in had and not case.is_asleep(now)]
            judged = assess_cases(session, new, now)
            urgent = [case_id for case_id, how in judged.items() if how.urgency >= SUGGEST_FROM]
        return sum(self._suggest_urgent(case_id, policy) for case_id in urgent)

    def _suggest_urgent(self, case_id: int, policy: Policy) -> bool:
        now = self._clock()
        with self._database.transaction() as session:
            lock_machines(session, [read_case(session, case_id).case.device_id])
            case = read_case(session, case_id).case
            assessment = assess_cases(session, [case], now)[case_id]
            if not case.is_open or assessment.urgency < SUGGEST_FROM or count_orders(session, case_id):
                return False
            stored = self._suggest(session, case, SYSTEM)
            site = stored.order.site
            recent = orders_approved_since(session, now - work_orders.DAY)
            if policy.allows(assessment, site, recent, now):
                self._save(session, stored, work_orders.order_by_itself(stored.order, now), now)
            return True

    def _suggest(self, session: Session, case: Case, who: str) -> StoredOrder:
        if not case.is_open:
            raise OrderError(f"case {case.id} is closed; reopen it to order something for it")
        now = self._clock()
        evidence = read_evidence(session, case)
        assessment = assess_cases(session, [case], now)[case.id]
        order = Order(
            key=order_key(case.id, count_orders(session, case.id) + 1),
            case_id=case.id,
            device_id=case.device_id,
            site=evidence.site,
            title=order_title(evidence),
            text=order_text(evidence, assessment),
            severity=assessment.severity,
            urgency=assessment.urgency,
            suggested_at=now,
            due=evidence.due(),
        )
        return insert_order(session, work_orders.suggest(order, who, now))

    def _act(self, order_id: int, decide: Decision, seen: int | None) -> StoredOrder:
        """Decide on an order.

        Raises:
            NotFoundError: there is no such order.
            StaleError: it has changed since it was looked at.
            OrderError: it cannot be done as the order stands.
        """

        def act(session: Session, before: StoredOrder, now: datetime) -> StoredOrder:
            return self._save(session, before, decide(before.order, now), now)

        return self._repeat(lambda: self._once(order_id, act, seen), seen)

    def _once(
        self, order_id: int, act: Callable[[Session, StoredOrder, datetime], StoredOrder], seen: int | None
    ) -> StoredOrder:
        now = self._clock()
        with self._database.transaction() as session:
            before = read_order(session, order_id)
            if seen not in (None, before.version):
                raise StaleError(f"work order {order_id} has changed since you looked; look at it again")
            return act(session, before, now)

    def _repeat(self, attempt: Callable[[], StoredOrder], seen: int | None) -> StoredOrder:
        for _ in range(ATTEMPTS - 1):
            try:
                return attempt()
            except StaleError:
                if seen is not None:
                    raise
        return attempt()

    @staticmethod
    def _save(session: Session, before: StoredOrder, change: Change, now: datetime) -> StoredOrder:
        stored = save_order(session, before, change)
        is_approved = change.order.state is OrderState.APPROVED
        if is_approved and before.order.state is not OrderState.APPROVED:
            add_errand(session, change.order.key, Act.PLACE, now)
        return stored

    @staticmethod
    def _close(session: Session, before: StoredOrder, now: datetime, who: str, why: str) -> StoredOrder:
        stored = save_order(session, before, work_orders.ask_to_close(before.order, who, why, now))
        add_errand(session, before.order.key, Act.CLOSE, now, why)
        return stored


def read_evidence(session: Session, case: Case) -> Evidence:
    """What is known of a case now."""
    asset = assets_of_devices(session, [case.device_id]).get(case.device_id)
    return Evidence(
        case=case,
        alerts=tuple(queries.alerts_of_case(session, case.id, ALERTS_READ)),
        forecasts=tuple(newest_forecasts(session, case.device_id)),
        machine=case.device_id if asset is None else asset.name or asset.tag,
        site="" if asset is None else asset.place.site,
    )
